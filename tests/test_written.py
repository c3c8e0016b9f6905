"""What is written to the terminal: after every key it shows what Textual's compositor holds, cell by cell."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Size
from textual.strip import Strip

from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.terminal import pictures
from softmax_visualizer.tui.terminal.picture import difference, picture
from terminal import Screen

KEYS = [
    *("right", "left", "up", "down", "1", "3", "r", "space", "o", "p", "a", "d", "s", "h", "v", "x", "z"),
    *(
        "tab",
        "slash",
        "enter",
        "escape",
        "question_mark",
        "t",
        "k",
        "c",
        "i",
        "ctrl+p",
    ),
    *("backspace", "home", "end", "ctrl+j", "日", "🙂", "é"),
]


class Written(HeadlessDriver):
    """Where the app writes to."""

    size: tuple[int, int] = (100, 30)
    is_headless = False  # type: ignore[assignment]
    busy = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "size": self.size})
        self.screen = Screen(*self.size)
        self.last = ""

    def write(self, data: str) -> None:
        self.last = data
        self.screen.feed(data.encode())

    def resize(self, columns: int, rows: int) -> None:
        """As a terminal that leaves nothing in its place."""
        self._size = columns, rows
        self.screen = Screen(columns, rows)
        self.screen.feed("Ж".encode() * columns * rows)
        self._app.post_message(events.Resize(Size(columns, rows), Size(columns, rows)))


@asynccontextmanager
async def written(columns: int = 100, rows: int = 30) -> AsyncIterator[tuple[SoftmaxVisualizer, Written]]:
    app = SoftmaxVisualizer(Configuration.load(model="bundled"), "The quick brown fox jumps over the")
    app.console._color_system = ColorSystem.TRUECOLOR
    app.driver_class = type("Sized", (Written,), {"size": (columns, rows)})
    running = asyncio.create_task(app.run_async())
    while "lazy" not in (app._driver.screen.text if isinstance(app._driver, Written) else ""):
        assert not running.done()
        await asyncio.sleep(0.02)
    assert isinstance(app._driver, Written)
    try:
        yield app, app._driver
    finally:
        app.exit()
        await running


Cell = tuple[str, str, str, bool, bool, bool, bool]
"""A character, its colours, and whether it is bold, italic, underlined and reversed."""


def cells(strips: Sequence[Strip]) -> list[list[Cell]]:
    """What a terminal is to show, by the escape sequences that Textual would write for the strips."""
    width = max((strip.cell_length for strip in strips), default=1)
    screen = Screen(width, len(strips))
    for y, strip in enumerate(strips):
        line = "".join(
            Strip.render_style(style or Style(), text, ColorSystem.TRUECOLOR) for text, style, _ in strip
        )
        screen.feed(f"\x1b[{y + 1}H{line}".encode())
    return shown(screen)


def shown(screen: Screen) -> list[list[Cell]]:
    """What a terminal shows."""
    return [[_cell(char) for char in row] for row in screen.characters]


def _cell(char: pyte.screens.Char) -> Cell:
    blank = not char.data.strip() and not char.reverse
    return (
        char.data, "" if blank else char.fg, char.bg, char.bold and not blank, char.italics and not blank,
        char.underscore, char.reverse,
    )  # fmt: skip


async def assert_shows_the_picture(app: SoftmaxVisualizer, driver: Written) -> None:
    for _ in range(100):
        await asyncio.sleep(0.02)
        with app._context():
            strips = app.screen._compositor.render_strips()
        if driver.screen.text == "\n".join(strip.text.rstrip() for strip in strips):
            wanted = cells(strips)
            if shown(driver.screen) == wanted:
                return
    assert shown(driver.screen) == cells(strips)


@pytest.mark.parametrize("seed", range(2))
async def test_the_terminal_shows_the_picture_after_any_keys(seed: int) -> None:
    chance = random.Random(seed)
    async with written() as (app, driver):
        for _ in range(20):
            happens = chance.random()
            if happens < 0.08:
                driver.resize(chance.randrange(50, 120), chance.randrange(15, 40))
            elif happens < 0.16:
                # a line that is taken for a while: frames are skipped
                driver.busy = not driver.busy
                app.line_is_free()
            else:
                key = chance.choice(KEYS)
                app.post_message(events.Key(key, key if len(key) == 1 else None))
            if not driver.busy:
                await assert_shows_the_picture(app, driver)
        driver.busy = False
        app.line_is_free()
        await assert_shows_the_picture(app, driver)


WIDTH, HEIGHT = 24, 4


def random_lines(chance: random.Random) -> list[list[Strip]]:
    """Lines of one width, each of some widgets, of which some have wide characters or some that combine."""
    return [
        [*(Strip([Segment(text, style)]) for text, style in pieces), Strip.blank(WIDTH - used)]
        for pieces, used in (random_pieces(chance) for _ in range(HEIGHT))
    ]


def random_pieces(chance: random.Random) -> tuple[list[tuple[str, Style]], int]:
    pieces, used = [], 0
    colours = [None, Color.parse("red"), Color.parse("#102030"), Color.parse("#ffffff")]
    while (room := WIDTH - used) > 4 and chance.random() < 0.8:
        text = "".join(chance.choices("ab─█  日🙂", k=chance.randint(1, (room - 2) // 2)))
        text += chance.choice(["", "e\u0301"])
        flags: dict[str, Any] = {
            flag: chance.random() < 0.5
            for flag in ("bold", "italic", "underline", "reverse")
            if chance.random() < 0.3
        }
        pieces.append((text, Style(color=chance.choice(colours), bgcolor=chance.choice(colours), **flags)))
        used += cell_len(text)
    return pieces, used


@given(st.integers(0, 2**32))
def test_differences_lead_from_any_picture_to_any_other(seed: int) -> None:
    chance = random.Random(seed)
    terminal, before, strips = Screen(WIDTH, HEIGHT), None, random_lines(chance)
    for _ in range(5):
        # some lines stay, as they do on a screen
        strips = [
            new if chance.random() < 0.7 else old
            for new, old in zip(random_lines(chance), strips, strict=True)
        ]
        after = picture(strips, ColorSystem.TRUECOLOR, before)
        terminal.feed(difference(before, after).encode())
        before = after
        assert shown(terminal) == cells([Strip.join(row) for row in strips])


async def test_what_is_painted_again_and_has_not_changed_is_not_written() -> None:
    async with written() as (app, driver):
        await assert_shows_the_picture(app, driver)
        driver.last = ""
        app.screen.refresh(layout=True)
        app.refresh()
        await assert_shows_the_picture(app, driver)
        assert driver.last == ""


async def test_what_others_wrote_is_painted_over_once_it_is_known() -> None:
    async with written() as (app, driver):
        await assert_shows_the_picture(app, driver)
        driver.screen.feed(b"\x1b[2J\x1b[HBroadcast message")
        app.forget_screen()
        app.refresh()
        await assert_shows_the_picture(app, driver)


async def test_with_another_textual_the_app_paints_as_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pictures.KNOWN, "Textual's private parts have changed: see what pictures.py is built on"
    monkeypatch.setattr(pictures, "KNOWN", False)
    async with written() as (app, driver):
        for key in ("right", "question_mark", "escape"):
            app.post_message(events.Key(key, None))
            await assert_shows_the_picture(app, driver)


async def test_another_theme_changes_the_colours_of_all_that_is_there() -> None:
    async with written() as (app, driver):
        await assert_shows_the_picture(app, driver)
        row = next(
            y for y, line in enumerate(driver.screen.characters) if "lazy" in "".join(c.data for c in line)
        )
        before = driver.screen.characters[row][2]
        app.post_message(events.Key("l", "l"))
        await asyncio.sleep(0.3)
        await assert_shows_the_picture(app, driver)
        after = driver.screen.characters[row][2]
        assert after.data == before.data
        assert after.fg != before.fg
        assert after.bg != before.bg
