# SPDX-License-Identifier: Apache-2.0
"""resolve and apply pin what host names of the policy stand for; an answer that changes moves nobody."""
import pytest
from support.site import PROVIDER

PROVIDERS = ("--providers", str(PROVIDER.parent))


@pytest.fixture
def named(office):
    """A policy with two host names; hosts() writes what they resolve to."""
    def hosts(**names):
        (office.folder / "hosts").write_text("# name answers\n" + "".join(
            f"{address} {name.replace('_', '-')}.example\n" for name, addresses in names.items()
            for address in addresses.split()))
        return "hosts"
    office.policy(groups=[("sales", ["192.0.2.1", "desk-1.example", "Desk-2.example"], ["k-1"])])
    office.hosts = hosts
    return office


def resolve(office, *words, **options):
    return office.json("resolve", *words, "--hosts", "hosts", **options)


def wanted(office):
    """What the plan puts on the key."""
    [key] = office.json("plan", "policy.cfg")["keys"]
    return key["add"]


def test_a_new_name_is_pinned_and_an_answer_that_differs_is_told(named):
    named.hosts(desk_1="192.0.2.11 192.0.2.12")
    first = resolve(named, "policy.cfg", "-m", "new desks")
    assert first["schema"] == "keyrouter.resolve/1"
    assert first["names"] == ["desk-1.example", "desk-2.example"]
    assert first["pinned"] == ["desk-1.example"] and first["unresolved"] == ["desk-2.example"]
    assert wanted(named) == ["192.0.2.1", "192.0.2.11", "192.0.2.12"]
    [row] = named.json("history")["rows"]
    assert (row["what"], row["why"]) == ("resolve", "new desks")

    named.hosts(desk_1="192.0.2.13", desk_2="192.0.2.20")
    second = resolve(named, "policy.cfg")
    assert second["pinned"] == ["desk-2.example"]
    assert second["changed"] == [{"name": "desk-1.example", "was": ["192.0.2.11", "192.0.2.12"],
                                  "is": ["192.0.2.13"]}]
    assert wanted(named) == ["192.0.2.1", "192.0.2.11", "192.0.2.12", "192.0.2.20"]

    third = resolve(named, "policy.cfg", "--update")
    assert [c["name"] for c in third["changed"]] == ["desk-1.example"] and third["unchanged"] == 1
    assert wanted(named) == ["192.0.2.1", "192.0.2.13", "192.0.2.20"]
    assert resolve(named, "policy.cfg")["unchanged"] == 2
    assert len(named.json("history")["rows"]) == 3  # nothing to pin is no row


def test_it_says_all_of_it_to_people(named):
    named.hosts(desk_1="192.0.2.11")
    done = named.run("resolve", "policy.cfg", "--hosts", "hosts")
    assert done.out == "2 names: 1 pinned now, 0 unchanged, 0 with another answer, 1 without an answer\n"
    assert done.err == "keyrouter resolve: no answer for desk-2.example\n"
    named.hosts(desk_1="192.0.2.12 192.0.2.13", desk_2="192.0.2.20")
    done = named.run("resolve", "policy.cfg", "--hosts", "hosts")
    assert "2 names: 1 pinned now, 0 unchanged, 1 with another answer, 0 without" in done.out
    assert "  desk-1.example  192.0.2.11  192.0.2.12, 192.0.2.13\n" in done.out
    assert "keyrouter resolve --update" in done.out
    done = named.run("resolve", "policy.cfg", "--hosts", "hosts", "--update")
    assert "0 pinned now, 1 unchanged, 1 changed" in done.out and "keyrouter plan says" in done.out


def test_apply_pins_by_the_same_step(named):
    named.hosts(desk_1="192.0.2.11", desk_2="2001:db8::20")
    document = named.json("apply", "policy.cfg", "--hosts", "hosts")
    assert document["plan"]["keys"][0]["add"] == ["192.0.2.1", "192.0.2.11", "2001:db8::20"]
    named.hosts(desk_1="192.0.2.99", desk_2="2001:db8::20")
    again = named.run("apply", "policy.cfg", "--hosts", "hosts")
    assert "Nothing to change" in again.out
    assert 'host name "desk-1.example" is pinned to 192.0.2.11, but DNS now says 192.0.2.99' in again.err


def test_the_policy_in_force_is_resolved_without_its_file(named):
    named.hosts(desk_1="192.0.2.11", desk_2="192.0.2.12")
    assert "no policy has been applied" in named.run("resolve", "--hosts", "hosts", status=69).err
    named.run("apply", "policy.cfg", "--hosts", "hosts")
    (named.folder / "policy.cfg").unlink()
    named.hosts(desk_1="192.0.2.11", desk_2="192.0.2.13")
    document = resolve(named)
    assert document["unchanged"] == 1 and [c["name"] for c in document["changed"]] == ["desk-2.example"]


def test_a_policy_without_names_asks_nobody(office):
    office.policy(groups=[("sales", ["192.0.2.1"], ["k-1"])])
    assert office.run("resolve", "policy.cfg").out == "The policy names no hosts\n"


def test_a_name_that_dns_does_not_know_is_no_error(office):
    """By the system's resolver: .invalid is nobody's (RFC 6761)."""
    office.policy(groups=[("sales", ["192.0.2.1", "desk.invalid", "localhost"], ["k-1"])])
    document = office.json("resolve", "policy.cfg")
    assert document["unresolved"] == ["desk.invalid"]
    assert document["pinned"] == ["localhost"]


@pytest.mark.parametrize("text, status, reason", [
    (None, 66, "hosts: No such file"),
    ("192.0.2.1 desk-1.example\ndesk-2.example 192.0.2.2\n", 65, "hosts:2: error: a line is an address"),
])
def test_a_file_of_answers_that_is_none_is_refused(named, text, status, reason):
    if text:
        (named.folder / "hosts").write_text(text)
    for verb in ("resolve", "apply"):
        assert reason in named.run(verb, "policy.cfg", "--hosts", "hosts", status=status).err
    assert named.json("history")["rows"] == []
