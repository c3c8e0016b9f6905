"""Samples against theory: how many are expected, and whether they can have come from a setting."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling_server import LOGITS, Sampler
from softmax_visualizer.decoding import DecodingSettings, Interval, Token, TokenDistribution, decode
from softmax_visualizer.decoding.agreement import (
    Agreement,
    agreements,
    chi_square_tail,
    explanations,
    in_each_order,
)
from softmax_visualizer.decoding.sampling import Counts, band, chances, sample
from softmax_visualizer.display.samples import Samples, badge, greedy_sentence, verdict_sentences
from softmax_visualizer.tui.actions import chance_of

HOT = DecodingSettings(1.5, 0.8)
RUNS, SAMPLES = 200, 400
FIRST, LAST = in_each_order(HOT)


def whole() -> TokenDistribution:
    return TokenDistribution.from_logits(list(LOGITS), list(LOGITS.values()))


def top(listed: int) -> TokenDistribution:
    full = whole()
    return TokenDistribution.from_top_logprobs(full.tokens[:listed], full.logprobs[:listed], len(full))


def counted(distribution: TokenDistribution, tokens: list[str]) -> Counts:
    places = {token.text: index for index, token in enumerate(distribution.tokens)}
    found: dict[int, int] = {}
    for token in tokens:
        if token in places:
            found[places[token]] = found.get(places[token], 0) + 1
    return Counts(tuple(sorted(found.items())), sum(token not in places for token in tokens))


def run(sampler: Sampler, seed: int, distribution: TokenDistribution, count: int = SAMPLES) -> Counts:
    tokens = sampler.sample(random.Random(seed), count, HOT.temperature, HOT.top_p)
    return counted(distribution, tokens)


# --- counting ---


def test_a_seeds_samples_are_those_that_space_would_bring_one_by_one() -> None:
    decoding = decode(whole(), HOT)
    together = sample(decoding, chances(7, 50, 3))
    alone = [decoding.sample(chance_of(7, number)) for number in range(3, 53)]
    assert together.total == 50
    assert dict(together.tokens) == {index: alone.count(index) for index in set(alone)}


def test_a_sample_beyond_the_list_is_counted_among_the_rest() -> None:
    decoding = decode(top(20), replace(HOT, top_p=1.0))
    counts = sample(decoding, chances(1, 1000))
    assert counts.rest > 300
    assert counts.beyond(5) == 1000 - sum(counts.first(5).tolist())


@given(
    st.dictionaries(st.integers(0, 30), st.integers(1, 9), max_size=9),
    st.dictionaries(st.integers(0, 30), st.integers(1, 9), max_size=9),
)
def test_counts_add_up(left: dict[int, int], right: dict[int, int]) -> None:
    one, other = Counts(tuple(sorted(left.items())), 2), Counts(tuple(sorted(right.items())), 1, 3)
    both = one + other
    assert (both.total, both.untold) == (one.total + other.total, 3)
    assert both.first(31).tolist() == (one.first(31) + other.first(31)).tolist()


@given(st.integers(1, 40), st.fractions(0, 1, max_denominator=50))
def test_the_band_leaves_out_a_fortieth_on_either_side_at_the_most(samples: int, chance: Fraction) -> None:
    def law(count: int) -> Fraction:
        return math.comb(samples, count) * chance**count * (1 - chance) ** (samples - count)

    low, high = band(Interval.point(float(chance)), samples)
    below, above = sum(map(law, range(low))), sum(map(law, range(high + 1, samples + 1)))
    edge = Fraction(1, 40) + Fraction(1, 10**9)
    assert below <= edge
    assert above <= edge
    # and it is no wider than that
    if low < high:
        assert below + law(low) >= edge - Fraction(1, 10**8)
        assert above + law(high) >= edge - Fraction(1, 10**8)


def test_the_band_of_an_interval_holds_that_of_each_probability_in_it() -> None:
    low, high = band(Interval(0.1, 0.2, 0.4), 100)
    assert low == band(Interval.point(0.1), 100)[0]
    assert high == band(Interval.point(0.4), 100)[1]


def test_the_band_of_a_million_samples_is_that_of_the_normal_law() -> None:
    low, high = band(Interval.point(0.3), 1_000_000)
    assert low == pytest.approx(300_000 - 1.96 * math.sqrt(210_000), abs=2)
    assert high == pytest.approx(300_000 + 1.96 * math.sqrt(210_000), abs=2)


# --- the test ---


@pytest.mark.parametrize(
    ("degrees", "at_5", "at_1", "at_a_tenth"),
    # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4
    [(1, 3.841, 6.635, 10.828), (2, 5.991, 9.210, 13.816), (5, 11.070, 15.086, 20.515),
     (10, 18.307, 23.209, 29.588), (31, 44.985, 52.191, 61.098), (100, 124.342, 135.807, 149.449)],
)  # fmt: skip
def test_the_tail_of_chi_square_is_the_tabulated_one(
    degrees: int, at_5: float, at_1: float, at_a_tenth: float
) -> None:
    assert chi_square_tail(at_5, degrees) == pytest.approx(0.05, rel=1e-3)
    assert chi_square_tail(at_1, degrees) == pytest.approx(0.01, rel=1e-3)
    assert chi_square_tail(at_a_tenth, degrees) == pytest.approx(0.001, rel=2e-3)


def test_the_tail_of_chi_square_has_no_largest_number() -> None:
    assert chi_square_tail(0.0, 3) == 1
    assert chi_square_tail(math.inf, 3) == 0
    assert 0 < chi_square_tail(1000.0, 900) < 0.05
    assert 0 <= chi_square_tail(1e6, 40) < 1e-300


@pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
def test_200_runs_of_400_samples_name_the_right_order(order: str) -> None:
    distribution, sampler = whole(), Sampler(order)
    verdicts = []
    for seed in range(RUNS):
        tests = agreements(distribution, run(sampler, seed, distribution), (FIRST, LAST))
        right, wrong = tests if order == "temperature-first" else tests[::-1]
        verdicts.append((right.verdict, wrong.verdict))
        assert wrong.verdict == "differs"
    # the stated level is of what is right: 2 of 200 on average, 7 in one of a thousand such tests
    alarms = sum(right == "differs" for right, _ in verdicts)
    assert alarms <= 7
    assert sum(right == "agrees" for right, _ in verdicts) == RUNS - alarms


def test_p_values_of_what_is_right_are_spread_evenly() -> None:
    distribution = whole()
    p_values = sorted(
        agreements(distribution, run(Sampler(), seed, distribution), (FIRST,))[0].p_value.estimate
        for seed in range(RUNS)
    )
    # Kolmogorov and Smirnov's limit for one of a thousand; cells of whole counts bend them a little
    distance = max(abs(each - (at + 0.5) / RUNS) for at, each in enumerate(p_values))
    assert distance < 1.95 / math.sqrt(RUNS) + 0.02


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        (Sampler(ignores_temperature=True), replace(FIRST, temperature=1.0)),
        (Sampler("temperature-last", top_k=40), replace(LAST, top_k=40)),
        (Sampler("temperature-last", min_p=0.05), replace(LAST, min_p=0.05)),
        (Sampler("temperature-first", top_k=20), replace(FIRST, top_k=20)),
    ],
    ids=["temperature ignored", "top-k 40 unasked", "min-p unasked", "top-k 20 unasked"],
)
def test_what_a_server_does_unasked_is_among_what_fits(sampler: Sampler, expected: DecodingSettings) -> None:
    distribution = whole()
    theory = decode(distribution, expected).after_cut.probabilities.estimate
    found = 0
    for seed in range(RUNS // 4):
        counts = run(sampler, seed, distribution, 2 * SAMPLES)
        tests = agreements(distribution, counts, (FIRST, LAST))
        assert {test.verdict for test in tests} == {"differs"}
        fits = explanations(distribution, counts, HOT)
        found += any(
            np.allclose(decode(distribution, each).after_cut.probabilities.estimate, theory)
            for each, _ in fits
        )
    assert found >= RUNS // 4 - 3


def test_what_cannot_come_is_impossible_whatever_else_came() -> None:
    distribution = whole()
    kept = int(decode(distribution, LAST).after_cut.kept_tokens.low)
    counts = run(Sampler("temperature-last"), 3, distribution) + Counts(((kept + 20, 1),))
    (test,) = agreements(distribution, counts, (LAST,))
    assert (test.verdict, test.p_value.high, test.statistic) == ("differs", 0.0, math.inf)


def test_tokens_of_one_probability_on_the_edge_of_a_cut_may_be_kept_in_any_order() -> None:
    distribution = TokenDistribution.from_logits(["a", "b", "c", "d"], [2.0, 0.0, 0.0, 0.0])
    settings = DecodingSettings(1.0, top_k=2, order="temperature-last")
    chance = decode(distribution, settings).after_cut.first(2).estimate
    counts = Counts(((0, round(400 * chance[0])), (3, 400 - round(400 * chance[0]))))
    (test,) = agreements(distribution, counts, (settings,))
    assert test.verdict == "agrees"
    # some engines keep all that tie with the last one
    three = decode(distribution, DecodingSettings()).after_cut.first(4).estimate * 400
    all_of_them = Counts(tuple((index, round(each)) for index, each in enumerate(three)))
    (test,) = agreements(distribution, all_of_them, (settings,))
    assert test.verdict != "differs"


@pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
@pytest.mark.parametrize(
    ("logits", "chosen"),
    [
        ([0.0] * 100, DecodingSettings(1.2, 0.5)),
        ([3.0, *[0.0] * 199], DecodingSettings(1.2, 0.9)),
        ([2.0, 1.0, 1.0, *[0.0] * 30], DecodingSettings(1.5, top_k=10)),
    ],
)
def test_a_decoder_is_not_denied_for_tokens_that_tie(
    logits: list[float], chosen: DecodingSettings, order: Any
) -> None:
    distribution = TokenDistribution.from_logits([f"t{index}" for index in range(len(logits))], logits)
    settings = replace(chosen, order=order)
    alarms = 0
    for seed in range(RUNS // 2):
        counts = sample(decode(distribution, settings), chances(seed, 100 if seed % 2 else 400))
        alarms += agreements(distribution, counts, (settings,))[0].verdict == "differs"
    assert alarms <= 4


def test_greedy_decoders_may_share_among_ties_or_take_one_of_them() -> None:
    distribution = TokenDistribution.from_logits(["a", "b", "c"], [1.0, 1.0, 0.0])
    for counts in (Counts(((0, 50),)), Counts(((1, 50),)), Counts(((0, 26), (1, 24)))):
        tests = agreements(distribution, counts, in_each_order(DecodingSettings(0.0)))
        assert [test.verdict for test in tests] == ["agrees", "agrees"]
    (test,) = agreements(distribution, Counts(((0, 49), (2, 1))), (DecodingSettings(0.0),))
    assert test.verdict == "differs"


def test_what_no_number_of_samples_tells_apart_agrees_both_ways() -> None:
    distribution, nearly = whole(), DecodingSettings(0.01, 0.99)
    counts = sample(decode(distribution, nearly), chances(1, 400))
    assert [test.verdict for test in agreements(distribution, counts, in_each_order(nearly))] == [
        "agrees", "agrees",
    ]  # fmt: skip


def test_few_samples_cannot_tell_and_say_how_many_would() -> None:
    distribution, close = whole(), DecodingSettings(0.9, 0.95)
    first, last = in_each_order(close)
    counts = sample(decode(distribution, first), chances(1, 50))
    tests = agreements(distribution, counts, (first, last))
    assert [test.verdict for test in tests] == ["cannot tell", "cannot tell"]
    needed = tests[0].needed
    assert needed is not None
    assert needed > 50
    # and that many do, in nearly all runs
    told = 0
    for seed in range(40):
        many = sample(decode(distribution, first), chances(seed, needed))
        told += agreements(distribution, many, (first, last))[1].verdict == "differs"
    assert told >= 34


def test_three_samples_tell_nothing_even_where_there_is_no_rival() -> None:
    distribution, plain = whole(), DecodingSettings()
    counts = sample(decode(distribution, plain), chances(1, 3))
    (test,) = agreements(distribution, counts, (plain,))
    assert (test.verdict, test.degrees) == ("cannot tell", 0)
    assert test.needed is not None
    enough = sample(decode(distribution, plain), chances(1, test.needed))
    assert agreements(distribution, enough, (plain,))[0].degrees > 0
    # but what is certain needs no more
    greedy = DecodingSettings(0.0)
    assert agreements(distribution, Counts(((0, 3),)), (greedy,))[0].verdict == "agrees"
    assert agreements(distribution, Counts(((0, 3), (1, 1))), (greedy,))[0].verdict == "differs"


def test_an_exact_setting_has_one_p_value() -> None:
    distribution, hot = whole(), DecodingSettings(1.5)
    (test,) = agreements(distribution, sample(decode(distribution, hot), chances(1, 900)), (hot,))
    assert test.p_value.is_point


def test_where_both_orders_come_to_the_same_neither_is_a_rival() -> None:
    distribution, plain = whole(), DecodingSettings(1.0, 0.9)
    counts = sample(decode(distribution, plain), chances(1, 400))
    assert [test.verdict for test in agreements(distribution, counts, in_each_order(plain))] == [
        "agrees", "agrees",
    ]  # fmt: skip
    samples = Samples.judged(decode(distribution, plain), counts, "server")
    assert verdict_sentences(samples)[0].startswith("either order: agrees (p = ")
    assert badge(samples) == "samples agree"


@pytest.mark.parametrize("listed", [3, 6, 20, 60])
@pytest.mark.parametrize("settings", [FIRST, LAST, replace(FIRST, top_p=1.0)])
def test_a_short_list_denies_what_is_right_no_more_often_than_is_said(
    listed: int, settings: DecodingSettings
) -> None:
    truth, short = decode(whole(), settings), top(listed)
    alarms = 0
    for seed in range(RUNS // 2):
        full = sample(truth, chances(seed, 200))
        seen = tuple(pair for pair in full.tokens if pair[0] < listed)
        counts = Counts(seen, full.beyond(listed))
        alarms += agreements(short, counts, (settings,))[0].verdict == "differs"
    # 1 of 100 on average, 6 in one of two thousand such tests
    assert alarms <= 5


def test_a_list_that_is_too_short_says_that_no_number_of_samples_is_enough() -> None:
    distribution = top(5)
    hot = DecodingSettings(3.0, 0.9)
    full = sample(decode(whole(), hot), chances(1, 400))
    counts = Counts(tuple(pair for pair in full.tokens if pair[0] < 5), full.beyond(5))
    samples = Samples.judged(decode(distribution, hot), counts, "server")
    assert [test.verdict for test in samples.tests] == ["cannot tell", "cannot tell"]
    assert [test.needed for test in samples.tests] == [None, None]
    assert "too few tokens are listed to tell" in verdict_sentences(samples)[0]


def test_what_a_server_does_not_name_has_no_part_in_the_test() -> None:
    tokens = [Token("a", b"a"), Token("\ufffd", b"\xf0"), Token("b", b"b")]
    distribution = TokenDistribution.from_logits(tokens, [1.0, 0.5, 0.0])
    share = 1 / (1 + math.exp(-1))
    counts = Counts(((0, round(400 * share)), (2, 400 - round(400 * share))), untold=230)
    (test,) = agreements(distribution, counts, (DecodingSettings(),))
    assert test.verdict == "agrees"
    (test,) = agreements(distribution, replace(counts, untold=0), (DecodingSettings(),))
    assert test.verdict == "differs"


# --- words ---


def agreed(p_value: float, verdict: str = "agrees", needed: int | None = None) -> Agreement:
    return Agreement(FIRST, 1.0, 3, Interval.point(p_value), verdict, needed)  # type: ignore[arg-type]


def worded(*tests: Agreement) -> str:
    return verdict_sentences(Samples(decode(whole(), HOT), Counts(((0, 9),)), "server", tests))[0]


def test_verdicts_in_words() -> None:
    assert worded(agreed(0.4)) == "temperature first: agrees (p = 0.40)"
    assert worded(agreed(1e-9, "differs")) == "temperature first: cannot be (p < 1e-6)"
    assert worded(agreed(0.003, "differs")) == "temperature first: differs (p = 0.003)"
    assert worded(agreed(0.4, "cannot tell", 1300)) == (
        "temperature first: cannot tell (p = 0.40); some 1,300 samples would tell"
    )


def test_how_many_left_the_most_likely_token() -> None:
    decoding = decode(whole(), DecodingSettings(0.5))
    counts = sample(decoding, chances(1, 200))
    share = float(decoding.after_cut.beyond(1).estimate)
    low, high = band(decoding.after_cut.beyond(1), 200)
    spread = max(200 * share - low, high - 200 * share)
    assert greedy_sentence(decoding, counts) == (
        f"{counts.beyond(1)} of 200 left the most likely token; {200 * share:.0f} ± {spread:.0f} expected"
    )


def test_what_fits_is_said_where_both_orders_are_wrong() -> None:
    distribution = whole()
    counts = run(Sampler("temperature-last", top_k=40), 1, distribution, 800)
    samples = Samples.judged(decode(distribution, HOT), counts, "server")
    fits = verdict_sentences(samples)[2]
    assert fits.startswith("what fits best: T 1.50, top-p 0.80, top-k 40, temperature last (p = ")
    assert badge(samples) == "samples: T 1.50, top-p 0.80, top-k 40, T last"
