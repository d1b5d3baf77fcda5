# SPDX-License-Identifier: Apache-2.0
"""ledger - every lookup three times: at the desk, in the router's events, in the vendor's log

The desk knows its token and the request id of its answer; the event knows the request id; the vendor
knows the token. So what each of the three says of one lookup is laid side by side. Of a lookup whose
desk went away before its answer's head, only the desk is known: its events are counted by desk.
"""
import datetime
import json
import struct
from collections import Counter

from bed import HOSTS, ROUTER_ADDRESS

_ROW = struct.Struct("=QIHBB")  # as struct tape_row
ANSWERED, WRONG, CUT, STUMP = 2, 3, 5, 6  # as enum outcome
_LINES_MAX = 4  # of one lookup at the vendor: refused, dropped, answered, and one to spare
_EXAMPLES_MAX = 5
_APIS = {"us-street": HOSTS[0], "us-zipcode": HOSTS[1], "us-autocomplete-pro": HOSTS[2]}
CLOCK_SLACK_S = 2  # events are told by the clock on the wall, suspensions end by another
SECRET_OK = ("secret", ROUTER_ADDRESS, 200)


class Tally:
    def __init__(self):
        self.n_passed = self.n_failed = 0

    def check(self, sentence, is_so, otherwise=""):
        self.n_passed += bool(is_so)
        self.n_failed += not is_so
        print(f"ok    {sentence}" if is_so else f"FAIL  {sentence}: {otherwise}", flush=True)
        return is_so

    def end(self):
        print(f"{self.n_passed} passed, {self.n_failed} failed")
        raise SystemExit(1 if self.n_failed else 0)


class Findings:
    """How often something is not as it must be, and the first examples."""

    def __init__(self):
        self.n, self.examples = 0, []

    def add(self, text):
        self.n += 1
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(text)

    def __str__(self):
        return f"{self.n} times, as: " + "; ".join(self.examples)


