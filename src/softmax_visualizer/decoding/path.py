"""What settings make of a whole path at once: how likely each of its tokens is, and all of them together.

The same numbers as :func:`softmax_visualizer.decoding.decode` gives step by step, worked out for many steps
in one go, since a knob is turned over all of them. Where a cut reaches among unseen tokens in a way that
takes more than one comparison, that function is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from softmax_visualizer.decoding.cut import MIN_P_SLACK, reached
from softmax_visualizer.decoding.decoder import decode
from softmax_visualizer.decoding.generation import Step
from softmax_visualizer.decoding.interval import ALL_BUT_CERTAIN, FloatArray, Interval, IntervalArray
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.decoding.stage import Kept
from softmax_visualizer.decoding.tails import Tails

_TOGETHER = 512
"""Lists up to this length are worked on together, a row each; longer ones fill a processor's cache alone."""

_LEAST = math.ulp(0.0)

_KEPT: tuple[Kept, ...] = ("no", "maybe", "yes")


_SETTINGS_KEPT = 8
"""Settings at which what was worked out for a step is kept: those of the knobs, the presets and the pins."""

_Found = TypeVar("_Found")


def _kept_with_steps(
    work_out: Callable[[Step, DecodingSettings], _Found],
) -> Callable[[Step, DecodingSettings], _Found]:
    """Keep what is worked out for a step no longer than the step, which may hold a whole vocabulary."""
    known: WeakKeyDictionary[Step, dict[DecodingSettings, _Found]] = WeakKeyDictionary()

    def found(step: Step, settings: DecodingSettings) -> _Found:
        kept = known.setdefault(step, {})
        if (result := kept.get(settings)) is None:
            result = kept[settings] = work_out(step, settings)
            # several threads may be here
            for oldest in list(kept)[:-_SETTINGS_KEPT]:
                kept.pop(oldest, None)
        return result

    return found


@dataclass(frozen=True, eq=False)
class PathDecoding:
    """What settings make of the tokens of a path.

    ``probability``: of each step's token, shape ``(steps,)``, as it is sampled; ``greedy``: of each step's
    most likely listed token. ``kept``: for each step whether its token can be sampled.
    """

    steps: tuple[Step, ...]
    settings: DecodingSettings
    probability: IntervalArray
    greedy: IntervalArray
    kept: tuple[Kept, ...]

    @cached_property
    def log2_probability(self) -> Interval:
        """The logarithm of the probability of the whole path, to base 2; -inf if it cannot come out."""
        return Interval.around(*(_log2_sum(each) for each in self.probability.ends))

    @cached_property
    def path_probability(self) -> Interval:
        """The probability that these very tokens are sampled, one after another."""
        return Interval(*(2.0**each for each in self.log2_probability.ends))

    @cached_property
    def departure(self) -> Interval:
        """The probability that at least one other token is sampled: 1 less that of the path."""
        chances = self.log2_probability
        # what may come out is not certain to depart, though its probability is lost beside 1
        low, estimate, high = (
            1.0 if math.isinf(each) else min(-math.expm1(each * math.log(2)), ALL_BUT_CERTAIN)
            for each in (chances.high, chances.estimate, chances.low)
        )
        return Interval.around(low, estimate, high)

    @property
    def forbidden(self) -> int | None:
        """The first step whose token the cuts take away for certain; None if there is none."""
        return next((at for at, kept in enumerate(self.kept) if kept == "no"), None)

    @property
    def greedy_steps(self) -> int:
        """How many steps are the most likely token."""
        return sum(step.is_greedy for step in self.steps)

    def weakest(self, count: int) -> tuple[int, ...]:
        """Return the steps that are the least likely ones, the least likely first."""
        order = np.argsort(self.probability.estimate, kind="stable")
        return tuple(int(at) for at in order[:count])

    def uncertain(self, at: int) -> bool:
        """Whether no token of a step has half of the probability."""
        return bool(self.greedy.estimate[at] < 0.5)


@_kept_with_steps
def _entropy(step: Step, settings: DecodingSettings) -> Interval:
    return decode(step.distribution, settings).after_cut.entropy


def entropies(steps: tuple[Step, ...], settings: DecodingSettings) -> IntervalArray:
    """Return the entropy of what each step is sampled from, in bits, shape ``(steps,)``.

    A decoding a step: some milliseconds for a long list.
    """
    found = np.array([_entropy(step, settings).ends for step in steps]).reshape(-1, 3)
    return IntervalArray(*found.T)


