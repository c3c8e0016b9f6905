"""The pipeline: what the model said, what temperature makes of it, and what the cuts leave."""

from __future__ import annotations

from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View

STATISTICS_FROM = 14
"""Lines from which on there is room for the statistics of each column."""


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw the three columns, a row a token, on one scale."""
    from softmax_visualizer.display.columns import STATISTICS, Layout, table_of_bars
    from softmax_visualizer.display.pipeline import axis_of, pipeline, rows_of

    decoding = scene.decoding
    assert decoding is not None
    layout = Layout.of(width)
    statistics = len(STATISTICS) if height >= STATISTICS_FROM else 0
    pinned = scene.pins[-1] if scene.pins else None
    rows = max(height - 2 - statistics, 1)
    columns = pipeline(decoding, rows, layout.number, pinned.decoding if pinned else None)
    axis = axis_of(scene.axis, columns, decoding)
    spoken_of = rows_of(scene.spoken_of, columns[0])
    lines = table_of_bars(columns, layout, axis, scene.marked, spoken_of=spoken_of, statistics=statistics)
    caption = (f"axis {axis.caption}",)
    return Picture(lines, (*caption, f"┃ pinned: {pinned.name}") if pinned else caption)


VIEW = View(
    "histograms",
    "Histograms",
    "the model, temperature, the cut",
    (),
    "The columns show, from left to right, what a decoder makes of the model's answer.",
    draw,
)
