"""The panel in which a lesson speaks."""

from __future__ import annotations

from softmax_visualizer.display.labels import safe_line, wrap
from softmax_visualizer.display.pieces import Line, Piece, Role
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import framed


def height(scene: Scene, width: int) -> int:
    """Return as many lines as the lesson's longest caption takes, so that nothing jumps; 0 without one."""
    if scene.caption is None:
        return 0
    large = scene.presenter.large
    return 2 + max(
        (len(_body(before, text, width, large)) for before, text in scene.caption.longest), default=1
    )


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
            for each in wrap(safe_line(paragraph), max(width - 4, 8)):
                lines += [[Piece(each, role)], *([[]] if large else [])]
    return [[], *lines] if large else lines
