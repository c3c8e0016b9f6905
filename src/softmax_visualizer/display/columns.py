"""One table of bars: a column of labels, then columns of bars that are all drawn to one scale.

The room of every part is a function of the width alone, so that 100 % is as many cells at every setting, and
a bar never gets shorter because the number beside it got longer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from softmax_visualizer.display.bars import Axis, Bar, bar_areas
from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.numbers import SHORTEST_PERCENT, percent
from softmax_visualizer.display.pieces import Line, Piece, Role, blank, fill, joined, width_of

_ROOMY = 120
"""Cells of a table from which a number may be an interval with its digits: ``81.3–81.5 %``."""

_LONG_PERCENT = 11
_LONGEST_BAR = 50
"""Cells up to which plotext draws eighths of a cell."""

_LABEL_SHARE = 0.2
_LEAST_LABEL = 11


@dataclass(frozen=True)
class Layout:
    """Cells of the labels, and of each column's bars and numbers.

    A row is a mark, a label, for each column a blank, the bar, a blank and the number, and a blank.
    """

    label: int
    bar: int
    number: int

    @classmethod
    def of(cls, width: int, columns: int = 3) -> Layout:
        """Return the layout for a table of this width; up to three columns share one."""
        columns = max(columns, 3)
        number = SHORTEST_PERCENT if width < _ROOMY else _LONG_PERCENT
        room = max(width - 2 - columns * (2 + number), columns + 1)
        label = max(int(_LABEL_SHARE * room), min(_LEAST_LABEL, room // 2))
        bar = min((room - label) // columns, _LONGEST_BAR)
        return cls(min(room - columns * bar, 40), bar, number)

    @property
    def column(self) -> int:
        """Cells of a column: bar, blank and number."""
        return self.bar + 1 + self.number


@dataclass(frozen=True)
class Column:
    """A step of the decoder, or a setting: a bar for each row.

    ``titles``: what to call it; the first one that fits is taken.
    ``statistics``: entropy and perplexity in words.
    ``final``: whether it is what is sampled from.
    ``same``: whether it repeats the column before, which is drawn faintly then.
    ``cut_row``: the row from which on a cut has taken everything, on which ``cut_words`` stand.
    ``below``: what stands in the place of the ruler, in more and in fewer cells.
    """

    titles: tuple[str, ...]
    bars: tuple[Bar, ...]
    statistics: tuple[str, str]
    final: bool = False
    same: bool = False
    cut_row: int | None = None
    cut_words: tuple[str, ...] = ()
    below: tuple[str, ...] = ("",)


SPOKEN_OF = "◆"
"""The mark before a token that somebody speaks of, which is seen without colours."""

_NO_MARK = blank(1)

STATISTICS = ("Entropy", "Perplexity")


def table_of_bars(
    columns: Sequence[Column],
    layout: Layout,
    axis: Axis,
    sampled: int | None = None,
    *,
    spoken_of: Collection[int] = (),
    statistics: int = 2,
) -> list[Line]:
    """Draw the titles, a row a bar, the ruler, and the statistics of each column.

    Args:
        columns: with the same labels on the same rows.
        layout: the room of each part.
        axis: of all columns.
        sampled: the row of the token that was sampled, which is marked.
        spoken_of: the rows of the tokens that somebody speaks of, which are marked in their own way.
        statistics: how many of them.
    """
    titles = [_first_that_fits(column.titles, layout.column - 1) for column in columns]
    lines = [_row("", "head", [[Piece(title, "head")] for title in titles], layout)]
    areas = [_column(column, layout, axis) for column in columns]
    for number, bar in enumerate(columns[0].bars):
        role: Role = "token" if number in spoken_of else "rest" if bar.rest else "label"
        mark = Piece(SPOKEN_OF, "token") if number in spoken_of else blank(1)
        if number == sampled:
            mark = Piece("▸", "sampled")
        cells = [area[number] for area in areas]
        lines.append(_row(safe_line(bar.label, layout.label), role, cells, layout, mark))
    # an axis that does not reach to 100 % makes bars longer than people expect
    ruler = [Piece(_ruler(axis, layout.bar), "axis" if axis == Axis.to(1.0) else "wait")]
    words = [_first_that_fits(column.below, layout.column) for column in columns]
    below = [[Piece(text, "wait")] if text else ruler for text in words]
    lines.append(_row("", "axis", below, layout))
    for number in range(statistics):
        values = [[Piece(f"{column.statistics[number]:>{layout.column}}", "number")] for column in columns]
        lines.append(_row(STATISTICS[number], "faint", values, layout))
    return lines


def _row(label: str, role: Role, cells: Sequence[Line], layout: Layout, mark: Piece = _NO_MARK) -> Line:
    row = [mark, *fill([Piece(label, role)], layout.label)]
    for cell in cells:
        row += [blank(1), *fill(cell, layout.column)]
    return joined(row)


def _column(column: Column, layout: Layout, axis: Axis) -> list[Line]:
    """Return the bars of a column with their numbers, each in as many cells as the column has."""
    found: list[Line] = []
    for number, (bar, area) in enumerate(
        zip(column.bars, bar_areas(column.bars, layout.bar, axis), strict=True)
    ):
        if number == column.cut_row:
            words = _first_that_fits(column.cut_words, layout.column - 4)
            found.append([Piece(f" {words} ".center(layout.column, "─"), "wait")])
            continue
        shown = [Piece(piece.text, _role(piece.role, column)) for piece in area]
        role: Role = "cut" if bar.kept == "no" or column.same else "number"
        text = safe_line(bar.number, layout.number)
        gap = layout.column - width_of(shown) - cell_width(text)
        found.append([*shown, blank(gap), Piece(text, role)])
    return found


def _role(role: Role, column: Column) -> Role:
    """Return what a piece of a bar is in its column."""
    if column.same:
        return "same"
    return "final" if column.final and role == "bar" else role


def _first_that_fits(texts: Sequence[str], width: int) -> str:
    return next((text for text in texts if cell_width(text) <= width), safe_line(texts[-1], max(width, 1)))


def _ruler(axis: Axis, cells: int) -> str:
    """Return the numbers below a bar area, each centred below its place; the last may stand out of it."""
    line = ""
    ends = (0.0, axis.high / 2, axis.high) if axis.kind == "linear" else (1e-6, 1e-4, 1e-2, 1.0)
    for value in ends:
        last = value == ends[-1]
        text = percent(value) if last else percent(value).removesuffix(" %").removesuffix(".0")
        text = text.replace(".0 %", " %") if last else text
        if axis.kind == "log" and not last:
            text = f"{100 * value:g}"
        digits = len(text.removesuffix(" %"))
        start = max(round(axis.position(value) * cells) - digits // 2, 0)
        if start > len(line) or not line:
            line = line.ljust(start) + text
    return line
