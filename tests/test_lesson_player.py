"""Lessons as they are played: under a teacher's hand, with an audience that tries things out, and alone."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from screens import ObedientModel, at_rest, bench, said, settle, text, top_of
from softmax_visualizer.display.pieces import Line
from softmax_visualizer.lessons.listing import built_in, find_lesson
from softmax_visualizer.lessons.reading import read_lesson
from softmax_visualizer.models.base import ModelAnswer
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.recording import Recorder
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.dialogs.base import MarksScreen
from softmax_visualizer.tui.dialogs.tables import TablesScreen
from softmax_visualizer.tui.lesson.moments import LessonStart
from softmax_visualizer.tui.lesson.player import LessonPlayer
from softmax_visualizer.tui.regions.caption import draw as draw_caption
from softmax_visualizer.tui.regions.caption import height as caption_height
from softmax_visualizer.tui.regions.prompt import PromptEditor
from softmax_visualizer.tui.scene import Caption, Presenter, Scene
from softmax_visualizer.tui.screen import MainScreen
from terminal import APP, Terminal, fresh_environment

FOX = "The quick brown fox jumps over the"

TOUR = """
[[step]]
caption = "first moment"
expect = ['"lazy" in the model about 55.9 %']

[[step]]
caption = "cold moment"
sweep = "temperature from 1.0 to 0.2 in 4 steps over 0.4 s"
expect = ['"lazy" at least 99 %']

[[step]]
caption = "pinned moment"
keys = ["x", "right", "right", "c"]

[[step]]
caption = "sampled moment"
keys = ["escape", "space"]

[[step]]
question = "Which word comes after once upon a?"
answer = "It is time."
prompt = "Once upon a"
settings = { temperature = 0.7, top_p = 0.9 }
expect = ['"time" at least 70 %']

[[step]]
caption = "tables moment"
keys = ["j"]

[[step]]
caption = "swept moment"
keys = ["escape", "s"]

[[step]]
caption = "mapped moment"
keys = ["h", "h"]

[[step]]
caption = "typed moment"
keys = ["escape", "/", "end", "space", "!", "enter"]

