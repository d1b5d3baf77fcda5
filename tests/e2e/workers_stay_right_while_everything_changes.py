# SPDX-License-Identifier: Apache-2.0
"""Four workers at once, and beside them: policies applied and reloaded, slots refused and trusted again, clients gone.

All that threads share is used here at the same time: the snapshot and its counts, the health of slots and
keys, budgets, the resolver's answers, the log. A build with ThreadSanitizer watches how.
"""
import signal
import threading

from support.site import HOSTS

STREET = HOSTS["us-street"]
N_ROUNDS = 12
DESKS = [f"127.1.0.{n}" for n in range(1, 9)]
LEAVERS = ["127.1.0.11", "127.1.0.12"]


def look_up(client, desk, n):
    """The street that the answer speaks of, which has to be this one's."""
    street = f"{n}-{desk.replace('.', '-')}-Main-St"
    answer = client.request("GET", f"/street-address?street={street}&city=Springfield&state=IL", STREET)
    return answer.status == 200 and street.encode() in answer.body


class Load:
    """Desks that look up and desks that leave, each a thread, until the block ends."""

    def __init__(self, site, router):
        self.site, self.router = site, router
        self.results = {desk: [] for desk in DESKS}
        self.n_left = 0
        self.failures = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(self._look, desk)) for desk in DESKS]
        self._threads += [threading.Thread(target=self._run, args=(self._leave, d)) for d in LEAVERS]

    def _run(self, step, desk):
        try:
            while not self._done.is_set():
                step(desk)
        except Exception as failure:  # told to the test, which ends
            self.failures.append(failure)

    def _look(self, desk):
        with self.site.connect_router(self.router, desk) as client:
            for _ in range(10):
                results = self.results[desk]
                results.append(look_up(client, desk, len(results)))

    def _leave(self, desk):
        with self.site.connect_router(self.router, desk) as client:
            client.send(self.site.street_request())
            client.reset()
        self.n_left += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()


def swap(site, router, n):
    """Every third time the policy of before again, else another one."""
    if n % 3 == 2:
        mark = router.mark()
        router.signal(signal.SIGHUP)
        router.wait_event("reloaded", since=mark)
        return
    site.groups[0]["workstations"] = ["127.1.0.1-127.1.0.14"] if n % 2 else ["127.1.0.1-127.1.0.30"]
    site.apply()


def test_every_desk_gets_its_own_answers(make_site):
    site = make_site()
    site.add_key("key-1", hosts=DESKS[:6] + LEAVERS)  # two desks are refused from the start
    site.add_backend("secret-1", settings={"per_day": 1000000})
    site.add_group("desks", ["127.1.0.1-127.1.0.14"])
    router = site.start_router({"workers": 4})
    for desk in DESKS:  # each slot is used once before anything changes
        with site.connect_router(router, desk) as client:
            assert look_up(client, desk, 0)
    with Load(site, router) as load:
        for n in range(N_ROUNDS):
            router.wait_events(15, "exchange", since=router.mark(), status=200)
            change = site.vendor.disallow if n % 4 < 2 else site.vendor.allow
            change("key-1", DESKS[n % 2])
            swap(site, router, n)
            with site.connect_router(router, DESKS[n % 2]) as client:
                assert look_up(client, DESKS[n % 2], n)
    assert not load.failures
    assert all(results and all(results) for results in load.results.values())
    n_asked = len(DESKS) + sum(map(len, load.results.values())) + N_ROUNDS
    events = router.wait_events(n_asked, "exchange", where=lambda e: e["client"] in DESKS)
    assert {e["status"] for e in events} == {200} and load.n_left > 0
    embedded = [c for c in site.vendor.counts() if c["class"] == "embedded" and c["status"] == 200]
    assert {c["source"] for c in embedded} - set(LEAVERS) == set(DESKS[:6])
    assert any(e["reason"].startswith("slot suspended") for e in events)
