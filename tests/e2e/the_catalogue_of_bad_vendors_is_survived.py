# SPDX-License-Identifier: Apache-2.0
"""Rows 20 to 31 of the catalogue of faults: what may become of a call to the vendor."""
import base64
import json
import socket

import pytest
from support.beside import BY_THEN_S, SHORT, Beside
from support.blackhole import BlackHole
from support.rawclient import BrokenAnswer, request_format
from support.site import HOSTS
from support.survival import DESK, Survival

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = b'[{"street":"1 Main St"},{"street":"2 Main St"}]'
AT_ONCE_US = 2_000_000
DEADLINE_US = 1_000_000  # of hasty_site's US street
TO_STREET = {"host": f"{STREET}*"}
PATIENT = {**SHORT, "idle_s": 30}  # towards who is at rest: the neighbour is
ON_KEY = "slot 2 of 100 on key-1"
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])


def ask(client, method="GET"):
    """By the embedded key or by the secret one."""
    if method == "GET":
        return client.request("GET", LOOKUP, STREET)
    return client.request("POST", "/street-address", STREET, [["Content-Type", "application/json"]], BATCH)


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def assert_told(survival, answer, status, reason):
    """The answer made here is the event's."""
    event = survival.event
    assert (answer.status, error_message(answer)) == (status, reason)
    assert (event["status"], event["reason"]) == (status, reason)
    assert event["request"] == answer.header("X-Request-Id")


def assert_blames_nobody(survival):
    for name in ("slot_suspended", "key_suspended", "account_refused"):
        assert survival.router.find_events(name, since=survival.mark) == []


