# SPDX-License-Identifier: Apache-2.0
"""A year of a site, by the administrator's commands and the vendor's console alone.

Two keys that hold entries already are adopted; 480 desks are applied and confirmed; 40 desks come, a key,
another floor plan; a key is revoked; a wrong apply is taken back by the timer; the ledger is lost and
restored. Desks look addresses up all the time, and none of them ever sees a 401. After each step the
ledger, its lists and the vendor's lists agree, and no step took more edits at the vendor than it had to.
"""
import json
import threading

from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
CAPACITY = 100
FOREIGN = {"key-1": ["*.crm.example.com", "crm.example.com", "198.51.100.7"],
           "key-2": ["203.0.113.99"]}
SAMPLE = 12  # one desk in so many looks addresses up


def desks(block, first, last):
    return [f"127.{block}.{n // 250}.{n % 250 + 1}" for n in range(first, last)]


FLOOR_1, FLOOR_2, FLOOR_3 = desks(21, 0, 200), desks(22, 0, 160), desks(23, 0, 120)
NEW_DESKS, FLOOR_3_LATER = desks(24, 0, 40), desks(25, 0, 120)


class Desks:
    """Some desks of the site at work: one lookup after the other, each from its own address."""

    def __init__(self, site, router):
        self.site, self.router = site, router
        self.statuses, self.failures = {}, []
        self._addresses, self._changed = [], threading.Condition()
        self._done, self._n_rounds = False, 0
        self._thread = threading.Thread(target=self._run)

    def sit(self, addresses):
        with self._changed:
            self._addresses = addresses[::SAMPLE]

    def look(self, address):
        with self.site.connect_router(self.router, address) as client:
            status = client.request("GET", LOOKUP, STREET).status
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status != 200:
            self.failures.append((address, status))

    def _run(self):
        try:
            while not self._done:
                with self._changed:
                    addresses = list(self._addresses)
                for address in addresses:
                    self.look(address)
                with self._changed:
                    self._n_rounds += 1
                    self._changed.notify_all()
        except Exception as failure:  # told to the test
            self.failures.append(failure)
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def wait_round(self):
        """Until every desk that sits now has looked something up."""
        with self._changed:
            wanted = self._n_rounds + 2
            assert self._changed.wait_for(lambda: self._n_rounds >= wanted or self._done, 60)
        assert not self.failures, self.failures[:3]

    def pause(self):
        """While the router is not there."""
        self._done = True
        self._thread.join()
        assert not self.failures, self.failures[:3]

    def go_on(self, router):
        self.router, self._done = router, False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()


class Year:
    def __init__(self, site):
        self.site = site
        self.keys = [f"key-{n}" for n in range(1, 6)]
        self.floors = {"floor-1": FLOOR_1, "floor-2": FLOOR_2, "floor-3": FLOOR_3}
        self.n_edits = 0

    # ---- the administrator

    def keyrouter(self, *words, **options):
        return self.site.keyrouter(*words, "--socket", self.site.sockets / "control", **options)

    def keyrouter_json(self, *words):
        return json.loads(self.keyrouter(*words, "--json"))

    def write(self, keys_of=None):
        self.site.groups.clear()
        for n, (name, addresses) in enumerate(self.floors.items()):
            self.site.add_group(name, addresses, (keys_of or {}).get(name, self.keys), priority=10 - n)
        self.site.write_policy()

    def apply(self, *words):
        self.write()
        was_open = self.keyrouter_json("allowlist")["open"]
        answer = self.keyrouter_json("apply", self.site.policy_path, *words)
        totals = answer["plan"]["totals"]
        if not was_open:  # the plan had said what there is to do
            assert answer["open"] == {what: totals[what] for what in ("add", "remove")}
        return answer

    def lists_enter(self):
        """Types into the vendor's console what the lists say, removals first; returns how many edits."""
        n = 0
        for key in self.keyrouter_json("allowlist")["keys"]:
            if not key["in_policy"]:
                continue
            remove, add = ([e["host"] for e in key[what]] for what in ("remove", "add"))
            if remove:
                self.site.vendor.disallow(key["name"], *remove)
            if add:
                self.site.vendor.allow(key["name"], *add)
            n += len(remove) + len(add)
        self.n_edits += n
        return n

    def confirm(self, *names):
        for key in self.keyrouter_json("allowlist")["keys"]:
            if key["name"] in (names or self.keys) and (key["add"] or key["remove"]):
                self.keyrouter("allowlist", "confirm", key["name"], "--added", "all",
                               "--removed", "all")

    # ---- what has to agree

    def agree(self):
        """Ledger, lists and the vendor's own lists; returns {address: key}."""
        held = {}
        for key in self.keyrouter_json("allowlist")["keys"]:
            if not key["in_policy"]:
                continue
            at_vendor = set(self.site.vendor.hosts(key["name"]))
            known = set(key["live"]) | set(key["propagating"]) | set(key["foreign"])
            assert not key["add"] and not key["remove"], key["name"]
            assert at_vendor == known, (key["name"], at_vendor ^ known)
            assert len(at_vendor) <= CAPACITY
            held.update({host: key["name"] for host in key["live"] + key["propagating"]})
        plan = self.keyrouter_json("plan", self.site.policy_path)
        assert not plan["changes"], plan["totals"]
        return held


