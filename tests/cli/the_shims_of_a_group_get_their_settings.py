# SPDX-License-Identifier: Apache-2.0
"""workstation-config writes what keyshim takes: the APIs of the group's vendors, and the router."""
import socket
import subprocess

import pytest
from support.ca import Authority
from support.cfg import cfg_format
from support.site import PROVIDER, program_find

OTHER = """
name = "slow";
apis = ( { name = "slow-one"; host = "API.slow.example"; paths = [ "/*" ]; secret = [ "POST" ];
           deadline_s = 30; max_body = 33554432; } );
secret = { bearer = "$key"; };
"""
ROUTER = ("--router", "router.example.com:8443")


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca")).pem


@pytest.fixture
def site(office):
    """Groups of one vendor, of another, and of both."""
    (office.folder / "slow.cfg").write_text(OTHER)
    (office.folder / "policy.cfg").write_text(cfg_format({
        "site": "austin", "providers": [str(PROVIDER), "slow.cfg"],
        "keys": [{"name": "k-1", "provider": "smarty", "credential": "k-1"}],
        "backends": [{"name": "slow", "provider": "slow", "credential": "slow"}],
        "groups": [
            {"name": "sales", "workstations": ["192.0.2.1"], "egress": "transparent",
             "keys": ["k-1"], "overflow": "refuse"},
            {"name": "back-office", "workstations": ["192.0.2.2"], "backends": ["slow"]},
            {"name": "both", "workstations": ["192.0.2.3"], "egress": "transparent",
             "keys": ["k-1"], "backends": ["slow"]}]}))
    return office


def shim_check(office, build_dir, name="keyshim.cfg"):
    done = subprocess.run([program_find(build_dir, "keyshim"), "--check", "-c", name],
                          cwd=office.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", [
    ROUTER, ("--router", "192.0.2.250:443"), ("--router", "[2001:db8::5]:8443"), (),
    (*ROUTER, "--router-name", "r.example.com"), (*ROUTER, "--listen", "[::1]:9000"),
])
@pytest.mark.parametrize("group, apis", [
    ("sales", {"us-street", "us-extract"}), ("back-office", {"slow-one"}),
    ("both", {"us-street", "us-extract", "slow-one"})])
def test_keyshim_takes_it(site, build_dir, ca, words, group, apis):
    site.run("workstation-config", group, "policy.cfg", *words, "--ca", ca, "-o", "keyshim.cfg",
             ledger=False)
    shim_check(site, build_dir)
    names = {line.split('"')[1] for line in (site.folder / "keyshim.cfg").read_text().splitlines()
             if line.startswith("  { name")}
    assert names >= apis
    assert ("slow-one" in names) == (group != "sales") and ("us-street" in names) == (group != "back-office")


def test_time_and_room_are_those_of_the_slowest_api(site):
    fast = site.run("workstation-config", "sales", "policy.cfg", *ROUTER, ledger=False).out
    slow = site.run("workstation-config", "both", "policy.cfg", *ROUTER, ledger=False).out
    assert "deadline_s = 9;" in fast and "max_body = 1048576;" in fast
    assert "deadline_s = 31;" in slow and "max_body = 33554432;" in slow
    assert '{ name = "slow-one"; host = "api.slow.example"; }' in slow


def test_without_a_policy_it_is_made_from_the_one_in_force(site):
    assert "there is no ledger" in site.run("workstation-config", "sales", *ROUTER, status=66).err
    site.run("apply", "policy.cfg")
    (site.folder / "policy.cfg").write_text("site = 1;")
    done = site.run("workstation-config", "sales", *ROUTER)
    assert "from the policy in force" in done.out and '"us-street"' in done.out
    assert "no answer from keyrouterd" in site.run(
        "workstation-config", "sales", *ROUTER, "--socket", "none.sock", status=69, ledger=False).err


def test_json_holds_the_text_and_where_it_was_written(site):
    words = ("workstation-config", "sales", "policy.cfg", *ROUTER)
    text = site.run(*words, ledger=False).out
    assert site.json(*words, ledger=False) == {
        "schema": "keyrouter.workstation-config/1", "path": None, "text": text}
    document = site.json(*words, "-o", "keyshim.cfg", ledger=False)
    assert (document["path"], document["text"]) == ("keyshim.cfg", text)
    assert (site.folder / "keyshim.cfg").read_text() == text
    refused = site.json("workstation-config", "sales", "none.cfg", *ROUTER, status=66, ledger=False)
    assert refused["schema"] == "keyrouter.error/1"


def test_this_machine_is_the_router_unless_told(site):
    done = site.run("workstation-config", "sales", "policy.cfg", ledger=False)
    assert f'router = "{socket.gethostname()}:8443";' in done.out
    assert "this machine: say another one with --router" in done.err


@pytest.mark.parametrize("words, status, reason", [
    ((), 64, "GROUP is missing"),
    (("sale", "policy.cfg", *ROUTER), 66, 'there is no group "sale" in the policy: did you mean "sales"?'),
    (("sales", "none.cfg", *ROUTER), 66, "none.cfg"),
    (("sales", "policy.cfg", "--router", "router.example.com"), 64, "--router wants HOST:PORT"),
    (("sales", "policy.cfg", "--router", "router:0"), 64, "--router wants"),
    (("sales", "policy.cfg", "--router", "router:99999"), 64, "--router wants"),
    (("sales", "policy.cfg", "--router", "a b:443"), 64, "--router wants"),
    (("sales", "policy.cfg", "--router", "0.0.0.0:443"), 64, "--router wants"),
    (("sales", "policy.cfg", *ROUTER, *ROUTER), 64, "the shim calls one router"),
    (("sales", "policy.cfg", *ROUTER, "--router-name", 'a"b'), 64, "--router-name wants"),
    (("sales", "policy.cfg", *ROUTER, "--ca", "ca.pem"), 64, "--ca wants the whole path"),
    (("sales", "policy.cfg", *ROUTER, "--listen", "192.0.2.1:80"), 64, "--listen wants a loopback address"),
    (("sales", "policy.cfg", *ROUTER, "-o", "policy.cfg"), 73, "never overwritten"),
])
def test_what_is_wrong_is_said(site, words, status, reason):
    done = site.run("workstation-config", *words, status=status, ledger=False)
    assert reason in done.err and done.out == ""
