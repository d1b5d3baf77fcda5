# SPDX-License-Identifier: Apache-2.0
"""Verbs, options and operands that are not there or too many: what was meant, and status 64."""
import pytest


@pytest.mark.parametrize("words, message", [
    (("plna",), 'unknown verb "plna": did you mean "plan"?'),
    (("xyzzy",), 'unknown verb "xyzzy"\nTry: keyrouter help'),
    (("--versoin",), 'unknown option "--versoin"'),
    (("allowlist", "confrim", "k-1"), '"k-1" is one argument too many'),
    (("ledger",), '"ledger" wants a second word: keyrouter ledger backup, keyrouter ledger restore,'),
    (("import", "desks.csv"), 'unknown verb "import desks.csv"\nThere is: keyrouter import csv\nTry:'),
    (("ledger", "verfy"), 'unknown verb "ledger verfy": did you mean "ledger verify"?'),
    (("ledger", "--json"), 'unknown verb "ledger"'),
    (("plan", "--detailed-exitcod3"), 'did you mean "--detailed-exitcode"?'),
    (("plan", "--frobnicate"), 'unknown option "--frobnicate"\nTry: keyrouter help plan'),
    (("plan", "-x"), 'unknown option "-x"'),
    (("plan", "-m", "why"), 'unknown option "-m"'),
    (("plan", "a.cfg", "b.cfg"), 'keyrouter plan: "b.cfg" is one argument too many'),
    (("plan", "-o"), "-o wants a value"),
    (("plan", "--output"), "--output wants a value"),
    (("explain",), "keyrouter explain: ADDRESS is missing"),
    (("help", "nothing"), 'there is no verb "nothing"'),
    (("confirm", "x"), '"x" is one argument too many'),
])
def test_what_was_most_likely_meant_is_said(office, words, message):
    done = office.run(*words, status=64, ledger=False)
    assert message in done.err and done.out == ""


def test_without_words_it_says_how_it_is_used(office):
    done = office.run(status=64, ledger=False)
    assert done.err.startswith("usage: keyrouter VERB ...") and done.out == ""
    for words in (("--help",), ("-h",), ("help",)):
        done = office.run(*words, ledger=False)
        assert done.out.startswith("usage: keyrouter VERB ...") and done.err == ""
    assert office.run("--version", ledger=False).out.startswith("keyrouter ")


def test_options_stand_anywhere_and_end_with_two_dashes(office):
    office.policy(groups=[("sales", ["192.0.2.1"], ["k-1"])])
    first = office.json("plan", "policy.cfg")
    assert office.json("plan", "--detailed-exitcode", "policy.cfg", status=2) == first
    done = office.run("plan", "--", "--json", ledger=False, status=66)
    assert "--json: error: cannot be read" in done.err


def test_a_full_disk_is_an_error_of_the_output(office):
    office.policy(groups=[("sales", ["192.0.2.1"], ["k-1"])])
    for words in (("plan", "policy.cfg"), ("plan", "policy.cfg", "--json"), ("help",)):
        done = office.run(*words, ledger=False, status=74, to="/dev/full")
        assert "cannot write the output" in done.err
