# SPDX-License-Identifier: Apache-2.0
"""The demonstration as a person starts it: what it says of sites, good and bad, and its end."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import demo
import whole
from progress import Progress
from support import canary
from support.site import Site

DEMO = pathlib.Path(demo.__file__)
TIMEOUT_S = 120


@contextlib.contextmanager
def demo_started(build_dir, folder, *words):
    """With a folder of its own for what it writes."""
    process = subprocess.Popen(
        [sys.executable, "-B", str(DEMO), "--build", str(build_dir), "--no-sdk", *words],
        env={**os.environ, "TMPDIR": str(folder)}, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def left_over(folder):
    """Processes that name the folder in their command line, and what is in it."""
    found = list(folder.iterdir())
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in path.read_bytes():
                found.append(path)
    return found


def test_a_site_with_one_key_too_few_is_told_in_the_last_line(build_dir, tmp_path):
    with demo_started(build_dir, tmp_path, "--workstations", "130", "--keys", "1") as process:
        out, _ = process.communicate(timeout=TIMEOUT_S)
    lines = out.splitlines()
    assert process.returncode == 0, out
    assert lines[-1] == ("try: 130 workstations: 101 embedded on 1 keys, 29 backend, 0 refused; "
                         "2860 lookups, 0 failed")
    assert "130 desks are connected to the router at once" in out
    assert "austin-1       100 of 100  101    2,020" in lines
    assert left_over(tmp_path) == []


PLACES = ["shims started", "desks are connected", "lookups answered"]


@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_leaves_nothing_behind(build_dir, tmp_path, place):
    with demo_started(build_dir, tmp_path, "--workstations", "100") as process:
        for line in process.stdout:
            if place in line:
                break
        else:
            pytest.fail("it ended by itself")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # impatient
        rest, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert left_over(tmp_path) == []


def test_keep_keeps_it_until_ctrl_c(build_dir, tmp_path):
    with demo_started(build_dir, tmp_path, "--workstations", "4", "--keep") as process:
        for line in process.stdout:
            if "events, as they come" in line:
                break
        else:
            pytest.fail("it was not kept")
        assert left_over(tmp_path) != []
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, rest
    assert rest.splitlines()[-1].startswith("try: 4 workstations: 4 embedded on 3 keys, 0 backend,")
    assert left_over(tmp_path) == []


BAD_WORDS = [["--workstations", "2"], ["--workstations", "2001"], ["--keys", "0"], ["--keys", "x"]]


@pytest.mark.parametrize("words", BAD_WORDS, ids=map(" ".join, BAD_WORDS))
def test_numbers_out_of_bounds_are_told(words, capsys):
    with pytest.raises(SystemExit) as end:
        demo.arguments_parse(["--build", ".", *words])
    assert end.value.code == 64
    assert "is no number from" in capsys.readouterr().err


def test_too_few_open_files_are_told_before_anything_starts(monkeypatch):
    monkeypatch.setattr(demo.resource, "getrlimit", lambda _: (1024, 1500))
    with pytest.raises(RuntimeError, match="need 2336 open files and 1500 are allowed"):
        demo.descriptors_allow(520)


# ---- a site of which something is not as the plan says


@pytest.fixture
def small(build_dir, tmp_path):
    site = Site(tmp_path / "whole", build_dir)
    yield whole.whole_start(site, 12, 2, Progress())
    site.stop()
    canary.check()


def test_an_address_that_nobody_added_is_no_embedded_desk(small):
    desk = small.desks[0]
    _, key = small.plan.route_of(desk.egress)
    small.site.vendor.disallow(key, desk.egress)
    verdict = whole.whole_run(small, Progress())
    assert not verdict.is_good and verdict.count("embedded") == 11
    assert any("the vendor refused lookup 1-1" in each for each in verdict.wrong)
    assert any(f"desk {desk.workstation} is to be embedded" in each for each in verdict.wrong)


def test_a_desk_that_calls_from_another_desks_address_is_noticed(small):
    one, two = small.desks[:2]
    small.shims[one.workstation] = small.shims[two.workstation]
    verdict = whole.whole_run(small, Progress())
    assert not verdict.is_good and verdict.desks[one] is None
    assert any("11 of 12 desks are connected to the router" in each for each in verdict.wrong)


def test_a_401_that_the_backend_hides_behind_the_lookups_is_noticed(small, monkeypatch):
    measure = whole.latency_measure

    def refused(site, *rest):
        site.vendor.fault(match={"class": "embedded"}, status=401, body="{}")
        return measure(site, *rest)

    monkeypatch.setattr(whole, "latency_measure", refused)
    verdict = whole.whole_run(small, Progress())
    assert verdict.n_failed == 0 and not verdict.is_good
    assert any("refused 1 requests while latency" in each for each in verdict.wrong)
