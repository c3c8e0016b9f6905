"""Why printed tables cannot be one distribution, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from softmax_visualizer.decoding.consistency import (
    Contradiction,
    Need,
    Odds,
    Overfull,
    PrintedTable,
    Rise,
    warmed,
)
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.pipeline import LABEL_WIDTH


def proof(found: Contradiction, names: Mapping[int, str]) -> str:
    """Return a few lines with the numbers that exclude each other, each rounded so that it stays true.

    Args:
        found: what contradicts.
        names: what a table is called, such as ``"T 0.1"``, by its identity.
    """
    match found:
        case Odds(cold, hot, more, less):
            return _odds(found, names[id(cold)], names[id(hot)], shown(more), shown(less))
        case Rise(cold, hot, token):
            return _rise(found, names[id(cold)], names[id(hot)], shown(token))
        case Overfull(full, None):
            return f"What is listed at {names[id(full)]} sums to {_sum(found.total)}: more than there is."
        case Overfull(full, other):
            lead = _lead(found, names[id(full)], names[id(other)])
            if found.total == math.inf:
                return lead
            total = _sum(found.total)
            return f"{lead}\nWith what else is listed there, that sums to {total}: more than there is."


def shown(name: str) -> str:
    """Return a token's name for a sentence, in quotes if it is no word."""
    text = safe_line(name, LABEL_WIDTH)
    return text if text.isalnum() else f"“{text}”"


def _odds(found: Odds, cold: str, hot: str, more: str, less: str) -> str:
    printed = found.cold.ranges[found.more][1] / found.cold.ranges[found.less][0]
    seen = found.hot.ranges[found.more][0] / found.hot.ranges[found.less][1]
    exponent = 0.0 if found.cold is found.hot else _exponent(found.cold, found.hot)
    most, least = _apart(printed**exponent, seen)
    if exponent == 0:
        return (
            f"{less} has a share at {cold}, so no token is likelier than it at any temperature.\n"
            f"At {hot}, {more} is at least {least} times as likely as {less}."
        )
    return (
        f"At {cold}, {more} is at most {_at_most(printed)} times as likely as {less}.\n"
        f"That makes at most {most} times at {hot}, but it is at least {least} times there."
    )


def _rise(found: Rise, cold: str, hot: str, token: str) -> str:
    printed, seen = found.cold.ranges[found.token][1], found.hot.ranges[found.token][0]
    exponent = _exponent(found.cold, found.hot)
    most, least = _apart(100 * float(warmed(printed, exponent)), 100 * seen)
    if exponent == 1:
        why = (
            "A cut only raises what it keeps" if found.cold.cut else "At one temperature a share is the same"
        )
        return f"{why}.\n{token} is at most {most} % at {cold}, but at least {least} % at {hot}."
    return (
        f"At {cold}, {token} is at most {_at_most(100 * printed)} %.\n"
        f"That makes at most {most} % at {hot}, but it is at least {least} % there."
    )


def _lead(found: Overfull, full: str, other: str) -> str:
    """Say what some tokens must have in the full table because of the other one."""
    needs = ", ".join(f"{_name(need)} would be {_share(need.here)}" for need in found.needed[:3])
    if len(found.needed) > 3:
        needs += f", and {len(found.needed) - 3:,} more would be above what is listed"
    first, exponent = found.needed[0], _exponent(found.other or found.full, found.full)
    if found.anchor is None or found.other is None:
        if exponent == 1:
            return f"At one temperature a share is the same, so at {full} {needs}."
        if exponent > 1:
            return f"To have its share at {other}, at {full} {needs}."
        return f"Where what both tables list fits into 100 % at {other}, at {full} {needs}."
    anchor = shown(found.anchor)
    odds = first.there / found.other.ranges[found.anchor][1]
    lead = f"At {other}, {_name(first)} is at least {_at_least(odds)} times as likely as {anchor}."
    if exponent == math.inf:
        return f"{lead}\nSo {anchor} can have no share at {full}, but it has."
    huge = exponent * math.log(odds) > math.log(1e6)
    makes = "more than a million" if huge else f"at least {_at_least(odds**exponent)}"
    low = found.full.ranges[found.anchor][0]
    return (
        f"{lead} That makes {makes} times at {full}.\n"
        f"{anchor} is at least {_at_least(100 * low)} % there, so {needs}."
    )


def _name(need: Need) -> str:
    return "what neither table lists" if need.name is None else shown(need.name)


def _share(least: float) -> str:
    return "more than 100 %" if least > 1 else f"at least {_at_least(100 * least)} %"


def _exponent(start: PrintedTable, end: PrintedTable) -> float:
    """Return what odds are raised to, from one temperature to another."""
    if start.temperature == end.temperature:
        return 1.0
    return start.temperature / end.temperature if end.temperature else math.inf


def _sum(total: float) -> str:
    return "more than 1,000 %" if total > 10 else f"at least {_apart(100.0, 100 * total)[1]} %"


def _at_most(value: float) -> str:
    return f"{_bound(value, ROUND_CEILING):,f}"


def _at_least(value: float) -> str:
    return f"{_bound(value, ROUND_FLOOR):,f}"


def _apart(most: float, least: float) -> tuple[str, str]:
    """Return an upper and a lower bound with as many digits as show that they exclude each other."""
    for digits in range(4, 12):
        ends = _bound(most, ROUND_CEILING, digits), _bound(least, ROUND_FLOOR, digits)
        if ends[0] < ends[1]:
            break
    return f"{ends[0]:,f}", f"{ends[1]:,f}"


def _bound(value: float, rounding: str, digits: int = 4) -> Decimal:
    # the last bits of a float are noise, which must not move a bound by a digit
    return Context(digits, rounding).create_decimal(f"{value:.12g}").normalize()