def raw(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


class NothingWasSent:
    """No byte within TLS came to the vendor from these connections on: no request, no key."""

    def __init__(self, vendor):
        self._vendor, self._n_before = vendor, len(vendor.connections())

    def check(self):
        new = self._vendor.connections()[self._n_before:]
        assert new and all(c["received_bytes"] == 0 for c in new), new


# ---- 20: TLS towards the vendor


@METHODS
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_row_20_a_vendor_that_speaks_tls_1_1_and_older(desk_site, version, method):
    router, vendor = desk_site.start_router(), desk_site.vendor
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        nothing = NothingWasSent(vendor)
        vendor.tls("good", version)
        answer = ask(client, method)
        nothing.check()
        vendor.tls()
    assert_told(survival, answer, 502, "vendor: TLS: tlsv1 alert protocol version")
    assert survival.records == []


@METHODS
def test_row_20_a_vendor_that_renegotiates(desk_site, method):
    """It is told no, and OpenSSL on its side gives the connection up: what may be sent again is."""
    router, vendor = desk_site.start_router(), desk_site.vendor
    vendor.tls("good", "1.2")
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        vendor.fault(TO_STREET, renegotiate=True, hold=vendor.gate())
        answer = ask(client, method)
    assert survival.event["retried"] == (method == "GET")
    if method == "GET":
        assert [r["outcome"] for r in survival.records] == ["abandoned", "answered"]
        assert (answer.status, survival.event["reason"]) == (200, ON_KEY)
    else:
        assert [r["outcome"] for r in survival.records] == ["abandoned"]
        assert_told(survival, answer, 502, "vendor closed before it answered")


# ---- 21 and 22: no way to the vendor


@METHODS
@pytest.mark.parametrize("how", ["forget", "silence", "fail", "refuse", "set"],
                         ids=["NXDOMAIN", "timeout", "SERVFAIL", "REFUSED", "no address"])
def test_row_21_dns_nxdomain_timeout(desk_site, how, method):
    getattr(desk_site.dns, how)(STREET)
    router = desk_site.start_router()
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        answer = ask(client, method)
    assert survival.event["status"] == answer.status == 502
    assert error_message(answer) == survival.event["reason"]
    assert "the host name has no usable address" in survival.event["reason"]
    assert survival.event["duration_us"] < AT_ONCE_US and survival.records == []
    assert_blames_nobody(survival)


ELSEWHERE = "127.0.0.9"  # where no vendor is


@METHODS
def test_row_22_refused(desk_site, method):
    desk_site.dns.set(STREET, ELSEWHERE)
    router = desk_site.start_router()
    router.wait_event("name_resolved", host=STREET)
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        answer = ask(client, method)
    assert_told(survival, answer, 502, "the connection was refused or the host is unreachable")
    assert survival.event["duration_us"] < AT_ONCE_US and survival.records == []
    assert_blames_nobody(survival)


@METHODS
def test_row_22_black_hole(hasty_site, method):
    with BlackHole(ELSEWHERE, hasty_site.vendor.port):
        hasty_site.dns.set(STREET, ELSEWHERE)
        router = hasty_site.start_router()
        router.wait_event("name_resolved", host=STREET)
        with Survival(hasty_site, router) as survival, hasty_site.connect_router(router, DESK) as client:
            answer = ask(client, method)
    assert_told(survival, answer, 504, "the connection did not open in time")
    assert DEADLINE_US / 2 < survival.event["duration_us"] < BY_THEN_S * 1e6 and survival.records == []
    assert_blames_nobody(survival)


# ---- 23 to 25: an answer that does not come, breaks off, or takes too long

CLOSED = "vendor closed before it answered"
BROKEN = "vendor broke off its answer"


@pytest.mark.parametrize("how", ["reset", "cut"])
@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
@pytest.mark.parametrize("method, n_faults, status, reason, n_sent", [
    ("GET", 1, 200, ON_KEY, 2), ("GET", None, 502, CLOSED, 2), ("POST", None, 502, CLOSED, 1)])
def test_row_23_rst_before_the_answer(desk_site, method, n_faults, status, reason, n_sent, kept, how):
    """A GET is sent again once, a POST never."""
    router, vendor = desk_site.start_router(), desk_site.vendor
    with desk_site.connect_router(router, DESK) as client:
        if kept:
            first = ask(client, method)
            router.wait_event("exchange", request=first.header("X-Request-Id"))
        with Survival(desk_site, router) as survival:
            vendor.fault(TO_STREET, times=n_faults, **{how: {"part": "head", "at": 0}})
            answer = ask(client, method)
    event = survival.event
    assert (answer.status, event["status"], event["reason"]) == (status, status, reason)
    assert status == 200 or error_message(answer) == reason
    assert event["retried"] == (method == "GET") and not event["fallback"]
    assert len({r["connection"] for r in survival.records}) == len(survival.records) == n_sent
    assert_blames_nobody(survival)


SHORT_BODIES = {"RST": {"reset": {"part": "body", "at": 2000}},
                "FIN": {"cut": {"part": "body", "at": 2000, "close_notify": False}},
                "close_notify": {"cut": {"part": "body", "at": 2000}}}


@pytest.mark.parametrize("framing, how", [
    (framing, how) for framing in ("sized", "chunked", "close") for how in SHORT_BODIES
    if (framing, how) != ("close", "close_notify")])  # the proper end of an answer without length
def test_row_24_rst_or_short_body_within_the_answer(desk_site, framing, how):
    """The client has had some of it: its connection breaks, and is never ended cleanly."""
    router, vendor = desk_site.start_router(), desk_site.vendor
    gate = vendor.gate()
    name = vendor.fault(TO_STREET, body_size=3000, framing=framing,
                        hold_at={"part": "body", "at": 1000, "gate": gate}, **SHORT_BODIES[how])
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        client.send(request_format("GET", LOOKUP, STREET))
        client._until(lambda: client.received.count(b"x") > 500)
        vendor.release(gate)
        with pytest.raises(BrokenAnswer) as broken:
            client.response()
        vendor.wait_records(fault=name, outcome=["cut", "reset"])
    assert str(broken.value).startswith("the connection broke")
    assert (survival.event["status"], survival.event["reason"]) == (200, BROKEN)
    assert len(survival.records) == 1
    assert_blames_nobody(survival)


BAD_CHUNKS = {"longer than it says": b"4\r\n[{},{}]\r\n0\r\n\r\n", "no size": b"4\r\n[{}]\r\nzz\r\n",
              "size beyond all numbers": b"4\r\n[{}]\r\nffffffffffffffffff\r\n", "bare LF": b"4\r\n[{}]\n0\r\n\r\n",
              "control character": b"4;a=\x01\r\n[{}]\r\n0\r\n\r\n",
              "trailers without end": b"4\r\n[{}]\r\n0\r\n" + b"A: b\r\n" * 2000}


@METHODS
@pytest.mark.parametrize("chunks", BAD_CHUNKS)
def test_row_24_broken_before_a_byte_of_the_answer_left(desk_site, chunks, method):
    """Then the client can still be told, and is: SDKs ask again after a 502."""
    router, vendor = desk_site.start_router(), desk_site.vendor
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    vendor.fault(TO_STREET, raw_base64=raw(head + BAD_CHUNKS[chunks]), close_after="fin", close_gate=vendor.gate())
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        answer = ask(client, method)
    assert_told(survival, answer, 502, BROKEN)
    assert len(survival.records) == 1 and survival.event["answer_bytes"] == 0
    assert_blames_nobody(survival)


@METHODS
@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"<html>", b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n",
                                     b"HTTP/1.1 103 Early Hints\r\n\r\n<html>", b"HTTQ"],
                         ids=["TLS in TLS", "HTML", "SSH", "empty line", "behind an interim answer", "almost"])
