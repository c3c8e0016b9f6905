"""The unseen tokens of many distributions at once: what they weigh at a temperature.

The very numbers of :meth:`softmax_visualizer.decoding.tail.UnseenTail.weight`, which says what they are,
worked out in one go for the steps of a path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from softmax_visualizer.decoding.estimate import ASYMPTOTIC, LARGEST
from softmax_visualizer.decoding.interval import FloatArray, Interval
from softmax_visualizer.decoding.tail import FEW, UnseenTail

Ends = tuple[FloatArray, FloatArray, FloatArray]
"""The low ends, the estimates and the high ends of some numbers."""


_LAW = ("log_cap", "rank", "size", "edge", "spread", "exponent")


@dataclass(frozen=True, eq=False)
class Tails:
    """The unseen tokens of distributions that have some; all arrays have the shape ``(tails,)``.

    ``log_cap``, ``count``, ``mass``, ``reported``: as in :class:`UnseenTail`. ``law``: of each one's estimate
    its ``log_cap``, ``rank``, ``size``, ``edge``, ``spread`` and ``exponent``. ``few``: whether the list is
    the top and so short that it has little shape.
    """

    log_cap: FloatArray
    count: FloatArray
    mass: Ends
    reported: Ends
    law: tuple[FloatArray, ...]
    few: FloatArray

    @classmethod
    def of(cls, tails: Sequence[UnseenTail]) -> Tails:
        """Put tails together."""
        laws = [tail.estimate for tail in tails]
        return cls(
            np.array([tail.log_cap for tail in tails]),
            np.array([float(tail.count) for tail in tails]),
            _columns([each.mass for each in tails]),
            _columns([each.reported for each in tails]),
            tuple(np.array([getattr(law, name) for law in laws], dtype=np.float64) for name in _LAW),
            np.array([tail.is_top and tail.rank <= FEW for tail in tails], dtype=bool),
        )

    def weight(self, temperature: float) -> Ends:
        """Return the summed weight of all unseen tokens of each at a temperature above 0."""
        if temperature == 1:
            return self.reported
        low, _, high = self.mass
        with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
            if temperature < 1:
                low, high = self._even(low, temperature), self._packed(high, temperature)
            else:
                low, high = self._packed(low, temperature), self._even(high, temperature)
            estimate = self._estimate(temperature)
            if temperature > 1:
                between = np.sqrt(estimate * np.sqrt(low) * np.sqrt(high))
                estimate = np.where(self.few & np.isfinite(high), between, estimate)
        high = np.maximum(low, high)
        return low, np.minimum(np.maximum(estimate, low), high), high

    def _even(self, mass: FloatArray, temperature: float) -> FloatArray:
        logs = np.minimum(self.log_cap, np.log(mass) - np.log(self.count))
        spread = _exp(np.log(self.count) + logs / temperature)
        unbounded = 0.0 if temperature < 1 else math.inf
        return np.where(mass <= 0, 0.0, np.where(np.isinf(self.count), unbounded, spread))

    def _packed(self, mass: FloatArray, temperature: float) -> FloatArray:
        cap = np.exp(self.log_cap)
        ratio = mass / cap
        whole = np.abs(ratio - np.round(ratio)) < 1e-12 * np.maximum(1.0, ratio)
        full = np.where(whole, np.round(ratio), np.floor(ratio))
        remainder = np.where(whole, 0.0, mass - full * cap)
        weight = np.where(full > 0, full * _exp(self.log_cap / temperature), 0.0)
        return weight + np.where(remainder > 0, _exp(np.log(remainder) / temperature), 0.0)

    def _estimate(self, temperature: float) -> FloatArray:
        log_cap, rank, size, edge, spread, exponent = self.law
        cap = np.exp(np.minimum(log_cap / temperature, 700.0))
        normal = size * _density(edge) * _mills(np.minimum(spread / temperature, LARGEST) - edge)
        steep = np.minimum(exponent / temperature, LARGEST)
        start = rank + 0.5
        log_ratio = np.log((size + 0.5) / start)
        slope = 1 - steep
        near = np.abs(slope) < 1e-9
        integral = np.where(near, log_ratio, np.expm1(slope * log_ratio) / np.where(near, 1.0, slope))
        power = start * np.exp(steep * np.log(rank / start)) * integral
        estimate: FloatArray = cap * np.sqrt(normal) * np.sqrt(power)
        return estimate


def _columns(intervals: Sequence[Interval]) -> Ends:
    low, estimate, high = np.array([each.ends for each in intervals], dtype=np.float64).reshape(-1, 3).T
    return low, estimate, high


def _exp(values: FloatArray) -> FloatArray:
    return np.where(values < 709.0, np.exp(np.minimum(values, 709.0)), math.inf)


def _density(x: FloatArray) -> FloatArray:
    density: FloatArray = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return density


def _mills(x: FloatArray) -> FloatArray:
    near = x < ASYMPTOTIC
    inside = np.where(near, x, 0.0)
    # numpy has no erfc
    above = np.array([math.erfc(each) for each in (inside / math.sqrt(2)).tolist()]) / 2
    far = np.where(near, 1.0, x)
    return np.where(near, above / _density(inside), (1 - (1 - 3 / far**2) / far**2) / far)
