# SPDX-License-Identifier: Apache-2.0
"""opening - a site that is stopped whatever becomes of what is done with it"""
import contextlib
import subprocess

from interrupt import held
from support import canary
from support.site import Site
from support.vendor import Refused

FAILURES = (AssertionError, OSError, RuntimeError, Refused, subprocess.SubprocessError)


def _stop(site):
    """Goes to its end, whoever is impatient; says what was wrong with it."""
    failures = []
    for step in (site.stop, canary.check):
        try:
            step()
        except FAILURES as failure:
            failures.append(str(failure))
    return "; ".join(failures)


@contextlib.contextmanager
def site_opened(folder, build):
    """RuntimeError if it does not end well: a program that complains, a credential in a log."""
    site, ended_badly = None, ""
    try:
        with held():
            site = Site(folder, build)
        yield site
    finally:
        with held():
            ended_badly = _stop(site) if site else ""
    if ended_badly:
        raise RuntimeError(ended_badly)
