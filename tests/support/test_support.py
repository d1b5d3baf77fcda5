# SPDX-License-Identifier: Apache-2.0
"""The helpers of the end-to-end tests do what they say, and notice what they must notice."""
import base64
import os
import re
import select
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from support import canary
from support.ca import SITE_CA, Authority, client_context
from support.cfg import cfg_format
from support.control import Control, Refused
from support.dns import A, NameServer
from support.process import Died, Process
from support.rawclient import BrokenAnswer, RawClient, Truncated
from support.relay import Relay
from support.site import HOSTS, Site
from support.strace import attached, strace_words
from support.terminal import Terminal
from support.vendor import Vendor
from support.vendor_pool import VendorPool
from support.waiting import wait_until

# ---- canary

VALUE = "Zq7mK2xW9pL4vT8nB3cR6yD1"
FORMS = [
    ("as it is", VALUE),
    ("in the other case", VALUE.swapcase()),
    ("percent", "".join(f"%{ord(c):02X}" for c in VALUE)),
    ("percent in lower case", "".join(f"%{ord(c):02x}" for c in VALUE)),
    ("hex", VALUE.encode().hex()),
    ("hex in upper case", VALUE.encode().hex().upper()),
    ("backwards", VALUE[::-1]),
    ("json escapes", "".join(f"\\u{ord(c):04x}" for c in VALUE)),
    ("base64", base64.b64encode(VALUE.encode()).decode()),
    ("base64 behind one byte", base64.b64encode(b"x" + VALUE.encode()).decode()),
    ("base64 behind two, before one", base64.b64encode(b"xy" + VALUE.encode() + b"z").decode()),
    ("Basic", base64.b64encode(f"some-id:{VALUE}".encode()).decode()),
]


@pytest.fixture
def quiet_canary():
    """A canary that the checks of other tests do not know."""
    bird = canary.Canary("bird", VALUE)
    canary._registered.remove(bird)
    return bird


@pytest.mark.parametrize("row", FORMS, ids=[r[0] for r in FORMS])
def test_a_canary_is_found_in_every_form(quiet_canary, row):
    assert canary.search(f"before {row[1]} behind".encode(), [quiet_canary])
    assert not canary.search(row[1][:-6].encode(), [quiet_canary])


def test_reserved_characters_are_found_percent_encoded():
    bird = canary.Canary("bird", "ab/+=&%cdefghijklmnop")
    canary._registered.remove(bird)
    assert canary.search(urllib.parse.quote(bird.value, safe="").encode(), [bird])


def test_the_check_names_the_place_and_not_the_value():
    bird = canary.embedded("bird")
    canary.evidence("a log", b"first half " + bird.value.encode())
    before = canary.n_found
    with pytest.raises(canary.Leak) as leak:
        canary.check()
    assert str(leak.value) == "bird as plain in a log" and bird.value not in repr(bird)
    assert canary.n_found == before + 1
    canary.n_found = before
    canary.check()  # evidence is judged once


def leak_told():
    """What the check says of the evidence so far."""
    before = canary.n_found
    with pytest.raises(canary.Leak) as leak:
        canary.check()
    canary.n_found = before
    return str(leak.value)


def test_a_retired_canary_is_searched_for_once_more():
    bird, other = canary.embedded("bird"), canary.embedded("other")
    canary.evidence("a log", bird.value.encode())
    canary.retire([bird])
    assert leak_told() == "bird as plain in a log"
    canary.evidence("a log", bird.value.encode() + other.value.encode())
    assert leak_told() == "other as plain in a log"
    canary.retire([other])
    canary.check()


