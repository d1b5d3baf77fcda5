# SPDX-License-Identifier: Apache-2.0
"""keyrouter allowlist: what to add to each key at the vendor and what to remove, to be pasted there."""
import csv
import io
import re
import sqlite3

import pytest

KEY_MEMBERS = {"name", "provider", "capacity", "in_policy", "listed", "remove_first", "over", "remove",
               "add", "propagating", "live", "suspended", "foreign"}
OPEN_MEMBERS = {"host", "since", "age_s"}


@pytest.fixture
def two_keys(office):
    office.policy(keys=[("k-1", {"capacity": 3}), ("k-2", {})],
                  groups=[("sales", ["192.0.2.1-192.0.2.2"], ["k-1"]),
                          ("support", ["198.51.100.7"], ["k-2"])])
    office.run("apply", "policy.cfg")
    return office


def sales_become(office, workstations):
    office.policy(keys=[("k-1", {"capacity": 2})], groups=[("sales", workstations, ["k-1"])])
    office.run("apply", "policy.cfg")


@pytest.fixture
def full_key(office):
    """A rollback wants its two addresses back while two others stand on the key, which takes two."""
    sales_become(office, ["192.0.2.1-192.0.2.2"])
    office.run("allowlist", "confirm", "k-1", "--added", "all")
    sales_become(office, ["192.0.2.8-192.0.2.9"])
    office.run("allowlist", "confirm", "k-1", "--removed", "all")
    office.run("apply", "policy.cfg")
    office.run("allowlist", "confirm", "k-1", "--added", "all")
    office.run("rollback", "1")
    return office


def by_name(document):
    return {k["name"]: k for k in document["keys"]}


def test_each_key_has_a_heading_and_one_address_a_line(two_keys):
    out = two_keys.run("allowlist").out
    assert re.sub(r"for \d+ s", "for N s", out) == (
        "key k-1 (smarty): 0 of 3 hosts listed; 2 to add, 0 to remove\n"
        "add, open for N s:\n192.0.2.1\n192.0.2.2\n\n"
        "key k-2 (smarty): 0 of 100 hosts listed; 1 to add, 0 to remove\n"
        "add, open for N s:\n198.51.100.7\n\n"
        "3 to add, 0 to remove. What is done, say with: keyrouter allowlist confirm KEY --added all "
        "--removed all\n")


