# SPDX-License-Identifier: Apache-2.0
"""answering - a verdict becomes bytes, and a fault spoils them"""
import asyncio
import base64
import email.utils
import gzip
import time
from dataclasses import dataclass, field

from standin.http1 import chunks_format, head_format

_PIECE_BYTES = 65536
_SECOND_BODY = b'[{"input_index":0,"delivery_line_1":"nobody asked for this"}]'

_date = [0, ""]


def date_field():
    now = int(time.time())
    if _date[0] != now:
        _date[:] = [now, email.utils.formatdate(now, usegmt=True)]
    return _date[1]


@dataclass
class Answer:
    status: int
    fields: list
    body: bytes
    framing: str = "sized"
    chunk_size: int = 1024
    closes: bool = False
    no_body: bool = False  # to HEAD, and 204 and 304
    raw: bytes = None
    interim: list = field(default_factory=list)

    def head(self):
        fields = [["Date", date_field()], *self.fields]
        if self.framing == "chunked":
            fields.append(["Transfer-Encoding", "chunked"])
        elif self.framing == "sized" and self.status not in (204, 304):
            fields.append(["Content-Length", str(len(self.body))])
        if self.closes:
            fields.append(["Connection", "close"])
        return head_format(self.status, fields)

    def wire(self):
        """The head and the body as they go over the wire."""
        if self.raw is not None:
            return b"", self.raw
        if self.no_body:
            return self.head(), b""
        if self.framing == "chunked":
            return self.head(), chunks_format(self.body, self.chunk_size)
        return self.head(), self.body


def answer_of(verdict, request):
    closes = verdict.closes or (request is not None and not request.keeps_alive)
    no_body = verdict.status in (204, 304) or (request is not None and request.method == "HEAD")
    return Answer(verdict.status, list(verdict.fields), verdict.body, closes=closes,
                  no_body=no_body)


def _echo_form(credential, form):
    value = credential.value if credential else ""
    raw = value.encode()
    return {"raw": value, "sent": credential.sent or value if credential else "",
            "percent": "".join(f"%{b:02X}" for b in raw), "hex": raw.hex(),
            "base64": base64.b64encode(raw).decode()}[form]


def _content_spoil(answer, do, presented):
    if "status" in do:
        answer.status = do["status"]
        answer.no_body = answer.no_body or do["status"] in (204, 304)
    if "body" in do:
        answer.body = do["body"].encode()
    if "body_base64" in do:
        answer.body = base64.b64decode(do["body_base64"])
    if "body_size" in do:
        frame = b'[{"pad":"%s"}]'
        answer.body = frame % (b"x" * max(0, do["body_size"] - len(frame) + 2))
    if "echo" in do:
        text = _echo_form(presented, do["echo"].get("as", "raw"))
        if do["echo"]["in"] == "body":
            answer.body = b'{"errors":[{"message":"you sent %s"}]}' % text.encode()
        else:
            prefix = "https://elsewhere.example/?key=" if do["echo"]["in"] == "Location" else ""
            answer.fields.append([do["echo"]["in"], prefix + text])
    answer.fields += do.get("headers", [])
    if "pad_headers" in do:
        n, size = do["pad_headers"]["count"], do["pad_headers"]["size"]
        answer.fields += [[f"X-Pad-{i}", "p" * size] for i in range(n)]


def answer_spoil(answer, do, presented):
    """What a fault changes in the answer itself; `presented` is the credential of the request."""
    _content_spoil(answer, do, presented)
    if do.get("gzip"):
        answer.body = gzip.compress(answer.body, 1, mtime=0)
        answer.fields.append(["Content-Encoding", "gzip"])
    answer.framing = do.get("framing", answer.framing)
    answer.chunk_size = do.get("chunk_size", answer.chunk_size)
    answer.closes = answer.closes or bool(do.get("connection_close")) or answer.framing == "close"
    answer.interim = do.get("interim", [])
    if "raw_base64" in do:
        answer.raw = base64.b64decode(do["raw_base64"])
    return answer


class _Ended(Exception):
    """The connection was ended in the middle: the outcome."""


class Misbehaviour:
    """Sends one answer as a fault wants it. run() gives the outcome for the record."""

    def __init__(self, link, record, on_change, gate_of, do):
        self.link = link
        self.record = record
        self.on_change = on_change
        self.gate_of = gate_of
        self.do = do

    def _note(self, outcome):
        self.record["outcome"] = outcome
        self.on_change(self.record)

    async def _enter(self, gate):
        before = self.record["outcome"]
        self._note("held")
        await self.gate_of(gate).enter()
        self._note(before)

    async def before(self):
        if self.do.get("renegotiate"):
            self.link.renegotiate()
        if "hold" in self.do:
            await self._enter(self.do["hold"])
        if "delay_ms" in self.do:
            over = asyncio.Event()
            asyncio.get_running_loop().call_later(self.do["delay_ms"] / 1000, over.set)
            await over.wait()

    async def run(self, answer):
        for status, fields in answer.interim:
            self.link.write(head_format(status, fields))
        head, body = answer.wire()
        try:
            await self._send(head, body)
            await self._after()
        except _Ended as end:
            return str(end)
        return "answered"

    def _stops(self, head, body):
        """[offset, what to do there], in order."""
        stops = []
        for action in ("hold_at", "reset", "cut"):
            if action in self.do:
                part, at = self.do[action].get("part", "body"), self.do[action].get("at", 0)
                length = len(head) if part == "head" else len(body)
                at = min(length, at if at >= 0 else max(0, length + at))
                stops.append((at if part == "head" else len(head) + at, action))
        return sorted(stops)

    async def _send(self, head, body):
        wire = head + body
        sent = 0
        for offset, action in self._stops(head, body):
            await self._put(wire[sent:offset], len(head) - sent)
            sent = offset
            await self._stop(action)
        await self._put(wire[sent:], len(head) - sent)

    async def _stop(self, action):
        if action == "hold_at":
            await self._enter(self.do["hold_at"]["gate"])
        elif action == "reset":
            await self.link.drain()
            self.link.reset()
            raise _Ended("reset")
        else:
            self.link.finish(self.do["cut"].get("close_notify", True))
            raise _Ended("cut")

    async def _put(self, data, head_left):
        head_left = max(0, head_left)
        if "drip" in self.do and len(data) > head_left:
            self.link.write(data[:head_left])
            for i in range(head_left, len(data)):
                await self.gate_of(self.do["drip"]["gate"]).enter()
                self._sent(data[i : i + 1])
            return
        for i in range(0, len(data), _PIECE_BYTES):
            self._sent(data[i : i + _PIECE_BYTES])
            await self.link.drain()

    def _sent(self, data):
        self.link.write(data, self.do.get("record_size"))
        self.record["sent_bytes"] = self.record.get("sent_bytes", 0) + len(data)

    async def _after(self):
        if "extra" in self.do:
            extra = self.do["extra"]
            second = head_format(200, [["Content-Type", "application/json"],
                                       ["Content-Length", str(len(_SECOND_BODY))]]) + _SECOND_BODY
            self.link.write(extra.encode("latin-1") if isinstance(extra, str) else second)
        if "late_tickets" in self.do:
            if "late_gate" in self.do:
                await self._enter(self.do["late_gate"])
            self.link.tickets_send(self.do["late_tickets"])
        if "close_after" in self.do:
            self._note("answered")
            if "close_gate" in self.do:
                await self._enter(self.do["close_gate"])
            self._close(self.do["close_after"])
            raise _Ended("answered")

    def _close(self, how):
        if how == "reset":
            self.link.reset()
        else:
            self.link.finish(close_notify=how == "close_notify")
