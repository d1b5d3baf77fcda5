# SPDX-License-Identifier: Apache-2.0
"""load - every desk's application: a connection to its shim that stays open, and lookups one by one

All desks are clients of one event loop. They open their connections some at a time, each with a
first lookup, and then wait for each other; from then on every desk has a lookup under way until it
has sent its last. A lookup carries its name in a header field, by which the vendor's record of it
is found again.
"""
import asyncio
import http.client
import json
import re
import urllib.parse
from dataclasses import dataclass

from interrupt import coroutine_run

NAME_FIELD = "Demo-Lookup"
LOOKUPS = 22  # of each desk
OPENING_MAX = 64  # desks that open their connections at the same time
DEADLINE_S = 50  # of all lookups together
ANSWER_MAX_BYTES = 1 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


@dataclass
class Lookup:
    name: str
    desk: object
    kind: str  # "street", "batch" or "autocomplete"
    texts: tuple  # what is looked up
    status: int = None  # of the answer; None: there was none
    said: tuple = ()  # what the answer is about
    why: str = "was never sent"

    @property
    def is_answered(self):
        """With the right answer to its own question."""
        return self.status == 200 and self.said == self.texts


def lookup_make(desk, number, kind, mark=""):
    n = 3 if kind == "batch" else 1
    texts = tuple(f"{number}{i} {mark}Desk {desk.number} St" for i in range(n))
    return Lookup(f"{mark}{desk.number}-{number}", desk, kind, texts)


def lookups_of(desk):
    """Twelve single lookups, eight autocompletions while somebody types, two batches."""
    kinds = ["street", "autocomplete", "street", "autocomplete", "street"] * 4
    kinds = kinds[:10] + ["batch"] + kinds[10:] + ["batch"]
    return [lookup_make(desk, number, kind) for number, kind in enumerate(kinds, 1)]


# ---- bytes


def target_of(lookup):
    """(method, API, path with query, body)"""
    place = {"city": "Austin", "state": "TX"}
    if lookup.kind == "batch":
        body = json.dumps([{"street": text, **place} for text in lookup.texts])
        return "POST", "us-street", "/street-address", body.encode()
    if lookup.kind == "autocomplete":
        query = urllib.parse.urlencode({"search": lookup.texts[0]})
        return "GET", "us-autocomplete-pro", f"/lookup?{query}", b""
    query = urllib.parse.urlencode({"street": lookup.texts[0], **place})
    return "GET", "us-street", f"/street-address?{query}", b""


def request_of(lookup, host):
    method, api, target, body = target_of(lookup)
    head = f"{method} /{api}{target} HTTP/1.1\r\nHost: {host}\r\n{NAME_FIELD}: {lookup.name}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def said_of(kind, body):
    """What an answer is about; the message of an error."""
    try:
        value = json.loads(body)
        if isinstance(value, dict) and "errors" in value:
            return tuple(error["message"] for error in value["errors"])
        if kind == "autocomplete":
            return (value["suggestions"][0]["street_line"],)
        if not isinstance(value, list):
            raise TypeError("no list of candidates")
        return tuple(candidate["delivery_line_1"] for candidate in value)
    except (ValueError, LookupError, TypeError):
        return ("not in the vendor's shape",)


