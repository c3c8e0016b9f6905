"""Tokens at a temperature, before any cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray, Interval
from softmax_visualizer.decoding.tail import UnseenTail

_FLOOR = -1e4
"""Below this log-weight a weight is 0 in float64, while 0 * -inf would be NaN."""


@dataclass(frozen=True, eq=False)
class Weights:
    """What temperature makes of all tokens: the listed ones one by one, the others as a tail.

    ``listed``: float64, shape ``(tokens,)``: weights of listed tokens over the first one's, descending.
    ``at_one``: natural logarithms of the same at T = 1.
    ``tail``: the unseen tokens. ``temperature``: 0 or more.
    """

    listed: FloatArray
    at_one: FloatArray
    tail: UnseenTail
    temperature: float

    @classmethod
    def at(cls, temperature: float, log_weights: FloatArray, tail: UnseenTail) -> Weights:
        """Return the weights at ``temperature`` of listed tokens with these log-weights at T = 1."""
        return cls(_powers(log_weights, temperature), log_weights, tail, temperature)

    def first(self, count: int) -> Weights:
        """Return the same of the first ``count`` listed tokens alone, with the whole tail."""
        if count == len(self.listed):
            return self
        return replace(self, listed=self.listed[:count], at_one=self.at_one[:count])

    @cached_property
    def known(self) -> float:
        """What the listed tokens weigh together."""
        return float(self.listed.sum())

    @cached_property
    def unseen(self) -> Interval:
        """What the unseen tokens weigh together."""
        return self.tail.weight(self.temperature)

    @property
    def logs(self) -> FloatArray:
        """Natural logarithms of ``listed``, shape ``(tokens,)``, finite throughout."""
        if self.temperature == 0:
            return np.zeros_like(self.listed)
        return self._finite / self.temperature

    @cached_property
    def weighted_logs(self) -> float:
        """Sum of ``w ln w`` over the listed tokens."""
        if self.temperature == 0:
            return 0.0
        # not np.dot: BLAS wakes threads for it, which costs more than the sum where other work goes on
        return float(np.einsum("i,i", self.listed, self._finite)) / self.temperature

    @property
    def _finite(self) -> FloatArray:
        floor = _FLOOR * self.temperature
        return self.at_one if self.at_one[-1] > floor else np.maximum(self.at_one, floor)


def _powers(log_weights: FloatArray, temperature: float) -> FloatArray:
    if temperature == 0:
        ties: FloatArray = (log_weights == 0).astype(np.float64)
        return ties
    with np.errstate(over="ignore", under="ignore"):
        weights: FloatArray = log_weights / temperature
        np.exp(weights, out=weights)
    return weights
