# SPDX-License-Identifier: Apache-2.0
"""strace - faults of the system put into a program: at the N-th call of some kinds it is killed, or waits

    subprocess.run([*strace_words("pwrite64,fsync", "signal=SIGKILL:when=3", paths), program, ...])
    with attached(router, "fdatasync", "delay_enter=2s", paths): ...
"""
import contextlib
import subprocess

from support import DEADLINE_S
from support.waiting import wait_until

WRITES = "pwrite64,write,fsync,fdatasync,ftruncate,fallocate,rename,unlink"  # all that change a file


def strace_words(calls, fault, paths):
    """What stands in front of the command. Only calls that concern the paths count, of all threads."""
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
             f"inject={calls}:{fault}"]
    return words + [word for path in paths for word in ("-P", str(path))]


def ledger_paths(ledger):
    return [ledger, f"{ledger}-wal", f"{ledger}.lock", ledger.parent]


def _is_traced(pid):
    with open(f"/proc/{pid}/status") as f:
        return not any(line.split() == ["TracerPid:", "0"] for line in f)


@contextlib.contextmanager
def attached(process, calls, fault, paths):
    """The fault is in a running process within the block."""
    argv = [*strace_words(calls, fault, paths), "-p", str(process.pid)]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tracer:
        try:
            wait_until(lambda: _is_traced(process.pid), "strace attaches")
            yield
        finally:
            tracer.terminate()
            try:
                tracer.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                tracer.kill()  # who is traced goes on
                raise
