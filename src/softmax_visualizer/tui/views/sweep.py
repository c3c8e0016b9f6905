"""The whole range of one knob: the leading tokens' probabilities, and how many choices there are."""

from __future__ import annotations

from typing import Any

from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import (
    Picture,
    Survey,
    View,
    framed,
    side_by_side,
    surveyed,
    waiting,
)

_KNOBS = ("temperature", "top_p")
_LEFT = 0.58
"""Share of the width for the probabilities."""


def survey(scene: Scene) -> Survey:
    """Return what has to be worked out: a decoding at every position of the knob."""
    from softmax_visualizer.decoding.sweep import settings_apart_from, sweep
    from softmax_visualizer.display.sweep import LEADING, positions

    decoding, knob = scene.decoding, _KNOBS[scene.picture]
    assert decoding is not None
    settings = settings_apart_from(decoding, knob)  # type: ignore[arg-type]
    values = positions(knob, getattr(decoding.settings, knob))  # type: ignore[arg-type]

    def work_out() -> Any:
        return sweep(decoding.distribution, settings, knob, values, LEADING)  # type: ignore[arg-type]

    return Survey((decoding.distribution, f"sweep of {knob}", settings, values), work_out)


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw both charts, with the current position marked."""
    from softmax_visualizer.display.sweep import sweep_panels

    found = surveyed(scene, survey(scene))
    if found is None or scene.decoding is None:
        return waiting("Sweep", width, height)
    whole = scene.axis in ("fit", "full")
    caption = "axis 0 to 100 %" if whole else "axis up to the second token's highest"
    left = round(width * _LEFT)
    widths = left, width - left
    panels = sweep_panels(found, scene.decoding, (left - 4, width - left - 4), height - 2, fixed=whole)
    frames = [
        framed(panel.title, panel.rows, room, height) for panel, room in zip(panels, widths, strict=True)
    ]
    return Picture(side_by_side(frames), (caption,))


VIEW = View(
    "sweep",
    "Sweep",
    "the whole range of temperature; again, of top-p",
    (("sweep", "next"), ("axis", "axis"), ("back", "histograms")),
    "Sweep ({key:sweep}) draws each token's probability over a whole knob; beside it perplexity and "
    "kept tokens.",
    draw,
    pictures=2,
    survey=survey,
)
