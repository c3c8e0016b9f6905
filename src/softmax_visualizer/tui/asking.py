"""Asking the model: a request never holds up a key, and what comes too late is dropped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.tui import crash
from softmax_visualizer.tui.scene import Asked, Request
from softmax_visualizer.tui.session import ModelSession

if TYPE_CHECKING:
    from textual.worker import Worker

    from softmax_visualizer.tui.stage import Stage

_Result = TypeVar("_Result")

_PATIENCE = 0.3
"""Seconds within which an answer comes at once, so that the picture before it needs no mark."""


class Asking:
    """Asks about the prompt of the scene, and puts into the scene how that stands."""

    def __init__(self, stage: Stage, session: ModelSession) -> None:
        self._stage, self._session = stage, session

    def ask(self, *, again: bool = False) -> Worker[None]:
        """Ask about the scene's prompt; a newer question cancels an older one."""
        self._stage.update(replace(self._stage.scene, request=Request("asking", fresh=True)))
        return self._stage.run_worker(self._ask(again), group="ask", exclusive=True, exit_on_error=False)

    async def _ask(self, again: bool) -> None:
        scene = self._stage.scene
        configuration, prompt = scene.configuration, scene.prompt
        known = not again and self._session.knows(configuration, prompt)
        try:
            await self._said_to_be_waited_for(self._session.open(configuration))
            started = time.monotonic()
            answer = await self._said_to_be_waited_for(self._session.ask(configuration, prompt, again=again))
        except ModelError as error:
            self._show(Request("failed", sentence=str(error)))
        except Exception as error:
            # a fault in reading an answer is no reason to take the screen away from a class
            where = await asyncio.to_thread(crash.report, error, configuration.redact)
            what = f"This answer met an error of the program's own ({type(error).__name__}). {where}"
            self._show(Request("failed", sentence=what))
        else:
            # a time that is never the same twice would make two recordings of a lesson differ
            untold = known or self._stage.scene.caption is not None
            took = None if untold else time.monotonic() - started
            known = known and self._stage.scene.caption is None
            request = Request("answered", took, known=known)
            self._stage.update(self._stage.scene.answered(Asked(configuration, answer), request))

    async def _said_to_be_waited_for(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Wait for something, and say for how long already."""
        task, started, patience = asyncio.ensure_future(work), time.monotonic(), _PATIENCE
        try:
            while not (await asyncio.wait({task}, timeout=patience))[0]:
                waited = time.monotonic() - started
                # in a lesson nothing may depend on how quick the machine is
                if self._stage.scene.caption is None:
                    self._show(Request("asking", waited if waited >= 1 else None))
                patience = 1.0
            return task.result()
        finally:
            task.cancel()

    def _show(self, request: Request) -> None:
        self._stage.update(replace(self._stage.scene, request=request))
