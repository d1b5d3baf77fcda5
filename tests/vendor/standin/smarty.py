# SPDX-License-Identifier: Apache-2.0
"""smarty - judges a request as Smarty's documents say

Sources, named at each rule:
  AUTH     smarty.com/docs/cloud/authentication
  CLOUD    smarty.com/docs/api-calls-401-error-when-using-embedded-keys-cloud
  MISTAKES smarty.com/blog/common-mistakes-when-calling-smarty-apis
  STREET   smarty.com/docs/cloud/us-street-api, and the pages of the other APIs beside it
  OPENAPI  the OpenAPI files of the APIs
  SDK      the vendor's SDKs
  TAKEN    documented nowhere; what is taken here, and why
"""
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from standin import answers
from standin.verdict import JSON_FIELDS, Judgement, Verdict, json_bytes

BATCH_MAX_LOOKUPS = 100  # OPENAPI, SDK: "A batch can contain a max of 100 lookups."

UNKNOWN = ("Unauthorized: The credentials were provided incorrectly or did not match any existing, "
           "active credentials.")
NOT_LISTED = "Or the host in the referer header did not match a host assigned to your embedded key."
CLOUD = "Embedded key authentication is not allowed from public cloud providers."
THROTTLED = ("Too many requests: you can avoid this error by adding your IP address as an "
             "authorized host.")


@dataclass(frozen=True)
class Api:
    name: str
    path: str  # the whole path, or its beginning up to "*"
    answer: object  # takes what `needs` checked
    needs: tuple = ()  # alternatives: sets of parameters of which one must be there in full
    embedded: tuple = ("GET",)
    secret: tuple = ("GET",)
    max_body: int = 0
    preflight: bool = False
    repeats_count: bool = False  # identical input in a loop is refused


_US_STREET = Api("us-street", "/street-address", answers.street, (("street",), ("freeform",)),
                 secret=("GET", "POST"), max_body=32768)  # OPENAPI: "max 100 or 32K"

# subdomain -> APIs. Hosts are NAME.api.smarty.com and the older NAME.api.smartystreets.com.
APIS = {
    "us-street": (_US_STREET,),
    "us-zipcode": (
        Api("us-zipcode", "/lookup", answers.zipcode, (("zipcode",), ("city", "state")),
            secret=("GET", "POST"), max_body=16384),),  # OPENAPI: 16K
    "us-autocomplete-pro": (
        Api("us-autocomplete-pro", "/lookup", answers.autocomplete_pro, (("search",),),
            preflight=True),),
    "us-autocomplete": (
        Api("us-autocomplete-v2", "/v2/lookup", answers.autocomplete_v2, (("search",),),
            preflight=True),
        # "Secret key -> 401; embedded only" (the page of this API)
        Api("us-autocomplete", "/suggest", answers.autocomplete_basic, (("prefix",),),
            secret=(), preflight=True)),
    "us-extract": (  # SDK: never with an embedded key; 64K is TAKEN from older pages
        Api("us-extract", "/", answers.extract, embedded=(), secret=("POST",), max_body=65536),),
    "us-enrichment": (Api("us-enrichment", "/lookup/*", answers.enrichment),),
    "us-reverse-geo": (
        Api("us-reverse-geo", "/lookup", answers.reverse_geo, (("latitude", "longitude"),)),),
    "international-street": (
        Api("international-street", "/verify", answers.international_street,
            (("country", "freeform"), ("country", "address1")), repeats_count=True),),
    "international-autocomplete": (
        Api("international-autocomplete", "/v2/lookup", answers.international_autocomplete,
            (("search",),), repeats_count=True),
        Api("international-autocomplete", "/v2/lookup/*", answers.international_autocomplete,
            repeats_count=True)),
    "international-postal-code": (
        Api("international-postal-code", "/lookup", answers.international_postal_code,
            (("country", "postal_code"), ("country", "locality")), repeats_count=True),),
}
_LEGACY = ("international-street", "us-autocomplete", "us-autocomplete-pro", "us-extract",
           "us-street", "us-zipcode")  # SDK: the hosts of their older releases

