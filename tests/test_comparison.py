"""How far apart two decodings are, against sums over whole distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from properties import examples, nearly_even
from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval, Token, TokenDistribution, decode
from softmax_visualizer.decoding.comparison import Comparison, alignment, compare

SLACK = 1e-7

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
decoding_settings = st.builds(
    DecodingSettings,
    temperature=st.one_of(st.sampled_from([0.0, 0.7, 1.0, 1.5]), st.floats(0.05, 3)),
    top_p=st.one_of(st.just(1.0), st.floats(0, 1)),
    top_k=st.one_of(st.none(), st.none(), st.integers(1, 45)),
    min_p=st.one_of(st.just(0.0), st.just(0.0), st.floats(0, 1)),
    order=st.sampled_from(["temperature-first", "temperature-last"]),
)
sizes_known = st.booleans()


def names(count: int) -> list[str]:
    return [f"t{index}" for index in range(count)]


def full(logits: list[float], tokens: list[str] | None = None) -> TokenDistribution:
    return TokenDistribution.from_logits(tokens or names(len(logits)), logits)


def top(whole: TokenDistribution, count: int, size_known: bool = True) -> TokenDistribution:
    return TokenDistribution.from_top_logprobs(
        whole.tokens[:count], whole.logprobs[:count], len(whole) if size_known else None
    )


def likely(probabilities: list[float], text: str = "abcdefgh") -> TokenDistribution:
    return full(np.log(probabilities).tolist(), list(text[: len(probabilities)]))


def drawn(decoding: Decoding) -> dict[str, float]:
    """ln of the probability of every token that can be drawn, worked out once more from the logits."""
    kept = int(decoding.after_cut.kept.low)
    logs = decoding.distribution.logprobs[:kept]
    temperature = decoding.settings.temperature
    logs = (logs - logs[0]) / temperature if temperature else np.zeros(kept)
    logs = logs - math.log(math.fsum(np.exp(logs)))
    tokens = decoding.distribution.tokens[:kept]
    return dict(zip((token.text for token in tokens), logs.tolist(), strict=True))


def truth(before: Decoding, after: Decoding) -> dict[str, float]:
    """What is to be said of two whole distributions."""
    old, new = drawn(before), drawn(after)
    both = old.keys() | new.keys()
    distance = math.fsum(
        abs(math.exp(old.get(text, -math.inf)) - math.exp(new.get(text, -math.inf))) for text in both
    )
    entering, leaving = len(new.keys() - old.keys()), len(old.keys() - new.keys())
    divergence = (
        math.inf if entering else math.fsum(math.exp(log) * (log - old[text]) for text, log in new.items())
    )
    return {
        "total_variation": distance / 2,
        "kl_bits": divergence / math.log(2),
        "entering": entering,
        "leaving": leaving,
    }


def holds(interval: Interval, value: float) -> bool:
    slack = SLACK * max(1.0, abs(value) if math.isfinite(value) else 1.0)
    ordered = interval.low <= interval.estimate <= interval.high
    return ordered and interval.low - slack <= value <= interval.high + slack


def check(comparison: Comparison, expected: dict[str, float]) -> None:
    for name, value in expected.items():
        said = getattr(comparison, name)
        if isinstance(said, float):
            said = Interval.point(said)
        # the divergence is said where it is exact, and nowhere else
        assert said is None or holds(said, value), (name, said, value)


def near_an_edge(decoding: Decoding) -> bool:
    """Whether rounding alone could decide about a token, or a tie that a list cut there does not show."""
    distribution, chosen = decoding.distribution, decoding.settings
    first = chosen.order == "temperature-first"
    weights = (decoding.after_temperature if first else decoding.model).weights
    logs = distribution.log_weights
    if chosen.top_k is not None:
        if chosen.top_k < len(logs) and logs[chosen.top_k - 1] - logs[chosen.top_k] < 1e-9:
            return True
        weights = weights[: chosen.top_k]
    running = np.cumsum(weights) / weights.sum()
    near_p = chosen.top_p < 1 and (np.abs(running - (chosen.top_p - 1e-6)) < 1e-9).any()
    floor = math.log(chosen.min_p) * (chosen.temperature if first else 1) if chosen.min_p > 0 else -math.inf
    return bool(near_p or (np.abs(logs - floor) < 1e-7).any())


@examples(300)
@given(logit_lists, decoding_settings, decoding_settings)
def test_settings_on_a_whole_distribution_compare_exactly(
    logits: list[float], one: DecodingSettings, other: DecodingSettings
) -> None:
    whole = full(logits)
    before, after = decode(whole, one), decode(whole, other)
    comparison = compare(before, after)
    for name, value in truth(before, after).items():
        number = getattr(comparison, name)
        if isinstance(number, Interval):
            assert number.is_point, name
            number = number.estimate
        assert number == pytest.approx(value, rel=1e-9, abs=1e-9), name


@examples(1500)
@given(logit_lists, st.integers(1, 39), decoding_settings, decoding_settings, sizes_known)
def test_the_truth_lies_inside_every_interval_when_the_list_is_cut_to_its_top(
    logits: list[float], count: int, one: DecodingSettings, other: DecodingSettings, size_known: bool
) -> None:
    whole = full(logits)
    partial = top(whole, min(count, len(logits) - 1), size_known)
    before, after = decode(whole, one), decode(whole, other)
    assume(not near_an_edge(before) and not near_an_edge(after))
    check(compare(decode(partial, one), decode(partial, other)), truth(before, after))


@st.composite
def two_models(draw: st.DrawFn) -> tuple[TokenDistribution, TokenDistribution]:
    """Two distributions whose vocabularies are the same, or share some tokens, and are ranked otherwise."""
    logits = draw(logit_lists), draw(logit_lists)
    shift = draw(st.sampled_from([0, 0, 0, 2, 50]))
    tokens = draw(st.permutations(range(shift, shift + len(logits[1]))))
    return full(logits[0]), full(logits[1], [f"t{number}" for number in tokens])


@examples(1000)
@given(
    two_models(), st.integers(1, 40), st.integers(1, 40), decoding_settings, decoding_settings, sizes_known
)
def test_the_truth_lies_inside_every_interval_of_two_distributions(
    models: tuple[TokenDistribution, TokenDistribution],
    count: int,
    other_count: int,
    one: DecodingSettings,
    other: DecodingSettings,
    size_known: bool,
) -> None:
    wholes = [decode(model, chosen) for model, chosen in zip(models, (one, other), strict=True)]
    assume(not any(near_an_edge(whole) for whole in wholes))
    partial = [
        whole if number >= len(model) else decode(top(model, number, size_known), chosen)
        for whole, model, number, chosen in zip(
            wholes, models, (count, other_count), (one, other), strict=True
        )
    ]
    check(compare(partial[0], partial[1]), truth(wholes[0], wholes[1]))


@examples(200)
@given(two_models(), decoding_settings, decoding_settings)
def test_two_whole_distributions_compare_exactly(
    models: tuple[TokenDistribution, TokenDistribution], one: DecodingSettings, other: DecodingSettings
) -> None:
    before, after = decode(models[0], one), decode(models[1], other)
    comparison = compare(before, after)
    for name, value in truth(before, after).items():
        number = getattr(comparison, name)
        if isinstance(number, Interval):
            assert number.is_point, name
            number = number.estimate
        assert number == pytest.approx(value, rel=1e-9, abs=1e-9), name


@given(logit_lists, st.integers(1, 39), decoding_settings, sizes_known)
def test_the_same_settings_draw_the_same_whatever_is_unseen(
    logits: list[float], count: int, chosen: DecodingSettings, size_known: bool
) -> None:
    partial = top(full(logits), min(count, len(logits)), size_known)
    comparison = compare(decode(partial, chosen), decode(partial, chosen))
    for name in ("total_variation", "entering", "leaving"):
        assert getattr(comparison, name) == Interval.point(0)
    assert comparison.kl_bits == 0
    assert comparison.changes(50) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DecodingSettings(0, 0.5), DecodingSettings(0)),
        (DecodingSettings(1.5), DecodingSettings(1.5, order="temperature-last")),
        (DecodingSettings(1, 0.95), DecodingSettings(1, 0.95, order="temperature-last")),
    ],
)
def test_settings_that_differ_in_words_only_draw_the_same(
    one: DecodingSettings, other: DecodingSettings
) -> None:
    partial = top(full([3.0, 3.0, 2.0, 1.0, 0.0]), 2)
    assert compare(decode(partial, one), decode(partial, other)).total_variation == Interval.point(0)


def test_the_distance_of_two_by_hand() -> None:
    comparison = compare(
        decode(likely([0.5, 0.25, 0.25]), DecodingSettings()),
        decode(likely([0.25, 0.25, 0.5]), DecodingSettings()),
    )
    assert comparison.total_variation.estimate == pytest.approx(0.25)
    assert comparison.kl_bits == pytest.approx(0.25)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.5])
def test_a_nucleus_is_as_many_bits_away_as_its_mass_says(temperature: float) -> None:
    whole = likely([0.5, 0.2, 0.2, 0.1])
    before = decode(whole, DecodingSettings(temperature))
    after = decode(whole, DecodingSettings(temperature, 0.8))
    comparison = compare(before, after)
    assert comparison.kl_bits == pytest.approx(-math.log2(1 - after.cut_mass.estimate))
    assert comparison.total_variation.estimate == pytest.approx(after.cut_mass.estimate)
    assert (comparison.entering, comparison.leaving) == (
        Interval.point(0),
        Interval.point(4 - after.after_cut.kept_tokens.low),
    )


def test_what_could_not_be_drawn_before_is_infinitely_far_away() -> None:
    whole = likely([0.5, 0.2, 0.2, 0.1])
    comparison = compare(decode(whole, DecodingSettings(top_k=2)), decode(whole, DecodingSettings()))
    assert comparison.kl_bits == math.inf
    assert comparison.entering == Interval.point(1)  # the second and third tie, and both are kept
    assert comparison.leaving == Interval.point(0)


def test_the_divergence_is_not_said_where_it_rests_on_unseen_tokens() -> None:
    partial = top(full((-1.1 * np.log(np.arange(1, 1001))).tolist()), 5)
    inside = decode(partial, DecodingSettings(1.2, min_p=0.5))
    for other in (DecodingSettings(1.2), DecodingSettings(1.2, min_p=0.02), DecodingSettings()):
        assert compare(decode(partial, other), inside).kl_bits is None
        assert compare(inside, decode(partial, other)).kl_bits is None


def test_the_two_orders_differ_where_tokens_tie_at_top_k() -> None:
    whole = likely([0.4, 0.4, 0.2])
    last, first = (
        decode(whole, DecodingSettings(top_k=1, order=order))
        for order in ("temperature-last", "temperature-first")
    )
    comparison = compare(last, first)
    assert comparison.entering == Interval.point(1)
    assert comparison.total_variation.estimate == pytest.approx(0.5)


def test_greedy_is_as_many_bits_away_as_the_first_token_is_surprising() -> None:
    whole = likely([0.5, 0.25, 0.25])
    comparison = compare(decode(whole, DecodingSettings()), decode(whole, DecodingSettings(0)))
    assert comparison.kl_bits == pytest.approx(1)
    assert comparison.total_variation.estimate == pytest.approx(0.5)
    assert comparison.leaving == Interval.point(2)


def test_a_probability_that_vanishes_in_float64_is_not_infinitely_far_away() -> None:
    whole, other = full([0.0, -10.0]), full([0.0, -10.1])
    before = decode(whole, DecodingSettings(0.01))
    for after in (decode(whole, DecodingSettings(5)), decode(other, DecodingSettings(5))):
        expected = truth(before, after)["kl_bits"]
        assert 100 < expected < 1000
        assert compare(before, after).kl_bits == pytest.approx(expected)


def test_a_token_that_may_have_been_kept_does_not_surely_enter() -> None:
    whole = full(np.log([0.3, 0.2, 0.1, *[0.4 / 40] * 40]).tolist())
    before = decode(top(whole, 3), DecodingSettings(1.5, 0.3))
    after = decode(likely([0.5, 0.3, 0.2], "xyz"), DecodingSettings())
    renamed = TokenDistribution.from_logits(["t0", "t1", "t2"], np.log([0.5, 0.3, 0.2]))
    assert before.after_cut.kept.low < before.after_cut.kept.high
    comparison = compare(before, decode(renamed, DecodingSettings()))
    assert comparison.entering.low == max(0, 3 - before.after_cut.kept_tokens.high)
    assert compare(before, after).entering.low >= comparison.entering.low


@pytest.mark.parametrize("temperature", [5e-324, 1e-9, 1e9, 1e308])
@pytest.mark.parametrize("size", [None, 1000])
def test_extreme_temperatures_are_no_reason_to_fail(temperature: float, size: int | None) -> None:
    partial = TokenDistribution.from_top_logprobs(list("ab"), [-0.1, -9.0], size)
    other = TokenDistribution.from_top_logprobs(list("bc"), [-0.2, -3.0], size)
    extreme = DecodingSettings(temperature)
    for one, two in (
        (decode(partial, extreme), decode(partial, DecodingSettings(1.2, 0.9))),
        (decode(partial, DecodingSettings(1.2)), decode(partial, extreme)),
        (decode(partial, extreme), decode(other, extreme)),
    ):
        comparison = compare(one, two)
        for number in (comparison.total_variation, comparison.entering, comparison.leaving):
            assert 0 <= number.low <= number.estimate <= number.high


class TestWhatALongTailHides:
    """A list of twenty, as servers send it: the bounds are as near as the unseen tokens' identity allows."""

    partial = top(full((-1.1 * np.log(np.arange(1, 20_001))).tolist()), 20)

    def compared(self, one: DecodingSettings, other: DecodingSettings) -> Comparison:
        return compare(decode(self.partial, one), decode(self.partial, other))

    def test_a_nucleus_takes_its_share_of_whatever_is_unseen(self) -> None:
        comparison = self.compared(DecodingSettings(1.5), DecodingSettings(1.5, 0.9))
        assert comparison.total_variation.high == pytest.approx(0.1, abs=1e-5)
        assert comparison.total_variation.low > 0.08
        assert comparison.entering == Interval.point(0)

    def test_a_small_turn_of_temperature_moves_little_whatever_is_unseen(self) -> None:
        comparison = self.compared(DecodingSettings(1.05), DecodingSettings(1.1))
        assert comparison.total_variation.high < 0.23

    def test_below_temperature_one_no_unseen_token_gains(self) -> None:
        comparison = self.compared(DecodingSettings(), DecodingSettings(0.7))
        gains = decode(self.partial, DecodingSettings(0.7)).after_cut.probabilities.high - np.exp(
            self.partial.logprobs
        )
        assert comparison.total_variation.high == pytest.approx(np.maximum(gains, 0).sum())

    def test_a_looser_nucleus_loses_nothing_though_its_edge_is_unknown(self) -> None:
        comparison = self.compared(DecodingSettings(1.5, 0.9), DecodingSettings(1.6, 0.95))
        assert comparison.leaving == Interval.point(0)
        assert comparison.entering.high > 0

    def test_where_nothing_is_cut_nothing_enters_at_any_temperature(self) -> None:
        comparison = self.compared(DecodingSettings(0.7), DecodingSettings(1.5))
        assert comparison.entering == comparison.leaving == Interval.point(0)

    def test_a_crowd_that_is_cut_is_a_distance_although_the_edge_is_unknown(self) -> None:
        partial = top(full((-0.5 * np.log(np.arange(1, 61))).tolist()), 20)
        whole, cut = (
            decode(partial, DecodingSettings(temperature, top_p))
            for temperature, top_p in ((1.6, 1), (1.3, 0.4))
        )
        fewer = whole.after_cut.probabilities.low - cut.after_cut.probabilities.high
        gone = whole.others().probability.low
        assert not cut.after_cut.kept.is_point
        assert cut.after_cut.unseen_kept == "none"
        assert compare(whole, cut).total_variation.low >= np.maximum(fewer, 0).sum() + gone - 1e-12

    def test_more_tokens_than_were_drawn_before_must_have_entered_listed_or_not(self) -> None:
        before, after = (
            decode(likely([0.6, 0.4]), DecodingSettings()),
            decode(self.partial, DecodingSettings(top_k=50)),
        )
        kept = after.after_cut.kept_tokens
        assert kept.low > 20
        assert compare(before, after).entering.low == kept.low - 2

    def test_two_lists_of_one_vocabulary_are_thought_to_draw_the_same_tokens(self) -> None:
        other = TokenDistribution.from_top_logprobs(names(30)[10:], self.partial.logprobs, 20_000)
        comparison = compare(decode(self.partial, DecodingSettings()), decode(other, DecodingSettings()))
        assert comparison.entering.estimate == comparison.leaving.estimate == 0
        assert comparison.entering.high > 0

    def test_what_two_surely_share_is_no_distance(self) -> None:
        other = top(full((-1.1 * np.log(np.arange(1, 20_001)) + 0.001).tolist()), 20)
        chosen = DecodingSettings(0.8)
        one, two = decode(self.partial, chosen), decode(other, chosen)
        shared = np.minimum(one.after_cut.probabilities.low, two.after_cut.probabilities.low).sum()
        assert compare(one, two).total_variation.high <= 1 - shared + 1e-12

    def test_a_cut_inside_the_list_is_exact(self) -> None:
        comparison = self.compared(DecodingSettings(0.9, top_k=10), DecodingSettings(1.3, top_k=5))
        assert comparison.total_variation.is_point
        assert comparison.kl_bits is not None
        assert comparison.leaving == Interval.point(5)


