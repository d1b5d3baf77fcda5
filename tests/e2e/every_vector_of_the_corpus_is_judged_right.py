# SPDX-License-Identifier: Apache-2.0
"""The corpus (tests/corpus): what a workstation or a vendor may send, byte for byte, and what becomes of it.

One router judges all vectors one after the other. Each shows itself in three places: what the client gets,
what the vendor saw, and the reason in the event.
"""
import base64
import json

import pytest
from support.corpus import vectors
from support.rawclient import BrokenAnswer, request_format
from support.site import HOSTS, Site

DESK = "127.1.0.1"
LOOKUP = "/street-address?street=1%20Main%20St"
BROKEN_OFF = "vendor broke off its answer"


class Judge:
    """A site whose router and vendor serve all vectors."""

    def __init__(self, folder, build, authority, vendors):
        self.site = Site(folder, build, authority, vendors)
        self.site.add_key("key-1", hosts=[DESK])
        self.site.add_backend("secret-1")
        self.site.add_group("desks", [DESK])
        self.router = self.site.start_router({"timeouts": {"head_s": 30}})
        self.n_records = 0

    def connect(self):
        return self.site.connect_router(self.router, DESK)

    def new_records(self):
        records = self.site.vendor.records()
        new, self.n_records = records[self.n_records:], len(records)
        return new

    def event(self, answer):
        return self.router.wait_event("exchange", request=answer.header("X-Request-Id"))


@pytest.fixture(scope="module")
def judge(tmp_path_factory, build_dir, authority, vendors):
    judge = Judge(tmp_path_factory.mktemp("corpus"), build_dir, authority, vendors)
    yield judge
    judge.site.stop()


def assert_error(answer, status, reason, method="GET"):
    """It has the vendor's shape and says the same as the event."""
    assert answer.status == status
    assert answer.header("Content-Type") == "application/json"
    if method != "HEAD":
        assert json.loads(answer.text)["errors"][0]["message"] == reason


def assert_refused(judge, vector):
    status, _, reason = vector.expected.partition(" ")
    method = "HEAD" if vector.data.startswith(b"HEAD ") else "GET"
    with judge.connect() as client:
        client.send(vector.data)
        answer = client.response(method)
        kept = vector.values.get("connection") == "kept"
        if kept:
            good = client.request("GET", LOOKUP, HOSTS["us-street"])
            assert good.status == 200 and judge.event(good)
        else:
            assert answer.header("Connection") == "close"
            assert client.ending() == "clean" and not client.received
    event = judge.event(answer)
    assert (event["status"], event["reason"]) == (int(status), reason)
    assert_error(answer, int(status), reason, method)
    records = judge.new_records()
    assert len(records) == kept, "something of it reached the vendor"


def assert_forwarded(judge, vector):
    _, method, path, framing, length, *_ = vector.expected.split()
    with judge.connect() as client:
        client.send(vector.data)
        answer = client.response()
    [record] = judge.new_records()
    assert "invalid" not in record and record["outcome"] == "answered", record.get("invalid")
    assert (record["method"], record["path"]) == (method, path)
    assert (record["framing"], record["body_length"]) == (framing, int(length))
    assert (record["host"], record["class"]) == (HOSTS["us-street"], credential_of(method, framing))
    assert record["leaks"] == [] and len(record["credentials"]) == 1 and not record["trailers"]
    assert answer.status == record["status"]
    assert judge.event(answer)["status"] == answer.status


def credential_of(method, framing):
    return "embedded" if (method, framing) == ("GET", "none") else "secret"


@pytest.mark.parametrize("vector", vectors("requests"), ids=str)
def test_a_request_is_refused_whole_or_forwarded_once(judge, vector):
    judge.new_records()
    if vector.expected.startswith("accept "):
        assert_forwarded(judge, vector)
    else:
        assert_refused(judge, vector)


def vendor_says(judge, vector):
    """The vendor plays the vector, once. (an answer or what broke, the ending, the event)"""
    end = {"close_after": vector.values["end"]} if "end" in vector.values else {}
    fault = judge.site.vendor.fault(raw_base64=base64.b64encode(vector.data).decode(), **end)
    mark = judge.router.mark()
    with judge.connect() as client:
        client.send(request_format("GET", LOOKUP, HOSTS["us-street"]))
        try:
            answer = client.response()
        except BrokenAnswer as broken:
            answer = broken
        event = judge.router.wait_event("exchange", since=mark)
        if not isinstance(answer, BrokenAnswer):
            again = client.request("GET", LOOKUP, HOSTS["us-street"])
            assert again.status == 200 and b"delivery_line_1" in again.body
            judge.event(again)
    judge.site.vendor.remove_faults()
    return answer, event, fault


def assert_not_used_again(judge, fault):
    """The connection that the bad answer came on has served nothing behind it."""
    [bad] = judge.site.vendor.records(fault=fault)
    later = judge.site.vendor.records(connection=bad["connection"])
    assert later[-1]["n"] == bad["n"]


@pytest.mark.parametrize("vector", vectors("answers"), ids=str)
def test_an_answer_is_passed_on_whole_or_not_as_one(judge, vector):
    answer, event, fault = vendor_says(judge, vector)
    verdict, _, rest = vector.expected.partition(" ")
    if verdict == "pass":
        status, length = map(int, rest.split())
        assert (answer.status, len(answer.body)) == (status, length)
        assert event["status"] == status and event["reason"].startswith("slot 1 of 100 on key-1")
        return
    assert_not_used_again(judge, fault)
    assert event["reason"] == rest
    if verdict == "broken" and isinstance(answer, BrokenAnswer):
        assert str(answer).startswith("the connection broke: ") and rest == BROKEN_OFF
        assert event["status"] == 200
    elif verdict == "broken":  # before a byte of it had left
        assert event["status"] == 502 and rest == BROKEN_OFF
        assert_error(answer, 502, rest)
    else:
        assert event["status"] == int(verdict)
        assert_error(answer, int(verdict), rest)


def test_the_corpus_is_as_large_as_it_was():
    """A file that is not found must not look like a corpus without faults."""
    everything = vectors("requests") + vectors("answers")
    accepted = [v for v in everything if v.expected.startswith(("accept ", "pass "))]
    assert len({str(v) for v in everything}) == len(everything)
    assert len(everything) - len(accepted) >= 300 and len(accepted) >= 100


def test_nothing_came_to_the_vendor_later(judge):
    judge.new_records()
    with judge.connect() as client:
        good = client.request("GET", LOOKUP, HOSTS["us-street"])
        assert good.status == 200 and judge.event(good)
    assert [r["path"] for r in judge.new_records()] == ["/street-address"]
    assert not any("invalid" in r for r in judge.site.vendor.records())
