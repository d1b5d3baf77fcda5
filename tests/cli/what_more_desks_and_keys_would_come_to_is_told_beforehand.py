# SPDX-License-Identifier: Apache-2.0
"""keyrouter whatif: desks and keys more or less, without a policy to be written."""
import random
import re

import pytest

TOTALS = {"desks", "egress_addresses", "embedded", "keys_used", "backend", "refused", "backend_share",
          "moves", "add", "remove", "dropped"}


def policy_make(office, n_sales=8, name="policy.cfg", keys=None, **rest):
    office.policy(name=name,
                  keys=keys or [("k-1", {"capacity": 6}), ("k-2", {"capacity": 6})],
                  groups=[("sales", [f"192.0.2.1-192.0.2.{n_sales}"], ["k-1", "k-2"], {"priority": 1}),
                          ("support", ["198.51.100.1-198.51.100.4"], ["k-2"])], **rest)


@pytest.fixture
def site(office):
    """Twelve desks fill both keys."""
    policy_make(office)
    office.run("apply", "policy.cfg")
    return office


def keys_of(document, member="used"):
    return {k["name"]: k[member] for k in document["keys"]}


def test_what_is_told_line_by_line(site):
    assert site.run("whatif", "--add", "3@support").out == """\
                      before   after
desks                     12      15
public addresses          12      15
desks on keys             12      12
desks by backend           0       3
desks refused              0       0
share of the backend   0.0 %  20.0 %
keys in use                2       2

key  provider  before  after  room
k-1  smarty         6      6     6
k-2  smarty         6      6     6

No address changes its key
3 desks of group support (smarty) by backend secret: all keys of the group are full
1 more key of smarty would serve every desk that may have one
"""


def test_keys_that_come_and_go_and_who_moves(site):
    out = site.run("whatif", "--remove-key", "k-1", "--add-key", "k-3:4").out
    assert "k-1 (removed)  smarty         6      0     0\n" in out
    assert "k-3 (added)    smarty         0      4     4\n" in out
    document = site.json("whatif", "--remove-key", "k-1", "--add-key", "k-3:4")
    assert document["moves"] == len(document["moved"]) > 0
    assert f'{document["moves"]} addresses change their key; --json says which\n' in out
    assert re.search(r"^  k-1   k-3 +4$", out, re.M)


def test_json_has_the_members_of_the_contract(site):
    document = site.json("whatif", "--add", "3@support", "--remove-key", "k-1")
    assert set(document) == {"schema", "site", "before", "after", "moves", "moved", "keys", "keys_needed",
                             "overflow"}
    assert (document["schema"], document["site"]) == ("keyrouter.whatif/1", "austin")
    assert set(document["before"]) == set(document["after"]) == TOTALS
    assert set(document["moved"][0]) == {"address", "provider", "from", "to", "desks", "groups"}
    assert {frozenset(k) for k in document["keys"]} == {
        frozenset({"name", "provider", "used_before", "used", "room", "change"})}
    assert [(k["name"], k["change"]) for k in document["keys"]] == [("k-1", "removed"), ("k-2", None)]
    assert {frozenset(o) for o in document["overflow"]} == {frozenset(
        {"group", "provider", "addresses", "desks", "reason", "route", "backend"})}


def test_nothing_asked_says_how_it_is(site):
    document = site.json("whatif")
    assert document["before"] == document["after"]
    assert (document["moved"], document["overflow"], document["keys_needed"]) == ([], [], {"smarty": 0})
    assert "No further key of smarty is needed\n" in site.run("whatif").out


@pytest.mark.parametrize("is_applied", [True, False])
def test_more_desks_agree_with_a_policy_that_has_them(office, is_applied):
    policy_make(office, 8)
    policy_make(office, 88, "more.cfg")
    if is_applied:
        office.run("apply", "policy.cfg")
    asked = office.json("whatif", "--add", "80@sales", "policy.cfg", ledger=is_applied)
    plan = office.json("plan", "more.cfg", ledger=is_applied)
    assert set(keys_of(asked).items()) == set(keys_of(plan).items())
    compared = TOTALS - (set() if is_applied else {"moves", "add", "remove", "dropped"})
    assert {m: asked["after"][m] for m in compared} == {m: plan["totals"][m] for m in compared}
    if is_applied:
        assert asked["moved"] == plan["moves"]
    assert asked["after"]["desks"] == asked["before"]["desks"] + 80


