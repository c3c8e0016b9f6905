"""Temperature across, top-p up: a map of what is drawn from, each cell shaded by one number."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from softmax_visualizer.decoding import Interval
from softmax_visualizer.decoding.sweep import Landscape
from softmax_visualizer.display.numbers import number, percent, percent_short

Row = list[tuple[str, str]]

TEMPERATURES = tuple(tenths / 10 for tenths in range(21))
TOP_PS = tuple(twentieths / 20 for twentieths in range(20, 0, -1))

_NUMBERS_FROM = 7
"""Cells of a column from which it has numbers, unless one of them is longer."""

_SHADES = (" ", "·", ":", "+", "*", "#")
"""What tells the shades apart without colour; none covers so much of its cell as to hide its background."""


@dataclass(frozen=True)
class Measure:
    """A number that the map can show.

    ``layer``: the attribute of :class:`Landscape` that holds it. ``edges``: where one shade goes over into
    the next; there is one shade more than edges.
    """

    title: str
    layer: str
    edges: tuple[float, ...]
    write: Callable[[float | Interval], str]


def _few(value: float | Interval) -> str:
    return number(value).replace(" to ", "–")


def _share(value: float | Interval) -> str:
    return percent_short(value) if isinstance(value, Interval) else percent(value)


MEASURES = (
    Measure("like so many equal choices", "effective_tokens", (1.2, 2, 5, 20, 100), _few),
    Measure("probability of the greedy choice", "greedy", (0.1, 0.3, 0.5, 0.7, 0.9), _share),
    Measure("probability of leaving the set", "leaving", (0.0001, 0.001, 0.01, 0.1, 0.5), _share),
)


def with_current(standard: Sequence[float], current: float) -> tuple[float, ...]:
    """Return the axis with the current value in the place of the nearest one, so that it is on the map."""
    if current in standard:
        return tuple(standard)
    nearest = min(standard, key=lambda value: abs(value - current))
    return tuple(current if value == nearest else value for value in standard)


def map_rows(
    found: Landscape, measure: Measure, temperature: float, top_p: float, width: int, height: int
) -> list[Row]:
    """Return the map: what the shades mean, a row a top-p, and the temperatures below.

    Where there is room for numbers the cells have them; ``~`` marks an estimate.

    Args:
        found: the grid of numbers.
        measure: which of them to show.
        temperature, top_p: the current setting, which is on the grid.
        width: cells of a row; ``height``: rows.
    """
    values = getattr(found, measure.layer)
    size = max((width - 6) // len(found.temperatures), 1)
    written = size >= _NUMBERS_FROM and all(
        len(_written(value, measure)) <= size for row in values for value in row
    )
    chosen = _spread(found.top_ps, height - 3, top_p)
    lines: list[Row] = [_legend(measure, width)]
    for row in chosen:
        cells: Row = [(f"{found.top_ps[row]:5.2f} ", "axis")]
        for column, at in enumerate(found.temperatures):
            value = values[row][column]
            here = at == temperature and found.top_ps[row] == top_p
            draw = _numbered if written else _shaded
            cells.append((draw(value, measure, size, here), "point" if here else _role(value, measure)))
        lines.append(cells)
        blank = [(" " * len(text), role) for text, role in cells]
        lines += [blank] * (max((height - 3) // len(chosen), 1) - 1 if written else 0)
    lines.append(_temperatures(found.temperatures, temperature, size))
    here = values[found.top_ps.index(top_p)][found.temperatures.index(temperature)]
    lines.append([(f"  at T {temperature:g}, top-p {top_p:g}: ", "axis"), (measure.write(here), "number")])
    return lines


def _written(value: Interval, measure: Measure) -> str:
    estimate = measure.write(value.estimate)
    return ("" if measure.write(value) == estimate else "~") + estimate.removesuffix(" %")


def _numbered(value: Interval, measure: Measure, size: int, here: bool) -> str:
    return f"{_written(value, measure):^{size}}"


def _shaded(value: Interval, measure: Measure, size: int, here: bool) -> str:
    shade = _SHADES[_level(value.estimate, measure)]
    known = _level(value.low, measure) == _level(value.high, measure)
    middle = "◆" if here else shade if known else "?"
    before = (size - 1) // 2
    return shade * before + middle + shade * (size - 1 - before)


def _level(value: float, measure: Measure) -> int:
    return bisect_right(measure.edges, value)


def _role(value: Interval, measure: Measure) -> str:
    return f"heat{_level(value.estimate, measure)}"


def _legend(measure: Measure, width: int) -> Row:
    scale, unit = (1, "") if measure.layer == "effective_tokens" else (100, " %")
    edges = [f"{scale * edge:g}" for edge in measure.edges]
    words = [f"<{edges[0]}", *(f"{low}–{high}" for low, high in pairwise(edges)), f"≥{edges[-1]}{unit}"]
    roomy = 6 + sum(len(word) + 5 for word in words) <= width
    row: Row = [(" " * 6, "space")] if roomy else []
    for level, (shade, word) in enumerate(zip(_SHADES, words, strict=True)):
        row += [(shade * (2 if roomy else 1), f"heat{level}"), (f" {word}  ", "axis")]
    return row


def _temperatures(temperatures: Sequence[float], current: float, size: int) -> Row:
    every = max(1, math.ceil(4 / size))
    at = temperatures.index(current)
    row: Row = [("   T  ", "axis")]
    for column, value in enumerate(temperatures):
        if column == at:
            # rounded to what there is room for, not cut off
            digits = (f"{value:.{places}g}" for places in range(6, 0, -1))
            text = next((text for text in digits if len(text) <= size), "")
            row.append((f"{text:^{size}}", "knob"))
        else:
            shown = column % (5 if every > 1 else 1) == 0 and (every == 1 or abs(column - at) > 1)
            text = f"{value:g}"
            row.append((f"{text if shown and len(text) <= size else '':^{size}}", "axis"))
    return row


def _spread(top_ps: Sequence[float], most: int, current: float) -> list[int]:
    """Return which rows to show: evenly spread ones, the first and the current one among them."""
    if most >= len(top_ps):
        return list(range(len(top_ps)))
    rows = [round(place * (len(top_ps) - 1) / max(most - 1, 1)) for place in range(max(most, 1))]
    at = top_ps.index(current)
    if at not in rows:
        rows[min(range(len(rows))[1:] or [0], key=lambda place: abs(rows[place] - at))] = at
    return rows
