"""An answer that came in pieces, as an event stream or a line each, though it was asked for in one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_TEXTS = ("content", "text", "reasoning_content", "reasoning", "refusal")


def read_events(content: bytes) -> dict[str, Any]:
    """Return the pieces put together: what one answer of the same content would hold.

    What every piece has is taken from the first; texts and lists of log-probabilities are joined, in order. A
    piece that is no JSON is passed over, as are comments and the closing ``[DONE]``.

    Raises:
        ValueError: no piece holds a JSON object.
    """
    whole: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    found = False
    for event in _events(content):
        found = True
        choices = event.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, Mapping):
            message = first.get("delta") or first.get("message")
            _join(choice, {**first, "delta": None, "message": message})
        for name, value in event.items():
            if name != "choices":
                whole.setdefault(name, value)
            elif isinstance(value, list):
                whole["choices"] = [choice] if choice else []
    if not found:
        raise ValueError("no event holds a JSON object")
    return whole


def _events(content: bytes) -> Iterator[Mapping[str, Any]]:
    for line in content.decode("utf-8", "replace").split("\n"):
        text = line.strip()
        is_event = text.startswith("data:")
        try:
            event = json.loads(text.removeprefix("data:"))
        except (ValueError, RecursionError):
            continue
        # a line of something else, broken off, may be an object as well
        if isinstance(event, Mapping) and (is_event or "choices" in event or "error" in event):
            yield event


def _join(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add a piece to what came before it: texts and lists are continued, else the first word stands."""
    for name, value in piece.items():
        known = whole.get(name)
        if isinstance(value, Mapping):
            # a fresh one, or a later piece would be written into an earlier event
            inner = dict(known) if isinstance(known, Mapping) else {}
            _join(inner, value)
            whole[name] = inner
        elif isinstance(value, list) and isinstance(known, list):
            whole[name] = [*known, *value]
        elif name in _TEXTS and isinstance(value, str) and isinstance(known, str):
            whole[name] = known + value
        elif not known:
            whole[name] = value
