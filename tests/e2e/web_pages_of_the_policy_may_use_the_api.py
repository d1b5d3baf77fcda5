# SPDX-License-Identifier: Apache-2.0
"""CORS: the vendor never sees Origin, the browser gets its answer from the router."""
import pytest
from support.rawclient import RawClient
from support.site import HOSTS

STREET = HOSTS["us-street"]
PAGE = "https://crm.example.com"
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"


@pytest.fixture
def web_site(desk_site):
    desk_site.policy_rest["origins"] = [PAGE]
    return desk_site


def ask(site, router, headers, method="GET", target=LOOKUP):
    with site.connect_router(router, "127.1.0.1") as client:
        answer = client.request(method, target, STREET, headers)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def test_a_page_of_the_policy_may_read_the_answer(web_site):
    router = web_site.start_router()
    answer, _ = ask(web_site, router, [["Origin", PAGE], ["Referer", f"{PAGE}/desk"]])
    [record] = web_site.vendor.records()
    assert (answer.status, record["class"]) == (200, "embedded")
    assert answer.headers_all("Access-Control-Allow-Origin") == [PAGE]
    assert "Origin" in answer.header("Vary")
    assert not {"origin", "referer"} & {n.lower() for n, _ in record["headers"]}


def test_it_may_read_errors_too(web_site):
    router = web_site.start_router()
    answer, event = ask(web_site, router, [["Origin", PAGE]], target="/elsewhere")
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (404, PAGE)
    assert web_site.vendor.records() == []
    assert event["reason"] == "path is not an API of the vendor"


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "https://crm.example.com.evil.example"])
def test_another_page_is_refused(web_site, origin):
    router = web_site.start_router()
    answer, event = ask(web_site, router, [["Origin", origin]])
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (403, None)
    assert web_site.vendor.records() == []
    assert event["reason"] == "origin of the web page is not in the policy"


def test_a_preflight_is_answered_here(web_site):
    router = web_site.start_router()
    answer, event = ask(web_site, router, [["Origin", PAGE], ["Access-Control-Request-Method", "POST"],
                                           ["Access-Control-Request-Headers", "content-type"]], "OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("Access-Control-Allow-Origin") == PAGE
    assert "POST" in answer.header("Access-Control-Allow-Methods")
    assert "content-type" in answer.header("Access-Control-Allow-Headers").lower()
    assert (web_site.vendor.records(), event["status"]) == ([], 204)


def test_the_vendors_own_cors_headers_do_not_pass(web_site):
    web_site.vendor.fault(headers=[["Access-Control-Allow-Origin", "*"]])
    router = web_site.start_router()
    answer, _ = ask(web_site, router, [["Origin", PAGE]])
    assert answer.headers_all("Access-Control-Allow-Origin") == [PAGE]


@pytest.mark.parametrize("site_of_page, status", [
    ("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)])
def test_a_page_that_hides_where_it_comes_from_cannot_spend_lookups(desk_site, site_of_page, status):
    """An image or a link: no Origin, and nobody reads the answer, but the vendor would count it."""
    router = desk_site.start_router(settings={"listen_plain": ["127.0.0.1:0"]})
    plain = RawClient(router.addresses[1], "127.1.0.1")
    for client in (desk_site.connect_router(router, "127.1.0.1"), plain):
        with client:
            answer = client.request("GET", f"/us-street{LOOKUP}", "localhost",
                                    [["Sec-Fetch-Site", site_of_page], ["Sec-Fetch-Mode", "no-cors"]])
        event = router.wait_event("exchange", request=answer.header("X-Request-Id"))
        assert (answer.status, event["status"]) == (status, status)
        assert status == 200 or event["reason"] == "web page of another site without an Origin"
    assert len(desk_site.vendor.records()) == (2 if status == 200 else 0)
