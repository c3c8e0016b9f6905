"""What can be said of the tokens that a truncated list does not show.

A list of the k most likely tokens leaves a mass m for the other n = V - k, each of which is at most as likely
as the last one listed. At temperature T all that matters of them is one number, the sum of ``q ** (1 / T)``.
That sum is symmetric, and convex (T < 1) or concave (T > 1), so its extremes lie at the two ends of the
majorisation order (Marshall, Olkin, Arnold, *Inequalities*, ch. 3): the mass *packed* into as few tokens as
the cap allows, or spread *evenly* over all. Both are attained, so the interval is exact.

All weights are relative to the most likely token's, which keeps them in range at every temperature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray, Interval

ESTIMATE_VOCABULARY = 300_000
"""Vocabulary size of the *estimate* when the true one is unknown; the bounds then assume no size at all."""

_STEEPEST = 80.0
"""Largest Zipf exponent tried: a tail that steep is empty for every purpose."""


@dataclass(frozen=True)
class UnseenTail:
    """The unlisted tokens.

    ``log_cap``: ln of the most that an unseen probability can be over the first listed one. That is the last
    listed one where the list is the top of the vocabulary; else all of the unseen mass, and may be above 0.
    ``mass``: unseen probability over the first probability, as an interval.
    ``count``: number of unseen tokens, infinite if unknown.
    ``rank``: number of listed tokens, k.
    ``leading``: how many of them no unseen token is more likely than: all where the list is the top.
    ``reported``: a server reported the mass, so that it is taken at its word at T = 1.
    """

    log_cap: float
    mass: Interval
    count: float
    rank: int
    leading: int
    reported: bool = True

    @property
    def empty(self) -> bool:
        """Whether nothing is unseen."""
        return self.mass.high == 0 or self.count == 0

    @property
    def possible_count(self) -> Interval:
        """How many unseen tokens there can be, the count being an upper bound: enough to hold the mass."""
        if self.empty:
            return Interval.point(0.0)
        full, remainder = self.packing(self.mass.low)
        least = full + (1 if remainder > 0 else 0)
        return Interval.around(least, self._last_rank - self.rank, self.count)

    def mass_at(self, temperature: float) -> Interval:
        """Return the mass to reckon with: as reported at T = 1, with its tolerance where T magnifies it."""
        return Interval.point(self.mass.estimate) if temperature == 1 and self.reported else self.mass

    @property
    def is_top(self) -> bool:
        """Whether no unseen token is more likely than any listed one."""
        return self.leading == self.rank

    def most_reaching(self, log_weight: float) -> float:
        """Return how many unseen tokens at most are at least this likely, over the first and at T = 1."""
        if self.empty or log_weight > self.log_cap:
            return 0.0
        room = self.mass.high * math.exp(min(-log_weight, 700.0)) * (1 + 1e-12)
        return min(self.count, room if room > 1e15 else float(math.floor(room)))

    def cap(self, temperature: float) -> float:
        """Return the weight that no unseen token exceeds at ``temperature``."""
        return _power(self.log_cap, temperature)

    def weight(self, temperature: float) -> Interval:
        """Return the summed weight of all unseen tokens at ``temperature``."""
        mass = self.mass_at(temperature)
        if self.empty:
            return Interval.point(0.0)
        if temperature == 1:
            return mass
        if temperature == 0:
            return self._at_zero()
        packed, even = self.packed, self.even
        if temperature < 1:
            low, high = even(mass.low, self.count, temperature), packed(mass.high, temperature)
        else:
            low, high = packed(mass.low, temperature), even(mass.high, self.count, temperature)
        return Interval.around(low, self.estimated_weight(temperature), high)

    def leading_weight(self, count: int, temperature: float) -> Interval:
        """Return the summed weight of the ``count`` most likely unseen tokens, which a top-k would keep."""
        mass, cap = self.mass_at(temperature), math.exp(self.log_cap)
        least, most = mass.low * count / self.count, min(mass.high, count * cap)
        if temperature <= 1:
            low, high = self.even(least, count, temperature), self.packed(most, temperature)
        else:
            low, high = self._least_leading(mass.low, count, temperature), self.even(most, count, temperature)
        return Interval.around(low, self.estimated_weight(temperature, count), high)

    def part(self, mass: Interval, count: float) -> UnseenTail:
        """Return some of the unseen tokens, at most ``count``, which hold ``mass`` at T = 1, as a tail."""
        # a mass as reported at T = 1 has the list's tolerance, which any other temperature brings out
        low, high = (
            mass.low - self.mass.estimate + self.mass.low,
            mass.high - self.mass.estimate + self.mass.high,
        )
        room = count * math.exp(self.log_cap)
        return replace(
            self, mass=Interval.around(max(0.0, min(low, room)), mass.estimate, min(high, room)), count=count
        )

    def heaviest(self, count: float, temperature: float) -> float:
        """Return the most that ``count`` unseen tokens can weigh."""
        mass, room = self.mass_at(temperature).high, count * math.exp(self.log_cap)
        if count <= 0:
            return 0.0
        weight = (
            self.packed(mass, temperature)
            if temperature <= 1
            else self.even(min(mass, room), count, temperature)
        )
        return min(weight, count * self.cap(temperature))

    def packed(self, mass: float, temperature: float) -> float:
        """Return the weight of ``mass`` held by as few tokens as the cap allows."""
        full, remainder = self.packing(mass)
        weight = full * self.cap(temperature) if full else 0.0
        return weight + (_power(math.log(remainder), temperature) if remainder > 0 else 0.0)

    def packing(self, mass: float) -> tuple[float, float]:
        """Return how many tokens at the cap hold ``mass``, and the remainder one more holds."""
        cap = math.exp(self.log_cap)
        ratio = mass / cap
        if abs(ratio - round(ratio)) < 1e-12 * max(1.0, ratio):
            # a remainder of 1e-16 is rounding, yet at T = 50 it would weigh a half
            return float(round(ratio)), 0.0
        full = math.floor(ratio)
        return float(full), mass - full * cap

    def even(self, mass: float, count: float, temperature: float) -> float:
        """Return the weight of ``mass`` spread evenly over ``count`` tokens, in the limit if infinite."""
        if mass <= 0:
            return 0.0
        if math.isinf(count):
            return mass if temperature == 1 else 0.0 if temperature < 1 else math.inf
        return _exp(math.log(count) + min(self.log_cap, math.log(mass) - math.log(count)) / temperature)

    def _at_zero(self) -> Interval:
        """All that counts at T = 0: how many unseen tokens tie with the first, or that one outranks it."""
        if self.log_cap > 0:
            outranked = self.mass.low > self.count
            likely = outranked or self._law_log_cap > 0
            return Interval(math.inf if outranked else 0.0, math.inf if likely else 0.0, math.inf)
        if self.log_cap < 0:
            return Interval.point(0.0)
        forced = self.count if self.mass.low >= self.count else 0.0
        possible, _ = self.packing(self.mass.high)
        return Interval.around(forced, 0.0, possible)

    def _least_leading(self, mass: float, count: int, temperature: float) -> float:
        """Least weight of the leading tokens for T > 1: the sum is concave on the ordered tails, so it is
        least at one of their vertices, some tokens at the cap and the others equal."""
        if math.isinf(self.count):
            return 0.0
        full, _ = self.packing(mass)
        at_cap = np.arange(min(full, count - 1) + 1)
        others = np.maximum(mass - at_cap * math.exp(self.log_cap), 0) / (self.count - at_cap)
        with np.errstate(divide="ignore"):
            weights = at_cap * self.cap(temperature) + (count - at_cap) * np.exp(np.log(others) / temperature)
        return float(min(weights.min(), count * self.cap(temperature), self.packed(mass, temperature)))

    # The estimate: a power law in rank that is continuous at the last listed token and holds the unseen mass.
    # Of twelve estimators it erred least on the full distributions of three language models.
    # Where the list is not the top, its last token says nothing of the others. They are then estimated as
    # equal tokens half-way, in logs, between one that has all of the mass and all that share it.

    @cached_property
    def _law_log_cap(self) -> float:
        """ln of the largest estimated unseen weight, at T = 1."""
        if self.is_top:
            return self.log_cap
        return math.log(self.mass.estimate / self._middling_count) if self.mass.estimate > 0 else -math.inf

    @property
    def _middling_count(self) -> float:
        return math.sqrt(self.count if math.isfinite(self.count) else ESTIMATE_VOCABULARY)

    @cached_property
    def _exponent(self) -> float:
        if self.mass.estimate <= 0:
            return _STEEPEST
        target = self.mass.estimate / math.exp(self._law_log_cap)
        if self._law(0.0, self._last_rank) <= target:
            return 0.0
        low, high = 0.0, _STEEPEST
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._law(middle, self._last_rank) > target else (low, middle)
        return (low + high) / 2

    @property
    def _last_rank(self) -> float:
        if not self.is_top:
            return self.rank + self._middling_count
        return (
            self.rank + self.count if math.isfinite(self.count) else max(ESTIMATE_VOCABULARY, 2 * self.rank)
        )

    def _law(self, exponent: float, last_rank: float) -> float:
        """Integral of ``(r / k) ** -exponent`` over the ranks after k up to ``last_rank``."""
        start = self.rank + 0.5
        log_ratio = math.log((last_rank + 0.5) / start)
        scale = start * math.exp(exponent * math.log(self.rank / start))
        slope = 1 - exponent
        return scale * (log_ratio if abs(slope) < 1e-9 else math.expm1(slope * log_ratio) / slope)

    def estimated_weight(self, temperature: float, count: float | None = None) -> float:
        """Return the estimated weight of the ``count`` most likely unseen tokens, or of all of them."""
        last = self._last_rank if count is None else min(self.rank + count, self._last_rank)
        if self.mass.estimate <= 0 or last <= self.rank:
            return 0.0
        return _power(self._law_log_cap, temperature) * self._law(self._exponent / temperature, last)

    def estimated_count(self, weight: float, temperature: float) -> float:
        """Return how many of the most likely unseen tokens are estimated to weigh ``weight`` together."""
        start = self.rank + 0.5
        exponent = self._exponent / temperature
        scale = (
            _power(self._law_log_cap, temperature) * start * math.exp(exponent * math.log(self.rank / start))
        )
        slope = 1 - exponent
        if scale <= 0:
            return 0.0
        area = weight / scale
        if abs(slope) < 1e-9:
            log_ratio = area
        elif slope * area <= -1:
            log_ratio = math.inf
        else:
            log_ratio = math.log1p(slope * area) / slope
        furthest = math.log((self._last_rank + 0.5) / start)
        return max(0.0, math.exp(min(log_ratio, furthest)) * start - 0.5 - self.rank)

    def estimated_count_above(self, log_weight: float) -> float:
        """Return how many unseen tokens are estimated to have at least this log-weight at T = 1."""
        most = self._last_rank - self.rank
        if log_weight > self._law_log_cap:
            return 0.0
        if self._exponent == 0:
            return most
        ratio = min((self._law_log_cap - log_weight) / self._exponent, 700.0)
        return min(most, math.floor(self.rank * math.exp(ratio)) - self.rank)

    def estimated_log_weight(self, temperature: float, count: float | None = None) -> float:
        """Return the estimated sum of ``w ln w`` over the ``count`` most likely unseen tokens."""
        last = self._last_rank if count is None else min(self.rank + count, self._last_rank)
        if self.mass.estimate <= 0 or last <= self.rank:
            return 0.0
        exponent, step = self._exponent / temperature, 1e-4
        law = self._law(exponent, last)
        slope = (self._law(exponent + step, last) - self._law(exponent - step, last)) / (2 * step)
        return _power(self._law_log_cap, temperature) * (
            self._law_log_cap / temperature * law + exponent * slope
        )


def powers(log_weights: FloatArray, temperature: float) -> FloatArray:
    """Return the weights at ``temperature`` of tokens with these log-weights at T = 1."""
    if temperature == 0:
        ties: FloatArray = (log_weights == 0).astype(np.float64)
        return ties
    with np.errstate(over="ignore", under="ignore"):
        weights: FloatArray = log_weights / temperature
        np.exp(weights, out=weights)
    return weights


def _power(log_weight: float, temperature: float) -> float:
    if temperature == 0:
        return 1.0 if log_weight == 0 else 0.0
    return _exp(log_weight / temperature)


def _exp(value: float) -> float:
    return math.exp(value) if value < 709.0 else math.inf