def edits_needed(before, after):
    """The fewest: each address that is new on a list, and each that no list holds any more."""
    return len(set(after) - set(before)) + len(set(before) - set(after))


def adopted(year):
    """Day one: what stands at the vendor is imported, and nothing of it has to be typed again."""
    listed = {"key-1": FLOOR_1[:90], "key-2": FLOOR_2[:80]}
    for name, addresses in listed.items():
        year.site.vendor.allow(name, *addresses, *FOREIGN[name])
        path = year.site.folder / f"{name}.txt"
        path.write_text("\n".join(year.site.vendor.hosts(name)) + "\n")
        year.keyrouter("allowlist", "import", name, path, "--provider", "smarty")
    return {a: name for name, addresses in listed.items() for a in addresses}


def test_a_year(make_site):
    site = make_site()
    for n in range(1, 7):
        site.add_key(f"key-{n}")
    spare = site.keys.pop()  # key-6 comes later
    site.add_backend("secret-1")
    site.vendor.cloud("127.16.0.0/12")
    year = Year(site)
    router = site.start_router({"log_level": "info"}, apply=False)

    # adopt, apply 480 desks, confirm
    before = adopted(year)
    answer = year.apply("-m", "day one")
    assert answer["plan"]["totals"]["embedded"] == 480 and answer["plan"]["moves"] == []
    people = Desks(site, router)
    people.sit(FLOOR_1 + FLOOR_2 + FLOOR_3)
    people.go_on(router)
    people.wait_round()
    n_edits = year.lists_enter()
    year.confirm()
    held = year.agree()
    assert n_edits == edits_needed(before, held) == 480 - 170
    assert all(held[address] == name for address, name in before.items())
    people.wait_round()

    # 40 desks more: nobody moves, and who finds no room is served by the backend
    year.floors["floor-4"] = NEW_DESKS
    answer = year.apply("-m", "forty desks more")
    room = 5 * CAPACITY - sum(map(len, FOREIGN.values())) - 480
    assert answer["plan"]["moves"] == [] and answer["plan"]["totals"]["embedded"] == 480 + room
    people.sit(FLOOR_1 + FLOOR_2 + FLOOR_3 + NEW_DESKS)
    n_edits = year.lists_enter()
    year.confirm()
    before, held = held, year.agree()
    assert n_edits == edits_needed(before, held) == room
    assert all(held[address] == name for address, name in before.items())
    people.wait_round()

    # a key more: the rest finds its place, by calls alone, and nobody moves
    site.keys.append(spare)
    year.keys.append("key-6")
    answer = year.apply("-m", "a sixth key")
    assert answer["plan"]["moves"] == [] and answer["plan"]["totals"]["backend"] == 0
    n_edits = year.lists_enter()
    while len(router.find_events("slot_live", key="key-6")) < 40 - room:
        for address in NEW_DESKS:  # a call that comes while another is on trial goes by the backend
            people.look(address)
    year.confirm()
    before, held = held, year.agree()
    assert n_edits == edits_needed(before, held) == 40 - room
    assert all(held[address] == name for address, name in before.items())

    # floor 3 is renumbered over night; the desks have their new addresses in the morning
    people.sit(FLOOR_1 + FLOOR_2 + NEW_DESKS)
    people.wait_round()
    year.floors["floor-3"] = FLOOR_3_LATER
    answer = year.apply("-m", "floor 3 has other addresses")
    assert answer["plan"]["moves"] == []
    people.sit(FLOOR_1 + FLOOR_2 + FLOOR_3_LATER + NEW_DESKS)
    people.wait_round()
    n_edits = year.lists_enter()
    year.confirm()
    if year.keyrouter_json("plan", site.policy_path)["changes"]:  # room that was confirmed only now
        assert year.apply("-m", "the room of the old addresses")["plan"]["moves"] == []
        n_edits += year.lists_enter()
        year.confirm()
    before, held = held, year.agree()
    assert n_edits == edits_needed(before, held) == 240
    assert set(FLOOR_3_LATER) <= set(held)
    people.wait_round()

    # key-2 is revoked: its desks get another key; for want of room the least important go to the backend
    year.keys.remove("key-2")
    revoked = next(k for k in site.keys if k["name"] == "key-2")
    site.keys.remove(revoked)
    answer = year.apply("-m", "the vendor revokes key-2")
    moved = {m["address"]: m["to"] for m in answer["plan"]["moves"]}
    of_key_2 = {a for a, name in held.items() if name == "key-2"}
    assert of_key_2 <= set(moved) and all(a in NEW_DESKS for a in set(moved) - of_key_2)
    assert all(moved[a] is None for a in set(moved) - of_key_2)
    site.vendor.remove_key("key-2")
    n_edits = year.lists_enter()
    year.confirm()
    before, held = held, year.agree()
    assert {a: held.get(a) for a in moved} == moved
    listed = {a: name for a, name in before.items() if name != "key-2"}
    assert n_edits == edits_needed(listed, held)  # on key-2 nothing is to be removed
    people.wait_round()

    # a wrong apply: floor 1 may use one key alone; nobody confirms it, and it is taken back
    mark = router.mark()
    year.write(keys_of={"floor-1": ["key-6"]})
    wrong = year.keyrouter_json("apply", site.policy_path, "--confirm-within", "2s", "-m", "a mistake")
    assert wrong["plan"]["totals"]["moves"] > 50
    people.wait_round()
    taken_back = router.wait_event("taken_back", since=mark)
    assert taken_back["verified"] and taken_back["differing"] == 0
    year.write()
    assert year.agree() == held  # nothing is to be done at the vendor
    people.wait_round()

    # the ledger's disk dies; the backup is all that is left
    backup = site.folder / "backup.db"
    year.keyrouter("ledger", "backup", backup)
    people.pause()
    router.stop()
    for path in site.folder.glob("ledger.db*"):
        path.write_bytes(b"\0" * 4096)
        path.unlink()
    site.keyrouter("ledger", "restore", backup, "--ledger", site.ledger, "-m", "the disk died")
    router = site.start_router({"log_level": "info"}, apply=False, name="keyrouterd-2")
    people.go_on(router)
    people.wait_round()
    year.write()
    assert year.agree() == held
    people.wait_round()
    people.pause()

    seen = {c["status"] for c in site.vendor.counts()}
    assert set(people.statuses) == {200} and people.statuses[200] > 300
    history = [row["what"] for row in year.keyrouter_json("history")["rows"]]
    assert {"apply", "rollback", "evidence", "allowlist import", "restore"} <= set(history), history
    assert seen <= {200, 401}
