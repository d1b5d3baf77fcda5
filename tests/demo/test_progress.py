# SPDX-License-Identifier: Apache-2.0
"""The line is rewritten on a terminal only, and elsewhere there are few."""
import io

from latency import quantile
from progress import PARTS, REWRITE_S, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def counted(stream, clock=lambda: 0.0):
    progress = Progress(stream, clock)
    for n in range(1, 1001):
        progress.show("done", n, 1000)
    progress.end()
    return stream.getvalue()


def test_a_few_plain_lines():
    assert counted(io.StringIO()).splitlines() == [f"done: {n} of 1,000" for n in (250, 500, 750)] \
        + ["done: 1,000 of 1,000"]
    assert PARTS == 4


def test_a_small_number_is_no_more_lines_than_it_is():
    stream = io.StringIO()
    progress = Progress(stream)
    progress.show("done", 1, 1)
    progress.show("more", 0, 0)
    assert stream.getvalue() == "done: 1 of 1\n"


def test_a_terminal_has_one_line_that_ends_with_the_last_count():
    text = counted(Terminal())
    assert text.endswith("\rdone: 1,000 of 1,000\n") and text.count("\n") == 1
    assert text.count("\r") == 1  # the clock stands still: only the last one is due


def test_a_terminal_is_not_written_to_more_often_than_anybody_reads():
    ticks = iter(n * REWRITE_S / 10 for n in range(2, 2000))
    assert 90 <= counted(Terminal(), lambda: next(ticks)).count("\r") <= 101


def test_a_shorter_text_covers_the_longer_one():
    stream, ticks = Terminal(), iter([1.0, 2.0])
    progress = Progress(stream, lambda: next(ticks))
    progress.show("done", 100, 200)
    progress.show("done", 1, 200)
    assert stream.getvalue() == "\rdone: 100 of 200\rdone: 1 of 200  "


def test_quantiles_of_few_and_many():
    many = list(range(1, 101))
    assert [quantile(many, q) for q in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert [quantile([7], q) for q in (0.0, 0.5, 0.99)] == [7, 7, 7]
    assert quantile([1, 2, 3], 0.5) == 2
