"""What must hold of every distribution and every setting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from properties import examples, nearly_even
from softmax_visualizer.decoding import (
    Decoding,
    DecodingSettings,
    DistributionError,
    Interval,
    SettingsError,
    Token,
    TokenDistribution,
    decode,
)

SLACK = 1e-9

logit_lists = st.one_of(
    st.lists(st.floats(-30, 30), min_size=2, max_size=60),
    # a few likely tokens and a long, nearly even tail, as models have it
    st.builds(
        lambda head, tail, level: [*head, *(level + each for each in tail)],
        st.lists(st.floats(0, 5), min_size=1, max_size=5),
        nearly_even(60),
        st.floats(-8, 0),
    ),
)
temperatures = st.one_of(
    st.sampled_from([0.0, 0.1, 0.5, 0.7, 0.999, 1.0, 1.001, 1.5, 2.0, 5.0]), st.floats(0.05, 20)
)
orders = st.sampled_from(["temperature-first", "temperature-last"])
decoding_settings = st.builds(
    DecodingSettings,
    temperature=temperatures,
    top_p=st.one_of(st.just(1.0), st.floats(0, 1)),
    top_k=st.one_of(st.none(), st.integers(1, 70)),
    min_p=st.one_of(st.just(0.0), st.floats(0, 1)),
    order=orders,
)


def full(logits: list[float]) -> TokenDistribution:
    return TokenDistribution.from_logits([f"t{index}" for index in range(len(logits))], logits)


def top(distribution: TokenDistribution, count: int, size: int | None) -> TokenDistribution:
    return TokenDistribution.from_top_logprobs(
        distribution.tokens[:count], distribution.logprobs[:count], size
    )


def holds(interval: Interval, truth: float) -> bool:
    slack = SLACK * max(1.0, abs(truth) if math.isfinite(truth) else 1.0)
    return (
        interval.low - slack <= truth <= interval.high + slack
        and interval.low <= interval.estimate <= interval.high
    )


def near_an_edge(decoding: Decoding) -> bool:
    """Whether rounding alone could decide about a token: engines differ there, and so may two sums."""
    distribution, chosen = decoding.distribution, decoding.settings
    weights = (decoding.model if chosen.order == "temperature-last" else decoding.after_temperature).weights
    if chosen.top_k is not None:
        weights = weights[: chosen.top_k]
    cumulative = np.cumsum(weights) / weights.sum()
    likely = distribution.log_weights[: len(weights)]
    scale = chosen.temperature if chosen.order == "temperature-first" else 1.0
    floor = math.log(chosen.min_p) * scale if chosen.min_p > 0 else -math.inf
    near_p = (np.abs(cumulative - (chosen.top_p - 1e-6)) < 1e-9).any() and chosen.top_p < 1
    return bool(near_p or (np.abs(likely - floor) < 1e-7).any())


@examples(1500)
@given(logit_lists, st.integers(1, 59), decoding_settings, st.booleans())
def test_the_truth_lies_inside_every_interval_when_a_distribution_is_cut_to_its_top(
    logits: list[float], count: int, chosen: DecodingSettings, size_is_known: bool
) -> None:
    whole = full(logits)
    count = min(count, len(logits) - 1)
    # how many unseen tokens tie with the k-th cannot be known, so beyond the list top-k is taken to keep k
    edge = chosen.top_k
    assume(edge is None or not count < edge < len(logits) or whole.logprobs[edge - 1] > whole.logprobs[edge])
    partial = top(whole, count, len(logits) if size_is_known else None)
    truth, known = decode(whole, chosen), decode(partial, chosen)
    assume(not near_an_edge(truth))

    for index in range(count):
        assert holds(
            known.after_temperature.probabilities[index], truth.after_temperature.probabilities.low[index]
        )
        assert holds(known.after_cut.probabilities[index], truth.after_cut.probabilities.low[index])
        # a token that ties with the edge of the nucleus may be one of several that could stand there
        assert known.kept(index) in ("maybe", truth.kept(index))
    everything, rest = known.others(), truth.others(count)
    assert holds(everything.model, rest.model.low)
    assert holds(everything.after_temperature, rest.after_temperature.low)
    assert holds(everything.probability, rest.probability.low)
    assert holds(known.cut_mass, truth.cut_mass.low)
    for stage in ("model", "after_temperature", "after_cut"):
        assert holds(getattr(known, stage).entropy, getattr(truth, stage).entropy.low), stage
    assert holds(known.after_cut.kept_tokens, truth.after_cut.kept_tokens.low)


@examples(300)
@given(logit_lists, st.data(), temperatures)
def test_seeing_more_tokens_never_widens_what_is_known(
    logits: list[float], data: st.DataObject, temperature: float
) -> None:
    whole = full(logits)
    assume(len(logits) >= 3)
    fewer = data.draw(st.integers(1, len(logits) - 2))
    more = data.draw(st.integers(fewer + 1, len(logits) - 1))
    chosen = DecodingSettings(temperature=temperature)
    narrow, wide = (
        decode(top(whole, count, len(logits)), chosen).after_temperature for count in (more, fewer)
    )
    slack = 1e-5  # the mass of each list carries a tolerance of 1e-6
    for index in range(fewer):
        assert narrow.probabilities.low[index] >= wide.probabilities.low[index] - slack
        assert narrow.probabilities.high[index] <= wide.probabilities.high[index] + slack


@given(logit_lists, st.integers(1, 59))
def test_a_truncated_list_is_exact_at_temperature_one(logits: list[float], count: int) -> None:
    whole = full(logits)
    count = min(count, len(logits))
    decoding = decode(top(whole, count, len(logits)), DecodingSettings())
    assert decoding.after_temperature.probabilities.is_point
    # what is too little for float64 to be told from nothing is not called nothing
    others = decoding.others().probability
    assert others.is_point or others.high < 1e-15
    np.testing.assert_allclose(
        decoding.after_cut.probabilities.low, np.exp(whole.logprobs[:count]), atol=2e-6
    )


@given(logit_lists, decoding_settings)
def test_a_whole_vocabulary_is_always_exact_and_sums_to_one(
    logits: list[float], chosen: DecodingSettings
) -> None:
    decoding = decode(full(logits), chosen)
    assert decoding.exact
    for stage in decoding.pipeline:
        assert stage.probabilities.low.sum() == pytest.approx(1)
    assert 1 <= decoding.after_cut.kept_tokens.low <= len(logits)


@given(logit_lists, st.randoms(use_true_random=False))
def test_the_order_in_which_tokens_are_given_does_not_matter(logits: list[float], random: Any) -> None:
    assume(len(set(full(logits).logprobs)) == len(logits))
    pairs = [(f"t{index}", value) for index, value in enumerate(logits)]
    shuffled = random.sample(pairs, len(pairs))
    chosen = DecodingSettings(0.7, 0.9)
    one, other = (
        decode(TokenDistribution.from_logits([p[0] for p in some], [p[1] for p in some]), chosen).to_dict()
        for some in (pairs, shuffled)
    )
    for left, right in zip(one["tokens"], other["tokens"], strict=True):
        assert left["text"] == right["text"]
        assert left["probability"]["low"] == pytest.approx(right["probability"]["low"])


@given(logit_lists, st.integers(0, 70), decoding_settings)
def test_what_is_listed_and_what_is_not_sum_to_one(
    logits: list[float], shown: int, chosen: DecodingSettings
) -> None:
    record = decode(full(logits), chosen).to_dict(top=shown)
    for stage in ("after_temperature", "probability"):
        listed = sum(token[stage]["estimate"] for token in record["tokens"])
        assert listed + record["others"][stage]["estimate"] == pytest.approx(1)
    assert record["others"]["count"] == len(logits) - len(record["tokens"])


def test_greedy_shares_between_ties() -> None:
    decoding = decode(full([1.0, 3.0, 3.0]), DecodingSettings(temperature=0, top_p=0.3, top_k=1))
    assert [decoding.kept(index) for index in range(3)] == ["yes", "yes", "no"]
    assert decoding.after_cut.probabilities.low.tolist() == [0.5, 0.5, 0.0]


def test_the_token_that_crosses_p_is_kept_and_reaching_p_is_enough() -> None:
    probabilities = np.log([0.5, 0.25, 0.15, 0.1])
    kept = {
        p: int(decode(full(probabilities.tolist()), DecodingSettings(top_p=p)).after_cut.kept.low)
        for p in (0.0, 0.4, 0.5, 0.51, 0.75, 0.7500002, 0.7500005, 0.76, 1.0)
    }
    assert kept == {0.0: 1, 0.4: 1, 0.5: 1, 0.51: 2, 0.75: 2, 0.7500002: 2, 0.7500005: 3, 0.76: 3, 1.0: 4}


def test_the_two_orders_keep_other_tokens() -> None:
    """The example of the order switch: {0.9, 0.05, 0.03, 0.02} at T = 3, p = 0.9 keeps 4 tokens or 1."""
    logits = np.log([0.9, 0.05, 0.03, 0.02]).tolist()
    kept = [
        decode(full(logits), DecodingSettings(3.0, 0.9, order=order)).after_cut.kept.low  # type: ignore[arg-type]
        for order in ("temperature-first", "temperature-last")
    ]
    assert kept == [4, 1]


def test_a_known_server_at_temperature_two() -> None:
    """A real vLLM, 512 tokens, 20 listed: at T = 2 the top token has 5.6 %, not the naive 12.5 %."""
    listed = np.log([0.3, 0.2, 0.1] + [0.02] * 17)
    decoding = decode(
        TokenDistribution.from_top_logprobs(list("abc") + ["x"] * 17, listed, 512), DecodingSettings(2.0)
    )
    naive = math.sqrt(0.3) / np.sqrt(np.exp(listed)).sum()
    assert decoding.after_temperature.probabilities.high[0] < naive


@pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
def test_a_cut_inside_the_list_is_exact_whatever_the_tail_does(order: str) -> None:
    listed = np.log([0.6, 0.2, 0.1, 0.05])
    decoding = decode(
        TokenDistribution.from_top_logprobs(list("abcd"), listed, 200_019),
        DecodingSettings(temperature=0.7, top_p=0.7, order=order),  # type: ignore[arg-type]
    )
    assert decoding.after_cut.exact
    assert decoding.others().kept == "none"
    assert not decoding.exact  # the whole decoding is not: its model stage has an unseen tail


def zipf(count: int, exponent: float = 1.1) -> TokenDistribution:
    """A distribution with a long tail."""
    return full((-exponent * np.log(np.arange(1, count + 1))).tolist())


@pytest.mark.parametrize("top_k", [30, 100])
@pytest.mark.parametrize("temperature", [1.2, 2.0])
def test_a_top_k_that_reaches_beyond_the_list_is_not_exact(top_k: int, temperature: float) -> None:
    probabilities = np.array([0.3, 0.2, 0.1, *[0.01] * 17, *[0.23 / 980] * 980])
    whole = full(np.log(probabilities).tolist())
    chosen = DecodingSettings(temperature, top_k=top_k)
    truth, known = decode(whole, chosen), decode(top(whole, 20, 1000), chosen)
    assert not known.after_cut.exact
    # all of the even tail ties at the edge, so compare with the rule that keeps k tokens
    kept = probabilities[:top_k] ** (1 / temperature)
    assert holds(known.after_cut.probabilities[0], kept[0] / kept.sum())
    assert truth.kept(0) == "yes"


@pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
def test_unseen_tokens_may_tie_with_the_last_one_of_a_list(order: str) -> None:
    """Hugging Face keeps all that tie with the k-th token, and logits in bfloat16 often tie."""
    whole = full(np.log([0.4, 0.3, 0.1, 0.1, 0.1]).tolist())
    chosen = DecodingSettings(1.5, top_k=3, order=order)  # type: ignore[arg-type]
    truth, known = decode(whole, chosen).after_cut, decode(top(whole, 3, 5), chosen).after_cut
    assert known.kept_tokens.low <= truth.kept_tokens.low <= known.kept_tokens.high
    assert holds(known.probabilities[0], truth.probabilities.low[0])
    assert known.exact == (order == "temperature-last")


def test_a_list_that_ends_in_a_tie_says_nothing_of_where_it_ends() -> None:
    listed = TokenDistribution.from_top_logprobs(list("abcd"), np.log([0.5, 0.2, 0.05, 0.05]), 1000)
    assert not decode(listed, DecodingSettings(top_k=3)).after_cut.exact
    assert decode(listed, DecodingSettings(top_k=2)).after_cut.exact
    # too little is left for an unseen token to be as likely as the last one
    full_list = TokenDistribution.from_top_logprobs(list("abc"), np.log([0.5, 0.4, 0.08]), 1000)
    assert decode(full_list, DecodingSettings(top_k=3)).after_cut.exact


def test_near_one_top_p_keeps_what_exact_arithmetic_keeps() -> None:
    whole = full(np.random.default_rng(5).normal(0, 3, 20_000).tolist())
    running = np.cumsum(np.exp(whole.logprobs))
    for top_p in (0.95, 0.99, 0.999, 0.9999):
        kept = decode(whole, DecodingSettings(top_p=top_p)).after_cut.kept.low
        assert kept == np.searchsorted(running, top_p) + 1


def test_the_same_kept_tokens_are_known_as_well_in_either_order() -> None:
    whole = zipf(1000)
    first, last = (
        decode(top(whole, 20, 1000), DecodingSettings(1.5, top_k=50, order=order)).after_cut.probabilities[0]
        for order in ("temperature-first", "temperature-last")
    )
    assert (last.low, last.high) == pytest.approx((first.low, first.high), rel=1e-9)


def test_a_small_min_p_leaves_little_below_it() -> None:
    probabilities = np.array([0.3, 0.2, *[0.5 / 1000] * 1000])
    listed = top(full(np.log(probabilities).tolist()), 20, 1002)
    known = decode(listed, DecodingSettings(1.5, min_p=0.001)).after_cut
    whole = decode(listed, DecodingSettings(1.5)).after_cut
    assert known.probabilities.high[0] < 1.15 * whole.probabilities.high[0]


@pytest.mark.parametrize("chance", [-0.1, 1.0, math.nan, math.inf])
def test_a_chance_to_draw_with_is_a_number_from_0_to_1(chance: float) -> None:
    with pytest.raises(ValueError, match="below 1"):
        decode(full([1.0, 0.0]), DecodingSettings()).sample(chance)


def test_nothing_that_is_cut_is_said_where_nothing_is() -> None:
    decoding = decode(full([3.0, 2.0, 1.0, 0.0]), DecodingSettings(top_p=0.9999999, min_p=0.001))
    assert decoding.others(2).kept == "all"


def test_greedy_after_a_cut_may_have_unseen_ties() -> None:
    listed = TokenDistribution.from_top_logprobs(list("abc"), np.log([0.25] * 3), 10)
    for order in ("temperature-first", "temperature-last"):
        decoding = decode(listed, DecodingSettings(0.0, 0.99, order=order))  # type: ignore[arg-type]
        assert decoding.others().kept == "maybe"


@pytest.mark.parametrize(
    "logprobs", [[-0.5, -1.2, -10000.0], [-0.5, -1.2, -740.0], [-800.0, -801.0], [-0.5, -1.2, -5e4]]
)
@pytest.mark.parametrize("size", [None, 3, 1000])
def test_numbers_that_vanish_are_no_reason_to_fail(logprobs: list[float], size: int | None) -> None:
    tokens = list("abc")[: len(logprobs)]
    try:
        distribution = TokenDistribution.from_top_logprobs(tokens, logprobs, size)
    except DistributionError:
        return
    for temperature in (0.0, 0.5, 1.5, 10.0):
        record = decode(distribution, DecodingSettings(temperature, 0.9, min_p=1e-300)).to_dict()
        assert (
            0 <= record["tokens"][0]["probability"]["low"] <= record["tokens"][0]["probability"]["high"] <= 1
        )


def test_without_a_vocabulary_size_the_bounds_above_temperature_one_are_open() -> None:
    decoding = decode(
        TokenDistribution.from_top_logprobs(["a", "b"], np.log([0.6, 0.3])), DecodingSettings(temperature=1.5)
    )
    record = decoding.to_dict()
    assert record["others"]["count"] is None
    assert record["tokens"][0]["after_temperature"]["low"] == 0
    assert record["others"]["after_temperature"]["high"] == 1
    assert record["statistics"]["entropy_bits"]["after_temperature"]["high"] is None


class TestWhatServersSend:
    """Input hygiene: each oddity is used as far as it is sound, and said where it is not."""

    def test_a_sentinel_is_one_of_the_unseen_tokens(self) -> None:
        distribution = TokenDistribution.from_top_logprobs(["a", "b"], [-0.1, -9999.0], 100)
        assert [token.text for token in distribution.tokens] == ["a"]
        assert distribution.unseen_count == 99

    @pytest.mark.parametrize("impossible", [-math.inf, -3.4028234663852886e38])
    def test_below_an_impossible_token_nothing_is_unseen(self, impossible: float) -> None:
        distribution = TokenDistribution.from_top_logprobs(
            list("abc"), [*np.log([0.7, 0.3]), impossible], 100
        )
        assert distribution.complete
        decoding = decode(distribution, DecodingSettings(temperature=2.0))
        assert decoding.after_temperature.exact
        assert decoding.after_cut.probabilities.low[2] == 0

    def test_an_impossible_token_beside_missing_mass_is_a_list_that_was_cut(self) -> None:
        distribution = TokenDistribution.from_top_logprobs(list("ab"), [math.log(0.7), -math.inf], 100)
        assert not distribution.complete
        assert distribution.notes

    def test_a_mass_a_little_above_one_is_rounding(self) -> None:
        distribution = TokenDistribution.from_top_logprobs(list("ab"), np.log([0.7, 0.3003]), 100)
        assert not distribution.notes
        # the excess shows by how much the numbers are off, so as much may be unseen
        assert distribution.unseen_mass.estimate == 0
        assert distribution.unseen_mass.high == pytest.approx(0.0003)
        assert not distribution.complete
        probabilities = decode(distribution, DecodingSettings()).after_cut.probabilities
        assert probabilities.estimate.sum() == probabilities.high.sum() == pytest.approx(1)
        assert probabilities.low.sum() == pytest.approx(1 / 1.0003)

    def test_a_mass_far_above_one_is_scaled_and_said(self) -> None:
        distribution = TokenDistribution.from_top_logprobs(list("ab"), np.log([0.7, 0.5]), 100)
        assert "120.0 %" in distribution.notes[0]
        # by what it was off is not known, so what it leaves for others is not either
        assert distribution.odds_only
        assert not decode(distribution, DecodingSettings()).after_cut.exact

    @pytest.mark.parametrize("above", [1e-9, 1e-4, 0.0039, 0.0078])
    def test_a_little_above_zero_is_a_certain_token(self, above: float) -> None:
        distribution = TokenDistribution.from_top_logprobs(list("ab"), [above, -9.0], 100)
        assert distribution.logprobs[0] == 0

    def test_more_missing_than_the_unseen_can_hold_is_said(self) -> None:
        distribution = TokenDistribution.from_top_logprobs(list("ab"), np.log([0.5, 0.1]), 4)
        assert "40.00 %" in distribution.notes[0]
        # the numbers are kept, but one of the two unseen tokens may then be more likely than a listed one
        assert distribution.unseen_mass.estimate == pytest.approx(0.4)
        assert not distribution.is_top
        assert distribution.leading == 1

    def test_a_list_of_the_whole_vocabulary_is_complete(self) -> None:
        distribution = TokenDistribution.from_top_logprobs(list("ab"), np.log([0.6, 0.39997]), 2)
        assert distribution.complete

    @pytest.mark.parametrize(
        ("logprobs", "said"),
        [
            ([-0.1, math.nan], "NaN"),
            ([0.5, -1.0], "above 0"),
            ([0.02, -4.0], "above 0"),
            ([-0.1], "2 tokens, but 1"),
            (["x", "y"], "not all numbers"),
            ([-9999.0, -9999.0], "no usable"),
        ],
    )
    def test_what_is_no_distribution_is_refused_in_words(self, logprobs: list[Any], said: str) -> None:
        with pytest.raises(DistributionError, match=said):
            TokenDistribution.from_top_logprobs(["a", "b"], logprobs)

    def test_an_empty_list_is_refused(self) -> None:
        with pytest.raises(DistributionError, match="empty"):
            TokenDistribution.from_top_logprobs([], [])

    def test_a_list_longer_than_the_vocabulary_is_refused(self) -> None:
        with pytest.raises(DistributionError, match="vocabulary"):
            TokenDistribution.from_top_logprobs(list("abc"), np.log([0.5, 0.3, 0.1]), 2)

    @pytest.mark.parametrize("logits", [[math.nan, 1.0], [math.inf, 1.0], [-math.inf, -math.inf]])
    def test_logits_without_a_softmax_are_refused(self, logits: list[float]) -> None:
        with pytest.raises(DistributionError):
            full(logits)

    def test_tokens_with_the_same_text_stay_apart(self) -> None:
        distribution = TokenDistribution.from_logits([Token("�", b"\xf0"), Token("�", b"\x9f")], [1.0, 0.0])
        assert [token.raw for token in distribution.tokens] == [b"\xf0", b"\x9f"]
        assert distribution.to_dict()["tokens"][1]["bytes"] == [0x9F]

    def test_a_lone_surrogate_has_no_bytes(self) -> None:
        assert TokenDistribution.from_logits(["\ud83d"], [0.0]).to_dict()["tokens"][0]["bytes"] is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"temperature": -0.1}, "Temperature must be 0 or more"),
        ({"temperature": math.inf}, "Temperature must be a finite number"),
        ({"temperature": math.nan}, "Temperature must be a finite number"),
        ({"temperature": "hot"}, "Temperature must be a number"),
        ({"temperature": True}, "Temperature must be a number"),
        ({"top_p": 1.1}, "Top-p must be between 0 and 1"),
        ({"top_p": -0.1}, "Top-p must be between 0 and 1"),
        ({"top_k": 0}, "Top-k must be a whole number"),
        ({"top_k": 2.5}, "Top-k must be a whole number"),
        ({"min_p": 2}, "Min-p must be between 0 and 1"),
        ({"order": "sideways"}, "temperature-first or temperature-last"),
    ],
)
def test_a_setting_out_of_range_is_refused_in_words(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        DecodingSettings(**values)


def test_extreme_temperatures_stay_finite() -> None:
    for temperature in (5e-324, 1e-9, 1e9, 1e308):
        for distribution in (
            full([-500.0, 0.0, 500.0]),
            TokenDistribution.from_top_logprobs(list("ab"), [-0.1, -9.0], 1000),
        ):
            decoding = decode(distribution, DecodingSettings(temperature=temperature, top_p=0.9, min_p=0.01))
            assert np.isfinite(decoding.after_cut.probabilities.high).all()
            assert not math.isnan(decoding.after_cut.entropy.low)
