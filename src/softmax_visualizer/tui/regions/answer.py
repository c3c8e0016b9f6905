"""The answer behind the prompt, token by token, at the present setting; nothing while it has no token."""

from __future__ import annotations

from softmax_visualizer.display.labels import cell_width
from softmax_visualizer.display.pieces import Line, Piece
from softmax_visualizer.tui.scene import Scene

_SHARE = 8
"""The answer takes one line in so many of the screen, a line of words besides."""


def height(scene: Scene, width: int, screen: int) -> int:
    """Return how many lines it wants on a screen with so many lines."""
    # side by side, the answers are on the board
    if not scene.generation.steps or scene.view == "answers":
        return 0
    from softmax_visualizer.display.answer import layout_of

    return 1 + min(
        len(layout_of(scene.generation.steps, width - 3)),
        max(2, screen // _SHARE),
    )


def draw(scene: Scene, width: int, height: int) -> list[Line]:
    """Draw the lines around the place, and a line of words about it."""
    if not scene.generation.steps or height < 2:
        return []
    from softmax_visualizer.display.answer import answer_lines, layout_of, place_words

    layout, room = layout_of(scene.generation.steps, width - 3), height - 1
    start = min(max(layout.line_of(scene.place) - room // 2, 0), max(len(layout) - room, 0))
    lines = range(start, min(start + room, len(layout)))
    shown = answer_lines(scene.path, layout, lines, scene.place)
    words = place_words(scene.path, scene.place)
    if len(scene.tree.branches) > 1:
        words.append(f"branch {scene.tree.active + 1} of {len(scene.tree.branches)}")
    while len(words) > 1 and cell_width(" · ".join(words)) > width - 2:
        del words[-1]
    more = ("↑" if start else " "), ("↓" if lines.stop < len(layout) else " ")
    found: list[Line] = []
    for number, line in enumerate(shown):
        mark = more[0] if number == 0 else more[1] if number == len(shown) - 1 else " "
        found.append([Piece(mark, "faint"), *line])
    return [*found, [Piece(" " + " · ".join(words), "faint")]]
