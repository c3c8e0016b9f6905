"""What a lesson file may say, and what is said about one that says something else."""

from __future__ import annotations

import random
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softmax_visualizer.decoding import DecodingSettings
from softmax_visualizer.display.keys import DEFAULT_KEYS, typed_key
from softmax_visualizer.lessons import listing
from softmax_visualizer.lessons.error import LessonError
from softmax_visualizer.lessons.expectation import Expectation
from softmax_visualizer.lessons.lesson import Lesson
from softmax_visualizer.lessons.listing import built_in, find_lesson
from softmax_visualizer.lessons.reading import read_lesson
from softmax_visualizer.lessons.sweep import Sweep
from softmax_visualizer.tui.keys import KEYS, Key

EXAMPLE = Path(__file__).parent / "data" / "example_lesson.toml"

HEAD = 'lesson = 1\ntitle = "Fox"\nprompt = "The"\n'
"""The three lines that every lesson needs."""

THREE_STEPS = HEAD + '[[step]]\ncaption = "a"\n\n[[step]]\ncaption = "b"\n\n[[step]]\n'
"""A lesson up to its third step, whose header is line 10."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fox.jsonl").write_text("{}")
    (tmp_path / "other.jsonl").write_text("{}")
    return tmp_path


def read(text: str | bytes, folder: Path) -> Lesson:
    path = folder / "fox.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_lesson(path)


def refusal(text: str | bytes, folder: Path) -> str:
    with pytest.raises(LessonError) as refused:
        read(text, folder)
    said = str(refused.value)
    assert said.isprintable()
    assert said.endswith((".", "?"))
    return said


def read_or_refused(text: str | bytes, folder: Path) -> bool:
    """Whether a text is a lesson, or is refused in one harmless line; any other error comes through."""
    try:
        return bool(read(text, folder).steps)
    except LessonError as error:
        return str(error).isprintable()


# --- what a lesson says ---


def test_the_example_is_read_as_it_is_written() -> None:
    lesson = read_lesson(EXAMPLE)
    assert lesson.name == "example_lesson"
    assert lesson.path == EXAMPLE
    assert lesson.title == "A lesson in four steps"
    assert lesson.about == "What every entry of a lesson file does."
    assert lesson.order == 1
    assert lesson.size == (100, 30)
    assert lesson.source == "bundled"
    assert lesson.prompt == "The quick brown fox jumps over the"
    first, cold, hot, question = lesson.steps
    assert first.caption.startswith("The model gives every token")
    assert first.expectations[1] == Expectation('"lazy" above "fence"', 14)
    assert (first.answer, first.prompt, first.source, first.settings, first.keys, first.sweep) == (
        None, None, None, {}, (), None,
    )  # fmt: skip
    assert cold.caption.startswith("A low temperature")
    assert cold.caption.count("\n") == 1
    assert cold.sweep is not None
    assert hot.settings == {
        "temperature": Decimal("1.3"),
        "top_p": Decimal("0.9"),
        "top_k": 40,
        "min_p": Decimal("0.02"),
        "order": "temperature-first",
    }
    assert hot.keys == ("right", "right")
    assert hot.pause == 2.5
    assert question.caption.startswith("After")
    assert question.answer is not None
    assert (question.prompt, question.source) == ("Once upon a", "bundled")
    assert [step.line for step in lesson.steps] == [10, 20, 27, 34]


def test_the_example_uses_every_entry_but_a_recording_and_a_seed() -> None:
    text = EXAMPLE.read_text("utf-8")
    for entry in (
        *("lesson", "title", "about", "order", "size", "model", "prompt", "caption", "question", "answer"),
        *("settings", "keys", "sweep", "pause", "expect"),
    ):
        assert re.search(rf"^{entry} = ", text, re.MULTILINE), entry
    assert not re.search("^(recording|seed) =", text, re.MULTILINE)


def test_what_is_left_out_has_a_default(folder: Path) -> None:
    lesson = read(HEAD + '[[step]]\ncaption = "a"\n', folder)
    assert (lesson.about, lesson.order, lesson.size, lesson.source) == ("", None, (100, 30), "bundled")


def test_a_recording_answers_from_the_start_or_from_a_step_on(folder: Path) -> None:
    steps = '[[step]]\ncaption = "a"\nrecording = "other.jsonl"\n[[step]]\ncaption = "b"\nmodel = "bundled"\n'
    lesson = read(HEAD + 'recording = "fox.jsonl"\n' + steps, folder)
    assert lesson.source == "fox.jsonl"
    assert [step.source for step in lesson.steps] == ["other.jsonl", "bundled"]


def test_the_pause_is_the_time_it_takes_to_look_and_to_read_the_caption_and_to_think(folder: Path) -> None:
    long = "word " * 40
    lesson = read(
        HEAD
        + f'[[step]]\ncaption = "Look."\n[[step]]\ncaption = "{long}"\n[[step]]\ncaption = "a"\npause = 0\n'
        + '[[step]]\nquestion = "Why?"\nanswer = "So."\n',
        folder,
    )
    expected = [2.5 + 0.08 * 5, 2.5 + 0.08 * len(long.strip()), 0, 2.5 + 0.08 * 4 + 6]
    assert [step.pause for step in lesson.steps] == pytest.approx(expected)
    assert lesson.steps[-1].answer_pause == pytest.approx(2.5 + 0.08 * 3)


def test_the_duration_is_that_of_all_pauses_answers_and_sweeps(folder: Path) -> None:
    lesson = read(
        HEAD
        + '[[step]]\ncaption = "a"\npause = 2\nsweep = "top-p from 1 to 0.5 in 10 steps over 2.5 s"\n'
        + '[[step]]\nquestion = "b?"\nanswer = "c"\npause = 4\n',
        folder,
    )
    assert lesson.duration == pytest.approx(2 + 2.5 + 4 + 2.58)


def test_blanks_around_a_prompt_are_part_of_it(folder: Path) -> None:
    assert (
        read('lesson = 1\ntitle = "a"\nprompt = "The "\n[[step]]\ncaption = "a"\n', folder).prompt == "The "
    )


def test_a_step_can_set_the_seed(folder: Path) -> None:
    steps = read(HEAD + '[[step]]\ncaption = "a"\nseed = 7\n[[step]]\ncaption = "b"\n', folder).steps
    assert [step.seed for step in steps] == [7, None]


def test_settings_are_valid_whatever_their_form(folder: Path) -> None:
    for written in (
        'settings = { temperature = 0.7, top_k = "off" }',
        'settings.temperature = 0.7\nsettings.top_k = "off"',
        '[step.settings]\ntemperature = 0.7\ntop_k = "off"',
    ):
        (step,) = read(HEAD + f'[[step]]\ncaption = "a"\n{written}\n', folder).steps
        assert step.settings == {"temperature": Decimal("0.7"), "top_k": None}


def test_settings_can_be_given_to_the_decoder(folder: Path) -> None:
    (step,) = read(
        HEAD
        + '[[step]]\ncaption = "a"\nsettings = { top_k = 40.0, temperature = 2, order = "temperature-last" }',
        folder,
    ).steps
    assert DecodingSettings(top_k=step.settings["top_k"], order=step.settings["order"])  # type: ignore[arg-type]
    assert {name: type(value) for name, value in step.settings.items()} == {
        "top_k": int, "temperature": Decimal, "order": str,
    }  # fmt: skip


def test_steps_can_be_written_as_one_list(folder: Path) -> None:
    lesson = read(HEAD + 'step = [{caption = "a"}, {caption = "b"}]\n', folder)
    assert [(step.caption, step.line) for step in lesson.steps] == [("a", 4), ("b", 4)]
    assert ", line 4: " in refusal(HEAD + 'step = [{caption = "a"}, {caption = 3}]\n', folder)


def test_windows_line_ends_and_a_byte_order_mark_are_read(folder: Path) -> None:
    text = "\ufeff" + (THREE_STEPS + 'caption = "c"\n').replace("\n", "\r\n")
    assert [step.line for step in read(text, folder).steps] == [4, 7, 10]


# --- tokens, marks, and the end ---


def test_tokens_in_texts_stand_between_backticks_in_pairs(folder: Path) -> None:
    text = HEAD + '[[step]]\nquestion = "`a` or ` b`?"\nanswer = "`a`"\n'
    assert read(text, folder).steps[0].caption == "`a` or ` b`?"


@pytest.mark.parametrize("entries", ['caption = "{}"', 'question = "{}"\nanswer = "a"'])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("`", "has a backtick (`) without another one."),
        ("`a` b` c", "has a backtick (`) without another one."),
        ("``", "between two backticks stands a token of 1 to 40 characters on one line."),
        ("`a\\nb`", "between two backticks stands a token of 1 to 40 characters on one line."),
        (f"`{'a' * 41}`", "between two backticks stands a token of 1 to 40 characters on one line."),
    ],
)
def test_a_text_with_other_backticks_is_refused_with_its_line(
    folder: Path, entries: str, text: str, said: str
) -> None:
    message = refusal(THREE_STEPS + "# a comment\n" + entries.format(text), folder)
    assert message.startswith("fox.toml, line 12: ")
    assert said in message


def test_a_step_marks_a_token_or_up_to_four_and_expects_them_to_be_listed(folder: Path) -> None:
    steps = read(
        HEAD + '[[step]]\ncaption = "a"\nmark = "lazy"\n[[step]]\ncaption = "b"\n'
        "mark = [\n'lazy',\n' {\"',\n]\nexpect = ['exact']\n",
        folder,
    ).steps
    assert [step.marks for step in steps] == [("lazy",), ("lazy", ' {"')]
    assert steps[0].expectations == (Expectation('"lazy" listed', 6),)
    expected = ("exact", 13), ('"lazy" listed', 10), ('" {"" listed', 11)
    assert steps[1].expectations == tuple(Expectation(*each) for each in expected)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("1", "mark must be a token, such as"),
        ('""', "mark must be a token, such as"),
        ('["a", "b", "c", "d", "e"]', "or a list of up to 4 tokens"),
        ("[1]", "mark must be a token, such as"),
        (f'"{"a" * 81}"', "of at most 80 characters."),
        ("'a\" b'", '"a" b" cannot be a token.'),
    ],
)
def test_what_cannot_be_marked_is_refused_with_its_line(folder: Path, mark: str, said: str) -> None:
    message = refusal(THREE_STEPS + f'caption = "c"\nmark = {mark}\n', folder)
    assert message.startswith("fox.toml, line 12: ")
    assert said in message


def test_a_lesson_ends_with_what_is_to_be_remembered_and_the_lesson_that_follows(folder: Path) -> None:
    step = '[[step]]\ncaption = "a"\npause = 1\n'
    plain = read(HEAD + step, folder)
    assert (plain.remember, plain.next, plain.ending, plain.duration) == ((), None, "", 1)
    lesson = read(HEAD + 'remember = ["`a` is", "b", "c"]\nnext = "fox"\n' + step, folder)
    title = find_lesson("fox").title
    assert lesson.remember == ("`a` is", "b", "c")
    assert lesson.next == ("fox", title)
    assert lesson.ending == "1. `a` is\n2. b\n3. c"
    assert lesson.duration == pytest.approx(1 + 2.5 + 0.08 * len(lesson.ending))
    assert read(HEAD + 'next = "fox"\n' + step, folder).ending == f"The next lesson is: {title}"


# --- sweeps ---


def test_a_sweep_takes_exact_decimals_both_ends_included() -> None:
    sweep = Sweep.parse("temperature from 1.0 to 0.1 in 9 steps over 3 s")
    assert sweep.knob == "temperature"
    assert sweep.values == tuple(Decimal(tenths) / 10 for tenths in range(10, 0, -1))
    assert sweep.seconds == 3
    sweep = Sweep.parse("Top-p  from 1 to 0.5 in 10 steps over 2.5s")
    assert sweep.knob == "top_p"
    assert sweep.values == tuple(1 - Decimal("0.05") * step for step in range(11))
    assert sweep.seconds == 2.5
    assert Sweep.parse("top_p from 0 to 1 in 1 step over 1 s").values == (0, 1)


def test_a_value_without_an_exact_decimal_is_rounded_and_the_ends_are_not() -> None:
    sweep = Sweep.parse("temperature from 0 to 1 in 3 steps over 1 s")
    assert sweep.values == (0, Decimal("0.333"), Decimal("0.667"), 1)
    assert Sweep.parse("temperature from 0 to 1 in 16 steps over 1 s").values[1] == Decimal("0.0625")
    sweep = Sweep.parse("temperature from 0 to 0.0004 in 3 steps over 1 s")
    assert sweep.values == (0, Decimal("0.0001"), Decimal("0.0003"), Decimal("0.0004"))


@given(
    st.integers(0, 200), st.integers(0, 200), st.integers(1, 200), st.sampled_from(["temperature", "top-p"])
)
def test_every_sweep_goes_one_way_and_stays_between_its_ends(
    start: int, end: int, steps: int, knob: str
) -> None:
    scale = 100 if knob == "temperature" else 200
    ends = Decimal(start) / scale, Decimal(end) / scale
    values = Sweep.parse(f"{knob} from {ends[0]} to {ends[1]} in {steps} steps over 1 s").values
    assert len(values) == steps + 1
    assert (values[0], values[-1]) == ends
    assert list(values) == sorted(values, reverse=end < start)


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ("temperature 1 to 0", "is not a sweep. Write it like temperature from 1.0 to 0.1"),
        ("top-k from 1 to 5 in 4 steps over 1 s", "is not a sweep"),
        ("temperature from -1 to 0 in 4 steps over 1 s", "is not a sweep"),
        ("temperature from 1 to 0 in 0.5 steps over 1 s", "is not a sweep"),
        ("top-p from 1 to 1.5 in 4 steps over 1 s", "Top-p must be between 0 and 1, not 1.5."),
        ("temperature from 1 to 0 in 0 steps over 1 s", "A sweep has 1 to 200 steps, not 0."),
        ("temperature from 1 to 0 in 201 steps over 1 s", "A sweep has 1 to 200 steps, not 201."),
        ("temperature from 1 to 0 in 4 steps over 0 s", "more than 0 and at most 60 s, not 0 s."),
        ("temperature from 1 to 0 in 4 steps over 60.1 s", "more than 0 and at most 60 s, not 60.1 s."),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_with_its_line(folder: Path, sweep: str, said: str) -> None:
    message = refusal(THREE_STEPS + f'caption = "c"\nsweep = "{sweep}"\n', folder)
    assert message.startswith("fox.toml, line 12: ")
    assert said in message


# --- keys ---


def typed(key: Key) -> list[str]:
    """A key of the screen, as a person types it."""
    return [typed_key(name) for name in DEFAULT_KEYS[key.id]]


def test_the_keys_of_the_screen_can_be_pressed(folder: Path) -> None:
    keys = [name for key in KEYS if not key.outside for name in typed(key)]
    keys = [key for key in keys if not key.startswith("ctrl+")]
    assert {"shift+left", "f2", "alt+1", "1", "/", "?", "space", ",", "<", "!", "tab"} <= set(keys)
    written = ", ".join(f'"{key}"' for key in keys)
    (step,) = read(HEAD + f'[[step]]\ncaption = "a"\nkeys = [{written}]\n', folder).steps
    assert step.keys == tuple(keys)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        *((key, "quit the program") for key in ("q", "ctrl+q", "ctrl+c")),
        ("w", "save files"),
        ("y", "write to the clipboard"),
        ("f9", "leave itself"),
        *((key, "change how the screen is presented") for key in ("f6", "f7", "f8", "l")),
    ],
)
def test_a_lesson_cannot_quit_nor_write_out_of_the_program(folder: Path, key: str, what: str) -> None:
    message = refusal(THREE_STEPS + f'caption = "c"\nkeys = ["a", "{key}"]\n', folder)
    assert message == f'fox.toml, line 12: "{key}" cannot be pressed: a lesson cannot {what}.'


def test_every_key_that_reaches_out_of_the_program_is_refused(folder: Path) -> None:
    for name in (name for key in KEYS if key.outside for name in typed(key)):
        assert " cannot be pressed: " in refusal(HEAD + f'[[step]]\ncaption = "a"\nkeys = ["{name}"]', folder)


@pytest.mark.parametrize("key", ["", " ", "ctrl+p", "ctrl+z", "Left", "f12", "rigth", "ab", "\\u001b", "\\n"])
def test_other_keys_are_refused_with_those_that_can_be_pressed(folder: Path, key: str) -> None:
    message = refusal(THREE_STEPS + f'caption = "c"\nkeys = ["{key}"]\n', folder)
    assert "is not a key that a lesson can press." in message
    assert " It can press single characters but l, q, w and y, left, right" in message


@pytest.mark.parametrize(
    ("entry", "near"),
    [
        ("setings = { temperature = 1 }", "settings"),
        ("settings = { temprature = 1 }", "temperature"),
        ('keys = ["rigth"]', "right"),
        ('keys = ["shift-left"]', "shift+left"),
        ("expect = ['entrophy at most 1 bit']", "entropy"),
        ("expect = ['\"entrophy\" keept']", "kept"),
        ("expect = ['\"a b\" in the modle about 3 %']", "model"),
    ],
)
def test_what_is_near_to_something_that_is_known_is_asked_about(folder: Path, entry: str, near: str) -> None:
    assert f' Did you mean "{near}"?' in refusal(THREE_STEPS + f'caption = "c"\n{entry}\n', folder)


@pytest.mark.parametrize("entry", ["x = 1", "settings = { a = 1 }", 'keys = ["zz"]', "expect = ['zzz']"])
def test_what_is_near_to_nothing_is_not_asked_about(folder: Path, entry: str) -> None:
    assert "Did you mean" not in refusal(THREE_STEPS + f'caption = "c"\n{entry}\n', folder)


# --- what is refused, and where ---


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            'capton = "c"',
            '"capton" is not known in a step. Did you mean "caption"? A step has caption, question, predict',
        ),
        ("caption = 3", "caption must be a text of 1 to 400 characters."),
        ('caption = ""', "caption is empty: write what people read here, up to 400 characters."),
        ('caption = " "', "caption must be a text of 1 to 400 characters."),
        (f'caption = "{"a" * 401}"', "caption must be a text of 1 to 400 characters."),
        ('prompt = ""', "prompt must be a text of 1 to 10,000 characters."),
        ('model = "gpt-4o"', 'model can only be "bundled"'),
        ("recording = 1", "recording must be a text of 1 to 100 characters."),
        ('recording = "lost.jsonl"', 'there is no recording "lost.jsonl" in the lesson\'s folder.'),
        ("seed = -1", "seed must be a whole number from 0 to 999,999: where the random numbers begin."),
        ("seed = 1.0", "seed must be a whole number from 0 to 999,999"),
        ("settings = 1", "settings must be a table, such as settings = { temperature = 0.7 }."),
        ("settings = { temp = 1 }", '"temp" is not known in settings. Settings have temperature, top_p,'),
        ("settings = { temperature = -1 }", "Temperature must be 0 or more, not -1."),
        ("settings = { temperature = nan }", "Temperature must be a finite number, not nan."),
        (
            "settings = { temperature = 1e-999999 }",
            "temperature must have at most six digits before and after",
        ),
        ("settings = { temperature = 1e300 }", "temperature must have at most six digits before and after"),
        ("settings = { temperature = true }", "temperature must be a number"),
        ('settings = { top_p = "0.9" }', "top_p must be a number"),
        ("settings = { top_p = 1.1 }", "Top-p must be between 0 and 1, not 1.1."),
        ("settings = { top_k = 0 }", "Top-k must be a whole number of 1 or more, or off, not 0."),
        (f"settings = {{ top_k = 0x{'f' * 50_000} }}", "Top-k is too large a number."),
        ("settings = { min_p = 2 }", "Min-p must be between 0 and 1, not 2."),
        ('settings = { order = "first" }', "order must be 'temperature-first' or 'temperature-last'."),
        ("settings = { order = [] }", "order must be 'temperature-first' or 'temperature-last'."),
        ('keys = "a"', 'keys must be a list of texts, such as keys = ["…", "…"].'),
        ("keys = [1]", "keys must be a list of texts"),
        ("sweep = 3", "sweep must be a text of 1 to 200 characters."),
        ("pause = -1", "pause must be a number of seconds from 0 to 60."),
        ("pause = 60.1", "pause must be a number of seconds from 0 to 60."),
        ("pause = nan", "pause must be a number of seconds from 0 to 60."),
        ("pause = true", "pause must be a number of seconds from 0 to 60."),
        (f"pause = 0x{'f' * 50_000}", "pause must be a number of seconds from 0 to 60."),
        ("pause = 1979-05-27", "pause must be a number of seconds from 0 to 60."),
        ('expect = "exact"', "expect must be a list of texts"),
        (
            "expect = ['\"lazy\" at leest 99 %']",
            '"lazy" at leest 99 % is not an expectation. Did you mean "least"? The forms are: "TOKEN"',
        ),
        ('answer = "a"', "a question needs an answer, and an answer needs a question."),
    ],
)
def test_a_wrong_entry_in_the_third_step_is_named_with_its_line(folder: Path, entry: str, said: str) -> None:
    # the header is line 10, and under it a comment
    entries = [entry] if "cap" in entry[:3] else ['caption = "c"', entry]
    message = refusal(THREE_STEPS + "\n".join(["# a comment", *entries]), folder)
    assert message.startswith(f"fox.toml, line {11 + len(entries)}: ")
    assert said in message


@pytest.mark.parametrize(
    ("step", "line", "said"),
    [
        ("pause = 1", 10, "a step needs either a caption or a question."),
        ('question = "q"', 10, "a question needs an answer, and an answer needs a question."),
        ('question = "q"\ncaption = "c"', 12, "a step needs either a caption or a question."),
        (
            'caption = "c"\nrecording = "fox.jsonl"\nmodel = "bundled"',
            12,
            "cannot have both a model and a recording",
        ),
    ],
)
def test_entries_that_need_or_exclude_each_other_are_named(
    folder: Path, step: str, line: int, said: str
) -> None:
    message = refusal(THREE_STEPS + step, folder)
    assert message.startswith(f"fox.toml, line {line}: ")
    assert said in message


@pytest.mark.parametrize(
    ("head", "line", "said"),
    [
        ('title = "a"\nprompt = "b"', 1, "a lesson needs an entry lesson, such as lesson = 1."),
        ('\nlesson = 2\nnew = "?"', 2, "a newer version of the format, and this program reads version 1."),
        ('lesson = "1"', 1, "lesson is the version of the format, so it must be 1."),
        ("lesson = true", 1, "lesson is the version of the format, so it must be 1."),
        ('lesson = 1\nprompt = "b"', 1, "a lesson needs an entry title"),
        ('lesson = 1\ntitle = "b"', 1, "a lesson needs an entry prompt"),
        (
            HEAD + 'titel = "a"',
            4,
            '"titel" is not known in a lesson. Did you mean "title"? A lesson has lesson, title, about',
        ),
        (HEAD + "[other]\na = 1", 4, '"other" is not known in a lesson'),
        (HEAD + "about = 1", 4, "about must be a text of 1 to 120 characters."),
        (HEAD + "order = 0", 4, "order must be a whole number from 1 to 999"),
        (HEAD + "order = 1.0", 4, "order must be a whole number from 1 to 999"),
        (HEAD + 'remember = ["a", "b"]', 4, "remember has exactly 3 texts."),
        (HEAD + "remember = []", 4, "remember has exactly 3 texts."),
        (HEAD + 'remember = "abc"', 4, "remember must be a list of texts"),
        (HEAD + 'remember = ["a",\n"b",\n" "]', 6, "must be a text of 1 to 120 characters on one line."),
        (HEAD + f'remember = ["a",\n"b",\n"{"c" * 121}"]', 6, "must be a text of 1 to 120 characters"),
        (HEAD + 'remember = ["a",\n"`b",\n"c"]', 5, "remember has a backtick (`) without another one."),
        (HEAD + "next = 2", 4, "next must be a text of 1 to 60 characters."),
        (HEAD + 'next = "../fox"', 4, 'there is no built-in lesson "../fox"'),
        (HEAD + 'next = "foxx"', 4, 'there is no built-in lesson "foxx". Did you mean "fox"?'),
        (HEAD + "size = [59, 30]", 4, "size must be columns and rows, from [60, 18] to [250, 80]"),
        (HEAD + "size = [100, 81]", 4, "size must be columns and rows"),
        (HEAD + "size = [100]", 4, "size must be columns and rows"),
        (HEAD + "size = [100.0, 30]", 4, "size must be columns and rows"),
        (HEAD + 'size = "100x30"', 4, "size must be columns and rows"),
        (HEAD + 'model = "bundled"\nrecording = "fox.jsonl"', 5, "cannot have both a model and a recording"),
    ],
)
def test_a_wrong_entry_at_the_top_is_named_with_its_line(
    folder: Path, head: str, line: int, said: str
) -> None:
    message = refusal(head + '\n[[step]]\ncaption = "a"\n', folder)
    assert message.startswith(f"fox.toml, line {line}: ")
    assert said in message


@pytest.mark.parametrize(
    "name",
    [
        "../fox.jsonl",
        "/etc/passwd",
        "a/fox.jsonl",
        "..",
        ".",
        "a\\\\fox.jsonl",
        "C:fox",
        "bundled",
        "a\\u0000b",
    ],
)
def test_a_recording_is_a_file_beside_the_lesson_and_no_other(folder: Path, name: str) -> None:
    message = refusal(THREE_STEPS + f'caption = "c"\nrecording = "{name}"\n', folder)
    assert message.startswith("fox.toml, line 12: ")
    assert "is not the file name of a recording" in message


def test_a_link_out_of_the_folder_is_no_recording_beside_the_lesson(folder: Path) -> None:
    outside = folder / "outside"
    inside = folder / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret").write_text("secret")
    (inside / "link.jsonl").symlink_to(outside / "secret")
    message = refusal(THREE_STEPS + 'caption = "c"\nrecording = "link.jsonl"\n', inside)
    assert 'there is no recording "link.jsonl" in the lesson\'s folder.' in message


def test_a_lesson_without_steps_or_with_too_many_is_refused(folder: Path) -> None:
    assert "a lesson has 1 to 500 steps" in refusal(HEAD, folder)
    assert "begins with [[step]] on a line of its own" in refusal(HEAD + '[step]\ncaption = "a"\n', folder)
    step = '[[step]]\ncaption = "a"\n'
    assert len(read(HEAD + 500 * step, folder).steps) == 500
    assert "a lesson has 1 to 500 steps" in refusal(HEAD + 501 * step, folder)


def test_a_lesson_that_presses_too_many_keys_is_refused_where_they_become_too_many(folder: Path) -> None:
    step = '[[step]]\ncaption = "a"\nkeys = [{}]\n'
    thousand = ",\n".join(['"a"'] * 1000)
    assert len(read(HEAD + 2 * step.format(thousand), folder).steps) == 2
    message = refusal(HEAD + 2 * step.format(thousand) + step.format('"a"'), folder)
    assert message == "fox.toml, line 2010: a lesson presses at most 2,000 keys."


# --- lines ---


def test_what_looks_like_an_entry_inside_a_text_is_none(folder: Path) -> None:
    text = (
        HEAD
        + '[[step]]\ncaption = """\n[[step]]\npause = 1\n\\"""still inside\n"quoted" ""\n"""  # """\n'
        + "[[step]] # [[step]]\ncaption = '''\n[[step]]\nkeys = []\n''''' # '''\n"
        + '[["step"]]\n"caption" = "a \\" # ["\n'
        + 'expect = [ # ]\n  "exact", # "\n  "bounds",\n\n  "exakt",\n]\npause = 1\n'
    )
    message = refusal(text, folder)
    assert message.startswith("fox.toml, line 22: exakt is not an expectation.")
    lesson = read(text.replace("exakt", "exact"), folder)
    assert [step.line for step in lesson.steps] == [4, 11, 16]
    assert [expectation.line for expectation in lesson.steps[2].expectations] == [19, 20, 22]
    message = refusal(text.replace("exakt", "exact").replace("pause = 1\n", "pause = -1\n"), folder)
    assert message.startswith("fox.toml, line 24: pause")


