# SPDX-License-Identifier: Apache-2.0
"""alloy - judges a request as the documents of Alloy Embedded say

docs.runalloy.com: bearer key (either case of the scheme), x-api-version required at the current
base. alloy-docs.netlify.app: older bases carry the version in the path; 401 is
{"message":"Unauthorized"}. Alloy lists no addresses. What no page says is marked TAKEN.
"""
import json
import re
import zlib

from standin.verdict import JSON_FIELDS, Judgement, Verdict, json_bytes

CURRENT = "production.runalloy.com"
OLDER = ("embedded.runalloy.com", "eu-embedded.runalloy.com", "api.runalloy.com")
HOSTS = (CURRENT, *OLDER)
BODY_MAX_BYTES = 1 << 20  # TAKEN

_VERSIONS = ("2023-01", "2023-06", "2023-12", "2024-03")
_ROUTE = re.compile(r"/(users|integrations|workflows|connectors|credentials|events)"
                    r"(/([A-Za-z0-9_-]{1,64})(/(token|credentials|actions))?)?/?")


def _path_below_version(request):
    if request.host == CURRENT:
        if not re.fullmatch(r"20[0-9]{2}-[01][0-9]", request.first("x-api-version", "")):
            raise Judgement(400, "The header x-api-version is required.")  # TAKEN: 400
        return request.path
    _, version, rest = (request.path.split("/", 2) + ["", ""])[:3]
    if version not in _VERSIONS:
        raise Judgement(404, "Not Found")
    return "/" + rest


def _body_parse(request):
    if not request.body:
        return {}
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise Judgement(400, "The body is not JSON.") from None


def _answer(request, path, match, environment):
    kind, identity, below = match[1], match[3], match[5]
    if request.method == "GET" and below == "token":
        return {"token": f"for-{identity}"}
    if request.method == "GET" and identity:
        return {"id": identity, "kind": kind, "environment": environment, "path": path}
    if request.method == "GET":
        return {"data": [{"id": "1", "environment": environment}], "path": path}
    if request.method == "DELETE":
        return {"success": True, "path": path}
    given = _body_parse(request)
    return {"id": f"{zlib.crc32(bytes(request.body)):08x}", "environment": environment,
            "path": path, "input": given}


def judge(account, request, credentials):
    if len(credentials) != 1 or credentials[0].kind != "bearer" or credentials[0].key is None:
        raise Judgement(401, "Unauthorized")
    key = credentials[0].key
    if not key.active:
        raise Judgement(401, "Unauthorized")
    path = _path_below_version(request)
    match = _ROUTE.fullmatch(path)
    if not match:
        raise Judgement(404, "Not Found")
    if request.method not in ("GET", "POST", "PUT", "DELETE"):
        raise Judgement(405, "Method Not Allowed", [["Allow", "GET, POST, PUT, DELETE"]])
    if key.limit:
        n, _ = account.count("key", key.name)
        if n > key.limit["requests"]:
            raise Judgement(429, "Too Many Requests",
                            [["Retry-After", str(int(key.limit["retry_after"]))]])  # TAKEN
    return Verdict(200, json_bytes(_answer(request, path, match, key.environment)))


def error_verdict(judgement):
    body = json_bytes({"message": judgement.message})
    return Verdict(judgement.status, body, [*JSON_FIELDS, *judgement.fields])
