# SPDX-License-Identifier: Apache-2.0
"""control - asks a daemon at its control socket, as docs/control.md has it

    control = Control("/run/x/control.sock")
    answer = control.ask("status")                         # Refused unless it was done
    answer = control.ask("allowlist-confirm", key="k-1", added="all")
"""
import http.client
import json
import pathlib
import socket

from support import DEADLINE_S


class Refused(RuntimeError):
    """keyrouter.error/1"""

    def __init__(self, operation, answer):
        findings = "; ".join(f["message"] for f in answer.get("findings", []))
        super().__init__(f"{operation}: {answer.get('error')} {findings}".rstrip())
        self.answer = answer
        self.status = answer.get("status")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Control:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def http(self, method, target, body=None):
        """(status, JSON)"""
        connection = _Connection(self.path)
        try:
            connection.request(method, target, body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def ask(self, operation, **request):
        status, answer = self.http("POST", f"/v1/{operation}", json.dumps(request))
        if status != 200:
            raise Refused(operation, answer)
        return answer

    def newest_row(self):
        """Of the history."""
        return self.ask("history", limit=1)["rows"][0]

    def slots(self, key):
        """{state: how many} of what stands on a key, or is to."""
        [told] = self.ask("allowlist", key=key)["keys"]
        return {state: len(told[name]) for state, name in (
            ("wanted", "add"), ("propagating", "propagating"), ("live", "live"),
            ("suspended", "suspended"), ("leaving", "remove"))}

    def ready(self):
        """(status, reason)"""
        status, answer = self.http("GET", "/readyz")
        return status, answer["reason"]
