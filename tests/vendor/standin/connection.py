# SPDX-License-Identifier: Apache-2.0
"""connection - one client: requests are read, judged, recorded and answered, one after the other"""
import asyncio
import datetime
import traceback

from standin import judge
from standin.answering import Misbehaviour, answer_of, answer_spoil
from standin.http1 import BadRequest, Reader, head_format
from standin.link import Link

_BUFFER_MAX_BYTES = 1 << 18  # of pipelined requests behind the one being answered


def _now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")


class Connection(Link):
    """`state` is the vendor: account, requests, connections, faults, context."""

    def __init__(self, state):
        super().__init__(state.context)
        self.state = state
        self.reader = Reader()
        self.request = None
        self.record = None
        self.about = None
        self.answering = None  # the task of a fault
        self.stalled = None  # bytes that came while a fault keeps silent
        self.handshake_error = None
        self._n_requests = 0

    # ---- life

    def connection_made(self, transport):
        super().connection_made(transport)
        source, port = transport.get_extra_info("peername")[:2]
        self.source = source
        self.about = {"connection": self.state.connection_number(), "source": source, "port": port,
                      "sni": None, "tls": None, "resumed": None, "handshake": "none", "requests": 0,
                      "received_bytes": 0, "open": True, "closed_by": None, "time": _now()}
        self.state.links[self.about["connection"]] = self
        self.state.connections.add(self.about)
        fault = self.state.faults.pick(self.about, at_connect=True)
        if fault:
            self._misbehave_at_connect(fault.do)

    def _misbehave_at_connect(self, do):
        self.about["fault"] = do["connect"]
        self.state.connections.changed(self.about)
        if do["connect"] == "reset":
            self.reset()
        elif do["connect"] == "close":
            self.finish(close_notify=False)
        elif do["connect"] == "plain":
            fields = [["Content-Length", "0"], ["Connection", "close"]]
            self.transport.write(head_format(400, fields))
            self.finish(close_notify=False)
        else:
            self.stalled = bytearray()
            if "gate" in do:
                self.answering = asyncio.ensure_future(self._stall(do["gate"]))

    async def _stall(self, gate):
        await self.state.faults.gate(gate).enter()
        waiting, self.stalled, self.answering = self.stalled, None, None
        if waiting:
            self.data_received(bytes(waiting))

    def data_received(self, data):
        if self.stalled is not None:
            if len(self.stalled) < _BUFFER_MAX_BYTES:
                self.stalled += data
            return
        super().data_received(data)

    def on_open(self):
        self.about.update(sni=self.sni, tls=self.version, resumed=self.resumed, handshake="ok")
        self.state.connections.changed(self.about)

    def on_lost(self, by):
        if self.answering:
            self.answering.cancel()
        if self.record and self.record["outcome"] in ("reading", "judged", "held"):
            self._outcome("incomplete" if self.record["outcome"] == "reading" else "abandoned")
        if self.handshake_error:
            self.about["handshake"] = f"failed: {self.handshake_error}"
        self.about.update(open=False, closed_by=by)
        self.state.links.pop(self.about["connection"], None)
        self.state.connections.changed(self.about)

    # ---- in

    def on_data(self, data):
        self.about["received_bytes"] += len(data)
        self.reader.feed(data)
        self._advance()

    def _advance(self):
        """Reads and answers as many requests as there are, one at a time."""
        try:
            while not self.answering and not self.closing and self._step():
                pass
        except BadRequest as error:
            self._refuse(judge.bad_request_verdict(error), error.reason)
        if len(self.reader.buffer) > _BUFFER_MAX_BYTES:
            self.transport.pause_reading()

    def _step(self):
        if not self.request:
            self.request = self.reader.head()
            if not self.request:
                return False
            if not self._begin():
                return False
        whole = self.reader.body(self.request)
        self.record["body_length"] = len(self.request.body)
        if not whole:
            return False
        self._complete()
        return True

    def _begin(self):
        account = self.state.account
        self._n_requests += 1
        self.about["requests"] += 1
        self.credentials, self.parameters, seen = judge.head_record(account, self.request)
        self.record = {
            "n": self.state.request_number(), "time": _now(), "clock": account.now,
            "connection": self.about["connection"], "request": self._n_requests,
            "source": self.source, "port": self.about["port"], "sni": self.sni,
            "tls": self.about["tls"], "resumed": self.about["resumed"], **seen,
            "body_length": 0, "status": None, "fault": None, "outcome": "reading"}
        self.state.requests.add(self.record)
        self.fault = self.state.faults.pick(self.record)
        refusal = judge.head_refusal(account, self.request)
        if refusal:
            self._refuse(refusal, "the body is too long")
            return False
        if self.request.wants_continue and not (self.fault and self.fault.do.get("no_continue")):
            self.write(head_format(100, []))
        return True

    def _complete(self):
        account = self.state.account
        judge.body_record(account, self.request, self.record)
        verdict = judge.request_judge(account, self.source, self.request, self.credentials,
                                      self.parameters)
        request, self.request = self.request, None
        answer = answer_of(verdict, request)
        self.record["status"] = verdict.status
        if not self.fault:
            self.state.count(self.record)
            head, body = answer.wire()
            self._outcome("answered")
            self.write(head + body)
            self._settle(answer)
            return
        presented = self.credentials[0] if self.credentials else None
        self.record["fault"] = self.fault.name
        self._outcome("judged")
        self.answering = asyncio.ensure_future(self._misbehave(answer, self.fault.do, presented))
        self.answering.add_done_callback(self._on_answered)

    def _on_answered(self, task):
        """A fault that cannot be carried out must not look like a vendor that is slow."""
        if not task.cancelled() and task.exception():
            self._outcome("broken")
            self.reset()
            traceback.print_exception(task.exception())

    # ---- out

    async def _misbehave(self, answer, do, presented):
        answer = answer_spoil(answer, do, presented)
        self.record["status"] = answer.status if answer.raw is None else None
        self.state.count(self.record)
        way = Misbehaviour(self, self.record, self.state.requests.changed, self.state.faults.gate,
                           do)
        await way.before()
        outcome = await way.run(answer)
        self.answering = None
        self._outcome(outcome)
        self._settle(answer)
        if not self.is_lost:
            self.transport.resume_reading()
            self._advance()

    def _settle(self, answer):
        if answer.closes:
            self.finish()

    def _refuse(self, verdict, reason):
        """An answer after which nothing more is read."""
        if not self.record or self.request is None:
            self.record = {"n": self.state.request_number(), "time": _now(), "method": None,
                           "connection": self.about["connection"], "source": self.source,
                           "host": None, "path": None, "class": "none", "key": None, "headers": [],
                           "parameters": [], "leaks": [], "body_length": 0, "fault": None,
                           "outcome": "reading"}
            self.state.requests.add(self.record)
        self.record.update(status=verdict.status, invalid=reason)
        self.state.count(self.record)
        self.request = None
        head, body = answer_of(verdict, None).wire()
        self._outcome("refused")
        self.write(head + body)
        self.finish()

    def _outcome(self, outcome):
        self.record["outcome"] = outcome
        self.state.requests.changed(self.record)
