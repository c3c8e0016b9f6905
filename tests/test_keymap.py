"""Keys that a person moved: what they do, and every text that names them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.fuzzy import Matcher
from textual.keys import _character_to_key

from screens import at_rest, bench, settle, text
from softmax_visualizer.display.keys import (
    DEFAULT_KEYS,
    key_for,
    key_named,
    keys_of,
    palette_words,
    read_keymap,
    rebind,
    spoken_key,
    typed_key,
    with_keys,
)
from softmax_visualizer.lessons.error import LessonError
from softmax_visualizer.lessons.listing import built_in
from softmax_visualizer.lessons.reading import read_lesson
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.keys import KEYS, hint
from softmax_visualizer.tui.lesson.moments import LessonStart, moments
from softmax_visualizer.tui.preferences import Preferences

VIM = {"temperature-down": "j", "temperature-up": "l", "pin": "p, ctrl+b", "sweep": "?", "help": "f1"}

FREE = [
    f"{modifier}+{letter}"
    for modifier in ("alt", "alt+shift", "ctrl+alt")
    for letter in string.ascii_lowercase + "567890"
    if key_named(f"{modifier}+{letter}") is not None
]

EVERY = dict(zip(DEFAULT_KEYS, FREE, strict=False))
"""Every action on a key that nothing has by itself."""


@pytest.fixture(autouse=True)
def own_keys() -> Iterator[None]:
    """Nothing is moved before and after."""
    rebind({})
    yield
    rebind({})


def keymap(wanted: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    moved, refused = read_keymap(wanted)
    assert refused == {}
    return moved


@asynccontextmanager
async def screen(wanted: Mapping[str, str], **start: Any) -> Any:
    app = SoftmaxVisualizer(
        Configuration(model="bundled"),
        "The quick brown fox jumps over the",
        preferences=Preferences(keymap(wanted)),
        **start,
    )
    async with app.run_test(size=(120, 110)) as pilot:
        await settle(app, pilot)
        yield app, pilot


def test_every_action_of_the_screen_has_an_id_and_a_key_of_its_own() -> None:
    assert [key.id for key in KEYS] == list(dict.fromkeys(key.id for key in KEYS))
    assert {key.id for key in KEYS} == set(DEFAULT_KEYS)
    every = [key for keys in DEFAULT_KEYS.values() for key in keys]
    assert len(every) == len(set(every))


def test_signs_have_the_names_that_textual_gives_them() -> None:
    for sign in string.punctuation:
        assert key_named(sign) == _character_to_key(sign)
        assert typed_key(_character_to_key(sign)) == sign


@pytest.mark.parametrize(
    ("written", "key"),
    [("p", "p"), ("P", "P"), ("shift+p", "P"), ("?", "question_mark"), ("question_mark", "question_mark"),
     ("F12", "f12"), ("alt+Left", "alt+left"), ("shift+ctrl+up", "ctrl+shift+up"), ("5", "5"), ("ö", "ö"),
     ("pp", None), ("esc", "escape"), ("PgUp", "pageup"), ("Del", "delete"), ("←", "left"),
     ("alt+.", "alt+full_stop"), ("ctrl+P", "ctrl+p"), ("`", "grave_accent"), ("ctrl+i", None),
     ("ctrl+m", None), ("ctrl+[", None), ("shift+ß", None), ("alt+G", None),
     ("f13", None), ("hyper+p", None), ("", None), ("ctrl+", None), ("shift+5", None)],
)  # fmt: skip
def test_a_key_is_written_as_people_write_it(written: str, key: str | None) -> None:
    assert key_named(written) == key


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"pn": "p"}, 'there is no such action. Did you mean "pin"?'),
        ({"pin": "pp"}, '"pp" is no key.'),
        ({"pin": " "}, "no key is named."),
        ({"pin": "Ctrl+P"}, "Ctrl+P belongs to the program itself."),
        ({"pin": "ctrl+q"}, "Ctrl+Q belongs to the program itself."),
        ({"undo": "p", "pin": "p"}, '"p" is given to undo already.'),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason_and_all_else_holds(
    wanted: dict[str, str], said: str
) -> None:
    moved, refused = read_keymap({**wanted, "order": "f12"})
    assert said in refused[list(wanted)[-1]]
    assert moved["order"] == ("f12",)


@given(
    st.dictionaries(
        st.sampled_from(sorted(DEFAULT_KEYS)), st.sampled_from([*"abcxyzGM", "f5", "ctrl+b", "left"])
    )
)
def test_no_key_ever_does_two_things(wanted: dict[str, str]) -> None:
    moved, _ = read_keymap(wanted)
    rebind(moved)
    held = [key for action in DEFAULT_KEYS for key in keys_of(action)]
    assert len(held) == len(set(held))


def test_a_comma_is_a_key_at_an_end_and_else_stands_between_keys() -> None:
    assert keymap({"pin": ","}) == {"pin": ("comma",)}
    assert keymap({"pin": ", ."}) == {"pin": ("comma", "full_stop")}
    assert keymap({"pin": "p, ctrl+b , f12,f11"}) == {"pin": ("p", "ctrl+b", "f12", "f11")}


def test_sentences_show_a_small_sign_as_a_key() -> None:
    rebind(keymap({"pin": "`", "flip": "."}))
    assert with_keys("{key:pin} pins, {key:flip} flips, {key:undo}.") == "backtick pins, “.” flips, u."


def test_the_words_for_what_has_no_key_find_it_in_the_palette() -> None:
    for key in KEYS:
        assert Matcher(palette_words(key.id)).match(key.title) > 0, key.id


async def test_what_is_moved_to_alt_or_an_f_key_works_in_the_prompt_and_types_nothing() -> None:
    moved = {"pin": "f12", "sweep": "f1", "temperature-up": "alt+q", "preset-1": "alt+1"}
    async with screen(moved) as (app, pilot):
        await pilot.press("slash")
        await settle(app, pilot)
        before = bench(app).scene
        await pilot.press("f12")
        app.post_message(events.Key("alt+q", "q"))
        await settle(app, pilot)
        after = bench(app).scene
        assert after.typing
        assert len(after.pins) == 1
        assert after.settings.temperature > before.settings.temperature
        await pilot.press("f1")
        await settle(app, pilot)
        assert bench(app).scene.view == "sweep"
        assert len(app.screen_stack) == 1
        assert bench(app).scene.prompt == before.prompt


async def test_textual_binds_exactly_the_keys_that_the_texts_name() -> None:
    async with screen(VIM) as (app, _):
        bound: dict[str, set[str]] = {}
        for key, active in app.screen.active_bindings.items():
            if active.node is app.screen:
                bound.setdefault(active.binding.id or "", set()).add(key)
        for action in DEFAULT_KEYS:
            # Ctrl+Q is the app's own, whatever is moved
            assert bound.get(action, set()) - {"ctrl+q"} == set(keys_of(action)) - {"ctrl+q"}, action


async def test_moved_keys_act_and_the_old_ones_do_not() -> None:
    async with screen(VIM) as (app, pilot):
        before = bench(app).scene.settings.temperature
        await pilot.press("l")
        assert bench(app).scene.settings.temperature > before
        await pilot.press("j", "j")
        assert bench(app).scene.settings.temperature < before
        await pilot.press("x")
        assert not bench(app).scene.pins
        await pilot.press("ctrl+b")
        await settle(app, pilot)
        assert bench(app).scene.pins
        assert "z flips between the two, c compares." in text(app)
        await pilot.press("question_mark")
        await settle(app, pilot)
        assert bench(app).scene.view == "sweep"


async def test_what_lost_its_key_is_reached_by_the_palette_and_texts_say_so() -> None:
    async with screen({"undo": "x"}) as (app, _):
        assert key_for("pin") == "Ctrl+P “pin”"
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "Pin or unpin" in titles
        assert "Undo (x)" in titles


async def test_help_palette_and_the_line_of_keys_name_the_keys_as_they_are() -> None:
    own = {spoken_key(key) for keys in DEFAULT_KEYS.values() for key in keys if len(typed_key(key)) == 1}
    async with screen(EVERY) as (app, pilot):
        assert "Alt+" in text(app).splitlines()[-1]
        for command in app.get_system_commands(app.screen):
            if " (" in command.title:
                assert "Alt+" in command.title
        await pilot.press(EVERY["help"])
        await settle(app, pilot)
        shown = text(app)
    for key in KEYS:
        assert re.search(rf"│\s*{re.escape(spoken_key(EVERY[key.id]))}\s+{re.escape(key.title)}\s", shown), (
            key
        )
    # no letter of before stands anywhere in brackets, or as what does something
    assert not [key for key in own if f"({key})" in shown or f"; {key} writes" in shown]


def test_the_line_of_keys_joins_what_belongs_together() -> None:
    assert hint("temperature-down temperature-up") == "←→"
    assert hint("temperature-down temperature-up", typing=True) == "Alt+←→"
    assert hint("preset-1 preset-2 preset-3 preset-4") == "1-4"
    assert hint("token-before next-token") == ", ."
    rebind(keymap(VIM))
    assert hint("temperature-down temperature-up") == "j l"
    assert hint("temperature-down temperature-up", typing=True) == ""


def test_only_what_names_an_action_is_replaced() -> None:
    assert (
        with_keys('{key:pin} {key:nothing} {"name": "Ada"} {pin}') == 'x {key:nothing} {"name": "Ada"} {pin}'
    )


# --- lessons ---

LESSON = """
lesson = 1
title = "Keys"
prompt = "The quick brown fox jumps over the"

