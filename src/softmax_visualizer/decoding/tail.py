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

from softmax_visualizer.decoding.estimate import TailEstimate
from softmax_visualizer.decoding.interval import Interval

ESTIMATE_VOCABULARY = 300_000
"""Vocabulary size of the *estimate* when the true one is unknown; the bounds then assume no size at all."""

FEW = 2
"""Listed tokens, up to which the estimate errs so much that it is drawn to the middle of the bounds."""

_NO_MASS = 1e-300
"""Stands in for an estimated mass of 0, of which no law can be fitted."""


@dataclass(frozen=True)
class UnseenTail:
    """The unlisted tokens.

    ``log_cap``: ln of the most that an unseen probability can be over the first listed one. That is the last
    listed one where the list is the top of the vocabulary; else all of the unseen mass, and may be above 0.
    ``reported``: unseen probability over the first one, as it is shown at T = 1.
    ``mass``: the same with all that the list may be off, which other temperatures magnify.
    ``count``: number of unseen tokens, infinite if unknown.
    ``rank``: number of listed tokens, k.
    ``leading``: how many of them no unseen token is more likely than: all where the list is the top.
    """

    log_cap: float
    reported: Interval
    mass: Interval
    count: float
    rank: int
    leading: int

    @cached_property
    def estimate(self) -> TailEstimate:
        """The best guess at what the bounds leave open.

        Where the list is not the top, its last token says nothing of the others. They are then estimated as
        equal tokens half-way, in logs, between one that has all of the mass and all that share it.
        """
        mass = max(self.mass.estimate, _NO_MASS)
        if not self.is_top:
            count = math.sqrt(self.count if math.isfinite(self.count) else ESTIMATE_VOCABULARY)
            return TailEstimate(math.log(mass / count), mass, self.rank, self.rank + count)
        size = (
            self.rank + self.count if math.isfinite(self.count) else max(ESTIMATE_VOCABULARY, 2 * self.rank)
        )
        return TailEstimate(self.log_cap, mass, self.rank, size)

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
        return Interval.around(least, self.estimate.size - self.rank, self.count)

    def mass_at(self, temperature: float) -> Interval:
        """Return the mass to reckon with: as reported at T = 1, with its tolerance where T magnifies it."""
        return self.reported if temperature == 1 else self.mass

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
        estimate = self.estimate.weight(temperature)
        if self.is_top and self.rank <= FEW and temperature > 1 and math.isfinite(high):
            # halfway to the middle of the two ends, in logs: so short a list has little shape to go by
            estimate = math.sqrt(estimate * math.sqrt(low) * math.sqrt(high))
        return Interval.around(low, estimate, high)

    def leading_weight(self, count: int, temperature: float) -> Interval:
        """Return the summed weight of the ``count`` most likely unseen tokens, which a top-k would keep."""
        mass, cap = self.mass_at(temperature), math.exp(self.log_cap)
        least, most = mass.low * count / self.count, min(mass.high, count * cap)
        if temperature <= 1:
            low, high = self.even(least, count, temperature), self.packed(most, temperature)
        else:
            low, high = self._least_leading(mass.low, count, temperature), self.even(most, count, temperature)
        return Interval.around(low, self.estimated_weight(count, temperature), high)

    def estimated_weight(self, count: float, temperature: float) -> float:
        """Return the estimated weight of the ``count`` most likely unseen tokens."""
        share = self.estimate.share(count, temperature)
        return self.weight(temperature).estimate * share if share > 0 else 0.0

    def estimated_count(self, weight: float, temperature: float) -> float:
        """Return how many of the most likely unseen tokens are estimated to weigh ``weight`` together."""
        if weight <= 0:
            return 0.0
        whole = self.weight(temperature).estimate
        return self.estimate.count(weight / whole if math.isfinite(whole) else 1.0, temperature)

    def part(self, mass: Interval, count: float) -> UnseenTail:
        """Return some of the unseen tokens, at most ``count``, which hold ``mass`` at T = 1, as a tail."""
        # a mass as reported at T = 1 has the list's tolerance, which any other temperature brings out
        low = mass.low - self.reported.low + self.mass.low
        high = mass.high - self.reported.high + self.mass.high
        room = count * math.exp(self.log_cap)
        tolerated = Interval.around(max(0.0, min(low, room)), mass.estimate, min(high, room))
        return replace(self, reported=mass, mass=tolerated, count=count)

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
            likely = outranked or self.estimate.log_cap > 0
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


def _power(log_weight: float, temperature: float) -> float:
    if temperature == 0:
        return 1.0 if log_weight == 0 else 0.0
    return _exp(log_weight / temperature)


def _exp(value: float) -> float:
    return math.exp(value) if value < 709.0 else math.inf
