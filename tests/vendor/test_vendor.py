# SPDX-License-Identifier: Apache-2.0
"""The stand-in vendor keeps the vendor's rules: each a row with a sentence."""
import base64
import http.client
import json
import socket
import ssl
import urllib.parse

import pytest

from support.ca import client_context
from support.vendor import Refused

STREET = "us-street.api.smarty.com"
ZIPCODE = "us-zipcode.api.smarty.com"
PRO = "us-autocomplete-pro.api.smarty.com"
BASIC = "us-autocomplete.api.smarty.com"
EXTRACT = "us-extract.api.smarty.com"
INTERNATIONAL = "international-street.api.smarty.com"
ENRICHMENT = "us-enrichment.api.smarty.com"
ALLOY = "production.runalloy.com"
CLOUD = "Embedded key authentication is not allowed from public cloud providers."

DESK, STRANGER = "127.1.0.1", "127.9.0.1"
CLOUD_HOST, LISTED_CLOUD_HOST = "127.200.0.1", "127.200.0.2"
NOT_FOUND = "did not match any existing"
LOOKUP = "/street-address?street=1+Main+St&city=Springfield"
TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def ask(vendor, source, method, host, target, headers=None, body=None):
    """One request by Python's own HTTP client, from this source address."""
    sock = socket.create_connection(("127.0.0.1", vendor.port), 20, source_address=(source, 0))
    connection = http.client.HTTPConnection(host)
    connection.sock = client_context(vendor.ca).wrap_socket(sock, server_hostname=host)
    try:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


class World:
    """Keys as they are at the start of each row."""

    def __init__(self, vendor):
        self.vendor = vendor
        vendor.cloud("127.200.0.0/16")
        self.listed = vendor.add_embedded("listed", [DESK, LISTED_CLOUD_HOST, "crm.example.com",
                                                     "*.apps.example.com"])
        self.open = vendor.add_embedded("open", unlisted="throttle", per_minute=2)
        self.broke = vendor.add_embedded("broke", [DESK], subscription=False)
        self.off = vendor.add_embedded("off", [DESK], active=False)
        self.new = vendor.add_embedded("new", [DESK], live=False)
        self.secret = vendor.add_secret("secret")
        self.small = vendor.add_secret("small", limit={"requests": 0, "retry_after": 7})
        self.alloy = vendor.add_bearer("alloy")

    def query(self, key):
        if key.kind == "embedded":
            return key.query
        return f"auth-id={key.fields['id'].value}&auth-token={key.fields['token'].value}"


@pytest.fixture
def world(vendor):
    return World(vendor)


def with_key(name, where="query"):
    """How a row presents a key: as text in {key}, or as a header."""
    return name, where


def present(world, how, target, headers):
    if how is None:
        return target, headers
    name, where = how
    key = getattr(world, name)
    if where == "query":
        return target + ("&" if "?" in target else "?") + world.query(key), headers
    if where == "basic":
        return target, dict([*headers.items(), key.basic])
    if where == "bearer":
        return target, dict([*headers.items(), key.bearer])
    return target + "&" + where.replace("VALUE", next(iter(key.values.values()))), headers


EMBEDDED, SECRET = with_key("listed"), with_key("secret", "basic")
REFERER, ORIGIN = {"Referer": "https://x.example/"}, {"Origin": "https://x.example"}

