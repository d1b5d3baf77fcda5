# SPDX-License-Identifier: Apache-2.0
"""showcase - one desk for each route, and the vendor's own SDK at one of them: a table for each"""
import desks
from interrupt import held
from sdk import LOOKUPS, PACKAGES, Sdk, Unavailable, shim_urls
from table import table_format

ANY = {"kind": "basic", "id": "any", "token": "thing"}  # what an application has: no credential


def say(text=""):
    print(text, flush=True)


def _programs_start(site):
    """The router, and {workstation: its shim}."""
    desks.site_fill(site)
    router = site.start_router({"log_level": "info"})
    addresses = sorted({row.workstation for row in desks.rows() if row.with_shim})
    return router, {address: site.start_shim(address, settings={"log_level": "info"})
                    for address in addresses}


def _desks_show(site, router, shims):
    """True if every row is as it has to be."""
    outcomes = [desks.row_run(site, router, shims, row) for row in desks.rows()]
    say("One desk for each route:\n")
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


def _sdk_run(site, shim, sdk):
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


def _sdk_show(site, shims, build):
    try:
        sdk = Sdk(build / "sdk")
    except Unavailable as why:
        say(f"The vendor's JavaScript SDK is left out: {why}\n")
        return True
    rows, good = _sdk_run(site, shims[desks.SALES[0]], sdk)
    say("The vendor's own JavaScript SDK, unmodified, at desk sales 1 (withBaseUrl: the shim):\n")
    say(table_format(["client", "lookup", "answers", "key or backend", "source address"], rows))
    say()
    return good


def showcase_run(site, build, with_sdk):
    """True if all is as it has to be."""
    with held():
        router, shims = _programs_start(site)
    good = _desks_show(site, router, shims)
    say()
    if with_sdk:
        good = _sdk_show(site, shims, build) and good
    return good
