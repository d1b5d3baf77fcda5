# SPDX-License-Identifier: Apache-2.0
"""keyrouter status: the administrator's first look."""
import re
import sqlite3

import pytest

MEMBERS = {"schema", "version", "daemon", "started", "site", "revision", "applied", "applied_by",
           "policy_path", "policy_state", "pending", "keys", "backends", "groups", "totals", "open",
           "switched_off", "pins", "traffic", "reload_failed", "ledger"}
KEY = {"name", "provider", "capacity", "reserve", "used", "free", "desks", "wanted", "propagating", "live",
       "suspended", "leaving", "foreign", "suspended_by", "health"}


def policy_make(office, **rest):
    office.policy(keys=[("k-1", {"capacity": 4, "reserve": 1}), ("k-2", {})],
                  groups=[("sales", ["192.0.2.1-192.0.2.2"], ["k-1"]),
                          ("walkin", ["203.0.113.1-203.0.113.3"], [])], **rest)


@pytest.fixture
def site(office):
    """Two desks on k-1, listed and working; three that a backend serves."""
    policy_make(office)
    office.run("apply", "policy.cfg")
    is_listed(office, "192.0.2.1", "192.0.2.2")
    return office


def is_listed(office, *hosts):
    (office.folder / "hosts").write_text("".join(f"{h}\n" for h in hosts))
    office.run("allowlist", "import", "k-1", "hosts")


def first_line(office):
    line = office.run("status").out.splitlines()[0]
    return re.sub(r"for \d+ s \([^)]+\)", "for T (WHO)", line)


def matters_of(office):
    """{label: text} of the lines behind the table of keys."""
    lines = office.run("status").out.split("\n\n")[-1].splitlines()
    pairs = [re.fullmatch(r"(\S+(?: \S+)*)  +(.*)", line).groups() for line in lines]
    return {label: text for label, text in pairs if label not in ("desks", "keyrouterd")}


def test_all_is_well(site):
    out = site.run("status").out
    out = re.sub(r"for \d+ s \([^)]+\)", "for T (WHO)", out)
    assert out == f"""\
austin: all is well: policy of row 1 in force for T (WHO); 2 of 5 desks on keys

key  provider  used  capacity  free  desks  state
k-1  smarty       2         4     1      2  2 live
k-2  smarty       0       100   100      0

desks          2 on keys, 3 by backend, 0 refused
keyrouterd     not asked; this is what {site.ledger} says
"""


def test_json_has_the_members_of_the_contract(site):
    status = site.json("status")
    assert set(status) == MEMBERS
    assert status["schema"] == "keyrouter.status/1"
    assert [set(k) for k in status["keys"]] == [KEY] * 2
    assert [set(b) for b in status["backends"]] == [{"name", "provider", "suspended_by"}]
    assert [set(g) for g in status["groups"]] == [
        {"name", "desks", "on_keys", "not_live", "by_backend", "refused"}] * 2
    assert set(status["totals"]) == {"desks", "egress_addresses", "on_keys", "not_live", "by_backend",
                                     "refused"}
    assert set(status["open"]) == {"add", "remove", "oldest_s"}
    assert set(status["ledger"]) == {"path", "schema", "bytes", "rows"}
    assert (status["daemon"], status["started"], status["traffic"], status["pending"],
            status["reload_failed"]) == (False, None, None, None, None)
    assert (status["site"], status["revision"], status["policy_state"], status["pins"]) == (
        "austin", 1, "in force", 0)
    assert status["policy_path"] == str(site.folder / "policy.cfg")
    assert status["applied"] and status["applied_by"]
    assert status["totals"] == {"desks": 5, "egress_addresses": 5, "on_keys": 2, "not_live": 0,
                                "by_backend": 3, "refused": 0}
    assert {k: v for k, v in status["keys"][0].items() if k != "health"} == {
        "name": "k-1", "provider": "smarty", "capacity": 4, "reserve": 1, "used": 2, "free": 1,
        "desks": 2, "wanted": 0, "propagating": 0, "live": 2, "suspended": 0, "leaving": 0,
        "foreign": 0, "suspended_by": None}


def test_nothing_is_in_force_yet(office):
    office.run("rollback", status=69)  # makes the ledger
    out = office.run("status").out
    assert out.splitlines()[0] == "no policy is in force: run keyrouter apply POLICY"
    status = office.json("status")
    assert set(status) == MEMBERS
    assert (status["revision"], status["policy_state"], status["keys"], status["groups"]) == (
        None, "none", [], [])
    assert status["totals"]["desks"] == 0


def test_what_is_open_at_the_vendor(office):
    policy_make(office)
    office.run("apply", "policy.cfg")
    assert first_line(office) == (
        "austin: 1 matter to see to: policy of row 1 in force for T (WHO); 2 of 5 desks on keys "
        "(2 not live)")
    assert [g["not_live"] for g in office.json("status")["groups"]] == [2, 0]
    text = matters_of(office)["at the vendor"]
    assert re.fullmatch(r"2 to add, 0 to remove, open for up to \d+ s: see keyrouter allowlist", text)
    assert office.json("status")["open"]["add"] == 2
    is_listed(office, "192.0.2.1", "192.0.2.2")
    assert office.json("status")["open"] == {"add": 0, "remove": 0, "oldest_s": None}


