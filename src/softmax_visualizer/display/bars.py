"""Horizontal bars of probabilities, one row a token, drawn by plotext.

Bars are often no more than 15 cells wide, so plotext is given a canvas with eight columns a cell, and each
eight of them become one of the blocks ``▏▎▍▌▋▊▉█``. On that canvas a bar is one line from the axis to the
value. (``figure.bar`` draws the same line, as an outline, at twice the cost; with its default thickness it
also spills into the rows of other bars.) plotext is told all that it would otherwise guess wrong: the limits
of both axes, the size of the canvas, and that the first bar is the top one. It never sees labels and numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Literal

from softmax_visualizer.display.figure import canvas, read
from softmax_visualizer.display.numbers import Bounds, percent
from softmax_visualizer.display.pieces import Line, Piece, Role, joined

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
    """The bar on a token's row: a probability, known to lie in ``[low, high]``.

    ``label``, ``number``: what stands before and after the bar.
    ``kept``: whether the decoder can still sample the token.
    ``rest``: the row is not one token but everything that has no row of its own.
    ``pinned``: the probability in a setting to compare with, which a mark on the row stands for.
    ``band``: two shares between which the bar is expected to end, which are marked on the row.

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
    band: tuple[float, float] | None = None

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

    kind: Literal["linear", "log"]
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1 or (self.kind == "log" and self.low == 0):
            raise ValueError(f"a {self.kind} axis cannot reach from {self.low} to {self.high}")

    @classmethod
    def to(cls, high: float) -> Axis:
        """Return a linear axis from 0."""
        return cls("linear", 0.0, high)

    @classmethod
    def log(cls) -> Axis:
        """Return a logarithmic axis from :data:`LOG_LOW` to 100 %."""
        return cls("log", LOG_LOW, 1.0)

    def position(self, probability: float) -> float:
        """Return how far along the axis a probability is, from 0 to 1; beyond its ends, the nearer one."""
        inside = min(max(probability, self.low), self.high)
        if self.kind == "log":
            start = math.log(self.low)
            return (math.log(inside) - start) / (math.log(self.high) - start)
        return (inside - self.low) / (self.high - self.low)

    @property
    def caption(self) -> str:
        """The axis in words: ``"0 to 50 %"``, ``"0.0001 to 100 %, log"``."""
        end = percent(self.high).replace(".0 %", " %")
        return f"{100 * self.low:g} to {end}{', log' if self.kind == 'log' else ''}"


def bar_areas(bars: Sequence[Bar], cells: int, axis: Axis) -> list[Line]:
    """Draw bars, one line each and in their order; no line is longer than ``cells``.

    A bar is ``█`` up to what is proven, ``▓`` on to the estimate and ``▒`` on to the high end of the
    interval. These end at whole cells; where the interval is too short for them, the bar ends at the
    estimate, to an eighth of a cell (a quarter in an area of more than 50 cells, a half in one of more than
    100). What may have been cut is ``▚`` up to its estimate, what was cut is ``░`` up to its estimate and no
    further. Zero draws nothing; anything else draws at least ``▏``, ``▚`` or ``┊``. A bar that leaves the
    axis ends in ``▶``.

    A pinned probability is ``┃``, or ``╏`` if it is an estimate, with ``─`` from the bar's end on if it is
    beyond that, and ``»`` if it is beyond the axis; in the cell where the bar ends it has no mark.

    A band begins with ``├``, unless at zero, and ends with ``┤``, with ``─`` between them where the bar does
    not reach; the cell where the bar ends shows that.
    """
    if not (bars and cells):
        return [[] for _ in bars]
    drawn = _draw(tuple((bar.kept, *_ends(bar, axis)) for bar in bars), cells)
    return [
        _banded(bar, _pinned(bar, _fold(bar, marks, cells, axis), cells, axis), cells, axis)
        for bar, marks in zip(bars, drawn, strict=True)
    ]


_Ends = tuple[str, float, float, float]


def _ends(bar: Bar, axis: Axis) -> tuple[float, float, float]:
    """Return where on the axis the low end, the estimate and the high end of what is drawn are."""
    low, high = (bar.estimate, bar.estimate) if bar.kept == "no" else (bar.low, bar.high)
    return axis.position(low), axis.position(bar.estimate), axis.position(high)


# Some columns usually do not change when a knob is turned.
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


def _fold(bar: Bar, marks: str, cells: int, axis: Axis) -> Line:
    """Return a line of marks as the ``cells`` they come to, without the empty ones at its end."""
    resolution = _columns_per_cell(cells)
    # where two marks share a cell, it shows the one that covers half of it or more
    halves = marks[resolution // 2 - 1 :: resolution].rstrip()
    positive = (bar.estimate if bar.kept == "no" else bar.high) > 0
    if bar.kept != "yes" and positive:
        halves = halves or _SLIVERS[bar.kept]
    if halves.strip("█"):
        area = [Piece("".join(group), _ROLES[mark]) for mark, group in groupby(halves)]
    else:
        role: Role = "uncertain" if "▓" in marks or "▒" in marks else "bar"
        whole, part = divmod(len(marks.rstrip(" ▒")), resolution)
        area = [Piece("█" * whole, "bar"), Piece(_EIGHTHS[part * 8 // resolution], role)]
        if not (whole or part):
            area = [Piece("▏", role)] if positive else []
    if bar.estimate > axis.high + _SLACK:
        # what leaves the axis says so, rather than passing for its end
        area = [*_first(area, cells - 1), Piece("▶", area[-1].role)]
    return [piece for piece in area if piece.text]


def _first(area: Line, cells: int) -> Line:
    spread = [Piece(char, piece.role) for piece in area for char in piece.text]
    return joined(spread[:cells])


def _pinned(bar: Bar, drawn: Line, cells: int, axis: Axis) -> Line:
    """Return a drawn bar with the mark of the pinned probability, and a line to it."""
    if bar.pinned is None:
        return drawn
    beyond = bar.pinned.estimate > axis.high + _SLACK
    at, end = (
        min(int(axis.position(each) * cells), cells - 1) for each in (bar.pinned.estimate, bar.estimate)
    )
    if at == end and not beyond:
        # a mark would only hide where the bar ends
        return drawn
    spread = [Piece(char, piece.role) for piece in drawn for char in piece.text]
    filler = Piece("─", "pinned") if bar.pinned.estimate > 0 else Piece(" ", "space")
    spread += [filler] * (at - len(spread))
    mark = "»" if beyond else "┃" if bar.pinned.low == bar.pinned.high else "╏"
    return joined([*spread[:at], Piece(mark, "pinned"), *spread[at + 1 :]])


def _banded(bar: Bar, drawn: Line, cells: int, axis: Axis) -> Line:
    """Return a drawn bar with the ends of its band, but not at zero, nor where the bar ends.

    In a single cell a band has no mark.
    """
    if bar.band is None:
        return drawn
    low, high = (min(int(axis.position(each) * cells), cells - 1) for each in bar.band)
    if low == high:
        return drawn
    spread = [Piece(char, piece.role) for piece in drawn for char in piece.text]
    end = len(spread) - 1
    spread += [Piece(" ", "space")] * (low - len(spread))
    spread += [Piece("─", "pinned")] * (high + 1 - len(spread))
    if bar.band[0] > 0 and low != end:
        spread[low] = Piece("├", "pinned")
    if high != end:
        spread[high] = Piece("┤", "pinned")
    return joined(spread)


def _columns_per_cell(cells: int) -> int:
    """Return how finely bars are drawn: the wider the area, the less a cell matters and the more it costs."""
    return 8 if cells <= 50 else 4 if cells <= 100 else 2
