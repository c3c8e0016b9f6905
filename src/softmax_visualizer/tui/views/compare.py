"""Two to four settings, prompts or models side by side, and what changes from the first to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.settings import settings_words
from softmax_visualizer.tui.scene import Pin, Scene, decoded
from softmax_visualizer.tui.views.view import Picture, View

if TYPE_CHECKING:
    from softmax_visualizer.display.comparison import Side

PAIR = (DecodingSettings(0.1), DecodingSettings(1.5))
"""What is compared where nothing is pinned: nearly greedy and hot."""


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw what is pinned and the current setting."""
    return draw_sides(scene, sides(scene), width, height)


def sides(scene: Scene) -> list[Side]:
    """Return what is compared: the pinned settings, or a cold and a hot one, and the current setting."""
    from softmax_visualizer.display.comparison import Side

    here = scene.here
    assert here is not None
    name = _named(scene, here)
    now = Side((f"now: {name}", name), here.decoding)
    if scene.pins:
        return [*(Side((_named(scene, pin),), pin.decoding) for pin in scene.pins), now]
    *pair, plain = (replace(each, order=scene.settings.order) for each in (*PAIR, DecodingSettings()))
    distribution = here.asked.answer.distribution
    offered = [Side((_named(scene, Pin(here.asked, each)),), decoded(distribution, each)) for each in pair]
    return offered if scene.settings in (*pair, plain) else [*offered, now]


def _named(scene: Scene, pin: Pin) -> str:
    """Name a side by what tells it from the others."""
    same_order = all(each.settings.order == scene.settings.order for each in scene.pins)
    parts = [settings_words(pin.settings, order=not same_order)]
    answers = [each.asked.answer for each in scene.pins]
    answers += [scene.asked.answer] if scene.asked else []
    if len({answer.model for answer in answers}) > 1:
        parts.insert(0, safe_line(pin.asked.answer.model, 20))
    if len({answer.prompt for answer in answers}) > 1:
        prompt = pin.asked.answer.prompt
        end = safe_line(prompt[-16:].strip(), 18)
        parts.insert(0, f"…{end}" if len(prompt) > 16 else end)
    return " · ".join(parts)


def draw_sides(
    scene: Scene, compared_sides: Sequence[Side], width: int, height: int, chosen: int | None = None
) -> Picture:
    """Draw a column a side, and below in words what changes.

    ``chosen``: which side is the present setting; None for the last one.
    """
    from softmax_visualizer.display.columns import STATISTICS, Layout, table_of_bars
    from softmax_visualizer.display.comparison import changes, compared
    from softmax_visualizer.display.pipeline import axis_of, rows_of

    count = len(compared_sides)
    words = changes(compared_sides, width - 2, max(height // 3, min(2 * (count - 1), height - 9)))
    layout = Layout.of(width, count)
    room = height - len(words)
    statistics = len(STATISTICS) if room >= 10 else 0
    columns = compared(compared_sides, max(room - 2 - statistics, 1), layout.number)
    here = count - 1 if chosen is None else chosen
    columns = [replace(column, final=number == here) for number, column in enumerate(columns)]
    axis = axis_of(scene.axis, columns)
    spoken_of = rows_of(scene.spoken_of, columns[0])
    lines = table_of_bars(columns, layout, axis, spoken_of=spoken_of, statistics=statistics)
    lines += [[] for _ in range(room - len(lines))]
    return Picture(lines + words, (f"axis {axis.caption}",))


VIEW = View(
    "compare",
    "Compare",
    "pinned settings, prompts or models side by side",
    (("compare", "histograms"), ("pin", "pin"), ("flip", "flip"), ("unpin", "unpin")),
    "Compare ({key:compare}) shows pinned settings, prompts or models in columns. How much of the "
    "probability moves is "
    "their total variation: half of all differences together.",
    draw,
)