[[step]]
caption = "last moment\\nof two lines"
settings = { temperature = 1.5 }
prompt = "The quick brown fox jumps over the"
"""

MOMENTS = (
    "first moment", "cold moment", "pinned moment", "sampled moment", "Which word", "It is time.",
    "tables moment", "swept moment", "mapped moment", "typed moment", "last moment",
)  # fmt: skip


def lesson_file(folder: Path, steps: str, *, name: str = "mine", head: str = "") -> Path:
    """Write a lesson about the fox on the bundled model, unless ``head`` says otherwise."""
    path = folder / f"{name}.toml"
    prompt = "" if "prompt =" in head else f'prompt = "{FOX}"'
    title = "" if "title =" in head else 'title = "A title"'
    path.write_text(f"lesson = 1\n{title}\n{prompt}\n{head}\n{steps}")
    return path


def recording(path: Path, *prompts: str) -> Path:
    """Record " lazy" at 60 % as the answer to each prompt."""
    recorder = Recorder(path, lambda text: text)
    for prompt in prompts:
        recorder.keep(ModelAnswer(prompt, top_of([" lazy", " old"], [0.6, 0.2]), "recorded", "openai"))
    recorder.close()
    return path


@asynccontextmanager
async def playing(
    path: Path,
    size: tuple[int, int] = (100, 30),
    wait: bool = True,
    speed: float = 20,
    seed: int = 1,
    **start: Any,
) -> AsyncIterator[tuple[SoftmaxVisualizer, Pilot[None]]]:
    """The app, running headless, with a lesson."""
    lesson = read_lesson(path)
    app = SoftmaxVisualizer(
        Configuration(model="bundled"), lesson.prompt, seed, lesson=LessonStart(lesson, speed=speed, **start)
    )
    async with app.run_test(size=size) as pilot:
        if wait:
            await at_rest(app, pilot)
        yield app, pilot


async def press(app: SoftmaxVisualizer, pilot: Pilot[None], *keys: str) -> None:
    """Press keys, and wait after each until there is nothing more to come."""
    for key in keys:
        await pilot.press(key)
        await at_rest(app, pilot)


def burst(app: SoftmaxVisualizer, *keys: str) -> None:
    """Press keys all at once, as a terminal sends them over a slow line."""
    for key in keys:
        app.post_message(events.Key(key, " " if key == "space" else key if len(key) == 1 else None))


def player(app: SoftmaxVisualizer) -> LessonPlayer:
    found = bench(app).player
    assert found is not None
    return found


def caption(app: SoftmaxVisualizer) -> str:
    """What the lesson says at the moment; empty if no lesson is played."""
    said = bench(app).scene.caption
    return said.text.split("\n")[0] if said is not None else ""


def knobs(app: SoftmaxVisualizer) -> tuple[float, float]:
    settings = bench(app).scene.settings
    return settings.temperature, settings.top_p


async def forwards(app: SoftmaxVisualizer, pilot: Pilot[None]) -> list[str]:
    """Go through the tour; return the screen of each moment."""
    seen = [text(app)]
    for _ in MOMENTS[1:]:
        await press(app, pilot, "space")
        seen.append(text(app))
    return seen


# --- on and back ---


async def test_space_goes_on_through_every_moment(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        seen = await forwards(app, pilot)
        assert player(app).failures == []
    for number, (shown, words) in enumerate(zip(seen, MOMENTS, strict=True), 1):
        assert words in shown
        assert f"A title · {number} of {len(MOMENTS)}" in shown


async def test_what_each_moment_does_is_on_its_screen(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        seen = dict(zip(MOMENTS, await forwards(app, pilot), strict=True))
    assert "┤ 1.00" in seen["first moment"]
    assert "┤ 0.20" in seen["cold moment"]
    assert "left → right" in seen["pinned moment"]
    assert "seed 1" in seen["sampled moment"]
    assert "Once upon a" in seen["It is time."]
    assert "one model" in seen["tables moment"]
    assert "axis 0 to 100 %" in seen["swept moment"]
    assert "Map" in seen["mapped moment"]
    assert "Once upon a !" in seen["typed moment"]
    assert "┤ 1.50" in seen["last moment"]


async def test_backspace_shows_exactly_what_was_there_before(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        seen = await forwards(app, pilot)
        for earlier in reversed(seen[:-1]):
            await press(app, pilot, "backspace")
            assert text(app) == earlier
        await press(app, pilot, "backspace")
        assert text(app) == seen[0]  # there is nothing before the first moment
        for later in seen[1:]:
            await press(app, pilot, "space")
            assert text(app) == later


EXPLORATIONS = {
    "the knobs": ("left", "down", "3", "o"),
    "a view": ("v", "pagedown", "a"),
    "another view": ("d",),
    "pins": ("x", "right", "x", "z"),
    "a sampled token taken": ("slash", "escape", "enter", "t", "enter", "right"),
    "a dialog, left by Escape": ("t", "escape", "right"),
    "the help left open": ("question_mark",),
    "the request left open": ("i",),
    "the help closed, and a knob": ("question_mark", "escape", "right"),
    "the palette": ("ctrl+p", "x", "escape", "escape", "right"),
    "a new prompt": ("slash", "end", "space", "c", "a", "t", "space", "enter"),
    "a prompt that is not asked": ("slash", "end", "backspace", "backspace", "escape"),
    "marked tokens": ("g", "space", "down", "space", "enter"),
    "the tables": ("j", "x", "space", "y", "escape", "right"),
    "the models left open": ("m",),
    "the same prompt again": ("ctrl+r",),
    "larger captions, there and back": ("f7", "f8", "f7", "f8", "right"),
}


THREE = """
[[step]]
caption = "one"
[[step]]
caption = "two"
prompt = "Once upon a"
settings = { temperature = 0.7, top_p = 0.9 }
keys = ["x", "right", "space"]
[[step]]
caption = "three"
keys = ["left", "space", "c"]
"""


@pytest.mark.parametrize("keys", EXPLORATIONS.values(), ids=EXPLORATIONS)
async def test_space_returns_from_whatever_the_audience_tried_out(
    tmp_path: Path, keys: Sequence[str]
) -> None:
    async with playing(lesson_file(tmp_path, THREE)) as (app, pilot):
        await press(app, pilot, "space", "space")
        third = text(app)
        await press(app, pilot, "backspace")
        second = text(app)
        await press(app, pilot, *keys)
        assert text(app) != second
        await press(app, pilot, "space")
        assert text(app) == second
        await press(app, pilot, "space")
        assert text(app) == third


ANSWERS = """
[[step]]
caption = "one"
prompt = "The quick brown fox"
[[step]]
caption = "two"
seed = 1
settings = { temperature = 0 }
keys = ["G", ",", ","]
expect = ['answer of 40 tokens', 'greedy 40', 'answer begins " jumps"', 'at token 39']
[[step]]
caption = "three"
prompt = "The quick brown fox"
settings = { temperature = 0.8 }
keys = ["L", "9", "enter", ".", "tab", "enter", "G", "<"]
expect = ['answer of 11 tokens', 'at token 10']
[[step]]
caption = "four"
keys = ["A"]
[[step]]
caption = "five"
keys = ["T", "S", "escape", "backspace", "!"]
settings = { top_p = 0.5 }
expect = ['answer of 8 tokens', 'answer cut']
[[step]]
caption = "six"
prompt = "Once upon a"
keys = ["G"]
expect = ['answer of 9 tokens', 'answer begins "time"']
"""


async def test_answers_are_there_again_on_the_way_back_and_forth(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, ANSWERS), seed=7) as (app, pilot):
        seen = [text(app)]
        for _ in range(5):
            await press(app, pilot, "space")
            seen.append(text(app))
        assert player(app).failures == []
        assert len(set(seen)) == 6
        for earlier in reversed(seen[:-1]):
            await press(app, pilot, "backspace")
            assert text(app) == earlier
        for later in seen[1:]:
            await press(app, pilot, "space")
            assert text(app) == later
        assert player(app).failures == []


@pytest.mark.parametrize(
    "keys",
    [
        ("G",),
        ("L", "5", "enter"),
        ("L", "5", "enter", "G", "comma"),
        ("tab", "enter"),
        ("enter", "enter", "T"),
        ("A",),
        ("less_than_sign", "x", "right", "A"),
        ("B", "up", "enter"),
        ("P", "a", "b", "enter"),
        ("slash", "escape", "h"),
    ],
    ids=" ".join,
)
async def test_space_returns_to_the_answer_of_the_lesson(tmp_path: Path, keys: Sequence[str]) -> None:
    async with playing(lesson_file(tmp_path, ANSWERS)) as (app, pilot):
        await press(app, pilot, *["space"] * 3)
        fourth = text(app)
        await press(app, pilot, "backspace")
        third = bench(app).scene
        await press(app, pilot, *keys, "space")
        assert caption(app) == "three"
        assert (bench(app).scene.chosen, bench(app).scene.length) == (third.chosen, third.length)
        await press(app, pilot, "space")
        assert text(app) == fourth
        assert player(app).failures == []


async def test_an_answer_that_the_audience_has_written_is_not_written_on_into_the_lesson(
    tmp_path: Path,
) -> None:
    async with playing(lesson_file(tmp_path, ANSWERS)) as (app, pilot):
        await press(app, pilot, "space", "space")
        before = text(app)
        await press(app, pilot, *"L900", "enter")
        burst(app, "G", "space")
        await at_rest(app, pilot)
        assert (caption(app), text(app)) == ("three", before)


async def test_an_answer_that_is_being_written_when_a_lesson_begins_is_stopped(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, ANSWERS)) as (app, pilot):
        await press(app, pilot, "f9", *"L900", "enter")
        burst(app, "G", "f9", "enter")
        await pilot.pause()
        await at_rest(app, pilot)
        assert caption(app) == find_lesson("greedy").steps[0].caption
        written = len(bench(app).scene.generation)
        await press(app, pilot, "f9")
        scene = bench(app).scene
        assert (written, scene.writing, scene.is_there) == (0, False, True)
        assert len(scene.generation) < 900


async def test_an_answer_that_a_lesson_is_writing_ends_with_it(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, ANSWERS)) as (app, pilot):
        await press(app, pilot, "space")
        await press(app, pilot, *"L900", "enter")
        burst(app, "G", "f9")
        await at_rest(app, pilot)
        scene = bench(app).scene
        assert scene.caption is None
        assert (len(scene.generation), scene.writing, scene.length) == (0, False, 40)


async def test_a_lesson_that_sets_a_seed_writes_the_same_with_every_seed(tmp_path: Path) -> None:
    path, texts = lesson_file(tmp_path, ANSWERS), set()
    for seed in (1, 7):
        async with playing(path, seed=seed) as (app, pilot):
            await press(app, pilot, *["space"] * 2)
            texts.add(bench(app).scene.generation.text)
    assert len(texts) == 1


async def test_backspace_after_something_was_tried_out_goes_to_the_moment_before(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        first = text(app)
        await press(app, pilot, "space", "down", "v", "backspace")
        assert text(app) == first


async def test_a_question_keeps_its_answer_and_its_actions_back(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        await press(app, pilot, *["space"] * 4)
        shown = text(app)
        assert "Which word comes after once upon a?" in shown
        assert "It is time." not in shown
        assert FOX in shown
        assert knobs(app)[1] == 1
        await press(app, pilot, "space")
        shown = text(app)
        assert "Which word comes after once upon a?" in shown  # stays above its answer
        assert "It is time." in shown
        assert "Once upon a" in shown
        assert knobs(app) == (0.7, 0.9)
        await press(app, pilot, "backspace")
        assert "It is time." not in text(app)
        assert FOX in text(app)


async def test_space_types_a_space_where_the_audience_types_a_prompt(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        await press(app, pilot, "slash", "end", "space", "d", "space", "g", "backspace", "enter")
        assert bench(app).query_one(PromptEditor).text == f"{FOX} d "
        assert caption(app) == "first moment"
        await press(app, pilot, "space")
        assert bench(app).query_one(PromptEditor).text == FOX


async def test_space_and_backspace_work_in_a_field_that_the_audience_opened(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        await press(app, pilot, "t", "1", "space", "2", "backspace")
        assert app.screen.query_one(Input).value == "1 "
        assert caption(app) == "first moment"


async def test_space_marks_in_the_dialog_that_says_so(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        await press(app, pilot, "g", "space")
        assert isinstance(app.screen, MarksScreen)
        assert "✓" in text(app)
        await press(app, pilot, "enter", "space")
        assert caption(app) == "first moment"
        assert bench(app).scene.question is None


async def test_a_dialog_that_the_lesson_opened_swallows_neither_space_nor_backspace(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        await press(app, pilot, *["space"] * 6)
        assert isinstance(app.screen, TablesScreen)
        await press(app, pilot, "backspace")
        assert caption(app) == "It is time."
        assert isinstance(app.screen, MainScreen)
        await press(app, pilot, "space", "space")
        assert caption(app) == "swept moment"
        assert isinstance(app.screen, MainScreen)


async def test_in_a_dialog_that_the_lesson_opened_the_audience_can_type_and_then_return(
    tmp_path: Path,
) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        await press(app, pilot, *["space"] * 6)
        before = text(app)
        await press(app, pilot, "x", "space", "y")
        assert "x y" in app.screen.query_one(TextArea).text
        await press(app, pilot, "escape", "space")
        assert caption(app) == "tables moment"
        assert text(app) == before


async def test_a_lesson_can_press_m(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, '[[step]]\ncaption = "one"\n[[step]]\ncaption = "two"\nkeys = ["m"]\n')
    async with playing(path) as (app, pilot):
        await pilot.press("space")
        await pilot.pause(1.5)
        assert "Choose a model" in text(app)
        await pilot.press("backspace")
        await at_rest(app, pilot)
        assert caption(app) == "one"
        assert isinstance(app.screen, MainScreen)


# --- keys while something is played ---

SLOW = """
[[step]]
caption = "one"
[[step]]
caption = "two"
sweep = "temperature from 1.0 to 0.2 in 1 steps over 60 s"
expect = ['"lazy" at least 99 %']
[[step]]
caption = "three"
[[step]]
caption = "four"
"""


async def test_space_hurries_a_sweep_to_its_end_and_the_next_one_goes_on(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, SLOW)) as (app, pilot):
        await pilot.press("space")
        await pilot.pause(0.2)
        assert knobs(app) == (1, 1)
        await press(app, pilot, "space")
        assert (caption(app), knobs(app)) == ("two", (0.2, 1))
        await press(app, pilot, "space")
        assert caption(app) == "three"
        await press(app, pilot, "space")
        assert caption(app) == "four"


async def test_spaces_of_a_burst_hurry_and_go_on_whenever_they_are_dealt_with(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, SLOW)) as (app, pilot):
        for keys in (("space",) * 3, ("backspace", "backspace", *["space"] * 3)):
            burst(app, *keys)
            await at_rest(app, pilot)
            assert (caption(app), knobs(app)) == ("three", (0.2, 1))
        burst(app, "backspace", "backspace", *["space"] * 2)
        await at_rest(app, pilot)
        assert caption(app) == "two"


async def test_backspace_during_a_sweep_goes_back(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, SLOW)) as (app, pilot):
        await pilot.press("space")
        await pilot.pause(0.2)
        await press(app, pilot, "backspace")
        assert (caption(app), knobs(app)) == ("one", (1, 1))


async def test_another_key_during_a_sweep_hurries_it_and_is_then_tried_out(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, SLOW)) as (app, pilot):
        await pilot.press("space")
        await pilot.pause(0.2)
        await press(app, pilot, "left", "down", "down")
        assert (caption(app), knobs(app)) == ("two", (0.1, 0.9))
        assert player(app).failures == []
        await press(app, pilot, "space")
        assert (caption(app), knobs(app)) == ("two", (0.2, 1))


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_a_sweep_can_be_quit(tmp_path: Path, key: str) -> None:
    async with playing(lesson_file(tmp_path, SLOW)) as (app, pilot):
        await pilot.press("space")
        await pilot.pause(0.2)
        await pilot.press(key)
        await pilot.pause(0.5)
        assert not app.is_running


async def test_a_click_into_the_prompt_during_a_step_takes_no_key_from_it(tmp_path: Path) -> None:
    steps = '[[step]]\ncaption = "one"\n[[step]]\ncaption = "two"\nkeys = ["right", "right", "c"]\n'
    async with playing(lesson_file(tmp_path, steps)) as (app, pilot):
        await pilot.press("space")
        await pilot.pause(0.1)
        await pilot.click(PromptEditor)
        await at_rest(app, pilot)
        assert bench(app).query_one(PromptEditor).text == FOX
        assert bench(app).scene.view == "compare"


async def test_a_window_without_the_focus_takes_no_key_from_the_lesson(tmp_path: Path) -> None:
    steps = '[[step]]\ncaption = "one"\n[[step]]\ncaption = "two"\nkeys = ["c"]\n'
    async with playing(lesson_file(tmp_path, steps)) as (app, pilot):
        await pilot.press("space")
        app.post_message(events.AppBlur())
        await at_rest(app, pilot)
        assert bench(app).scene.view == "compare"
        app.post_message(events.AppFocus())
        await press(app, pilot, "space")
        assert caption(app) == ""  # nobody had tried anything out, so that was the end


async def test_each_space_of_a_burst_counts(tmp_path: Path) -> None:
    steps = "".join(f'[[step]]\ncaption = "moment {number}"\n' for number in range(30))
    async with playing(lesson_file(tmp_path, steps)) as (app, pilot):
        burst(app, *["space"] * 20)
        await at_rest(app, pilot)
        assert caption(app) == "moment 20"
        burst(app, *["backspace"] * 7, *["space"] * 3)
        await at_rest(app, pilot)
        assert caption(app) == "moment 16"
        await pilot.press(*["space"] * 9)
        await at_rest(app, pilot)
        assert caption(app) == "moment 25"


async def test_a_burst_that_is_longer_than_the_lesson_leaves_it(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        burst(app, *["space"] * 40)
        await at_rest(app, pilot)
        assert bench(app).player is None
        assert isinstance(app.screen, MainScreen)
        assert app.is_running


async def test_a_space_before_the_first_moment_is_not_too_early(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR), wait=False) as (app, pilot):
        burst(app, "space")
        await at_rest(app, pilot)
        assert caption(app) in ("first moment", "cold moment")


STORM = (
    "space", "space", "space", "backspace", "right", "left", "down", "x", "X", "z", "c", "s", "h", "d", "b",
    "v", "t", "g", "j", "m", "i", "question_mark", "slash", "enter", "escape", "escape", "a", "tab", "f6",
    "f7", "f8", "ctrl+r", "o", "1", "4", "pagedown",
)  # fmt: skip


@pytest.mark.parametrize(("seed", "at_once"), [(0, True), (1, False)])
async def test_after_a_storm_of_keys_the_lesson_is_where_it_says(
    tmp_path: Path, seed: int, at_once: bool
) -> None:
    keys = random.Random(seed).choices(STORM, k=40)
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        seen = await forwards(app, pilot)
        await press(app, pilot, *["backspace"] * 6)
        if at_once:
            burst(app, *keys)
        else:
            await pilot.press(*keys)
        await at_rest(app, pilot)
        assert app.is_running
        for _ in range(3):
            if isinstance(app.focused, (Input, TextArea)) or len(app.screen_stack) > 1:
                await press(app, pilot, "escape")
        bench(app).update(replace(bench(app).scene, presenter=Presenter()))
        await press(app, pilot, "right", "space")
        if bench(app).player is not None:
            where = next(n for n, words in enumerate(MOMENTS) if caption(app).startswith(words))
            assert text(app) == seen[where]


# --- expectations ---


async def test_what_is_not_as_expected_is_said_on_the_screen_with_its_line(tmp_path: Path) -> None:
    steps = """[[step]]
