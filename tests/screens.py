"""What the tests of the screen share: a model that does as it is told, and the screen as text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.models.base import Abilities, ModelAnswer, ModelError, Source
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.screen import MainScreen
from softmax_visualizer.tui.views import VIEWS


class ObedientModel:
    """Answers each prompt as a function says: with a distribution, an error, or when an event is set."""

    source: Source = "openai"
    name = "obedient"
    endpoint: str | None = "http://127.0.0.1:1/v1"
    abilities = Abilities(framings=("answer", "continue", "raw"), takes_settings=True)

    def __init__(self, reply: Callable[[str], Any]) -> None:
        self.reply = reply
        self.most = 0
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.closed = False

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> ModelAnswer:
        text = prompt + "".join(token.text for token in after)
        self.asked.append(text)
        reply = self.reply(text)
        try:
            if asyncio.iscoroutine(reply):
                reply = await reply
        except asyncio.CancelledError:
            self.cancelled.append(text)
            raise
        if isinstance(reply, Exception):
            raise reply
        return ModelAnswer(prompt, reply, self.name, self.source, self.endpoint, after=after)

    async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> tuple[ModelAnswer, ...]:
        return (await self.ask(prompt, after=after),)

    async def split(self, text: str) -> tuple[Token, ...]:
        return tuple(Token(f" {word}") for word in text.split())

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        return len(answer.distribution) < self.most

    async def names(self) -> tuple[str, ...]:
        return ("obedient", "[/]other")

    def request(self, prompt: str) -> Mapping[str, Any]:
        return {"model": self.name, "messages": [{"role": "user", "content": prompt}]}

    async def close(self) -> None:
        self.closed = True


def top_of(tokens: Sequence[str], probabilities: Sequence[float], size: int = 200_019) -> TokenDistribution:
    """A truncated list."""
    return TokenDistribution.from_top_logprobs(list(tokens), np.log(probabilities), size)


def failure(prompt: str) -> ModelError:
    return ModelError(f"The server has no answer to [/b] {prompt}. Try another.")


@asynccontextmanager
async def screen(
    monkeypatch: pytest.MonkeyPatch | None = None,
    model: ObedientModel | None = None,
    size: tuple[int, int] = (100, 30),
    prompt: str = "The quick brown fox jumps over the",
    wait: bool = True,
) -> AsyncIterator[tuple[SoftmaxVisualizer, Pilot[None]]]:
    """The app, running headless, with the bundled model or another one."""
    configuration = Configuration.load(model="bundled")
    if model is not None:
        assert monkeypatch is not None
        monkeypatch.setattr("softmax_visualizer.models.opening.open_model", lambda *_: model)
    app = SoftmaxVisualizer(configuration, prompt)
    async with app.run_test(size=size) as pilot:
        if wait:
            await settle(app, pilot)
        yield app, pilot


async def settle(app: SoftmaxVisualizer, pilot: Pilot[None]) -> None:
    """Wait until nothing is under way."""
    await pilot.pause()
    for worker in list(app.workers):
        if worker.group == "ask" and not worker.is_finished:
            await asyncio.wait_for(asyncio.shield(_finished(worker)), 10)
    await pilot.pause()


async def until(pilot: Pilot[None], condition: Any) -> None:
    """Wait until something holds; what was on the screen instead is said where it never does."""
    for _ in range(500):
        await pilot.pause(0.02)
        if condition():
            return
    raise AssertionError(text(pilot.app))  # type: ignore[arg-type]


async def at_rest(app: SoftmaxVisualizer, pilot: Pilot[None]) -> None:
    """Wait until the lesson, and all that follows from a key, has come to its end."""
    groups = ("lesson", "ask", "write", "survey", "judge", "check")
    async with asyncio.timeout(30):
        await pilot.pause()
        while any(worker.group in groups and not worker.is_finished for worker in app.workers):
            await asyncio.sleep(0.005)
            await pilot.pause()


async def _finished(worker: Any) -> None:
    while not worker.is_finished:
        await asyncio.sleep(0.01)


def bench(app: SoftmaxVisualizer) -> MainScreen:
    found = next(item for item in app.screen_stack if isinstance(item, MainScreen))
    return found


def said(app: SoftmaxVisualizer) -> str:
    """The sentence in the line of messages."""
    return bench(app).scene.message[0]


def titles(app: SoftmaxVisualizer) -> list[str]:
    """The titles of the columns on the board."""
    scene, board = bench(app).scene, bench(app).query_one("#board")
    line = VIEWS[scene.view].draw(scene, *board.size).lines[0]
    return [title.strip() for title in "".join(piece.text for piece in line).split("  ") if title.strip()]


def text(app: SoftmaxVisualizer) -> str:
    """The characters on the screen, a line each."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())
