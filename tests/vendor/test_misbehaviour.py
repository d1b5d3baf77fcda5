# SPDX-License-Identifier: Apache-2.0
"""The stand-in vendor misbehaves as it is told, and is strict with what it is sent."""
import base64
import json
import ssl
import zlib

import pytest

from support import canary
from support.ca import client_context
from support.rawclient import BrokenAnswer, RawClient, Truncated, request_format

HOST = "us-street.api.smarty.com"
DESK = "127.1.0.1"


@pytest.fixture
def key(vendor):
    return vendor.add_embedded("key", [DESK])


@pytest.fixture
def client(vendor, key):
    with RawClient(vendor.address, DESK, client_context(vendor.ca), HOST) as client:
        yield client


@pytest.fixture
def lookup(key):
    return request_format("GET", f"/street-address?street=1%20Main%20St&{key.query}", HOST)


def exchange(client, lookup):
    client.send(lookup)
    return client.response()


def street_of(response):
    return json.loads(response.text)[0]["delivery_line_1"]


# ---- strict reading

HEAD = f"POST /street-address HTTP/1.1\r\nHost: {HOST}\r\n"
MALFORMED = [
    ("a length and a coding", HEAD + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     400),
    ("two lengths", HEAD + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
    ("a signed length", HEAD + "Content-Length: +1\r\n\r\na", 400),
    ("a list of lengths", HEAD + "Content-Length: 1, 1\r\n\r\na", 400),
    ("another coding", HEAD + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("a chunk extension", HEAD + "Transfer-Encoding: chunked\r\n\r\n1;a=b\r\n", 400),
    ("a chunk longer than it says", HEAD + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
    ("a chunk size that is none", HEAD + "Transfer-Encoding: chunked\r\n\r\n0x1\r\n", 400),
    ("a space before the colon", HEAD + "Content-Length : 1\r\n\r\na", 400),
    ("a folded line", HEAD + "A: b\r\n c\r\n\r\n", 400),
    ("a bare line feed", "GET / HTTP/1.1\nHost: x\n\n", 400),
    ("a control character", HEAD + "A: b\x01\r\n\r\n", 400),
    ("a bare carriage return", HEAD + "A: b\rc\r\n\r\n", 400),
    ("no host", "GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", HEAD + f"Host: {HOST}\r\n\r\n", 400),
    ("user information in the host", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ("an absolute target", f"GET https://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n", 400),
    ("another version", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 400),
    ("another expectation", HEAD + "Expect: x\r\nContent-Length: 1\r\n\r\n", 417),
    ("a head without end", HEAD + "A: " + "b" * 70000, 431),
    ("another host", "GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 421),
]


@pytest.mark.parametrize("row", MALFORMED, ids=[r[0] for r in MALFORMED])
def test_what_is_malformed_is_refused(vendor, client, row):
    _, sent, status = row
    client.send(sent)
    assert client.response().status == status
    record, = vendor.records()
    assert record["status"] == status
    if status != 421:
        assert client.ending() == "clean" and record["invalid"]


def test_pipelined_requests_are_answered_in_order(client, key):
    heads = [request_format("GET", f"/street-address?street={i}&{key.query}", HOST)
             for i in range(50)]
    client.send(b"".join(heads))
    assert [street_of(client.response()) for _ in range(50)] == [str(i) for i in range(50)]


def test_a_request_may_come_byte_by_byte_and_chunked(vendor, client):
    secret = vendor.add_secret("secret")
    head = request_format("POST", "/street-address", HOST,
                          [secret.basic, ["Transfer-Encoding", "chunked"]])
    head = head.replace(b"Content-Length: 0\r\n", b"")
    client.send_pieces(head + b'5\r\n[{"st\r\n10\r\nreet":"2 B St"}]\r\n0\r\nA: b\r\n\r\n')
    assert street_of(client.response()) == "2 B St"
    record, = vendor.records()
    assert (record["framing"], record["body_length"], record["trailers"]) == ("chunked", 21, ["A"])


@pytest.mark.parametrize("continues", [True, False])
def test_100_continue_comes_when_it_should(vendor, client, continues):
    secret = vendor.add_secret("secret")
    if not continues:
        vendor.fault(no_continue=True)
    body = b'[{"street":"2 B St"}]'
    head = request_format("POST", "/street-address", HOST,
                          [secret.basic, ["Expect", "100-continue"]], body)[: -len(body)]
    client.send(head)
    vendor.wait_records(outcome="reading")
    if continues:
        assert client._line() == b"HTTP/1.1 100 Continue" and client._line() == b""
    client.send(body)
    response = client.response()
    assert street_of(response) == "2 B St" and response.interim == []


def test_a_body_too_long_by_its_own_word_is_not_waited_for(vendor, client):
    client.send(HEAD + "Expect: 100-continue\r\nContent-Length: 40000\r\n\r\n")
    response = client.response()
    assert (response.status, response.interim) == (413, [])
    assert response.header("connection") == "close"


# ---- misbehaviour

def test_a_fault_takes_the_requests_it_names_and_no_others(vendor, client, lookup):
    vendor.fault({"source": "127.9.*"}, status=500)
    vendor.fault({"class": "secret"}, status=500)
    vendor.fault({"host": HOST, "path": "/street-*", "key": ["other", "key"]}, times=2, skip=1,
                 status=503, headers=[["Retry-After", "3"]])
    got = [exchange(client, lookup) for _ in range(4)]
    assert [r.status for r in got] == [200, 503, 503, 200]
    assert got[1].header("Retry-After") == "3"
    assert [r["fault"] is not None for r in vendor.records()] == [False, True, True, False]


def test_a_held_answer_waits_for_its_gate(vendor, client, lookup):
    gate = vendor.gate()
    vendor.fault(hold=gate)
    client.send(lookup)
    vendor.wait_records(outcome="held")
    assert not client.received
    vendor.release(gate)
    assert street_of(client.response()) == "1 Main St"


def test_a_client_that_goes_away_is_seen(vendor, client, lookup):
    vendor.fault(hold=vendor.gate())
    client.send(lookup)
    vendor.wait_records(outcome="held")
    client.reset()
    vendor.wait_records(outcome="abandoned")
    vendor.wait_connections(closed_by="client")


CUTS = [
    ("RST before the head", {"reset": {"part": "head"}}, "reset", 0),
    ("RST in the head", {"reset": {"part": "head", "at": 9}}, "reset", 9),
    ("RST in the body", {"reset": {"part": "body", "at": 5}}, "reset", None),
    ("RST before the last byte", {"reset": {"part": "body", "at": -1}}, "reset", None),
    ("FIN in the body", {"cut": {"part": "body", "at": 5}}, "clean", None),
    ("FIN without close_notify", {"cut": {"part": "head", "at": 3, "close_notify": False}}, "fin",
     3),
    ("FIN in a chunked body", {"cut": {"at": 7}, "framing": "chunked"}, "clean", None),
]


@pytest.mark.parametrize("row", CUTS, ids=[r[0] for r in CUTS])
def test_an_answer_is_cut(vendor, client, lookup, row):
    _, do, ending, length = row
    vendor.fault(**do)
    client.send(lookup)
    assert client.ending() == ending
    if length is not None:
        assert len(client.received) == length
    else:
        head, _, body = bytes(client.received).partition(b"\r\n\r\n")
        at = (do.get("reset") or do["cut"])["at"]
        assert head.startswith(b"HTTP/1.1 200") and (len(body) == at or at < 0 < len(body))
    record, = vendor.records()
    assert record["outcome"] in ("reset", "cut")


def test_a_body_comes_byte_by_byte(vendor, client, lookup):
    gate = vendor.gate()
    vendor.fault(drip={"gate": gate}, body="abc")
    client.send(lookup)
    for n in (1, 2):
        vendor.release(gate, 1)
        client._until(lambda: client.received.endswith(b"abc"[:n]))
        assert vendor.records()[0]["sent_bytes"] == n
    assert client.received.endswith(b"\r\n\r\nab")
    vendor.release(gate)
    assert client.response().body == b"abc"


def test_an_answer_stops_in_the_middle_until_released(vendor, client, lookup):
    gate = vendor.gate()
    vendor.fault(hold_at={"part": "body", "at": 3, "gate": gate}, body="abcdef")
    client.send(lookup)
    client._until(lambda: client.received.endswith(b"abc"))
    vendor.wait_records(outcome="held")
    vendor.release(gate)
    assert client.response().body == b"abcdef"


SHAPES = [
    ("chunked", {"framing": "chunked", "chunk_size": 10}, lambda r: r.framing == "chunked"),
    ("until the end", {"framing": "close"}, lambda r: r.framing == "close"),
    ("gzip", {"gzip": True}, lambda r: r.header("content-encoding") == "gzip"),
    ("tiny records", {"record_size": 1}, lambda r: r.framing == "sized"),
    ("huge headers", {"pad_headers": {"count": 100, "size": 1000}}, lambda r: len(r.headers) > 100),
    ("said to close", {"connection_close": True}, lambda r: r.header("connection") == "close"),
    ("interim answers", {"interim": [[103, [["Link", "</a>"]]], [102, []]]},
     lambda r: [i[0] for i in r.interim] == [103, 102]),
    ("after a while", {"delay_ms": 20}, lambda r: r.framing == "sized"),
]


@pytest.mark.parametrize("row", SHAPES, ids=[r[0] for r in SHAPES])
def test_an_answer_has_another_shape(vendor, client, lookup, row):
    _, do, seen = row
    vendor.fault(**do)
    response = exchange(client, lookup)
    assert seen(response) and street_of(response) == "1 Main St"
    if response.framing == "close" or response.header("connection"):
        assert client.ending() == "clean"
    else:
        assert exchange(client, lookup).status == 200


def test_a_second_answer_comes_unasked(vendor, client, lookup):
    vendor.fault(extra=True)
    assert street_of(exchange(client, lookup)) == "1 Main St"
    assert street_of(client.response()) == "nobody asked for this"


def test_any_bytes_stand_in_for_the_answer(vendor, client, lookup):
    vendor.fault(raw_base64=base64.b64encode(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
                                             b"Content-Length: 2\r\n\r\nab").decode())
    client.send(lookup)
    with pytest.raises(BrokenAnswer, match="more than one length"):
        client.response()


@pytest.mark.parametrize("form", ["raw", "percent", "base64", "hex", "sent"])
def test_the_credential_comes_back(vendor, client, lookup, key, form):
    vendor.fault(times=2, echo={"in": "body", "as": form}, status=302,
                 headers=[["Location", "https://elsewhere.example/"]])
    body = exchange(client, lookup).body
    assert canary.search(body, [key.fields["key"]])
    assert vendor.records()[0]["status"] == 302
    client.all_received.clear()  # the point of the test, not a leak


def test_a_whole_header_comes_back(vendor, client):
    secret = vendor.add_secret("secret")
    vendor.fault(echo={"in": "X-Was", "as": "sent"})
    client.send(request_format("GET", "/street-address?street=a", HOST, [secret.basic]))
    assert client.response().header("X-Was") == secret.basic[1]
    client.all_received.clear()


def test_answers_are_counted_beyond_the_records(vendor, client, lookup):
    vendor.settings(records_max=2)
    vendor.fault(status=503, skip=1)
    assert [exchange(client, lookup).status for _ in range(4)] == [200, 503, 200, 200]
    assert len(vendor.records()) == 2
    assert {row["status"]: row["count"] for row in vendor.counts(source=DESK, key="key")} == \
        {200: 3, 503: 1}


def test_a_body_of_any_size_is_sent_as_the_client_reads(vendor, client, lookup):
    size = 24 << 20
    vendor.fault(body_size=size)
    client.send(lookup)
    vendor.wait_records(outcome="judged")
    client._until(lambda: len(client.received) > 1000)
    assert vendor.records()[0]["sent_bytes"] < size  # nobody reads: it waits
    response = client.response()
    assert len(response.body) == size and json.loads(response.body)
    assert vendor.wait_records(outcome="answered")[0]["sent_bytes"] > size


def test_session_tickets_come_late(vendor, key, lookup):
    vendor.tls(tickets=0)
    gate = vendor.gate()
    vendor.fault(late_tickets=2, late_gate=gate)
    context = client_context(vendor.ca)
    with RawClient(vendor.address, DESK, context, HOST) as client:
        assert exchange(client, lookup).status == 200
        assert not client.session or not client.session.has_ticket
        vendor.release(gate)
        vendor.wait_records(outcome="answered")
        assert exchange(client, lookup).status == 200
        session = client.session
        assert session.has_ticket
    vendor.tls(tickets=2)
    with RawClient(vendor.address, DESK, context, HOST) as client:
        exchange(client, lookup)
        session = client.session
    with RawClient(vendor.address, DESK, context, HOST, session=session) as client:
        exchange(client, lookup)
    assert [c["resumed"] for c in vendor.connections()] == [False, False, True]


@pytest.mark.parametrize("how,ending",
                         [("close_notify", "clean"), ("fin", "fin"), ("reset", "reset")])
def test_an_idle_connection_is_closed(vendor, client, lookup, how, ending):
    gate = vendor.gate()
    vendor.fault(close_after=how, close_gate=gate)
    assert exchange(client, lookup).status == 200
    vendor.release(gate)
    assert client.ending() == ending


def test_idle_connections_are_closed_on_demand(vendor, client, lookup):
    exchange(client, lookup)
    assert len(vendor.close_connections(source=DESK)) == 1
    assert client.ending() == "clean"
    client.close()
    vendor.wait_connections(open=False)


def test_a_connection_gets_nowhere(vendor, key, lookup):
    context = client_context(vendor.ca)
    for how, error in (("reset", ConnectionResetError), ("close", Truncated),
                       ("plain", ssl.SSLError)):
        vendor.fault({"source": DESK}, connect=how)
        with pytest.raises(error):
            RawClient(vendor.address, DESK, context, HOST)
    vendor.fault({"source": DESK}, connect="stall")
    with pytest.raises(TimeoutError):
        RawClient(vendor.address, DESK, context, HOST, timeout=0.1)
    with RawClient(vendor.address, DESK, context, HOST) as client:
        assert exchange(client, lookup).status == 200


def test_an_old_tls_version_is_spoken_when_asked(vendor, key, lookup):
    vendor.tls(version="1.2")
    with RawClient(vendor.address, DESK, client_context(vendor.ca), HOST) as client:
        assert exchange(client, lookup).status == 200
    assert vendor.records()[0]["tls"] == "TLSv1.2"


def test_a_fault_that_cannot_be_carried_out_is_not_silent(vendor, client, lookup):
    vendor.fault(echo={"in": "body", "as": "no such form"})
    client.send(lookup)
    assert client.ending() == "reset"
    vendor.wait_records(outcome="broken")


def test_records_are_found_by_their_fields(vendor, client, key, lookup):
    exchange(client, lookup)
    client.send(request_format("GET", f"/street-address?{key.query}", HOST, [["X-Mark", "1"]]))
    client.response()
    found = [
        ({"header": "x-mark"}, [2]), ({"parameters": ["street", "key"]}, [1]),
        ({"status": 422}, [2]), ({"status": [200, 422]}, [1, 2]), ({"path": "/street-*"}, [1, 2]),
        ({"source": "127.1.0.*", "class": "embedded"}, [1, 2]), ({"key": "k*", "request": 1}, [1]),
        ({"path": "/street"}, []), ({"no such field": 1}, []),
    ]
    for match, requests in found:
        assert [r["request"] for r in vendor.records(**match)] == requests, match


def test_a_wait_that_is_not_met_says_what_there_was(vendor, client, lookup):
    exchange(client, lookup)
    with pytest.raises(TimeoutError, match="0 of 1 records.*answered"):
        vendor.wait_records(status=500, timeout_s=0.05)


def test_gzip_is_what_it_says(vendor, client, lookup):
    vendor.fault(gzip=True, framing="chunked")
    response = exchange(client, lookup)
    assert zlib.decompress(response.body, 31).decode() == response.text
