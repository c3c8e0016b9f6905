"""The prompts that were asked, kept between runs as shells keep commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

from softmax_visualizer.models.whole_file import write_text

_MOST_PROMPTS = 500
_MOST_BYTES = 10_000_000


def read_history() -> list[str]:
    """Return the prompts of former runs, oldest first; none where they cannot be read."""
    prompts: object = []
    with suppress(OSError, ValueError):
        if _path().stat().st_size <= _MOST_BYTES:
            prompts = json.loads(_path().read_text(encoding="utf-8"))
    return [prompt for prompt in prompts if isinstance(prompt, str)] if isinstance(prompts, list) else []


def write_history(prompts: Sequence[str]) -> None:
    """Keep the prompts for the next run, readable by their owner alone, where that is possible."""
    with suppress(OSError):
        _path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text(_path(), json.dumps(list(prompts)[-_MOST_PROMPTS:]), replace=True, private=True)


def _path() -> Path:
    return user_state_path("softmax-visualizer", appauthor=False) / "prompts.json"
