"""Which tokens top-k, top-p and min-p keep.

Every cut keeps the most likely tokens, so what survives is a number of listed tokens and, if all of those
survive, some of the unseen ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray, Interval
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.decoding.stage import KeptUnseen
from softmax_visualizer.decoding.tail import UnseenTail

EDGE = 1e-6
"""Slack at top-p's edge: engines sum in float32, so what lacks a millionth has reached p."""

_ROUNDING = 1e-12
"""Slack of min-p's comparison in logs, a few units in the last place."""


@dataclass(frozen=True)
class Cut:
    """What survives the cuts.

    ``kept``: number of surviving listed tokens.
    ``unseen_kept``, ``unseen_count``: how much of the unseen tokens survives, and how many they are.
    ``unseen_weight``: their weight, among the weights on which the cut was made.
    ``cut_mass``: probability of all that was cut.
    """

    kept: Interval
    unseen_kept: KeptUnseen
    unseen_count: Interval
    unseen_weight: Interval
    cut_mass: Interval


def cut(
    weights: FloatArray,
    log_weights: FloatArray,
    tail: UnseenTail,
    settings: DecodingSettings,
    temperature: float,
) -> Cut:
    """Apply top-k, then top-p, then min-p to tokens weighted at ``temperature`` (above 0).

    Args:
        weights: shape ``(support,)``, descending, the first is 1; ``log_weights`` are theirs at T = 1.
        tail: the unseen tokens.
        settings: the cuts, and their order, which decides how top-k treats ties.
        temperature: where the weights were taken: 1 if the cut comes before temperature.
    """
    count, unseen, unseen_count = _top_k(weights, log_weights, tail, settings, temperature)
    limited = unseen_count < tail.count and not tail.empty

    kept = [count] * 3
    possible = tail.possible_count
    counts = [min(number, unseen_count) for number in (possible.low, possible.estimate, possible.high)]
    unseen_weights = [unseen.low, unseen.estimate, unseen.high]
    reached = [unseen_count > 0] * 3
    if settings.top_p < 1:
        cumulative = np.cumsum(weights[:count])
        known, cap = float(cumulative[-1]), tail.cap(temperature)
        for end, weight in enumerate(unseen_weights):
            threshold = (settings.top_p - EDGE) * (known + weight) if settings.top_p > EDGE else 0.0
            kept[end] = min(int(np.searchsorted(cumulative, threshold)) + 1, count)
            reached[end] = known < threshold and unseen_count > 0
            counts[end] = unseen_weights[end] = 0.0
            if reached[end]:
                # the token that crosses p is kept, so up to one token's weight more than is needed
                crossing = cap if end == 2 else 0.0
                unseen_weights[end] = min(weight, settings.top_p * (known + weight) - known + crossing)
        if reached[0]:
            counts[0] = max(1.0, math.ceil((unseen_weights[0] / cap) * (1 - EDGE)))
        if reached[1]:
            counts[1] = round(tail.estimated_count(unseen_weights[1], temperature))
        if reached[2]:
            # of all tokens in order, the first x hold at least x / V of the mass
            counts[2] = max(
                counts[0], min(unseen_count, _ceil(settings.top_p * (count + unseen_count)) - count)
            )
            unseen_weights[2] = min(unseen_weights[2], counts[2] * cap)

    certain = all(reached)
    if settings.min_p > 0:
        floor = math.log(settings.min_p) * temperature - _ROUNDING
        likely = max(1, int(np.searchsorted(-log_weights[:count], -floor, side="right")))
        kept = [min(number, likely) for number in kept]
        largest, average = _largest_unseen(tail)
        if likely < count or largest < floor:
            reached = [False] * 3
        elif reached[2]:
            most = min(counts[2], math.floor(tail.mass.high * math.exp(min(-floor, 700))))
            certain = certain and average >= floor
            counts = [1.0 if certain else 0.0, min(counts[1], most), most]
            unseen_weights = [
                math.exp(average / temperature) if certain else 0.0,
                min(unseen_weights[1], most * tail.cap(temperature)),
                min(unseen_weights[2], most * tail.cap(temperature)),
            ]

    if not reached[2]:
        counts, unseen_weights = [0.0] * 3, [0.0] * 3
    untouched = settings.top_p >= 1 and settings.min_p == 0 and not limited
    if untouched and count == len(weights):
        unseen_kept: KeptUnseen = "all"
    else:
        unseen_kept = "none" if not reached[2] else "some" if certain and reached[0] else "maybe"
    survivors = Interval(*(float(number) for number in kept))
    result_counts, result_weights = Interval.around(*counts), Interval.around(*unseen_weights)
    cut_mass = _cut_mass(weights, tail, settings, temperature, survivors, unseen_kept, result_weights)
    return Cut(survivors, unseen_kept, result_counts, result_weights, cut_mass)


