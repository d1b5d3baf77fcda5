# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the command's tests: a policy and a ledger in a folder, keyrouter run on them.

    def test_x(office):
        office.policy(groups=[("sales", ["192.0.2.1-192.0.2.9"], ["k-1"])])
        done = office.run("apply", "policy.cfg")            # fails the test unless it exits with 0
        assert "Row 1" in done.out
        document = office.json("plan", "policy.cfg")        # what --json prints
        refused = office.run("rollback", status=69)
"""
import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import REPOSITORY  # noqa: E402
from support.cfg import cfg_format  # noqa: E402
from support.site import PROVIDER, program_find  # noqa: E402
from support.terminal import Terminal  # noqa: E402

TIMEOUT_S = 60
PROVIDERS = ("--providers", str(PROVIDER.parent))


def pytest_addoption(parser):
    parser.addoption("--build-dir", help="meson build folder with the programs under test")


@dataclass
class Done:
    out: str
    err: str
    status: int


class Office:
    """Where an administrator sits: a folder with a policy, a ledger that nobody else holds."""

    def __init__(self, folder, build):
        self.folder = folder
        self.program = program_find(build, "keyrouter")
        self.ledger = folder / "ledger.db"

    def policy(self, name="policy.cfg", keys=(("k-1", {}),), groups=(), backend="secret", **rest):
        """keys: (name, settings); groups: (name, workstations, keys[, settings])."""
        text = cfg_format({
            "site": "austin", "providers": [str(PROVIDER)],
            "keys": [{"name": k, "provider": "smarty", "credential": k, **more} for k, more in keys],
            "backends": [{"name": backend, "provider": "smarty", "credential": backend}],
            "groups": [{"name": g[0], "workstations": list(g[1]), "egress": "transparent",
                        "keys": list(g[2]), "backends": [backend], **(g[3] if len(g) > 3 else {})}
                       for g in groups], **rest})
        (self.folder / name).write_text(text)
        return self.folder / name

    @staticmethod
    def _environment(more=None):
        sanitizers = {name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")
                      if name in os.environ}
        return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **sanitizers, **(more or {})}

    def terminal(self, *words, ledger=True, environment=None, **options):
        """The same on a terminal: a support.terminal.Terminal."""
        argv = [str(self.program), *map(str, words)]
        if ledger:
            argv += ["--ledger", str(self.ledger)]
        return Terminal(argv, cwd=self.folder, env=self._environment(environment), **options)

    def run(self, *words, status=0, ledger=True, stdin=None, environment=None, to=None):
        """With the ledger of the folder. to: a path that standard output goes to."""
        argv = [str(self.program), *map(str, words)]
        if ledger:
            argv += ["--ledger", str(self.ledger)]
        with open(to or os.devnull, "wb") as file:
            done = subprocess.run(
                argv, cwd=self.folder, input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                stdout=file if to else subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=TIMEOUT_S, env=self._environment(environment))
        if status is not None:
            assert done.returncode == status, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return Done(done.stdout, done.stderr, done.returncode)

    def json(self, *words, status=0, **options):
        return json.loads(self.run(*words, "--json", status=status, **options).out)


@pytest.fixture(scope="session")
def build_dir(request):
    told = request.config.getoption("--build-dir", None) or os.environ.get("KEYROUTER_BUILD")
    return pathlib.Path(told or REPOSITORY / "build").resolve()


@pytest.fixture
def office(tmp_path, build_dir):
    return Office(tmp_path, build_dir)
