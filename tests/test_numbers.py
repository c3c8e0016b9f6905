"""Numbers as words: short, with a unit, and never truer than they are."""

import math
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softmax_visualizer.decoding.interval import Interval
from softmax_visualizer.display.numbers import (
    bits,
    count_range,
    number,
    percent,
    percent_range,
)

probabilities = st.floats(0, 1) | st.floats(0, 1e-3) | st.floats(0.999, 1)
intervals = st.tuples(probabilities, probabilities).map(sorted)


def ends(printed: str) -> tuple[Decimal, Decimal]:
    """Return what a printed interval or bound claims at most, as numbers."""
    words = printed.replace(" %", "").replace(" bits", "").replace(",", "").split(" to ")
    low = 0 if words[0].startswith("<") else Decimal(words[0].lstrip(">"))
    high = 100 if words[-1].startswith(">") else Decimal(words[-1].lstrip("<"))
    return Decimal(low), Decimal(high)


@pytest.mark.parametrize(
    ("probability", "printed"),
    [
        (0.557, "55.7 %"),
        (0.92, "92.0 %"),
        (0.015, "1.5 %"),
        (0.003, "0.3 %"),
        (0.005, "0.5 %"),
        (0.001, "0.1 %"),
        (0.0004, "0.04 %"),
        (0.0001, "0.01 %"),
        (0.00009, "<0.01 %"),
        (1e-300, "<0.01 %"),
        (0.0, "0 %"),
        (-0.0, "0 %"),
        (0.999, "99.9 %"),
        (0.9995, "99.95 %"),
        (0.9997, "99.97 %"),
        (0.9999, "99.99 %"),
        (0.99996, ">99.99 %"),
        (1 - 2**-53, ">99.99 %"),
        (1.0, "100 %"),
        (0.1 + 0.2, "30.0 %"),
        (-1e-17, "0 %"),
        (1 + 1e-12, "100 %"),
    ],
)
def test_a_probability_in_percent(probability: float, printed: str) -> None:
    assert percent(probability) == printed


@given(probabilities)
def test_only_zero_is_zero_and_only_one_is_everything(probability: float) -> None:
    printed = percent(probability)
    assert (printed == "0 %") == (probability == 0)
    assert (printed == "100 %") == (probability == 1)
    assert not re.fullmatch(r"0\.0+ %|100\.0+ %", printed)


@given(probabilities)
def test_a_percentage_is_within_half_of_its_last_digit(probability: float) -> None:
    printed = percent(probability)
    if printed[0] not in "<>":
        digits = Decimal(printed.removesuffix(" %"))
        half = Decimal("0.5").scaleb(digits.as_tuple().exponent) + Decimal("1e-9")
        assert abs(Decimal(probability) * 100 - digits) <= half
        assert len(printed) <= len(">99.99 %")


@given(probabilities, probabilities)
def test_a_larger_probability_never_prints_as_a_smaller_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert ends(percent(low))[0] <= ends(percent(high))[1]


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -0.01, 1.01])
def test_what_is_no_probability_is_refused(nonsense: float) -> None:
    with pytest.raises(ValueError, match="a probability is a number from 0 to 1"):
        percent(nonsense)


@pytest.mark.parametrize(
    ("low", "high", "printed"),
    [
        (0.041, 0.098, "4.1 to 9.8 %"),
        (0.04119, 0.09711, "4.1 to 9.8 %"),
        (0.55702, 0.55703, "55.7 %"),
        (0.557, 0.557, "55.7 %"),
        (0.55749, 0.55751, "55.7 to 55.8 %"),
        (0.0, 0.02, "0 to 2.0 %"),
        (0.0, 0.00002, "0 to 0.01 %"),
        (1e-9, 0.7, "<0.01 to 70.0 %"),
        (1e-9, 1e-8, "<0.01 %"),
        (0.9, 0.99999, "90.0 to >99.99 %"),
        (0.99995, 1.0, "99.99 to 100 %"),
        (1e-9, 0.99999, "<0.01 to >99.99 %"),
        (0.0, 1.0, "0 to 100 %"),
        (0.3, 0.1 + 0.2, "30.0 %"),
        (0.041, math.inf, "at least 4.1 %"),
    ],
)
def test_an_interval_of_probabilities(low: float, high: float, printed: str) -> None:
    assert percent_range(low, high) == printed


