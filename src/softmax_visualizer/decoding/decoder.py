"""From a distribution and settings to what a decoder samples from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmax_visualizer.decoding.cut import Cut, cut
from softmax_visualizer.decoding.distribution import TokenDistribution
from softmax_visualizer.decoding.entropy import (
    mixed_entropy,
    partial_entropy,
    prefix_entropies,
    tempered_entropy,
)
from softmax_visualizer.decoding.interval import FloatArray, Interval
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.decoding.stage import Kept, KeptUnseen, Stage, in_bits, tempered
from softmax_visualizer.decoding.weights import Weights


@dataclass(frozen=True)
class Others:
    """Everything beyond the tokens that are shown one by one.

    ``count`` is the number of those tokens, None where the vocabulary's size is unknown. ``model``,
    ``after_temperature`` and ``probability`` are their summed probabilities in the three stages.
    """

    count: int | None
    model: Interval
    after_temperature: Interval
    kept: KeptUnseen
    probability: Interval


@dataclass(frozen=True, eq=False)
class Decoding:
    """What the settings make of the distribution.

    ``model``: the distribution itself, at temperature 1.
    ``after_temperature``: what temperature alone makes of it, in either order.
    ``after_cut``: what the decoder samples from: temperature and all cuts, in the settings' order.
    ``cut_mass``: the probability that the cuts take away, of the distribution that they act on.
    """

    distribution: TokenDistribution
    settings: DecodingSettings
    model: Stage
    after_temperature: Stage
    after_cut: Stage
    cut_mass: Interval

    @cached_property
    def pipeline(self) -> tuple[Stage, Stage, Stage]:
        """The three stages in the order in which the engine works: the last is what is sampled from."""
        if self.settings.order == "temperature-first":
            return self.model, self.after_temperature, self.after_cut
        return (
            self.model,
            decode(self.distribution, replace(self.settings, temperature=1.0)).after_cut,
            self.after_cut,
        )

    @property
    def exact(self) -> bool:
        """Whether every number of the decoding is known exactly."""
        stages = (self.model, self.after_temperature, self.after_cut)
        return self.cut_mass.is_point and all(
            stage.exact and stage.entropy.is_point and stage.kept_tokens.is_point for stage in stages
        )

    def kept(self, index: int) -> Kept:
        """Say whether the listed token of rank ``index + 1`` can be sampled."""
        return self.after_cut.is_kept(index)

    def others(self, top: int | None = None) -> Others:
        """Return everything but the first ``top`` listed tokens, or but all listed ones."""
        shown = len(self.distribution) if top is None else min(top, len(self.distribution))
        size = None if self.distribution.vocabulary_assumed else self.distribution.vocabulary_size
        if self.distribution.complete and size is None:
            size = len(self.distribution)
        return Others(
            None if size is None else size - shown,
            self.model.beyond(shown),
            self.after_temperature.beyond(shown),
            self.after_cut.kept_beyond(shown),
            self.after_cut.beyond(shown),
        )

    def sample(self, chance: float) -> int | None:
        """Return the index of the listed token that a uniform random number in [0, 1) samples.

        Probabilities are summed from the most likely token on; where they are intervals, the estimates are.
        None is a token that is not listed.

        Raises:
            ValueError: the number is not in [0, 1).
        """
        if not 0 <= chance < 1:
            raise ValueError(f"a random number to sample with is at least 0 and below 1, not {chance}")
        index = int(self.sampled(np.array([chance]))[0])
        return None if index < 0 else index

    def sampled(self, chances: FloatArray) -> NDArray[np.intp]:
        """Return what :meth:`sample` does for each of some numbers; -1 is a token that is not listed."""
        kept = int(self.after_cut.kept.estimate)
        running = np.cumsum(self.after_cut.first(kept).estimate)
        indices = np.searchsorted(running, chances, side="right")
        # rounding can leave the last sum a hair below 1, where nothing else can be sampled
        last = kept - 1 if self.after_cut.unseen_kept == "none" or self.distribution.complete else -1
        return np.where(indices < kept, indices, last)

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Return one entry of ``decodings`` of the ``show --format json`` contract.

        Args:
            top: list that many tokens and sum up the others; all listed tokens if None.
        """
        record = self.record(top)
        return {**record, "tokens": list(record["tokens"])}

    def record(self, top: int | None = None) -> dict[str, Any]:
        """Return :meth:`to_dict`, with the tokens as an iterator, as there may be very many."""
        shown = len(self.distribution) if top is None else min(top, len(self.distribution))
        others = self.others(shown)
        tempered, final = self.after_temperature.first(shown), self.after_cut.first(shown)
        stages = {
            "model": self.model,
            "after_temperature": self.after_temperature,
            "after_cut": self.after_cut,
        }
        return {
            "settings": self.settings.to_dict(),
            "exact": self.exact,
            "tokens": (
                {
                    "rank": index + 1,
                    "text": self.distribution.token(index).text,
                    "after_temperature": tempered[index].to_dict(),
                    "kept": self.kept(index),
                    "probability": final[index].to_dict(),
                }
                for index in range(shown)
            ),
            "others": {
                "count": others.count,
                "after_temperature": others.after_temperature.to_dict(),
                "kept": others.kept,
                "probability": others.probability.to_dict(),
            },
            "statistics": {
                "entropy_bits": {name: stage.entropy.to_dict() for name, stage in stages.items()},
                "effective_tokens": {
                    name: stage.effective_tokens.to_dict() for name, stage in stages.items()
                },
                "kept_tokens": self.after_cut.kept_tokens.to_dict(),
                "cut_mass": self.cut_mass.to_dict(),
            },
        }


