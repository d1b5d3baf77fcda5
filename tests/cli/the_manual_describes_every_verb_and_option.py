# SPDX-License-Identifier: Apache-2.0
"""keyrouter(1) has an item for every verb, with its options, and for no other; so has OPTIONS."""
import re
import subprocess

import pytest
from support import REPOSITORY

MANUAL = REPOSITORY / "tools" / "keyrouter.1.scd"
COMMON = {"--json", "--socket", "--ledger", "--providers", "--router-address", "--why"}


def sections():
    parts = re.split(r"^# (.*)$", MANUAL.read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def verb_items():
    """{verb: the text of its item}"""
    parts = re.split(r"^\*([a-z][a-z -]*)\*", sections()["VERBS"], flags=re.M)
    assert len(set(parts[1::2])) == len(parts[1::2]), "an item stands twice"
    return dict(zip(parts[1::2], parts[2::2]))


def helps(office):
    """{verb: what help says of it}, of verbs that help lists and of those that the manual has beside."""
    names = re.findall(r"^  ([a-z][a-z-]*(?: [a-z-]+)*) ", office.run("help", ledger=False).out, re.M)
    found = {name: office.run("help", *name.split(), ledger=False, status=None)
             for name in {*names, *verb_items()}}
    return {name: done.out for name, done in found.items() if done.status == 0}


def options_of(text):
    return set(re.findall(r"^  (?:-[a-z], )?(--[a-z-]+)", text, re.M))


def test_every_verb_has_an_item_and_every_item_is_a_verb(office):
    assert set(verb_items()) == set(helps(office))


def test_every_option_of_a_verb_stands_in_its_item(office):
    items = verb_items()
    missing = {f"{verb} {option}" for verb, text in helps(office).items()
               for option in options_of(text) - COMMON
               if not re.search(rf"\*{option}\b(?!-)", items.get(verb, ""))}
    assert missing == set()


def test_no_item_describes_an_option_that_its_verb_has_not(office):
    known = {verb: options_of(text) for verb, text in helps(office).items()}
    unknown = {f"{verb} {option}" for verb, text in verb_items().items()
               for option in re.findall(r"^\t+(?:\*-[-a-z]+\*(?: _[A-Z]+_)?, )?\*(--[a-z-]+)", text, re.M)
               if option not in known.get(verb, set())}
    assert unknown == set()


def test_common_options_stand_in_options(office):
    every = set().union(*map(options_of, helps(office).values()))
    described = set(re.findall(r"^(?:\*-[a-z]\*, )?\*(--[a-z-]+)", sections()["OPTIONS"], re.M))
    assert described == (COMMON & every) | {"--help", "--version"}


def test_operands_are_those_of_help(office):
    """POLICY in help is _POLICY_ in the manual, in the same order."""
    items, differing = verb_items(), []
    for verb, text in helps(office).items():
        usage = text.split("\n", 1)[0].removeprefix(f"usage: keyrouter {verb}")
        operands = re.sub(r" \[-.*", "", usage).strip()
        told = items.get(verb, "").split("\n", 1)[0].replace("_", "").replace("*", "").strip()
        if told != operands:
            differing.append(f"{verb}: {told!r} is {operands!r}")
    assert differing == []


def exit_statuses():
    return {int(n) for line in re.findall(r"^\*(\d+)\*((?:, \*\d+\*)*)", sections()["EXIT STATUS"], re.M)
            for n in re.findall(r"\d+", "".join(line))}


def test_every_exit_status_of_the_sources_is_described():
    """Those of sysexits.h that commands and operations return."""
    values = dict(re.findall(r"#define\s+(EX_\w+)\s+(\d+)", subprocess.run(
        ["cc", "-E", "-dM", "-include", "sysexits.h", "-xc", "/dev/null"], capture_output=True,
        text=True, check=True).stdout))
    used = set()
    for folder in ("tools", "policy/operation"):
        for path in (REPOSITORY / folder).glob("*.c"):
            used |= set(re.findall(r"\bEX_[A-Z]+\b", path.read_text()))
    assert {int(values[name]) for name in used} - exit_statuses() == set()


def test_the_policy_s_page_and_the_command_s_propose_the_same_drop_in():
    command = re.compile(r"^\t?(keyrouter import csv .*)$", re.M)
    [policy] = command.findall((REPOSITORY / "policy" / "keyrouter-policy.5.scd").read_text())
    [manual] = command.findall(sections()["EXAMPLES"])
    assert policy == manual
    output = re.search(r"-o (\S+)$", policy)[1]
    assert f"*{output}*" in verb_items()["import csv"]


def test_the_bounds_of_integers_in_control_md_are_those_of_the_operations():
    sources = {path: path.read_text() for path in (REPOSITORY / "policy/operation").glob("*.[ch]")}
    numbers = dict(re.findall(r"^#define (\w+) (\d+)", "\n".join(sources.values()), re.M))
    taken = {name: (least, numbers.get(most, most)) for text in sources.values() for name, least, most in
             re.findall(r'op_integer\(o, "(\w+)", (\d+), (\w+)', text)}
    text = (REPOSITORY / "docs" / "control.md").read_text()
    told = {name: bounds for name, *bounds in re.findall(r"`(\w+)`(?: rows)? \((\d+) to (\d+)", text)}
    assert {"confirm_within_s", "limit"} <= told.keys() & taken.keys()
    assert {name: tuple(bounds) for name, bounds in told.items() if name in taken} == \
        {name: bounds for name, bounds in taken.items() if name in told}


@pytest.mark.parametrize("page", ["tools/keyrouter.1.scd", "workstation/keyshim.1.scd",
                                  "router/keyrouterd.8.scd", "policy/keyrouter-policy.5.scd"])
def test_the_page_is_made(page):
    done = subprocess.run(["scdoc"], stdin=open(REPOSITORY / page), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
