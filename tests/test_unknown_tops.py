"""What is proven of a list that is not the top of its vocabulary, or only known up to a factor."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from properties import examples
from softmax_visualizer.decoding import (
    Decoding,
    DecodingSettings,
    Interval,
    TokenDistribution,
    decode,
)
from softmax_visualizer.decoding.comparison import compare
from softmax_visualizer.decoding.decision import departure, leaving
from softmax_visualizer.decoding.settings import Order
from test_decoding_properties import (
    decoding_settings,
    full,
    holds,
    logit_lists,
    near_an_edge,
    temperatures,
    top,
)

different_logits = logit_lists.map(lambda logits: list(dict.fromkeys(logits))).filter(
    lambda logits: len(logits) > 1 and len(set(full(logits).logprobs.tolist())) == len(logits)
)


def some(whole: TokenDistribution, chosen: list[int], **known: Any) -> TokenDistribution:
    """What a server sends that lists these tokens of a distribution, by their rank."""
    return TokenDistribution.from_top_logprobs(
        [whole.tokens[index] for index in chosen], whole.logprobs[chosen], len(whole), **known
    )


@st.composite
def broken_lists(draw: st.DrawFn) -> tuple[TokenDistribution, TokenDistribution, list[int]]:
    """A whole distribution, a list made of any of its tokens, and their ranks."""
    whole = full(draw(different_logits))
    count = draw(st.integers(1, len(whole) - 1))
    leading = min(draw(st.sampled_from([0, 1, 3])), count - 1)
    others = st.sets(st.integers(leading, len(whole) - 1), min_size=1, max_size=count - leading)
    chosen = sorted({*range(leading), *draw(others)})
    return whole, some(whole, chosen, is_top=False), chosen


@st.composite
def scaled_lists(draw: st.DrawFn) -> tuple[TokenDistribution, TokenDistribution, list[int]]:
    """The same of a list that was scaled to 100 %, of the top or of any tokens."""
    whole, _, chosen = draw(broken_lists())
    is_top = draw(st.booleans())
    if is_top:
        chosen = list(range(len(chosen)))
    unseen = 1 - math.fsum(np.exp(whole.logprobs[chosen]))
    # beyond that the share of what is listed is below the last place of a float64
    assume(unseen < 1 - 1e-12)
    return whole, some(whole, chosen, is_top=is_top, odds_only=True), chosen


def assert_the_truth_lies_inside(known: Decoding, truth: Decoding, ranks: list[int]) -> None:
    for name in ("model", "after_temperature", "after_cut"):
        stage, true = getattr(known, name), getattr(truth, name)
        for index, rank in enumerate(ranks):
            assert holds(stage.probabilities[index], true.probabilities.low[rank]), (name, index)
            assert stage.is_kept(index) in ("maybe", true.is_kept(rank)), (name, index)
        for shown in {0, 1, len(ranks)}:
            beyond = 1 - math.fsum(true.probabilities.low[ranks[:shown]])
            assert holds(stage.beyond(shown), max(0.0, beyond)), (name, shown)
        assert holds(stage.entropy, true.entropy.low), name
        assert holds(stage.kept_tokens, true.kept_tokens.low), name
    assert holds(known.cut_mass, truth.cut_mass.low)


@examples(300)
@given(broken_lists(), decoding_settings)
def test_the_truth_lies_inside_every_interval_of_a_list_of_any_tokens(
    case: tuple[TokenDistribution, TokenDistribution, list[int]], chosen: DecodingSettings
) -> None:
    whole, partial, ranks = case
    truth = decode(whole, chosen)
    assume(not near_an_edge(truth))
    assert_the_truth_lies_inside(decode(partial, chosen), truth, ranks)


@examples(300)
@given(scaled_lists(), decoding_settings)
def test_the_truth_lies_inside_every_interval_of_a_list_that_was_scaled(
    case: tuple[TokenDistribution, TokenDistribution, list[int]], chosen: DecodingSettings
) -> None:
    whole, partial, ranks = case
    truth = decode(whole, chosen)
    assume(not near_an_edge(truth))
    assert_the_truth_lies_inside(decode(partial, chosen), truth, ranks)


@examples(200)
@given(st.one_of(broken_lists(), scaled_lists()), decoding_settings, temperatures)
def test_the_truth_lies_inside_what_is_compared_and_decided(
    case: tuple[TokenDistribution, TokenDistribution, list[int]],
    chosen: DecodingSettings,
    temperature: float,
) -> None:
    whole, partial, ranks = case
    other = replace(chosen, temperature=temperature)
    truths, known = ([decode(each, one) for one in (chosen, other)] for each in (whole, partial))
    assume(not any(near_an_edge(truth) for truth in truths))
    true, found = compare(*truths), compare(*known)
    for name in ("total_variation", "entering", "leaving"):
        assert holds(getattr(found, name), getattr(true, name).low), name
    assert found.kl_bits is None or found.kl_bits == pytest.approx(true.kl_bits, rel=1e-7, abs=1e-7)
    for truth, decoding in zip(truths, known, strict=True):
        assert holds(leaving(decoding, frozenset({0})), leaving(truth, frozenset({ranks[0]})).low)
        assert holds(departure(decoding), departure(truth).low)


@examples(200)
@given(logit_lists, st.data())
def test_a_top_k_with_temperature_first_keeps_the_ties_that_are_not_listed(
    logits: list[float], data: st.DataObject
) -> None:
    whole = full([round(logit) for logit in logits])
    count = data.draw(st.integers(1, len(whole) - 1))
    chosen = data.draw(decoding_settings.filter(lambda each: each.order == "temperature-first"))
    chosen = replace(chosen, top_k=data.draw(st.integers(1, count)))
    truth = decode(whole, chosen)
    assume(not near_an_edge(truth) or chosen.top_p == 1)
    known = decode(top(whole, count, len(whole)), chosen)
    if chosen.top_p == 1:
        assert holds(known.after_cut.kept_tokens, truth.after_cut.kept_tokens.low)
    for index in range(count):
        assert holds(known.after_cut.probabilities[index], truth.after_cut.probabilities.low[index])


class TestAnExample:
    """0.3, 0.1 and 0.05 are listed, 0.55 is missing: one token may have it, or a thousand."""

    distribution = TokenDistribution.from_top_logprobs(
        list("abc"), np.log([0.3, 0.1, 0.05]), 1000, is_top=False
    )

    def decode(self, *values: Any, **named: Any) -> Decoding:
        return decode(self.distribution, DecodingSettings(*values, **named))

    def test_none_of_its_tokens_is_known_to_be_the_first(self) -> None:
        assert self.distribution.leading == 0
        assert decode(self.distribution, DecodingSettings()).after_cut.probabilities.low[0] == pytest.approx(
            0.3
        )

    @pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
    @pytest.mark.parametrize("cut", [{}, {"top_p": 0.5}, {"top_k": 1}, {"min_p": 0.9}])
    def test_greedy_may_take_another_token(self, order: str, cut: dict[str, Any]) -> None:
        decoding = self.decode(0.0, order=order, **cut)
        assert not decoding.after_cut.exact
        first = decoding.after_cut.probabilities[0]
        assert (first.low, first.high) == (0, 1)
        assert decoding.kept(0) == "maybe"
        assert decoding.after_cut.kept_tokens.low == 1

    @pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
    @pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 1.5])
    @pytest.mark.parametrize("cut", [{"top_p": 0.2}, {"top_k": 1}, {"top_k": 3}, {"min_p": 0.9}])
    def test_no_cut_is_exact(self, temperature: float, order: str, cut: dict[str, Any]) -> None:
        assert not self.decode(temperature, order=order, **cut).after_cut.exact

    def test_a_token_with_more_than_is_missing_leads_all_the_same(self) -> None:
        distribution = TokenDistribution.from_top_logprobs(
            list("abc"), np.log([0.6, 0.1, 0.05]), 1000, is_top=False
        )
        assert distribution.leading == 1
        for chosen in (DecodingSettings(0.0), DecodingSettings(top_p=0.5), DecodingSettings(top_k=1)):
            after = decode(distribution, chosen).after_cut
            assert after.exact
            assert after.probabilities[0] == Interval.point(1.0)
        assert not decode(distribution, DecodingSettings(top_k=2)).after_cut.exact


class TestOneTokenThatWasScaled:
    """A server that sends one token with 100 % does not tell how likely it is."""

    distribution = TokenDistribution.from_top_logprobs(
        ["Hello"], [0.0], 262_144, is_top=False, odds_only=True
    )

    @pytest.mark.parametrize("temperature", [0.0, 0.01, 0.5, 1.0, 2.0])
    @pytest.mark.parametrize("cut", [{}, {"top_p": 0.5}, {"top_p": 0.0}, {"top_k": 1}, {"min_p": 0.5}])
    @pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
    def test_nothing_of_it_is_exact(self, temperature: float, cut: dict[str, Any], order: str) -> None:
        decoding = decode(self.distribution, DecodingSettings(temperature, order=order, **cut))  # type: ignore[arg-type]
        assert not decoding.exact
        assert not decoding.after_cut.exact
        first = decoding.after_cut.probabilities[0]
        assert first.low < 1e-9
        assert first.high > 1 - 1e-9


def test_top_k_at_the_end_of_a_list_is_exact_only_where_exactly_k_are_kept() -> None:
    listed = TokenDistribution.from_top_logprobs(list("abcd"), np.log([0.4, 0.2, 0.1, 0.05]), 1000)
    first, last = (
        decode(listed, DecodingSettings(1.5, top_k=4, order=order)).after_cut  # type: ignore[arg-type]
        for order in ("temperature-first", "temperature-last")
    )
    # as many as five more may have 5 %
    assert (first.kept_tokens.low, first.kept_tokens.high) == (4, 9)
    assert not first.exact
    assert last.exact
    assert decode(listed, DecodingSettings(1.5, top_k=3)).after_cut.exact


@pytest.mark.parametrize("order", ["temperature-first", "temperature-last"])
def test_no_top_p_of_a_vocabulary_of_unknown_size_is_no_number(order: Order) -> None:
    listed = TokenDistribution.from_top_logprobs(["a"], [-1.0], None, is_top=False)
    decoding = decode(listed, DecodingSettings(top_p=0.0, order=order))
    assert 1 <= decoding.after_cut.kept_tokens.low <= decoding.after_cut.kept_tokens.high
