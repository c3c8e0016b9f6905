"""Keys act strictly in the order in which they came, however many arrive together."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual import events
from textual.binding import Binding, BindingType

from softmax_visualizer.tui.terminal.order import InOrder
from terminal import KEYS, Terminal

APP = (sys.executable, str(Path(__file__).parent / "keys_app.py"))

BACKSPACE, HOME, END, DELETE, TO_START = "\x7f", "\x1b[H", "\x1b[F", "\x1b[3~", "\x15"
LEFT, RIGHT, UP, DOWN, ENTER = (KEYS[name] for name in ("left", "right", "up", "down", "enter"))
F2, F9, F10 = "\x1bOQ", "\x1b[20~", "\x1b[21~"
EDITS = [*"abc .5", BACKSPACE, BACKSPACE, LEFT, RIGHT, HOME, END, DELETE, TO_START]

BURSTS = {
    "in the prompt": (["/"], EDITS),
    "in a question": (["t"], [*EDITS, ENTER]),
    "in a list": (["m"], [UP, DOWN, DOWN, HOME, END]),
    "across them": ([], [*EDITS, UP, DOWN, ENTER, ENTER, "/", "/", "t", "t", "m", "x", "q", F2]),
}


class Keyboard:
    """The small app in a terminal, and what it says of itself after each write."""

    def __init__(self, terminal: Terminal, notes: Path) -> None:
        self._terminal, self._notes = terminal, notes
        self._asked = 0

    def state(self) -> Any:
        """How everything is once the keys so far have been dealt with."""
        self._asked += 1
        self._terminal.press(F9)
        found: list[Any] = []

        def answered() -> bool:
            notes = self._notes.read_text() if self._notes.exists() else ""
            # what is still being written is no line yet
            lines = notes[: notes.rfind("\n") + 1].splitlines()
            found[:] = json.loads(lines[-1]) if lines else [0, None]
            return bool(found[0] == self._asked)

        self._terminal.wait_until(answered)
        return found[1]

    def together(self, keys: list[str]) -> Any:
        self._terminal.press(F10 + "".join(keys))
        return self.state()

    def one_at_a_time(self, keys: list[str]) -> Any:
        self._terminal.press(F10)
        self.state()
        for key in keys:
            self._terminal.press(key)
            time.sleep(0.005)
            self.state()
        return self.state()


@pytest.mark.parametrize("where", BURSTS)
def test_keys_in_one_write_leave_what_one_key_at_a_time_leaves(where: str, tmp_path: Path) -> None:
    first, keys = BURSTS[where]
    chance = random.Random(where)
    with Terminal(tmp_path, str(tmp_path / "notes"), command=APP, columns=24, rows=8) as terminal:
        terminal.wait_for("ready")
        keyboard = Keyboard(terminal, tmp_path / "notes")
        for _ in range(15):
            burst = [*first, *chance.choices(keys, k=9)]
            assert keyboard.together(burst) == keyboard.one_at_a_time(burst), burst


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (["/", END, "x", BACKSPACE, "y"], ["over they"]),
        (["t", "1.5", BACKSPACE, "7", ENTER], ["temperature 1.70"]),
        (["t", "1.5", ENTER], ["temperature 1.50"]),
        ([RIGHT, RIGHT, RIGHT, "x"], ["temperature 1.10", "Pinned: T 1.10"]),
        (["?", DOWN, "q", RIGHT], ["temperature 0.90", "EXACT"]),
        (["/", END, "!", ENTER, RIGHT, RIGHT, RIGHT], ["over the!", "temperature 1.10"]),
    ],
)
def test_keys_in_one_write_do_on_the_screen_what_they_say(
    keys: list[str], shown: list[str], tmp_path: Path
) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("".join(keys))
        terminal.wait_for(*shown)


class Drawing(InOrder):
    """Counts what it is told, and draws the count."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("right", "count")]
    count = 0

    def on_mount(self) -> None:
        self.drawn: list[int] = []

    def action_count(self) -> None:
        self.count += 1
        self.after_keys(self.draw)

    def draw(self) -> None:
        self.drawn.append(self.count)


async def test_what_many_keys_need_but_once_is_done_once_at_the_end() -> None:
    app = Drawing()
    async with app.run_test() as pilot:
        for _ in range(50):
            app.post_message(events.Key("right", None))
        await app.all_keys_dealt_with()
        await pilot.pause()
        assert app.drawn == [50]
        app.action_count()  # with no key at all, at once
        await pilot.pause()
        assert app.drawn == [50, 51]
