"""Whether two printed tables of next-token probabilities can come from one distribution.

Temperature T makes of every probability p its power p ** (1 / T), over one sum for all tokens. So from a
colder table to a hotter one there is a single unknown, a factor f: with t = T_cold / T_hot,

    hot[i] = f * cold[i] ** t    for every token i that neither table's cut took away.

A printed number is a range, and every token that is in both tables bounds f. Where these bounds leave room
for some f, three things more must hold:

* Nothing is above 1 in sum, not even with the shares that tokens of the other table must have.
* f is at most 1 unless something was cut from the hotter table, because t <= 1 makes sum p ** t at least 1;
  and at one temperature f is 1. As what is beside a token of share p has 1 - p, and so at least (1 - p) ** t,
  no token is above p ** t / (p ** t + (1 - p) ** t): its log odds shrink to t times as much, or less.
* What neither table lists has, where it sums to m in the colder table, at least f * m ** t in the hotter one,
  because x ** t is subadditive.

All this is necessary, and each step is sound, so tables of one distribution are never called contradictory.
It is not quite sufficient: a test may assume the low end of a token's range in one place and the high end in
another, where no single number does as well. So None means that no contradiction was found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from softmax_visualizer.decoding.interval import FloatArray

_SLACK = 1e-8
"""How far floating point may be off, in the sums and relative to f: programs print with 9 digits or more."""

_FAR = 1000.0
"""Beyond any ln f: f is a probability over a power of one, and some token has at least 1 / vocabulary."""


@dataclass(frozen=True)
class PrintedTable:
    """Next-token probabilities as somebody printed them at one temperature: all tokens, or any selection.

    ``temperature``: 0 or more.
    ``ranges``: for each token, by its name, the lowest and the highest probability that print like this.
    ``cut``: a cut was on, so that a token that is not listed, or may be 0, may have been impossible.

    Raises:
        ValueError: the temperature is negative or not finite, or a range is not ``0 <= low <= high <= 1``
            with ``high > 0``, a printed 0 being a small number.
    """

    temperature: float
    ranges: Mapping[str, tuple[float, float]]
    cut: bool

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"a temperature is 0 or more, not {self.temperature}")
        for low, high in self.ranges.values():
            if not 0 <= low <= high <= 1 or high == 0:
                raise ValueError(f"no probability prints like what is between {low} and {high}")


@dataclass(frozen=True)
class Odds:
    """The odds of two tokens disagree: in the hotter table ``more`` is too likely beside ``less``.

    One table may be both: at temperature 0 all tokens with a share have the same.
    """

    cold: PrintedTable
    hot: PrintedTable
    more: str
    less: str


@dataclass(frozen=True)
class Rise:
    """The share of ``token`` is larger in ``hot`` than its share in ``cold`` can become."""

    cold: PrintedTable
    hot: PrintedTable
    token: str


@dataclass(frozen=True)
class Need:
    """The least share that a token has ``there``, in one table, and so ``here``, in the other.

    ``name`` is None for all that neither table lists; a share of infinity says that there is none.
    """

    name: str | None
    there: float
    here: float


@dataclass(frozen=True)
class Overfull:
    """The shares in ``full`` sum to ``total`` at least, which is more than 1.

    ``other``: the table that says so; None if ``full`` alone is overfull.
    ``needed``: the fewest tokens that prove it, with what they have in ``other`` and need in ``full``; the
    tokens that ``full`` lists besides count with the low ends of their printed shares.
    ``anchor``: the token by which shares go from one table to the other: it is in both. None where the
    temperatures alone bound the factor, or the two sums do.
    """

    full: PrintedTable
    other: PrintedTable | None
    needed: tuple[Need, ...]
    anchor: str | None
    total: float


Contradiction = Odds | Rise | Overfull


def warmed(share: FloatArray | float, exponent: float) -> FloatArray:
    """Return the most that tokens can have in an uncut hotter table, shape as ``share``; 1 where not listed.

    Args:
        share: the most that each has in the colder table, above 0; infinite where it is not listed.
        exponent: T_cold / T_hot, from 0 to 1.
    """
    own = np.minimum(share, 1.0)
    rest = np.where(own < 1, (1 - own) ** exponent, 0.0)
    return np.asarray(own**exponent / (own**exponent + rest))


def contradiction(first: PrintedTable, second: PrintedTable) -> Contradiction | None:
    """Return what proves that no one distribution can print both tables, or None if nothing was found."""
    for table in (first, second):
        if found := _alone(table):
            return found
    # of two tables at one temperature the uncut one counts as the hotter, whose sums say more
    cold, hot = sorted((first, second), key=lambda table: (table.temperature, not table.cut))
    # infinity is the logarithm of 0 here, and stands for any share that is far too large
    with np.errstate(divide="ignore", over="ignore"):
        return _between(_Pair(cold, hot))


def _alone(table: PrintedTable) -> Contradiction | None:
    total = math.fsum(low for low, _ in table.ranges.values())
    if total > 1 + _SLACK:
        return Overfull(table, None, (), None, total)
    winners = {name: ends for name, ends in table.ranges.items() if ends[0] > 0}
    if table.temperature == 0 and winners:
        more = max(winners, key=lambda name: winners[name][0])
        less = min(winners, key=lambda name: winners[name][1])
        if winners[more][0] > winners[less][1] + _SLACK:
            return Odds(table, table, more, less)
    return None


@dataclass(frozen=True, eq=False)
class _Shares:
    """The least shares in a table: of each token, and of the rest, which has ``rest_there`` in the other."""

    least: FloatArray
    rest_there: float = 0.0
    rest: float = 0.0

    @property
    def fit(self) -> bool:
        return float(self.least.sum()) + self.rest <= 1 + _SLACK


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two tables, token by token. Arrays have the shape ``(tokens,)``, over the tokens of either table.

    Natural logarithms: of a token that is not listed, the low end is -inf and the high end +inf.
    """

    cold: PrintedTable
    hot: PrintedTable

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple({**_certain(self.cold), **_certain(self.hot)})

    @cached_property
    def cold_logs(self) -> tuple[FloatArray, FloatArray]:
        return _logs(self.cold, self.names)

    @cached_property
    def hot_logs(self) -> tuple[FloatArray, FloatArray]:
        return _logs(self.hot, self.names)

    @property
    def same_temperature(self) -> bool:
        return self.cold.temperature == self.hot.temperature

    @property
    def exponent(self) -> float:
        return 1.0 if self.same_temperature else self.cold.temperature / self.hot.temperature

    def heated(self, logs: FloatArray) -> FloatArray:
        """Return ln p ** t. At t = 0 that is 0 for what is possible, which is the limit."""
        heated: FloatArray = np.multiply(logs, self.exponent, out=logs.copy(), where=np.isfinite(logs))
        return heated

    def hot_shares(self, factor: float) -> _Shares:
        """Return the least that each token, and all the rest, has in the hotter table, given ln f."""
        cold_low, cold_high = self.cold_logs
        hot_low, hot_high = self.hot_logs
        least = np.maximum(np.exp(hot_low), np.exp(factor + self.heated(cold_low)))
        if self.hot.cut:
            return _Shares(np.where(np.isfinite(hot_high), least, 0.0))
        most = np.minimum(np.exp(cold_high), self._cooled(hot_high, factor))
        rest = 1 - _SLACK - float(most.sum())
        return _Shares(least, rest, math.exp(factor) * rest**self.exponent) if rest > 0 else _Shares(least)

    def cold_shares(self, factor: float) -> _Shares:
        """Return the least that each token has in the colder table, given ln f; the rest may be nothing."""
        cold_low, cold_high = self.cold_logs
        least = np.maximum(np.exp(cold_low), self._cooled(self.hot_logs[0], factor))
        return _Shares(np.where(np.isfinite(cold_high), least, 0.0) if self.cold.cut else least)

    def _cooled(self, logs: FloatArray, factor: float) -> FloatArray:
        """Return (p / f) ** (1 / t). At t = 0 that is 0 or infinite: slack keeps p and f apart."""
        if self.exponent == 0:
            return np.where(logs > factor, np.inf, 0.0)
        cooled: FloatArray = np.exp((logs - factor) / self.exponent)
        return cooled


