# SPDX-License-Identifier: Apache-2.0
"""Rows 1 to 12 of the catalogue of faults: what a workstation may send.

One router takes all of them, one after the other; support/survival.py says what holds of each.
"""
import json
import re

import pytest
from support.corpus import vectors_named
from support.rawclient import request_format
from support.site import HOSTS, PROVIDER, Site
from support.survival import BESIDE, DESK, Survival

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = b'[{"street":"1 Main St"},{"street":"2 Main St"}]'
JSON = ["Content-Type", "application/json"]
MAX_BODY = 32768  # of US street, as the vendor says
TOO_LONG = f"request body is longer than {MAX_BODY} bytes"


class Hall:
    """A router that all tests of this file share."""

    def __init__(self, site):
        self.site = site
        site.add_key("key-1", hosts=[DESK, BESIDE])
        site.add_backend("secret-1")
        site.add_group("desks", ["127.1.0.0/24"])
        self.router = site.start_router()

    def connect(self):
        return self.site.connect_router(self.router, DESK)

    def survival(self, **options):
        return Survival(self.site, self.router, **options)


@pytest.fixture(scope="module")
def hall(tmp_path_factory, build_dir, authority, vendors):
    site = Site(tmp_path_factory.mktemp("hall"), build_dir, authority, vendors)
    try:
        yield Hall(site)
    finally:
        site.stop()


def assert_told(survival, answer, status, method="GET"):
    """The answer is the event's, in the vendor's shape."""
    event = survival.event
    assert (answer.status, event["status"]) == (status, status)
    assert event["request"] == answer.header("X-Request-Id")
    assert answer.header("Content-Type") == "application/json"
    if method != "HEAD":
        assert json.loads(answer.text)["errors"][0]["message"] == event["reason"]


def refuse(hall, data, status, keeps=False):
    """Sends it and is refused: nothing of it was forwarded. (survival, answer)"""
    with hall.survival() as survival, hall.connect() as client:
        client.send(data)
        answer = client.response()
        if not keeps:
            assert answer.header("Connection") == "close"
            assert client.ending() == "clean" and not client.received
    assert_told(survival, answer, status)
    assert survival.records == []
    return survival, answer


def refuse_vector(hall, vector, status):
    assert vector.expected.startswith(f"{status} "), "the corpus says otherwise"
    survival, _ = refuse(hall, vector.data, status, vector.values.get("connection") == "kept")
    assert survival.event["reason"] == vector.expected.partition(" ")[2]


def of(group, *names):
    return pytest.mark.parametrize("vector", vectors_named(group, *names), ids=lambda v: v.values["name"])


# ---- 1 to 3: where a request ends


@of("requests-framing", "length_then_chunked", "chunked_then_length", "chunked_and_length_zero",
    "chunked_and_bad_length")
def test_row_01_content_length_and_transfer_encoding(hall, vector):
    refuse_vector(hall, vector, 400)


@of("requests-framing", "length_twice_different", "length_twice_equal", "length_list_different",
    "length_list_equal", "length_plus", "length_negative", "length_negative_zero", "length_beyond_64_bits",
    "length_wraps_to_24", "length_wraps_to_24_in_32_bits", "length_forty_digits")
def test_row_02_content_length_twice_list_signed_overflow(hall, vector):
    refuse_vector(hall, vector, 400)


@of("requests-framing", "coding_xchunked", "coding_chunked_gzip", "coding_chunked_identity",
    "coding_gzip_chunked", "coding_chunked_twice", "coding_two_fields")
def test_row_03_transfer_encoding_not_chunked_or_not_last(hall, vector):
    refuse_vector(hall, vector, 501)


@of("requests-framing", "chunked_in_http_1_0")
def test_row_03_transfer_encoding_in_http_1_0(hall, vector):
    refuse_vector(hall, vector, 400)


@of("requests-framing", "chunked", "chunked_mixed_case", "chunked_in_capitals")
def test_row_03_chunked_in_any_case_is_accepted(hall, vector):
    with hall.survival() as survival, hall.connect() as client:
        client.send(vector.data)
        answer = client.response("POST")
    [record] = survival.records
    assert (answer.status, survival.event["status"]) == (200, 200)
    assert (record["framing"], record["body_length"], record["class"]) == ("chunked", 24, "secret")


