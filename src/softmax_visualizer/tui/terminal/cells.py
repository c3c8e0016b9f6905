"""Widgets of lines of safe text in roles, which paint the lines that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, cast

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from softmax_visualizer.display.pieces import Piece

if TYPE_CHECKING:
    from softmax_visualizer.tui.terminal.app import TerminalApp


class CellView(Widget):
    """A widget of safe text in roles; subclasses say in :meth:`lines` what it shows."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[list[Piece]] = []
        self._fitted: Size | None = None

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the lines to show in an area of this many cells; each is cut or filled to the width."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Show the lines of the moment, painting those that changed."""
        if self.size != self._fitted:
            # all of it is painted anyway, with new lines also where it gets its former size back
            self._fitted = None
            return
        before = self._lines
        self._fit()
        changed = [
            Region(0, y, self.size.width, 1)
            for y, (old, new) in enumerate(zip_longest(before, self._lines))
            if old != new
        ]
        if changed:
            self.refresh(*changed)

    def _fit(self) -> None:
        self._fitted = self.size
        width, height = self.size
        self._lines = [list(line) for line in self.lines(width, height)][:height]

    def render_line(self, y: int) -> Strip:
        """Return one line in the colours of the moment."""
        if self.size != self._fitted:
            self._fit()
        palette = cast("TerminalApp", self.app).palette
        line = self._lines[y] if y < len(self._lines) else []
        strip = Strip([Segment(text, palette[role]) for text, role in line])
        return strip.adjust_cell_length(self.size.width, palette["space"])
