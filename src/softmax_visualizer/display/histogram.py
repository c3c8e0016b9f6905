"""Horizontal bars of probabilities, one row a token, drawn by plotext.

The bars of a panel are often no more than 15 cells wide, so plotext is given a canvas with eight columns a
cell, and each eight of them become one of the blocks ``▏▎▍▌▋▊▉█``. On that canvas a bar is one line from the
axis to the value. (``figure.bar`` draws the same line, as an outline, at twice the cost; with its default
thickness it also spills into the rows of other bars.) plotext is told all that it would otherwise guess
wrong: the limits of both axes, the size of the canvas, and that the first bar is the top one. Labels and
numbers never reach it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Literal

from softmax_visualizer.display.figure import canvas, read
from softmax_visualizer.display.labels import cell_width, pad, safe_line
from softmax_visualizer.display.numbers import Bounds, percent

Role = Literal[
    "label", "rest", "bar", "uncertain", "maybe", "cut", "number", "space",
    "pinned", "line1", "line2", "line3", "line4", "line5", "line6", "crowd", "axis", "knob",
]  # fmt: skip
"""What a piece of a row is, for the screen to choose its colour."""

LOG_LOW = 1e-6
"""Where a logarithmic axis begins: most vocabularies are about 1e5 tokens."""

_EIGHTHS = ("", *"▏▎▍▌▋▊▉")

_LOW, _ESTIMATE, _HIGH = range(3)
# What a bar is drawn with up to its low end, its estimate and its high end.
_MARKS = {"yes": "█▓▒", "maybe": "▚▚▒", "no": "░░░"}
# What they are drawn with where that comes to less than half a cell.
_SLIVERS = {"maybe": "▚", "no": "┊"}
_ROLES: dict[str, Role] = {
    "┊": "cut",
    "█": "bar",
    "▓": "uncertain",
    "▒": "uncertain",
    "▚": "maybe",
    "░": "cut",
    " ": "space",
}

_SLACK = 1e-9
"""How far rounding may push a probability out of its bounds."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a histogram: a token's probability, known to lie in ``[low, high]``.

    ``label``, ``number``: what stands before and after the bar.
    ``kept``: whether the decoder can still draw the token.
    ``rest``: the row is not one token but everything that has no row of its own.
    ``pinned``: the probability in a setting to compare with, which a mark on the row stands for.

    Raises:
        ValueError: not ``0 <= low <= estimate <= high <= 1``.
    """

    label: str
    low: float
    estimate: float
    high: float
    number: str
    kept: Literal["yes", "no", "maybe"] = "yes"
    rest: bool = False
    pinned: Bounds | None = None

    def __post_init__(self) -> None:
        ordered = -_SLACK <= self.low <= self.estimate + _SLACK and self.estimate <= self.high + _SLACK
        if not (ordered and self.high <= 1 + _SLACK):
            raise ValueError(
                f"a bar needs 0 <= low <= estimate <= high <= 1, not {self.low}, {self.estimate}, {self.high}"
            )


@dataclass(frozen=True, slots=True)
class Axis:
    """The probabilities at the two ends of the bar area, and the scale between them.

    Raises:
        ValueError: not ``0 <= low < high <= 1``, or the axis is logarithmic and begins at 0.
    """

    kind: Literal["fixed", "auto", "log"]
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1 or (self.kind == "log" and self.low == 0):
            raise ValueError(f"a {self.kind} axis cannot reach from {self.low} to {self.high}")

    @classmethod
    def fixed(cls) -> Axis:
        """Return the axis from 0 to 100 %, on which all panels can be compared."""
        return cls("fixed", 0.0, 1.0)

    @classmethod
    def auto(cls, bars: Iterable[Bar]) -> Axis:
        """Return an axis on which the longest of the bars fills its row."""
        longest = max((bar.high for bar in bars), default=0.0)
        return cls("auto", 0.0, min(longest, 1.0) if longest > 0 else 1.0)

    @classmethod
    def log(cls, low: float = LOG_LOW) -> Axis:
        """Return a logarithmic axis from ``low`` to 100 %."""
        return cls("log", low, 1.0)

    def position(self, probability: float) -> float:
        """Return how far along the axis a probability is, from 0 to 1; beyond its ends, the nearer one."""
        inside = min(max(probability, self.low), self.high)
        if self.kind == "log":
            start = math.log(self.low)
            return (math.log(inside) - start) / (math.log(self.high) - start)
        return (inside - self.low) / (self.high - self.low)

    @property
    def caption(self) -> str:
        """The axis in words: ``"0 to 100 %"``, ``"0.0001 to 100 %, log"``."""
        if self.kind == "log":
            return f"{100 * self.low:g} to {percent(self.high)}, log"
        return f"{100 * self.low:g} to {percent(self.high)}"


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a row in one style. Its text holds no control characters."""

    text: str
    role: Role


