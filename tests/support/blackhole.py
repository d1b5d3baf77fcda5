# SPDX-License-Identifier: Apache-2.0
"""blackhole - an address and port where a connection is never opened nor refused

A listener that accepts nothing, its queue full: Linux drops every further SYN (listen(2),
tcp_abort_on_overflow in tcp(7)).
"""
import socket

_FILL = 4  # a queue of length 0 holds one, or two


class BlackHole:
    def __init__(self, address, port):
        self._sockets = [socket.socket()]
        try:
            self._sockets[0].bind((address, port))
            self._sockets[0].listen(0)
            for _ in range(_FILL):
                filler = socket.socket()
                self._sockets.append(filler)
                filler.setblocking(False)
                filler.connect_ex((address, port))
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for sock in self._sockets:
            sock.close()
