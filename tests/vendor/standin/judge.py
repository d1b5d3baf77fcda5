# SPDX-License-Identifier: Apache-2.0
"""judge - one request: its credentials, its verdict, and what of it may be written down"""
from standin import alloy, smarty
from standin.credentials import NAMES, credentials_find, parameters_parse
from standin.verdict import JSON_FIELDS, Judgement, Verdict, json_bytes

HOSTS = (*smarty.BY_HOST, *alloy.HOSTS)
_MISDIRECTED = Verdict(421, json_bytes({"errors": [{"id": 421000, "message": "No such host."}]}))


def _class_of(credentials):
    if len(credentials) > 1:
        return "several"
    return credentials[0].kind if credentials else "none"


def _head_leaks(account, request, parameters):
    """Places that hold a credential and should not: for a test to assert that there are none."""
    places = [f"header {n.lower()}" for n, v in request.fields
              if n.lower() != "authorization" and account.leak_in(v)]
    places += [f"query {n}" for n, v in parameters if n not in NAMES and account.leak_in(v)]
    return places + (["path"] if account.leak_in(request.path) else [])


def _field_record(account, name, value):
    if name.lower() in ("authorization", "proxy-authorization"):
        return [name, value.partition(" ")[0]]  # the scheme alone
    return [name, account.mask(value)]


def head_record(account, request):
    """What can be written down as soon as the head is read. No value of a credential is in it."""
    parameters = parameters_parse(request.query)
    credentials = credentials_find(account, request, parameters)
    key = credentials[0].key if len(credentials) == 1 else None
    api = smarty.api_find(request) if request.host in smarty.BY_HOST else None
    return credentials, parameters, {
        "method": request.method,
        "host": request.host,
        "path": account.mask(request.path),
        "api": api.name if api else "alloy" if request.host in alloy.HOSTS else None,
        "class": _class_of(credentials),
        "key": key.name if key else None,
        "credentials": [c.describe() for c in credentials],
        "headers": [_field_record(account, n, v) for n, v in request.fields],
        "parameters": [account.mask(n) for n, _ in parameters],
        "framing": request.framing,
        "leaks": _head_leaks(account, request, parameters),
    }


def body_record(account, request, record):
    """The rest, once the body is there."""
    record["body_length"] = len(request.body)
    record["trailers"] = [n for n, _ in request.trailers]
    if request.body and account.leak_in(request.body.decode("latin-1")):
        record["leaks"].append("body")


def head_refusal(account, request):
    """A body that is too long by its own declaration is refused before it is read."""
    if request.host in smarty.BY_HOST and request.method == "POST":
        limit = smarty.max_body(request)
        if limit and (request.length or 0) > limit:
            verdict = smarty.error_verdict(smarty.body_refusal(limit))
            verdict.closes = True
            return verdict
    return None


def request_judge(account, source, request, credentials, parameters):
    face = smarty if request.host in smarty.BY_HOST else alloy
    if request.host not in HOSTS:
        return Verdict(_MISDIRECTED.status, _MISDIRECTED.body)
    try:
        if face is alloy:
            return alloy.judge(account, request, credentials)
        return smarty.judge(account, source, request, credentials, parameters)
    except Judgement as judgement:
        return face.error_verdict(judgement)


def bad_request_verdict(error):
    body = {"errors": [{"id": error.status * 1000, "message": f"Bad Request: {error.reason}."}]}
    return Verdict(error.status, json_bytes(body), list(JSON_FIELDS), closes=True)
