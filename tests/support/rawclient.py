# SPDX-License-Identifier: Apache-2.0
"""rawclient - a client that sends any bytes and reads answers strictly, from any source address"""
import errno
import gzip
import re
import socket
import ssl
import struct
from dataclasses import dataclass, field

from support import DEADLINE_S, canary, openssl

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_HEAD_MAX_BYTES = 1 << 20


class BrokenAnswer(AssertionError):
    """The answer is not HTTP, or ended before it was whole. `partial` is what came of it."""

    def __init__(self, message, partial=b""):
        super().__init__(message)
        self.partial = bytes(partial)


@dataclass
class Response:
    status: int
    version: int
    headers: list  # [name, value]
    body: bytes = b""
    framing: str = "sized"  # "chunked", "close", "none"
    interim: list = field(default_factory=list)  # [status, headers] of 1xx before it

    def header(self, name, default=None):
        return next((v for n, v in self.headers if n.lower() == name.lower()), default)

    def headers_all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def text(self):
        packed = (self.header("content-encoding") or "").lower() == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()


def request_format(method, target, host, headers=(), body=b""):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{n}: {v}" for n, v in headers]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


class Truncated(ConnectionError):
    """The TCP connection ended without TLS having said so."""


class _Tls:
    """TLS over memory: Python's own wrapping tells RST and FIN apart in some versions only."""

    def __init__(self, sock, context, name, session, early=b""):
        self._socket = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name,
                                       session=session)
        if early:
            openssl.early_data_write(self.object, early)
        self._run(self.object.do_handshake)

    def _run(self, step):
        while True:
            try:
                result = step()
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                data = self._socket.recv(65536)
                if not data:
                    raise Truncated("the connection ended without a close_notify") from None
                self._incoming.write(data)
            except ssl.SSLError:
                self._flush()  # the alert
                raise

    def _flush(self):
        if self._outgoing.pending:
            self._socket.sendall(self._outgoing.read())

    def recv(self, size):
        try:
            return self._run(lambda: self.object.read(size))
        except ssl.SSLZeroReturnError:
            return b""

    def renegotiate(self):
        """Asks for another handshake (TLS 1.2); what becomes of it shows with the next bytes read."""
        openssl.renegotiate(self.object)
        self._flush()

    def sendall(self, data):
        self.object.write(data)
        self._flush()

    def finish(self):
        """Our close_notify; the other side's is not waited for."""
        try:
            self.object.unwrap()
        except ssl.SSLError:
            pass
        self._flush()


class RawClient:
    """tls: None for plain, or an SSLContext. address: "127.0.0.1:80" or (host, port).

    early: bytes to send before the handshake is over, with a session's key (0-RTT).
    """

    def __init__(self, address, source=None, tls=None, sni=None, session=None, timeout=DEADLINE_S,
                 early=b""):
        if isinstance(address, str):
            host, _, port = address.rpartition(":")
            address = (host.strip("[]"), int(port))
        self.received = bytearray()  # and not yet read as an answer
        self.all_received = bytearray()
        self.socket = socket.create_connection(
            address, timeout, source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = None
        try:
            self.tls = _Tls(self.socket, tls, sni or address[0], session, early) if tls \
                else None
        except BaseException:
            self.socket.close()
            raise
        self._stream = self.tls or self.socket

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def local(self):
        return self.socket.getsockname()[:2]

    @property
    def session(self):
        return self.tls.object.session

    # ---- out

    def send(self, data):
        self._stream.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def send_pieces(self, data, size=1):
        """Each piece in a segment (and TLS record) of its own."""
        for i in range(0, len(data), size):
            self.send(data[i : i + size])

    def request(self, method, target, host, headers=(), body=b""):
        self.send(request_format(method, target, host, headers, body))
        return self.response(method)

    def finish(self):
        """FIN of our side, after a close_notify; the other side may have ended it all by then."""
        if self.tls:
            self.tls.finish()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise

    def reset(self):
        """RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self._put_evidence()
        self.socket.close()

    def _put_evidence(self):
        canary.evidence("bytes a client received", self.all_received)
        self.all_received.clear()

    # ---- in

    def _more(self):
        """More bytes, or b"" at a clean end; ConnectionResetError or Truncated at another."""
        data = self._stream.recv(65536)
        self.received += data
        self.all_received += data
        return data

    def _until(self, enough):
        while not enough():
            try:
                ended = not self._more()
            except ConnectionError as error:
                raise BrokenAnswer(f"the connection broke: {error}", self.received) from error
            if ended:
                raise BrokenAnswer("the connection ended within the answer", self.received)

    def wait_begun(self):
        """Until the answer has begun; all of it stays to be read."""
        self._until(lambda: self.received)

    def _take(self, n):
        self._until(lambda: len(self.received) >= n)
        data = bytes(self.received[:n])
        del self.received[:n]
        return data

    def _line(self):
        self._until(lambda: b"\r\n" in self.received)
        line = bytes(self.received[: self.received.index(b"\r\n")])
        del self.received[: len(line) + 2]
        return line

    def _head(self):
        lines = []
        while not lines or lines[-1]:
            lines.append(self._line())
            if sum(map(len, lines)) > _HEAD_MAX_BYTES:
                raise BrokenAnswer("the head has no end")
        match = _STATUS_LINE.fullmatch(lines[0])
        fields = [_FIELD_LINE.fullmatch(line) for line in lines[1:-1]]
        if not match or not all(fields):
            raise BrokenAnswer("the head is malformed", b"\r\n".join(lines))
        headers = [[f[1].decode(), f[2].decode("latin-1")] for f in fields]
        return Response(int(match[2]), int(match[1]), headers)

    def response(self, method="GET"):
        """One whole answer; what stands behind it stays for the next call."""
        interim = []
        response = self._head()
        while response.status < 200:
            interim.append([response.status, response.headers])
            response = self._head()
        response.interim = interim
        self._body(response, method)
        return response

    def _body(self, response, method):
        codings = response.headers_all("transfer-encoding")
        lengths = response.headers_all("content-length")
        if len(codings) + len(lengths) > 1:
            raise BrokenAnswer("more than one length of the body")
        if method == "HEAD" or response.status in (204, 304):
            response.framing = "none"
        elif codings:
            if codings[0].lower() != "chunked":
                raise BrokenAnswer("an unknown transfer coding")
            response.framing, response.body = "chunked", self._chunks()
        elif lengths:
            if not lengths[0].isdigit():
                raise BrokenAnswer("Content-Length is malformed")
            response.body = self._take(int(lengths[0]))
        else:
            response.framing, response.body = "close", self.rest()

    def _chunks(self):
        body = bytearray()
        while True:
            size = self._line()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size):
                raise BrokenAnswer("a chunk size is malformed", body)
            if int(size, 16) == 0:
                break
            body += self._take(int(size, 16))
            if self._line():
                raise BrokenAnswer("a chunk is longer than it says", body)
        while self._line():
            pass
        return bytes(body)

    def rest(self):
        """Everything up to a clean end; BrokenAnswer where the end is not clean."""
        try:
            while self._more():
                pass
        except ConnectionError as error:
            raise BrokenAnswer(f"no clean end: {error}", self.received) from error
        data = bytes(self.received)
        self.received.clear()
        return data

    def ending(self):
        """How the other side ends: "clean", "fin" (TLS without close_notify) or "reset".

        Bytes that come before stay in `received`; TimeoutError where it does not end.
        """
        try:
            while self._more():
                pass
            return "clean"
        except Truncated:
            return "fin"
        except ConnectionError:
            return "reset"
