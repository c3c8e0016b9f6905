"""Many samples of one setting: how often each token came, and how often it is expected to."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from softmax_visualizer.decoding.decoder import Decoding
from softmax_visualizer.decoding.interval import FloatArray, Interval

MOST_SAMPLES = 1_000_000
"""Samples that are counted together at the most."""

BAND = 0.95
"""The share of all counts that falls into a band: see :func:`band`."""


@dataclass(frozen=True)
class Counts:
    """How often each token was sampled.

    ``tokens``: of listed tokens, pairs of the index and the count, in the order of the list; only those that
    came. ``rest``: how often one came that is not listed. ``untold``: how often a server did not say which
    token it was, which happens with those that are no whole character.
    """

    tokens: tuple[tuple[int, int], ...] = ()
    rest: int = 0
    untold: int = 0

    @cached_property
    def total(self) -> int:
        """How many samples there are of which it is known what they are."""
        return sum(count for _, count in self.tokens) + self.rest

    def first(self, count: int) -> NDArray[np.int64]:
        """Return how often each of the first ``count`` listed tokens came."""
        found = np.zeros(count, dtype=np.int64)
        for index, times in self.tokens:
            if index < count:
                found[index] = times
        return found

    def beyond(self, top: int) -> int:
        """Return how often all but the first ``top`` listed tokens came."""
        return self.rest + sum(times for index, times in self.tokens if index >= top)

    def __add__(self, other: Counts) -> Counts:
        tokens = dict(self.tokens)
        for index, times in other.tokens:
            tokens[index] = tokens.get(index, 0) + times
        return Counts(tuple(sorted(tokens.items())), self.rest + other.rest, self.untold + other.untold)


def chances(seed: int, count: int, first: int = 1) -> FloatArray:
    """Return random numbers in [0, 1), those from the ``first`` one of a seed on, counted from 1."""
    source = random.Random(seed)
    for _ in range(first - 1):
        source.random()
    return np.array([source.random() for _ in range(count)])


def sample(decoding: Decoding, numbers: FloatArray) -> Counts:
    """Sample a token with each of some random numbers, as :meth:`Decoding.sample` does with one."""
    indices = decoding.sampled(numbers)
    listed, times = np.unique(indices[indices >= 0], return_counts=True)
    pairs = zip(listed.tolist(), times.tolist(), strict=True)
    return Counts(tuple(pairs), int((indices < 0).sum()))


def band(probability: Interval, samples: int) -> tuple[int, int]:
    """Return the least and the greatest count of a central 95 % of all such runs, both ends included.

    Each end leaves out counts that come in 2.5 % of all runs at the most. A count follows the binomial law;
    where the probability is an interval, the band reaches as far as any probability in it.
    """
    beyond = (1 - BAND) / 2
    low, _ = _quantiles(probability.low, samples, beyond)
    _, high = _quantiles(probability.high, samples, beyond)
    return low, high


def _quantiles(probability: float, samples: int, beyond: float) -> tuple[int, int]:
    probability = min(max(probability, 0.0), 1.0)
    if samples == 0 or probability in (0.0, 1.0):
        return int(probability) * samples, int(probability) * samples
    # further out than this there is nothing that float64 could hold
    reach = 40 + 12 * math.sqrt(samples * probability * (1 - probability))
    start = max(0, math.floor(samples * probability - reach))
    counts = np.arange(start, min(samples, math.ceil(samples * probability + reach)) + 1, dtype=np.float64)
    # each count's log-probability from the one before
    ratios = np.log((samples - counts[:-1]) / (counts[:-1] + 1)) + math.log(probability / (1 - probability))
    logs = np.concatenate(([0.0], np.cumsum(ratios)))
    masses = np.exp(logs - logs.max())
    below = np.cumsum(masses) / masses.sum()
    low = int(np.searchsorted(below, beyond, side="right"))
    high = int(np.searchsorted(below, 1 - beyond, side="left"))
    return start + low, start + min(high, len(counts) - 1)
