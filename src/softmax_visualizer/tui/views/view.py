"""What a view is: a picture made of a scene, and the words for the keys that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from softmax_visualizer.display.keys import with_keys
from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.pieces import Line, Piece, blank, width_of
from softmax_visualizer.tui.scene import Scene

NO_ANSWER = "There is no answer yet: {key:write} writes one, {key:sample-token} and {key:take} add a token."


@dataclass(frozen=True)
class Picture:
    """Lines of a view, and what is to be said about them: the axis, and what is pinned."""

    lines: list[Line]
    caption: tuple[str, ...] = ()


@dataclass(frozen=True)
class Survey:
    """What a view needs that takes too long to be worked out between two keys.

    ``about``: what it follows from; the first of it is the distribution. ``work_out`` may run in a thread.
    """

    about: tuple[Any, ...]
    work_out: Callable[[], Any]


@dataclass(frozen=True)
class View:
    """One way to look at a decoding.

    ``name``: also that of its key in :data:`~softmax_visualizer.display.keys.DEFAULT_KEYS`, which leads to it
    and on to its next picture. ``title`` and ``tooltip``: for the help and the palette. ``keys``: for the
    line of keys while it is open, actions with a word for each. ``help``: a sentence for the help, in which
    ``{key:…}`` names a key.
    ``draw``: makes a picture of a scene that has an answer, in so many cells and lines.
    ``pictures``: how many it has. ``survey``: what has to be worked out for it, if anything: None where
    there is nothing just then. ``action``: what its key does, where that is more than to show it.
    """

    name: str
    title: str
    tooltip: str
    keys: tuple[tuple[str, str], ...]
    help: str
    draw: Callable[[Scene, int, int], Picture]
    pictures: int = 1
    survey: Callable[[Scene], Survey | None] = lambda scene: None
    action: str = ""


def surveyed(scene: Scene, survey: Survey | None) -> Any:
    """Return what was worked out for a view, perhaps a setting ago; None if it is of another answer."""
    if scene.found is None or survey is None:
        return None
    about, found = scene.found
    # of another answer or another kind it would be a false picture, not an old one
    return found if about[:2] == survey.about[:2] else None


def framed(title: str, body: Sequence[Line], width: int, height: int) -> list[Line]:
    """Draw a frame of ``width`` by ``height`` cells with a title around lines of any length."""
    inner = max(width - 2, 0)
    title = safe_line(title, max(inner - 3, 0))
    top = " " + "─" * (inner - cell_width(title) - 2) + "╮"
    lines = [[Piece("╭ ", "frame"), Piece(title, "title"), Piece(top, "frame")]]
    for y in range(height - 2):
        row = [blank(1), *body[y]] if y < len(body) else []
        space = blank(inner - width_of(row))
        lines.append([Piece("│", "frame"), *row, space, Piece("│", "frame")])
    lines.append([Piece("╰" + "─" * inner + "╯", "frame")])
    return lines


def side_by_side(parts: Sequence[list[Line]]) -> list[Line]:
    """Put pictures of one height next to one another."""
    return [[piece for part in parts for piece in part[y]] for y in range(len(parts[0]))]


def no_answer(title: str, width: int, height: int) -> Picture:
    """Return a picture that says how there comes to be an answer."""
    return told(title, with_keys(NO_ANSWER), width, height)


def waiting(title: str, width: int, height: int) -> Picture:
    """Return a picture that says that the real one is on its way."""
    return told(title, "working it out", width, height)


def told(title: str, words: str, width: int, height: int) -> Picture:
    """Return a picture of a sentence."""
    return Picture(framed(title, [[], [Piece(words, "faint")]], width, height))
