"""How far apart what two decodings draw is: bounds of the total variation, and KL where it is exact."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softmax_visualizer.decoding.decoder import Decoding
from softmax_visualizer.decoding.interval import FloatArray, Interval, IntervalArray
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.decoding.stage import Stage

IndexArray = NDArray[np.intp]

_LARGEST = 1e300
"""Stands in for what overflows float64, so that 0 times it is 0."""


@dataclass(frozen=True, eq=False)
class Side:
    """One of two decodings, over the tokens that either of them lists: one row a token.

    ``index``: shape ``(rows,)``: the token's index in the decoding's list, -1 where it is not listed.
    ``drawn``: the probability of each row; ``unseen``: that of everything the decoding does not list.
    ``unseen_count``: how many unlisted tokens can be drawn.
    """

    decoding: Decoding
    index: IndexArray
    drawn: IntervalArray
    unseen: Interval
    unseen_count: Interval

    @property
    def stage(self) -> Stage:
        """What the decoding draws from."""
        return self.decoding.after_cut

    @property
    def listed(self) -> NDArray[np.bool_]:
        """Which rows the decoding lists, shape ``(rows,)``."""
        return self.index >= 0

    def first(self, count: float) -> NDArray[np.bool_]:
        """Return which rows are among the first ``count`` of the decoding's list, shape ``(rows,)``."""
        return self.listed & (self.index < count)


def total_variation(first: Side, second: Side, within: tuple[bool, bool] | None) -> Interval:
    """Return the total variation distance.

    Args:
        first: one side.
        second: the other.
        within: for each of two sides of one distribution, whether the other can draw all that it can; None
            for two distributions.
    """
    inside = within or (False, False)
    excesses = [
        _excess(first, second, within is not None, inside[0]),
        _excess(second, first, within is not None, inside[1]),
    ]
    shared = float(np.minimum(first.drawn.low, second.drawn.low).sum())
    # whatever neither lists is taken for one crowd
    crowds = [
        max(0.0, side.unseen.estimate - float(side.drawn.estimate[~side.listed].sum()))
        for side in (first, second)
    ]
    differences = float(np.abs(first.drawn.estimate - second.drawn.estimate).sum())
    return Interval.around(
        min(1.0, max(low for low, _ in excesses)),
        (differences + abs(crowds[0] - crowds[1])) / 2,
        max(0.0, min(1 - shared, *(high for _, high in excesses))),
    )


def _excess(more: Side, less: Side, same: bool, within: bool) -> tuple[float, float]:
    """Return bounds of the distance as the sum of what ``more`` has more of each token.

    Where all is exact they are the same sums, and so equal to the last bit.
    """
    both, alone = more.listed & less.listed, more.listed & ~less.listed
    gap = np.maximum(more.drawn.low - less.drawn.high, 0)
    # what only one side lists shares what the other leaves for all that it does not list
    low = float(gap[both].sum()) + max(
        float(gap[alone].sum()), float(more.drawn.low[alone].sum()) - less.unseen.high
    )
    if same:
        low += max(0.0, more.unseen.low - less.unseen.high)
    gap = np.maximum(more.drawn.high - less.drawn.low, 0)
    high = float(gap[both].sum()) + float(more.drawn.high[alone].sum())
    return low, high + more.unseen.high * (_unseen_excess(more, less) if within else 1.0)


def _unseen_excess(more: Side, less: Side) -> float:
    """Return the largest share of an unseen token's probability that it can have in ``more`` only.

    Both are of one distribution, and ``less`` can draw all that ``more`` can. If ``more`` is the colder one,
    the ratio of a token's probabilities falls with its rank, so the most likely unseen token decides.
    """
    cold, warm = (inverse(side.decoding.settings.temperature) for side in (more, less))
    if cold < warm:
        return 1.0
    log_ratio = (
        more.decoding.distribution.tail.log_cap * (cold - warm)
        + math.log(less.stage.total.high)
        - math.log(more.stage.total.low)
    )
    return -math.expm1(-max(0.0, log_ratio))


def divergence(before: Side, after: Side) -> float | None:
    """Return the Kullback-Leibler divergence D(after || before) in bits; None where it is not exact.

    Infinite where ``after`` can draw what ``before`` cannot.
    """
    for side in (before, after):
        whole = side.decoding.distribution.complete or side.stage.unseen_kept == "none"
        if not (whole and side.stage.exact):
            return None
    new, old = _log_probabilities(after), _log_probabilities(before)
    drawn = np.isfinite(new)
    if np.isneginf(old[drawn]).any():
        return math.inf
    return max(0.0, float((after.drawn.low[drawn] * (new[drawn] - old[drawn])).sum()) / math.log(2))


