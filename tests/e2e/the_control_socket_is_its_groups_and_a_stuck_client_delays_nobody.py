# SPDX-License-Identifier: Apache-2.0
"""Who may use the control socket, and what clients that are slow, stuck or rude do to all others: nothing."""
import contextlib
import grp
import os
import socket
import stat
import time

import pytest
from support.control import Refused
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
AT_ONCE_S = 2  # on a machine with other things to do; who waits for a stuck client waits for two minutes

STUCK = {
    "says nothing": b"",
    "stops in the request line": b"POST /v1/sta",
    "stops in the head": b"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-",
    "stops in the body": b"POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n{\"why\": \"",
    "talks of something else": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600,
    "asks and does not listen": b"POST /v1/ledger-backup HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" * 8,
}


@pytest.fixture
def router(desk_site):
    return desk_site.start_router()


@contextlib.contextmanager
def guests(site, what, count):
    """So many connections that have said this, and hear nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            guest = stack.enter_context(socket.socket(socket.AF_UNIX))
            guest.connect(str(site.sockets / "control"))
            guest.sendall(what)
        yield


def assert_all_is_well(site, router):
    began = time.monotonic()
    with site.connect_router(router, "127.1.0.1") as client:
        for _ in range(20):
            assert client.request("GET", LOOKUP, STREET).status == 200
    assert site.control().ask("status")["daemon"]
    assert site.control().ready()[0] == 200
    assert time.monotonic() - began < AT_ONCE_S


@pytest.mark.parametrize("what", STUCK.values(), ids=STUCK.keys())
def test_a_client_that_is_stuck_delays_nobody(desk_site, router, what):
    with guests(desk_site, what, 20):
        assert_all_is_well(desk_site, router)
    assert_all_is_well(desk_site, router)


def test_when_all_places_are_taken_requests_are_served_and_the_next_to_leave_makes_room(desk_site, router):
    with guests(desk_site, b"", 64):
        with desk_site.connect_router(router, "127.1.0.1") as client:
            assert client.request("GET", LOOKUP, STREET).status == 200
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(str(desk_site.sockets / "control"))
        waiting.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        waiting.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
    waiting.settimeout(AT_ONCE_S)
    with waiting:
        assert waiting.recv(15) == b"HTTP/1.1 200 OK"


def test_a_large_request_that_comes_slowly_is_taken_whole(desk_site, router):
    """And what else is asked meanwhile is answered between its pieces."""
    body = b'{"policy": {"path": "' + b"x" * 300000 + b'"}}'
    with socket.socket(socket.AF_UNIX) as slow:
        slow.connect(str(desk_site.sockets / "control"))
        slow.sendall(b"POST /v1/plan HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body))
        for i in range(0, len(body), 50000):
            slow.sendall(body[i:i + 50000])
            assert_all_is_well(desk_site, router)
        answer = b"".join(iter(lambda: slow.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 4") and b'"keyrouter.error/1"' in answer


def test_the_socket_is_for_its_owner_and_its_group(desk_site):
    group = next(g.gr_name for g in grp.getgrall() if g.gr_gid not in (0, os.getgid()))
    if os.getuid() != 0:
        group = grp.getgrgid(os.getgid()).gr_name
    desk_site.start_router({"control_group": group})
    found = (desk_site.sockets / "control").stat()
    assert stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o660
    assert (found.st_uid, grp.getgrgid(found.st_gid).gr_name) == (os.getuid(), group)


def test_a_group_that_is_not_there_is_told_at_the_start(desk_site):
    router = desk_site.start_router({"control_group": "no-such-group"}, ready=False)
    assert router.wait_end() == 78
    assert any('there is no group "no-such-group"' in line for line in router.noise)


def test_a_file_in_the_place_of_the_socket_is_left_alone(desk_site):
    place = desk_site.sockets / "control"
    place.write_text("somebody's")
    router = desk_site.start_router(ready=False)
    assert router.wait_end() == 71
    assert f"keyrouterd: {place}: there is something else than a socket: take it away" in router.noise
    assert place.read_text() == "somebody's"


def test_the_socket_of_a_router_that_was_killed_is_replaced(desk_site, router):
    router.kill()
    assert (desk_site.sockets / "control").exists()
    desk_site.start_router(apply=False)
    assert desk_site.control().ready()[0] == 200


def test_who_asks_stands_in_the_history(desk_site, router):
    desk_site.control().ask("suspend", names=["key-1"], why="a drill", who="somebody else")
    row = desk_site.control().newest_row()
    event = router.wait_event("operation", operation="suspend")
    assert (row["who"], row["why"], event["who"], event["row"]) == (
        "root" if os.getuid() == 0 else row["who"], "a drill", row["who"], row["id"])


def test_an_operation_that_is_asked_while_the_router_ends_is_refused_or_done(desk_site, router):
    """It ends, and what it said of the ledger is so."""
    control, done = desk_site.control(), 0
    router.signal(15)
    with contextlib.suppress(ConnectionError, FileNotFoundError, Refused):
        while True:
            control.ask("suspend" if done % 2 == 0 else "resume", names=["key-1"])
            done += 1
    assert (router.wait_end(), router.noise) == (0, [])
    desk_site.start_router(apply=False)
    rows = control.ask("history", limit=1000)["rows"]
    assert sum(row["what"] in ("suspend", "resume") for row in rows) in (done, done + 1)
    assert control.ask("ledger-verify")["sound"]
