# SPDX-License-Identifier: Apache-2.0
"""desks - a small site with one desk for each route, what each desk asks, and what has to come of it

A call is made through the desk's shim, as an application would. Three things are then compared with what
has to be: the answer, the vendor's own record of what reached it, and the reason in the router's event.
"""
import http.client
import json
import re
import textwrap
import urllib.parse
from dataclasses import dataclass, field

from support.site import HOSTS

KEY_1, KEY_2, BACKEND = "austin-1", "austin-2", "austin-secret"
ROUTER = "127.0.0.1"  # where calls of the backend come from
SALES = ["127.20.1.1", "127.20.1.2", "127.20.1.3"]
SUPPORT, VISITOR, STRANGER, OUTSIDE = "127.20.2.1", "127.20.3.1", "127.20.9.9", "127.20.9.1"
TRAINING, TRAINING_EGRESS = ["127.20.4.1", "127.20.4.2"], "127.20.8.1"
REASON_WIDTH = 40
CLOUD = "Embedded key authentication is not allowed from public cloud providers."


def site_fill(site):
    """Three slots on the first key, all taken by sales; one on the second, shared by two desks."""
    site.add_key(KEY_1, hosts=SALES[:2], settings={"reserve": 97})
    site.add_key(KEY_2, hosts=[TRAINING_EGRESS])
    site.add_backend(BACKEND)
    site.vendor.cloud("127.20.0.0/16")
    site.add_group("sales", [f"{SALES[0]}-{SALES[-1]}"], keys=[KEY_1], priority=20)
    site.add_group("support", ["127.20.2.0/28"], keys=[KEY_1], priority=10)
    site.add_group("visitors", [VISITOR], keys=[KEY_1], backends=[], overflow="refuse", priority=1)
    site.add_group("training", [f"{TRAINING[0]}-{TRAINING[-1]}"], keys=[KEY_2],
                   egress=[TRAINING_EGRESS], priority=30)


@dataclass
class Answer:
    status: int
    said: str  # the address that was answered, or the message of the error


@dataclass
class Seen:
    """One request at the vendor: key or backend, where it came from, the status it got."""
    key: str
    source: str
    status: int = 200


@dataclass
class Row:
    desk: str
    workstation: str
    call: str
    ask: object  # takes a Site's shim (or the site), returns an Answer
    status: int
    said: str
    seen: list
    reason: str = None  # a pattern; None: the call does not pass the router
    with_shim: bool = True


@dataclass
class Outcome:
    row: Row
    answer: Answer
    seen: list
    reason: str
    wrong: list = field(default_factory=list)


# ---- calls


def _said(status, body):
    """The piece of an answer that tells whether it is the right one."""
    try:
        value = json.loads(body)
        if status != 200:
            return " ".join(error["message"] for error in value["errors"])
        if isinstance(value, dict):
            return value["addresses"][0]["text"]
        return ", ".join(candidate["delivery_line_1"] for candidate in value)
    except (ValueError, LookupError, TypeError):
        return f"not in the vendor's shape: {body[:60]!r}"


def _ask(address, method, target, body=None, headers=None):
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, _said(response.status, response.read()))
    finally:
        connection.close()


def street(text, extra="", **headers):
    query = urllib.parse.urlencode({"street": text, "city": "Austin", "state": "TX"})
    return lambda shim: _ask(shim.addresses[0], "GET", f"/us-street/street-address?{query}{extra}",
                             headers={n.replace("_", "-"): v for n, v in headers.items()})


def batch(*texts):
    body = json.dumps([{"street": t, "city": "Austin", "state": "TX"} for t in texts])
    return lambda shim: _ask(shim.addresses[0], "POST", "/us-street/street-address", body,
                             {"Content-Type": "application/json"})


def extract(text):
    return lambda shim: _ask(shim.addresses[0], "POST", "/us-extract/", text,
                             {"Content-Type": "text/plain; charset=utf-8"})


def straight(key):
    """As an application without keyrouter: the embedded key in the URL, to the vendor itself."""
    def ask(site):
        query = site.vendor.keys[key].query
        with site.connect_vendor(OUTSIDE) as client:
            response = client.request("GET", f"/street-address?street=6+Dean+St&{query}",
                                      HOSTS["us-street"])
        return Answer(response.status, _said(response.status, response.body))
    return ask


