# SPDX-License-Identifier: Apache-2.0
"""--confirm-within: what was applied goes by itself unless somebody says that it is well, and also when it is not."""
import re
import time

import pytest
from support.control import Refused
from support.site import HOSTS
from support.waiting import wait_until

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
DESKS = [f"127.1.0.{n}" for n in range(1, 9)]
FOREVER_S = 3600


@pytest.fixture
def two_key_site(make_site):
    """The desks are on key-1; what move() applies puts them on key-2, which the vendor knows as well."""
    site = make_site()
    for name in ("key-1", "key-2"):
        site.add_key(name, hosts=DESKS)
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.8"], keys=["key-1"])
    return site


@pytest.fixture
def router(two_key_site):
    return two_key_site.start_router()


def ask(site, router, desk=DESKS[0], status=200):
    with site.connect_router(router, desk) as client:
        answer = client.request("GET", LOOKUP, STREET)
    assert answer.status == status
    return router.wait_event("exchange", request=answer.header("X-Request-Id"))


def move(site, within_s):
    """The answer; the new keys serve."""
    site.groups[0]["keys"] = ["key-2"]
    return site.apply(confirm_within_s=within_s)


def pending(site):
    return site.control().ask("status")["pending"]


def served_by(site, router):
    return {ask(site, router, desk)["key"] for desk in DESKS}


def assert_taken_back(site, router, applied, event, reason):
    """Every slot has the key of before, and a row says so."""
    assert (event["reason"], event["verified"], event["differing"]) == (reason, True, 0)
    assert event["restores"] == 1 and event["row"] > applied["revision"]
    assert served_by(site, router) == {"key-1"}
    assert pending(site) is None
    row = next(r for r in site.control().ask("history")["rows"] if r["id"] == event["row"])
    assert (row["what"], row["who"], row["why"]) == ("rollback", "keyrouterd", reason)
    assert site.control().ask("revision")["id"] == event["row"]
    assert site.control().ask("ledger-verify")["sound"]


# ---- time


def test_when_its_time_is_over_it_goes_by_itself(two_key_site, router):
    began = time.monotonic()
    applied = move(two_key_site, 1)
    assert applied["applied"] and applied["confirm_by"]
    event = router.wait_event("taken_back")
    assert 1 <= time.monotonic() - began < 10
    assert_taken_back(two_key_site, router, applied, event, "it was not confirmed in time")


def test_until_then_it_serves_and_status_counts_down(two_key_site, router):
    applied = move(two_key_site, FOREVER_S)
    assert served_by(two_key_site, router) == {"key-2"}
    told = pending(two_key_site)
    assert (told["revision"], told["previous"]) == (applied["revision"], 1)
    assert FOREVER_S - 60 < told["left_s"] <= FOREVER_S
    assert router.find_events("taken_back") == []


def test_confirmed_it_stays(two_key_site, router):
    began = time.monotonic()
    applied = move(two_key_site, 5)
    assert two_key_site.control().ask("confirm") == {
        "schema": "keyrouter.confirm/1", "revision": applied["revision"], "confirmed": True}
    while time.monotonic() < began + 5.5:
        assert ask(two_key_site, router)["key"] == "key-2"
    assert router.find_events("taken_back") == []
    assert served_by(two_key_site, router) == {"key-2"}
    assert pending(two_key_site) is None


def test_other_changes_meanwhile_do_not_put_it_off(two_key_site, router):
    began = time.monotonic()
    applied = move(two_key_site, 2)
    names, n = ["secret-1"], 0
    while not router.find_events("taken_back"):
        two_key_site.control().ask("resume" if n % 2 else "suspend", names=names)
        n += 1
        assert time.monotonic() - began < 20
    two_key_site.control().ask("resume", names=names)
    assert_taken_back(two_key_site, router, applied, router.wait_event("taken_back"),
                      "it was not confirmed in time")


