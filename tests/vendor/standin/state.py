# SPDX-License-Identifier: Apache-2.0
"""state - the whole vendor: what its connections and its control port share"""
from standin.accounts import Account, Refusal
from standin.certificates import KINDS, VERSIONS, context_make
from standin.faults import Faults
from standin.records import Records, record_matches

COUNTED = ("source", "host", "class", "key", "status")


class State:
    def __init__(self, folder):
        self.folder = folder
        self.requests = Records()
        self.connections = Records()
        self.links = {}  # open connections by number
        self.counts = {}  # of answers, by COUNTED: for loads of which no records are kept
        self._n_connections = 0
        self._n_requests = 0
        self.account = Account()
        self.faults = Faults()
        self.context = context_make(folder)

    def connection_number(self):
        self._n_connections += 1
        return self._n_connections

    def request_number(self):
        self._n_requests += 1
        return self._n_requests

    def count(self, record):
        what = tuple(record[name] for name in COUNTED)
        self.counts[what] = self.counts.get(what, 0) + 1

    def counts_find(self, match):
        rows = [{**dict(zip(COUNTED, what)), "count": n} for what, n in self.counts.items()]
        return [row for row in rows if record_matches(match, row)]

    def settings_set(self, given):
        places = {"propagation_s": (self.account, "propagation_s"),
                  "same_input_max": (self.account, "same_input_max"),
                  "records_max": (self.requests, "max")}
        for name, value in given.items():
            if name not in places or not isinstance(value, (int, float)) or value < 0:
                raise Refusal(422, f"no such setting, or no number: {name}")
            setattr(*places[name], value)

    def tls_set(self, certificate="good", version=None, tickets=2):
        if certificate not in KINDS or version not in (None, *VERSIONS):
            raise Refusal(422, f"certificate is one of {KINDS}, version null or of {sorted(VERSIONS)}")
        if not isinstance(tickets, int) or not 0 <= tickets <= 16:
            raise Refusal(422, "tickets is a number from 0 to 16")
        self.context = context_make(self.folder, certificate, version, tickets)

    def connections_close(self, match, how):
        """Ends the open connections that match, with or without an answer under way."""
        if how not in ("close_notify", "fin", "reset"):
            raise Refusal(422, "how is close_notify, fin or reset")
        numbers = [c["connection"] for c in self.connections.find({**match, "open": True})]
        for number in numbers:
            link = self.links[number]
            if how == "reset":
                link.reset()
            else:
                link.finish(close_notify=how == "close_notify")
        return numbers

    def reset(self):
        """As after the start, but for the numbers of connections and requests."""
        self.faults.clear()
        self.account = Account()
        self.counts.clear()
        self.requests.clear()
        self.connections.clear()
        self.connections.all += [link.about for link in self.links.values()]
        self.context = context_make(self.folder)
