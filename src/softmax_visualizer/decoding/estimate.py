"""The best guess at the unseen tokens. The bounds of :mod:`tail` hold whatever this says, and hold it too.

Two laws are laid through the last listed token, and each is given the spread with which it holds the unseen
mass; nothing else is free. The *normal law* takes the logits of the vocabulary for normal: k of its V tokens
lie at the last listed one or above. It has the better shape. The *power law* in rank (Zipf's) errs to the
other side at most temperatures, so the weight of the tail is the geometric mean of both. What this is worth
on whole distributions is measured in ``docs/estimate.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray

_NORMAL = NormalDist()

ASYMPTOTIC = 30.0
"""From here on the series of the normal tail is good to ten digits, and erfc is near its end."""

_STEEPEST = 80.0
"""Largest exponent of the power law, a listed token: a tail that steep is empty for every purpose."""

_SLOPED = 5
"""Listed tokens, from which on they have a slope to speak of, the first quarter of them apart."""

LARGEST = 1e150
"""Stands in for a spread that would overflow when it is squared."""


@dataclass(frozen=True)
class TailEstimate:
    """The unseen tokens as the two laws have them.

    ``log_cap``: ln of the last listed probability, or of what stands in for it, over the first.
    ``mass``: unseen probability over the first, above 0.
    ``rank``: number of listed tokens, k. ``size``: tokens in the vocabulary, V.
    """

    log_cap: float
    mass: float
    rank: int
    size: float

    def weight(self, temperature: float) -> float:
        """Return the weight of all unseen tokens at ``temperature`` (above 0)."""
        return (
            self._cap(temperature)
            * math.sqrt(self.normal_law(temperature))
            * math.sqrt(self.power_law(temperature))
        )

    def normal_law(self, temperature: float) -> float:
        """Return the weight of all unseen tokens over that of the last listed one, by the normal law."""
        return self.size * _density(self.edge) * _mills(self._steepness(temperature) - self.edge)

    def power_law(self, temperature: float) -> float:
        """Return the same by the power law."""
        return self._zipf(min(self.exponent / temperature, LARGEST))

    def share(self, count: float, temperature: float) -> float:
        """Return the share of that weight which the ``count`` most likely unseen tokens have."""
        return 1 - self._left(count, temperature)

    def count(self, share: float, temperature: float) -> float:
        """Return how many of the most likely unseen tokens have this share of the weight."""
        unseen = self.size - self.rank
        if share <= 0 or share >= 1:
            return unseen if share > 0 else 0.0
        steepness = self._steepness(temperature)
        start = steepness - self.edge
        if start < ASYMPTOTIC:
            least = steepness + _NORMAL.inv_cdf((1 - share) * _above(start))
        else:
            least = self.edge + math.log1p(-share) / start
        return min(max(self.size * _above(least) - self.rank, 0.0), unseen)

    def count_above(self, log_weight: float) -> float:
        """Return how many unseen tokens have at least this log-weight at T = 1."""
        if log_weight > self.log_cap:
            return 0.0
        if self.spread == 0:
            return self.size - self.rank
        least = self.edge + max((log_weight - self.log_cap) / self.spread, -LARGEST)
        return max(0.0, math.floor(self.size * _above(least)) - self.rank)

    def logs(self, weight: float, temperature: float, count: float | None = None) -> float:
        """Return the sum of ``w ln w`` of the ``count`` most likely unseen tokens, or of all.

        Their shape is the normal law's, scaled so that they weigh ``weight`` together.
        """
        count = self.size - self.rank if count is None else count
        left = self._left(count, temperature)
        own = self._cap(temperature) * self.normal_law(temperature) * (1 - left)
        if own <= 0 or weight / own <= 0:
            return 0.0
        steepness = self._steepness(temperature)
        depth = -_mean_excess(steepness - self.edge)
        if left > 0:
            cut = self._quantile(count)
            depth = (depth - left * (cut - self.edge - _mean_excess(steepness - cut))) / (1 - left)
        return weight * (self.log_cap / temperature + steepness * depth + math.log(weight / own))

    @cached_property
    def edge(self) -> float:
        """Where the last listed token stands among the logits, in standard deviations above their mean."""
        return -_NORMAL.inv_cdf(self.rank / self.size)

    @cached_property
    def spread(self) -> float:
        """Standard deviation of the logits."""
        density = self.size * _density(self.edge)
        target = self.mass / math.exp(self.log_cap) / density
        if target >= _mills(-self.edge):
            return 0.0
        # Mills's ratio is below 1 / x
        highest = min(max(-self.edge, 1 / target), LARGEST)
        return _bisected(_mills, target, -self.edge, highest) + self.edge

    @cached_property
    def exponent(self) -> float:
        """Exponent of the power law."""
        target = self.mass / math.exp(self.log_cap)
        return 0.0 if self._zipf(0.0) <= target else _bisected(self._zipf, target, 0.0, _STEEPEST * self.rank)

    def _cap(self, temperature: float) -> float:
        """Weight of the most likely unseen token."""
        # above that of the first listed one where the list is not the top
        return math.exp(min(self.log_cap / temperature, 700.0))

    def _steepness(self, temperature: float) -> float:
        """Standard deviation of the logits over the temperature."""
        return min(self.spread / temperature, LARGEST)

    def _zipf(self, exponent: float) -> float:
        """Integral of ``(r / k) ** -exponent`` over the ranks after k, up to the last one."""
        start = self.rank + 0.5
        log_ratio = math.log((self.size + 0.5) / start)
        scale = start * math.exp(exponent * math.log(self.rank / start))
        slope = 1 - exponent
        return scale * (log_ratio if abs(slope) < 1e-9 else math.expm1(slope * log_ratio) / slope)

    def _quantile(self, count: float) -> float:
        """Where the last of the ``count`` most likely unseen tokens stands among the logits."""
        return -_NORMAL.inv_cdf((self.rank + count) / self.size)

    def _left(self, count: float, temperature: float) -> float:
        """Share of the weight that all but the ``count`` most likely unseen tokens have."""
        # the sum, since it may be rounded up to the size
        if self.rank + count >= self.size:
            return 0.0
        steepness, cut = self._steepness(temperature), self._quantile(count)
        start, end = steepness - self.edge, steepness - cut
        return math.exp((cut - self.edge) * (start + end) / 2) * _mills(end) / _mills(start)


def extrapolated_mass(logprobs: FloatArray, size: float) -> float:
    """Return the unseen mass that the slope of a list lets expect, by the normal law; 0 of too short a list.

    For a list that sums to 1 but for the rounding of its server.

    Args:
        logprobs: shape ``(tokens,)``, descending; the most likely tokens.
        size: tokens in the vocabulary, more than are listed.
    """
    rank, skipped = len(logprobs), len(logprobs) // 4
    if rank < _SLOPED or not math.isfinite(size):
        return 0.0
    places = np.array([-_NORMAL.inv_cdf((number + 0.5) / size) for number in range(skipped, rank)])
    places -= places.mean()
    spread = float(places @ logprobs[skipped:]) / float(places @ places)
    edge = -_NORMAL.inv_cdf(rank / size)
    return math.exp(logprobs[-1]) * size * _density(edge) * _mills(spread - edge)


def _bisected(function: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Return where a falling function has the value ``target``."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > target else (low, middle)
    return (low + high) / 2


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _above(x: float) -> float:
    """Probability that a standard normal number is above x; accurate where NormalDist's 1 - cdf is not."""
    return math.erfc(x / math.sqrt(2)) / 2


def _mills(x: float) -> float:
    """Mills's ratio: the probability above x over the density at x. Falls from large to 0, near 1 / x."""
    if x < ASYMPTOTIC:
        return _above(x) / _density(x)
    return (1 - (1 - 3 / x**2) / x**2) / x


def _mean_excess(x: float) -> float:
    """How far a standard normal number is above x on average, if it is above x."""
    return 1 / _mills(x) - x if x < ASYMPTOTIC else (1 - 2 / x**2) / x