class TestChanges:
    """The tokens that moved, the furthest first."""

    def test_they_are_in_the_order_of_their_difference(self) -> None:
        whole = likely([0.5, 0.3, 0.15, 0.05])
        comparison = compare(decode(whole, DecodingSettings()), decode(whole, DecodingSettings(0.5)))
        changes = comparison.changes(3)
        moved = [abs(change.after.estimate - change.before.estimate) for change in changes]
        assert len(changes) == 3
        assert moved == sorted(moved, reverse=True)
        assert [change.token.text for change in changes] == ["a", "c", "b"]
        assert changes[0].before == Interval.point(float(np.exp(whole.logprobs[0])))
        assert (changes[1].first, changes[1].second) == (2, 2)

    def test_a_token_that_stays_is_none(self) -> None:
        comparison = compare(
            decode(likely([0.5, 0.3, 0.2], "abc"), DecodingSettings()),
            decode(likely([0.5, 0.3, 0.2], "acb"), DecodingSettings()),
        )
        assert {change.token.text for change in comparison.changes(10)} == {"b", "c"}

    def test_a_token_of_one_list_has_what_an_unlisted_one_can_have_in_the_other(self) -> None:
        before = top(likely([0.5, 0.3, 0.15, 0.05], "abcd"), 2)
        after = top(likely([0.6, 0.2, 0.1, 0.1], "aecd"), 2)
        changes = compare(decode(before, DecodingSettings()), decode(after, DecodingSettings())).changes(9)
        found = {change.token.text: change for change in changes}
        assert (found["b"].first, found["b"].second) == (1, None)
        assert (found["e"].first, found["e"].second) == (None, 1)
        assert found["b"].after.low == 0
        assert found["b"].after.high == pytest.approx(0.2, rel=0.01)
        assert found["e"].before.high == pytest.approx(0.2, rel=0.01)

    def test_what_a_whole_vocabulary_does_not_have_cannot_be_drawn(self) -> None:
        comparison = compare(
            decode(likely([0.6, 0.4], "ab"), DecodingSettings()),
            decode(likely([0.6, 0.4], "ac"), DecodingSettings()),
        )
        found = {change.token.text: change for change in comparison.changes(9)}
        assert found["b"].after == found["c"].before == Interval.point(0)
        assert comparison.kl_bits == math.inf


