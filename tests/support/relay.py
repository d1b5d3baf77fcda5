# SPDX-License-Identifier: Apache-2.0
"""relay - a TCP relay that delays, holds, cuts and resets what passes

It connects onwards from the address that its client came from, so what stands behind it still sees
the workstation. Directions: "up" from the client, "down" towards it. What passes is evidence: no key
may be readable on the network.
"""
import asyncio
import socket
import struct
import threading

from support import DEADLINE_S, canary


class _Pipe(asyncio.Protocol):
    """One side of a pair; what it receives goes to `other` after the relay's delay."""

    def __init__(self, relay, direction):
        self.relay = relay
        self.direction = direction
        self.other = None
        self.transport = None
        self._held = []
        self._received = bytearray()
        self.passed_bytes = 0

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.relay.on_open(self)

    def data_received(self, data):
        self._received += data
        self._later(data)

    def eof_received(self):
        self._later(None)
        return True

    def connection_lost(self, exc):
        canary.evidence("what a relay received", self._received)
        self.relay.on_lost(self)
        if self.other and self.other.transport:
            self.other.end(reset=isinstance(exc, ConnectionResetError))

    def _later(self, data):
        delay_s = self.relay.delay_s[self.direction]
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self.forward, data)
        else:
            self.forward(data)

    def forward(self, data):
        if self.relay.is_held[self.direction] or self.other is None:
            self._held.append(data)
            return
        if data is None:
            if self.other.transport and self.other.transport.can_write_eof():
                self.other.transport.write_eof()
            return
        limit = self.relay.cut_at[self.direction]
        if limit is not None and self.passed_bytes + len(data) >= limit[0]:
            data = data[: limit[0] - self.passed_bytes]
            self.passed_bytes += len(data)
            self.other.transport.write(data)
            self.other.end(reset=limit[1])
            self.end(reset=limit[1])
            return
        self.passed_bytes += len(data)
        self.other.transport.write(data)

    def unhold(self):
        held, self._held = self._held, []
        for data in held:
            self.forward(data)

    def end(self, reset=False):
        if reset:
            sock = self.transport.get_extra_info("socket")
            if sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()


class Relay:
    """Relay("127.0.0.1:port") listens on its own `address` and passes on to the target."""

    def __init__(self, target, keep_source=True):
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._keep_source = keep_source
        self.delay_s = {"up": 0.0, "down": 0.0}
        self.is_held = {"up": False, "down": False}
        self.cut_at = {"up": None, "down": None}
        self._refuses = False
        self._pipes = set()
        self._n_accepted = 0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        if not ready.wait(DEADLINE_S):
            raise TimeoutError("the relay does not start")

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Pipe(self, "up"), "127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def on_open(self, pipe):
        self._pipes.add(pipe)
        if pipe.direction == "up":
            with self._changed:
                self._n_accepted += 1
                self._changed.notify_all()
            if self._refuses:
                pipe.end(reset=True)
            else:
                self._loop.create_task(self._connect(pipe))

    def on_lost(self, pipe):
        self._pipes.discard(pipe)

    async def _connect(self, up):
        source = up.transport.get_extra_info("peername")[0] if self._keep_source else None
        try:
            _, down = await self._loop.create_connection(
                lambda: _Pipe(self, "down"), *self._target,
                local_addr=(source, 0) if source else None)
        except OSError:
            up.end(reset=True)
            return
        up.other, down.other = down, up
        up.unhold()
        down.unhold()

    def _call(self, function):
        """Runs it on the relay's thread and waits."""
        done = threading.Event()

        def run():
            try:
                function()
            finally:
                done.set()
        self._loop.call_soon_threadsafe(run)
        if not done.wait(DEADLINE_S):
            raise TimeoutError("the relay hangs")

    # ---- told

    def delay(self, ms, *directions):
        """Each byte takes this long; both ways unless told."""
        self._call(lambda: self.delay_s.update({d: ms / 1000 for d in directions or self.delay_s}))

    def hold(self, *directions):
        self._call(lambda: self.is_held.update({d: True for d in directions or self.is_held}))

    def release(self, *directions):
        def run():
            self.is_held.update({d: False for d in directions or self.is_held})
            for pipe in list(self._pipes):
                pipe.unhold()
        self._call(run)

    def cut(self, direction, after_bytes, reset=False):
        """New and open connections end when this many bytes went that way; None for never."""
        limit = None if after_bytes is None else (after_bytes, reset)
        self._call(lambda: self.cut_at.update({direction: limit}))

    def reset(self):
        """RST to both sides of every open connection."""
        self._call(lambda: [pipe.end(reset=True) for pipe in list(self._pipes)])

    def refuse(self, on=True):
        """New connections are reset at once."""
        def run():
            self._refuses = on
        self._call(run)

    # ---- asked

    @property
    def n_open(self):
        return sum(pipe.direction == "up" for pipe in list(self._pipes))

    def wait_accepted(self, count, timeout_s=DEADLINE_S):
        with self._changed:
            if not self._changed.wait_for(lambda: self._n_accepted >= count, timeout_s):
                raise TimeoutError(f"{self._n_accepted} connections, not {count}")

    def stop(self):
        if self._loop.is_closed():
            return

        def close():
            self._server.close()
            for pipe in list(self._pipes):
                pipe.end(reset=True)
        self._call(close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
