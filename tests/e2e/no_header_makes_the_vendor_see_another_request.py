# SPDX-License-Identifier: Apache-2.0
"""Headers that some servers take for framing, for another method or for another path stay here."""
import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"


@pytest.mark.parametrize("header", [
    # one name with the real one wherever headers become CGI variables (RFC 3875 section 4.1.18)
    "Content_Length", "Transfer_Encoding", "TRANSFER_ENCODING", "Keep_Alive",
    "Proxy_Connection",
    # frameworks take them for the method or the URL that is meant
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override",
    "X-Original-URL", "X-Rewrite-URL", "X-Original-Host", "X-Host", "X-Forwarded-Host",
])
def test_it_does_not_reach_the_vendor(desk_site, header):
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        answer = client.request("GET", LOOKUP, STREET, [[header, "7"], ["X-Kept_Name", "yes"]])
    event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
    [record] = desk_site.vendor.records()
    names = {name.lower() for name, _ in record["headers"]}
    assert (answer.status, event["status"], record["path"]) == (200, 200, "/street-address")
    assert "x-kept_name" in names
    assert header.lower() not in names
