"""Whether samples came from a setting: an exact statement of how far they are from what it would give.

The test is the G-test (Sokal and Rohlf, Biometry; Cochran 1954 for the least expected count of a cell) with
Williams' correction (Biometrika 63, 1976). All decoders here keep the order of the tokens, so neighbours in
that order are pooled until at least :data:`LEAST_EXPECTED` samples of them are expected: what moves mass from
the likely to the unlikely tokens shows, however rare each of them is. A cell is made from what is expected
alone, never from what came.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from softmax_visualizer.decoding.decoder import Decoding, decode
from softmax_visualizer.decoding.distribution import TokenDistribution
from softmax_visualizer.decoding.interval import FloatArray, Interval
from softmax_visualizer.decoding.sampling import MOST_SAMPLES, Counts
from softmax_visualizer.decoding.settings import DecodingSettings, Order

LEVEL = 0.01
"""The share of runs of a decoder that does as it is told in which the test says otherwise, at the most."""

POWER = 0.95
"""The chance with which samples have to show a difference before they are said to speak against one."""

LEAST_EXPECTED = 5.0
"""Samples that are expected in a cell, at the least."""

MOST_CELLS = 40
"""Cells that rare tokens are pooled into, about: more would only hide a difference that all of them share."""

MOST_NEEDED = 10_000_000
"""Samples up to which it is said how many it takes to tell two settings apart."""

_ROUNDING = 1e-4
"""How far an engine's running sum in float32 may be off where it crosses top-p or min-p."""

_TIED = 1e-6
"""Log-probabilities that differ by no more are equal, but for float32."""

_MOST_TRIED = 64
"""Numbers of kept tokens that are tried where only a range of them is known."""

Verdict = Literal["agrees", "differs", "cannot tell"]


@dataclass(frozen=True)
class Agreement:
    """What samples say about one setting.

    ``statistic``: the corrected G of the best-known form of the setting; infinite where a token came that it
    never gives. ``degrees``: of freedom. ``p_value``: the chance of samples that are at least as far off; an
    interval where the setting's own probabilities are known as one.
    ``verdict``: "differs" where even the highest p-value is below :data:`LEVEL`; "agrees" where it is not,
    there are enough samples to see anything, and every rival differs or comes to the same; else "cannot
    tell".
    ``needed``: how many samples it takes to tell it from its rivals; None where that is not the question, or
    no number is enough, since too little of the distribution is known.
    """

    settings: DecodingSettings
    statistic: float
    degrees: int
    p_value: Interval
    verdict: Verdict
    needed: int | None = None


