# SPDX-License-Identifier: Apache-2.0
"""passing - for the few tests whose subject is time itself, and for what the system tells nobody of

Everything else waits for an event.
"""
import threading
import time

from support import DEADLINE_S


def let_pass(seconds):
    """Timers of seconds that have to run out, or must not do anything when they do."""
    threading.Event().wait(seconds)


def wait_until(is_so, step_s=0.01, deadline_s=DEADLINE_S):
    """Asks again and again; AssertionError where it does not come true."""
    end = time.monotonic() + deadline_s
    while not is_so():
        assert time.monotonic() < end, "it did not come true in time"
        let_pass(step_s)
