# SPDX-License-Identifier: Apache-2.0
"""Rows 13 to 15 and 20 of the catalogue of faults: clients that are slow, many, gone, or speak TLS oddly."""
import json
import socket
import ssl
import time
import warnings

import pytest
from support import openssl
from support.beside import SHORT, Beside, connect_slow
from support.ca import client_context
from support.rawclient import BrokenAnswer, RawClient, request_format
from support.site import HOSTS, ROUTER_NAME
from support.survival import DESK, Survival

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = b'[{"street":"1 Main St"},{"street":"2 Main St"}]'
LARGE = 64 << 20  # more than all sockets on the way hold
AT_ONCE_US = 2_000_000
PATIENT = {**SHORT, "idle_s": 30}  # towards who is at rest: the neighbour is


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def serve(router, client):
    """A good lookup; its event is there too."""
    answer = client.request("GET", LOOKUP, STREET)
    assert answer.status == 200
    router.wait_event("exchange", request=answer.header("X-Request-Id"))


def assert_told(survival, status, reason):
    assert (survival.event["status"], survival.event["reason"]) == (status, reason)


# ---- 13: slow

DRIPS = pytest.mark.parametrize("drips", [False, True], ids=["stalls", "drips"])


@pytest.fixture
def hasty_router(hasty_site):
    return hasty_site.start_router({"timeouts": PATIENT})


@DRIPS
@pytest.mark.parametrize("n_before", [0, 1], ids=["first", "second"])
def test_row_13_slow_headers(hasty_site, hasty_router, drips, n_before):
    reason = "request head came too slowly"
    with connect_slow(hasty_site, hasty_router) as client:
        for _ in range(n_before):
            serve(hasty_router, client)
        with Survival(hasty_site, hasty_router) as survival:
            beside = Beside(hasty_site, hasty_router)
            client.send(f"GET {LOOKUP} HTTP/1.1\r\nHost: {STREET}\r\nX-Slow: ")
            beside.until(client, (lambda: client.send("a")) if drips else None)
            answer = client.response()
            beside.assert_in_time()
            assert client.ending() == "clean"
    assert (answer.status, answer.header("Connection"), error_message(answer)) == (408, "close", reason)
    assert survival.records == []
    assert_told(survival, 408, reason)


@DRIPS
def test_row_13_slow_body(hasty_site, hasty_router, drips):
    reason = "request body came too slowly"
    head = request_format("POST", "/street-address", STREET, [["Content-Type", "application/json"]])
    with Survival(hasty_site, hasty_router) as survival, connect_slow(hasty_site, hasty_router) as client:
        beside = Beside(hasty_site, hasty_router)
        client.send(head.replace(b"Content-Length: 0", b"Content-Length: 30000") + BATCH)
        beside.until(client, (lambda: client.send(" ")) if drips else None)
        answer = client.response("POST")
        beside.assert_in_time()
        assert client.ending() == "clean"
        hasty_site.vendor.wait_records(method="POST", outcome="incomplete")
    assert (answer.status, error_message(answer)) == (408, reason)
    [record] = survival.records
    assert len(BATCH) <= record["body_length"] < 30000 and record["status"] is None
    assert_told(survival, 408, reason)


@pytest.mark.parametrize("framing", ["sized", "chunked"])
@pytest.mark.parametrize("sips", [False, True], ids=["stalls", "sips"])
def test_row_13_slow_read(desk_site, framing, sips):
    router, vendor = desk_site.start_router({"timeouts": PATIENT}), desk_site.vendor
    vendor.fault({"host": f"{STREET}*"}, body_size=LARGE, framing=framing, chunk_size=65536)
    with Survival(desk_site, router) as survival, connect_slow(desk_site, router) as client:
        beside = Beside(desk_site, router)
        client.send(request_format("GET", LOOKUP, STREET))
        client._until(lambda: client.received)  # the vendor, who does one thing at a time, has made it
        beside.began = time.monotonic()
        beside.until_event(survival.mark, client._more if sips else None, client=DESK)
        beside.assert_in_time()
        with pytest.raises(BrokenAnswer) as broken:
            client.response()
        client.received.clear()
        vendor.wait_records(host=f"{STREET}*", outcome="abandoned")
    assert str(broken.value).startswith("the connection broke") and len(broken.value.partial) < LARGE
    [record] = survival.records
    assert record["sent_bytes"] < LARGE
    assert_told(survival, 200, "client took the answer too slowly")


# ---- 14: many

FLOOD, ALLOWED = 100, 8


