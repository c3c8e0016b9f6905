"""The nucleus: the running sum of probabilities, token by token, and where it crosses top-p."""

from __future__ import annotations

from softmax_visualizer.display.settings import cut_words, decimals
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw, of what top-p acts on, each token's probability and the sum up to it, with top-p marked."""
    from softmax_visualizer.display.bars import Axis
    from softmax_visualizer.display.columns import Column, Layout, table_of_bars
    from softmax_visualizer.display.pipeline import pipeline, rows_of, running_sum_bars, stage_words

    decoding, layout = scene.decoding, Layout.of(width)
    assert decoding is not None
    first = decoding.settings.order == "temperature-first"
    stage = decoding.after_temperature if first else decoding.model
    rows = max(height - 2, 1)
    before, after = (pipeline(decoding, rows, layout.number)[step] for step in ((1, 2) if first else (0, 1)))
    sums = running_sum_bars(stage, before.bars, layout.number, decoding.settings.top_p)
    column = Column(("running sum, ┃ top-p", "running sum"), sums, stage_words(stage))
    spoken_of = rows_of(scene.spoken_of, before)
    lines = table_of_bars([before, column, after], layout, Axis.to(1.0), spoken_of=spoken_of, statistics=0)
    where = f"at T {decimals(decoding.settings.temperature)}" if first else "at T = 1"
    return Picture(lines, ("axis 0 to 100 %", f"{cut_words(decoding.settings)} acts {where}"))


VIEW = View(
    "nucleus",
    "Nucleus",
    "the running sum of probabilities, and where it crosses top-p",
    (("nucleus", "histograms"), ("type-top-p", "type top-p")),
    "Nucleus ({key:nucleus}) adds the probabilities up, token by token: top-p keeps tokens until their "
    "sum reaches p.",
    draw,
)
