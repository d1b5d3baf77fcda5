# SPDX-License-Identifier: Apache-2.0
"""sdk - installs the vendor's JavaScript SDK with npm, and runs lookups.mjs with it

Everything goes to a folder of the caller's, never into the source tree; what is installed there once is
used again until a lock file changes.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ("sdk-8", "sdk-12")
LOOKUPS = ("us-street", "us-street-batch-2", "us-street-batch-100", "us-zipcode",
           "us-autocomplete-pro", "international-street", "us-extract")
PATHS = {"us-street": "/street-address", "us-zipcode": "/lookup", "us-autocomplete-pro": "/lookup",
         "international-street": "/verify", "us-extract": "/"}
_NODE_OF = {"sdk-8": 18, "sdk-12": 22}  # the oldest that the package takes
_INSTALL_TIMEOUT_S = 300
_RUN_TIMEOUT_S = 120


class Unavailable(Exception):
    """No SDK here, and why."""


def _node_version(node):
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        return int(said.lstrip("v").partition(".")[0])
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0


def _npm_reason(said):
    """What npm says went wrong, without its prefixes and the place of its log."""
    lines = [re.sub(r"^npm (ERR!|error) ?", "", line).strip() for line in said.splitlines()
             if re.match(r"npm (ERR!|error)", line)]
    lines = [line for line in lines if line and "_logs" not in line and "complete log" not in line]
    return "; ".join(lines[:3]) or "it does not say why"


def _npm_install(source, folder):
    """The packages of source/package-lock.json below folder/HASH; returns that folder."""
    lock = (source / "package-lock.json").read_bytes()
    there = folder / f"{source.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if not there.is_dir():
            _npm_install_into(there, source)
    return there


@contextlib.contextmanager
def _locked(folder):
    """Tests that run side by side install once."""
    with open(folder / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _npm_install_into(there, source):
    folder = there.parent
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=".npm-", dir=folder))
    try:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / name, scratch / name)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                              cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=_INSTALL_TIMEOUT_S)
        if done.returncode != 0:
            raise Unavailable(f"npm could not install the SDK: {_npm_reason(done.stderr)}")
        os.rename(scratch, there)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm did not install the SDK in {_INSTALL_TIMEOUT_S} s") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _node22_install(folder):
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine())
    if machine is None:
        raise Unavailable(f"npm has no Node 22 for {platform.machine()}")
    node = _npm_install(HERE / "node22", folder) / "node_modules" / f"node-linux-{machine}" / "bin/node"
    if _node_version(node) < 22:
        raise Unavailable(f"{node} is not Node 22")
    return str(node)


class Sdk:
    """Both releases, each with a Node that it runs on."""

    def __init__(self, folder):
        if not shutil.which("node") or not shutil.which("npm"):
            raise Unavailable("node and npm are not installed; tools/packages --install sdk does it")
        folder = pathlib.Path(folder)
        self.modules = _npm_install(HERE, folder)
        own = shutil.which("node")
        version = _node_version(own)
        if version < _NODE_OF["sdk-8"]:
            raise Unavailable(f"the SDK wants Node 18 at least, {own} is {version}")
        self.nodes = {package: own if version >= oldest else _node22_install(folder)
                      for package, oldest in _NODE_OF.items()}

    def version(self, package):
        manifest = self.modules / "node_modules" / package / "package.json"
        return json.loads(manifest.read_text())["version"]

    def run(self, package, urls, credentials, lookups=LOOKUPS, ca=None, address=None):
        """[{"lookup", "api", "ok", ...}] in order: see lookups.mjs."""
        job = {"modules": str(self.modules), "package": package, "credentials": credentials,
               "urls": urls, "lookups": list(lookups), "address": address}
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        if ca:
            environment["NODE_EXTRA_CA_CERTS"] = str(ca)
        done = subprocess.run([self.nodes[package], str(HERE / "lookups.mjs")], text=True,
                              input=json.dumps(job), capture_output=True, env=environment,
                              timeout=_RUN_TIMEOUT_S)
        if done.returncode != 0:
            raise AssertionError(f"lookups.mjs ended with {done.returncode}: {done.stderr[-2000:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def shim_urls(address):
    """The base URLs of a workstation: its shim, and the name of the API as a prefix."""
    return {api: f"http://{address}/{api}{path}" for api, path in PATHS.items()}


def vendor_urls(port, hosts):
    return {api: f"https://{hosts[api]}:{port}{path}" for api, path in PATHS.items()}
