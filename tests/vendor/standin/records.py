# SPDX-License-Identifier: Apache-2.0
"""records - what the vendor saw, for a test to ask, and to wait for

A record is a dict. A predicate is a dict too: every field named in it must be equal, one of a list,
or match a text with "*". "header" asks for the presence of a header field of that name.
"""
import asyncio
from fnmatch import fnmatchcase

RECORDS_MAX = 100000  # unless told: whatever comes later is counted only


def _value_matches(wanted, value):
    if isinstance(wanted, list):
        return value == wanted or any(_value_matches(w, value) for w in wanted)
    if isinstance(wanted, str) and "*" in wanted and isinstance(value, str):
        return fnmatchcase(value, wanted)
    return wanted == value


def record_matches(match, record):
    for name, wanted in match.items():
        if name == "header":
            if not any(n.lower() == wanted.lower() for n, _ in record.get("headers", ())):
                return False
        elif not _value_matches(wanted, record.get(name)):
            return False
    return True


class _Waiter:
    def __init__(self, match, count):
        self.match = match
        self.count = count
        self.seen = {}  # id -> record: one that matched once counts, whatever becomes of it
        self.done = asyncio.get_running_loop().create_future()

    def look(self, record):
        if not self.done.done() and record_matches(self.match, record):
            self.seen[id(record)] = record
            if len(self.seen) >= self.count:
                self.done.set_result(None)


class Records:
    def __init__(self):
        self.all = []
        self.max = RECORDS_MAX
        self.n_lost = 0
        self._waiters = []

    def add(self, record):
        if len(self.all) >= self.max:
            self.n_lost += 1
        else:
            self.all.append(record)
        self.changed(record)

    def changed(self, record):
        for waiter in self._waiters:
            waiter.look(record)

    def find(self, match):
        return [r for r in self.all if record_matches(match, r)]

    async def wait(self, match, count, timeout_s):
        """The records that matched, as many as there are when `count` did or the time is over."""
        waiter = _Waiter(match, count)
        for record in self.all:
            waiter.look(record)
        self._waiters.append(waiter)
        try:
            if count > 0:
                await asyncio.wait_for(waiter.done, timeout_s)
        except asyncio.TimeoutError:
            pass
        finally:
            self._waiters.remove(waiter)
        return list(waiter.seen.values())

    def clear(self):
        self.all.clear()
        self.max = RECORDS_MAX
        self.n_lost = 0
