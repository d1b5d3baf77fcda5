# SPDX-License-Identifier: Apache-2.0
"""The router's setting `proxy`: tunnels by CONNECT, from the proxy's address, and no key in clear."""
import json
import secrets

import pytest
from support import canary
from support.proxy import Proxy
from support.site import HOSTS, PROVIDER

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
BATCH = json.dumps([{"street": "1 Main St", "city": "Springfield", "state": "IL"}] * 2).encode()
JSON = [["Content-Type", "application/json"]]
PROXY_SEEN = "127.9.9.9"  # as the vendor sees it
PROXY_NAME = "proxy.site.test"
REFUSED = "the connection was refused or the host is unreachable"
LATE = ["the connection did not open in time", "vendor did not answer in time"]  # one deadline


@pytest.fixture
def proxied_site(make_site):
    """A site whose key lists the proxy's address alone."""
    site = make_site()
    site.add_key("key-1", hosts=[PROXY_SEEN])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.0/24"], public=[f"127.1.0.0/24 -> {PROXY_SEEN}"])
    site.dns.set(PROXY_NAME, "127.0.0.1")
    return site


@pytest.fixture
def make_proxy(proxied_site):
    """Made behind the site, so stopped before it: what passed a proxy is evidence by then."""
    proxies = []

    def make():
        routes = {f"{host}:{proxied_site.vendor.port}": proxied_site.vendor.address
                  for host in HOSTS.values()}
        proxies.append(Proxy(routes, PROXY_SEEN))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.stop()


def ask(site, router, method="GET", target=LOOKUP, headers=(), body=b""):
    with site.connect_router(router, "127.1.0.1") as client:
        answer = client.request(method, target, STREET, headers, body)
    return answer, router.wait_event("exchange", request=answer.header("X-Request-Id"))


def error_message(answer):
    """Errors made here have the vendor's shape."""
    return json.loads(answer.text)["errors"][0]["message"]


def connect_head(site, host=STREET):
    authority = f"{host}:{site.vendor.port}"
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()


def assert_no_key_in_clear(proxy):
    seen = proxy.passed + b"".join(head for _, head in proxy.heads)
    assert len(proxy.passed) > 1000
    assert canary.search(seen) == []


@pytest.mark.parametrize("by", ["address", "name"])
def test_the_vendor_sees_the_proxys_address_and_the_proxy_no_key(proxied_site, make_proxy, by):
    proxy = make_proxy()
    told = proxy.address if by == "address" else f"{PROXY_NAME}:{proxy.port}"
    router = proxied_site.start_router({"proxy": told})
    embedded, embedded_event = ask(proxied_site, router)
    batch, batch_event = ask(proxied_site, router, "POST", "/street-address", JSON, BATCH)
    records = proxied_site.vendor.records()
    assert (embedded.status, batch.status) == (200, 200)
    assert [(r["class"], r["key"], r["source"], r["sni"]) for r in records] == [
        ("embedded", "key-1", PROXY_SEEN, STREET), ("secret", "secret-1", PROXY_SEEN, STREET)]
    assert embedded_event["reason"].startswith("slot ")
    assert batch_event["reason"] == "api needs the secret key"
    # the first tunnel is called for from the desk's address, as `egress` says; the backend's from ours
    assert [client for client, _ in proxy.heads] == ["127.1.0.1", "127.0.0.1"]
    assert {head for _, head in proxy.heads} == {connect_head(proxied_site)}
    assert_no_key_in_clear(proxy)
    asked = {name for name, _ in proxied_site.dns.queries}
    assert asked == ({PROXY_NAME} if by == "name" else set())


def test_a_tunnel_is_kept_for_later_requests(proxied_site, make_proxy):
    proxy = make_proxy()
    router = proxied_site.start_router({"proxy": proxy.address, "workers": 1})
    for _ in range(5):
        answer, _ = ask(proxied_site, router)
        assert answer.status == 200
    assert len(proxied_site.vendor.records()) == 5
    assert len(proxy.heads) == len(proxied_site.vendor.connections()) == 1


def test_a_proxy_in_the_environment_is_not_used(desk_site, proxied_site, make_proxy):
    trap = make_proxy()
    names = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    router = desk_site.start_router(environment={n: f"http://{trap.address}" for n in names})
    answer, event = ask(desk_site, router)
    [record] = desk_site.vendor.records()
    assert (answer.status, record["key"], record["source"]) == (200, "key-1", "127.1.0.1")
    assert event["reason"].startswith("slot ")
    assert trap.heads == []


def test_an_exception_in_the_environment_is_none(proxied_site, make_proxy):
    proxy, trap = make_proxy(), make_proxy()
    environment = {"no_proxy": "*", "NO_PROXY": "*", "https_proxy": f"http://{trap.address}",
                   "http_proxy": f"http://{trap.address}"}
    router = proxied_site.start_router({"proxy": proxy.address}, environment=environment)
    answer, event = ask(proxied_site, router)
    [record] = proxied_site.vendor.records()
    assert (answer.status, record["source"]) == (200, PROXY_SEEN)
    assert event["reason"].startswith("slot ")
    assert (len(proxy.heads), trap.heads) == (1, [])


@pytest.mark.parametrize("text, status", [
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno\r\n", 403),
    (b'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\n\r\n', 407),
    (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", 502),
    (b"", 0),
    (b"SSH-2.0-no proxy at all\r\n", 0),
], ids=["forbids", "wants a password", "cannot reach it", "closes", "is none"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_tunnel_the_client_gets_502(proxied_site, make_proxy, method, text, status):
    proxy = make_proxy()
    router = proxied_site.start_router({"proxy": proxy.address})
    request = ("GET",) if method == "GET" else ("POST", "/street-address", JSON, BATCH)
    proxy.answer(text)
    answer, event = ask(proxied_site, router, *request)
    assert (answer.status, error_message(answer)) == (502, REFUSED)
    assert (event["status"], event["reason"]) == (502, REFUSED)
    refused = router.wait_event("proxy_refused")
    assert (refused["proxy"], refused["host"], refused["status"]) == (proxy.address, STREET, status)
    assert proxied_site.vendor.records() == proxied_site.vendor.connections() == []
    proxy.answer(None)
    answer, _ = ask(proxied_site, router, *request)
    assert answer.status == 200
    assert len(proxied_site.vendor.records()) == 1


def test_a_proxy_that_is_down_is_502_and_one_that_hangs_504(proxied_site, make_proxy):
    proxied_site.write_provider(PROVIDER.read_text().replace(
        '{ name = "us-street";', '{ name = "us-street"; deadline_s = 1;', 1))
    gone, silent = make_proxy(), make_proxy()
    gone.stop()
    silent.hold()
    for proxy, status, reasons in ((gone, 502, [REFUSED]), (silent, 504, LATE)):
        router = proxied_site.start_router({"proxy": proxy.address}, name=f"keyrouterd-{status}")
        answer, event = ask(proxied_site, router)
        assert answer.status == event["status"] == status
        assert error_message(answer) == event["reason"] and event["reason"] in reasons
        router.stop()  # the next one holds the ledger
    assert proxied_site.vendor.records() == proxied_site.vendor.connections() == []


def test_a_proxy_with_a_password_is_refused_without_repeating_it(proxied_site):
    password = secrets.token_hex(8)
    router = proxied_site.start_router({"proxy": f"http://me:{password}@127.0.0.1:3128"},
                                       ready=False)
    assert router.wait_end() == 78
    assert any("proxy is no host with a port" in line for line in router.noise)
    assert password not in "\n".join(router.noise)
    assert proxied_site.vendor.connections() == []