# sentence, key, source, method, host, target, headers, body, status, a piece of the answer
RULES = [
    ("a listed address may use its embedded key",
     EMBEDDED, DESK, "GET", STREET, LOOKUP, {}, None, 200, '"delivery_line_1":"1 Main St"'),
    ("the older host names work", EMBEDDED, DESK, "GET", "us-street.api.smartystreets.com", LOOKUP,
     {}, None, 200, "Springfield"),
    ("a trailing slash is taken",
     EMBEDDED, DESK, "GET", STREET, LOOKUP.replace("?", "/?"), {}, None, 200, "1 Main St"),
    ("an address that is not listed is refused",
     EMBEDDED, STRANGER, "GET", STREET, LOOKUP, {}, None, 401, NOT_FOUND),
    ("a cloud address that is not listed is refused with the vendor's own words",
     EMBEDDED, CLOUD_HOST, "GET", STREET, LOOKUP, {}, None, 401, f'"message":"{CLOUD}"'),
    ("a cloud address that is listed is served",
     EMBEDDED, LISTED_CLOUD_HOST, "GET", STREET, LOOKUP, {}, None, 200, "1 Main St"),
    ("a listed page is served from anywhere",
     EMBEDDED, STRANGER, "GET", STREET, LOOKUP, {"Referer": "https://crm.example.com/a?b"}, None,
     200, ""),
    ("a listed page counts by its Origin too",
     EMBEDDED, STRANGER, "GET", STREET, LOOKUP, {"Origin": "https://crm.example.com"}, None, 200,
     ""),
    ("a Referer without a scheme is read leniently",
     EMBEDDED, STRANGER, "GET", STREET, LOOKUP, {"Referer": "crm.example.com"}, None, 200, ""),
    ("a wildcard covers one level",
     EMBEDDED, STRANGER, "GET", STREET, LOOKUP, {"Referer": "https://a.apps.example.com"}, None,
     200, ""),
    ("a wildcard does not cover two levels",
     EMBEDDED, STRANGER, "GET", STREET, LOOKUP, {"Referer": "https://b.a.apps.example.com"}, None,
     401, ""),
    ("a wildcard does not cover the apex",
     EMBEDDED, STRANGER, "GET", STREET, LOOKUP, {"Referer": "https://apps.example.com"}, None, 401,
     ""),
    ("a foreign Referer defeats a listed address",
     EMBEDDED, DESK, "GET", STREET, LOOKUP, REFERER, None, 401, "referer"),
    ("an embedded key is for GET alone", EMBEDDED, DESK, "POST", STREET, "/street-address?a=b", {},
     '[{"street":"1 Main St"}]', 405, "not allowed"),
    ("an embedded key does not even take HEAD",
     EMBEDDED, DESK, "HEAD", STREET, LOOKUP, {}, None, 405, ""),
    ("an unknown key is refused", with_key("listed", "key=12345678"), DESK, "GET", STREET, LOOKUP,
     {},
     None, 401, NOT_FOUND),
    ("no credential at all is refused", None, DESK, "GET", STREET, LOOKUP, {}, None, 401,
     NOT_FOUND),
    ("two credentials are refused, the first being good",
     with_key("listed", "key=VALUE&auth-token=1"), DESK, "GET", STREET, LOOKUP, {}, None, 401,
     NOT_FOUND),
    ("a good one in the query and another in a header are refused", EMBEDDED, DESK, "GET", STREET,
     LOOKUP,
     {"Authorization": "Basic YTpi"}, None, 401, NOT_FOUND),
    ("an escaped name is a key too",
     with_key("listed", "%6bey=VALUE"), DESK, "GET", STREET, LOOKUP, {}, None, 200, ""),
    ("auth-id alone is an old spelling of an embedded key",
     with_key("listed", "auth-id=VALUE"), DESK, "GET", STREET, LOOKUP, {}, None, 200, ""),
    ("auth-token alone is an older one",
     with_key("listed", "auth-token=VALUE"), DESK, "GET", STREET, LOOKUP, {}, None, 200, ""),
    ("a key switched off is unknown", with_key("off"), DESK, "GET", STREET, LOOKUP, {}, None, 401,
     NOT_FOUND),
    ("a new key takes a while", with_key("new"), DESK, "GET", STREET, LOOKUP, {}, None, 401,
     NOT_FOUND),
    ("without a subscription it is 402",
     with_key("broke"), DESK, "GET", STREET, LOOKUP, {}, None, 402, "no active subscription"),
    ("a secret key works from any address by Basic",
     SECRET, CLOUD_HOST, "GET", STREET, LOOKUP, {}, None, 200, "1 Main St"),
    ("a secret key works from any address by query",
     with_key("secret"), CLOUD_HOST, "GET", STREET, LOOKUP, {}, None, 200, "1 Main St"),
    ("a Referer makes it a browser's request: no secret key",
     SECRET, DESK, "GET", STREET, LOOKUP, REFERER, None, 401, NOT_FOUND),
    ("an Origin does so too", SECRET, DESK, "GET", STREET, LOOKUP, ORIGIN, None, 401, NOT_FOUND),
    ("half a secret key is an unknown embedded one",
     with_key("secret", "auth-id=VALUE"), DESK, "GET", STREET, LOOKUP, {}, None, 401, NOT_FOUND),
    ("malformed Basic is refused", None, DESK, "GET", STREET, LOOKUP, {"Authorization": "Basic ?"},
     None, 401, ""),
    ("a batch goes by the secret key", SECRET, DESK, "POST", STREET, "/street-address", {},
     '[{"street":"1 A St"},{"street":"2 B St","input_id":"x"}]', 200, '"input_id":"x"'),
    ("a batch has at most 100 lookups", SECRET, DESK, "POST", STREET, "/street-address", {},
     json.dumps([{"street": "1 A St"}] * 101), 400, "max of 100"),
    ("a batch of 100 is taken", SECRET, DESK, "POST", STREET, "/street-address", {},
     json.dumps([{"street": "1 A St"}] * 100), 200, '"input_index":99'),
    ("a street batch of 32,768 bytes is taken", SECRET, DESK, "POST", STREET, "/street-address", {},
     '[{"street":"1 A St"}]'.ljust(32768), 200, "1 A St"),
    ("a street batch of 32,769 bytes is not", SECRET, DESK, "POST", STREET, "/street-address", {},
     '[{"street":"1 A St"}]'.ljust(32769), 413, "larger than 32 Kilobytes"),
    ("a ZIP batch of 16,384 bytes is taken", SECRET, DESK, "POST", ZIPCODE, "/lookup", {},
     '[{"zipcode":"62701"}]'.ljust(16384), 200, '"62701"'),
    ("a ZIP batch of 16,385 bytes is not", SECRET, DESK, "POST", ZIPCODE, "/lookup", {},
     '[{"zipcode":"62701"}]'.ljust(16385), 413, "larger than 16 Kilobytes"),
    ("a batch that is not JSON is malformed",
     SECRET, DESK, "POST", STREET, "/street-address", {}, "[{", 400, "Malformed"),
    ("a batch that is not an array is malformed",
     SECRET, DESK, "POST", STREET, "/street-address", {}, '{"street":"x"}', 400, "Malformed"),
    ("what is missing is 422",
     EMBEDDED, DESK, "GET", STREET, "/street-address?city=Springfield", {}, None, 422, "street"),
    ("a ZIP lookup needs a ZIP or a city and a state",
     EMBEDDED, DESK, "GET", ZIPCODE, "/lookup?city=Springfield", {}, None, 422, "zipcode"),
    ("a ZIP lookup is answered", EMBEDDED, DESK, "GET", ZIPCODE, "/lookup?city=Peoria&state=IL", {},
     None, 200,
     '"city":"Peoria"'),
    ("suggestions are answered", EMBEDDED, DESK, "GET", PRO, "/lookup?search=1+Ma", {}, None, 200,
     '"street_line":"1 Ma"'),
    ("a search has at most 32 characters", EMBEDDED, DESK, "GET", PRO, "/lookup?search=" + 33 * "a",
     {}, None, 422, "32"),
    ("autocomplete answers a preflight", None, STRANGER, "OPTIONS", PRO, "/lookup", ORIGIN, None,
     200, ""),
    ("the newer autocomplete is answered", SECRET, DESK, "GET", BASIC, "/v2/lookup?search=1+Ma", {},
     None, 200,
     '"street_line":"1 Ma"'),
    ("the oldest autocomplete takes embedded keys",
     EMBEDDED, DESK, "GET", BASIC, "/suggest?prefix=1+Ma", {}, None, 200, '"text":"1 Ma'),
    ("and no secret key", SECRET, DESK, "GET", BASIC, "/suggest?prefix=1+Ma", {}, None, 401,
     NOT_FOUND),
    ("extract takes the secret key",
     SECRET, DESK, "POST", EXTRACT, "/", TEXT, "see 5 Oak Ave", 200, '"text":"see 5 Oak Ave"'),
    ("extract takes no embedded key",
     EMBEDDED, DESK, "POST", EXTRACT, "/?a=b", TEXT, "see 5 Oak Ave", 401, NOT_FOUND),
    ("extract wants plain text", SECRET, DESK, "POST", EXTRACT, "/", {"Content-Type": "text/html"},
     "5 Oak",
     400, "text/plain"),
    ("international lookups are answered", EMBEDDED, DESK, "GET", INTERNATIONAL,
     "/verify?country=FRA&address1=1+Rue+A", {}, None, 200, '"address1":"1 Rue A"'),
    ("an international lookup needs a country",
     EMBEDDED, DESK, "GET", INTERNATIONAL, "/verify?address1=1+Rue+A", {}, None, 422, "country"),
    ("enrichment is answered",
     EMBEDDED, DESK, "GET", ENRICHMENT, "/lookup/77/property/principal?a=b", {}, None, 200,
     '"smarty_key":"77"'),
    ("reverse geocoding is answered", EMBEDDED, DESK, "GET", "us-reverse-geo.api.smarty.com",
     "/lookup?latitude=40.1&longitude=-73.2", {}, None, 200, "at 40.1 -73.2"),
    ("coordinates that are no numbers are 422", EMBEDDED, DESK, "GET",
     "us-reverse-geo.api.smarty.com",
     "/lookup?latitude=x&longitude=1", {}, None, 422, ""),
    ("another path is not found", EMBEDDED, DESK, "GET", STREET, "/other?a=b", {}, None, 404, ""),
    ("a GET-only API takes no POST by the secret key",
     SECRET, DESK, "POST", INTERNATIONAL, "/verify", {}, "[]", 405, ""),
    ("Alloy takes its bearer key", with_key("alloy", "bearer"), STRANGER, "GET", ALLOY, "/users/7",
     {"x-api-version": "2025-09"}, None, 200, '"id":"7"'),
    ("Alloy wants a version", with_key("alloy", "bearer"), DESK, "GET", ALLOY, "/users", {}, None,
     400,
     "x-api-version"),
    ("Alloy's older base has it in the path", with_key("alloy", "bearer"), DESK, "GET",
     "embedded.runalloy.com", "/2024-03/users/7", {}, None, 200, '"id":"7"'),
    ("Alloy refuses in its own words", None, DESK, "GET", ALLOY, "/users",
     {"x-api-version": "2025-09"},
     None, 401, '{"message":"Unauthorized"}'),
    ("a Smarty key is nothing to Alloy", SECRET, DESK, "GET", ALLOY, "/users",
     {"x-api-version": "2025-09"}, None, 401, '{"message":"Unauthorized"}'),
]


