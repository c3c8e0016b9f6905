"""The answer over its tokens: surprisal and entropy, with the place that the board is about."""

from __future__ import annotations

from typing import Any

from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, Survey, View, framed, no_answer, surveyed, waiting


def survey(scene: Scene) -> Survey | None:
    """Return what has to be worked out: the entropy of what each token was sampled from."""
    path = scene.path
    if not path.steps:
        return None

    def work_out() -> Any:
        from softmax_visualizer.decoding.path import entropies

        return entropies(path.steps, path.settings)

    return Survey((path.steps, "timeline", path.settings), work_out)


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw both lines."""
    from softmax_visualizer.display.timeline import timeline

    if not scene.generation.steps:
        return no_answer("Timeline", width, height)
    found = surveyed(scene, survey(scene))
    if found is None or len(found) != len(scene.generation):
        return waiting("Timeline", width, height)
    rows = timeline(scene.path, found, scene.place, width - 4, height - 2)
    return Picture(framed("Bits over the tokens of the answer", rows, width, height))


VIEW = View(
    "timeline",
    "Timeline",
    "surprisal and entropy over the tokens of the answer",
    (
        ("timeline", "histograms"),
        ("token-before next-token", "token"),
        ("unsure-before next-unsure", "unsure"),
    ),
    "Timeline ({key:timeline}) draws how surprising each token of the answer is, and how unsure the "
    "model was before it.",
    draw,
    survey=survey,
)