# ---- 4: chunks

CHUNKED = (f"POST /street-address HTTP/1.1\r\nHost: {STREET}\r\nContent-Type: application/json\r\n"
           "Transfer-Encoding: chunked\r\n\r\n").encode()
BAD_CHUNKS = [
    ("size beyond 64 bits", b"ffffffffffffffffff\r\n{}\r\n"),
    ("size that wraps to 2", b"10000000000000002\r\n{}\r\n"),
    ("longer than it says", b"1\r\n{}\r\n0\r\n\r\n"),
    ("bare LF behind the size", b"2\n{}\r\n0\r\n\r\n"),
    ("bare LF behind the data", b"2\r\n{}\n0\r\n\r\n"),
    ("bare LF behind the last", b"0\n\r\n"),
    ("control character in an extension", b"2;a=\x01\r\n{}\r\n0\r\n\r\n"),
    ("bare CR in an extension", b"2;a\rb\r\n{}\r\n0\r\n\r\n"),
    ("extension without end", b"2;a=" + b"x" * 8192),
    ("shorter than it says", b"5\r\n{}\r\n0\r\n\r\n"),
]


def begin_chunked(hall, survival, client):
    """The head and a good chunk are at the vendor: its record."""
    client.send(CHUNKED + b"1\r\n[\r\n")
    hall.site.vendor.wait_records(host=f"{STREET}*", outcome="reading")
    [record] = survival.records
    return record


@pytest.mark.parametrize("chunks", [r[1] for r in BAD_CHUNKS], ids=[r[0] for r in BAD_CHUNKS])
def test_row_04_chunk_overflow_bare_lf_bad_extension(hall, chunks):
    with hall.survival() as survival, hall.connect() as client:
        begun = begin_chunked(hall, survival, client)
        client.send(chunks)
        answer = client.response("POST")
        assert answer.header("Connection") == "close" and client.ending() == "clean"
        hall.site.vendor.wait_records(n=begun["n"], outcome="incomplete")
    event = survival.event
    assert (answer.status, event["status"], event["reason"]) == (400, 400, "malformed chunked body")
    assert [(r["n"], r["status"]) for r in survival.records] == [(begun["n"], None)]


@pytest.mark.parametrize("leave", ["finish", "reset"])
@pytest.mark.parametrize("rest", [b"", b"5\r\n{", b"1\r\n]\r\n", b"1\r\n]\r\n0\r\n"],
                         ids=["behind a chunk", "in a chunk", "before the last", "before the end"])
def test_row_04_chunks_truncated(hall, rest, leave):
    """Nobody is there to be told; a body that has no end never becomes one with an end."""
    with hall.survival() as survival, hall.connect() as client:
        begun = begin_chunked(hall, survival, client)
        client.send(rest)
        getattr(client, leave)()
        hall.site.vendor.wait_records(n=begun["n"], outcome="incomplete")
    assert (survival.event["status"], survival.event["reason"]) == (
        499, "client closed before its answer was complete")
    assert [(r["n"], r["status"]) for r in survival.records] == [(begun["n"], None)]


# ---- 5 to 7: heads


@of("requests-bytes", "nul_in_a_value", "nul_in_a_name", "soh_in_a_value", "escape_in_a_value", "delete_in_a_value",
    "bare_cr_in_a_value", "bare_cr_in_the_request_line", "cr_cr_lf", "lines_end_in_lf", "folded_with_blank",
    "folded_with_tab", "folded_first_line", "blank_before_colon", "tab_before_colon")
def test_row_05_nul_ctl_bare_cr_obs_fold_space_before_colon(hall, vector):
    refuse_vector(hall, vector, 400)


@of("requests-start", "no_host", "two_hosts", "two_equal_hosts", "host_userinfo", "target_userinfo",
    "target_userinfo_password", "host_list")
def test_row_06_host_missing_twice_userinfo(hall, vector):
    refuse_vector(hall, vector, 400)


