# SPDX-License-Identifier: Apache-2.0
"""A second provider beside the first, from its definition alone: bearer key, required header."""
import pytest
from support import REPOSITORY

HOST = "production.runalloy.com"


@pytest.fixture
def alloy_site(desk_site):
    """desk_site with a backend at Alloy Embedded for the same desks."""
    provider = desk_site.folder / "alloy.cfg"
    shipped = (REPOSITORY / "policy" / "providers" / "alloy.cfg").read_text()
    provider.write_text(f"port = {desk_site.vendor.port};\n{shipped}")
    key = desk_site.vendor.add_bearer("alloy-1")
    desk_site.write_credential("alloy-1", {"key": key.values["token"]})
    desk_site.backends.append({"name": "alloy-1", "provider": "alloy", "credential": "alloy-1"})
    desk_site.groups[0]["backends"].append("alloy-1")
    desk_site.policy_rest["providers"] = [str(desk_site.provider), str(provider)]
    desk_site.dns.set(HOST, "127.0.0.1")
    return desk_site


def ask(site, router, headers=()):
    with site.connect_router(router, "127.1.0.1") as client:
        answer = client.request("GET", "/users", HOST, headers)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


@pytest.mark.parametrize("headers", [
    (),
    [["Authorization", "Bearer stolen"], ["x-api-version", "1999-01"]],
])
def test_exactly_one_bearer_key_and_the_right_version_go_out(alloy_site, headers):
    router = alloy_site.start_router()
    answer, event = ask(alloy_site, router, headers)
    [record] = alloy_site.vendor.records()
    assert answer.status == 200
    assert (record["class"], record["key"]) == ("bearer", "alloy-1")
    assert [v for n, v in record["headers"] if n.lower() == "x-api-version"] == ["2025-09"]
    assert (event["route"], event["backend"]) == ("backend", "alloy-1")


def test_a_key_that_was_generated_anew_is_said_loudly(alloy_site):
    router = alloy_site.start_router()
    alloy_site.vendor.alloy_generate()
    answer, event = ask(alloy_site, router)
    assert answer.status == 401
    [record] = alloy_site.vendor.records()
    assert (record["status"], record["class"]) == (401, "bearer")
    assert event["backend"] == "alloy-1"
    assert event["reason"] == "api needs the secret key"
    alarm = router.wait_event("account_refused", backend="alloy-1", status=401)
    assert event["cause"] == alarm["cause"] == "key refused: has a newer one replaced it?"
