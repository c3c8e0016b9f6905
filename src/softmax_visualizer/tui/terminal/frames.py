"""Frames around what the board shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.tui.terminal.cells import Piece

Lines = list[list[Piece]]


def frame(title: str, body: Sequence[Iterable[Piece]], width: int, height: int, *, focused: bool) -> Lines:
    """Draw a frame of ``width`` by ``height`` cells with a title around lines of any length."""
    role = "focus" if focused else "frame"
    inner = max(width - 2, 0)
    title = safe_line(title, max(inner - 3, 0))
    top = " " + "─" * (inner - cell_width(title) - 2) + "╮"
    lines: Lines = [[("╭ ", role), (title, "title"), (top, role)]]
    for y in range(height - 2):
        row = list(body[y]) if y < len(body) else []
        used = sum(cell_width(text) for text, _ in row)
        lines.append([("│", role), *row, (" " * max(inner - used, 0), "space"), ("│", role)])
    lines.append([("╰" + "─" * inner + "╯", role)])
    return lines


def side_by_side(frames: Sequence[Lines]) -> Lines:
    """Put frames of one height next to one another."""
    return [[piece for each in frames for piece in each[y]] for y in range(len(frames[0]))]