@pytest.mark.parametrize("row", RULES, ids=[r[0] for r in RULES])
def test_rule(world, row):
    sentence, how, source, method, host, target, headers, body, status, piece = row
    target, headers = present(world, how, target, dict(headers))
    response, answer = ask(world.vendor, source, method, host, target, headers, body)
    assert response.status == status, (sentence, answer)
    assert piece in answer.decode(), sentence
    if status >= 400 and method != "HEAD":
        shape = json.loads(answer)
        assert "message" in (shape if host == ALLOY else shape["errors"][0])
    record, = world.vendor.records()
    assert (record["source"], record["host"], record["status"]) == (source, host, status)
    assert record["outcome"] == ("refused" if status == 413 else "answered")


def test_an_entry_works_after_the_propagation_delay(world):
    vendor = world.vendor
    vendor.allow("listed", STRANGER, live=False)
    target = LOOKUP + "&" + world.listed.query
    for advance, status in ((0, 401), (419, 401), (1, 200)):
        vendor.advance(advance)
        assert ask(vendor, STRANGER, "GET", STREET, target)[0].status == status
    vendor.disallow("listed", STRANGER, live=False)
    for advance, status in ((0, 200), (420, 401)):
        vendor.advance(advance)
        assert ask(vendor, STRANGER, "GET", STREET, target)[0].status == status


