# SPDX-License-Identifier: Apache-2.0
"""terminal - a program on a pseudo-terminal, talked to as a person would

    with Terminal([program, "init"], cwd=folder) as t:
        t.answer("site?", "austin")      # waits until "site?" stands on the screen, types "austin"
        status = t.end()                 # waits for the end
    assert "written" in t.screen
"""
import os
import pty
import select
import subprocess
import time

TIMEOUT_S = 60


class Terminal:
    """out: where standard output goes; "screen", or a file of that name."""

    def __init__(self, argv, cwd=None, env=None, out="screen"):
        self.screen = ""
        self._seen = 0
        self._master, slave = pty.openpty()
        target = slave if out == "screen" else os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=slave, stdout=target,
                                         stderr=slave, start_new_session=True)
        os.close(slave)
        if target != slave:
            os.close(target)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self, until):
        """More of the screen. False: the program has closed it."""
        left = until - time.monotonic()
        if left <= 0 or not select.select([self._master], [], [], left)[0]:
            raise TimeoutError(f"nothing more within {TIMEOUT_S} s after:\n{self.screen}")
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: nobody has the other side open
            return False
        self.screen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    def wait(self, text):
        """Until `text` stands on the screen, behind what was waited for before."""
        until = time.monotonic() + TIMEOUT_S
        while (at := self.screen.find(text, self._seen)) < 0:
            if not self._read(until):
                raise EOFError(f"{text!r} never came:\n{self.screen}")
        self._seen = at + len(text)

    def type(self, text):
        os.write(self._master, text.encode())

    def answer(self, question, text):
        self.wait(question)
        self.wait("]: ")
        self.type(text + "\n")

    def end(self):
        """Waits for the end. Returns the exit status."""
        until = time.monotonic() + TIMEOUT_S
        while self._read(until):
            pass
        return self._process.wait(TIMEOUT_S)
