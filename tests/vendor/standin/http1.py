# SPDX-License-Identifier: Apache-2.0
"""http1 - a strict reader of HTTP/1.1 requests, and the writing of answers

It takes less than RFC 9112 allows a server to take, on purpose: whatever reaches the vendor through
keyrouter was written by keyrouter, so absolute targets, chunk extensions and folded lines are
faults of ours and are refused as loudly as smuggling is.
"""
import re
from dataclasses import dataclass, field

HEAD_MAX_BYTES = 65536
CHUNK_LINE_MAX_BYTES = 32
BODY_MAX_BYTES = 1 << 20

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (/[\x21-\x7e]*) HTTP/1\.([01])")
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_DIGITS = re.compile(rb"[0-9]{1,15}")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")

REASONS = {
    100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints",
    200: "OK", 204: "No Content", 301: "Moved Permanently", 302: "Found", 303: "See Other",
    304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict",
    413: "Content Too Large", 417: "Expectation Failed", 421: "Misdirected Request",
    422: "Unprocessable Content", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}


class BadRequest(Exception):
    """Not HTTP as it must be: the status to answer before the connection closes, and why."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass
class Request:
    method: str
    target: str
    version: int  # of HTTP/1.x
    fields: list  # [name, value] as they came
    values: dict = field(default_factory=dict)  # lower-case name -> values, in order
    host: str = ""  # lower case, without port
    length: int = 0  # declared; None when chunked
    body: bytearray = field(default_factory=bytearray)
    trailers: list = field(default_factory=list)

    @property
    def framing(self):
        if self.length is None:
            return "chunked"
        return "sized" if "content-length" in self.values else "none"

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]

    @property
    def wants_continue(self):
        return "expect" in self.values

    @property
    def keeps_alive(self):
        fields = ",".join(self.values.get("connection", ()))
        options = {option.strip().lower() for option in fields.split(",")}
        if self.version == 0:
            return "keep-alive" in options
        return "close" not in options

    def first(self, name, default=None):
        values = self.values.get(name)
        return values[0] if values else default


def fields_parse(lines):
    fields = []
    for line in lines:
        m = _FIELD_LINE.fullmatch(line)
        if not m:
            raise BadRequest(400, "a header line is malformed")
        fields.append((m[1].decode("ascii"), m[2].decode("latin-1")))
    return fields


def head_parse(head):
    """A request without its body from the bytes before the empty line."""
    lines = head.split(b"\r\n")
    m = _REQUEST_LINE.fullmatch(lines[0])
    if not m:
        raise BadRequest(400, "the request line is malformed")
    request = Request(m[1].decode("ascii"), m[2].decode("ascii"), int(m[3]),
                      fields_parse(lines[1:]))
    if "#" in request.target:
        raise BadRequest(400, "a fragment in the target")
    for name, value in request.fields:
        request.values.setdefault(name.lower(), []).append(value)
    _host_check(request)
    _framing_check(request)
    return request


def _host_check(request):
    hosts = request.values.get("host", [])
    if len(hosts) != 1:
        raise BadRequest(400, "no Host, or more than one")  # RFC 9112 section 3.2
    if not _HOST.fullmatch(hosts[0]):
        raise BadRequest(400, "the Host is malformed")
    request.host = re.sub(r":[0-9]+$", "", hosts[0]).lower()


def _framing_check(request):
    lengths = request.values.get("content-length", [])
    codings = request.values.get("transfer-encoding", [])
    if codings:
        if lengths or request.version == 0:
            raise BadRequest(400, "Transfer-Encoding with Content-Length or HTTP/1.0")
        if len(codings) != 1 or codings[0].lower() != "chunked":
            raise BadRequest(501, "a transfer coding other than chunked")
        request.length = None
    elif lengths:
        if len(lengths) != 1 or not _DIGITS.fullmatch(lengths[0].encode("latin-1")):
            raise BadRequest(400, "Content-Length is malformed or repeated")
        request.length = int(lengths[0])
    expects = request.values.get("expect", [])
    if expects and (len(expects) != 1 or expects[0].lower() != "100-continue"):
        raise BadRequest(417, "an expectation other than 100-continue")


class Reader:
    """Bytes in, requests out: feed() the bytes, call head(), and after it body() until it is True.

    Both give None or False while bytes are missing and raise BadRequest; bytes of the requests
    behind stay in the buffer.
    """

    def __init__(self):
        self.buffer = bytearray()
        self._left = 0  # of a sized body, or of the chunk being read
        self._stage = "size"

    def feed(self, data):
        self.buffer += data

    def _line(self, limit):
        end = self.buffer.find(b"\r\n", 0, limit + 2)
        if end < 0:
            if len(self.buffer) >= limit + 2:
                raise BadRequest(400, "a line is too long")
            return None
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        return line

    def head(self):
        end = self.buffer.find(b"\r\n\r\n", 0, HEAD_MAX_BYTES + 4)
        if end < 0:
            if len(self.buffer) > HEAD_MAX_BYTES:
                raise BadRequest(431, "the head is too long")
            if self.buffer[:1] == b"\n" or b"\n\n" in self.buffer:
                raise BadRequest(400, "a bare line feed")
            return None
        head = bytes(self.buffer[:end])
        del self.buffer[: end + 4]
        request = head_parse(head)
        self._left = request.length or 0
        self._stage = "size"
        return request

    def body(self, request):
        """Moves what is there of the body into request.body; True once it is whole."""
        if request.length is None:
            return self._chunks(request)
        self._take(request)
        return self._left == 0

    def _take(self, request):
        n = min(self._left, len(self.buffer))
        request.body += self.buffer[:n]
        del self.buffer[:n]
        self._left -= n
        if len(request.body) > BODY_MAX_BYTES:
            raise BadRequest(413, "the body is too long")

    def _chunks(self, request):
        while True:
            if self._stage == "data":
                self._take(request)
                if self._left:
                    return False
                self._stage = "end"
            line = self._line(CHUNK_LINE_MAX_BYTES if self._stage != "trailer" else HEAD_MAX_BYTES)
            if line is None:
                return False
            if self._stage == "size":
                if not _CHUNK_SIZE.fullmatch(line):
                    raise BadRequest(400, "a chunk size is malformed, or an extension")
                self._left = int(line, 16)
                self._stage = "data" if self._left else "trailer"
            elif self._stage == "end":
                if line:
                    raise BadRequest(400, "a chunk is longer than it says")
                self._stage = "size"
            elif line:
                request.trailers += fields_parse([line])
                if len(request.trailers) > 64:
                    raise BadRequest(431, "too many trailers")
            else:
                return True


def head_format(status, fields):
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunks_format(body, size):
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
