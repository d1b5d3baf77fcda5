# SPDX-License-Identifier: Apache-2.0
"""bed - the site under load: desks of seven kinds, a policy in two versions, a vendor, the router

What the vendor's list holds is what "keyrouter plan" says has to be added, but for the desks of the
kind "refused". By the plan each desk also knows how it is to be served. All that is to be added is
confirmed, so that every slot serves from the start.
"""
import base64
import ipaddress
import json
import math
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from support import DEADLINE_S, canary, handover
from support.administrator import Administrator, program_find
from support.ca import Authority
from support.cfg import cfg_format
from support.dns import NameServer
from support.site import PROVIDER, ROUTER_NAME

HERE = pathlib.Path(__file__).resolve().parent
HOSTS = ("us-street.api.smarty.com", "us-zipcode.api.smarty.com",
         "us-autocomplete-pro.api.smarty.com")
ROUTER_ADDRESS = "127.0.0.1"
SHARED_EGRESS = ("127.60.0.1", "127.60.0.2")
FOREIGN_EGRESS = "203.0.113.9"  # no machine's (RFC 5737): whoever calls from there falls back
VERSIONS = ("a", "b")  # of the policy: by which keys the refused desks try
PIECE_BYTES, PIECES_LARGE = 880, 144  # as lookup.h has them
PIECES_UNREAD = 40

# kind: how many of a thousand desks
KINDS = {
    "listed": 500,    # a slot each
    "refused": 200,   # a slot each, but the vendor has never heard of them
    "shared": 100,    # two egress addresses for all
    "broken": 80,     # the vendor loses their key's list for a while
    "crowded": 60,    # a key for some of them, the others overflow
    "adrift": 40,     # their egress address is no longer this machine's
    "stranger": 20,   # in no group
}
CROWDED_CAPACITY = 10