def surprisal(step: Step) -> Interval:
    """Return how surprising a step's token is to the model, in bits: -log2 of its probability at T = 1."""
    probability = decode_path((step,), DecodingSettings()).probability[0]
    low, estimate, high = (
        -math.log2(each) if each > 0 else math.inf
        for each in (probability.high, probability.estimate, probability.low)
    )
    # not -0.0
    return Interval(low + 0.0, estimate + 0.0, high + 0.0)


# a map asks at one path again and again
@lru_cache(maxsize=8)
def decode_path(steps: tuple[Step, ...], settings: DecodingSettings) -> PathDecoding:
    """Return what settings make of the tokens of a path.

    Args:
        steps: any number of them.
        settings: temperature, the cuts and their order.
    """
    columns = np.zeros((7, len(steps)))
    for where, rows in _grouped(steps):
        # an answer that grows by a step has all long lists but one decoded already
        found = _alone(rows.steps[0], settings) if len(rows.steps) == 1 else rows.decoded(settings)
        columns[:, where] = found
    low, estimate, high, first_low, first, first_high, kept = columns
    exact = np.array_equal(low, high)
    return PathDecoding(
        steps,
        settings,
        IntervalArray(low, low, low) if exact else IntervalArray(low, estimate, high),
        IntervalArray(first_low, first, first_high),
        tuple(_KEPT[int(each)] for each in kept),
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Some steps of a path, a row each.

    ``logs``: log-weights over the first token's at T = 1, shape ``(steps, tokens)``, -inf behind a list.
    ``listed``, ``index``: how many tokens are listed, and which was chosen, shape ``(steps,)``.
    """

    steps: tuple[Step, ...]

    @cached_property
    def listed(self) -> NDArray[np.intp]:
        return np.array([step.distribution.support for step in self.steps])

    @cached_property
    def logs(self) -> FloatArray:
        if len(self.steps) == 1:
            return self.steps[0].distribution.log_weights[np.newaxis]
        logs = np.full((len(self.steps), int(self.listed.max())), -np.inf)
        for row, step in zip(logs, self.steps, strict=True):
            row[: step.distribution.support] = step.distribution.log_weights
        return logs

    @cached_property
    def index(self) -> NDArray[np.intp]:
        return np.array([-1 if step.index is None else step.index for step in self.steps])

    @cached_property
    def tails(self) -> Tails:
        """The unseen tokens of those steps that have some, in their order."""
        return Tails.of([step.distribution.tail for step in self.steps if not step.distribution.tail.empty])

    def spread(self, values: FloatArray, otherwise: float = 0.0) -> FloatArray:
        """Return numbers of :attr:`tails` as one for each step."""
        column = np.full(len(self.steps), otherwise)
        column[~self.whole] = values
        return column

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """Whether nothing is unseen."""
        return np.array([step.distribution.tail.empty for step in self.steps])

    @cached_property
    def is_top(self) -> NDArray[np.bool_]:
        return np.array([step.distribution.tail.is_top for step in self.steps])

    @cached_property
    def unseen(self) -> Callable[[float], tuple[FloatArray, ...]]:
        """What the unseen tokens weigh at a temperature: low, estimate, high."""
        # two: temperature last has one for its cuts and one for what it samples from
        return lru_cache(maxsize=2)(self._unseen)

    def _unseen(self, temperature: float) -> tuple[FloatArray, ...]:
        if self.whole.all() or temperature == 0:
            return (np.zeros(len(self.steps)),) * 3
        return tuple(map(self.spread, self.tails.weight(temperature)))

    def decoded(self, settings: DecodingSettings) -> FloatArray:
        """Return the columns of :class:`PathDecoding`, shape ``(7, steps)``."""
        temperature, first = settings.temperature, settings.order == "temperature-first"
        (weights, sums), unseen = _weights(self, temperature), self.unseen(temperature)
        if first and temperature == 0:
            settings = replace(settings, top_p=1.0, top_k=None, min_p=0.0)
        least, middle, most, hard, into, extra = self._cut(settings, temperature if first else 1.0)
        if temperature == 0:
            ties = (weights > 0).sum(axis=1)
            least, middle, most = (np.minimum(each, ties) for each in (least, middle, most))
            hard |= ~self.whole & (self.spread(self.tails.log_cap) >= 0)
            into &= False
            extra = unseen
        elif not first:
            hard |= into & settings.cuts
            extra = unseen if not settings.cuts else tuple(np.where(into, 0, each) for each in extra)
        rows = np.arange(len(self.steps))

        def share(index: NDArray[np.intp]) -> list[FloatArray]:
            weight = weights[rows, index]
            total_low = np.maximum(1.0, sums[rows, least - 1] + extra[0])
            total_high = np.maximum(1.0, sums[rows, most - 1] + extra[2])
            total = sums[rows, middle - 1] + extra[1]
            low = np.where(index < least, weight / total_high, 0.0)
            reaching = np.where(index < least, total_low, np.maximum(sums[rows, index], total_low))
            high = np.where(index < most, weight / reaching, 0.0)
            estimate = np.where(index < middle, weight / total, 0.0)
            alone = (most == 1) & ~into
            low, estimate, high = (
                np.where(alone, each, np.minimum(each, ALL_BUT_CERTAIN)) for each in (low, estimate, high)
            )
            low = np.where(index < least, np.maximum(low, _LEAST), low)
            high = np.where(index < most, np.maximum(high, _LEAST), high)
            high = np.maximum(low, high)
            return [low, np.clip(estimate, low, high), high]

        impossible = self.index >= self.listed
        index = np.where(impossible, 0, np.maximum(self.index, 0))
        kept = np.where(index < least, 2, np.where(index < most, 1, 0))
        columns = np.array([*share(index), *share(np.zeros_like(index)), kept], dtype=np.float64)
        columns[:3, impossible] = 0.0
        columns[6, impossible] = 0
        for row in np.flatnonzero(hard | (self.index < 0)):
            columns[:, row] = _one_by_one(self.steps[row], settings)
        return columns

    def _cut(self, settings: DecodingSettings, temperature: float) -> tuple[Any, ...]:
        """Return what the cuts keep when they act at a temperature.

        That is: how many listed tokens are kept, at the least, by the estimate, and at the most; for which
        rows this does not say it all; where unseen tokens may be kept; and what those weigh.
        """
        sums, unseen = _weights(self, temperature)[1], self.unseen(temperature)
        log_cap, count = self.spread(self.tails.log_cap), self.spread(self.tails.count)
        rows, size = np.arange(len(self.steps)), self.listed
        kept, into, hard = size.copy(), ~self.whole, np.zeros(len(size), dtype=bool)
        if settings.top_k is not None:
            k = settings.top_k
            acts = k < size + count
            edge = self.logs[rows, np.minimum(k, size) - 1]
            ties = (self.logs >= edge[:, np.newaxis]).sum(axis=1)
            chosen = ties if settings.order == "temperature-first" else np.minimum(k, size)
            kept = np.where(acts & (k <= size), chosen, size)
            hard |= acts & ~self.whole & ((k > size) | (edge <= log_cap))
            into &= ~acts
        extra = tuple(np.where(into, each, 0.0) for each in unseen)
        least = middle = most = kept
        if settings.top_p < 1:
            known, share = sums[rows, kept - 1], reached(settings.top_p)
            thresholds = [share * (known + each) if share else np.zeros(len(size)) for each in extra]
            least, middle, most = (np.minimum(_before(sums, each) + 1, kept) for each in thresholds)
            lacks = [each - known for each in thresholds]
            into &= lacks[2] > 0
            extra = self._crossing(
                settings.top_p, known, extra, lacks, count, np.exp(log_cap / temperature), into
            )
            hard |= ~self.whole & ~self.is_top
        if settings.min_p > 0:
            floor = math.log(settings.min_p) * temperature - MIN_P_SLACK
            reaching = np.maximum((self.logs >= floor).sum(axis=1), 1)
            least, middle, most = (np.minimum(each, reaching) for each in (least, middle, most))
            hard |= into & ((log_cap >= floor) | ~self.is_top)
            into &= hard
            extra = tuple(np.where(into, each, 0.0) for each in extra)
        return least, middle, most, hard, into, extra

    @staticmethod
    def _crossing(
        top_p: float,
        known: FloatArray,
        unseen: tuple[FloatArray, ...],
        lacks: Sequence[FloatArray],
        count: FloatArray,
        cap: FloatArray,
        into: NDArray[np.bool_],
    ) -> tuple[FloatArray, ...]:
        """Return what a nucleus that reaches into the unseen tokens keeps of them, as in :mod:`.cut`."""
        low = np.where(lacks[0] > 0, np.minimum(unseen[0], lacks[0]), 0.0)
        middle = np.minimum(unseen[1], np.maximum(lacks[1], 0.0))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            more = top_p * (known + unseen[2]) - known
            share = np.where(np.isfinite(unseen[2]), np.minimum(1.0, more / unseen[2]), top_p)
            tokens = np.maximum(1.0, np.ceil(np.where(share > 0, count * share, 0.0)))
            high = np.minimum(np.minimum(unseen[2], more + cap), tokens * cap)
        high = np.maximum(np.where(np.isnan(high), unseen[2], high), low)
        return tuple(np.where(into, each, 0.0) for each in (low, np.clip(middle, low, high), high))


@lru_cache(maxsize=2)
def _weights(rows: _Rows, temperature: float) -> tuple[FloatArray, FloatArray]:
    """Return the weights of listed tokens at a temperature, and their running sums."""
    if not temperature:
        weights = (rows.logs == 0).astype(np.float64)
    else:
        with np.errstate(over="ignore", under="ignore"):
            weights = rows.logs / temperature
            np.exp(weights, out=weights)
    return weights, np.cumsum(weights, axis=1)


def _before(sums: FloatArray, thresholds: FloatArray) -> NDArray[np.intp]:
    """Return how many of each row's running sums are below its threshold."""
    if len(sums) == 1:
        return np.searchsorted(sums[0], thresholds)
    below: NDArray[np.intp] = (sums < thresholds[:, np.newaxis]).sum(axis=1)
    return below


def path_chances(
    steps: tuple[Step, ...],
    settings: DecodingSettings,
    temperatures: Sequence[float],
    top_ps: Sequence[float],
) -> list[list[Interval]]:
    """Return log2 of the probability of a path on a grid, indexed ``[top_p][temperature]``.

    The other settings stay as they are.
    """
    sums = np.zeros((3, len(top_ps), len(temperatures)))
    for _, rows in _grouped(steps):
        # temperatures outside: what one makes of a vocabulary costs more than any cut of it
        for across, temperature in enumerate(temperatures):
            for down, top_p in enumerate(top_ps):
                here = replace(settings, temperature=temperature, top_p=top_p)
                sums[:, down, across] += [_log2_sum(column) for column in rows.decoded(here)[:3]]
    return [
        [Interval.around(*sums[:, down, across]) for across in range(len(temperatures))]
        for down in range(len(top_ps))
    ]


def path_map(
    steps: tuple[Step, ...],
    settings: DecodingSettings,
    temperatures: Sequence[float],
    top_ps: Sequence[float],
) -> tuple[tuple[Interval, ...], ...]:
    """Return the probability of a path on a grid, indexed ``[top_p][temperature]``."""
    rows = path_chances(steps, settings, temperatures, top_ps)
    return tuple(tuple(Interval(*(2.0**end for end in each.ends)) for each in row) for row in rows)


def _one_by_one(step: Step, settings: DecodingSettings) -> list[float]:
    """Return a column of :class:`PathDecoding` from the whole decoding of a step."""
    stage = decode(step.distribution, settings).after_cut
    first = stage.first(1)[0]
    if step.index is not None:
        here, kept = stage.first(step.index + 1)[step.index], stage.is_kept(step.index)
    else:
        # one of the unseen tokens, whichever: no more likely than all of them, nor than the cap lets it be
        tail, beyond = step.distribution.tail, stage.beyond(len(step.distribution))
        cap = tail.cap(settings.temperature) / stage.total.low if settings.temperature else 1.0
        high = 0.0 if stage.unseen_kept == "none" else min(beyond.high, cap, 1.0)
        here = Interval(0.0, min(high, beyond.estimate) / 2, high)
        kept = "no" if high == 0 else "maybe"
    return [*here.ends, *first.ends, _KEPT.index(kept)]


# the arrays of a path are kept while its knobs are turned
@lru_cache(maxsize=4)
def _grouped(steps: tuple[Step, ...]) -> tuple[tuple[NDArray[np.intp], _Rows], ...]:
    """Return rows of steps with their places in the path: the short lists together, each long one alone."""
    lengths = np.array([step.distribution.support for step in steps], dtype=np.intp)
    short = np.flatnonzero(lengths <= _TOGETHER)
    groups = ([short] if len(short) else []) + [np.array([at]) for at in np.flatnonzero(lengths > _TOGETHER)]
    return tuple((where, _Rows(tuple(steps[at] for at in where))) for where in groups)


@_kept_with_steps
def _alone(step: Step, settings: DecodingSettings) -> FloatArray:
    return _Rows((step,)).decoded(settings)


def _log2_sum(probabilities: FloatArray) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log2(probabilities).sum())
