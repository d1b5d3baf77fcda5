# SPDX-License-Identifier: Apache-2.0
"""429 for a workstation over its rate and for a backend whose day is used up; connection caps."""
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"


def ask(client, router, method="GET", body=b""):
    target = LOOKUP if method == "GET" else "/street-address"
    answer = client.request(method, target, STREET, [], body)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def test_a_workstation_over_its_rate_waits_and_the_others_do_not(make_site):
    site = make_site()
    site.add_key("key-1", hosts=["127.1.0.1", "127.1.0.2"])
    site.add_group("desks", ["127.1.0.1-127.1.0.2"], backends=[],
                   limits={"requests_per_minute": 1, "burst": 3})
    router = site.start_router()
    with site.connect_router(router, "127.1.0.1") as client:
        statuses = [ask(client, router)[0].status for _ in range(3)]
        answer, event = ask(client, router)
    with site.connect_router(router, "127.1.0.2") as other:
        beside, _ = ask(other, router)
    assert (statuses, answer.status, beside.status) == ([200] * 3, 429, 200)
    assert 1 <= int(answer.header("Retry-After")) <= 60
    assert len(site.vendor.records()) == 4
    assert event["route"] == "refused" and "limit" in event["reason"]


def test_a_backend_whose_day_is_used_up_says_until_when(make_site):
    site = make_site()
    site.add_key("key-1", hosts=["127.1.0.1"])
    site.add_backend("secret-1", settings={"per_day": 2})
    site.add_group("desks", ["127.1.0.1"])
    router = site.start_router()
    body = b'[{"street":"1 Main St"}]'
    with site.connect_router(router, "127.1.0.1") as client:
        statuses = [ask(client, router, "POST", body)[0].status for _ in range(2)]
        answer, event = ask(client, router, "POST", body)
        assert client.ending() == "clean"  # the body was not read
    with site.connect_router(router, "127.1.0.1") as client:
        single, _ = ask(client, router)
    assert (statuses, answer.status, single.status) == ([200, 200], 429, 200)
    assert 1 <= int(answer.header("Retry-After")) <= 60
    assert len(site.vendor.records(**{"class": "secret"})) == 2
    assert "day" in event["reason"]


def test_a_workstation_has_one_share_whatever_the_number_of_workers(desk_site):
    """All its connections come to one worker, which alone counts them."""
    router = desk_site.start_router({"workers": 4, "limits": {"connections_per_address": 2}})
    held = []
    for _ in range(6):
        try:
            held.append(desk_site.connect_router(router, "127.1.0.1"))
        except OSError:
            continue
    refused = router.wait_events(4, "connection_refused", client="127.1.0.1")
    for client in held:
        client.close()
    assert len(held) == 2
    assert {event["reason"] for event in refused} == {"too many connections of one address"}
