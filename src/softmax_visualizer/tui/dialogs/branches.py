"""The answers that were tried, to go to another one of them, and to name or remove the present one."""

from __future__ import annotations

import asyncio
from typing import Any

from softmax_visualizer.decoding.generation import Generation, text_of
from softmax_visualizer.display.answer import chance_words
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.settings import settings_words
from softmax_visualizer.tui.dialogs.base import ChoiceScreen, ValueScreen
from softmax_visualizer.tui.scene import Scene, path_decoded
from softmax_visualizer.tui.stage import Stage
from softmax_visualizer.tui.views.view import NO_ANSWER

_NAME, _REMOVE = "Name this one…", "Remove this one"

_LONGEST_NAME = 24
_LONGEST_TEXT = 40
_BEFORE = 12
"""Characters that an answer and the present one have in common, before the mark where they part."""


async def choose(stage: Stage) -> tuple[str, tuple[Any, ...]] | None:
    """Return which of the :mod:`.actions` the person chooses, and what it takes; None if none."""
    scene = stage.scene
    if not any(branch.steps for branch in scene.tree.branches):
        stage.update(scene.saying(NO_ANSWER))
        return None
    # whole answers may be long
    lines = await asyncio.to_thread(_lines, scene)
    offered = (*lines, _NAME, _REMOVE)
    dialog = ChoiceScreen(
        "Branches", offered, lines[scene.tree.active], hint="║ is where it leaves this one."
    )
    chosen = await stage.app.push_screen_wait(dialog)
    if chosen is None:
        return None
    if chosen == _REMOVE:
        return "remove_branch", ()
    if chosen == _NAME:
        name = await stage.app.push_screen_wait(ValueScreen("Name of this answer", scene.generation.name))
        return None if name is None else ("name_branch", (name,))
    return "branch", (lines.index(chosen),)


def _lines(scene: Scene) -> list[str]:
    """Return a line for each branch; its number makes each another one."""
    return [f"{number}. {_described(scene, each)}" for number, each in enumerate(scene.tree.branches, 1)]


def _described(scene: Scene, branch: Generation) -> str:
    if not branch.steps:
        return "no token yet"
    name = safe_line(branch.name, _LONGEST_NAME) if branch.name else _how(branch)
    count = f"{len(branch)} token{'' if len(branch) == 1 else 's'}"
    chance = chance_words(path_decoded(branch.steps, scene.settings))
    return f"{name} · {count} · {chance} · {_words(branch, scene.generation)}"


def _how(branch: Generation) -> str:
    """Say how a branch came about."""
    if branch.settings is not None:
        return f"{settings_words(branch.settings)}, seed {branch.seed}"
    ways = {step.chosen_by for step in branch.steps}
    return "scored" if ways == {"given"} else "by hand" if "picked" in ways else "sampled"


def _words(branch: Generation, here: Generation) -> str:
    """Return the first words of a branch; of another one than the present, those where it leaves that."""
    shared = branch.shared(here)
    if branch is here or shared == len(branch):
        return safe_line(branch.text.strip(), _LONGEST_TEXT)
    before, after = text_of(branch.tokens[:shared]).lstrip(), text_of(branch.tokens[shared:])
    cut = "…" if len(before) > _BEFORE else ""
    return safe_line(f"{cut}{before[-_BEFORE:]}║{after.strip()}", _LONGEST_TEXT)
