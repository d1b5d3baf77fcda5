# SPDX-License-Identifier: Apache-2.0
"""corpus - the vectors of tests/corpus; its README says how they are written"""
import re
from dataclasses import dataclass, field

from support import REPOSITORY

FOLDER = REPOSITORY / "tests" / "corpus"
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|(.))")
_NAMED = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
_FIELDS = {"name", "rfc", "why", "expect", "connection", "end"}


@dataclass
class Vector:
    group: str
    values: dict = field(default_factory=dict)
    data: bytes = b""

    def __str__(self):
        return f"{self.group}:{self.values['name']}"

    @property
    def expected(self):
        return self.values["expect"]


def text_unescape(text):
    def one(match):
        return chr(int(match[1], 16)) if match[1] else _NAMED[match[2]]
    return _ESCAPE.sub(one, text).encode("latin-1")


def vector_parse(group, block):
    vector = Vector(group)
    for line in block.splitlines():
        repeated = re.fullmatch(r"\|(?:\*([0-9]+))? (.+)", line)
        if repeated:
            vector.data += text_unescape(repeated[2]) * int(repeated[1] or 1)
            continue
        name, _, value = line.partition(": ")
        assert name in _FIELDS and name not in vector.values and value, f"{group}: {line}"
        vector.values[name] = value
    assert {"name", "rfc", "why", "expect"} <= set(vector.values) and vector.data, block
    return vector


def group_read(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    blocks = filter(None, map(str.strip, "\n".join(lines).split("\n\n")))
    return [vector_parse(path.stem, block) for block in blocks]


def vectors(kind):
    """All of "requests" or "answers"."""
    return [v for path in sorted(FOLDER.glob(f"{kind}-*.txt")) for v in group_read(path)]


def vectors_named(group, *names):
    """These of one file, in this order; a name that is not there is an error."""
    by_name = {v.values["name"]: v for v in group_read(FOLDER / f"{group}.txt")}
    return [by_name[name] for name in names]
