"""What a person asks of the place where answers come from: its models, the request, what it can do."""

from __future__ import annotations

from dataclasses import replace

from rich.table import Table
from rich.text import Text

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.bundled import BUNDLED
from softmax_visualizer.tui.dialogs.base import ChoiceScreen, PageScreen
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.session import ModelSession
from softmax_visualizer.tui.stage import Stage


async def choose_model(stage: Stage, session: ModelSession) -> str | None:
    """Let the person choose one of the models that the server names, or the bundled one."""
    configuration = stage.scene.configuration

    async def names() -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        try:
            found = await session.names(configuration)
        except ModelError as error:
            stage.update(stage.scene.saying(str(error), "bad"))
        return (*found, BUNDLED) if configuration.replay is None else found

    asked = stage.scene.asked
    current = asked.answer.model if asked is not None else ""
    dialog = ChoiceScreen("Choose a model", current=current, fetch=names)
    chosen: str | None = await stage.app.push_screen_wait(dialog)
    return chosen


async def check(stage: Stage, session: ModelSession) -> None:
    """Find out what the server can do, show it, and keep the result in the scene."""
    configuration = stage.scene.configuration
    if configuration.source != "openai":
        stage.update(stage.scene.saying("The answers come from this machine: there is no server to check."))
        return
    stage.update(stage.scene.saying("Asking the server a few questions of one token each. Esc cancels."))
    try:
        rows, scale = await session.check(configuration)
    except ModelError as error:
        stage.update(stage.scene.saying(str(error), "bad"))
        return
    stage.update(replace(stage.scene, said=None, badge=(configuration, scale)))
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
