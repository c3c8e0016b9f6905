"""A small app for the tests of the order of keys: a prompt, a board, and dialogs over both.

F10 puts everything where it is at a start, and F9 writes down how everything is: the number of the question
and the state, as a line of JSON in the file that the first argument names.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static, TextArea

from softmax_visualizer.tui.terminal.order import InOrder


class Prompt(TextArea):
    class Asked(Message):
        pass

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Asked())
            self.screen.query_one(Board).focus()
            return
        await super()._on_key(event)


class Board(Static, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)"),
        Binding("right", "turn(1)"),
        Binding("x", "pin"),
        Binding("t", "type"),
        Binding("m", "choose"),
        Binding("slash", "prompt"),
    ]
    value = 0

    def action_turn(self, step: int) -> None:
        self.value += step
        self.app.log_of(f"value {self.value}")

    def action_pin(self) -> None:
        self.app.log_of(f"pinned {self.value}")

    @work
    async def action_type(self) -> None:
        typed = await self.app.push_screen_wait(Question())
        self.app.log_of(f"typed {typed}")

    @work
    async def action_choose(self) -> None:
        chosen = await self.app.push_screen_wait(Choice())
        self.app.log_of(f"chosen {chosen}")

    def action_prompt(self) -> None:
        self.screen.set_focus(self.screen.query_one(Prompt))


class Question(ModalScreen[str]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "dismiss('left')")]

    def compose(self) -> ComposeResult:
        yield Input("1.0", select_on_focus=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Choice(ModalScreen[str]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "dismiss('left')")]

    def compose(self) -> ComposeResult:
        yield OptionList("a", "b", "c")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(str(event.option_index))


class KeysApp(InOrder):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f10", "start_over", priority=True),
        Binding("f9", "write_down", priority=True),
    ]
    asked = 0

    def compose(self) -> ComposeResult:
        yield Prompt()
        yield Board("ready")

    def on_mount(self) -> None:
        self.happened: list[str] = []
        self.action_start_over()

    def log_of(self, what: str) -> None:
        self.happened.append(what)

    def on_prompt_asked(self) -> None:
        self.log_of("asked " + self.screen_stack[0].query_one(Prompt).text)

    def action_start_over(self) -> None:
        for _ in self.screen_stack[1:]:
            self.screen.dismiss(None)
        home = self.screen_stack[0]
        home.query_one(Prompt).text = ""
        home.query_one(Board).value = 0
        home.set_focus(home.query_one(Board))
        self.call_later(self.happened.clear)

    def action_write_down(self) -> None:
        self.asked += 1
        with Path(sys.argv[1]).open("a") as file:
            file.write(json.dumps([self.asked, list(self.state())]) + "\n")

    def state(self) -> Iterator[object]:
        prompt = self.screen_stack[0].query_one(Prompt)
        yield from (prompt.text, prompt.selection, self.happened)
        yield from (type(self.screen).__name__, type(self.focused).__name__)
        yield from (field.value for field in self.screen.query(Input))
        yield from (options.highlighted for options in self.screen.query(OptionList))


if __name__ == "__main__":
    KeysApp().run()
