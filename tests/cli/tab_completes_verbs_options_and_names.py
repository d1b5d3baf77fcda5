# SPDX-License-Identifier: Apache-2.0
"""The completion, driven as bash drives it, knows every verb and option that the program knows."""
import pathlib
import re
import subprocess

import pytest
from support import REPOSITORY

COMPLETION = REPOSITORY / "tools" / "keyrouter.bash-completion"
SCRIPT = """
source "$1" || exit 99
program=$2; shift 2
COMP_WORDS=(keyrouter "$@"); COMP_CWORD=$#
_keyrouter "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
ANSWERS = {"groups": "sales support", "keys": "k-1 k-2", "backends": "secret"}


@pytest.fixture
def complete(office):
    """What TAB offers behind these words, the last of which is being written."""
    def run(*words):
        done = subprocess.run(
            ["bash", "--norc", "-uc", SCRIPT, "bash", COMPLETION, office.program, *words],
            cwd=office.folder, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return sorted(filter(None, done.stdout.split("\n")))
    return run


@pytest.fixture
def named(office, tmp_path):
    """The program, but for what it answers to `names`."""
    real, office.program = office.program, tmp_path / "with-names"
    cases = "\n".join(f"  'names {kind}') printf '%s\\n' {names} ;;" for kind, names in ANSWERS.items())
    office.program.write_text(f"#!/bin/bash\ncase \"$1 ${{2-}}\" in\n{cases}\n"
                              f"  *) exec {real} \"$@\" ;;\nesac\n")
    office.program.chmod(0o755)
    return office


def verbs_of(office):
    """{verb: its options with what each takes}, as the program tells them."""
    names = re.findall(r"^  ([a-z][a-z-]*(?: [a-z-]+)*) ", office.run("help", ledger=False).out, re.M)
    helps = {name: office.run("help", *name.split(), ledger=False).out for name in names}
    return {name: re.findall(r"^  (?:-[a-z], )?(--[a-z-]+)", text, re.M) for name, text in helps.items()}


def test_every_verb_is_offered(office, complete):
    verbs = verbs_of(office)
    assert len(verbs) > 15 and "allowlist confirm" in verbs
    assert complete("") == sorted({name.split()[0] for name in verbs} | {"--help", "--version"})
    for name in verbs:
        first, *second = name.split()
        assert first in complete(first[:-1])
        if second:
            assert second[0] in complete(first, "")
            assert complete(first, second[0][:-1]) == second
        assert first in complete("help", "")
        assert not second or second[0] in complete("help", first, "")


def test_every_option_is_offered(office, complete):
    n = 0
    for name, options in verbs_of(office).items():
        assert complete(*name.split(), "--") == sorted({*options, "--help"}), name
        assert complete(*name.split(), "x", "--") == sorted({*options, "--help"}), name
        n += len(options)
    assert n > 60


@pytest.mark.parametrize("words, offered", [
    (("init", "--egress", ""), ["direct", "router", "transparent"]),
    (("init", "--egress", "t"), ["transparent"]),
    (("init", "--egress", "=", "t"), ["transparent"]),
    (("init", "--egress", "="), ["direct", "router", "transparent"]),
    (("init", "--public", ""), ["router", "same"]),
    (("init", "--backend", ""), ["none"]),
    (("init", "--site", ""), []),
    (("allowlist", "--format", ""), ["csv", "json", "text"]),
    (("allowlist", "--only", "a"), ["add"]),
    (("import", "csv", "x", "--group", ""), ["sales", "support"]),
    (("workstation-config", "s"), ["sales", "support"]),
    (("workstation-config", "sales", "c"), ["conf.d"]),
    (("workstation-config", "--router", "r:1", "su"), ["support"]),
    (("allowlist", "k"), ["k-1", "k-2"]),
    (("allowlist", ""), ["confirm", "import", "k-1", "k-2"]),
    (("allowlist", "confirm", ""), ["k-1", "k-2"]),
    (("allowlist", "confirm", "k-1", ""), []),
    (("suspend", "k-1", ""), ["k-1", "k-2", "secret"]),
    (("check", ""), ["a b.cfg", "conf.d", "policy.cfg"]),
    (("check", "p"), ["policy.cfg"]),
    (("check", "policy.cfg", ""), []),
    (("check", "--json", ""), ["a b.cfg", "conf.d", "policy.cfg"]),
    (("check", "--providers", ""), ["conf.d"]),
    (("apply", ""), ["a b.cfg", "conf.d", "plan.json", "policy.cfg"]),
    (("apply", "-m", "why", "pl"), ["plan.json"]),
    (("apply", "-m", ""), []),
    (("plan", "-o", "pl"), ["plan.json"]),
    (("status", "--ledger", "l"), ["ledger.db"]),
    (("rollback", ""), []),
    (("nothing", ""), []),
    (("nothing", "--"), []),
])
def test_values_and_operands(named, complete, words, offered):
    for name in ("policy.cfg", "a b.cfg", "plan.json", "ledger.db"):
        (named.folder / name).touch()
    (named.folder / "conf.d").mkdir()
    assert complete(*words) == offered


def test_names_are_those_of_the_policy_in_force(office, complete):
    office.policy(keys=(("k-1", {}), ("other", {})), groups=[("sales", ["192.0.2.1"], ["k-1"])])
    office.run("apply", "policy.cfg")
    ledger = ("--ledger", str(office.ledger))
    assert complete("allowlist", "confirm", *ledger, "") == ["k-1", "other"]
    assert complete("workstation-config", *ledger, "s") == ["sales"]
    assert complete("suspend", *ledger, "s") == ["secret"]
    assert complete("whatif", *ledger, "--remove-key", "") == ["k-1", "other"]


def test_without_an_answer_to_names_there_is_none(office, complete):
    """No daemon: nothing is offered, and nothing said into the person's line."""
    assert complete("allowlist", "confirm", "") == []


def test_vendors_are_those_that_are_installed(office, complete):
    folder = re.search(r"definitions in DIR, not in (\S+)",
                       office.run("help", "check", ledger=False).out)[1]
    installed = sorted(p.stem for p in pathlib.Path(folder).glob("*.cfg"))
    assert complete("init", "--provider", "") == installed
