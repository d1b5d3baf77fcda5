# SPDX-License-Identifier: Apache-2.0
"""keyrouter names: what a shell offers where a name is wanted."""
import pytest


@pytest.fixture
def site(office):
    office.policy(keys=[("k-2", {}), ("k-1", {})], groups=[("sales", ["192.0.2.1"], ["k-1"]),
                                                         ("desk", ["192.0.2.2"], ["k-2"])])
    office.run("apply", "policy.cfg")
    return office


def test_names_one_a_line_in_the_order_of_the_policy(site):
    assert site.run("names", "groups").out == "sales\ndesk\n"
    assert site.run("names", "keys").out == "k-2\nk-1\n"
    assert site.run("names", "backends").out == "secret\n"
    assert site.run("names").out == "sales\ndesk\nk-2\nk-1\nsecret\n"


def test_json_has_the_members_of_the_contract(site):
    assert site.json("names") == {"schema": "keyrouter.names/1", "groups": ["sales", "desk"],
                                  "keys": ["k-2", "k-1"], "backends": ["secret"]}


def test_nothing_in_force_has_no_names(office):
    office.run("rollback", status=69)  # makes the ledger
    assert office.run("names").out == ""


def test_another_kind_is_refused(site):
    assert site.run("names", "key", status=64).err == (
        'keyrouter names: groups, keys or backends, not "key"\n    did you mean "keys"?\n')


def test_the_verb_does_not_stand_in_the_list_of_all(office):
    assert "\n  names" not in office.run("help", ledger=False).out
    assert office.run("names", "--help", ledger=False).out.startswith(
        "usage: keyrouter names [groups|keys|backends]")
