# SPDX-License-Identifier: Apache-2.0
"""A lookup counts as answered only with the right answer; what goes wrong on its way is said."""
import socket
import threading

import pytest

import load
from layout import Desk
from support.sockets import established_peers

DESK = Desk(1, "sales", "127.20.0.1", "127.20.0.1")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


def answer(text):
    body = b'[{"delivery_line_1":"%s"}]' % text.encode()
    return OK % (len(body), body)


SPLITS = [
    (b"", None),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", None),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[", None),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", (200, b"[]", b"")),
    (b"HTTP/1.1 403 No\r\ncontent-length:0\r\n\r\nHTTP", (403, b"", b"HTTP")),
]


@pytest.mark.parametrize("row", SPLITS, ids=[str(len(row[0])) for row in SPLITS])
def test_answers_are_taken_apart(row):
    assert load.answer_split(row[0]) == row[1]


NO_ANSWERS = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"SMTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n[]",
    b"x" * (load.ANSWER_MAX_BYTES + 1),
]


@pytest.mark.parametrize("data", NO_ANSWERS, ids=range(len(NO_ANSWERS)))
def test_what_is_no_answer_is_refused(data):
    with pytest.raises(ValueError):
        load.answer_split(data)


def test_every_desk_asks_in_all_three_ways_and_never_the_same():
    lookups = load.lookups_of(DESK)
    kinds = [lookup.kind for lookup in lookups]
    assert len(lookups) == load.LOOKUPS >= 20
    assert {kind: kinds.count(kind) for kind in kinds} == \
        {"street": 12, "autocomplete": 8, "batch": 2}
    texts = [text for lookup in lookups for text in lookup.texts]
    assert len(set(texts)) == len(texts)
    assert len({lookup.name for lookup in lookups}) == len(lookups)


def test_another_answer_than_its_own_is_none():
    lookup = load.lookups_of(DESK)[0]
    lookup.status, lookup.said = 200, lookup.texts
    assert lookup.is_answered
    lookup.said = load.said_of("street", b'[{"delivery_line_1":"1 Other St"}]')
    assert lookup.said == ("1 Other St",) and not lookup.is_answered
    for body in (b"", b"[1]", b"{}", b'{"errors":[{}]}', b"\xff"):
        assert load.said_of("street", body) == ("not in the vendor's shape",)


# ---- an office whose shim misbehaves


class Quiet:
    def show(self, *_):
        pass


def head_read(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return False
        data += more
    return True


def office_run(answers):
    """One desk whose shim gives these answers, then ends the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            connection, _ = server.accept()
            with connection:
                for each in answers:
                    if not head_read(connection):
                        return
                    connection.sendall(each)
        thread = threading.Thread(target=serve)
        thread.start()
        events = []
        office = load.Office([DESK], {DESK.workstation: "127.0.0.1:%d" % server.getsockname()[1]},
                             Quiet(), lambda body: None)
        office.run(lambda: events.append("connected"), lambda: events.append("answered"))
        thread.join()
    assert events == ["connected", "answered"]
    return [lookup.why for lookup in office.lookups]


FIRST = load.lookups_of(DESK)[0].texts[0]
MISBEHAVIOURS = [
    ("ends at once", [], ["has no answer"]),
    ("ends behind one", [answer(FIRST)], [None]),
    ("ends within one", [answer(FIRST)[:-1]], ["has no answer"]),
    ("gives no length", [b"HTTP/1.1 200 OK\r\n\r\n"], ["no answer of a known length"]),
]


@pytest.mark.parametrize("row", MISBEHAVIOURS, ids=[row[0] for row in MISBEHAVIOURS])
def test_what_has_no_answer_says_why(row):
    whys = office_run(row[1])
    assert whys[:len(row[2])] == row[2]
    assert set(whys[len(row[2]):]) <= {"was never sent", "has no answer"}
    assert sum(why == "was never sent" for why in whys) >= load.LOOKUPS - 3


def test_a_shim_that_is_not_there_fails_all():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    shims = {DESK.workstation: f"127.0.0.1:{port}"}
    office = load.Office([DESK], shims, Quiet(), lambda body: None)
    office.run(lambda: None, lambda: None)
    assert all(lookup.why.startswith("could not be sent") for lookup in office.lookups)


# ---- who is connected


def test_the_kernel_tells_who_is_connected():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "127.0.0.1:%d" % server.getsockname()[1]
        assert established_peers(address) == []
        with socket.create_connection(server.getsockname(), source_address=("127.0.0.7", 0)), \
                socket.create_connection(server.getsockname(), source_address=("127.0.0.8", 0)):
            assert sorted(established_peers(address)) == ["127.0.0.7", "127.0.0.8"]


def test_only_connections_to_that_address_and_port_count():
    rows = ["sl local rem st", "0: 0100007F:1F90 0700007F:0001 01 x",
            "1: 0100007F:1F90 0800007F:0001 06 x", "2: 0100007F:1F91 0900007F:0001 01 x",
            "3: 0200007F:1F90 0A00007F:0001 01 x"]
    assert established_peers("127.0.0.1:8080", "\n".join(rows)) == ["127.0.0.7"]
