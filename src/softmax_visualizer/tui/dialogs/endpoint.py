"""What a person asks of the place where answers come from: the request, and what it can do."""

from __future__ import annotations

from dataclasses import replace

from rich.table import Table
from rich.text import Text

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.tui.dialogs.base import PageScreen
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.session import ModelSession
from softmax_visualizer.tui.stage import Stage


async def check(stage: Stage, session: ModelSession) -> None:
    """Find out what the server can do, show it, and keep the result in the scene."""
    configuration = stage.scene.configuration
    if not session.abilities(configuration).takes_settings:
        stage.update(stage.scene.saying("The answers come from this machine: there is no server to check."))
        return
    stage.update(stage.scene.saying("Asking the server a few questions of one token each. Esc cancels."))
    try:
        rows, scale = await session.check(configuration)
    except ModelError as error:
        stage.update(stage.scene.saying(str(error), "bad"))
        return
    badges = {**stage.scene.badges, "check": (configuration, scale)}
    stage.update(replace(stage.scene, said=None, badges=badges))
    found = Table.grid(padding=(0, 2))
    for heading, phrase in rows:
        found.add_row(Text(heading, "dim", no_wrap=True), Text(safe_line(phrase)))
    stage.app.push_screen(PageScreen(f"What {safe_line(configuration.endpoint, 60)} can do", found))


def request_page(session: ModelSession, scene: Scene) -> PageScreen:
    """Return a page with the whole message, and exactly what is sent about the prompt, without the key."""
    # indentation is ours, all else may be anybody's text
    lines = [(line, line.lstrip(" ")) for line in session.request(scene.prompt).split("\n")]
    text = "\n".join(" " * (len(line) - len(rest)) + safe_line(rest) for line, rest in lines)
    request = text or "Nothing is sent: the answers come from this machine."
    said = f"{safe_line(scene.message[0])}\n\n" if scene.message[0] else ""
    return PageScreen("The request", Text(said + request))
