"""The views of the board: each makes lines of what the board holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from softmax_visualizer.display.labels import safe_line, wrap
from softmax_visualizer.tui.terminal.cells import Piece
from softmax_visualizer.tui.terminal.frames import Lines, frame, side_by_side

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Decoding
    from softmax_visualizer.decoding.settings import Order
    from softmax_visualizer.display.comparison import Column
    from softmax_visualizer.display.histogram import Axis, Run
    from softmax_visualizer.display.panels import Panel
    from softmax_visualizer.tui.board import BoardView

TWO_COLUMNS_BELOW = 96
"""Cells of width below which only the first and the last panel are shown."""

ENGINES: dict[Order, str] = {
    "temperature-first": "T first: Hugging Face, vLLM, SGLang",
    "temperature-last": "T last: llama.cpp, mlx-lm",
}
"""Who is which, of the engines whose code says so."""

_PLACES = ("second", "third", "fourth")

_LABELS_ONCE_BELOW = 32
"""Cells of a column below which the labels stand in the first column only."""


def histograms(board: BoardView, decoding: Decoding, width: int, height: int) -> Lines:
    """Draw the pipeline: the model, temperature, the cut."""
    from softmax_visualizer.display.panels import axis_for, last_title, panels

    pinned = board.pins[-1].decoding if board.pins else None
    shown: Sequence[Panel] = panels(decoding, max(height - 2, 1), pinned)
    if width < TWO_COLUMNS_BELOW:
        shown = shown[0], replace(shown[2], title=last_title(decoding.settings))
    axis = axis_for(board.axis_kind, shown)
    board.caption = (f"axis {axis.caption}",)
    if pinned is not None:
        board.caption += (f"┃ pinned: {board.pins[-1].name}",)
    widths = _shares(width, len(shown))
    bodies = _panel_bodies(board, shown, axis, widths, len(shown) - 1)
    return _framed(board, [panel.title for panel in shown], bodies, widths, height)


def table(board: BoardView, decoding: Decoding, width: int, height: int) -> Lines:
    """Draw the same numbers as a table."""
    from softmax_visualizer.display.table import table

    board.caption = ()
    rows = table(decoding, max(height - 2, 1), width - 4, board.top)
    return _one(board, "The same numbers, as a table", rows, width, height)


def compare(board: BoardView, decoding: Decoding, width: int, height: int) -> Lines:
    """Draw two to four settings, prompts or models side by side, and say what changes."""
    columns = board.columns()
    return _columns(board, columns, width, height, chosen=len(columns) - 1)


def orders(board: BoardView, decoding: Decoding, width: int, height: int) -> Lines:
    """Draw what the same knobs do where temperature comes first, and where it comes last."""
    from softmax_visualizer.decoding import decode
    from softmax_visualizer.display.comparison import Column

    now = decoding.settings
    columns = [
        Column(title, decode(decoding.distribution, replace(now, order=order)))
        for order, title in ENGINES.items()
    ]
    chosen = list(ENGINES).index(now.order)
    return _columns(board, columns, width, height, chosen=chosen)


def sweep(board: BoardView, decoding: Decoding, width: int, height: int) -> Lines:
    """Draw the whole range of one knob, with its current position marked."""
    from softmax_visualizer.display.sweep import sweep_panels

    if board.sweep is None:
        return _waiting(board, "Sweep", width, height)
    fixed = board.axis_kind == "fixed"
    board.caption = ("axis 0 to 100 %" if fixed else "axis up to the second token's highest",)
    left = round(width * 0.58)
    widths = left, width - left
    panels = sweep_panels(board.sweep, decoding, (left - 4, width - left - 4), height - 2, fixed=fixed)
    bodies = [_runs(panel.rows) for panel in panels]
    return _framed(board, [panel.title for panel in panels], bodies, widths, height)


def landscape(board: BoardView, decoding: Decoding, width: int, height: int) -> Lines:
    """Draw temperature times top-p as a map on which the current setting is a point."""
    from softmax_visualizer.display.landscape import MEASURES, map_rows

    board.caption = ()
    settings = decoding.settings
    found = board.landscape
    if found is None or settings.temperature not in found.temperatures or settings.top_p not in found.top_ps:
        return _waiting(board, "Map", width, height)
    measure = MEASURES[board.measure]
    rows = map_rows(found, measure, settings.temperature, settings.top_p, width - 4, height - 2)
    return _one(board, f"Map: {measure.title}, temperature across, top-p up", rows, width, height)


def decide(board: BoardView, decoding: Decoding, width: int, height: int) -> Lines:
    """Say what the current setting means for an answer."""
    from softmax_visualizer.display.decision import decision

    board.caption = ()
    rows = decision(decoding, board.question, width - 4, height - 2)
    return _one(board, "Decide", rows, width, height)


View = Callable[["BoardView", "Decoding", int, int], Lines]

VIEWS: dict[str, View] = {
    "histograms": histograms,
    "table": table,
    "compare": compare,
    "orders": orders,
    "sweep": sweep,
    "map": landscape,
    "decide": decide,
}


def _columns(board: BoardView, columns: Sequence[Column], width: int, height: int, *, chosen: int) -> Lines:
    from softmax_visualizer.display.comparison import compared
    from softmax_visualizer.display.panels import axis_for

    words = _changes(columns, width - 2, max(height // 3, min(2 * (len(columns) - 1), height - 9)))
    below = len(words)
    rows = max(height - below - 2, 1)
    shown = compared(columns, rows)
    axis = axis_for(board.axis_kind, shown)
    board.caption = (f"axis {axis.caption}",)
    widths = _shares(width, len(columns))
    if min(widths) < _LABELS_ONCE_BELOW:
        widths = _shares(width - 10, len(columns))
        widths[0] += 10
    bodies = _panel_bodies(board, shown, axis, widths, chosen, labels_once=min(widths) < _LABELS_ONCE_BELOW)
    top = _framed(board, [panel.title for panel in shown], bodies, widths, height - below)
    return top + [[(" ", "space"), (line, "text")] for line in words]


def _changes(columns: Sequence[Column], width: int, most: int) -> list[str]:
    """Say in up to ``most`` lines how each further column differs from the first."""
    from softmax_visualizer.decoding.comparison import compare
    from softmax_visualizer.display.comparison import change_words

    share = max(most // (len(columns) - 1), 1)
    lines: list[str] = []
    for column, place in zip(columns[1:], _PLACES, strict=False):
        heading = "left → right: " if len(columns) == 2 else f"first → {place}: "
        found = compare(columns[0].decoding, column.decoding)
        for tokens in (4, 3, 2, 1):
            words = change_words(found, tokens)
            spoken = wrap(heading + "; ".join(words), width)
            if len(spoken) <= share:
                break
        else:
            # how far apart the two are is the last to go
            spoken = wrap(heading + words[-1], width)
        spoken = [*spoken[: share - 1], " ".join(spoken[share - 1 :])]
        lines += [safe_line(line, width) for line in spoken if line]
    return lines


def _panel_bodies(
    board: BoardView,
    shown: Sequence[Panel],
    axis: Axis,
    widths: Sequence[int],
    chosen: int,
    *,
    labels_once: bool = False,
) -> list[Lines]:
    from softmax_visualizer.display.histogram import histogram

    bodies: list[Lines] = []
    for number, (panel, room) in enumerate(zip(shown, widths, strict=True)):
        bars, beside = panel.bars, [bar for other in shown if other is not panel for bar in other.bars]
        if labels_once:
            beside = []
            bars = tuple(replace(bar, label="") for bar in bars) if number else bars
        body: Lines = []
        for index, row in enumerate(histogram(bars, max(room - 4, 1), axis, beside)):
            here = number == chosen
            pieces: list[Piece] = [
                (run.text, "final" if here and run.role == "bar" else run.role) for run in row
            ]
            marked = here and board.view == "histograms" and index == board.drawn
            body.append([("▸" if marked else " ", "drawn"), *pieces])
        bodies.append(body)
    return bodies


def _framed(
    board: BoardView, titles: Sequence[str], bodies: Sequence[Lines], widths: Sequence[int], height: int
) -> Lines:
    frames = [
        frame(board.titled(title, room), body, room, height, focused=board.has_focus)
        for title, body, room in zip(titles, bodies, widths, strict=True)
    ]
    return side_by_side(frames)


def _one(board: BoardView, title: str, rows: Iterable[Sequence[Piece]], width: int, height: int) -> Lines:
    body: Lines = [[(" ", "space"), *row] for row in rows]
    return frame(board.titled(title, width), body, width, height, focused=board.has_focus)


def _waiting(board: BoardView, title: str, width: int, height: int) -> Lines:
    board.caption = ()
    return _one(board, title, [[], [("working it out", "faint")]], width, height)


def _runs(rows: Sequence[Sequence[Run]]) -> Lines:
    return [[(" ", "space"), *((run.text, run.role) for run in row)] for row in rows]


def _shares(width: int, count: int) -> list[int]:
    widths = [width // count] * count
    widths[0] += width - sum(widths)
    return widths
