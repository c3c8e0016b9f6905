"""An answer as a value: paths that share their steps, and what settings make of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import examples
from softmax_visualizer.decoding import DecodingSettings, Token, TokenDistribution, decode
from softmax_visualizer.decoding.generation import Generation, Step, Tree, text_of, texts_of, whole_text_of
from softmax_visualizer.decoding.path import decode_path, path_chances, surprisal

WORDS = [f" {letter}" for letter in "abcdefgh"]


def whole(*probabilities: float) -> TokenDistribution:
    return TokenDistribution.from_logits(WORDS[: len(probabilities)], np.log(probabilities))


def step(distribution: TokenDistribution, index: int | None, token: Token | None = None) -> Step:
    chosen = token or distribution.token(index or 0)
    return Step(distribution, chosen, index, "picked")


@st.composite
def distributions(draw: st.DrawFn) -> TokenDistribution:
    """Whole vocabularies, the top of one, and lists with ties, of which some are not the top."""
    size = draw(st.integers(2, 60))
    spread = draw(st.sampled_from([0.0, 0.5, 3.0, 12.0]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = np.round(generator.normal(0, 1, size) * spread, draw(st.sampled_from([0, 6])))
    full = TokenDistribution.from_logits([f"t{number}" for number in range(size)], logits)
    listed = draw(st.integers(1, size))
    if listed == size:
        return full
    known = draw(st.sampled_from([size, None, size * 40]))
    is_top = draw(st.booleans())
    odds_only = draw(st.sampled_from([False, False, False, True]))
    return TokenDistribution.from_top_logprobs(
        full.tokens[:listed], full.logprobs[:listed], known, is_top=is_top, odds_only=odds_only
    )


settings_of_all_kinds = st.builds(
    DecodingSettings,
    temperature=st.sampled_from([0.0, 0.1, 0.7, 1.0, 1.3, 2.0, 10.0]),
    top_p=st.sampled_from([0.0, 0.3, 0.9, 0.99, 1.0, 1.0]),
    top_k=st.sampled_from([None, None, 1, 3, 20, 70]),
    min_p=st.sampled_from([0.0, 0.0, 0.05, 0.5, 1.0]),
    order=st.sampled_from(["temperature-first", "temperature-last"]),
)


@examples(400)
@given(
    st.lists(st.tuples(distributions(), st.integers(0, 59)), min_size=1, max_size=4), settings_of_all_kinds
)
def test_a_path_has_the_numbers_that_each_of_its_steps_has(
    parts: list[tuple[TokenDistribution, int]], settings: DecodingSettings
) -> None:
    steps = tuple(step(distribution, min(at, len(distribution) - 1)) for distribution, at in parts)
    path = decode_path(steps, settings)
    for at, each in enumerate(steps):
        assert each.index is not None
        stage = decode(each.distribution, settings).after_cut
        assert path.kept[at] == stage.is_kept(each.index)
        for mine, theirs in (
            (path.probability[at], stage.first(each.index + 1)[each.index]),
            (path.greedy[at], stage.first(1)[0]),
        ):
            assert mine.low <= mine.estimate <= mine.high
            assert mine.low == pytest.approx(theirs.low, rel=1e-9, abs=1e-12)
            assert mine.estimate == pytest.approx(theirs.estimate, rel=1e-9, abs=1e-12)
            assert mine.high == pytest.approx(theirs.high, rel=1e-9, abs=1e-12)


@examples(60)
@given(st.integers(0, 2**32 - 1), settings_of_all_kinds)
def test_the_probabilities_of_all_paths_of_two_steps_sum_to_one(
    seed: int, settings: DecodingSettings
) -> None:
    generator = np.random.default_rng(seed)
    first, *after = (
        TokenDistribution.from_logits([f"t{n}" for n in range(5)], generator.normal(0, 2, 5))
        for _ in range(6)
    )
    total = math.fsum(
        decode_path((step(first, i), step(after[i], j)), settings).path_probability.estimate
        for i, j in itertools.product(range(5), repeat=2)
    )
    assert total == pytest.approx(1.0)


@examples(100)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), settings_of_all_kinds)
def test_the_interval_of_a_truncated_path_holds_the_whole_one(
    seed: int, listed: int, settings: DecodingSettings
) -> None:
    generator = np.random.default_rng(seed)
    full = [
        TokenDistribution.from_logits([f"t{n}" for n in range(60)], generator.normal(0, 2, 60))
        for _ in range(3)
    ]
    few = [
        TokenDistribution.from_top_logprobs(each.tokens[:listed], each.logprobs[:listed], 60) for each in full
    ]
    chosen = [int(generator.integers(0, listed)) for _ in full]
    known = decode_path(tuple(map(step, few, chosen)), settings).log2_probability
    truth = decode_path(tuple(map(step, full, chosen)), settings).log2_probability
    if not (settings.top_k is not None and settings.top_k > listed):
        slack = 1e-4 if settings.cuts else 1e-9
        assert known.low - slack <= truth.low or math.isinf(truth.low)
        assert truth.high <= known.high + slack


def test_an_unlisted_token_has_at_most_what_is_unseen() -> None:
    few = TokenDistribution.from_top_logprobs([" a", " b"], np.log([0.5, 0.3]), 10)
    path = decode_path((step(few, None, Token(" z")),), DecodingSettings())
    assert path.kept == ("maybe",)
    assert path.probability[0].low == 0.0
    assert path.probability[0].high == pytest.approx(0.2)
    assert decode_path((step(few, None, Token(" z")),), DecodingSettings(top_p=0.7)).kept == ("no",)
    assert surprisal(step(few, None, Token(" z"))).low == pytest.approx(-math.log2(0.2))


def test_a_listed_token_that_is_impossible_has_no_probability() -> None:
    certain = TokenDistribution.from_logits([" a", " b", " c"], [0.0, -math.inf, -math.inf])
    for steps in ((step(certain, 2),), (step(whole(0.6, 0.4), 0), step(certain, 2))):
        for settings in (DecodingSettings(), DecodingSettings(0.0), DecodingSettings(0.7, 0.9)):
            path = decode_path(steps, settings)
            assert (path.kept[-1], path.probability.high[-1]) == ("no", 0.0)
            assert path.log2_probability.high == -math.inf
    assert surprisal(step(certain, 2)).low == math.inf


def test_a_path_names_what_is_weak_forbidden_and_greedy() -> None:
    steps = (step(whole(0.5, 0.5), 1), step(whole(0.7, 0.2, 0.1), 2), step(whole(0.9, 0.1), 0))
    path = decode_path(steps, DecodingSettings(top_p=0.8))
    assert path.kept == ("yes", "no", "yes")
    assert path.forbidden == 1
    assert path.weakest(2) == (1, 0)
    # a tie with the first is as likely as anything
    assert path.greedy_steps == 2
    assert path.log2_probability.high == -math.inf
    assert path.departure.low == 1.0
    certain = decode_path(steps, DecodingSettings())
    assert certain.path_probability.estimate == pytest.approx(0.5 * 0.1 * 0.9)
    assert certain.departure.estimate == pytest.approx(1 - 0.045)


def test_a_grid_has_the_numbers_of_each_of_its_settings() -> None:
    few = TokenDistribution.from_top_logprobs([" a", " b"], np.log([0.5, 0.3]), 10)
    steps = (step(few, 1), step(whole(0.7, 0.2, 0.1), 0))
    grid = path_chances(steps, DecodingSettings(), (0.5, 1.5), (0.6, 1.0))
    for row, top_p in zip(grid, (0.6, 1.0), strict=True):
        for found, temperature in zip(row, (0.5, 1.5), strict=True):
            assert found == decode_path(steps, DecodingSettings(temperature, top_p)).log2_probability


def test_paths_are_extended_rewound_and_branched_without_touching_what_was() -> None:
    first, second = whole(0.6, 0.4), whole(0.5, 0.3, 0.2)
    tree = Tree((Generation("Once"),))
    long = tree.chosen(0, step(first, 0)).chosen(1, step(second, 1))
    assert long.generation.text == " a b"
    other = long.chosen(0, step(first, 1))
    assert [each.text for each in other.branches] == [" a b", " b"]
    assert other.active == 1
    # the same token again is the path that has it, whole
    back = other.chosen(0, step(first, 0))
    assert back.active == 0
    assert back.generation.text == " a b"
    assert back.chosen(1, step(second, 1)) == back
    assert tree.generation.text == ""
    assert long.branches[0].steps[0] is other.branches[0].steps[0]
    assert back.without(0).generation.text == " b"
    assert back.without(0).without(0).generation == Generation("Once")


def test_a_character_that_is_split_over_tokens_is_shown_by_its_last_one() -> None:
    tokens = [Token("a"), Token("�", b"\xf0\x9f"), Token("�", b"\x98\x80"), Token(" b"), Token("", b"")]
    assert list(texts_of(tokens)) == ["a", "", "😀", " b", ""]
    assert text_of(tokens) == "a😀 b"
    assert whole_text_of(tokens) == "a😀 b"
    assert whole_text_of(tokens[:2]) is None
    assert tokens[-1].ends
    assert Token("<|im_end|>").ends


def test_a_longer_list_keeps_the_token_that_was_chosen() -> None:
    full = whole(0.4, 0.3, 0.2, 0.1)
    few = TokenDistribution.from_top_logprobs(full.tokens[:2], full.logprobs[:2], 4)
    assert step(few, 1).sharpened(full).index == 1
    unlisted = step(few, None, Token(" d"))
    assert unlisted.sharpened(full).index == 3
