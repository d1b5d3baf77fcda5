# SPDX-License-Identifier: Apache-2.0
"""canary - every key of a test is unique, and is searched for wherever it must not be

A canary registers itself when it is made. Whoever holds bytes that came out of keyrouter (logs,
answers, /proc) gives them to evidence(); the check then looks for every canary in every form it
could have leaked in. All forms are compared without regard to case, so each stands for its
spellings.
"""
import base64
import secrets
import string
import threading

_registered = []
_retired = set()
_evidence = []
_lock = threading.Lock()
n_bytes_searched = 0
n_found = 0


class Leak(AssertionError):
    """A canary is where it must not be."""


class Canary:
    """One secret value. It never shows itself: repr() is its name."""

    def __init__(self, name, value):
        self.name = name
        self.value = value
        self.forms = forms_of(value.encode())
        with _lock:
            _registered.append(self)

    def __repr__(self):
        return f"<canary {self.name}>"


def _base64_forms(raw):
    """What base64 of any text around `raw` must contain, for each of the three alignments."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw)
        first = -(-before * 8 // 6)  # characters that hold bits of what stands before
        last = (before + len(raw)) * 8 // 6  # and those that hold bits of what stands behind
        yield text[first:last]
        yield base64.urlsafe_b64encode(bytes(before) + raw)[first:last]


def forms_of(raw):
    """{form: bytes in lower case} of a value."""
    forms = {
        "plain": raw,
        "percent": b"".join(b"%%%02x" % b for b in raw),
        "double percent": b"".join(b"%%25%02x" % b for b in raw),
        "percent where reserved": b"".join(
            bytes([b]) if chr(b) in string.ascii_letters + string.digits + "-._~" else b"%%%02x" % b
            for b in raw),
        "hex": raw.hex().encode(),
        "spaced hex": raw.hex(" ").encode(),
        "json": b"".join(b"\\u00%02x" % b for b in raw),
        "backwards": raw[::-1],
    }
    for i, form in enumerate(_base64_forms(raw)):
        forms[f"base64 {i}"] = form
    distinct = {form.lower(): name for name, form in reversed(forms.items())}
    return {name: form for form, name in distinct.items()}


def embedded(name):
    """An embedded key is digits."""
    return Canary(name, "".join(secrets.choice(string.digits) for _ in range(20)))


def token(name, alphabet=string.ascii_letters + string.digits, length=24):
    return Canary(name, "".join(secrets.choice(alphabet) for _ in range(length)))


def search(data, canaries=None):
    """[(canary, form)] of what is in these bytes."""
    data = bytes(data).lower()
    return [(canary, form) for canary in (_registered if canaries is None else canaries)
            for form, needle in canary.forms.items() if needle in data]


def evidence(source, data):
    """Bytes that came out of keyrouter, and where; searched at the end of the test."""
    if data:
        with _lock:
            _evidence.append((source, bytes(data)))


def retire(canaries):
    """Nobody has them any more: the next check is the last that looks for them.

    Otherwise each test of a run would be searched for the keys of all tests before it.
    """
    with _lock:
        _retired.update(canaries)


def check():
    """Searches the evidence since the last check and forgets it; Leak names the place only."""
    global n_bytes_searched, n_found
    with _lock:
        gathered, canaries = list(_evidence), list(_registered)
        _registered[:] = [each for each in _registered if each not in _retired]
        _evidence.clear()
        _retired.clear()
    together = {}
    for source, data in gathered:
        together.setdefault(source, bytearray()).extend(data + b"\n")
    found = []
    for source, data in together.items():
        n_bytes_searched += len(data)
        found += [f"{canary.name} as {form} in {source}" for canary, form in search(data, canaries)]
    n_found += len(found)
    if found:
        raise Leak("; ".join(found))
