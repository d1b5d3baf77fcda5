# SPDX-License-Identifier: Apache-2.0
"""A query holds somebody's address: whatever becomes of the request, no log tells it."""
import base64
import json

from support.rawclient import BrokenAnswer, RawClient, request_format
from support.site import HOSTS

STREET = HOSTS["us-street"]
PERSON = "Zyxwv1Qponm"  # as letters and digits go through every escape as they are
LOOKUP = f"/street-address?street={PERSON}"
SPLIT = base64.b64encode(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd").decode()
REQUESTS = [
    ("an ordinary lookup", request_format("GET", LOOKUP, STREET), {}, 200),
    ("a path of no API", request_format("GET", f"/elsewhere?street={PERSON}", STREET), {}, 404),
    ("an unlisted host", request_format("GET", f"http://example.com/?street={PERSON}", "example.com"), {}, 403),
    ("a method of no API", request_format("DELETE", LOOKUP, STREET), {}, 405),
    ("a malformed target", request_format("GET", LOOKUP + "#", STREET), {}, 400),
    ("a host that differs", request_format("GET", f"https://{STREET}{LOOKUP}", HOSTS["us-zipcode"]), {}, 421),
    ("a vendor that fails", request_format("GET", LOOKUP, STREET), {"status": 500}, 500),
    ("an answer that is none", request_format("GET", LOOKUP, STREET), {"raw_base64": SPLIT}, 502),
    ("a key that is refused", request_format("GET", LOOKUP, STREET), {"status": 401}, 200),
    ("a body that names it", request_format("POST", "/street-address", STREET,
                                            [["Content-Type", "application/json"]],
                                            b'[{"street":"%s"}]' % PERSON.encode()), {}, 200),
]


def ask(site, client, row):
    sentence, request, fault, status = row
    if fault:
        site.vendor.fault(**fault)
    client.send(request)
    try:
        answer = client.response()
    except BrokenAnswer as broken:
        raise AssertionError(sentence) from broken
    assert answer.status == status, sentence


def assert_silent(process):
    process.stop()
    assert process.find_events("exchange")
    told = [json.dumps(event) for event in process.events] + process.noise
    assert not [line for line in told if PERSON.lower() in line.lower()]


def test_the_router_does_not_tell(desk_site):
    router = desk_site.start_router()
    for row in REQUESTS:
        with desk_site.connect_router(router, "127.1.0.1") as client:
            ask(desk_site, client, row)
    assert_silent(router)


def test_the_shim_does_not_tell(desk_site):
    router = desk_site.start_router()
    shim = desk_site.start_shim("127.1.0.1")
    for row in REQUESTS[0], REQUESTS[1], REQUESTS[4], REQUESTS[9]:
        with RawClient(shim.addresses[0]) as client:
            ask(desk_site, client, row)
    assert_silent(shim)
    assert_silent(router)
