"""Predictions: what a lesson lets people say before they see it, and the score that they have."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from pathlib import Path

import pytest

from screens import bench, text
from softmax_visualizer.decoding import Interval
from softmax_visualizer.lessons.error import LessonError
from softmax_visualizer.lessons.expectation import Measure
from softmax_visualizer.lessons.lesson import VERDICT_TIME
from softmax_visualizer.lessons.prediction import (
    CHANGES,
    Judged,
    Prediction,
    changed,
    longest_verdict,
    sampled,
    verdict,
)
from test_expectations import decoding, truncated
from test_lesson_files import HEAD, THREE_STEPS, read, refusal
from test_lesson_player import (
    FOX,
    at_rest,
    burst,
    caption,
    lesson_file,
    played_alone,
    player,
    playing,
    press,
    recording,
)

RISES, FALLS, STAYS = range(3)

OF_ENTROPY = Prediction(Measure("entropy"), CHANGES, None, 1)
OF_TOKENS = Prediction(None, ("`lazy`", "`log`", "another one"), None, 1)


# --- what comes true, and what it costs ---


@pytest.mark.parametrize(
    ("before", "after", "came"),
    [
        ((1, 1, 1), (2, 2, 2), RISES),
        ((2, 2, 2), (1, 1, 1), FALLS),
        ((2, 2, 2), (2, 2, 2), STAYS),
        ((0, 0, 0), (1e-16, 1e-16, 1e-16), STAYS),
        ((2, 2, 2), (2 + 1e-12, 2 + 1e-12, 2 + 1e-12), STAYS),
        ((1e-7, 1e-7, 1e-7), (2e-7, 2e-7, 2e-7), RISES),
        ((1, 2, 3), (4, 5, 6), RISES),
        ((4, 5, 6), (1, 2, 3), FALLS),
        ((1, 2, 3), (3, 5, 6), None),
        ((1, 2, 3), (1, 2, 3), None),
    ],
)
def test_a_number_rises_falls_or_stays_and_bounds_can_leave_it_open(
    before: tuple[float, float, float], after: tuple[float, float, float], came: int | None
) -> None:
    assert changed(Interval(*before), Interval(*after)) == came


def test_a_sampled_token_is_one_of_the_choices_or_another_one() -> None:
    found = decoding()
    names = [found.distribution.token(index).text for index in range(len(found.distribution))]
    outcomes = {name: sampled(OF_TOKENS, found, index) for index, name in enumerate(names)}
    assert outcomes == {" lazy": 0, " fence": 2, " log": 1, "\n": 2}
    assert sampled(OF_TOKENS, truncated(), None) == 2


def test_the_score_is_the_logarithm_of_what_was_given_to_the_outcome() -> None:
    assert Judged(OF_ENTROPY, RISES, RISES).bits == pytest.approx(-log2(0.8))
    assert Judged(OF_ENTROPY, RISES, FALLS).bits == pytest.approx(-log2(0.2 / 2))
    assert Judged(OF_ENTROPY, RISES, FALLS).bits_of_nothing == pytest.approx(log2(3))
    nine = Prediction(None, tuple("abcdefghi"), None, 1)
    assert Judged(nine, 0, 8).bits == pytest.approx(-log2(0.2 / 8))


def test_a_verdict_names_both_and_the_score_of_all_predictions_so_far() -> None:
    right, wrong = Judged(OF_ENTROPY, RISES, RISES), Judged(OF_ENTROPY, FALLS, RISES)
    assert verdict([right]) == (
        "You said rises: it rises. 0.3 bits. So far 0.3 in 1 prediction; less is better, guessing: 1.6."
    )
    assert verdict([right, wrong]) == (
        "You said falls: it rises. 3.3 bits. So far 3.6 in 2 predictions; less is better, guessing: 3.2."
    )
    token = Judged(OF_TOKENS, 1, 2)
    assert verdict([right, wrong, token]).startswith(
        "You said `log`: it is another one. 3.3 bits. So far 7.0"
    )


def test_the_longest_verdict_is_no_shorter_than_any() -> None:
    for prediction in (OF_ENTROPY, OF_TOKENS):
        options = range(len(prediction.options))
        found = [
            len(verdict([Judged(prediction, a, b)] * n)) for a in options for b in options for n in (1, 20)
        ]
        assert len(longest_verdict(prediction)) >= max(found)


@pytest.mark.parametrize(
    "text",
    [
        "entropy",
        "perplexity",
        "kept",
        "cut",
        "unseen",
        "beyond 2",
        '"lazy"',
        '"lazy" in the model',
        "Entropy",
    ],
)
def test_what_an_expectation_measures_can_be_predicted(text: str) -> None:
    assert Measure.parse(text).of(decoding()) is not None


def test_a_measure_is_what_the_expectation_of_that_name_measures() -> None:
    assert Measure.parse('"lazy"').of(decoding()) == Interval.point(0.5)
    assert Measure.parse("kept").of(decoding()) == Interval.point(4)
    assert Measure.parse('"cat"').of(decoding()) is None


@pytest.mark.parametrize("text", ["", "logit", '"lazy" kept', "beyond", "answer", "greedy", "x" * 300])
def test_what_is_no_number_of_a_decoding_cannot_be_predicted(text: str) -> None:
    with pytest.raises(LessonError, match="is not a number that can be predicted"):
        Measure.parse(text)


# --- what a file says ---

QUESTION = 'question = "q"\nanswer = "a"\n'


def test_a_question_can_have_a_number_or_a_token_predicted(tmp_path: Path) -> None:
    steps = read(
        HEAD
        + f'[[step]]\n{QUESTION}predict = "entropy"\nguess = "falls"\n'
        + f'[[step]]\n{QUESTION}predict = "token"\nchoices = ["lazy", "dog"]\nguess = "dog"\n'
        + f"[[step]]\n{QUESTION}predict = '\"lazy\"'\n"
        + f'[[step]]\n{QUESTION}predict = "token"\nchoices = ["lazy", "dog"]\nguess = "another one"\n',
        tmp_path,
    ).steps
    assert [step.prediction for step in steps] == [
        Prediction(Measure("entropy"), CHANGES, FALLS, 7),
        Prediction(None, ("`lazy`", "`dog`", "another one"), 1, 12),
        Prediction(Measure('"lazy"'), CHANGES, None, 18),
        Prediction(None, ("`lazy`", "`dog`", "another one"), 2, 22),
    ]
    assert steps[0].answer_pause - steps[2].answer_pause == VERDICT_TIME


@pytest.mark.parametrize(
    ("entries", "line", "said"),
    [
        ('caption = "c"\npredict = "entropy"', 12, "predict needs an entry question in its step."),
        ('caption = "c"\nguess = "falls"', 12, "guess needs an entry predict in its step."),
        (QUESTION + 'choices = ["a", "b"]', 13, "choices needs an entry predict in its step."),
        (
            QUESTION + 'predict = "logit"',
            13,
            "logit is not a number that can be predicted. It can be entropy",
        ),
        (QUESTION + 'predict = "logit"', 13, 'Or predict = "token", with choices.'),
        (QUESTION + "predict = 1", 13, "predict must be a text"),
        (QUESTION + 'predict = "cut"\nguess = "rise"', 14, "guess must be one of rises, falls, stays."),
        (
            QUESTION + 'predict = "cut"\nchoices = ["a", "b"]',
            14,
            'choices need predict = "token".',
        ),
        (QUESTION + 'predict = "token"', 10, "choices must be 2 to 8 different tokens."),
        (QUESTION + 'predict = "token"\nchoices = ["a"]', 14, "choices must be 2 to 8 different tokens."),
        (
            QUESTION + 'predict = "token"\nchoices = ["a", "a "]',
            14,
            "choices must be 2 to 8 different tokens.",
        ),
        (QUESTION + f'predict = "token"\nchoices = {list("abcdefghi")}', 14, "choices must be 2 to 8"),
        (QUESTION + 'predict = "token"\nchoices = [\n"a",\n"`"]', 16, "characters without a backtick."),
        (
            QUESTION + 'predict = "token"\nchoices = ["a", "b"]\nguess = "c"',
            15,
            "guess must be one of a, b, another",
        ),
    ],
)
def test_what_cannot_be_predicted_is_refused_with_its_line(
    tmp_path: Path, entries: str, line: int, said: str
) -> None:
    message = refusal(THREE_STEPS + entries, tmp_path)
    assert message.startswith(f"fox.toml, line {line}: ")
    assert said in message


# --- on the screen ---

TWO = """
[[step]]
question = "Does the entropy rise, fall, or stay?"
predict = "entropy"
guess = "rises"
answer = "It rises, for everything is levelled."
settings = { temperature = 1.5 }
[[step]]
question = "How many are kept?"
predict = "kept"
guess = "stays"
answer = "Temperature cuts nothing."
keys = ["left", "left"]
[[step]]
caption = "the end"
"""

RIGHT = "You said rises: it rises. 0.3 bits. So far 0.3 in 1 prediction; less is better, guessing: 1.6."
THEN_WRONG = "You said falls: it stays. 3.3 bits. So far 3.6 in 2 predictions; less is better, guessing: 3.2."


async def test_a_key_predicts_and_the_answer_says_what_came_true_and_the_score(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TWO)) as (app, pilot):
        height = bench(app).query_one("#caption").size.height
        assert "1 rises   2 falls   3 stays" in text(app)
        await press(app, pilot, "1")
        assert caption(app) == "It rises, for everything is levelled."
        assert RIGHT in text(app)
        assert bench(app).scene.settings.temperature == 1.5
        await press(app, pilot, "space", "2")
        assert THEN_WRONG in text(app)
        assert bench(app).query_one("#caption").size.height == height
        await press(app, pilot, "space")
        assert "bits." not in text(app)
        assert player(app).failures == []


async def test_space_alone_goes_on_without_a_prediction(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TWO)) as (app, pilot):
        await press(app, pilot, "space")
        assert caption(app) == "It rises, for everything is levelled."
        assert "You said" not in text(app)
        await press(app, pilot, "space", "2")
        assert "3.3 bits. So far 3.3 in 1 prediction" in text(app)


async def test_going_back_shows_the_same_score_again_and_a_new_prediction_takes_the_place_of_the_old(
    tmp_path: Path,
) -> None:
    async with playing(lesson_file(tmp_path, TWO)) as (app, pilot):
        seen = [text(app)]
        for key in ("1", "space", "2", "space"):
            await press(app, pilot, key)
            seen.append(text(app))
        for earlier in reversed(seen[:-1]):
            await press(app, pilot, "backspace")
            assert text(app) == earlier
        for key, later in zip(("1", "space", "2", "space"), seen[1:], strict=True):
            await press(app, pilot, key)
            assert text(app) == later
        await press(app, pilot, "backspace", "backspace", "3")
        assert "You said stays: it stays. 0.3 bits. So far 0.6 in 2 predictions" in text(app)
        await press(app, pilot, "backspace", "backspace", "backspace", "space")
        assert "You said" not in text(app)
        await press(app, pilot, "space", "3")
        assert "So far 0.3 in 1 prediction" in text(app)


@pytest.mark.parametrize("tried", [("right", "right", "v"), ("o",), ("question_mark",)])
async def test_a_prediction_counts_from_where_the_lesson_was_whatever_was_tried_out(
    tmp_path: Path, tried: Sequence[str]
) -> None:
    async with playing(lesson_file(tmp_path, TWO)) as (app, pilot):
        await press(app, pilot, "1")
        expected = text(app)
        await press(app, pilot, "backspace", *tried, "1")
        assert text(app) == expected


async def test_digits_are_the_boards_where_nothing_is_asked_and_the_fields_where_somebody_types(
    tmp_path: Path,
) -> None:
    async with playing(lesson_file(tmp_path, TWO)) as (app, pilot):
        await press(app, pilot, "t", "1", "enter")
        assert "1 rises" in text(app)
        await press(app, pilot, "4")
        assert "1 rises" in text(app)
        assert bench(app).scene.settings.temperature != 1.0
        await press(app, pilot, "1", "1")
        assert caption(app) == "It rises, for everything is levelled."
        assert bench(app).scene.settings.temperature != 1.5


async def test_a_prediction_pressed_before_the_question_is_there_is_for_the_question(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TWO)) as (app, pilot):
        burst(app, "1", "space", "3")
        await at_rest(app, pilot)
        assert "You said stays: it stays." in text(app)
        assert "in 2 predictions" in text(app)


TOKENS = """
[[step]]
question = "Which token comes?"
predict = "token"
choices = ["lazy", "old", "new"]
guess = "old"
answer = "See below."
seed = 3
"""


@pytest.mark.parametrize("keys", ["", 'keys = ["space", "space"]\n'])
async def test_the_token_that_a_step_samples_can_be_predicted(tmp_path: Path, keys: str) -> None:
    recording(tmp_path / "fox.jsonl", FOX)
    path = lesson_file(tmp_path, TOKENS + keys, head='recording = "fox.jsonl"')
    async with playing(path) as (app, pilot):
        assert "1 lazy   2 old   3 new   4 another one" in text(app)
        await press(app, pilot, "1")
        last = bench(app).scene.sampled
        assert last is not None
        assert last.number == (2 if keys else 1)
        came = {0: "lazy", 1: "old", None: "another one"}[last.index]
        assert f"You said lazy: it is {came}. {'0.3' if came == 'lazy' else '3.9'} bits." in text(app)
        assert player(app).failures == []


@pytest.mark.parametrize("key", ["1", "space"])
async def test_a_prediction_on_which_nothing_certain_is_known_is_a_failure_with_its_line(
    tmp_path: Path, key: str
) -> None:
    recording(tmp_path / "fox.jsonl", FOX)
    steps = TWO.replace('"entropy"', "'\"cat\"'")
    async with playing(lesson_file(tmp_path, steps, head='recording = "fox.jsonl"')) as (app, pilot):
        await press(app, pilot, key)
        assert "You said" not in text(app)
        (failure,) = player(app).failures
        assert failure == 'mine.toml, line 8: nothing can be predicted here: what "cat" does is unknown.'


async def test_a_step_that_was_to_sample_and_did_not_is_a_failure(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, TOKENS + 'keys = ["/", "space", "escape"]\n')
    async with playing(path) as (app, pilot):
        await press(app, pilot, "1")
        (failure,) = player(app).failures
        assert failure == "mine.toml, line 8: nothing can be predicted here: no token was sampled."


ALONE = TWO.partition('[[step]]\ncaption = "the end"')[0]


@pytest.mark.parametrize("keys", [(), ("3",)], ids=["alone", "with a key pressed"])
async def test_by_itself_a_lesson_predicts_what_it_guesses(tmp_path: Path, keys: Sequence[str]) -> None:
    path = lesson_file(tmp_path, ALONE.replace('"stays"', '"falls"'))
    app, _ = await played_alone(path, *keys, speed=50)
    assert (app.return_code, app.failures) == (0, [])
    last = app._main.scene.caption
    assert last is not None
    assert THEN_WRONG in last.text


async def test_by_itself_a_lesson_without_a_guess_predicts_nothing(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, ALONE.replace('guess = "stays"\n', ""))
    app, _ = await played_alone(path, speed=50)
    last = app._main.scene.caption
    assert last is not None
    assert last.text == "Temperature cuts nothing."
