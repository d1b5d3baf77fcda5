# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: everything is loaded anew; with one mistake in it the policy of before stays."""
import signal
import threading

from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"


def ask(client, router):
    answer = client.request("GET", LOOKUP, STREET)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def reload(router, event):
    mark = router.mark()
    router.signal(signal.SIGHUP)
    return router.wait_event(event, since=mark)


def test_a_new_group_is_served_on_connections_that_are_open(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.2.0.1") as client:
        before, _ = ask(client, router)
        desk_site.vendor.allow("key-1", "127.2.0.1")
        desk_site.groups[0]["workstations"].append("127.2.0.1")
        desk_site.groups[0]["workstations"][0] = "127.1.0.0/28"
        desk_site.write_policy()
        reload(router, "reloaded")
        after, event = ask(client, router)
    assert (before.status, after.status) == (403, 200)
    assert [r["source"] for r in desk_site.vendor.records()] == ["127.2.0.1"]
    assert (event["route"], event["key"]) == ("key", "key-1")


def test_a_bad_policy_changes_nothing_and_says_so(desk_site):
    router = desk_site.start_router()
    desk_site.write_policy(desk_site.policy_text().replace("workstations", "workstatoins"))
    failed = reload(router, "reload_failed")
    findings = router.find_events("finding", severity="error")
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
    assert (answer.status, event["route"]) == (200, "key")
    assert failed["reason"] == "the policy of before stays in force"
    assert failed["errors"] == len(findings)
    assert any("workstatoins" in f["message"] and f["line"] > 0 for f in findings)
    assert [r["class"] for r in desk_site.vendor.records()] == ["embedded"]


def test_what_is_known_of_a_slot_outlives_a_reload(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.9") as client:
        ask(client, router)
        reload(router, "reloaded")
        answer, event = ask(client, router)
    assert (answer.status, event["reason"]) == (200, "slot suspended: key or address refused")
    assert [r["class"] for r in desk_site.vendor.records()] == ["embedded", "secret", "secret"]


def test_reloads_under_load_lose_no_request(desk_site):
    router = desk_site.start_router()
    statuses, done = [], threading.Event()

    def load():
        with desk_site.connect_router(router, "127.1.0.1") as client:
            while not done.is_set():
                statuses.append(client.request("GET", LOOKUP, STREET).status)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for _ in range(20):
            router.wait_events(5, "exchange", since=router.mark())
            reload(router, "reloaded")
    finally:
        done.set()
        thread.join()
    assert len(statuses) >= 100 and set(statuses) == {200}
    assert len(desk_site.vendor.records()) == len(statuses)
    assert {r["class"] for r in desk_site.vendor.records()} == {"embedded"}
