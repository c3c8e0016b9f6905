"""A screen without colours, as NO_COLOR asks for: marks, bold, underlined and reversed text are left."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_DIFFERENCE = 0.15
"""Of the way from black to white: what differs more from the ground around it stands out by its own."""


class Colorless(LineFilter):
    """Takes the colours away; what only its ground would set apart, such as the cursor, is reversed."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments without colours on the ground of a widget."""
        return [
            Segment(text, None if style is None else _colorless(style, background), control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _colorless(style: Style, background: Color) -> Style:
    plain = style.without_color
    if style.bgcolor is None or style.bgcolor.is_default or style.reverse:
        return plain
    ground = Color.from_rich_color(style.bgcolor)
    stands_out = abs(ground.brightness - background.brightness) > _DIFFERENCE
    return plain + Style(reverse=True) if stands_out else plain
