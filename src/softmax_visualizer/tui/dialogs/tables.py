"""Two printed tables, typed or pasted, and whether one model can have printed both."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.tui.dialogs.base import Dialog
from softmax_visualizer.tui.regions.prompt import SafeTextArea
from softmax_visualizer.tui.stage import Stage


async def judge(stage: Stage) -> None:
    """Let the person look at two tables and change them; what they leave is there the next time."""
    from softmax_visualizer.display.printed_tables import TUTORIAL

    tables = TablesScreen(stage.scene.tables or TUTORIAL)
    await stage.app.push_screen_wait(tables)
    stage.update(replace(stage.scene, tables=tables.text))


class TablesScreen(Dialog[None]):
    """Takes two printed tables, typed or pasted, and says whether one model can have printed both."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "back"),
        Binding("ctrl+j,f2", "judge", "judge", priority=True),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Lay out the text, and what is said about it below."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Can one model have printed these tables?"
            box.border_subtitle = "F2 or Ctrl+J judges, Esc goes back"
            yield SafeTextArea(self._text, soft_wrap=False, show_line_numbers=False)
            yield Static(id="verdict")

    def on_show(self) -> None:
        """Judge the tables that are there."""
        self.action_judge()

    @property
    def text(self) -> str:
        """What is in the editor now."""
        return self.query_one(SafeTextArea).text

    @work(exclusive=True, group="judge")
    async def action_judge(self) -> None:
        """Say what the tables prove."""
        verdict = await asyncio.to_thread(_judged, self.text)
        self.query_one("#verdict", Static).update(Text("\n".join(map(safe_line, verdict.split("\n")))))


def _judged(text: str) -> str:
    from softmax_visualizer.display.printed_tables import TableError, read_tables, verdict

    try:
        return verdict(read_tables(text))[1]
    except TableError as error:
        return str(error)