def test_what_is_open_longest_comes_first_and_says_for_how_long(two_keys):
    days_us = 86400 * 1000000
    connection = sqlite3.connect(two_keys.ledger)
    for n_days, host in ((3, "192.0.2.2"), (9, "198.51.100.7")):
        connection.execute("UPDATE entry SET since_us = since_us - ? WHERE host = ?", (n_days * days_us, host))
    connection.commit()
    connection.close()
    out = two_keys.run("allowlist").out
    assert re.search(r"\nadd, open for 3 days:\n192\.0\.2\.2\nadd, open for \d+ s:\n192\.0\.2\.1\n\n", out)
    assert "\nadd, open for 9 days:\n198.51.100.7\n" in out
    ages = [h["age_s"] for k in two_keys.json("allowlist")["keys"] for h in k["add"]]
    assert [age // 86400 for age in ages] == [0, 3, 9]


def test_a_key_by_itself(two_keys):
    out = two_keys.run("allowlist", "k-2").out
    assert "k-2" in out and "k-1" not in out and "1 to add, 0 to remove" in out


def test_only_gives_bare_addresses_and_nothing_else(two_keys):
    assert two_keys.run("allowlist", "k-1", "--only", "add").out == "192.0.2.1\n192.0.2.2\n"
    assert two_keys.run("allowlist", "k-1", "--only", "remove").out == ""


def test_removals_come_first_where_the_key_is_full(full_key):
    out = full_key.run("allowlist").out
    assert re.sub(r"for \d+ s", "for N s", out).startswith(
        "key k-1 (smarty): 2 of 2 hosts listed; 2 to add, 2 to remove\n"
        "the key is full: remove before you add\n"
        "remove, open for N s:\n192.0.2.8\n192.0.2.9\n"
        "add, open for N s:\n192.0.2.1\n192.0.2.2\n")
    assert by_name(full_key.json("allowlist"))["k-1"]["remove_first"] is True
    bare = full_key.run("allowlist", "k-1", "--only", "add")
    assert bare.out == "192.0.2.1\n192.0.2.2\n"
    assert bare.err == "keyrouter allowlist: key k-1 is full: remove 2 hosts first\n"
    rows = list(csv.reader(io.StringIO(full_key.run("allowlist", "--format", "csv").out)))
    assert [row[1] for row in rows[1:]] == ["remove", "remove", "add", "add"]


def test_where_nothing_is_to_be_done_it_says_so(two_keys):
    for key in ("k-1", "k-2"):
        two_keys.run("allowlist", "confirm", key, "--added", "all")
    out = two_keys.run("allowlist").out
    assert "key k-1 (smarty): 2 of 3 hosts listed, 2 propagating; nothing to do\n" in out
    assert out.endswith("\nNothing is to be done at the vendor\n")
    assert two_keys.json("allowlist")["open"] == 0


def test_a_key_that_left_the_policy_is_shown_apart_and_last(two_keys):
    two_keys.run("allowlist", "confirm", "k-1", "--added", "all")
    two_keys.policy(keys=[("k-2", {})], groups=[("support", ["198.51.100.7"], ["k-2"])])
    two_keys.run("apply", "policy.cfg")
    out = two_keys.run("allowlist").out
    assert re.search(r"\nkey k-1 \(smarty\): not in the policy in force, 2 hosts listed; 0 to add, 2 to remove\n"
                     r"revoke the key at the vendor, or remove, open for \d+ s:\n192\.0\.2\.1\n192\.0\.2\.2\n",
                     out)
    assert out.endswith("\n1 to add, 0 to remove. What is done, say with: keyrouter allowlist confirm KEY "
                        "--added all --removed all\n"
                        "When a key that left the policy is revoked, or its hosts are removed: keyrouter "
                        "allowlist confirm KEY --removed all\n")
    assert two_keys.json("allowlist")["open"] == 1
    two_keys.run("allowlist", "confirm", "k-2", "--added", "all")
    assert "\nNothing is to be done at the vendor on keys of the policy\n" in two_keys.run("allowlist").out
    last = two_keys.json("allowlist")["keys"][-1]
    assert (last["name"], last["in_policy"], last["capacity"]) == ("k-1", False, None)
    two_keys.run("allowlist", "confirm", "k-1", "--removed", "all")
    assert [k["name"] for k in two_keys.json("allowlist")["keys"]] == ["k-2"]


def test_json_has_the_members_of_the_contract(full_key):
    document = full_key.json("allowlist")
    assert set(document) == {"schema", "revision", "keys", "open"}
    assert document["schema"] == "keyrouter.allowlist/1"
    assert document["open"] == 4
    key, = document["keys"]
    assert set(key) == KEY_MEMBERS
    assert all(set(host) == OPEN_MEMBERS for host in key["add"] + key["remove"])
    assert [h["host"] for h in key["add"]] == ["192.0.2.1", "192.0.2.2"]
    assert [h["host"] for h in key["remove"]] == ["192.0.2.8", "192.0.2.9"]
    assert (key["capacity"], key["listed"], key["propagating"], key["live"], key["suspended"],
            key["foreign"]) == (2, 2, [], [], [], [])
    assert all(0 <= h["age_s"] < 60 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", h["since"])
               for h in key["add"] + key["remove"])


def test_format_json_is_json(two_keys):
    import json
    assert json.loads(two_keys.run("allowlist", "--format", "json").out).keys() == \
        two_keys.json("allowlist").keys()


def test_csv_has_a_heading_and_a_row_for_each_host(two_keys):
    rows = list(csv.DictReader(io.StringIO(two_keys.run("allowlist", "--format", "csv").out)))
    assert [(r["key"], r["action"], r["host"]) for r in rows] == [
        ("k-1", "add", "192.0.2.1"), ("k-1", "add", "192.0.2.2"), ("k-2", "add", "198.51.100.7")]
    assert all(r["since"].endswith("Z") and int(r["age_s"]) >= 0 for r in rows)
    only = two_keys.run("allowlist", "--format", "csv", "--only", "remove").out
    assert only == "key,action,host,since,age_s\n"


def test_the_routers_address_is_no_host_while_nobody_has_told_it(office):
    office.policy(groups=[("sales", ["10.0.0.1-10.0.0.9"], ["k-1"], {"egress": "router"})])
    office.run("apply", "policy.cfg")
    assert "--router-address" in office.run("allowlist").out
    bare = office.run("allowlist", "k-1", "--only", "add")
    assert bare.out == "" and "--router-address" in bare.err


def test_all_that_was_shown_to_be_added_is_not_the_routers_untold_address(office):
    office.policy(groups=[("sales", ["10.0.0.1-10.0.0.9"], ["k-1"], {"egress": "router"}),
                          ("desks", ["192.0.2.1"], ["k-1"])])
    office.run("apply", "policy.cfg")
    done = office.json("allowlist", "confirm", "k-1", "--added", "all")
    assert (done["added"], done["left"]["add"]) == (1, 1)


def test_before_the_first_apply_there_is_nothing_to_be_done(office):
    (office.folder / "hosts").write_text("192.0.2.1\n")
    office.run("allowlist", "import", "k-1", "hosts", "--provider", "smarty")
    out = office.run("allowlist").out
    assert out.startswith("key k-1 (smarty): not in a policy yet, 1 host listed, 1 foreign; nothing to do\n")
    assert office.json("allowlist")["revision"] is None


@pytest.mark.parametrize("words, status, says", [
    (["k-7"], 66, 'the policy in force has no key "k-7"\n    did you mean "k-1"?'),
    (["--format", "xml"], 64, "--format wants text, csv or json"),
    (["k-1", "--only", "both"], 64, "--only wants add or remove"),
    (["--only", "add"], 64, "--only wants a KEY"),
    (["k-1", "--only", "add", "--json"], 64, "--only goes with text and csv"),
    (["--json", "--format", "csv"], 64, "--json and --format say different things"),
    (["k-1", "k-2"], 64, "one argument too many"),
])
def test_what_cannot_be_answered_is_refused(two_keys, words, status, says):
    assert says in two_keys.run("allowlist", *words, status=status).err


def test_an_error_is_json_too(two_keys):
    error = two_keys.json("allowlist", "k-7", status=66)
    assert set(error) == {"schema", "status", "error", "remedy", "findings"}
    assert (error["schema"], error["status"]) == ("keyrouter.error/1", 66)


def test_a_ledger_that_is_not_there_is_told_and_not_made(office):
    assert "there is no ledger" in office.run("allowlist", status=66).err
    assert not office.ledger.exists()
