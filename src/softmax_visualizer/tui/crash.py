"""What is kept when the program fails: where it failed."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_state_path

from softmax_visualizer.models.whole_file import write_text


def report(error: BaseException, redact: Callable[[str], str]) -> str:
    """Write the traceback down; return a sentence that says where.

    It has no values of variables, among which a key could be, and passes through ``redact``.
    """
    try:
        path = _folder() / "crash.txt"
        text = redact("".join(traceback.format_exception(error)))
        write_text(path, text, replace=True, private=True)
    except OSError as failure:
        return f"Its details could not be written down ({failure.strerror})."
    return f"Its details are in {path}."


def _folder() -> Path:
    folder = user_state_path("softmax-visualizer", appauthor=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
