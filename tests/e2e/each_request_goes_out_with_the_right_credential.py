# SPDX-License-Identifier: Apache-2.0
"""The routes of one request: which credential, from which address, and the reason in the event."""
import json

import pytest
from support.rawclient import RawClient, request_format
from support.site import HOSTS, PROVIDER

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = json.dumps([{"street": "1 Main St", "city": "Springfield", "state": "IL"}] * 2).encode()
JSON = [["Content-Type", "application/json"]]


def ask(site, router, workstation, method="GET", target=LOOKUP, host=STREET, headers=(), body=b""):
    """One request straight to the router: the answer and the router's event."""
    with site.connect_router(router, workstation) as client:
        answer = client.request(method, target, host, headers, body)
    event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
    return answer, event


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def test_a_listed_desk_uses_its_own_key_from_its_own_address(desk_site):
    router = desk_site.start_router()
    answer, event = ask(desk_site, router, "127.1.0.2")
    [record] = desk_site.vendor.records()
    assert answer.status == 200
    assert (record["class"], record["key"], record["source"]) == ("embedded", "key-1", "127.1.0.2")
    assert record["host"].startswith(STREET) and record["sni"] == STREET
    assert (event["route"], event["key"], event["client"]) == ("key", "key-1", "127.1.0.2")
    assert event["egress"] == "127.1.0.2"
    assert event["reason"] == "slot 3 of 100 on key-1"


@pytest.mark.parametrize("api, method, target, headers, body", [
    ("us-street", "POST", "/street-address", JSON, BATCH),
    ("us-extract", "POST", "/", [["Content-Type", "text/plain; charset=utf-8"]], b"5 Elm St, Springfield IL"),
])
def test_what_an_embedded_key_cannot_do_goes_by_the_backend(desk_site, api, method, target, headers, body):
    router = desk_site.start_router()
    answer, event = ask(desk_site, router, "127.1.0.1", method, target, HOSTS[api], headers, body)
    [record] = desk_site.vendor.records()
    assert answer.status == 200
    assert (record["class"], record["key"], record["body_length"]) == ("secret", "secret-1", len(body))
    assert (event["route"], event["backend"], event["reason"]) == (
        "backend", "secret-1", "api needs the secret key")


def test_a_desk_beyond_the_keys_capacity_goes_by_the_backend(make_site):
    site = make_site()
    site.add_key("key-1", settings={"capacity": 2}, hosts=["127.1.0.1", "127.1.0.2"])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.3"])
    router = site.start_router()
    answer, event = ask(site, router, "127.1.0.3")
    [record] = site.vendor.records()
    assert answer.status == 200
    assert (record["class"], event["route"]) == ("secret", "backend")
    assert event["reason"] == "all keys of the group are full"


def test_two_desks_behind_one_address_share_one_slot(make_site):
    site = make_site()
    site.add_key("key-1", settings={"capacity": 1}, hosts=["127.9.0.1"])
    site.add_backend("secret-1")
    site.add_group("training", ["127.1.0.1-127.1.0.2"], egress=["127.9.0.1"])
    router = site.start_router()
    for desk in ("127.1.0.1", "127.1.0.2"):
        answer, event = ask(site, router, desk)
        assert (answer.status, event["reason"]) == (200, "slot 1 of 1 on key-1")
    assert {(r["class"], r["source"]) for r in site.vendor.records()} == {("embedded", "127.9.0.1")}


def test_a_workstation_in_no_group_is_refused(desk_site):
    router = desk_site.start_router()
    answer, event = ask(desk_site, router, "127.2.0.1")
    assert answer.status == 403
    assert desk_site.vendor.records() == []
    assert (event["route"], event["reason"]) == ("refused", "workstation is in no group")
    assert error_message(answer) == event["reason"]


def test_unknown_workstations_may_be_given_a_backend(desk_site):
    desk_site.policy_rest["unknown"] = "secret-1"
    router = desk_site.start_router()
    answer, event = ask(desk_site, router, "127.2.0.1")
    [record] = desk_site.vendor.records()
    assert (answer.status, record["class"]) == (200, "secret")
    assert (event["route"], event["reason"]) == ("backend", "workstation is in no group")


def test_overflow_is_refused_where_the_group_says_so(make_site):
    site = make_site()
    site.add_key("key-1", settings={"capacity": 1}, hosts=["127.1.0.1"])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.2"], overflow="refuse")
    router = site.start_router()
    answer, event = ask(site, router, "127.1.0.2")
    assert (answer.status, site.vendor.records()) == (403, [])
    assert "all keys of the group are full" in event["reason"]