BY_HOST = {f"{name}.api.smarty.com": apis for name, apis in APIS.items()}
BY_HOST |= {f"{name}.api.smartystreets.com": APIS[name] for name in _LEGACY}
BY_HOST["api.smartystreets.com"] = (_US_STREET,)


def api_find(request):
    path = request.path
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]  # changelog 5.5.6: "/street-address/?..." is accepted
    for api in BY_HOST[request.host]:
        if path == api.path or (api.path.endswith("*") and path.startswith(api.path[:-1])):
            return api
    return None


def max_body(request):
    """What the API at this request takes: known from its head already."""
    api = api_find(request)
    return api.max_body if api else 0


# ---- who may ask


def _page_of(request):
    """The host name a browser's request says it comes from; SDKs spell Referer in many ways."""
    for name in ("referer", "origin"):
        value = request.first(name)
        if value:
            parts = urlsplit(value if "//" in value else "//" + value)
            return (parts.hostname or value).lower()
    return None


def _throttle(account, key, source):
    if key.per_minute:
        n, retry_after = account.count("source", key.name, source)
        if n > key.per_minute:
            raise Judgement(429, THROTTLED, [["Retry-After", str(retry_after)]])


def _embedded_check(account, key, source, request):
    page = _page_of(request)
    if page is not None:
        # A user's report (Java SDK, pull request 24): with a Referer the vendor looks at the host
        # name instead of the address. AUTH: Origin counts alike, and this access is rate-limited.
        if key.lists_name(page, account.now):
            return _throttle(account, key, source)
    elif key.lists(source, account.now):
        return None  # AUTH: a listed address has un-throttled access
    if account.is_cloud(source) and not key.lists(source, account.now):
        raise Judgement(401, CLOUD)  # CLOUD, word for word
    if page is None and key.unlisted == "throttle":
        return _throttle(account, key, source)  # OPENAPI on 429
    # TAKEN: the page without a Referer names no other text than that of its autocomplete APIs.
    raise Judgement(401, f"{UNKNOWN} {NOT_LISTED}")


def _method_check(api, credential, request):
    allowed = api.embedded if credential.kind == "embedded" else api.secret
    if not allowed:
        raise Judgement(401, UNKNOWN)  # this class never works here: an unknown credential
    if request.method not in allowed:
        # STREET: an embedded key has GET alone. TAKEN: 405, not 401, since the credential is good.
        raise Judgement(405, f"Method {request.method} is not allowed with this credential.",
                        [["Allow", ", ".join(allowed)]])


def _key_check(account, credential):
    key = credential.key
    if key is None or not key.active or key.live_at > account.now:
        raise Judgement(401, UNKNOWN)
    if not key.subscription:
        raise Judgement(402, "Payment Required: There is no active subscription for the account "
                             "associated with the credentials submitted with the request.")
    if key.limit:
        n, _ = account.count("key", key.name)
        if n > key.limit["requests"]:
            # TAKEN: the status at a key's own limit is documented nowhere; 429 as for a plan's.
            raise Judgement(429, "Too Many Requests: the limit of this key is reached.",
                            [["Retry-After", str(int(key.limit["retry_after"]))]])


def _credential_check(account, api, credentials, source, request):
    if len(credentials) != 1 or credentials[0].kind not in ("embedded", "secret"):
        raise Judgement(401, UNKNOWN)  # TAKEN: none, or more than one, is "provided incorrectly"
    credential = credentials[0]
    if credential.kind == "secret" and _page_of(request) is not None:
        raise Judgement(401, UNKNOWN)  # MISTAKES: a secret key on a client-side request
    if credential.key is None or not credential.key.active:
        raise Judgement(401, UNKNOWN)
    if credential.kind == "embedded":
        _embedded_check(account, credential.key, source, request)
    _method_check(api, credential, request)
    _key_check(account, credential)


# ---- what is asked


def _needs_check(api, lookup):
    if api.needs and not any(all(lookup.get(n) for n in names) for names in api.needs):
        names = " or ".join("+".join(n) for n in api.needs)
        raise Judgement(422, f"Unprocessable Entity: the request needs {names}.")
    if len(lookup.get("search", "")) > 32 and api.name == "us-autocomplete-pro":
        raise Judgement(422, "Unprocessable Entity: search has at most 32 characters.")  # OPENAPI


