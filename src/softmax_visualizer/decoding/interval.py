"""Numbers that are known within proven bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ALL_BUT_CERTAIN = math.nextafter(1.0, 0.0)
"""The largest probability below 1, for what is not certain although its nearest float is 1."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number that provably lies in ``[low, high]``, with the best ``estimate`` between the two.

    What a server reported is taken at its word at T = 1; its tolerance counts at other temperatures.

    A number that is known exactly is a point: all three are equal.
    """

    low: float
    estimate: float
    high: float

    @classmethod
    def point(cls, value: float) -> Interval:
        """Return the interval of a number that is known exactly."""
        value = float(value)
        return cls(value, value, value)

    @classmethod
    def around(cls, low: float, estimate: float, high: float) -> Interval:
        """Return ``[low, high]`` with the estimate moved inside, if rounding or a model put it outside."""
        # where both ends are one number, rounding can put them a unit in the last place apart
        low, high = float(low), max(float(low), float(high))
        return cls(low, min(max(float(estimate), low), high), high)

    @property
    def ends(self) -> tuple[float, float, float]:
        """The low end, the estimate and the high end."""
        return self.low, self.estimate, self.high

    @property
    def is_point(self) -> bool:
        """Whether the number is known exactly."""
        return self.low == self.high

    def to_dict(self) -> dict[str, float | None]:
        """Return ``{"low", "estimate", "high"}`` with None for infinity, which JSON cannot say."""
        return {
            name: value if math.isfinite(value) else None
            for name, value in (("low", self.low), ("estimate", self.estimate), ("high", self.high))
        }


@dataclass(frozen=True, slots=True)
class IntervalArray:
    """One interval a token: three float64 arrays of shape ``(tokens,)``, equal where exact."""

    low: FloatArray
    estimate: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return len(self.low)

    def __getitem__(self, index: int) -> Interval:
        return Interval(float(self.low[index]), float(self.estimate[index]), float(self.high[index]))

    @property
    def ends(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The low ends, the estimates and the high ends."""
        return self.low, self.estimate, self.high

    @property
    def is_point(self) -> bool:
        """Whether every number is known exactly."""
        return self.low is self.high or bool(np.array_equal(self.low, self.high))