@given(intervals)
def test_a_printed_interval_contains_the_true_one(interval: list[float]) -> None:
    low, high = interval
    printed = percent_range(low, high)
    assert len(printed) <= len("<0.01 to >99.99 %")
    if " to " in printed:
        first, last = ends(printed)
        noise = Decimal("1e-9")
        assert first <= Decimal(low) * 100 + noise
        assert Decimal(high) * 100 <= last + noise
    else:
        assert percent(low) == percent(high) == printed


def test_an_interval_has_a_low_end_below_its_high_end() -> None:
    with pytest.raises(ValueError, match=r"from 0\.2 down to 0\.1"):
        percent_range(0.2, 0.1)


def test_intervals_of_the_decoding_are_printed_by_their_ends() -> None:
    assert percent(Interval(0.041, 0.09, 0.098)) == "4.1 to 9.8 %"
    assert percent(Interval.point(0.557)) == "55.7 %"
    assert bits(Interval(1.2, 2.0, 3.415)) == "1.20 to 3.42 bits"
    assert number(Interval(4.91, 20.0, math.inf)) == "at least 4.9"


def test_numpy_numbers_are_numbers() -> None:
    assert percent(np.float64(0.557)) == "55.7 %"


@pytest.mark.parametrize(
    ("amount", "printed"),
    [
        (2.314, "2.31 bits"),
        (0.6, "0.60 bits"),
        (0.0, "0 bits"),
        (-1e-16, "0 bits"),
        (0.001, "<0.01 bits"),
        (17.6096, "17.61 bits"),
        (math.inf, "∞ bits"),
        (Interval(1.2, math.inf, math.inf), "at least 1.20 bits"),
        (Interval(0.0, 0.0, 0.001), "0 to 0.01 bits"),
        (Interval(math.inf, math.inf, math.inf), "∞ bits"),
    ],
)
def test_information_is_in_bits(amount: float | Interval, printed: str) -> None:
    assert bits(amount) == printed


@pytest.mark.parametrize(
    ("count", "printed"),
    [
        (1.0, "1"),
        (1.01, "1.0"),
        (4.86, "4.9"),
        (21.34, "21.3"),
        (99.96, "100"),
        (213.4, "213"),
        (999.6, "1,000"),
        (12_387.0, "12,400"),
        (200_019.0, "200,000"),
        (0.0, "0"),
        (math.inf, "∞"),
        (Interval(4.91, 100.0, 12_310.0), "4.9 to 12,400"),
        (Interval(99.01, 99.02, 99.97), "99.0 to 100"),
    ],
)
def test_an_effective_count_has_three_digits(count: float | Interval, printed: str) -> None:
    assert number(count) == printed


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_a_printed_interval_of_counts_contains_the_true_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    first, last = ends(number(Interval(low, low, high)))
    if first != last:
        assert first <= Decimal(low) * (1 + Decimal("1e-11"))
        assert Decimal(high) <= last * (1 + Decimal("1e-11"))


@pytest.mark.parametrize(
    ("low", "high", "printed"),
    [
        (3, 3, "3"),
        (21, 412, "21 to 412"),
        (21, None, "at least 21"),
        (21, math.inf, "at least 21"),
        (20.0, 200_019.0, "20 to 200,019"),
        (0, 0, "0"),
    ],
)
def test_counts_are_printed_in_full(low: float, high: float | None, printed: str) -> None:
    assert count_range(low, high) == printed


@pytest.mark.parametrize("words", [bits, number])
@pytest.mark.parametrize("nonsense", [math.nan, -1.0])
def test_what_is_no_amount_is_refused(words: object, nonsense: float) -> None:
    assert callable(words)
    with pytest.raises(ValueError, match="an amount is a number of 0 or more"):
        words(nonsense)
