# SPDX-License-Identifier: Apache-2.0
"""peers - the vendor, keyrouterd, nginx and HAProxy, started for the same job

All of one Bed share a CA, a vendor and 520 workstations. A peer is started with a number of workers
and says by which processes it is to be measured.
"""
import ipaddress
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from support import REPOSITORY, handover
from support.administrator import Administrator
from support.ca import Authority
from support.cfg import cfg_format
from support.dns import NameServer

HERE = pathlib.Path(__file__).resolve().parent
HOST = "us-street.api.smarty.com"
PATH = "/street-address?street=1600%20Amphitheatre%20Pkwy&city=Mountain%20View&state=CA"
ROUTER_NAME = "router.site.test"
START_S = 20
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def addresses(first, count):
    start = ipaddress.ip_address(first)
    return [str(start + i) for i in range(count)]


# The groups of policy/examples/austin.cfg, moved to 127/8.
SALES = addresses("127.20.0.1", 254) + addresses("127.20.1.0", 56)
SUPPORT = addresses("127.20.4.0", 200)
TRAINING = addresses("127.20.9.10", 10)
DESKS = SALES + SUPPORT + TRAINING
FARM_KEYS = 50  # of a site with 5,000 egress addresses
FARM = addresses("127.30.0.0", 100 * FARM_KEYS)


def fill(template, values):
    text = (HERE / template).read_text()
    return re.sub(r"@(\w+)@", lambda m: str(values[m.group(1)]), text)


class Program:
    """A process that listens on sockets from here, its output in a file, and its children."""

    def __init__(self, argv, log, sockets, environment=None):
        with open(log, "ab") as out:
            self.process = handover.start(
                argv, sockets, stdout=out, stderr=out,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(environment or {})})

    def pids(self):
        own = self.process.pid
        children = pathlib.Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def cpu_s(self):
        """User and system time of all its processes (proc(5), fields 14 and 15 of stat)."""
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total * TICK_S

    def memory_kb(self):
        """{"pss": ..., "rss": ...}: proportional, so that what processes share counts once."""
        total = {"pss": 0, "rss": 0}
        for pid in self.pids():
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            for name in total:
                row = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE | re.IGNORECASE)
                total[name] += int(row.group(1))
        return total

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Vendor(Program):
    def __init__(self, bed):
        sockets = [handover.listener(), handover.listener()]
        self.endpoint, self.status = map(handover.endpoint_of, sockets)
        certificate, key = bed.vendor_ca.issue(HOST)
        config = bed.folder / "vendor.conf"
        config.write_text(fill("vendor.conf", {
            "folder": bed.folder, "address": self.endpoint, "status": self.status,
            "certificate": certificate, "key": key, "filler": "a" * 940}))
        super().__init__(["nginx", "-e", bed.folder / "vendor.log", "-c", config],
                         bed.folder / "vendor.log", sockets, handover.inherited(sockets))

    def n_accepted(self):
        """Connections since its start, those for this question excluded by its caller's difference."""
        with urllib.request.urlopen(f"http://{self.status}/", timeout=10) as answer:
            return int(answer.read().split()[7])


class Bed:
    """What all peers share."""

    def __init__(self, folder, build):
        self.folder, self.build = pathlib.Path(folder), pathlib.Path(build)
        self.site_ca = Authority(self.folder / "site-ca")
        self.vendor_ca = Authority(self.folder / "vendor-ca")
        self.certificate, self.private_key = self.site_ca.issue(ROUTER_NAME, "127.0.0.1")
        self.dns = NameServer()
        self.dns.set(HOST, "127.0.0.1", ttl_s=3600)
        self.credentials = self.folder / "credentials"
        self.credentials.mkdir(mode=0o700)
        self.keys = {}
        for i in range(FARM_KEYS):
            self._key(f"austin-{i + 1}")
        (self.folder / "vendor.map").write_text(
            "".join(f"{key} {name};\n" for name, key in self.keys.items()))
        self.vendor = Vendor(self)
        self._credential("secret", f"id={secrets.token_hex(16)}\ntoken={secrets.token_hex(16)}\n")
        self.desks = self._sources("desks", DESKS)
        self.farm = self._sources("farm", FARM)

    def _credential(self, name, text):
        path = self.credentials / name
        path.write_text(text)
        path.chmod(0o600)

    def _key(self, name):
        self.keys[name] = "".join(secrets.choice("0123456789") for _ in range(20))
        self._credential(name, f"key={self.keys[name]}\n")

    def _sources(self, name, those):
        path = self.folder / f"{name}.txt"
        path.write_text("".join(f"{a}\n" for a in those))
        return path

    def stop(self):
        self.vendor.stop()
        self.dns.stop()


