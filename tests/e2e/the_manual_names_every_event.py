# SPDX-License-Identifier: Apache-2.0
"""What a daemon logs stands in its manual: the events of its sources, and the fields of a request's event."""
import re

import pytest
from support import REPOSITORY
from support.rawclient import RawClient
from support.site import HOSTS

LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
EVENT = re.compile(r"struct event \w+ = \{ \"(\w+)\"")
ALWAYS = {"time", "level", "event"}
FOR_PROGRAMMERS = {"fault"}  # at the level debug, with source file and line


def words_of(manual):
    return set(re.findall(r"[*_]([a-z_]+)[*_]", (REPOSITORY / manual).read_text()))


def events_of(*folders):
    texts = [path.read_text() for folder in folders for path in (REPOSITORY / folder).glob("*.c")]
    return {name for text in texts for name in EVENT.findall(text)} - FOR_PROGRAMMERS


@pytest.mark.parametrize("manual, folder, at_least", [
    ("router/keyrouterd.8.scd", "router", 20), ("workstation/keyshim.1.scd", "workstation", 10)])
def test_no_event_is_left_out(manual, folder, at_least):
    events = events_of(folder, "lib/net", "lib/base", "lib/service")
    assert len(events) >= at_least
    assert events - words_of(manual) == set()


def test_no_field_of_a_request_is_left_out(desk_site):
    router = desk_site.start_router()
    shim = desk_site.start_shim("127.1.0.9")  # which its key does not list
    with RawClient(shim.addresses[0]) as client:
        assert client.request("GET", LOOKUP, HOSTS["us-street"]).status == 200
    told = {"router/keyrouterd.8.scd": router.wait_event("exchange"),
            "workstation/keyshim.1.scd": shim.wait_event("exchange")}
    assert told["router/keyrouterd.8.scd"]["fallback"]
    for manual, event in told.items():
        assert set(event) - words_of(manual) - ALWAYS == set(), manual