caption = "one"
expect = ['"lazy" in the model about 55.9 %',
  '"lazy" at most 1 %']
[[step]]
caption = "two"
"""
    path = lesson_file(tmp_path, steps)
    line = path.read_text().split("\n").index("  '\"lazy\" at most 1 %']") + 1
    async with playing(path) as (app, pilot):
        assert f'mine.toml, line {line}: expected "lazy" at most 1 %, but it is 55.9' in text(app)
        assert len(player(app).failures) == 1
        first = text(app)
        await press(app, pilot, "space")
        second = text(app)
        await press(app, pilot, "backspace")
        assert text(app) == first
        await press(app, pilot, "space")
        assert text(app) == second
        assert len(player(app).failures) == 1


def two_recordings(folder: Path) -> Path:
    recording(folder / "one.jsonl", FOX, "Once upon a")
    recording(folder / "two.jsonl", "The sky is")
    steps = """
[[step]]
caption = "found"
expect = ['"lazy" in the model about 60 %']
[[step]]
caption = "missing"
prompt = "nobody asked this"
expect = ['"lazy" in the model about 60 %']
[[step]]
caption = "found again"
prompt = "Once upon a"
expect = ['"lazy" in the model about 60 %', 'bounds']
[[step]]
caption = "of the other one"
recording = "two.jsonl"
prompt = "The sky is"
expect = ['"lazy" in the model about 60 %']
[[step]]
caption = "missing, and nothing expected"
prompt = "nor this"
[[step]]
caption = "bundled"
model = "bundled"
prompt = "Once upon a"
expect = ['exact']
"""
    return lesson_file(folder, steps, head='recording = "one.jsonl"')


async def test_a_lesson_plays_recordings_that_lie_beside_it(tmp_path: Path) -> None:
    async with playing(two_recordings(tmp_path)) as (app, pilot):
        assert "recorded" in text(app)
        assert "60.0 %" in text(app)
        await press(app, pilot, *["space"] * 3)
        assert caption(app) == "of the other one"
        assert "The sky is" in text(app)
        assert "recorded" in text(app)
        await press(app, pilot, "space", "space")
        assert "EXACT" in text(app)
        assert "bundled" in text(app)


async def test_a_prompt_that_the_recording_lacks_is_said_and_nothing_passes_for_its_answer(
    tmp_path: Path,
) -> None:
    async with playing(two_recordings(tmp_path)) as (app, pilot):
        assert player(app).failures == []
        await press(app, pilot, "space")
        assert "one.jsonl has no answer" in text(app)
        [failure] = player(app).failures
        assert "mine.toml, line " in failure
        assert 'expected "lazy" in the model about 60 %' in failure
        assert "no answer" in failure
        missing = text(app)
        await press(app, pilot, "space")
        assert caption(app) == "found again"
        assert len(player(app).failures) == 1
        assert "no answer" not in text(app)
        await press(app, pilot, "backspace")
        assert text(app) == missing


async def test_an_answer_that_is_missing_is_a_failure_even_if_nothing_is_expected_of_it(
    tmp_path: Path,
) -> None:
    async with playing(two_recordings(tmp_path)) as (app, pilot):
        await press(app, pilot, *["space"] * 4)
        assert caption(app).startswith("missing, and")
        assert "two.jsonl has no answer" in text(app)
        assert len(player(app).failures) == 2
        assert "two.jsonl has no answer" in player(app).failures[-1]


async def test_a_first_prompt_that_is_missing_looks_the_same_when_one_comes_back_to_it(
    tmp_path: Path,
) -> None:
    recording(tmp_path / "one.jsonl", "Once upon a")
    steps = '[[step]]\ncaption = "one"\n[[step]]\ncaption = "two"\nprompt = "Once upon a"\n'
    async with playing(lesson_file(tmp_path, steps, head='recording = "one.jsonl"')) as (app, pilot):
        first = text(app)
        assert "no answer" in first
        await press(app, pilot, "space")
        assert "␣lazy" in text(app)
        await press(app, pilot, "backspace")
        assert text(app) == first


async def test_a_recording_that_is_damaged_is_said(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text("no recording")
    steps = '[[step]]\ncaption = "one"\nexpect = [\'exact\']\n[[step]]\ncaption = "two"\n'
    async with playing(lesson_file(tmp_path, steps, head='recording = "one.jsonl"')) as (app, pilot):
        assert "is not a recording" in " ".join(text(app).split())
        assert len(player(app).failures) == 1
        await press(app, pilot, "space")
        assert caption(app) == "two"


# --- what is shown ---


async def test_texts_are_shown_as_texts(tmp_path: Path) -> None:
    hostile = "[bold]x[/] [/b] \\u001b[31mred \\u202eevil \\u009b2J \\u0007 end"
    steps = f'[[step]]\ncaption = "{hostile}"\n[[step]]\nquestion = "{hostile}"\nanswer = "{hostile}"\n'
    path = lesson_file(tmp_path, steps, head=f'title = "T {hostile}"\nprompt = "P {hostile}"')
    async with playing(path) as (app, pilot):
        for _ in range(3):
            shown = text(app)
            assert shown.count("[bold]x[/] [/b]") >= 3
            assert not set(shown) & {"\x1b", "\u202e", "\x9b", "\x07"}
            await press(app, pilot, "space")


async def test_where_there_is_no_room_for_the_longest_caption_the_keys_stay_on_the_screen(
    tmp_path: Path,
) -> None:
    steps = f'[[step]]\ncaption = "one"\n[[step]]\ncaption = "{"many words " * 30}"\n'
    async with playing(lesson_file(tmp_path, steps), size=(60, 18)) as (app, pilot):
        assert "go on" in text(app).splitlines()[-1]
        await press(app, pilot, "space")
        # what is said now is shown whole, whatever that covers
        assert text(app).count("many words") + text(app).count("many\n") >= 29


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_the_caption_has_one_height_at_every_moment(tmp_path: Path, size: tuple[int, int]) -> None:
    steps = TOUR + f'[[step]]\ncaption = "{"many words " * 30}"\n'
    async with playing(lesson_file(tmp_path, steps), size=size) as (app, pilot):
        panel = bench(app).query_one("#caption")
        heights = [panel.size.height]
        for _ in MOMENTS:
            await press(app, pilot, "space")
            heights.append(panel.size.height)
        assert set(heights) == {heights[0]}
        assert "many words many words" in text(app)
        await pilot.press("f7")
        await pilot.pause()
        assert panel.size.height > heights[0]
        await pilot.press("f7")
        await pilot.pause()
        assert panel.size.height == heights[0]


@pytest.mark.parametrize("path", built_in(), ids=lambda path: path.stem)
async def test_at_every_size_a_built_in_lesson_shows_caption_board_and_line_of_keys(path: Path) -> None:
    for size in ((80, 24), (100, 30)):
        async with playing(path, size=size) as (app, _):
            lines = text(app).splitlines()
            assert len(lines) == size[1]
            assert "go on" in lines[-1]
            assert bench(app).query_one("#board").size.height >= 6
            assert bench(app).max_scroll_y == 0


async def test_a_terminal_that_is_smaller_than_the_lesson_wants_is_told_so(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, TOUR)
    async with playing(path, size=(80, 24)) as (app, pilot):
        assert "made for 100x30 cells" in said(app)
        assert "80x24" in said(app)
    async with playing(path, size=(40, 10)) as (app, pilot):
        shown = text(app)
        assert "needs 60x18 cells" in " ".join(shown.split())
        assert "first moment" not in shown
        await pilot.resize_terminal(100, 30)
        await at_rest(app, pilot)
        assert "first moment" in text(app)


async def test_the_word_about_the_size_outlives_an_answer(tmp_path: Path) -> None:
    steps = '[[step]]\ncaption = "one"\nprompt = "Once upon a"\n'
    async with playing(lesson_file(tmp_path, steps), size=(80, 24)) as (app, _):
        assert "made for 100x30 cells" in said(app)


async def test_resizing_changes_the_screen_and_not_the_lesson(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        await press(app, pilot, "space", "space")
        before = text(app)
        for size in ((70, 20), (30, 8), (140, 45), (100, 30)):
            await pilot.resize_terminal(*size)
            await at_rest(app, pilot)
        assert text(app) == before
        await press(app, pilot, "space")
        assert caption(app) == "sampled moment"
        await pilot.resize_terminal(80, 24)
        await press(app, pilot, "space")
        assert caption(app) == "Which word comes after once upon a?"
        await pilot.resize_terminal(100, 30)
        await press(app, pilot, "space")
        assert "shows less" not in text(app)


async def test_a_burst_while_the_window_is_dragged_ends_where_it_should(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        seen = await forwards(app, pilot)
        await press(app, pilot, *["backspace"] * 3)
        for size in ((80, 24), (30, 8), (120, 40), (100, 30)):
            await pilot.resize_terminal(*size)
            burst(app, "backspace")
        await at_rest(app, pilot)
        assert text(app) == seen[MOMENTS.index("swept moment") - 4]


async def test_samples_are_the_same_at_each_playing(tmp_path: Path) -> None:
    steps = '[[step]]\ncaption = "one"\n[[step]]\ncaption = "two"\nkeys = ["4", "space", "space", "space"]\n'
    path, seen = lesson_file(tmp_path, steps), set()
    for _ in range(2):
        async with playing(path) as (app, pilot):
            for _ in range(2):
                await press(app, pilot, "space")
                seen.add(text(app))
                await press(app, pilot, "backspace", "b", "b", "right", "space")
    assert len(seen) == 1
    assert "sample 3" in seen.pop()


FRAMES = """
[[step]]
caption = "one"
[[step]]
caption = "two"
prompt = "Once upon a"
settings = { temperature = 0.2 }
[[step]]
caption = "three"
prompt = "The sky is"
settings = { temperature = 1.5, top_p = 0.9 }
expect = ['"lazy" at least 99 %']
[[step]]
caption = "four"
keys = ["s"]
[[step]]
caption = "five"
sweep = "temperature from 1.0 to 0.5 in 2 steps over 0.1 s"
"""


async def test_no_frame_shows_a_moment_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[str] = []
    display = SoftmaxVisualizer._display

    def kept(self: SoftmaxVisualizer, screen: Any, renderable: Any) -> None:
        if renderable is not None and not self._batch_count and (not frames or frames[-1] != text(self)):
            frames.append(text(self))
        display(self, screen, renderable)

    monkeypatch.setattr(SoftmaxVisualizer, "_display", kept)
    async with playing(lesson_file(tmp_path, FRAMES)) as (app, pilot):

        async def seen(*keys: str) -> list[str]:
            frames.clear()
            frames.append(text(app))
            await press(app, pilot, *keys)
            return frames[1:]

        assert len(await seen("space")) == 1
        assert len(await seen("space")) == 1
        assert len(await seen("space")) == 2  # the caption, and what the key does
        assert len(await seen("space")) == 4  # the caption with the first value, or before it, and each value
        for _ in range(4):
            assert len(await seen("backspace")) == 1
        await press(app, pilot, "space", "space", "left", "v")
        assert len(await seen("space")) == 1


# --- inside the running app ---


@asynccontextmanager
async def app_with(
    monkeypatch: pytest.MonkeyPatch, path: Path, configuration: Configuration, prompt: str
) -> AsyncIterator[tuple[SoftmaxVisualizer, Pilot[None]]]:
    """The app as a person starts it, with one built-in lesson."""
    monkeypatch.setattr("softmax_visualizer.tui.dialogs.lessons.built_in", lambda: (path,))
    app = SoftmaxVisualizer(configuration, prompt)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(app, pilot)
        yield app, pilot


def from_server(monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """Have a server's model answered by one that is at hand; recordings and the bundled model stay."""
    from softmax_visualizer.models.opening import open_model

    model = ObedientModel(lambda prompt: top_of([" served", " other"], [0.7, 0.1]))

    def opened(configuration: Configuration, *rest: Any) -> Any:
        return model if configuration.source == "openai" else open_model(configuration, *rest)

    monkeypatch.setattr("softmax_visualizer.models.opening.open_model", opened)
    return Configuration(base_url="http://127.0.0.1:1/v1", model="mine")