def test_where_nothing_is_applied_the_policy_is_taken_as_if_it_were(office):
    """So that moves are told to whoever asks away from the site."""
    policy_make(office)
    away = office.json("whatif", "--add", "3@sales", "policy.cfg", ledger=False)
    office.run("apply", "policy.cfg")
    assert away["moved"] == office.json("whatif", "--add", "3@sales")["moved"] != []


@pytest.mark.parametrize("seed", range(4))
def test_other_questions_agree_with_policies_that_are_written(office, seed):
    """Keys gone and come, desks more, all at once."""
    dice = random.Random(seed)
    policy_make(office)
    office.run("apply", "policy.cfg")
    gone, capacity, n = dice.choice(["k-1", "k-2"]), dice.randint(1, 9), dice.randint(1, 20)
    stays = "k-1" if gone == "k-2" else "k-2"
    office.policy(name="then.cfg", keys=[(stays, {"capacity": 6}), ("k-3", {"capacity": capacity})],
                  groups=[("sales", ["192.0.2.1-192.0.2.8"], [stays, "k-3"], {"priority": 1}),
                          ("support", [f"198.51.100.1-198.51.100.{4 + n}"],
                           [stays, "k-3"] if stays == "k-2" else ["k-3"])])
    asked = office.json("whatif", "--remove-key", gone, "--add-key", f"k-3:{capacity}", "--add",
                        f"{n}@support")
    plan = office.json("plan", "then.cfg")
    assert {k: u for k, u in keys_of(asked).items() if k != gone} == keys_of(plan)
    assert asked["after"] == plan["totals"]
    assert asked["moves"] == plan["totals"]["moves"]


def test_before_is_what_is_in_force_and_not_what_another_apply_would_make_of_it(office):
    """A place has come free since: the desk that waits for it has it after, and not before."""
    office.policy(keys=[("k-1", {"capacity": 2})], groups=[("sales", ["192.0.2.1-192.0.2.2"], ["k-1"])])
    (office.folder / "hosts").write_text("192.0.2.1\nwww.example.com\n")
    office.run("allowlist", "import", "k-1", "hosts", "--provider", "smarty")
    office.run("apply", "policy.cfg")
    (office.folder / "hosts").write_text("192.0.2.1\n")
    office.run("allowlist", "import", "k-1", "hosts")
    for document in office.json("whatif"), office.json("whatif", "policy.cfg"):
        assert (document["before"]["backend"], document["after"]["backend"]) == (1, 0)


