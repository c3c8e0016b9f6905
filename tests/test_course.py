"""The built-in lessons: what they promise a teacher, and that what they say is true."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from softmax_visualizer.decoding import PRESETS, Decoding, DecodingSettings, TokenDistribution, decode
from softmax_visualizer.display.labels import wrap
from softmax_visualizer.lessons.lesson import BUNDLED, Lesson, Step
from softmax_visualizer.lessons.listing import COURSE, built_in, find_lesson
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.replay import RecordedModel
from softmax_visualizer.tui.lesson.moments import moments
from test_lesson_player import bench, caption, player, playing, press, text
from test_real_lessons import REAL

NAMES = (
    "greedy", "fox", "top-p", "settings", "order", "asking", "hidden", "tables", "walk", "answers",
)  # fmt: skip

WRITING = ("greedy", "settings", "walk", "answers")
"""Lessons that write answers: what they say can be found out only on the screen."""

KNOB_KEYS = {
    **{str(number): preset.settings for number, preset in enumerate(PRESETS, 1)},
    "r": DecodingSettings(),
}
"""Keys that set every knob but the order, whatever they were."""

OTHER_KEYS = frozenset({"x", "X", "c", "s", "v", "b", "j", "i", "escape"})
"""Keys that turn no knob. What a lesson presses beyond these would not be followed here."""

CAPTION_WIDTH, CAPTION_LINES = 76, 3
"""Room of the caption at 80 columns."""


@pytest.fixture(params=(*NAMES, *REAL))
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return find_lesson(request.param)


def distribution(lesson: Lesson, source: str, prompt: str) -> TokenDistribution:
    if source == BUNDLED:
        return BundledModel().answer(prompt).distribution
    return asyncio.run(RecordedModel.open(lesson.path.parent / source).ask(prompt)).distribution


def walk(lesson: Lesson) -> Iterator[tuple[Step, Decoding]]:
    """Yield each step with the decoding that is on the screen at its end."""
    source, prompt, settings = lesson.source, lesson.prompt, DecodingSettings()
    for step in lesson.steps:
        source, prompt = step.source or source, step.prompt or prompt
        changes = {
            name: value if name in ("order", "top_k") else float(value)
            for name, value in step.settings.items()
        }
        settings = replace(settings, **changes)
        for key in step.keys:
            assert key in KNOB_KEYS or key in OTHER_KEYS, f"line {step.line} presses {key}"
            settings = replace(KNOB_KEYS.get(key, settings), order=settings.order)
        if step.sweep is not None:
            settings = replace(settings, **{step.sweep.knob: float(step.sweep.values[-1])})
        yield step, decode(distribution(lesson, source, prompt), settings)


def test_the_course_begins_with_ten_lessons_in_their_order_and_then_six_on_a_real_model() -> None:
    first = (*NAMES, *REAL)
    assert tuple(path.stem for path in built_in())[: len(first)] == first
    assert [find_lesson(name).order for name in first] == list(range(1, len(first) + 1))


def test_a_lesson_is_as_long_as_it_promises(lesson: Lesson) -> None:
    assert lesson.title
    assert lesson.about
    assert lesson.size == (100, 30)
    assert 8 <= len(lesson.steps) <= 18
    assert lesson.duration < 240
    assert sum(len(step.keys) for step in lesson.steps) < 60


def test_a_lesson_asks_and_keeps_the_answer_back(lesson: Lesson) -> None:
    assert any(step.answer for step in lesson.steps)


@pytest.mark.parametrize("name", sorted({*NAMES} - {*WRITING}))
def test_what_a_lesson_expects_is_true(name: str) -> None:
    lesson = find_lesson(name)
    failures = [
        f"{lesson.path.name}, line {expectation.line}: {failure}"
        for step, decoding in walk(lesson)
        for expectation in step.expectations
        if (failure := expectation.failure(decoding))
    ]
    assert not failures
    assert sum(len(step.expectations) for step in lesson.steps) >= 3


SEEN = {
    "greedy": {
        5: ("▸␣gate",),
        6: ("100 samples", " 54"),
        9: ("kept 1 of 20,000", "cut 0 %"),
        10: ("20 greedy", "door and the other·, and the other"),
        12: ("all: 0.3 %", "2 greedy"),
        14: ("all: 1.4 %", "great▃deal"),
        15: ("␣years", "8.4 %", "␣months", "4.4 %"),
    },
    "settings": {
        2: ("99.3 % of answers", "1 token with 95 %"),
        4: ("at most 0.00201 % a token",),
        5: ("0.2 % of samples", "23.1 to 40.8 % of answers", "BOUNDS"),
        6: ("<0.01 % of answers",),
        7: ("leaving it  0 % of samples",),
        8: ("leaving it  5.5 to 63.7 % of samples", ">99.99 % of answers"),
        12: ("kept 152 of 20,000",),
        13: ("after 20 tokens", "┤ 1.50"),
    },
    "walk": {
        1: ("␣jumps", "85.9 %"),
        2: ("40 greedy", "after 40 tokens"),
        3: ("little Jackal", "40 greedy"),
        5: ("23 greedy", "after 40 tokens", "┤ 0.80"),
        6: ("token 8 of 40: 2.8 %", "▸'"),
        7: ("72.1 %", "77.5 %", "80.3 %", "random number 0.7887, seed 1"),
        8: ("The▁little", "after 48 tokens"),
        9: ("T 0.10", "T 1.50", "leaves the first at token 2", "║countryside", "3 greedy", "40 greedy"),
    },
    "answers": {
        1: ("␣jumps", "97.1 %"),
        4: ("after 7 tokens · all: 100 %",),
        5: ("token 4 of 7: 86.4 %", "all: 57.7 %"),
        6: ("weakest     ␣dog 79.7 % (token 5), ␣lazy 86.4 %",),
        7: ("99.1 % of samples", "T for 99 %  at most T 0.25", "┤ 0.25"),
        8: ("s surprisal", "h entropy", "at token 5", "┤ 0.80"),
        9: ("after 40 tokens · all: 2^-115",),
        10: ("token 11 of 40: 0 %, cut", "▸understand", "×", "all: cannot be sampled", "┤ 0.80"),
    },
}
"""What captions speak of, by the number of the moment."""


@pytest.mark.parametrize(("name", "size"), [*((name, (80, 24)) for name in WRITING), ("walk", (100, 30))])
async def test_what_a_lesson_that_writes_says_is_true_and_on_the_screen(
    name: str, size: tuple[int, int]
) -> None:
    path = find_lesson(name).path
    async with playing(path, size, speed=100, seed=7) as (app, pilot):
        for number, moment in enumerate(moments(find_lesson(name)), 1):
            lines = text(app).splitlines()
            assert caption(app) == moment.text.split("\n")[0]
            assert [words for words in SEEN[name].get(number, ()) if words not in text(app)] == []
            # what was sampled is said in two lines where room is short, and takes that of the keys
            assert "go on" in lines[-1] or "Sampled:" in lines[-2]
            assert bench(app).query_one("#board").size.height >= 6
            assert bench(app).max_scroll_y == 0
            if number < len(moments(find_lesson(name))):
                await press(app, pilot, "space")
        assert player(app).failures == []
    assert sum(len(step.expectations) for step in find_lesson(name).steps) >= 15


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("top-p", f"at least {0.09999 / 0.00001:,.0f} of them share their 9.999 %"),
        ("settings", f"once in {round(1 / (1 - 0.99 ** (1 / 500)), -4):,.0f} tokens"),
        ("tables", f"0.63 times that: {45.2 * 38.7 / 61.3:.1f} %"),
        ("tables", f"leave only {100 - 45.2 - 15.5 - 8.3 - 4.1 - 2.2:.1f} %"),
        ("answers", f"{100 * 0.97**7:.0f} % for seven tokens, and only {100 * 0.97**40:.0f} % for 40"),
    ],
)
def test_what_a_lesson_reckons_is_right(name: str, words: str) -> None:
    texts = [text for step in find_lesson(name).steps for text in (step.caption, step.answer or "")]
    assert any(words in text for text in texts)


def test_at_a_high_temperature_nearly_all_tokens_of_the_fox_gain() -> None:
    fox = BundledModel().answer(find_lesson("fox").prompt).distribution
    cold, hot = (decode(fox, DecodingSettings(each)).after_cut.first(len(fox)).estimate for each in (1, 1.5))
    assert (hot > cold)[20:].mean() > 0.99


def test_captions_and_answers_fit_their_lines(lesson: Lesson) -> None:
    texts = [text.replace("`", "") for step in lesson.steps for text in (step.caption, step.answer) if text]
    assert [text for text in texts if len(wrap(text, CAPTION_WIDTH)) > CAPTION_LINES] == []
    assert [text for text in lesson.remember if len(wrap(f"1. {text}", CAPTION_WIDTH)) > 1] == []


def test_captions_stay_long_enough_to_be_read(lesson: Lesson) -> None:
    hurried = [
        step.line
        for step in lesson.steps
        if step.pause + (step.sweep.seconds if step.sweep else 0) < max(2, 0.03 * len(step.caption))
    ]
    assert hurried == []


@pytest.mark.parametrize("recording", sorted(COURSE.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_recording_is_small_used_and_replays(recording: Path) -> None:
    model = RecordedModel.open(recording)
    assert asyncio.run(model.ask(model.prompts[0])).distribution.tokens
    # the real model's places have 49,152 tokens each
    assert recording.stat().st_size < (50_000 if recording.stem != "smollm2" else 5_500_000)
    lessons = map(find_lesson, (*NAMES, *REAL))
    used = {source for each in lessons for source in (each.source, *(step.source for step in each.steps))}
    assert recording.name in used


def test_the_server_reported_the_same_at_every_temperature() -> None:
    models = [RecordedModel.open(COURSE / f"asking-{name}.jsonl") for name in ("cold", "one", "hot")]
    answers = [asyncio.run(model.ask("The sky is")) for model in models]
    assert [answer.request["body"]["temperature"] for answer in answers] == [0.1, 1.0, 1.5]
    assert len({answer.distribution.logprobs.tobytes() for answer in answers}) == 1


@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 1.2, 1.5, 2.0])
def test_the_ranges_of_the_lesson_on_what_is_hidden_hold_the_truth(temperature: float) -> None:
    lesson = find_lesson("hidden")
    shown, truth = (
        decode(distribution(lesson, source, lesson.prompt), DecodingSettings(temperature)).after_cut.first(20)
        for source in ("hidden-top-20.jsonl", BUNDLED)
    )
    assert (shown.low <= truth.estimate + 1e-12).all()
    assert (truth.estimate <= shown.high + 1e-12).all()
