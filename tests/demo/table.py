# SPDX-License-Identifier: Apache-2.0
"""table - rows of text, aligned; a cell of several lines makes its row several lines high"""
from itertools import zip_longest


def _lines_of(cells, widths):
    columns = [cell.split("\n") for cell in cells]
    for line in zip_longest(*columns, fillvalue=""):
        yield "  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip()


def table_format(heads, rows):
    """rows: lists of cells, as many as heads."""
    widths = [max(len(line) for row in (heads, *rows) for line in row[i].split("\n"))
              for i in range(len(heads))]
    lines = [*_lines_of(heads, widths), *_lines_of(["-" * w for w in widths], widths)]
    for row in rows:
        lines += _lines_of(row, widths)
    return "\n".join(lines)
