"""The random number: which token it falls on, where the probabilities are laid end to end."""

from __future__ import annotations

from softmax_visualizer.display.keys import key_for
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw what is sampled from, and its running sum with the random number marked."""
    from dataclasses import replace

    from softmax_visualizer.display.bars import Axis
    from softmax_visualizer.display.columns import Column, Layout, table_of_bars
    from softmax_visualizer.display.pipeline import pipeline, running_sum_bars

    decoding, layout = scene.decoding, Layout.of(width)
    assert decoding is not None
    chance = scene.chance
    rows = max(height - 2, 1)
    model, *_, final = pipeline(decoding, rows, layout.number)
    sums = running_sum_bars(decoding.after_cut, final.bars, layout.number, chance)
    names = ("running sum, ┃ random number", "running sum, ┃ number", "running sum")
    column = Column(names, sums, final.statistics)
    marked = scene.marked
    # one that has no row of its own is among the rest
    row = None if marked is None else min(marked, sum(not bar.rest for bar in final.bars))
    lines = table_of_bars(
        [model, replace(final, final=True), column], layout, Axis.to(1.0), row, statistics=0
    )
    words = (
        f"{key_for('sample-token')} samples a token"
        if chance is None
        else f"random number {chance:.4f}, seed {scene.seed}"
    )
    return Picture(lines, ("axis 0 to 100 %", words))


VIEW = View(
    "sample",
    "Sample",
    "the random number, and the token on which it falls",
    (("sample", "histograms"), ("sample-token", "sample")),
    "Sample ({key:sample}) lays the probabilities end to end: the token that the random number falls on "
    "is sampled.",
    draw,
)
