# SPDX-License-Identifier: Apache-2.0
"""keyrouter allowlist import: the ledger learns what stands on a key at the vendor today."""
import pytest
from support.site import PROVIDER

MEMBERS = {"schema", "key", "provider", "live", "foreign", "leaving", "wanted", "changed", "findings"}


@pytest.fixture
def applied(office):
    office.policy(keys=[("k-1", {"capacity": 5})], groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-1"])])
    office.run("apply", "policy.cfg")
    return office


def imported(office, text, *words, status=0):
    (office.folder / "hosts.csv").write_text(text)
    return office.run("allowlist", "import", "k-1", "hosts.csv", *words, status=status)


def imported_json(office, text, *words):
    (office.folder / "hosts.csv").write_text(text)
    return office.json("allowlist", "import", "k-1", "hosts.csv", *words)


def key_of(office):
    key, = office.json("allowlist", "k-1")["keys"]
    return {"add": [h["host"] for h in key["add"]], "remove": [h["host"] for h in key["remove"]],
            "foreign": key["foreign"], "propagating": key["propagating"], "live": key["live"]}


def key_is(**given):
    return {"add": [], "remove": [], "foreign": [], "propagating": [], "live": [], **given}


def rows_of(office):
    return len(office.json("history")["rows"])


def test_what_is_planned_and_there_is_live_and_what_nobody_knows_is_foreign(applied):
    done = imported(applied, "192.0.2.1\nCRM.example.com\n*.example.com\n203.0.113.5\n")
    assert done.out == ("key k-1 (smarty): 1 live, 3 foreign, 0 leaving; 2 still to be added\n"
                        "Foreign hosts that the policy has a use for are taken over by the next keyrouter "
                        "apply\n")
    assert key_of(applied) == key_is(add=["192.0.2.2", "192.0.2.3"], live=["192.0.2.1"],
                                     foreign=["*.example.com", "crm.example.com", "203.0.113.5"])


def test_what_was_thought_to_be_there_and_is_not_is_wanted_again(applied):
    applied.run("allowlist", "confirm", "k-1", "--added", "all")
    imported(applied, "192.0.2.2\n")
    assert key_of(applied) == key_is(add=["192.0.2.1", "192.0.2.3"], live=["192.0.2.2"])
    imported(applied, "192.0.2.1\n")
    assert key_of(applied) == key_is(add=["192.0.2.2", "192.0.2.3"], live=["192.0.2.1"])


def test_what_is_leaving_or_foreign_stays_while_it_is_there_and_is_forgotten_after(applied):
    applied.run("allowlist", "confirm", "k-1", "--added", "all")
    applied.policy(keys=[("k-1", {"capacity": 5})], groups=[("sales", ["192.0.2.1"], ["k-1"])])
    applied.run("apply", "policy.cfg")
    imported(applied, "192.0.2.1\n192.0.2.2\n192.0.2.3\ncrm.example.com\n")
    assert key_of(applied) == key_is(remove=["192.0.2.2", "192.0.2.3"], foreign=["crm.example.com"],
                                     live=["192.0.2.1"])
    imported(applied, "192.0.2.1\n192.0.2.3\n")
    assert key_of(applied) == key_is(remove=["192.0.2.3"], live=["192.0.2.1"])


def test_the_same_list_again_changes_nothing(applied):
    text = "192.0.2.1\ncrm.example.com\n"
    assert imported_json(applied, text)["changed"] == 2
    n_rows = rows_of(applied)
    assert imported_json(applied, text)["changed"] == 0
    assert "Nothing has changed" in imported(applied, text).out
    assert rows_of(applied) == n_rows


def test_json_has_the_members_of_the_contract(applied):
    document = imported_json(applied, "192.0.2.1\n203.0.113.5\n", "-m", "day one")
    assert set(document) == MEMBERS
    assert document == {"schema": "keyrouter.allowlist-import/1", "key": "k-1", "provider": "smarty", "live": 1,
                        "foreign": 1, "leaving": 0, "wanted": 2, "changed": 2, "findings": []}
    row = applied.json("history")["rows"][0]
    assert (row["what"], row["why"]) == ("allowlist import", "day one")
    assert row["summary"] == "key k-1: 2 hosts stand there: 1 live, 1 foreign, 0 leaving; 2 still to be added"


@pytest.mark.parametrize("text", [
    "192.0.2.1\n203.0.113.5\n",
    "# console, Monday\n\n 192.0.2.1 \r\n203.0.113.5 # the office\r\n",
    "Host,Added by\n192.0.2.1,somebody\n203.0.113.5,\"a, b\"\n",
    "\ufeff\"Host name / IP address\";\"Since\"\n\"203.0.113.5\";\"2026\"\n\"192.0.2.1\";\"2026\"\n",
    "192.0.2.1\tRemove\n203.0.113.5\tRemove\n",
])
def test_lists_come_as_vendors_and_people_write_them(applied, text):
    document = imported_json(applied, text)
    assert (document["live"], document["foreign"]) == (1, 1)


def test_a_list_comes_from_standard_input_too(applied):
    applied.run("allowlist", "import", "k-1", "-", stdin="192.0.2.1\n")
    assert key_of(applied)["live"] == ["192.0.2.1"]


def test_a_host_that_stands_twice_is_one_and_told(applied):
    done = imported(applied, "192.0.2.1\nCRM.example.com\ncrm.example.com\n")
    assert "hosts.csv:3: warning: crm.example.com is listed twice, first in line 2" in done.err
    assert "1 live, 1 foreign" in done.out


def test_more_hosts_than_the_key_takes_are_taken_with_a_warning(applied):
    hosts = "".join(f"203.0.113.{n}\n" for n in range(1, 7))
    done = imported(applied, hosts)
    assert "warning: 6 hosts stand on key k-1, whose capacity is 5" in done.err
    assert len(key_of(applied)["foreign"]) == 6
    finding, = imported_json(applied, hosts)["findings"]
    assert finding["level"] == "warning"


def test_a_wrong_line_is_named_never_repeated_and_nothing_is_lost(applied):
    applied.run("allowlist", "confirm", "k-1", "--added", "all")
    before, n_rows = key_of(applied), rows_of(applied)
    done = imported(applied, "192.0.2.1\n123456789012345678\nabcdefghijklmnopqrst\n192.0.2.0/24\n", status=65)
    wrong = "error: no IP address, host name or wildcard stands at the beginning of this line"
    assert done.err.splitlines() == [
        *(f"hosts.csv:{n}: {wrong}" for n in (2, 3, 4)),
        "keyrouter allowlist import: hosts.csv has 3 errors; nothing has changed"]
    assert done.out == ""
    assert (key_of(applied), rows_of(applied)) == (before, n_rows)


def test_an_empty_file_is_no_statement_by_itself(applied):
    applied.run("allowlist", "confirm", "k-1", "--added", "all")
    before = key_of(applied)
    done = imported(applied, "Host\n# nothing\n", status=65)
    assert "hosts.csv holds no host; nothing has changed" in done.err and "--empty" in done.err
    assert key_of(applied) == before
    imported(applied, "Host\n", "--empty")
    assert key_of(applied) == key_is(add=["192.0.2.1", "192.0.2.2", "192.0.2.3"])


# ---- more than there is room for


def test_foreign_hosts_that_take_the_room_of_slots_are_told_until_an_apply_has_made_room(office):
    def policy_apply():
        office.policy(keys=[("k-1", {"capacity": 3})], groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-1"])])
        office.run("apply", "policy.cfg")

    policy_apply()
    done = imported(office, "crm.example.com\n")
    assert "1 hosts stay on key k-1 and 3 are to be added, more than its capacity of 3" in done.err
    assert "keyrouter apply makes room" in done.err
    told = office.run("allowlist", "k-1")
    assert "1 of those to be added have no room there" in told.out
    assert "k-1: 1 of these have no room there" in office.run("allowlist", "k-1", "--only", "add").err
    assert office.json("allowlist")["keys"][0]["over"] == 1
    assert "key k-1: 3 slots and 1 foreign hosts, where 3 may stand" in office.run("status").out
    policy_apply()
    assert office.json("allowlist")["keys"][0]["over"] == 0
    assert "have no room" not in office.run("allowlist", "k-1").out
    assert "too many" not in office.run("status").out


def test_a_provider_that_nobody_knows_is_told(office):
    done = office.run("allowlist", "import", "k-1", *hosts_file(office), "--provider", "smart",
                      "--providers", PROVIDER.parent)
    assert "provider smart is not installed, nor in the policy in force" in done.err
    done = office.run("allowlist", "import", "k-1", *hosts_file(office), "--provider", "smarty",
                      "--providers", PROVIDER.parent)
    assert done.err == ""


def hosts_file(office):
    (office.folder / "hosts.csv").write_text("192.0.2.1\n")
    return ["hosts.csv"]


# ---- before the first apply


def test_on_day_one_the_first_policy_takes_over_what_stands_there(office):
    done = imported(office, "192.0.2.1\n192.0.2.2\ncrm.example.com\n", "--provider", "smarty")
    assert "0 live, 3 foreign, 0 leaving; 0 still to be added" in done.out
    office.policy(groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-1"])])
    office.run("apply", "policy.cfg")
    assert key_of(office) == key_is(add=["192.0.2.3"], foreign=["crm.example.com"],
                                    live=["192.0.2.1", "192.0.2.2"])


def test_on_day_one_the_provider_has_to_be_told(office):
    err = imported(office, "192.0.2.1\n", status=69).err
    assert "no policy has been applied yet" in err and "--provider NAME" in err
    assert office.json("history")["rows"] == []


def test_a_key_that_a_coming_policy_has_can_be_imported_too(applied):
    (applied.folder / "hosts.csv").write_text("198.51.100.1\n")
    applied.run("allowlist", "import", "k-2", "hosts.csv", "--provider", "smarty")
    applied.policy(keys=[("k-1", {"capacity": 5}), ("k-2", {})],
                   groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-1"]), ("more", ["198.51.100.1"], ["k-2"])])
    applied.run("apply", "policy.cfg")
    key, = applied.json("allowlist", "k-2")["keys"]
    assert (key["live"], key["add"], key["foreign"]) == (["198.51.100.1"], [], [])


@pytest.mark.parametrize("words, status, says", [
    (["k-2", "hosts.csv"], 66, 'the policy in force has no key "k-2"\n    did you mean "k-1"?'),
    (["k-1", "hosts.csv", "--provider", "alloy"], 65, 'key "k-1" is one of smarty, not of alloy'),
    (["k 1", "hosts.csv", "--provider", "smarty"], 65, "no legal name of a key"),
    (["k-2", "hosts.csv", "--provider", "../x"], 65, "no legal name of a provider"),
    (["k-1", "nowhere"], 66, "nowhere: No such file or directory"),
    (["k-1", "."], 66, ".: Is a directory"),
    (["k-1"], 64, "FILE is missing"),
])
def test_what_cannot_be_taken_is_refused(applied, words, status, says):
    (applied.folder / "hosts.csv").write_text("192.0.2.1\n")
    before = key_of(applied)
    assert says in applied.run("allowlist", "import", *words, status=status).err
    assert key_of(applied) == before
