"""The panel in which a lesson speaks."""

from __future__ import annotations

import re
from functools import lru_cache

from softmax_visualizer.display.labels import safe_line, wrap
from softmax_visualizer.display.pieces import Line, Piece, Role, joined
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import framed

_NO_BREAK = "\xa0"
"""Stands for a blank where no line may end; a safe text has none, since it spells it out."""

_NEXT_TO_A_NUMBER = re.compile(r"(?<=\d) (?=%|bits?\b)|(?<=T) (?==)|(?<=T =) (?=\d)")
"""Spaces that belong to a number: before its unit, and in ``T = 1.5``."""


def height(scene: Scene, width: int, room: int) -> int:
    """Return as many lines as the lesson's longest caption takes, so that nothing jumps; 0 without one.

    Where there is no room for that many, it is as many as this caption takes.
    """
    caption = scene.caption
    if caption is None:
        return 0
    large = scene.presenter.large
    own = 2 + max(1, len(_body(caption.before, caption.text, width, large)))
    longest = 2 + max((len(_body(*each, width, large)) for each in caption.longest), default=0)
    return max(own, min(longest, room))


def draw(scene: Scene, width: int, height: int) -> list[Line]:
    """Draw the caption in its frame."""
    caption = scene.caption
    if caption is None:
        return []
    return framed(
        caption.title, _body(caption.before, caption.text, width, scene.presenter.large), width, height
    )


def _body(before: str, text: str, width: int, large: bool) -> list[Line]:
    lines: list[Line] = []
    roles: tuple[tuple[str, Role], ...] = ((before, "faint"), (text, "name" if large else "text"))
    for part, role in roles:
        for paragraph in part.split("\n") if part else []:
            for each in _wrapped(paragraph, max(width - 4, 8), role):
                lines += [each, *([[]] if large else [])]
    return [[], *lines] if large else lines


# the height is that of the longest caption, so all of them are wrapped whenever the screen is drawn
@lru_cache(maxsize=512)
def _wrapped(paragraph: str, width: int, role: Role) -> list[Line]:
    """Return a text as lines, in which the tokens between its backticks stand out and are not broken."""
    roles: tuple[Role, Role] = role, "token"
    parts = safe_line(paragraph).split("`")
    parts[::2] = (_NEXT_TO_A_NUMBER.sub(_NO_BREAK, words) for words in parts[::2])
    # the blanks around a token are part of it, and those in it are no place for a line to end
    parts[1::2] = (safe_line(token).replace(" ", _NO_BREAK) for token in parts[1::2])
    text = "".join(parts)
    pieces = [Piece(char, roles[number % 2]) for number, part in enumerate(parts) for char in part]
    lines, at = [], 0
    for line in wrap(text, width):
        # a space where the line before ended is gone
        at = text.index(line, at)
        shown = pieces[at : at + len(line)]
        lines.append(joined(Piece(piece.text.replace(_NO_BREAK, " "), piece.role) for piece in shown))
        at += len(line)
    return lines