def decode(distribution: TokenDistribution, settings: DecodingSettings) -> Decoding:
    """Decode: apply temperature and the cuts to what the model said.

    Temperature divides the logits (Ackley, Hinton and Sejnowski 1985), so it raises probabilities to the
    power 1/T; top-p is Holtzman et al. 2020 (arXiv 1904.09751), min-p arXiv 2407.01082. Sums are float64.
    """
    weights, at_temperature = _tempered(distribution, settings.temperature)
    model, first = distribution.stage, settings.order == "temperature-first"
    if not settings.cuts or (first and settings.temperature == 0):
        # a greedy decoder takes the most likely token, which no cut can take away
        return Decoding(distribution, settings, model, at_temperature, at_temperature, Interval.point(0.0))
    survivors = cut(weights if first else _tempered(distribution, 1.0)[0], settings)
    final = _survivors_stage(survivors, weights, at_temperature, settings)
    return Decoding(distribution, settings, model, at_temperature, final, survivors.cut_mass)


# a sweep or a map asks at one temperature again and again, and an exponential is most of what a step costs
@lru_cache(maxsize=4)
def _tempered(distribution: TokenDistribution, temperature: float) -> tuple[Weights, Stage]:
    weights = distribution.at(temperature)
    return weights, distribution.stage if temperature == 1 else tempered(weights, len(distribution))


def _survivors_stage(
    survivors: Cut, weights: Weights, at_temperature: Stage, settings: DecodingSettings
) -> Stage:
    """The distribution over what survived the cuts, renormalised, at the settings' temperature."""
    if survivors.unseen_kept == "all" and survivors.kept.low == len(weights.listed):
        return at_temperature
    kept, unseen_kept, count, tail = (
        survivors.kept,
        survivors.unseen_kept,
        survivors.unseen_count,
        weights.tail,
    )
    unseen, entropy = survivors.unseen_weight, None
    if settings.temperature == 0:
        if unseen_kept != "none" and tail.leading == 0:
            # no cut takes the most likely token away, which may be an unseen one
            return at_temperature
        ties = weights.known
        kept = Interval(min(kept.low, ties), min(kept.estimate, ties), min(kept.high, ties))
        unseen = count = Interval(0.0, 0.0, min(weights.unseen.high, count.high))
        unseen_kept = "maybe" if unseen.high else "none"
    least, middle, most = int(kept.low), int(kept.estimate), int(kept.high)
    listed = weights.first(most)
    if settings.order == "temperature-last" and settings.temperature not in (0, 1) and unseen_kept != "none":
        # the cut fixed the mass of the unseen survivors at T = 1, so they are a tail of their own
        unseen, entropy = _tail_at(survivors, listed, settings)

    fewest = max(1, least)
    entropies = prefix_entropies(weights, fewest, most)
    low, high = float(entropies.min()), float(entropies.max())
    estimate = float(entropies[max(middle, 1) - fewest])
    sums = [
        listed.known if number == most else float(weights.listed[:number].sum())
        for number in (least, middle, most)
    ]
    if not tail.is_top and unseen_kept != "none":
        mixed = mixed_entropy(Interval(low, estimate, high), Interval(*sums), unseen, max(1.0, count.high))
        low, estimate, high = mixed.low, mixed.estimate, mixed.high
    elif unseen_kept != "none":
        entropy = entropy or partial_entropy(listed, unseen, count.high)
        low = entropy.low if kept.is_point else min(low, entropy.low)
        high = max(high, entropy.high)
        estimate = entropy.estimate if unseen.estimate > 0 else estimate
    # the most likely token of all weighs at least what the first listed one does
    return Stage(
        weights.listed,
        at_temperature.listed,
        tail.leading,
        kept,
        Interval.around(
            max(1.0, sums[0] + unseen.low), sums[1] + unseen.estimate, max(1.0, sums[2] + unseen.high)
        ),
        unseen_kept,
        unseen,
        count,
        Interval.around(
            max(1.0, kept.low + count.low), kept.estimate + count.estimate, _most_kept(kept, count, settings)
        ),
        in_bits(Interval.around(low, estimate, high)),
    )


def _most_kept(kept: Interval, unseen_count: Interval, settings: DecodingSettings) -> float:
    most = kept.high + unseen_count.high
    if settings.top_k is None or most <= settings.top_k or settings.order == "temperature-first":
        return most
    return float(settings.top_k)


def _tail_at(survivors: Cut, listed: Weights, settings: DecodingSettings) -> tuple[Interval, Interval]:
    """Weight of the unseen survivors of a cut made at T = 1, and the entropy of all survivors, in nats."""
    mass, count, tail = survivors.unseen_weight, survivors.unseen_count, listed.tail
    bounds = replace(listed, tail=tail.part(mass, count.high))
    # the same laws hold the estimated mass in the estimated number of tokens
    likely = replace(listed, tail=tail.part(mass, count.estimate))
    unseen, entropy = bounds.unseen, tempered_entropy(bounds)
    low, high = unseen.low, unseen.high
    if settings.top_k and tail.is_top and math.isfinite(tail.count):
        # they are among the most likely ones, and just these if top-k is the only cut
        most = min(settings.top_k - len(listed.listed), int(tail.count))
        leading = tail.leading_weight(most, settings.temperature)
        high = min(high, leading.high)
        if settings.top_p == 1 and settings.min_p == 0:
            low = max(low, leading.low)
    return (
        Interval.around(low, likely.unseen.estimate, high),
        Interval.around(entropy.low, tempered_entropy(likely).estimate, entropy.high),
    )
