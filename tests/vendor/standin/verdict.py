# SPDX-License-Identifier: Apache-2.0
"""verdict - what a vendor makes of a request: a status, header fields and a body"""
import json
from dataclasses import dataclass, field

JSON_FIELDS = [["Content-Type", "application/json; charset=utf-8"]]


@dataclass
class Verdict:
    status: int
    body: bytes = b""
    fields: list = field(default_factory=lambda: list(JSON_FIELDS))
    closes: bool = False  # the rest of the request is not read


class Judgement(Exception):
    """A rule of the vendor refuses the request."""

    def __init__(self, status, message, fields=()):
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = [list(f) for f in fields]


def json_bytes(value):
    return json.dumps(value, separators=(",", ":")).encode()
