"""Sampling many tokens, as a decoder would or by the server itself, while every key stays live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.tui.actions import unanswered
from softmax_visualizer.tui.asking import in_words
from softmax_visualizer.tui.scene import Counted, Scene
from softmax_visualizer.tui.session import ModelSession

if TYPE_CHECKING:
    from softmax_visualizer.display.samples import Samples
    from softmax_visualizer.tui.stage import Stage

_GROUP = "count"

_PICTURES = 20
"""Pictures in which the program's samples appear, so that an audience sees the bars fill."""

_PAINT_EVERY = 0.1
"""Seconds between two of them."""


_LEFT_ON = "cuts of the server's own were left on"


class Sampling:
    """Counts samples into the scene. What came until it is stopped stays, and is one change to undo."""

    def __init__(self, stage: Stage, session: ModelSession) -> None:
        self._stage, self._session = stage, session
        self._is_kept = False

    def program(self) -> None:
        """Sample as a decoder would, with the next random numbers of the seed; on top of what is there."""
        scene = self._stage.scene
        if scene.here is None or scene.other:
            self._stage.update(unanswered(scene))
            return
        before, count, seed = scene.counts, scene.many, scene.seed
        more = before is not None and before.by == "program" and before.seed == seed
        first = before.first if more and before is not None else scene.samples + 1

        async def counted() -> None:
            from softmax_visualizer.decoding.sampling import Counts, chances, sample

            numbers = await asyncio.to_thread(chances, seed, count, scene.samples + 1)
            # in a lesson all at once: two recordings must hold the same pictures
            pictures = 1 if scene.caption is not None else _PICTURES
            each, start = -(-count // pictures), scene.samples
            for done in range(0, count, each):
                if done:
                    await asyncio.sleep(_PAINT_EVERY)
                here = self._stage.scene
                if here.here is None or here.samples != start + done:
                    # somebody took them back, or sampled on
                    return
                if done and here.counts is None:
                    return
                total = here.counts.counts if here.counts is not None and (done or more) else Counts()
                total += sample(here.here.decoding, numbers[done : done + each])
                counts = Counted(here.here, total, "program", seed, first)
                self._show(replace(here, counted=counts, samples=first + total.total - 1), not done)

        self._begin(counted)

    def server(self, *, defaults: bool) -> None:
        """Have the server sample; what came stays where it stops or is stopped."""
        scene = self._stage.scene
        pin, count = scene.here, scene.many
        if pin is None or scene.other:
            self._stage.update(unanswered(scene))
            return
        answer = replace(pin.asked.answer, prompt=scene.asked_prompt)
        own = (_LEFT_ON,) if defaults else ()

        async def counted() -> None:
            from softmax_visualizer.decoding.sampling import Counts

            model = await self._session.open(pin.asked.configuration)
            total, shown_at = Counts(), 0.0

            def show(*, is_first: bool) -> None:
                counts = Counted(pin, total, "server", 0, 0, own)
                self._show(replace(self._stage.scene, counted=counts), is_first)

            async with aclosing(model.samples(answer, pin.settings, count, defaults=defaults)) as samples:
                try:
                    async for came in samples:
                        here = self._stage.scene
                        if here.here != pin or (total.total and here.counts is None):
                            # each sample may cost money, and nobody would see these
                            self._stage.update(here.saying("The server is asked for no more samples."))
                            total = Counts()
                            return
                        is_first, total = not total.total, total + came
                        if is_first or time.monotonic() - shown_at >= _PAINT_EVERY:
                            shown_at = time.monotonic()
                            show(is_first=is_first)
                finally:
                    if total.total:
                        show(is_first=False)

        self._begin(counted)

    def stop(self) -> bool:
        """Sample no further; return whether that was under way."""
        return self._stage.cancel(_GROUP)

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._is_kept = self._stage.scene.view != "counts"
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

    def _show(self, scene: Scene, is_first: bool) -> None:
        # where the view was another one, going to it was the change to undo
        self._stage.update(scene, undoable=is_first and not self._is_kept)

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
        own = tuple(each for each in counted.verdict if each == _LEFT_ON)
        scene = replace(scene, counted=replace(counted, verdict=(*own, *words)))
        if judged.by == "server" and badge:
            configuration = counted.pin.asked.configuration
            scene = replace(scene, badges={**scene.badges, "samples": (configuration, badge)})
        # why there are no more of them is still to be said
        self._stage.update(scene.saying(said.text, said.role) if said else scene, undoable=False)


def _judged(counted: Counted) -> tuple[Samples, tuple[str, ...], str]:
    from softmax_visualizer.display.samples import Samples, badge, verdict_sentences

    found = Samples.judged(counted.pin.decoding, counted.counts, counted.by)
    return found, verdict_sentences(found), badge(found)
