"""What two decodings draw: how far they are apart, and which tokens moved."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from softmax_visualizer.decoding.decoder import Decoding
from softmax_visualizer.decoding.distance import (
    IndexArray,
    Side,
    cut_temperature,
    divergence,
    inverse,
    narrowed,
    total_variation,
    uncut,
)
from softmax_visualizer.decoding.distribution import Token, TokenDistribution
from softmax_visualizer.decoding.interval import FloatArray, Interval, IntervalArray
from softmax_visualizer.decoding.settings import DecodingSettings

_ROUNDING = 1e-12
"""Two estimates of a probability that are closer than this differ by rounding only."""

_NOTHING = Interval.point(0.0)


@dataclass(frozen=True)
class Change:
    """One token in both decodings.

    ``first``, ``second``: its index in each distribution's list, None where it is not listed.
    ``before``, ``after``: the probability that it is drawn; where it is not listed, from 0 to the most that
    it can have there.
    """

    token: Token
    first: int | None
    second: int | None
    before: Interval
    after: Interval


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two decodings draw from, ``after`` seen from ``before``.

    ``total_variation``: half the summed differences of the probabilities, 0 to 1: the share of draws that
    cannot agree, however the two are drawn together.
    ``kl_bits``: D(after || before): the bits a token that a code made for ``before`` wastes on ``after``;
    infinite where ``after`` can draw what ``before`` cannot, None where anything about it is uncertain.
    ``entering``, ``leaving``: how many tokens can be drawn only after, and only before; the high end is
    infinite where it is unknown.

    Build one with :func:`compare`.
    """

    before: Decoding
    after: Decoding
    total_variation: Interval
    kl_bits: float | None
    entering: Interval
    leaving: Interval
    _sides: tuple[Side, Side]

    def changes(self, count: int) -> tuple[Change, ...]:
        """Return the ``count`` listed tokens whose estimates differ most, the largest difference first."""
        before, after = self._sides
        difference = np.abs(after.drawn.estimate - before.drawn.estimate)
        rows = np.argsort(-difference, kind="stable")[:count]
        return tuple(self._change(row) for row in rows[difference[rows] > _ROUNDING].tolist())

    def _change(self, row: int) -> Change:
        before, after = self._sides
        listing = before if before.listed[row] else after
        first, second = (int(side.index[row]) if side.listed[row] else None for side in self._sides)
        token = listing.decoding.distribution.token(int(listing.index[row]))
        return Change(token, first, second, before.drawn[row], after.drawn[row])


@lru_cache(maxsize=16)
def alignment(first: TokenDistribution, second: TokenDistribution) -> IndexArray:
    """Return where ``second`` lists the tokens of ``first``: indices, shape ``(len(first),)``; -1 is nowhere.

    Tokens are the same if their bytes are, or their texts where a text has no bytes. Of several in one list
    that are the same, the n-th is the n-th of the other list.
    """
    if first is second:
        result = np.arange(len(first))
    else:
        where = {name: index for index, name in enumerate(_names(second))}
        result = np.fromiter((where.get(name, -1) for name in _names(first)), np.intp, len(first))
    result.flags.writeable = False
    return result


def _names(distribution: TokenDistribution) -> list[Hashable]:
    # past Token, which takes three times as long for the 20,000 texts of a vocabulary
    given = distribution._tokens
    names = [_name(given[index]) for index in distribution._order.tolist()]
    if len(set(names)) == len(names):
        return names
    seen: dict[Hashable, int] = {}
    for index, name in enumerate(names):
        earlier = seen.get(name, 0)
        seen[name] = earlier + 1
        if earlier:
            names[index] = (name, earlier)
    return names


def _name(token: str | Token) -> Hashable:
    if isinstance(token, str):
        try:
            return token.encode()
        except UnicodeEncodeError:
            return token
    return token.text if token.raw is None else token.raw


def compare(before: Decoding, after: Decoding) -> Comparison:
    """Compare what two decodings draw from, of one distribution or of two.

    Of two distributions, a token that one of them does not list may have any probability there that an
    unlisted token can have, 0 included, as it may not be in that vocabulary.
    """
    sides = _sides(before, after)
    if before.distribution is after.distribution:
        if _effective(before.settings) == _effective(after.settings):
            # whatever the unseen tokens are, they are the same on both sides
            return Comparison(before, after, _NOTHING, 0.0, _NOTHING, _NOTHING, sides)
        entering, leaving = _ranks_gained(before, after), _ranks_gained(after, before)
        within = leaving.high == 0, entering.high == 0
        distance = narrowed(before, after, total_variation(*sides, within))
    else:
        entering, leaving = _tokens_gained(*sides), _tokens_gained(*reversed(sides))
        distance = total_variation(*sides, None)
    return Comparison(before, after, distance, divergence(*sides), entering, leaving, sides)


