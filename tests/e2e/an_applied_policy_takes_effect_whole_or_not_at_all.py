# SPDX-License-Identifier: Apache-2.0
"""An applied policy serves at once and as a whole; with one mistake in it the one of before stays."""
import signal
import threading

import pytest
from support.control import Refused
from support.site import HOSTS
from support.waiting import wait_until

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"


def ask(client, router):
    answer = client.request("GET", LOOKUP, STREET)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def reload(router, event="reloaded"):
    """SIGHUP: the last applied policy again."""
    mark = router.mark()
    router.signal(signal.SIGHUP)
    return router.wait_event(event, since=mark)


@pytest.fixture
def small_site(make_site):
    """As desk_site, with three desks: their key has room for more."""
    site = make_site()
    site.add_key("key-1", hosts=["127.1.0.1", "127.1.0.2"])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.1-127.1.0.3"])
    return site


def test_a_new_group_is_served_on_connections_that_are_open(small_site):
    router = small_site.start_router()
    with small_site.connect_router(router, "127.2.0.1") as client:
        before, _ = ask(client, router)
        small_site.vendor.allow("key-1", "127.2.0.1")
        small_site.add_group("more-desks", ["127.2.0.1"])
        small_site.apply()
        after, event = ask(client, router)
    assert (before.status, after.status) == (403, 200)
    assert [r["source"] for r in small_site.vendor.records()] == ["127.2.0.1"]
    assert (event["route"], event["key"], event["group"]) == ("key", "key-1", "more-desks")


def test_the_answer_comes_when_requests_go_by_the_new_policy(small_site):
    """Also where a host that is new has to be looked up first, which takes its time here."""
    router = small_site.start_router()
    moved = small_site.provider.read_text().replace(STREET, "new-street.api.smarty.com")
    small_site.write_provider(moved.partition("\n")[2])
    small_site.dns.silence("new-street.api.smarty.com")
    with small_site.connect_router(router, "127.1.0.1") as client:
        assert client.request("GET", LOOKUP, STREET).status == 200
        answer = small_site.control().ask("apply", policy=small_site.policy_files())
        gone = client.request("GET", LOOKUP, STREET)
    assert answer["applied"] and gone.status == 403
    assert router.wait_event("reloaded")["policy"].startswith(f"policy {answer['revision']}: ")


def test_two_that_apply_at_the_same_time_both_get_their_answer(small_site):
    """The one who comes second does not wait for the first one's names."""
    small_site.start_router()
    moved = small_site.provider.read_text().replace(STREET, "new-street.api.smarty.com")
    small_site.write_provider(moved.partition("\n")[2])
    small_site.dns.silence("new-street.api.smarty.com")
    answers = []

    def ask_first():
        answers.append(small_site.control().ask("apply", policy=small_site.policy_files()))

    first = threading.Thread(target=ask_first)
    first.start()
    wait_until(lambda: small_site.control().newest_row()["what"] == "apply"
               and small_site.control().newest_row()["id"] > 2, "the first is in the ledger")
    second = small_site.control().ask("suspend", names=["key-1"])
    first.join()
    assert answers[0]["applied"] and second["suspended"]


def test_a_bad_policy_changes_nothing_and_says_so(desk_site):
    router = desk_site.start_router()
    row = desk_site.control().newest_row()["id"]
    with pytest.raises(Refused) as refused:
        desk_site.apply(desk_site.policy_text().replace("workstations", "workstatoins"))
    findings = refused.value.answer["findings"]
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
    assert refused.value.status == 65
    assert any("workstatoins" in f["message"] and f["line"] > 0 for f in findings)
    assert (answer.status, event["route"]) == (200, "key")
    assert [r["class"] for r in desk_site.vendor.records()] == ["embedded"]
    assert desk_site.control().newest_row()["id"] == row
    assert router.find_events("reloaded") == []


def test_a_policy_whose_credential_is_missing_changes_nothing_and_says_so(desk_site):
    router = desk_site.start_router()
    row = desk_site.control().newest_row()["id"]
    desk_site.add_key("key-2", hosts=[])
    (desk_site.credentials / "key-2").unlink()
    with pytest.raises(Refused) as refused:
        desk_site.apply()
    assert refused.value.status == 65
    [finding] = [f for f in refused.value.answer["findings"] if f["level"] == "error"]
    assert "credential of key key-2 cannot be read" in finding["message"]
    assert desk_site.control().newest_row()["id"] == row
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert ask(client, router)[1]["key"] == "key-1"


def test_sighup_takes_the_last_applied_policy_and_not_the_file(desk_site):
    router = desk_site.start_router()
    desk_site.write_policy("this is no policy")
    reloaded = reload(router)
    assert reloaded["policy"].startswith("policy 1: 256 workstations")
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert ask(client, router)[1]["route"] == "key"


def test_sighup_reads_credentials_anew_and_keeps_them_where_one_is_missing(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert ask(client, router)[1]["route"] == "key"
        rolled = desk_site.vendor.add_embedded("key-1-rolled", ["127.1.0.1"])
        desk_site.vendor.set_key("key-1", active=False)
        (desk_site.credentials / "key-1").unlink()
        failed = reload(router, "reload_failed")
        assert failed["reason"] == "the policy of before stays in force" and failed["errors"] == 1
        assert router.wait_event("finding", severity="error")["message"].startswith("credential of key key-1")
        desk_site.write_credential("key-1", rolled.values)
        reload(router)
        assert ask(client, router)[1]["route"] == "key"
    assert [r["key"] for r in desk_site.vendor.records()] == ["key-1", "key-1-rolled"]


@pytest.mark.signal_flood
def test_a_thousand_sighups_are_survived_and_the_last_credentials_count(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        for n in range(1000):
            router.signal(signal.SIGHUP)
            if n % 50 == 0:
                assert client.request("GET", LOOKUP, STREET).status == 200
        rolled = desk_site.vendor.add_embedded("key-1-rolled", ["127.1.0.1"])
        desk_site.write_credential("key-1", rolled.values)
        router.signal(signal.SIGHUP)

        def served_by():
            assert client.request("GET", LOOKUP, STREET).status == 200
            return desk_site.vendor.records()[-1]["key"]

        wait_until(lambda: served_by() == "key-1-rolled", "the last one")
    assert 1 <= len(router.find_events("reloaded")) <= 1001
    assert router.find_events("reload_failed") == []


def test_what_is_known_of_a_slot_outlives_a_reload_and_an_apply(desk_site):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.9") as client:
        ask(client, router)
        reload(router)
        answer, event = ask(client, router)
        assert (answer.status, event["reason"]) == (200, "slot suspended: key or address refused")
        desk_site.groups[0]["priority"] = 7
        desk_site.apply()
        answer, event = ask(client, router)
    assert (answer.status, event["reason"]) == (200, "slot suspended: key or address refused")
    assert [r["class"] for r in desk_site.vendor.records()] == ["embedded", "secret", "secret", "secret"]


def test_applies_and_reloads_under_load_lose_no_request(make_site):
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
        for n in range(20):
            router.wait_events(20, "exchange", since=router.mark())
            if n % 2:
                reload(router)
            else:
                site.groups[0]["priority"] = n
                assert site.apply()["applied"]
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
