"""How a person likes the screen, from run to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


def themes() -> Iterable[str]:
    """Return the names of the themes that there are, which are Textual's."""
    from textual.theme import BUILTIN_THEMES

    return BUILTIN_THEMES


@dataclass(frozen=True)
class Preferences:
    """What does not belong to a scene, since it outlives each of them.

    ``keymap``: the keys of actions that have others than their own. ``theme``: one of Textual's; empty for
    its usual one. ``keeps_history``: whether prompts are kept for the next run. ``remember``: writes down the
    theme that was chosen, in a thread; None where nothing is to be remembered. It raises OSError or
    ValueError.
    """

    keymap: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    theme: str = ""
    keeps_history: bool = False
    remember: Callable[[str], None] | None = None
