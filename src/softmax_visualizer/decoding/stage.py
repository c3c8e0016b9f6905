"""One stage of the decoder: a distribution in the making, listed tokens first, the unseen ones as a sum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from softmax_visualizer.decoding.entropy import tempered_entropy
from softmax_visualizer.decoding.interval import ALL_BUT_CERTAIN, FloatArray, Interval, IntervalArray
from softmax_visualizer.decoding.tail import UnseenTail
from softmax_visualizer.decoding.weights import Weights

Kept = Literal["yes", "no", "maybe"]
KeptUnseen = Literal["none", "some", "all", "maybe"]

_LEAST = math.ulp(0.0)

_LOST = 2.0**-52
"""Share of a sum that float64 can lose."""


@dataclass(frozen=True, eq=False)
class Stage:
    """What the decoder holds after one of its steps.

    ``weights``: float64, shape ``(support,)``: weights of the possible listed tokens, over the first one's.
    ``listed``: number of listed tokens, the impossible ones included.
    ``leading``: how many of the listed tokens are kept, if they are, before any unseen one.
    ``kept``: how many listed tokens are kept; they are always the most likely ones.
    ``total``: what the weights of all kept tokens sum to, listed and unseen.
    ``unseen_kept``: how much of the unseen tokens is kept; ``"all"`` too where nothing is cut.
    ``unseen_weight``, ``unseen_tokens``: the weight and the number of the unseen tokens that are kept.
    ``kept_tokens``: how many tokens of the vocabulary are kept; infinite where that is unknown.
    ``entropy``: in bits.
    """

    weights: FloatArray
    listed: int
    leading: int
    kept: Interval
    total: Interval
    unseen_kept: KeptUnseen
    unseen_weight: Interval
    unseen_tokens: Interval
    kept_tokens: Interval
    entropy: Interval

    @cached_property
    def probabilities(self) -> IntervalArray:
        """The probability of each listed token, shape ``(listed,)``."""
        return self.first(self.listed)

    def first(self, count: int) -> IntervalArray:
        """Return the probabilities of the first ``count`` listed tokens; few of many cost next to nothing."""
        low = self._first(count, self.kept.low, self.total.high)
        if self.exact:
            return IntervalArray(low, low, low)
        high = self._first(count, self.kept.high, self.total.low)
        least, most = int(self.kept.low), min(int(self.kept.high), count)
        if most > least:
            # a token that is kept brings all before it along, so they share the total with it
            reached = float(self.weights[:least].sum()) + np.cumsum(self.weights[least:most])
            high[least:most] = self.weights[least:most] / np.maximum(reached, self.total.low)
        high = np.maximum(low, high)
        estimate = np.clip(self._first(count, self.kept.estimate, self.total.estimate), low, high)
        return IntervalArray(low, estimate, high)

    def _first(self, count: int, kept: float, total: float) -> FloatArray:
        kept_count = min(count, int(kept))
        result = np.zeros(count)
        np.divide(self.weights[:kept_count], total, out=result[:kept_count])
        if self.kept_tokens.high > 1 and math.isfinite(total):
            # float64 has its ends, but what is kept is possible, and a token beside others is never certain
            np.clip(result[:kept_count], _LEAST, ALL_BUT_CERTAIN, out=result[:kept_count])
        return result

    def running_sum(self, count: int) -> IntervalArray:
        """Return what the first 1, 2, ... ``count`` listed tokens have together, shape ``(count,)``."""
        probabilities = self.first(count)
        if probabilities.is_point:
            sums = np.minimum(np.cumsum(probabilities.low), 1.0)
            return IntervalArray(sums, sums, sums)
        # all that comes after moves the first ones together, so their sum is known better than each of them
        beyond = [self.beyond(index + 1) for index in range(count)]
        ends = (
            [1 - each.high for each in beyond],
            [1 - each.estimate for each in beyond],
            [1 - each.low for each in beyond],
        )
        return IntervalArray(*(np.array(end) for end in ends))

    def is_kept(self, index: int) -> Kept:
        """Say whether the listed token of rank ``index + 1`` is kept."""
        return "yes" if index < self.kept.low else "maybe" if index < self.kept.high else "no"

    def beyond(self, top: int) -> Interval:
        """Return the probability of everything but the first ``top`` listed tokens."""
        if top >= self.kept.high and self.unseen_kept == "none":
            return Interval.point(0.0)
        least, most = int(self.kept.low), int(self.kept.high)
        unseen = self.unseen_weight
        # each listed token beyond the top that is kept adds to the share, each other one takes from it
        low = self._beyond(top, min(max(top, least), most), unseen.low)
        if self.exact:
            high = low
        else:
            # the more is unseen the larger the share, and what is kept before the unseen is kept with it
            fewest = max(least, min(self.leading, most)) if unseen.high > 0 else least
            high = max(self._beyond(top, fewest, unseen.high), self._beyond(top, most, unseen.high))
        if high == 0 and self.unseen_tokens.high > 0:
            # a tail can be too light to be seen in the sum that it is part of
            return Interval(0.0, 0.0, _LOST)
        if self.exact:
            return Interval.point(low)
        estimate = self._beyond(top, int(self.kept.estimate), unseen.estimate)
        return Interval.around(low, estimate, high)

    def _beyond(self, top: int, kept: int, unseen: float) -> float:
        """Share of all but the first ``top`` listed tokens, if so many are kept and so much is unseen."""
        if math.isinf(unseen):
            return 1.0
        listed = self.weights[:kept]
        total = float(listed.sum()) + unseen
        return min(1.0, (float(listed[top:].sum()) + unseen) / total) if total > 0 else 0.0

    def kept_beyond(self, top: int) -> KeptUnseen:
        """Say how much of everything but the first ``top`` listed tokens is kept."""
        if top >= self.listed:
            return self.unseen_kept
        if self.kept.low == self.listed:
            return "all" if self.unseen_kept == "all" else "some"
        if self.kept.low > top:
            return "some"
        return "maybe" if self.kept.high > top else self.unseen_kept

    @property
    def effective_tokens(self) -> Interval:
        """The perplexity of the step, 2 ** entropy: it is like a choice between that many equal tokens."""
        entropy = self.entropy
        return Interval(*(_perplexity(bits) for bits in (entropy.low, entropy.estimate, entropy.high)))

    @property
    def exact(self) -> bool:
        """Whether every probability of the stage is known exactly."""
        return self.kept.is_point and self.total.is_point


def _perplexity(bits: float) -> float:
    """Return 2 ** bits, which is 1 only where there is no entropy at all."""
    return max(float(2.0**bits), math.nextafter(1.0, 2.0)) if bits > 0 else 1.0


def tempered(weights: Weights, listed: int) -> Stage:
    """Return the stage in which temperature has been applied and nothing is cut.

    Args:
        weights: all possible tokens at that temperature.
        listed: number of listed tokens, the impossible ones included.
    """
    tail, known, unseen, greedy = weights.tail, weights.known, weights.unseen, weights.temperature == 0
    kept = Interval.point(known if greedy else float(len(weights.listed)))
    # a vocabulary's size may be an upper bound, so of the unseen tokens only those count that the mass needs
    others = unseen if greedy else tail.possible_count
    if greedy and tail.leading == 0:
        # the most likely token may be an unseen one, or several that tie
        kept, others = greedy_kept(known, tail)
    return Stage(
        weights.listed,
        listed,
        tail.leading,
        kept,
        plus(known, unseen),
        "all" if not greedy else "maybe" if unseen.high else "none",
        unseen,
        others,
        Interval.around(
            max(1.0, kept.low + others.low), kept.estimate + others.estimate, kept.high + others.high
        ),
        in_bits(tempered_entropy(weights)),
    )


def greedy_kept(ties: float, tail: UnseenTail) -> tuple[Interval, Interval]:
    """Return how many listed and how many unseen tokens T = 0 keeps, where one of either may be the first.

    Args:
        ties: number of listed tokens that tie with the first listed one.
        tail: the unseen tokens, any of which may outrank that.
    """
    unseen = tail.weight(0)
    outranked = unseen.estimate > 0
    return (
        Interval(0.0, 0.0 if outranked else ties, 0.0 if unseen.low > 0 else ties),
        Interval(
            1.0 if unseen.low > 0 else 0.0, 1.0 if outranked else 0.0, max(1.0, tail.most_reaching(0.0))
        ),
    )


def plus(number: float, interval: Interval) -> Interval:
    """Return the interval moved up by ``number``."""
    return Interval(number + interval.low, number + interval.estimate, number + interval.high)


def in_bits(nats: Interval) -> Interval:
    """Return an entropy in bits."""
    return Interval(*(value / math.log(2) for value in (nats.low, nats.estimate, nats.high)))
