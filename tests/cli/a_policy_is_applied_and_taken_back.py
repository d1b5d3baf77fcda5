# SPDX-License-Identifier: Apache-2.0
"""apply, confirm and rollback on a ledger that no daemon holds."""
import fcntl
import os
import pwd

import pytest

A = [("sales", ["192.0.2.1", "192.0.2.2"], ["k-1"])]
B = [("sales", ["192.0.2.2", "192.0.2.3"], ["k-2"])]
KEYS = (("k-1", {}), ("k-2", {}))


@pytest.fixture
def twice(office):
    """Row 1 is A, row 2 is B."""
    for groups in (A, B):
        office.policy(keys=KEYS, groups=groups)
        office.run("apply", "policy.cfg")
    return office


def hosts_on(office, key):
    [found] = [k for k in office.json("allowlist")["keys"] if k["name"] == key]
    return {kind: [h["host"] for h in found[kind]] for kind in ("add", "remove")}


def test_apply_says_what_it_did_and_what_is_to_be_done(office):
    office.policy(groups=A)
    done = office.run("apply", "policy.cfg", "-m", "the first desks")
    assert done.out == (
        "Row 1: 2 of 2 desks on keys, 0 moves; at the vendor 2 to add, 0 to remove\n"
        "To be done at the vendor: 2 to add, 0 to remove. See: keyrouter allowlist\n")
    [row] = office.json("history")["rows"]
    assert (row["what"], row["why"], row["revision"]) == ("apply", "the first desks", 1)
    assert hosts_on(office, "k-1") == {"add": ["192.0.2.1", "192.0.2.2"], "remove": []}


def test_to_apply_it_again_changes_nothing(office):
    office.policy(groups=A)
    office.run("apply", "policy.cfg")
    assert office.run("apply", "policy.cfg").out == "Nothing to change: this policy is in force already\n"
    document = office.json("apply", "policy.cfg")
    assert (document["schema"], document["applied"], document["revision"]) == ("keyrouter.apply/1", False, 1)
    assert len(office.json("history")["rows"]) == 1


def test_the_history_names_who_it_was(office):
    office.policy(groups=A)
    office.run("apply", "policy.cfg", environment={"SUDO_USER": "dana"})
    user = pwd.getpwuid(os.getuid()).pw_name
    [row] = office.json("history")["rows"]
    assert row["who"] == ("dana (by sudo)" if os.getuid() == 0 else user)  # nobody else can say so


@pytest.mark.parametrize("text, status, message", [
    ('site = "x";\nproviders = [ "nobody" ];\n', 65, "policy.cfg:2"),
    ("site = ;\n", 65, "policy.cfg:1"),
    (None, 66, "policy.cfg"),
])
def test_a_bad_policy_leaves_everything_as_it_is(office, text, status, message):
    office.policy(groups=A)
    office.run("apply", "policy.cfg")
    path = office.folder / "policy.cfg"
    path.unlink()
    if text:
        path.write_text(text)
    done = office.run("apply", "policy.cfg", status=status)
    assert message in done.err and done.out == ""
    for verb in ("plan", "apply"):
        answer = office.json(verb, "policy.cfg", status=status)
        assert (answer["schema"], answer["status"]) == ("keyrouter.error/1", status)
        assert "error" in {finding["level"] for finding in answer["findings"]}
    assert office.json("status")["revision"] == 1


def test_an_error_that_only_a_plan_finds_is_told_likewise(office):
    """Two groups behind one address without a common key."""
    office.policy(keys=KEYS, groups=[
        ("a", ["192.0.2.1"], ["k-1"], {"egress": ["203.0.113.1"]}),
        ("b", ["192.0.2.2"], ["k-2"], {"egress": ["203.0.113.1"]})])
    done = office.run("apply", "policy.cfg", status=65)
    assert "error:" in done.err and "203.0.113.1" in done.err and done.out == ""


# ---- going back

def test_rollback_goes_to_the_policy_before_or_to_a_row(twice):
    done = twice.run("rollback", "-m", "too soon")
    assert done.out.startswith("Row 3: the policy of row 1 again: ")
    assert "Verified: every slot has the key that it had at row 1\n" in done.out
    assert "k-1" not in str(hosts_on(twice, "k-2")["add"])
    assert hosts_on(twice, "k-1")["add"] == ["192.0.2.1", "192.0.2.2"]
    document = twice.json("rollback", "2")
    assert (document["restores"], document["verified"], document["differing"]) == (2, True, 0)
    assert [row["what"] for row in twice.json("history")["rows"]] == ["rollback", "rollback", "apply", "apply"]
    assert twice.json("history")["rows"][1]["why"] == "too soon"


def test_what_was_still_to_be_added_and_is_not_any_more_is_told(office):
    """Somebody may have entered it already, and said nothing yet."""
    office.policy(groups=[("a", ["192.0.2.1-192.0.2.3"], ["k-1"])])
    assert "to be added no more" not in office.run("apply", "policy.cfg").out
    office.policy(groups=[("a", ["192.0.2.3"], ["k-1"])])
    done = office.run("apply", "policy.cfg")
    assert "2 hosts are to be added no more: what you entered of them already, remove it again. " \
           "See: keyrouter diff 1 2\n" in done.out
    assert office.json("rollback")["dropped"] == 0


@pytest.mark.parametrize("words, status, reason", [
    (("99",), 66, "no policy was in force at row 99, or it is no longer kept"),
    (("0",), 64, '"0" is no row of keyrouter history'),
    (("two",), 64, '"two" is no row of keyrouter history'),
    (("1", "2"), 64, '"2" is one argument too many'),
])
def test_there_is_no_way_back_to_what_is_no_row(twice, words, status, reason):
    assert reason in twice.run("rollback", *words, status=status).err
    assert len(twice.json("history")["rows"]) == 2


def test_the_first_policy_has_none_before_it(office):
    office.policy(groups=A)
    office.run("apply", "policy.cfg")
    assert "there is no earlier policy to go back to" in office.run("rollback", status=69).err


# ---- what needs the daemon, or the ledger

def test_only_the_daemon_can_go_back_by_itself(twice):
    for verb in (("apply", "policy.cfg"), ("rollback",)):
        done = twice.run(*verb, "--confirm-within", "10m", status=69)
        assert "only the running daemon can take an apply back by itself" in done.err
        for wrong in ("soon", "0", "10", "0m", "-5m", "10x", "", "25h", "2d"):
            done = twice.run(*verb, "--confirm-within", wrong, status=64)
            assert f'--confirm-within wants a time such as 10m or 90s, not "{wrong}"' in done.err
    assert "nothing waits for a confirmation" in twice.run("confirm", status=69).err


def test_a_ledger_that_another_process_holds_is_left_alone(twice):
    with open(f"{twice.ledger}.lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for verb in (("plan", "policy.cfg"), ("apply", "policy.cfg"), ("rollback",)):
            done = twice.run(*verb, status=69)
            assert "ask the daemon that holds it, with --socket; or stop it" in done.err
    twice.run("plan", "policy.cfg")


def test_without_daemon_and_ledger_only_looking_works(office):
    office.policy(groups=A)
    assert "2 to add" in office.run("plan", "policy.cfg", ledger=False).out
    for words in (("apply", "policy.cfg"), ("plan", "policy.cfg", "--socket", "none.sock")):
        done = office.run(*words, ledger=False, status=69)
        assert "no answer from keyrouterd" in done.err and "--ledger FILE" in done.err