def test_row_25_what_is_no_answer_is_not_waited_for(desk_site, garbage, method):
    """A vendor that leaves its connection open behind it: there is no line end to come."""
    router, vendor = desk_site.start_router(), desk_site.vendor
    vendor.fault(TO_STREET, raw_base64=raw(garbage), close_after="fin", close_gate=vendor.gate())
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        answer = ask(client, method)
    assert_told(survival, answer, 502, "vendor sent a bad answer: malformed message head")
    assert survival.event["duration_us"] < AT_ONCE_US and len(survival.records) == 1
    assert_blames_nobody(survival)


@pytest.fixture
def hasty_router(hasty_site):
    return hasty_site.start_router({"timeouts": PATIENT})


@pytest.mark.parametrize("drips", [False, True], ids=["stalls", "drips"])
def test_row_25_slow_body_of_the_vendor(hasty_site, hasty_router, drips):
    vendor = hasty_site.vendor
    gate = vendor.gate()
    how = {"drip": {"gate": gate}} if drips else {"hold_at": {"part": "body", "at": 100, "gate": gate}}
    vendor.fault(TO_STREET, body_size=3000, **how)
    with Survival(hasty_site, hasty_router) as survival, hasty_site.connect_router(hasty_router, DESK) as client:
        beside = Beside(hasty_site, hasty_router)
        client.send(request_format("GET", LOOKUP, STREET))
        beside.until_event(survival.mark, (lambda: vendor.release(gate, 1)) if drips else None, client=DESK)
        beside.assert_in_time()
        with pytest.raises(BrokenAnswer) as broken:
            client.response()
        vendor.wait_records(**TO_STREET, outcome="abandoned")
    assert str(broken.value).startswith("the connection broke")
    assert broken.value.partial.count(b"x") < (2000 if drips else 100)
    assert (survival.event["status"], survival.event["reason"]) == (200, "vendor sent its answer too slowly")
    assert_blames_nobody(survival)


@METHODS
@pytest.mark.parametrize("fault", [
    lambda gate: {"hold_at": {"part": "head", "at": 30, "gate": gate}},
    lambda gate: {"status": 401, "body_size": 3000, "hold_at": {"part": "body", "at": 100, "gate": gate}},
    lambda gate: {"raw_base64": raw("HTTP/1.1 100 Continue\r\n\r\n"), "close_after": "fin", "close_gate": gate},
], ids=["within the head", "within an error that is read first", "behind an interim answer"])
def test_row_25_slow_answer_before_a_byte_of_it_was_passed_on(hasty_site, hasty_router, fault, method):
    vendor = hasty_site.vendor
    vendor.fault(TO_STREET, **fault(vendor.gate()))
    with Survival(hasty_site, hasty_router) as survival, hasty_site.connect_router(hasty_router, DESK) as client:
        beside = Beside(hasty_site, hasty_router)
        target, body = (LOOKUP, b"") if method == "GET" else ("/street-address", BATCH)
        client.send(request_format(method, target, STREET, [], body))
        beside.until_event(survival.mark, client=DESK)
        answer = client.response(method)
        beside.assert_in_time()
    assert_told(survival, answer, 504, "vendor did not answer in time")
    assert len(survival.records) == 1
    assert_blames_nobody(survival)


# ---- 26: whose certificate is not to be trusted


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@METHODS
@pytest.mark.parametrize("kind, reason", [
    ("expired", "certificate has expired"),
    ("wrong_host", "hostname mismatch"),
    ("not_yet", "certificate is not yet valid"),
    ("wrong_ca", "unable to get local issuer certificate"),
    ("self_signed", "self-signed certificate"),
])
def test_row_26_certificate_expired_or_of_another_host(desk_site, kind, reason, method, version):
    router, vendor = desk_site.start_router(), desk_site.vendor
    with Survival(desk_site, router) as survival, desk_site.connect_router(router, DESK) as client:
        nothing = NothingWasSent(vendor)
        vendor.tls(kind, version)
        answer = ask(client, method)
        nothing.check()
        vendor.tls()
    assert_told(survival, answer, 502, f"vendor: certificate: {reason}")
    assert survival.records == []
    assert_blames_nobody(survival)


