# SPDX-License-Identifier: Apache-2.0
"""init writes a policy that passes check, from options or from answers on a terminal, over no file."""
import itertools
import json
import os

import pytest
from conftest import PROVIDERS

BLOCK = ("--workstations", "10.20.0.0/24")
PROVIDER = ("us-zero", """
name = "us-zero";
apis = ( { name = "zero"; host = "api.zero.example"; paths = [ "/*" ]; embedded = [ "GET" ]; } );
embedded = { query = { account = "$account"; key = "$key"; }; capacity = 5; };
strip_query = [ "account", "key" ];
""")


@pytest.fixture
def init(office):
    def run(*words, status=0, **options):
        return office.run("init", *PROVIDERS, *words, status=status, ledger=False, **options)
    return run


def findings_of(office, path, *more):
    """What check says of it; the test fails where that is an error."""
    return office.run("check", path, *(more or PROVIDERS), ledger=False).err


NAMES = ((), ("--site", "a" * 64, "--group", "sales", "--backend", "spare"))
KEYS = ((), ("--keys", "0"), ("--keys", "north,south"))
DESKS = (BLOCK, ("--workstations", "10.20.0.0/23, 10.20.2.10 - 10.20.2.59; 10.20.3.1 10.20.3.2"),
         ("--workstations", "2001:db8:1::10-2001:db8:1::20,10.20.0.7"),
         ("--workstations", "198.51.100.8/31,198.51.100.12/32"))
SEEN = ((), ("--public", "same"), ("--public", "router"), ("--public", "203.0.113.7"),
        ("--public", "10.20.0.0/22 -> 198.51.100.0/22, 198.51.100.0/24 -> 203.0.113.9"),
        ("--egress", "direct"), ("--egress", "192.0.2.10,192.0.2.11"), ("--egress", "router"),
        ("--egress", "transparent", "--public", "203.0.113.7"))


@pytest.mark.parametrize("desks, seen", itertools.product(DESKS, SEEN))
def test_whatever_is_told_the_policy_passes_check(office, init, desks, seen):
    for n, (names, keys) in enumerate(itertools.product(NAMES, KEYS)):
        init(*names, *keys, *desks, *seen, "-o", f"{n}.cfg")
        assert "error" not in findings_of(office, f"{n}.cfg")
        assert 'include = [ "conf.d/*.cfg" ];' in (office.folder / f"{n}.cfg").read_text()


@pytest.mark.parametrize("provider", ["alloy", "smarty"])
def test_a_vendor_without_embedded_keys_is_served_by_its_backend(office, init, provider):
    done = init("--provider", provider, "--keys", "0", *BLOCK, "-o", "policy.cfg")
    assert "254 by the backend" in done.err
    assert findings_of(office, "policy.cfg") == ""
    refused = init("--provider", provider, "--keys", "0", "--backend", "none", *BLOCK, status=64)
    assert "--backend: without embedded keys there must be a backend" in refused.err


def test_a_definition_of_ones_own_is_taken_by_its_path(office, init):
    path = office.folder / f"{PROVIDER[0]}.cfg"
    path.write_text(PROVIDER[1])
    done = init("--provider", path, "--keys", "2", *BLOCK, "-o", "policy.cfg")
    assert findings_of(office, "policy.cfg") == ""
    assert "10 desks on 2 keys" not in done.err  # all share the router's address
    assert "us-zero-main-2: each the lines account=... and key=..." in done.err
    assert "backends = [" not in (office.folder / "policy.cfg").read_text()
    # The first that is installed, where the usual one is not.
    done = office.run("init", "--providers", office.folder / "folder", *BLOCK, ledger=False, status=64)
    assert "--provider is missing" in done.err
    (office.folder / "folder").mkdir()
    path.rename(office.folder / "folder" / path.name)
    done = office.run("init", "--providers", office.folder / "folder", *BLOCK, ledger=False)
    assert 'providers = [ "us-zero" ];' in done.out


