# SPDX-License-Identifier: Apache-2.0
"""whole - a site of hundreds of desks at once: started, asked, judged, told

Each desk is a real shim that calls the router from the desk's address, with an application that
holds a connection to it. It goes the administrator's way: the router runs, the policy is applied,
the lists of `keyrouter allowlist` are entered at the vendor. For some keys that is confirmed; for the
others nothing is said, and it is the desks' first calls that show it.
"""
import collections
import http.client
from dataclasses import dataclass, field

import judging
import layout
from interrupt import held
from latency import latency_measure, quantile
from load import LOOKUPS, Office, lookup_ask, lookup_make
from support import canary
from support.site import Site
from support.sockets import established_peers
from table import table_format

CLOUD = "127.16.0.0/12"  # the vendor refuses embedded keys from here, unless the address is listed
ROUTES = {"embedded": "embedded key", "batch": "backend: a POST takes no embedded key",
          "overflow": "backend: there is no slot for the desk", "refused": "refused by the router"}


def say(text=""):
    print(text, flush=True)


@dataclass
class Whole:
    site: Site
    desks: list
    plan: object = None
    router: object = None
    shims: dict = field(default_factory=dict)  # workstation -> its shim
    wrong: list = field(default_factory=list)  # beside what the verdict says

    @property
    def shim_of(self):
        return {workstation: shim.addresses[0] for workstation, shim in self.shims.items()}


# ---- start