# ---- 27 to 30: what the vendor says


def classes(survival):
    return [(r["class"], r["status"]) for r in survival.records]


def play(site, router, method, **fault):
    """(survival, answer) of one request that the vendor answers so."""
    name = site.vendor.fault(TO_STREET, **fault)
    with Survival(site, router) as survival, site.connect_router(router, DESK) as client:
        answer = ask(client, method)
    assert site.vendor.records(fault=name)
    return survival, answer


def test_row_27_401_of_the_key_goes_by_the_backend_and_flags_the_slot(desk_site):
    router = desk_site.start_router()
    survival, answer = play(desk_site, router, "GET", status=401, body="{}")
    event = survival.event
    assert (answer.status, classes(survival)) == (200, [("embedded", 401), ("secret", 200)])
    assert (event["fallback"], event["reason"]) == (True, "key failed: key or address refused")
    [flag] = router.find_events("slot_suspended", since=survival.mark)
    assert (flag["key"], flag["egress"], flag["level"]) == ("key-1", DESK, "warning")


@pytest.mark.parametrize("status, cause", [(401, "key or address refused"), (402, "no active subscription")])
def test_row_27_401_or_402_of_the_backend_is_passed_with_an_alarm(desk_site, status, cause):
    router = desk_site.start_router()
    survival, answer = play(desk_site, router, "POST", status=status, body="{}")
    assert (answer.status, answer.text, classes(survival)) == (status, "{}", [("secret", status)])
    assert (survival.event["status"], survival.event["fallback"]) == (status, False)
    assert survival.event["cause"] == cause
    [alarm] = router.find_events("account_refused", since=survival.mark)
    assert (alarm["backend"], alarm["status"], alarm["cause"], alarm["level"]) == ("secret-1", status, cause, "error")


def test_row_27_402_of_the_key_is_passed_with_an_alarm(desk_site):
    router = desk_site.start_router()
    survival, answer = play(desk_site, router, "GET", status=402, body="{}")
    assert (answer.status, answer.text, classes(survival)) == (402, "{}", [("embedded", 402)])
    event = survival.event
    assert (event["blame"], event["cause"], event["fallback"], event["reason"]) == (
        "account", "no active subscription", False, ON_KEY)
    [alarm] = router.find_events("account_refused", since=survival.mark)
    assert (alarm["key"], alarm["status"], alarm["level"]) == ("key-1", 402, "error")


@pytest.mark.parametrize("said, passed", [("7", "7"), (None, "1"), ("Fri, 31 Dec 1999 23:59:59 GMT", "1")],
                         ids=["seconds", "nothing", "a date"])
def test_row_28_429_is_passed_with_retry_after(desk_site, said, passed):
    router = desk_site.start_router()
    headers = [["Retry-After", said]] if said else []
    survival, answer = play(desk_site, router, "POST", times=None, status=429, headers=headers, body="{}")
    assert (answer.status, answer.headers_all("Retry-After"), answer.text) == (429, [passed], "{}")
    assert classes(survival) == [("secret", 429)]
    event = survival.event
    assert (event["status"], event["cause"], event["retried"], event["fallback"]) == (
        429, "rate limit", False, False)


def test_row_28_429_of_the_key_goes_by_the_backend_once(desk_site):
    """The design goes further than the catalogue's "no retry": not again by the key, once by the backend."""
    router = desk_site.start_router()
    survival, answer = play(desk_site, router, "GET", times=None, status=429, headers=[["Retry-After", "7"]], body="{}")
    assert (answer.status, answer.headers_all("Retry-After")) == (429, ["7"])
    assert classes(survival) == [("embedded", 429), ("secret", 429)]
    assert (survival.event["retried"], survival.event["fallback"]) == (False, True)


N_RUN = 12


