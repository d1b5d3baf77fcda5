# SPDX-License-Identifier: Apache-2.0
"""measure - one figure at a time: a load on a started peer, and what it cost"""
import asyncio
import contextlib
import json
import pathlib
import re
import socket
import ssl
import statistics
import subprocess

import peers
from support.relay import Relay

SETTLE_S = 0.3  # of load before a measurement; with kept connections the generator does it itself


class Load:
    """Runs the load generator and returns what it reports."""

    def __init__(self, bed, program):
        self.bed, self.program = bed, program

    def argv(self, endpoint, mode, connections, sources=None, tls=True, path=peers.PATH,
             ca=None, name=peers.ROUTER_NAME, **limits):
        words = [self.program, "--mode", mode, "--connections", connections,
                 "--sources", sources or self.bed.desks, "--host", peers.HOST, "--path", path]
        if tls:
            words += ["--ca", ca or self.bed.site_ca.pem, "--name", name]
        for limit, value in limits.items():
            words += [f"--{limit}", value]
        return [str(w) for w in (*words, *endpoint.split(":"))]

    def run(self, *args, on_warm=None, on_result=None, **options):
        """on_warm: called when what counts begins; on_result: when it is over, all connections
        still open with mode keep."""
        process = subprocess.Popen(self.argv(*args, **options), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        if line == "warm\n":
            if on_warm:
                on_warm()
            line = process.stdout.readline()
        if on_result:
            on_result()
        status = process.wait()
        process.stdout.close()
        if status != 0:
            raise RuntimeError(f"load: status {status}: {line}")
        return json.loads(line)

    @contextlib.contextmanager
    def resting(self, *args, **options):
        """Connections that stay, quiet, as long as the block runs."""
        process = subprocess.Popen(self.argv(*args, **options), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        try:
            result = json.loads(process.stdout.readline())
            if result["failed"]:
                raise RuntimeError(f"load: {result}")
            yield result
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait()


def check_answers(bed, peer):
    """Before a peer is measured: it gives each desk's key to the vendor, and its answer whole."""
    context = ssl.create_default_context(cafile=str(bed.site_ca.pem))
    host, port = peer.endpoint.split(":")
    for desk in (peers.SALES[0], peers.SUPPORT[-1], peers.TRAINING[4]):
        with socket.create_connection((host, int(port)), 10, (desk, 0)) as plain, \
                context.wrap_socket(plain, server_hostname=peers.ROUTER_NAME) as s:
            s.sendall(f"GET {peers.PATH} HTTP/1.1\r\nHost: {peers.HOST}\r\nConnection: close\r\n\r\n"
                      .encode())
            answer = b"".join(iter(lambda s=s: s.recv(65536), b"")).decode()
        seen = re.search(r'"key":"([\w-]+)"', answer)
        if not answer.startswith("HTTP/1.1 200") or not seen or \
                seen.group(1) not in bed.keys:
            raise RuntimeError(f"{peer.name} does not do its job for {desk}: {answer[:300]}")


def requests(load, peer, mode, connections, seconds, **options):
    """CPU for each request, and how fast they were."""
    vendor = load.bed.vendor
    if mode != "keep":
        load.run(peer.endpoint, mode, connections, seconds=SETTLE_S, **options)
    before = vendor.n_accepted()
    seen_s = [peer.cpu_s()]

    def look():
        seen_s.append(peer.cpu_s())
    result = load.run(peer.endpoint, mode, connections, seconds=seconds, on_warm=look,
                      on_result=look, **options)
    return {"cpu_us": (seen_s[-1] - seen_s[-2]) * 1e6 / result["requests"],
            "per_s": result["requests"] / result["seconds"],
            "p50_us": result["p50_us"], "p99_us": result["p99_us"],
            "resumed": result["resumed"] / max(1, result["connections"]),
            "upstreams": vendor.n_accepted() - before - 1,
            "requests": result["requests"]}


def idle_memory(load, peer, count=1000):
    """Kilobytes for each connection at rest, after one request each."""
    load.run(peer.endpoint, "fresh", 1, requests=16)
    before = peer.memory_kb()
    with load.resting(peer.endpoint, "idle", count):
        after = peer.memory_kb()
    return {f"{kind}_kb": (after[kind] - before[kind]) / count for kind in before}


def idle_upstreams(load, seconds, rounds):
    """keyrouterd alone: CPU for each request with 64 and with 5,000 upstream connections open."""
    pairs = []
    for _ in range(rounds):
        cost = []
        for count in (64, len(peers.FARM)):
            router = peers.Keyrouter(load.bed, egress="farm")
            before = load.bed.vendor.n_accepted()
            try:
                load.run(router.endpoint, "fresh", 8, sources=load.bed.farm, requests=count)
                opened = load.bed.vendor.n_accepted() - before - 1
                result = requests(load, router, "keep", 64, seconds, sources=load.bed.farm)
            finally:
                router.stop()
            cost.append({**result, "opened": opened})
        pairs.append(cost)
    return pairs


class FarRelay(Relay):
    """20 ms each way. A relay accepts at once; over a real distance the connection itself takes a
    round trip, and the first byte arrives after one and a half."""

    ONE_WAY_MS = 20

    def __init__(self, target):
        super().__init__(target, keep_source=False)
        self.delay(self.ONE_WAY_MS)

    async def _connect(self, up):
        await asyncio.sleep(3 * self.ONE_WAY_MS / 1000)
        await super()._connect(up)


def far_vendor(load, seconds):
    """A connection for each lookup, as scripts and most SDKs do: straight, and by shim and router."""
    bed, desk = load.bed, peers.SALES[0]
    relay = FarRelay(bed.vendor.endpoint)
    router = shim = None
    source = bed.folder / "desk.txt"
    source.write_text(f"{desk}\n")
    key = next(iter(bed.keys.values()))
    try:
        router = peers.Keyrouter(bed, vendor=relay.address)
        shim = peers.Shim(bed, router, desk)
        load.run(shim.endpoint, "fresh", 1, sources=source, tls=False, requests=3)
        return {"direct": load.run(relay.address, "fresh", 1, sources=source,
                                   path=f"{peers.PATH}&key={key}", ca=bed.vendor_ca.pem,
                                   name=peers.HOST, seconds=seconds),
                "keyrouter": load.run(shim.endpoint, "fresh", 1, sources=source, tls=False,
                                      seconds=seconds)}
    finally:
        for program in (shim, router, relay):
            if program:
                program.stop()


def spread(values):
    """(median, lower quartile, upper quartile)"""
    if len(values) < 2:
        return values[0], values[0], values[0]
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), lower, upper


def versions():
    def first_line(*words):
        done = subprocess.run(words, capture_output=True, text=True)
        return (done.stdout + done.stderr).splitlines()[0]
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"cpu": cpu.group(1) if cpu else "unknown", "kernel": first_line("uname", "-r"),
            "nginx": first_line("nginx", "-v").rpartition("/")[2],
            "haproxy": first_line("haproxy", "-v").split()[2],
            "openssl": first_line("openssl", "version").split()[1]}
