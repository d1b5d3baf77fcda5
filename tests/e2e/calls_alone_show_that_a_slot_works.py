# SPDX-License-Identifier: Apache-2.0
"""Evidence: nobody confirms that a list was entered at the vendor, and calls show it; it is written down."""
import signal

import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
DESKS = [f"127.1.0.{n}" for n in range(1, 9)]


def ask(site, router, desk):
    with site.connect_router(router, desk) as client:
        answer = client.request("GET", LOOKUP, STREET)
    assert answer.status == 200
    return router.wait_event("exchange", request=answer.header("X-Request-Id"))


def states(site):
    """{state: how many} of those that there are."""
    return {state: n for state, n in site.control().slots("key-1").items() if n}


@pytest.fixture
def new_site(make_site):
    """Applied, and nothing is confirmed; the vendor has them all on its list but one."""
    site = make_site()
    site.add_key("key-1", hosts=DESKS[:-1])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.8"])
    return site


def test_slots_that_nobody_confirmed_are_live_as_fast_as_calls_come(new_site):
    router = new_site.start_router(live=False)
    assert states(new_site) == {"wanted": 8}
    for n, desk in enumerate(DESKS[:-1], 1):
        assert ask(new_site, router, desk)["reason"] == f"slot {n} of 100 on key-1, on trial"
        router.wait_event("slot_live", egress=desk, key="key-1")
        assert ask(new_site, router, desk)["reason"] == f"slot {n} of 100 on key-1"
    assert states(new_site) == {"wanted": 1, "live": 7}
    assert {r["class"] for r in new_site.vendor.records()} == {"embedded"}


def test_one_that_is_not_entered_costs_one_refusal_and_no_lookup(new_site):
    router = new_site.start_router(live=False)
    first, second = (ask(new_site, router, DESKS[-1]) for _ in range(2))
    assert (first["reason"], first["fallback"]) == ("key failed: key or address refused", True)
    assert (second["reason"], second["fallback"]) == ("slot wanted: not added at the vendor yet", False)
    assert [(r["class"], r["status"]) for r in new_site.vendor.records()] == [
        ("embedded", 401), ("secret", 200), ("secret", 200)]
    assert states(new_site)["wanted"] == 8
    assert router.find_events("slot_suspended") == []


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_shown_is_known_after_a_restart(new_site, end):
    router = new_site.start_router(live=False)
    for desk in DESKS[:3]:
        ask(new_site, router, desk)
    control = new_site.control()
    assert states(new_site)["live"] == 3  # whoever asks is told the latest: it is written by then
    rows = [row for row in control.ask("history")["rows"] if row["what"] == "evidence"]
    assert rows and {row["who"] for row in rows} == {"keyrouterd"}
    router.signal(end)
    router.wait_end()
    again = new_site.start_router(apply=False)
    assert states(new_site) == {"wanted": 5, "live": 3}
    assert [ask(new_site, again, desk)["reason"] for desk in DESKS[:3]] == [
        f"slot {n} of 100 on key-1" for n in (1, 2, 3)]
    assert ask(new_site, again, DESKS[3])["reason"] == "slot 4 of 100 on key-1, on trial"
    assert [e["egress"] for e in again.find_events("slot_live")] == [DESKS[3]]


def test_the_last_calls_before_the_end_are_written_too(new_site):
    router = new_site.start_router(live=False)
    ask(new_site, router, DESKS[0])
    router.stop()  # at once
    new_site.start_router(apply=False)
    assert states(new_site)["live"] == 1


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_suspended_slot_is_half_open_after_a_restart(new_site, end):
    router = new_site.start_router()
    ask(new_site, router, DESKS[0])
    new_site.vendor.disallow("key-1", DESKS[0])
    assert ask(new_site, router, DESKS[0])["fallback"]
    assert states(new_site) == {"live": 7, "suspended": 1}
    router.signal(end)
    router.wait_end()
    again = new_site.start_router(apply=False)
    new_site.vendor.allow("key-1", DESKS[0])
    event = ask(new_site, again, DESKS[0])
    assert event["reason"] == "slot 1 of 100 on key-1, on trial after: refused before the start"
    again.wait_event("slot_restored", egress=DESKS[0])
    assert ask(new_site, again, DESKS[0])["reason"] == "slot 1 of 100 on key-1"
    assert states(new_site) == {"live": 8}


def test_what_comes_together_is_written_together(new_site):
    router = new_site.start_router(live=False)
    before = new_site.control().newest_row()["id"]
    with new_site.connect_router(router, DESKS[0]) as first, \
            new_site.connect_router(router, DESKS[1]) as second:
        for client in (first, second):
            assert client.request("GET", LOOKUP, STREET).status == 200
    router.wait_events(2, "slot_live")
    for _ in range(20):  # nothing is written twice
        states(new_site)
    rows = [r for r in new_site.control().ask("history")["rows"] if r["id"] > before]
    assert {r["what"] for r in rows} == {"evidence"} and len(rows) <= 2
