"""Numbers to choose a setting by: how often it departs from greedy, leaves a set, or lets a rival through."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from softmax_visualizer.decoding.decoder import Decoding, decode
from softmax_visualizer.decoding.distribution import Token, TokenDistribution
from softmax_visualizer.decoding.interval import ALL_BUT_CERTAIN, Interval
from softmax_visualizer.decoding.settings import DecodingSettings

_ROUNDING = 1e-12
"""Slack of a difference of sums of probabilities."""


NUCLEUS = 0.95
"""Mass of the model's own nucleus, which is the set of acceptable tokens until a person marks their own."""


@dataclass(frozen=True)
class Question:
    """What a person wants to know of a setting.

    ``accepted``: the tokens that they marked as acceptable; empty: the model's own nucleus at T = 1.
    ``tokens``: length of an answer. ``reliability``: share of answers that must stay in the set.
    ``rival``: a token's text; empty: the second one. ``share``: what the rival is to have of the two.
    """

    accepted: frozenset[Token] = frozenset()
    tokens: int = 500
    reliability: float = 0.99
    rival: str = ""
    share: float = 0.25


@dataclass(frozen=True)
class Acceptable:
    """The tokens that may be sampled: their indices in a list, and what makes them acceptable.

    ``"marked"`` by a person, of which ``missing`` are not in the list; ``"listed"``: all of a list that is
    shorter than the model's own nucleus; ``"nucleus"``: the most likely ones with :data:`NUCLEUS` at T = 1.
    The set is the same at every setting: one that moved along would hide what a setting lets in.
    """

    indices: frozenset[int]
    basis: Literal["marked", "listed", "nucleus"]
    missing: int = 0


class DecisionError(ValueError):
    """A question that has no answer; its text says why, and what can be asked."""


def departure(decoding: Decoding) -> Interval:
    """Return the probability that a draw is not the greedy choice, the most likely token.

    That is the first of the listed ones, or perhaps an unseen one where the list may not be the top.
    """
    chance = leaving(decoding, frozenset({0}))
    if decoding.distribution.leading:
        return chance
    return Interval.around(0.0, 0.0 if decoding.settings.temperature == 0 else chance.estimate, chance.high)


def leaving(decoding: Decoding, accepted: frozenset[int]) -> Interval:
    """Return the probability that a draw is none of the accepted tokens.

    Args:
        decoding: what is drawn from.
        accepted: indices of listed tokens.
    """
    stage = decoding.after_cut
    reach = int(stage.kept.high)
    unseen = stage.beyond(reach)
    outside = np.ones(reach, dtype=bool)
    outside[[index for index in accepted if index < reach]] = False
    if outside.all():
        return Interval.point(1.0)

    # summed, not taken from 1, which would lose the digits of a small chance
    if stage.exact and unseen.is_point:
        chance = float(stage.weights[:reach][outside].sum()) / stage.total.low + unseen.low
        # what is kept can be drawn, though float64 may have no number so small
        low = estimate = high = max(chance, math.ulp(0.0)) if outside.any() else chance
    else:
        probabilities = stage.first(reach)
        low = float(probabilities.low[outside].sum()) + unseen.low
        estimate = float(probabilities.estimate[outside].sum()) + unseen.estimate
        high = float(probabilities.high[outside].sum()) + unseen.high
        # the tail moves all listed tokens alike, so what is accepted bounds the rest as well
        low = max(low, 1 - float(probabilities.high[~outside].sum()) - _ROUNDING)
        high = min(high, 1 - float(probabilities.low[~outside].sum()) + _ROUNDING)
    found = Interval.around(*(min(max(value, 0.0), 1.0) for value in (low, estimate, high)))
    if decoding.settings.temperature == 0:
        return found
    # weights of 1e-400 are 0 in float64, and yet their tokens can be drawn
    certain = int(stage.kept.low)
    if found.high == 0 and outside[:certain].any():
        return Interval(0.0, math.ulp(0.0), 1 - ALL_BUT_CERTAIN)
    if found.low == 1 and not outside[:certain].all():
        return Interval(ALL_BUT_CERTAIN, ALL_BUT_CERTAIN, 1.0)
    return found


