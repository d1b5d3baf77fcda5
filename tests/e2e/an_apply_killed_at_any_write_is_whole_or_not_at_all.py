# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at the N-th call that changes the disk, for N = 1, 2, ... until the apply gets through.

After each the ledger is sound and is the one of before or the one behind, to the last entry; and the daemon
starts on it and serves what it says.
"""
import os
import shutil
import signal
import subprocess

import pytest

from support import DEADLINE_S, canary
from support.administrator import program_find
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
WRITES = "write,pwrite64,writev,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,openat"
STEPS_MAX = 400  # an apply does with far fewer


def environment():
    """Who is traced cannot trace itself, as a leak check would."""
    sanitizers = {k: f"{v}:detect_leaks=0" for k, v in os.environ.items() if k.endswith("ASAN_OPTIONS")}
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **sanitizers}


def apply_killed(site, step):
    """Runs the apply with a SIGKILL at that call; True if it came to its end before."""
    argv = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={WRITES}",
            "-e", f"inject={WRITES}:signal=SIGKILL:when={step}",
            str(program_find(site.build, "keyrouter")), "apply", str(site.policy_path),
            "--ledger", str(site.ledger)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE_S,
                          env=environment())
    canary.evidence("an apply that was killed", done.stdout + done.stderr)
    if done.returncode == 0:
        return True
    assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
    return False


def content(site):
    """What the ledger says, but for times."""
    site.keyrouter("ledger", "verify", "--ledger", site.ledger)
    lists = site.keyrouter("allowlist", "--format", "text", "--ledger", site.ledger)
    shown = site.keyrouter("show", "--ledger", site.ledger)
    return [line for line in lists.splitlines() if " open for " not in line], shown


@pytest.fixture
def two_policies(make_site):
    """One is applied; another is to be."""
    site = make_site()
    site.add_key("key-1", hosts=[f"127.1.0.{n}" for n in range(1, 9)])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.4"])
    site.write_policy()
    site.prepare()
    site.groups[0]["workstations"] = ["127.1.0.3-127.1.0.8"]
    site.write_policy()
    return site


def test_a_command_alone(two_policies):
    site, kept = two_policies, two_policies.folder / "kept"
    shutil.copy2(site.ledger, kept)
    before, seen = content(site), []
    for step in range(1, STEPS_MAX):
        for path in site.folder.glob("ledger.db*"):
            path.unlink()
        shutil.copy2(kept, site.ledger)
        whole = apply_killed(site, step)
        seen.append(content(site))
        if whole:
            break
    behind = seen[-1]
    assert whole and behind != before
    assert all(each in (before, behind) for each in seen)
    assert seen.count(before) > 5, "killed before the commit was settled"


def test_the_daemon_and_what_it_serves_then(two_policies):
    """The calls of the daemon itself, a sample of them; the client sees its connection end."""
    site, kept = two_policies, two_policies.folder / "kept"
    shutil.copy2(site.ledger, kept)
    outcomes, applied = set(), False
    for step in range(1, STEPS_MAX, 7):
        if applied:
            break
        for path in site.folder.glob("ledger.db*"):
            path.unlink()
        shutil.copy2(kept, site.ledger)
        router = site.start_router({"workers": 1, "log_level": "info"}, apply=False,
                                   name=f"keyrouterd-{step}")
        tracer = subprocess.Popen(
            ["strace", "-f", "-p", str(router.pid), "-e", "trace=pwrite64,fsync,fdatasync",
             "-e", f"inject=pwrite64,fsync,fdatasync:signal=SIGKILL:when={step}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert "attached" in tracer.stderr.readline()
        try:
            applied = site.control().ask("apply", policy=site.policy_files())["applied"]
        except OSError:
            applied = None
        if applied is None:
            assert router.wait_end() == -signal.SIGKILL
        else:
            router.kill()
        tracer.stderr.read()
        tracer.stderr.close()
        tracer.wait(DEADLINE_S)
        site.keyrouter("ledger", "verify", "--ledger", site.ledger)
        again = site.start_router({"workers": 1, "log_level": "info"}, apply=False,
                                  name=f"keyrouterd-{step}-again")
        statuses = []
        for desk in ("127.1.0.1", "127.1.0.3", "127.1.0.8"):
            with site.connect_router(again, desk) as client:
                statuses.append(client.request("GET", LOOKUP, STREET).status)
        again.stop()
        outcomes.add(tuple(statuses))
        if applied:
            assert tuple(statuses) == (403, 200, 200)
    assert outcomes == {(200, 200, 403), (403, 200, 200)}
