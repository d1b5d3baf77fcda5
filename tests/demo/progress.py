# SPDX-License-Identifier: Apache-2.0
"""progress - one line that tells how far it is: rewritten on a terminal, else a few plain lines"""
import sys
import time

REWRITE_S = 0.1  # not more often than anybody can read
PARTS = 4  # plain lines for each thing that is counted


class Progress:
    def __init__(self, stream=None, clock=time.monotonic):
        self.stream = stream or sys.stdout
        self.is_terminal = self.stream.isatty()
        self._clock = clock
        self._shown_at = 0.0
        self._width = 0
        self._what = None
        self._part = 0

    def show(self, what, n, of):
        """n of `of` are done; cheap enough to be told of each one."""
        if what != self._what:
            self.end()
            self._what, self._part, self._shown_at = what, 0, 0.0
        text = f"{what}: {n:,} of {of:,}"
        if self.is_terminal:
            self._rewrite(text, n == of)
        elif n * PARTS // max(of, 1) > self._part:
            self._part = n * PARTS // max(of, 1)
            print(text, file=self.stream, flush=True)

    def _rewrite(self, text, is_last):
        now = self._clock()
        if now - self._shown_at < REWRITE_S and not is_last:
            return
        self._shown_at = now
        self.stream.write("\r" + text.ljust(self._width))
        self.stream.flush()
        self._width = len(text)

    def end(self):
        """What is printed next begins a line of its own."""
        if self._width:
            self.stream.write("\n")
            self.stream.flush()
        self._width, self._what = 0, None