@dataclass(frozen=True, eq=False)
class _Theory:
    """Probabilities of the first listed tokens, and of all others together; they sum to 1."""

    listed: FloatArray
    rest: float

    def cells(self, samples: int) -> tuple[FloatArray, FloatArray]:
        """Return the ends of cells, as numbers of listed tokens, and what is expected in each.

        The last one also has all others, if they have any probability.
        """
        running = np.cumsum(self.listed) * samples
        whole = float(running[-1]) if len(running) else 0.0
        least = max(LEAST_EXPECTED, samples / MOST_CELLS)
        ends, sums, reached, at = [], [], 0.0, 0
        while at < len(running):
            at = int(np.searchsorted(running, reached + least, side="left")) + 1
            if at > len(running):
                break
            ends.append(at)
            sums.append(float(running[at - 1]) - reached)
            reached = float(running[at - 1])
        left = whole - reached
        rest = self.rest * samples
        if rest >= LEAST_EXPECTED:
            # all others are a cell of their own, and what is left of the listed ones another or its neighbour
            if left >= LEAST_EXPECTED or (left > 0 and not ends):
                ends.append(len(running))
                sums.append(left)
            elif ends:
                ends[-1], sums[-1] = len(running), sums[-1] + left
            return np.array([*ends, math.inf]), np.array([*sums, rest])
        if left + rest >= LEAST_EXPECTED or not ends:
            ends.append(len(running))
            sums.append(left + rest)
        else:
            ends[-1], sums[-1] = len(running), sums[-1] + left + rest
        return np.array([*ends[:-1], math.inf]), np.array(sums)

    def test(self, counts: Counts) -> tuple[float, int, float]:
        """Return the statistic, the degrees of freedom and the p-value of samples."""
        total = counts.total
        possible = len(self.listed)
        if (counts.beyond(possible) and self.rest == 0) or np.any(counts.first(possible)[self.listed == 0]):
            return math.inf, max(possible - 1, 1), 0.0
        ends, expected = self.cells(total)
        running = np.concatenate(([0], np.cumsum(counts.first(possible))))
        upto = np.minimum(ends, possible).astype(int)
        seen = running[upto].astype(float)
        if math.isinf(ends[-1]):
            seen[-1] = total
        observed = np.diff(np.concatenate(([0.0], seen)))
        cells = len(expected)
        if cells < 2:
            return 0.0, 0, 1.0
        statistic = _distance(observed, expected)
        inverse = float((total / expected).sum())
        corrected = statistic / (1 + max(inverse - 1, 0.0) / (6 * total * (cells - 1)))
        return corrected, cells - 1, chi_square_tail(corrected, cells - 1)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return the chance that a chi-square variable of whole degrees of freedom is above a number.

    The finite sums of Abramowitz and Stegun, 26.4.4 and 26.4.5.
    """
    if degrees < 1 or statistic <= 0:
        return 1.0
    if math.isinf(statistic):
        return 0.0
    half = statistic / 2
    # the logarithms of the terms, since some are beyond float64 where their product with exp is not
    odd = degrees % 2
    first = math.erfc(math.sqrt(half)) if odd else 0.0
    powers = range(degrees // 2)
    shift = 0.5 * odd
    terms = (math.exp((k + shift) * math.log(half) - half - math.lgamma(k + shift + 1)) for k in powers)
    return min(1.0, first + math.fsum(terms))


def agreements(
    distribution: TokenDistribution, counts: Counts, settings: Sequence[DecodingSettings]
) -> tuple[Agreement, ...]:
    """Test samples against settings, each of which is a rival of all others.

    Args:
        distribution: what the model said at T = 1.
        counts: of samples of this distribution, at least one.
        settings: what may have been sampled from.

    Returns:
        One for each setting, in their order.
    """
    decodings = [decode(distribution, each) for each in settings]
    theories = [_theory(decoding, counts) for decoding in decodings]
    tested = [_tested(each, counts) for each in decodings]
    found = []
    for number, (statistic, degrees, p_value) in enumerate(tested):
        theory = theories[number]
        verdict: Verdict = "differs" if p_value.high < LEVEL else "agrees"
        needed = None
        if verdict == "agrees":
            rivals = [
                other
                for other in range(len(settings))
                if tested[other][2].high >= LEVEL and not _same(theory, theories[other])
            ]
            # whichever of the two they come from
            pairs = [(theory, theories[other]) for other in rivals]
            takes = [max(_samples_needed(*pair), _samples_needed(*pair[::-1])) for pair in pairs]
            # what no number of samples tells apart is the same for all that anybody can see
            rivals = [rival for rival, count in zip(rivals, takes, strict=True) if count < MOST_NEEDED]
            if rivals or p_value.estimate < LEVEL:
                verdict = "cannot tell"
            elif degrees == 0 and (few := _needed_for_two_cells(theory)) > counts.total:
                verdict, needed = "cannot tell", few
            if rivals and not any(_hides(decodings[other], theory) for other in rivals):
                needed = max(count for count in takes if count < MOST_NEEDED)
        found.append(Agreement(settings[number], statistic, degrees, p_value, verdict, needed))
    return tuple(found)


def in_each_order(settings: DecodingSettings) -> tuple[DecodingSettings, DecodingSettings]:
    """Return settings with temperature first, and with temperature last."""
    orders: tuple[Order, Order] = ("temperature-first", "temperature-last")
    first, last = (replace(settings, order=order) for order in orders)
    return first, last


def explanations(
    distribution: TokenDistribution, counts: Counts, asked: DecodingSettings
) -> tuple[tuple[DecodingSettings, Interval], ...]:
    """Return other settings from which samples may well come, the best-fitting first, with their p-values.

    What servers are known to do unasked: ignore the temperature or the cuts, be greedy, or add a top-k of 20,
    40 or 50, a min-p of 0.05, or a top-p of 0.8, 0.9 or 0.95 (the defaults of engines, and of models' own
    ``generation_config.json``).
    """
    found: list[tuple[DecodingSettings, Interval]] = []
    theories: list[_Theory] = []
    for settings in _suspects(asked):
        decoding = decode(distribution, settings)
        theory = _theory(decoding, counts)
        if any(_same(theory, other) for other in theories):
            continue
        theories.append(theory)
        *_, p_value = _tested(decoding, counts)
        if p_value.high >= LEVEL:
            found.append((settings, p_value))
    return tuple(sorted(found, key=lambda each: -each[1].estimate))


def _suspects(asked: DecodingSettings) -> Iterator[DecodingSettings]:
    orders = in_each_order(asked)
    yield from (replace(each, temperature=1.0) for each in orders)
    yield from (replace(each, top_p=1.0, top_k=None, min_p=0.0) for each in orders)
    yield DecodingSettings()
    yield replace(asked, temperature=0.0)
    for temperature in dict.fromkeys((asked.temperature, 1.0)):
        for each in orders:
            hot = replace(each, temperature=temperature)
            for top_k in (40, 20, 50):
                if asked.top_k is None or asked.top_k > top_k:
                    yield replace(hot, top_k=top_k)
            if asked.min_p < 0.05:
                yield replace(hot, min_p=0.05)
                if asked.top_k is None or asked.top_k > 40:
                    yield replace(hot, top_k=40, min_p=0.05)
                    if asked.top_p > 0.95:
                        yield replace(hot, top_k=40, top_p=0.95, min_p=0.05)
            for top_p in (0.95, 0.9, 0.8):
                if asked.top_p > top_p:
                    yield replace(hot, top_p=top_p)


def _tested(decoding: Decoding, counts: Counts) -> tuple[float, int, Interval]:
    """Return the statistic, the degrees and the p-value of a setting, over all forms that it can have."""
    usual = _theory(decoding, counts)

    def tested(theory: _Theory) -> tuple[float, int, float]:
        theory, folded = _folded(theory, counts, decoding)
        return theory.test(folded)

    statistic, degrees, p_value = tested(usual)
    settings, forms = decoding.settings, [p_value]
    for theory in _forms(decoding, counts):
        forms.append(tested(theory)[2])
    for nudge in (1 - _ROUNDING, 1 + _ROUNDING):
        # on the edge of a cut, rounding in an engine decides whether a token is in or out
        top_p = 1.0 if settings.top_p == 1 else min(settings.top_p * nudge, 1.0)
        nudged = replace(settings, top_p=top_p, min_p=min(settings.min_p * nudge, 1.0))
        if nudged != settings and nudged.cuts:
            other = _theory(decode(decoding.distribution, nudged), counts)
            if not _same(other, usual):
                forms.append(tested(other)[2])
    return statistic, degrees, Interval.around(min(forms), p_value, max(forms))


def _theory(decoding: Decoding, counts: Counts) -> _Theory:
    """Return the probabilities by the estimate; what could not be told where it came has no part in them."""
    stage = decoding.after_cut
    kept = int(stage.kept.estimate)
    listed = stage.first(kept).estimate
    rest = 0.0 if stage.unseen_kept == "none" else max(0.0, stage.beyond(kept).estimate)
    listed = _told(listed, decoding, counts)
    total = float(listed.sum()) + rest
    return _Theory(listed / total, rest / total) if total > 0 else _Theory(listed, 0.0)


def _edge(decoding: Decoding, kept: int) -> tuple[int, int]:
    """Return where the tokens begin and end that are as likely as the last one that is kept."""
    logprobs = decoding.distribution.logprobs
    if not 0 < kept <= len(logprobs) or not (decoding.settings.cuts or decoding.settings.temperature == 0):
        return kept, kept
    edge = -logprobs[kept - 1]
    start = int(np.searchsorted(-logprobs, edge - _TIED, side="left"))
    return start, int(np.searchsorted(-logprobs, edge + _TIED, side="right"))


def _folded(theory: _Theory, counts: Counts, decoding: Decoding) -> tuple[_Theory, Counts]:
    """Return a theory and counts in which tokens of one probability on the edge of a cut are a single one.

    Which of them are kept depends on how an engine sorts.
    """
    start, end = _edge(decoding, len(theory.listed))
    if end - start < 2:
        return theory, counts
    listed = np.zeros(max(end, len(theory.listed)))
    listed[:start] = theory.listed[:start]
    listed[start] = theory.listed[start:].sum()
    tied = sum(times for index, times in counts.tokens if start <= index < end)
    others = [pair for pair in counts.tokens if not start <= pair[0] < end]
    tokens = tuple(sorted([*others, *([(start, tied)] if tied else [])]))
    return _Theory(listed, theory.rest), replace(counts, tokens=tokens)


def _told(weights: FloatArray, decoding: Decoding, counts: Counts) -> FloatArray:
    """Return weights of the first listed tokens, without those that a server's samples may not have named."""
    if not counts.untold:
        return weights
    named: FloatArray = np.where(_is_named(decoding.distribution)[: len(weights)], weights, 0.0)
    return named


