"""The panel in which a lesson speaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from softmax_visualizer.display.labels import safe_line, wrap
from softmax_visualizer.tui.terminal.cells import CellView, Piece
from softmax_visualizer.tui.terminal.frames import frame


class CaptionPanel(CellView):
    """A caption in a frame of as many lines as the lesson's longest one takes, so that nothing jumps."""

    DEFAULT_CSS = """
    CaptionPanel { height: auto; display: none; }
    CaptionPanel.playing { display: block; }
    """

    title = ""
    text = ""
    before = ""
    """What was said before and stays for reference: the question, above its answer."""
    longest: Sequence[tuple[str, str]] = ()
    """All pairs of ``before`` and ``text`` of the lesson."""
    large = False

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Return the height of the lesson's longest caption in its frame."""
        lines = max((len(self._body(before, text, width)) for before, text in self.longest), default=1)
        return lines + 2

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the caption in its frame."""
        return frame(self.title, self._body(self.before, self.text, width), width, height, focused=True)

    def _body(self, before: str, text: str, width: int) -> list[list[Piece]]:
        lines: list[list[Piece]] = []
        for part, role in ((before, "faint"), (text, "name" if self.large else "text")):
            for paragraph in part.split("\n") if part else []:
                for line in wrap(safe_line(paragraph), max(width - 4, 8)):
                    lines += [[(" ", "space"), (line, role)], *([[]] if self.large else [])]
        return [[], *lines] if self.large else lines
