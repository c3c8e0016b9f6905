"""When a headless app has come to rest: seen at once where that can be seen, instead of by sleeping.

Textual's own tests sleep 20 ms at a time, twice for each key, until the process needs no more processor time.
Most of the time it can be known sooner, because whatever could still happen is in the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import textual.app
import textual.pilot
from textual._wait import SLEEP_GRANULARITY
from textual._wait import wait_for_idle as _sleep_until_idle

_FROM_THE_START = frozenset(threading.enumerate())
"""The threads of pytest and its workers, which no app waits for."""

_TURN = 0.001
"""Seconds until it is looked again whether the event loop has anything to run.

It must not be no time at all: the app waits as well until nothing is left to be run.
"""


async def _wait_for_idle(min_sleep: float = SLEEP_GRANULARITY, max_sleep: float = 1) -> None:
    loop = cast(Any, asyncio.get_running_loop())
    clock = loop.time
    until, last = clock() + min_sleep, clock() + max_sleep
    while clock() < last:
        await asyncio.sleep(_TURN)
        if loop._ready:
            continue
        if _others_work(loop):
            # what they bring is not in the event loop yet
            return await _sleep_until_idle(min_sleep, max_sleep)
        # a frame that is to be drawn, or whatever else Textual's way would have slept through
        soon = [
            handle.when()
            for handle in loop._scheduled
            if not handle.cancelled() and handle.when() <= clock() + SLEEP_GRANULARITY
        ]
        if soon:
            await asyncio.sleep(max(0.0, min(soon) - clock()))
        elif clock() >= until:
            return None
        else:
            await asyncio.sleep(until - clock())
    return None


def _others_work(loop: Any) -> bool:
    """Whether a thread is at work beside the event loop, or may be."""
    pool: ThreadPoolExecutor | None = loop._default_executor
    waiting: set[threading.Thread] = set()
    if pool is not None and pool._work_queue.empty() and pool._idle_semaphore._value == len(pool._threads):
        waiting = set(pool._threads)
    return bool(set(threading.enumerate()) - _FROM_THE_START - waiting)


def see_at_once() -> None:
    """Let Textual's pilot wait in this way from now on."""
    for module in (textual.app, textual.pilot):
        module.wait_for_idle = _wait_for_idle  # type: ignore[attr-defined]