def test_networks_and_broadcast_addresses_are_no_desks(office, init):
    done = init("--workstations", "198.51.100.0/24,203.0.113.0/31", "--keys", "1")
    assert 'except = [ "198.51.100.0", "198.51.100.255" ];' in done.out
    assert "256 workstations behind 256 egress addresses: 100 desks on 1 key, 156 by the backend" \
        in done.err


def test_it_ends_with_what_to_do_next(init):
    done = init("--site", "austin", "--keys", "2", *BLOCK, "--public", "203.0.113.7")
    assert done.out.startswith("# Policy of site austin")
    for text in ("smarty-austin-2: each the line key=...",
                 "smarty-austin-secret: the lines id=... and token=...",
                 "keyrouter check policy.cfg", "keyrouter plan policy.cfg --router-address 203.0.113.7",
                 "keyrouter apply policy.cfg --router-address 203.0.113.7", "keyrouter allowlist",
                 'address = "203.0.113.7";'):
        assert text in done.err
    assert "capability" in init(*BLOCK, "--public", "same").err


@pytest.mark.parametrize("words, reason", [
    ((), "--workstations is missing"),
    ((*BLOCK, "--site", "two words"), '--site: "two words" is no name'),
    ((*BLOCK, "--provider", "smart"), 'there is no definition "smart": installed are alloy, smarty'),
    ((*BLOCK, "--provider", "../smarty"), "there is no definition"),
    ((*BLOCK, "--provider", "own.cfg"), "write the whole path"),
    ((*BLOCK, "--keys", "1001"), "at most 1000 keys"),
    ((*BLOCK, "--keys", "a,b,a"), '"a" is there twice'),
    ((*BLOCK, "--keys", "a,.b"), '".b" is neither a number nor a name'),
    ((*BLOCK, "--keys", "-1"), '"-1" is neither'),
    ((*BLOCK, "--keys", ""), "write how many there are"),
    ((*BLOCK, "--provider", "alloy", "--keys", "1"), 'provider "alloy" has no embedded keys'),
    (("--workstations", "10.20.0.5/24"), "has bits set behind its prefix length"),
    (("--workstations", "10.20.0.9-10.20.0.1"), '"10.20.0.9-10.20.0.1" of workstations'),
    (("--workstations", "10.20.0.0/24,10.20.0.7"), '"10.20.0.0/24" and "10.20.0.7" overlap'),
    (("--workstations", '10.0.0.1"; x = "'), "--workstations: "),
    (("--workstations", "10.20.0.1 to 10.20.0.9"), '"to" is no address: write first-last'),
    (("--workstations", "desks.csv"), '"desks.csv" is no address'),
    (("--workstations", ","), "write addresses, prefixes or first-last"),
    ((*BLOCK, "--public", "nat"), '"nat" is none of same, router, an address'),
    ((*BLOCK, "--public", "10.20.0.0/24 -> 198.51.100.0/25"), "prefixes of different lengths"),
    ((*BLOCK, "--public", "same", "--egress", "router"), "the vendor sees the router's address"),
    ((*BLOCK, "--public", "router", "--egress", "direct"), "does not see the router's address"),
    ((*BLOCK, "--egress", "somewhere"), '--egress: "somewhere" of egress'),
    ((*BLOCK, "--egress", ""), "--egress: write router, transparent, direct"),
    ((*BLOCK, "--group", ""), "--group: "),
    ((*BLOCK, "--backend", "refuse"), "--backend: "),
    ((*BLOCK, "--keys", "one,two", "--backend", "two"), '"two" is the name of an embedded key'),
])
def test_what_is_wrong_names_its_option_and_writes_nothing(office, init, words, reason):
    done = init(*words, "-o", "policy.cfg", status=64)
    assert reason in done.err
    assert done.out == ""
    assert not (office.folder / "policy.cfg").exists()


def test_a_file_that_is_there_stays_as_it_is(office, init):
    (office.folder / "policy.cfg").write_text("mine")
    os.symlink("nowhere", office.folder / "link.cfg")
    for name in ("policy.cfg", "link.cfg", "."):
        assert "never overwritten" in init(*BLOCK, "-o", name, status=73).err
    assert (office.folder / "policy.cfg").read_text() == "mine"
    assert not (office.folder / "nowhere").exists()
    assert "cannot write no/policy.cfg" in init(*BLOCK, "-o", "no/policy.cfg", status=73).err


