# SPDX-License-Identifier: Apache-2.0
"""Time: every wait has an absolute end, and nobody else waits with the slow one."""
import json

import pytest
from support.beside import SHORT, Beside, connect_slow
from support.rawclient import RawClient, request_format
from support.site import HOSTS

STREET, ZIPCODE = HOSTS["us-street"], HOSTS["us-zipcode"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = b'[{"street":"1 Main St"},{"street":"2 Main St"}]'


@pytest.fixture
def router(hasty_site):
    return hasty_site.start_router({"timeouts": SHORT})


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def slow_event(router):
    return router.wait_event("exchange", client="127.1.0.1")


def slow_records(site):
    return site.vendor.records(source="127.1.0.1")


# ---- slow clients


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
