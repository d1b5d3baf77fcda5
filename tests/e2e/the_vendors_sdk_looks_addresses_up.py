# SPDX-License-Identifier: Apache-2.0
"""The vendor's own JavaScript SDK, unmodified, behind a shim: each lookup goes out with the right key."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "sdk"))

from sdk import LOOKUPS, PACKAGES, PATHS, Sdk, shim_urls, vendor_urls  # noqa: E402
from support.site import HOSTS, ROUTER_NAME  # noqa: E402

DESK = "127.1.0.1"
STRANGER = "127.0.0.1"  # what the SDK calls from when nothing stands between
POSTED = {"us-street-batch-2": 2, "us-street-batch-100": 100, "us-extract": 1}
GETS = [name for name in LOOKUPS if name not in POSTED]

# What an application has that never saw a credential: anything goes, keyrouter throws it away.
ANY_BASIC = {"kind": "basic", "id": "any", "token": "thing"}
ANY_SHARED = {"kind": "shared", "key": "123456", "host": "crm.example.com"}


@pytest.fixture(scope="session")
def sdk(build_dir):
    return Sdk(build_dir / "sdk")


@pytest.fixture
def desk(desk_site):
    desk_site.start_router()
    return desk_site, desk_site.start_shim(DESK)


def assert_answered(results, names):
    assert [r["lookup"] for r in results] == list(names)
    for result in results:
        assert result["ok"], result
        assert result["answered"] == result["asked"], result["lookup"]


def seen_of(site, n):
    """(class, key, source address, method, status) of each request the vendor saw."""
    records = site.vendor.wait_records(n)
    assert len(records) == n
    assert not any(record["leaks"] for record in records)
    return [(r["class"], r["key"], r["source"], r["method"], r["status"]) for r in records]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_lookup_gets_its_own_answer_with_the_credential_its_api_needs(sdk, desk, package):
    site, shim = desk
    results = sdk.run(package, shim_urls(shim.addresses[0]), ANY_BASIC)
    assert_answered(results, LOOKUPS)
    assert [len(r["answered"]) for r in results] == [POSTED.get(name, 1) for name in LOOKUPS]
    assert seen_of(site, len(LOOKUPS)) == [
        ("secret", "secret-1", "127.0.0.1", "POST", 200) if name in POSTED
        else ("embedded", "key-1", DESK, "GET", 200) for name in LOOKUPS]
    events = site.processes[0].wait_events(len(LOOKUPS), "exchange", client=DESK)
    assert [e["reason"] for e in events] == [
        "api needs the secret key" if name in POSTED else "slot 2 of 100 on key-1"
        for name in LOOKUPS]  # slot 1 is that of 127.1.0.0


@pytest.mark.parametrize("package", PACKAGES)
def test_a_desk_without_a_shim_calls_the_router_itself_over_tls(sdk, make_site, package):
    site = make_site()
    site.add_key("key-1", hosts=[STRANGER])
    site.add_backend("secret-1")
    site.add_group("desks", [STRANGER])
    port = site.start_router().addresses[0].rpartition(":")[2]
    urls = {api: f"https://{ROUTER_NAME}:{port}/{api}{path}" for api, path in PATHS.items()}
    results = sdk.run(package, urls, ANY_BASIC, ca=site.authority.pem, address="127.0.0.1")
    assert_answered(results, LOOKUPS)
    assert seen_of(site, len(LOOKUPS)) == [
        ("secret", "secret-1", STRANGER, "POST", 200) if name in POSTED
        else ("embedded", "key-1", STRANGER, "GET", 200) for name in LOOKUPS]


@pytest.mark.parametrize("package", PACKAGES)
def test_an_embedded_key_of_the_applications_own_and_its_referer_are_replaced(sdk, desk, package):
    site, shim = desk
    assert_answered(sdk.run(package, shim_urls(shim.addresses[0]), ANY_SHARED, GETS), GETS)
    assert seen_of(site, len(GETS)) == [("embedded", "key-1", DESK, "GET", 200)] * len(GETS)
    for record in site.vendor.records():
        assert record["parameters"].count("key") == 1
        assert not {n.lower() for n, _ in record["headers"]} & {"referer", "origin", "authorization"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_desk_whose_address_the_vendor_refuses_gets_its_answers_through_the_backend(
        sdk, desk, package):
    site, shim = desk
    site.vendor.cloud("127.1.0.0/24")
    site.vendor.disallow("key-1", DESK)
    assert_answered(sdk.run(package, shim_urls(shim.addresses[0]), ANY_BASIC, GETS), GETS)
    refused, *rest = seen_of(site, len(GETS) + 1)
    assert refused == ("embedded", "key-1", DESK, "GET", 401)
    assert rest == [("secret", "secret-1", "127.0.0.1", "GET", 200)] * len(GETS)
    events = site.processes[0].wait_events(len(GETS), "exchange", client=DESK)
    assert [e["reason"] for e in events] == \
        ["key failed: address not listed"] + ["slot suspended: address not listed"] * (len(GETS) - 1)


@pytest.mark.parametrize("package", PACKAGES)
def test_without_keyrouter_the_same_lookups_from_an_unlisted_address_fail_with_401(
        sdk, desk_site, package):
    """What keyrouter is for."""
    vendor = desk_site.vendor
    vendor.cloud("127.0.0.0/8")
    results = sdk.run(
        package, vendor_urls(vendor.port, HOSTS),
        {"kind": "shared", "key": vendor.keys["key-1"].values["key"], "host": None}, GETS,
        ca=vendor.ca, address="127.0.0.1")
    for result in results:
        assert (result["ok"], result["status"]) == (False, 401), result
        assert result["error"] == \
            "Embedded key authentication is not allowed from public cloud providers."
    assert seen_of(desk_site, len(GETS)) == \
        [("embedded", "key-1", STRANGER, "GET", 401)] * len(GETS)
