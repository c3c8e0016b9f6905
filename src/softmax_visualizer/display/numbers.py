"""Numbers as words, rounded so that the words stay true.

One number is rounded to the nearest; it never becomes a certainty it is not: 0 and 100 % are printed only for
exactly 0 and 1. An interval is rounded outwards, its low end down and its high end up, so that the printed
interval contains the true one; where both ends print alike, one number says it all.

Values are taken at 12 significant digits: the last few bits of a float are the noise of its computation, and
0.30000000000000004 is no more than 30.0 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Protocol

SHORTEST_PERCENT = 8
"""The cells that :func:`percent_in` needs at the least: ``>99.99 %``, ``99–100 %``."""

_COARSE = 0.015
"""Width of an interval of probabilities from which whole percents say it."""

_PLAIN_BITS = Decimal(10) ** 9
"""Bits from which on they are printed as a power of ten."""

_SLACK = 1e-9
"""How far rounding may push a probability out of 0 to 1."""


class Bounds(Protocol):
    """A number known to lie between ``low`` and ``high``."""

    @property
    def low(self) -> float: ...  # noqa: D102

    @property
    def estimate(self) -> float: ...  # noqa: D102

    @property
    def high(self) -> float: ...  # noqa: D102


def percent(value: float | Bounds) -> str:
    """Return a probability in percent: ``"55.7 %"``, ``"0.04 %"``, ``"<0.01 %"``, ``">99.99 %"``.

    An interval is printed as by :func:`percent_range`.

    Raises:
        ValueError: a probability is NaN or not between 0 and 1.
    """
    if isinstance(value, (int, float)):
        return f"{_percent_digits(value, ROUND_HALF_EVEN)} %"
    return percent_range(value.low, value.high)


def percent_range(low: float, high: float) -> str:
    """Return the interval between two probabilities: ``"4.1 to 9.8 %"``; infinite ``high`` is unknown.

    Raises:
        ValueError: a probability is NaN or not between 0 and 1, or ``low`` is above ``high``.
    """
    return _between(low, high, _percent_digits, " %")


def percent_short(value: Bounds) -> str:
    """Return an interval of probabilities where room is short: ``"12–29 %"``, ``"81.3–81.5 %"``.

    An interval wider than a point and a half loses nothing by whole percents, rounded outwards.
    """
    if value.high - value.low >= _COARSE:
        return _whole_percents(value)
    return _between(value.low, value.high, _percent_digits, " %", "–")


def percent_in(value: Bounds, cells: int) -> str:
    """Return an interval of probabilities in so many cells, :data:`SHORTEST_PERCENT` or more.

    Where its digits do not fit it is given in whole percents, rounded outwards.
    """
    text = percent_short(value)
    return text if len(text) <= cells else _whole_percents(value)


def bits(value: float | Bounds, to: str = " to ") -> str:
    """Return an amount of information: ``"2.31 bits"``, ``"1.20 to 3.42 bits"``, ``"at least 1.20 bits"``.

    ``to``: what stands between the ends of an interval; ``"–"`` where room is short.

    Raises:
        ValueError: the amount is NaN or negative.
    """
    if isinstance(value, (int, float)):
        return f"{_bits_digits(value, ROUND_HALF_EVEN)} bits"
    return _between(value.low, value.high, _bits_digits, " bits", to)


def number(value: float | Bounds, to: str = " to ") -> str:
    """Return an effective count to three digits: ``"4.9"``, ``"213"``, ``"12,400"``, ``"4.9 to 213"``.

    Only a whole number is printed as one: ``"1"`` is 1, while 1.01 is ``"1.0"``. ``to`` is that of
    :func:`bits`.

    Raises:
        ValueError: the count is NaN or negative.
    """
    if isinstance(value, (int, float)):
        return _number_digits(value, ROUND_HALF_EVEN)
    return _between(value.low, value.high, _number_digits, "", to)


def count_range(low: float, high: float | None, to: str = " to ") -> str:
    """Return how many there are: ``"3"``, ``"21 to 412"``; ``"at least 21"`` if ``high`` is None or infinite.

    Counts are whole numbers and are printed in full. ``to`` is that of :func:`bits`.

    Raises:
        ValueError: a count is NaN or negative, or ``low`` is above ``high``.
    """
    return _between(low, math.inf if high is None else high, _count_digits, "", to)


_Digits = Callable[[float, str], str]


def _between(low: float, high: float, digits: _Digits, unit: str, to: str = " to ") -> str:
    if low > high:
        raise ValueError(f"an interval cannot reach from {low} down to {high}")
    if math.isinf(high) and math.isfinite(low):
        return f"at least {digits(low, ROUND_FLOOR)}{unit}"
    nearest = digits(low, ROUND_HALF_EVEN)
    if nearest == digits(high, ROUND_HALF_EVEN):
        return f"{nearest}{unit}"
    return f"{digits(low, ROUND_FLOOR)}{to}{digits(high, ROUND_CEILING)}{unit}"


def _whole_percents(value: Bounds) -> str:
    return f"{math.floor(100 * value.low + _SLACK)}–{math.ceil(100 * value.high - _SLACK)} %"


def _percent_digits(value: float, rounding: str) -> str:
    if not -_SLACK <= value <= 1 + _SLACK:
        raise ValueError(f"a probability is a number from 0 to 1, not {value}")
    if value >= 1:
        return "100"
    hundredths = _decimal(value).scaleb(2)
    if hundredths > Decimal("99.99"):
        return "99.99" if rounding == ROUND_FLOOR else ">99.99"
    one_place = Decimal("0.1") <= hundredths <= Decimal("99.9")
    digits = _fixed(hundredths, 1 if one_place else 2, rounding)
    # rounded up to where one place is enough
    return "0.1" if digits == "0.10" else digits


def _bits_digits(value: float, rounding: str) -> str:
    _check_amount(value)
    if math.isinf(value):
        return "∞"
    exact = _decimal(value)
    if exact >= _PLAIN_BITS:
        # a temperature of 1e-300 is this far from any other
        return f"{exact.quantize(Decimal(1).scaleb(exact.adjusted() - 2), rounding):.2e}"
    return _fixed(exact, 2, rounding)


def _number_digits(value: float, rounding: str) -> str:
    _check_amount(value)
    if math.isinf(value):
        return "∞"
    exact = _decimal(value)
    if exact >= 100 or (exact == exact.to_integral_value() and (exact != 1 or value <= 1)):
        quantum = Decimal(1).scaleb(max(exact.adjusted() - 2, 0))
        return f"{exact.quantize(quantum, rounding):,f}"
    text = _fixed(exact, 1, rounding)
    return "100" if text == "100.0" else text


def _count_digits(value: float, rounding: str) -> str:
    _check_amount(value)
    return "∞" if math.isinf(value) else f"{_decimal(value).to_integral_value(rounding):,f}"


def _check_amount(value: float) -> None:
    if not value >= -_SLACK:
        raise ValueError(f"an amount is a number of 0 or more, not {value}")


def _decimal(value: float) -> Decimal:
    return Decimal(f"{max(value, 0.0):.12g}")


def _fixed(value: Decimal, places: int, rounding: str) -> str:
    """Return digits with so many decimals, and something other than zero for what is not zero."""
    if not value:
        return "0"
    least = Decimal(1).scaleb(-places)
    if value < least:
        return str(least) if rounding == ROUND_CEILING else f"<{least}"
    return str(value.quantize(least, rounding))
