"""Three histograms side by side with textual-plotext, redrawn on each key.

    python three_plots.py PICTURES

PICTURES is a JSON file: a list of pictures, each of three plots, each with a title, labels and values. The
right arrow goes on to the next picture, the left arrow back. This is the widget's ordinary use, as its own
examples have it: the data are cleared and plotted again, and the widget is refreshed.
"""

import json
import sys
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual_plotext import PlotextPlot

_AROUND_THE_BARS = 4
"""Rows of a title, a frame and an axis; with fewer than a row each, bars would lose their labels."""


class ThreePlots(App[None]):
    """Shows one of some pictures."""

    BINDINGS = [("left", "turn(-1)"), ("right", "turn(1)"), ("ctrl+q", "quit")]  # noqa: RUF012

    def __init__(self, pictures: list[list[dict[str, Any]]]) -> None:
        super().__init__()
        self._pictures = pictures
        self._shown = 0

    def compose(self) -> ComposeResult:
        """Lay out the plots, as high as their bars need."""
        with Horizontal() as plots:
            plots.styles.height = len(self._pictures[0][0]["values"]) + _AROUND_THE_BARS
            for _ in self._pictures[0]:
                yield PlotextPlot()

    def on_mount(self) -> None:
        """Show the first picture."""
        self.action_turn(0)

    def action_turn(self, by: int) -> None:
        """Plot all three anew, of another picture."""
        self._shown = min(max(self._shown + by, 0), len(self._pictures) - 1)
        for widget, plot in zip(self.query(PlotextPlot), self._pictures[self._shown], strict=True):
            plt = widget.plt
            plt.clear_data()
            plt.title(plot["title"])
            # the first bar of a horizontal chart is the lowest
            plt.bar(plot["labels"][::-1], plot["values"][::-1], orientation="h")
            plt.xlim(0, 1)
            widget.refresh()


if __name__ == "__main__":
    ThreePlots(json.loads(Path(sys.argv[1]).read_text())).run()