def _top_k(
    weights: FloatArray,
    log_weights: FloatArray,
    tail: UnseenTail,
    settings: DecodingSettings,
    temperature: float,
) -> tuple[int, Interval, float]:
    """Number of listed tokens that pass, then weight and number of the unseen ones that do."""
    unseen_count = 0.0 if tail.empty else tail.count
    if settings.top_k is None or settings.top_k >= len(weights) + unseen_count:
        return len(weights), tail.weight(temperature), unseen_count
    if settings.top_k > len(weights):
        # which unseen tokens tie cannot be known, so here k is k
        count = settings.top_k - len(weights)
        return len(weights), tail.leading_weight(count, temperature), float(count)
    count = settings.top_k
    if settings.order == "temperature-first":
        # Hugging Face keeps all tokens that tie with the k-th, llama.cpp exactly k
        count = int(np.searchsorted(-log_weights, -log_weights[count - 1], side="right"))
    return count, Interval.point(0.0), 0.0


def _largest_unseen(tail: UnseenTail) -> tuple[float, float]:
    """ln of the most, and of the least, that the largest unseen token can be."""
    mass = tail.mass
    if mass.high <= 0:
        return -math.inf, -math.inf
    least = math.log(mass.low / tail.count) if mass.low > 0 and math.isfinite(tail.count) else -math.inf
    return min(tail.log_cap, math.log(mass.high)), least


def _cut_mass(
    weights: FloatArray,
    tail: UnseenTail,
    settings: DecodingSettings,
    temperature: float,
    kept: Interval,
    unseen_kept: KeptUnseen,
    unseen_weight: Interval,
) -> Interval:
    """Probability of what was cut; for a fixed cut of the list it grows with the unseen weight."""
    if unseen_kept == "all":
        return Interval.point(0.0)
    least, most = int(kept.low), int(kept.high)
    unseen = tail.weight(temperature)
    known = float(weights.sum())

    def share(count: int, kept_unseen: float, unseen: float) -> float:
        if math.isinf(unseen):
            return 1.0
        return max(0.0, float(weights[count:].sum()) + unseen - kept_unseen) / (known + unseen)

    estimate = share(int(kept.estimate), unseen_weight.estimate, unseen.estimate)
    if least == most and unseen_kept == "none":
        if unseen.is_point:
            return Interval.point(estimate)
        return Interval.around(share(least, 0, unseen.low), estimate, share(least, 0, unseen.high))
    if settings.top_k is None and settings.min_p == 0:
        nucleus = settings.top_p - EDGE
        lows, highs = [], []
        if unseen_kept != "some":
            # each number of listed tokens N is the nucleus for one range of the unseen weight:
            # A[N-1] < p Z <= A[N], with A the running sum and Z that of everything
            running = np.concatenate(([0.0], np.cumsum(weights)))[least - 1 : most + 1]
            starts = np.maximum(running[:-1] / nucleus - known, unseen.low)
            stops = np.maximum(np.minimum(running[1:] / nucleus - known, unseen.high), starts)
            lows.append(float((1 - running[1:] / (known + starts)).min()))
            highs.append(float((1 - running[1:] / (known + stops)).max()))
        if unseen_kept != "none":
            reached = max(unseen.low, known / nucleus - known)
            lows.append(1 - settings.top_p - tail.cap(temperature) / (known + reached))
            highs.append(1 - nucleus)
        return Interval.around(max(0.0, min(lows)), estimate, min(1.0, max(highs)))
    if math.isinf(unseen.high):
        return Interval.around(0.0, estimate, 1.0)
    kept_low = float(weights[:least].sum()) + unseen_weight.low
    kept_high = float(weights[:most].sum()) + unseen_weight.high
    return Interval.around(
        max(0.0, 1 - kept_high / (known + unseen.low)),
        estimate,
        max(0.0, 1 - kept_low / (known + unseen.high)),
    )


def _ceil(value: float) -> float:
    return value if math.isinf(value) else float(math.ceil(value))
