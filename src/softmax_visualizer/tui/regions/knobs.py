"""The two knobs with tracks, and below them all other settings and what they are good for."""

from __future__ import annotations

from dataclasses import dataclass

from softmax_visualizer.decoding.settings import PRESETS, DecodingSettings
from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.pieces import Line, Piece, line, spread, width_of
from softmax_visualizer.display.settings import decimals
from softmax_visualizer.tui.keys import do
from softmax_visualizer.tui.knobs import TOPS, preset_of
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views import VIEWS
from softmax_visualizer.tui.views.view import Picture

_NAMES = {"temperature": "Temperature", "top_p": "Top-p"}
_VALUE = 6
"""Cells for a value, so that the track stays where it is; a longer one shortens the track."""


@dataclass(frozen=True)
class _Track:
    """Where a knob is on the line: its first cell, and the cells of its track."""

    knob: str
    start: int
    cells: int


def draw(scene: Scene, width: int, height: int) -> list[Line]:
    """Draw one line in which both tracks are as long as the room allows."""
    found: Line = []
    for track in _tracks(scene.settings, width):
        value = getattr(scene.settings, track.knob)
        place = min(round(value / TOPS[track.knob] * (track.cells - 1)), track.cells - 1)
        name = _NAMES[track.knob]
        found += line(
            (" " * (track.start - width_of(found) - len(name) - 2), "space"),
            (name + " ", "text"),
            ("├" + "─" * place, "track"),
            ("●", "knob"),
            ("─" * (track.cells - 1 - place) + "┤", "track"),
            (" " + decimals(value), "number"),
        )
    return [found]


def hit(scene: Scene, width: int, x: int, y: int) -> str | None:
    """Return the action of a click: set a knob to where its track was clicked on."""
    for track in _tracks(scene.settings, width):
        if track.start <= x < track.start + track.cells:
            part = (x - track.start) / max(track.cells - 1, 1)
            step = 0.1 if track.knob == "temperature" else 0.05
            value = round(round(part * TOPS[track.knob] / step) * step, 2)
            return do("set_knob", track.knob, value)
    return None


def wheel(scene: Scene, width: int, x: int, direction: int) -> str | None:
    """Return the action of the wheel: turn the knob under the pointer by a step."""
    first, second = _tracks(scene.settings, width)
    knob = first.knob if x < second.start - len(_NAMES[second.knob]) - 2 else second.knob
    return do("turn", knob, direction)


def _tracks(settings: DecodingSettings, width: int) -> tuple[_Track, _Track]:
    values = [max(len(decimals(getattr(settings, knob))), _VALUE) for knob in _NAMES]
    words = sum(map(len, _NAMES.values()))
    # a blank, name, blank, ├, track, ┤, blank, value; four blanks between the two
    cells = max(6, (width - words - sum(values) - 14) // 2)
    first = 1 + len("Temperature") + 2
    second = first + cells + 2 + values[0] + 4 + len("Top-p") + 2
    return _Track("temperature", first, cells), _Track("top_p", second, cells)


def draw_settings(scene: Scene, width: int, height: int, picture: Picture) -> list[Line]:
    """Draw what the settings are good for, and at the right the others and what is said of the picture.

    Where the picture is not that of the prompt above it, the line says so instead.
    """
    if scene.old and scene.asked is not None:
        answer = scene.asked.answer
        same_prompt = answer.prompt == scene.configuration.redact(scene.prompt)
        heading = (
            " Not of the model chosen, but of: " if same_prompt else " Not of the prompt above, but of: "
        )
        name = safe_line(answer.model if same_prompt else answer.prompt, max(width - len(heading) - 1, 1))
        return [line((heading, "wait"), (name, "name"))]
    settings = scene.settings
    preset = preset_of(settings)
    if preset is not None:
        number = PRESETS.index(preset) + 1
        left = line((f" {number} {preset.name}: ", "name"), (preset.reason, "faint"))
    elif settings == DecodingSettings(order=settings.order):
        left = line((" T = 1, nothing cut: ", "name"), ("the model's own probabilities", "faint"))
    else:
        left = [Piece(" your own settings", "faint")]
    first = settings.order == "temperature-first"
    further = [f"top-k {settings.top_k}"] if settings.top_k is not None else []
    further += [f"min-p {decimals(settings.min_p)}"] if settings.min_p > 0 else []
    further += ["temperature first" if first else "temperature last", *picture.caption]
    room = width - width_of(left) - 3
    while len(further) > 1 and cell_width(" · ".join(further)) > room:
        del further[0]
    return [spread(left, [Piece(" · ".join(further) + " ", "faint")], width)]


def picture_of(scene: Scene, width: int, height: int) -> Picture:
    """Return the view that is open, or a word of why there is nothing to see."""
    if scene.decoding is None:
        words = "asking the model" if scene.request.state == "asking" else "no answer yet"
        return Picture([[], [Piece(f" {words}", "faint")]])
    return VIEWS[scene.view].draw(scene, width, height)
