"""Whole pictures: all that is painted while a lesson does something is sent as one change of the screen.

Textual paints whenever it finds the time, so that the number of frames that a key takes differs from one
playing to the next. Two recordings of a lesson hold the same frames if none of these is sent, but only the
difference between the screens before and after.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from rich.console import Console
from rich.control import Control
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.strip import Strip

from softmax_visualizer.display.labels import cell_width
from softmax_visualizer.tui.terminal.cells import changes

_KNOWN = list(inspect.signature(App._display).parameters) == ["self", "screen", "renderable"]
"""Whether Textual paints as it did when this was written; a newer one may paint more often, but as well."""


class PictureApp(App[None]):
    """An app whose screen can be held back until it is settled."""

    held_back = 0
    """Times that something would have been painted, but for :meth:`one_picture`."""

    _sent: Sequence[Strip] | None = None
    """What the terminal shows, while nothing else is sent."""

    @property
    def holds_back(self) -> bool:
        """Whether nothing is sent at the moment."""
        return self._sent is not None

    @contextmanager
    def one_picture(self, *, whole: bool = False) -> Iterator[None]:
        """Send nothing meanwhile, and at the end what has changed, or the ``whole`` screen.

        Those within a longer one are sent at their ends as well, unless that is in a batch of updates.
        """
        if not _KNOWN:
            yield
            return
        outermost = self._sent is None
        if self._sent is None:
            self._sent = () if whole else self._picture()
        try:
            yield
        finally:
            # there is no screen any more if the program is being left
            if not self._batch_count and self._screen_stack:
                before, self._sent = self._sent, self._picture()
                super()._display(self.screen, cast(Any, _Difference(before, self._sent)))
            if outermost:
                self._sent = None

    def _display(self, *arguments: Any) -> None:
        if self._sent is None:
            super()._display(*arguments)
        else:
            self.held_back += 1

    def _picture(self) -> Sequence[Strip]:
        if self._background_screens:
            # what is seen behind a dialog is drawn with the dialog, and then kept
            self.screen.refresh()
        update = self.screen._compositor.render_update(full=True, screen_stack=self._background_screens)
        assert isinstance(update, LayoutUpdate)
        return [Strip.join(list(line)).discard_meta() for line in update.strips]


class _Difference(CompositorUpdate):
    def __init__(self, before: Sequence[Strip], after: Sequence[Strip]) -> None:
        # after a change of the size nobody knows what the terminal shows
        self._before = before if len(before) == len(after) else [None] * len(after)
        self._after = after

    def render_segments(self, console: Console) -> str:
        """Return the escape sequences that lead from the one picture to the other."""
        sequences = []
        for y, (old, new) in enumerate(zip(self._before, self._after, strict=True)):
            if new == old:
                continue
            before, after = _cells(old) if old is not None else [], _cells(new)
            known = len(before) == len(after) == new.cell_length
            for start, stop in changes(after, before) if known else [(0, new.cell_length)]:
                sequences.append(Control.move_to(start, y).segment.text)
                sequences.append(new.crop(start, stop).render(console))
        return "".join(sequences)


def _cells(strip: Strip) -> list[tuple[str, object]]:
    """Spell a line out; a wide character takes two cells, of which the second is empty."""
    return [
        cell
        for text, style, _ in strip
        for char in text
        for cell in ((char, style), ("", style))[: cell_width(char)]
    ]