class Keyrouter(Program):
    """egress: "router", the peers' job with one upstream address; "transparent"; or "farm"."""

    name = "keyrouterd"

    def __init__(self, bed, workers=1, egress="router", vendor=None):
        self.bed = bed
        label = f"keyrouterd-{egress}-{secrets.token_hex(4)}"
        provider = bed.folder / f"{label}.provider.cfg"
        port = (vendor or bed.vendor.endpoint).split(":")[1]
        provider.write_text(f"port = {port};\n{self._provider()}")
        policy = bed.folder / f"{label}.policy.cfg"
        document = self._policy(provider, egress)
        policy.write_text(cfg_format(document))
        config = bed.folder / f"{label}.cfg"
        listener = handover.listener()
        self.endpoint = handover.endpoint_of(listener)
        self._sockets = pathlib.Path(tempfile.mkdtemp(prefix="kr-"))  # their paths are short
        administrator = Administrator(bed.build, policy, [provider], bed.folder / f"{label}.db",
                                      self._sockets / "control")
        administrator.prepare([key["name"] for key in document["keys"]], "127.0.0.1")
        config.write_text(cfg_format({
            "policy": str(policy), "ledger": str(administrator.ledger),
            "control": str(administrator.socket), "listen": ["127.0.0.1:0"], "workers": workers,
            "certificate": str(bed.certificate), "private_key": str(bed.private_key),
            "credentials": str(bed.credentials), "vendor_ca": str(bed.vendor_ca.pem),
            "system_ca": False, "address": "127.0.0.1", "source": "127.0.0.1",
            "resolver": {"servers": [bed.dns.address]}, "timeouts": {"idle_s": 3600}}))
        argv = [bed.build / "router" / "keyrouterd", "-c", config]
        super().__init__(handover.activated(argv, listener), bed.folder / f"{label}.log", [listener])

    def stop(self):
        super().stop()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _provider(self):
        """What is confirmed works at once."""
        shipped = (REPOSITORY / "policy" / "providers" / "smarty.cfg").read_text()
        assert "propagation_s = 600;" in shipped
        return shipped.replace("propagation_s = 600;", "propagation_s = 0;")

    def _policy(self, provider, egress):
        # one address needs one slot, and a key that all groups may use
        names = list(self.bed.keys)[: FARM_KEYS if egress == "farm" else 5]
        groups = [("sales", SALES, names[:4], 20), ("support", SUPPORT, names[2:5], 10),
                  ("training", TRAINING, names[4:5] if egress != "router" else names[3:5], 30)]
        if egress == "farm":
            groups = [("farm", FARM, names, 0)]
        kind = "router" if egress == "router" else "transparent"
        return {
            "site": "bench", "providers": [str(provider)],
            "keys": [{"name": n, "provider": "smarty", "credential": n} for n in names],
            "backends": [{"name": "secret", "provider": "smarty", "credential": "secret"}],
            "groups": [{"name": name, "workstations": those, "egress": kind, "keys": keys,
                        "backends": ["secret"], "priority": priority}
                       for name, those, keys, priority in groups]}


def desk_keys(bed):
    """Address by address, as an administrator would map them by hand."""
    names = list(bed.keys)
    return [(desk, bed.keys[names[min(i // 104, 4)]]) for i, desk in enumerate(DESKS)]


class Nginx(Program):
    name = "nginx"

    def __init__(self, bed, workers=1):
        listener = handover.listener()
        self.endpoint = handover.endpoint_of(listener)
        (bed.folder / "nginx.map").write_text(
            "".join(f"{desk} {key};\n" for desk, key in desk_keys(bed)))
        config = bed.folder / "nginx.conf"
        config.write_text(fill("nginx.conf", {
            "folder": bed.folder, "workers": workers, "address": self.endpoint,
            "certificate": bed.certificate, "private_key": bed.private_key,
            "vendor": bed.vendor.endpoint, "vendor_ca": bed.vendor_ca.pem}))
        super().__init__(["nginx", "-e", bed.folder / "nginx-error.log", "-c", config],
                         bed.folder / "nginx-error.log", [listener], handover.inherited([listener]))


class Haproxy(Program):
    name = "haproxy"

    def __init__(self, bed, workers=1):
        listener = handover.listener()
        self.endpoint = handover.endpoint_of(listener)
        (bed.folder / "haproxy.map").write_text(
            "".join(f"{desk} {key}\n" for desk, key in desk_keys(bed)))
        pem = bed.folder / "haproxy.pem"
        pem.write_bytes(bed.certificate.read_bytes() + bed.private_key.read_bytes())
        pem.chmod(0o600)
        config = bed.folder / "haproxy.cfg"
        config.write_text(fill("haproxy.cfg", {
            "folder": bed.folder, "workers": workers, "socket": listener.fileno(), "pem": pem,
            "vendor": bed.vendor.endpoint, "vendor_ca": bed.vendor_ca.pem}))
        super().__init__(["haproxy", "-f", config], bed.folder / "haproxy-access.log", [listener])


PEERS = (Keyrouter, Nginx, Haproxy)


class Shim(Program):
    """One workstation's keyshim; applications call it in plain."""

    def __init__(self, bed, router, workstation):
        listener = handover.listener()
        self.endpoint = handover.endpoint_of(listener)
        config = bed.folder / f"keyshim-{workstation}.cfg"
        config.write_text(cfg_format({
            "listen": ["127.0.0.1:0"], "router": router.endpoint, "router_name": ROUTER_NAME,
            "ca": str(bed.site_ca.pem), "address": workstation,
            "apis": [{"name": "us-street", "host": HOST}]}))
        argv = [bed.build / "workstation" / "keyshim", "-c", config]
        super().__init__(handover.activated(argv, listener), bed.folder / "keyshim.log", [listener])
