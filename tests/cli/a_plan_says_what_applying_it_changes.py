# SPDX-License-Identifier: Apache-2.0
"""plan: moves first, then key by key what is to be added and removed, then who gets no place, then totals."""
import json

import pytest

DESKS = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
KEYS = (("k-1", {}), ("k-2", {}))


@pytest.fixture
def moving(office):
    """Three desks stand on k-1; in the policy of now they may use k-2 alone."""
    office.policy(keys=KEYS, groups=[("sales", DESKS, ["k-1"])])
    office.run("apply", "policy.cfg")
    office.policy(keys=KEYS, groups=[("sales", DESKS, ["k-2"])])
    return office


def test_a_first_plan_adds_everything(office):
    office.policy(groups=[("sales", DESKS, ["k-1"])])
    out = office.run("plan", "policy.cfg").out
    assert out == ("key k-1 (smarty): 3 of 100 slots, 3 desks; 3 to add, 0 to remove, 0 stay\n"
                   "+ 192.0.2.1\n+ 192.0.2.2\n+ 192.0.2.3\n\n"
                   "3 desks embedded on 1 key, 0 by backend, 0 refused; 0 moves, 3 to add, 0 to remove\n"
                   "0.0 % of the desks are served by a backend\n")
    assert not office.ledger.exists()  # who only looks makes none


def test_moves_come_first(moving):
    out = moving.run("plan", "policy.cfg").out
    lines = out.splitlines()
    assert lines[0].startswith("3 addresses change their key: each means a new entry at the vendor")
    assert lines[1] == "  address    from  to    desks  groups"
    assert lines[2] == "  192.0.2.1  k-1   k-2  1 desk  sales"
    assert "key k-2 (smarty): 3 of 100 slots, 3 desks; 3 to add, 0 to remove, 0 stay" in lines
    assert "3 desks embedded on 1 key, 0 by backend, 0 refused; 3 moves, 3 to add" in out
    assert all(line == line.rstrip() for line in lines)
    document = moving.json("plan", "policy.cfg")
    assert document["schema"] == "keyrouter.plan/2" and document["changes"]
    assert document["moves"][0] == {"address": "192.0.2.1", "provider": "smarty", "from": "k-1",
                                    "to": "k-2", "desks": 1, "groups": ["sales"]}
    assert document["totals"]["moves"] == 3


def test_who_is_left_without_a_place_is_told_with_the_reason(office):
    office.policy(keys=(("k-1", {"capacity": 2}),), groups=[("sales", DESKS, ["k-1"])])
    office.run("apply", "policy.cfg")
    office.policy(keys=(("k-1", {"capacity": 1}),),
                  groups=[("sales", DESKS, ["k-1"], {"overflow": "refuse"})])
    lines = office.run("plan", "policy.cfg").out.splitlines()
    assert lines[0].startswith("1 address changes its key")
    assert [line.split()[:3] for line in lines if line.startswith("  192.0.2.2 ")] == [["192.0.2.2", "k-1", "none"]]
    [head] = [line for line in lines if line.startswith("overflow of group sales (smarty): 2 addresses, 2 desks")]
    assert "refused: all keys of the group are full" in head
    assert lines[-1] == "0.0 % of the desks are served by a backend"
    assert "1 desk embedded on 1 key, 0 by backend, 2 refused" in lines[-2]


def test_what_is_in_force_already_changes_nothing(office):
    office.policy(groups=[("sales", DESKS, ["k-1"])])
    assert office.json("plan", "policy.cfg")["changes"] is True
    office.run("plan", "policy.cfg", "--detailed-exitcode", status=2)
    office.run("apply", "policy.cfg")
    assert "3 desks; nothing changes" in office.run("plan", "policy.cfg").out
    document = office.json("plan", "policy.cfg", "--detailed-exitcode")
    assert (document["changes"], document["policy_changed"]) == (False, False)
    # A change that moves nobody is one all the same.
    office.policy(groups=[("sales", DESKS, ["k-1"])], origins=["https://crm.example.com"])
    document = office.json("plan", "policy.cfg", "--detailed-exitcode", status=2)
    assert (document["policy_changed"], document["totals"]["add"]) == (True, 0)