class TestAlignment:
    """Where one list has the other's tokens."""

    @staticmethod
    def of(*tokens: str | Token) -> TokenDistribution:
        return TokenDistribution.from_logits(tokens, -np.arange(len(tokens), dtype=float))

    def test_a_token_is_found_at_its_rank(self) -> None:
        assert alignment(self.of("a", "b", "c"), self.of("c", "a")).tolist() == [1, -1, 0]

    def test_bytes_decide_and_a_text_stands_for_its_own(self) -> None:
        first = self.of(Token("�", b"\xf0"), Token("é", "é".encode()), "�")
        second = self.of("é", Token("�", b"\x9f"), Token("�", b"\xf0"))
        assert alignment(first, second).tolist() == [2, 0, -1]

    def test_a_text_without_bytes_is_matched_as_text(self) -> None:
        assert alignment(self.of("\ud83d", "a"), self.of("a", Token("\ud83d"))).tolist() == [1, 0]

    def test_the_nth_of_several_is_the_nth_of_the_others(self) -> None:
        assert alignment(self.of("x", "a", "x", "x"), self.of("a", "x", "x")).tolist() == [1, 0, 2, -1]

    def test_a_list_is_aligned_with_itself_and_the_answer_kept(self) -> None:
        one, other = self.of("a", "a"), self.of("a", "b")
        assert alignment(one, one).tolist() == [0, 1]
        assert alignment(one, other) is alignment(one, other)
        with pytest.raises(ValueError, match="read-only"):
            alignment(one, other)[0] = 5
