"""Answers out of a file, on the screen again as they were."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from softmax_visualizer.models.base import ModelAnswer
from softmax_visualizer.tui.scene import Asked, Request, Scene

if TYPE_CHECKING:
    from softmax_visualizer.models.answer_file import SavedAnswers
    from softmax_visualizer.models.base import Source


def with_saved(scene: Scene, saved: SavedAnswers) -> Scene:
    """Return a scene with saved answers, and the board at the last token of the active one.

    Nothing has to be asked for that, unless there is no token at all.
    """
    tree, model = saved.tree, saved.model
    here = tree.generation
    scene = replace(scene, prompt=here.prompt, tree=tree, saved=tree.branches)
    first = next((branch.steps[0] for branch in (here, *tree.branches) if branch.steps), None)
    if first is None:
        return scene
    answer = ModelAnswer(
        here.prompt,
        first.distribution,
        str(model["name"]),
        cast("Source", model["source"]),
        model["endpoint"],
        continued_by=first.continued_by,
    )
    asked = Asked(scene.configuration, answer)
    return replace(scene, asked=asked, request=Request("answered")).at(len(here) - 1)
