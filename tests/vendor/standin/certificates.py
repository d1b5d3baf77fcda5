# SPDX-License-Identifier: Apache-2.0
"""certificates - the vendor's certificate, and the bad ones that a test may ask for"""
import os
import ssl
import subprocess
import warnings

from standin.judge import HOSTS

KINDS = ("good", "expired", "not_yet", "wrong_host", "wrong_ca", "self_signed")
VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
            "1.3": ssl.TLSVersion.TLSv1_3}
_SITE_CA = os.path.join(os.path.dirname(__file__), "..", "..", "..", "tools", "site-ca")


def _site_ca(*words):
    subprocess.run([os.path.abspath(_SITE_CA), *words], check=True, stdout=subprocess.DEVNULL)


def certificates_make(folder):
    """The CA and the good certificate, once for a folder: a restarted vendor keeps them."""
    if not os.path.exists(f"{folder}/ca.pem"):
        _site_ca("init", folder)
    if not os.path.exists(f"{folder}/{HOSTS[0]}.pem"):
        _site_ca("issue", folder, *HOSTS)


def _version_set(context, version):
    if version < "1.2":
        context.set_ciphers("ALL:@SECLEVEL=0")  # they sign with SHA-1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = VERSIONS[version]


def context_make(folder, kind="good", version=None, tickets=2):
    """A new context: sessions made with an older one are not resumed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # smarty.com/docs/cloud/requirements
    if version:
        _version_set(context, version)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.num_tickets = tickets
    if tickets == 0:
        context.options |= ssl.OP_NO_TICKET
    context.set_alpn_protocols(["http/1.1"])
    if kind == "good":
        context.load_cert_chain(f"{folder}/{HOSTS[0]}.pem", f"{folder}/{HOSTS[0]}.key")
    else:
        from standin.misfits import misfit_make  # its library takes as long to load as all the rest
        misfit_make(folder, kind)
        context.load_cert_chain(f"{folder}/{kind}.bad")
    return context
