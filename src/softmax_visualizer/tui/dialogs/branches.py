"""The answers that were tried, to go to another one of them."""

from __future__ import annotations

from softmax_visualizer.decoding.generation import Generation
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.settings import settings_words
from softmax_visualizer.tui.dialogs.base import ChoiceScreen
from softmax_visualizer.tui.stage import Stage


async def choose(stage: Stage) -> int | None:
    """Return the number of the branch that the person chooses; None if none."""
    tree = stage.scene.tree
    names = [f"{number}. {_described(each)}" for number, each in enumerate(tree.branches, 1)]
    chosen = await stage.app.push_screen_wait(ChoiceScreen("Branches", names, names[tree.active]))
    return None if chosen is None else names.index(chosen)


def _described(branch: Generation) -> str:
    written = (
        "by hand" if branch.settings is None else f"{settings_words(branch.settings)}, seed {branch.seed}"
    )
    count = f"{len(branch)} token{'' if len(branch) == 1 else 's'}"
    return f"{branch.name or written} · {count} · {safe_line(branch.text.strip(), 40)}"
