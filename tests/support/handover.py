# SPDX-License-Identifier: Apache-2.0
"""handover - listening sockets that a program is born with

Nobody waits for the program to start: the kernel takes connections from the beginning, and they wait for
it. If it does not start they are refused. And the port is nobody else's at any moment.
"""
import socket
import subprocess

BACKLOG = 4096
# sd_listen_fds(3): the sockets begin at 3, and LISTEN_PID is the program's own.
_ACTIVATE = 'exec 3<&"$0"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'


def listener():
    return socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)


def endpoint_of(listening):
    return "%s:%d" % listening.getsockname()


def activated(argv, listening):
    """argv, started as a service manager does that holds the socket."""
    return ["/bin/bash", "-c", _ACTIVATE, str(listening.fileno()), *argv]


def inherited(sockets):
    """What nginx wants to find in its environment, as from itself at its own upgrade."""
    return {"NGINX": "".join(f"{each.fileno()};" for each in sockets)}


def start(argv, sockets, **options):
    """The process has the sockets; here they are closed."""
    try:
        return subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                pass_fds=[each.fileno() for each in sockets], **options)
    finally:
        for each in sockets:
            each.close()
