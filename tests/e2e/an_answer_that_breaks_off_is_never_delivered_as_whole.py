# SPDX-License-Identifier: Apache-2.0
"""Honest failure: what the vendor did not finish is a broken connection or a 502, never a clean end."""
import base64
import json

import pytest
from support.rawclient import BrokenAnswer, RawClient, request_format
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BODY_BYTES = 3000

FIN = {"close_notify": False}
CLOSED = {"close_notify": True}
IN_HEAD = "vendor broke off in the head of its answer"
BROKEN = "vendor broke off its answer"

HEAD_PLACES = (1, 8, 30, -3, -1)  # bytes of the head; negative ones from its end
BODY_PLACES = {  # and of the body as it is framed
    "sized": (0, 1, 1500, -1),
    "chunked": (0, 1, 700, -7, -5, -1),
    "close": (0, 1, 1500, -1),
}


def body_rows():
    """(framing, place, action): a close_notify is the proper end of an answer without length."""
    for framing, places in BODY_PLACES.items():
        for at in places:
            yield framing, at, {"reset": {"part": "body", "at": at}}
            yield framing, at, {"cut": {"part": "body", "at": at, **FIN}}
            if framing != "close":
                yield framing, at, {"cut": {"part": "body", "at": at, **CLOSED}}


def head_rows():
    for at in HEAD_PLACES:
        for how in ({"reset": {"part": "head", "at": at}}, {"cut": {"part": "head", "at": at, **FIN}},
                    {"cut": {"part": "head", "at": at, **CLOSED}}):
            yield at, how


class Way:
    """From a client to the vendor: through the router alone, or through shim and router."""

    def __init__(self, site, through):
        self.site = site
        self.router = site.start_router()
        self.shim = site.start_shim("127.1.0.1") if through == "shim and router" else None
        self.shim_mark = 0

    def connect(self):
        if self.shim:
            return RawClient(self.shim.addresses[0])
        return self.site.connect_router(self.router, "127.1.0.1")

    def ask(self, client, **fault):
        """An answer, or BrokenAnswer; the vendor's records; the router's events, one for each record.

        The vendor keeps breaking off: what the router could not begin to answer the shim asks again.
        """
        name = self.site.vendor.fault(times=None, **fault)
        mark = self.router.mark()
        try:
            answer = client.request("GET", LOOKUP, STREET)
        except BrokenAnswer as broken:
            answer = broken
        records = self.site.vendor.records(fault=name)
        self.site.vendor.remove_faults()
        assert 1 <= len(records) <= (2 if self.shim else 1), fault
        return answer, records, self.router.wait_events(len(records), "exchange", since=mark)

    def assert_good(self):
        with self.connect() as client:
            assert client.request("GET", LOOKUP, STREET).status == 200


def is_broken(answer):
    """Told by an RST, which no client takes for the end of an answer."""
    return isinstance(answer, BrokenAnswer) and str(answer).startswith("the connection broke")


@pytest.fixture(params=["router", "shim and router"])
def way(request, desk_site):
    return Way(desk_site, request.param)


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def test_a_head_that_breaks_off_is_a_502(way):
    with way.connect() as client:  # which outlives all of it
        for row in head_rows():
            answer, [record], [event] = way.ask(client, **row[1])
            assert (answer.status, error_message(answer)) == (502, IN_HEAD), row
            assert record["outcome"] in ("cut", "reset"), row
            assert (event["status"], event["reason"]) == (502, IN_HEAD), row
    way.assert_good()


def test_a_body_that_breaks_off_breaks_the_clients_connection(way):
    """Or is a 502, where it breaks before a byte of it has left."""
    for row in body_rows():
        framing, _, how = row
        with way.connect() as client:
            answer, records, events = way.ask(client, body_size=BODY_BYTES, framing=framing, **how)
        assert is_broken(answer) or answer.status == 502, row
        assert all(r["outcome"] in ("cut", "reset") for r in records), row
        assert all(e["status"] in (200, 502) and e["reason"] == BROKEN for e in events), row
        assert way.shim or events[0]["status"] == (200 if is_broken(answer) else 502), row
        if way.shim:
            told = way.shim.wait_event("exchange", since=way.shim_mark)
            assert told["reason"] in ("router broke off its answer", "router closed before it answered",
                                      "router answered")
            way.shim_mark = way.shim.mark()
    way.assert_good()


def test_what_came_before_the_break_is_handed_on(way):
    gate = way.site.vendor.gate()
    name = way.site.vendor.fault(body_size=BODY_BYTES, cut={"part": "body", "at": 2000},
                                 hold_at={"part": "body", "at": 1000, "gate": gate})
    with way.connect() as client:
        client.send(request_format("GET", LOOKUP, STREET))
        way.site.vendor.wait_records(fault=name, outcome="held")
        client._until(lambda: client.received.count(b"xxxx") > 200)
        way.site.vendor.release(gate)
        with pytest.raises(BrokenAnswer) as broken:
            client.response()
    assert is_broken(broken.value) and 900 < broken.value.partial.count(b"x") < 2000
    assert way.site.vendor.wait_records(fault=name, outcome="cut")
    assert way.router.wait_event("exchange")["reason"] == BROKEN


def test_a_client_of_http_1_0_is_not_told_the_end_by_a_clean_close(way):
    name = way.site.vendor.fault(times=None, framing="chunked", body_size=BODY_BYTES,
                                 cut={"part": "body", "at": 1500})
    with way.connect() as client:
        client.send(f"GET {LOOKUP} HTTP/1.0\r\nHost: {STREET}\r\n\r\n")
        ending = client.ending()
        assert ending == "reset" or client.received.startswith(b"HTTP/1.1 502 "), client.received[:20]
    assert way.site.vendor.records(fault=name)[0]["outcome"] == "cut"
    assert way.router.wait_event("exchange")["reason"] == BROKEN


def test_an_error_whose_body_breaks_off_is_a_502(way):
    """The body of a 401 is held back until it says what is to blame."""
    with way.connect() as client:
        answer, [record], [event] = way.ask(client, status=401, body_size=BODY_BYTES,
                                            cut={"part": "body", "at": 10})
    assert (answer.status, error_message(answer)) == (502, BROKEN)
    assert (record["status"], record["outcome"]) == (401, "cut")
    assert (event["status"], event["reason"]) == (502, BROKEN)


ONE = b'HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n[{"delivery_line_1":"1 Main St"}]'
TWO = ONE + ONE.replace(b"1 Main", b"2 Evil")


@pytest.mark.parametrize("fault", [{"extra": True}, {"raw_base64": base64.b64encode(TWO).decode()}],
                         ids=["later", "at once"])
def test_what_stands_behind_an_answer_is_nobodys(way, fault):
    with way.connect() as client:
        answer, [record], [event] = way.ask(client, **fault)
        assert json.loads(answer.text)[0]["delivery_line_1"] == "1 Main St"
        assert event["reason"].startswith("slot ")
        second = client.request("GET", LOOKUP, STREET)
    assert json.loads(second.text)[0]["delivery_line_1"] == "1 Main St"
    assert record["connection"] != way.site.vendor.records()[-1]["connection"]
