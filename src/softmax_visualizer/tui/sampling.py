"""Sampling many tokens, as a decoder would or by the server itself, while every key stays live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.tui.actions import unanswered
from softmax_visualizer.tui.asking import in_words
from softmax_visualizer.tui.scene import Counted
from softmax_visualizer.tui.session import ModelSession

if TYPE_CHECKING:
    from softmax_visualizer.decoding.sampling import Counts
    from softmax_visualizer.display.samples import Samples
    from softmax_visualizer.tui.stage import Stage

_GROUP = "count"

_PICTURES = 20
"""Pictures in which the program's samples appear, so that an audience sees the bars fill."""

_PAINT_EVERY = 0.1
"""Seconds between two of them."""


class Sampling:
    """Counts samples into the scene. What came until it is stopped stays, and is one change to undo."""

    def __init__(self, stage: Stage, session: ModelSession) -> None:
        self._stage, self._session = stage, session

    def program(self) -> None:
        """Sample as a decoder would, with the next random numbers of the seed; on top of what is there."""
        scene = self._stage.scene
        if scene.here is None or scene.other:
            self._stage.update(unanswered(scene))
            return
        before, pin, count, seed = scene.counts, scene.here, scene.many, scene.seed
        first = before.first if before is not None and before.by == "program" else scene.samples + 1
        start = before if before is not None and before.by == "program" else None

        async def counted() -> None:
            from softmax_visualizer.decoding.sampling import Counts, chances, sample

            numbers = await asyncio.to_thread(chances, seed, count, scene.samples + 1)
            total = Counts() if start is None else start.counts
            # in a lesson all at once: two recordings must hold the same pictures
            pictures = 1 if scene.caption is not None else _PICTURES
            each = -(-count // pictures)
            for done in range(0, count, each):
                if done:
                    await asyncio.sleep(_PAINT_EVERY)
                total += sample(pin.decoding, numbers[done : done + each])
                self._show(Counted(pin, total, "program", seed, first), total, first, is_first=not done)

        self._begin(counted)

    def server(self, *, defaults: bool) -> None:
        """Have the server sample; what came stays where it stops or is stopped."""
        scene = self._stage.scene
        pin, count = scene.here, scene.many
        if pin is None or scene.other:
            self._stage.update(unanswered(scene))
            return
        answer = replace(pin.asked.answer, prompt=scene.asked_prompt)

        async def counted() -> None:
            from softmax_visualizer.decoding.sampling import Counts

            model = await self._session.open(pin.asked.configuration)
            total, shown_at = Counts(), 0.0
            try:
                async for came in model.samples(answer, pin.settings, count, defaults=defaults):
                    is_first, total = not total.total, total + came
                    if is_first or time.monotonic() - shown_at >= _PAINT_EVERY:
                        shown_at = time.monotonic()
                        self._show(Counted(pin, total, "server", 0, 0), is_first=is_first)
            finally:
                if total.total:
                    self._show(Counted(pin, total, "server", 0, 0), is_first=False)

        self._begin(counted)

    def stop(self) -> bool:
        """Sample no further; return whether that was under way."""
        return self._stage.cancel(_GROUP)

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._stage.update(replace(self._stage.scene, view="counts", picture=0, said=None))

        async def done() -> None:
            try:
                await work()
            except Exception as error:
                failure = await in_words(error, self._stage.scene.configuration)
                self._stage.update(self._stage.scene.saying(failure, "bad"), undoable=False)
                if not isinstance(error, ModelError):
                    return
            await self._judge()

        self._stage.run_worker(done, group=_GROUP, exclusive=True, exit_on_error=False)

    def _show(self, counted: Counted, total: Counts | None = None, first: int = 0, *, is_first: bool) -> None:
        scene = replace(self._stage.scene, counted=counted)
        if total is not None:
            scene = replace(scene, samples=first + total.total - 1)
        self._stage.update(scene, undoable=is_first)

    async def _judge(self) -> None:
        """Say what the samples tell, once they are there."""
        counted = self._stage.scene.counted
        if counted is None or not counted.counts.total:
            return
        judged, words, badge = await asyncio.to_thread(_judged, counted)
        scene = self._stage.scene
        if scene.counted != counted:
            return
        said = scene.said if scene.said is not None and scene.said.about == scene.chosen else None
        scene = replace(scene, counted=replace(counted, verdict=words))
        if judged.by == "server" and badge:
            configuration = counted.pin.asked.configuration
            scene = replace(scene, badges={**scene.badges, "samples": (configuration, badge)})
        # why there are no more of them is still to be said
        self._stage.update(scene.saying(said.text, said.role) if said else scene, undoable=False)


def _judged(counted: Counted) -> tuple[Samples, tuple[str, ...], str]:
    from softmax_visualizer.display.samples import Samples, badge, verdict_sentences

    found = Samples.judged(counted.pin.decoding, counted.counts, counted.by)
    return found, verdict_sentences(found), badge(found)
