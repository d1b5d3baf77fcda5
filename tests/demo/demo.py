# SPDX-License-Identifier: Apache-2.0
"""demo - one desk for each route, then a whole site at once, on loopback; and what came of it all

Started by tools/try. Exit status 0 only if everything is as it has to be.
"""
import argparse
import pathlib
import resource
import shutil
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
for added in (HERE.parent, HERE.parent / "e2e" / "sdk"):
    sys.path.insert(0, str(added))

import layout  # noqa: E402
from interrupt import held, interrupt_on_signals  # noqa: E402
from opening import FAILURES, site_opened  # noqa: E402
from progress import Progress  # noqa: E402
from showcase import say, showcase_run  # noqa: E402
from support import canary  # noqa: E402
from whole import keep_text, whole_run, whole_start  # noqa: E402

DESCRIPTORS_OF_A_DESK, DESCRIPTORS_BESIDE = 4, 256


def number_of(lowest, highest):
    def parse(text):
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"'{text}' is no number from {lowest} to {highest}")
        return int(text)
    return parse


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"try: {message}\n")


def arguments_parse(words=None):
    parser = Parser(prog="try", description="Shows keyrouter at work on loopback.")
    parser.add_argument("--build", required=True, help="meson build folder")
    parser.add_argument("--keep", action="store_true", help="leave the site running until Ctrl-C")
    parser.add_argument("--no-sdk", action="store_true", help="without the vendor's JavaScript SDK")
    parser.add_argument("--workstations", default=layout.WORKSTATIONS, metavar="N",
                        type=number_of(layout.WORKSTATIONS_MIN, layout.WORKSTATIONS_MAX))
    parser.add_argument("--keys", default=layout.KEYS, metavar="N",
                        type=number_of(1, layout.KEYS_MAX))
    return parser.parse_args(words)


def descriptors_allow(n_workstations):
    """Two for the output of each shim, one for its application; the router has its own."""
    needed = n_workstations * DESCRIPTORS_OF_A_DESK + DESCRIPTORS_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise RuntimeError(f"{n_workstations} workstations need {needed} open files and {hard} are "
                           f"allowed (ulimit -Hn); --workstations makes it fewer")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def keep(whole):
    """Until Ctrl-C; False if the router ends before that."""
    since, never = whole.router.mark(), threading.Event()
    try:
        say(keep_text(whole))
        while whole.router.is_running:
            for event in whole.router.find_events(since=since):
                say("    " + " ".join(f"{k}={v}" for k, v in event.items()))
                since += 1
            never.wait(0.5)
    except KeyboardInterrupt:
        return True
    say("wrong: the router has ended")
    return False


def whole_show(folder, build, arguments):
    """(the verdict's line, whether all is as it has to be)"""
    with site_opened(folder, build) as site:
        progress = Progress()
        whole = whole_start(site, arguments.workstations, arguments.keys, progress)
        verdict = whole_run(whole, progress)
        good = verdict.is_good
        if arguments.keep:
            say(f"\n{verdict.line()}")
            good = keep(whole) and good
    return verdict.line(), good


def main(arguments):
    descriptors_allow(arguments.workstations)
    build = pathlib.Path(arguments.build).resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="keyrouter-try-"))
    try:
        with site_opened(folder / "showcase", build) as site:
            good = showcase_run(site, build, not arguments.no_sdk)
        line, good_whole = whole_show(folder / "whole", build, arguments)
    finally:
        with held():
            shutil.rmtree(folder, ignore_errors=True)
    say(f"\ncredentials found in logs, answers, files or /proc: {canary.n_found} "
        f"in {canary.n_bytes_searched:,} bytes")
    say(line)
    if not (good and good_whole):
        say("try: not all is as it should be")
        return 1
    return 0


if __name__ == "__main__":
    interrupt_on_signals()
    try:
        sys.exit(main(arguments_parse()))
    except KeyboardInterrupt:
        sys.exit(130)
    except FAILURES as why:
        sys.exit(f"try: {why}")