def test_a_step_whose_header_is_spelled_with_escapes_is_read_all_the_same(folder: Path) -> None:
    text = HEAD + '[[step]]\ncaption = "a"\n[["st\\u0065p"]]\ncaption = "b"\n'
    assert [step.caption for step in read(text, folder).steps] == ["a", "b"]


def test_a_wrong_table_of_settings_is_named_where_it_begins(folder: Path) -> None:
    text = THREE_STEPS + 'caption = "c"\n[step.settings]\ntop_p = 2\n'
    assert refusal(text, folder).startswith("fox.toml, line 12: Top-p must be")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lesson = 1\ntitle\n", "fox.toml, line 2, column 6: this is not TOML: expected '=' after a key"),
        ('lesson = 1\ntitle = "a\n', "fox.toml, line 2, column 11: this is not TOML: illegal character"),
        (
            'lesson = 1\n\ntitle = """a\n',
            "fox.toml, line 3, the last: this is not TOML: unterminated string.",
        ),
        ("a = 1\na = 2\n", "fox.toml, line 2, column 6: this is not TOML: cannot overwrite a value."),
        ("a = " + "[" * 5000, "fox.toml is nested too deeply to be a lesson."),
        ("a = 1" + "0" * 5000, "fox.toml holds a number with too many digits."),
        ("a = 1e99999999999999999999", "fox.toml holds a number with too many digits."),
        (b'lesson = 1\ntitle = "\xff"\n', "fox.toml, line 2: this is not UTF-8 text."),
        (b"\n" * (2**20 + 1), "is larger than 1 MB, so it was not read."),
    ],
)
def test_what_is_no_toml_is_refused_with_its_place(folder: Path, text: str | bytes, said: str) -> None:
    assert said in refusal(text, folder)


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    for path in (folder / "none.toml", folder, folder / ("a" * 300 + ".toml")):
        with pytest.raises(LessonError, match="cannot be read: "):
            read_lesson(path)
    with pytest.raises(LessonError, match="is not a name that a file can have"):
        read_lesson(Path("a\0b"))