class Ledger:
    def __init__(self, bed, runs, n_applies):
        self.bed, self.runs, self.n_applies = bed, runs, n_applies
        self.desks = list(bed.kinds)
        self.kinds_of_line = []  # (credential, source, status, host, method)
        self._known_lines = {}
        self.lines = {}  # token -> up to _LINES_MAX indices into kinds_of_line, 16 bits each, plus 1
        self.tokens = {}  # request id -> token
        self.rows = {}  # token -> (desk, outcome, is_post)
        self.n_lines = 0
        self.events = Counter()  # of another name than exchange
        self.rests = {}  # key, or key and egress address -> until when at least it is suspended
        self.wrong_rest = Findings()
        self.ways = Counter()  # how answered lookups went
        self.left = Counter()  # (desk, status) of events that no desk knows the request id of
        self.n_exchanges = 0
        self.wrong_line, self.wrong_event = Findings(), Findings()
        self.wrong_match, self.wrong_cut = Findings(), Findings()

    # ---- reading

    def _line_take(self, line):
        self.n_lines += 1
        try:
            token, source, credential, status, host, method = line
            token, kind = int(token, 16), (credential, source, int(status), host, method)
        except ValueError:
            self.wrong_line.add(f"no lookup of ours: {' '.join(line)[:80]}")
            return
        index = self._known_lines.setdefault(kind, len(self._known_lines))
        if index == len(self.kinds_of_line):
            self.kinds_of_line.append(kind)
        before = self.lines.get(token, 0)
        if before >> 16 * (_LINES_MAX - 1):
            self.wrong_line.add(f"lookup {token:08x} comes more than {_LINES_MAX} times")
        self.lines[token] = before << 16 | index + 1

    def lines_of(self, token):
        packed, found = self.lines.get(token, 0), []
        while packed:
            found.append(self.kinds_of_line[(packed & 0xffff) - 1])
            packed >>= 16
        return found[::-1]

    def _tape_read(self, run):
        data = run["tape"].read_bytes()
        for token, (request, _, desk, outcome, is_post) in enumerate(_ROW.iter_unpack(data), run["first"]):
            self.rows[token] = (desk, outcome, is_post)
            if request:
                if request in self.tokens:
                    self.wrong_event.add(f"request id {request:016x} for two lookups")
                self.tokens[request] = token

    def _events_read(self):
        with open(self.bed.router.log, "rb") as log:
            for line in log:
                try:
                    event = json.loads(line)
                    name = event["event"]
                except (ValueError, KeyError, TypeError):
                    self.wrong_event.add("a line that is no event")
                    continue
                if name == "exchange":
                    self._exchange_take(event)
                else:
                    self.events[name] += 1
                    self._rest_take(name, event)

    def _rest_take(self, name, event):
        """What is suspended stays so until it is tried again; no older request of its own ends that."""
        what, _, change = name.partition("_")
        if change not in ("suspended", "restored"):
            return
        known = (event["key"], event["egress"] if what == "slot" else "")
        now_s = datetime.datetime.fromisoformat(event["time"].rstrip("Z")).timestamp()
        if change == "suspended":
            self.rests[known] = now_s + event["for_s"]
        elif now_s < self.rests.get(known, 0) - CLOCK_SLACK_S:
            self.wrong_rest.add(f"{name} of {known} {self.rests[known] - now_s:.0f} s early")

    # ---- one event

    def _exchange_take(self, event):
        self.n_exchanges += 1
        token = self.tokens.pop(int(event["request"], 16), None)
        if token is None:
            self.left[event["client"], event["status"]] += 1
            return
        desk, outcome, _ = self.rows[token]
        if event["client"] != self.desks[desk]:
            self.wrong_event.add(f"lookup {token:08x} of {self.desks[desk]} is told of {event['client']}")
        elif outcome == ANSWERED:
            self._answered_check(token, event)
        elif outcome == WRONG:
            self.wrong_event.add(f"lookup {token:08x}: {event['method']} {event['status']} {event['reason']}, "
                                 f"the vendor saw {self.lines_of(token)}")
        else:
            self.left[event["client"], event["status"]] += 1

    def _answered_check(self, token, event):
        """The event's story, as lines that the vendor must have, no more and no fewer."""
        way, expected = self._story(event)
        lines = self.lines_of(token)
        self.ways[way] += 1
        kind = self.bed.kinds[event["client"]]
        if event["status"] != (403 if kind == "stranger" else 200):
            self.wrong_event.add(f"lookup {token:08x} has status {event['status']} in its event")
        dropped = [line for line in lines if line[2] == 444]
        seen = sorted(line[:3] for line in lines if line[2] != 444)
        self.ways["of them sent again"] += event["retried"]
        self.ways["of them dropped by the vendor first"] += len(dropped)
        hosts = {line[3:] for line in lines}
        told = (_APIS.get(event.get("api")), event["method"])
        if seen != sorted(expected) or len(dropped) > event["retried"] or (hosts and hosts != {told}):
            self.wrong_match.add(f"lookup {token:08x}, {way}: the vendor saw {lines}, "
                                 f"the event wants {expected} at {told}")

    @staticmethod
    def _story(event):
        """(the way in words, [(credential, source, status)])"""
        reason = event.get("reason", "")
        if event["route"] == "refused":
            return "refused by the router", []
        if event["route"] == "key":
            return "by a key", [(event["key"], event["egress"], 200)]
        if not event["fallback"]:
            return "by the backend", [SECRET_OK]
        if "source address" in reason:
            return "by the backend, after an address that is not there", [SECRET_OK]
        status = 429 if "throttled" in reason else 401
        return f"by the backend, after a {status}", [("refused", event["client"], status), SECRET_OK]

    # ---- the checks

    def _lines_name_refused(self):
        """Which key was refused stands in no event: in its place stands a word, if it is one of the desk's."""
        for i, (credential, source, status, *rest) in enumerate(self.kinds_of_line):
            if status in (401, 429) and (credential, source) in self.bed.origins.get(source, ()):
                self.kinds_of_line[i] = ("refused", source, status, *rest)

    def _lines_check(self):
        """All that the vendor saw, the lookups of desks that went away too, came by a way of their desk."""
        allowed = {"ready", "operation", "reloaded", "slot_suspended", "slot_restored", "key_suspended",
                   "key_restored", "egress_unusable", "ended", "stopping", "started"}
        odd = {name: n for name, n in self.events.items() if name not in allowed}
        tally.check(f"{self.n_applies} times another policy was applied; the events beside exchange are "
                    f"{dict(sorted(self.events.items()))}",
                    not odd and self.n_applies <= self.events["reloaded"] == self.events["operation"],
                    f"unexpected: {odd}")