[[step]]
caption = "Key {key:pin} pins."
keys = ["x", "right", "temperature-up", "sweep"]

[[step]]
caption = "A value is typed."
keys = ["t", "0", ".", "5", "enter"]
"""


async def test_a_lesson_plays_under_any_keymap_and_names_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(LESSON)
    lesson = read_lesson(path)
    assert lesson.steps[0].keys == ("x", "right", "right", "s")
    for wanted, named in (
        ({}, "Key x pins."),
        (VIM, "Key p pins."),
        (EVERY, f"Key {spoken_key(EVERY['pin'])} pins."),
    ):
        start = LessonStart(lesson, speed=50)
        async with screen(wanted, lesson=start) as (app, pilot):
            await at_rest(app, pilot)
            assert named in text(app)
            scene = bench(app).scene
            assert (len(scene.pins), scene.settings.temperature, scene.view) == (1, 1.2, "sweep")
            await pilot.press("space")
            await at_rest(app, pilot)
            assert bench(app).scene.settings.temperature == 0.5


async def test_a_lesson_does_also_what_has_lost_its_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(LESSON)
    async with screen({"undo": "x"}, lesson=LessonStart(read_lesson(path), speed=50)) as (app, pilot):
        await at_rest(app, pilot)
        assert len(bench(app).scene.pins) == 1
        assert "Key Ctrl+P “pin” pins." in text(app)


@pytest.mark.parametrize("wrong", ["{key:Pin}", "{key: pin}", "{key:}", "{key:pin ", "{key:x.y}"])
def test_every_place_for_a_key_has_to_name_an_action(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(LESSON.replace("{key:pin}", wrong))
    with pytest.raises(LessonError, match="names no action"):
        read_lesson(path)


def test_a_key_of_no_action_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(LESSON.replace("{key:pin}", "{key:pinn}"))
    with pytest.raises(
        LessonError, match=r'keys.toml, line 7: "{key:pinn}" names no action. Did you mean "pin"\?'
    ):
        read_lesson(path)


def test_no_caption_of_the_course_writes_a_key_as_a_letter() -> None:
    for path in built_in():
        assert not re.search(r"\b[Kk]ey ([^{“\s]|\w+,?) ", path.read_text("utf-8")), path
        shown = " ".join(moment.text for moment in moments(read_lesson(path)))
        assert "{key:" not in shown
