# SPDX-License-Identifier: Apache-2.0
"""The fallback: once, inside the request, only for causes that blame slot or key."""
import json
import re

import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
ON_KEY = "slot 2 of 100 on key-1"


def ask(client, router, method="GET", target=LOOKUP, headers=(), body=b""):
    answer = client.request(method, target, STREET, headers, body)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def classes(site):
    return [(r["class"], r["status"]) for r in site.vendor.records()]


def test_an_unlisted_address_is_served_by_the_backend_and_its_slot_rests(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.9") as client:
        first, event = ask(client, router)
        suspended = router.wait_event("slot_suspended")
        second, later = ask(client, router)
    assert (first.status, second.status) == (200, 200)
    assert classes(desk_site) == [("embedded", 401), ("secret", 200), ("secret", 200)]
    assert [r["source"] for r in desk_site.vendor.records()][0] == "127.1.0.9"
    assert event["fallback"] is True and event["reason"] == "key failed: key or address refused"
    assert (suspended["key"], suspended["egress"]) == ("key-1", "127.1.0.9")
    assert later["fallback"] is False
    assert later["reason"] == "slot suspended: key or address refused"


def test_only_that_slot_rests(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.9") as client:
        ask(client, router)
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
    assert (answer.status, event["route"], event["key"]) == (200, "key", "key-1")
    assert classes(desk_site) == [("embedded", 401), ("secret", 200), ("embedded", 200)]
    assert desk_site.vendor.records()[-1]["source"] == "127.1.0.1"
    assert (event["reason"], event["fallback"]) == (ON_KEY, False)


def test_the_cause_is_told_apart_by_the_answers_body(desk_site):
    desk_site.vendor.cloud("127.1.0.9/32")
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.9") as client:
        answer, event = ask(client, router)
    assert answer.status == 200
    assert classes(desk_site) == [("embedded", 401), ("secret", 200)]
    assert event["reason"] == "key failed: address not listed"


def test_a_throttled_key_falls_back(desk_site):
    desk_site.vendor.fault({"class": "embedded"}, status=429, headers=[["Retry-After", "7"]], body="{}")
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
    assert answer.status == 200
    assert classes(desk_site) == [("embedded", 429), ("secret", 200)]
    assert event["reason"] == "key failed: throttled: address not listed"


def test_there_is_one_fallback_and_no_loop(desk_site):
    desk_site.vendor.fault(times=None, status=401, body='{"errors":[{"message":"no"}]}')
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
    assert answer.status == 401
    assert classes(desk_site) == [("embedded", 401), ("secret", 401)]
    assert (event["fallback"], event["status"]) == (True, 401)
    assert event["reason"] == "key failed: key or address refused"
    router.wait_event("account_refused", backend="secret-1")


@pytest.mark.parametrize("status, blame", [(500, "vendor"), (503, "vendor"), (422, "request"), (404, "request")])
def test_what_does_not_blame_the_key_is_passed_on(desk_site, status, blame):
    desk_site.vendor.fault({"class": "embedded"}, status=status, body="{}")
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
        again, after = ask(client, router)
    assert (answer.status, again.status) == (status, 200)
    assert classes(desk_site) == [("embedded", status), ("embedded", 200)]
    assert (event["blame"], event["fallback"], after["route"]) == (blame, False, "key")
    assert (event["reason"], after["reason"]) == (ON_KEY, ON_KEY)


def test_without_a_backend_the_refusal_has_a_name(make_site):
    site = make_site()
    site.add_key("key-1", hosts=["127.1.0.1"])
    site.add_group("desks", ["127.1.0.1-127.1.0.2"], backends=[])
    router = site.start_router()
    with site.connect_router(router, "127.1.0.2") as client:
        answer, event = ask(client, router)
    assert answer.status == 403
    assert classes(site) == [("embedded", 401)]
    assert "key failed: key or address refused" in event["reason"]
    assert json.loads(answer.text)["errors"][0]["message"] == event["reason"]


def test_several_live_addresses_refused_rest_the_key(make_site):
    desks = [f"127.1.0.{n}" for n in range(1, 6)]
    site = make_site()
    site.add_key("key-1", hosts=desks)
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.5"])
    router = site.start_router()
    for desk in desks:  # all of them have worked
        with site.connect_router(router, desk) as client:
            assert ask(client, router)[1]["route"] == "key"
    site.vendor.set_key("key-1", active=False)
    for desk in desks[:3]:
        with site.connect_router(router, desk) as client:
            assert ask(client, router)[0].status == 200
    router.wait_event("key_suspended", key="key-1")
    with site.connect_router(router, desks[4]) as client:
        answer, event = ask(client, router)
    assert (answer.status, event["route"]) == (200, "backend")
    assert event["reason"] == "key key-1 suspended: key or address refused"
    assert len(site.vendor.records(**{"class": "embedded", "status": 401})) == 3


def test_an_egress_address_that_the_machine_does_not_have_costs_no_lookup(make_site):
    site = make_site()
    site.add_key("key-1", hosts=["203.0.113.9"])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1"], egress=["203.0.113.9"])
    router = site.start_router()
    with site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
    assert (answer.status, classes(site)) == (200, [("secret", 200)])
    assert event["fallback"] is True and "source address cannot be used" in event["reason"]
    told = router.wait_event("egress_unusable")
    assert (told["key"], told["egress"]) == ("key-1", "203.0.113.9")
    said = site.keyrouter("status", "--socket", site.sockets / "control")
    assert ": 1 matter to see to: " in said.splitlines()[0]
    explained = site.keyrouter("explain", "127.1.0.1", "--socket", site.sockets / "control")
    for text in said, explained:
        assert re.search(r"^egress +\d+ s ago a call could not leave from its egress address", text, re.M)


def test_errors_that_must_be_read_are_asked_for_unpacked(desk_site):
    """What the body of a 401 says decides; packed it would say nothing."""
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        client.send(desk_site.street_request(headers=[["Accept-Encoding", "gzip, br"]]))
        answer = client.response()
    [record] = desk_site.vendor.records()
    event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
    assert (answer.status, record["class"], event["route"]) == (200, "embedded", "key")
    assert [v for n, v in record["headers"] if n.lower() == "accept-encoding"] == ["identity"]
