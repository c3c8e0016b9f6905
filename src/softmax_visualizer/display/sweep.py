"""A sweep as two charts: the leading tokens' probabilities, and how many choices there are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from softmax_visualizer.decoding import Decoding, IntervalArray
from softmax_visualizer.decoding.interval import FloatArray
from softmax_visualizer.decoding.sweep import Knob, Sweep
from softmax_visualizer.display.chart import Line, chart
from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.numbers import number, percent_short
from softmax_visualizer.display.pieces import Line as Row
from softmax_visualizer.display.pieces import Piece, Role
from softmax_visualizer.display.pipeline import kept_words, rest_label, token_label

_LINES: tuple[Role, ...] = ("line1", "line2", "line3", "line4", "line5", "line6")

LEADING = len(_LINES)
"""How many tokens have a line of their own."""

_POSITIONS = 61

_CROWD = "+"
_TITLES = {"temperature": "temperature", "top_p": "top-p"}


def positions(knob: Knob, current: float) -> tuple[float, ...]:
    """Return where to decode: temperature from 0 to 2, or as far as it is set, and top-p from 0 to 1."""
    top = max(2.0, float(math.ceil(current))) if knob == "temperature" else 1.0
    return tuple(float(value) for value in np.linspace(0.0, top, _POSITIONS))


@dataclass(frozen=True)
class SweepPanel:
    """One chart: its title, and its rows, with a legend at the top."""

    title: str
    rows: list[Row]


def sweep_panels(
    sweep: Sweep, decoding: Decoding, widths: tuple[int, int], height: int, *, fixed: bool
) -> tuple[SweepPanel, SweepPanel]:
    """Return both charts, with the current position of the knob marked.

    Args:
        sweep: what is drawn.
        decoding: the current setting, whose numbers stand in the legends.
        widths: cells of the rows of each chart.
        height: rows of each.
        fixed: the probability axis reaches up to 100 %, rather than to the highest of the further tokens.
    """
    at = getattr(decoding.settings, sweep.knob)
    across = _TITLES[sweep.knob]
    return (
        SweepPanel(
            f"Probability over {across}", _probabilities(sweep, decoding, at, widths[0], height, fixed)
        ),
        SweepPanel(f"Over {across}, log scale", _choices(sweep, decoding, at, widths[1], height)),
    )


def _probabilities(
    sweep: Sweep, decoding: Decoding, at: float, width: int, height: int, fixed: bool
) -> list[Row]:
    leading = len(sweep.tokens)
    stage = decoding.after_cut
    now = stage.first(leading)
    lines = [_line(str(index + 1), _LINES[index], each) for index, each in enumerate(sweep.tokens)]
    legend: list[tuple[str, str, Role]] = [
        (f"{index + 1} {token_label(decoding.distribution, index)}", percent_short(now[index]), role)
        for index, role in zip(range(leading), _LINES, strict=False)
    ]
    if sweep.others.high.max(initial=0.0) > 0:
        lines.append(_line(_CROWD, "crowd", sweep.others))
        beyond = percent_short(stage.beyond(leading))
        legend.insert(1, (f"{_CROWD} {rest_label(decoding, leading)}", beyond, "crowd"))
    # at T = 0 the first token has everything, so the others decide how far a closer look goes
    top = 1.0 if fixed else max((float(line.estimate.max()) for line in lines[1:-1]), default=0.0) or 1.0
    rows = _legend(legend, width, height // 4)
    body = chart(
        np.array(sweep.values),
        lines,
        width,
        max(height - len(rows), 0),
        y_high=top,
        y_label=_whole_percent,
        at=at,
    )
    return rows + body


def _choices(sweep: Sweep, decoding: Decoding, at: float, width: int, height: int) -> list[Row]:
    lines = [
        _line("e", "line1", _logarithm(sweep.effective_tokens)),
        _line("k", "line3", _logarithm(sweep.kept_tokens)),
    ]
    highest = max(
        (float(value) for line in lines for value in (*line.estimate, *line.high) if math.isfinite(value)),
        default=1.0,
    )
    legend: list[tuple[str, str, Role]] = [
        ("e perplexity", number(decoding.after_cut.effective_tokens, "–"), "line1"),
        ("k kept", kept_words(decoding), "line3"),
    ]
    rows = _legend(legend, width, height // 4)
    body = chart(
        np.array(sweep.values),
        lines,
        width,
        max(height - len(rows), 0),
        y_high=max(math.ceil(highest), 1.0),
        y_label=_power_of_two,
        at=at,
    )
    return rows + body


def _whole_percent(share: float) -> str:
    return f"{100 * share:g} %"


def _power_of_two(exponent: float) -> str:
    return number(2.0**exponent)


def _line(mark: str, role: Role, values: IntervalArray) -> Line:
    return Line(mark, role, values.low, values.estimate, values.high)


def _logarithm(values: IntervalArray) -> IntervalArray:
    def taken(ends: FloatArray) -> FloatArray:
        logs: FloatArray = np.log2(np.maximum(ends, 1.0))
        return logs

    return IntervalArray(taken(values.low), taken(values.estimate), taken(values.high))


def _legend(entries: list[tuple[str, str, Role]], width: int, most: int) -> list[Row]:
    """Return what each line is and its number, in as many rows as it takes, up to ``most``."""
    rows: list[Row] = [[]]
    used = 0
    for name, value, role in entries:
        name = safe_line(name, max(width - cell_width(value) - 3, 0))
        size = cell_width(name) + cell_width(value) + 3
        if used and used + size > width:
            if len(rows) >= most:
                break
            rows.append([])
            used = 0
        rows[-1] += [Piece(f"{name} ", role), Piece(f"{value}  ", "number")]
        used += size
    return rows
