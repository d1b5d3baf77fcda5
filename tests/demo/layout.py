# SPDX-License-Identifier: Apache-2.0
"""layout - a whole site: who sits where, which keys there are, and what `keyrouter` makes of it

The shape is that of policy/examples/austin.cfg: sales with the first keys, support with the last
ones and too many of them, ten of training behind one address. Addresses are of 127/8, where every
one is local: a desk calls from its own, and egress = "transparent" needs no privilege.
"""
import ipaddress
import json
import subprocess
from dataclasses import dataclass

from support.site import program_find

BACKEND = "austin-secret"
ROUTER = "127.0.0.1"  # where calls of the backend come from
TRAINING_EGRESS = "127.29.255.10"
WORKSTATIONS, WORKSTATIONS_MIN, WORKSTATIONS_MAX = 520, 3, 2000
KEYS, KEYS_MAX = 5, 20
PLAN_TIMEOUT_S = 20
_SALES, _SUPPORT, _TRAINING = map(ipaddress.ip_address, ("127.20.0.0", "127.24.0.0", "127.29.0.10"))


@dataclass(frozen=True)
class Desk:
    number: int
    group: str
    workstation: str
    egress: str  # what the vendor sees where an embedded key is used


@dataclass(frozen=True)
class Group:
    name: str
    settings: dict  # of the policy
    desks: tuple  # (workstation, egress)


def _sales_group(n, keys):
    """Whole /24 without their first and last address, and a range for the rest."""
    whole, rest = divmod(n, 254)
    prefixes = [ipaddress.ip_network((int(_SALES) + 256 * i, 24)) for i in range(whole)]
    first = _SALES + (256 * whole or 1)
    workstations = [str(p) for p in prefixes] + ([f"{first}-{first + rest - 1}"] if rest else [])
    edges = [str(edge) for p in prefixes for edge in (p[0], p[-1])]
    addresses = [str(a) for p in prefixes for a in p.hosts()]
    addresses += [str(first + i) for i in range(rest)]
    settings = {"workstations": workstations, "egress": "transparent", "keys": keys,
                "overflow": "backend", "priority": 20, **({"except": edges} if edges else {})}
    return Group("sales", settings, tuple((a, a) for a in addresses))


def _range_group(name, first, n, settings, egress=None):
    addresses = [str(first + i) for i in range(n)]
    settings = {"workstations": [f"{addresses[0]}-{addresses[-1]}" if n > 1 else addresses[0]],
                **settings}
    return Group(name, settings, tuple((a, egress or a) for a in addresses))


def key_names(n_keys):
    return [f"austin-{i}" for i in range(1, n_keys + 1)]


def groups_of(n_workstations, n_keys):
    """In the proportions of 310 in sales, 200 in support and 10 in training; none is empty."""
    names = key_names(n_keys)
    n_training = max(1, n_workstations * 10 // WORKSTATIONS)
    n_support = max(1, n_workstations * 200 // WORKSTATIONS)
    support = {"egress": "transparent", "keys": names[min(3, n_keys) - 1:], "priority": 10,
               "limits": {"requests_per_minute": 600, "burst": 50}}
    training = {"egress": [TRAINING_EGRESS], "keys": names[-1:], "priority": 30}
    return [
        _sales_group(n_workstations - n_support - n_training, names[:max(1, n_keys - 1)]),
        _range_group("support", _SUPPORT, n_support, support),
        _range_group("training", _TRAINING, n_training, training, TRAINING_EGRESS),
    ]


def desks_of(groups):
    pairs = [(group.name, *each) for group in groups for each in group.desks]
    return [Desk(number, *pair) for number, pair in enumerate(pairs, 1)]


def site_fill(site, groups, n_keys):
    """Policy and credentials. The vendor learns the keys; of no address yet."""
    for name in key_names(n_keys):
        site.add_key(name)
    site.add_backend(BACKEND, {"per_day": 200000})
    for group in groups:
        rest = {k: v for k, v in group.settings.items() if k not in ("workstations", "keys")}
        site.add_group(group.name, group.settings["workstations"], group.settings["keys"], **rest)
    site.policy_rest = {"site": "austin", "origins": ["https://crm.example.com"],
                        "unknown": "refuse"}
    site.write_policy()


# ---- the plan


class Plan:
    """What `keyrouter plan --json` says."""

    def __init__(self, document):
        self.add = {key["name"]: key["add"] for key in document["keys"]}
        self.capacity = {key["name"]: key["capacity"] for key in document["keys"]}
        self.n_desks = {key["name"]: key["desks"] for key in document["keys"]}
        self.key_of = {address: name for name, added in self.add.items() for address in added}
        self.overflow = {each["address"]: each["route"] for each in document["overflow"]}
        self.totals = document["totals"]

    def route_of(self, egress):
        """(route, key): "embedded" with the name of the key, "backend" or "refused"."""
        if egress in self.key_of:
            return "embedded", self.key_of[egress]
        return self.overflow[egress], None


def keyrouter_run(site, *words):
    """What the administrator's command prints; RuntimeError where it says no. Asks a daemon that runs, or
    looks at the ledger."""
    argv = [program_find(site.build, "keyrouter"), *words]
    socket = site.sockets / "control"
    if words[0] != "check" and socket.exists():
        argv += ["--socket", socket]
    elif words[0] != "check" and site.ledger.exists():
        argv += ["--ledger", site.ledger]
    done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PLAN_TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"keyrouter {words[0]} ends with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def plan_read(site):
    return Plan(json.loads(keyrouter_run(site, "plan", site.policy_path, "--json")))


def lists_enter(site):
    """What the administrator does in the vendor's console, from the list, and the time that it then
    takes. Returns how many addresses were entered on each key."""
    counts = {}
    for key in json.loads(keyrouter_run(site, "allowlist", "--json"))["keys"]:
        added = [each["host"] for each in key["add"]]
        if added:
            site.vendor.allow(key["name"], *added, live=False)
        counts[key["name"]] = len(added)
    site.vendor.advance(600)
    return counts
