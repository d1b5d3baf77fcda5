# SPDX-License-Identifier: Apache-2.0
"""misfits - certificates that no client may accept, for tests that ask for one"""
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from standin.judge import HOSTS


def _issuer(folder, kind):
    if kind in ("wrong_ca", "self_signed"):
        key = ec.generate_private_key(ec.SECP256R1())
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a stranger")]), key
    with open(f"{folder}/ca.pem", "rb") as f:
        name = x509.load_pem_x509_certificate(f.read()).subject
    with open(f"{folder}/ca.key", "rb") as f:
        return name, serialization.load_pem_private_key(f.read(), None)


def misfit_make(folder, kind):
    now = datetime.datetime.utcnow()
    day = datetime.timedelta(days=1)
    begin = {"expired": now - 30 * day, "not_yet": now + day}.get(kind, now - day)
    end = {"expired": now - day}.get(kind, now + 30 * day)
    issuer, issuer_key = _issuer(folder, kind)
    key = issuer_key if kind == "self_signed" else ec.generate_private_key(ec.SECP256R1())
    subject = issuer if kind == "self_signed" else \
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, kind)])
    names = ["other.example.com"] if kind == "wrong_host" else HOSTS
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(begin).not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(issuer_key, hashes.SHA256()))
    with open(os.open(f"{folder}/{kind}.bad", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
              "wb") as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()))
        f.write(certificate.public_bytes(serialization.Encoding.PEM))