def _sides(before: Decoding, after: Decoding) -> tuple[Side, Side]:
    where = alignment(before.distribution, after.distribution)
    only_after = np.ones(len(after.distribution), dtype=bool)
    only_after[where[where >= 0]] = False
    new = np.flatnonzero(only_after)
    return (
        _side(before, np.concatenate((np.arange(len(where)), np.full(len(new), -1)))),
        _side(after, np.concatenate((where, new))),
    )


def _side(decoding: Decoding, index: IndexArray) -> Side:
    stage = decoding.after_cut
    known, count = stage.probabilities, stage.unseen_tokens
    unseen = stage.beyond(len(decoding.distribution))
    most = _most_of_one_unseen(decoding) if count.high > 0 else 0.0

    def rows(probabilities: FloatArray, unlisted: float) -> FloatArray:
        # the number at the end is what index -1 picks
        picked: FloatArray = np.append(probabilities, unlisted)[index]
        return picked

    drawn = IntervalArray(
        rows(known.low, 0.0),
        rows(known.estimate, min(most, unseen.estimate / max(1.0, count.estimate))),
        rows(known.high, most),
    )
    return Side(decoding, index, drawn, unseen, count)


def _most_of_one_unseen(decoding: Decoding) -> float:
    """Return the most that the probability of one token that is not listed can be."""
    tail, stage = decoding.distribution.tail, decoding.after_cut
    # with the list's tolerance even at T = 1: what was reported is the sum of all, not that of one
    log_weight = min(tail.log_cap, math.log(tail.mass.high))
    log_share = log_weight * inverse(decoding.settings.temperature) - math.log(stage.total.low)
    return math.exp(min(0.0, log_share))


def _effective(settings: DecodingSettings) -> DecodingSettings:
    """Return the settings without what makes no difference, whatever the distribution."""
    if not settings.cuts or (settings.temperature == 0 and settings.order == "temperature-first"):
        return DecodingSettings(settings.temperature)
    # the two orders differ in what top-k makes of ties
    if settings.temperature == 1 and settings.top_k is None:
        return replace(settings, order="temperature-first")
    return settings


def _ranks_gained(before: Decoding, after: Decoding) -> Interval:
    """Return how many tokens of one distribution can be drawn after, and not before.

    Whatever is kept is the first so many of one ranking.
    """
    if uncut(before.after_cut) or _no_stricter(before.settings, after.settings):
        return _NOTHING
    less, more = before.after_cut.kept_tokens, after.after_cut.kept_tokens
    return Interval.around(
        max(0.0, more.low - less.high),
        max(0.0, more.estimate - less.estimate),
        max(0.0, more.high - less.low),
    )


def _no_stricter(looser: DecodingSettings, other: DecodingSettings) -> bool:
    """Whether ``looser`` keeps all that ``other`` keeps, whatever the distribution.

    Of a flatter distribution the same top-p and min-p keep more.
    """
    most, least = (math.inf if settings.top_k is None else settings.top_k for settings in (looser, other))
    return (
        looser.temperature > 0
        and other.temperature > 0
        and cut_temperature(looser) >= cut_temperature(other)
        and looser.top_p >= other.top_p
        and most >= least
        and looser.min_p <= other.min_p
        # temperature-first alone keeps what ties with the k-th token
        and (other.top_k is None or looser.order in (other.order, "temperature-first"))
    )


def _tokens_gained(before: Side, after: Side) -> Interval:
    """Return how many tokens, of two distributions, can be drawn after, and not before."""
    old, new = before.stage.kept, after.stage.kept
    less, more = before.stage.kept_tokens, after.stage.kept_tokens
    surely, likely, perhaps = after.first(new.low), after.first(new.estimate), after.first(new.high)
    cut = np.count_nonzero(surely & before.listed & ~before.first(old.high))
    alone = np.count_nonzero(surely & ~before.listed)

    likely_cut = np.count_nonzero(likely & before.listed & ~before.first(old.estimate))
    likely_alone = np.count_nonzero(likely & ~before.listed)
    gone = np.count_nonzero(before.first(old.estimate) & ~after.listed)
    # the unlisted tokens of each are first taken for those that only the other lists, then for one another
    common = gone + max(0.0, before.unseen_count.estimate - likely_alone)
    return Interval.around(
        max(cut + max(0.0, alone - before.unseen_count.high), more.low - less.high),
        likely_cut
        + max(0.0, likely_alone - before.unseen_count.estimate)
        + max(0.0, after.unseen_count.estimate - common),
        np.count_nonzero(perhaps & ~before.first(old.low)) + after.unseen_count.high,
    )
