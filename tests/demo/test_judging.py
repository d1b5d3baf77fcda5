# SPDX-License-Identifier: Apache-2.0
"""A desk counts by what the vendor recorded of it, and whatever differs changes the exit status."""
import contextlib
import types

import pytest

import demo
import judging
from layout import BACKEND, ROUTER, TRAINING_EGRESS, Desk, Plan
from load import LOOKUPS, NAME_FIELD, lookups_of

ONE = Desk(1, "sales", "127.20.0.1", "127.20.0.1")
TWO = Desk(2, "sales", "127.20.0.2", "127.20.0.2")
TEN = Desk(3, "training", "127.29.0.10", TRAINING_EGRESS)
ELEVEN = Desk(4, "training", "127.29.0.11", TRAINING_EGRESS)
OVER = Desk(5, "support", "127.24.0.9", "127.24.0.9")
DESKS = [ONE, TWO, TEN, ELEVEN, OVER]
GOOD = ("try: 5 workstations: 4 embedded on 2 keys, 1 backend, 0 refused; "
        f"{5 * LOOKUPS} lookups, 0 failed")
BY_BACKEND = {"class": "secret", "key": BACKEND, "source": ROUTER}
BY_KEY = {"class": "embedded", "key": "austin-1"}


def plan_make(overflow="backend"):
    keys = {"austin-1": ["127.20.0.1", "127.20.0.2"], "austin-2": [TRAINING_EGRESS]}
    return Plan({
        "keys": [{"name": name, "add": add, "capacity": 100, "desks": 2}
                 for name, add in keys.items()],
        "overflow": [{"address": OVER.egress, "route": overflow}], "totals": {}})


def record_make(lookup, plan):
    """What the vendor writes down of a lookup that took its way."""
    record = {"headers": [["Host", "any"], [NAME_FIELD, lookup.name]], "method": "GET",
              "status": 200, "leaks": [], "parameters": [], **BY_BACKEND}
    key = plan.route_of(lookup.desk.egress)[1]
    if key and lookup.kind != "batch":
        record.update(BY_KEY, key=key, source=lookup.desk.egress, parameters=["street", "key"])
    return record


class Day:
    """All lookups answered as they have to be; a test spoils something."""

    def __init__(self):
        self.plan = plan_make()
        self.lookups = [lookup for desk in DESKS for lookup in lookups_of(desk)]
        for lookup in self.lookups:
            lookup.status, lookup.said, lookup.why = 200, lookup.texts, None
        self.records = [record_make(lookup, self.plan) for lookup in self.lookups]

    def lookup(self, desk, kind="street"):
        return next(each for each in self.lookups if each.desk == desk and each.kind == kind)

    def record(self, desk, kind="street"):
        name = self.lookup(desk, kind).name
        return next(each for each in self.records if judging.name_of(each) == name)

    def judge(self):
        return judging.judge(DESKS, self.lookups, self.plan, self.records)


def test_a_day_on_which_all_is_well():
    verdict = Day().judge()
    assert verdict.is_good and verdict.wrong == []
    assert verdict.line() == GOOD
    gets, batches = 20, 2
    assert verdict.keys == {"austin-1": 2 * gets, "austin-2": 2 * gets,
                            BACKEND: 5 * batches + gets}
    assert verdict.sources == {"austin-1": {ONE.egress, TWO.egress}, "austin-2": {TRAINING_EGRESS}}
    assert verdict.routes == {"embedded": 4 * gets, "batch": 5 * batches, "overflow": gets}


def refused_then_by_backend(day):
    """What an agent does not notice: an address that is not listed."""
    again = dict(day.record(ONE))
    day.record(ONE).update(status=401)
    day.records.append({**again, **BY_BACKEND, "parameters": []})


def a_stray(day):
    day.records.append({**day.record(ONE), "headers": []})