@pytest.mark.parametrize(
    "leave", [("f9",), ("space", "space"), ("space", "right", "f9"), ("space", "v", "f9")]
)
async def test_leaving_a_lesson_brings_back_what_was_there_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave: Sequence[str]
) -> None:
    steps = '[[step]]\ncaption = "one"\n[[step]]\ncaption = "two"\nprompt = "Once upon a"\nkeys = ["j"]\n'
    if "f9" in leave:
        steps = steps.replace('"j"', '"x"')
    path = lesson_file(tmp_path, steps)
    async with app_with(monkeypatch, path, from_server(monkeypatch), "My own prompt") as (app, pilot):
        assert "␣served" in text(app)
        await press(app, pilot, "f9", "enter")
        assert caption(app) == "one"
        assert "␣lazy" in text(app)
        await press(app, pilot, *leave)
        shown = text(app)
        assert caption(app) == ""
        assert bench(app).player is None
        assert isinstance(app.screen, MainScreen)
        assert "My own prompt" in shown
        assert "␣served" in shown
        assert "obedient" in shown
        assert "That was the lesson" in shown
        assert "go on" not in shown


async def test_after_a_lesson_on_the_bundled_model_it_says_so_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lesson_file(tmp_path, '[[step]]\ncaption = "one"\n')
    async with app_with(monkeypatch, path, Configuration(model="bundled"), "Once upon a") as (app, pilot):
        await press(app, pilot, "f9", "enter", "space")
        assert "That was the lesson" in text(app)
        assert "Once upon a" in text(app)
        await press(app, pilot, "space")
        assert "sample 1" in text(app)  # space is the bench's again


