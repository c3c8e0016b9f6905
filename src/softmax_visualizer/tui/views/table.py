"""The same numbers as a table, for those who want the mathematics."""

from __future__ import annotations

from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View, framed


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw a row a token: logprob, divided by T, probability, running sum, what it is sampled with."""
    from softmax_visualizer.display.table import table

    assert scene.decoding is not None
    rows = table(scene.decoding, max(height - 2, 1), width - 4, scene.top, scene.spoken_of)
    return Picture(framed("The same numbers, as a table", rows, width, height))


VIEW = View(
    "table",
    "Table",
    "the same numbers as a table: logprob, divided by T, probability, running sum",
    (("table", "histograms"), ("earlier-tokens further-tokens", "scroll")),
    "Table ({key:table}) shows the softmax at work: exp(logprob / T), divided by the sum of them all.",
    draw,
)