def test_the_address_of_the_router_is_said_or_asked_for(office):
    office.policy(groups=[("sales", DESKS, ["k-1"], {"egress": "router"})])
    assert ("+ the router's own address: say it in keyrouterd.cfg (address), or with --router-address\n"
            in office.run("plan", "policy.cfg").out)
    told = office.run("plan", "policy.cfg", "--router-address", "203.0.113.4").out
    assert "1 of 100 slots, 3 desks" in told and "+ 203.0.113.4\n" in told
    for wrong in ("router", "203.0.113.4/32", "0.0.0.0", ""):
        done = office.run("plan", "policy.cfg", "--router-address", wrong, status=64)
        assert f'--router-address wants an IP address, not "{wrong}"' in done.err
    # An apply that was told keeps it for those that are not.
    office.run("apply", "policy.cfg", "--router-address", "203.0.113.4")
    assert "nothing changes" in office.run("plan", "policy.cfg").out


# ---- what stands at the vendor already

def plan_and_apply(office):
    """({key: its part of the plan}, totals); and what apply leaves to be done is what the plan has said."""
    office.policy(keys=KEYS, groups=[("sales", DESKS, ["k-1"])])
    document = office.json("plan", "policy.cfg")
    answer = office.json("apply", "policy.cfg")
    totals = document["totals"]
    assert answer["open"] == {"add": totals["add"], "remove": totals["remove"]}
    assert answer["dropped"] == totals["dropped"]
    return {key["name"]: key for key in document["keys"]}, totals


def stands(office, key, *hosts):
    (office.folder / "hosts").write_text("".join(f"{host}\n" for host in hosts))
    office.run("allowlist", "import", key, "hosts", "--provider", "smarty")


def test_what_stands_there_before_the_first_policy_is_not_to_be_added(office):
    stands(office, "k-1", "192.0.2.1", "192.0.2.2", "crm.example.com")
    office.policy(keys=KEYS, groups=[("sales", DESKS, ["k-1"])])
    assert ("key k-1 (smarty): 3 of 100 slots, 1 foreign, 3 desks; 1 to add, 0 to remove, 2 new that are listed "
            "already, 0 stay\n+ 192.0.2.3\n\n") in office.run("plan", "policy.cfg").out
    keys, _ = plan_and_apply(office)
    assert (keys["k-1"]["add"], keys["k-1"]["listed"], keys["k-1"]["foreign"]) == (["192.0.2.3"], 2, 1)


def test_foreign_entries_that_are_in_the_way_are_to_be_removed(office):
    """Two keys of three places: what should stand on one stands on the other, with a name more."""
    office.policy(keys=[("k-1", {"capacity": 3}), ("k-2", {"capacity": 3})],
                  groups=[("sales", [*DESKS, "192.0.2.4", "192.0.2.5", "192.0.2.6"], ["k-1", "k-2"])])
    office.run("apply", "policy.cfg")
    stands(office, "k-1", *DESKS)
    stands(office, "k-2", "192.0.2.1", "192.0.2.2", "192.0.2.4")
    document = office.json("plan", "policy.cfg")
    answer = office.json("apply", "policy.cfg")
    keys = {key["name"]: key for key in document["keys"]}
    assert keys["k-2"]["remove"] == ["192.0.2.1", "192.0.2.2"]
    assert document["totals"]["remove"] == answer["open"]["remove"] == 2
    for name, key in keys.items():
        after, = office.json("allowlist", name)["keys"]
        assert (key["foreign"], key["leaving"]) == (len(after["foreign"]), len(after["remove"])), name


def test_an_address_that_is_had_back_is_not_to_be_added(office):
    office.policy(keys=KEYS, groups=[("sales", DESKS, ["k-1"])])
    office.run("apply", "policy.cfg")
    stands(office, "k-1", *DESKS)
    office.policy(keys=KEYS, groups=[("sales", DESKS[:2], ["k-1"])])
    document = office.json("plan", "policy.cfg")
    assert (document["keys"][0]["remove"], document["totals"]["remove"]) == ([DESKS[2]], 1)
    office.run("apply", "policy.cfg")
    keys, totals = plan_and_apply(office)
    assert (keys["k-1"]["listed"], keys["k-1"]["stay"], totals["add"], totals["remove"]) == (1, 2, 0, 0)