@of("requests-start", "differs_other_name", "differs_other_port", "differs_subdomain", "differs_unlisted")
def test_row_06_host_is_not_the_targets(hall, vector):
    refuse_vector(hall, vector, 421)


@of("requests-bytes", "head_too_long", "head_without_end", "too_many_fields")
def test_row_07_oversize_headers(hall, vector):
    refuse_vector(hall, vector, 431)


@of("requests-bytes", "target_too_long", "target_without_end")
def test_row_07_oversize_target(hall, vector):
    refuse_vector(hall, vector, 414)


# ---- 8: bodies


def sized_head(length):
    head = request_format("POST", "/street-address", STREET, [JSON])
    return head.replace(b"Content-Length: 0", b"Content-Length: %d" % length)


def test_row_08_oversize_body_is_refused_on_its_head_alone(hall):
    survival, _ = refuse(hall, sized_head(MAX_BODY + 1), 413)
    assert survival.event["reason"] == TOO_LONG


def test_row_08_oversize_body_is_not_drained(hall):
    n_sent, piece = 0, b"x" * 65536
    with hall.survival() as survival, hall.connect() as client:
        client.send(sized_head(1 << 30))
        with pytest.raises(ConnectionError):
            while n_sent < 200 << 20:
                client.send(piece)
                n_sent += len(piece)
    assert n_sent < 100 << 20
    assert (survival.event["status"], survival.event["reason"]) == (413, TOO_LONG)
    assert survival.records == []


