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


def test_reloads_under_load_lose_no_request(make_site):
    desks = [f"127.1.0.{n}" for n in range(1, 9)]  # all four workers have some of them
    site = make_site()
    site.add_key("key-1", hosts=desks)
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.8"])
    router = site.start_router({"workers": 4})
    statuses, done = {desk: [] for desk in desks}, threading.Event()

    def load(desk):
        with site.connect_router(router, desk) as client:
            while not done.is_set():
                statuses[desk].append(client.request("GET", LOOKUP, STREET).status)

    before = router.wakeups()
    threads = [threading.Thread(target=load, args=(desk,)) for desk in desks]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            router.wait_events(20, "exchange", since=router.mark())
            reload(router, "reloaded")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    n_asked = sum(map(len, statuses.values()))
    woken = [n - before.get(thread, 0) for thread, n in router.wakeups().items()]
    assert sum(n > n_asked / 32 for n in woken) >= 4, woken
    assert n_asked >= 400 and all(set(s) == {200} for s in statuses.values())
    seen = {(c["source"], c["class"], c["key"], c["status"]): c["count"] for c in site.vendor.counts()}
    assert seen == {(d, "embedded", "key-1", 200): len(statuses[d]) for d in desks}
    assert {e["reason"].split(" of ")[0] for e in router.find_events("exchange")} == {
        f"slot {n}" for n in range(1, 9)}
