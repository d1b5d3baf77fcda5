# SPDX-License-Identifier: Apache-2.0
"""keyrouter explain ADDRESS: why this desk has the key that it has, and why no other."""
import re

import pytest

SLOT = {"key", "number", "capacity", "state", "since", "added", "n_desks"}


@pytest.fixture
def site(office):
    """Two desks fill k-1 and one fills k-4; the others have room."""
    office.policy(
        keys=[("k-1", {"capacity": 2}), ("k-2", {}), ("k-3", {}), ("k-4", {"capacity": 1})],
        groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-1", "k-2"]),
                ("support", ["198.51.100.1"], ["k-3"]),
                ("walkin", ["203.0.113.1"], []),
                ("strict", ["203.0.113.8-203.0.113.9"], ["k-4"], {"overflow": "refuse"}),
                ("nat", ["10.0.0.1-10.0.0.4"], ["k-3"], {"public": ["10.0.0.0/24 -> 203.0.113.77"]})])
    office.run("apply", "policy.cfg")
    return office


def is_listed(office, key, *hosts):
    """All of the key at the vendor, and working."""
    (office.folder / "hosts").write_text("".join(f"{h}\n" for h in hosts))
    office.run("allowlist", "import", key, "hosts")


def lines_of(office, *words, **options):
    """{label: text}; a label occurs once."""
    lines = office.run("explain", *words, **options).out.splitlines()
    pairs = [re.fullmatch(r"(\S+(?: \S+)*)  +(.*)", line).groups() for line in lines]
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def provider_of(office, *words):
    one, = office.json("explain", *words)["providers"]
    return one


def why_not(office, address):
    return {k["key"]: k["reason"] for k in provider_of(office, address)["why_not"]}


def test_a_live_slot_line_by_line(site):
    is_listed(site, "k-1", "192.0.2.1", "192.0.2.2")
    out = site.run("explain", "192.0.2.2").out
    out = re.sub(r"\d+ s|\d{4}-\d\d-\d\d", lambda m: "T" if m[0].endswith(" s") else "DAY", out)
    line = (site.folder / "policy.cfg").read_text().split('name = "sales"')[0].count("\n") + 1
    assert out == f"""\
address       192.0.2.2
group         sales ({site.folder}/policy.cfg:{line})
seen as       192.0.2.2 (egress transparent)
slot          2 of 2 on k-1, live for T, added DAY
route now     key k-1: slot 2 of 2 on k-1
if refused    backend secret: key failed
not k-2       has room, but the address is on k-1
not k-3       the group may not use it
not k-4       the group may not use it
"""


def test_labels_are_padded_to_the_longest_name(office):
    long = "a" * 20
    office.policy(keys=[("k-1", {}), (long, {})], groups=[("sales", ["192.0.2.1"], ["k-1"])])
    lines = office.run("explain", "192.0.2.1", "policy.cfg", ledger=False).out.splitlines()
    assert lines[0] == "address" + " " * (len("not ") + 20 - len("address") + 2) + "192.0.2.1"
    assert lines[-1] == f"not {long}  the group may not use it"


def test_an_address_behind_a_nat(site):
    lines = lines_of(site, "10.0.0.3")
    assert lines["seen as"] == "203.0.113.77 (egress transparent, leaves from 10.0.0.3)"
    assert lines["slot"].startswith("2 of 100 on k-3, wanted for ")
    assert lines["slot"].endswith(", shared by 4 desks")


def test_json_has_the_members_of_the_contract(site):
    document = site.json("explain", "192.0.2.1")
    assert set(document) == {"schema", "address", "group", "unusable_s", "providers", "from"}
    assert document["unusable_s"] is None
    assert (document["schema"], document["address"], document["from"]) == (
        "keyrouter.explain/1", "192.0.2.1", "ledger")
    assert set(document["group"]) == {"name", "file", "line"}
    provider, = document["providers"]
    assert set(provider) == {"provider", "egress", "source", "seen", "slot", "former", "route", "why_not",
                             "if_refused"}
    assert (provider["provider"], provider["egress"], provider["source"], provider["seen"]) == (
        "smarty", "transparent", "192.0.2.1", "192.0.2.1")
    assert set(provider["slot"]) == SLOT
    assert provider["former"] is None
    assert set(provider["route"]) == {"kind", "key", "backend", "reason"}
    assert set(provider["if_refused"]) == {"kind", "backend", "reason"}
    assert [set(k) for k in provider["why_not"]] == [{"key", "reason"}] * 3


