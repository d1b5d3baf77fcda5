# SPDX-License-Identifier: Apache-2.0
"""dns - a name server on UDP that knows what a test tells it, and remembers what it was asked

A name it was not told of does not exist. Types: A (1); of another type a known name has no record.
"""
import socket
import struct
import threading

from support import DEADLINE_S, canary

A = 1
_NXDOMAIN, _SERVFAIL, _REFUSED = 3, 2, 5


def _question_parse(packet):
    """(name, type, end of the question), or None."""
    if len(packet) < 17 or struct.unpack_from("!H", packet, 4)[0] != 1 or packet[2] & 0x80:
        return None
    labels, at = [], 12
    while at < len(packet) and packet[at]:
        length = packet[at]
        if length > 63 or at + 1 + length >= len(packet):
            return None
        labels.append(packet[at + 1 : at + 1 + length].decode("latin-1").lower())
        at += 1 + length
    if at + 5 > len(packet):
        return None
    return ".".join(labels), struct.unpack_from("!H", packet, at + 1)[0], at + 5


class NameServer:
    def __init__(self):
        self._names = {}  # name -> (addresses, ttl_s) or a word
        self._queries = []
        self._changed = threading.Condition()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        self._over = False
        self._held = []  # packets of silent names, answered when the name speaks again
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    # ---- told

    def set(self, name, *addresses, ttl_s=60):
        """A records; no address: the name exists and has none. Held queries are answered now."""
        self._tell(name, (addresses, ttl_s))

    def silence(self, name):
        """Queries for it get no answer until it is told something else."""
        self._tell(name, "silent")

    def fail(self, name):
        self._tell(name, "servfail")

    def refuse(self, name):
        self._tell(name, "refused")

    def forget(self, name):
        """It does not exist."""
        self._tell(name, None)

    def _tell(self, name, what):
        with self._changed:
            self._names[name.lower()] = what
            held, self._held = self._held, []
        for packet, client in held:
            self._answer(packet, client)

    # ---- asked

    @property
    def queries(self):
        """[(name, type)] in order."""
        with self._changed:
            return list(self._queries)

    def wait(self, name, count=1, timeout_s=DEADLINE_S):
        """Until `name` was asked for `count` times."""
        def asked():
            return sum(n == name.lower() for n, _ in self._queries) >= count
        with self._changed:
            if not self._changed.wait_for(asked, timeout_s):
                raise TimeoutError(f"{name} was not asked for {count} times: {self._queries}")

    # ---- serving

    def _serve(self):
        while True:
            packet, client = self._socket.recvfrom(4096)
            if self._over:
                return
            canary.evidence("a query to the name server", packet)
            question = _question_parse(packet)
            if question:
                with self._changed:
                    self._queries.append(question[:2])
                    self._changed.notify_all()
                self._answer(packet, client)

    def _answer(self, packet, client):
        name, kind, end = _question_parse(packet)
        with self._changed:
            known = self._names.get(name)
            if known == "silent":
                self._held.append((packet, client))
                return
        code, records = 0, b""
        addresses, ttl_s = known if isinstance(known, tuple) else ((), 0)
        if known is None:
            code = _NXDOMAIN
        elif not isinstance(known, tuple):
            code = _SERVFAIL if known == "servfail" else _REFUSED
        if kind != A:
            addresses = ()
        for address in addresses:
            records += struct.pack("!HHHIH", 0xC00C, A, 1, ttl_s, 4) + socket.inet_aton(address)
        # QR AA, the RD bit of the query, RA (RFC 1035 section 4.1.1)
        flags = 0x8400 | (packet[2] & 1) << 8 | 0x80 | code
        head = packet[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0)
        self._socket.sendto(head + packet[12:end] + records, client)

    def stop(self):
        self._over = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        self._thread.join(DEADLINE_S)
        self._socket.close()
