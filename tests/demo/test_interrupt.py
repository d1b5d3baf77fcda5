# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C waits where something could get lost, and a site is stopped whatever becomes of it."""
import asyncio
import os
import signal

import pytest

import interrupt
from opening import site_opened
from support import canary

NUMBERS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in NUMBERS}
    interrupt.interrupt_on_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def press(number=signal.SIGINT):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_interrupts(number):
    with pytest.raises(KeyboardInterrupt):
        press(number)


def test_a_held_signal_interrupts_when_the_last_is_left():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with interrupt.held():
            with interrupt.held():
                press()
                press()
                done.append("inner")
            done.append("outer")
    assert done == ["inner", "outer"]
    with interrupt.held():
        done.append("once is enough")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_cancels_a_coroutine_in_order(number):
    done = []

    async def forever():
        try:
            press(number)
            await asyncio.get_running_loop().create_future()
        finally:
            done.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        interrupt.coroutine_run(forever())
    assert done == ["cleaned up"]
    with pytest.raises(KeyboardInterrupt):
        press(number)  # as before


def test_a_site_is_stopped_when_it_is_interrupted(build_dir, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with site_opened(tmp_path / "site", build_dir) as site:
            site.add_key("key-1", hosts=["127.1.0.1"])
            site.add_group("desks", ["127.1.0.1"])
            router = site.start_router()
            press()
    assert router.stopped and not router.is_running


def test_a_site_that_told_a_credential_does_not_end_well(build_dir, tmp_path):
    before = canary.n_found
    with pytest.raises(RuntimeError, match="key-1 as plain in a log"):
        with site_opened(tmp_path / "site", build_dir) as site:
            site.add_key("key-1")
            canary.evidence("a log", site.vendor.keys["key-1"].query.encode())
    canary.n_found = before
