# SPDX-License-Identifier: Apache-2.0
"""Bodies flow through as they come, both ways: nothing is collected, and nothing is waited for."""
import json
import os

import pytest
from support.rawclient import RawClient, request_format
from support.site import HOSTS

STREET, ZIPCODE = HOSTS["us-street"], HOSTS["us-zipcode"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
JSON = ["Content-Type", "application/json"]
CHUNKED = ["Transfer-Encoding", "chunked"]
MAX_BODY = 32768  # of US street, as the vendor says
TOO_LONG = f"request body is longer than {MAX_BODY} bytes"
LARGE = 50 << 20
GROWTH_MAX_BYTES = 4 << 20  # of a program while LARGE goes through it: buffers, and none of the body
HUGE = 128 << 20  # more than all sockets on the way hold, however far the system lets them grow
AT_ONCE_US = 2_000_000

# A sanitizer keeps what was freed for a while; the memory of a sanitized build is to be measured too.
_OPTIONS = [os.environ.get("ASAN_OPTIONS", ""), "quarantine_size_mb=0", "thread_local_quarantine_size_kb=0"]
FREED_IS_FREE = {"ASAN_OPTIONS": ":".join(filter(None, _OPTIONS))}


class Way:
    """From a client to the vendor: through the router alone, or through shim and router."""

    def __init__(self, site, through):
        self.site = site
        self.router = site.start_router(environment=FREED_IS_FREE)
        self.shim = None
        if through == "shim and router":
            self.shim = site.start_shim("127.1.0.1", environment=FREED_IS_FREE)
        self.programs = [self.router] + ([self.shim] if self.shim else [])

    def connect(self):
        if self.shim:
            return RawClient(self.shim.addresses[0])
        return self.site.connect_router(self.router, "127.1.0.1")

    def event(self):
        return self.router.wait_event("exchange")


@pytest.fixture(params=["router", "shim and router"])
def way(request, desk_site):
    return Way(desk_site, request.param)


@pytest.fixture
def router_way(desk_site):
    return Way(desk_site, "router")


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def batch_of(size):
    """A batch of two lookups in exactly this many bytes."""
    frame = b'[{"street":"1 Main St"},{"street":"2 Main St","note":"%s"}]'
    return frame % (b"n" * (size - len(frame) + 2))


def sized_request(body):
    return request_format("POST", "/street-address", STREET, [JSON], body)


def chunked_request(body, chunk_size=1000):
    head = request_format("POST", "/street-address", STREET, [JSON, CHUNKED])
    chunks = [body[i : i + chunk_size] for i in range(0, len(body), chunk_size)]
    return head.replace(b"Content-Length: 0\r\n", b"") + b"".join(
        b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


# ---- requests


@pytest.mark.parametrize("framing, format_request", [("sized", sized_request), ("chunked", chunked_request)])
def test_a_batch_of_the_vendors_limit_goes_through(way, framing, format_request):
    with way.connect() as client:
        client.send(format_request(batch_of(MAX_BODY)))
        answer = client.response("POST")
    [record] = way.site.vendor.records()
    assert (answer.status, len(json.loads(answer.text))) == (200, 2)
    assert (record["framing"], record["body_length"], record["class"]) == (framing, MAX_BODY, "secret")
    assert way.event()["reason"] == "api needs the secret key"


@pytest.mark.parametrize("piece", [1, 7, 1500])
def test_a_chunked_body_may_come_in_any_pieces(router_way, piece):
    with router_way.connect() as client:
        client.send_pieces(chunked_request(batch_of(2000), chunk_size=333), piece)
        answer = client.response("POST")
    [record] = router_way.site.vendor.records()
    assert (answer.status, record["body_length"], record["framing"]) == (200, 2000, "chunked")
    assert router_way.event()["status"] == 200


def test_a_chunked_body_beyond_the_limit_is_413_and_never_whole_at_the_vendor(way):
    with way.connect() as client:
        client.send(chunked_request(batch_of(MAX_BODY + 1))[:-5])  # without the last chunk
        answer = client.response("POST")
    assert (answer.status, error_message(answer)) == (413, TOO_LONG)
    [record] = way.site.vendor.wait_records(outcome="incomplete")
    assert record["status"] is None and record["body_length"] <= MAX_BODY
    assert (way.event()["status"], way.event()["reason"]) == (413, TOO_LONG)


def test_the_body_is_invited_when_the_vendor_is_there_to_take_it(way):
    body = batch_of(5000)
    head = request_format("POST", "/street-address", STREET, [JSON, ["Expect", "100-continue"]], body)
    with way.connect() as client:
        client.send(head[: -len(body)])
        client._until(lambda: client.received.endswith(b"\r\n\r\n"))
        assert client.received == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(body)
        answer = client.response("POST")
    [record] = way.site.vendor.records()
    assert (answer.status, [i[0] for i in answer.interim]) == (200, [100])
    assert record["body_length"] == 5000
    assert "expect" not in {name.lower() for name, _ in record["headers"]}
    assert way.event()["status"] == 200


@pytest.mark.parametrize("why, length, desk, status, reason", [
    ("the body is too long", MAX_BODY + 1, "127.1.0.1", 413, TOO_LONG),
    ("nobody may ask", 5000, "127.2.0.1", 403, "workstation is in no group"),
])
def test_no_body_is_invited_that_will_not_be_taken(router_way, why, length, desk, status, reason):
    head = request_format("POST", "/street-address", STREET, [JSON, ["Expect", "100-continue"]])
    with router_way.site.connect_router(router_way.router, desk) as client:
        client.send(head.replace(b"Content-Length: 0", b"Content-Length: %d" % length))
        answer = client.response("POST")
        assert client.ending() == "clean"
    assert (answer.status, answer.interim, error_message(answer)) == (status, [], reason)
    assert router_way.site.vendor.records() == []
    assert router_way.event()["reason"] == reason


def test_twenty_requests_in_one_write_are_answered_in_order(way):
    requests, expected = [], []
    for n in range(20):
        if n % 4 == 3:  # a batch now and then, by another credential and another connection
            requests.append(sized_request(b'[{"street":"%d Elm St"},{"street":"2 Elm St"}]' % n))
            expected.append(f"{n} Elm St")
        else:
            requests.append(request_format("GET", f"/street-address?street={n}%20Oak%20St", STREET))
            expected.append(f"{n} Oak St")
    with way.connect() as client:
        client.send(b"".join(requests))
        answers = [client.response() for _ in requests]
    assert [json.loads(a.text)[0]["delivery_line_1"] for a in answers] == expected
    assert [r["method"] for r in way.site.vendor.records()] == ["GET", "GET", "GET", "POST"] * 5
    assert [e["status"] for e in way.router.wait_events(20, "exchange")] == [200] * 20


def test_requests_in_many_tls_records_of_one_write_are_all_read(router_way):
    """What lies in the TLS layer already brings no event of the socket."""
    with router_way.connect() as client:
        for n in range(19):
            client.tls.object.write(request_format("GET", f"/street-address?street={n}", STREET))
        client.send(request_format("GET", "/street-address?street=19", STREET))
        lines = [json.loads(client.response().text)[0]["delivery_line_1"] for _ in range(20)]
    assert lines == [str(n) for n in range(20)]
    assert len(router_way.site.vendor.records()) == 20
    assert [e["status"] for e in router_way.router.wait_events(20, "exchange")] == [200] * 20


# ---- answers


def body_of(size):
    return b'[{"pad":"' + b"x" * (size - 12) + b'"}]'


def start_unread(way, client, size, framing):
    """Asks for an answer and waits until the vendor can send no more of it; its fault's name."""
    vendor = way.site.vendor
    name = vendor.fault(body_size=size, framing=framing, chunk_size=65536)
    client.send(request_format("GET", LOOKUP, STREET))
    vendor.wait_records(fault=name, outcome="judged")
    n_sent, n_still = -1, 0
    while n_still < 20:  # good requests beside it give the time
        with way.site.connect_router(way.router, "127.1.0.2") as other:
            assert other.request("GET", "/lookup?zipcode=62701", ZIPCODE).status == 200
        [record] = vendor.records(fault=name)
        n_still = n_still + 1 if record.get("sent_bytes") == n_sent else 0
        n_sent = record.get("sent_bytes")
    return name


def assert_small(way, before):
    for program, rss in zip(way.programs, before):
        assert program.memory()["rss"] - rss < GROWTH_MAX_BYTES, program.name


@pytest.mark.parametrize("framing", ["sized", "chunked", "close"])
def test_a_client_that_stops_reading_costs_no_memory_and_gets_all_of_it_later(way, framing):
    before = [program.memory()["rss"] for program in way.programs]
    with way.connect() as client:
        name = start_unread(way, client, LARGE, framing)
        assert_small(way, before)
        answer = client.response()
        client.all_received.clear()  # compared whole, so that no more can be found in it
        assert answer.status == 200 and answer.body == body_of(LARGE)
        assert_small(way, before)
    [record] = way.site.vendor.wait_records(fault=name, outcome="answered")
    assert record["sent_bytes"] >= LARGE
    [event] = way.router.wait_events(1, "exchange", client="127.1.0.1")
    assert (event["status"], event["answer_bytes"]) == (200, LARGE)
    assert event["reason"].startswith("slot ")


def test_a_client_that_stops_reading_holds_the_vendor_back_and_frees_it_when_it_leaves(way):
    before = [program.memory()["rss"] for program in way.programs]
    with way.connect() as client:
        name = start_unread(way, client, HUGE, "sized")
        assert_small(way, before)
        assert [r["outcome"] for r in way.site.vendor.records(fault=name)] == ["judged"]
        client.reset()
    [record] = way.site.vendor.wait_records(fault=name, outcome="abandoned")
    assert 0 < record["sent_bytes"] < HUGE
    [event] = way.router.wait_events(1, "exchange", client="127.1.0.1")
    assert (event["status"], event["reason"]) == (499, "client closed before its answer was complete")


@pytest.mark.parametrize("leave", ["finish", "reset"])
def test_a_client_that_leaves_before_its_answer_frees_the_vendor(way, leave):
    name = way.site.vendor.fault(hold=way.site.vendor.gate())
    with way.connect() as client:
        client.send(request_format("GET", LOOKUP, STREET))
        way.site.vendor.wait_records(fault=name, outcome="held")
        getattr(client, leave)()
        way.site.vendor.wait_records(fault=name, outcome="abandoned")
    event = way.event()
    assert (event["status"], event["reason"]) == (499, "client closed before its answer was complete")
    assert event["duration_us"] < AT_ONCE_US
    assert len(way.site.vendor.records()) == 1


@pytest.mark.parametrize("framing", ["sized", "chunked", "close"])
@pytest.mark.parametrize("record_size", [1, 100, 5000])
def test_an_answer_in_many_tls_records_of_one_write_comes_whole_and_at_once(router_way, framing, record_size):
    """The socket falls quiet while records still lie in the TLS layer."""
    size = 3000 if record_size == 1 else 60000
    with router_way.connect() as client:
        for _ in range(2):  # on a fresh connection and on a kept one
            router_way.site.vendor.fault(body_size=size, record_size=record_size, framing=framing)
            answer = client.request("GET", LOOKUP, STREET)
            event = router_way.router.wait_event("exchange", request=answer.header("X-Request-Id"))
            assert (answer.status, len(answer.body), answer.body.count(b"x")) == (200, size, size - 12)
            assert event["duration_us"] < AT_ONCE_US and event["answer_bytes"] == size
    connections = {r["connection"] for r in router_way.site.vendor.records()}
    assert len(connections) == (2 if framing == "close" else 1)


def test_session_tickets_that_come_late_do_not_end_a_kept_connection(router_way):
    vendor = router_way.site.vendor
    with router_way.connect() as client:
        for n_tickets in (1, 3):
            gate = vendor.gate()
            name = vendor.fault(late_tickets=n_tickets, late_gate=gate)
            assert client.request("GET", LOOKUP, STREET).status == 200
            vendor.wait_records(fault=name, outcome="held")
            vendor.release(gate)
            vendor.wait_records(fault=name, outcome="answered")
        assert client.request("GET", LOOKUP, STREET).status == 200
    records = vendor.records()
    assert len(records) == 3 and {r["connection"] for r in records} == {records[0]["connection"]}
    assert [e["retried"] for e in router_way.router.wait_events(3, "exchange")] == [False] * 3
