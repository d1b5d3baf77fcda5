# SPDX-License-Identifier: Apache-2.0
"""keyrouter report: a page to print, 66 lines of 80 columns for a site of five keys."""
import re

import pytest

LINES, COLUMNS = 66, 80
N_KEYS = 5


def policy_make(office, n_groups=3, n_desks=110, key="key", path="policy.cfg"):
    keys = [f"{key}-{n}" for n in range(N_KEYS)]
    groups = [(f"group-{n}", [f"10.{n}.0.1-10.{n}.0.{n_desks}"], keys) for n in range(n_groups)]
    office.policy(name=path, keys=[(k, {}) for k in keys], groups=groups)


@pytest.fixture
def site(office):
    """550 desks on five full keys, 50 by the backend; a history; a key that is switched off."""
    policy_make(office, n_groups=3, n_desks=200)
    office.run("apply", "policy.cfg", "-m", "first " * 30)
    for n in range(6):
        office.run("suspend", "key-1", "-m", "a reason that is told at length, " * 6)
        office.run("resume", "key-1")
    office.run("suspend", "key-1", "-m", "a reason that is told at length, " * 6)
    (office.folder / "policy.cfg").write_text("other")
    return office


def sections_of(out):
    """{title: lines}"""
    head, *parts = re.split(r"^([A-Z ]+)$\n", out, flags=re.M)
    return dict(zip(parts[::2], [p.rstrip("\n").split("\n") for p in parts[1::2]]))


def test_the_page_holds_it_all(site):
    lines = site.run("report").out.splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS, [line for line in lines if len(line) > COLUMNS]
    assert re.fullmatch(r"KEYROUTER REPORT  austin  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[0])
    assert lines[1].startswith("policy of row 1 in force for ")
    assert lines[1].endswith("; 400 of 600 desks on keys (400 not live)")
    assert list(sections_of("\n".join(lines))) == ["KEYS", "GROUPS", "EXCEPTIONS", "TO DO AT THE VENDOR",
                                                   "LAST CHANGES"]


def test_what_stands_in_the_sections(site):
    sections = sections_of(site.run("report").out)
    assert sections["KEYS"][:2] == [
        "  key    provider  used  capacity  reserve  free  foreign",
        "  key-0  smarty     100       100        0     0        0"]
    assert len(sections["KEYS"]) == 1 + N_KEYS
    assert [line.split() for line in sections["GROUPS"]][-1] == ["all", "groups", "600", "400", "400", "200", "0"]
    labels = [line[2:15].strip() for line in sections["EXCEPTIONS"] if line[2] != " "]
    assert labels == ["switched off", "at the vendor", "policy file", "by backend", "by backend"]
    assert re.fullmatch(r"  key-0 +0 +100 +\d+ s +0 +-", sections["TO DO AT THE VENDOR"][1])
    assert len(sections["LAST CHANGES"]) == 1 + 8
    assert sections["LAST CHANGES"][1].split()[:1] == ["14"]


def test_names_that_are_long_do_not_widen_it(office):
    policy_make(office, key="a-key-with-a-name-as-long-as-a-name-may-be-in-a-policy-of-ours", n_desks=9)
    office.run("apply", "policy.cfg")
    lines = office.run("report").out.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    for n in range(N_KEYS):
        assert sum(f"  a-key-wit~-of-ours-{n} " in line for line in lines) >= 1


def test_groups_in_order_give_way_to_those_that_are_not(office):
    policy_make(office, n_groups=60, n_desks=9)
    office.run("apply", "policy.cfg")
    out = office.run("report").out
    groups = sections_of(out)["GROUPS"]
    status = office.json("status")
    overflowing = [g["name"] for g in status["groups"] if g["on_keys"] < g["desks"]]
    assert overflowing and all(any(line.split()[:1] == [name] for line in groups) for name in overflowing)
    n_rest = 60 - len(overflowing) - 10
    assert groups[-1] == f"  {n_rest} groups more, all of their desks on keys"


def test_a_site_where_nothing_is_to_be_said(office):
    office.policy(keys=[("k-1", {})], groups=[("sales", ["192.0.2.1"], ["k-1"])])
    office.run("apply", "policy.cfg")
    (office.folder / "hosts").write_text("192.0.2.1\n")
    office.run("allowlist", "import", "k-1", "hosts")
    sections = sections_of(office.run("report").out)
    assert sections["EXCEPTIONS"] == ["  none"]
    assert sections["TO DO AT THE VENDOR"][0] == "  nothing"


def test_names_that_are_pinned_are_counted(office):
    office.policy(groups=[("sales", ["desk-1.example.com"], ["k-1"])])
    (office.folder / "answers").write_text("192.0.2.11 desk-1.example.com\n")
    office.run("apply", "policy.cfg", "--hosts", "answers")
    line = "  host names     1 name is pinned: keyrouter resolve says which have changed"
    assert line in office.run("report").out.splitlines()
    assert office.json("status")["pins"] == 1


def test_before_anything_is_applied(office):
    office.run("rollback", status=69)  # makes the ledger
    out = office.run("report").out
    assert out.splitlines()[1] == "no policy is in force: run keyrouter apply POLICY"
    assert list(sections_of(out)) == ["TO DO AT THE VENDOR", "LAST CHANGES"]


def test_json_holds_the_three_answers(site):
    report = site.json("report")
    assert set(report) == {"schema", "status", "allowlist", "history"}
    assert report["schema"] == "keyrouter.report/1"
    assert [report[part]["schema"] for part in ("status", "allowlist", "history")] == [
        "keyrouter.status/1", "keyrouter.allowlist/1", "keyrouter.history/1"]
    assert report["allowlist"]["keys"] and len(report["history"]["rows"]) == 8


def test_without_a_ledger_it_says_so(office):
    assert "no answer from keyrouterd" in office.run("report", ledger=False, status=69).err


def test_help_tells_usage_and_every_option(office):
    out = office.run("report", "--help", ledger=False).out
    assert out.startswith("usage: keyrouter report")
    assert set(re.findall(r"--([a-z-]+)", out)) == {"providers", "socket", "ledger", "json"}
