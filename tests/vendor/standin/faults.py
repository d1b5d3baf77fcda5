# SPDX-License-Identifier: Apache-2.0
"""faults - how the vendor misbehaves, for which requests, and the gates that a test opens

A fault is {"match": predicate, "skip": n, "times": n or null, "do": {action: value, ...}}. The
first one that matches a request and has turns left is applied to it. The actions, in the order they
act:

  connect         "reset", "close", "stall" (silent until gate "gate" opens), "plain" (answers plain
                  HTTP): at accept; such a fault sees only {"source", "connection"}
  no_continue     true: no 100 Continue although the request waits for one
  renegotiate     true: asks for another TLS handshake before the answer (TLS 1.2)
  hold            gate: nothing is sent until it opens
  delay_ms        after the hold
  interim         [[status, [[name, value]]], ...] before the answer
  status, headers, body (text), body_base64: in place of the real answer; headers are added
  body_size       a JSON body of exactly this many bytes
  echo            {"in": "body" or a header's name, "as": "raw", "percent", "base64", "hex",
                  or "sent" (all of an Authorization header)}: the credential comes back
  pad_headers     {"count": n, "size": bytes}
  gzip            true
  framing         "sized", "chunked", "close"
  chunk_size      of "chunked"; 1024
  connection_close  true: says so and does so
  raw_base64      exactly these bytes in place of the whole answer
  reset, cut      {"part": "head" or "body", "at": n}: RST or FIN when n bytes of the part are out;
                  a negative n counts from its end; cut takes "close_notify": false for a bare FIN
  hold_at         {"part", "at", "gate"}: sends up to there, goes on when the gate opens
  drip            {"gate"}: the body byte by byte, one for each count that the gate is opened by
  record_size     bytes of each TLS record of the answer; they leave in one write
  extra           true (a whole second answer) or text: sent right behind the answer
  late_tickets    n new session tickets, sent once "late_gate" opens, else at once (TLS 1.3)
  close_after     "close_notify", "fin" or "reset" behind the answer, unannounced; waits for gate
                  "close_gate" if there is one
"""
import asyncio
from dataclasses import dataclass

from standin.accounts import Refusal
from standin.records import record_matches

ACTIONS = {
    "connect", "gate", "no_continue", "renegotiate", "hold", "delay_ms", "interim", "status", "headers", "body",
    "body_base64", "body_size", "echo", "pad_headers", "gzip", "framing", "chunk_size",
    "connection_close", "raw_base64", "reset", "cut", "hold_at", "drip", "record_size", "extra",
    "late_tickets", "late_gate", "close_after", "close_gate",
}
BODY_SIZE_MAX = 256 << 20


class Gate:
    """Shut until opened: for good, or for a number of passes."""

    def __init__(self):
        self.passes = 0
        self.is_open = False
        self._waiting = []

    def open(self, count=None):
        if count is None:
            self.is_open = True
        else:
            self.passes += count
        while self._waiting and (self.is_open or self.passes):
            waiting = self._waiting.pop(0)
            if not waiting.done():
                self.passes -= 0 if self.is_open else 1
                waiting.set_result(None)

    async def enter(self):
        if self.is_open:
            return
        if self.passes and not self._waiting:
            self.passes -= 1
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting


@dataclass
class Fault:
    name: str
    match: dict
    do: dict
    times: int = 1  # None: always
    skip: int = 0
    used: int = 0

    def takes(self, facts):
        if self.times is not None and self.used >= self.times:
            return False
        if not record_matches(self.match, facts):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.used += 1
        return True


class Faults:
    def __init__(self):
        self.all = {}
        self.gates = {}
        self._n = 0

    def add(self, match=None, do=None, times=1, skip=0, name=None):
        unknown = set(do or {}) - ACTIONS
        if unknown or not do:
            raise Refusal(422, f"unknown action: {sorted(unknown)}" if unknown else "no action")
        if not 0 <= do.get("body_size", 0) <= BODY_SIZE_MAX:
            raise Refusal(422, f"body_size is at most {BODY_SIZE_MAX}")
        self._n += 1
        name = name or f"fault-{self._n}"
        self.all[name] = Fault(name, match or {}, do, times, skip)
        return name

    def remove(self, name):
        if name not in self.all:
            raise Refusal(404, f"no fault named {name}")
        del self.all[name]

    def pick(self, facts, at_connect=False):
        for fault in self.all.values():
            if ("connect" in fault.do) == at_connect and fault.takes(facts):
                return fault
        return None

    def gate(self, name):
        return self.gates.setdefault(name, Gate())

    def clear(self):
        """Forgets all faults; whoever waits at a gate goes on."""
        self.all.clear()
        gates, self.gates = self.gates, {}
        for gate in gates.values():
            gate.open()
