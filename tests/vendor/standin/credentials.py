# SPDX-License-Identifier: Apache-2.0
"""credentials - which credentials a request carries, as the vendor reads them

A vendor decodes the names of query parameters, so "%6bey=1" is a key too. Every credential found is
listed: a request with two of them is one that keyrouter spoiled.
"""
import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qsl

from standin.accounts import fingerprint
from standin.http1 import BadRequest

NAMES = ("key", "auth-id", "auth-token")


@dataclass
class Credential:
    kind: str  # embedded, secret, bearer, unknown
    where: str  # "query key", "header authorization"
    key: object  # accounts.Key, or None: matches nothing
    value: str = ""  # what was presented; never written anywhere
    sent: str = ""  # the same as it came: of a header, all of it

    def describe(self):
        return {"class": self.kind, "where": self.where, "key": self.key.name if self.key else None,
                "fingerprint": fingerprint(self.value)}


def _secret(account, where, user, password):
    key = account.find("secret", user)
    known = key is not None and key.fields["token"] == password
    return Credential("secret", where, key if known else None, password)


def _of_header(account, value):
    scheme, _, rest = value.partition(" ")
    where = "header authorization"
    if scheme.lower() == "bearer":
        token = rest.strip()
        return Credential("bearer", where, account.find("bearer", token), token)
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(rest.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return Credential("unknown", where, None, value)
        user, _, password = text.partition(":")
        return _secret(account, where, user, password)
    return Credential("unknown", where, None, value)


def _embedded(account, where, value):
    return Credential("embedded", where, account.find("embedded", value), value)


def _of_query(account, named):
    found = [_embedded(account, "query key", v) for v in named["key"]]
    ids, tokens = named["auth-id"], named["auth-token"]
    for user, password in zip(ids, tokens):
        found.append(_secret(account, "query auth-id auth-token", user, password))
    # Very old pages gave the embedded key as auth-id, or as auth-token, alone.
    paired = min(len(ids), len(tokens))
    found += [_embedded(account, "query auth-id", v) for v in ids[paired:]]
    found += [_embedded(account, "query auth-token", v) for v in tokens[paired:]]
    return found


def parameters_parse(query):
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise BadRequest(400, "too many query parameters") from None


def credentials_find(account, request, parameters):
    named = {name: [] for name in NAMES}
    for name, value in parameters:
        if name in named:
            named[name].append(value)
    found = _of_query(account, named)
    for value in request.values.get("authorization", ()):
        found.append(_of_header(account, value))
        found[-1].sent = value
    return found