def _between(pair: _Pair) -> Contradiction | None:
    cold, hot, names = pair.cold, pair.hot, pair.names
    if not names:
        return None
    lows = pair.hot_logs[0] - pair.heated(pair.cold_logs[1])
    highs = pair.hot_logs[1] - pair.heated(pair.cold_logs[0])
    more, less = int(lows.argmax()), int(highs.argmin())
    if lows[more] > highs[less] + _SLACK:
        return Odds(cold, hot, names[more], names[less])
    if not hot.cut:
        over = np.exp(pair.hot_logs[0]) / warmed(np.exp(pair.cold_logs[1]), pair.exponent)
        if over.max() > 1 + _SLACK:
            return Rise(cold, hot, names[int(over.argmax())])
    fixed = pair.same_temperature and not cold.cut and not hot.cut
    if fixed and highs[less] < -_SLACK:
        return Rise(hot, cold, names[less])

    low, low_anchor = max((float(lows[more]), names[more]), (0.0 if fixed else -_FAR, None), key=_factor)
    high, high_anchor = min((float(highs[less]), names[less]), (_FAR if hot.cut else 0.0, None), key=_factor)
    if not pair.hot_shares(low - _SLACK).fit:
        return _overfull(pair, hot, cold, low_anchor, pair.hot_shares(low))
    if not pair.cold_shares(high + _SLACK).fit:
        return _overfull(pair, cold, hot, high_anchor, pair.cold_shares(high))
    if pair.cold_shares(low).fit or pair.hot_shares(high).fit:
        return None
    # the colder sum falls with f and the hotter one rises, so only what both allow is left
    for _ in range(60):
        middle = (low + high) / 2
        if not pair.cold_shares(middle).fit:
            low = middle
        else:
            high = middle
    shares = pair.hot_shares(low - _SLACK)
    return None if shares.fit else _overfull(pair, hot, cold, None, shares)


