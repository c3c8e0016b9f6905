"""Which tokens top-k, top-p and min-p keep.

Every cut keeps the most likely tokens, so what survives is a number of listed tokens and, if all of those
survive, some of the unseen ones. Where the list is not known to be the top of the vocabulary, that holds for
the tokens that lead it; unseen tokens may come before the others, so how many of those survive is uncertain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray, Interval
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.decoding.stage import KeptUnseen
from softmax_visualizer.decoding.tail import UnseenTail, powers

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

    Hugging Face and vLLM, with temperature first, keep all tokens that tie with the k-th; unseen ones may do
    so with the last of a list. llama.cpp, with temperature last, keeps exactly k. Where k is beyond the list,
    top-k is taken to keep k tokens in either order.

    Args:
        weights: shape ``(support,)``, descending, the first is 1; ``log_weights`` are theirs at T = 1.
        tail: the unseen tokens.
        settings: the cuts, and their order, which decides how top-k treats ties among listed tokens.
        temperature: where the weights were taken: 1 if the cut comes before temperature.
    """
    left = _top_k(weights, log_weights, tail, settings, temperature)
    if settings.top_p < 1:
        left = _top_p(left, weights, tail, settings.top_p, temperature)
    if settings.min_p > 0:
        left = _min_p(left, log_weights, tail, settings.min_p, temperature)
    if left.kept.low == len(weights) and tail.empty:
        left = replace(left, unseen_kept="all")
    return replace(left, cut_mass=_cut_mass(left, weights, tail, settings, temperature))


def _top_k(
    weights: FloatArray,
    log_weights: FloatArray,
    tail: UnseenTail,
    settings: DecodingSettings,
    temperature: float,
) -> Cut:
    count, unseen_count = float(len(weights)), 0.0 if tail.empty else tail.count
    if settings.top_k is None or settings.top_k >= count + unseen_count:
        return Cut(
            Interval.point(count), "all", tail.possible_count, tail.weight(temperature), Interval.point(0.0)
        )
    k, listed = settings.top_k, len(weights)
    reach = min(k, listed)
    edge = float(log_weights[reach - 1])
    with_ties = settings.order == "temperature-first"
    most = reach
    if with_ties and k <= listed:
        most = int(np.searchsorted(-log_weights, -edge, side="right"))
    least = most if tail.is_top else _certainly_first(k, log_weights[:reach], tail)
    if k > listed:
        beyond = k - listed
        possible, weight = tail.possible_count, tail.leading_weight(beyond, temperature)
        heaviest = weight.high if tail.is_top else tail.heaviest(k - least, temperature)
        return Cut(
            Interval(float(least), count, count),
            "some",
            Interval.around(min(possible.low, beyond), min(possible.estimate, beyond), k - least),
            Interval.around(weight.low, weight.estimate, heaviest),
            Interval.point(0.0),
        )
    rivals = tail.most_reaching(edge)
    if not with_ties:
        rivals = min(rivals, float(k - least))
    if rivals == 0:
        return Cut(Interval.point(float(most)), "none", *[Interval.point(0.0)] * 3)
    return Cut(
        Interval(float(least), float(most), float(most)),
        "maybe",
        Interval(0.0, 0.0, rivals),
        Interval(0.0, 0.0, tail.heaviest(rivals, temperature)),
        Interval.point(0.0),
    )


def _certainly_first(k: int, log_weights: FloatArray, tail: UnseenTail) -> int:
    """Return how many of the leading listed tokens are among the first k, whatever the unseen ones are."""
    ranks = [index + 1 + tail.most_reaching(float(weight)) for index, weight in enumerate(log_weights)]
    return max(min(k, tail.leading, len(log_weights)), sum(rank <= k for rank in ranks))


