"""What is said about a lesson that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable


class LessonError(ValueError):
    """A lesson that is not there or not usable; its text says what is wrong, where, and what is allowed."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question with the known name that is nearest to one, after a blank; empty if none is near."""
    from difflib import get_close_matches

    near = get_close_matches(name[:60].lower(), list(known), 1, 0.7)
    return f' Did you mean "{near[0]}"?' if near else ""
