# SPDX-License-Identifier: Apache-2.0
"""An address that changes its key: listed at the old one, not yet at the new one. Nobody notices."""
import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
DESK = "127.1.0.1"
FORMER = "former slot on key-1"


def ask(site, router, desk=DESK):
    with site.connect_router(router, desk) as client:
        answer = client.request("GET", LOOKUP, STREET)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def embedded(site):
    """(key, status) of what the vendor saw; nothing else came."""
    assert {r["class"] for r in site.vendor.records()} == {"embedded"}
    return [(r["key"], r["status"]) for r in site.vendor.records()]


@pytest.fixture(params=["with a backend", "without"])
def moving_site(request, make_site):
    """key-1 lists the desk, key-2 not yet. Without a backend, a moment without a key would be a 403."""
    site = make_site()
    site.add_key("key-1", hosts=[DESK])
    site.add_key("key-2")
    if request.param == "with a backend":
        site.add_backend("secret-1")
    site.add_group("desks", [DESK], keys=["key-1"])
    return site


def move(site, **options):
    site.groups[0]["keys"] = ["key-2"]
    answer = site.apply(live=False, **options)
    assert answer["applied"] and answer["open"] == {"add": 1, "remove": 1}


def test_the_former_key_serves_until_the_new_one_is_seen_to_work(moving_site):
    router = moving_site.start_router()
    assert ask(moving_site, router)[1]["reason"] == "slot 1 of 100 on key-1"
    move(moving_site)
    tried, event = ask(moving_site, router)  # the new key is tried, refused, and nobody sees it
    assert (tried.status, event["route"], event["key"]) == (200, "key", "key-1")
    assert (event["reason"], event["fallback"]) == (FORMER, True)
    for _ in range(5):
        answer, event = ask(moving_site, router)
        assert (answer.status, event["reason"], event["fallback"]) == (200, FORMER, False)
    assert embedded(moving_site) == [("key-1", 200), ("key-2", 401)] + [("key-1", 200)] * 6
    moving_site.vendor.allow("key-2", DESK)
    moving_site.control().ask("allowlist-confirm", key="key-2", added="all")
    answer, event = ask(moving_site, router)
    assert (answer.status, event["reason"]) == (200, "slot 1 of 100 on key-2")
    moving_site.vendor.disallow("key-1", DESK)
    moving_site.control().ask("allowlist-confirm", key="key-1", removed="all")
    assert ask(moving_site, router)[0].status == 200
    assert embedded(moving_site)[-2:] == [("key-2", 200)] * 2
    assert router.find_events("slot_suspended") == []


def test_calls_alone_bring_it_to_its_new_key(moving_site):
    router = moving_site.start_router()
    moving_site.vendor.allow("key-2", DESK)
    move(moving_site)
    answer, event = ask(moving_site, router)
    assert (answer.status, event["reason"]) == (200, "slot 1 of 100 on key-2, on trial")
    router.wait_event("slot_live", key="key-2")
    assert ask(moving_site, router)[1]["reason"] == "slot 1 of 100 on key-2"
    assert {key for key, _ in embedded(moving_site)} == {"key-2"}


def test_the_former_key_serves_after_a_restart_too(moving_site):
    router = moving_site.start_router()
    move(moving_site)
    router.kill()
    again = moving_site.start_router(apply=False)
    for _ in range(3):
        answer, event = ask(moving_site, again)
        assert (answer.status, event["reason"]) == (200, FORMER)
    assert [each for each in embedded(moving_site) if each[1] != 200] == [("key-2", 401)]


def test_a_former_key_that_is_refused_as_well_falls_back(make_site):
    site = make_site()
    site.add_key("key-1", hosts=[DESK])
    site.add_key("key-2")
    site.add_backend("secret-1")
    site.add_group("desks", [DESK], keys=["key-1"])
    router = site.start_router()
    move(site)
    site.vendor.disallow("key-1", DESK)
    answer, event = ask(site, router)
    assert (answer.status, event["route"]) == (200, "backend")
    assert [(r["class"], r["status"]) for r in site.vendor.records()] == [
        ("embedded", 401), ("embedded", 401), ("secret", 200)]
    assert router.wait_event("slot_suspended")["key"] == "key-1"
    assert ask(site, router)[1]["reason"] == "slot wanted: not added at the vendor yet"


def test_an_address_that_gets_no_key_any_more_is_served_until_it_is_taken_off_the_list(make_site):
    site = make_site()
    site.add_key("key-1", hosts=[DESK], settings={"capacity": 1})
    site.add_backend("secret-1")
    site.add_group("desks", [DESK])
    router = site.start_router()
    assert ask(site, router)[1]["key"] == "key-1"
    site.keys[0]["capacity"] = 2  # of which one is to be kept free
    site.keys[0]["reserve"] = 1
    site.add_group("chiefs", ["127.1.0.2"], priority=9)
    site.vendor.allow("key-1", "127.1.0.2")
    site.apply(live=False)
    answer, event = ask(site, router)
    assert (answer.status, event["reason"]) == (200, "former slot on key-1")
    site.vendor.disallow("key-1", DESK)
    site.control().ask("allowlist-confirm", key="key-1", removed="all")
    answer, event = ask(site, router)
    assert (answer.status, event["reason"]) == (200, "all keys of the group are full")