def nucleus(distribution: TokenDistribution, top_p: float) -> int | None:
    """Return how many tokens the model's own nucleus has, at T = 1; None if it does not end in the list.

    Args:
        distribution: what the model said.
        top_p: the mass that the nucleus reaches (Holtzman et al. 2020, arXiv 1904.09751).
    """
    stage = decode(distribution, DecodingSettings(top_p=top_p)).after_cut
    ends_inside = stage.kept.is_point and stage.unseen_kept == "none"
    return int(stage.kept.high) if ends_inside or distribution.complete else None


# both look through a whole vocabulary, and are asked at every turn of a knob
@lru_cache(maxsize=8)
def acceptable_tokens(distribution: TokenDistribution, question: Question) -> Acceptable:
    """Return the tokens that may be sampled."""
    listed = range(len(distribution))
    if question.accepted:
        marked = frozenset(index for index in listed if distribution.token(index) in question.accepted)
        return Acceptable(
            marked, "marked", len(question.accepted) - len({distribution.token(i) for i in marked})
        )
    size = nucleus(distribution, NUCLEUS)
    if size is None:
        return Acceptable(frozenset(listed), "listed")
    return Acceptable(frozenset(range(size)), "nucleus")


@lru_cache(maxsize=8)
def find_token(distribution: TokenDistribution, text: str) -> int | None:
    """Return the index of the listed token with this text, whose leading space may be missing or ``␣``."""
    text = text.replace("␣", " ")
    for wanted in (text, f" {text}"):
        for index in range(len(distribution)):
            if distribution.token(index).text == wanted:
                return index
    return None


def at_least_once(chance: Interval, steps: int) -> Interval:
    """Return the probability that what has ``chance`` in one step happens in ``steps`` of them.

    1 - (1 - chance) ** steps: steps that are all alike and independent of one another.
    """

    def happens(value: float) -> float:
        if steps == 0:
            return 0.0
        return 1.0 if value >= 1 else min(-math.expm1(steps * math.log1p(-value)), ALL_BUT_CERTAIN)

    return _through(chance, happens)


def allowed_chance(reliability: float, steps: int) -> float:
    """Return the largest chance in one step with which ``steps`` of them all go well this reliably.

    1 - reliability ** (1 / steps).

    Raises:
        DecisionError: the reliability is not between 0 and 1, both excluded, or there are no steps.
    """
    if not 0 < reliability < 1:
        raise DecisionError("The reliability must be above 0 % and below 100 %: no tail at all allows 100 %.")
    if steps < 1:
        raise DecisionError("The number of tokens must be 1 or more.")
    return min(-math.expm1(math.log(reliability) / steps), ALL_BUT_CERTAIN)


def rival_temperature(distribution: TokenDistribution, rival: int, share: float) -> float:
    """Return the temperature at which a rival has ``share`` of what it and the first token have together.

    ``ln(p_1 / p_rival) / ln((1 - share) / share)``: odds do not depend on any other token, so this is exact
    even for a truncated list.

    Args:
        distribution: what the model said.
        rival: index of a listed token.
        share: above 0, below 1/2.

    Raises:
        DecisionError: there is no such temperature; the text says why.
    """
    if rival == 0:
        raise DecisionError("The first token cannot be its own rival: name another one of the list.")
    gap = float(distribution.logprobs[0] - distribution.logprobs[rival])
    if math.isinf(gap):
        raise DecisionError("This token is impossible at every temperature: name another one as the rival.")
    if gap == 0:
        raise DecisionError("The two are equally likely at every temperature: name another one as the rival.")
    if not 0 < share < 0.5:
        raise DecisionError(
            "The rival's share must be above 0 % and below 50 %: no temperature lets it overtake the first."
        )
    return gap / (math.log1p(-share) - math.log(share))


def _through(chance: Interval, function: Callable[[float], float]) -> Interval:
    return Interval.around(function(chance.low), function(chance.estimate), function(chance.high))
