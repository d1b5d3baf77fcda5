# SPDX-License-Identifier: Apache-2.0
"""The shim is there for this workstation's own programs alone, and small."""
import json

import pytest
from support.rawclient import RawClient
from support.site import HOSTS, program_find

STREET, ZIPCODE = HOSTS["us-street"], HOSTS["us-zipcode"]
QUERY = "?street=1%20Main%20St&city=Springfield&state=IL"
LOOKUP = "/street-address" + QUERY
EX_CONFIG = 78
MEMORY_MAX_BYTES = 8 << 20

FOREIGN = "host is not one of this workstation's APIs"
UNNAMED = "path does not begin with the name of an API"
BLIND = "web page of another site without an Origin"


@pytest.fixture
def pair(desk_site):
    """Router and shim of the desk 127.1.0.1."""
    router = desk_site.start_router()
    return router, desk_site.start_shim("127.1.0.1")


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


@pytest.mark.parametrize("listen", [
    "0.0.0.0:0", "10.1.2.3:8402", "[::]:0", "[2001:db8::1]:8402", "128.0.0.1:8402", "[::ffff:10.1.2.3]:80",
])
def test_an_address_beyond_loopback_is_refused_at_the_start(desk_site, listen):
    settings = {"listen": ["127.0.0.1:0", listen]}
    shim = desk_site.start_shim("127.1.0.1", router="127.0.0.1:9", settings=settings, ready=False)
    status = shim.wait_end()
    printed = "\n".join(shim.noise)
    assert (status, shim.events) == (EX_CONFIG, [])
    assert f'keyshim-1.cfg:1:27: error: "{listen}" is not a loopback address' in printed
    assert "listen on 127.0.0.1 or [::1]" in printed


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.77.0.1:0", "[::1]:0"])
def test_any_address_of_loopback_will_do(desk_site, listen):
    desk_site.start_router()
    shim = desk_site.start_shim("127.1.0.1", settings={"listen": [listen]})
    with RawClient(shim.addresses[0]) as client:
        assert client.request("GET", LOOKUP, STREET).status == 200
    assert [r["source"] for r in desk_site.vendor.records()] == ["127.1.0.1"]


HOSTS_REFUSED = [  # whatever a stranger's DNS may bring to this address, and what only looks like it
    "evil.example.com", "evil.example.com:8402", "127.0.0.1.evil.example.com", "localhost.evil.example.com",
    "localhost.", "mylocalhost", "2130706433", "0x7f.0.0.1", "127.1", "10.1.2.3", "0.0.0.0", "[::]",
    "[2001:db8::1]", f"{STREET}.evil.example.com", f"www.{STREET}", "smarty.com",
]


def test_a_foreign_host_is_refused(pair, desk_site):
    router, shim = pair
    for host in HOSTS_REFUSED:
        for target in (LOOKUP, "/us-street" + LOOKUP, "/healthz"):
            with RawClient(shim.addresses[0]) as client:
                answer = client.request("GET", target, host)
            event = shim.wait_event("exchange", request=answer.header("X-Request-Id"))
            assert (answer.status, error_message(answer), event["reason"]) == (403, FOREIGN, FOREIGN), host
    assert router.find_events("exchange") == desk_site.vendor.records() == []


TARGETS_SERVED = [  # target, Host, what the vendor is asked
    ("/us-street" + LOOKUP, "127.0.0.1", (STREET, "/street-address")),
    ("/us-street" + LOOKUP, "127.0.0.1:8402", (STREET, "/street-address")),
    ("/us-street" + LOOKUP, "localhost", (STREET, "/street-address")),
    ("/us-street" + LOOKUP, "LocalHost:1", (STREET, "/street-address")),
    ("/us-street" + LOOKUP, "[::1]:8402", (STREET, "/street-address")),
    ("/us-zipcode/lookup?zipcode=62701", "127.0.0.1", (ZIPCODE, "/lookup")),
    (LOOKUP, STREET, (STREET, "/street-address")),
    (LOOKUP, STREET.upper(), (STREET, "/street-address")),
    (LOOKUP, f"{STREET}:443", (STREET, "/street-address")),
    ("/lookup?zipcode=62701", ZIPCODE, (ZIPCODE, "/lookup")),
    (f"http://{STREET}{LOOKUP}", STREET, (STREET, "/street-address")),
]


