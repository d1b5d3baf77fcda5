# SPDX-License-Identifier: Apache-2.0
"""Vendor, router and shim are killed, frozen and stopped in the middle; what is left recovers by itself."""
import json
import pathlib
import signal
import time

import pytest
from support import DEADLINE_S
from support.rawclient import BrokenAnswer, RawClient, request_format
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = b'[{"street":"1 Main St"},{"street":"2 Main St"}]'
JSON = [["Content-Type", "application/json"]]
REFUSED = "the connection was refused or the host is unreachable"
GONE = ["closed during the TLS handshake", REFUSED]  # as far as its end has got by then
WITHIN_S = 8  # the deadline of a request through the router; the shim's own is 9


@pytest.fixture
def router(desk_site):
    return desk_site.start_router()


@pytest.fixture
def shim(desk_site, router):
    return desk_site.start_shim("127.1.0.1")


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def ask(client, method="GET"):
    if method == "GET":
        return client.request("GET", LOOKUP, STREET)
    return client.request("POST", "/street-address", STREET, JSON, BATCH)


def begin_held(site, client, part="body", at=100, **do):
    """A lookup whose answer the vendor holds back at that byte, which is within what the client has of it
    where it is one of the body; the gate."""
    gate = site.vendor.gate()
    name = site.vendor.fault(body_size=3000, hold_at={"part": part, "at": at, "gate": gate}, **do)
    client.send(request_format("GET", LOOKUP, STREET))
    site.vendor.wait_records(fault=name, outcome="held")
    if part == "body":
        client.wait_begun()
    return gate


def assert_breaks(client):
    with pytest.raises(BrokenAnswer) as broken:
        client.response()
    assert str(broken.value).startswith("the connection broke")


def assert_refused_in_time(client, reason, status=502, method="GET"):
    """An error in the vendor's shape, soon enough."""
    began = time.monotonic()
    answer = ask(client, method)
    assert time.monotonic() - began < WITHIN_S
    assert (answer.status, error_message(answer)) == (status, reason)
    assert answer.header("Connection") == ("close" if method == "POST" else None)  # its body is unread


def freeze(program):
    """SIGSTOP; back when every thread has stopped."""
    program.signal(signal.SIGSTOP)
    began = time.monotonic()
    for task in pathlib.Path(f"/proc/{program.pid}/task").iterdir():
        while (task / "stat").read_text().rpartition(") ")[2][0] != "T":
            assert time.monotonic() - began < DEADLINE_S, "it does not stop"


def restart_router(site, router):
    """Once more at the address of before."""
    return site.start_router({"listen": [router.addresses[0]]})


def restart_shim(site, shim):
    return site.start_shim("127.1.0.1", settings={"listen": [shim.addresses[0]]})


# ---- the vendor


def test_a_vendor_killed_within_an_answer_breaks_that_answer_and_is_502_until_it_is_back(desk_site, router):
    with desk_site.connect_router(router, "127.1.0.1") as victim, \
            desk_site.connect_router(router, "127.1.0.2") as survivor:
        assert ask(survivor).status == 200
        begin_held(desk_site, victim)
        desk_site.vendor.kill()
        assert_breaks(victim)
        assert_refused_in_time(survivor, REFUSED)
        with desk_site.connect_router(router, "127.1.0.2") as poster:
            assert_refused_in_time(poster, REFUSED, method="POST")
        desk_site.vendor.start()
        assert [ask(survivor, m).status for m in ("GET", "POST")] == [200, 200]
    assert [r["class"] for r in desk_site.vendor.records()] == ["embedded", "secret"]
    broken, = router.find_events("exchange", client="127.1.0.1")
    assert (broken["status"], broken["reason"]) == (200, "vendor broke off its answer")
    refused = router.find_events("exchange", status=502)
    assert [e["reason"] for e in refused] == [REFUSED] * 2
    assert router.find_events("slot_suspended") == []


def test_a_vendor_killed_before_it_answers_is_502(desk_site, router):
    with desk_site.connect_router(router, "127.1.0.1") as client:
        gate = desk_site.vendor.gate()
        name = desk_site.vendor.fault(hold=gate)
        client.send(request_format("GET", LOOKUP, STREET))
        desk_site.vendor.wait_records(fault=name, outcome="held")
        desk_site.vendor.kill()
        answer = client.response()
        assert answer.status == 502 and error_message(answer).removeprefix("vendor ") in GONE
        desk_site.vendor.start()
        assert ask(client).status == 200
    assert len(desk_site.vendor.records()) == 1
    first, second = router.wait_events(2, "exchange")
    assert (first["reason"], first["retried"]) == (error_message(answer), True)
    assert (second["status"], second["retried"]) == (200, False)


