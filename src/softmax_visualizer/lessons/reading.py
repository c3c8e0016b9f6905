"""From a lesson file to the lesson, or to a sentence about what is wrong with it, in which line.

A lesson is data: nothing in it is run, and it names no file but recordings in its own folder.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import get_args

from softmax_visualizer.decoding.settings import DecodingSettings, Order, SettingsError
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.lessons.error import LessonError, did_you_mean
from softmax_visualizer.lessons.expectation import LONGEST, Expectation, Measure
from softmax_visualizer.lessons.keys import read_key
from softmax_visualizer.lessons.lesson import BUNDLED, QUESTION_TIME, Lesson, Step, reading_time
from softmax_visualizer.lessons.prediction import CHANGES, OTHER, Prediction
from softmax_visualizer.lessons.sweep import Sweep
from softmax_visualizer.lessons.tables import LONGEST_TOKEN, Table, read_tables
from softmax_visualizer.models.toml_lines import TableLines

VERSION = 1
"""The version of the format, which a file begins with; it changes when an entry changes its meaning."""

MOST_STEPS = 500
MOST_KEYS = 2000
LONGEST_PAUSE = 60
LONGEST_TITLE = 80
LONGEST_CAPTION = 400
LONGEST_PROMPT = 10_000

DEFAULT_SIZE = (100, 30)
_SIZES = ((60, 250), (18, 80))

COURSE = Path(__file__).parent / "course"
"""The folder of the built-in lessons."""

MOST_MARKS = 4
MOST_CHOICES = 8
_LONGEST_MARK = 80
_REMEMBERED = 3
_LONGEST_REMEMBERED = 120

_LESSON = (
    "lesson", "title", "about", "order", "size", "model", "recording", "prompt", "remember", "next", "step",
)  # fmt: skip
_STEP = (
    "caption", "question", "predict", "choices", "guess", "answer", "mark", "prompt", "model", "recording",
    "seed", "settings", "keys", "sweep", "pause", "expect",
)  # fmt: skip
_SETTINGS = ("temperature", "top_p", "top_k", "min_p", "order")


def read_lesson(path: Path) -> Lesson:
    """Read a lesson file of version 1.

    Raises:
        LessonError: the file cannot be read, or an entry in it cannot be used; the text names the line.
    """
    top, steps = read_tables(path)
    _check_version(top)
    top.check_names(_LESSON)
    _require(top, "title", '"Temperature, low and high"')
    _require(top, "prompt", '"The quick brown fox jumps over the"')
    if not 1 <= len(steps) <= MOST_STEPS:
        raise top.wrong("step", f"a lesson has 1 to {MOST_STEPS} steps, each under a line [[step]].")
    pressed = 0
    for step in steps:
        pressed += len(step.texts("keys"))
        if pressed > MOST_KEYS:
            raise step.wrong("keys", f"a lesson presses at most {MOST_KEYS:,} keys.")
    return Lesson(
        name=path.stem,
        path=path,
        title=top.text("title", LONGEST_TITLE) or "",
        about=top.text("about", 120) or "",
        order=_whole(top, "order", 1, 999, "the lesson's place in the list"),
        size=_size(top),
        source=_source(top) or BUNDLED,
        prompt=_prompt(top) or "",
        steps=tuple(_step(table) for table in steps),
        remember=_remember(top),
        next=_next(top),
    )


def _check_version(top: Table) -> None:
    _require(top, "lesson", str(VERSION))
    version = top.entries["lesson"]
    if type(version) is not int or version < 1:
        raise top.wrong("lesson", f"lesson is the version of the format, so it must be {VERSION}.")
    if version > VERSION:
        raise top.wrong(
            "lesson",
            f"the lesson is in a newer version of the format, and this program reads version {VERSION}. "
            "Update the program.",
        )


def _require(table: Table, entry: str, example: str) -> None:
    if entry not in table.entries:
        raise table.wrong(entry, f"{table.name} needs an entry {entry}, such as {entry} = {example}.")


def _step(table: Table) -> Step:
    table.check_names(_STEP)
    entries = table.entries
    if ("caption" in entries) == ("question" in entries):
        raise table.wrong("caption", "a step needs either a caption or a question.")
    if ("question" in entries) != ("answer" in entries):
        raise table.wrong("answer", "a question needs an answer, and an answer needs a question.")
    caption = table.said("question" if "question" in entries else "caption", LONGEST_CAPTION) or ""
    answer = table.said("answer", LONGEST_CAPTION)
    marks = _marks(table)
    return Step(
        caption=caption,
        answer=answer,
        prediction=_prediction(table),
        marks=tuple(marks),
        prompt=_prompt(table),
        source=_source(table),
        seed=_whole(table, "seed", 0, 999_999, "where the random numbers begin"),
        settings=_settings(table),
        keys=_keys(table),
        sweep=_sweep(table),
        pause=_pause(table, reading_time(caption) + (0.0 if answer is None else QUESTION_TIME)),
        expectations=(*_expectations(table), *marks.values()),
        line=table.lines.line,
    )


def _remember(top: Table) -> tuple[str, ...]:
    texts = [text.strip() for text in top.texts("remember")]
    if "remember" in top.entries and len(texts) != _REMEMBERED:
        raise top.wrong("remember", f"remember has exactly {_REMEMBERED} texts.")
    for item, text in enumerate(texts):
        if not 1 <= len(text) <= _LONGEST_REMEMBERED or "\n" in text:
            longest = f"a text of 1 to {_LONGEST_REMEMBERED} characters on one line"
            raise top.wrong("remember", f"each of the {_REMEMBERED} in remember must be {longest}.", item)
        top.check_tokens("remember", text, item)
    return tuple(texts)


def _next(top: Table) -> tuple[str, str] | None:
    name = top.text("next", 60)
    if name is None:
        return None
    paths = {path.stem: path for path in COURSE.glob("*.toml")}
    if name not in paths:
        raise top.wrong(
            "next", f'there is no built-in lesson "{safe_line(name)}".{did_you_mean(name, paths)}'
        )
    following, _ = read_tables(paths[name])
    return name, following.text("title", LONGEST_TITLE) or name


def _prediction(table: Table) -> Prediction | None:
    about = table.text("predict", LONGEST)
    for needing, needed in (("predict", "question"), ("guess", "predict"), ("choices", "predict")):
        if needing in table.entries and needed not in table.entries:
            raise table.wrong(needing, f"{needing} needs an entry {needed} in its step.")
    if about is None:
        return None
    if about == "token":
        measure, options = None, (*(f"`{choice}`" for choice in _choices(table)), OTHER)
    else:
        if "choices" in table.entries:
            raise table.wrong("choices", 'choices need predict = "token".')
        try:
            measure, options = Measure.parse(about), CHANGES
        except LessonError as error:
            raise table.wrong("predict", f'{error} Or predict = "token", with choices.') from error
    guess = table.text("guess", LONGEST_TOKEN)
    names = [option.strip("`") for option in options]
    if guess is not None and guess not in names:
        raise table.wrong("guess", f"guess must be one of {', '.join(names)}.")
    guessed = None if guess is None else names.index(guess)
    return Prediction(measure, options, guessed, table.lines.of("predict"))


def _choices(table: Table) -> list[str]:
    choices = [choice.strip() for choice in table.texts("choices")]
    if not 2 <= len(choices) <= MOST_CHOICES or len(set(choices)) < len(choices):
        raise table.wrong("choices", f"choices must be 2 to {MOST_CHOICES} different tokens.")
    for item, choice in enumerate(choices):
        if "`" in choice or "\n" in choice or not 1 <= len(choice) <= LONGEST_TOKEN:
            what = f"a token of 1 to {LONGEST_TOKEN} characters without a backtick"
            raise table.wrong("choices", f"each of the choices must be {what}.", item)
    return choices


def _marks(table: Table) -> dict[str, Expectation]:
    """Return the tokens that a step marks, each with the expectation that there is such a token."""
    value = table.entries.get("mark", [])
    names = [value] if isinstance(value, str) else value
    if (
        not isinstance(names, list)
        or len(names) > MOST_MARKS
        or not all(isinstance(name, str) and 1 <= len(name.strip()) <= _LONGEST_MARK for name in names)
    ):
        raise table.wrong(
            "mark",
            f'mark must be a token, such as mark = "lazy", or a list of up to {MOST_MARKS} tokens of at most '
            f"{_LONGEST_MARK} characters.",
        )
    marks = {}
    for item, name in enumerate(names):
        try:
            marks[name] = Expectation.parse(f'"{name}" listed', table.lines.of("mark", item))
        except LessonError as error:
            raise table.wrong("mark", f'"{safe_line(name, 40)}" cannot be a token.', item) from error
    return marks


def _prompt(table: Table) -> str | None:
    table.text("prompt", LONGEST_PROMPT)
    # blanks around it are the model's to see
    prompt: str | None = table.entries.get("prompt")
    return prompt


def _source(table: Table) -> str | None:
    entries = table.entries
    if "model" in entries and "recording" in entries:
        raise table.wrong("recording", f"{table.name} cannot have both a model and a recording.")
    if "model" in entries:
        if entries["model"] != BUNDLED:
            raise table.wrong(
                "model", f'model can only be "{BUNDLED}"; the answers of others come from a recording.'
            )
        return BUNDLED
    name = table.text("recording", 100)
    if name is None:
        return None
    folder = table.path.parent
    if not name.isprintable() or re.search(r'[/\\:*?"<>|]|\.\.', name) or name in (".", BUNDLED):
        raise table.wrong(
            "recording",
            f'"{safe_line(name, 40)}" is not the file name of a recording, such as "fox.jsonl".',
        )
    if not os.path.isfile(folder / name) or (folder / name).resolve().parent != folder.resolve():
        raise table.wrong("recording", f'there is no recording "{safe_line(name)}" in the lesson\'s folder.')
    return name


def _whole(table: Table, name: str, least: int, most: int, meaning: str) -> int | None:
    number = table.entries.get(name)
    if number is not None and (type(number) is not int or not least <= number <= most):
        raise table.wrong(name, f"{name} must be a whole number from {least} to {most:,}: {meaning}.")
    return number


def _size(table: Table) -> tuple[int, int]:
    size = table.entries.get("size", list(DEFAULT_SIZE))
    if (
        not isinstance(size, list)
        or len(size) != len(_SIZES)
        or not all(
            type(number) is int and least <= number <= most
            for number, (least, most) in zip(size, _SIZES, strict=True)
        )
    ):
        raise table.wrong(
            "size", "size must be columns and rows, from [60, 18] to [250, 80], such as size = [100, 30]."
        )
    return size[0], size[1]


def _settings(table: Table) -> Mapping[str, object]:
    settings = table.entries.get("settings", {})
    if not isinstance(settings, dict):
        raise table.wrong("settings", "settings must be a table, such as settings = { temperature = 0.7 }.")
    Table(table.path, "settings", settings, TableLines(table.lines.of("settings"))).check_names(_SETTINGS)
    result: dict[str, object] = {}
    for name, value in settings.items():
        if name == "order":
            if value not in get_args(Order):
                raise table.wrong("settings", f"order must be {' or '.join(map(repr, get_args(Order)))}.")
            result[name] = value
        elif name == "top_k" and value == "off":
            result[name] = None
        elif type(value) not in (int, Decimal):
            raise table.wrong("settings", f'{name} must be a number, or for top_k also "off".')
        else:
            result[name] = _setting(table, name, value)
    return result


def _setting(table: Table, name: str, value: int | Decimal) -> int | Decimal:
    try:
        DecodingSettings(**{name: value if isinstance(value, int) else float(value)})  # type: ignore[arg-type]
    except SettingsError as error:
        raise table.wrong("settings", str(error)) from error
    exact = Decimal(value)
    # all digits are shown on the screen, and 1e-999999 has many
    if exact >= 10**6 or exact != exact.quantize(Decimal("0.000001")):
        raise table.wrong("settings", f"{name} must have at most six digits before and after the point.")
    return int(exact) if name == "top_k" else exact


def _keys(table: Table) -> tuple[str, ...]:
    keys: list[str] = []
    for item, text in enumerate(table.texts("keys")):
        try:
            keys.append(read_key(text))
        except LessonError as error:
            raise table.wrong("keys", str(error), item) from error
    return tuple(keys)


def _sweep(table: Table) -> Sweep | None:
    text = table.text("sweep", 200)
    try:
        return None if text is None else Sweep.parse(text)
    except LessonError as error:
        raise table.wrong("sweep", str(error)) from error


def _pause(table: Table, default: float) -> float:
    pause = table.entries.get("pause")
    if pause is None:
        return default
    # a Decimal that is no number cannot even be compared
    seconds = float(pause) if isinstance(pause, Decimal) else pause
    if type(seconds) not in (int, float) or not 0 <= seconds <= LONGEST_PAUSE:
        raise table.wrong("pause", f"pause must be a number of seconds from 0 to {LONGEST_PAUSE}.")
    return float(seconds)


def _expectations(table: Table) -> tuple[Expectation, ...]:
    expectations = []
    for item, text in enumerate(table.texts("expect")):
        try:
            expectations.append(Expectation.parse(text, table.lines.of("expect", item)))
        except LessonError as error:
            raise table.wrong("expect", str(error), item) from error
    return tuple(expectations)