def test_an_api_is_named_by_the_path_or_by_the_host(pair, desk_site):
    router, shim = pair
    with RawClient(shim.addresses[0]) as client:
        for target, host, asked in TARGETS_SERVED:
            answer = client.request("GET", target, host)
            record = desk_site.vendor.records()[-1]
            event = router.wait_event("exchange", request=shim.wait_event(
                "exchange", request=answer.header("X-Request-Id"))["router_request"])
            assert (answer.status, event["status"]) == (200, 200), (target, host)
            assert (record["host"], record["path"]) == asked, (target, host)
    assert len(desk_site.vendor.records()) == len(TARGETS_SERVED)


REFUSALS = [  # method, target, Host, further headers, status, reason
    ("GET", LOOKUP, "127.0.0.1", [], 404, UNNAMED),
    ("GET", "/us-streets/street-address", "127.0.0.1", [], 404, UNNAMED),
    ("GET", "/%75s-street/street-address", "127.0.0.1", [], 404, UNNAMED),
    ("GET", "/", "localhost", [], 404, UNNAMED),
    ("CONNECT", f"{STREET}:443", f"{STREET}:443", [], 405, "method is not served"),
    ("CONNECT", "evil.example.com:443", "evil.example.com:443", [], 403, FOREIGN),
    ("CONNECT", "127.0.0.1:22", "127.0.0.1:22", [], 403, "no tunnel to this workstation itself"),
    ("TRACE", LOOKUP, STREET, [], 405, "method is not served"),
    ("PROPFIND", "/us-street/", "127.0.0.1", [], 405, "method is not served"),
    ("OPTIONS", "*", "127.0.0.1", [], 400, "request target is not a path"),
    ("GET", "http://evil.example.com/", "evil.example.com", [], 403, FOREIGN),
    ("GET", f"http://{STREET}{LOOKUP}", "127.0.0.1", [], 421, "Host and request target differ"),
    ("GET", "/us-street" + LOOKUP, "127.0.0.1", [["Sec-Fetch-Site", "cross-site"]], 403, BLIND),
    ("GET", LOOKUP, STREET, [["Sec-Fetch-Site", "same-site"]], 403, BLIND),
]


def test_what_the_shim_does_not_offer_reaches_no_router(pair, desk_site):
    router, shim = pair
    for method, target, host, headers, status, reason in REFUSALS:
        with RawClient(shim.addresses[0]) as client:
            answer = client.request(method, target, host, headers)
        event = shim.wait_event("exchange", request=answer.header("X-Request-Id"))
        assert (answer.status, event["status"], event["reason"]) == (status, status, reason), (method, target)
        assert reason in error_message(answer)
        if status == 404:
            assert error_message(answer).startswith(f"{UNNAMED}: us-street, us-zipcode, ")
        if status == 405:
            assert answer.header("Allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    assert router.find_events("exchange") == desk_site.vendor.records() == []


def test_the_router_sees_the_address_that_the_shim_is_bound_to(desk_site):
    router = desk_site.start_router()
    for desk in ("127.1.0.1", "127.1.0.2"):
        shim = desk_site.start_shim(desk)
        with RawClient(shim.addresses[0]) as client:
            assert client.request("GET", LOOKUP, STREET).status == 200
    assert [e["client"] for e in router.wait_events(2, "exchange")] == ["127.1.0.1", "127.1.0.2"]
    assert [r["source"] for r in desk_site.vendor.records()] == ["127.1.0.1", "127.1.0.2"]


def test_an_address_that_this_machine_has_not_is_a_clear_error(desk_site):
    router = desk_site.start_router()
    shim = desk_site.start_shim("192.0.2.1")  # RFC 5737
    with RawClient(shim.addresses[0]) as client:
        answer = client.request("GET", LOOKUP, STREET)
    event = shim.wait_event("exchange", request=answer.header("X-Request-Id"))
    reason = "the source address cannot be used on this machine"
    assert (answer.status, error_message(answer), event["reason"]) == (502, reason, reason)
    assert router.find_events("exchange") == desk_site.vendor.records() == []


def test_a_thousand_lookups_leave_it_small(pair, desk_site, build_dir):
    _, shim = pair
    if b"__asan_init" in program_find(build_dir, "keyshim").read_bytes():
        pytest.skip("the sanitizer's own memory is many times the shim's")
    clients = [RawClient(shim.addresses[0]) for _ in range(4)]
    for n in range(1000):
        client = clients[n % len(clients)]
        assert client.request("GET", f"{LOOKUP}&n={n}", STREET).status == 200
    for client in clients:
        client.close()
    assert len(desk_site.vendor.records(source="127.1.0.1", status=200)) == 1000
    assert shim.wait_events(1000, "exchange", status=200)
    assert shim.memory()["rss"] <= MEMORY_MAX_BYTES