def test_a_new_key_works_after_the_propagation_delay(world):
    world.vendor.advance(420)
    target = LOOKUP + "&" + world.new.query
    assert ask(world.vendor, DESK, "GET", STREET, target)[0].status == 200


def test_a_key_lists_at_most_100_hosts(vendor):
    vendor.add_embedded("full", [f"127.3.0.{i}" for i in range(100)])
    with pytest.raises(Refused, match="at most 100 hosts"):
        vendor.allow("full", "127.3.1.1")
    vendor.allow("full", "127.3.0.0")  # is there already
    vendor.disallow("full", "127.3.0.0")
    vendor.allow("full", "127.3.1.1")
    assert len(vendor.hosts("full")) == 100


@pytest.mark.parametrize("host", ["10.0.0.0/24", "10.0.0.1-10.0.0.9", "300.1.1.1", "", "a b"])
def test_ranges_are_not_listed(vendor, host):
    vendor.add_embedded("key")
    with pytest.raises(Refused) as refused:
        vendor.allow("key", host)
    assert refused.value.status == 422


def test_an_unlisted_address_may_be_throttled_instead(world):
    target = LOOKUP + "&" + world.open.query
    for status in (200, 200, 429):
        response, answer = ask(world.vendor, STRANGER, "GET", STREET, target)
        assert response.status == status
    assert response.headers["Retry-After"] == "60"
    assert "adding your IP address" in answer.decode()
    assert ask(world.vendor, "127.9.0.2", "GET", STREET, target)[0].status == 200
    world.vendor.advance(60)
    assert ask(world.vendor, STRANGER, "GET", STREET, target)[0].status == 200


