"""The figure of plotext that everything is drawn on, told all that plotext would otherwise guess wrong.

This is the only module that knows plotext. plotext draws on the figure of its module, so all drawing has to
happen in one thread.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def prepare() -> None:
    """Import what the first drawing would import, which takes 0.2 s; this may happen in another thread."""
    _figure()


def canvas(columns: int, rows: int) -> Any:
    """Return plotext's figure, empty, for exactly this many characters, with nothing around them.

    The limits of both axes are still to be set; plotext puts them in the middle of the outermost characters.
    """
    figure = _figure()
    figure.clear()
    figure.plot_size(columns, rows)
    figure.axes(False)
    figure.ruler(["x", "y"]).frequency(0)
    return figure


def read(figure: Any, rows: int) -> list[str]:
    """Return what was drawn, as lines without colours."""
    lines: list[str] = figure.build().string(colorless=True).split("\n")
    return lines[:rows]


@cache
def _figure() -> Any:
    """Return plotext's figure, which may be of any size: by default it shrinks to the terminal's."""
    import plotext  # type: ignore[import-untyped]  # here because the import takes 0.2 s

    plotext.terminal.limit(False, False)
    return plotext.figure