@pytest.mark.parametrize("through", ["router", "shim and router"])
def test_a_vendor_killed_while_nothing_was_asked_is_back_without_a_trace(desk_site, router, through):
    if through == "router":
        client = desk_site.connect_router(router, "127.1.0.1")
    else:
        client = RawClient(desk_site.start_shim("127.1.0.1").addresses[0])
    with client:
        assert ask(client).status == 200
        desk_site.vendor.kill()
        desk_site.vendor.start()
        assert [ask(client, m).status for m in ("GET", "POST")] == [200, 200]
        desk_site.vendor.kill()
        assert_refused_in_time(client, REFUSED)
        desk_site.vendor.start()
        assert ask(client).status == 200
    assert [r["source"] for r in desk_site.vendor.records()] == ["127.1.0.1"]
    statuses = [e["status"] for e in router.wait_events(5, "exchange")]
    assert statuses == [200, 200, 200, 502, 200]


# ---- the router


def test_a_router_killed_within_an_answer_breaks_it_and_is_502_until_it_is_back(desk_site, router, shim):
    with RawClient(shim.addresses[0]) as victim, RawClient(shim.addresses[0]) as survivor:
        assert ask(survivor).status == 200
        begin_held(desk_site, victim)
        victim._until(lambda: b"xxx" in victim.received)
        router.kill()
        assert_breaks(victim)
        assert_refused_in_time(survivor, REFUSED)
        with RawClient(shim.addresses[0]) as poster:
            assert_refused_in_time(poster, REFUSED, method="POST")
        again = restart_router(desk_site, router)
        assert [ask(survivor, m).status for m in ("GET", "POST")] == [200, 200]
    [record] = desk_site.vendor.wait_records(outcome="abandoned")
    assert record["source"] == "127.1.0.1"
    assert [r["status"] for r in desk_site.vendor.records(outcome="answered")] == [200] * 3
    reasons = [e["reason"] for e in shim.wait_events(6, "exchange")]
    assert reasons[:4] == ["router answered", "router broke off its answer", REFUSED, REFUSED]
    assert [e["status"] for e in again.wait_events(2, "exchange")] == [200, 200]


def test_a_router_killed_before_it_answers_is_502(desk_site, router, shim):
    with RawClient(shim.addresses[0]) as client:
        begin_held(desk_site, client, "head", 0)
        router.kill()
        answer = client.response()
        assert answer.status == 502 and error_message(answer).removeprefix("router ") in GONE
        restart_router(desk_site, router)
        assert ask(client).status == 200
    assert desk_site.vendor.wait_records(outcome="abandoned")
    reasons = [e["reason"] for e in shim.wait_events(2, "exchange")]
    assert reasons == [error_message(answer), "router answered"]


def test_a_router_killed_while_nothing_was_asked_is_back_without_a_trace(desk_site, router, shim):
    with RawClient(shim.addresses[0]) as client:
        assert ask(client).status == 200
        router.kill()
        again = restart_router(desk_site, router)
        assert [ask(client, m).status for m in ("GET", "POST")] == [200, 200]
    assert len(desk_site.vendor.records(status=200)) == 3
    assert [e["reason"] for e in shim.wait_events(3, "exchange")] == ["router answered"] * 3
    assert [e["status"] for e in again.wait_events(2, "exchange")] == [200, 200]


def test_a_router_that_is_frozen_is_504_within_the_shims_deadline(desk_site, router):
    """A machine that lost its power: its connections look alive and say nothing."""
    shim = desk_site.start_shim("127.1.0.1", settings={"timeouts": {"deadline_s": 1}})
    reason = "router did not answer in time"
    with RawClient(shim.addresses[0]) as client, RawClient(shim.addresses[0]) as poster:
        assert ask(client).status == 200
        freeze(router)
        try:  # on a kept connection, and twice on one that does not open
            assert_refused_in_time(client, reason, 504)
            assert_refused_in_time(client, reason, 504)
            assert_refused_in_time(poster, reason, 504, "POST")
            assert len(desk_site.vendor.records()) == 1
        finally:
            router.signal(signal.SIGCONT)
        assert ask(client).status == 200
    assert [e["reason"] for e in shim.wait_events(5, "exchange")] == \
        ["router answered", reason, reason, reason, "router answered"]


