# SPDX-License-Identifier: Apache-2.0
"""Upstream connections: one pool for each origin and source address; stale ones."""
import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = b'[{"street":"1 Main St"},{"street":"2 Main St"}]'
JSON = [["Content-Type", "application/json"]]
ON_KEY = "slot 2 of 100 on key-1"


def ask(client, router, method="GET", headers=(), body=b""):
    target = LOOKUP if method == "GET" else "/street-address"
    answer = client.request(method, target, STREET, headers, body)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def test_each_connection_carries_one_source_address(make_site):
    desks = [f"127.1.0.{n}" for n in range(1, 9)]
    site = make_site()
    site.add_key("key-1", hosts=desks)
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.8"])
    router = site.start_router()
    for _ in range(4):
        for desk in desks:
            with site.connect_router(router, desk) as client:
                answer, event = ask(client, router)
            assert (answer.status, event["egress"]) == (200, desk)
    sources = {}
    for record in site.vendor.records():
        sources.setdefault(record["connection"], set()).add(record["source"])
    assert all(len(s) == 1 for s in sources.values())
    assert len(sources) == len(desks)  # and each was kept and used again
    assert all(r["status"] == 200 and r["class"] == "embedded" for r in site.vendor.records())


def test_key_and_backend_of_one_desk_do_not_share_a_connection(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        ask(client, router)
        ask(client, router, "POST", JSON, BATCH)
        ask(client, router)
    by_class = {}
    for record in desk_site.vendor.records():
        by_class.setdefault(record["class"], set()).add((record["connection"], record["source"]))
    assert {source for _, source in by_class["embedded"]} == {"127.1.0.1"}
    assert "127.1.0.1" not in {source for _, source in by_class["secret"]}
    assert not {c for c, _ in by_class["embedded"]} & {c for c, _ in by_class["secret"]}


@pytest.mark.parametrize("how", ["close_notify", "fin", "reset"])
def test_a_connection_that_the_vendor_closed_while_idle_is_replaced(desk_site, how):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        ask(client, router)
        desk_site.vendor.close_connections(how)
        answer, event = ask(client, router)
    first, second = desk_site.vendor.records()
    assert answer.status == 200
    assert (first["status"], second["status"]) == (200, 200)
    assert first["connection"] != second["connection"]
    assert (event["status"], event["reason"]) == (200, ON_KEY)


def test_a_get_is_sent_once_more_and_not_twice_more(desk_site):
    desk_site.vendor.fault(times=None, reset={"part": "head", "at": 0})
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
    assert answer.status == 502
    assert len(desk_site.vendor.records()) == 2
    assert event["reason"] == "vendor closed before it answered"


def test_sessions_with_the_vendor_are_resumed(desk_site):
    router = desk_site.start_router()
    for _ in range(2):
        with desk_site.connect_router(router, "127.1.0.1") as client:
            ask(client, router)
        desk_site.vendor.close_connections("close_notify")
    assert [r["resumed"] for r in desk_site.vendor.records()] == [False, True]
