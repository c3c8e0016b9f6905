"""What is said of a token of an answer: how it was chosen."""

from __future__ import annotations

import math

import pytest

from softmax_visualizer.decoding import DecodingSettings, TokenDistribution
from softmax_visualizer.decoding.generation import ChosenBy, Step
from softmax_visualizer.decoding.path import decode_path
from softmax_visualizer.display.answer import place_words


@pytest.mark.parametrize(
    ("chosen_by", "chance", "words"),
    [
        ("sampled", 0.25, "sampled by 0.2500"),
        # at T = 0 there is a random number, which decides nothing
        ("greedy", 0.25, "greedy"),
        ("greedy", None, "greedy"),
        ("picked", None, "picked"),
        ("server", None, "by the server"),
    ],
)
def test_a_random_number_is_named_only_where_it_chose_the_token(
    chosen_by: ChosenBy, chance: float | None, words: str
) -> None:
    distribution = TokenDistribution.from_logits(["a", "b"], [math.log(0.75), math.log(0.25)])
    step = Step(distribution, distribution.token(0), 0, chosen_by, chance=chance)
    first, *_ = place_words(decode_path((step,), DecodingSettings()), 0)
    assert first == f"token 1 of 1: 75.0 %, rank 1, {words}"
