# SPDX-License-Identifier: Apache-2.0
"""beside - a good client that keeps asking while a slow one waits"""
import select
import ssl
import time

from support import DEADLINE_S
from support.ca import client_context
from support.rawclient import RawClient
from support.site import HOSTS, ROUTER_NAME

SHORT = {"head_s": 1, "body_s": 1, "answer_s": 1, "idle_s": 1, "linger_s": 1}
BY_THEN_S = 4  # what ends after one second has ended by then, on a busy machine too
GOOD_DESK = "127.1.0.2"


class Beside:
    """A good client, whose requests give the time to a slow one: until that hears something."""

    def __init__(self, site, router):
        self.site, self.router = site, router
        self.began = time.monotonic()
        self.n_served = 0

    def serve(self):
        with self.site.connect_router(self.router, GOOD_DESK) as client:
            assert client.request("GET", "/lookup?zipcode=62701", HOSTS["us-zipcode"]).status == 200
        self.n_served += 1
        assert time.monotonic() - self.began < DEADLINE_S, "the slow one waits still"

    def until(self, slow, at_each=None):
        """`slow` is the client that waits; at_each: done before each good request."""
        while not select.select([slow.socket], [], [], 0.02)[0]:
            if at_each:
                at_each()
            self.serve()

    def until_event(self, mark, at_each=None, **fields):
        """Until the router has told of the slow one."""
        while not self.router.find_events("exchange", since=mark, **fields):
            if at_each:
                at_each()
            self.serve()

    def assert_in_time(self):
        took_s = time.monotonic() - self.began
        assert 0.5 < took_s < BY_THEN_S, took_s
        assert self.n_served >= 1
        for event in self.router.wait_events(self.n_served, "exchange", client=GOOD_DESK):
            assert event["status"] == 200 and event["duration_us"] < 1_000_000, event


def connect_slow(site, router):
    """With TLS 1.2, where nothing but an answer or the end is ever there to read."""
    context = client_context(site.authority.pem, ssl.TLSVersion.TLSv1_2)
    return RawClient(router.addresses[0], "127.1.0.1", context, ROUTER_NAME)
