# SPDX-License-Identifier: Apache-2.0
"""explain and status, asked of the running router: what it knows and the ledger does not."""
import json
import re
import signal

import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
REFUSED = "127.1.0.9"  # in the policy, and not on the key's list


def ask(site, router, desk):
    with site.connect_router(router, desk) as client:
        answer = client.request("GET", LOOKUP, STREET)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def told(site, *words):
    return site.keyrouter(*words, "--socket", site.sockets / "control")


def explain(site, desk):
    provider, = json.loads(told(site, "explain", desk, "--json"))["providers"]
    return provider


def status(site):
    return json.loads(told(site, "status", "--json"))


def test_explain_says_in_the_same_words_why_a_request_goes_where_it_goes(desk_site):
    router = desk_site.start_router()
    for desk in "127.1.0.1", "127.1.0.2", REFUSED, REFUSED:
        _, event = ask(desk_site, router, desk)
    assert explain(desk_site, desk)["route"]["reason"] == event["reason"] == (
        "slot suspended: key or address refused")
    _, event = ask(desk_site, router, "127.1.0.1")
    assert explain(desk_site, "127.1.0.1")["route"] == {
        "kind": "key", "key": event["key"], "backend": None, "reason": event["reason"]}
    told(desk_site, "suspend", "key-1", "-m", "leaked")
    _, event = ask(desk_site, router, "127.1.0.1")
    assert explain(desk_site, "127.1.0.1")["route"]["reason"] == event["reason"]
    assert event["reason"] == "key key-1 is switched off"  # not who did it and why


def test_explain_tells_what_the_vendor_refuses_just_now(desk_site):
    router = desk_site.start_router()
    assert explain(desk_site, REFUSED)["slot"]["suspended_for_s"] is None
    ask(desk_site, router, REFUSED)
    slot = explain(desk_site, REFUSED)["slot"]
    assert 0 < slot["suspended_for_s"] <= 60
    assert slot["cause"] == "key or address refused"
    line = re.search("^slot .*", told(desk_site, "explain", REFUSED), re.M)[0]
    assert re.search(r"; key or address refused, tried again in \d+ s$", line)


def test_status_tells_what_the_router_has_done_and_sees(desk_site):
    router = desk_site.start_router()
    for desk in "127.1.0.1", "127.1.0.2", REFUSED:
        ask(desk_site, router, desk)
    document = status(desk_site)
    assert (document["daemon"], document["policy_state"]) == (True, "in force")
    assert document["started"] >= document["applied"]
    assert document["traffic"] == {"requests": 3, "by_key": 2, "by_backend": 1, "refused": 0, "failed": 0,
                                   "fallbacks": 1, "unusable_s": None}
    assert [set(k["health"]) for k in document["keys"]] == [{"state", "for_s", "cause"}] * len(
        document["keys"])
    assert {k["health"]["state"] for k in document["keys"]} == {"ok"}
    assert re.search(r"^keyrouterd +\S+, up for \d+ s; 3 requests, 2 by key, 1 by backend, 0 refused, "
                     r"0 failed$", told(desk_site, "status"), re.M)


def test_status_compares_with_the_file_that_is_edited(desk_site):
    desk_site.start_router()
    document = status(desk_site)
    assert document["policy_path"] == str(desk_site.policy_path)
    desk_site.policy_path.write_text(desk_site.policy_path.read_text() + "\n# edited\n")
    assert status(desk_site)["policy_state"] == "differs"
    assert "differs from what is in force: see keyrouter plan\n" in told(desk_site, "status")


def test_an_apply_that_waits_for_its_confirmation_is_told(desk_site):
    desk_site.start_router()
    desk_site.groups[0]["workstations"].append("127.2.0.1")
    desk_site.apply(confirm_within_s=600)
    document = status(desk_site)
    assert set(document["pending"]) == {"revision", "previous", "confirm_by", "left_s", "take_back_failed"}
    assert document["pending"]["take_back_failed"] is None
    assert document["pending"]["revision"] == document["revision"]
    assert 0 < document["pending"]["left_s"] <= 600
    assert re.search(rf'^unconfirmed +row {document["revision"]} goes back to row '
                     rf'{document["pending"]["previous"]} in \d+ \w+ unless you run: keyrouter confirm$',
                     told(desk_site, "status"), re.M)


def fail_reload(site, router):
    """Its credential is back when this returns; what the router said of it."""
    (site.credentials / "secret-1").unlink()
    router.signal(signal.SIGHUP)
    router.wait_event("reload_failed")
    site.write_credential("secret-1", site.vendor.keys["secret-1"].values)
    finding, = router.find_events("finding", severity="error")
    return f'{finding["file"]}:{finding["line"]}: {finding["message"]}'


def reload(site, router):
    router.signal(signal.SIGHUP)
    router.wait_event("reloaded")


def apply_again(site, router):
    site.groups[0]["priority"] = 9
    site.apply()


@pytest.mark.parametrize("succeed", [reload, apply_again])
def test_a_reload_that_failed_is_told_until_one_succeeds(desk_site, succeed):
    """The next start would fail as well, and nobody may have looked at the log."""
    router = desk_site.start_router()
    before = told(desk_site, "status").splitlines()[0]
    assert "all is well" in before and status(desk_site)["reload_failed"] is None
    why = fail_reload(desk_site, router)
    assert re.search(r": credential of backend secret-1 cannot be read: No such file or directory$", why)
    failed = status(desk_site)["reload_failed"]
    assert (set(failed), failed["error"]) == ({"ago_s", "error"}, why) and 0 <= failed["ago_s"] < 60
    out = told(desk_site, "status")
    assert ": 1 matter to see to: " in out.splitlines()[0]
    assert re.search(rf"^reload +failed \d+ s ago: {re.escape(why)}; mend that before keyrouterd has to start "
                     r"again, then reload it$", out, re.M)
    succeed(desk_site, router)
    assert status(desk_site)["reload_failed"] is None
    assert "all is well" in told(desk_site, "status").splitlines()[0]


def test_a_switch_that_changes_is_no_reload_that_succeeds(desk_site):
    """Credentials are not read for it."""
    router = desk_site.start_router()
    why = fail_reload(desk_site, router)
    for verb in "suspend", "resume":
        told(desk_site, verb, "key-1")
        assert status(desk_site)["reload_failed"]["error"] == why
