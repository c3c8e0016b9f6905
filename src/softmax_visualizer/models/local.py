"""A model file on this machine: llama.cpp serves it, and it is asked like any OpenAI-compatible server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from softmax_visualizer.decoding import Token
from softmax_visualizer.models import weights
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.connection import Connection
from softmax_visualizer.models.local_server import LocalServer
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from softmax_visualizer.models.questions import FORCED
from softmax_visualizer.models.weights import Progress


class LocalModel(OpenAICompatibleModel):
    """The model file that a :class:`Configuration` names; loaded when it is first asked.

    Args:
        configuration: one whose source is "local".
        progress: is told how much of the file is read, on the event loop's thread.
    """

    source = "local"

    def __init__(self, configuration: Configuration, progress: Progress) -> None:
        model = str(configuration.model)
        server = LocalServer(weights.short_name(model))
        configuration = replace(
            configuration, base_url=server.url, api_key=server.key, model=server.name, local=False
        )
        super().__init__(configuration, _LocalConnection(configuration, server, model, progress))
        usual = self._questions.first_parameters(server.name)
        self._questions.learn(server.name, {**usual, "logit_bias": FORCED})
        self._questions.engine = "llama.cpp"
        known = weights.known(server.name)
        what = f"{known.title}, {known.about}" if known else Path(model).name
        self._about = f"These are exactly the numbers that llama.cpp computes from {what}."
        self._first: str | None = None

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> ModelAnswer:
        """Return the distribution after ``prompt``; the answers to the first one say what the model is."""
        return self._introduced(await super().ask(prompt, after=after, whole=whole))

    async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> tuple[ModelAnswer, ...]:
        """Return the distributions at up to ``count`` places, with the same note as :meth:`ask`."""
        return tuple(map(self._introduced, await super().ask_ahead(prompt, after, count)))

    def _introduced(self, answer: ModelAnswer) -> ModelAnswer:
        self._first = answer.prompt if self._first is None else self._first
        if answer.prompt != self._first:
            return answer
        return replace(answer, notes=(self._about, *answer.notes))


class _LocalConnection(Connection):
    def __init__(
        self, configuration: Configuration, server: LocalServer, model: str, progress: Progress
    ) -> None:
        super().__init__(configuration)
        self._server = server
        self._file = model
        self._progress = progress
        self._starting = asyncio.Lock()

    async def open(self) -> None:
        async with self._starting:
            path = await asyncio.to_thread(weights.find, self._file)
            await self._server.start(path, self._progress)
        await super().open()

    async def complete(self, body: dict[str, Any]) -> object:
        import openai

        try:
            return await super().complete(body)
        except openai.APIConnectionError as error:
            if self._server.pid is not None:
                raise
            raise ModelError(
                f"llama.cpp ended while {self._server.name} was asked. Ask again to start it again."
            ) from error

    async def close(self) -> None:
        await super().close()
        await asyncio.to_thread(self._server.stop)
