"""What every picture is made of: lines of safe text, each piece of it in a role."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from softmax_visualizer.display.labels import cell_width

Role = Literal[
    "label", "rest", "bar", "final", "same", "uncertain", "maybe", "cut", "number", "space", "sampled",
    "frame", "focus", "title", "name", "text", "faint", "good", "wait", "bad", "key", "knob", "track", "head",
    "pinned", "crowd", "axis", "point", "token", "line1", "line2", "line3", "line4", "line5", "line6",
    "heat0", "heat1", "heat2", "heat3", "heat4", "heat5",
]  # fmt: skip
"""What a piece of text is, for the screen to choose its colour."""


class Piece(NamedTuple):
    """Text without control characters, as :mod:`labels` makes it, and what it is."""

    text: str
    role: Role


Line = list[Piece]


def line(*pieces: tuple[str, Role]) -> Line:
    """Return a line of these texts; empty ones are left out."""
    return [Piece(text, role) for text, role in pieces if text]


def blank(cells: int) -> Piece:
    """Return so many empty cells."""
    return Piece(" " * max(cells, 0), "space")


def width_of(pieces: Iterable[Piece]) -> int:
    """Return how many cells a line takes."""
    return sum(cell_width(piece.text) for piece in pieces)


def fill(pieces: Sequence[Piece], width: int) -> Line:
    """Return a line with empty cells after it, ``width`` in all; a longer one comes back as it is."""
    return [*pieces, blank(width - width_of(pieces))]


def joined(pieces: Iterable[Piece]) -> Line:
    """Return a line in which neighbours of one role are one piece."""
    groups = groupby((piece for piece in pieces if piece.text), key=lambda piece: piece.role)
    return [Piece("".join(piece.text for piece in group), role) for role, group in groups]


def spread(left: Sequence[Piece], right: Sequence[Piece], width: int) -> Line:
    """Return a line with pieces at both of its ends; the right ones go first where room is short."""
    room = width - width_of(right)
    taken = width_of(left)
    if taken + 2 > room and right:
        return list(left) if taken >= width else spread(left, right[1:], width)
    return [*left, blank(room - taken), *right]
