# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every write, sync and removal of an apply: behind it stands the old policy whole, or the new one.

The command alone first, with no ledger there and with one; then the daemon, which is asked by a client.
"""
import json
import shutil
import subprocess

import pytest
from support.administrator import environment
from support.control import Refused
from support.site import HOSTS
from support.strace import WRITES, attached, ledger_paths, strace_words

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
KILLED = -9
NOTHING = "no ledger"


@pytest.fixture
def moving_site(make_site):
    """Its desks have slots on key-1, live; the policy that is written now gives them others."""
    site = make_site()
    for name in ("key-1", "key-2"):
        site.add_key(name, hosts=["127.1.0.1", "127.1.0.2", "127.1.0.3"])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.3"], keys=["key-1"])
    return site


def policy_change(site):
    site.groups[0]["keys"] = ["key-2"]
    site.write_policy()


def read(site, ledger, *words):
    return json.loads(site.keyrouter(*words, "--ledger", ledger, "--json"))


def state_of(site, ledger):
    """What the ledger says, without times; and it has to be sound."""
    if not ledger.exists():
        return NOTHING
    assert read(site, ledger, "ledger", "verify")["sound"]
    rows = read(site, ledger, "history")["rows"]
    if not rows:
        return NOTHING  # its tables are there, and nothing is in them
    keys = read(site, ledger, "allowlist")["keys"]
    lists = {key["name"]: ([a["host"] for a in key["add"]], [r["host"] for r in key["remove"]], key["live"])
             for key in keys}
    return [(row["id"], row["what"], row["summary"]) for row in rows], lists


def copy_of(ledger, folder):
    """Everything that lies beside it, too."""
    folder.mkdir(parents=True)
    for path in ledger.parent.glob(f"{ledger.name}*"):
        shutil.copy2(path, folder / path.name)
    return folder / ledger.name


def apply_killed(site, ledger, n):
    """By the command, at the n-th write. Its exit status."""
    words = strace_words(WRITES, f"signal=SIGKILL:when={n}", ledger_paths(ledger))
    argv = [*words, site.build / "tools" / "keyrouter", "apply", site.policy_path, "--ledger", ledger]
    own = environment()
    own["ASAN_OPTIONS"] = own.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # which does not go with strace
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=own,
                          timeout=60)
    assert done.returncode in (0, KILLED), done.stderr
    return done.returncode


def killed_everywhere(site, folder, ledger):
    """The states behind each kill, the last of them without one; each ledger stays there."""
    states = []
    while True:
        copy = copy_of(ledger, folder / str(len(states) + 1))
        status = apply_killed(site, copy, len(states) + 1)
        states.append((state_of(site, copy), copy))
        if status == 0:
            return states


def turn_of(states, old, new):
    """From which kill on it is the new one."""
    assert old != new
    news = [state == new for state, _ in states]
    assert all(state in (old, new) for state, _ in states)
    assert news == sorted(news) and not news[0] and news[-1]  # once new it stays so
    return news.index(True)


def served_on(site, ledger, by):
    """A router that starts on what was left serves that one."""
    site.ledger = ledger
    router = site.start_router(apply=False)
    for desk in ("127.1.0.1", "127.1.0.3"):
        with site.connect_router(router, desk) as client:
            answer = client.request("GET", LOOKUP, STREET)
        assert answer.status == (200 if by else 503)
        event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
        assert event.get("key") == by
    router.stop()


def test_the_first_apply_of_the_command(moving_site):
    site = moving_site
    site.write_policy()
    states = killed_everywhere(site, site.folder / "killed", site.folder / "nothing" / "ledger.db")
    new = states[-1][0]
    turn = turn_of(states, NOTHING, new)
    assert len(states) >= 10
    site.keyrouter("apply", site.policy_path, "--ledger", states[0][1])  # and it can be done again
    assert state_of(site, states[0][1]) == new
    served_on(site, states[turn - 1][1], None)
    served_on(site, states[turn][1], "key-1")


def test_a_further_apply_of_the_command(moving_site):
    site = moving_site
    site.write_policy()
    site.prepare()
    old = state_of(site, site.ledger)
    policy_change(site)
    states = killed_everywhere(site, site.folder / "killed", site.ledger)
    turn = turn_of(states, old, states[-1][0])
    assert len(states) >= 10
    served_on(site, states[turn - 1][1], "key-1")
    served_on(site, states[turn][1], "key-2")


def test_an_apply_of_the_daemon(moving_site):
    """The client hears of a success only where there is one."""
    site = moving_site
    base = site.ledger
    site.write_policy()
    site.prepare()
    old = state_of(site, base)
    policy_change(site)
    n, applied, told, n_old = 1, False, False, 0
    while not told:
        site.ledger = copy_of(base, site.folder / f"daemon-{n}")
        router = site.start_router(apply=False)
        with attached(router, WRITES, f"signal=SIGKILL:when={n}", ledger_paths(site.ledger)):
            try:
                told = site.control().ask("apply", policy=site.policy_files())["applied"]
            except (ConnectionError, Refused):
                assert router.wait_end() == KILLED
        if router.is_running:
            router.kill()
        now = state_of(site, site.ledger)
        applied = now != old
        assert applied or not told
        n_old += not applied
        served_on(site, site.ledger, "key-2" if applied else "key-1")
        n += 1 if n < 4 else n // 3  # a sample: each takes three programs
    assert applied and n_old >= 3