def test_row_08_oversize_body_in_chunks_is_never_whole_at_the_vendor(hall):
    with hall.survival() as survival, hall.connect() as client:
        begun = begin_chunked(hall, survival, client)
        client.send((b"400\r\n" + b" " * 1024 + b"\r\n") * (MAX_BODY // 1024))
        answer = client.response("POST")
        hall.site.vendor.wait_records(n=begun["n"], outcome="incomplete")
    assert (answer.status, survival.event["status"], survival.event["reason"]) == (413, 413, TOO_LONG)
    [record] = survival.records
    assert record["status"] is None and record["body_length"] <= MAX_BODY


# ---- 9 and 10: what is not offered

UNLISTED = "host is not a vendor of the policy"
NO_API = "neither is the host a vendor of the policy nor does the path begin with an API's name"


@pytest.mark.parametrize("method, target, host, reason", [
    ("GET", "/street-address", "evil.example.com", NO_API),
    ("GET", "http://evil.example.com/street-address", "evil.example.com", UNLISTED),
    ("GET", "https://evil.example.com/street-address", "evil.example.com", UNLISTED),
    ("GET", "http://127.0.0.1/street-address", "127.0.0.1", UNLISTED),
    ("POST", "http://evil.example.com/street-address", "evil.example.com", UNLISTED),
    ("CONNECT", "evil.example.com:443", "evil.example.com:443", UNLISTED),
    ("CONNECT", "127.0.0.1:443", "127.0.0.1:443", UNLISTED),
], ids=["vendor-exact", "http", "https", "address", "POST", "CONNECT", "CONNECT to an address"])
def test_row_09_absolute_form_or_connect_to_an_unlisted_host(hall, method, target, host, reason):
    n_connections = len(hall.site.vendor.connections())
    survival, _ = refuse(hall, request_format(method, target, host), 403, keeps=True)
    asked = {name for name, _ in hall.site.dns.queries}
    assert (survival.event["route"], survival.event["reason"]) == ("refused", reason)
    assert asked == set(re.findall(r'host = "([^"]+)"', PROVIDER.read_text()))
    new = hall.site.vendor.connections()[n_connections:]
    assert all(c["sni"] == HOSTS["us-zipcode"] for c in new), new


@pytest.mark.parametrize("target, host", [
    (LOOKUP, STREET), (f"/us-street{LOOKUP}", "router.site.test"), (f"http://{STREET}{LOOKUP}", STREET),
], ids=["vendor-exact", "prefix", "absolute"])
def test_row_10_trace(hall, target, host):
    """A vendor that answers it would show the key."""
    survival, answer = refuse(hall, request_format("TRACE", target, host, [["Max-Forwards", "0"]]), 405, keeps=True)
    assert survival.event["reason"] == "TRACE is never sent on" and "TRACE" not in answer.header("Allow")


# ---- 11 and 12: what must not go out

FOREIGN = [["Authorization", "Basic Zm9vOmJhcg=="], ["aUTHORIZATION", "Bearer foo"],
           ["Proxy-Authorization", "Basic Zm9vOmJhcg=="], ["Referer", "https://crm.example.com/"],
           ["X-Forwarded-For", "198.51.100.7"], ["X-Kept", "yes"]]
PARAMETERS = ["key=21102174564513388", "KEY=1", "%6bey=1", "%4B%45%59=1", "auth-id=a&auth-token=b", "Auth%2DId=x",
              "key=1&key=2", "key=1&%6bey=2&K%45y=3", "key", "key="]


def ask(client, kind, parameters="", headers=()):
    """By the embedded key or by the secret one."""
    if kind == "embedded":
        return client.request("GET", LOOKUP + parameters, STREET, headers)
    target = "/street-address" + (f"?{parameters[1:]}" if parameters else "")
    return client.request("POST", target, STREET, [*headers, JSON], BATCH)


def names_of(record):
    return {name.lower() for name, _ in record["headers"]}


def assert_one_credential(record, kind):
    """Exactly one, ours, where it belongs."""
    assert record["status"] == 200 and record["leaks"] == []
    assert [c["class"] for c in record["credentials"]] == [kind]
    assert ("authorization" in names_of(record)) == (kind == "secret")
    assert record["parameters"].count("key") == (1 if kind == "embedded" else 0)
    assert not {"auth-id", "auth-token"} & set(record["parameters"])


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("kind", ["embedded", "secret"])
def test_row_11_own_key_authorization_referer_x_forwarded_for(hall, parameters, kind):
    with hall.survival() as survival, hall.connect() as client:
        answer = ask(client, kind, f"&{parameters}", FOREIGN)
    [record] = survival.records
    assert (answer.status, survival.event["status"]) == (200, 200)
    assert_one_credential(record, kind)
    assert not {"referer", "origin", "proxy-authorization"} & names_of(record) and "x-kept" in names_of(record)
    assert [v for n, v in record["headers"] if n.lower() == "x-forwarded-for"] == (
        [DESK] if kind == "secret" else [])


@pytest.mark.parametrize("kind", ["embedded", "secret"])
@pytest.mark.parametrize("nominated", [
    "Authorization", "Host", "X-Forwarded-For", "X-Secret", "X-Secret, Host, Authorization", "close, X-Secret",
    "keep-alive,,X-Secret,", "Accept-Encoding, X-Request-Id",
])
def test_row_12_connection_names_what_is_put_in(hall, nominated, kind):
    headers = [["Connection", nominated], ["X-Secret", "hop"], *FOREIGN]
    with hall.survival() as survival, hall.connect() as client:
        answer = ask(client, kind, headers=headers)
    [record] = survival.records
    assert answer.status == 200 and re.fullmatch("[0-9a-f]{16}", answer.header("X-Request-Id"))
    assert_one_credential(record, kind)
    assert record["host"].startswith(STREET) and "connection" not in names_of(record)
    assert ("x-secret" in names_of(record)) == ("X-Secret" not in nominated)
    assert "x-kept" in names_of(record)
    if kind == "secret":
        assert [v for n, v in record["headers"] if n.lower() == "x-forwarded-for"] == [DESK]


@pytest.mark.parametrize("nominated", ["Content-Length", "Content-Type, Content-Length"])
def test_row_12_connection_names_the_framing(hall, nominated):
    """The body keeps its length, whatever is said of the field."""
    with hall.survival() as survival, hall.connect() as client:
        answer = ask(client, "secret", headers=[["Connection", nominated]])
    [record] = survival.records
    assert (answer.status, record["framing"], record["body_length"]) == (200, "sized", len(BATCH))
    assert_one_credential(record, "secret")