SPOILT = [  # what is spoilt, how, embedded, backend, failed, a piece of what is said
    ("by the wrong key", lambda d: d.record(ONE).update(key="austin-2"), 3, 1, 1, "austin-2"),
    ("by the secret key", lambda d: d.record(ONE).update(BY_BACKEND), 3, 1, 1, "to be embedded"),
    ("with another desk's address", lambda d: d.record(ONE).update(source=TWO.egress), 3, 1, 1,
     "from 127.20.0.2"),
    ("from the router's address", lambda d: d.record(TEN).update(source=ROUTER), 3, 1, 1,
     "from 127.0.0.1"),
    ("a 401, then the backend", refused_then_by_backend, 3, 1, 1, "the vendor refused lookup"),
    ("a 401 of the secret key", lambda d: d.record(OVER).update(status=401), 4, 0, 1,
     "the vendor refused lookup"),
    ("a record is missing", lambda d: d.records.remove(d.record(TWO)), 3, 1, 1, "saw nothing"),
    ("a record is there twice", lambda d: d.records.append(d.record(TWO)), 3, 1, 1, "was to see"),
    ("an overflow by a key", lambda d: d.record(OVER).update(BY_KEY, source=OVER.egress), 4, 0, 1,
     "to be backend"),
    ("a batch by a key", lambda d: d.record(ONE, "batch").update(BY_KEY, source=ONE.egress),
     4, 1, 1, "was to see"),
    ("a batch from elsewhere", lambda d: d.record(ONE, "batch").update(source=ONE.egress), 4, 1, 1,
     "was to see"),
    ("another's answer", lambda d: setattr(d.lookup(ONE), "said", d.lookup(TWO).texts), 4, 1, 1,
     "the answer is 200, about"),
    ("a status", lambda d: setattr(d.lookup(ONE), "status", 502), 4, 1, 1, "the answer is 502"),
    ("no answer", lambda d: setattr(d.lookup(ONE), "why", "has no answer"), 4, 1, 1,
     "has no answer"),
    ("a request that nobody sent", a_stray, 4, 1, 0, "no desk sent"),
    ("the secret in a header", lambda d: d.record(OVER).update(leaks=["header referer"]), 4, 1, 0,
     "does not expect one"),
    ("two keys", lambda d: d.record(ONE).update(parameters=["key", "key"]), 4, 1, 0,
     "does not expect one"),
]


@pytest.mark.parametrize("row", SPOILT, ids=[row[0] for row in SPOILT])
def test_what_is_wrong_is_counted_and_said(row):
    _, spoil, n_embedded, n_backend, n_failed, said = row
    day = Day()
    spoil(day)
    verdict = day.judge()
    assert not verdict.is_good
    assert (verdict.count("embedded"), verdict.count("backend")) == (n_embedded, n_backend)
    assert verdict.n_failed == n_failed and verdict.n_lookups == len(day.lookups)
    assert any(said in each for each in verdict.wrong), verdict.wrong


def test_a_desk_that_sent_nothing_is_none_of_all():
    day = Day()
    day.lookups = [each for each in day.lookups if each.desk != ONE]
    day.records = [record_make(each, day.plan) for each in day.lookups]
    verdict = day.judge()
    assert verdict.desks[ONE] is None and not verdict.is_good


def test_a_failure_alone_is_not_good():
    assert judging.Verdict(n_lookups=2).is_good
    assert not judging.Verdict(n_lookups=2, n_failed=1).is_good


def test_nothing_at_all_is_not_good():
    assert not judging.judge([], [], plan_make(), []).is_good


def refuse(day):
    """The plan refuses a desk, and it is refused."""
    day.plan = plan_make(overflow="refused")
    for lookup in day.lookups:
        if lookup.desk == OVER:
            lookup.status, lookup.said = 403, ("refused",)
    day.records = [record_make(each, day.plan) for each in day.lookups if each.desk != OVER]


def test_a_desk_that_is_refused_as_planned():
    day = Day()
    refuse(day)
    verdict = day.judge()
    assert verdict.is_good and (verdict.count("backend"), verdict.count("refused")) == (0, 1)


def test_a_desk_that_is_served_although_it_is_to_be_refused():
    day = Day()
    refuse(day)
    for lookup in day.lookups:
        if lookup.desk == OVER:
            lookup.status, lookup.said = 200, lookup.texts
            day.records.append(record_make(lookup, day.plan))
    verdict = day.judge()
    assert not verdict.is_good and verdict.count("refused") == 0
    assert verdict.n_failed == LOOKUPS


def test_more_than_anybody_reads_is_summed_up():
    day = Day()
    day.records.clear()
    lines = judging.wrong_lines(day.judge())
    assert len(lines) == judging.WRONG_SHOWN + 1
    assert lines[-1] == f"wrong: and {5 * LOOKUPS + 5 - judging.WRONG_SHOWN} more"


# ---- the exit status


def status_of(monkeypatch, day, showcase=True):
    """The exit status of a run on this day."""
    monkeypatch.setattr(demo, "site_opened", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(demo, "showcase_run", lambda *_: showcase)
    monkeypatch.setattr(demo, "whole_start", lambda *_: day)
    monkeypatch.setattr(demo, "whole_run", lambda *_: day.judge())
    arguments = {"workstations": 5, "keys": 2, "build": ".", "no_sdk": True, "keep": False}
    return demo.main(types.SimpleNamespace(**arguments))


def test_the_last_line_of_a_good_run_and_its_status(monkeypatch, capsys):
    assert status_of(monkeypatch, Day()) == 0
    assert capsys.readouterr().out.splitlines()[-1] == GOOD


@pytest.mark.parametrize("row", SPOILT, ids=[row[0] for row in SPOILT])
def test_whatever_is_wrong_changes_the_status_and_the_last_line(row, monkeypatch, capsys):
    day = Day()
    row[1](day)
    assert status_of(monkeypatch, day) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "try: not all is as it should be"


def test_one_desk_for_each_route_counts_too(monkeypatch, capsys):
    assert status_of(monkeypatch, Day(), showcase=False) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "try: not all is as it should be"
