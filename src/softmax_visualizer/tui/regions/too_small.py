"""What is shown where there is too little room for the screen."""

from __future__ import annotations

from softmax_visualizer.display.pieces import Line, Piece
from softmax_visualizer.tui.scene import Scene

SMALLEST = (60, 18)
"""Cells below which the screen cannot be drawn, and asks for room instead."""


def draw(scene: Scene, width: int, height: int) -> list[Line]:
    """Draw the sentence, in as many lines as it takes."""
    wanted = f"{SMALLEST[0]}x{SMALLEST[1]}"
    text = f"Softmax Visualizer needs {wanted} cells; this terminal has {width}x{height}. Make it larger."
    return [[Piece(text[start : start + width], "text")] for start in range(0, len(text), max(width, 1))]
