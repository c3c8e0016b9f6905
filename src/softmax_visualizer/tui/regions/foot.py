"""The last lines: what is kept and how sure it is, a message, and the keys.

They are always as many: a message that needs more than one line covers what is below and then above it,
rather than pushing the picture away.
"""

from __future__ import annotations

from collections.abc import Sequence

from softmax_visualizer.display.keys import key_for
from softmax_visualizer.display.labels import safe_line, wrap
from softmax_visualizer.display.pieces import Line, Piece, Role, line, spread, width_of
from softmax_visualizer.tui.keys import (
    ANSWER_KEYS,
    BOARD_KEYS,
    LESSON_KEYS,
    PROMPT_KEYS,
    action_of,
    hint,
)
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views import VIEWS

HEIGHT = 3
_CUT_AT = 40
"""Where what is cut stands, however much is kept."""


def draw(scene: Scene, width: int, height: int) -> list[Line]:
    """Draw the three lines."""
    said = _said(scene, width - 2)
    message = [[Piece(" ", "space"), Piece(each, scene.message[1])] for each in said]
    if len(said) == HEIGHT:
        return message
    if len(said) == HEIGHT - 1:
        return [_status(scene, width), *message]
    keys: Line = (
        [] if scene.presenter.bare else [piece for _, pieces in _keys(scene, width) for piece in pieces]
    )
    return [_status(scene, width), *message, keys]


def _said(scene: Scene, width: int) -> list[str]:
    """Return the message, wrapped; of what does not fit, where the rest can be read."""
    text, role = scene.message
    lines = wrap(safe_line(text), width)
    # what is no more than a hint covers no keys
    most = 1 if role == "faint" and scene.said is None else HEIGHT
    if len(lines) <= most:
        return lines
    more = f"… ({key_for('request')} shows all)"
    last = safe_line(" ".join(lines[most - 1 :]), max(width - len(more), 1)).removesuffix("…")
    return [*lines[: most - 1], last + more]


def _status(scene: Scene, width: int) -> Line:
    decoding = scene.decoding
    if decoding is None:
        return []
    from softmax_visualizer.display.numbers import percent_short
    from softmax_visualizer.display.pipeline import certainty, kept_words

    known = certainty(decoding)
    role: Role = "good" if known.startswith("EXACT") else "wait"
    kept = f" kept {kept_words(decoding)}"
    left = f"{kept:<{_CUT_AT}}cut {percent_short(decoding.cut_mass)}"
    return spread([Piece(left, "text")], [Piece(f"{known} ", role)], width)


def _shown_keys(scene: Scene) -> Sequence[tuple[str, str]]:
    if scene.typing:
        return PROMPT_KEYS
    if scene.caption is not None:
        return LESSON_KEYS
    own = dict((*VIEWS[scene.view].keys, *(ANSWER_KEYS if scene.generation.steps else ())))
    return (*BOARD_KEYS[:2], *own.items(), *(pair for pair in BOARD_KEYS[2:] if pair[0] not in own))


def _keys(scene: Scene, width: int) -> list[tuple[str, Line]]:
    """Return as many hints with their pieces as fit; the last one always does."""
    found = [
        (actions, line((f" {keys}", "key"), (f" {meaning} ", "faint"), (" ", "space")))
        for actions, meaning in _shown_keys(scene)
        if (keys := hint(actions, scene.typing))
    ]
    while len(found) > 1 and sum(width_of(pieces) for _, pieces in found) > width:
        del found[-2]
    return found


def hit(scene: Scene, width: int, x: int, y: int) -> str | None:
    """Return the action of a key that was clicked on."""
    if y != HEIGHT - 1 or scene.presenter.bare or len(_said(scene, width - 2)) > 1:
        return None
    for actions, pieces in _keys(scene, width):
        if x < width_of(pieces):
            return action_of(actions)
        x -= width_of(pieces)
    return None
