# SPDX-License-Identifier: Apache-2.0
"""What the router tells a service manager (sd_notify), and the sockets that it takes from one."""
import os
import signal
import socket
import sys
import threading
import time

import pytest
from support import DEADLINE_S, canary
from support.cfg import cfg_format
from support.process import Process
from support.site import HOSTS, program_find
from support.strace import attached, ledger_paths

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
STATUS = "STATUS=policy 1: 256 workstations: 100 on embedded keys, 156 overflow"
CANNOT = "keyrouterd: the sockets of the service manager cannot be used"

# What the manager does between fork and exec. LISTEN_PID and WATCHDOG_PID name the process itself.
_WRAPPER = """
import json, os, socket, sys
kind, names, program = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
if kind != "none":
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    handed = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    handed.bind("" if kind == "unix" else ("127.0.0.1", 0))
    if kind in ("tcp", "unix"):
        handed.listen()
    if kind == "tcp":
        address = "%s:%d" % handed.getsockname()
        print(json.dumps({"event": "handed_over", "address": address}), flush=True)
    os.dup2(handed.fileno(), 3) if handed.fileno() != 3 else os.set_inheritable(3, True)
    os.environ["LISTEN_FDS"] = "1"
os.environ.update({name: str(os.getpid()) for name in names})
os.execv(program[0], program)
"""


class Manager:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("")  # the system gives it an abstract name
        self.socket.settimeout(DEADLINE_S)
        self.name = "@" + self.socket.getsockname()[1:].decode()

    def message(self):
        data = self.socket.recv(4096)
        canary.evidence("what the service manager is told", data)
        return data.decode().splitlines()

    def messages_until(self, line):
        """All up to the one that has this line."""
        messages, end = [self.message()], time.monotonic() + DEADLINE_S
        while line not in messages[-1]:
            if time.monotonic() > end:
                raise TimeoutError(f"no {line} in {messages}")
            messages.append(self.message())
        return messages


@pytest.fixture
def manager():
    manager = Manager()
    yield manager
    manager.socket.close()


def start_router(site, manager, sockets="none", pids=(), environment=None, settings=None, apply=True):
    """As a service manager starts it; its events are not waited for."""
    site.write_policy()
    if apply:
        site.prepare()
    config = site.folder / "keyrouterd.cfg"
    config.write_text(cfg_format({**site.router_settings(), **(settings or {})}))
    argv = [sys.executable, "-c", _WRAPPER, sockets, " ".join(pids),
            program_find(site.build, "keyrouterd"), "-c", config]
    router = Process("keyrouterd", argv, site.folder,
                     {"NOTIFY_SOCKET": manager.name, **(environment or {})})
    site.processes.append(router)
    return router


def ask(site, router):
    with site.connect_router(router, "127.1.0.1") as client:
        return client.request("GET", LOOKUP, STREET)


def test_it_says_when_it_is_ready_and_what_it_serves(desk_site, manager):
    router = start_router(desk_site, manager)
    assert manager.message() == ["READY=1", STATUS]
    router.wait_ready()
    assert ask(desk_site, router).status == 200


def test_it_is_ready_only_when_requests_are_taken(desk_site, manager):
    """A name server that is silent holds it back for two seconds, and the message with it."""
    for host in HOSTS.values():
        desk_site.dns.silence(host)
    router = start_router(desk_site, manager)
    desk_site.dns.wait(STREET)
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.socket.recv(4096)
    assert router.find_events("ready") == []
    manager.socket.settimeout(DEADLINE_S)
    for host in HOSTS.values():
        desk_site.dns.set(host, "127.0.0.1")
    assert manager.message() == ["READY=1", STATUS]


@pytest.mark.parametrize("workers", [1, 3])
def test_stopped_before_it_serves_it_ends_in_order(desk_site, manager, workers):
    """No worker has begun: what is made for them is taken apart all the same."""
    for host in HOSTS.values():
        desk_site.dns.silence(host)
    router = start_router(desk_site, manager, settings={"workers": workers})
    desk_site.dns.wait(STREET)
    router.signal(signal.SIGTERM)
    assert router.wait_end() == 0
    assert [e["event"] for e in router.find_events() if e["event"] in ("ready", "stopping")] == ["stopping"]
    assert "STOPPING=1" in manager.message()


def test_on_sighup_it_reloads_and_says_so(desk_site, manager):
    router = start_router(desk_site, manager)
    manager.message()
    router.signal(signal.SIGHUP)
    reloading = manager.message()
    assert reloading[0] == "RELOADING=1"
    name, _, microseconds = reloading[1].partition("=")
    assert name == "MONOTONIC_USEC" and int(microseconds) > 0
    assert manager.message() == ["READY=1", STATUS]
    router.wait_event("reloaded")


def test_when_a_policy_is_applied_it_says_what_it_serves_then(desk_site, manager):
    start_router(desk_site, manager)
    manager.message()
    desk_site.groups[0]["workstations"] = ["127.1.0.1-127.1.0.3"]
    revision = desk_site.apply(live=False)["revision"]
    assert manager.message() == [
        "READY=1", f"STATUS=policy {revision}: 3 workstations: 3 on embedded keys, 0 overflow"]


