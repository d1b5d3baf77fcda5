# SPDX-License-Identifier: Apache-2.0
"""The disk under the ledger is slow, or full: requests are served as if nothing were, and nothing gets lost."""
import contextlib
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest
from support.control import Refused
from support.site import HOSTS
from support.strace import attached, ledger_paths
from support.waiting import wait_until

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
DESKS = [f"127.1.0.{n}" for n in range(1, 7)]
STUCK_S = 2
AT_ONCE_S = 0.5
EX_IOERR = 74


@pytest.fixture
def new_site(make_site):
    """Applied and not confirmed; the vendor lists all."""
    site = make_site()
    site.add_key("key-1", hosts=DESKS)
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.6"])
    return site


def ask(site, router, desk):
    with site.connect_router(router, desk) as client:
        answer = client.request("GET", LOOKUP, STREET)
    assert answer.status == 200
    return router.wait_event("exchange", request=answer.header("X-Request-Id"))


# ---- slow


def test_requests_are_answered_while_a_commit_is_stuck(new_site):
    router = new_site.start_router()
    answers, done = [], threading.Event()

    def apply():
        new_site.groups[0]["priority"] = 5
        answers.append(new_site.apply(live=False))
        done.set()

    client = threading.Thread(target=apply)
    with attached(router, "fsync,fdatasync", f"delay_enter={STUCK_S}s", ledger_paths(new_site.ledger)):
        began = time.monotonic()
        client.start()
        longest = n_asked = 0
        while not done.is_set():
            asked = time.monotonic()
            event = ask(new_site, router, DESKS[n_asked % len(DESKS)])  # a new connection each
            longest = max(longest, time.monotonic() - asked)
            assert event["route"] == "key"
            n_asked += 1
        client.join()
    assert time.monotonic() - began >= STUCK_S and answers[0]["applied"]
    assert longest < AT_ONCE_S and n_asked >= 10


def test_what_calls_show_meanwhile_is_written_when_it_can_be(new_site):
    router = new_site.start_router(live=False)
    log = pathlib.Path(f"{new_site.ledger}-wal")
    with attached(router, "fsync,fdatasync", f"delay_enter={STUCK_S}s", ledger_paths(new_site.ledger)):
        before = log.stat().st_size
        ask(new_site, router, DESKS[0])
        wait_until(lambda: log.stat().st_size > before, "evidence, which gets stuck behind this")
        began = time.monotonic()
        for desk in DESKS[1:]:
            ask(new_site, router, desk)
        assert time.monotonic() - began < STUCK_S / 2
        slots = new_site.control().slots("key-1")  # has to wait
        assert time.monotonic() - began > STUCK_S / 2
    assert slots["live"] == len(DESKS)
    assert router.find_events("ledger_failed") == []


# ---- full


def can_mount():
    """In a namespace of its own."""
    done = shutil.which("unshare") and subprocess.run(
        ["unshare", "-m", "true"], stdin=subprocess.DEVNULL, capture_output=True)
    return done and done.returncode == 0


DISK_BYTES = 1 << 20
_MOUNT = f'mount -t tmpfs -o size={DISK_BYTES},mode=0700 tmpfs "$1" && shift && exec "$@"'


class Disk:
    """A file system that only the router has, in the place of a folder; seen from here."""

    def __init__(self, router, folder):
        self.folder = pathlib.Path(f"/proc/{router.pid}/root{folder}")
        assert self.folder.stat().st_dev != folder.stat().st_dev  # not to fill the machine's

    def fill(self):
        with open(self.folder / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            for _ in range(DISK_BYTES // 512):
                filler.write(b"x" * 512)

    def empty(self):
        (self.folder / "filler").unlink()

    def log_bytes(self):
        """Of the ledger: it grows with what is written."""
        return (self.folder / "ledger.db-wal").stat().st_size


@pytest.fixture
def small_site(new_site):
    """(site, router, disk): the policy is applied and not confirmed."""
    if not can_mount():
        pytest.skip("this machine lets nobody mount a file system")
    folder = new_site.folder / "disk"
    folder.mkdir()
    new_site.ledger = folder / "ledger.db"
    router = new_site.start_router(apply=False, before=[
        "unshare", "-m", "--propagation", "private", "sh", "-ec", _MOUNT, "sh", folder])
    new_site.apply(live=False)
    return new_site, router, Disk(router, folder)


def assert_refused(site, operation, **request):
    with pytest.raises(Refused) as refused:
        site.control().ask(operation, **request)
    assert (refused.value.status, refused.value.answer["error"]) == (
        EX_IOERR, "there is no space left for the ledger; nothing has changed")


def test_on_a_full_disk_all_is_served_and_nothing_changes(small_site):
    site, router, disk = small_site
    row = site.control().newest_row()
    disk.fill()
    for desk in DESKS:
        assert ask(site, router, desk)["reason"].endswith("on key-1, on trial")
    site.groups[0]["workstations"] = ["127.1.0.1-127.1.0.2"]
    site.write_policy()
    assert_refused(site, "apply", policy=site.policy_files())
    assert_refused(site, "suspend", names=["key-1"])
    assert site.control().newest_row() == row
    for n, desk in enumerate(DESKS, 1):
        assert ask(site, router, desk)["reason"] == f"slot {n} of 100 on key-1"
    assert site.control().slots("key-1")["wanted"] == len(DESKS)
    assert site.control().ask("ledger-verify")["sound"]
    disk.empty()
    assert site.control().slots("key-1")["live"] == len(DESKS)
    assert site.control().ask("apply", policy=site.policy_files())["applied"]


def test_it_is_told_once_a_minute_at_most(small_site):
    site, router, disk = small_site
    began = time.monotonic()
    disk.fill()
    ask(site, router, DESKS[0])
    told = router.wait_event("ledger_failed")
    assert told["error"] == "there is no space left for the ledger"
    assert told["reason"] == "what calls have shown is not written down yet"
    for desk in DESKS[1:]:
        ask(site, router, desk)
        site.control().ask("history", limit=1)  # which tries to write it first
    assert time.monotonic() - began < 60
    assert len(router.find_events("ledger_failed")) == 1


def test_a_reload_meanwhile_forgets_nothing(small_site):
    site, router, disk = small_site
    disk.fill()
    ask(site, router, DESKS[0])
    router.wait_event("ledger_failed")
    mark = router.mark()
    router.signal(signal.SIGHUP)
    router.wait_event("reloaded", since=mark)
    assert ask(site, router, DESKS[0])["reason"] == "slot 1 of 100 on key-1"
    assert site.control().slots("key-1")["live"] == 0
    disk.empty()
    assert site.control().slots("key-1")["live"] == 1


def test_when_there_is_room_again_evidence_is_written_by_itself(small_site):
    """Nobody asks; the router looks every ten seconds."""
    site, router, disk = small_site
    disk.fill()
    ask(site, router, DESKS[0])
    router.wait_event("ledger_failed")
    disk.empty()
    before = disk.log_bytes()
    wait_until(lambda: disk.log_bytes() > before, "evidence is written")
    assert site.control().slots("key-1")["live"] == 1
    assert [r["what"] for r in site.control().ask("history")["rows"]] == ["evidence", "apply"]


def test_what_was_not_written_when_the_router_ends_is_told(small_site):
    site, router, disk = small_site
    disk.fill()
    ask(site, router, DESKS[0])
    router.signal(signal.SIGTERM)
    assert (router.wait_end(), router.noise) == (0, [])
    assert router.find_events("ledger_failed")[-1]["reason"] == "what calls have shown last is not written down"
