"""Widgets that know every cell of theirs, and send only those that changed.

Over SSH and in a recording the bytes of a redraw are what is felt. A widget here is given whole lines, finds
the cells that differ from those on the screen, and asks for these alone to be drawn again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from softmax_visualizer.display.labels import cell_width

Piece = tuple[str, str]
"""Text that is safe to show, and its role, which the style sheet gives a colour."""

ROLES = (
    "label", "rest", "bar", "final", "uncertain", "maybe", "cut", "number", "space", "drawn",
    "frame", "focus", "title", "name", "text", "faint", "good", "wait", "bad", "key", "knob", "track", "head",
    "pinned", "crowd", "axis", "point", *(f"line{number}" for number in range(1, 7)),
    *(f"heat{level}" for level in range(6)),
)  # fmt: skip

COMPONENT_CLASSES = {f"cells--{role}" for role in ROLES}
"""What a screen of these widgets has among its component classes: each costs time at the start, so once."""

_FILLED = {"point", *(f"heat{level}" for level in range(6))}
"""Roles with a background of their own."""

_GAP = 12
"""Unchanged cells between two changes that cost less to send than the jump over them."""

_Cell = tuple[str, str]


class CellView(Widget):
    """A widget of safe text in roles; subclasses say in :meth:`lines` what it shows."""

    DEFAULT_CSS = "CellView { height: 1; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cells: list[list[_Cell]] = []

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the lines to show in an area of this many cells; each is cut or filled to the width."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Show the lines of the moment, sending what changed."""
        width, height = self.size
        if not (width and height):
            return
        drawn = [_cells(line, width) for line in self.lines(width, height)][:height]
        drawn += [_cells((), width) for _ in range(height - len(drawn))]
        if len(drawn) != len(self._cells) or any(
            len(new) != len(old) for new, old in zip(drawn, self._cells, strict=True)
        ):
            self._cells = drawn
            self.refresh()
            return
        changed = [
            Region(start, y, stop - start, 1)
            for y, (new, old) in enumerate(zip(drawn, self._cells, strict=True))
            for start, stop in changes(new, old)
        ]
        self._cells = drawn
        if changed:
            self.refresh(*changed)

    def on_resize(self) -> None:
        """Fit the lines to the new size."""
        self.redraw()

    def render_line(self, y: int) -> Strip:
        """Return one line in the colours of the moment."""
        if y >= len(self._cells):
            return Strip.blank(self.size.width, self.rich_style)
        return Strip(
            [
                Segment(
                    "".join(text for text, _ in group), self.screen.get_component_rich_style(f"cells--{role}")
                )
                for role, group in groupby(_with_blanks_joined(self._cells[y]), key=lambda cell: cell[1])
            ],
            self.size.width,
        )


def _cells(line: Iterable[Piece], width: int) -> list[_Cell]:
    """Spell a line out; a wide character takes two cells, of which the second is empty."""
    cells: list[_Cell] = []
    for text, role in line:
        if text.isascii():
            cells.extend((char, role) for char in text[: width - len(cells)])
            continue
        for char in text:
            size = cell_width(char)
            if len(cells) + size > width:
                break
            cells.append((char, role))
            cells.extend([("", role)] * (size - 1))
    cells.extend([(" ", "space")] * (width - len(cells)))
    return cells


def _with_blanks_joined(cells: list[_Cell]) -> Iterator[_Cell]:
    """Give blanks the role before them where both have one background: each change of style is 40 bytes."""
    role = "space"
    for text, own in cells:
        if text != " " or own in _FILLED or role in _FILLED:
            role = own
        yield text, role


def changes(new: Sequence[tuple[str, object]], old: Sequence[tuple[str, object]]) -> list[tuple[int, int]]:
    """Return the spans of cells that differ, joined where little lies between them."""
    spans: list[tuple[int, int]] = []
    for x, (left, right) in enumerate(zip(new, old, strict=True)):
        if left == right:
            continue
        # a span that began in the middle of a wide character would draw half of it
        start = x - 1 if x and (left[0] == "" or right[0] == "") else x
        stop = x + (2 if "" in (new[x + 1][0], old[x + 1][0]) else 1) if x + 1 < len(new) else x + 1
        if spans and start - spans[-1][1] <= _GAP:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((start, stop))
    return spans


def spread(left: Iterable[Piece], right: Iterable[Piece], width: int) -> list[Piece]:
    """Return a line with pieces at both of its ends; the right ones go first where room is short."""
    left, right = list(left), list(right)
    room = width - sum(cell_width(text) for text, _ in right)
    taken = sum(cell_width(text) for text, _ in left)
    if taken + 2 > room and right:
        return left if taken >= width else spread(left, right[1:], width)
    return [*left, (" " * max(0, room - taken), "space"), *right]
