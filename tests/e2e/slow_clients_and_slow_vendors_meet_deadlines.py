# SPDX-License-Identifier: Apache-2.0
"""Time: every wait has an absolute end, and nobody else waits with the slow one."""
import json
import select
import ssl
import time

import pytest
from support import DEADLINE_S
from support.ca import client_context
from support.rawclient import BrokenAnswer, RawClient, request_format
from support.site import HOSTS, PROVIDER, ROUTER_NAME

STREET, ZIPCODE = HOSTS["us-street"], HOSTS["us-zipcode"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = b'[{"street":"1 Main St"},{"street":"2 Main St"}]'
SHORT = {"head_s": 1, "body_s": 1, "answer_s": 1, "idle_s": 1, "linger_s": 1}
BY_THEN_S = 4  # what ends after one second has ended by then, on a busy machine too
LARGE = 64 << 20  # more than all sockets on the way hold
GOOD_DESK = "127.1.0.2"


@pytest.fixture
def hasty_site(desk_site):
    """The API us-street has a deadline of one second."""
    shipped = PROVIDER.read_text()
    paths = 'host = "us-street.api.smarty.com"; paths = [ "/street-address" ];'
    assert paths in shipped
    desk_site.write_provider(shipped.replace(paths, paths + " deadline_s = 1;"))
    return desk_site


@pytest.fixture
def router(hasty_site):
    return hasty_site.start_router({"timeouts": SHORT})


class Beside:
    """A good client, whose requests give the time to a slow one: until that hears something."""

    def __init__(self, site, router):
        self.site, self.router = site, router
        self.began = time.monotonic()
        self.n_served = 0

    def serve(self):
        with self.site.connect_router(self.router, GOOD_DESK) as client:
            assert client.request("GET", "/lookup?zipcode=62701", ZIPCODE).status == 200
        self.n_served += 1
        assert time.monotonic() - self.began < DEADLINE_S, "the slow one waits still"

    def until(self, slow, at_each=None):
        """`slow` is the client that waits; at_each: done before each good request."""
        while not select.select([slow.socket], [], [], 0.02)[0]:
            if at_each:
                at_each()
            self.serve()

    def assert_in_time(self):
        took_s = time.monotonic() - self.began
        assert 0.5 < took_s < BY_THEN_S, took_s
        assert self.n_served >= 1
        for event in self.router.wait_events(self.n_served, "exchange", client=GOOD_DESK):
            assert event["status"] == 200 and event["duration_us"] < 1_000_000, event


def connect_slow(site, router):
    """With TLS 1.2, where nothing but an answer or the end is ever there to read."""
    context = client_context(site.authority.pem, ssl.TLSVersion.TLSv1_2)
    return RawClient(router.addresses[0], "127.1.0.1", context, ROUTER_NAME)


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def slow_event(router):
    return router.wait_event("exchange", client="127.1.0.1")


def slow_records(site):
    return site.vendor.records(source="127.1.0.1")


# ---- slow clients


@pytest.mark.parametrize("n_before", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("drips", [False, True], ids=["stalls", "drips"])
def test_a_head_that_comes_too_slowly_is_408(hasty_site, drips, n_before):
    router = hasty_site.start_router({"timeouts": {**SHORT, "idle_s": 30}})
    with connect_slow(hasty_site, router) as client:
        for _ in range(n_before):
            assert client.request("GET", LOOKUP, STREET).status == 200
        beside = Beside(hasty_site, router)
        client.send(f"GET {LOOKUP} HTTP/1.1\r\nHost: {STREET}\r\nX-Slow: ")
        beside.until(client, (lambda: client.send("a")) if drips else None)
        answer = client.response()
        beside.assert_in_time()
        assert client.ending() == "clean"
    reason = "request head came too slowly"
    assert (answer.status, answer.header("Connection"), error_message(answer)) == (408, "close", reason)
    assert len(slow_records(hasty_site)) == n_before
    event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
    assert (event["status"], event["reason"], event["client"]) == (408, reason, "127.1.0.1")


@pytest.mark.parametrize("drips", [False, True], ids=["stalls", "drips"])
def test_a_body_that_comes_too_slowly_is_408_and_ends_at_the_vendor(hasty_site, router, drips):
    beside = Beside(hasty_site, router)
    head = request_format("POST", "/street-address", STREET, [["Content-Type", "application/json"]])
    with connect_slow(hasty_site, router) as client:
        client.send(head.replace(b"Content-Length: 0", b"Content-Length: 30000") + BATCH)
        beside.until(client, (lambda: client.send(" ")) if drips else None)
        answer = client.response("POST")
        beside.assert_in_time()
        assert client.ending() == "clean"
    reason = "request body came too slowly"
    assert (answer.status, error_message(answer)) == (408, reason)
    [record] = hasty_site.vendor.wait_records(method="POST", outcome="incomplete")
    assert len(BATCH) <= record["body_length"] < 30000 and record["status"] is None
    assert (slow_event(router)["status"], slow_event(router)["reason"]) == (408, reason)


def test_a_handshake_that_never_comes_ends(hasty_site, router):
    beside = Beside(hasty_site, router)
    with RawClient(router.addresses[0], "127.1.0.1") as client:
        beside.until(client)
        beside.assert_in_time()
        assert client.ending() == "clean" and client.all_received == b""
    assert slow_records(hasty_site) == []
    closed = router.wait_event("connection_closed", client="127.1.0.1")
    assert closed["reason"] == "TLS handshake took too long"


@pytest.mark.parametrize("n_requests", [0, 1])
def test_a_connection_at_rest_ends_cleanly(hasty_site, router, n_requests):
    with connect_slow(hasty_site, router) as client:
        for _ in range(n_requests):
            assert client.request("GET", LOOKUP, STREET).status == 200
        beside = Beside(hasty_site, router)
        beside.until(client)
        beside.assert_in_time()
        assert (client.ending(), client.received) == ("clean", b"")
    assert len(slow_records(hasty_site)) == n_requests
    if n_requests == 0:  # the end may be seen before the event
        router.wait_event("connection_closed", client="127.1.0.1")
    told = [e["reason"] for e in router.find_events("connection_closed", client="127.1.0.1")]
    assert told == ([] if n_requests else ["no request came"])


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_client_that_does_not_read_its_answer_is_broken_off(hasty_site, router, framing):
    beside, vendor = Beside(hasty_site, router), hasty_site.vendor
    vendor.fault({"source": "127.1.0.1"}, body_size=LARGE, framing=framing, chunk_size=65536)
    with connect_slow(hasty_site, router) as client:
        client.send(request_format("GET", "/lookup?zipcode=62701", ZIPCODE))
        client._until(lambda: client.received)  # the vendor, who does one thing at a time, has made it
        beside.began = time.monotonic()
        while not router.find_events("exchange", client="127.1.0.1"):
            beside.serve()
        beside.assert_in_time()
        with pytest.raises(BrokenAnswer) as broken:
            client.response()
        client.received.clear()
    assert len(broken.value.partial) < LARGE
    [record] = hasty_site.vendor.wait_records(source="127.1.0.1", outcome="abandoned")
    assert record["sent_bytes"] < LARGE
    assert slow_event(router)["reason"] == "client took the answer too slowly"


# ---- slow vendors


def test_a_vendor_that_is_silent_is_504_within_the_apis_deadline(hasty_site, router):
    beside, gate = Beside(hasty_site, router), hasty_site.vendor.gate()
    hasty_site.vendor.fault(hold=gate)
    with connect_slow(hasty_site, router) as client:
        client.send(request_format("GET", LOOKUP, STREET))
        beside.until(client)
        answer = client.response()
        beside.assert_in_time()
        assert client.request("GET", LOOKUP, STREET).status == 200  # and the connection lives on
    reason = "vendor did not answer in time"
    assert (answer.status, error_message(answer)) == (504, reason)
    assert [r["outcome"] for r in slow_records(hasty_site)] == ["abandoned", "answered"]
    event = slow_event(router)
    assert (event["status"], event["reason"], event["key"]) == (504, reason, "key-1")
    assert router.find_events("slot_suspended") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_vendor_that_never_finishes_the_handshake_is_504(hasty_site, method):
    """The time for a body begins when the vendor is there to take it."""
    router = hasty_site.start_router({"timeouts": {**SHORT, "body_s": 30}})
    beside = Beside(hasty_site, router)
    hasty_site.vendor.fault({"source": ["127.1.0.1", "127.0.0.1"]}, connect="stall")
    target, body = (LOOKUP, b"") if method == "GET" else ("/street-address", BATCH)
    with connect_slow(hasty_site, router) as client:
        client.send(request_format(method, target, STREET, [], body))
        beside.until(client)
        answer = client.response()
        beside.assert_in_time()
    reason = "vendor did not answer in time"
    assert (answer.status, error_message(answer)) == (504, reason)
    assert hasty_site.vendor.records(host=STREET) == []
    assert slow_event(router)["reason"] == reason


@pytest.mark.parametrize("drips", [False, True], ids=["stalls", "drips"])
def test_a_vendors_body_that_comes_too_slowly_is_broken_off(hasty_site, router, drips):
    beside, gate = Beside(hasty_site, router), hasty_site.vendor.gate()
    how = {"drip": {"gate": gate}} if drips else {"hold_at": {"part": "body", "at": 100, "gate": gate}}
    hasty_site.vendor.fault({"source": "127.1.0.1"}, body_size=3000, **how)
    with connect_slow(hasty_site, router) as client:
        client.send(request_format("GET", LOOKUP, STREET))
        while not router.find_events("exchange", client="127.1.0.1"):
            if drips:
                hasty_site.vendor.release(gate, 1)
            beside.serve()
        beside.assert_in_time()
        with pytest.raises(BrokenAnswer) as broken:
            client.response()
    assert str(broken.value).startswith("the connection broke")
    assert broken.value.partial.count(b"x") < (2000 if drips else 100)
    hasty_site.vendor.wait_records(source="127.1.0.1", outcome="abandoned")
    event = slow_event(router)
    assert (event["status"], event["reason"]) == (200, "vendor sent its answer too slowly")


def test_the_shim_hands_on_the_routers_504(hasty_site, router):
    shim = hasty_site.start_shim("127.1.0.1")
    gate = hasty_site.vendor.gate()
    hasty_site.vendor.fault(hold=gate)
    with RawClient(shim.addresses[0]) as client:
        answer = client.request("GET", LOOKUP, STREET)
    assert (answer.status, error_message(answer)) == (504, "vendor did not answer in time")
    assert [r["outcome"] for r in slow_records(hasty_site)] == ["abandoned"]
    assert slow_event(router)["reason"] == "vendor did not answer in time"
    assert shim.wait_event("exchange", status=504)["reason"] == "router answered"


def test_the_shim_holds_slow_programs_to_its_own_times(hasty_site, router):
    shim = hasty_site.start_shim("127.1.0.1", settings={"timeouts": SHORT})
    beside = Beside(hasty_site, router)
    with RawClient(shim.addresses[0]) as client:
        client.send(f"GET {LOOKUP} HTTP/1.1\r\nHost: {STREET}\r\n")
        beside.until(client)
        answer = client.response()
        beside.assert_in_time()
        assert client.ending() == "clean"
    assert (answer.status, error_message(answer)) == (408, "request head came too slowly")
    assert slow_records(hasty_site) == router.find_events("exchange", client="127.1.0.1") == []
    assert shim.wait_event("exchange", status=408)["reason"] == "request head came too slowly"