def test_json_holds_the_text_and_where_it_was_written(office, init):
    plain = init(*BLOCK)
    done = init(*BLOCK, "--json")
    assert json.loads(done.out) == {"schema": "keyrouter.init/1", "path": None, "text": plain.out}
    assert done.err == plain.err  # what is to be done next is for people
    document = json.loads(init(*BLOCK, "--json", "-o", "policy.cfg").out)
    assert (document["path"], document["text"]) == ("policy.cfg", (office.folder / "policy.cfg").read_text())
    assert findings_of(office, "policy.cfg") == ""
    assert init(*BLOCK, "--json", "-o", "policy.cfg", status=73).out == ""


def test_a_policy_that_no_plan_can_be_made_of_is_not_written(office, init):
    done = init("--workstations", "10.0.0.0/8", "--public", "same", "-o", "policy.cfg", status=65)
    assert "these answers make no policy" in done.err
    assert not (office.folder / "policy.cfg").exists()


# ---- on a terminal

def test_nothing_is_asked_for_a_file_that_is_there(office):
    (office.folder / "policy.cfg").write_text("mine")
    with office.terminal("init", *PROVIDERS, "-o", "policy.cfg", ledger=False) as t:
        assert t.end() == 73
    assert "?" not in t.screen


def test_five_questions_with_defaults(office):
    with office.terminal("init", *PROVIDERS, "-o", "policy.cfg", ledger=False) as t:
        t.answer("Name of the site?", "austin")
        t.answer("Which vendor?", "")
        t.answer("How many embedded keys", "2")
        t.answer("Which addresses", "10.20.0.0/24")
        t.answer("How does the vendor see them?", "10.20.0.0/24 -> 198.51.100.0/24")
        assert t.end() == 0
    assert t.screen.count("]: ") == 5
    assert "[main]: " in t.screen and "[smarty]: " in t.screen and "[router]: " in t.screen
    text = (office.folder / "policy.cfg").read_text()
    assert 'site = "austin";' in text and '"smarty-austin-2"' in text
    assert 'public = [ "10.20.0.0/24 -> 198.51.100.0/24" ];' in text
    assert findings_of(office, "policy.cfg") == ""


def test_a_bad_answer_is_asked_for_again_with_the_reason(office):
    with office.terminal("init", *PROVIDERS, "--site", "x", "-o", "policy.cfg", ledger=False) as t:
        t.answer("Which vendor?", "acme")
        t.wait('there is no definition "acme"')
        t.answer("Which vendor?", "smarty")
        t.answer("How many", "many keys!")
        t.wait("is neither a number nor a name")
        t.answer("How many", "1")
        t.answer("Which addresses", "")
        t.wait("write addresses, prefixes or first-last")
        t.answer("Which addresses", "10.20.0.5/24")
        t.wait("has bits set behind its prefix length")
        t.answer("Which addresses", "10.20.0.0/24")
        t.answer("How does the vendor see them?", "10.20.0.0/24 -> nowhere")
        t.wait("does not hold an address or prefix on each side")
        t.answer("How does the vendor see them?", "203.0.113.7")
        assert t.end() == 0
    assert 'egress = "router";' in (office.folder / "policy.cfg").read_text()


def test_the_policy_is_alone_on_standard_output(office):
    with office.terminal("init", *PROVIDERS, "--keys", "0", "--provider", "alloy", *BLOCK,
                         ledger=False, out=office.folder / "policy.cfg") as t:
        t.answer("Name of the site?", "")
        assert t.end() == 0
    assert t.screen.count("]: ") == 1  # the rest was told, or does not matter
    assert findings_of(office, "policy.cfg") == ""


def test_an_end_without_an_answer_writes_nothing(office):
    with office.terminal("init", *PROVIDERS, "-o", "policy.cfg", ledger=False) as t:
        t.answer("Name of the site?", "austin")
        t.wait("]: ")
        t.type("\x04")
        assert t.end() == 66
    assert "nothing is written" in t.screen
    assert not (office.folder / "policy.cfg").exists()
