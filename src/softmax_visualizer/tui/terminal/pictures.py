"""The screen of the app as pictures: what is sent is only ever the difference between two of them.

Whatever Textual asks to paint, the whole screen is compared with what the terminal shows. So a dialog that
opens costs no more than the cells that it changes, a frame that was skipped on a slow line is made up for by
the next, and all that a lesson's step paints is sent as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.color import ColorSystem
from textual.app import App
from textual.geometry import Offset

from softmax_visualizer.tui.terminal import private

KNOWN = private.known(private.PICTURES)
"""Whether Textual paints as it did when this was written; a newer one sends more, and paints as well."""

if KNOWN:
    from textual._ansi_sequences import SYNC_END, SYNC_START
    from textual._compositor import LayoutUpdate

    from softmax_visualizer.tui.terminal.picture import difference, picture

if TYPE_CHECKING:
    from softmax_visualizer.tui.terminal.picture import Picture


class PictureApp(App[None]):
    """An app that sends the difference between what is shown and what is to be, when the line is free.

    Widgets know nothing of this: they paint as all of Textual's do.
    """

    held_back = 0
    """Times that something would have been painted, but for :meth:`one_picture`."""

    _held = False
    _due = False
    _shown: Picture | None = None
    """What the terminal shows, if that is known."""
    _cursor: Offset | None = None

    def __init__(self) -> None:
        super().__init__()
        self._freed = asyncio.Event()

    @property
    def holds_back(self) -> bool:
        """Whether nothing is sent at the moment."""
        return self._held

    @contextmanager
    def one_picture(self) -> Iterator[None]:
        """Send nothing meanwhile, and at the end what has changed, even if the line is not free.

        Those within a longer one are sent at their ends as well, unless that is in a batch of updates.
        """
        if not KNOWN:
            yield
            return
        outermost, self._held = not self._held, True
        try:
            yield
        finally:
            self._held = not outermost
            self._send(wait=False)

    async def sent(self) -> None:
        """Wait until all that was sent has left."""
        while self._busy:
            self._freed.clear()
            await self._freed.wait()

    def forget_screen(self) -> None:
        """Send the next picture whole: something else has written to the terminal, or changed its size."""
        self._shown = None

    def line_is_free(self) -> None:
        """Send what has changed since the line was taken."""
        self._freed.set()
        if self._due:
            self.call_later(self._send)

    def on_resize(self) -> None:
        """Forget the screen: what a terminal does with it when its size changes is its own affair."""
        self.forget_screen()

    @property
    def _busy(self) -> bool:
        return bool(getattr(self._driver, "busy", False))

    def _display(self, screen: Any, renderable: Any) -> None:
        if not KNOWN or renderable is None or self.is_inline or self.is_headless:
            super()._display(screen, renderable)
        elif not self._held:
            self._send(renderable if isinstance(renderable, LayoutUpdate) else None)
        self.held_back += self._held

    def _end_batch(self) -> None:
        super()._end_batch()
        if self._due and not self._batch_count:
            self.call_later(self._send)

    def _send(self, whole: LayoutUpdate | None = None, *, wait: bool = True) -> None:
        """Send the difference between what is shown and what is to be; or soon, if it has to ``wait``.

        ``whole``: the whole of what is to be, where Textual has it already.
        """
        driver = self._driver
        if driver is None or self.is_headless or not (self._running and self._screen_stack) or self._closed:
            return
        self._due = bool(self._batch_count) or (wait and (self._held or self._busy))
        if self._due:
            return
        compositor = self.screen._compositor
        update = whole or compositor.render_update(full=True, screen_stack=self._background_screens)
        assert isinstance(update, LayoutUpdate)
        colors = self.console._color_system or ColorSystem.TRUECOLOR
        before, self._shown = self._shown, picture(update.strips, colors, self._shown)
        changes = difference(before, self._shown)
        cursor = compositor.size.clamp_offset(self.cursor_position)
        if self._shown and (changes or cursor != self._cursor):
            self._cursor = cursor
            changes += f"\x1b[{cursor.y + 1};{cursor.x + 1}H"
            # in one piece, so that a line never takes the half of it for all
            driver.write(f"{SYNC_START}{changes}{SYNC_END}" if self._sync_available else changes)
            driver.flush()