def _log_probabilities(side: Side) -> FloatArray:
    """Return ln of each row's probability, even where that is 0 in float64; -inf where it is not kept."""
    # the number at the end is what index -1 picks
    logs = np.full(len(side.decoding.distribution) + 1, -math.inf)
    count = int(side.stage.kept.low)
    with np.errstate(over="ignore"):
        scaled = side.decoding.distribution.log_weights[:count] * inverse(side.decoding.settings.temperature)
    logs[:count] = scaled - math.log(side.stage.total.low)
    rows: FloatArray = logs[side.index]
    return rows


def narrowed(before: Decoding, after: Decoding, distance: Interval) -> Interval:
    """Return the total variation of two decodings of one distribution, narrowed.

    Their unseen tokens are the same ones, which bounds that are worked out of each decoding alone miss.
    """
    if distance.is_point:
        return distance
    temperatures = before.settings.temperature, after.settings.temperature
    cuts = cut_temperature(before.settings), cut_temperature(after.settings)
    if temperatures[0] == temperatures[1] == cuts[0] == cuts[1]:
        # each is what its cuts left of one whole, so one is a part of the other
        others = _distance_of_part(_kept_ratio(before.cut_mass, after.cut_mass))
        low, high = max(distance.low, others.low), min(distance.high, others.high)
        return Interval.around(low, others.estimate, high)
    if uncut(before.after_cut) and uncut(after.after_cut):
        # D(P || Q) + D(Q || P) = (1 / T_P - 1 / T_Q) (E_P[l] - E_Q[l]); by Pinsker's inequality it is at
        # least four times the squared distance
        colder, hotter = sorted((before, after), key=lambda decoding: decoding.settings.temperature)
        fall = _mean_log_weight(colder)[1] - _mean_log_weight(hotter)[0]
        slope = inverse(min(temperatures)) - inverse(max(temperatures))
        nats = max(0.0, slope * fall if slope else 0.0)
        return Interval.around(distance.low, distance.estimate, min(distance.high, math.sqrt(nats) / 2))
    return distance


def _mean_log_weight(decoding: Decoding) -> tuple[float, float]:
    """Return bounds of E[l], the mean log-weight at T = 1 of what an uncut decoding draws."""
    stage, tail, temperature = decoding.after_cut, decoding.distribution.tail, decoding.settings.temperature
    low = temperature * (math.log(stage.total.low) - stage.entropy.high * math.log(2))
    known = float(stage.weights.sum())
    listed = float((stage.weights * decoding.distribution.log_weights).sum()) / known
    # no unseen token is more likely than the cap; the mean lies between that and the listed ones' mean
    unseen = stage.unseen_weight.low if tail.log_cap <= listed else stage.unseen_weight.high
    share = 1.0 if math.isinf(unseen) else unseen / (known + unseen)
    return low, (1 - share) * listed + share * tail.log_cap


def _kept_ratio(less: Interval, more: Interval) -> Interval:
    """Return what a cut of ``more`` leaves of a whole, over what one of ``less`` leaves of it."""
    return Interval.around(
        (1 - more.high) / (1 - less.low) if less.low < 1 else 0.0,
        (1 - more.estimate) / (1 - less.estimate) if less.estimate < 1 else 1.0,
        (1 - more.low) / (1 - less.high) if less.high < 1 else math.inf,
    )


def _distance_of_part(ratio: Interval) -> Interval:
    """Return the distance of two sides, of which one is a part of the other and they weigh as ``ratio``."""
    ends = [1 - min(value, 1 / value) if value > 0 else 1.0 for value in (ratio.low, ratio.high)]
    return Interval.around(
        0.0 if ratio.low <= 1 <= ratio.high else min(ends),
        1 - min(ratio.estimate, 1 / ratio.estimate) if ratio.estimate > 0 else 1.0,
        max(ends),
    )


def cut_temperature(settings: DecodingSettings) -> float:
    """Return the temperature of the probabilities that the cuts act on; the settings' own if none does."""
    return settings.temperature if settings.order == "temperature-first" or not settings.cuts else 1.0


def uncut(stage: Stage) -> bool:
    """Whether every possible token is kept."""
    return stage.unseen_kept == "all" and stage.kept.low == len(stage.weights)


def inverse(temperature: float) -> float:
    """Return 1 / T; 0 for T = 0, where all tokens that can be drawn have the same weight."""
    return min(1 / temperature, _LARGEST) if temperature > 0 else 0.0
