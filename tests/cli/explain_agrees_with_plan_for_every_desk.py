# SPDX-License-Identifier: Apache-2.0
"""What explain says of each desk, and what plan says of all of them, is one thing."""
import ipaddress
import random

import pytest

SEEDS = range(4)


class Group:
    def __init__(self, dice, number, keys, policy_keys):
        first = ipaddress.ip_address(f"10.{number}.0.1")
        self.name = f"g-{number}"
        self.desks = [str(first + n) for n in range(dice.randint(1, 9))]
        self.keys = keys
        self.nat = f"203.0.113.{dice.choice([7, 8])}" if dice.random() < 0.4 else None
        self.settings = {"priority": dice.randint(0, 2)}
        if dice.random() < 0.3:
            self.settings["overflow"] = "refuse"
        if self.nat:
            # who shares an address has a key in common, or none at all
            self.keys = policy_keys if dice.random() < 0.7 else []
            self.settings["public"] = [f"10.{number}.0.0/24 -> {self.nat}"]

    def seen(self, desk):
        return self.nat or desk

    def row(self):
        return self.name, [f"{self.desks[0]}-{self.desks[-1]}" if len(self.desks) > 1
                           else self.desks[0]], self.keys, self.settings


def policy_make(office, seed, name="policy.cfg"):
    """Groups in their order; some have no key, some share addresses, not all fit."""
    dice = random.Random(seed)
    keys = [(f"k-{n}", {"capacity": dice.randint(1, 6)}) for n in range(dice.randint(2, 5))]
    names = [k for k, _ in keys]
    groups = [Group(dice, n, sorted(dice.sample(names, dice.randint(0, len(names)))), names)
              for n in range(dice.randint(3, 8))]
    office.policy(name=name, keys=keys, groups=[g.row() for g in groups])
    return groups


def compare(office, groups, key_of, overflow, *policy):
    n_overflow = 0
    for group in groups:
        for desk in group.desks:
            provider, = office.json("explain", desk, *policy)["providers"]
            seen, where = group.seen(desk), (seed_text(policy), desk)
            spill = overflow.get((seen, group.name))
            assert provider["seen"] == seen, where
            assert [k["key"] for k in provider["why_not"]] == [
                k for k in office.keys if spill or k != key_of[seen]], where
            if not spill:
                assert provider["slot"]["key"] == key_of[seen], where
                continue
            n_overflow += 1
            assert provider["slot"] is None, where
            assert (provider["route"]["kind"], provider["route"]["backend"]) == (
                spill["route"], spill["backend"]), where
            assert provider["route"]["reason"].split("; ")[0] == spill["reason"], where
    return n_overflow


def seed_text(policy):
    return policy[0] if policy else "in force"


def overflow_of(plan):
    return {(o["address"], o["group"]): o for o in plan["overflow"]}


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_policy_that_nobody_has_applied(office, seed):
    groups = policy_make(office, seed)
    plan = office.json("plan", "policy.cfg", ledger=False)
    office.keys = [k["name"] for k in plan["keys"]]
    office.json = lambda *words, run=office.json: run(*words, ledger=False)
    key_of = {host: k["name"] for k in plan["keys"] for host in k["add"]}
    n = compare(office, groups, key_of, overflow_of(plan), "policy.cfg")
    assert (n == 0) == (plan["totals"]["backend"] + plan["totals"]["refused"] == 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_the_policy_in_force(office, seed):
    groups = policy_make(office, seed)
    plan = office.json("apply", "policy.cfg")["plan"]
    office.keys = [k["name"] for k in plan["keys"]]
    lists = office.json("allowlist")["keys"]
    key_of = {h["host"]: k["name"] for k in lists for h in k["add"]}
    compare(office, groups, key_of, overflow_of(plan))


@pytest.mark.parametrize("seed", SEEDS)
def test_of_a_change_to_it(office, seed):
    """The next seed's policy, planned against what the first has left on the keys."""
    policy_make(office, seed)
    office.run("apply", "policy.cfg")
    groups = policy_make(office, seed + 100, "next.cfg")
    plan = office.json("plan", "next.cfg")
    held = {h["host"]: k["name"] for k in office.json("allowlist")["keys"] for h in k["add"]}
    office.keys = [k["name"] for k in plan["keys"]]
    for key in plan["keys"]:
        held.update({host: key["name"] for host in key["add"]})
    compare(office, groups, held, overflow_of(plan), "next.cfg")
