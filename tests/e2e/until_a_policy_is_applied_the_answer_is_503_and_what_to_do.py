# SPDX-License-Identifier: Apache-2.0
"""The first start: there is no ledger and no policy, and nobody is in the dark about what to do."""
import json
import stat

import pytest
from support.rawclient import RawClient
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
WAY_OUT = "no policy is applied: run keyrouter apply"


@pytest.fixture
def router(desk_site):
    return desk_site.start_router(apply=False)


def ask(client, method="GET", host=STREET):
    return client.request(method, LOOKUP, host)


@pytest.mark.parametrize("method, host", [("GET", STREET), ("POST", STREET), ("GET", "www.example.com")])
def test_every_request_gets_503_in_the_vendors_shape(desk_site, router, method, host):
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer = ask(client, method, host)
    event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
    assert answer.status == 503 and int(answer.header("Retry-After")) >= 1
    [error] = json.loads(answer.text)["errors"]
    assert error["message"] == WAY_OUT == event["reason"]
    assert (event["route"], event["status"]) == ("refused", 503)
    assert desk_site.vendor.connections() == []


def test_an_application_behind_a_shim_gets_it_too(desk_site, router):
    shim = desk_site.start_shim("127.1.0.1")
    with RawClient(shim.addresses[0]) as client:
        answer = ask(client)
    assert (answer.status, answer.header("Retry-After")) == (503, "5")
    assert json.loads(answer.text)["errors"][0]["message"] == WAY_OUT


def test_it_is_up_and_says_what_it_waits_for(desk_site, router):
    control = desk_site.control()
    assert router.wait_event("ready")["policy"] == WAY_OUT
    assert control.http("GET", "/healthz")[0] == 200
    assert control.ready() == (503, WAY_OUT)
    status = control.ask("status")
    assert (status["revision"], status["policy_state"]) == (None, "none")
    assert stat.S_IMODE(desk_site.ledger.stat().st_mode) == 0o600


def test_from_the_first_apply_on_it_serves_without_a_restart(desk_site, router):
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert ask(client).status == 503
        desk_site.keyrouter("apply", desk_site.policy_path, "--socket", desk_site.sockets / "control")
        assert desk_site.control().ready() == (200, "a policy is in force")
        answer = ask(client)  # on the connection of before
    assert answer.status == 200
    assert [r["source"] for r in desk_site.vendor.records()] == ["127.1.0.1"]
    assert router.find_events("ready")[1:] == []


def test_a_sighup_changes_nothing_about_it(desk_site, router):
    router.signal(1)
    assert router.wait_event("reloaded")["policy"] == WAY_OUT
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert ask(client).status == 503
    assert desk_site.control().ready() == (503, WAY_OUT)


def test_what_cannot_be_applied_leaves_it_as_it_is(desk_site, router):
    broken = desk_site.folder / "broken.cfg"
    broken.write_text("groups = 1;")
    desk_site.keyrouter("apply", broken, "--socket", desk_site.sockets / "control", status=65)
    assert desk_site.control().ready() == (503, WAY_OUT)
    assert desk_site.control().ask("history")["rows"] == []
