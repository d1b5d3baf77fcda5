# SPDX-License-Identifier: Apache-2.0
"""table - the measurements as the tables of README.md; a ratio is keyrouterd's to the peer's"""
from measure import spread

OURS = "keyrouterd"
OTHERS = ("nginx", "haproxy")


def _row(*cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"


def table_format(head, rows):
    return "\n".join([_row(*head), "|" + "---|" * len(head), *(_row(*r) for r in rows), ""])


def _median(rounds, part, peer, figure):
    return spread([r[part][peer][figure] for r in rounds])[0]


def ratio(rounds, part, peer, figure):
    """The median of the pairs, one a round, and their spread."""
    return spread([r[part][OURS][figure] / r[part][peer][figure] for r in rounds])


def _ratio_text(rounds, part, peer, figure):
    if any(r[part][peer][figure] <= 0 for r in rounds):
        return "-"
    return "%.2f (%.2f-%.2f)" % ratio(rounds, part, peer, figure)


def _cpu_rows(rounds, parts):
    for part, label in parts:
        yield (label, *("%.1f" % _median(rounds, part, p, "cpu_us") for p in (OURS, *OTHERS)),
               *(_ratio_text(rounds, part, p, "cpu_us") for p in OTHERS))


def _speed_rows(rounds, parts):
    for part, label in parts:
        for peer in (OURS, *OTHERS):
            yield (label, peer, *("%d" % _median(rounds, part, peer, f)
                                  for f in ("per_s", "p50_us", "p99_us", "upstreams")),
                   "%d %%" % (100 * _median(rounds, part, peer, "resumed")))


def _peers_text(rounds, title, parts):
    present = [(part, label) for part, label in parts if rounds and part in rounds[0]]
    if not present:
        return []
    return [f"**{title}**\n",
            table_format(("CPU us a request", OURS, *OTHERS, "to nginx", "to HAProxy"),
                   _cpu_rows(rounds, present)),
            table_format(("", "peer", "requests/s", "p50 us", "p99 us", "upstreams opened", "resumed"),
                   _speed_rows(rounds, present))]


def _idle_text(rounds, floor_kb):
    if not rounds:
        return []
    rows = [(kind.upper(),
             *("%.1f" % _median(rounds, "idle", p, f"{kind}_kb") for p in (OURS, *OTHERS)),
             *(_ratio_text(rounds, "idle", p, f"{kind}_kb") for p in OTHERS))
            for kind in ("pss", "rss")]
    return ["**Memory: 1,000 idle TLS connections, one worker**\n",
            table_format(("KB a connection", OURS, *OTHERS, "to nginx", "to HAProxy"), rows),
            "OpenSSL alone, without a program around it, holds %.1f KB of heap.\n" % floor_kb]


def _upstreams_text(pairs):
    if not pairs:
        return []
    few, many = (spread([p[i]["cpu_us"] for p in pairs])[0] for i in (0, 1))
    among = spread([p[1]["cpu_us"] / p[0]["cpu_us"] for p in pairs])
    return ["**Idle upstream connections, keyrouterd, 64 clients**\n",
            table_format(("upstreams opened first", "CPU us a request", "ratio"),
                   [(pairs[0][0]["opened"], "%.1f" % few, ""),
                    (pairs[0][1]["opened"], "%.1f" % many, "%.2f (%.2f-%.2f)" % among)])]


def _far_text(far):
    if not far:
        return []
    direct, ours = far["direct"]["p50_us"], far["keyrouter"]["p50_us"]
    return ["**Far vendor: 20 ms each way, a client connection for each lookup**\n",
            table_format(("", "p50 ms", "p99 ms", "ratio of p50"),
                   [("straight to the vendor", "%.1f" % (direct / 1000),
                     "%.1f" % (far["direct"]["p99_us"] / 1000), ""),
                    ("through shim and router", "%.1f" % (ours / 1000),
                     "%.1f" % (far["keyrouter"]["p99_us"] / 1000), "%.2f" % (ours / direct))])]


def _transparent_text(rounds):
    if not rounds:
        return []
    return ["keyrouterd with `egress = \"transparent\"` (an upstream connection for each desk), one "
            "worker, 64 connections: %.1f us a request, %d upstream connections opened.\n" % (
                spread([r["cpu_us"] for r in rounds])[0],
                spread([r["upstreams"] for r in rounds])[0])]


def _machine_text(m):
    return ["%d processors, %s, Linux %s; nginx %s, HAProxy %s, OpenSSL %s; load average %.1f "
            "before, %.1f after." % (m["processors"], m["cpu"], m["kernel"], m["nginx"],
                                     m["haproxy"], m["openssl"], m["load_before"][0],
                                     m["load_after"][0])]


def format_all(result):
    one, two = result["rounds"], result["rounds_of_two"]
    keep = [(str(n), f"{n} connection{'s' if n > 1 else ''}") for n in (1, 64, 256)]
    new = [("fresh", "full handshake"), ("resume", "resumed")]
    return "\n".join([
        *_peers_text(one, "One worker, keep-alive", keep),
        *_transparent_text(result.get("transparent")),
        *_peers_text(two, "Two workers, keep-alive", keep),
        *_peers_text(one, "One worker, a TLS connection for each request, one at a time", new),
        *_peers_text(two, "Two workers, a TLS connection for each request, one at a time", new),
        *_idle_text(result["idle"], result.get("openssl_floor_kb")), *_upstreams_text(result.get("upstreams")),
        *_far_text(result.get("far")), *_machine_text(result["machine"])])