def test_what_was_never_entered_needs_no_removing(office):
    office.policy(keys=KEYS, groups=[("sales", [*DESKS, "192.0.2.4"], ["k-1"])])
    office.run("apply", "policy.cfg")
    (office.folder / "done").write_text("\n".join(DESKS))
    office.run("allowlist", "confirm", "k-1", "--added", "done")
    office.policy(keys=KEYS, groups=[("sales", DESKS, ["k-1"])])
    assert "to be added no more: 192.0.2.4\n" in office.run("plan", "policy.cfg").out
    keys, totals = plan_and_apply(office)
    assert (keys["k-1"]["dropped"], keys["k-1"]["remove"], totals["dropped"]) == (["192.0.2.4"], [], 1)


# ---- saved plans

def test_a_saved_plan_is_what_gets_applied(moving):
    moving.run("plan", "policy.cfg", "-o", "monday", "--detailed-exitcode", status=2)
    document = json.loads((moving.folder / "monday").read_text())
    assert document["schema"] == "keyrouter.saved-plan/1"
    assert document["outcome"] == document["plan"]["outcome"]
    moving.policy(keys=KEYS, groups=[("other", ["192.0.2.200"], ["k-1"])])  # the file goes its own way
    done = moving.run("apply", "monday")
    assert done.out.startswith("Row 2: 3 of 3 desks on keys, 3 moves; at the vendor 3 to add")
    assert moving.json("names")["groups"] == ["sales"]


def test_a_stale_plan_is_refused(moving):
    """Another policy in force since, or other entries on the keys."""
    moving.run("plan", "policy.cfg", "-o", "first.json")
    moving.run("allowlist", "confirm", "k-1", "--added", "all")
    done = moving.run("apply", "first.json", status=75)
    assert "the plan is stale" in done.err and "plan again" in done.err
    moving.run("plan", "policy.cfg", "-o", "second.json")
    moving.run("apply", "policy.cfg")
    refused = moving.json("apply", "second.json", status=75)
    assert (refused["schema"], refused["status"]) == ("keyrouter.error/1", 75)
    assert moving.json("status")["revision"] == 3


@pytest.mark.parametrize("text, reason", [
    ('{"schema": "keyrouter.plan/2"}', "is no plan of keyrouter plan -o"),
    ('{"schema": "keyrouter.saved-plan/1"}', "is no plan of keyrouter plan -o"),
    ('\n {"schema": \nhush}', "plan.json:3: is no JSON"),
])
def test_what_is_no_saved_plan_is_not_applied(office, text, reason):
    (office.folder / "plan.json").write_text(text)
    done = office.run("apply", "plan.json", status=65)
    assert reason in done.err and "hush" not in done.err


def test_a_plan_that_cannot_be_saved_says_so(office):
    office.policy(groups=[("sales", DESKS, ["k-1"])])
    assert "cannot write no/plan.json" in office.run("plan", "policy.cfg", "-o", "no/plan.json", status=73).err


# ---- colours

def test_headings_are_bold_on_a_terminal_alone(moving):
    with moving.terminal("plan", "policy.cfg") as t:
        assert t.end() == 0
    assert "\x1b[1m3 addresses change their key" in t.screen
    assert "  \x1b[1maddress    from  to    desks  groups\x1b[0m\n" in t.screen
    with moving.terminal("plan", "policy.cfg", environment={"NO_COLOR": "1"}) as t:
        assert t.end() == 0
    assert "\x1b" not in t.screen
    with moving.terminal("plan", "policy.cfg", environment={"NO_COLOR": ""}) as t:
        assert t.end() == 0
    assert "\x1b[1m" in t.screen  # https://no-color.org: empty is not set
    assert "\x1b" not in moving.run("plan", "policy.cfg").out
