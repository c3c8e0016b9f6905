"""What a lesson can expect of the numbers, and what it says when they are others."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softmax_visualizer.decoding import Decoding, DecodingSettings, Token, TokenDistribution, decode
from softmax_visualizer.decoding.generation import Step
from softmax_visualizer.decoding.path import PathDecoding, decode_path
from softmax_visualizer.lessons.error import LessonError
from softmax_visualizer.lessons.expectation import FORMS, Expectation
from softmax_visualizer.lessons.lesson import Lesson
from softmax_visualizer.lessons.reading import read_lesson
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.tui.knobs import turned, with_value

EXAMPLE = Path(__file__).parent / "data" / "example_lesson.toml"

TOKENS = [" lazy", " fence", " log", "\n"]
PROBABILITIES = [0.5, 0.25, 0.125, 0.125]


def decoding(**settings: Any) -> Decoding:
    """A whole vocabulary of four tokens: 50, 25, 12.5 and 12.5 %, which is 1.75 bits."""
    distribution = TokenDistribution.from_logits(TOKENS, [math.log(value) for value in PROBABILITIES])
    return decode(distribution, DecodingSettings(**settings))


def truncated(**settings: Any) -> Decoding:
    """The first two of ten tokens: 50 and 30 %; 20 % is unseen."""
    distribution = TokenDistribution.from_top_logprobs(TOKENS[:2], [math.log(0.5), math.log(0.3)], 10)
    return decode(distribution, DecodingSettings(**settings))


def failure(text: str, found: Decoding) -> str | None:
    return Expectation.parse(text, 1).failure(found)


@pytest.mark.parametrize(
    "text",
    [
        '"lazy" at least 50 %',
        '"lazy" at most 50 %',
        '"lazy" about 50 %',
        '"lazy" in the model at least 50%',
        '"lazy" after temperature about 50.0 %',
        '"lazy" kept',
        '"lazy" above "fence"',
        '"fence" listed',
        "unseen at most 0 %",
        "beyond 1 at least 50 %",
        "beyond 1 in the model about 50 %",
        "beyond 99 at most 0 %",
        "entropy about 1.75 bits",
        "entropy in the model at least 1.75 bits",
        "entropy after temperature at most 1.8 bits",
        "perplexity about 3.4",
        "perplexity at most 4",
        "kept 4",
        "kept at least 4",
        "kept at most 4",
        "cut at most 0 %",
        "exact",
        '  "lazy"   AT LEAST  50 %  ',
        "Exact",
        "KEPT 4",
    ],
)
def test_what_is_true_holds(text: str) -> None:
    assert failure(text, decoding()) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"lazy" at least 99 %', "it is 50.0 %"),
        ('"lazy" at most 49 %', "it is 50.0 %"),
        ('"lazy" about 51.0 %', "it is 50.00 %"),
        ('"lazy" cut', "it is kept"),
        ('"fence" above "lazy"', "they are 25.0 % and 50.0 %"),
        ('"log" above "⏎"', "they are 12.5 % and 12.5 %"),
        ('"cat" at most 1 %', '"cat" is not among the tokens that the model listed'),
        ('"cat" listed', '"cat" is not among the tokens that the model listed'),
        ('"lazy" above "cat"', '"cat" is not among the tokens that the model listed'),
        ("unseen at least 1 %", "it is 0.0 %"),
        ("beyond 2 at most 10 %", "it is 25.0 %"),
        ("entropy at most 0.5 bits", "it is 1.75 bits"),
        ("perplexity at most 3", "it is 3.4"),
        ("kept at most 3", "it is 4"),
        ("kept 3", "it is 4"),
        ("cut at least 10 %", "it is 0.0 %"),
        ("bounds", "every number is exact"),
    ],
)
def test_what_is_not_true_says_what_was_found(text: str, found: str) -> None:
    assert failure(text, decoding()) == f"expected {text}, but {found}"


def test_a_number_is_about_what_is_sampled_from_unless_it_says_otherwise() -> None:
    chat = decoding(temperature=0.5, top_p=0.7)
    assert failure('"lazy" about 72.7 %', chat) == 'expected "lazy" about 72.7 %, but it is 100.00 %'
    assert failure('"lazy" after temperature about 72.7 %', chat) is None
    assert failure('"lazy" in the model about 50 %', chat) is None
    assert failure("entropy at most 0 bits", chat) is None
    assert failure("entropy in the model about 1.75 bits", chat) is None
    assert failure("perplexity at most 1", chat) is None
    assert failure("kept 1", chat) is None
    assert failure('"fence" cut', chat) is None
    assert failure('"fence" kept', chat) == 'expected "fence" kept, but it is cut'
    assert failure("cut about 27.3 %", chat) is None
    assert failure("beyond 1 at most 0 %", chat) is None


def test_about_reaches_half_a_unit_of_the_last_digit_to_both_sides() -> None:
    for text, holds in [
        ('"log" about 12 %', True),
        ('"log" about 13 %', True),
        ('"log" about 14 %', False),
        ('"log" about 12.5 %', True),
        ('"log" about 12.4 %', False),
        ('"log" about 12.6 %', False),
    ]:
        assert (failure(text, decoding()) is None) == holds, text


def test_the_number_found_has_as_many_digits_as_tell_it_from_the_one_expected() -> None:
    distribution = TokenDistribution.from_logits(["a", "b"], [math.log(0.98999996), math.log(0.01000004)])
    found = decode(distribution, DecodingSettings())
    assert failure('"a" at least 99 %', found) == 'expected "a" at least 99 %, but it is 98.999996 %'


def test_a_probability_below_100_percent_is_not_called_100_percent() -> None:
    distribution = TokenDistribution.from_logits(["a", "b"], [0.0, -33.0])
    found = decode(distribution, DecodingSettings())
    assert failure('"a" at least 100 %', found) == 'expected "a" at least 100 %, but it is 99.9999999999995 %'
    assert failure('"a" at most 99 %', found) == 'expected "a" at most 99 %, but it is 99.9999999999995 %'
    assert failure('"b" at most 0 %', found) == 'expected "b" at most 0 %, but it is 0.0000000000005 %'


def test_the_noise_of_a_computation_is_no_failure() -> None:
    distribution = TokenDistribution.from_logits(list("abcdefghij"), [0.0] * 10)
    found = decode(distribution, DecodingSettings())
    for text in ("beyond 7 at most 30 %", "beyond 3 at least 70 %", "beyond 4 at most 60 %"):
        assert failure(text, found) is None


# --- bounds ---


def test_what_is_known_within_bounds_must_hold_for_all_of_them() -> None:
    hot = truncated(temperature=2)
    low, high = (100 * end for end in (hot.others().probability.low, hot.others().probability.high))
    assert high - low > 5
    assert failure(f"unseen at least {math.floor(low)} %", hot) is None
    assert failure(f"unseen at most {math.ceil(high)} %", hot) is None
    for text in (f"unseen at least {math.ceil(low) + 1} %", f"unseen at most {math.floor(high) - 1} %"):
        said = failure(text, hot)
        assert said is not None
        assert said.startswith(f"expected {text}, but it is between ")
        numbers = [float(word) for word in said.removesuffix(" %").split() if word[-1].isdigit()][-2:]
        # the bounds that are printed hold those that are known
        assert numbers[0] <= low < high <= numbers[1]


def test_about_is_said_of_the_estimate_and_says_so() -> None:
    hot = truncated(temperature=2)
    estimate = 100 * hot.others().probability.estimate
    assert failure(f"unseen about {estimate:.0f} %", hot) is None
    said = failure("unseen about 1 %", hot)
    assert said is not None
    assert f"but its estimate is {estimate:.1f} %, and it is between " in said


def test_exact_and_bounds_are_what_the_decoding_says_of_itself() -> None:
    hot = truncated(temperature=2)
    assert failure("bounds", hot) is None
    assert failure("exact", hot) == "expected exact, but some numbers are known only as ranges"


def test_how_many_are_kept_of_an_unknown_vocabulary_has_no_upper_end() -> None:
    distribution = TokenDistribution.from_top_logprobs(TOKENS[:2], [math.log(0.5), math.log(0.3)])
    found = decode(distribution, DecodingSettings())
    assert failure("kept at least 2", found) is None
    assert failure("kept at most 9", found) == "expected kept at most 9, but it is at least 3"
    assert failure("kept 3", found) == "expected kept 3, but it is at least 3"


def test_what_may_be_kept_is_neither_kept_nor_cut() -> None:
    distribution = TokenDistribution.from_top_logprobs(
        ["a", "b", "c"], [math.log(probability) for probability in (0.3, 0.3, 0.1)], 10
    )
    found = decode(distribution, DecodingSettings(temperature=2, top_p=0.21))
    assert found.kept(1) == "maybe"
    for fate in ("kept", "cut"):
        assert failure(f'"b" {fate}', found) == f'expected "b" {fate}, but whether it is kept is not known'


def test_beyond_a_rank_that_was_not_listed_nothing_is_known() -> None:
    assert failure("beyond 2 at least 19 %", truncated()) is None
    assert failure("beyond 3 at least 1 %", truncated()) == (
        "expected beyond 3 at least 1 %, but the model listed only 2 tokens"
    )


# --- tokens ---


@pytest.mark.parametrize("name", ["lazy", " lazy", "␣lazy"])
def test_a_token_is_named_with_or_without_its_leading_space(name: str) -> None:
    assert failure(f'"{name}" about 50 %', decoding()) is None


def test_the_most_likely_token_of_a_name_is_meant() -> None:
    distribution = TokenDistribution.from_logits(["a", " a", "b"], [0.0, 2.0, 1.0])
    found = decode(distribution, DecodingSettings())
    assert failure('"a" above "b"', found) is None
    assert failure('" a" above "b"', found) is None


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (Token("\n"), "⏎"),
        (Token(" \n"), "⏎"),
        (Token("\ufffd", b"\xf0"), "<0xF0>"),
        (Token('"'), '"'),
        (Token('{"'), '{"'),
        (Token('" kept'), '"␣kept'),
        (Token("  x"), "␣␣x"),
        (Token(" above"), "above"),
        (Token("日本"), "日本"),
        (Token("é"), "é"),
        (Token("[/b]"), "[/b]"),
    ],
)
def test_a_token_is_named_as_the_screen_shows_it(token: Token, name: str) -> None:
    distribution = TokenDistribution.from_logits([token, "other"], [1.0, 0.0])
    found = decode(distribution, DecodingSettings())
    assert failure(f'"{name}" at least 70 %', found) is None
    assert failure(f'"{name}" above "other"', found) is None
    assert failure(f'"{name}" kept', found) is None


def test_the_case_of_a_token_matters_and_that_of_the_words_does_not() -> None:
    assert failure('"lazy" ABOUT 50 %', decoding()) is None
    assert failure('"Lazy" about 50 %', decoding()) is not None


def test_a_failure_shows_foreign_characters_harmlessly() -> None:
    said = failure('"\x1b[31m" kept', decoding())
    assert said == 'expected "␛[31m" kept, but "␛[31m" is not among the tokens that the model listed'


# --- answers ---


def answer(*indices: int, **settings: Any) -> PathDecoding:
    """Tokens of :func:`decoding` one after another, by their rank from 0."""
    distribution = decoding().distribution
    steps = tuple(Step(distribution, distribution.token(index), index, "picked") for index in indices)
    return decode_path(steps, DecodingSettings(**settings))


def failure_of(text: str, path: PathDecoding | None, place: int = 0) -> str | None:
    return Expectation.parse(text, 1).failure(decoding(), path, place)


@pytest.mark.parametrize(
    "text",
    [
        "answer of 3 tokens",
        "greedy 2",
        "answer about 6.25 %",
        "answer at least 6.25 %",
        "answer at most 6.25 %",
        "answer about 4 bits",
        "answer at most 4.0 bits",
        "answer kept",
        'answer begins "lazy"',
        'answer begins " lazy fence"',
        'answer begins "␣lazy fence lazy"',
        "at token 3",
        "ANSWER  OF  3  TOKENS",
    ],
)
def test_what_is_true_of_an_answer_holds(text: str) -> None:
    assert failure_of(text, answer(0, 1, 0), place=2) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("answer of 40 tokens", "it is 3"),
        ("greedy 3", "it is 2"),
        ("answer at least 7 %", "it is 6.2 %"),
        ("answer at most 6 %", "it is 6.2 %"),
        ("answer about 5 bits", "it is 4.0 bits"),
        ("answer cut", "all of it is kept"),
        ('answer begins "lazy log"', 'it begins "lazy fen…"'),
        ('answer begins "fence"', 'it begins "lazy …"'),
        ("at token 2", "it is 3"),
    ],
)
def test_what_is_not_true_of_an_answer_says_what_was_found(text: str, found: str) -> None:
    assert failure_of(text, answer(0, 1, 0), place=2) == f"expected {text}, but {found}"


def test_an_answer_is_as_likely_as_the_setting_makes_it() -> None:
    assert failure_of("answer at least 100 %", answer(0, 0, temperature=0)) is None
    assert failure_of("answer at most 0 bits", answer(0, 0, temperature=0)) is None
    assert failure_of("answer about 44.4 %", answer(0, 0, top_p=0.7)) is None


def test_an_answer_of_which_a_token_is_cut_away_is_cut() -> None:
    path = answer(0, 2, 1, top_p=0.7)
    assert failure_of("answer cut", path) is None
    assert failure_of("answer at most 0 %", path) is None
    assert failure_of("answer at least 1000 bits", path) is None
    assert failure_of("answer kept", path) == "expected answer kept, but token 2, ␣log, is cut"


def test_an_answer_that_may_be_cut_is_neither_kept_nor_cut() -> None:
    distribution = TokenDistribution.from_top_logprobs(
        ["a", "b", "c"], [math.log(probability) for probability in (0.3, 0.3, 0.1)], 10
    )
    steps = (Step(distribution, distribution.token(1), 1, "picked"),)
    path = decode_path(steps, DecodingSettings(temperature=2, top_p=0.21))
    for fate in ("kept", "cut"):
        said = f"expected answer {fate}, but whether all of it is kept is not known"
        assert failure_of(f"answer {fate}", path) == said


def test_the_chance_of_an_answer_with_bounds_must_hold_for_all_of_them() -> None:
    distribution = truncated().distribution
    steps = (Step(distribution, distribution.token(0), 0, "picked"),) * 2
    path = decode_path(steps, DecodingSettings(temperature=2))
    low, high = (100 * end for end in (path.path_probability.low, path.path_probability.high))
    assert high - low > 1
    assert failure_of(f"answer at least {math.floor(low)} %", path) is None
    assert failure_of(f"answer at most {math.ceil(high)} %", path) is None
    for text in (f"answer at least {math.ceil(low)} %", f"answer at most {math.floor(high)} %"):
        assert "but it is between" in (failure_of(text, path) or "")


def test_a_text_is_written_as_the_screen_shows_it() -> None:
    path = answer(0, 3, 2)
    assert failure_of('answer begins "lazy⏎ log"', path) is None
    assert failure_of('answer begins " lazy⏎"', path) is None
    assert failure_of('answer begins "lazy log"', path) is not None


def test_without_an_answer_nothing_is_true_of_it() -> None:
    for text in (
        "answer of 0 tokens",
        "answer kept",
        "answer at most 100 %",
        "greedy 0",
        'answer begins "a"',
    ):
        for path in (None, answer()):
            assert failure_of(text, path) == f"expected {text}, but no answer is written"
    assert failure_of("at token 1", None) is None


# --- the grammar ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lazy at least 99 %",
        '"lazy"',
        '"lazy" is nice',
        '"lazy" at leest 99 %',
        '"lazy" at least 99',
        '"lazy" at least ninety %',
        '"lazy" at least -1 %',
        '"lazy" at least 1e3 %',
        '"lazy" at least ٣ %',
        '"lazy" at least 1234567890 %',
        '"" kept',
        "cut in the model at least 5 %",
        "kept about 5",
        "kept 5.5",
        "entropy at most 5",
        "entropy at most 5 %",
        "beyond at least 5 %",
        "exact or bounds",
        '"a" kept "b" kept',
        "answer",
        "answer 40",
        "answer of many tokens",
        "answer about 5",
        "answer begins lazy",
        "answer in the model about 5 %",
        "greedy",
        "7 greedy tokens",
        "at token",
        '"lazy" kept\n"lazy" cut',
        '"' + "a" * 300 + '" kept',
    ],
)
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(LessonError, match="is not an expectation") as refused:
        Expectation.parse(text, 1)
    assert FORMS in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ['"lazy" at most 101 %', "answer at most 101 %", "unseen at least 100.1 %", "cut about 1000 %"]
)
def test_more_than_100_percent_is_refused(text: str) -> None:
    with pytest.raises(LessonError, match="no probability is above 100 %"):
        Expectation.parse(text, 1)


def test_the_forms_that_a_refusal_lists_can_be_read() -> None:
    for form in FORMS.partition(". ")[0].split("; "):
        assert Expectation.parse(form, 7) == Expectation(form, 7)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expectation = Expectation.parse(text, 1)
    except LessonError:
        return
    expectation.failure(decoding())
    expectation.failure(decoding(), answer(0, 3), 1)


@given(
    st.sampled_from(['"lazy"', "unseen", "beyond 1", "cut"]),
    st.sampled_from(["at least", "at most", "about"]),
    st.decimals(0, 100, places=2),
    st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    st.sampled_from([0.3, 0.9, 1.0]),
)
def test_bounds_that_hold_and_fail_are_those_of_the_decoding(
    subject: str, how: str, number: Decimal, temperature: float, top_p: float
) -> None:
    found = truncated(temperature=temperature, top_p=top_p)
    interval = {
        '"lazy"': found.after_cut.probabilities[0],
        "unseen": found.others().probability,
        "beyond 1": found.others(1).probability,
        "cut": found.cut_mass,
    }[subject]
    asked = float(number)
    holds = {
        "at least": 100 * interval.low >= asked - 1e-9,
        "at most": 100 * interval.high <= asked + 1e-9,
        "about": abs(100 * interval.estimate - asked) <= 0.005 + 1e-9,
    }[how]
    assert (failure(f"{subject} {how} {number} %", found) is None) == holds


# --- the example ---


def failures(lesson: Lesson) -> list[str]:
    """Play a lesson on the bundled model, without a screen, with the keys that turn its knobs."""
    turns = {
        "left": ("temperature", -1),
        "right": ("temperature", 1),
        "down": ("top_p", -1),
        "up": ("top_p", 1),
    }
    settings, prompt = DecodingSettings(), lesson.prompt
    said = []
    for step in lesson.steps:
        prompt = step.prompt or prompt
        for knob, value in step.settings.items():
            settings = with_value(settings, knob, value)
        for key in step.keys:
            settings = turned(settings, *turns[key])
        if step.sweep:
            settings = with_value(settings, step.sweep.knob, step.sweep.values[-1])
        found = decode(BundledModel().answer(prompt).distribution, settings)
        said += [failure for expected in step.expectations if (failure := expected.failure(found))]
    return said


def test_the_example_expects_what_is_true_of_the_bundled_model() -> None:
    lesson = read_lesson(EXAMPLE)
    assert sum(len(step.expectations) for step in lesson.steps) > 10
    assert failures(lesson) == []


def test_an_example_that_became_untrue_says_so(tmp_path: Path) -> None:
    path = tmp_path / "untrue.toml"
    path.write_text(EXAMPLE.read_text("utf-8").replace("kept 29", "kept 28"), "utf-8")
    assert failures(read_lesson(path)) == ["expected kept 28, but it is 29"]