def test_a_key_has_a_limit_of_its_own(world):
    response, _ = ask(world.vendor, DESK, "GET", STREET, LOOKUP, dict([world.small.basic]))
    assert (response.status, response.headers["Retry-After"]) == (429, "7")


def test_the_same_international_question_in_a_loop_is_refused(world):
    world.vendor.settings(same_input_max=2)
    target = "/verify?country=FRA&freeform=1+Rue+A&" + world.listed.query
    got = [ask(world.vendor, DESK, "GET", INTERNATIONAL, target)[0].status for _ in range(3)]
    assert got == [200, 200, 429]


def test_an_etag_of_the_request_is_honoured(world):
    target = "/lookup/77/property/principal?" + world.listed.query
    response, _ = ask(world.vendor, DESK, "GET", ENRICHMENT, target)
    again, body = ask(world.vendor, DESK, "GET", ENRICHMENT, target,
                      {"Etag": response.headers["Etag"]})
    assert (again.status, body) == (304, b"")


def test_generating_an_alloy_key_revokes_the_one_before(vendor):
    first = vendor.alloy_generate("production")
    other = vendor.alloy_generate("development")
    second = vendor.alloy_generate("production")
    got = [ask(vendor, DESK, "GET", ALLOY, "/users",
               dict([k.bearer, ["x-api-version", "2025-09"]]))[0]
           .status for k in (first, second, other)]
    assert got == [401, 200, 200]


def test_a_record_tells_all_but_the_credential(world):
    vendor = world.vendor
    value = world.listed.fields["key"].value
    ask(vendor, DESK, "GET", STREET, f"{LOOKUP}&{world.listed.query}&note={value}",
        {"X-Note": f"<{value}>", "User-Agent": "test"})
    ask(vendor, DESK, "POST", STREET, f"/street-address/{value}", dict([world.secret.basic]), value)
    embedded, secret = vendor.records()
    assert (embedded["class"], embedded["key"]) == ("embedded", "listed")
    assert embedded["parameters"] == ["street", "city", "key", "note"]
    assert embedded["leaks"] == ["header x-note", "query note"]
    assert ["X-Note", "<[credential]>"] in embedded["headers"]
    assert (embedded["sni"], embedded["tls"], embedded["request"]) == (STREET, "TLSv1.3", 1)
    assert (secret["class"], secret["key"]) == ("secret", "secret")
    assert secret["body_length"] == len(value)
    assert ["Authorization", "Basic"] in secret["headers"]
    assert secret["leaks"] == ["path", "body"]
    written = json.dumps([vendor.records(), vendor.connections(), vendor.describe_keys()])
    for key in vendor.keys.values():
        for canary in key.fields.values():
            assert canary.value not in written and urllib.parse.quote(canary.value) not in written
    assert base64.b64encode(value.encode()).decode()[:20] not in written


def test_the_certificate_has_all_names_and_bad_ones_can_be_had(vendor):
    for host in (STREET, "api.smartystreets.com", "international-postal-code.api.smarty.com",
                 ALLOY, "eu-embedded.runalloy.com"):
        assert ask(vendor, DESK, "GET", host, "/")[0].status in (400, 401, 404)
    for kind, reason in (("expired", "expired"), ("not_yet", "not yet valid"),
                         ("wrong_host", "Hostname mismatch"),
                         ("wrong_ca", "unable to get local issuer"),
                         ("self_signed", "self.signed")):
        vendor.tls(kind)
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            ask(vendor, DESK, "GET", STREET, LOOKUP)
    failed = vendor.wait_connections(5, handshake="failed*")
    assert {c["received_bytes"] for c in failed} == {0}


def test_it_starts_again_with_what_it_was_told(world):
    vendor = world.vendor
    vendor.kill()
    with pytest.raises(ConnectionRefusedError):
        ask(vendor, DESK, "GET", STREET, LOOKUP)
    vendor.start()
    target = LOOKUP + "&" + world.listed.query
    assert ask(vendor, DESK, "GET", STREET, target)[0].status == 200
