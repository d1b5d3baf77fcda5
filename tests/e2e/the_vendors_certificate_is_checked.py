# SPDX-License-Identifier: Apache-2.0
"""TLS towards the vendor, and from shim to router: no byte of a request goes to a stranger."""
import json

import pytest
from support.ca import Authority
from support.rawclient import RawClient
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"

STRANGE_ROOT = "certificate: self-signed certificate in certificate chain"


def ask(client, router):
    answer = client.request("GET", LOOKUP, STREET)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def assert_nothing_was_sent(site):
    """Not one request, and not one byte within TLS."""
    assert site.vendor.records() == []
    connections = site.vendor.connections()
    assert connections and all(c["received_bytes"] == 0 for c in connections), connections


CLOSED = "vendor closed during the TLS handshake"


@pytest.mark.parametrize("how, reasons", [
    ("plain", ["vendor: TLS: wrong version number"]),
    ("close", [CLOSED]),
    ("reset", [CLOSED, "the connection was refused or the host is unreachable"]),  # as it is noticed
])
def test_a_handshake_that_fails_is_a_502_and_no_key_is_sent(desk_site, how, reasons):
    router = desk_site.start_router()
    desk_site.vendor.fault(times=None, connect=how)
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
        assert answer.status == 502 and event["reason"] in reasons
        assert error_message(answer) == event["reason"]
        assert_nothing_was_sent(desk_site)
        desk_site.vendor.remove_faults()
        assert ask(client, router)[0].status == 200


@pytest.mark.parametrize("trusted, system_ca, with_vendor_ca, status", [
    ("the test's CA is one of the system's", True, False, 200),
    ("the system's CAs and the test's beside them", True, True, 200),
    ("the test's CA alone", False, True, 200),
    ("the system's CAs alone", True, False, 502),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_the_systems_cas_are_trusted_where_the_settings_say_so(desk_site, trusted, system_ca,
                                                               with_vendor_ca, status):
    """SSL_CERT_FILE is OpenSSL's way to say where the system's bundle is."""
    settings = {"system_ca": system_ca}
    if not with_vendor_ca:
        settings["vendor_ca"] = None
    is_systems = trusted == "the test's CA is one of the system's"
    environment = {"SSL_CERT_FILE": desk_site.vendor.ca} if is_systems else {}
    router = desk_site.start_router(settings, environment=environment)
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer, event = ask(client, router)
    assert answer.status == status
    if status == 502:
        assert (error_message(answer), event["reason"]) == (f"vendor: {STRANGE_ROOT}",) * 2
        assert_nothing_was_sent(desk_site)
    else:
        assert [r["key"] for r in desk_site.vendor.records()] == ["key-1"]


@pytest.mark.parametrize("wrong, reason", [
    ("CA", f"router: {STRANGE_ROOT}"),
    ("name", "router: certificate: hostname mismatch"),
])
def test_a_shim_hands_nothing_to_a_router_that_it_cannot_trust(desk_site, tmp_path, wrong, reason):
    router = desk_site.start_router()
    settings = {"ca": str(Authority(tmp_path / "another-ca").pem)} if wrong == "CA" else \
        {"router_name": "another.site.test"}
    shim = desk_site.start_shim("127.1.0.1", settings=settings)
    with RawClient(shim.addresses[0]) as client:
        answer = client.request("GET", LOOKUP, STREET)
    event = shim.wait_event("exchange", request=answer.header("X-Request-Id"))
    closed = router.wait_event("connection_closed", client="127.1.0.1")
    assert (answer.status, error_message(answer), event["reason"]) == (502, reason, reason)
    assert desk_site.vendor.records() == router.find_events("exchange") == []
    assert "alert" in closed["reason"], closed