def test_the_states_of_a_slot_decide_its_route(site):
    assert provider_of(site, "192.0.2.1")["route"] == {
        "kind": "backend", "key": None, "backend": "secret",
        "reason": "slot wanted: not added at the vendor yet"}
    site.run("allowlist", "confirm", "k-1", "--added", "all")
    slot, route = map(provider_of(site, "192.0.2.1").get, ("slot", "route"))
    assert (slot["state"], slot["added"] is not None) == ("propagating", True)
    assert route["reason"] == "slot propagating: added at the vendor, not live yet"
    is_listed(site, "k-1", "192.0.2.1", "192.0.2.2")
    assert provider_of(site, "192.0.2.1")["route"] == {
        "kind": "key", "key": "k-1", "backend": None, "reason": "slot 1 of 2 on k-1"}


def test_why_not_the_others(site):
    others = "the group may not use it"
    assert why_not(site, "192.0.2.3") == {  # it has k-2
        "k-1": "full: 2 of 2", "k-3": others, "k-4": others}
    assert why_not(site, "203.0.113.9") == {
        "k-1": others, "k-2": others, "k-3": others, "k-4": "full: 1 of 1"}


def test_what_takes_the_room_of_a_full_key_is_told(office):
    office.policy(keys=[("k-1", {"capacity": 4, "reserve": 1}), ("k-2", {})],
                  groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-1", "k-2"])])
    office.run("apply", "policy.cfg")
    is_listed(office, "k-1", "192.0.2.1", "www.example.com")
    office.run("apply", "policy.cfg")
    assert why_not(office, "192.0.2.3")["k-1"] == "full: 2 of 4, 1 in reserve, 1 foreign"


def test_no_slot_and_no_backend_for_it(site):
    route = provider_of(site, "203.0.113.9")["route"]
    assert route == {"kind": "refused", "key": None, "backend": None,
                     "reason": "all keys of the group are full; overflow is refused in group strict"}
    assert lines_of(site, "203.0.113.9")["route now"] == f"refused: {route['reason']}"
    assert provider_of(site, "203.0.113.9")["if_refused"] is None


def test_a_group_without_a_key(site):
    provider = provider_of(site, "203.0.113.1")
    assert (provider["slot"], provider["if_refused"]) == (None, None)
    assert provider["route"] == {"kind": "backend", "key": None, "backend": "secret",
                                 "reason": "the group has no key of this provider"}


def test_an_address_in_no_group_is_told_what_unknown_says(office):
    for unknown, kind in ("refuse", "refused"), ("secret", "backend"):
        office.policy(groups=[("sales", ["192.0.2.1"], ["k-1"])], unknown=unknown)
        document = office.json("explain", "192.0.2.9", "policy.cfg", ledger=False)
        assert document["group"] is None
        provider, = document["providers"]
        assert (provider["route"]["kind"], provider["route"]["reason"]) == (
            kind, "workstation is in no group")
        assert (provider["slot"], provider["seen"], provider["why_not"]) == (None, None, [])
    assert lines_of(office, "192.0.2.9", "policy.cfg", ledger=False) == {
        "address": "192.0.2.9", "group": "none: a workstation that the policy does not know",
        "route then": "backend secret: workstation is in no group"}


def test_a_key_that_is_switched_off_is_not_the_route(site):
    is_listed(site, "k-1", "192.0.2.1", "192.0.2.2")
    site.run("suspend", "k-1", "-m", "leaked")
    who = site.json("resume", "k-2")["switched_off"][0]["who"]
    assert provider_of(site, "192.0.2.1")["route"] == {
        "kind": "backend", "key": None, "backend": "secret",
        "reason": "key k-1 is switched off"}
    assert why_not(site, "192.0.2.3")["k-1"] == f"switched off by {who}: leaked"
    site.run("suspend", "secret")
    assert provider_of(site, "192.0.2.1")["route"]["reason"] == (
        "key k-1 is switched off; backend secret is switched off")
    assert provider_of(site, "192.0.2.3")["if_refused"]["kind"] == "refused"
    site.run("suspend", "--all", "-m", "audit")
    assert provider_of(site, "192.0.2.3")["route"] == {
        "kind": "refused", "key": None, "backend": None,
        "reason": "everything is switched off"}


def test_the_former_key_serves_until_the_new_one_is_live(site):
    is_listed(site, "k-1", "192.0.2.1", "192.0.2.2")
    site.policy(keys=[("k-1", {"capacity": 2}), ("k-2", {})],
                groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-2"])])
    site.run("apply", "policy.cfg")
    provider = provider_of(site, "192.0.2.1")
    assert set(provider["former"]) == SLOT
    assert (provider["slot"]["key"], provider["slot"]["state"]) == ("k-2", "wanted")
    assert (provider["former"]["key"], provider["former"]["state"]) == ("k-1", "leaving")
    assert (provider["route"]["kind"], provider["route"]["key"]) == ("key", "k-1")
    assert why_not(site, "192.0.2.1")["k-1"] == "the group may not use it"
    lines = lines_of(site, "192.0.2.1")
    assert lines["former slot"].startswith("k-1, leaving for ") or " on k-1, leaving for " in lines[
        "former slot"]
    assert lines["route now"].startswith("key k-1: former slot ")
    site.run("suspend", "k-1")
    assert provider_of(site, "192.0.2.1")["route"]["kind"] == "backend"


def test_a_key_that_the_address_is_leaving(office):
    """It may use both, and has given up the one that another needs more."""
    def policy(*support):
        office.policy(keys=[("k-1", {"capacity": 1}), ("k-2", {})],
                      groups=[("sales", ["192.0.2.1"], ["k-1", "k-2"]), *support])
        office.run("apply", "policy.cfg")
    policy()
    is_listed(office, "k-1", "192.0.2.1")
    policy(("support", ["198.51.100.1"], ["k-1"]))
    provider = provider_of(office, "192.0.2.1")
    assert (provider["slot"]["key"], provider["former"]["key"]) == ("k-2", "k-1")
    assert why_not(office, "192.0.2.1") == {"k-1": "the address is leaving it"}


def test_a_policy_that_is_not_applied(site):
    """Nothing is changed by it, and it is planned against what stands on the keys."""
    is_listed(site, "k-1", "192.0.2.1", "192.0.2.2")
    before = site.ledger.read_bytes()
    site.policy(name="new.cfg", keys=[("k-1", {"capacity": 2}), ("k-9", {})],
                groups=[("sales", ["192.0.2.1-192.0.2.5"], ["k-1", "k-9"])])
    stays, new = (site.json("explain", a, "new.cfg") for a in ("192.0.2.2", "192.0.2.5"))
    assert stays["from"] == new["from"] == "policy"
    assert (stays["providers"][0]["slot"]["key"], stays["providers"][0]["slot"]["state"]) == (
        "k-1", "live")
    assert (new["providers"][0]["slot"]["key"], new["providers"][0]["slot"]["state"]) == (
        "k-9", "wanted")
    assert "route then" in lines_of(site, "192.0.2.5", "new.cfg")
    assert site.json("explain", "192.0.2.5")["group"] is None
    assert site.ledger.read_bytes() == before


def test_two_groups_behind_one_address(office):
    nat = {"public": ["10.0.0.0/24 -> 203.0.113.7"]}
    office.policy(keys=[("k-1", {}), ("k-2", {})],
                  groups=[("sales", ["10.0.0.1"], ["k-1", "k-2"], nat),
                          ("support", ["10.0.0.2"], ["k-2"], nat)])
    office.run("apply", "policy.cfg")
    assert provider_of(office, "10.0.0.1")["slot"]["key"] == "k-2"
    assert why_not(office, "10.0.0.1") == {
        "k-1": "group support, behind the same address, may not use it"}


def test_room_that_has_come_since(office):
    """An administrator's own host is gone from the key: the next apply would use its place."""
    office.policy(keys=[("k-1", {"capacity": 2})], groups=[("sales", ["192.0.2.1"], ["k-1"])])
    office.run("apply", "policy.cfg")
    is_listed(office, "k-1", "192.0.2.1", "www.example.com")
    office.policy(keys=[("k-1", {"capacity": 2})],
                  groups=[("sales", ["192.0.2.1-192.0.2.2"], ["k-1"])])
    office.run("apply", "policy.cfg")
    assert why_not(office, "192.0.2.2") == {"k-1": "full: 1 of 2, 1 foreign"}
    is_listed(office, "k-1", "192.0.2.1")
    assert why_not(office, "192.0.2.2") == {"k-1": "has room by now: keyrouter apply would use it"}


def test_egress_by_the_router_and_from_the_desk_itself(office):
    office.policy(groups=[("floor", ["192.0.2.1-192.0.2.9"], ["k-1"], {"egress": "router"}),
                          ("own", ["198.51.100.1"], ["k-1"], {"egress": "direct"})])
    floor, = office.json("explain", "192.0.2.5", "policy.cfg", ledger=False)["providers"]
    assert (floor["egress"], floor["source"], floor["seen"], floor["slot"]["n_desks"]) == (
        "router", None, "router", 9)
    told, = office.json("explain", "192.0.2.5", "policy.cfg", "--router-address", "203.0.113.1",
                        ledger=False)["providers"]
    assert told["seen"] == "203.0.113.1"
    own, = office.json("explain", "198.51.100.1", "policy.cfg", ledger=False)["providers"]
    assert own["slot"]["key"] == "k-1"
    assert (own["route"]["kind"], own["route"]["reason"]) == (
        "backend", "egress is direct: only the workstation itself can use its key")


def test_a_host_name_of_the_policy_is_an_address_too(office):
    office.policy(groups=[("sales", ["desk-1.example.com"], ["k-1"])])
    (office.folder / "answers").write_text("192.0.2.11 desk-1.example.com\n")
    office.run("apply", "policy.cfg", "--hosts", "answers")
    document = office.json("explain", "Desk-1.example.com")
    assert (document["address"], document["group"]["name"]) == ("192.0.2.11", "sales")


@pytest.mark.parametrize("address", ["192.0.2", "192.0.2.0/24", "desk-1", "", "192.0.2.1-192.0.2.9"])
def test_what_is_no_address_is_refused(site, address):
    done = site.run("explain", address, status=64)
    assert done.err == (
        f'keyrouter explain: "{address}" is no address of a workstation, and no host name of the policy\n'
        "    write one address, as 10.1.2.3\n")
    assert site.json("explain", address, status=64)["status"] == 64


def test_without_a_daemon_there_is_a_remedy(office, tmp_path):
    done = office.run("explain", "192.0.2.1", ledger=False, status=69)
    assert "no answer from keyrouterd" in done.err
    assert done.err.endswith("    or ask about a policy: keyrouter explain ADDRESS POLICY\n")


def test_without_an_applied_policy_there_is_a_remedy(office):
    office.run("rollback", status=69)  # makes the ledger
    done = office.run("explain", "192.0.2.1", status=69)
    assert done.err == ("keyrouter explain: no policy has been applied yet\n"
                        "    run keyrouter apply POLICY\n")


def test_a_policy_with_a_mistake_is_refused(site):
    (site.folder / "bad.cfg").write_text("site = 1;\n")
    assert "bad.cfg" in site.run("explain", "192.0.2.1", "bad.cfg", status=65).err
    site.run("explain", "192.0.2.1", "missing.cfg", status=66)


def test_help_tells_usage_and_every_option(office):
    out = office.run("explain", "--help", ledger=False).out
    assert out.startswith("usage: keyrouter explain ADDRESS [POLICY]")
    assert set(re.findall(r"--([a-z-]+)", out)) == {"providers", "router-address", "socket", "ledger",
                                                    "json"}
    assert office.run("explain", ledger=False, status=64).err == (
        "keyrouter explain: ADDRESS is missing\n")