def _top_p(left: Cut, weights: FloatArray, tail: UnseenTail, top_p: float, temperature: float) -> Cut:
    """Keep a token while the mass before it is below p: the nucleus grows with the weight of the tail."""
    count = int(left.kept.high)
    running = _RunningSum(weights[:count])
    known, cap, most = running.total, tail.cap(temperature), left.unseen_count.high

    def nucleus(unseen: float) -> tuple[int, float]:
        """Number of listed tokens in it, and what it lacks of p when all of them are in."""
        threshold = (top_p - EDGE) * (known + unseen) if top_p > EDGE else 0.0
        return min(running.reaches(threshold) + 1, count), threshold - known if most else 0.0

    def certain(leading: int) -> int:
        """Number of listed tokens in it, even if all unseen weight comes before all but the leading ones."""
        surely = int(left.kept.low)
        if not surely:
            return 0
        share, before = top_p - EDGE, float(weights[:surely].sum())
        ahead = min(running.reaches(share * (before + ends.low)) + 1 if share > 0 else 1, leading)
        threshold = share * before - (1 - share) * ends.high
        return min(max(ahead, running.reaches(threshold) + 1 if threshold > 0 else 0), surely)

    if left.unseen_weight.is_point and not most:
        kept, _ = nucleus(0.0)
        return replace(left, kept=Interval.point(float(kept)), unseen_kept="none")
    ends = left.unseen_weight
    (least, lacks), (middle, estimate), (largest, excess) = (
        nucleus(unseen) for unseen in (ends.low, ends.estimate, ends.high)
    )
    if excess <= 0 and largest <= tail.leading:
        return replace(
            left,
            kept=Interval(float(least), float(middle), float(largest)),
            unseen_kept="none",
            unseen_count=Interval.point(0.0),
            unseen_weight=Interval.point(0.0),
        )
    if not tail.is_top:
        least = certain(tail.leading)
    low_weight = min(ends.low, lacks) if lacks > 0 else 0.0
    low_count = 0.0
    if lacks > 0:
        low_count = max(1.0, math.ceil(low_weight / cap * (1 - EDGE)) if math.isfinite(low_weight) else 1.0)
    # of the unseen tokens in order, the first x of n weigh at least x / n of all
    share = min(1.0, (top_p * (known + ends.high) - known) / ends.high) if math.isfinite(ends.high) else top_p
    high_count = max(low_count, min(most, _ceil(most * share)))
    # the token that crosses p is kept, so up to one token's weight more than is needed
    high_weight = min(ends.high, top_p * (known + ends.high) - known + cap, high_count * cap)
    middle_weight = min(ends.estimate, max(0.0, estimate))
    if not tail.is_top:
        # of all tokens in order, the first x of n weigh at least x / n of all
        high_count, high_weight = min(most, max(1.0, _ceil((most + count) * top_p))), ends.high
    return replace(
        left,
        kept=Interval(float(least), float(middle), float(largest)),
        unseen_kept="some" if lacks > 0 else "maybe",
        unseen_count=Interval.around(
            low_count, round(tail.estimated_count(middle_weight, temperature)), high_count
        ),
        unseen_weight=Interval.around(low_weight, middle_weight, high_weight),
    )


def _min_p(left: Cut, log_weights: FloatArray, tail: UnseenTail, min_p: float, temperature: float) -> Cut:
    """Keep what is at least ``min_p`` times as likely as the first token."""
    floor = math.log(min_p) * temperature - _ROUNDING
    reached = -log_weights[: int(left.kept.high)]
    likely = float(max(1, int(np.searchsorted(reached, -floor, side="right"))))
    largest, average = _largest_unseen(tail)
    least = likely
    if left.unseen_kept != "none" and largest > 0:
        # an unseen token may be the one that all are measured by
        least = float(np.searchsorted(reached, -floor - largest, side="right"))
    kept = Interval(min(left.kept.low, least), min(left.kept.estimate, likely), min(left.kept.high, likely))
    if left.unseen_kept == "none" or largest < floor:
        nothing = Interval.point(0.0)
        return replace(left, kept=kept, unseen_kept="none", unseen_count=nothing, unseen_weight=nothing)
    room = tail.mass.high * math.exp(min(-floor, 700.0))
    most = min(left.unseen_count.high, room if room > 1e15 else math.floor(room))
    heaviest = tail.heaviest(most, temperature)
    middle = min(left.unseen_count.estimate, most, tail.estimated_count_above(floor))
    certain = left.unseen_kept != "maybe" and average >= floor
    return replace(
        left,
        kept=kept,
        unseen_kept="some" if certain else "maybe",
        unseen_count=Interval.around(1.0 if certain else 0.0, middle, most),
        unseen_weight=Interval.around(
            powers(np.array([average]), temperature)[0] if certain else 0.0,
            min(left.unseen_weight.estimate, tail.estimated_weight(temperature, middle)),
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


def _cut_mass(
    left: Cut, weights: FloatArray, tail: UnseenTail, settings: DecodingSettings, temperature: float
) -> Interval:
    """Probability of what was cut; for a fixed cut of the list it grows with the unseen weight."""
    if left.unseen_kept == "all" and left.kept.low == len(weights):
        return Interval.point(0.0)
    kept, unseen_kept, unseen_weight = left.kept, left.unseen_kept, left.unseen_weight
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
    if tail.is_top and settings.top_k is None and settings.min_p == 0:
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
    most_cut = 1 + EDGE - settings.top_p if settings.top_k is None and settings.min_p == 0 else 1.0
    if math.isinf(unseen.high):
        return Interval.around(0.0, estimate, most_cut)
    # the most likely token of all is kept, and weighs at least what the first listed one does
    kept_low = max(1.0, float(weights[:least].sum()) + unseen_weight.low)
    kept_high = float(weights[:most].sum()) + unseen_weight.high
    return Interval.around(
        max(0.0, 1 - kept_high / (known + unseen.low)),
        estimate,
        # a nucleus leaves no more than 1 - p
        min(max(0.0, 1 - kept_low / (known + unseen.high)), most_cut),
    )


def _ceil(value: float) -> float:
    return value if math.isinf(value) else float(math.ceil(value))
