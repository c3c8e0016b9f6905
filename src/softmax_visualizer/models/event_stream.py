"""An answer that came in pieces, as an event stream or a line each, though it was asked for in one."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

_MOST_PIECES = 1000
"""Pieces of an answer that are put together: the next token stands in the first, and each makes a copy."""

_AT_ONCE = 8 * 2**20
"""Bytes that are read three times as fast by holding up all other threads, the screen's too, for 0.1 s."""

_TEXTS = ("content", "text", "reasoning_content", "reasoning", "refusal")


@contextmanager
def no_cycles_sought() -> Iterator[None]:
    """Have Python look for no cycles among objects, which takes as long as making the parts of an answer."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_json(content: str | bytes) -> object:
    """Return what JSON says, whatever that is.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.
    """
    import jiter

    with no_cycles_sought():
        if isinstance(content, bytes) and len(content) <= _AT_ONCE:
            # it reads the same numbers; what it refuses may be JSON to Python: half a character, deep nesting
            with suppress(ValueError):
                return jiter.from_json(content, cache_mode="keys")
        # with a function to call for each object, other threads get their turn meanwhile
        return json.loads(content, object_hook=_as_it_is)


def _as_it_is(value: dict[str, Any]) -> dict[str, Any]:
    return value


def read_events(content: bytes) -> dict[str, Any]:
    """Return what an event stream, or one JSON object a line, holds, as :func:`put_together` does.

    A piece that is no JSON is passed over, as are comments and the closing ``[DONE]``.

    Raises:
        ValueError: no piece holds a JSON object.
    """
    events = list(islice(_events(content.decode("utf-8", "replace")), _MOST_PIECES))
    if not events:
        raise ValueError("no event holds a JSON object")
    return put_together(events)


def put_together(pieces: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what one answer of the same content would hold.

    What every piece has is taken from the first; texts and lists of log-probabilities are joined, in order.
    """
    whole: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    for piece in islice(pieces, _MOST_PIECES):
        choices = piece.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, Mapping):
            _join(choice, {**first, "delta": None, "message": first.get("delta") or first.get("message")})
        for name, value in piece.items():
            if name != "choices":
                whole.setdefault(name, value)
            elif isinstance(value, list):
                whole["choices"] = [choice] if choice else []
    return whole


def _events(text: str) -> Iterator[Mapping[str, Any]]:
    for block in re.split(r"(?:\r?\n){2,}", text):
        lines = [line.strip() for line in block.split("\n")]
        data = [line.removeprefix("data:") for line in lines if line.startswith("data:")]
        # an event may have several lines; where one a line comes without a blank between them, it has not
        if (event := _object("\n".join(data))) is not None:
            yield event
            continue
        for line in lines:
            event = _object(line.removeprefix("data:"))
            # a line of something else, broken off, may be an object as well
            if event is not None and (line.startswith("data:") or "choices" in event or "error" in event):
                yield event


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        value = read_json(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


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
