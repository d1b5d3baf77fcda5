# SPDX-License-Identifier: Apache-2.0
"""ca - certificate authorities of the tests, made with the script that administrators use"""
import pathlib
import ssl
import subprocess

from support import REPOSITORY

SITE_CA = REPOSITORY / "tools" / "site-ca"


class Authority:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.pem = self.folder / "ca.pem"
        if not self.pem.exists():
            self._run("init", self.folder)

    @staticmethod
    def _run(*words):
        done = subprocess.run([str(SITE_CA), *map(str, words)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"site-ca: {done.stderr.strip()}")

    def issue(self, name, *altnames):
        """(certificate, key) for these names; the same files when asked again."""
        certificate = self.folder / f"{name}.pem"
        if not certificate.exists():
            self._run("issue", self.folder, name, *altnames)
        return certificate, self.folder / f"{name}.key"

    def client_context(self):
        """Trusts this CA alone."""
        return client_context(self.pem)


def client_context(ca, version=None):
    context = ssl.create_default_context(cafile=str(ca))
    if version:
        context.minimum_version = context.maximum_version = version
    return context