async def test_the_palette_starts_lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lesson_file(tmp_path, TOUR)
    async with app_with(monkeypatch, path, Configuration(model="bundled"), "Once upon a") as (app, pilot):
        await pilot.press("ctrl+p", *"lessons")
        await pilot.pause(0.8)
        await pilot.press("enter")
        await at_rest(app, pilot)
        assert "mine: A title" in text(app)
        await press(app, pilot, "enter")
        assert caption(app) == "first moment"


async def test_choosing_no_lesson_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lesson_file(tmp_path, TOUR)
    async with app_with(monkeypatch, path, Configuration(model="bundled"), "Once upon a") as (app, pilot):
        before = text(app)
        await press(app, pilot, "f9", "escape")
        assert text(app) == before
        assert bench(app).player is None


async def test_a_lesson_can_be_played_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lesson_file(tmp_path, TOUR)
    async with app_with(monkeypatch, path, Configuration(model="bundled"), "Once upon a") as (app, pilot):
        seen = []
        for _ in range(2):
            await press(app, pilot, "f9", "enter", "space", "space", "space")
            seen.append(text(app))
            await press(app, pilot, "f9", "right", "x", "v")
        assert caption(app) == ""
        assert seen[0] == seen[1]


async def test_f9_twice_at_once_opens_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lesson_file(tmp_path, TOUR)
    async with app_with(monkeypatch, path, Configuration(model="bundled"), "Once upon a") as (app, pilot):
        burst(app, "f9", "f9")
        await at_rest(app, pilot)
        await press(app, pilot, "escape")
        assert isinstance(app.screen, MainScreen)


