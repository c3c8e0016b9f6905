"""What the parts of the screen that do things need of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from textual.app import App
from textual.worker import Worker

from softmax_visualizer.tui.scene import Asked, Scene


class Stage(Protocol):
    """The screen, as the value that it shows and a place for work that takes time."""

    @property
    def app(self) -> App[Any]:
        """The app."""

    @property
    def scene(self) -> Scene:
        """What is shown."""

    @property
    def earlier(self) -> Sequence[Scene]:
        """The scenes that can be had back, oldest first."""

    def update(self, scene: Scene, *, undoable: bool = True) -> None:
        """Show another scene; what a person has chosen in it can be undone unless it is not ``undoable``."""

    def sharpen(self, few: Asked, whole: Asked) -> None:
        """Put a longer list in the place of a shorter one of the same question, wherever that is known."""

    def cancel(self, group: str) -> bool:
        """Cancel the workers of a group; return whether there were any."""

    def run_worker(
        self,
        work: Callable[[], Coroutine[None, None, None]] | Awaitable[None],
        *,
        group: str,
        exclusive: bool,
        exit_on_error: bool = True,
    ) -> Worker[None]:
        """Do something that takes time; in an exclusive group it ends what was there before."""
