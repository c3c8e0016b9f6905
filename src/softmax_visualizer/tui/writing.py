"""Writing answers, and scoring given ones: token by token, while every key stays live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from softmax_visualizer.decoding.generation import Generation, Step, Tree
from softmax_visualizer.display.keys import key_for
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.tui.actions import SECRET, holds_secret, unanswered
from softmax_visualizer.tui.asking import Asking, in_words
from softmax_visualizer.tui.scene import Request, Scene
from softmax_visualizer.tui.session import ModelSession

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Token
    from softmax_visualizer.decoding.settings import DecodingSettings
    from softmax_visualizer.models.walk import Ask
    from softmax_visualizer.tui.stage import Stage

_GROUP = "write"

_PAINT_EVERY = 0.1
"""Seconds between two pictures of an answer that grows: all steps of a quick model would be paint only."""


class Writing:
    """Writes into the tree of the scene. What came until it is stopped stays, and is one change to undo."""

    def __init__(self, stage: Stage, session: ModelSession, asking: Asking) -> None:
        self._stage, self._session, self._asking = stage, session, asking
        self._is_changed = False
        self._grown: tuple[Tree, int | None] | None = None
        self._shown_at = 0.0

    def answer(self) -> None:
        """Write the active answer on from its end; from a place in its middle, write another one."""
        scene = self._stage.scene
        here, tree, seed, said = scene.generation, scene.tree, scene.seed, ""
        if scene.place < len(here) or here.ended:
            # the same numbers would bring the same tokens
            seed += (here.settings, here.seed) == (scene.settings, seed)
            tree = tree.added(Generation(here.prompt, here.steps[: scene.place]))
            here = tree.generation
            said = f"This is another answer, from token {scene.place + 1} on: B lists them."
        told = not here.steps or (here.settings, here.seed) == (scene.settings, seed)
        tree = tree.put(replace(here, settings=scene.settings if told else None, seed=seed if told else None))
        self._begin(lambda: self._write(tree, scene.settings, seed), said)

    def side_by_side(self, wanted: tuple[DecodingSettings, ...]) -> None:
        """Write an answer with each of the settings from the same random numbers, unless it is there."""
        missing = [each for each in wanted if self._stage.scene.written(each) is None]

        async def all_of_them() -> None:
            for settings in missing:
                scene = self._stage.scene
                await self._write(
                    scene.tree.with_new(Generation(scene.generation.prompt, (), "", settings, scene.seed)),
                    settings,
                    scene.seed,
                )

        if missing:
            self._begin(all_of_them)

    def server(self) -> None:
        """Take the answer that the server samples itself, at T = 1 and in one request."""
        scene = self._stage.scene

        async def taken() -> None:
            from softmax_visualizer.models.walk import sampled_by_server

            prompt, count = scene.asked_prompt, scene.length + 1
            answers = await self._session.ask_ahead(scene.configuration, prompt, (), count)
            steps = sampled_by_server(answers)
            if not steps:
                raise ModelError(f"This model samples no answer of its own: {key_for('write')} writes one.")
            fresh = Generation(scene.generation.prompt, steps)
            if holds_secret(scene, fresh):
                raise ModelError(SECRET)
            self._grown = scene.tree.with_new(fresh), None

        self._begin(taken)

    def score(self, text: str) -> None:
        """Put a text after the prompt, token by token, with what the model says of each."""
        scene = self._stage.scene

        async def scored() -> None:
            if scene.configuration.redact(text) != text:
                raise ModelError(SECRET)
            from softmax_visualizer.models.walk import score

            tokens = await self._session.split(scene.configuration, text)
            if not tokens:
                raise ModelError("There is no token in this text.")
            given = Generation(scene.generation.prompt)
            model = await self._session.open(scene.configuration)
            steps = score(self._ask(scene), given, tokens, goes_deeper=model.goes_deeper)
            await self._grow(scene.tree.with_new(given), steps)

        said = ""
        if not (text[:1].isspace() or scene.generation.prompt[-1:].isspace()):
            said = "It was scored as it was typed, without a space between the prompt and it."
        self._begin(scored, said)

    def stop(self) -> bool:
        """Write no further; return whether something was being written."""
        under_way = self._stage.scene.writing
        if under_way:
            self._stage.cancel(_GROUP)
            self._show()
            self._end()
        return under_way

    def _begin(self, work: Callable[[], Awaitable[None]], said: str = "") -> None:
        """Begin to write; ``said`` is what the person is told once that is done."""
        scene = self._stage.scene
        if scene.unasked:
            self._stage.update(unanswered(scene))
            return
        self._stage.cancel("ask")
        self._asking.stop_deepening()
        self._is_changed = False
        self._stage.update(replace(scene, writing=True, said=None))

        async def done() -> None:
            try:
                await work()
            except Exception as error:
                self._end(await in_words(error, self._stage.scene.configuration))
            else:
                self._show()
                self._end(said)

        self._stage.run_worker(done, group=_GROUP, exclusive=True, exit_on_error=False)

    def _end(self, said: str = "") -> None:
        scene = replace(self._stage.scene, writing=False, request=Request("answered"))
        here = scene.generation
        scene = scene.at(len(here) - 1 if here.ended else len(here))
        self._stage.update(scene.saying(said, "wait") if said else scene, undoable=False)
        if not scene.is_there:
            self._asking.go_on()

    async def _write(self, tree: Tree, settings: DecodingSettings, seed: int) -> None:
        from softmax_visualizer.models.walk import write

        scene = self._stage.scene
        here = tree.generation
        model = await self._session.open(scene.configuration)
        length = len(here) + scene.length
        steps = write(self._ask(scene), here, settings, length, seed, goes_deeper=model.goes_deeper)
        await self._grow(tree, steps, seed)

    async def _grow(self, tree: Tree, steps: AsyncIterator[Step], seed: int | None = None) -> None:
        try:
            async for step in steps:
                longer = tree.generation.extended(step)
                if holds_secret(self._stage.scene, longer):
                    raise ModelError(SECRET)
                tree = tree.put(longer)
                self._grown = tree, seed
                wait = self._shown_at + _PAINT_EVERY - time.monotonic()
                if wait <= 0:
                    self._show()
                    # a quick model would leave no room for keys
                    await asyncio.sleep(0)
                else:
                    # the next step may take its time
                    asyncio.get_running_loop().call_later(wait, self._show)
        finally:
            self._show()

    def _show(self) -> None:
        """Show all that has come."""
        if self._grown is None:
            return
        (tree, seed), self._grown = self._grown, None
        scene = self._stage.scene
        shown = replace(scene, tree=tree, seed=scene.seed if seed is None else seed)
        shown = replace(shown.at(len(tree.generation) - 1), request=Request("asking", fresh=True))
        self._stage.update(shown, undoable=not self._is_changed)
        self._is_changed, self._shown_at = True, time.monotonic()

    def _ask(self, scene: Scene) -> Ask:
        configuration, prompt = scene.configuration, scene.asked_prompt

        async def ask(after: tuple[Token, ...], count: int, whole: bool) -> ModelAnswer:
            if whole:
                return await self._session.ask(configuration, prompt, after=after, whole=True)
            known = self._session.known(configuration, prompt, after)
            return known or (await self._session.ask_ahead(configuration, prompt, after, count))[0]

        return ask
