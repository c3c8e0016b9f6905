"""Numbers to choose a setting by, against whole distributions of which only the top is shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from properties import examples, nearly_even
from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval, TokenDistribution, decode
from softmax_visualizer.decoding.decision import (
    DecisionError,
    allowed_chance,
    at_least_once,
    departure,
    leaving,
    nucleus,
    rival_temperature,
)

SLACK = 1e-9

logit_lists = st.one_of(
    st.lists(st.floats(-30, 30), min_size=3, max_size=40),
    # a few likely tokens and a long, nearly even tail, as models have it
    st.builds(
        lambda head, tail, level: [*head, *(level + each for each in tail)],
        st.lists(st.floats(0, 5), min_size=1, max_size=5),
        nearly_even(40),
        st.floats(-8, 0),
    ),
)
orders = st.sampled_from(["temperature-first", "temperature-last"])
decoding_settings = st.builds(
    DecodingSettings,
    temperature=st.one_of(st.sampled_from([0.0, 0.1, 0.7, 1.0, 1.5, 2.0]), st.floats(0.05, 5)),
    top_p=st.one_of(st.just(1.0), st.floats(0, 1)),
    top_k=st.one_of(st.none(), st.none(), st.integers(1, 45)),
    min_p=st.one_of(st.just(0.0), st.just(0.0), st.floats(0, 1)),
    order=orders,
)
chances = st.floats(0, 1)
reliabilities = st.floats(1e-6, 1 - 1e-9)
lengths = st.integers(1, 1_000_000)


def full(logits: list[float]) -> TokenDistribution:
    return TokenDistribution.from_logits([f"t{index}" for index in range(len(logits))], logits)


def likely(*probabilities: float) -> TokenDistribution:
    return full(np.log(probabilities).tolist())


def top(whole: TokenDistribution, count: int, size_known: bool = True) -> TokenDistribution:
    return TokenDistribution.from_top_logprobs(
        whole.tokens[:count], whole.logprobs[:count], len(whole) if size_known else None
    )


def drawn(decoding: Decoding) -> list[float]:
    """The probability of every token that can be drawn, worked out once more from the logits."""
    kept = int(decoding.after_cut.kept.low)
    logs = decoding.distribution.logprobs[:kept]
    temperature = decoding.settings.temperature
    weights = np.exp((logs - logs[0]) / temperature) if temperature else np.ones(kept)
    return list((weights / math.fsum(weights)).tolist())


def near_an_edge(decoding: Decoding) -> bool:
    """Whether rounding alone could decide about a token: engines differ there, and so may two sums."""
    chosen, distribution = decoding.settings, decoding.distribution
    first = chosen.order == "temperature-first"
    weights = (decoding.after_temperature if first else decoding.model).weights
    logs = distribution.log_weights
    if chosen.top_k is not None:
        if chosen.top_k < len(logs) and logs[chosen.top_k - 1] == logs[chosen.top_k]:
            return True
        weights, logs = weights[: chosen.top_k], logs[: chosen.top_k]
    running = np.cumsum(weights) / weights.sum()
    floor = math.log(chosen.min_p) * (chosen.temperature if first else 1) if chosen.min_p > 0 else -math.inf
    near_p = chosen.top_p < 1 and (np.abs(running - (chosen.top_p - 1e-6)) < 1e-9).any()
    return bool(near_p or (np.abs(logs - floor) < 1e-7).any())


def holds(interval: Interval, truth: float, slack: float = SLACK) -> bool:
    return (
        0 <= interval.low <= interval.estimate <= interval.high <= 1
        and interval.low - slack <= truth <= interval.high + slack
    )


@examples(1000)
@given(logit_lists, st.data(), decoding_settings, st.booleans(), st.integers(1, 2000))
def test_every_chance_contains_the_truth_of_which_only_the_top_was_shown(
    logits: list[float], data: st.DataObject, chosen: DecodingSettings, size_known: bool, steps: int
) -> None:
    whole = full(logits)
    count = data.draw(st.integers(1, len(logits) - 1))
    accepted = data.draw(st.frozensets(st.integers(0, count - 1)))
    truly, known = decode(whole, chosen), decode(top(whole, count, size_known), chosen)
    assume(not near_an_edge(truly))

    probabilities = drawn(truly)
    departs = math.fsum(probabilities[1:])
    leaves = math.fsum(each for index, each in enumerate(probabilities) if index not in accepted)
    assert holds(departure(known), departs)
    assert holds(leaving(known, accepted), leaves)
    happens = 1 - (1 - min(leaves, 1)) ** steps
    assert holds(at_least_once(leaving(known, accepted), steps), happens, SLACK * steps)


@given(logit_lists, st.data(), decoding_settings)
def test_a_whole_vocabulary_has_chances_without_doubt(
    logits: list[float], data: st.DataObject, chosen: DecodingSettings
) -> None:
    decoding = decode(full(logits), chosen)
    accepted = data.draw(st.frozensets(st.integers(0, len(logits) - 1)))
    leaves = leaving(decoding, accepted)
    assert leaves.high - leaves.low < 1e-15  # what float64 takes for nothing, or for certain, may be less
    probabilities = drawn(decoding)
    truth = math.fsum(each for index, each in enumerate(probabilities) if index not in accepted)
    assert leaves.estimate == pytest.approx(truth, rel=1e-9, abs=1e-12)


@given(logit_lists, st.data(), decoding_settings, st.booleans())
def test_accepting_more_tokens_never_makes_leaving_likelier(
    logits: list[float], data: st.DataObject, chosen: DecodingSettings, size_known: bool
) -> None:
    whole = full(logits)
    count = data.draw(st.integers(1, len(logits) - 1))
    more = data.draw(st.frozensets(st.integers(0, count - 1)))
    fewer = data.draw(st.sets(st.sampled_from(sorted(more)))) if more else set()
    decoding = decode(top(whole, count, size_known), chosen)
    one, other = leaving(decoding, frozenset(fewer)), leaving(decoding, more)
    assert other.low <= one.low + SLACK
    assert other.high <= one.high + SLACK


@pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
def test_a_cut_inside_the_list_leaves_no_doubt_about_any_chance(order: str) -> None:
    distribution = TokenDistribution.from_top_logprobs(list("abcd"), np.log([0.6, 0.2, 0.1, 0.05]), 200_019)
    decoding = decode(distribution, DecodingSettings(0.7, 0.79, order=order))  # type: ignore[arg-type]
    assert departure(decoding).is_point
    a, b = 0.6 ** (1 / 0.7), 0.2 ** (1 / 0.7)
    assert departure(decoding).estimate == pytest.approx(b / (a + b))
    assert leaving(decoding, frozenset({0, 1})) == Interval.point(0)


def test_nothing_departs_from_the_greedy_choice_at_temperature_zero() -> None:
    assert departure(decode(likely(0.6, 0.3, 0.1), DecodingSettings(0.0))) == Interval.point(0)


def test_half_of_the_draws_depart_from_a_greedy_choice_that_ties() -> None:
    assert departure(decode(likely(0.4, 0.4, 0.2), DecodingSettings(0.0))) == Interval.point(0.5)


def test_accepting_nothing_is_leaving_for_certain() -> None:
    assert leaving(decode(likely(0.6, 0.3, 0.1), DecodingSettings()), frozenset()) == Interval.point(1)


def test_what_float64_takes_for_nothing_is_not_called_impossible() -> None:
    decoding = decode(full([0.0, -20.0]), DecodingSettings(0.01))
    assert 0 < decoding.after_cut.probabilities.low[1] < 1e-300
    assert 0 < departure(decoding).low <= departure(decoding).high < 1e-15
    leaves = leaving(decoding, frozenset({1}))
    assert 1 - 1e-15 < leaves.low <= leaves.estimate <= leaves.high <= 1
    assert leaves.low < 1


def test_a_token_that_is_impossible_can_be_left_out_for_certain() -> None:
    decoding = decode(full([0.0, -1.0, -math.inf]), DecodingSettings())
    assert leaving(decoding, frozenset({0, 1})) == Interval.point(0)
    assert leaving(decoding, frozenset({2})) == Interval.point(1)


def test_a_tail_of_one_in_a_hundred_is_hit_in_most_answers_of_500_tokens() -> None:
    """Facts, section 5: 99.34 % at T = 1, where nothing is unknown; at T = 0.7 at most 51 %."""
    distribution = TokenDistribution.from_top_logprobs(["yes"], [math.log(0.99)], 200_019)
    at_one, colder, hotter = (
        at_least_once(departure(decode(distribution, DecodingSettings(temperature))), 500)
        for temperature in (1.0, 0.7, 1.5)
    )
    assert at_one.is_point
    assert at_one.low == pytest.approx(0.9934, abs=5e-5)
    assert colder.low < 0.005
    assert colder.high == pytest.approx(0.506, abs=1e-3)
    assert hotter.low > 0.99999


@given(chances, chances, lengths)
def test_the_chance_over_many_steps_is_that_of_not_missing_each_of_them(
    one: float, other: float, steps: int
) -> None:
    low, high = sorted((one, other))
    over = at_least_once(Interval.around(low, (low + high) / 2, high), steps)
    assert over.low <= over.estimate <= over.high
    assert over.low == pytest.approx(1 - (1 - low) ** steps, abs=1e-9)
    assert over.high == pytest.approx(1 - (1 - high) ** steps, abs=1e-9)
    assert at_least_once(Interval.point(low), 1).low == pytest.approx(low, rel=1e-12)
    # in no steps nothing happens, not even what is certain
    assert at_least_once(Interval.point(1.0), 0) == Interval.point(0.0)


@given(st.floats(1e-300, 1e-12), lengths)
def test_small_chances_keep_their_digits_over_many_steps(chance: float, steps: int) -> None:
    assert at_least_once(Interval.point(chance), steps).low == pytest.approx(steps * chance, rel=1e-5)


@given(st.floats(0, 1, exclude_min=True, exclude_max=True), lengths)
def test_what_can_fail_is_never_certain_however_often_it_is_tried(chance: float, steps: int) -> None:
    assert 0 < at_least_once(Interval.point(chance), steps).low < 1


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_what_is_certain_in_one_step_is_so_in_many(certain: float) -> None:
    assert at_least_once(Interval.point(certain), 500) == Interval.point(certain)


@given(reliabilities, lengths)
@example(0.99, 500)
def test_the_allowed_chance_makes_answers_just_as_reliable_as_was_asked(
    reliability: float, steps: int
) -> None:
    allowed = allowed_chance(reliability, steps)
    assert 0 < allowed < 1
    fails = at_least_once(Interval.point(allowed), steps).low
    assert 1 - fails == pytest.approx(reliability, rel=1e-9, abs=1e-9)


def test_clean_answers_of_500_tokens_need_a_tail_of_two_in_a_hundred_thousand() -> None:
    assert allowed_chance(0.99, 500) == pytest.approx(2.0e-5, rel=0.01)


def test_no_asked_reliability_allows_a_certain_failure() -> None:
    assert allowed_chance(1e-20, 1) < 1


@pytest.mark.parametrize("reliability", [0.0, 1.0, -0.5, 1.5, math.nan, math.inf])
def test_a_reliability_that_nothing_or_everything_has_is_refused(reliability: float) -> None:
    with pytest.raises(DecisionError, match="above 0 % and below 100 %"):
        allowed_chance(reliability, 500)


@pytest.mark.parametrize("steps", [0, -3])
def test_an_answer_without_tokens_allows_nothing(steps: int) -> None:
    with pytest.raises(DecisionError, match="1 or more"):
        allowed_chance(0.99, steps)


@given(logit_lists, st.floats(0, 0.9999))
def test_the_nucleus_is_the_smallest_set_that_reaches_the_mass(logits: list[float], p: float) -> None:
    whole = full(logits)
    probabilities = np.exp(whole.logprobs)
    size = nucleus(whole, p)
    assert size is not None
    assert probabilities[:size].sum() >= p - 1.01e-6
    assert size == 1 or probabilities[: size - 1].sum() < p


@given(logit_lists, st.floats(0, 0.9999), st.data())
def test_the_nucleus_is_what_top_p_keeps_at_temperature_one(
    logits: list[float], p: float, data: st.DataObject
) -> None:
    whole = full(logits)
    partial = top(whole, data.draw(st.integers(1, len(logits) - 1)))
    truly = decode(whole, DecodingSettings(top_p=p))
    assume(not near_an_edge(truly))
    assert nucleus(whole, p) == truly.after_cut.kept_tokens.low
    # a list that ends before the nucleus does cannot say how large it is
    mass = float(np.exp(partial.logprobs).sum())
    # how near is near enough is within a float's noise there
    assume(abs(mass - p) > 2e-6)
    assert nucleus(partial, p) == (nucleus(whole, p) if mass > p else None)


def test_the_nucleus_of_a_whole_vocabulary_never_ends_beyond_it() -> None:
    distribution = full([0.0, -1.0, -math.inf])
    assert nucleus(distribution, 1.0) == 2


@given(logit_lists, st.data(), st.floats(0.001, 0.499), st.booleans())
def test_a_rival_has_the_odds_that_were_asked_for_at_the_temperature_that_is_named(
    logits: list[float], data: st.DataObject, share: float, size_known: bool
) -> None:
    whole = full(logits)
    rival = data.draw(st.integers(1, len(logits) - 1))
    gap = whole.logprobs[0] - whole.logprobs[rival]
    assume(gap > 1e-3)
    temperature = rival_temperature(whole, rival, share)
    shown = decode(top(whole, rival + 1, size_known), DecodingSettings(temperature)).after_temperature
    for stage in (decode(whole, DecodingSettings(temperature)).after_temperature, shown):
        first, second = stage.weights[0], stage.weights[rival]
        assert second / (first + second) == pytest.approx(share, rel=1e-9)
    if rival + 1 < len(whole):
        assert rival_temperature(top(whole, rival + 1, size_known), rival, share) == temperature


def test_one_to_three_is_a_quarter() -> None:
    """Facts, section 5: the temperature at which the second option reaches 1 : 3 is ln(p1 / p2) / ln 3."""
    assert rival_temperature(likely(0.8, 0.2), 1, 0.25) == pytest.approx(math.log(4) / math.log(3))


@pytest.mark.parametrize(
    ("share", "log_odds"),
    [
        (1e-320, math.log(1e-320)),
        (1e-300, math.log(1e-300)),
        (0.4999999, -2 * math.atanh(2e-7)),
        (math.nextafter(0.5, 0), -(2.0**-52)),
    ],
)
def test_any_share_that_is_allowed_has_a_temperature(share: float, log_odds: float) -> None:
    temperature = rival_temperature(likely(0.8, 0.2), 1, share)
    assert math.log(0.2 / 0.8) / temperature == pytest.approx(log_odds, rel=1e-6, abs=0)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.7, -0.1, math.nan, math.inf])
def test_no_temperature_lets_a_rival_overtake(share: float) -> None:
    with pytest.raises(DecisionError, match="above 0 % and below 50 %"):
        rival_temperature(likely(0.8, 0.2), 1, share)


@pytest.mark.parametrize(
    ("logits", "rival", "why"),
    [
        ([0.0, -1.0], 0, "its own rival"),
        ([0.0, -math.inf], 1, "impossible at every temperature"),
        ([0.0, 0.0], 1, "equally likely at every temperature"),
    ],
)
def test_a_rival_without_a_temperature_is_refused_with_the_reason(
    logits: list[float], rival: int, why: str
) -> None:
    with pytest.raises(DecisionError, match=why):
        rival_temperature(full(logits), rival, 0.25)
