"""The nucleus: the running sum of probabilities, token by token, and where it crosses top-p."""

from __future__ import annotations

from softmax_visualizer.display.settings import cut_words, decimals
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw, of what top-p acts on, each token's probability and the sum up to it, with top-p marked."""
    from softmax_visualizer.decoding import Interval
    from softmax_visualizer.display.bars import Axis, Bar
    from softmax_visualizer.display.columns import Column, Layout, table_of_bars
    from softmax_visualizer.display.numbers import percent_in
    from softmax_visualizer.display.pipeline import pipeline, stage_words

    decoding, layout = scene.decoding, Layout.of(width)
    assert decoding is not None
    first = decoding.settings.order == "temperature-first"
    stage = decoding.after_temperature if first else decoding.model
    rows = max(height - 2, 1)
    before, after = (pipeline(decoding, rows, layout.number)[step] for step in ((1, 2) if first else (0, 1)))
    tokens = [bar for bar in before.bars if not bar.rest]
    running, at_p = stage.running_sum(len(tokens)), Interval.point(decoding.settings.top_p)
    sums = []
    for index, bar in enumerate(tokens):
        reached = running[index]
        number = percent_in(reached, layout.number)
        sums.append(Bar(bar.label, reached.low, reached.estimate, reached.high, number, pinned=at_p))
    if len(before.bars) > len(tokens):
        sums.append(Bar(before.bars[-1].label, 1.0, 1.0, 1.0, "100 %", rest=True, pinned=at_p))
    column = Column(("running sum, ┃ top-p", "running sum"), tuple(sums), stage_words(stage))
    lines = table_of_bars([before, column, after], layout, Axis.to(1.0), statistics=0)
    where = f"at T {decimals(decoding.settings.temperature)}" if first else "at T = 1"
    return Picture(lines, ("axis 0 to 100 %", f"{cut_words(decoding.settings)} acts {where}"))


VIEW = View(
    "nucleus",
    "N",
    "Nucleus",
    "the running sum of probabilities, and where it crosses top-p",
    (("N", "histograms"), ("p", "type top-p")),
    "Nucleus (N) adds the probabilities up, token by token: top-p keeps tokens until their sum reaches p.",
    draw,
)
