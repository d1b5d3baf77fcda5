# SPDX-License-Identifier: Apache-2.0
"""administrator - who has a policy applied and confirms what was entered at the vendor

With no daemon there by the command, on the ledger's file; else at the daemon's control socket, as the command
asks there. The command is that of the build under test, or of $KEYROUTER_COMMAND_BUILD: where a sanitizer makes
it slow it has tests of its own, and here the daemons are what counts.
"""
import os
import pathlib
import subprocess

from support import DEADLINE_S, canary
from support.control import Control

SANITIZERS = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")


def program_find(build, name):
    """A program of the build: keyrouterd, keyshim or keyrouter."""
    for part in ("router", "workstation", "tools", "."):
        path = pathlib.Path(build) / part / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"{name} is not built in {build}")


def environment():
    """Of the command."""
    kept = {name: os.environ[name] for name in SANITIZERS if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **kept}


class Administrator:
    def __init__(self, build, policy_path, providers, ledger, socket):
        self.build = build
        self.policy_path = pathlib.Path(policy_path)
        self.providers = [pathlib.Path(each) for each in providers]  # definitions that it names
        self.ledger, self.socket = ledger, socket

    def keyrouter(self, *words, status=0):
        """What the command prints; it must exit with `status`."""
        build = os.environ.get("KEYROUTER_COMMAND_BUILD", self.build)
        argv = [str(word) for word in (program_find(build, "keyrouter"), *words)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=DEADLINE_S, env=environment())
        canary.evidence(f"output of {' '.join(argv[1:3])}", (done.stdout + done.stderr).encode())
        if done.returncode != status:
            raise AssertionError(f"{' '.join(argv[1:])} ends with {done.returncode}: "
                                 f"{done.stdout}{done.stderr}")
        return done.stdout

    def prepare(self, confirmed, router=None):
        """Applies the policy; what it wants on the keys of these names is confirmed.

        router: its own address, as the vendor sees it, where the policy has a use for that.
        """
        told = ["--router-address", router] if router else []
        self.keyrouter("apply", self.policy_path, "--ledger", self.ledger, *told)
        for name in confirmed:
            self.keyrouter("allowlist", "confirm", name, "--added", "all", "--ledger", self.ledger)

    @property
    def control(self):
        return Control(self.socket)

    def apply(self, confirmed, **request):
        """The same of a running daemon. What it answers."""
        answer = self.control.ask("apply", policy=self.policy_files(), **request)
        for name in confirmed:
            self.control.ask("allowlist-confirm", key=name, added="all")
        return answer

    def policy_files(self):
        """The policy as a request carries it."""
        files = [("policy", self.policy_path)]
        files += [(f"provider {path}", path) for path in self.providers]
        return {"path": str(self.policy_path),
                "files": [{"role": role, "path": str(path), "text": path.read_text()}
                          for role, path in files]}
