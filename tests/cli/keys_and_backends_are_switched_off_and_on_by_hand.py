# SPDX-License-Identifier: Apache-2.0
"""keyrouter suspend and resume: the panic switch, which holds until it is switched back."""
import re

import pytest


@pytest.fixture
def applied(office):
    office.policy(keys=[("k-1", {}), ("k-2", {})], groups=[("sales", ["192.0.2.1"], ["k-1"])])
    office.run("apply", "policy.cfg")
    return office


def off_of(office):
    """What an answer says is off: a resume of nothing that is off changes nothing."""
    return {s["name"]: s for s in office.json("resume", "k-2")["switched_off"]}


def rows_of(office):
    return len(office.json("history")["rows"])


def test_a_key_and_a_backend_by_their_names(applied):
    done = applied.run("suspend", "k-1", "secret", "-m", "leaked")
    lines = done.out.splitlines()
    assert lines[:2] == ["Suspended: key k-1", "Suspended: backend secret"]
    assert lines[2].split() == ["suspended", "by", "since", "why"]
    assert re.fullmatch(r"backend secret  \S+  \S+Z  leaked", lines[3])
    assert re.fullmatch(r"key k-1         \S+  \S+Z  leaked", lines[4])
    off = off_of(applied)
    assert set(off) == {"key:k-1", "backend:secret"}
    assert {s["why"] for s in off.values()} == {"leaked"}


def test_json_has_the_members_of_the_contract(applied):
    document = applied.json("suspend", "k-1", "-m", "leaked")
    assert set(document) == {"schema", "suspended", "changed", "switched_off"}
    assert (document["schema"], document["suspended"], document["changed"]) == (
        "keyrouter.switch/1", True, ["key:k-1"])
    switch, = document["switched_off"]
    assert set(switch) == {"name", "who", "why", "at"}
    assert (switch["name"], switch["why"]) == ("key:k-1", "leaked")
    resumed = applied.json("resume", "k-1")
    assert (resumed["suspended"], resumed["changed"], resumed["switched_off"]) == (False, ["key:k-1"], [])


def test_twice_is_no_more_than_once_and_keeps_the_first_reason(applied):
    applied.run("suspend", "k-1", "-m", "first")
    n_rows = rows_of(applied)
    again = applied.run("suspend", "k-1", "-m", "second")
    assert again.out.startswith("Nothing to change: suspended already\n")
    assert off_of(applied)["key:k-1"]["why"] == "first"
    applied.run("resume", "k-1")
    assert applied.run("resume", "k-1").out == (
        "Nothing to change: not suspended\nNothing is suspended by hand now\n")
    assert rows_of(applied) == n_rows + 1


def test_everything_at_once(applied):
    done = applied.run("suspend", "--all", "-m", "panic")
    assert done.out.startswith("Suspended: everything\n")
    assert set(off_of(applied)) == {"all"}


def test_resume_all_ends_every_switch(applied):
    applied.run("suspend", "k-1")
    applied.run("suspend", "--all")
    document = applied.json("resume", "--all")
    assert sorted(document["changed"]) == ["all", "key:k-1"]
    assert document["switched_off"] == []


def test_a_name_does_not_end_the_switch_of_everything(applied):
    applied.run("suspend", "--all")
    done = applied.run("resume", "k-1")
    assert "everything" in done.out
    assert set(off_of(applied)) == {"all"}


def test_the_history_tells_it(applied):
    applied.run("suspend", "k-1", "-m", "leaked")
    applied.run("resume", "k-1")
    rows = applied.json("history")["rows"]
    assert [(r["what"], r["why"], r["summary"]) for r in rows[:2]] == [
        ("resume", None, "resumed key:k-1"), ("suspend", "leaked", "suspended key:k-1")]


def test_a_key_and_a_backend_of_one_name_are_told_apart(office):
    office.policy(keys=[("twin", {})], backend="twin", groups=[("sales", ["192.0.2.1"], ["twin"])])
    office.run("apply", "policy.cfg")
    err = office.run("suspend", "twin", status=65).err
    assert 'both a key and a backend are called "twin"' in err and "say key:NAME or backend:NAME" in err
    assert office.json("suspend", "backend:twin")["changed"] == ["backend:twin"]


def test_a_key_that_left_the_policy_can_still_be_resumed(applied):
    applied.run("suspend", "k-2")
    applied.policy(keys=[("k-1", {})], groups=[("sales", ["192.0.2.1"], ["k-1"])])
    applied.run("apply", "policy.cfg")
    assert applied.json("resume", "k-2")["changed"] == ["key:k-2"]


def test_one_unknown_name_refuses_all_and_each_is_named_with_the_nearest(applied):
    n_rows = rows_of(applied)
    err = applied.run("suspend", "k-1", "k-22", "secrte", status=65).err
    assert 'error: the policy in force has no key and no backend "k-22"\n    did you mean "k-2"?' in err
    assert 'error: the policy in force has no key and no backend "secrte"\n    did you mean "secret"?' in err
    assert rows_of(applied) == n_rows


def test_a_reason_is_cut_at_a_character(applied):
    applied.run("suspend", "k-1", "-m", "ü" * 300)
    assert off_of(applied)["key:k-1"]["why"] == "ü" * 127


@pytest.mark.parametrize("verb", ["suspend", "resume"])
@pytest.mark.parametrize("words", [[], ["k-1", "--all"]])
def test_either_names_or_all(applied, verb, words):
    err = applied.run(verb, *words, status=64).err
    assert err == f"keyrouter {verb}: say which keys and backends, or --all\n"


def test_before_the_first_apply_there_is_nothing_to_suspend(office):
    assert "no policy has been applied yet" in office.run("suspend", "--all", status=69).err
    assert office.json("resume", "--all")["changed"] == []


def test_names_of_64_characters_can_be_suspended(office):
    name = "b" * 64
    office.policy(keys=[(name, {})], backend=name[:-1] + "c", groups=[("sales", ["192.0.2.1"], [name])])
    office.run("apply", "policy.cfg")
    assert office.json("suspend", name, name[:-1] + "c")["changed"] == [
        f"key:{name}", f"backend:{name[:-1]}c"]