def test_the_oldest_open_item_counts(office):
    policy_make(office)
    office.run("apply", "policy.cfg")
    connection = sqlite3.connect(office.ledger)  # three hours go by for one of them
    with connection:
        connection.execute("UPDATE entry SET since_us = since_us - 10800000000 WHERE host = '192.0.2.2'")
    connection.close()
    assert 10800 <= office.json("status")["open"]["oldest_s"] < 10800 + 60
    assert matters_of(office)["at the vendor"] == (
        "2 to add, 0 to remove, open for up to 3 h: see keyrouter allowlist")


def test_what_is_switched_off(site):
    site.run("suspend", "k-1", "-m", "leaked")
    who = site.json("status")["switched_off"][0]["who"]
    assert first_line(site).startswith("austin: 1 matter to see to: ")
    assert first_line(site).endswith("; 0 of 5 desks on keys")
    assert re.fullmatch(rf"key k-1 by {who}, \d+ s ago: leaked", matters_of(site)["switched off"])
    status = site.json("status")
    assert [k["suspended_by"] for k in status["keys"]] == [who, None]
    assert [set(s) for s in status["switched_off"]] == [{"name", "who", "why", "at"}]
    assert status["groups"][0] == {"name": "sales", "desks": 2, "on_keys": 0, "not_live": 0,
                                   "by_backend": 2, "refused": 0}
    assert "2 live; switched off\n" in site.run("status").out


def test_everything_is_switched_off(site):
    site.run("suspend", "--all")
    status = site.json("status")
    assert status["totals"] == {"desks": 5, "egress_addresses": 5, "on_keys": 0, "not_live": 0,
                                "by_backend": 0, "refused": 5}
    assert None not in [x["suspended_by"] for x in status["keys"] + status["backends"]]
    assert matters_of(site)["switched off"].startswith("everything by ")


def test_desks_that_nobody_serves(office):
    office.policy(keys=[("k-1", {"capacity": 1})],
                  groups=[("strict", ["192.0.2.1-192.0.2.3"], ["k-1"], {"overflow": "refuse"})])
    office.run("apply", "policy.cfg")
    assert matters_of(office)["refused"] == (
        "2 of 3 desks of group strict have neither key nor backend")
    assert office.json("status")["groups"][0]["refused"] == 2


def test_the_policy_s_file_is_compared_with_what_is_in_force(site):
    path = site.folder / "policy.cfg"
    text = path.read_text()
    for change, state in ((text + "# a comment\n", "differs"), (text, "in force"),
                          (text + "mistake", "invalid"), ("# empty", "invalid"),
                          (text.replace("192.0.2.", "192.0.2.300", 1), "invalid"),
                          (None, "unreadable")):
        path.unlink()
        if change:
            path.write_text(change)
        assert site.json("status")["policy_state"] == state, change
        if state == "differs":
            assert matters_of(site)["policy file"] == (
                f"{path} differs from what is in force: see keyrouter plan")
        if state == "invalid":
            assert matters_of(site)["policy file"] == (
                f"{path} has a mistake, see keyrouter check; what was applied stays in force")
            assert " has a mistake, see keyrouter check" in site.run("report").out.replace("\n", " ")
    assert matters_of(site)["policy file"] == f"{path} cannot be read; what was applied stays in force"


def test_files_that_it_includes_are_compared_too(site):
    more = site.folder / "more.cfg"
    more.write_text('origins = [ "https://crm.example.com" ];\n')
    policy_make(site, include=["more.cfg"])
    site.run("apply", "policy.cfg")
    assert site.json("status")["policy_state"] == "in force"
    more.write_text('origins = [ "https://other.example.com" ];\n')
    assert site.json("status")["policy_state"] == "differs"
    more.write_text('origns = [ "https://other.example.com" ];\n')
    assert site.json("status")["policy_state"] == "invalid"
    more.unlink()
    assert site.json("status")["policy_state"] == "invalid"


def test_a_policy_whose_vendor_is_not_installed_here_has_a_mistake(site):
    path = site.folder / "policy.cfg"
    path.write_text(re.sub(r"^providers = .*$", 'providers = [ "acme" ];', path.read_text(), flags=re.M))
    assert site.json("status")["policy_state"] == "invalid"


def test_a_file_with_bytes_that_are_no_text_is_the_same_file(site):
    path = site.folder / "policy.cfg"
    path.write_bytes(path.read_bytes() + b"# caf\xe9\n")
    site.run("apply", "policy.cfg")
    assert site.json("status")["policy_state"] == "in force"


def test_who_applied_it_is_whoever_did_and_not_whoever_came_later(site):
    """Rows behind the one in force are others' business."""
    status = site.json("status")
    rows = site.json("history")["rows"]
    assert (rows[0]["id"], status["revision"]) == (2, 1)
    assert (status["applied_by"], status["applied"]) == (rows[1]["who"], rows[1]["at"])
    assert status["ledger"]["rows"] == 2


def test_a_ledger_that_is_not_there_is_told(office):
    done = office.run("status", status=None)
    assert done.status == 66 and str(office.ledger) in done.err
    done = office.run("status", ledger=False, status=69)
    assert "no answer from keyrouterd" in done.err
    assert "--ledger FILE" in done.err


def test_help_tells_usage_and_every_option(office):
    out = office.run("status", "--help", ledger=False).out
    assert out.startswith("usage: keyrouter status")
    assert set(re.findall(r"--([a-z-]+)", out)) == {"providers", "socket", "ledger", "json"}
