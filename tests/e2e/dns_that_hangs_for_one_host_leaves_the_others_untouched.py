# SPDX-License-Identifier: Apache-2.0
"""DNS: a host without an answer fails alone and at once; what was known once stays in use."""
import json

from support.rawclient import RawClient
from support.site import HOSTS

STREET, ZIPCODE = HOSTS["us-street"], HOSTS["us-zipcode"]
LOOKUPS = {  # API -> what is asked
    "us-street": "/street-address?street=1%20Main%20St&city=Springfield&state=IL",
    "us-zipcode": "/lookup?zipcode=62701",
    "us-autocomplete-pro": "/lookup?search=1%20Main",
    "us-reverse-geo": "/lookup?latitude=40.1&longitude=-73.9",
    "international-street": "/verify?country=FRA&address1=1%20Rue%20Main",
}
NO_ADDRESS = "the host name has no usable address"
AT_ONCE_US = 2_000_000  # of a request whose own deadline is 8 s
TTL_S = 5  # the shortest that the router believes


def ask(client, router, api="us-street"):
    answer = client.request("GET", LOOKUPS[api], HOSTS[api])
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def assert_served_at_once(site, client, router, api="us-street"):
    n_before = len(site.vendor.records(host=HOSTS[api]))
    answer, event = ask(client, router, api)
    assert answer.status == 200, api
    assert len(site.vendor.records(host=HOSTS[api])) == n_before + 1
    assert event["reason"].startswith("slot ") and event["duration_us"] < AT_ONCE_US, event


def assert_fails_at_once(site, client, router, api):
    answer, event = ask(client, router, api)
    assert (answer.status, error_message(answer)) == (502, NO_ADDRESS), api
    assert site.vendor.records(host=HOSTS[api]) == []
    assert (event["status"], event["reason"]) == (502, NO_ADDRESS)
    assert event["duration_us"] < AT_ONCE_US, event


def test_a_host_that_is_silent_from_the_start_delays_no_other(desk_site):
    desk_site.dns.silence(ZIPCODE)
    router = desk_site.start_router()
    desk_site.dns.wait(ZIPCODE)
    assert router.find_events("name_failed", host=ZIPCODE) == []  # the resolver is waiting still
    with desk_site.connect_router(router, "127.1.0.1") as client:
        for _ in range(5):
            assert_served_at_once(desk_site, client, router)
            assert_fails_at_once(desk_site, client, router, "us-zipcode")
        assert router.find_events("name_resolved", host=ZIPCODE) == []
        desk_site.dns.set(ZIPCODE, "127.0.0.1")
        router.wait_event("name_resolved", host=ZIPCODE)
        assert_served_at_once(desk_site, client, router, "us-zipcode")


def test_a_silent_name_server_does_not_keep_the_router_down(desk_site):
    for host in HOSTS.values():
        desk_site.dns.silence(host)
    router = desk_site.start_router()
    assert router.find_events("name_failed", host=STREET) == []  # the resolver has not given up yet
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert_fails_at_once(desk_site, client, router, "us-street")
        desk_site.dns.set(STREET, "127.0.0.1")
        router.wait_event("name_resolved", host=STREET)
        assert_served_at_once(desk_site, client, router)


def test_through_the_shim_the_client_gets_the_routers_answer(desk_site):
    desk_site.dns.silence(ZIPCODE)
    router = desk_site.start_router()
    shim = desk_site.start_shim("127.1.0.1")
    with RawClient(shim.addresses[0]) as client:
        answer = client.request("GET", LOOKUPS["us-zipcode"], ZIPCODE)
        good = client.request("GET", LOOKUPS["us-street"], STREET)
    assert (answer.status, error_message(answer), good.status) == (502, NO_ADDRESS, 200)
    assert [r["host"] for r in desk_site.vendor.records()] == [STREET]
    assert router.wait_event("exchange", status=502)["reason"] == NO_ADDRESS
    assert shim.wait_event("exchange", status=502)["reason"] == "router answered"


def test_when_dns_dies_the_last_good_answer_stays_in_use(desk_site):
    dns = desk_site.dns
    ways = {"us-street": dns.fail, "us-zipcode": dns.silence, "us-autocomplete-pro": dns.forget}
    for api in ways:
        dns.set(HOSTS[api], "127.0.0.1", ttl_s=TTL_S)
    router = desk_site.start_router()
    for api, way in ways.items():
        router.wait_event("name_resolved", host=HOSTS[api])
        way(HOSTS[api])
    for api in ways:
        event = router.wait_event("name_failed", host=HOSTS[api])
        assert event["last_good_stays"] is True
    with desk_site.connect_router(router, "127.1.0.1") as client:
        for api in ways:
            assert_served_at_once(desk_site, client, router, api)
    assert len(desk_site.vendor.connections()) == len(ways)  # each was dialled now
