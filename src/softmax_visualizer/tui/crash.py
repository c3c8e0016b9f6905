"""What is kept when the program fails: where it failed, and the prompts that were asked."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

from softmax_visualizer.tui.files import write_whole

_PROMPTS = "prompts.json"


def report(error: BaseException, redact: Callable[[str], str]) -> str:
    """Write the traceback down; return a sentence that says where.

    It has no values of variables, among which a key could be, and passes through ``redact``.
    """
    try:
        path = _folder() / "crash.txt"
        text = redact("".join(traceback.format_exception(error)))
        write_whole(path, text, replace=True, private=True)
    except OSError as failure:
        return f"Its details could not be written down ({failure.strerror})."
    return f"Its details are in {path}."


def keep_prompts(prompts: Sequence[str]) -> None:
    """Write the prompts down for the next start, if that is possible."""
    with suppress(OSError):
        write_whole(_folder() / _PROMPTS, json.dumps(list(prompts)), replace=True, private=True)


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
