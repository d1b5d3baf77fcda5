# SPDX-License-Identifier: Apache-2.0
"""waiting - for what nobody tells: a number in /proc, the size of a file, a time that has come"""
import threading
import time

from support import DEADLINE_S


def wait_until(is_so, what, deadline_s=DEADLINE_S):
    end, pause = time.monotonic() + deadline_s, threading.Event()
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline_s} s: {what}")
        pause.wait(0.01)