def test_the_keys_that_are_needed_are_enough_and_not_one_too_many(site):
    for n in 1, 94, 95, 100, 101, 950:
        words = ["whatif", "--add", f"{n}@sales"]
        needed = site.json(*words)["keys_needed"]["smarty"]
        assert needed == -(-n // 100)
        for i in range(needed):
            assert site.json(*words)["after"]["backend"] > 0
            words += ["--add-key", f"new-{i}"]
        then = site.json(*words)
        assert (then["keys_needed"], then["after"]["backend"]) == ({"smarty": 0}, 0)


def test_a_place_that_comes_free_by_itself_is_no_key_to_buy(office):
    """Addresses that have left the policy still stand on the key until they are taken off there."""
    policy_make(office)
    office.run("apply", "policy.cfg")
    for key in "k-1", "k-2":
        office.run("allowlist", "confirm", key, "--added", "all")
    office.policy(keys=[("k-1", {"capacity": 6}), ("k-2", {"capacity": 6})],
                  groups=[("sales", ["192.0.2.1-192.0.2.2"], ["k-1", "k-2"])])
    office.run("apply", "policy.cfg")
    document = office.json("whatif", "--add", "10@sales")
    assert document["after"]["backend"] == 10
    assert document["keys_needed"] == {"smarty": 0}
    assert office.json("whatif", "--add", "11@sales")["keys_needed"] == {"smarty": 1}


def test_the_groups_of_a_key_that_goes_are_still_counted(site):
    """Support has no key but k-2: without it, it has none at all."""
    document = site.json("whatif", "--remove-key", "k-2")
    assert [(o["group"], o["desks"], o["reason"]) for o in document["overflow"]] == [
        ("sales", 2, "all keys of the group are full"),
        ("support", 4, "the group has no key of this provider")]
    assert document["keys_needed"] == {"smarty": 1}
    gone = site.json("whatif", "--remove-key", "k-1", "--remove-key", "k-2")
    assert (gone["after"]["backend"], gone["after"]["desks"], gone["after"]["backend_share"]) == (
        12, 12, 1.0)
    assert keys_of(gone) == {"k-1": 0, "k-2": 0}
    assert gone["keys_needed"] == {"smarty": 1}


def test_a_key_for_some_groups_alone(site):
    words = ["whatif", "--add", "5@support", "--add", "5@sales"]
    for_sales = site.json(*words, "--add-key", "k-3@sales")
    assert [(o["group"], o["desks"]) for o in for_sales["overflow"]] == [("support", 3)]
    assert for_sales["keys_needed"] == {"smarty": 1}
    assert keys_of(site.json(*words, "--add-key", "k-3:3@sales"))["k-3"] == 3
    assert keys_of(site.json(*words, "--add-key", "k-3@support,sales"))["k-3"] == 10
    assert keys_of(site.json("whatif", "--add-key", "smarty/k-3:2@support"), "room")["k-3"] == 2


def test_nothing_is_changed_by_asking(site):
    before = site.ledger.read_bytes()
    head = site.json("plan", "policy.cfg")["head"]
    site.run("whatif", "--add", "80@sales", "--add-key", "k-3", "--remove-key", "k-1")
    site.run("whatif", "--add", "80@sales", "policy.cfg")
    assert site.json("plan", "policy.cfg")["head"] == head
    assert site.ledger.read_bytes() == before


def test_a_hundred_thousand_desks(site):
    document = site.json("whatif", "--add", "100000@sales")
    assert (document["after"]["desks"], document["after"]["embedded"]) == (100012, 12)
    assert document["keys_needed"] == {"smarty": 1000}


@pytest.mark.parametrize("words, err", [
    (["--add", "80"], '--add wants up to 100000 desks and a group, as 80@sales, not "80"'),
    (["--add", "0@sales"], '--add wants up to 100000 desks and a group, as 80@sales, not "0@sales"'),
    (["--add", "100001@sales"],
     '--add wants up to 100000 desks and a group, as 80@sales, not "100001@sales"'),
    (["--add", "@sales"], '--add wants up to 100000 desks and a group, as 80@sales, not "@sales"'),
    (["--add-key", ":5"],
     '--add-key wants a key, as austin-6, austin-6:50 or austin-6@sales,support, not ":5"'),
    (["--add-key", "k-3:x"],
     '--add-key wants a key, as austin-6, austin-6:50 or austin-6@sales,support, not "k-3:x"'),
    (["--add-key", "k-3:5@sales,"],
     '--add-key wants a key, as austin-6, austin-6:50 or austin-6@sales,support, not "k-3:5@sales,"'),
])
def test_what_cannot_be_read_is_refused(office, words, err):
    assert office.run("whatif", *words, status=64).err == f"keyrouter whatif: {err}\n"
    assert not office.ledger.exists()


@pytest.mark.parametrize("words, status, err", [
    (["--add", "1@salse"], 66, ['the policy has no group "salse"', 'did you mean "sales"?']),
    (["--remove-key", "k-11"], 66, ['the policy has no key "k-11"', 'did you mean "k-1"?']),
    (["--add-key", "k-1"], 65, ['the policy has a key "k-1" already',
                                "give the new key another name, or remove it too"]),
    (["--add-key", "k-3:101"], 65, ['the capacity of key "k-3" is not 1 to 100']),
    (["--add-key", "k 3"], 65, ['"k 3" is no name for a key',
                                "1 to 64 of A-Z a-z 0-9 . _ -, no dot first"]),
    (["--add-key", "smartie/k-3"], 66, ['the policy has no provider "smartie"']),
    (["--add-key", "k-3@salse"], 66, ['the policy has no group "salse"', 'did you mean "sales"?']),
])
def test_what_cannot_be_is_refused_with_the_remedy(site, words, status, err):
    done = site.run("whatif", *words, status=status)
    assert done.err == "keyrouter whatif: " + "\n    ".join(err) + "\n"
    assert site.json("whatif", *words, status=status)["status"] == status


def test_without_a_daemon_there_is_a_remedy(office):
    done = office.run("whatif", ledger=False, status=69)
    assert done.err.endswith("    or ask about a policy: keyrouter whatif POLICY\n")


def test_help_tells_usage_and_every_option(office):
    out = office.run("whatif", "--help", ledger=False).out
    assert out.startswith("usage: keyrouter whatif [POLICY]")
    assert set(re.findall(r"--([a-z-]+)", out)) == {
        "add", "add-key", "remove-key", "providers", "router-address", "socket", "ledger", "json"}
