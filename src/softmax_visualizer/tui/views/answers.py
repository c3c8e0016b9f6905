"""Whole answers side by side: written with each pinned setting from the same random numbers."""

from __future__ import annotations

from dataclasses import replace

from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.display.keys import key_for
from softmax_visualizer.display.labels import wrap
from softmax_visualizer.display.pieces import Line, Piece
from softmax_visualizer.display.settings import settings_words
from softmax_visualizer.tui.scene import Scene, path_decoded
from softmax_visualizer.tui.views.compare import PAIR
from softmax_visualizer.tui.views.view import Picture, View, framed, side_by_side

_LEAST = 26
"""Cells of an answer; where there are fewer, the answers stand below one another."""


def wanted(scene: Scene) -> tuple[DecodingSettings, ...]:
    """Return the settings whose answers are compared: the pinned and this one, or a cold and a hot one."""
    pinned = [pin.settings for pin in scene.pins if pin.asked.answer.prompt == scene.generation.prompt]
    if not pinned:
        return tuple(replace(each, order=scene.settings.order) for each in PAIR)
    return tuple(dict.fromkeys([*pinned, scene.settings]))


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw each answer in a frame, shaded at its own setting, with where it leaves the first one."""
    shown = wanted(scene)
    columns = len(shown) if width // len(shown) >= _LEAST else 1
    rows = -(-len(shown) // columns)
    frames, top = [], 0
    for row in range(rows):
        lines = (height - top) // (rows - row)
        part = []
        for column in range(columns):
            settings = shown[row * columns + column]
            cells = width * (column + 1) // columns - width * column // columns
            part.append(_framed(scene, shown, settings, cells, lines))
        frames += side_by_side(part)
        top += lines
    return Picture(frames, (f"the same random numbers, seed {scene.seed}",))


def _framed(
    scene: Scene, shown: tuple[DecodingSettings, ...], settings: DecodingSettings, width: int, height: int
) -> list[Line]:
    from softmax_visualizer.display.answer import answer_lines, chance_words, layout_of

    written = scene.written(settings)
    title = settings_words(settings, order=False)
    if written is None:
        words = "being written" if scene.writing else f"{key_for('answers')} writes this one"
        return framed(title, [[Piece(words, "faint")]], width, height)
    first, parts = scene.written(shown[0]), None
    path = path_decoded(written.steps, settings)
    said = [f"{len(written)} tokens", f"all: {chance_words(path)}", f"{path.greedy_steps} greedy"]
    if settings != shown[0] and first is not None:
        shared = first.shared(written)
        parts = shared if shared < len(written) else None
        said.insert(0, "the same answer" if parts is None else f"leaves the first at token {parts + 1}")
    below = wrap(" · ".join(said), width - 4)[: max((height - 2) // 4, 1)]
    layout = layout_of(written.steps, width - 5)
    # the lines around where it parts
    at, room = layout.line_of(parts or 0), max(height - 2 - len(below), 1)
    start = min(max(at - room // 2, 0), max(len(layout) - room, 0))
    lines = answer_lines(path, layout, range(start, min(start + room, len(layout))), None, parts)
    if start + room < len(layout):
        lines[-1] = [*lines[-1], Piece("…", "faint")]
    body = [*lines, *([Piece(each, "faint")] for each in below)]
    return framed(title, body, width, height)


VIEW = View(
    "answers",
    "Answers side by side",
    "an answer with each pinned setting, from the same random numbers",
    (("answers", "write"), ("pin", "pin"), ("back", "histograms")),
    "Answers ({key:answers}) writes one with each pinned setting, or with T 0.1 and 1.5, from the same "
    "random numbers; "
    "║ is where it leaves the first one.",
    draw,
    action="answers",
)