def answer_split(data):
    """(status, body, rest) of the first answer in these bytes; None where it is not whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        if len(data) > ANSWER_MAX_BYTES:
            raise ValueError("an answer without end")
        return None
    length = _LENGTH.search(head + b"\r\n")
    if not head.startswith(b"HTTP/1.1 ") or not length:
        raise ValueError("no answer of a known length")
    n = int(length[1])
    if n > ANSWER_MAX_BYTES:
        raise ValueError("an answer that is too long")
    return (int(head[9:12]), rest[:n], rest[n:]) if len(rest) >= n else None


# ---- a desk


class Application(asyncio.Protocol):
    """One connection of one desk; on_answer(lookup) is told of each answer that is whole."""

    def __init__(self, lookups, host, on_answer):
        self.waiting = list(reversed(lookups))
        self.current = None
        self.host = host
        self.on_answer = on_answer
        self.buffer = b""
        self.idle = None  # a future: what was asked for is answered, or nothing more will be
        self.n_left = 0
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, n=None):
        """Sends the next n lookups, or all, one by one; the future is done behind the last."""
        self.n_left = len(self.waiting) if n is None else min(n, len(self.waiting))
        self.idle = asyncio.get_running_loop().create_future()
        self._next()
        return self.idle

    def _next(self):
        if self.n_left == 0 or self.transport.is_closing():
            self.current = None
            if not self.idle.done():
                self.idle.set_result(None)
            return
        self.n_left -= 1
        self.current = self.waiting.pop()
        self.current.why = "has no answer"
        self.transport.write(request_of(self.current, self.host))

    def data_received(self, data):
        self.buffer += data
        try:
            answer = answer_split(self.buffer)
        except ValueError as why:
            self._fail(str(why))
            return
        if not answer:
            return
        lookup = self.current
        if lookup is None:
            self._fail("an answer that nobody asked for")
            return
        lookup.status, body, self.buffer = answer
        lookup.said = said_of(lookup.kind, body)
        lookup.why = None
        self.on_answer(lookup, body)
        self._next()

    def _fail(self, why):
        if self.current:
            self.current.why = why
        self.transport.abort()

    def connection_lost(self, error):
        if self.idle and not self.idle.done():
            self.idle.set_result(None)


def lookup_ask(shim, lookup):
    """Asks it on a connection of its own; returns the status."""
    host, _, port = shim.rpartition(":")
    method, api, target, body = target_of(lookup)
    connection = http.client.HTTPConnection(host, int(port), timeout=DEADLINE_S)
    try:
        connection.request(method, f"/{api}{target}", body or None, {NAME_FIELD: lookup.name})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


class Office:
    """All desks. shim_of: {workstation: "host:port"}; evidence(bytes) gets every answer."""

    def __init__(self, desks, shim_of, progress, evidence):
        self.lookups = [lookup for desk in desks for lookup in lookups_of(desk)]
        self._lookups_of = {}
        for lookup in self.lookups:
            self._lookups_of.setdefault(lookup.desk, []).append(lookup)
        self._shim_of = shim_of
        self._progress = progress
        self._evidence = evidence
        self.n_answers = 0
        self.applications = []

    def _on_answer(self, lookup, body):
        self._evidence(body)
        self.n_answers += 1
        self._progress.show("lookups answered", self.n_answers, len(self.lookups))

    async def _open(self, desk, opening):
        host, _, port = self._shim_of[desk.workstation].rpartition(":")
        async with opening:
            try:
                _, application = await asyncio.get_running_loop().create_connection(
                    lambda: Application(self._lookups_of[desk], f"{host}:{port}", self._on_answer),
                    host, int(port))
            except OSError as error:
                for lookup in self._lookups_of[desk]:
                    lookup.why = f"could not be sent: {error}"
                return
            self.applications.append(application)
            await application.ask(1)

    async def _run(self, on_connected, on_answered):
        opening = asyncio.Semaphore(OPENING_MAX)
        try:
            await asyncio.gather(*(self._open(desk, opening) for desk in self._lookups_of))
            on_connected()
            await asyncio.gather(*(application.ask() for application in self.applications))
            on_answered()
        finally:
            for application in self.applications:
                application.transport.close()

    def run(self, on_connected, on_answered):
        """on_connected: all are connected, with one answer each; on_answered: and still are."""
        try:
            coroutine_run(asyncio.wait_for(self._run(on_connected, on_answered), DEADLINE_S))
        except asyncio.TimeoutError:
            pass  # what has no answer by now counts as failed