class Program:
    """A process whose output goes to a file (a full pipe would make the router drop events), and that
    ends with us."""

    def __init__(self, argv, log, sockets, environment):
        self.log = log
        with open(log, "ab") as out:
            self.process = handover.start(
                ["setpriv", "--pdeathsig", "TERM", *argv], sockets, stdout=out, stderr=out,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **environment})

    @property
    def pid(self):
        return self.process.pid

    def stop(self, number=signal.SIGTERM):
        """Its exit status; whoever does not end in time is killed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Vendor(Program):
    def __init__(self, folder, maps):
        self.folder = folder
        authority = Authority(folder / "vendor-ca")
        self.ca = authority.pem
        certificate, key = authority.issue(HOSTS[0], *HOSTS[1:])
        for name, rows in maps.items():
            (folder / f"vendor-{name}.map").write_text("".join(f'"{k}" {v};\n' for k, v in rows))
        listener = handover.listener()
        self.port = listener.getsockname()[1]
        config = folder / "vendor.conf"
        config.write_text(self._config(certificate, key))
        super().__init__(["nginx", "-e", folder / "vendor-error.log", "-c", config],
                         folder / "vendor-error.log", [listener], handover.inherited([listener]))

    def _config(self, certificate, key):
        values = {"folder": self.folder, "address": f"127.0.0.1:{self.port}",
                  "certificate": certificate, "key": key, "large": "$piece" * PIECES_LARGE,
                  "filler": "".join(chr(ord("a") + i % 26) for i in range(PIECE_BYTES)),
                  "unread": "$piece" * PIECES_UNREAD, "refusal": "Authentication Required"}
        return re.sub(r"@(\w+)@", lambda m: str(values.get(m.group(1), m.group(0))),
                      (HERE / "vendor.conf").read_text())

    def turn(self):
        """New processes: the old ones close what is silent, and end."""
        self.process.send_signal(signal.SIGHUP)

    def lines(self):
        """After its end: (token, source, credential, status, host, method) of each request."""
        with open(self.folder / "vendor.log", encoding="ascii", errors="replace") as log:
            for line in log:
                yield line.split()


class Router(Program):
    """With a meter in it (meter.c), and without the allocator's caches for each thread: what lies in
    them would count as in use."""

    def __init__(self, folder, build, settings, meter):
        config = folder / "keyrouterd.cfg"
        config.write_text(cfg_format(settings))
        self._meter, theirs = socket.socketpair()
        self._meter.settimeout(DEADLINE_S)
        listener = handover.listener()
        self.address = handover.endpoint_of(listener)
        argv = [program_find(build, "keyrouterd"), "-c", config]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("")  # the system gives it an abstract name
            manager.settimeout(DEADLINE_S)
            super().__init__(
                handover.activated(argv, listener), folder / "events.log", [listener, theirs],
                {"LD_PRELOAD": str(meter), "METER_FD": str(theirs.fileno()),
                 "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
                 "NOTIFY_SOCKET": "@" + manager.getsockname()[1:].decode()})
            self._wait_ready(manager)

    def _wait_ready(self, manager):
        try:
            while b"READY=1" not in manager.recv(4096):
                pass
        except TimeoutError:
            self.stop()
            raise RuntimeError(f"the router is not ready: {self.log.read_text()[-2000:]}") from None

    def n_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def n_threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def in_use_bytes(self):
        """What it has from malloc() and did not give back."""
        self._meter.sendall(b"?")
        return int(self._meter.makefile("rb").readline())

    def resident_kb(self):
        """Pages of its own; where the system does not let us look, the resident ones."""
        for file, row in (("smaps_rollup", "Private_Dirty"), ("status", "VmRSS")):
            try:
                text = pathlib.Path(f"/proc/{self.pid}/{file}").read_text()
            except PermissionError:
                continue
            return int(re.search(rf"^{row}:\s+(\d+)", text, re.MULTILINE).group(1))
        raise RuntimeError("the router's memory cannot be seen")


class Bed:
    def __init__(self, folder, build, meter, n_desks, broken_tokens):
        self.folder, self.build = pathlib.Path(folder), build
        self.kinds = self._kinds(n_desks)
        self.keys = {}  # name -> canary
        self.credentials = self.folder / "credentials"
        self.credentials.mkdir(mode=0o700)
        self._credentials_write()
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="kr-"))  # their paths are short
        self.provider = self.folder / "smarty.cfg"
        self.administrator = Administrator(build, self.folder / "policy.cfg", [self.provider],
                                           self.folder / "ledger.db", self.sockets / "control")
        self._provider_write(0)
        self.plans = [self._plan(version) for version in VERSIONS]
        self.origins = {desk: self._origins(desk) for desk in self.kinds}
        self.vendor = Vendor(self.folder, self._maps(broken_tokens))
        self._provider_write(self.vendor.port)
        self.dns = NameServer()
        for host in set(re.findall(r'host = "([^"]+)"', PROVIDER.read_text())):
            self.dns.set(host, "127.0.0.1", ttl_s=3600)
        self.router = None
        try:
            self.site_ca = Authority(self.folder / "site-ca")
            self.policy_write(VERSIONS[0])
            self.administrator.prepare(self.confirmed(VERSIONS[0]))
            self.router = Router(self.folder, build, self._settings(), meter)
        except BaseException:
            self.stop()
            raise

    # ---- desks and keys

    @staticmethod
    def _kinds(n_desks):
        first, kinds = ipaddress.ip_address("127.40.0.1"), []
        for kind, share in KINDS.items():
            kinds += [kind] * max(1, n_desks * share // 1000)
        kinds = (kinds + ["listed"] * n_desks)[:n_desks]
        return {str(first + i): kind for i, kind in enumerate(kinds)}

    def desks_of(self, kind):
        return [desk for desk, each in self.kinds.items() if each == kind]

    def _key_names(self, kind):
        n = max(1, math.ceil(len(self.desks_of(kind)) / 100))
        return [f"key-{kind}-{i + 1}" for i in range(n)]

    def _refused_keys(self, version):
        return [f"{name}{version}" for name in self._key_names("refused")]

    def _credentials_write(self):
        names = [name for kind in ("listed", "shared", "broken", "crowded", "adrift")
                 for name in self._key_names(kind)]
        names += [name for version in VERSIONS for name in self._refused_keys(version)]
        for name in names:
            self.keys[name] = canary.embedded(name)
            self._credential(name, f"key={self.keys[name].value}\n")
        self.secret = canary.token("secret id"), canary.token("secret token")
        self._credential("secret", f"id={self.secret[0].value}\ntoken={self.secret[1].value}\n")

    def _credential(self, name, text):
        path = self.credentials / name
        path.touch(0o600)
        path.write_text(text)

    def basic(self):
        return base64.b64encode(":".join(c.value for c in self.secret).encode()).decode()

    # ---- the policy, and what follows from it

    def _provider_write(self, port):
        """What is confirmed works at once."""
        port_line = f"port = {port};\n" if port else ""
        shipped = PROVIDER.read_text()
        assert "propagation_s = 600;" in shipped
        self.provider.write_text(port_line + shipped.replace("propagation_s = 600;", "propagation_s = 0;"))

    def _policy(self, version):
        egress = {"shared": list(SHARED_EGRESS), "adrift": [FOREIGN_EGRESS]}
        groups = []
        for kind in KINDS:
            if kind == "stranger" or not self.desks_of(kind):
                continue
            keys = self._refused_keys(version) if kind == "refused" else self._key_names(kind)
            groups.append({"name": kind, "workstations": self.desks_of(kind), "keys": keys,
                           "egress": egress.get(kind, "transparent"), "backends": ["secret"]})
        keys = [{"name": name, "provider": "smarty", "credential": name} for name in self.keys]
        for key in keys:
            if key["name"].startswith("key-crowded"):
                key["capacity"] = CROWDED_CAPACITY
        return cfg_format({
            "site": "load", "providers": [str(self.provider)], "keys": keys, "groups": groups,
            "backends": [{"name": "secret", "provider": "smarty", "credential": "secret"}]})

    def policy_write(self, version):
        fresh = self.folder / "policy.new"
        fresh.write_text(self._policy(version))
        fresh.rename(self.folder / "policy.cfg")

    def _plan(self, version):
        """{egress address: key} as an administrator would enter it at the vendor."""
        self.policy_write(version)
        done = subprocess.run([program_find(self.build, "keyrouter"), "plan", "--json",
                               self.folder / "policy.cfg"], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"keyrouter plan: {done.stderr}")
        return {address: key["name"] for key in json.loads(done.stdout)["keys"]
                for address in key["add"]}

    def confirmed(self, version):
        """Keys of the version that something is to be added on."""
        return sorted(set(self.plans[VERSIONS.index(version)].values()))

    def _egress(self, desk):
        own = {"shared": SHARED_EGRESS, "adrift": (FOREIGN_EGRESS,)}
        return own.get(self.kinds[desk], (desk,))

    def _origins(self, desk):
        """All (credential, source) by which the vendor may ever see this desk's lookups."""
        if self.kinds[desk] == "stranger":
            return set()
        return {("secret", ROUTER_ADDRESS)} | {(plan[egress], egress) for plan in self.plans
                                               for egress in self._egress(desk) if egress in plan}

    def served_by(self, desk):
        """What the vendor may say of a GET that it answered."""
        origins, kind = self.origins[desk], self.kinds[desk]
        embedded = sorted(f"{key}@{source}" for key, source in origins if key != "secret")
        if kind in ("refused", "adrift") or not embedded:
            return [f"secret@{ROUTER_ADDRESS}"]
        return embedded + ([f"secret@{ROUTER_ADDRESS}"] if kind == "broken" else [])

    # ---- files

    def _maps(self, broken_tokens):
        listed = {origin for desk, origins in self.origins.items() for origin in origins
                  if self.kinds[desk] != "refused" or origin[0] == "secret"}
        prefixes = "|".join(f"{n:05x}" for n in broken_tokens)
        refused = self.desks_of("refused")
        return {"keys": [(key.value, name) for name, key in self.keys.items()],
                "secrets": [(f"Basic {self.basic()}", "secret")],
                "listed": [(f"{key}@{source}", "yes") for key, source in sorted(listed)],
                "broken": [(f"~^key-broken-[0-9]+ ({prefixes})", "yes")],
                "throttled": [(desk, "yes") for desk in refused[: len(refused) // 2]]}

    def desks_write(self):
        path = self.folder / "desks.txt"
        rows = []
        for desk, kind in self.kinds.items():
            rows.append(f"{desk} 403 - -\n" if kind == "stranger" else
                        f"{desk} 200 {','.join(self.served_by(desk))} secret@{ROUTER_ADDRESS}\n")
        path.write_text("".join(rows))
        return path

    def never_write(self):
        """What no answer may hold; the file is its owner's alone."""
        path = self.folder / "credentials" / "never.txt"
        path.touch(0o600)
        path.write_text("\n".join([*(key.value for key in self.keys.values()),
                                   *(each.value for each in self.secret), self.basic()]) + "\n")
        return path

    def _settings(self):
        certificate, key = self.site_ca.issue(ROUTER_NAME, "127.0.0.1")
        return {"policy": str(self.folder / "policy.cfg"), "ledger": str(self.administrator.ledger),
                "control": str(self.administrator.socket), "listen": ["127.0.0.1:0"],
                "certificate": str(certificate), "private_key": str(key),
                "credentials": str(self.credentials), "vendor_ca": str(self.vendor.ca),
                "system_ca": False, "workers": 2, "source": ROUTER_ADDRESS,
                "resolver": {"servers": [self.dns.address]}, "log_level": "info"}

    # ---- end

    def apply(self, version):
        self.policy_write(version)
        self.administrator.apply(self.confirmed(version))

    def stop(self):
        """{name: exit status}; the vendor writes its log to the end."""
        programs = {"keyrouterd": (self.router, signal.SIGTERM), "nginx": (self.vendor, signal.SIGQUIT)}
        ends = {name: program.stop(number) for name, (program, number) in programs.items() if program}
        self.dns.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)
        return ends
