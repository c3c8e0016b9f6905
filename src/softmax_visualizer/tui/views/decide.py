"""What the current setting means for an answer, in sentences: for the one that is there, if there is one."""

from __future__ import annotations

from typing import Any

from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, Survey, View, framed


def survey(scene: Scene) -> Survey | None:
    """Return what has to be worked out: the largest settings at which the answer comes out often enough."""
    if not scene.generation.steps:
        return None
    from softmax_visualizer.decoding.decision import Question

    path, share = scene.path, (scene.question or Question()).reliability

    def work_out() -> Any:
        from softmax_visualizer.display.answer_decision import limits

        return limits(path, share)

    settings = path.settings
    return Survey((path.steps, "limits", settings, share), work_out)


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw the sentences, and the presets beside the current setting."""
    from softmax_visualizer.decoding.decision import Question

    question, width_inside, height_inside = scene.question or Question(), width - 4, height - 2
    if scene.generation.steps:
        from softmax_visualizer.display.answer_decision import answer_decision

        about = survey(scene)
        # of another setting they would be false
        found = scene.found[1] if scene.found and about and scene.found[0] == about.about else None
        rows = answer_decision(scene.path, found, question.reliability, width_inside, height_inside)
        return Picture(framed("Decide on this answer", rows, width, height))
    from softmax_visualizer.display.decision import decision

    assert scene.decoding is not None
    rows = decision(scene.decoding, question, width_inside, height_inside)
    return Picture(framed("Decide", rows, width, height))


VIEW = View(
    "decide",
    "Decide",
    "what this setting means for an answer, in sentences",
    (
        ("decide", "histograms"),
        ("acceptable", "tokens"),
        ("rival", "rival"),
        ("length", "length"),
        ("reliability", "reliability"),
    ),
    "Decide ({key:decide}) says what the setting does to an answer: to the one that is there, or to one "
    "of N tokens.",
    draw,
    survey=survey,
)
