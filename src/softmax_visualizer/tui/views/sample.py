"""The random number: which token it falls on, where the probabilities are laid end to end."""

from __future__ import annotations

from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw what is sampled from, and its running sum with the random number marked."""
    from dataclasses import replace

    from softmax_visualizer.decoding import Interval
    from softmax_visualizer.display.bars import Axis, Bar
    from softmax_visualizer.display.columns import Column, Layout, table_of_bars
    from softmax_visualizer.display.numbers import percent_in
    from softmax_visualizer.display.pipeline import pipeline

    decoding, layout = scene.decoding, Layout.of(width)
    assert decoding is not None
    chance = scene.chance
    rows = max(height - 2, 1)
    model, *_, final = pipeline(decoding, rows, layout.number)
    tokens = [bar for bar in final.bars if not bar.rest]
    running = decoding.after_cut.running_sum(len(tokens))
    at = None if chance is None else Interval.point(chance)
    sums = [
        Bar(bar.label, *_ends(running[index]), percent_in(running[index], layout.number), pinned=at)
        for index, bar in enumerate(tokens)
    ]
    if len(final.bars) > len(tokens):
        sums.append(Bar(final.bars[-1].label, 1.0, 1.0, 1.0, "100 %", rest=True, pinned=at))
    names = ("running sum, ┃ random number", "running sum, ┃ number", "running sum")
    column = Column(names, tuple(sums), final.statistics)
    marked = scene.marked
    row = marked if marked is None or marked < len(tokens) else len(tokens)
    lines = table_of_bars(
        [model, replace(final, final=True), column], layout, Axis.to(1.0), row, statistics=0
    )
    words = "space samples a token" if chance is None else f"random number {chance:.4f}, seed {scene.seed}"
    return Picture(lines, ("axis 0 to 100 %", words))


def _ends(value: object) -> tuple[float, float, float]:
    return value.low, value.estimate, value.high  # type: ignore[attr-defined]


VIEW = View(
    "sample",
    "S",
    "Sample",
    "the random number, and the token on which it falls",
    (("S", "histograms"), ("space", "sample")),
    "Sample (S) lays the probabilities end to end: the token that the random number falls on is sampled.",
    draw,
)
