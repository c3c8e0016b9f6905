"""Temperature across, top-p up: a map of what is drawn from, each cell shaded by one number."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from softmax_visualizer.decoding import Interval
from softmax_visualizer.decoding.sweep import Landscape
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.numbers import number, percent, percent_short
from softmax_visualizer.display.pieces import Line, Piece, Role

TEMPERATURES = tuple(tenths / 10 for tenths in range(21))
TOP_PS = tuple(twentieths / 20 for twentieths in range(20, 0, -1))

_NUMBERS_FROM = 7
"""Cells of a column from which it has numbers, unless one of them is longer."""

_HEAT: tuple[Role, ...] = ("heat0", "heat1", "heat2", "heat3", "heat4", "heat5")
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
    return number(value, "–")


def _share(value: float | Interval) -> str:
    return percent_short(value) if isinstance(value, Interval) else percent(value)


MEASURES = (
    Measure("perplexity", "effective_tokens", (1.2, 2, 5, 20, 100), _few),
    Measure("probability of the greedy choice", "greedy", (0.1, 0.3, 0.5, 0.7, 0.9), _share),
    Measure("probability of leaving the set", "leaving", (0.0001, 0.001, 0.01, 0.1, 0.5), _share),
    Measure("probability of exactly this answer", "answer", (1e-12, 1e-6, 0.001, 0.1, 0.5), _share),
)


def with_current(standard: Sequence[float], current: float) -> tuple[float, ...]:
    """Return the axis with the current value in the place of the nearest one, so that it is on the map."""
    if current in standard:
        return tuple(standard)
    nearest = min(standard, key=lambda value: abs(value - current))
    return tuple(current if value == nearest else value for value in standard)


def map_rows(
    found: Landscape, measure: Measure, temperature: float, top_p: float, width: int, height: int
) -> list[Line]:
    """Return the map: what the shades mean, a row a top-p, the temperatures, and the numbers of the point.

    The rows depend on the height alone. Where there is room for numbers the cells have them; ``~`` marks an
    estimate.

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
    room = max(height - 3, 1)
    chosen = range(0, len(found.top_ps), math.ceil(len(found.top_ps) / room))
    at = min(chosen, key=lambda row: abs(found.top_ps[row] - top_p))
    lines = [_legend(measure, width)]
    for row in chosen:
        role: Role = "knob" if row == at else "axis"
        cells = [Piece(f"{found.top_ps[row]:5.2f} ", role)]
        for column, temperature_there in enumerate(found.temperatures):
            here = row == at and temperature_there == temperature
            value = values[found.top_ps.index(top_p) if here else row][column]
            draw = _numbered if written else _shaded
            cells.append(Piece(draw(value, measure, size, here), "point" if here else _role(value, measure)))
        blank = [Piece(" " * len(text), role) for text, role in cells]
        lines += [cells, *[blank] * (room // len(chosen) - 1)]
    lines.append(_temperatures(found.temperatures, temperature, size))
    column = found.temperatures.index(temperature)
    words = f"  at T {temperature:g}, top-p {top_p:g}: "
    numbers = safe_line(_words(found, measure, top_p, column), max(width - len(words), 1))
    lines.append([Piece(words, "axis"), Piece(numbers, "number")])
    for other in MEASURES:
        if other is not measure and getattr(found, other.layer) and len(lines) < height:
            text = safe_line(_words(found, other, top_p, column), max(width - len(words), 1))
            lines.append([Piece(" " * len(words), "space"), Piece(text, "axis")])
    return lines


def _words(found: Landscape, measure: Measure, top_p: float, column: int) -> str:
    value = getattr(found, measure.layer)[found.top_ps.index(top_p)][column]
    return f"{measure.title} {measure.write(value)}"


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


def _role(value: Interval, measure: Measure) -> Role:
    return _HEAT[_level(value.estimate, measure)]


def _legend(measure: Measure, width: int) -> Line:
    scale, unit = (1, "") if measure.layer == "effective_tokens" else (100, " %")
    edges = [f"{scale * edge:g}" for edge in measure.edges]
    words = [f"<{edges[0]}", *(f"{low}–{high}" for low, high in pairwise(edges)), f"≥{edges[-1]}{unit}"]
    roomy = 6 + sum(len(word) + 5 for word in words) <= width
    row = [Piece(" " * 6, "space")] if roomy else []
    for role, shade, word in zip(_HEAT, _SHADES, words, strict=True):
        row += [Piece(shade * (2 if roomy else 1), role), Piece(f" {word}  ", "axis")]
    return row


def _temperatures(temperatures: Sequence[float], current: float, size: int) -> Line:
    every = max(1, math.ceil(4 / size))
    at = temperatures.index(current)
    row = [Piece("   T  ", "axis")]
    for column, value in enumerate(temperatures):
        if column == at:
            # rounded to what there is room for, not cut off
            digits = (f"{value:.{places}g}" for places in range(6, 0, -1))
            text = next((text for text in digits if len(text) <= size), "")
            row.append(Piece(f"{text:^{size}}", "knob"))
        else:
            shown = column % (5 if every > 1 else 1) == 0 and (every == 1 or abs(column - at) > 1)
            text = f"{value:g}"
            row.append(Piece(f"{text if shown and len(text) <= size else '':^{size}}", "axis"))
    return row
