"""What one knob does over its whole range, and what two of them do over a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from softmax_visualizer.decoding.decision import departure, leaving
from softmax_visualizer.decoding.decoder import Decoding, decode
from softmax_visualizer.decoding.distribution import TokenDistribution
from softmax_visualizer.decoding.interval import ALL_BUT_CERTAIN, Interval, IntervalArray
from softmax_visualizer.decoding.settings import DecodingSettings

Knob = Literal["temperature", "top_p"]


@dataclass(frozen=True, eq=False)
class Sweep:
    """One knob over its range, all other settings staying as they are.

    ``values``: the positions of the knob. ``tokens``: for each of the leading tokens its probability of being
    drawn at every position; ``others``: that of everything else; ``effective_tokens``: 2 ** entropy of what
    is drawn from; ``kept_tokens``: how many can be drawn. Each array has one interval a position.
    """

    knob: Knob
    values: tuple[float, ...]
    tokens: tuple[IntervalArray, ...]
    others: IntervalArray
    effective_tokens: IntervalArray
    kept_tokens: IntervalArray


def sweep(
    distribution: TokenDistribution,
    settings: DecodingSettings,
    knob: Knob,
    values: Sequence[float],
    leading: int,
) -> Sweep:
    """Decode at every position of a knob.

    Args:
        distribution: what the model said.
        settings: where the other knobs stand.
        knob: which one is turned.
        values: its positions.
        leading: how many of the most likely tokens are followed one by one; no more than are listed.
    """
    leading = min(leading, len(distribution))
    stages = [
        decode(distribution, replace(settings, **{knob: value})).after_cut  # type: ignore[arg-type]
        for value in values
    ]
    first = [stage.first(leading) for stage in stages]
    return Sweep(
        knob,
        tuple(values),
        tuple(_column([row[index] for row in first]) for index in range(leading)),
        _column([stage.beyond(leading) for stage in stages]),
        _column([stage.effective_tokens for stage in stages]),
        _column([stage.kept_tokens for stage in stages]),
    )


@dataclass(frozen=True, eq=False)
class Landscape:
    """Temperature across, top-p down: what is drawn from at every point of a grid.

    ``effective_tokens``: 2 ** entropy. ``greedy``: probability of the greedy choice. ``leaving``: probability
    of a token outside the accepted set. ``answer``: probability of a whole answer, empty without one. Each
    is indexed ``[row of top_p][column of temperature]``.
    """

    temperatures: tuple[float, ...]
    top_ps: tuple[float, ...]
    effective_tokens: tuple[tuple[Interval, ...], ...]
    greedy: tuple[tuple[Interval, ...], ...]
    leaving: tuple[tuple[Interval, ...], ...]
    answer: tuple[tuple[Interval, ...], ...] = ()


def landscape(
    distribution: TokenDistribution,
    settings: DecodingSettings,
    temperatures: Sequence[float],
    top_ps: Sequence[float],
    accepted: frozenset[int],
) -> Landscape:
    """Decode at every point of a grid of temperatures and top-p, the other settings staying as they are.

    Args:
        accepted: indices of the listed tokens that may be drawn without leaving the set.
    """

    def measured(temperature: float, top_p: float) -> tuple[Interval, Interval, Interval]:
        decoding = decode(distribution, replace(settings, temperature=temperature, top_p=top_p))
        departs = departure(decoding)
        greedy = (_opposite(chance) for chance in (departs.high, departs.estimate, departs.low))
        return decoding.after_cut.effective_tokens, Interval(*greedy), leaving(decoding, accepted)

    # a column at a time, since what temperature makes of a vocabulary costs more than any cut of it
    columns = [[measured(temperature, top_p) for top_p in top_ps] for temperature in temperatures]
    rows = list(zip(*columns, strict=True))
    layers = [tuple(tuple(point[layer] for point in row) for row in rows) for layer in range(3)]
    return Landscape(tuple(temperatures), tuple(top_ps), *layers)


def settings_apart_from(decoding: Decoding, *knobs: Knob) -> DecodingSettings:
    """Return the settings with these knobs at 1: those of all decodings of a picture over them."""
    return replace(decoding.settings, **dict.fromkeys(knobs, 1.0))  # type: ignore[arg-type]


def _opposite(chance: float) -> float:
    return min(1 - chance, ALL_BUT_CERTAIN) if chance > 0 else 1.0


def _column(intervals: Sequence[Interval]) -> IntervalArray:
    return IntervalArray(
        *(np.array([getattr(each, end) for each in intervals]) for end in ("low", "estimate", "high"))
    )
