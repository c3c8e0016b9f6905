"""What the current setting means for an answer, in sentences."""

from __future__ import annotations

from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View, framed


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw the sentences, and the presets beside the current setting."""
    from softmax_visualizer.decoding.decision import Question
    from softmax_visualizer.display.decision import decision

    assert scene.decoding is not None
    rows = decision(scene.decoding, scene.question or Question(), width - 4, height - 2)
    return Picture(framed("Decide", rows, width, height))


VIEW = View(
    "decide",
    "d",
    "Decide",
    "what this setting means for an answer, in sentences",
    (("d", "histograms"), ("g", "tokens"), ("R", "rival"), ("#", "length"), ("%", "reliability")),
    "Decide (d) says what the setting does to an answer of N tokens; the set is the same at any setting.",
    draw,
)
