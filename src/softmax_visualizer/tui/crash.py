"""What is kept when the program fails: where it failed, and the prompts that were asked."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

_PROMPTS = "prompts.json"


def report(error: BaseException, redact: Callable[[str], str]) -> str:
    """Write the traceback down; return a sentence that says where.

    It has no values of variables, among which a key could be, and passes through ``redact``.
    """
    try:
        path = _folder() / "crash.txt"
        _write(path, redact("".join(traceback.format_exception(error))))
    except OSError as failure:
        return f"Its details could not be written down ({failure.strerror})."
    return f"Its details are in {path}."


def keep_prompts(prompts: Sequence[str]) -> None:
    """Write the prompts down for the next start, if that is possible."""
    with suppress(OSError):
        _write(_folder() / _PROMPTS, json.dumps(list(prompts)))


def recovered_prompts() -> list[str]:
    """Return the prompts that a crash left behind, once."""
    path = user_state_path("softmax-visualizer", appauthor=False) / _PROMPTS
    try:
        prompts = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
    except (OSError, ValueError):
        return []
    return [prompt for prompt in prompts if isinstance(prompt, str)] if isinstance(prompts, list) else []


def _folder() -> Path:
    folder = user_state_path("softmax-visualizer", appauthor=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    draft.replace(path)