def _batch_parse(body):
    try:
        lookups = json.loads(body)
    except (ValueError, RecursionError):
        raise Judgement(400, "Bad Request (Malformed Payload): not JSON.") from None
    if not isinstance(lookups, list) or not lookups or \
            not all(isinstance(x, dict) for x in lookups):
        raise Judgement(400, "Bad Request (Malformed Payload): not an array of lookups.")
    if len(lookups) > BATCH_MAX_LOOKUPS:
        raise Judgement(400, f"A batch can contain a max of {BATCH_MAX_LOOKUPS} lookups.")
    return [{k: str(v) for k, v in lookup.items()} for lookup in lookups]


def _extract_answer(api, request):
    if not request.first("content-type", "").lower().startswith("text/plain"):
        raise Judgement(400, "Bad Request: Content-Type has to be text/plain; charset=utf-8.")
    try:
        return api.answer(request.body.decode("utf-8"))
    except UnicodeDecodeError:
        raise Judgement(400, "Bad Request (Malformed Payload): not UTF-8.") from None


def _enrichment_answer(api, request):
    parts = [p for p in request.path.split("/")[2:] if p]
    if len(parts) < 2:
        raise Judgement(404, "Not Found")
    etag = answers.enrichment_etag(parts)
    if request.first("etag") == etag:  # OPENAPI: Etag is a request header here
        return Verdict(304, b"", [["Etag", etag]])
    return Verdict(200, json_bytes(api.answer(parts)), [*JSON_FIELDS, ["Etag", etag]])


def _lookup_answer(account, api, request, lookup, source):
    if api.path == "/v2/lookup/*":
        lookup["address_id"] = request.path.split("/")[3]
    try:
        _needs_check(api, lookup)
        if account.same_input_max and api.repeats_count:
            n, retry_after = account.count("same", source, request.host,
                                           tuple(sorted(lookup.items())))
            if n > account.same_input_max:  # OPENAPI on 429 of the international APIs
                raise Judgement(429, "Too many requests with exactly the same input values.",
                                [["Retry-After", str(retry_after)]])
        return api.answer([lookup] if api.max_body else lookup)
    except ValueError:
        raise Judgement(422, "Unprocessable Entity: a value is malformed.") from None


def _answer(account, api, request, parameters, source):
    if api.name == "us-extract":
        return _extract_answer(api, request)
    if api.name == "us-enrichment":
        return _enrichment_answer(api, request)
    if request.method == "POST":
        return api.answer(_batch_parse(request.body))
    return _lookup_answer(account, api, request, dict(parameters), source)


# ---- the judge


def _preflight(api):
    # The pages list OPTIONS for the autocomplete APIs. TAKEN: the header fields, any page may ask.
    methods = ", ".join(api.embedded)
    return Verdict(200, b"", [["Access-Control-Allow-Origin", "*"],
                              ["Access-Control-Allow-Methods", methods],
                              ["Access-Control-Max-Age", "600"]])


def judge(account, source, request, credentials, parameters):
    """The vendor's verdict on a whole request; Judgement where a rule refuses it."""
    api = api_find(request)
    if api is None:
        raise Judgement(404, "Not Found")
    if request.method == "OPTIONS" and api.preflight:
        return _preflight(api)
    _credential_check(account, api, credentials, source, request)
    if len(request.body) > api.max_body and request.method == "POST":
        raise body_refusal(api.max_body)
    answer = _answer(account, api, request, parameters, source)
    verdict = answer if isinstance(answer, Verdict) else Verdict(200, json_bytes(answer))
    if request.first("origin"):
        verdict.fields.append(["Access-Control-Allow-Origin", "*"])  # TAKEN
    return verdict


def body_refusal(limit):
    return Judgement(413, "Request Entity Too Large: The request body was larger than "
                          f"{limit // 1024} Kilobytes.")


def error_verdict(judgement):
    body = {"errors": [{"id": judgement.status * 1000, "message": judgement.message}]}
    return Verdict(judgement.status, json_bytes(body), [*JSON_FIELDS, *judgement.fields])
