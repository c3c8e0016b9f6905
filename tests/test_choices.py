"""Dialogs that offer names which a thread or a server brings: they open at once, and keys wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.widgets import Input, OptionList

from softmax_visualizer.tui.dialogs.base import ChoiceScreen
from softmax_visualizer.tui.terminal.app import TerminalApp
from terminal import Terminal


class Choosing(TerminalApp):
    """Opens a dialog with a key, whose names come when the test says so."""

    BINDINGS = [("o", "open", "open")]  # noqa: RUF012 (Textual's own form)

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = names
        self.come = asyncio.Event()
        self.chosen: list[str | None] = []

    def action_open(self) -> None:
        self.push_screen(ChoiceScreen("Names", fetch=self.fetch), self.chosen.append)

    async def fetch(self) -> Sequence[str]:
        await self.come.wait()
        return self.names


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1500):
        if condition():
            return
        await asyncio.sleep(0.02)
    assert condition()


async def test_keys_behind_the_one_that_opens_it_wait_for_the_names() -> None:
    app = Choosing(["one", "two", "three"])
    async with app.run_test():
        app.come.set()
        for key in ("o", "down", "enter"):
            app.simulate_key(key)
        await until(lambda: app.chosen == ["two"])


async def test_escape_goes_back_before_the_names_are_there() -> None:
    app = Choosing(["one"])
    async with app.run_test():
        for key in ("o", "enter"):
            app.simulate_key(key)
        await until(lambda: isinstance(app.screen, ChoiceScreen))
        app.simulate_key("escape")
        await until(lambda: app.chosen == [None])
        await until(lambda: not any(worker.group == "fetch" and worker.is_running for worker in app.workers))
        # nothing waits any more
        app.come.set()
        for key in ("o", "enter"):
            app.simulate_key(key)
        await until(lambda: app.chosen == [None, "one"])


async def test_of_many_names_those_are_offered_that_hold_what_is_typed() -> None:
    app = Choosing([f"company/model-{number}" for number in range(40_000)])
    app.come.set()
    async with app.run_test():
        for key in ("o", *"-39999"):
            app.simulate_key(key)
        await until(lambda: [field.value for field in app.screen.query(Input)] == ["-39999"])
        assert app.screen.query_one(OptionList).option_count == 1
        app.simulate_key("enter")
        await until(lambda: app.chosen == ["company/model-39999"])


async def test_more_names_than_anybody_reads_are_not_laid_out() -> None:
    app = Choosing([str(number) for number in range(40_000)])
    app.come.set()
    async with app.run_test():
        app.simulate_key("o")
        await until(
            lambda: (
                app.screen.query(OptionList).last(OptionList).option_count == 500
                if app.screen.query(OptionList)
                else False
            )
        )


def test_a_lesson_is_chosen_by_keys_that_came_in_one_write(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy")
        terminal.press("\x1b[20~", "down", "down", "down", "enter")
        terminal.wait_for("Settings for code, for chat, for ideas · 1 of")