def test_nothing_else_is_applied_before_it_is_decided(two_key_site, router):
    move(two_key_site, FOREVER_S)
    two_key_site.groups[0]["priority"] = 9
    with pytest.raises(Refused) as refused:
        two_key_site.apply()
    assert refused.value.status == 75 and "waits for its confirmation" in refused.value.answer["error"]
    assert two_key_site.control().ask("rollback")["verified"]
    assert served_by(two_key_site, router) == {"key-1"}
    assert pending(two_key_site) is None
    assert two_key_site.apply()["applied"]


def test_requests_under_way_do_not_notice(two_key_site, router):
    with two_key_site.connect_router(router, DESKS[0]) as client:
        move(two_key_site, 1)
        while not router.find_events("taken_back"):
            assert client.request("GET", LOOKUP, STREET).status == 200
        assert client.request("GET", LOOKUP, STREET).status == 200
    assert {r["class"] for r in two_key_site.vendor.records()} == {"embedded"}


# ---- across a restart


def test_a_router_that_was_killed_takes_it_back_when_it_starts_too_late(two_key_site, router):
    applied, began = move(two_key_site, 1), time.monotonic()
    router.kill()
    wait_until(lambda: time.monotonic() > began + 1.1, "its time is over")
    again = two_key_site.start_router(apply=False)
    event = again.wait_event("taken_back")
    assert_taken_back(two_key_site, again, applied, event, "it was not confirmed in time")
    names = [e["event"] for e in again.events]
    assert names.index("taken_back") < names.index("ready")
    assert "reloaded" not in names  # it was not even made ready to serve


def test_a_router_that_starts_before_the_deadline_waits_for_the_rest_of_it(two_key_site, router):
    began = time.monotonic()
    applied = move(two_key_site, 8)
    router.kill()
    again = two_key_site.start_router(apply=False)
    assert ask(two_key_site, again)["key"] == "key-2"
    event = again.wait_event("taken_back")
    assert 8 <= time.monotonic() - began < 18
    assert_taken_back(two_key_site, again, applied, event, "it was not confirmed in time")


def test_confirmed_after_a_restart_it_stays(two_key_site, router):
    move(two_key_site, FOREVER_S)
    router.kill()
    again = two_key_site.start_router(apply=False)
    assert pending(two_key_site)["left_s"] <= FOREVER_S
    assert two_key_site.control().ask("confirm")["confirmed"]
    again.kill()
    two_key_site.start_router(apply=False)
    assert pending(two_key_site) is None


# ---- errors


def test_when_the_vendor_fails_under_it_it_goes_before_its_time(two_key_site, router):
    served_by(two_key_site, router)  # all was well before
    applied = move(two_key_site, FOREVER_S)
    two_key_site.vendor.fault({"key": "key-2"}, times=None, status=500, body="{}")
    for n in range(20):  # as many as it takes
        ask(two_key_site, router, DESKS[n % len(DESKS)], 500)
    event = router.wait_event("taken_back")
    assert event["reason"].startswith("errors jumped: ") and "before it was 0 %" in event["reason"]
    assert_taken_back(two_key_site, router, applied, event, event["reason"])


def test_when_its_keys_are_refused_it_goes_although_nobody_notices(make_site):
    """Each desk has its lookup, by the backend; that is no reason to keep the policy."""
    desks = [f"127.1.1.{n}" for n in range(1, 31)]
    site = make_site()
    for name in ("key-1", "key-2"):
        site.add_key(name, hosts=desks)
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.1.1-127.1.1.30"], keys=["key-1"])
    router = site.start_router()
    move(site, FOREVER_S)
    for desk in desks[:3]:
        ask(site, router, desk)
    site.vendor.set_key("key-2", active=False)
    for desk in desks:  # three refusals, then the key rests
        assert ask(site, router, desk).get("key") in (None, "key-1")  # it may be over before the last
    event = router.wait_event("taken_back")
    assert event["reason"].startswith("errors jumped: ") and event["verified"]
    assert len(router.find_events("slot_suspended")) == 3
    assert router.wait_event("key_suspended")["key"] == "key-2"
    assert ask(site, router, desks[5])["key"] == "key-1"