def keys_confirmed(n_keys):
    """The first of them; the others show by calls that they are entered."""
    return layout.key_names(n_keys)[:(n_keys + 1) // 2]


def _administer(whole, n_keys):
    """From a policy to lists at the vendor, by the command alone."""
    site = whole.site
    egresses = {desk.egress for desk in whole.desks}
    say(f"A whole site: {len(whole.desks)} workstations, {len(egresses)} egress addresses, "
        f"{n_keys} embedded keys, one secret key. The administrator's way:")
    say(f"  keyrouter check       {layout.keyrouter_run(site, 'check', site.policy_path).strip()}")
    whole.plan = layout.plan_read(site)
    applied = layout.keyrouter_run(site, "apply", site.policy_path, "-m", "the first policy")
    say(f"  keyrouter apply       {applied.splitlines()[0]}")
    counts = layout.lists_enter(site)
    say("  keyrouter allowlist   entered at the vendor: "
        + ", ".join(f"{n} on {name}" for name, n in counts.items()))
    for name in keys_confirmed(n_keys):
        layout.keyrouter_run(site, "allowlist", "confirm", name, "--added", "all")
    say(f"  keyrouter allowlist confirm KEY --added all   {', '.join(keys_confirmed(n_keys))}")


def _evidence_gather(whole, n_keys):
    """One call from each address of a key that nobody confirmed shows that it is entered."""
    unconfirmed = set(whole.plan.add) - set(keys_confirmed(n_keys))
    waiting = {desk.egress: desk for desk in whole.desks
               if whole.plan.key_of.get(desk.egress) in unconfirmed}
    for number, desk in enumerate(waiting.values()):
        lookup = lookup_make(desk, number, "street", "first ")
        shim = whole.shim_of[desk.workstation]
        status = lookup_ask(shim, lookup)
        if status != 200:
            whole.wrong.append(f"the first call of desk {desk.workstation} got {status}")
    n_live = len(whole.router.wait_events(len(waiting), "slot_live")) if waiting else 0
    say(f"  calls alone           {n_live} addresses of {', '.join(sorted(unconfirmed)) or 'no key'} "
        "are seen to work")


def _shims_start(whole, progress):
    """Together: a shim is ready by the time that the last one is started."""
    for n, desk in enumerate(whole.desks, 1):
        with held():
            whole.shims[desk.workstation] = whole.site.start_shim(
                desk.workstation, whole.router, {"log_level": "info"}, ready=False)
        progress.show("shims started", n, len(whole.desks))
    for shim in whole.shims.values():
        shim.wait_ready()


def whole_start(site, n_workstations, n_keys, progress):
    groups = layout.groups_of(n_workstations, n_keys)
    whole = Whole(site, layout.desks_of(groups))
    layout.site_fill(site, groups, n_keys)
    site.vendor.cloud(CLOUD)
    with held():
        whole.router = site.start_router({"log_level": "info"}, apply=False)
    _administer(whole, n_keys)
    _shims_start(whole, progress)
    progress.end()
    _evidence_gather(whole, n_keys)
    return whole


# ---- lookups


def _connected_check(whole, when):
    """Every desk has its connection to the router, by the kernel's own table."""
    peers = collections.Counter(established_peers(whole.router.addresses[0]))
    n = sum(desk.workstation in peers for desk in whole.desks)
    if n != len(whole.desks) or len(peers) != n:
        whole.wrong.append(f"{n} of {len(whole.desks)} desks are connected to the router {when}, "
                           f"and {len(peers) - n} others")
    return n


def _lookups_run(whole, progress):
    """The office, with every lookup answered or not."""
    n_connected = []

    def on_connected():
        n_connected.append(_connected_check(whole, "before the lookups"))
        progress.end()
        say(f"{n_connected[0]} desks are connected to the router at once, with one lookup each; "
            f"now {LOOKUPS - 1} more from each.")

    def on_answered():
        n_connected.append(_connected_check(whole, "behind the lookups"))

    office = Office(whole.desks, whole.shim_of, progress,
                    lambda body: canary.evidence("answers to the desks", body))
    office.run(on_connected, on_answered)
    progress.end()
    if len(n_connected) != 2:
        whole.wrong.append("the desks were not done in time")
    return office


def _latency_measure(whole):
    """Another 401, which the backend would have hidden, is wrong too."""
    try:
        return latency_measure(whole.site, whole.shim_of, whole.plan, whole.desks)
    except (OSError, RuntimeError, http.client.HTTPException) as failure:
        whole.wrong.append(f"latency cannot be measured: {failure}")
        return {}
    finally:
        n_refused = len(whole.site.vendor.records(status=401))
        if n_refused:
            whole.wrong.append(f"the vendor refused {n_refused} requests while latency was "
                               "measured")


def whole_run(whole, progress):
    """The verdict on all desks; the tables are printed."""
    vendor = whole.site.vendor
    before = len(vendor.records())
    office = _lookups_run(whole, progress)
    records = vendor.records()[before:]
    verdict = judging.judge(whole.desks, office.lookups, whole.plan, records)
    say()
    say(table_format(KEY_HEADS, key_rows(whole, verdict)))
    say()
    latencies = _latency_measure(whole) if verdict.is_good else {}
    say(table_format(ROUTE_HEADS, route_rows(verdict, latencies)))
    say(ROUTE_CAPTION)
    verdict.wrong += whole.wrong
    for line in judging.wrong_lines(verdict):
        say(line)
    return verdict


# ---- tables


KEY_HEADS = ["key", "slots used", "desks", "lookups"]
ROUTE_HEADS = ["route", "lookups", "latency added:\npairs measured", "\np50", "\np99"]
ROUTE_CAPTION = """
Latency added: a lookup through shim and router less one like it that the same desk sends straight
to the vendor, with the same key from the same address; pair by pair, all connections open, one at
a time."""


def key_rows(whole, verdict):
    """Slots are what the vendor's list holds; an address is counted where a 200 went to it."""
    rows = []
    for name, capacity in whole.plan.capacity.items():
        n_listed, used = len(whole.site.vendor.hosts(name)), verdict.sources.get(name, set())
        if len(used) != n_listed:
            whole.wrong.append(f"{n_listed} addresses are listed on {name}, {len(used)} used it")
        n_desks = sum(whole.plan.key_of.get(desk.egress) == name and kind == "embedded"
                      for desk, kind in verdict.desks.items())
        rows.append([name, f"{len(used)} of {capacity}", str(n_desks),
                     f"{verdict.keys.get(name, 0):,}"])
    rows.append([layout.BACKEND, "-", str(verdict.count("backend")),
                 f"{verdict.keys.get(layout.BACKEND, 0):,}"])
    return rows


def _ms(seconds):
    return f"{seconds * 1000:.2f} ms"


def route_rows(verdict, latencies):
    rows = []
    for route, name in ROUTES.items():
        if not verdict.routes.get(route):
            continue
        added = latencies.get(route)
        cells = [str(len(added)), _ms(quantile(added, 0.5)), _ms(quantile(added, 0.99))] if added \
            else ["-", "-", "-"]
        rows.append([name, f"{verdict.routes[route]:,}", *cells])
    return rows


# ---- to look at, while it runs


def _desk_line(whole, desk):
    route, key = whole.plan.route_of(desk.egress)
    return f"    {desk.group:<9} {desk.workstation:<14} {key or route:<9} " \
           f"http://{whole.shim_of[desk.workstation]}"


def keep_text(whole):
    site = whole.site
    keyrouter, control = site.build / "tools" / "keyrouter", site.sockets / "control"
    ends = {(desk.group, whole.plan.route_of(desk.egress)): desk for desk in whole.desks}
    first = whole.desks[0]
    desks = "\n".join(_desk_line(whole, desk) for desk in ends.values())
    return f"""
It keeps running; Ctrl-C ends it. To look at:

  a lookup as desk {first.workstation} makes it:
    curl 'http://{whole.shim_of[first.workstation]}/us-street/street-address\
?street=1+Oak+St&city=Austin&state=TX'
  the policy and what it means at the vendor:
    {site.policy_path}
    {keyrouter} check {site.policy_path}
  the router's ledger; --socket PATH goes behind each verb:
    {keyrouter} status --socket {control}
    {keyrouter} explain {first.workstation} --socket {control}
    {keyrouter} allowlist --socket {control}
    {keyrouter} report --socket {control}
  the router:   https://{whole.router.addresses[0]}  {site.folder}/keyrouterd.cfg
  the vendor:   https://{site.vendor.address}, what it saw: \
curl -d '{{}}' http://127.0.0.1:{site.vendor.control_port}/records
  all shims:    {site.folder}/keyshim-*.cfg; a desk of each group on each key:
{desks}
  the router's events, as they come:"""
