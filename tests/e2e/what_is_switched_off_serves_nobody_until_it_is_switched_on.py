# SPDX-License-Identifier: Apache-2.0
"""The panic switch: a key, a backend or everything, at once and under traffic, and across restarts."""
import json
import os
import signal
import threading

import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
DESKS = ["127.1.0.1", "127.1.0.2"]
OFF = "is switched off"


@pytest.fixture
def router(desk_site):
    return desk_site.start_router()


def ask(site, router, desk=DESKS[0], method="GET"):
    body = b'[{"street":"1 Main St"}]' if method == "POST" else b""
    with site.connect_router(router, desk) as client:
        answer = client.request(method, LOOKUP if method == "GET" else "/street-address", STREET,
                                [["Content-Type", "application/json"]] if body else (), body)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def keyrouter(site, *words):
    return site.keyrouter(*words, "--socket", site.sockets / "control")


def suspend(site, *names):
    keyrouter(site, "suspend", *names, "-m", "leaked")


def assert_refused(answer, event, reason):
    """503, when to come again, and in the vendor's shape why; who did it and why is not an agent's to know."""
    assert (answer.status, event["route"]) == (503, "refused")
    assert int(answer.header("Retry-After")) >= 1
    assert event["reason"].endswith(reason) and OFF in reason
    assert json.loads(answer.text)["errors"][0]["message"] == event["reason"]
    assert "root" not in answer.text and "leaked" not in answer.text


def test_a_key_that_is_switched_off_is_not_used_and_its_desks_are_served(desk_site, router):
    assert ask(desk_site, router)[1]["key"] == "key-1"
    suspend(desk_site, "key-1")
    answer, event = ask(desk_site, router)
    assert (answer.status, event["route"], event["reason"]) == (200, "backend", f"key key-1 {OFF}")
    keyrouter(desk_site, "resume", "key-1")
    assert ask(desk_site, router)[1]["reason"] == "slot 2 of 100 on key-1"
    assert [r["class"] for r in desk_site.vendor.records()] == ["embedded", "secret", "embedded"]


def test_a_backend_that_is_switched_off_refuses_and_leaves_the_keys_alone(desk_site, router):
    suspend(desk_site, "secret-1")
    assert ask(desk_site, router)[1]["key"] == "key-1"
    assert_refused(*ask(desk_site, router, method="POST"), f"backend secret-1 {OFF}")
    keyrouter(desk_site, "resume", "secret-1")
    assert ask(desk_site, router, method="POST")[0].status == 200
    assert [r["class"] for r in desk_site.vendor.records()] == ["embedded", "secret"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_with_everything_switched_off_nothing_leaves_the_site(desk_site, router, method):
    suspend(desk_site, "--all")
    assert_refused(*ask(desk_site, router, method=method), f"everything {OFF}")
    assert desk_site.vendor.connections() == []
    keyrouter(desk_site, "resume", "--all")
    assert ask(desk_site, router, method=method)[0].status == 200


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("what, refuses", [("key-1", False), ("secret-1", True), ("--all", True)])
def test_it_holds_across_a_restart(desk_site, router, what, refuses, end):
    suspend(desk_site, what)
    router.signal(end)
    router.wait_end()
    again = desk_site.start_router(apply=False)
    answer, event = ask(desk_site, again, method="POST" if what == "secret-1" else "GET")
    assert (answer.status == 503) == refuses and event["reason"].endswith(OFF)
    [told] = desk_site.control().ask("status")["switched_off"]
    assert (told["who"], told["why"]) == ("root" if os.getuid() == 0 else told["who"], "leaked")
    keyrouter(desk_site, "resume", what)
    assert ask(desk_site, again)[1]["key"] == "key-1"


def test_an_apply_does_not_switch_it_on(desk_site, router):
    suspend(desk_site, "key-1")
    desk_site.groups[0]["priority"] = 3
    assert desk_site.apply()["applied"]
    assert ask(desk_site, router)[1]["reason"] == f"key key-1 {OFF}"


def test_what_calls_had_shown_is_known_when_it_is_switched_on(desk_site, router):
    """A slot that was refused before is not tried because somebody switched its key off and on."""
    assert ask(desk_site, router, "127.1.0.9")[1]["fallback"]
    suspend(desk_site, "key-1")
    keyrouter(desk_site, "resume", "key-1")
    assert ask(desk_site, router, "127.1.0.9")[1]["reason"] == "slot suspended: key or address refused"


class Traffic:
    """Both desks ask all the time; what they were answered."""

    def __init__(self, site, router):
        self.site, self.router = site, router
        self.statuses, self.failures = set(), []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(desk,)) for desk in DESKS]

    def _run(self, desk):
        try:
            with self.site.connect_router(self.router, desk) as client:
                while not self._done.is_set():
                    self.statuses.add(client.request("GET", LOOKUP, STREET).status)
        except (OSError, AssertionError) as failure:
            self.failures.append(failure)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()


def test_under_traffic_it_holds_from_the_answer_on(desk_site, router):
    """When the command is back no request that comes then is served by what was switched off."""
    with Traffic(desk_site, router) as traffic:
        for _ in range(5):
            router.wait_events(20, "exchange", since=router.mark(), route="key")
            suspend(desk_site, "key-1")
            assert ask(desk_site, router)[1]["route"] == "backend"
            mark = router.mark()
            later = [e["route"] for e in router.wait_events(20, "exchange", since=mark)]
            assert later.count("key") <= len(DESKS)  # that were under way
            keyrouter(desk_site, "resume", "key-1")
            assert ask(desk_site, router)[1]["route"] == "key"
    assert (traffic.statuses, traffic.failures) == ({200}, [])