# ---- site-ca

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def site_ca(*words):
    return subprocess.run([SITE_CA, *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True).stdout


def test_a_certificate_is_for_its_names_and_its_key_is_its_owners(authority):
    certificate, key = authority.issue("one.site.test", "127.0.0.1", "::1", "*.Apps.site.test")
    text = openssl("x509", "-in", certificate, "-noout", "-text")
    assert ("DNS:one.site.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, "
            "DNS:*.apps.site.test") in text
    for piece in ("CA:FALSE", "TLS Web Server Authentication", "NIST CURVE: P-256"):
        assert piece in text
    assert "CA:TRUE, pathlen:0" in openssl("x509", "-in", authority.pem, "-noout", "-text")
    for path in (key, authority.folder / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert openssl("verify", "-purpose", "sslserver", "-CAfile", authority.pem,
                   certificate).endswith("OK\n")


USES = [
    ("no command", [], 64, "Usage"),
    ("an unknown command", ["make"], 64, "unknown command 'make'"),
    ("an unknown option", ["init", "--fast", "new"], 64, "unknown option '--fast'"),
    ("no folder", ["init"], 64, "init wants one folder"),
    ("no name", ["issue", "."], 64, "issue wants a folder and a name"),
    ("a path for a name", ["issue", ".", "../x"], 64, "neither a host name nor an address"),
    ("an octet too high", ["issue", ".", "x", "1.2.3.256"], 64, "neither a host name nor"),
    ("half an address", ["issue", ".", "x", "1:2:3"], 64, "neither a host name nor an address"),
    ("an extension in a name", ["issue", ".", "x", "y,IP:1.2.3.4"], 64, "neither a host name"),
    ("the CA's own name", ["issue", ".", "ca"], 64, "the files of the CA itself"),
    ("days that are no number", ["init", "--days", "-1", "new"], 64, "wants a number"),
    ("days without a number", ["init", "new", "--days"], 64, "--days needs a number"),
    ("a folder without a CA", ["issue", "nowhere", "x"], 65, "no CA in nowhere"),
    ("a CA that ends first", ["issue", "--days", "4000", ".", "x"], 65, "the CA ends before"),
    ("a CA that exists", ["init", "."], 73, "exists already; --force replaces it"),
    ("a certificate that exists", ["issue", ".", "taken"], 73, "exists already; --force"),
    ("help", ["--help"], 0, ""),
]


@pytest.mark.parametrize("row", USES, ids=[r[0] for r in USES])
def test_site_ca_says_what_is_wrong(authority, row):
    _, words, status, said = row
    authority.issue("taken")
    before = {p: p.read_bytes() for p in authority.folder.iterdir()}
    done = subprocess.run([SITE_CA, *words], cwd=authority.folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert {p: p.read_bytes() for p in authority.folder.iterdir()} == before


def test_site_ca_replaces_by_force_and_notices_a_foreign_key(tmp_path):
    assert site_ca("init", tmp_path / "a").returncode == 0
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    first = (tmp_path / "a" / "ca.pem").read_text()
    assert site_ca("init", "--force", tmp_path / "a").returncode == 0
    assert (tmp_path / "a" / "ca.pem").read_text() != first
    site_ca("init", tmp_path / "b")
    (tmp_path / "a" / "ca.key").replace(tmp_path / "b" / "ca.key")
    done = site_ca("issue", tmp_path / "b", "x")
    assert (done.returncode, "do not belong together" in done.stderr) == (65, True)


# ---- cfg

def test_python_values_become_libconfig():
    text = cfg_format({"a": 1, "b": True, "c": 'q"\\', "d": ["x", "y"], "e": {"f": 1 << 40},
                       "g": [{"h": 1}, {"h": 2}], "left_out": None, "empty": []})
    squeezed = re.sub(r"\s+", " ", text)
    assert squeezed == ('a = 1; b = true; c = "q\\"\\\\"; d = [ "x", "y" ]; e = { f = '
                        '1099511627776L; }; g = ( { h = 1; }, { h = 2; } ); empty = [ ]; ')


# ---- dns

def dns_ask(server, name, kind=A, timeout=5):
    """(code, addresses) of one query, or None where no answer comes."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    head = struct.pack("!HHHHHH", 77, 0x0100, 1, 0, 0, 0)
    packet = head + labels + b"\0" + struct.pack("!HH", kind, 1)
    host, port = server.address.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.sendto(packet, (host, int(port)))
        try:
            answer = s.recv(4096)
        except TimeoutError:
            return None
    number, flags, _, n_answers = struct.unpack_from("!HHHH", answer)
    assert number == 77 and flags & 0x8000
    records = [answer[len(packet) + 16 * i :][:16] for i in range(n_answers)]
    return flags & 15, [socket.inet_ntoa(record[-4:]) for record in records]


@pytest.fixture
def name_server():
    server = NameServer()
    yield server
    server.stop()


def test_a_key_in_a_query_for_a_name_is_found(name_server):
    bird = canary.embedded("bird")
    dns_ask(name_server, f"us-street.{bird.value}.test")
    assert leak_told() == "bird as plain in a query to the name server"


def test_the_name_server_says_what_it_was_told(name_server):
    name_server.set("a.test", "127.0.0.1", "127.0.0.2")
    name_server.set("none.test")
    name_server.fail("fails.test")
    name_server.refuse("refuses.test")
    assert dns_ask(name_server, "A.test") == (0, ["127.0.0.1", "127.0.0.2"])
    assert dns_ask(name_server, "a.test", 28) == (0, [])
    assert dns_ask(name_server, "none.test") == (0, [])
    assert dns_ask(name_server, "fails.test")[0] == 2
    assert dns_ask(name_server, "refuses.test")[0] == 5
    assert dns_ask(name_server, "other.test") == (3, [])
    assert name_server.queries[:2] == [("a.test", 1), ("a.test", 28)]
    with pytest.raises(TimeoutError):
        name_server.wait("never.test", timeout_s=0.01)


def test_a_silent_name_is_answered_when_it_speaks_again(name_server):
    name_server.silence("a.test")
    assert dns_ask(name_server, "a.test", timeout=0.05) is None
    answers = []
    asker = threading.Thread(target=lambda: answers.append(dns_ask(name_server, "a.test")))
    asker.start()
    name_server.wait("a.test", 2)
    name_server.set("a.test", "127.0.0.3")
    asker.join()
    assert answers == [(0, ["127.0.0.3"])]


# ---- rawclient and relay, against a listener of our own

@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


@pytest.fixture
def relay(listener):
    relay = Relay("127.0.0.1:%d" % listener.getsockname()[1])
    yield relay
    relay.stop()


def test_an_answer_is_read_strictly(listener):
    answers = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", b"ab"),
        (b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\na",
         b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
         b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         None),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\n\na", None),
        (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", None),
    ]
    for sent, body in answers:
        with RawClient("127.0.0.1:%d" % listener.getsockname()[1], "127.5.0.1") as client:
            other, (source, _) = listener.accept()
            with other:
                other.sendall(sent)
            assert source == "127.5.0.1"
            if body is None:
                with pytest.raises(BrokenAnswer):
                    client.response()
            else:
                assert client.response().body == body


def test_endings_are_told_apart(listener, authority):
    certificate, key = authority.issue("localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)

    def serve(how):
        plain, _ = listener.accept()
        tls = server.wrap_socket(plain, server_side=True)
        if how == "reset":
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "clean":
            with pytest.raises((ssl.SSLError, OSError)):
                tls.settimeout(0)
                tls.unwrap()
        tls.close()

    for how in ("clean", "fin", "reset"):
        thread = threading.Thread(target=serve, args=(how,))
        thread.start()
        with RawClient(listener.getsockname()[:2], None, client_context(authority.pem),
                       "localhost") as client:
            assert client.ending() == how
        thread.join()
    assert issubclass(Truncated, ConnectionError)


def test_a_relay_keeps_the_source_and_holds_cuts_and_resets(listener, relay):
    with RawClient(relay.address, "127.5.0.2") as client:
        relay.hold("up")
        client.send(b"one")
        other, (source, _) = listener.accept()
        other.settimeout(0.05)
        with pytest.raises(TimeoutError):
            other.recv(9)
        relay.release("up")
        other.settimeout(20)
        assert (other.recv(9), source) == (b"one", "127.5.0.2")
        relay.delay(10)
        other.sendall(b"two")
        assert client._until(lambda: client.received == b"two") is None
        relay.delay(0)
        relay.cut("down", 3 + 2, reset=True)
        other.sendall(b"three")
        assert client.ending() == "reset" and bytes(client.received) == b"twoth"
        other.close()
    relay.cut("down", None)
    with RawClient(relay.address) as client:
        listener.accept()[0].close()
        assert client.ending() == "clean"
    relay.refuse()
    try:
        with RawClient(relay.address) as client:
            assert client.ending() == "reset"
    except ConnectionResetError:
        pass  # so soon that connect() tells it
    relay.wait_accepted(3)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_key_that_passes_a_relay_readably_is_found(listener, relay, direction):
    bird = canary.embedded("bird")
    halves = bird.value[:7].encode(), bird.value[7:].encode()
    with RawClient(relay.address) as client:
        other, _ = listener.accept()
        with other:
            sender, receiver = (client.socket, other) if direction == "up" else (other, client.socket)
            for half in halves:  # in two pieces, as networks deliver
                sender.sendall(half)
                receiver.recv(99)
    relay.stop()  # which ends the connections
    assert leak_told() == "bird as plain in what a relay received"


# ---- process and site, with a stand-in for a daemon

DAEMON = """
import json, os, signal, sys
def event(name, **fields):
    line = json.dumps({"time": "", "level": "info", "event": name, **fields})
    print(line, file=sys.stderr, flush=True)
awaited = {signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
assert not sys.stdin.read()
event("ready", addresses="127.0.0.1:1,127.0.0.1:2")
while (number := signal.sigwait(awaited)) != signal.SIGTERM:
    if number == signal.SIGUSR1:
        event("exchange", status=200, note=os.environ.get("NOTE", ""))
    else:
        print("==1==ERROR: AddressSanitizer", file=sys.stderr, flush=True)
event("stopping")
sys.exit(int(os.environ.get("STATUS", 0)))
"""


def daemon(folder, **environment):
    return Process("daemon", [sys.executable, "-c", DAEMON], folder, environment)


def test_events_of_a_process_are_waited_for(tmp_path):
    process = daemon(tmp_path)
    assert process.wait_ready() == ["127.0.0.1:1", "127.0.0.1:2"]
    mark = process.mark()
    process.signal(signal.SIGUSR1)
    assert process.wait_event("exchange", since=mark, status=200)["level"] == "info"
    with pytest.raises(TimeoutError, match="0 of 1 events exchange"):
        process.wait_event("exchange", status=500, timeout_s=0.01)
    assert process.memory()["rss"] > 1 << 20 and process.n_descriptors() >= 3
    assert b"HOME" not in process._proc("environ")
    process.stop()
    assert process.find_events("stopping")


ENDS = [
    ("another status", {"STATUS": "3"}, None, "ended with 3"),
    ("a sanitizer's report", {}, signal.SIGUSR2, "AddressSanitizer"),
]


@pytest.mark.parametrize("row", ENDS, ids=[r[0] for r in ENDS])
def test_a_bad_end_is_noticed(tmp_path, row):
    _, environment, number, said = row
    process = daemon(tmp_path, **environment)
    process.wait_ready()
    if number:
        process.signal(number)
        with process._changed:
            assert process._changed.wait_for(lambda: process.noise, 20)
    with pytest.raises(Died, match=said):
        process.stop()


def test_a_process_may_leave_a_core_file_and_is_out_of_reach_of_the_terminal(tmp_path):
    process = daemon(tmp_path)
    process.wait_ready()
    core = re.search(r"Max core file size +(\S+) +(\S+)", process._proc("limits").decode())
    assert core[1] == core[2]
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert process._proc("cmdline").startswith(sys.executable.encode())
    process.stop()


def test_a_process_ends_with_its_starter(tmp_path):
    starter = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n"
         "from support.process import Process\n"
         f"process = Process('daemon', [sys.executable, '-c', {DAEMON!r}], {str(tmp_path)!r})\n"
         "process.wait_ready(); print(process.pid, flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with starter:
        pid = os.pidfd_open(int(starter.stdout.readline()))
        starter.kill()
    ended, _, _ = select.select([pid], [], [], 20)
    os.close(pid)
    assert ended


def test_a_process_that_dies_is_not_waited_for(tmp_path):
    process = daemon(tmp_path)
    process.wait_ready()
    process.kill()
    with pytest.raises(Died):
        process.wait_event("exchange")


@pytest.mark.parametrize("place", ["log", "environ", "file"])
def test_a_key_in_what_a_site_leaves_behind_is_found(tmp_path, authority, place):
    bird = canary.embedded("bird")
    site = Site(tmp_path / "site", tmp_path, authority)
    site.add_key("key-1", hosts=["127.1.0.1"])
    if place != "file":
        process = daemon(site.folder, NOTE=bird.value)
        site.processes.append(process)
        process.wait_ready()
        if place == "log":
            canary._evidence.clear()  # its environment is known to hold it
            process.signal(signal.SIGUSR1)
            process.wait_event("exchange")
            process.kill()
            site.processes.clear()
    else:
        (site.folder / "core.1").write_bytes(b"\\0" + bird.value.encode())
    site.stop()
    assert {"log": "output of daemon", "environ": "environ of daemon",
            "file": "the file core.1"}[place] in leak_told()


def test_a_site_writes_what_its_programs_read(tmp_path, authority):
    site = Site(tmp_path / "site", tmp_path, authority)
    try:
        key = site.add_key("key-1", hosts=["127.1.0.1"])
        secret = site.add_backend("secret-1", settings={"per_day": 10})
        site.add_group("desks", ["127.1.0.0/24"], priority=5)
        policy = site.write_policy().read_text()
        assert 'workstations = [ "127.1.0.0/24" ];' in policy and "per_day = 10;" in policy
        assert site.provider.read_text().startswith(f"port = {site.vendor.port};\n")
        path = site.credentials / "secret-1"
        assert path.read_text() == f"id={secret.values['id']}\ntoken={secret.values['token']}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with site.connect_vendor("127.1.0.1") as client:
            client.send(site.street_request("2 B St", extra="&" + key.query))
            assert client.response().status == 200
        assert dns_ask(site.dns, HOSTS["us-street"]) == (0, ["127.0.0.1"])
        with pytest.raises(FileNotFoundError, match="keyrouter is not built"):
            site.start_router()
    finally:
        site.stop()
    canary.check()


def test_a_vendor_takes_the_certificates_of_another(tmp_path):
    first = Vendor(tmp_path / "first")
    second = Vendor(tmp_path / "second", first.folder)
    try:
        with open(first.ca) as a, open(second.ca) as b:
            assert a.read() == b.read() and first.ca != second.ca
        with RawClient(second.address, None, client_context(first.ca), HOSTS["us-street"]) as client:
            assert client.request("GET", "/street-address", HOSTS["us-street"]).status == 401
        assert len(second.records()) == 1 and first.records() == []
        assert os.getsid(second.pid) == second.pid
    finally:
        first.stop()
        second.stop()


def test_a_vendor_of_a_pool_is_as_new_for_the_next_site(tmp_path, authority):
    pool = VendorPool(tmp_path / "vendors")
    first = Site(tmp_path / "first", tmp_path, authority, pool)
    vendor = first.vendor
    key = first.add_key("key-1", hosts=["127.1.0.1"])
    vendor.tls("good", "1.2")
    vendor.advance(1000)
    vendor.fault(times=None, hold=vendor.gate())
    with first.connect_vendor("127.1.0.1") as client:
        client.send(first.street_request(extra="&" + key.query))
        vendor.wait_records(outcome="held")
        first.stop()
        assert client.ending() == "reset"
    second = Site(tmp_path / "second", tmp_path, authority, pool)
    try:
        assert second.vendor is vendor and vendor.keys == {}
        assert (vendor.records(), vendor.connections(), vendor.counts(), vendor.describe_keys()) == ([], [], [], {})
        key = second.add_key("key-1", hosts=["127.1.0.1"])
        with second.connect_vendor("127.1.0.1") as client:
            client.send(second.street_request(extra="&" + key.query))
            assert client.response().status == 200 and client.tls.object.version() == "TLSv1.3"
        assert vendor.records()[0]["clock"] == 0
    finally:
        second.stop()
    pool.stop()
    assert not vendor.is_running


def test_a_pool_has_a_vendor_for_each_site_and_none_that_was_stopped(tmp_path):
    pool = VendorPool(tmp_path / "vendors")
    one, other = pool.take(), pool.take()
    assert one is not other and one.port != other.port
    with open(one.ca) as a, open(other.ca) as b:
        assert a.read() == b.read()
    one.stop()
    pool.give_back(one)
    pool.give_back(other)
    assert pool.take() is other
    pool.give_back(other)
    pool.stop()
    assert not other.is_running


def test_a_vendor_ends_with_its_starter(tmp_path):
    vendor = Vendor(tmp_path)
    vendor._process.stdin.close()
    assert vendor._process.wait(20) == 0
    vendor._process.stdout.close()
    assert not os.path.exists(f"/proc/{vendor.pid}/exe")


# ---- terminal

def test_a_terminal_is_one_and_tells_what_was_said(tmp_path):
    script = "test -t 0 -a -t 1 && printf 'name [x]: ' && read -r x && echo \"is $x\" && exit 3"
    with Terminal(["sh", "-c", script]) as t:
        t.answer("name", "austin")
        assert t.end() == 3
    assert t.screen.endswith("is austin\n")
    with Terminal(["sh", "-c", "echo out; echo err >&2"], out=tmp_path / "out") as t:
        t.wait("err")
        with pytest.raises(EOFError):
            t.wait("more")
    assert (tmp_path / "out").read_text() == "out\n" and "out" not in t.screen


# ---- control, waiting and strace

@pytest.fixture
def told(tmp_path):
    """(a control socket whose only answer is this, what it was asked): [status, JSON as text]"""
    answer, asked = [200, "{}"], []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "control"))
        server.listen()

        def serve():
            client, _ = server.accept()
            with client:
                asked.append(b"")
                while not asked[0].endswith(b"}"):  # its head may come alone
                    asked[0] += client.recv(65536)
                head = f"HTTP/1.1 {answer[0]} Said\r\nContent-Length: {len(answer[1])}\r\n\r\n"
                client.sendall(head.encode() + answer[1].encode())

        thread = threading.Thread(target=serve)
        thread.start()
        yield Control(tmp_path / "control"), answer, asked
        thread.join()


def test_a_daemon_is_asked_at_its_control_socket(told):
    control, answer, asked = told
    answer[1] = '{"keys": [{"add": [1, 2], "propagating": [], "live": [3], "suspended": [], "remove": [4]}]}'
    assert control.slots("k-1") == {
        "wanted": 2, "propagating": 0, "live": 1, "suspended": 0, "leaving": 1}
    assert asked[0].startswith(b"POST /v1/allowlist HTTP/1.1\r\n") and asked[0].endswith(b'{"key": "k-1"}')


def test_an_operation_that_was_refused_is_raised(told):
    control, answer, _ = told
    answer[:] = 422, '{"status": 65, "error": "no", "findings": [{"message": "that is why"}]}'
    with pytest.raises(Refused, match="apply: no that is why") as refused:
        control.ask("apply")
    assert refused.value.status == 65


def test_what_does_not_come_is_not_waited_for_in_vain():
    moments = iter([False, False, True])
    wait_until(lambda: next(moments), "the third time")
    with pytest.raises(TimeoutError, match="not within 0.02 s: a miracle"):
        wait_until(lambda: False, "a miracle", 0.02)


def test_a_program_is_killed_at_the_write_that_was_meant(tmp_path):
    path, other = tmp_path / "meant", tmp_path / "other"
    writes = (f"import os\nfor name in {str(other)!r}, {str(path)!r}:\n"
              "  fd = os.open(name, os.O_WRONLY | os.O_CREAT)\n  for i in range(4): os.write(fd, b'%d' % i)")
    for n, written in ((1, b""), (3, b"01"), (5, b"0123")):
        path.write_bytes(b"")
        done = subprocess.run([*strace_words("write", f"signal=SIGKILL:when={n}", [path]), sys.executable,
                               "-c", writes])
        assert (done.returncode, path.read_bytes()) == (0 if n > 4 else -9, written)
        assert other.read_bytes() == b"0123"


def test_a_running_program_is_delayed_within_the_block_alone(tmp_path):
    """daemon() writes an event for each SIGUSR1."""
    process = daemon(tmp_path)
    process.wait_ready()

    def answer_s():
        began, mark = time.monotonic(), process.mark()
        process.signal(signal.SIGUSR1)
        process.wait_event("exchange", since=mark)
        return time.monotonic() - began

    with attached(process, "write", "delay_enter=1s", []):
        assert answer_s() >= 1
    assert answer_s() < 1
    process.stop()
