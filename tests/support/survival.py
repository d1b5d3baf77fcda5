# SPDX-License-Identifier: Apache-2.0
"""survival - what holds of every fault, whatever else its row of the catalogue says

    with Survival(site, router) as survival:
        ...                                   # the fault, from DESK to the API of us-street
    assert survival.event["status"] == 400

The router is the process that it was and has printed nothing but events; the fault left as many
events as told, each with a request's name and a reason; no key is in any log or answer; and a
neighbour, whose connection was open and used before, is served on it as if nothing had happened.
"""
import re

from support import canary
from support.site import HOSTS

DESK, BESIDE = "127.1.0.1", "127.1.0.2"
_HOST, _LOOKUP = HOSTS["us-zipcode"], "/lookup?zipcode=62701"


class Survival:
    """n_events of the name `event` are the fault's; "exchange" is one for each request."""

    def __init__(self, site, router, n_events=1, event="exchange"):
        self.site, self.router = site, router
        self.events = []
        self._n_events, self._name = n_events, event
        self._beside = None

    @property
    def event(self):
        [event] = self.events
        return event

    @property
    def records(self):
        """What the vendor saw of it, without the lookups that are made here."""
        new = self.site.vendor.records()[self._n_records:]
        return [r for r in new if not (r["host"] or "").startswith(_HOST)]

    def __enter__(self):
        [self._ready] = self.router.find_events("ready")
        self._beside = self.site.connect_router(self.router, BESIDE)
        try:
            self._lookup(self._beside)
        except BaseException:
            self._beside.close()
            raise
        self.mark = self.router.mark()
        self._n_records = len(self.site.vendor.records())
        self._connection = self.site.vendor.records(source=BESIDE, host=f"{_HOST}*")[-1]["connection"]
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self._assert_neighbour()
                self._assert_events()
                self._assert_alive()
        finally:
            self._beside.close()
        if kind is None:
            canary.check()

    def _lookup(self, client):
        """A good request: its name."""
        answer = client.request("GET", _LOOKUP, _HOST)
        assert answer.status == 200, answer.status
        return answer.header("X-Request-Id")

    def _assert_neighbour(self):
        request = self._lookup(self._beside)
        event = self.router.wait_event("exchange", request=request)
        assert event["reason"].startswith("slot ") and not event["retried"] and not event["fallback"]
        record = self.site.vendor.records(source=BESIDE, host=f"{_HOST}*")[-1]
        assert record["connection"] == self._connection, "the neighbour's connection was lost"
        told = self.router.find_events("exchange", since=self.mark, client=BESIDE)
        assert {e["status"] for e in told} == {200}

    def _assert_events(self):
        """The last lookup comes to the worker that had the fault: what it had to tell, it has told."""
        self.router.wait_events(self._n_events, self._name, since=self.mark, client=DESK)
        with self.site.connect_router(self.router, DESK) as client:
            last = self._lookup(client)
        self.router.wait_event("exchange", request=last)
        told = self.router.find_events(self._name, since=self.mark, client=DESK)
        self.events = [e for e in told if e.get("request") != last]
        assert len(self.events) == self._n_events, self.events
        assert all(e["reason"] for e in self.events), self.events
        if self._name == "exchange":
            names = {e["request"] for e in self.events}
            assert len(names) == self._n_events and all(map(_is_name, names)), names
            assert all(100 <= e["status"] <= 599 for e in self.events), self.events

    def _assert_alive(self):
        assert self.router.is_running and self.router.noise == []
        assert self.router.find_events("ready") == [self._ready]
        assert self._ready["pid"] == self.router.pid


def _is_name(text):
    return re.fullmatch("[0-9a-f]{16}", text) is not None