def rows():
    on_1, on_2 = rf"slot \d+ of 100 on {KEY_1}", rf"slot \d+ of 100 on {KEY_2}"
    by_backend = [Seen(BACKEND, ROUTER)]
    return [
        Row("sales 1", SALES[0], "street, GET", street("1 Oak St"), 200, "1 Oak St",
            [Seen(KEY_1, SALES[0])], on_1),
        Row("sales 1", SALES[0], "GET with a key and a Referer\nof the application's own",
            street("2 Oak St", "&%6Bey=4711", Referer="https://crm.example.com/"), 200, "2 Oak St",
            [Seen(KEY_1, SALES[0])], on_1),
        Row("training 1", TRAINING[0], "street, GET", street("3 Fir St"), 200, "3 Fir St",
            [Seen(KEY_2, TRAINING_EGRESS)], on_2),
        Row("training 2", TRAINING[1], "street, GET\n(same egress, same slot)", street("4 Fir St"),
            200, "4 Fir St", [Seen(KEY_2, TRAINING_EGRESS)], on_2),
        Row("sales 2", SALES[1], "street, POST of 2", batch("5 Elm St", "6 Elm St"), 200,
            "5 Elm St, 6 Elm St", by_backend, "api needs the secret key"),
        Row("sales 2", SALES[1], "US Extract, POST", extract("Ship to\n7 Ash St, Austin TX"), 200,
            "7 Ash St, Austin TX", by_backend, "api needs the secret key"),
        Row("support 1", SUPPORT, "street, GET", street("8 Yew St"), 200, "8 Yew St", by_backend,
            "all keys of the group are full"),
        Row("sales 3", SALES[2], "street, GET; nobody listed\nthis address at the vendor",
            street("9 Bay St"), 200, "9 Bay St", [Seen(KEY_1, SALES[2], 401), *by_backend],
            "key failed: address not listed"),
        Row("sales 3", SALES[2], "street, GET, once more", street("10 Bay St"), 200, "10 Bay St",
            by_backend, "slot suspended: address not listed"),
        Row("visitor", VISITOR, "street, GET;\noverflow is \"refuse\"", street("11 Box St"), 403, None,
            [], "all keys of the group are full; overflow is refused in group visitors"),
        Row("unknown", STRANGER, "street, GET", street("12 Sky St"), 403, None, [],
            "workstation is in no group"),
        Row("no keyrouter", OUTSIDE, "street, GET, straight\nto the vendor", straight(KEY_1), 401,
            CLOUD, [Seen(KEY_1, OUTSIDE, 401)], with_shim=False),
    ]


# ---- what came of it


def _seen_of(record):
    return Seen(record["key"] or record["class"], record["source"], record["status"])


def _event_of(router, row, since):
    return router.wait_event("exchange", since=since, client=row.workstation)["reason"]


def outcome_check(outcome):
    """Fills outcome.wrong with what differs."""
    row, wrong = outcome.row, outcome.wrong
    if outcome.answer.status != row.status:
        wrong.append(f"the answer is {outcome.answer.status}, not {row.status}")
    if row.said is not None and outcome.answer.said != row.said:
        wrong.append(f"the answer says {outcome.answer.said!r}, not {row.said!r}")
    if outcome.seen != row.seen:
        wrong.append(f"the vendor saw {outcome.seen}, not {row.seen}")
    if row.reason is not None and not re.fullmatch(row.reason, outcome.reason):
        wrong.append(f"the reason is {outcome.reason!r}, not {row.reason!r}")


def row_run(site, router, shims, row):
    before, since = len(site.vendor.records()), router.mark()
    answer = row.ask(shims[row.workstation] if row.with_shim else site)
    reason = _event_of(router, row, since) if row.with_shim else answer.said
    seen = site.vendor.records()[before:]
    outcome = Outcome(row, answer, [_seen_of(record) for record in seen], reason)
    outcome_check(outcome)
    for record in seen:
        if record["leaks"] or record["parameters"].count("key") > 1:
            outcome.wrong.append("a credential is where the vendor does not expect one")
    return outcome


def outcome_cells(outcome):
    row, seen = outcome.row, outcome.seen
    return [row.desk, row.workstation, row.call, str(outcome.answer.status),
            "\n".join(s.key + ("" if s.status == 200 else f": {s.status}") for s in seen) or "-",
            "\n".join(s.source for s in seen) or "-", textwrap.fill(outcome.reason, REASON_WIDTH),
            "WRONG" if outcome.wrong else "ok"]


HEADS = ["desk", "its address", "call", "answer", "key or backend\nat the vendor",
         "source address\nat the vendor", "reason", ""]
