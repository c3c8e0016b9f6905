"""The views of the board. A new one is a module here and a line below."""

from __future__ import annotations

from softmax_visualizer.tui.views import (
    answers,
    compare,
    counts,
    decide,
    histograms,
    map,
    nucleus,
    orders,
    sample,
    sweep,
    table,
    timeline,
)
from softmax_visualizer.tui.views.view import View

VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        histograms.VIEW,
        compare.VIEW,
        sweep.VIEW,
        map.VIEW,
        decide.VIEW,
        orders.VIEW,
        nucleus.VIEW,
        table.VIEW,
        timeline.VIEW,
        sample.VIEW,
        counts.VIEW,
        answers.VIEW,
    )
}
"""All views by their names; the first one is where every way back leads."""