def test_without_a_policy_it_is_ready_and_says_what_to_do(desk_site, manager):
    start_router(desk_site, manager, apply=False)
    assert manager.message() == ["READY=1", "STATUS=no policy is applied: run keyrouter apply"]


def test_a_reload_that_fails_is_told_beside_the_status_of_before(desk_site, manager):
    """Until one succeeds: also when a switch has changed meanwhile."""
    failed = f"{STATUS}; the last reload failed: see keyrouter status"
    router = start_router(desk_site, manager)
    manager.message()
    (desk_site.credentials / "secret-1").unlink()
    router.signal(signal.SIGHUP)
    assert manager.message()[0] == "RELOADING=1"
    assert manager.message() == ["READY=1", failed]
    router.wait_event("reload_failed")
    router.wait_ready()
    assert ask(desk_site, router).status == 200
    desk_site.control().ask("suspend", names=["key-1"])
    assert manager.message() == ["READY=1", failed]
    desk_site.write_credential("secret-1", desk_site.vendor.keys["secret-1"].values)
    router.signal(signal.SIGHUP)
    assert manager.message()[0] == "RELOADING=1"
    assert manager.message() == ["READY=1", STATUS]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_that_it_stops(desk_site, manager, number):
    router = start_router(desk_site, manager)
    manager.message()
    router.signal(number)
    assert manager.message() == ["STOPPING=1"]
    assert router.wait_end() == 0


def test_where_a_watchdog_waits_it_gives_signs_of_life(desk_site, manager):
    start_router(desk_site, manager, pids=["WATCHDOG_PID"], environment={"WATCHDOG_USEC": "300000"})
    assert manager.messages_until("WATCHDOG=1")[0] == ["READY=1", STATUS]
    assert manager.message() == ["WATCHDOG=1"]


def test_a_disk_that_hangs_is_no_reason_to_be_killed(desk_site, manager):
    """For as long as the ledger may take the watchdog is told to be patient, and not a moment longer."""
    router = start_router(desk_site, manager, environment={"WATCHDOG_USEC": "300000"}, pids=["WATCHDOG_PID"])
    manager.message()
    router.wait_ready()
    with attached(router, "fsync,fdatasync", "delay_enter=1s", ledger_paths(desk_site.ledger)):
        asking = threading.Thread(target=desk_site.control().ask, args=("suspend",), kwargs={"names": ["key-1"]})
        asking.start()
        patient = time.monotonic()
        manager.messages_until("WATCHDOG_USEC=600000000")
        messages = manager.messages_until("WATCHDOG_USEC=300000")
        while time.monotonic() - patient < 1:  # the first were for evidence, of which there was none
            messages = manager.messages_until("WATCHDOG_USEC=300000")
        asking.join()
    assert messages[-1] == ["WATCHDOG_USEC=300000"]
    manager.messages_until("WATCHDOG=1")


def test_a_watchdog_of_another_process_is_not_fed(desk_site, manager):
    router = start_router(desk_site, manager, environment={
        "WATCHDOG_USEC": "3000", "WATCHDOG_PID": str(os.getpid())})  # a sign each millisecond
    manager.message()
    router.signal(signal.SIGHUP)
    router.wait_event("reloaded")
    router.signal(signal.SIGTERM)
    told = [line for message in manager.messages_until("STOPPING=1") for line in message]
    assert "WATCHDOG=1" not in told


def test_requests_are_served_on_a_socket_that_was_handed_over(desk_site, manager):
    router = start_router(desk_site, manager, "tcp", ["LISTEN_PID"])
    assert router.wait_ready() == [router.wait_event("handed_over")["address"]]  # and not `listen`
    answer = ask(desk_site, router)
    [record] = desk_site.vendor.records()
    event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
    assert (answer.status, record["key"], record["source"]) == (200, "key-1", "127.1.0.1")
    assert event["reason"].startswith("slot ")


def test_a_socket_for_another_process_is_left_alone(desk_site, manager):
    router = start_router(desk_site, manager, "udp", environment={"LISTEN_PID": str(os.getpid())})
    router.wait_ready()
    assert ask(desk_site, router).status == 200


@pytest.mark.parametrize("kind", ["udp", "unix", "deaf"])
def test_a_socket_that_is_no_listening_tcp_socket_is_refused(desk_site, manager, kind):
    router = start_router(desk_site, manager, kind, ["LISTEN_PID"])
    assert router.wait_end() == 71
    assert router.noise == [CANNOT, "keyrouterd: cannot start: Socket operation on non-socket"]
    assert desk_site.vendor.connections() == []


def test_a_socket_without_a_certificate_is_refused(desk_site, manager):
    router = start_router(desk_site, manager, "tcp", ["LISTEN_PID"], settings={
        "listen": None, "certificate": None, "private_key": None, "listen_plain": ["127.0.0.1:0"]})
    assert router.wait_end() == 71
    assert router.noise[0] == f"{CANNOT} without `certificate`"