# --- for an audience ---


def shown_keys(app: SoftmaxVisualizer) -> list[str] | None:
    keys = bench(app).scene.presenter.keystrokes
    return None if keys is None else list(keys)


async def test_f6_shows_keys_that_are_pressed_by_hand_and_by_the_lesson(tmp_path: Path) -> None:
    pressed = 'keys = ["%", "escape", "shift+right", "c"]'
    steps = f'[[step]]\ncaption = "one"\n[[step]]\ncaption = "two"\n{pressed}\n'
    async with playing(lesson_file(tmp_path, steps)) as (app, pilot):
        assert shown_keys(app) is None
        await press(app, pilot, "f6", "left")
        assert shown_keys(app) == ["←"]
        await press(app, pilot, "space")  # returns
        await press(app, pilot, "space")
        assert shown_keys(app) == ["%", "Esc", "Shift+→", "c"]
        assert " % " in text(app).splitlines()[0]
        await press(app, pilot, "f6")
        assert shown_keys(app) is None
        assert "Shift" not in text(app)


async def test_text_that_is_typed_is_not_shown_among_the_keys(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR), presenting=frozenset({"keys"})) as (app, pilot):
        await press(app, pilot, "slash", "s", "e", "c", "space", "1", "enter")
        assert shown_keys(app) == ["/", "Enter"]
        await press(app, pilot, "t", "0", "enter")
        assert shown_keys(app) == ["/", "Enter", "t", "Enter"]
        await press(app, pilot, "j", "y", "space", "escape")
        assert shown_keys(app) == ["t", "Enter", "j", "Esc"]


async def test_f7_and_f8_and_their_flags(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, TOUR)
    async with playing(path, presenting=frozenset({"keys", "large", "bare"})) as (app, pilot):
        panel = bench(app).query_one("#caption")
        assert shown_keys(app) == []
        assert bench(app).scene.presenter.large
        assert "go on" not in text(app)
        large = panel.size.height
        await press(app, pilot, "f7", "f8", "f6")
        assert panel.size.height < large
        assert "go on" in text(app)
        await press(app, pilot, "space")
        assert caption(app) == "cold moment"  # nothing was tried out


