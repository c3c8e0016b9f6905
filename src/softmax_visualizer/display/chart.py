"""Lines of what becomes of numbers as a knob is turned, drawn by plotext and shown in dots of braille.

plotext has a braille marker of its own, but of a cell that two lines cross it tells only the colour of the
later one. So plotext is given a canvas with two columns and four rows a cell, and draws each line there in a
character of its own: a cell then shows the dots of all its lines, in the role of the line with most of them.

The intervals of lines are shaded cell by cell, without plotext: no cell that a band touches is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softmax_visualizer.decoding.interval import FloatArray
from softmax_visualizer.display.figure import canvas, read
from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.pieces import Line as Row
from softmax_visualizer.display.pieces import Piece, Role, joined

_LEAST_COLUMNS, _LEAST_ROWS = 8, 2
"""The smallest plot that is drawn."""

_MOST_TICKS = 6

_MARK_EVERY = 16
"""Cells from one mark of a line to its next."""

_WIDE, _HIGH = 2, 4
"""Dots in a cell of braille."""

_BRAILLE = 0x2800
_DOTS = np.array([0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80])
"""What the dots of a cell, row by row, add to the code of its character."""

_SPACE = Piece(" ", "space")
_BAND = Piece("░", "uncertain")
_KNOB = Piece("┊", "knob")


@dataclass(frozen=True, eq=False)
class Line:
    """A number at each point of a sweep, known to lie between ``low`` and ``high``.

    ``mark``: the ASCII character that stands on the line here and there, so that it is known without colour.
    ``role``: what the line is, for the screen to choose its colour.
    ``low``, ``estimate``, ``high``: of shape (points,), equal where exact; infinite perhaps, but never NaN.
    """

    mark: str
    role: Role
    low: FloatArray
    estimate: FloatArray
    high: FloatArray


def chart(
    x: FloatArray,
    lines: Sequence[Line],
    width: int,
    height: int,
    *,
    y_high: float,
    y_label: Callable[[float], str],
    at: float | None,
) -> list[Row]:
    """Draw lines over the points ``x``: ``height`` rows, every row exactly ``width`` cells.

    The y axis reaches from 0 to ``y_high``; what lies above is drawn at its end. Where lines cover each other
    the first is in front. Cells touched by the interval of a line, but by no line, are ``░``. Where there is
    no room for a plot all rows are blank.

    ``x``: where the values of the lines were taken, of shape (points,), ascending; at least one.
    ``y_label``: returns what to write at a tick of the y axis.
    ``at``: where the knob stands, which is marked by ``▲`` on the x axis and by ``┊`` above it where the plot
    is empty; None, or a place outside of ``x``, has no mark.

    Raises:
        ValueError: not ``0 < y_high < inf``.
    """
    if not 0 < y_high < math.inf:
        raise ValueError(f"a chart cannot reach from 0 to {y_high}")
    rows = max(height - 2, 0)
    down = _Ruler(y_high, 0.0, rows, _HIGH)
    labels = {down.cell(value): safe_line(y_label(value)) for value in down.ticks(rows // 3 + 1)}
    margin = max(map(cell_width, labels.values())) + 1
    columns = max(width - margin, 0)
    if rows < _LEAST_ROWS or columns < _LEAST_COLUMNS:
        return [[Piece(" " * width, "space")]] * height
    first, last = float(x[0]), float(x[-1])
    spare = 0.0 if first < last else 0.5
    across = _Ruler(first - spare, last + spare, columns, _WIDE)
    knob = across.cell(at) if at is not None and first <= at <= last else None

    curves = tuple(
        _Curve(line.mark, line.role, down.parts(line.low), down.parts(line.estimate), down.parts(line.high))
        for line in lines
    )
    drawn = []
    for y, cells in enumerate(_draw(across.parts(x), curves, columns, rows)):
        label = labels.get(y, "")
        before = " " * (margin - 1 - cell_width(label)) + label + ("┤" if y in labels else "│")
        knobbed = [_KNOB if place == knob and cell == _SPACE else cell for place, cell in enumerate(cells)]
        drawn.append(joined([Piece(before, "axis"), *knobbed]))
    places = {across.cell(value): f"{value:g}" for value in across.ticks(columns // 8 + 1)}
    axis = [Piece("┬" if place in places else "─", "axis") for place in range(columns)]
    if knob is not None:
        axis[knob] = Piece("▲", "knob")
    drawn.append(joined([Piece(" " * (margin - 1) + "└", "axis"), *axis]))
    drawn.append([Piece(_beneath(places, margin, width), "axis")])
    return drawn


@dataclass(frozen=True, slots=True)
class _Ruler:
    """An axis from ``start`` to ``end``, which are in the middle of its first and its last dot."""

    start: float
    end: float
    cells: int
    dots: int
    """Dots in each of the cells."""

    def parts(self, values: FloatArray) -> tuple[float, ...]:
        """Return how far along the axis values are, from 0 to 1; beyond its ends, the nearer one."""
        inside = np.clip(values, min(self.start, self.end), max(self.start, self.end))
        return tuple(((inside - self.start) / (self.end - self.start)).tolist())

    def cell(self, value: float) -> int:
        """Return in which cell a value on the axis is."""
        return int(_cells((value - self.start) / (self.end - self.start), self.cells, self.dots))

    def ticks(self, most: int) -> list[float]:
        """Return round numbers on the axis at equal steps: no more than ``most``, unless that is below 2."""
        low, high = sorted((self.start, self.end))
        most = min(max(most, 2), _MOST_TICKS)
        power = math.floor(math.log10((high - low) / most))
        for step in (digit * 10.0**exponent for exponent in (power, power + 1) for digit in (1, 2, 2.5, 5)):
            # what is not quite a multiple is one that was rounded
            multiples = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
            if len(multiples) <= most:
                return [float(f"{multiple * step:.12g}") for multiple in multiples]
        raise AssertionError("two steps of the largest size are longer than the axis")


@dataclass(frozen=True, slots=True)
class _Curve:
    """A line whose values are parts of the y axis, from its top."""

    mark: str
    role: Role
    low: tuple[float, ...]
    estimate: tuple[float, ...]
    high: tuple[float, ...]


# Only the mark of the knob moves while it is turned.
@lru_cache(maxsize=16)
def _draw(
    x: tuple[float, ...], curves: tuple[_Curve, ...], columns: int, rows: int
) -> tuple[tuple[Piece, ...], ...]:
    """Return the cells of the plot, row by row. ``x``: parts of the x axis."""
    dots = _dots(x, curves, columns, rows)
    # of equal counts the first wins: an earlier line, and no line, which counts nothing, where none has a dot
    counts = [(dots == number).sum(axis=2) * (number > 0) for number in range(len(curves) + 1)]
    owner = np.argmax(counts, axis=0)
    patterns = _BRAILLE + (dots > 0) @ _DOTS
    bands = _bands(x, curves, columns, rows)
    cells = [
        [
            Piece(chr(pattern), curves[number - 1].role) if number else _BAND if band else _SPACE
            for pattern, number, band in zip(*row, strict=True)
        ]
        for row in zip(patterns.tolist(), owner.tolist(), bands.tolist(), strict=True)
    ]
    for number, curve in enumerate(curves, start=1):
        for y, column in _marks(owner == number, _MARK_EVERY * (2 * number - 1) // (2 * len(curves))):
            cells[y][column] = Piece(curve.mark, curve.role)
    return tuple(map(tuple, cells))


def _dots(x: tuple[float, ...], curves: tuple[_Curve, ...], columns: int, rows: int) -> NDArray[np.uint32]:
    """Let plotext draw the lines; return the number of each dot's line from 1, or 0: (rows, columns, 8)."""
    figure = canvas(columns * _WIDE, rows * _HIGH)
    figure.ruler("x").lim(0, 1)
    figure.ruler("y").lim(0, 1).direction(-1)
    # what is drawn later is in front
    for number, curve in reversed(list(enumerate(curves, start=1))):
        figure.draw(figure.signal(x, curve.estimate, marker=chr(ord(" ") + number)).lines())
    codes = np.array(read(figure, rows * _HIGH)).view(np.uint32) - ord(" ")
    return codes.reshape(rows, _HIGH, columns, _WIDE).swapaxes(1, 2).reshape(rows, columns, _HIGH * _WIDE)


