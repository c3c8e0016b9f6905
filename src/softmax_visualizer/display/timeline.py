"""An answer over its tokens: how surprising each was, and how unsure the model was before it."""

from __future__ import annotations

import math

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray, Interval, IntervalArray
from softmax_visualizer.decoding.path import PathDecoding
from softmax_visualizer.display.chart import Line, chart
from softmax_visualizer.display.numbers import bits
from softmax_visualizer.display.pieces import Line as Row
from softmax_visualizer.display.pieces import Piece

_HIGHEST = 24.0
"""Bits up to which the axis reaches at the most: what is cut away is infinitely surprising."""


def timeline(path: PathDecoding, entropy: IntervalArray, place: int, width: int, height: int) -> list[Row]:
    """Draw surprisal and entropy at a setting over the tokens of an answer, with the place marked.

    Args:
        path: the answer at the setting.
        entropy: of what each token was sampled from, in bits, shape ``(steps,)``.
        place: the token on the board, from 0.
        width: cells of a row; ``height``: rows.
    """
    surprisal = _surprisal(path.probability)
    lines = [
        Line("s", "line1", surprisal.low, surprisal.estimate, surprisal.high),
        Line("h", "line2", entropy.low, entropy.estimate, entropy.high),
    ]
    at = min(place, len(path.steps) - 1)
    legend = [
        Piece("s surprisal ", "line1"),
        Piece(f"{_words(surprisal[at])}  ", "number"),
        Piece("h entropy ", "line2"),
        Piece(f"{_words(entropy[at])}  ", "number"),
        Piece(f"at token {at + 1}", "faint"),
    ]
    highest = max(float(each.max()) for each in (surprisal.estimate, entropy.estimate))
    numbers = np.arange(1, len(path.steps) + 1, dtype=np.float64)
    # one token is no line
    x = numbers if len(numbers) > 1 else np.array([1.0, 2.0])
    body = chart(
        x,
        lines if len(numbers) > 1 else [_doubled(line) for line in lines],
        width,
        height - 1,
        y_high=min(max(math.ceil(highest), 1.0), _HIGHEST),
        y_label=lambda value: f"{value:g}",
        at=float(at + 1),
    )
    return [legend, *body]


def _surprisal(probability: IntervalArray) -> IntervalArray:
    def ends(values: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            logs: FloatArray = np.minimum(-np.log2(values), 2 * _HIGHEST) + 0.0
        return logs

    return IntervalArray(ends(probability.high), ends(probability.estimate), ends(probability.low))


def _words(value: Interval) -> str:
    return "cut away" if value.low >= 2 * _HIGHEST else bits(value)


def _doubled(line: Line) -> Line:
    return Line(line.mark, line.role, *(np.repeat(each, 2) for each in (line.low, line.estimate, line.high)))
