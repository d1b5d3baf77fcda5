# SPDX-License-Identifier: Apache-2.0
"""latency - what keyrouter adds to one lookup: through shim and router, less straight to the vendor

Pairs: the same desk sends a lookup through its shim, and one like it straight to the vendor over
TLS, with the same key from the same address, in turn first and second. All connections are warm,
and nothing else is under way. What is added is the difference of the two, pair by pair.
"""
import http.client
import math
import time

import layout
from load import LOOKUPS, lookup_make, said_of, target_of
from support.ca import client_context
from support.site import HOSTS

PAIRS_OF_A_DESK = 8  # within the burst of 50 that a desk of support has, behind its other lookups
DESKS_MAX = 50  # of each route
TIMEOUT_S = 20


class Straight(http.client.HTTPConnection):
    """To the stand-in vendor, under the name of the API's host, from a desk's address."""

    def __init__(self, site, tls, source, api):
        host, _, port = site.vendor.address.rpartition(":")
        super().__init__(host, int(port), timeout=TIMEOUT_S, source_address=(source, 0))
        self._host_name = HOSTS[api]
        self._tls = tls

    def connect(self):
        super().connect()
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._host_name)


def _timed(connection, lookup, target, headers):
    """Seconds until the whole answer; RuntimeError where it is not the right one."""
    method, _, _, body = target_of(lookup)
    began = time.perf_counter()
    connection.request(method, target, body or None, headers)
    response = connection.getresponse()
    data = response.read()
    took = time.perf_counter() - began
    if response.status != 200 or said_of(lookup.kind, data) != lookup.texts:
        raise RuntimeError(f"while latency is measured, a lookup of {lookup.desk.workstation} "
                           f"is answered with {response.status}")
    return took


class Pair:
    """Both ways of one desk: the connections, and where the credential goes."""

    def __init__(self, site, tls, shim, desk, key, kind):
        self.desk, self.kind = desk, kind
        self._n = 0
        _, self._api, _, _ = target_of(self._lookup())
        self._fields = {"Content-Type": "application/json"} if kind == "batch" else {}
        host, _, port = shim.rpartition(":")
        self._through = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_S)
        vendor_key = site.vendor.keys[key or layout.BACKEND]
        self._query = f"&{vendor_key.query}" if key else ""
        self._secret = {} if key else dict([vendor_key.basic])
        self._straight = Straight(site, tls, desk.egress if key else layout.ROUTER, self._api)

    def _lookup(self):
        self._n += 1
        return lookup_make(self.desk, LOOKUPS + self._n, self.kind, "Timed ")

    def _by_shim(self):
        lookup = self._lookup()
        _, api, target, _ = target_of(lookup)
        return _timed(self._through, lookup, f"/{api}{target}", self._fields)

    def _by_itself(self):
        lookup = self._lookup()
        _, _, target, _ = target_of(lookup)
        return _timed(self._straight, lookup, target + self._query,
                      {"Host": HOSTS[self._api], **self._fields, **self._secret})

    def measure(self, n):
        """Seconds added, n times, behind one of each that is not counted."""
        added = []
        try:
            self._by_shim()
            self._by_itself()
            for i in range(n):
                if i % 2:
                    straight, through = self._by_itself(), self._by_shim()
                else:
                    through, straight = self._by_shim(), self._by_itself()
                added.append(through - straight)
            return added
        finally:
            self._through.close()
            self._straight.close()


def desks_spread(desks):
    """As many as are measured, from all over the site."""
    step = max(1, -(-len(desks) // DESKS_MAX))
    return desks[::step]


def latency_measure(site, shim_of, plan, desks):
    """{route: seconds added, sorted} of the routes that there are."""
    embedded = [d for d in desks if plan.route_of(d.egress)[0] == "embedded"]
    overflow = [d for d in desks if plan.route_of(d.egress)[0] == "backend"]
    plans = {"embedded": (embedded, "street"), "batch": (embedded or overflow, "batch"),
             "overflow": (overflow, "street")}
    tls, found = client_context(site.vendor.ca), {}
    for route, (those, kind) in plans.items():
        added = []
        for desk in desks_spread(those):
            key = plan.route_of(desk.egress)[1] if route == "embedded" else None
            pair = Pair(site, tls, shim_of[desk.workstation], desk, key, kind)
            added += pair.measure(PAIRS_OF_A_DESK - 1)
        if added:
            found[route] = sorted(added)
    return found


def quantile(values, q):
    """Of sorted values: the smallest that is not below this part of them."""
    return values[max(0, math.ceil(len(values) * q) - 1)]