async def test_the_hidden_keys_stay_away_where_there_is_too_little_room(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, TOUR)) as (app, pilot):
        await press(app, pilot, "f8", "f8")
        await pilot.resize_terminal(40, 10)
        await at_rest(app, pilot)
        assert "go on" not in text(app)


# --- by itself ---


async def played_alone(path: Path, *keys: str, **start: Any) -> tuple[SoftmaxVisualizer, list[str]]:
    """Play a lesson by itself to its end; return the app, and the captions that were seen."""
    lesson = read_lesson(path)
    app = SoftmaxVisualizer(
        Configuration(model="bundled"), lesson.prompt, lesson=LessonStart(lesson, auto=True, **start)
    )
    seen: list[str] = []
    async with app.run_test(size=(100, 30)) as pilot, asyncio.timeout(60):
        waiting = list(keys)
        while app.is_running and app.return_code is None:
            found = caption(app)
            if found and (not seen or seen[-1] != found):
                seen.append(found)
                if waiting:
                    await pilot.press(waiting.pop(0))
            await asyncio.sleep(0.01)
    return app, seen


QUICK = """
[[step]]
caption = "one"
pause = 0.3
[[step]]
caption = "two"
keys = ["right", "c"]
pause = 0.3
expect = ['"lazy" at most 45 %']
[[step]]
caption = "three"
settings = { temperature = 0.2 }
pause = 0.3
expect = ['"lazy" at least 99 %']
"""


async def test_by_itself_it_runs_through_and_ends_well(tmp_path: Path) -> None:
    app, seen = await played_alone(lesson_file(tmp_path, QUICK))
    assert seen == ["one", "two", "three"]
    assert app.return_code == 0


async def test_by_itself_it_ends_badly_where_it_is_out_of_date(tmp_path: Path) -> None:
    app, seen = await played_alone(lesson_file(tmp_path, QUICK.replace("99 %", "99.99999999 %")))
    assert seen == ["one", "two", "three"]
    assert app.return_code == 1
    [failure] = app.failures
    assert failure.startswith("mine.toml, line ")


@pytest.mark.parametrize(
    "keys",
    [("space",), ("backspace",), ("right", "down", "v"), ("question_mark",), ("j",), ("space", "t", "x")],
)
async def test_by_itself_it_comes_to_its_end_whatever_is_pressed(tmp_path: Path, keys: Sequence[str]) -> None:
    app, seen = await played_alone(lesson_file(tmp_path, QUICK), *keys)
    assert seen[-1] == "three"
    assert (app.return_code, app.failures) == (0, [])


async def test_by_itself_a_space_cuts_a_pause_short(tmp_path: Path) -> None:
    steps = '[[step]]\ncaption = "one"\npause = 60\n[[step]]\ncaption = "two"\npause = 60\n'
    app, seen = await played_alone(lesson_file(tmp_path, steps), "space", "space")
    assert (app.return_code, seen) == (0, ["one", "two"])


# --- tokens, marks, and the end ---


def caption_lines(text: str, width: int, large: bool = False) -> list[Line]:
    """The lines of a caption in its frame."""
    scene = Scene(Configuration(model="bundled"), FOX, caption=Caption("", "", text, ()))
    scene = replace(scene, presenter=Presenter(large=large))
    return [line[2:-2] for line in draw_caption(scene, width, caption_height(scene, width, 99))[1:-1]]


def words_in(role: str, line: Line) -> list[str]:
    return [piece.text for piece in line if piece.role == role]


def test_tokens_in_a_caption_stand_out_without_their_backticks() -> None:
    (line,) = caption_lines("After `The` comes ` lazy` or `a`.", 60)
    assert words_in("token", line) == ["The", "␣lazy", "a"]
    assert words_in("text", line)[:4] == ["After ", " comes ", " or ", "."]
    assert words_in("token", caption_lines("`a`", 60, large=True)[1]) == ["a"]


def test_a_token_of_several_words_is_not_broken_over_two_lines() -> None:
    text = "one two `def is_even(n):`, and then"
    first, *others = caption_lines(text, 24)
    assert words_in("token", first) == []
    assert words_in("token", others[0]) == ["def is_even(n):"]
    assert "".join(piece.text for piece in others[0]).startswith("def is_even(n):,")


@pytest.mark.parametrize("held", ["12.5 %", "3 bits", "T = 1.5"])
def test_a_number_and_what_belongs_to_it_stand_on_one_line(held: str) -> None:
    for before in range(1, 40):
        lines = caption_lines("x" * before + f" {held} and more", 30)
        shown = ["".join(piece.text for piece in line) for line in lines]
        assert any(held in line for line in shown), shown


@given(st.lists(st.text("ab `é日", max_size=12), max_size=8), st.integers(12, 40))
def test_a_wrapped_caption_holds_its_tokens_and_nothing_else(parts: list[str], width: int) -> None:
    parts = [part.replace("`", "") for part in parts]
    marked = [f"`{part}`" if number % 2 and part else part for number, part in enumerate(parts)]
    lines = caption_lines("x" + "".join(marked), width)
    shown = "".join(piece.text for line in lines for piece in line)
    tokens = "".join(word for line in lines for word in words_in("token", line))
    assert shown.replace(" ", "").replace("␣", "") == "x" + "".join(parts).replace(" ", "")
    assert tokens.replace(" ", "").replace("␣", "") == "".join(parts[1::2]).replace(" ", "")


MARKED = """
[[step]]
caption = "one"
mark = "old"
[[step]]
question = "two"
mark = ["lazy", "old"]
answer = "three"
[[step]]
caption = "four"
"""


@pytest.mark.parametrize(("key", "title"), [("escape", "model"), ("N", "running sum"), ("c", "T 0.1")])
async def test_the_rows_of_marked_tokens_are_marked_until_the_next_step(
    tmp_path: Path, key: str, title: str
) -> None:
    recording(tmp_path / "fox.jsonl", FOX)
    steps = MARKED.replace('"one"', f'"one"\nkeys = ["{key}"]')
    async with playing(lesson_file(tmp_path, steps, head='recording = "fox.jsonl"')) as (app, pilot):
        marked = []
        for _ in range(4):
            marked.append([row for row in ("◆␣lazy", "◆␣old") if row in text(app)])
            assert title in text(app)
            await press(app, pilot, "space")
        both = ["◆␣lazy", "◆␣old"]
        assert marked == [["◆␣old"], both, both, []]


async def test_the_table_marks_tokens_too(tmp_path: Path) -> None:
    async with playing(lesson_file(tmp_path, '[[step]]\ncaption = "one"\nmark = "next"\n')) as (app, pilot):
        await press(app, pilot, "v")
        assert "◆ 2 ␣next" in text(app)
        assert "◆ 1" not in text(app)


