# SPDX-License-Identifier: Apache-2.0
"""interrupt - Ctrl-C, or SIGTERM, at a moment when nothing can get lost

A process that is just being started is known to nobody yet, and an end that is interrupted leaves
something behind. While held() is entered the signal waits; it becomes a KeyboardInterrupt when the
last one is left.
"""
import asyncio
import contextlib
import signal

_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_n_held = 0
_is_waiting = False


def _on_signal(*_):
    global _is_waiting
    if _n_held == 0:
        raise KeyboardInterrupt
    _is_waiting = True


def interrupt_on_signals():
    for number in _NUMBERS:
        signal.signal(number, _on_signal)


@contextlib.contextmanager
def held():
    global _n_held, _is_waiting
    _n_held += 1
    try:
        yield
    finally:
        _n_held -= 1
        if _n_held == 0 and _is_waiting:
            _is_waiting = False
            raise KeyboardInterrupt


def coroutine_run(coroutine):
    """As asyncio.run(), but a signal cancels the coroutine before it interrupts."""
    before = {number: signal.getsignal(number) for number in _NUMBERS}

    async def guarded():
        for number in _NUMBERS:
            asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
        await coroutine

    try:
        asyncio.run(guarded())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