def is_closed(sock):
    """Ended by the other side; waits for it."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("workers", [1, 4])
def test_row_14_connection_flood_from_one_address(desk_site, workers):
    router = desk_site.start_router({"workers": workers, "limits": {"connections_per_address": ALLOWED}})
    host, _, port = router.addresses[0].rpartition(":")
    with Survival(desk_site, router, FLOOD - ALLOWED, "connection_refused") as survival:
        flood = [socket.create_connection((host, int(port)), 20, (DESK, 0)) for _ in range(FLOOD)]
        router.wait_events(FLOOD - ALLOWED, "connection_refused", since=survival.mark, client=DESK)
        for n in range(3, 3 + ALLOWED):  # others come and go
            with desk_site.connect_router(router, f"127.1.0.{n}") as other:
                assert other.request("GET", LOOKUP, STREET).status == 200
        assert router.find_events("connection_closed", since=survival.mark, client=DESK) == []
        for sock in flood[ALLOWED:]:
            assert is_closed(sock)
        for sock in flood:
            sock.close()
        router.wait_events(ALLOWED, "connection_closed", since=survival.mark, client=DESK)
    assert {e["reason"] for e in survival.events} == {"too many connections of one address"}
    told = router.find_events("connection_refused", since=survival.mark)
    assert len(told) == FLOOD - ALLOWED, "another address was refused"


# ---- 15: gone

GONE = "client closed before its answer was complete"
LEAVE = pytest.mark.parametrize("leave", ["finish", "reset"])


@LEAVE
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_row_15_client_abort_before_its_answer(desk_site, leave, method):
    router, vendor = desk_site.start_router(), desk_site.vendor
    name = vendor.fault({"host": f"{STREET}*"}, hold=vendor.gate())
    target, body = (LOOKUP, b"") if method == "GET" else ("/street-address", BATCH)
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        client.send(request_format(method, target, STREET, [], body))
        vendor.wait_records(fault=name, outcome="held")
        getattr(client, leave)()
        vendor.wait_records(fault=name, outcome="abandoned")
    assert_told(survival, 499, GONE)
    assert survival.event["duration_us"] < AT_ONCE_US and len(survival.records) == 1


@LEAVE
def test_row_15_client_abort_within_its_body(desk_site, leave):
    router = desk_site.start_router()
    head = request_format("POST", "/street-address", STREET)
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        client.send(head.replace(b"Content-Length: 0", b"Content-Length: 100") + BATCH)
        desk_site.vendor.wait_records(host=f"{STREET}*", outcome="reading")
        getattr(client, leave)()
        desk_site.vendor.wait_records(host=f"{STREET}*", outcome="incomplete")
    assert_told(survival, 499, GONE)
    assert [r["status"] for r in survival.records] == [None]


@LEAVE
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_row_15_client_abort_within_its_answer(desk_site, framing, leave):
    router, vendor = desk_site.start_router(), desk_site.vendor
    name = vendor.fault({"host": f"{STREET}*"}, body_size=3000, framing=framing,
                        hold_at={"part": "body", "at": 1000, "gate": vendor.gate()})
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        client.send(request_format("GET", LOOKUP, STREET))
        client._until(lambda: client.received.count(b"x") > 500)
        getattr(client, leave)()
        vendor.wait_records(fault=name, outcome="abandoned")
    assert_told(survival, 499, GONE)
    assert survival.event["duration_us"] < AT_ONCE_US and len(survival.records) == 1


@LEAVE
def test_row_15_client_abort_while_the_vendor_is_called(desk_site, leave):
    router, vendor = desk_site.start_router(), desk_site.vendor
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        vendor.fault({"source": DESK}, connect="stall")
        client.send(request_format("GET", LOOKUP, STREET))
        [stalled] = vendor.wait_connections(fault="stall")
        getattr(client, leave)()
        vendor.wait_connections(connection=stalled["connection"], open=False)
    assert_told(survival, 499, GONE)
    assert survival.event["duration_us"] < AT_ONCE_US and survival.records == []


# ---- 20: TLS that is too old, begins again, or comes too early


def old_context(site, version):
    """OpenSSL signs with SHA-1, as these versions do, on its lowest level only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = client_context(site.authority.pem)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_row_20_tls_1_1_and_older(desk_site, version):
    router = desk_site.start_router()
    context = old_context(desk_site, ssl.TLSVersion[version])
    with Survival(desk_site, router, event="connection_closed") as survival:
        with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"):
            RawClient(router.addresses[0], DESK, context, ROUTER_NAME)
    assert survival.event["reason"] == "TLS: unsupported protocol"
    assert survival.records == router.find_events("exchange", since=survival.mark, api="us-street") == []


@pytest.mark.parametrize("at", ["before a request", "within a request", "behind a request"])
def test_row_20_renegotiation(desk_site, at):
    """The client is told so, and its connection is of no use any more: OpenSSL gives up at that alert."""
    router = desk_site.start_router()
    context = client_context(desk_site.authority.pem, ssl.TLSVersion.TLSv1_2)
    n_events = 0 if at == "before a request" else 1
    with Survival(desk_site, router, n_events) as survival, \
            RawClient(router.addresses[0], DESK, context, ROUTER_NAME) as client:
        if at == "behind a request":
            assert client.request("GET", LOOKUP, STREET).status == 200
        elif at == "within a request":
            client.send(f"GET {LOOKUP} HTTP/1.1\r\nHost: ")
        client.tls.renegotiate()
        with pytest.raises(ssl.SSLError, match="NO_RENEGOTIATION"):
            client._more()
        assert client.received == b""
    assert len(survival.records) == (at == "behind a request")
    if n_events:
        assert survival.event["status"] == (200 if at == "behind a request" else 499)


def test_row_20_early_data(desk_site):
    """0-RTT can be played again by who has seen it: no ticket allows it, and who sends it is not heard."""
    router = desk_site.start_router()
    context = client_context(desk_site.authority.pem, ssl.TLSVersion.TLSv1_3)
    with RawClient(router.addresses[0], DESK, context, ROUTER_NAME) as first:
        serve(router, first)
        assert openssl.early_data_max(first.tls.object) == 0
        session = first.session
    early = request_format("GET", "/street-address?street=early", STREET)
    with Survival(desk_site, router) as survival, \
            RawClient(router.addresses[0], DESK, context, ROUTER_NAME, session, early=early) as client:
        assert client.tls.object.session_reused
        assert openssl.early_data_status(client.tls.object) == "rejected"
        answer = client.request("GET", LOOKUP, STREET)
        assert client.received == b""
    assert answer.status == 200 and b"1 Main St" in answer.body
    assert [r["status"] for r in survival.records] == [200]
    assert survival.event["status"] == 200