@lru_cache(maxsize=4)
def _is_named(distribution: TokenDistribution) -> NDArray[np.bool_]:
    """Return of each listed token whether a sample can be told to be it."""
    return np.array([distribution.is_named(index) for index in range(len(distribution))])


def _forms(decoding: Decoding, counts: Counts) -> Iterator[_Theory]:
    """Yield the forms that a setting can have where not all of it is known.

    The weights of the listed tokens are known. How many of them are kept, and what the others weigh, may
    not be: the more of them came, the more they weigh in the form that fits best.
    """
    stage = decoding.after_cut
    if stage.unseen_kept == "none" and stage.kept.is_point:
        # engines keep all tokens that tie with the last one, or just as many as they are told
        start, end = _edge(decoding, int(stage.kept.low))
        weights = stage.weights[:end]
        for kept in (end, decoding.settings.top_k or end):
            if start < kept <= len(weights) and decoding.settings.temperature > 0:
                first = _told(weights[:kept], decoding, counts)
                yield _Theory(first / first.sum(), 0.0)
    if stage.exact:
        return
    least, most = max(int(stage.kept.low), 1), int(stage.kept.high)
    step = max(1, (most - least) // _MOST_TRIED)
    for kept in dict.fromkeys((*range(least, most + 1, step), most)):
        weights = _told(stage.weights[:kept], decoding, counts)
        known = float(weights.sum())
        low, high = stage.unseen_weight.low, stage.unseen_weight.high
        if kept < stage.listed and kept < len(stage.weights):
            # what is unseen is less likely than all that is listed, so a cut takes it first
            unseen = {0.0} if decoding.distribution.is_top else {low, high}
        else:
            share = counts.beyond(kept) / counts.total
            best = known * share / (1 - share) if share < 1 else high
            unseen = {low, high, min(max(best, low), high)}
        for weight in unseen:
            if math.isfinite(weight):
                yield _Theory(weights / (known + weight), weight / (known + weight))
            else:
                yield _Theory(np.zeros(kept), 1.0)


def _hides(decoding: Decoding, theory: _Theory) -> bool:
    """Whether some form of a decoding gives just what a theory does, so that no samples tell them apart."""
    if decoding.after_cut.exact:
        return False
    expected = np.round(theory.listed * MOST_SAMPLES).astype(int)
    pairs = tuple((index, count) for index, count in enumerate(expected.tolist()) if count)
    counts = Counts(pairs, round(theory.rest * MOST_SAMPLES))
    return _tested(decoding, counts)[2].high >= LEVEL


def _same(one: _Theory, other: _Theory) -> bool:
    """Whether two settings come to the same."""
    if len(one.listed) != len(other.listed):
        return False
    return bool(np.allclose(one.listed, other.listed, rtol=1e-9, atol=1e-12)) and math.isclose(
        one.rest, other.rest, rel_tol=1e-9, abs_tol=1e-12
    )


def _needed_for_two_cells(theory: _Theory) -> int:
    """Return how many samples it takes to compare anything; 0 for what is certain."""
    samples = 1
    while len(theory.cells(samples)[1]) < 2:
        if samples > MOST_NEEDED:
            return 0
        samples = math.ceil(samples * 1.25)
    return samples


def _samples_needed(theory: _Theory, rival: _Theory) -> int:
    """Return how many samples of ``theory`` it takes to show that they are not of ``rival``.

    By the noncentral chi-square law (its mean and variance): the statistic is then above the level's limit
    with a chance of :data:`POWER`. Not above :data:`MOST_NEEDED`.
    """
    samples = 10
    while samples < MOST_NEEDED and not _shows(theory, rival, samples):
        samples = math.ceil(samples * 1.25)
    unit: int = 10 ** max(len(str(samples)) - 2, 0)
    return min(math.ceil(samples / unit) * unit, MOST_NEEDED)


def _shows(theory: _Theory, rival: _Theory, samples: int) -> bool:
    kept = len(rival.listed)
    never = float(theory.listed[kept:].sum()) + (theory.rest if rival.rest == 0 else 0.0)
    if never and (1 - never) ** samples < 1 - POWER:
        return True
    ends, expected = rival.cells(samples)
    if len(expected) < 2:
        return False
    running = np.concatenate(([0.0], np.cumsum(theory.listed)))
    seen = running[np.minimum(ends, len(theory.listed)).astype(int)]
    seen[-1] = 1.0
    true = np.diff(np.concatenate(([0.0], seen))) * samples
    noncentral, degrees = _distance(true, expected), len(expected) - 1
    expected_statistic = degrees + noncentral
    spread = math.sqrt(2 * (degrees + 2 * noncentral))
    return chi_square_tail(expected_statistic - 1.645 * spread, degrees) < LEVEL


def _distance(observed: FloatArray, expected: FloatArray) -> float:
    """Return G: twice the sum of observed times the logarithm of observed over expected."""
    came = observed > 0
    return max(0.0, 2 * float((observed[came] * np.log(observed[came] / expected[came])).sum()))
