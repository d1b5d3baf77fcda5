# SPDX-License-Identifier: Apache-2.0
"""Bytes of the vendor that no answer accounts for are never taken for the next request's answer."""
import base64
import json

import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
FOREIGN = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"
SIZED = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


@pytest.mark.parametrize("first", [
    SIZED + FOREIGN,
    SIZED + "\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n" + FOREIGN,
    "HTTP/1.1 204 No Content\r\n\r\n" + FOREIGN,
    "HTTP/1.1 304 Not Modified\r\n\r\n" + FOREIGN,
    f"HTTP/1.1 204 No Content\r\nContent-Length: {len(FOREIGN)}\r\n\r\n",  # its body may come later
    "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]",
], ids=["second answer", "line end", "behind the last chunk", "body of a 204", "body of a 304",
        "length of a 204", "coding of a 204", "close", "HTTP/1.0"])
def test_the_next_request_gets_a_fresh_one(desk_site, first):
    router = desk_site.start_router()
    desk_site.vendor.fault(raw_base64=base64.b64encode(first.encode()).decode())
    with desk_site.connect_router(router, "127.1.0.1") as client:
        odd = client.request("GET", LOOKUP, STREET)
        good = client.request("GET", LOOKUP, STREET)
    one, two = desk_site.vendor.records()
    event = router.wait_event("exchange", request=good.header("X-Request-Id"))
    assert odd.status in (200, 204, 304) and b"foreign" not in odd.body
    assert json.loads(good.text)[0]["delivery_line_1"] == "1 Main St"
    assert one["connection"] != two["connection"]
    assert (event["status"], event["retried"]) == (200, False)
