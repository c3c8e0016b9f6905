"""Which tokens top-k, top-p and min-p keep.

Every cut keeps the most likely tokens, so what survives is a number of listed tokens and, if all of those
survive, some of the unseen ones. Where the list is not known to be the top of the vocabulary, that holds for
the tokens that lead it; unseen tokens may come before the others, so how many of those survive is uncertain.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray, Interval
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.decoding.stage import KeptUnseen
from softmax_visualizer.decoding.tail import UnseenTail
from softmax_visualizer.decoding.weights import Weights

_EDGE = 1e-6
"""Slack at top-p's edge, as a share of what lies beyond: engines sum in float32, from the least likely up."""

_LAST_PLACES = 1e-6
"""Share of a token that rounding can make of none at all."""

MIN_P_SLACK = 1e-12
"""Slack of min-p's comparison in logs, a few units in the last place."""

_NOTHING = Interval.point(0.0)


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


def cut(weights: Weights, settings: DecodingSettings) -> Cut:
    """Apply top-k, then top-p, then min-p to tokens at a temperature above 0.

    Hugging Face and vLLM, with temperature first, keep all tokens that tie with the k-th; unseen ones may do
    so with the last of a list. llama.cpp, with temperature last, keeps exactly k. Where k is beyond the list,
    top-k is taken to keep k tokens in either order.

    Args:
        weights: all tokens at the temperature at which the cut is made: 1 if it comes before temperature.
        settings: the cuts, and their order.
    """
    left = _top_k(weights, settings)
    if settings.top_p < 1:
        left = _top_p(left, weights, settings.top_p)
    if settings.min_p > 0:
        left = _min_p(left, weights, settings.min_p)
    if left.kept.low == len(weights.listed) and weights.tail.empty:
        left = replace(left, unseen_kept="all")
    return replace(left, cut_mass=_cut_mass(left, weights, settings))


def _top_k(weights: Weights, settings: DecodingSettings) -> Cut:
    tail, temperature, listed = weights.tail, weights.temperature, len(weights.listed)
    unseen_count, possible = 0.0 if tail.empty else tail.count, tail.possible_count
    if settings.top_k is None or settings.top_k >= listed + unseen_count:
        return Cut(Interval.point(float(listed)), "all", possible, weights.unseen, _NOTHING)
    k, with_ties = settings.top_k, settings.order == "temperature-first"
    reach = min(k, listed)
    edge = float(weights.at_one[reach - 1])
    most = listed - bisect_left(weights.at_one[::-1], edge) if with_ties and k <= listed else reach
    least = most if tail.is_top else _certainly_first(k, weights.at_one[:reach], tail)
    if k > listed:
        more = k - listed
        weight = tail.leading_weight(more, temperature)
        heaviest = weight.high if tail.is_top else tail.heaviest(k - least, temperature)
        return Cut(
            Interval(float(least), float(listed), float(listed)),
            "some",
            Interval.around(min(possible.low, more), min(possible.estimate, more), k - least),
            Interval.around(weight.low, weight.estimate, heaviest),
            _NOTHING,
        )
    rivals = tail.most_reaching(edge)
    if not with_ties:
        rivals = min(rivals, float(k - least))
    if rivals == 0:
        return Cut(Interval.point(float(most)), "none", _NOTHING, _NOTHING, _NOTHING)
    return Cut(
        Interval(float(least), float(most), float(most)),
        "maybe",
        Interval(0.0, 0.0, rivals),
        Interval(0.0, 0.0, tail.heaviest(rivals, temperature)),
        _NOTHING,
    )


def _certainly_first(k: int, log_weights: FloatArray, tail: UnseenTail) -> int:
    """Return how many of the leading listed tokens are among the first k, whatever the unseen ones are."""
    ranks = [index + 1 + tail.most_reaching(float(weight)) for index, weight in enumerate(log_weights)]
    return max(min(k, tail.leading, len(log_weights)), sum(rank <= k for rank in ranks))