def _bands(x: tuple[float, ...], curves: tuple[_Curve, ...], columns: int, rows: int) -> NDArray[np.bool_]:
    """Return which cells, of shape (rows, columns), the interval of any line touches."""
    touched = np.zeros((rows, columns), dtype=np.bool_)
    row = np.arange(rows)[:, np.newaxis]
    # the ends between the points and at them, as several may be in one cell
    places = np.sort([*x, *np.linspace(0, 1, columns * _WIDE)])
    column = _cells(places, columns, _WIDE)
    for curve in curves:
        high, low = (np.interp(places, x, end) for end in (curve.high, curve.low))
        wide = high < low
        top, bottom = np.full(columns, rows), np.full(columns, -1)
        np.minimum.at(top, column[wide], _cells(high[wide], rows, _HIGH))
        np.maximum.at(bottom, column[wide], _cells(low[wide], rows, _HIGH))
        touched |= (top <= row) & (row <= bottom)
    return touched


def _marks(own: NDArray[np.bool_], start: int) -> list[tuple[int, int]]:
    """Return the row and column of a line's marks, given its cells and the column from which to put them."""
    columns = np.flatnonzero(own.any(axis=0)).tolist()
    marks: list[tuple[int, int]] = []
    due = min(start, columns[-1]) if columns else 0
    for column in columns:
        if column >= due:
            rows = np.flatnonzero(own[:, column])
            marks.append((int(rows[len(rows) // 2]), column))
            due = column + _MARK_EVERY
    return marks


def _cells(parts: ArrayLike, cells: int, dots: int) -> NDArray[np.intp]:
    """Return in which cells of an axis parts of it are: where plotext puts them, ties apart."""
    return np.rint(np.multiply(parts, cells * dots - 1)).astype(np.intp) // dots


def _beneath(places: Mapping[int, str], margin: int, width: int) -> str:
    """Return the row of labels, each centred below its column where there is room for it."""
    line = ""
    for column, label in places.items():
        start = min(margin + column - len(label) // 2, width - len(label))
        if start > len(line) or not line:
            line = line.ljust(start) + label
    return line.ljust(width)
