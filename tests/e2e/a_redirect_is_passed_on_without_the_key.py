# SPDX-License-Identifier: Apache-2.0
"""A 30x is the client's business: it is not followed, and what the vendor repeats of our query is scrubbed."""
import pytest
from support.site import HOSTS

LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_is_not_followed_and_carries_no_credential(desk_site, status):
    value = desk_site.vendor.keys["key-1"].values["key"]
    target = f"https://elsewhere.example/street-address?street=x&%6bey={value}&city=y&key={value}"
    desk_site.vendor.fault(status=status, headers=[["Location", target]], body="{}")
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer = client.request("GET", LOOKUP, HOSTS["us-street"])
    event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
    assert answer.status == status
    assert answer.header("Location") == "https://elsewhere.example/street-address?street=x&city=y"
    [record] = desk_site.vendor.records()
    assert (record["status"], record["key"]) == (status, "key-1")
    assert not any("elsewhere" in str(query) for query in desk_site.dns.queries)
    assert (event["status"], event["route"]) == (status, "key")
    assert event["reason"] == "slot 2 of 100 on key-1"