def histogram(
    bars: Sequence[Bar], width: int, axis: Axis, beside: Iterable[Bar] = ()
) -> list[tuple[Run, ...]]:
    """Draw bars, one row each and in their order, every row exactly ``width`` cells.

    A row is a label, a bar and a number. The bar is ``█`` up to what is proven, ``▓`` on to the estimate and
    ``▒`` on to the high end of the interval. These end at whole cells; where the interval is too short for
    them, the bar ends at the estimate, to an eighth of a cell (a quarter in an area of more than 50 cells, a
    half in one of more than 100). What may have been cut is ``▚`` up to its estimate, what was cut is ``░``
    up to its estimate and no further. Zero draws nothing; anything else draws at least ``▏``, ``▚`` or ``┊``.
    A bar that leaves the axis is clipped. A pinned probability is ``┃``, or ``╏`` if it is an estimate, with
    ``─`` from the bar's end on if it is beyond that; in the cell where the bar ends it has no mark.

    ``beside``: the bars of other panels of the same width, so that the columns of all are the same.
    """
    columns = _columns([*bars, *beside], width)
    ends = tuple((bar.kept, *_ends(bar, axis)) for bar in bars)
    drawn = _draw(ends, columns.bar) if bars and columns.bar else ("",) * len(bars)
    return [_row(bar, line, columns, width, axis) for bar, line in zip(bars, drawn, strict=True)]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Cells for the widest label, the bar area and the widest number."""

    label: int
    bar: int
    number: int


def _columns(bars: Sequence[Bar], width: int) -> _Columns:
    number = min(max((cell_width(safe_line(bar.number)) for bar in bars), default=0), width)
    left = max(width - number - 1, 0) if number else width
    # labels leave at least half as much room for the bars, and the numbers come before both
    widest = max((cell_width(safe_line(bar.label)) for bar in bars), default=0)
    label = min(widest, 9 * width // 20, 2 * max(left - 1, 0) // 3)
    return _Columns(label, max(left - label - 1, 0) if label else left, number)


_Ends = tuple[str, float, float, float]


def _ends(bar: Bar, axis: Axis) -> tuple[float, float, float]:
    """Return where on the axis the low end, the estimate and the high end of what is drawn are."""
    low, high = (bar.estimate, bar.estimate) if bar.kept == "no" else (bar.low, bar.high)
    return axis.position(low), axis.position(bar.estimate), axis.position(high)


# Two of three panels usually do not change when a knob is turned.
@lru_cache(maxsize=64)
def _draw(bars: tuple[_Ends, ...], cells: int) -> tuple[str, ...]:
    """Let plotext draw the bars; return for each a line of marks, some columns for each of the ``cells``."""
    # plotext centres both limits in a column: the first column is the axis itself, and is dropped below
    figure = canvas(cells * _columns_per_cell(cells) + 1, len(bars))
    # on a logarithmic scale of its own plotext fails where all bars are about equally long
    figure.ruler("x").lim(0, 1)
    figure.ruler("y").lim(-0.5, len(bars) - 0.5).alignment(lim="edge").direction(-1)
    # an end is drawn after those beyond it and covers them, so one that is covered altogether is left out
    points = [
        (ends[end], y, _MARKS[kept][end])
        for end in (_HIGH, _ESTIMATE, _LOW)
        for y, (kept, *ends) in enumerate(bars)
        if end == _LOW or ends[end] > ends[end - 1]
    ]
    values, rows, marks = zip(*points, strict=True)
    start = figure.signal([0] * len(rows), rows, marker=marks[0])
    figure.draw(figure.signal(values, rows, marker=list(marks)).fill(start))
    return tuple(line[1:] for line in read(figure, len(bars)))


def _row(bar: Bar, line: str, columns: _Columns, width: int, axis: Axis) -> tuple[Run, ...]:
    cut = bar.kept == "no"
    label = safe_line(bar.label, columns.label)
    number = safe_line(bar.number, columns.number)
    before = pad(label, columns.label + 1)[len(label) :] if columns.label else ""
    pieces: list[tuple[str, Role]] = [
        (label, "cut" if cut else "rest" if bar.rest else "label"),
        (before, "space"),
        *_pinned(bar, _fold(bar, line, columns.bar), columns.bar, axis),
    ]
    used = sum(cell_width(text) for text, _ in pieces)
    pieces += [(" " * (width - used - cell_width(number)), "space"), (number, "cut" if cut else "number")]
    runs = groupby((piece for piece in pieces if piece[0]), key=lambda piece: piece[1])
    return tuple(Run("".join(text for text, _ in group), role) for role, group in runs)


def _fold(bar: Bar, line: str, cells: int) -> list[tuple[str, Role]]:
    """Return a line of marks as the ``cells`` they come to, without the empty ones at its end."""
    if not cells:
        return []
    resolution = _columns_per_cell(cells)
    # where two marks share a cell, it shows the one that covers half of it or more
    marks = line[resolution // 2 - 1 :: resolution].rstrip()
    positive = (bar.estimate if bar.kept == "no" else bar.high) > 0
    if bar.kept != "yes" and positive:
        marks = marks or _SLIVERS[bar.kept]
    if marks.strip("█"):
        return [("".join(group), _ROLES[mark]) for mark, group in groupby(marks)]
    role: Role = "uncertain" if "▓" in line or "▒" in line else "bar"
    whole, part = divmod(len(line.rstrip(" ▒")), resolution)
    if not (whole or part):
        return [("▏", role)] if positive else []
    return [("█" * whole, "bar"), (_EIGHTHS[part * 8 // resolution], role)]


def _pinned(bar: Bar, drawn: list[tuple[str, Role]], cells: int, axis: Axis) -> list[tuple[str, Role]]:
    """Return a drawn bar with the mark of the pinned probability, and a line to it."""
    if bar.pinned is None or not cells:
        return drawn
    at, end = (
        min(int(axis.position(each) * cells), cells - 1) for each in (bar.pinned.estimate, bar.estimate)
    )
    if at == end:
        # a mark would only hide where the bar ends
        return drawn
    spread = [(char, role) for text, role in drawn for char in text]
    spread += [("─", "pinned") if bar.pinned.estimate > 0 else (" ", "space")] * (at - len(spread))
    mark = "┃" if bar.pinned.low == bar.pinned.high else "╏"
    return [*spread[:at], (mark, "pinned"), *spread[at + 1 :]]


def _columns_per_cell(cells: int) -> int:
    """Return how finely bars are drawn: the wider the area, the less a cell matters and the more it costs."""
    return 8 if cells <= 50 else 4 if cells <= 100 else 2
