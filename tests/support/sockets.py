# SPDX-License-Identifier: Apache-2.0
"""sockets - what the kernel knows of TCP connections over IPv4"""
import pathlib
import socket
import struct

_ESTABLISHED = "01"


def _endpoint(text):
    """The kernel's "0100007F:1F90": the address in the machine's byte order, the port in hex."""
    address, _, port = text.partition(":")
    return socket.inet_ntoa(struct.pack("=I", int(address, 16))), int(port, 16)


def established_peers(address, table=None):
    """The addresses of all that are connected to "host:port" here, each as often as it is."""
    host, _, port = address.rpartition(":")
    rows = (pathlib.Path("/proc/net/tcp").read_text() if table is None else table).splitlines()[1:]
    peers = []
    for row in rows:
        local, remote, state = row.split()[1:4]
        if state == _ESTABLISHED and _endpoint(local) == (host, int(port)):
            peers.append(_endpoint(remote)[0])
    return peers