def _top_p(left: Cut, weights: Weights, top_p: float) -> Cut:
    """Keep a token while the mass before it is below p: the nucleus grows with the weight of the tail."""
    count = int(left.kept.high)
    running, goal = _RunningSum(weights.listed[:count]), reached(top_p)
    tail, most = weights.tail, left.unseen_count.high
    known, cap = running.total, tail.cap(weights.temperature)

    def nucleus(unseen: float) -> tuple[int, float]:
        """Number of listed tokens in it, and what it lacks of p when all of them are in."""
        threshold = goal * (known + unseen) if goal else 0.0
        return min(running.reaches(threshold) + 1, count), threshold - known if most else 0.0

    def certain(leading: int) -> int:
        """Number of listed tokens in it, even if all unseen weight comes before all but the leading ones."""
        surely = int(left.kept.low)
        if not surely:
            return 0
        before = float(weights.listed[:surely].sum())
        ahead = min(running.reaches(goal * (before + ends.low)) + 1 if goal > 0 else 1, leading)
        threshold = goal * before - (1 - goal) * ends.high
        return min(max(ahead, running.reaches(threshold) + 1 if threshold > 0 else 0), surely)

    if left.unseen_weight.is_point and not most:
        return replace(left, kept=Interval.point(float(nucleus(0.0)[0])), unseen_kept="none")
    ends = left.unseen_weight
    (least, lacks), (middle, estimate), (largest, excess) = (
        nucleus(unseen) for unseen in (ends.low, ends.estimate, ends.high)
    )
    if excess <= 0 and largest <= tail.leading:
        kept = Interval(float(least), float(middle), float(largest))
        return replace(left, kept=kept, unseen_kept="none", unseen_count=_NOTHING, unseen_weight=_NOTHING)
    if not tail.is_top:
        least = certain(tail.leading)
    kept = Interval(float(least), float(middle), float(largest))
    low_weight, low_count = (min(ends.low, lacks), 1.0) if lacks > 0 else (0.0, 0.0)
    if lacks > 0 and math.isfinite(low_weight):
        low_count = max(1.0, math.ceil(low_weight / cap * (1 - _LAST_PLACES)))
    # of the unseen tokens in order, the first x of n weigh at least x / n of all
    share = min(1.0, (top_p * (known + ends.high) - known) / ends.high) if math.isfinite(ends.high) else top_p
    high_count = max(low_count, min(most, _ceil(_part(most, share))))
    # the token that crosses p is kept, so up to one token's weight more than is needed
    high_weight = min(ends.high, top_p * (known + ends.high) - known + cap, high_count * cap)
    middle_weight = min(ends.estimate, max(0.0, estimate))
    if not tail.is_top:
        # of all tokens in order, the first x of n weigh at least x / n of all
        high_count, high_weight = min(most, max(1.0, _ceil(_part(most + count, top_p)))), ends.high
    likely = round(tail.estimated_count(middle_weight, weights.temperature))
    return replace(
        left,
        kept=kept,
        unseen_kept="some" if lacks > 0 else "maybe",
        unseen_count=Interval.around(low_count, likely, high_count),
        unseen_weight=Interval.around(low_weight, middle_weight, high_weight),
    )


def reached(top_p: float) -> float:
    """Return the share of all at which an engine that sums in float32 takes top-p for reached."""
    return max(0.0, top_p - _EDGE * (1 - top_p))


def _min_p(left: Cut, weights: Weights, min_p: float) -> Cut:
    """Keep what is at least ``min_p`` times as likely as the first token."""
    tail, temperature = weights.tail, weights.temperature
    floor = math.log(min_p) * temperature - MIN_P_SLACK
    reaching = weights.at_one[: int(left.kept.high)][::-1]
    likely = float(max(1, len(reaching) - bisect_left(reaching, floor)))
    largest, average = _largest_unseen(tail)
    least = likely
    if left.unseen_kept != "none" and largest > 0:
        # an unseen token may be the one that all are measured by
        least = float(len(reaching) - bisect_left(reaching, floor + largest))
    kept = Interval(min(left.kept.low, least), min(left.kept.estimate, likely), min(left.kept.high, likely))
    if left.unseen_kept == "none" or largest < floor:
        return replace(left, kept=kept, unseen_kept="none", unseen_count=_NOTHING, unseen_weight=_NOTHING)
    room = tail.mass.high * math.exp(min(-floor, 700.0))
    most = min(left.unseen_count.high, room if room > 1e15 else math.floor(room))
    heaviest = tail.heaviest(most, temperature)
    middle = min(left.unseen_count.estimate, most, tail.estimate.count_above(floor))
    certain = left.unseen_kept != "maybe" and average >= floor
    low_count, low_weight = (1.0, math.exp(min(average / temperature, 700.0))) if certain else (0.0, 0.0)
    if certain and tail.is_top and left.unseen_kept == "all":
        # no more than n times the floor lies below it, and the rest weighs least in tokens at one end
        above = tail.mass.low - tail.count * math.exp(floor)
        end = tail.log_cap if temperature > 1 else floor
        low_count = max(low_count, math.ceil(above * math.exp(-tail.log_cap) * (1 - _LAST_PLACES)))
        low_weight = max(low_weight, above * math.exp(end / temperature - end))
    return replace(
        left,
        kept=kept,
        unseen_kept="some" if certain else "maybe",
        unseen_count=Interval.around(low_count, middle, most),
        unseen_weight=Interval.around(
            low_weight,
            min(left.unseen_weight.estimate, tail.estimated_weight(middle, temperature)),
            min(left.unseen_weight.high, heaviest),
        ),
    )


