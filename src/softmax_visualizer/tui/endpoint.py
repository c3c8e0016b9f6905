"""What a person asks of the place where answers come from: its models, the request, what it can do."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.app import App

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.models.bundled import BUNDLED
from softmax_visualizer.tui.dialogs import ChoiceScreen, PageScreen
from softmax_visualizer.tui.session import ModelSession


async def choose_model(
    app: App[None], session: ModelSession, names: tuple[str, ...], current: str
) -> str | None:
    """Let the person choose one of the models that the server named, or the bundled one."""
    if session.configuration.replay is None:
        names = (*names, BUNDLED)
    chosen: str | None = await app.push_screen_wait(ChoiceScreen("Choose a model", names, current))
    return chosen


def request_page(session: ModelSession, prompt: str) -> PageScreen:
    """Return a page with exactly what is sent about a prompt, without the key."""
    # indentation is ours, all else may be anybody's text
    lines = [(line, line.lstrip(" ")) for line in session.request(prompt).split("\n")]
    text = "\n".join(" " * (len(line) - len(rest)) + safe_line(rest) for line, rest in lines)
    return PageScreen("The request", Text(text or "Nothing is sent: the answers come from this machine."))


def check_page(session: ModelSession, rows: tuple[tuple[str, str], ...]) -> PageScreen:
    """Return a page with what a server was found to do."""
    found = Table.grid(padding=(0, 2))
    for heading, phrase in rows:
        found.add_row(Text(heading, "dim", no_wrap=True), Text(safe_line(phrase)))
    return PageScreen(f"What {safe_line(session.configuration.endpoint, 60)} can do", found)
