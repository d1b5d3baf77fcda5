# SPDX-License-Identifier: Apache-2.0
"""A vendor that repeats our credential, in whatever part of its answer: the client gets '*' in its place.

The canary check behind each test searches all bytes that a client received.
"""
import base64
import json

import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = json.dumps([{"street": "1 Main St", "city": "Springfield", "state": "IL"}] * 2).encode()
JSON = [["Content-Type", "application/json"]]


def ask(site, router, kind):
    """By the embedded key or by the secret one: the answer and the router's event."""
    with site.connect_router(router, "127.1.0.1") as client:
        if kind == "embedded":
            answer = client.request("GET", LOOKUP, STREET)
        else:
            answer = client.request("POST", "/street-address", STREET, JSON, BATCH)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


@pytest.mark.parametrize("kind, spelling", [
    ("embedded", "raw"), ("secret", "raw"), ("secret", "sent")])
@pytest.mark.parametrize("place", ["body", "X-Echo", "Set-Cookie", "Link", "Location", "Content-Location"])
def test_it_is_overwritten(desk_site, kind, spelling, place):
    router = desk_site.start_router()
    desk_site.vendor.fault(echo={"in": place, "as": spelling})
    answer, event = ask(desk_site, router, kind)
    [record] = desk_site.vendor.records()
    assert (answer.status, record["class"], event["redacted"]) == (200, kind, True)
    assert place == "Location" or "****" in (answer.text if place == "body" else answer.header(place))


@pytest.mark.parametrize("how", [
    {"framing": "chunked", "chunk_size": 1}, {"framing": "chunked", "chunk_size": 7}, {"framing": "close"},
    {"record_size": 1}, {"record_size": 9}])
def test_in_whatever_pieces_the_body_comes(desk_site, how):
    router = desk_site.start_router()
    desk_site.vendor.fault(echo={"in": "body", "as": "raw"}, **how)
    answer, event = ask(desk_site, router, "embedded")
    assert (answer.status, event["redacted"]) == (200, True)
    assert json.loads(answer.text) == {"errors": [{"message": "you sent " + "*" * 20}]}


def test_in_the_body_of_an_error(desk_site):
    router = desk_site.start_router()
    desk_site.vendor.fault(status=422, echo={"in": "body", "as": "raw"})
    answer, event = ask(desk_site, router, "embedded")
    assert (answer.status, event["redacted"], event["cause"]) == (422, True, "request")
    assert json.loads(answer.text) == {"errors": [{"message": "you sent " + "*" * 20}]}


@pytest.mark.parametrize("answer_text", [
    "HTTP/1.1 200 {key}\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-{key}: a\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/{key}#{key}\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: {key}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Key: {key}\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX {key}\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: {key}\r\n\r\n",
], ids=["reason", "header name", "path", "interim answer", "trailer", "malformed head", "length"])
def test_in_the_odd_parts_of_an_answer(desk_site, answer_text):
    router = desk_site.start_router()
    raw = answer_text.format(key=desk_site.vendor.keys["key-1"].values["key"])
    desk_site.vendor.fault(raw_base64=base64.b64encode(raw.encode()).decode())
    answer, event = ask(desk_site, router, "embedded")
    assert answer.status == event["status"]
    assert answer.status in (200, 302, 502)


def test_what_is_no_credential_stays_as_it_is(desk_site):
    router = desk_site.start_router()
    answer, event = ask(desk_site, router, "embedded")
    assert (answer.status, event["redacted"]) == (200, False)
    assert "*" not in answer.text