async def test_a_marked_token_that_is_not_on_the_board_is_named_with_its_line(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, '[[step]]\ncaption = "one"\nmark = "lazzy"\n')
    async with playing(path) as (app, _):
        expected = 'expected "lazzy" listed, but "lazzy" is not among the tokens that the model listed.'
        assert player(app).failures == [f"mine.toml, line 7: {expected}"]


ENDING = 'remember = ["`lazy` is first", "two things", "three things"]\nnext = "fox"'


async def test_the_last_moment_has_what_is_to_be_remembered_and_enter_starts_the_next_lesson(
    tmp_path: Path,
) -> None:
    path = lesson_file(tmp_path, '[[step]]\ncaption = "one"\n[[step]]\ncaption = "two"\n', head=ENDING)
    async with playing(path) as (app, pilot):
        before = bench(app).query_one("#caption").size.height
        await press(app, pilot, "enter", "space", "space")  # Enter is the board's before the end
        shown = text(app)
        assert "A title · 3 of 3 · to remember" in shown
        assert f"Enter: the next lesson, {find_lesson('fox').title}; space ends this one." in shown
        assert "1. lazy is first" in shown
        assert "3. three things" in shown
        # only the end makes the caption higher
        assert (before, bench(app).query_one("#caption").size.height) == (3, 5)
        await press(app, pilot, "backspace")
        assert caption(app) == "two"
        await press(app, pilot, "space", "enter")
        assert player(app).lesson.name == "fox"
        assert " · 1 of " in text(app)
        await press(app, pilot, "f9")
        assert bench(app).player is None


async def test_enter_at_the_end_is_the_boards_once_something_is_tried_out(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, '[[step]]\ncaption = "one"\n', head=ENDING)
    async with playing(path) as (app, pilot):
        await press(app, pilot, "space", "tab", "enter")
        assert player(app).lesson.name == "mine"
        assert len(bench(app).scene.generation) == 1
        await press(app, pilot, "space", "enter")
        assert player(app).lesson.name == "fox"


async def test_space_ends_a_lesson_that_names_another_one(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, '[[step]]\ncaption = "one"\n', head=ENDING)
    async with playing(path) as (app, pilot):
        await press(app, pilot, "space", "space")
        assert bench(app).player is None


async def test_by_itself_it_ends_after_what_is_to_be_remembered(tmp_path: Path) -> None:
    app, seen = await played_alone(lesson_file(tmp_path, QUICK, head=ENDING), speed=20)
    assert (app.return_code, seen[-1]) == (0, "1. `lazy` is first")


async def test_keys_of_a_step_come_one_after_the_other_also_under_a_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[tuple[float, float]] = []
    path = lesson_file(tmp_path, '[[step]]\ncaption = "one"\nkeys = ["right", "right", "right"]\n')

    async def wait(self: LessonPlayer, seconds: float) -> None:
        waits.append((seconds, bench(self._app).scene.settings.temperature))  # type: ignore[arg-type]

    monkeypatch.setattr(LessonPlayer, "_wait", wait)
    async with playing(path):
        assert waits == [(0.35, 1.0), (0.35, 1.1), (0.35, 1.2)]


# --- in a terminal ---


def in_terminal(tmp_path: Path, *arguments: str, **how: Any) -> Terminal:
    return Terminal(tmp_path, "lesson", *arguments, **how)


def test_a_lesson_in_a_terminal_by_hand(tmp_path: Path) -> None:
    lesson_file(tmp_path, TOUR)
    with in_terminal(tmp_path, "mine.toml", "--speed", "20") as terminal:
        terminal.wait_for("first moment", "␣lazy", "go on")
        terminal.press(" ")
        terminal.wait_for("cold moment", "┤ 0.20")
        terminal.press("\x7f")
        terminal.wait_for("first moment", "┤ 1.00")
        terminal.press(" ", " ", " ", " ", " ")
        # a burst: two of them hurried what moved
        terminal.wait_for("sampled moment", "sample 1")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert terminal.settings == terminal.settings_before


def test_a_lesson_in_a_terminal_by_itself(tmp_path: Path) -> None:
    lesson_file(tmp_path, QUICK)
    with in_terminal(tmp_path, "mine.toml", "--auto", "--show-keys", "--no-footer") as terminal:
        terminal.wait_for("one", "␣lazy")
        terminal.wait_for("three")
        assert "go on" not in terminal.text
        assert terminal.wait_for_end() == 0
        assert b"moment" not in terminal.written


def test_what_failed_is_named_on_stderr_when_the_lesson_has_played_by_itself(tmp_path: Path) -> None:
    path = lesson_file(tmp_path, QUICK.replace("at most 45 %", "at most 1 %"))
    line = next(n for n, text in enumerate(path.read_text().split("\n"), 1) if "at most 1 %" in text)
    with in_terminal(tmp_path, "mine.toml", "--auto", "--speed", "10") as terminal:
        assert terminal.wait_for_end() == 1
        after = terminal.written.rpartition(b"\x1b[?1049l")[2].decode()
    assert f'mine.toml, line {line}: expected "lazy" at most 1 %, but it is' in after
    assert after.count("softmax-visualizer: ") == 1


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*APP, "lesson", *arguments],
        capture_output=True,
        text=True,
        env=fresh_environment(home),
        cwd=home,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def test_the_list_has_a_line_for_each_lesson_that_begins_with_its_name(tmp_path: Path) -> None:
    listed = run(tmp_path, "--list")
    lines = listed.stdout.splitlines()
    assert (listed.returncode, listed.stderr) == (0, "")
    assert [line.split()[0] for line in lines] == [path.stem for path in built_in()]
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "lesson --list"),
        (("nosuch",), 'no lesson "nosuch"'),
        (("nosuch.toml",), "nosuch.toml"),
        (("\x1b[31m",), "no lesson"),
        (("fox", "--speed", "0"), "--speed"),
        (("fox", "--speed", "abc"), "--speed"),
        (("fox", "--speed", "nan"), "--speed"),
        (("fox", "--speed", "-1"), "--speed"),
        (("fox", "--speed", "1e9"), "--speed"),
        (("fox", "--seed", "x"), "--seed"),
        (("fox", "more"), "more"),
        (("fox",), "terminal"),
        (("broken.toml",), "broken.toml, line "),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    (tmp_path / "broken.toml").write_text("lesson = 1\ntitle = 3\n")
    refused = run(tmp_path, *arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("softmax-visualizer: ")
    assert refused.stderr.count("\n") == 1
    assert named in refused.stderr
    assert "\x1b" not in refused.stderr
