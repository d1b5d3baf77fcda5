# SPDX-License-Identifier: Apache-2.0
"""vendor - the stand-in vendor as a test sees it: start it, tell it, ask it

Keys are canaries: a value is made here, given to the vendor over its control port, never printed.
"""
import base64
import http.client
import itertools
import json
import pathlib
import shutil
import signal
import subprocess
import sys

from support import DEADLINE_S, REPOSITORY, canary

PROGRAM = REPOSITORY / "tests" / "vendor" / "vendor.py"


class Refused(Exception):
    """The console said no: .status and the sentence."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class Key:
    """`fields` holds a canary for each field of the credential."""

    def __init__(self, name, kind, fields):
        self.name = name
        self.kind = kind
        self.fields = fields

    @property
    def values(self):
        return {field: c.value for field, c in self.fields.items()}

    @property
    def query(self):
        """The parameter of an embedded key, for a request that calls the vendor itself."""
        return f"key={self.fields['key'].value}"

    @property
    def basic(self):
        both = f"{self.fields['id'].value}:{self.fields['token'].value}"
        return ["Authorization", "Basic " + base64.b64encode(both.encode()).decode()]

    @property
    def bearer(self):
        return ["Authorization", "Bearer " + self.fields["token"].value]


class Vendor:
    """certificates: the folder of another vendor, whose CA and certificate this one has too."""

    def __init__(self, folder, certificates=None):
        self.folder = pathlib.Path(folder)
        if certificates:
            shutil.copytree(certificates, self.folder)
        self.port = 0
        self.keys = {}
        self._said = []  # what a vendor that starts again has to be told again
        self._gates = itertools.count(1)
        self._process = None
        self.start()

    # ---- life

    def start(self):
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--dir", str(self.folder), "--port", str(self.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the vendor did not start, status {self._process.wait()}")
        ready = json.loads(line)
        self.port = ready["https_port"]
        self.control_port = ready["control_port"]
        self.ca = ready["ca"]
        self.address = f"{ready['address']}:{self.port}"
        for verb, path, given in self._said:
            self._ask(verb, path, given)

    def stop(self):
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(DEADLINE_S)
        self._process.stdin.close()
        self._process.stdout.close()
        if status != 0:
            raise RuntimeError(f"the vendor ended with {status}")

    def kill(self):
        """As if its machine lost power: connections are reset, the port is refused."""
        self._process.kill()
        self._process.wait(DEADLINE_S)
        self._process.stdin.close()
        self._process.stdout.close()

    @property
    def pid(self):
        return self._process.pid

    @property
    def is_running(self):
        return self._process.poll() is None

    # ---- the control port

    def _ask(self, verb, path, given=None, timeout_s=DEADLINE_S):
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port,
                                                timeout=timeout_s + 5)
        try:
            connection.request(verb, path, json.dumps(given or {}))
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise Refused(response.status, answer["error"])
        return answer["ok"]

    def _tell(self, verb, path, given=None):
        answer = self._ask(verb, path, given)
        self._said.append((verb, path, given))
        return answer

    def reset(self):
        self._said.clear()
        self.keys.clear()
        self._ask("POST", "/reset")

    # ---- keys and allowlists

    def _add(self, name, kind, fields, options):
        key = Key(name, kind, fields)
        self._tell("POST", "/keys", {"name": name, "class": kind, "fields": key.values, **options})
        self.keys[name] = key
        return key

    def add_embedded(self, name, hosts=(), **options):
        """hosts: live at once. options: live, active, subscription, unlisted, per_minute, limit."""
        key = self._add(name, "embedded", {"key": canary.embedded(name)}, options)
        if hosts:
            self.allow(name, *hosts)
        return key

    def add_secret(self, name, **options):
        fields = {"id": canary.token(f"{name} id"), "token": canary.token(f"{name} token")}
        return self._add(name, "secret", fields, options)

    def add_bearer(self, name, environment="production", **options):
        fields = {"token": canary.token(name, length=32)}
        return self._add(name, "bearer", fields, {"environment": environment, **options})

    def alloy_generate(self, environment="production"):
        """A new key of Alloy Embedded; the one before is revoked. Lost when the vendor restarts."""
        value = self._ask("POST", "/alloy/generate", {"environment": environment})["value"]
        name = f"alloy-{environment}"
        self.keys[name] = Key(name, "bearer", {"token": canary.Canary(name, value)})
        return self.keys[name]

    def set_key(self, name, **changes):
        self._tell("PATCH", f"/keys/{name}", changes)

    def remove_key(self, name):
        self._tell("DELETE", f"/keys/{name}")
        del self.keys[name]

    def describe_keys(self):
        return {k["name"]: k for k in self._ask("GET", "/keys")}

    def allow(self, name, *hosts, live=True):
        """ "Add Host"; with live=False it works after the propagation delay."""
        self._tell("POST", f"/keys/{name}/hosts", {"hosts": list(hosts), "live": live})

    def disallow(self, name, *hosts, live=True):
        self._tell("DELETE", f"/keys/{name}/hosts", {"hosts": list(hosts), "live": live})

    def hosts(self, name):
        """{host: is it live}"""
        return {h["host"]: h["live"] for h in self._ask("GET", f"/keys/{name}/hosts")}

    def advance(self, seconds):
        self._tell("POST", "/clock", {"advance_s": seconds})

    def settings(self, **settings):
        """propagation_s, same_input_max, records_max"""
        self._tell("POST", "/settings", settings)

    def cloud(self, *ranges):
        self._tell("POST", "/cloud", {"ranges": list(ranges)})

    def tls(self, certificate="good", version=None, tickets=2):
        """For connections from now on. version: this one alone, "1.0" to "1.3"."""
        self._tell("POST", "/tls", {"certificate": certificate, "version": version,
                                    "tickets": tickets})

    # ---- faults

    def fault(self, match=None, times=1, skip=0, **do):
        """See tests/vendor/standin/faults.py for what can be done. Returns its name."""
        given = {"match": match or {}, "times": times, "skip": skip, "do": do}
        return self._ask("POST", "/faults", given)["name"]

    def remove_faults(self):
        self._ask("DELETE", "/faults")

    def gate(self):
        """A new name of a gate, shut."""
        return f"gate-{next(self._gates)}"

    def release(self, gate, count=None):
        self._ask("POST", "/release", {"gate": gate, "count": count})

    def close_connections(self, how="close_notify", **match):
        """Ends the open connections that match; returns their numbers."""
        return self._ask("POST", "/close", {"match": match, "how": how})

    # ---- what it saw

    def records(self, **match):
        return self._ask("POST", "/records", {"match": match})["records"]

    def wait_records(self, count=1, timeout_s=DEADLINE_S, **match):
        return self._wait("/records", count, timeout_s, match)

    def counts(self, **match):
        """[{"source", "host", "class", "key", "status", "count"}] of all answers."""
        return self._ask("POST", "/counts", {"match": match})

    def connections(self, **match):
        return self._ask("POST", "/connections", {"match": match})["records"]

    def wait_connections(self, count=1, timeout_s=DEADLINE_S, **match):
        return self._wait("/connections", count, timeout_s, match)

    def _wait(self, path, count, timeout_s, match):
        given = {"match": match, "count": count, "timeout_s": timeout_s}
        answer = self._ask("POST", path, given, timeout_s)
        if not answer["complete"]:
            last = [_brief(r) for r in self._ask("POST", path)["records"][-20:]]
            raise TimeoutError(f"{len(answer['records'])} of {count} {path[1:]} match {match}; "
                               f"the last: {last}")
        return answer["records"]


def _brief(record):
    names = ("source", "host", "path", "class", "key", "status", "outcome", "handshake", "open")
    return {n: record[n] for n in names if n in record}
