"""Both orders: what the same knobs do where temperature comes first, and where it comes last."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from softmax_visualizer.decoding.settings import Order
from softmax_visualizer.display.settings import order_titles
from softmax_visualizer.tui.scene import Scene, decoded
from softmax_visualizer.tui.views.compare import draw_sides
from softmax_visualizer.tui.views.view import Picture, View


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw one column for each order, with the engines that work so."""
    from softmax_visualizer.display.comparison import Side

    assert scene.asked is not None
    distribution = scene.asked.answer.distribution
    sides = [
        Side(order_titles(order), decoded(distribution, replace(scene.settings, order=order)))
        for order in get_args(Order)
    ]
    chosen = get_args(Order).index(scene.settings.order)
    return draw_sides(scene, sides, width, height, chosen)


VIEW = View(
    "orders",
    "Both orders",
    "temperature first and last, side by side",
    (("orders", "histograms"), ("order", "switch order")),
    "Both orders ({key:orders}) shows engines that divide by the temperature first beside those that "
    "cut first.",
    draw,
)
