# SPDX-License-Identifier: Apache-2.0
"""accounts - keys, their allowlists, cloud ranges and the clock they live by

Time is virtual: it stands still until a test advances it, so "seven minutes later" takes no time.
"""
import hashlib
import ipaddress
import re
import secrets
from dataclasses import dataclass, field

HOSTS_MAX = 100  # "fewer than 100 public IPs ... per embedded key" and "Maximum 100 hosts"
PROPAGATION_S = 420  # new keys can take seven minutes; host edits are taken to be alike
WINDOW_S = 60

_HOST_NAME = re.compile(r"(\*\.)?([a-z0-9-]+\.)*[a-z][a-z0-9-]*")
_FIELDS = {"embedded": ["key"], "secret": ["id", "token"], "bearer": ["token"]}


class Refusal(Exception):
    """The console says no: a status and a sentence for whoever asked."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
        self.message = message


def fingerprint(value):
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:12]


def host_parse(text):
    """An allowlist entry: an address or a host name. No ranges: "each IP individually"."""
    text = text.strip().lower()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if text == "*" or _HOST_NAME.fullmatch(text):
        return text
    raise Refusal(422, f"'{text}' is neither one address nor a host name")


@dataclass
class Key:
    name: str
    kind: str  # embedded, secret, bearer
    fields: dict
    live_at: float = 0.0  # an older answer than this knows no such key
    active: bool = True
    subscription: bool = True
    unlisted: str = "refuse"  # or "throttle": what a source gets that is not on the list
    per_minute: int = 0  # of throttled access, for each source; 0 is no limit
    limit: dict = None  # {"requests": n, "retry_after": s}: the key's own limit in a minute
    environment: str = ""  # of a bearer key
    hosts: dict = field(default_factory=dict)  # entry -> virtual time it works from
    leaving: dict = field(default_factory=dict)  # taken off, works until then

    def lists(self, entry, now):
        return self.hosts.get(entry, now + 1) <= now or self.leaving.get(entry, now) > now

    def lists_name(self, name, now):
        """Host name of a page: itself, or "*.x" for exactly one more level; "*" is any."""
        above = "*." + name.partition(".")[2]
        return any(self.lists(entry, now) for entry in (name, above, "*"))

    def describe(self):
        return {"name": self.name, "class": self.kind, "active": self.active,
                "subscription": self.subscription, "n_hosts": len(self.hosts),
                "fingerprint": fingerprint(self.fields[_FIELDS[self.kind][-1]])}


class Account:
    def __init__(self):
        self.now = 0.0
        self.propagation_s = PROPAGATION_S
        self.same_input_max = 0  # international APIs: identical requests in a minute; 0 is no limit
        self.keys = {}
        self._by_value = {}
        self._cloud = []
        self._is_cloud = {}
        self._counts = {}
        self._leak = None

    def advance(self, seconds):
        if seconds < 0:
            raise Refusal(422, "the clock only goes forward")
        self.now += seconds

    # ---- keys

    def key_add(self, name, kind, fields, live=True, **options):
        if kind not in _FIELDS:
            raise Refusal(422, f"no such class: {kind}")
        if name in self.keys:
            raise Refusal(409, f"a key named {name} exists")
        if sorted(fields) != sorted(_FIELDS[kind]) or not all(map(str, fields.values())):
            raise Refusal(422, f"a key of class {kind} has the fields {_FIELDS[kind]}")
        unknown = set(options) - {"active", "subscription", "unlisted", "per_minute", "limit",
                                  "environment"}
        if unknown:
            raise Refusal(422, f"unknown: {sorted(unknown)}")
        live_at = self.now if live else self.now + self.propagation_s
        self.keys[name] = Key(name, kind, dict(fields), live_at, **options)
        self._index()

    def key_set(self, name, changes):
        key = self.key(name)
        for attribute in changes:
            if attribute not in ("active", "subscription", "unlisted", "per_minute", "limit"):
                raise Refusal(422, f"{attribute} cannot be changed")
        for attribute, value in changes.items():
            setattr(key, attribute, value)

    def key_remove(self, name):
        self.key(name)
        del self.keys[name]
        self._index()

    def key(self, name):
        if name not in self.keys:
            raise Refusal(404, f"no key named {name}")
        return self.keys[name]

    def bearer_generate(self, environment):
        """"If you click the Generate button again, [it] will revoke the previous key": at once."""
        for key in [k for k in self.keys.values() if k.environment == environment]:
            self.key_remove(key.name)
        value = secrets.token_urlsafe(24)
        self.key_add(f"alloy-{environment}", "bearer", {"token": value}, environment=environment)
        return value

    def find(self, kind, value):
        return self._by_value.get((kind, value))

    def _index(self):
        self._by_value = {(k.kind, k.fields.get("id") or k.fields[_FIELDS[k.kind][-1]]): k
                          for k in self.keys.values()}
        values = sorted({v for k in self.keys.values() for v in k.fields.values()}, key=len)
        any_of = "|".join(re.escape(v) for v in reversed(values))
        self._leak = re.compile(any_of) if values else None

    def leak_in(self, text):
        """Does this text hold a credential of any key?"""
        return bool(self._leak and self._leak.search(text))

    def mask(self, text):
        return self._leak.sub("[credential]", text) if self._leak else text

    # ---- allowlists

    def _embedded(self, name):
        key = self.key(name)
        if key.kind != "embedded":
            raise Refusal(422, f"{name} is not an embedded key and has no host list")
        return key

    def hosts_add(self, name, hosts, live=False):
        key = self._embedded(name)
        entries = [host_parse(h) for h in hosts]
        if len(set(key.hosts) | set(entries)) > HOSTS_MAX:
            raise Refusal(409, f"an embedded key lists at most {HOSTS_MAX} hosts")
        for entry in entries:
            works_at = self.now if live else self.now + self.propagation_s
            key.hosts[entry] = min(works_at, key.hosts.get(entry, works_at))
            key.leaving.pop(entry, None)

    def hosts_remove(self, name, hosts, live=False):
        key = self._embedded(name)
        entries = [host_parse(h) for h in hosts]
        for entry in entries:
            if entry not in key.hosts:
                raise Refusal(404, f"{entry} is not listed on {name}")
        for entry in entries:
            if key.lists(entry, self.now) and not live:
                key.leaving[entry] = self.now + self.propagation_s
            del key.hosts[entry]

    def hosts_list(self, name):
        return [{"host": h, "live": at <= self.now} for h, at in self._embedded(name).hosts.items()]

    # ---- sources

    def cloud_set(self, ranges):
        try:
            self._cloud = [ipaddress.ip_network(r) for r in ranges]
        except ValueError as e:
            raise Refusal(422, str(e)) from None
        self._is_cloud = {}

    def is_cloud(self, source):
        if source not in self._is_cloud:
            address = ipaddress.ip_address(source)
            self._is_cloud[source] = any(address in n for n in self._cloud)
        return self._is_cloud[source]

    def count(self, *what):
        """Counts one more in the running minute: how many now, and the seconds left of it."""
        if len(self._counts) > 100000:
            self._counts.clear()
        start, n = self._counts.get(what, (self.now, 0))
        if self.now >= start + WINDOW_S:
            start, n = self.now, 0
        self._counts[what] = (start, n + 1)
        return n + 1, max(1, -int(-(start + WINDOW_S - self.now) // 1))
