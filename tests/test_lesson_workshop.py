"""What teachers work with: checking a lesson, beginning at a step, and seeing what was just written."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from textual.pilot import Pilot

from screens import bench, said, screen, text
from softmax_visualizer.cli import main
from softmax_visualizer.lessons.listing import built_in
from softmax_visualizer.lessons.reading import read_lesson
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.replay import RecordedModel
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.lesson.draft import lesson_draft
from softmax_visualizer.tui.lesson.moments import LessonStart
from softmax_visualizer.tui.scene import Asked, Scene
from test_export import save
from test_lesson_player import (
    TOUR,
    at_rest,
    caption,
    in_terminal,
    knobs,
    lesson_file,
    played_alone,
    player,
    playing,
    press,
    recording,
    run,
)

# --- check ---

LONG_PAUSES = """
[[step]]
caption = "one"
pause = 60
expect = ['"lazy" in the model about 55.9 %', 'exact']

[[step]]
question = "two"
answer = "three"
sweep = "temperature from 1 to 0.1 in 9 steps over 60 s"
pause = 60
expect = [
  '"lazy" at least 99.99 %',
]
"""


def test_a_check_plays_a_lesson_to_its_end_without_a_terminal_and_without_its_pauses(tmp_path: Path) -> None:
    lesson_file(tmp_path, LONG_PAUSES)
    checked = run(tmp_path, "--check", "mine.toml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == "mine.toml: 2 steps, 3 expectations: all is as it should be.\n"


def test_a_check_names_the_line_and_what_was_expected_and_what_is(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, LONG_PAUSES.replace("least 99.99 %", "most 50 %").replace("55.9", "55.8"))
    lines = path.read_text().split("\n")
    first = next(number for number, line in enumerate(lines, 1) if "55.8" in line)
    second = next(number for number, line in enumerate(lines, 1) if "most 50 %" in line)
    checked = run(tmp_path, "--check", "mine.toml")
    assert (checked.returncode, checked.stderr) == (1, "")
    wrong, other, count = checked.stdout.splitlines()
    assert wrong == f'mine.toml, line {first}: expected "lazy" in the model about 55.8 %, but it is 55.90 %.'
    assert other.startswith(f'mine.toml, line {second}: expected "lazy" at most 50 %, but it is 9')
    assert count == "mine.toml: 2 steps, 3 expectations: 2 not as it should be."


def test_a_check_of_several_files_says_what_is_with_each_and_ends_with_the_worst(tmp_path: Path) -> None:
    lesson_file(tmp_path, LONG_PAUSES, name="good")
    lesson_file(tmp_path, LONG_PAUSES.replace("55.9", "55.8"), name="wrong")
    (tmp_path / "broken.toml").write_text('lesson = 1\ntitle = 3\nprompt = "a"\n[[step]]\ncaption = "a"\n')
    checked = run(tmp_path, "--check", "good.toml", "broken.toml", "wrong.toml", "nosuch")
    assert checked.returncode == 2
    assert [line.partition(":")[0] for line in checked.stdout.splitlines()] == [
        "good.toml", "wrong.toml, line 9", "wrong.toml",
    ]  # fmt: skip
    broken, missing = checked.stderr.splitlines()
    assert broken.startswith("softmax-visualizer: broken.toml, line 2: title must be a text")
    assert missing.startswith('softmax-visualizer: There is no lesson "nosuch".')


def test_a_check_without_names_is_of_the_built_in_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[tuple[Path, int]] = []

    def check(name: str, seed: int) -> int:
        checked.append((Path(name), seed))
        return 0

    monkeypatch.setattr("softmax_visualizer.cli.lesson._check", check)
    assert main(["lesson", "--check"]) == 0
    assert checked == [(path, 1) for path in built_in()]


@pytest.mark.parametrize("name", ["fox", "asking"])
def test_a_check_finds_nothing_wrong_with_a_built_in_lesson(tmp_path: Path, name: str) -> None:
    checked = run(tmp_path, "--check", name)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.endswith("all is as it should be.\n")


# --- from a step on ---


@pytest.mark.parametrize(("step", "words"), [(2, "cold moment"), (4, "sampled moment"), (9, "typed moment")])
async def test_a_lesson_from_a_step_on_shows_what_it_shows_when_played_to_there(
    tmp_path: Path, step: int, words: str
) -> None:
    path = lesson_file(tmp_path, TOUR)
    async with playing(path, speed=100) as (app, pilot):
        while words not in text(app):
            await press(app, pilot, "space")
        expected = text(app)
        await press(app, pilot, "space")
        after = text(app)
    async with playing(path, step=step, speed=100) as (app, pilot):
        assert text(app) == expected
        await press(app, pilot, "space")
        assert text(app) == after
        assert player(app).failures == []


async def test_the_steps_before_are_there_on_the_way_back(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR), step=3) as (app, pilot):
        await press(app, pilot, "backspace")
        assert (caption(app), knobs(app)[0]) == ("cold moment", 0.2)
        await press(app, pilot, "backspace")
        assert (caption(app), knobs(app)[0]) == ("first moment", 1.0)
        await press(app, pilot, "space", "space")
        assert caption(app) == "pinned moment"


async def test_a_question_is_where_its_step_begins(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR), step=5) as (app, _):
        assert "Which word comes after once upon a?" in text(app)
        assert "It is time." not in text(app)


async def test_by_itself_too_it_begins_with_the_step(tmp_path: Path) -> None:
    steps = "".join(f'[[step]]\ncaption = "{name}"\nkeys = ["right"]\n' for name in ("one", "two", "three"))
    app, seen = await played_alone(lesson_file(tmp_path, steps), step=2, speed=50)
    assert (app.return_code, seen[-2:]) == (0, ["two", "three"])
    assert app._main.scene.settings.temperature == 1.3


def test_a_pipe_is_no_lesson_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.toml")
    refused = run(tmp_path, "--check", "mine.toml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "mine.toml cannot be read: it is no file." in refused.stderr


@pytest.mark.parametrize(
    ("step", "said"), [("0", "from 1 to 10"), ("11", "from 1 to 10"), ("x", "whole number")]
)
def test_a_step_that_is_not_there_is_refused(tmp_path: Path, step: str, said: str) -> None:
    lesson_file(tmp_path, TOUR)
    refused = run(tmp_path, "mine.toml", "--from", step)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in refused.stderr


def test_a_lesson_from_a_step_on_in_a_terminal(tmp_path: Path) -> None:
    lesson_file(tmp_path, TOUR)
    with in_terminal(tmp_path, "mine.toml", "--from", "2") as terminal:
        terminal.wait_for("cold moment", "┤ 0.20", "go on")
        assert b"first moment" not in terminal.written
        terminal.press("q")
        assert terminal.wait_for_end() == 0


# --- a file that is saved while it is played ---


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softmax_visualizer.tui.lesson.watching._LOOK_EVERY", 0.01)


async def until(app: SoftmaxVisualizer, pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)
    await at_rest(app, pilot)


THREE = """
[[step]]
caption = "one"
settings = { temperature = 0.5 }
[[step]]
caption = "two"
keys = ["right"]
[[step]]
caption = "three"
"""


async def test_a_saved_file_is_played_on_from_where_it_stands(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, THREE)
    async with playing(path) as (app, pilot):
        await press(app, pilot, "space")
        assert (caption(app), knobs(app)[0]) == ("two", 0.6)
        path.write_text(path.read_text().replace("two", "2").replace("0.5", "1.5"))
        await until(app, pilot, lambda: caption(app) == "2")
        assert knobs(app)[0] == 1.6
        assert said(app) == "mine.toml was read again."
        await press(app, pilot, "space")
        assert caption(app) == "three"
        await press(app, pilot, "backspace", "backspace")
        assert (caption(app), knobs(app)[0]) == ("one", 1.5)


async def test_a_file_that_is_broken_is_named_and_the_lesson_goes_on_as_it_was(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, THREE)
    whole = path.read_text()
    async with playing(path) as (app, pilot):
        before = text(app).splitlines()[:-3]
        path.write_text(whole.replace('caption = "two"', 'capton = "two"'))
        await until(app, pilot, lambda: said(app) != "")
        expected = 'The lesson goes on as it was: mine.toml, line 10: "capton" is not known in a step. '
        assert said(app).startswith(expected)
        assert text(app).splitlines()[:-3] == before
        await press(app, pilot, "space")
        assert caption(app) == "two"
        path.unlink()
        path.write_text(whole.replace("two", "mended"))
        await until(app, pilot, lambda: caption(app) == "mended")
        assert player(app).failures == []


async def test_a_file_that_became_shorter_goes_on_from_its_end(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, THREE)
    async with playing(path) as (app, pilot):
        await press(app, pilot, "space", "space")
        lesson_file(tmp_path, THREE.partition('[[step]]\ncaption = "three"')[0])
        await until(app, pilot, lambda: caption(app) == "two")
        assert "2 of 2" in text(app)


async def test_what_did_not_hold_is_forgotten_once_the_file_is_mended_and_said_once_it_is_broken(
    tmp_path: Path,
) -> None:
    expected = "expect = ['\"lazy\" in the model about 55.9 %']\n"
    path = lesson_file(tmp_path, THREE + expected.replace("55.9", "55.8"))
    async with playing(path) as (app, pilot):
        await press(app, pilot, "space", "space")
        assert len(player(app).failures) == 1
        lesson_file(tmp_path, THREE + expected)
        await until(app, pilot, lambda: player(app).failures == [])
        lesson_file(tmp_path, THREE + expected.replace("55.9", "50.0"))
        await until(app, pilot, lambda: len(player(app).failures) == 1)
        assert "about 50.0 %" in said(app)


async def test_what_was_tried_out_is_left_when_the_file_is_saved(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, THREE)
    async with playing(path) as (app, pilot):
        await press(app, pilot, "right", "v", "question_mark")
        path.write_text(path.read_text().replace("one", "1"))
        await until(app, pilot, lambda: caption(app) == "1")
        assert knobs(app)[0] == 0.5
        await press(app, pilot, "space")
        assert caption(app) == "two"


async def test_a_lesson_that_was_left_is_not_read_again(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, THREE)
    async with playing(path) as (app, pilot):
        await press(app, pilot, "f9")
        path.write_text(path.read_text().replace("one", "1"))
        watching = [worker for worker in app.workers if worker.group == "lesson file"]
        await until(app, pilot, lambda: all(worker.is_finished for worker in watching))
        assert caption(app) == ""


async def test_a_lesson_that_plays_by_itself_stays_as_it_was(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, '[[step]]\ncaption = "one"\npause = 1\n[[step]]\ncaption = "two"\n')
    lesson = read_lesson(path)
    start = LessonStart(lesson, auto=True)
    app = SoftmaxVisualizer(Configuration(model="bundled"), lesson.prompt, lesson=start)
    async with app.run_test(size=(100, 30)):
        await asyncio.sleep(0.1)
        assert [worker for worker in app.workers if worker.group == "lesson file"] == []


# --- a draft of what was done on the screen ---


def filled(path: Path) -> Path:
    """Write the captions of a draft, each another one, into a file beside it."""
    numbers = itertools.count(1)
    written = re.sub(
        'caption = ""', lambda _: f'caption = "caption {next(numbers)}"', path.read_text("utf-8")
    )
    whole = path.with_name("filled.toml")
    whole.write_text(written, "utf-8")
    return whole


async def drafted(app: SoftmaxVisualizer, pilot: Pilot[None], folder: Path) -> Path:
    """Save a draft as a person does."""
    await pilot.press("escape")
    await at_rest(app, pilot)
    path = folder / "draft.toml"
    assert await save(app, pilot, "A draft of a lesson", str(path)) == f"Saved: {path}"
    return path


DONE = {
    "knobs": ("left", "left", "down", "right"),
    "knobs and a view": ("left", "c", "3", "x", "right", "right"),
    "views and their pictures": ("s", "s", "h", "v", "N", "N", "a"),
    "pins": ("x", "right", "right", "z", "c", "X", "x", "x"),
    "samples": ("4", "space", "space", "1", "space"),
    "tokens": ("4", "space", "enter", "tab", "tab", "enter", "backspace", "left"),
    "an answer": ("3", "G", "comma", "comma", "left", "home", "right"),
    "a short answer": ("L", "5", "enter", "G", "T", "comma", "left"),
    "another order": ("o", "left", "k", "5", "enter"),
    "nothing": (),
}


@pytest.mark.parametrize("keys", DONE.values(), ids=DONE)
async def test_a_draft_whose_captions_are_written_plays_what_was_done(
    tmp_path: Path, keys: Sequence[str]
) -> None:
    async with screen(prompt="Once upon a") as (app, pilot):
        await press(app, pilot, *keys)
        done = bench(app).scene
        draft = tmp_path / "draft.toml"
        draft.write_text(lesson_draft((*bench(app).earlier, done)), "utf-8")
    async with playing(filled(draft), speed=100) as (app, pilot):
        for number in range(len(read_lesson(tmp_path / "filled.toml").steps) - 1):
            assert caption(app) == f"caption {number + 1}"
            await press(app, pilot, "space")
        played = bench(app).scene
        assert player(app).failures == []
        for name in ("settings", "view", "picture", "axis", "samples", "place"):
            assert getattr(played, name) == getattr(done, name), name
        assert played.generation.tokens == done.generation.tokens
        assert [pin.settings for pin in played.pins] == [pin.settings for pin in done.pins]


async def test_a_draft_is_saved_refused_until_its_captions_are_written_and_then_checked(
    tmp_path: Path,
) -> None:
    async with screen(prompt="Once upon a") as (app, pilot):
        await press(app, pilot, "left", "space", "s")
        path = await drafted(app, pilot, tmp_path)
    line = path.read_text().split("\n").index('caption = ""') + 1
    refused = run(tmp_path, "--check", "draft.toml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"draft.toml, line {line}: caption is empty: write what people read here" in refused.stderr
    filled(path)
    checked = run(tmp_path, "--check", "filled.toml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("filled.toml: 5 steps, 5 expectations: all is")


async def test_a_draft_reads_like_this(tmp_path: Path) -> None:
    async with screen(prompt="The quick brown fox jumps over the") as (app, pilot):
        await press(app, pilot, "left", "left", "c", "shift+down")
        draft = lesson_draft((*bench(app).earlier, bench(app).scene))
    head, steps = draft.split("\n\n", 1)
    assert head.splitlines()[2:] == [
        "lesson = 1",
        'title = "The quick brown fox jumps over the"',
        'model = "bundled"',
        'prompt = "The quick brown fox jumps over the"',
    ]
    assert steps == (
        '[[step]]\ncaption = ""\nexpect = [\'"lazy" about 55.9 %\']\n\n'
        '[[step]]\ncaption = ""\nsettings = { temperature = 0.8 }\nexpect = [\'"lazy" about 86.4 %\']\n\n'
        '[[step]]\ncaption = ""\nkeys = ["c"]\nexpect = [\'"lazy" about 86.4 %\']\n\n'
        '[[step]]\ncaption = ""\nsettings = { top_p = 0.8 }\n'
        'expect = [\'"lazy" about 100.0 %\', "kept 1"]\n'
    )


async def test_a_draft_is_about_the_last_prompt_and_begins_with_what_was_set_by_then(tmp_path: Path) -> None:
    async with screen(prompt="Once upon a") as (app, pilot):
        await press(app, pilot, "left", "c", "slash", *"He said", "enter", "right", "right")
        draft = tmp_path / "draft.toml"
        draft.write_text(lesson_draft((*bench(app).earlier, bench(app).scene)), "utf-8")
    lesson = read_lesson(filled(draft))
    assert lesson.prompt == "He said"
    assert [(step.settings, step.keys) for step in lesson.steps] == [
        ({"temperature": Decimal("0.9")}, ("c",)), ({"temperature": Decimal("1.1")}, ()),
    ]  # fmt: skip


async def test_a_draft_says_what_is_not_in_it(tmp_path: Path) -> None:
    async with screen(prompt="Once upon a") as (app, pilot):
        await press(app, pilot, "left", "P", *"time", "enter", "R", *"time", "enter", "3", "0", "enter")
        draft = lesson_draft((*bench(app).earlier, bench(app).scene))
    assert "# Not in this draft: " in draft


@pytest.mark.parametrize(
    "prompt", ['say "hi"\n\\ and `tick`\t\x7f', "日本 \U0001f600 é", "it's '''quoted'''"]
)
async def test_any_prompt_is_written_so_that_it_is_read_again(tmp_path: Path, prompt: str) -> None:
    recording(tmp_path / "answers.jsonl", prompt)
    configuration = Configuration(replay=tmp_path / "answers.jsonl")
    answer = await RecordedModel.open(tmp_path / "answers.jsonl").ask(prompt)
    scene = Scene(configuration, prompt, asked=Asked(configuration, answer))
    draft = tmp_path / "draft.toml"
    draft.write_text(lesson_draft([scene]), "utf-8")
    lesson = read_lesson(filled(draft))
    assert (lesson.prompt, lesson.source) == (prompt, "answers.jsonl")
