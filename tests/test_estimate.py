"""The best guess at what a list does not show: what it must satisfy, and what it is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softmax_visualizer.decoding import DecodingSettings, TokenDistribution, decode
from softmax_visualizer.decoding.distribution import FLOAT32_ROUNDING
from softmax_visualizer.decoding.estimate import TailEstimate, extrapolated_mass
from softmax_visualizer.models.bundled import BundledModel

PROMPTS = (
    "The quick brown fox jumps over the",
    "She opened the",
    "It was a dark and stormy",
    "They went to the",
)


def top(whole: TokenDistribution, count: int, **how: float) -> TokenDistribution:
    return TokenDistribution.from_top_logprobs(
        whole.tokens[:count], whole.logprobs[:count], whole.vocabulary_size, **how
    )


@st.composite
def tails(draw: st.DrawFn) -> TailEstimate:
    rank = draw(st.integers(1, 200))
    count = draw(st.integers(2, 300_000))
    log_cap = draw(st.floats(-20, 0))
    # between one unseen token at the cap and all of them
    filled = draw(st.floats(0.001, 0.999))
    return TailEstimate(log_cap, math.exp(log_cap) * count**filled, rank, float(rank + count))


@given(tails())
def test_the_laws_hold_the_unseen_mass_at_temperature_one(tail: TailEstimate) -> None:
    assert tail.weight(1) == pytest.approx(tail.mass, rel=1e-6)


@given(tails(), st.floats(0.2, 5), st.floats(0, 1))
def test_the_count_of_a_share_has_that_share(tail: TailEstimate, temperature: float, part: float) -> None:
    count = part * (tail.size - tail.rank)
    share = tail.share(count, temperature)
    assert -1e-9 <= share <= 1
    # past the last places of a share no count can be told; a very steep tail is counted by its first term
    if 1e-9 < share < 1 - 1e-6:
        assert tail.share(tail.count(share, temperature), temperature) == pytest.approx(share, rel=1e-2)


@given(tails(), st.floats(0.2, 5))
def test_the_logs_are_the_slope_of_the_normal_law(tail: TailEstimate, temperature: float) -> None:
    """The sum of w ln w is how fast the sum of w grows with 1 / T, over T."""

    def log_weight(inverse: float) -> float:
        return tail.log_cap * inverse + math.log(tail.normal_law(1 / inverse))

    inverse, step = 1 / temperature, 1e-5
    weight = math.exp(log_weight(inverse))
    slope = (log_weight(inverse + step) - log_weight(inverse - step)) / (2 * step)
    assert tail.logs(weight, temperature) == pytest.approx(weight * inverse * slope, rel=1e-4, abs=1e-300)


@pytest.mark.parametrize("temperature", [5e-324, 1e-9, 1.0, 1e9, 1e308])
@pytest.mark.parametrize("mass", [1e-300, 1e-3, 1.0, 10.0])
def test_nothing_is_too_steep_or_too_flat_for_it(temperature: float, mass: float) -> None:
    tail = TailEstimate(-1.0, mass, 5, 30.0)
    for number in (
        tail.weight(temperature),
        tail.share(3, temperature),
        tail.count(0.5, temperature),
        tail.count_above(-3.0),
        tail.logs(mass, temperature),
        tail.logs(mass, temperature, 3),
    ):
        assert math.isfinite(number)


@pytest.mark.parametrize("count", [5, 20])
@pytest.mark.parametrize("temperature", [0.7, 1.2, 1.5])
def test_on_a_language_model_it_errs_a_fifth_of_what_the_list_alone_does(
    count: int, temperature: float
) -> None:
    """The bundled model knows its whole vocabulary, so it is a truth to measure by."""
    errors = []
    for prompt in PROMPTS:
        whole = BundledModel().answer(prompt).distribution
        settings = DecodingSettings(temperature)
        truth = decode(whole, settings).after_cut.probabilities.estimate[0]
        known = decode(top(whole, count), settings).after_cut.probabilities.estimate[0]
        alone = decode(top(whole, count), DecodingSettings(temperature, top_k=count - 1)).after_cut
        errors.append((abs(known - truth), abs(alone.probabilities.estimate[0] - truth)))
    estimated, renormalised = np.array(errors).mean(axis=0)
    assert estimated < renormalised / 5


def float32_list(logits: list[float], count: int) -> tuple[TokenDistribution, TokenDistribution, np.ndarray]:
    """A whole distribution, and the list of a server that adds its softmax up one by one in float32."""
    whole = TokenDistribution.from_logits([str(number) for number in range(len(logits))], logits)
    weights = np.exp(whole.log_weights).astype(np.float32)
    sent = np.log(weights[:count].astype(np.float64) / float(np.cumsum(weights)[-1]))
    rounding = FLOAT32_ROUNDING * len(logits)
    partial = TokenDistribution.from_top_logprobs(
        whole.tokens[:count], sent, len(logits), mass_tolerance=rounding
    )
    return whole, partial, sent


PEAKED = [17.0, *np.random.default_rng(1).normal(0, 1.5, 60_000).tolist()]
TIED = [16.2, *[0.0] * 511]


@pytest.mark.parametrize("logits", [PEAKED, TIED], ids=["peaked", "tied"])
@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.2, 2.0])
def test_what_float32_loses_of_a_long_sum_is_allowed_for(logits: list[float], temperature: float) -> None:
    whole, partial, sent = float32_list(logits, 5)
    off = abs(math.fsum(np.exp(sent)) - math.fsum(np.exp(whole.logprobs[:5])))
    assert off > 2e-6, "the case shows nothing"
    truth = decode(whole, DecodingSettings(temperature)).after_cut.probabilities.low[0]
    first = decode(partial, DecodingSettings(temperature)).after_cut.probabilities[0]
    # less what one logit in float32 is off
    assert first.low - 1e-8 <= truth <= first.high + 1e-8
    assert not first.is_point


def test_what_is_only_rounding_is_not_doubted_at_temperature_one() -> None:
    partial = TokenDistribution.from_top_logprobs(list("abc"), np.log([0.5, 0.3, 0.1]), 1000)
    assert decode(partial, DecodingSettings()).after_temperature.exact


def test_a_float32_list_of_the_whole_vocabulary_is_exact() -> None:
    whole, partial, _ = float32_list(PEAKED, len(PEAKED))
    assert decode(partial, DecodingSettings(1.3)).exact
    np.testing.assert_allclose(np.exp(partial.logprobs[:9]), np.exp(whole.logprobs[:9]), rtol=1e-6)


def test_a_list_that_seems_to_lack_nothing_is_continued_by_its_slope() -> None:
    random = np.random.default_rng(2)
    logits = np.sort(random.normal(0, 4, 50_000))[::-1]
    logprobs = logits - np.log(np.exp(logits).sum())
    missing = 1 - np.exp(logprobs[:2000]).sum()
    assert extrapolated_mass(logprobs[:2000], 50_000) == pytest.approx(missing, rel=0.5)
    assert extrapolated_mass(logprobs[:3], 50_000) == 0
