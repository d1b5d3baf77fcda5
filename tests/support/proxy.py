# SPDX-License-Identifier: Apache-2.0
"""proxy - an HTTP proxy that opens tunnels (CONNECT) and remembers every byte it saw

It knows hosts by the routes it is told, as a site's proxy resolves names by itself, and calls them from
its own address, `source`. What passes it is kept as evidence: no key may be in it in clear.
"""
import socket
import threading

from support import DEADLINE_S, canary

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_HEAD_MAX_BYTES = 65536


class Proxy:
    def __init__(self, routes, source="127.0.0.1"):
        """routes: {"host:port": "address:port"}"""
        self.source = source
        self._routes = routes
        self._answer = None  # in place of a tunnel
        self._holds = False
        self._heads = []
        self._passed = bytearray()
        self._sockets = []
        self._changed = threading.Condition()
        self._over = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._threads = []
        self._start(self._accept)

    # ---- told

    def answer(self, text):
        """From now on this to every request, and then the end; None: tunnels again."""
        with self._changed:
            self._answer = text

    def hold(self):
        """From now on requests get no answer."""
        with self._changed:
            self._holds = True

    # ---- asked

    @property
    def heads(self):
        """What it was asked, in order: [(address of the client, head)]."""
        with self._changed:
            return list(self._heads)

    @property
    def passed(self):
        """All bytes that went through tunnels, either way."""
        with self._changed:
            return bytes(self._passed)

    # ---- serving

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        with self._changed:
            self._threads.append(thread)
        thread.start()

    def _keep(self, sock):
        with self._changed:
            self._sockets.append(sock)
        return sock

    def _accept(self):
        while True:
            client, (address, _) = self._listener.accept()
            if self._over:
                client.close()
                return
            self._start(self._serve, self._keep(client), address)

    def _serve(self, client, address):
        try:
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _HEAD_MAX_BYTES:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            with self._changed:
                self._heads.append((address, head))
                self._changed.notify_all()
                answer, holds = self._answer, self._holds
            if holds:
                client.recv(1)  # until it goes
            elif answer is None:
                self._tunnel(client, head.split()[1].decode("latin-1"))
            else:
                client.sendall(answer)
        except OSError:
            pass  # the other side went, or stop()
        finally:
            client.close()

    def _tunnel(self, client, authority):
        if authority not in self._routes:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = self._routes[authority].rpartition(":")
        onward = self._keep(socket.create_connection((host, int(port)), DEADLINE_S,
                                                     source_address=(self.source, 0)))
        onward.settimeout(None)
        client.sendall(ESTABLISHED)
        self._start(self._copy, onward, client)
        self._copy(client, onward)

    def _copy(self, source, sink):
        try:
            while data := source.recv(65536):
                with self._changed:
                    self._passed += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        if self._over:
            return
        self._over = True
        socket.create_connection(("127.0.0.1", self.port), DEADLINE_S).close()
        with self._changed:
            sockets, threads = list(self._sockets), list(self._threads)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended
        for thread in threads:
            thread.join(DEADLINE_S)
        for sock in [*sockets, self._listener]:
            sock.close()
        canary.evidence("bytes that passed the proxy", self.passed)
        for _, head in self._heads:
            canary.evidence("what the proxy was asked", head)
