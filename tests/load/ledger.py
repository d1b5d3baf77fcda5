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
        allowed = {token: self.bed.origins[self.desks[desk]] for token, (desk, *_) in self.rows.items()}
        for token in self.lines:
            row = self.rows.get(token)
            if row is None or row[1] == STUMP:
                self.wrong_line.add(f"lookup {token:08x} was never sent whole")
                continue
            for line in self.lines_of(token):
                if line[:2] not in allowed[token]:
                    self.wrong_line.add(f"lookup {token:08x} of {self.desks[row[0]]} came by {line[:2]}")

    def _cut_check(self):
        """By desk: what the vendor saw of lookups that were cut is in the events, and no event is of none."""
        cut, seen, told = Counter(), Counter(), Counter()
        for token, (desk, outcome, _) in self.rows.items():
            if outcome in (CUT, STUMP):
                cut[self.desks[desk]] += 1
                seen[self.desks[desk]] += token in self.lines
        for (desk, status), n in self.left.items():
            told[desk] += n
            if status not in ((499, 403) if self.bed.kinds.get(desk) == "stranger" else (499, 200)):
                self.wrong_cut.add(f"{n} events of {desk} with status {status}")
        for desk in set(cut) | set(told):
            if not seen[desk] <= told[desk] <= cut[desk]:
                self.wrong_cut.add(f"{desk}: {cut[desk]} cut, {told[desk]} events, {seen[desk]} at the vendor")
        return sum(cut.values()), sum(told.values()), sum(seen.values())

    def check(self, tally):
        for run in self.runs:
            self._tape_read(run)
        for line in self.bed.vendor.lines():
            self._line_take(line)
        self._lines_check()
        self._lines_name_refused()
        self._events_read()
        n_cut, n_told, n_seen = self._cut_check()
        outcomes = Counter(outcome for _, outcome, _ in self.rows.values())
        self._answers_check(tally, outcomes)
        self._counts_check(tally, outcomes[ANSWERED], n_cut, n_told, n_seen)
        tally.check("what is suspended comes back by a trial alone, and not early", not self.wrong_rest.n,
                    self.wrong_rest)
        self._reach_check(tally)

    def _answers_check(self, tally, outcomes):
        bad = {name: sum(run[name] for run in self.runs) for name in ("wrong", "lost", "open")}
        tally.check(f"{outcomes[ANSWERED]} lookups answered: each desk has its own answers, whole, by its own "
                    "key from its own address", not any(bad.values()), str(bad))
        tally.check(f"{self.n_lines} requests at the vendor: none with another's key, from another's "
                    "address, or with what the desk brought along", not self.wrong_line.n, self.wrong_line)

    def _counts_check(self, tally, n_answered, n_cut, n_told, n_seen):
        tally.check(f"{n_answered} answered lookups: the vendor saw each as often, by the same ways, as its event "
                    "says", not self.wrong_match.n, self.wrong_match)
        tally.check(f"{n_cut} lookups whose desk went away: {n_told} events, {n_seen} at the vendor",
                    not self.wrong_cut.n, self.wrong_cut)
        tally.check(f"{self.n_exchanges} events of lookups: the {n_answered} that were answered, {n_told} that "
                    "were cut, and no other; none told of another desk",
                    self.n_exchanges == n_answered + n_told and not self.wrong_event.n
                    and not self._untold(), f"{self._untold()} answers without an event; {self.wrong_event}")
        in_answers = sum(n for way, n in self.ways.items() if not way.startswith("of them"))
        tally.check("ways of the answered: " + ", ".join(f"{n} {way}" for way, n in sorted(self.ways.items())),
                    in_answers == n_answered, f"{in_answers} in all")

    def _untold(self):
        return sum(self.rows[token][1] == ANSWERED for token in self.tokens.values())

    def _reach_check(self, tally):
        """A load that missed what it is for shows nothing."""
        wanted = ["by a key", "by the backend", "refused by the router", "of them sent again",
                  "of them dropped by the vendor first",
                  "by the backend, after an address that is not there",
                  "by the backend, after a 401", "by the backend, after a 429"]
        missing = [way for way in wanted if not self.ways[way]]
        sums = Counter()
        for run in self.runs:
            sums.update({k: v for k, v in run.items() if isinstance(v, int)})
        missing += [name for name in ("resumed", "pipelined", "ending_SAID", "ending_BARE", "ending_CUT_HEAD",
                                      "ending_CUT_SENT", "ending_CUT_ANSWER") if not sums[name]]
        missing += [name for name in ("slot_suspended", "key_suspended", "reloaded") if not self.events[name]]
        tally.check("the load reached all that it is for", not missing, "not once: " + ", ".join(missing))
        allowed = {"ready", "operation", "reloaded", "slot_suspended", "slot_restored", "key_suspended",
                   "key_restored", "egress_unusable", "ended", "stopping", "started"}
        odd = {name: n for name, n in self.events.items() if name not in allowed}
        tally.check(f"{self.n_applies} times another policy was applied; the events beside exchange are "
                    f"{dict(sorted(self.events.items()))}",
                    not odd and self.n_applies <= self.events["reloaded"] == self.events["operation"],
                    f"unexpected: {odd}")
