# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest: what cannot be asked of a daemon that ThreadSanitizer watches.

It keeps several bytes about each byte that a program uses and never gives them back, so tests that measure
a daemon's memory find none. And it keeps the daemon busy: a thread that always has work is not woken but
loses the processor, so both count. Everything else that these tests prove still counts.

Its runtime holds a signal back while a thread is within an intercepted call, and then calls the handler
itself, with no regard to sa_mask (sigaction(2)). libuv's handler takes a lock that only sa_mask keeps it
from taking twice: many signals at once stop such a daemon for ever. Tests that send them are left out.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.process import Process  # noqa: E402


def memory_of_nobody(process):
    return {"rss": 0, "pss": 0, "private_dirty": 0}


def turns(process):
    """How often each thread came on: {its number: times}."""
    found = {}
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        rows = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        found[task.name] = int(rows["voluntary_ctxt_switches"]) + \
            int(rows["nonvoluntary_ctxt_switches"])
    return found


def pytest_collection_modifyitems(config, items):
    floods = [item for item in items if item.get_closest_marker("signal_flood")]
    items[:] = [item for item in items if item not in floods]
    config.hook.pytest_deselected(items=floods)


Process.memory = memory_of_nobody
Process.wakeups = turns