# ---- the shim


def test_a_shim_killed_within_an_answer_frees_router_and_vendor(desk_site, router, shim):
    other = desk_site.start_shim("127.1.0.2")
    with RawClient(shim.addresses[0]) as victim, RawClient(other.addresses[0]) as survivor:
        begin_held(desk_site, victim)
        victim._until(lambda: b"xxx" in victim.received)
        shim.kill()
        with pytest.raises(BrokenAnswer):
            victim.response()
        assert ask(survivor).status == 200
    restart_shim(desk_site, shim)
    with RawClient(shim.addresses[0]) as client:
        assert ask(client).status == 200
    assert desk_site.vendor.wait_records(outcome="abandoned", source="127.1.0.1")
    left = router.wait_event("exchange", status=499)
    assert (left["client"], left["reason"]) == ("127.1.0.1", "client closed before its answer was complete")
    served = {e["client"] for e in router.wait_events(2, "exchange", status=200)}
    assert served == {"127.1.0.2", "127.1.0.1"}  # two workers: their lines come in any order


# ---- an orderly end


def assert_listens_no_more(address):
    with pytest.raises(ConnectionError):
        RawClient(address, timeout=WITHIN_S).socket.recv(1)


def test_a_router_that_is_stopped_finishes_what_it_began(desk_site, router):
    with desk_site.connect_router(router, "127.1.0.1") as client, \
            desk_site.connect_router(router, "127.1.0.2") as at_rest:
        assert ask(at_rest).status == 200
        gate = begin_held(desk_site, client)
        router.signal(signal.SIGTERM)
        router.wait_event("stopping", reason="SIGTERM")
        assert at_rest.ending() == "clean"
        assert_listens_no_more(router.addresses[0])
        assert router.is_running
        desk_site.vendor.release(gate)
        answer = client.response()
        assert (answer.status, len(answer.body)) == (200, 3000)
        assert client.ending() == "clean"
    assert (router.wait_end(), router.noise) == (0, [])
    assert [r["outcome"] for r in desk_site.vendor.records()] == ["answered", "answered"]
    assert [e["status"] for e in router.find_events("exchange")] == [200, 200]


def test_a_shim_that_is_stopped_finishes_what_it_began(desk_site, router, shim):
    with RawClient(shim.addresses[0]) as client, RawClient(shim.addresses[0]) as at_rest:
        assert ask(at_rest).status == 200
        gate = begin_held(desk_site, client)
        shim.signal(signal.SIGTERM)
        shim.wait_event("stopping")
        assert at_rest.ending() == "clean"
        assert_listens_no_more(shim.addresses[0])
        desk_site.vendor.release(gate)
        answer = client.response()
        assert (answer.status, len(answer.body)) == (200, 3000)
        assert client.ending() == "clean"
    assert (shim.wait_end(), shim.noise) == (0, [])
    assert [r["outcome"] for r in desk_site.vendor.records()] == ["answered", "answered"]
    assert [e["status"] for e in router.wait_events(2, "exchange")] == [200, 200]


@pytest.mark.parametrize("n_kept", [0, 5])
def test_a_router_at_rest_ends_at_once(desk_site, router, n_kept):
    clients = [desk_site.connect_router(router, f"127.1.0.{n + 1}") for n in range(n_kept)]
    for client in clients:
        ask(client)
    began = time.monotonic()
    router.signal(signal.SIGTERM)
    assert (router.wait_end(), router.noise) == (0, [])
    assert time.monotonic() - began < 2
    for client in clients:
        assert client.ending() == "clean"
        client.close()
    desk_site.vendor.wait_connections(count=len(desk_site.vendor.connections()), open=False)


@pytest.mark.signal_flood
@pytest.mark.parametrize("n", range(3))
def test_more_sigterms_change_nothing_of_how_they_end(desk_site, n):
    router = desk_site.start_router()
    for program in (desk_site.start_shim("127.1.0.1"), router):
        program.signal(signal.SIGTERM)
        program.wait_event("stopping")
        end = time.monotonic() + DEADLINE_S
        while program.is_running:  # whenever it comes: also while the last things are put away
            program.signal(signal.SIGTERM)
            assert time.monotonic() < end, "it does not end"
        assert (program.wait_end(), program.noise) == (0, [])
