# SPDX-License-Identifier: Apache-2.0
"""control - the vendor's console and the test's hand, as JSON over plain HTTP on 127.0.0.1

  GET    /                           the certificates and counts
  GET    /keys                       without values
  POST   /keys                       {"name", "class", "fields": {...}, "live": true, ...}
  PATCH  /keys/NAME                  {"active", "subscription", "unlisted", "per_minute", "limit"}
  DELETE /keys/NAME
  GET    /keys/NAME/hosts
  POST   /keys/NAME/hosts            {"hosts": [...], "live": false}: "Add Host"
  DELETE /keys/NAME/hosts            {"hosts": [...], "live": false}
  POST   /alloy/generate             {"environment": "production" or "development"}: the new value
  POST   /clock                      {"advance_s": n}
  POST   /settings                   {"propagation_s", "same_input_max", "records_max"}
  POST   /cloud                      {"ranges": [...]}
  POST   /tls                        {"certificate", "version", "tickets"} of new connections
  POST   /faults                     see faults.py: {"name"}
  DELETE /faults, /faults/NAME
  POST   /release                    {"gate", "count": n or null for good}
  POST   /records, /connections      {"match": {...}, "count": n, "timeout_s": n}: waits for n
  POST   /counts                     {"match": {...}}: answers by source, host, class, key, status
  POST   /close                      {"match": {...}, "how": "close_notify", "fin" or "reset"}
  POST   /reset                      forgets everything

An answer is {"ok": ...} with 200, or {"error": "..."} with the status of the refusal.
"""
import asyncio
import json

from standin.accounts import Refusal
from standin.http1 import BadRequest, Reader, head_format

_TIMEOUT_MAX_S = 120


def _wait_of(records):
    async def wait(given):
        timeout = min(float(given.get("timeout_s", 0)), _TIMEOUT_MAX_S)
        count = int(given.get("count", 0))
        match = given.get("match", {})
        found = await records.wait(match, count, timeout) if count else records.find(match)
        return {"records": found, "complete": len(found) >= count, "n_lost": records.n_lost}
    return wait


class Control:
    def __init__(self, state):
        self.state = state

    async def serve(self, host, port):
        return await asyncio.start_server(self._client, host, port)

    async def _client(self, reader, writer):
        messages = Reader()
        try:
            request = await self._read(messages, reader)
            if request:
                writer.write(await self._answer(request))
                await writer.drain()
        except BadRequest as error:
            writer.write(self._format(error.status, {"error": error.reason}))
        except ConnectionError:
            pass
        finally:
            writer.close()

    @staticmethod
    async def _read(messages, reader):
        request = None
        while True:
            request = request or messages.head()
            if request and messages.body(request):
                return request
            data = await reader.read(65536)
            if not data:
                return None
            messages.feed(data)

    @staticmethod
    def _format(status, value):
        body = json.dumps(value).encode()
        return head_format(status, [["Content-Type", "application/json"], ["Connection", "close"],
                                    ["Content-Length", str(len(body))]]) + body

    async def _answer(self, request):
        try:
            given = json.loads(request.body or b"{}")
            if not isinstance(given, dict):
                raise Refusal(422, "the body is not an object")
            result = self._route(request, [p for p in request.path.split("/") if p], given)
            if asyncio.iscoroutine(result):
                result = await result
            return self._format(200, {"ok": result})
        except Refusal as refusal:
            return self._format(refusal.status, {"error": refusal.message})
        except (ValueError, TypeError, KeyError) as error:
            return self._format(422, {"error": f"{type(error).__name__}: {error}"})

    def _route(self, request, parts, given):
        state, verb = self.state, request.method
        if parts[:1] == ["keys"]:
            return self._keys(verb, parts[1:], given)
        if parts[:1] == ["faults"]:
            return self._faults(verb, parts[1:], given)
        routes = {
            ("GET",): lambda: {"ca": f"{state.folder}/ca.pem", "clock": state.account.now,
                               "requests": len(state.requests.all), "open": len(state.links)},
            ("POST", "alloy", "generate"):
                lambda: {"value": state.account.bearer_generate(given["environment"])},
            ("POST", "clock"): lambda: state.account.advance(float(given["advance_s"])),
            ("POST", "settings"): lambda: state.settings_set(given),
            ("POST", "cloud"): lambda: state.account.cloud_set(given["ranges"]),
            ("POST", "tls"): lambda: state.tls_set(**given),
            ("POST", "release"): lambda: state.faults.gate(given["gate"]).open(given.get("count")),
            ("POST", "records"): lambda: _wait_of(state.requests)(given),
            ("POST", "connections"): lambda: _wait_of(state.connections)(given),
            ("POST", "counts"): lambda: state.counts_find(given.get("match", {})),
            ("POST", "close"): lambda: state.connections_close(given.get("match", {}),
                                                               given.get("how", "close_notify")),
            ("POST", "reset"): state.reset,
        }
        route = routes.get((verb, *parts))
        if not route:
            raise Refusal(404, f"no such control: {verb} {request.path}")
        return route()

    def _keys(self, verb, parts, given):
        account = self.state.account
        if not parts and verb == "GET":
            return [key.describe() for key in account.keys.values()]
        if not parts and verb == "POST":
            options = {k: v for k, v in given.items() if k not in ("name", "class", "fields")}
            return account.key_add(given["name"], given["class"], given["fields"], **options)
        if len(parts) == 1 and verb == "PATCH":
            return account.key_set(parts[0], given)
        if len(parts) == 1 and verb == "DELETE":
            return account.key_remove(parts[0])
        if len(parts) == 2 and parts[1] == "hosts" and verb == "GET":
            return account.hosts_list(parts[0])
        if len(parts) == 2 and parts[1] == "hosts" and verb in ("POST", "DELETE"):
            change = account.hosts_add if verb == "POST" else account.hosts_remove
            return change(parts[0], given["hosts"], bool(given.get("live", False)))
        raise Refusal(404, "no such control of keys")

    def _faults(self, verb, parts, given):
        faults = self.state.faults
        if not parts and verb == "POST":
            return {"name": faults.add(**given)}
        if not parts and verb == "DELETE":
            return faults.clear()
        if len(parts) == 1 and verb == "DELETE":
            return faults.remove(parts[0])
        raise Refusal(404, "no such control of faults")
