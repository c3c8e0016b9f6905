"""The help: what the screen shows, and every key."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.binding import Binding

_INTRODUCTION = """\
The model is asked once. The panels show what a decoder makes of its answer, from left to right: \
the model's probabilities, after temperature, and after the cut, from which the next token is drawn.

 █  a token's probability            ░  cut: it cannot be drawn
 ▓▒ not known for sure: the bar goes on from the least it can be to the best estimate and to the most
 ▚  may be cut or kept: that depends on tokens the server does not show
 ␣ ⏎ ⇥ are a space, a new line and a tab of a token

EXACT: every number is known.   EXACT DRAW: what is drawn from is known, though not all before it.
BOUNDS: the server shows only its most likely tokens, so a range is given that provably holds the truth.

In the prompt, Enter asks, Ctrl+J starts a line, and Alt with the arrows or digits turns the knobs.
"""

_KEY_NAMES = {
    "left": "←", "right": "→", "up": "↑", "down": "↓", "question_mark": "?", "slash": "/", "escape": "Esc",
    "space": "space", "enter": "Enter", "pageup": "PgUp", "pagedown": "PgDn",
}  # fmt: skip


def help_text(bindings: Sequence[Binding]) -> Text:
    """Return the help with a line for every key."""
    text = Text(_INTRODUCTION + "\n")
    width = max(len(_keys(binding)) for binding in bindings)
    for binding in bindings:
        text.append(f"{_keys(binding):<{width}}  ", "bold")
        text.append(f"{binding.description}")
        if binding.tooltip:
            text.append(f"  {binding.tooltip}", "dim")
        text.append("\n")
    return text


def _keys(binding: Binding) -> str:
    return " ".join(_key(key) for key in binding.key.split(","))


def _key(key: str) -> str:
    *modifiers, last = key.split("+")
    name = _KEY_NAMES.get(last, last.upper() if last.startswith("f") and last[1:].isdigit() else last)
    return "+".join([modifier.capitalize() for modifier in modifiers] + [name])
