# SPDX-License-Identifier: Apache-2.0
"""judging - what became of every desk, by the vendor's own records

A desk is embedded if each of its GETs reached the vendor once, with the embedded key that the plan
gives it and from its own address, and was answered with 200; it is on the backend if each of them
came with the secret key from the router. A lookup has failed unless its desk got the right answer
and the vendor saw it once, by the route it had to take. Whatever else the vendor saw is wrong too.
"""
import collections
from dataclasses import dataclass, field

import layout
from load import NAME_FIELD

WRONG_SHOWN = 20


@dataclass
class Verdict:
    desks: dict = field(default_factory=dict)  # desk -> "embedded", "backend", "refused" or None
    keys: dict = field(default_factory=dict)  # key -> the number of its lookups
    sources: dict = field(default_factory=dict)  # key -> addresses that used it
    routes: dict = field(default_factory=dict)  # as route_of() calls them -> the number of lookups
    n_lookups: int = 0
    n_failed: int = 0
    wrong: list = field(default_factory=list)

    def count(self, what):
        return sum(each == what for each in self.desks.values())

    @property
    def keys_used(self):
        """Embedded keys that answered at least one desk."""
        return sorted(key for key in self.sources if key != layout.BACKEND)

    @property
    def is_good(self):
        return not self.wrong and self.n_failed == 0 and self.n_lookups > 0 and \
            None not in self.desks.values()

    def line(self):
        return (f"try: {len(self.desks)} workstations: {self.count('embedded')} embedded on "
                f"{len(self.keys_used)} keys, {self.count('backend')} backend, "
                f"{self.count('refused')} refused; "
                f"{self.n_lookups} lookups, {self.n_failed} failed")


def name_of(record):
    """The lookup's name as the vendor saw it."""
    return next((value for name, value in record["headers"]
                 if name.lower() == NAME_FIELD.lower()), None)


def seen_of(record):
    return record["class"], record["key"], record["source"], record["status"]


def route_of(lookup, plan):
    """embedded; batch: no embedded key is taken for it; overflow: no slot for the desk; refused."""
    planned, _ = plan.route_of(lookup.desk.egress)
    if planned == "refused":
        return "refused"
    if lookup.kind == "batch":
        return "batch"
    return "embedded" if planned == "embedded" else "overflow"


def wanted_of(lookup, plan):
    """What the vendor has to have seen; None: nothing, the router refuses."""
    route, key = plan.route_of(lookup.desk.egress)
    if route == "refused":
        return None
    if route == "embedded" and lookup.kind != "batch":
        return "embedded", key, lookup.desk.egress, 200
    return "secret", layout.BACKEND, layout.ROUTER, 200


# ---- one lookup


def _seen_wrong(wanted, records):
    if wanted is None:
        return "the vendor saw it although it was to be refused" if records else None
    if [seen_of(record) for record in records] == [wanted]:
        return None
    seen = ", ".join("{1} ({0}) from {2}: {3}".format(*seen_of(r)) for r in records) or "nothing"
    return "the vendor was to see {1} ({0}) from {2}: {3}, and saw {4}".format(*wanted, seen)


def lookup_wrong(lookup, plan, records):
    """What is wrong with it, or None."""
    wanted = wanted_of(lookup, plan)
    if lookup.why:
        return lookup.why
    if wanted is None and lookup.status != 403:
        return f"the answer is {lookup.status}, not a refusal"
    if wanted is not None and not lookup.is_answered:
        return f"the answer is {lookup.status}, about {'; '.join(lookup.said)[:80]!r}"
    return _seen_wrong(wanted, records)


# ---- one desk


def desk_class(lookups, records_of, plan):
    """By what its GETs were served; None where they were not all served alike, and as planned."""
    gets = [lookup for lookup in lookups if lookup.kind != "batch"]
    desk = lookups[0].desk
    _, key = plan.route_of(desk.egress)
    seen = [[seen_of(record) for record in records_of[lookup.name]] for lookup in gets]
    if gets and key and all(each == [("embedded", key, desk.egress, 200)] for each in seen):
        return "embedded"
    if gets and all(each == [("secret", layout.BACKEND, layout.ROUTER, 200)] for each in seen):
        return "backend"
    if gets and not any(seen) and all(lookup.status == 403 for lookup in gets):
        return "refused"
    return None


# ---- the whole


def _record_wrong(record, lookups_by_name):
    name = name_of(record)
    if name not in lookups_by_name:
        return f"the vendor saw a request that no desk sent: {record['method']} {seen_of(record)}"
    if record["status"] == 401:
        return f"the vendor refused lookup {name}: {seen_of(record)}"
    if record["leaks"] or record["parameters"].count("key") > 1:
        return f"lookup {name} has a credential where the vendor does not expect one"
    return None


def _records_count(verdict, records):
    for record in records:
        if record["status"] != 200:
            continue
        verdict.keys[record["key"]] = verdict.keys.get(record["key"], 0) + 1
        if record["class"] == "embedded":
            verdict.sources.setdefault(record["key"], set()).add(record["source"])


def _lookups_judge(verdict, lookups, plan, records_of):
    for lookup in lookups:
        route = route_of(lookup, plan)
        verdict.routes[route] = verdict.routes.get(route, 0) + 1
        wrong = lookup_wrong(lookup, plan, records_of[lookup.name])
        if wrong:
            verdict.n_failed += 1
            verdict.wrong.append(f"lookup {lookup.name} of {lookup.desk.workstation}: {wrong}")


def _desks_judge(verdict, desks, lookups, plan, records_of):
    own = collections.defaultdict(list)
    for lookup in lookups:
        own[lookup.desk].append(lookup)
    for desk in desks:
        planned, _ = plan.route_of(desk.egress)
        found = desk_class(own[desk], records_of, plan) if own[desk] else None
        verdict.desks[desk] = found
        if found != planned:
            verdict.wrong.append(f"desk {desk.workstation} is to be {planned}, and is "
                                 f"{found or 'neither embedded nor on the backend'}")


def judge(desks, lookups, plan, records):
    """lookups: with the answers they got; records: all that the vendor saw meanwhile."""
    verdict = Verdict(n_lookups=len(lookups))
    by_name = {lookup.name: lookup for lookup in lookups}
    records_of = collections.defaultdict(list)
    for record in records:
        records_of[name_of(record)].append(record)
        wrong = _record_wrong(record, by_name)
        if wrong:
            verdict.wrong.append(wrong)
    _records_count(verdict, records)
    _lookups_judge(verdict, lookups, plan, records_of)
    _desks_judge(verdict, desks, lookups, plan, records_of)
    return verdict


def wrong_lines(verdict):
    """What is wrong, and not more of it than anybody reads."""
    lines = [f"wrong: {each}" for each in verdict.wrong[:WRONG_SHOWN]]
    if len(verdict.wrong) > WRONG_SHOWN:
        lines.append(f"wrong: and {len(verdict.wrong) - WRONG_SHOWN} more")
    return lines
