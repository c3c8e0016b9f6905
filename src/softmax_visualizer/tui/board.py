"""The panels of the pipeline, side by side, and the table of the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.tui.cells import CellView, Piece

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Decoding
    from softmax_visualizer.display.panels import Panel

TWO_COLUMNS_BELOW = 96
"""Cells of width below which only the first and the last panel are shown."""


class BoardView(CellView, can_focus=True):
    """The board: three histograms of one decoding, or a table of its numbers."""

    DEFAULT_CSS = "BoardView { height: 1fr; min-height: 6; }"

    # with priority, so that the letters after it reach the prompt even if they all come at once
    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "screen.prompt", "prompt", priority=True)]

    decoding: Decoding | None = None
    axis_kind = "fixed"
    axis_caption = ""
    """The axis of the histograms in words, once they are drawn."""
    table = False
    top = 0
    """Listed tokens that the table has scrolled past."""
    drawn: int | None = None
    """Row of the token that was drawn last."""
    old = ""
    """Why the picture is an old one; empty if it is not."""
    waiting = ""
    """What to say where there is no picture yet."""

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the panels, or the table, or frames around a word of why there is nothing."""
        if self.decoding is None:
            body: list[list[Piece]] = [[], [(f" {self.waiting}", "faint")]]
            return self._frame("Model, T = 1", body, width, height)
        if self.table:
            from softmax_visualizer.display.table import table

            rows = table(self.decoding, max(height - 2, 1), width - 4, self.top)
            body = [[(" ", "space"), *row] for row in rows]
            return self._frame("The same numbers, as a table", body, width, height)
        return self._histograms(self.decoding, width, height)

    def _histograms(self, decoding: Decoding, width: int, height: int) -> Sequence[Iterable[Piece]]:
        from softmax_visualizer.display.histogram import histogram
        from softmax_visualizer.display.panels import axis_for, last_title, panels

        shown: Sequence[Panel] = panels(decoding, max(height - 2, 1))
        if width < TWO_COLUMNS_BELOW:
            shown = shown[0], replace(shown[2], title=last_title(decoding.settings))
        axis = axis_for(self.axis_kind, shown)
        self.axis_caption = f"axis {axis.caption}"
        widths = [width // len(shown)] * len(shown)
        widths[0] += width - sum(widths)
        frames = []
        for number, (panel, room) in enumerate(zip(shown, widths, strict=True)):
            beside = [bar for other in shown if other is not panel for bar in other.bars]
            body: list[list[Piece]] = []
            for index, row in enumerate(histogram(panel.bars, max(room - 4, 1), axis, beside)):
                last = number == len(shown) - 1
                pieces: list[Piece] = [
                    (run.text, "final" if last and run.role == "bar" else run.role) for run in row
                ]
                marked = last and self.drawn is not None and index == self.drawn
                body.append([("▸" if marked else " ", "drawn"), *pieces])
            frames.append(self._frame(panel.title, body, room, height))
        return [[piece for frame in frames for piece in frame[y]] for y in range(height)]

    def on_focus(self) -> None:
        """Show in the frame that the keys go here."""
        self.redraw()

    def on_blur(self) -> None:
        """Show in the frame that the keys go elsewhere."""
        self.redraw()

    def _frame(
        self, title: str, body: Sequence[Iterable[Piece]], width: int, height: int
    ) -> list[list[Piece]]:
        """Draw a frame with a title around lines of any length."""
        role = "focus" if self.has_focus else "frame"
        inner = max(width - 2, 0)
        title = safe_line(f"{title} · {self.old}" if self.old else title, max(inner - 3, 0))
        top = " " + "─" * (inner - cell_width(title) - 2) + "╮"
        lines: list[list[Piece]] = [[("╭ ", role), (title, "title"), (top, role)]]
        for y in range(height - 2):
            row = list(body[y]) if y < len(body) else []
            used = sum(cell_width(text) for text, _ in row)
            lines.append([("│", role), *row, (" " * max(inner - used, 0), "space"), ("│", role)])
        lines.append([("╰" + "─" * inner + "╯", role)])
        return lines
