#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""vendor - a stand-in for the vendors, so that nothing here ever calls a real one

Prints one line of JSON when it is ready:
  {"https_port": n, "control_port": n, "address": "...", "ca": "DIR/ca.pem"}
and ends on SIGTERM, or when its standard input closes. How to speak to the control port is told in
standin/control.py, the rules it judges by in standin/smarty.py and standin/alloy.py.
"""
import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import sys
import threading

sys.dont_write_bytecode = True
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # for support

from standin.certificates import certificates_make
from standin.connection import Connection
from standin.control import Control
from standin.state import State


def arguments_parse():
    parser = argparse.ArgumentParser(description="A stand-in vendor that judges API requests.")
    parser.add_argument("--dir", required=True,
                        help="folder for its CA and certificate; made if absent")
    parser.add_argument("--port", type=int, default=0, help="of HTTPS; 0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0,
                        help="of the control; 0 takes a free one")
    parser.add_argument("--address", default="127.0.0.1", help="a loopback address to listen on")
    parser.add_argument("--no-stdin", action="store_true",
                        help="live on when standard input closes")
    return parser.parse_args()


def stdin_watch(loop, over):
    """A thread of its own: standard input may be anything, also what an event loop cannot watch."""
    def watch():
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(over.set)
    threading.Thread(target=watch, daemon=True).start()


async def main(arguments):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.makedirs(arguments.dir, mode=0o700, exist_ok=True)
    folder = os.path.abspath(arguments.dir)
    certificates_make(folder)
    state = State(folder)
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    https = await loop.create_server(lambda: Connection(state), arguments.address, arguments.port,
                                     backlog=4096)
    control = await Control(state).serve("127.0.0.1", arguments.control_port)
    print(json.dumps({"https_port": https.sockets[0].getsockname()[1],
                      "control_port": control.sockets[0].getsockname()[1],
                      "address": arguments.address, "ca": f"{folder}/ca.pem"}), flush=True)
    if not arguments.no_stdin:
        stdin_watch(loop, over)
    gc.freeze()
    await over.wait()
    https.close()
    control.close()
    for link in list(state.links.values()):
        link.transport.abort()


if __name__ == "__main__":
    asyncio.run(main(arguments_parse()))
