"""Keys, pastes and clicks, each dealt with entirely before the next one begins.

Textual hands a key to the widget that has the focus and goes on to the next one. A letter acts there at
once, but a key that is bound to an action first climbs from widget to widget up to the app, so that letters
overtake it: of ``x``, Backspace and ``y`` in one write, ``x`` is left. Over a slow line keys do come in one
write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from textual import events
from textual.app import App
from textual.message import Message

_PATIENCE = 1_000
"""Turns of the event loop that may follow from one key, should it never be idle; a dialog takes forty."""


_NEVER_WAIT = ("escape", "ctrl+q", "ctrl+z")


class InOrder(App[None]):
    """An app that takes a key once all that follows from the one before it has happened.

    What follows is all that the event loop still runs by itself: messages, actions, changes of the focus, a
    dialog that opens. What waits for a time, a thread, the network or the terminal is not waited for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Message] = deque()
        self._dealt = asyncio.Event()
        self._dealt.set()
        self._waits = 0
        self._afterwards: dict[Callable[[], object], None] = {}

    async def all_keys_dealt_with(self) -> None:
        """Wait until nothing is left of the keys that have come so far, and of what follows from them."""
        await self._dealt.wait()

    @contextmanager
    def keys_wait(self) -> Iterator[None]:
        """Keep keys back meanwhile; Escape and what leaves the app go through."""
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1
            if self._waiting and self._dealt.is_set():
                self._begin()

    def after_keys(self, callback: Callable[[], object]) -> None:
        """Call something when no key is left to be dealt with: a redraw, which many keys need but once.

        However often that is asked for until then, it is called once.
        """
        due = bool(self._afterwards)
        self._afterwards[callback] = None
        if not due and self._dealt.is_set():
            self.call_later(self._do_afterwards)

    def _do_afterwards(self) -> None:
        callbacks, self._afterwards = self._afterwards, {}
        for callback in callbacks:
            callback()

    def post_message(self, message: Message) -> bool:
        """Send a message to the app; a key waits for those before it."""
        of_a_person = isinstance(message, (events.InputEvent, events.Paste)) and not message.is_forwarded
        if not of_a_person or not _can_tell_whether_idle():
            return super().post_message(message)
        if self._waits and isinstance(message, events.Key) and message.key in _NEVER_WAIT:
            # what was typed before was for what nobody waits for any more
            self._waiting.clear()
            return super().post_message(message)
        self._waiting.append(message)
        return self._begin() if self._dealt.is_set() else True

    def _begin(self) -> bool:
        if self._waits:
            return True
        self._dealt.clear()
        return self._take()

    def _take(self) -> bool:
        return self.call_later(self._deal_with, self._waiting.popleft())

    async def _deal_with(self, event: events.Event) -> None:
        try:
            await self.on_event(event)
        finally:
            asyncio.get_running_loop().call_soon(self._go_on, _PATIENCE)

    def _go_on(self, patience: int) -> None:
        if patience and not _idle():
            asyncio.get_running_loop().call_soon(self._go_on, patience - 1)
        elif self._waiting and not self._waits:
            self._take()
        else:
            self._dealt.set()
            if self._afterwards:
                self.call_later(self._do_afterwards)


def _ready() -> Any:
    """What the event loop would run now; asyncio has no public name for it."""
    return getattr(cast(Any, asyncio.get_running_loop()), "_ready", None)


def _can_tell_whether_idle() -> bool:
    return _ready() is not None


def _idle() -> bool:
    """Whether nothing is left to be run, but for what something outside brings."""
    return not _ready()
