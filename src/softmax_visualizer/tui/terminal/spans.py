"""Send only the cells that a widget said have changed.

Textual's partial update begins at a widget's left edge, however far to the right the change is. Over a slow
line that is most of what a turn of a knob costs. This update begins where the change does.
"""

from __future__ import annotations

import inspect

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class SpanCompositor(Compositor):
    """A compositor whose partial updates are cropped at both ends."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return the update of what is dirty, or None if nothing is."""
        update = super().render_partial_update()
        return None if update is None else _SpanUpdate(update.chops, update.spans, update.chop_ends)


class _SpanUpdate(ChopsUpdate):
    def render_segments(self, console: Console) -> str:
        """Return the escape sequences that draw every span, and nothing beside it."""
        sequences = []
        for y, start, stop in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(x, start), min(end, stop)
                if strip is None or first >= last:
                    continue
                sequences.append(Control.move_to(first, y).segment.text)
                sequences.append(strip.crop(first - x, last - x).render(console))
        return "".join(sequences)


def compositor() -> Compositor:
    """Return the frugal compositor, or Textual's own where a newer Textual has changed what it builds on."""
    expected = ["self", "chops", "spans", "chop_ends"]
    known = list(inspect.signature(ChopsUpdate.__init__).parameters) == expected
    return SpanCompositor() if known and hasattr(ChopsUpdate, "render_segments") else Compositor()