def test_refused_trials_are_no_errors(make_site):
    """Nobody has entered the new lists yet, and that is how it is after every apply."""
    site = make_site()
    site.add_key("key-1", hosts=DESKS)
    for desk in DESKS:
        site.add_key(f"key-{desk}", settings={"capacity": 1})
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.8"], keys=["key-1"])
    router = site.start_router()
    site.groups[0]["keys"] = [f"key-{desk}" for desk in DESKS]
    site.apply(live=False, confirm_within_s=FOREVER_S)
    for _ in range(3):
        assert served_by(site, router) == {"key-1"}
    assert len(site.vendor.records(status=401)) == len(DESKS)  # a third of all requests
    began = time.monotonic()
    wait_until(lambda: time.monotonic() > began + 2.5, "it has looked, once a second")
    assert router.find_events("taken_back") == []


# ---- what cannot be taken back


def assert_cannot_go_back(site, why):
    told = pending(site)
    assert (told["take_back_failed"]["error"], told["left_s"]) == (why, 0)
    assert told["take_back_failed"]["ago_s"] <= 10
    line = re.search("^unconfirmed +(.*)", site.keyrouter("status", "--socket", site.sockets / "control"), re.M)[1]
    assert re.fullmatch(f'row {told["revision"]} cannot go back to row {told["previous"]}: {re.escape(why)}; '
                        r"tried \d+ s ago, and again unless you run: keyrouter confirm", line)


def test_the_first_policy_has_nothing_to_go_back_to(two_key_site):
    two_key_site.start_router(apply=False)
    with pytest.raises(Refused) as refused:
        two_key_site.apply(confirm_within_s=10)
    assert refused.value.status == 69


@pytest.mark.parametrize("within_s", [-1, 86401, "10", 1.5])
def test_times_that_are_none_are_refused(two_key_site, router, within_s):
    with pytest.raises(Refused) as refused:
        move(two_key_site, within_s)
    assert refused.value.status == 64


def test_where_it_cannot_be_taken_back_the_policy_stays_and_it_is_told(two_key_site, router):
    move(two_key_site, 1)
    (two_key_site.credentials / "key-1").unlink()
    failed = router.wait_event("take_back_failed")
    assert failed["reason"] == "it was not confirmed in time"
    assert failed["error"].startswith("the router cannot run this policy")
    finding, = router.find_events("finding")
    assert finding["message"] == "credential of key key-1 cannot be read: No such file or directory"
    assert (finding["severity"], finding["line"] > 0) == ("error", True) and finding["remedy"]
    assert_cannot_go_back(two_key_site, f'{finding["file"]}:{finding["line"]}: {finding["message"]}')
    assert served_by(two_key_site, router) == {"key-2"}
    two_key_site.write_credential("key-1", two_key_site.vendor.keys["key-1"].values)
    event = router.wait_event("taken_back")  # it is tried again after ten seconds
    assert event["verified"] and served_by(two_key_site, router) == {"key-1"}
    move(two_key_site, FOREVER_S)
    assert pending(two_key_site)["take_back_failed"] is None  # that was another


def test_what_could_not_be_taken_back_can_be_confirmed(two_key_site, router):
    move(two_key_site, 1)
    (two_key_site.credentials / "key-1").unlink()
    router.wait_event("take_back_failed")
    assert two_key_site.control().ask("confirm")["confirmed"]
    two_key_site.write_credential("key-1", two_key_site.vendor.keys["key-1"].values)
    two_key_site.groups[0]["keys"] = ["key-1"]
    two_key_site.apply(confirm_within_s=FOREVER_S)
    assert pending(two_key_site)["take_back_failed"] is None
