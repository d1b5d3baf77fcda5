# SPDX-License-Identifier: Apache-2.0
"""process - one of keyrouter's daemons: its events, its memory, its end

A daemon prints one JSON event a line on standard error. A thread collects them; everything else it
prints (a sanitizer's report, say) is kept too, and makes stop() fail.
"""
import json
import os
import pathlib
import resource
import signal
import subprocess
import threading

from support import DEADLINE_S, canary

_KEEP_ENVIRONMENT = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")


class Died(AssertionError):
    """The process ended although it should not have."""


def event_matches(event, name, fields):
    return (name is None or event.get("event") == name) and \
        all(event.get(field) == value for field, value in fields.items())


def _guarded(argv):
    """The command so that it may leave a core file where the system lets it, and ends with us.

    Programs that replace themselves, and not preexec_fn: Python is not to run between fork and exec
    of a process with threads. The process keeps its number.
    """
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    limit = "unlimited" if most == resource.RLIM_INFINITY else str(most)
    return ["prlimit", f"--core={limit}:{limit}", "setpriv", "--pdeathsig", "TERM", *argv]


class Process:
    """A session of its own: Ctrl-C at the terminal is for the test, which ends it in order.

    To be started by a thread that outlives it: it gets a SIGTERM when that one ends.
    """

    def __init__(self, name, argv, folder, environment=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.folder = pathlib.Path(folder)
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                            **{k: os.environ[k] for k in _KEEP_ENVIRONMENT if k in os.environ},
                            **(environment or {})}
        self._changed = threading.Condition()
        self.events = []
        self.noise = []
        self._ended = False
        self.stopped = False
        self._process = subprocess.Popen(
            _guarded(self.argv), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self._threads = [threading.Thread(target=self._collect, args=(stream,), daemon=True)
                         for stream in (self._process.stderr, self._process.stdout)]
        for thread in self._threads:
            thread.start()

    def _collect(self, stream):
        for line in stream:
            canary.evidence(f"output of {self.name}", line)
            try:
                event = json.loads(line)
                is_event = isinstance(event, dict) and "event" in event
            except ValueError:
                is_event = False
            with self._changed:
                if is_event:
                    self.events.append(event)
                else:
                    self.noise.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = self._ended or stream is self._process.stderr
            self._changed.notify_all()

    # ---- events

    def mark(self):
        """A place in the events, for `since`."""
        with self._changed:
            return len(self.events)

    def find_events(self, name=None, since=0, **fields):
        with self._changed:
            return [e for e in self.events[since:] if event_matches(e, name, fields)]

    def wait_events(self, count, name=None, since=0, timeout_s=DEADLINE_S, where=None, **fields):
        """The first `count` events that match; `where` is a further test of an event."""
        def found():
            return [e for e in self.events[since:]
                    if event_matches(e, name, fields) and (where is None or where(e))]
        with self._changed:
            self._changed.wait_for(lambda: len(found()) >= count or self._ended, timeout_s)
            events = found()
            if len(events) >= count:
                return events[:count]
            last = [json.dumps(e) for e in self.events[-15:]] + self.noise[-15:]
        why = Died if self._ended else TimeoutError
        raise why(f"{self.name}: {len(events)} of {count} events {name} {fields}; last:\n"
                  + "\n".join(last))

    def wait_event(self, name=None, **rest):
        return self.wait_events(1, name, **rest)[0]

    def wait_ready(self, timeout_s=DEADLINE_S):
        """Its addresses, in the order of its configuration."""
        addresses = self.wait_event("ready", timeout_s=timeout_s).get("addresses", [])
        self.addresses = addresses.replace(",", " ").split() if isinstance(addresses, str) \
            else addresses
        self.snapshot()
        return self.addresses

    # ---- what the system knows of it

    @property
    def pid(self):
        return self._process.pid

    @property
    def is_running(self):
        return self._process.poll() is None

    def _proc(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}").read_bytes()

    def snapshot(self):
        """Command line and environment become evidence."""
        for name in ("cmdline", "environ"):
            try:
                canary.evidence(f"/proc/PID/{name} of {self.name}", self._proc(name))
            except PermissionError:
                continue  # a daemon that cannot be dumped hides it from all but root
            except (FileNotFoundError, ProcessLookupError):
                return  # it has just ended

    def memory(self):
        """Bytes: "rss", and where the system lets us look "pss" and "private_dirty"."""
        try:
            return self._memory_rows()
        except PermissionError:
            rows = dict(line.split(":", 1) for line in self._proc("status").decode().splitlines())
            return {"rss": int(rows["VmRSS"].split()[0]) * 1024}

    def _memory_rows(self):
        lines = self._proc("smaps_rollup").decode().splitlines()[1:]
        rows = dict(line.split(":", 1) for line in lines)
        return {name: int(rows[row].split()[0]) * 1024 for name, row in
                (("rss", "Rss"), ("pss", "Pss"), ("private_dirty", "Private_Dirty"))}

    def cpu_s(self):
        """User and system time so far."""
        fields = self._proc("stat").decode().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wakeups(self):
        """How often each thread was woken: {its number: times}."""
        found = {}
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            rows = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
            found[task.name] = int(rows["voluntary_ctxt_switches"])
        return found

    def n_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # ---- end

    def signal(self, number):
        self._process.send_signal(number)

    def wait_end(self, timeout_s=DEADLINE_S):
        status = self._process.wait(timeout_s)
        for thread in self._threads:
            thread.join(timeout_s)
        self._process.stdout.close()
        self._process.stderr.close()
        self.stopped = True
        return status

    def stop(self, timeout_s=DEADLINE_S):
        """SIGTERM: it must end by itself, with 0, having printed nothing but events."""
        if self.stopped:
            return
        if self.is_running:
            self.snapshot()
            self.signal(signal.SIGTERM)
        try:
            status = self.wait_end(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} does not end on SIGTERM") from None
        if status != 0 or self.noise:
            raise Died(f"{self.name} ended with {status}; printed:\n" + "\n".join(self.noise[-60:]))

    def kill(self):
        """SIGKILL."""
        self._process.kill()
        self.wait_end()
