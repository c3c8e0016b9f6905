"""Asking the model: a request never holds up a key, and what comes too late is dropped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from softmax_visualizer.display.keys import key_for
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.tui import crash
from softmax_visualizer.tui.actions import recognised
from softmax_visualizer.tui.scene import Asked, Request, decoded
from softmax_visualizer.tui.session import ModelSession

if TYPE_CHECKING:
    from textual.worker import Worker

    from softmax_visualizer.decoding import Token
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.tui.stage import Stage

_Result = TypeVar("_Result")

_PATIENCE = 0.3
"""Seconds within which an answer comes at once, so that the picture before it needs no mark."""

_BYTES = 95
"""What a listed token takes in an answer, about, as llama.cpp and vLLM write it."""


class Asking:
    """Asks about the prompt of the scene, and puts into the scene how that stands."""

    def __init__(self, stage: Stage, session: ModelSession) -> None:
        self._stage, self._session = stage, session
        self._deepening: Worker[None] | None = None

    def ask(self, *, again: bool = False) -> Worker[None]:
        """Ask about the scene's prompt; a newer question cancels an older one."""
        return self._begin(self._stage.scene.prompt, (), again)

    def go_on(self, *, again: bool = False) -> Worker[None]:
        """Ask about the place of the answer at which the scene is."""
        scene = self._stage.scene
        return self._begin(scene.asked_prompt, scene.after, again)

    def _begin(self, prompt: str, after: tuple[Token, ...], again: bool) -> Worker[None]:
        self.stop_deepening()
        self._stage.update(replace(self._stage.scene, request=Request("asking", fresh=True)))
        # no coroutine yet: one that is cancelled before it begins would be missed
        work = partial(self._ask, prompt, after, again)
        return self._stage.run_worker(work, group="ask", exclusive=True, exit_on_error=False)

    def loaded(self, part: float) -> None:
        """Say how much of a model file is loaded, from 0 to 1."""
        # in a lesson nothing may depend on how quick the machine is
        if self._stage.scene.request.state == "asking" and self._stage.scene.caption is None:
            self._show(Request("asking", loaded=part))

    def stop_deepening(self) -> bool:
        """Ask for no more tokens of an answer; return whether that was under way."""
        under_way = self._stage.scene.deepening is not None
        if self._deepening is not None:
            self._deepening.cancel()
        if under_way:
            self._stage.update(replace(self._stage.scene, deepening=None))
        return under_way

    async def deepen_on_request(self) -> None:
        """Ask for all tokens of the answer on screen, after a word about what that costs elsewhere."""
        scene = self._stage.scene
        if scene.asked is None or scene.deepening is not None:
            return
        asked, warned, prompt = scene.asked, scene.said, scene.asked_prompt
        try:
            deeper = await self._session.goes_deeper(asked.configuration, asked.answer)
        except ModelError:
            deeper = False
        if not deeper:
            self._stage.update(self._stage.scene.saying("There are no more tokens to ask for."))
            return
        scene = self._stage.scene.saying(_cost(asked), "wait")
        if asked.configuration.whole or warned == scene.said:
            self._stage.update(replace(scene, said=None))
            self._deepen(asked, prompt)
        else:
            self._stage.update(scene)

    async def _ask(self, prompt: str, after: tuple[Token, ...], again: bool) -> None:
        scene = self._stage.scene
        configuration = scene.configuration
        known = not again and self._session.known(configuration, prompt, after) is not None
        # a lesson's picture must not change while somebody reads it: all is asked for at once
        whole = configuration.whole and scene.caption is not None
        try:
            await self._said_to_be_waited_for(self._session.open(configuration))
            started = time.monotonic()
            answer = await self._said_to_be_waited_for(
                self._session.ask(configuration, prompt, after=after, again=again, whole=whole)
            )
        except Exception as error:
            failed = Request("failed", sentence=await in_words(error, configuration))
            self._stage.update(replace(self._stage.scene, request=failed, said=None))
            return
        # a time that is never the same twice would make two recordings of a lesson differ
        untold = known or self._stage.scene.caption is not None
        took = None if untold else time.monotonic() - started
        known = known and self._stage.scene.caption is None
        request, asked = Request("answered", took, known=known), Asked(configuration, answer)
        # a token that was taken and the picture of what comes next are one change
        scene, said = self._stage.scene, self._stage.scene.said
        answered = recognised(scene.answered(asked, request))
        if after and said is not None and said.about == scene.chosen:
            # why the answer ends here holds once the place behind it is known, too
            answered = answered.saying(said.text, said.role)
        self._stage.update(answered, undoable=not after)
        await self._deepen_unasked(asked, prompt)

    def deepen_here(self) -> None:
        """Ask for all tokens of the place on the board, if that is to be done unasked."""
        scene = self._stage.scene
        if scene.asked is not None and scene.asked.configuration.whole:
            self.stop_deepening()
            work = partial(self._deepen_unasked, scene.asked, scene.asked_prompt)
            self._stage.run_worker(work, group="deeper", exclusive=True, exit_on_error=False)

    async def _deepen_unasked(self, asked: Asked, prompt: str) -> None:
        """Ask for all tokens of an answer where that costs nobody anything; in a lesson they are there."""
        wanted = asked.configuration.whole and self._stage.scene.caption is None
        if wanted and await self._session.goes_deeper(asked.configuration, asked.answer):
            self._deepen(asked, prompt)

    def _deepen(self, asked: Asked, prompt: str) -> None:
        """Ask for all tokens of an answer, beside whatever else goes on."""
        self._stage.update(replace(self._stage.scene, deepening=asked))
        self._deepening = self._stage.run_worker(
            self._ask_for_all(asked, prompt), group="deepen", exclusive=True, exit_on_error=False
        )

    async def _ask_for_all(self, few: Asked, prompt: str) -> None:
        try:
            after = few.answer.after
            answer = await self._session.ask(few.configuration, prompt, after=after, whole=True)
            # here, so that the next picture need not wait for it
            await asyncio.to_thread(decoded, answer.distribution, self._stage.scene.settings)
        except Exception as error:
            said = f"There are no more tokens. {await in_words(error, few.configuration)}"
            self._stage.update(replace(self._stage.scene, deepening=None).saying(said, "bad"))
        else:
            self._stage.sharpen(few, Asked(few.configuration, answer))

    async def _said_to_be_waited_for(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Wait for something, and say for how long already."""
        task, started, patience = asyncio.ensure_future(work), time.monotonic(), _PATIENCE
        try:
            while not (await asyncio.wait({task}, timeout=patience))[0]:
                waited = time.monotonic() - started
                # in a lesson nothing may depend on how quick the machine is
                if self._stage.scene.caption is None and (self._stage.scene.request.loaded or 1) >= 1:
                    self._show(Request("asking", waited if waited >= 1 else None))
                patience = 1.0
            return task.result()
        finally:
            task.cancel()

    def _show(self, request: Request) -> None:
        self._stage.update(replace(self._stage.scene, request=request))


async def in_words(error: Exception, configuration: Configuration) -> str:
    """Return why there is no answer."""
    if isinstance(error, ModelError):
        return str(error)
    # a fault in reading an answer is no reason to take the screen away from a class
    where = await asyncio.to_thread(crash.report, error, configuration.redact)
    return f"This answer met an error of the program's own ({type(error).__name__}). {where}"


def _cost(asked: Asked) -> str:
    """Say what asking for all tokens costs."""
    distribution = asked.answer.distribution
    size, again = distribution.vocabulary_size, f"{key_for('all-tokens')} again asks for them."
    if size is None:
        return f"All tokens take about {_BYTES} bytes each from this server. {again}"
    most = "at most " if distribution.vocabulary_assumed else ""
    cost = f"{most or 'about '}{size * _BYTES / 1e6:.2g} MB"
    return f"All tokens ({most}{size:,}) take {cost} from this server. {again}"
