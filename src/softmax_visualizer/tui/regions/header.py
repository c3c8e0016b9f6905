"""The first line: which model answers, how much of its vocabulary is seen, and how the request stands."""

from __future__ import annotations

from urllib.parse import urlsplit

from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.pieces import Line, Piece, Role, line, spread
from softmax_visualizer.tui.scene import Scene

_WANTING = ("scaled", "unclear", "samples differ")
"""Findings about a server that ask for a second look."""

_TITLE = " Softmax Visualizer"


def draw(scene: Scene, width: int, height: int) -> list[Line]:
    """Draw the line; the model's name is shortened before the state of the request is."""
    state, role = _state(scene)
    pressed = "".join(f" {key} " for key in scene.presenter.keystrokes or ())
    # three cells before the name, three at the least before the state and one after it
    room = width - cell_width(_TITLE) - cell_width(pressed + state) - 7
    model = safe_line(_model(scene), max(room, 1))
    left = line((_TITLE, "title"), ("   ", "space"), (model, "name"))
    room -= cell_width(model) + 3
    for about, badge in scene.badges.values():
        if about == scene.configuration and room >= len(badge):
            left += line((" · ", "faint"), (badge, "wait" if badge in _WANTING else "good"))
            room -= len(badge) + 3
    detail = _detail(scene)
    if detail and room >= 8:
        left.append(Piece(" · " + safe_line(detail, room), "faint"))
    return [spread(left, line((pressed, "point"), (f" {state} ", role)), width)]


def _model(scene: Scene) -> str:
    if scene.asked is not None:
        return scene.asked.answer.model
    configuration = scene.configuration
    if configuration.source == "local":
        from softmax_visualizer.models.weights import short_name

        return short_name(str(configuration.model))
    return (
        configuration.model or "default model" if configuration.source == "openai" else configuration.source
    )


def _detail(scene: Scene) -> str:
    decoding = scene.decoding
    if decoding is None or scene.asked is None:
        return scene.configuration.endpoint if scene.configuration.source == "openai" else ""
    from softmax_visualizer.display.pipeline import coverage

    answer = scene.asked.answer
    listed = coverage(decoding) + (", asking for more" if scene.deepening == scene.asked else "")
    recorded = "recorded" if answer.source == "recording" else ""
    if scene.asked.configuration.absent:
        recorded = "saved"
    host = urlsplit(answer.endpoint or "").netloc
    return " · ".join(filter(None, (listed, recorded, host)))


def _state(scene: Scene) -> tuple[str, Role]:
    request, seconds = scene.request, scene.request.seconds
    if request.state == "asking" and request.loaded is not None:
        return f"loading {request.loaded:.0%}", "wait"
    if request.state == "asking":
        return ("asking" if seconds is None else f"asking {seconds:.0f} s"), "wait"
    if request.state == "failed":
        return "● failed", "bad"
    if request.state == "cancelled":
        return "cancelled", "faint"
    if request.state == "answered":
        took = "asked before" if request.known else ""
        if seconds is not None:
            took = f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
        return f"● {took}".rstrip(), "good"
    return "", "faint"
