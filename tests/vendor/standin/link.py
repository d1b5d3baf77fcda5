# SPDX-License-Identifier: Apache-2.0
"""link - TLS of one connection over memory, so that every byte leaves as a test wants it

asyncio's own TLS decides alone what is a record, when session tickets go and how a connection ends.
Here a subclass gets plain bytes by on_data() and says how they go out.
"""
import asyncio
import socket
import ssl
import struct

from support import openssl

LINGER_S = 5  # after our FIN a client has this long to send its own
_READ_BYTES = 65536


class Link(asyncio.Protocol):
    def __init__(self, context):
        self.transport = None
        self.sni = None
        self.established = False
        self.closing = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        context.sni_callback = self._on_sni
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._room = asyncio.Event()
        self._room.set()

    @staticmethod
    def _on_sni(sslobj, name, _context):
        sslobj.asked_name = name  # a context's callback serves all of its connections

    # ---- for a subclass

    def on_open(self):
        """The handshake is over."""

    def on_data(self, data):
        """Plain bytes of the client."""

    def on_lost(self, by):
        """The connection is gone: "client", "vendor", or why the handshake failed."""

    # ---- asyncio's side

    def connection_made(self, transport):
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc):
        self._room.set()
        self.on_lost("vendor" if self.closing else "client")

    def pause_writing(self):
        self._room.clear()

    def resume_writing(self):
        self._room.set()

    def eof_received(self):
        return False  # the transport closes: a client that ends its side is gone

    def data_received(self, data):
        if self.closing:
            return
        self._incoming.write(data)
        if not self.established and not self._handshake():
            return
        self._read()

    def _handshake(self):
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as e:
            self._flush()  # the alert
            self.closing = True
            self.transport.close()
            self.handshake_error = e.reason or "failed"
            return False
        self.established = True
        self._flush()
        self.sni = getattr(self._tls, "asked_name", None)
        self.on_open()
        return True

    def _read(self):
        plain = bytearray()
        ended = False
        try:
            while not ended:
                data = self._tls.read(_READ_BYTES)
                plain += data
                ended = not data
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            ended = True
        if plain:
            self.on_data(bytes(plain))
        self._flush()
        if ended and not self.closing:
            self.transport.close()

    def _flush(self):
        if self._outgoing.pending and self.transport and not self.transport.is_closing():
            self.transport.write(self._outgoing.read())

    # ---- out

    @property
    def version(self):
        return self._tls.version()

    @property
    def resumed(self):
        return bool(self._tls.session_reused)

    @property
    def is_lost(self):
        return self.transport is None or self.transport.is_closing()

    def write(self, data, record_size=None):
        """All of it in one send, in records of this size."""
        if self.is_lost or self.closing:
            return
        for i in range(0, len(data), record_size or _READ_BYTES):
            self._tls.write(data[i : i + (record_size or _READ_BYTES)])
        self._flush()

    async def drain(self):
        await self._room.wait()

    def tickets_send(self, count):
        for _ in range(count):
            openssl.ticket_queue(self._tls)
        self._flush()

    def renegotiate(self):
        """Asks the client for another handshake; one that refuses loses its connection."""
        openssl.renegotiate(self._tls)
        self._flush()

    def reset(self):
        """RST: the socket is closed with nothing lingering."""
        self.closing = True
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def finish(self, close_notify=True):
        """FIN, after a close_notify or without; then the client's own FIN is waited for."""
        if self.is_lost or self.closing:
            return
        self.closing = True
        if close_notify:
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass  # wants the client's close_notify, or never got as far as that
            self._flush()
        self.transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_S, self.transport.close)
