"""The lessons on a real model: that what they say is true, and is on the screen at both sizes."""

from __future__ import annotations

import asyncio
import re

import numpy as np
import pytest

from softmax_visualizer.decoding import DecodingSettings, TokenDistribution, decode
from softmax_visualizer.lessons.listing import find_lesson
from softmax_visualizer.lessons.reading import COURSE
from softmax_visualizer.models.replay import RecordedModel
from softmax_visualizer.tui.lesson.moments import moments
from test_lesson_player import player, playing, press, text

REAL = ("json", "code", "chat", "ideas", "path", "truths")

NUMBER = re.compile(r"\d[\d,.]* %|\d[\d,.]*(?= tokens)")

ELSEWHERE = {
    ("chat", 9): {"90 %"},  # top-p 0.90
    ("ideas", 13): {"90 %"},
    ("truths", 11): {"18.7 %"},  # of the other file, four steps before
}
"""Numbers in what is said at a moment that are not on the screen then."""


def place(prompt: str, model: str | None = None) -> TokenDistribution:
    return asyncio.run(RecordedModel.open(COURSE / "smollm2.jsonl", model).ask(prompt)).distribution


# what is on the smaller screen is on the larger one; one lesson shows that the larger one works
@pytest.mark.parametrize(("name", "size"), [*((name, (80, 24)) for name in REAL), ("json", (100, 30))])
async def test_all_numbers_and_tokens_that_a_lesson_speaks_of_are_on_the_screen(
    name: str, size: tuple[int, int]
) -> None:
    lesson = find_lesson(name)
    shown = moments(lesson)
    async with playing(lesson.path, size, speed=100, seed=7) as (app, pilot):
        for number, moment in enumerate(shown, 1):
            _, _, below = text(app).partition("╭─ Prompt")
            said = {*NUMBER.findall(moment.text), *re.findall("`(.+?)`", moment.text)}
            assert {each for each in said if each not in below} == ELSEWHERE.get((name, number), set())
            if number < len(shown):
                await press(app, pilot, "space")
        assert player(app).failures == []


@pytest.mark.parametrize("name", REAL)
def test_every_step_of_a_lesson_on_a_real_model_claims_something(name: str) -> None:
    lesson = find_lesson(name)
    assert 8 <= len(lesson.steps) <= 12
    assert lesson.source == "smollm2.jsonl"
    assert all(step.expectations for step in lesson.steps)


def test_every_place_of_the_recording_has_the_whole_vocabulary() -> None:
    models = asyncio.run(RecordedModel.open(COURSE / "smollm2.jsonl").names())
    assert models == ("SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct F32")
    for model in models:
        for prompt in RecordedModel.open(COURSE / "smollm2.jsonl", model).prompts:
            distribution = place(prompt, model)
            assert len(distribution) == distribution.vocabulary_size == 49_152
            assert distribution.complete


def test_the_unicorn_has_most_at_the_temperature_that_the_lesson_names() -> None:
    distribution = place("My favourite animal is the")
    assert distribution.token(7).text == " unic"
    shares = {
        at: decode(distribution, DecodingSettings(at / 100)).after_temperature.first(8).high[7]
        for at in (10, 20, 50, 70, 75, 76, 77, 78, 79, 90, 100, 150, 200)
    }
    assert max(shares, key=lambda at: shares[at]) == 77


def test_a_high_temperature_takes_from_the_top_and_gives_to_thousands() -> None:
    distribution = place("My favourite animal is the")
    one, hot = (
        decode(distribution, DecodingSettings(temperature)).after_temperature.first(49_152).estimate
        for temperature in (1.0, 1.5)
    )
    lost = np.flatnonzero(hot < one)
    assert lost.tolist() == list(range(151))


def test_seven_tokens_of_96_percent_come_out_as_often_as_the_lesson_says() -> None:
    assert f"{0.961**7:.2f}" == "0.76"


def test_of_two_files_of_the_same_weights_one_gives_one_sample_in_58_and_the_other_one_in_4() -> None:
    fox, cold = "The quick brown fox jumps over the", DecodingSettings(0.2)
    shares = {}
    for model in (None, "SmolLM2-135M-Instruct F32"):
        distribution = place(fox, model)
        at = [token.text for token in distribution.tokens[:5]].index(" lazy")
        shares[model] = decode(distribution, cold).after_temperature.first(5).estimate[at]
    assert round(1 / shares["SmolLM2-135M-Instruct F32"]) == 58
    assert 1 / shares[None] < 4