class _RunningSum:
    """The running sum of weights, worked out only where it is looked at: most of 200,000 tokens never are."""

    _BLOCK = 512

    def __init__(self, weights: FloatArray) -> None:
        self._weights = weights
        self._sums = np.cumsum(np.add.reduceat(weights, np.arange(0, len(weights), self._BLOCK)))
        self.total = float(self._sums[-1])

    def reaches(self, threshold: float) -> int:
        """Return the index at which the sum reaches the threshold; the number of weights if it never does."""
        block = int(np.searchsorted(self._sums, threshold))
        if block == len(self._sums):
            return len(self._weights)
        before = float(self._sums[block - 1]) if block else 0.0
        start = block * self._BLOCK
        within = before + np.cumsum(self._weights[start : start + self._BLOCK])
        return min(start + int(np.searchsorted(within, threshold)), len(self._weights) - 1)


def _largest_unseen(tail: UnseenTail) -> tuple[float, float]:
    """ln of the most, and of the least, that the largest unseen token can be."""
    mass = tail.mass
    if mass.high <= 0:
        return -math.inf, -math.inf
    least = math.log(mass.low / tail.count) if mass.low > 0 and math.isfinite(tail.count) else -math.inf
    return min(tail.log_cap, math.log(mass.high)), least


def _cut_mass(left: Cut, weights: Weights, settings: DecodingSettings) -> Interval:
    """Probability of what was cut; for a fixed cut of the list it grows with the unseen weight."""
    listed, known, unseen = weights.listed, weights.known, weights.unseen
    if left.unseen_kept == "all" and left.kept.low == len(listed):
        return _NOTHING
    kept, unseen_kept, unseen_weight = left.kept, left.unseen_kept, left.unseen_weight
    least, most = int(kept.low), int(kept.high)

    def share(count: int, kept_unseen: float, unseen: float) -> float:
        if math.isinf(unseen):
            return 1.0
        return max(0.0, float(listed[count:].sum()) + unseen - kept_unseen) / (known + unseen)

    estimate = share(int(kept.estimate), unseen_weight.estimate, unseen.estimate)
    if least == most and unseen_kept == "none":
        if unseen.is_point:
            return Interval.point(estimate)
        return Interval.around(share(least, 0, unseen.low), estimate, share(least, 0, unseen.high))
    if weights.tail.is_top and settings.top_k is None and settings.min_p == 0:
        nucleus = reached(settings.top_p)
        lows, highs = [], []
        if unseen_kept != "some":
            # each number of listed tokens N is the nucleus for one range of the unseen weight:
            # A[N-1] < p Z <= A[N], with A the running sum and Z that of everything
            running = np.concatenate(([0.0], np.cumsum(listed)))[least - 1 : most + 1]
            starts = np.maximum(running[:-1] / nucleus - known, unseen.low)
            stops = np.maximum(np.minimum(running[1:] / nucleus - known, unseen.high), starts)
            lows.append(float((1 - running[1:] / (known + starts)).min()))
            highs.append(float((1 - running[1:] / (known + stops)).max()))
        if unseen_kept != "none":
            least_unseen = max(unseen.low, known / nucleus - known)
            lows.append(1 - settings.top_p - weights.tail.cap(weights.temperature) / (known + least_unseen))
            highs.append(1 - nucleus)
        return Interval.around(max(0.0, min(lows)), estimate, min(1.0, max(highs)))
    most_cut = 1 - reached(settings.top_p) if settings.top_k is None and settings.min_p == 0 else 1.0
    if math.isinf(unseen.high):
        return Interval.around(0.0, estimate, most_cut)
    # the most likely token of all is kept, and weighs at least what the first listed one does
    kept_low = max(1.0, float(listed[:least].sum()) + unseen_weight.low)
    kept_high = float(listed[:most].sum()) + unseen_weight.high
    return Interval.around(
        max(0.0, 1 - kept_high / (known + unseen.low)),
        estimate,
        # a nucleus leaves no more than 1 - p
        min(max(0.0, 1 - kept_low / (known + unseen.high)), most_cut),
    )


def _part(number: float, share: float) -> float:
    """Return a share of a number that may be infinite: no part of it is nothing."""
    return number * share if share else 0.0


def _ceil(value: float) -> float:
    return value if math.isinf(value) else float(math.ceil(value))