# --- hostile files ---


@given(st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_refused_in_a_sentence(folder: Path, raw: bytes) -> None:
    assert refusal(raw, folder)


ANY_VALUE = st.sampled_from(
    [
        *(
            "1",
            "-1",
            "1.5",
            "nan",
            "inf",
            "true",
            "[]",
            "{}",
            "[[]]",
            "[1]",
            '""',
            '"a"',
            '["a"]',
            "07:32:00",
        ),
        *("1979-05-27", "[{}]", "{ a = 1 }", "'''a'''", "[ 'exact' ]", "1e400", "0xffffffffffffffffffff"),
    ]
)


@given(st.integers(0, 10**6), ANY_VALUE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lesson_with_a_foreign_value_is_read_or_refused(folder: Path, place: int, value: str) -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    entries = [index for index, line in enumerate(lines) if re.match(r"[a-z]+ = ", line)]
    index = entries[place % len(entries)]
    lines[index] = f"{lines[index].split(' = ')[0]} = {value}"
    assert read_or_refused("\n".join(lines), folder)


@given(st.randoms(use_true_random=False), st.integers(1, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lesson_with_any_bytes_changed_is_read_or_refused(
    folder: Path, chance: random.Random, changes: int
) -> None:
    raw = bytearray(EXAMPLE.read_bytes())
    for _ in range(changes):
        start = chance.randrange(len(raw))
        stop = start + chance.choice([0, 1, 1, 5, 40])
        raw[start:stop] = chance.choice(
            [b"", b'"', b"'", b"[", b"]", b"{", b"\n", b"=", b"#", b"\\", b"\xff", b"9"]
        )
    assert read_or_refused(bytes(raw), folder)


def test_a_file_of_dotted_keys_is_read_no_further_than_its_first_line(folder: Path) -> None:
    message = refusal("a" + ".a" * 500_000 + " = 1", folder)
    assert message == "fox.toml, line 1: a line has at most 100 dots. Break the text into lines."


def test_foreign_text_in_a_refusal_is_harmless(folder: Path) -> None:
    message = refusal(THREE_STEPS + 'caption = "c"\n"\\u001b[31m" = 1\n', folder)
    assert '"␛[31m" is not known in a step' in message


# --- the lessons that come with the program ---


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "course"
    folder.mkdir()
    for name, order in (("late", "order = 20\n"), ("first", "order = 3\n"), ("b", ""), ("a", "")):
        (folder / f"{name}.toml").write_text(HEAD + order + '[[step]]\ncaption = "a"\n')
    (folder / "notes.txt").write_text("no lesson")
    monkeypatch.setattr(listing, "COURSE", folder)
    return folder


def test_all_built_in_lessons_can_be_read() -> None:
    for path in built_in():
        assert read_lesson(path).about


def test_built_in_lessons_come_in_the_order_that_they_give_and_the_others_after_them(course: Path) -> None:
    assert [path.stem for path in built_in()] == ["first", "late", "a", "b"]


def test_a_lesson_is_found_by_name_first_and_then_as_a_file(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("first", "first.toml", "mine"):
        Path(name).write_text(HEAD.replace("Fox", "Mine") + '[[step]]\ncaption = "a"\n')
    assert find_lesson("first").title == "Fox"
    assert find_lesson("first.toml").title == "Mine"
    assert find_lesson("./first").title == "Mine"
    assert find_lesson(str(tmp_path / "first.toml")).title == "Mine"
    assert find_lesson("mine").title == "Mine"


def test_a_lesson_that_is_not_there_is_named_beside_those_that_are(course: Path) -> None:
    for name in ("furst", "", "a" * 300, "a\0b", "\x1b[31m", "\udcff"):
        with pytest.raises(LessonError, match="The built-in lessons are first, late, a, b;") as refused:
            find_lesson(name)
        assert str(refused.value).isprintable()
    with pytest.raises(LessonError, match=r'There is no lesson "furst"\. Did you mean "first"\?'):
        find_lesson("furst")
    with pytest.raises(LessonError, match=r"furst\.toml cannot be read: no such file"):
        find_lesson("furst.toml")
