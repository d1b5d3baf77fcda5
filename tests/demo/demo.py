# SPDX-License-Identifier: Apache-2.0
"""demo - a whole site on loopback, real lookups through it, and a table of what came of each

Started by tools/try. Exit status 0 only if every row is as it has to be.
"""
import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE.parent, HERE.parent / "e2e" / "sdk"):
    sys.path.insert(0, str(folder))

import desks  # noqa: E402
from sdk import LOOKUPS, PACKAGES, Sdk, Unavailable, shim_urls  # noqa: E402
from support import canary  # noqa: E402
from support.site import Site  # noqa: E402
from table import table_format  # noqa: E402

ANY = {"kind": "basic", "id": "any", "token": "thing"}  # what an application has: no credential


def arguments_parse():
    parser = argparse.ArgumentParser(description="Shows keyrouter at work on loopback.")
    parser.add_argument("--build", required=True, help="meson build folder")
    parser.add_argument("--keep", action="store_true", help="leave the site running until Ctrl-C")
    parser.add_argument("--no-sdk", action="store_true", help="without the vendor's JavaScript SDK")
    return parser.parse_args()


def say(text=""):
    print(text, flush=True)


# ---- the site


def site_start(folder, build):
    site = Site(folder, build)
    try:
        desks.site_fill(site)
        router = site.start_router({"log_level": "info"})
        addresses = {row.workstation for row in desks.rows() if row.with_shim}
        shims = {address: site.start_shim(address, settings={"log_level": "info"})
                 for address in sorted(addresses)}
        return site, router, shims
    except BaseException:
        site_stop(site)
        raise


def site_stop(site):
    """Returns what was wrong with the end, if anything."""
    failures = []
    for step in (site.stop, canary.check):
        try:
            step()
        except (AssertionError, OSError, RuntimeError) as failure:
            failures.append(str(failure))
    return "; ".join(failures)


# ---- the desks


def desks_run(site, router, shims):
    """True if every row is as it has to be."""
    outcomes = [desks.row_run(site, router, shims, row) for row in desks.rows()]
    say(table_format(desks.HEADS, [desks.outcome_cells(o) for o in outcomes]))
    for outcome in outcomes:
        for wrong in outcome.wrong:
            say(f"wrong: {outcome.row.desk}, {outcome.row.call.splitlines()[0]}: {wrong}")
    return not any(outcome.wrong for outcome in outcomes)


# ---- the vendor's SDK


def _sdk_seen_rightly(record, lookup):
    posted = lookup in ("us-street-batch-2", "us-street-batch-100", "us-extract")
    wanted = (desks.BACKEND, desks.ROUTER) if posted else (desks.KEY_1, desks.SALES[0])
    return (record["key"], record["source"], record["status"]) == (*wanted, 200)


def sdk_run(site, shim, sdk):
    """The SDK's lookups, as rows; and whether all of them are right."""
    rows, good = [], True
    for package in PACKAGES:
        before = len(site.vendor.records())
        results = sdk.run(package, shim_urls(shim.addresses[0]), ANY)
        records = site.vendor.records()[before:]
        if len(records) != len(LOOKUPS):
            say(f"wrong: the vendor saw {len(records)} requests of {len(LOOKUPS)} lookups")
            return rows, False
        for result, record in zip(results, records):
            right = result["ok"] and result["answered"] == result["asked"] and \
                _sdk_seen_rightly(record, result["lookup"])
            good = good and right
            rows.append([f"SDK {sdk.version(package)}", result["lookup"],
                         f"{len(result['answered'])} right" if right else "WRONG",
                         record["key"] or record["class"], record["source"]])
    return rows, good


def sdk_show(site, shims, build):
    try:
        sdk = Sdk(build / "sdk")
    except Unavailable as why:
        say(f"The vendor's JavaScript SDK is left out: {why}")
        return True
    rows, good = sdk_run(site, shims[desks.SALES[0]], sdk)
    say("The vendor's own JavaScript SDK, unmodified, at desk sales 1 (withBaseUrl: the shim):\n")
    say(table_format(["client", "lookup", "answers", "key or backend", "source address"], rows))
    return good


# ---- --keep


def keep(site, router, shims, build):
    shim = shims[desks.SALES[0]].addresses[0]
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    say(f"""
It keeps running; Ctrl-C ends it. To look at:

  a lookup as desk sales 1 makes it:
    curl 'http://{shim}/us-street/street-address?street=1+Oak+St&city=Austin&state=TX'
  the policy and what it means at the vendor:
    {site.policy_path}
    {build}/tools/keyrouter check {site.policy_path}
    {build}/tools/keyrouter plan {site.policy_path}
  the router:   https://{router.addresses[0]}  {site.folder}/keyrouterd.cfg
  the vendor:   https://{site.vendor.address}, what it saw: \
curl -d '{{}}' http://127.0.0.1:{site.vendor.control_port}/records
  the shims:""")
    for address, each in shims.items():
        say(f"    {address}  http://{each.addresses[0]}")
    say("  the router's events, as they come:")
    since = router.mark()
    while not over.wait(0.5):
        for event in router.find_events(since=since):
            say("    " + " ".join(f"{k}={v}" for k, v in event.items()))
            since += 1
        if not router.is_running:
            say("the router has ended")
            return False
    return True


def main(arguments):
    build = pathlib.Path(arguments.build).resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="keyrouter-try-"))
    good, ended_badly = False, ""
    try:
        site, router, shims = site_start(folder, build)
        try:
            say("One desk for each route:\n")
            good = desks_run(site, router, shims)
            say()
            if not arguments.no_sdk:
                good = sdk_show(site, shims, build) and good
            if arguments.keep:
                good = keep(site, router, shims, build) and good
        finally:
            ended_badly = site_stop(site)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if ended_badly:
        say(f"wrong: {ended_badly}")
    say(f"\ncredentials found in logs, answers, files or /proc: {canary.n_found} "
        f"in {canary.n_bytes_searched} bytes")
    good = good and not ended_badly
    say("All is as it should be." if good else "Not all is as it should be.")
    return 0 if good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(arguments_parse()))
    except KeyboardInterrupt:
        sys.exit(130)
    except (AssertionError, OSError, RuntimeError) as failure:
        sys.exit(f"try: {failure}")