def _overfull(
    pair: _Pair, full: PrintedTable, other: PrintedTable, anchor: str | None, shares: _Shares
) -> Overfull:
    in_cold, in_hot = np.exp(pair.cold_logs[0]), np.exp(pair.hot_logs[0])
    printed, there = (in_hot, in_cold) if full is pair.hot else (in_cold, in_hot)
    needs = [Need(None, shares.rest_there, shares.rest)]
    needs += map(Need, pair.names, there.tolist(), shares.least.tolist())
    lifts = [shares.rest, *(shares.least - printed).tolist()]
    total, needed = float(printed.sum()), []
    for lift, need in sorted(zip(lifts, needs, strict=True), key=lambda lifted: -lifted[0]):
        if total > 1 + _SLACK:
            break
        total += lift
        needed.append(need)
    return Overfull(full, other, tuple(needed), anchor, total)


def _certain(table: PrintedTable) -> Mapping[str, tuple[float, float]]:
    """Return the tokens that certainly survived the table's cut."""
    if not table.cut:
        return table.ranges
    return {name: ends for name, ends in table.ranges.items() if ends[0] > 0}


def _logs(table: PrintedTable, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    ranges = _certain(table)
    ends = np.array([ranges.get(name, (0.0, math.inf)) for name in names]).reshape(-1, 2)
    logs = np.log(ends)
    return logs[:, 0], logs[:, 1]


def _factor(bound: tuple[float, str | None]) -> float:
    return bound[0]