@METHODS
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_row_29_a_run_of_5xx_is_passed_and_blames_nobody(desk_site, status, method):
    """Each once, as it came; the key is as good as before, and the next request is tried. There is no
    breaker that the catalogue speaks of: by the design a 5xx blames nobody."""
    router = desk_site.start_router()
    desk_site.vendor.fault(TO_STREET, times=N_RUN, status=status, body='{"run":1}')
    with Survival(desk_site, router, N_RUN + 1) as survival, desk_site.connect_router(router, DESK) as client:
        answers = [ask(client, method) for _ in range(N_RUN + 1)]
    kind = "embedded" if method == "GET" else "secret"
    assert [a.status for a in answers] == [status] * N_RUN + [200]
    assert {a.text for a in answers[:-1]} == {'{"run":1}'}
    assert classes(survival) == [(kind, status)] * N_RUN + [(kind, 200)]
    assert {(e["retried"], e["fallback"]) for e in survival.events} == {(False, False)}
    assert [e.get("blame") for e in survival.events] == ["vendor"] * N_RUN + [None]
    assert_blames_nobody(survival)


@METHODS
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_row_30_redirect_to_another_host(desk_site, status, method):
    router = desk_site.start_router()
    kind = "key-1" if method == "GET" else "secret-1"
    values = desk_site.vendor.keys[kind].values
    secret = values["key"] if method == "GET" else values["token"]
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.setblocking(False)
        authority = "127.0.0.1:%d" % stranger.getsockname()[1]
        target = f"https://{authority}/a?street=x&%6bey={secret}&city=y&auth-token={secret}&KEY={secret}"
        survival, answer = play(desk_site, router, method, times=None, status=status, body="{}",
                                headers=[["Location", target]])
        with pytest.raises(BlockingIOError):
            stranger.accept()
    assert (answer.status, survival.event["status"]) == (status, status)
    assert answer.headers_all("Location") == [f"https://{authority}/a?street=x&city=y"]
    assert [(r["key"], r["status"]) for r in survival.records] == [(kind, status)]
    assert_blames_nobody(survival)


# ---- 31: too much

GOOD = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
FOREIGN = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"
HUGE = [
    ("one header", {"pad_headers": {"count": 1, "size": 20000}}, "answer head that is too long"),
    ("many headers", {"pad_headers": {"count": 40, "size": 1000}}, "answer head that is too long"),
    ("more headers than are counted", {"pad_headers": {"count": 200, "size": 1}}, "too many header lines"),
    ("headers without end", {"raw_base64": raw("HTTP/1.1 200 OK\r\n" + "X-Pad: p\r\n" * 4000)},
     "answer head that is too long"),
]


def ask_twice(site, router, **fault):
    """(survival, the first answer, the second): on one connection of the client."""
    name = site.vendor.fault(TO_STREET, **fault)
    with Survival(site, router, 2) as survival, site.connect_router(router, DESK) as client:
        first = ask(client)
        [bad] = site.vendor.wait_records(fault=name)
        site.vendor.wait_connections(connection=bad["connection"], open=False)
        second = ask(client)
    assert [r["connection"] == bad["connection"] for r in survival.records] == [True, False]
    assert (second.status, json.loads(second.text)[0]["delivery_line_1"]) == (200, "1 Main St")
    assert [e["retried"] for e in survival.events] == [False, False]
    assert_blames_nobody(survival)
    return survival, first


@pytest.mark.parametrize("fault, why", [r[1:] for r in HUGE], ids=[r[0] for r in HUGE])
def test_row_31_huge_headers(desk_site, fault, why):
    survival, answer = ask_twice(desk_site, desk_site.start_router(), **fault)
    event = survival.events[0]
    assert (answer.status, event["status"], error_message(answer)) == (502, 502, event["reason"])
    assert why in event["reason"]


@pytest.mark.parametrize("fault", [
    {"raw_base64": raw(GOOD + FOREIGN)},
    {"raw_base64": raw(GOOD), "extra": FOREIGN},
    {"raw_base64": raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n" + FOREIGN)},
    {"raw_base64": raw("HTTP/1.1 204 No Content\r\n\r\n" + FOREIGN)},
], ids=["at once", "later", "behind the last chunk", "behind a 204"])
def test_row_31_extra_pipelined_response(desk_site, fault):
    """The first is the answer; the second is nobody's, and the connection is not used again."""
    survival, answer = ask_twice(desk_site, desk_site.start_router(), **fault)
    assert answer.status == survival.events[0]["status"] and answer.status in (200, 204)
    assert b"foreign" not in answer.body