def test_a_group_without_a_backend_is_refused_what_needs_one(make_site):
    site = make_site()
    site.add_key("key-1", hosts=["127.1.0.1"])
    site.add_group("desks", ["127.1.0.1"], backends=[])
    router = site.start_router()
    answer, event = ask(site, router, "127.1.0.1", "POST", "/street-address", STREET, JSON, BATCH)
    assert (answer.status, site.vendor.records()) == (403, [])
    assert "api needs the secret key" in event["reason"]


@pytest.mark.parametrize("method, target, host, status, reason", [
    ("GET", "/street-address", "evil.example.com", 403,
     "neither is the host a vendor of the policy nor does the path begin with an API's name"),
    ("GET", "http://evil.example.com/", "evil.example.com", 403, "host is not a vendor of the policy"),
    ("CONNECT", "evil.example.com:443", "evil.example.com:443", 403, "host is not a vendor of the policy"),
    ("CONNECT", f"{STREET}:443", f"{STREET}:443", 405, "CONNECT is not offered for this host"),
    ("TRACE", "/street-address", STREET, 405, "TRACE is never sent on"),
    ("DELETE", "/street-address", STREET, 405, "us-street does not take DELETE"),
    ("GET", "/elsewhere", STREET, 404, "path is not an API of the vendor"),
    ("GET", "/street-address/../x", STREET, 404, "path is not an API of the vendor"),
    ("GET", "/street-address/%2e%2e/x", STREET, 404, "path is not an API of the vendor"),
    ("GET", "/us-street/elsewhere", "router.site.test", 404, "path is not an API of the vendor"),
    ("GET", f"http://{STREET}/street-address", "other.example", 421, "Host and request target differ"),
])
def test_what_is_not_offered_is_refused_and_reaches_no_vendor(desk_site, method, target, host, status, reason):
    router = desk_site.start_router()
    asked_before = len(desk_site.dns.queries)
    answer, event = ask(desk_site, router, "127.1.0.1", method, target, host)
    assert answer.status == status
    assert desk_site.vendor.records() == []
    assert event["reason"] == reason
    assert not any("evil" in name for name in map(str, desk_site.dns.queries[asked_before:]))


@pytest.mark.parametrize("framing, length", [("sized", "3000"), ("chunked", None), ("close", None)])
def test_a_head_is_answered_with_the_length_that_the_vendor_tells(desk_site, framing, length):
    shipped = PROVIDER.read_text()
    takes = 'secret = [ "GET", "POST" ]; max_body = 32768;'
    desk_site.write_provider(shipped.replace(takes, takes.replace('"GET"', '"GET", "HEAD"')))
    desk_site.vendor.fault({"method": "HEAD"}, status=200, body_size=3000, framing=framing)
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer = client.request("HEAD", LOOKUP, STREET)
        again = client.request("GET", LOOKUP, STREET)
    event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", length)
    assert (again.status, event["method"], event["answer_bytes"]) == (200, "HEAD", 0)


def test_a_base_url_over_tls_serves_a_desk_without_a_shim(desk_site):
    router = desk_site.start_router()
    answer, event = ask(desk_site, router, "127.1.0.1", target=f"/us-street{LOOKUP}", host="router.site.test")
    [record] = desk_site.vendor.records()
    assert answer.status == 200
    assert (record["path"], record["key"], record["source"]) == ("/street-address", "key-1", "127.1.0.1")
    assert event["api"] == "us-street"


@pytest.mark.parametrize("form", ["prefix", "vendor-exact", "absolute"])
def test_through_the_shim_the_desk_keeps_its_address(desk_site, form):
    desk_site.start_router()
    shim = desk_site.start_shim("127.1.0.2")
    target, host = {"prefix": (f"/us-street{LOOKUP}", shim.addresses[0]),
                    "vendor-exact": (LOOKUP, STREET),
                    "absolute": (f"http://{STREET}{LOOKUP}", STREET)}[form]
    with RawClient(shim.addresses[0]) as client:
        answer = client.request("GET", target, host)
    [record] = desk_site.vendor.records()
    assert answer.status == 200
    assert (record["class"], record["key"], record["source"]) == ("embedded", "key-1", "127.1.0.2")


def test_many_requests_on_one_connection_are_answered_in_order(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        client.send(b"".join(
            request_format("GET", f"/street-address?street={n}%20Oak%20St&city=Springfield&state=IL", STREET)
            for n in range(1, 21)))
        lines = [json.loads(client.response().text)[0]["delivery_line_1"] for _ in range(20)]
    assert lines == [f"{n} Oak St" for n in range(1, 21)]
    assert {r["source"] for r in desk_site.vendor.records()} == {"127.1.0.1"}
