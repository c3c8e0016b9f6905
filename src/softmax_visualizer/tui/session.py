"""The model that the bench asks: opened, asked and changed without ever holding up the screen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from softmax_visualizer.models.base import Abilities

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Token
    from softmax_visualizer.models.base import LanguageModel, ModelAnswer
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder

_MOST_LISTED = 2_000_000
"""Tokens, in all answers that are kept; a thousand of them take some 30 kilobytes."""


class ModelSession:
    """The model that was opened for a configuration, once it was needed, and the answers so far.

    Whatever imports much or touches a disk runs in a thread. All methods raise ModelError with a sentence.

    Args:
        recorder: keeps all answers, if there is one.
        progress: is told, from 0 to 1, how much of a model file is loaded.
    """

    def __init__(self, recorder: Recorder | None, progress: Callable[[float], None]) -> None:
        self._recorder, self._progress = recorder, progress
        self._opened: tuple[Configuration, LanguageModel] | None = None
        self._answers: dict[tuple[object, ...], ModelAnswer] = {}

    async def open(self, configuration: Configuration) -> LanguageModel:
        """Return the model of a configuration, and close that of another one; imports what it needs."""
        if self._opened is not None and self._opened[0] == configuration:
            return self._opened[1]
        former, self._opened = self._opened, None
        if former is not None:
            await former[1].close()
        model = await asyncio.to_thread(_open, configuration, self._recorder, self._progress)
        self._opened = configuration, model
        return model

    async def ask(
        self,
        configuration: Configuration,
        prompt: str,
        *,
        after: tuple[Token, ...] = (),
        again: bool = False,
        whole: bool = False,
    ) -> ModelAnswer:
        """Return the model's answer about a place, with all imported that drawing it takes.

        What was asked before of the same model in the same way is not asked again, except on request, or
        where ``whole`` wants more tokens than were listed then.
        """
        answer = self._answers.get(_question(configuration, prompt, after))
        if answer is None or again or (whole and await self.goes_deeper(configuration, answer)):
            model = await self.open(configuration)
            answer = await model.ask(prompt, after=after, whole=whole)
            answer = await asyncio.to_thread(_without_secrets, answer, configuration)
        self._keep(_question(configuration, prompt, after), answer)
        await asyncio.to_thread(_prepare_drawing, answer)
        return answer

    async def ask_ahead(
        self, configuration: Configuration, prompt: str, after: tuple[Token, ...], count: int
    ) -> tuple[ModelAnswer, ...]:
        """Return the answers about up to ``count`` places, on which the server itself went; all are kept."""
        model, found = await self.open(configuration), []
        for answer in await model.ask_ahead(prompt, after, count):
            found.append(await asyncio.to_thread(_without_secrets, answer, configuration))
            self._keep(_question(configuration, prompt, answer.after), found[-1])
        return tuple(found)

    def known(
        self, configuration: Configuration, prompt: str, after: tuple[Token, ...]
    ) -> ModelAnswer | None:
        """Return the answer about a place, if it is known already."""
        return self._answers.get(_question(configuration, prompt, after))

    async def split(self, configuration: Configuration, text: str) -> tuple[Token, ...]:
        """Return a text as the model's own tokens."""
        return await (await self.open(configuration)).split(text)

    def _keep(self, question: tuple[object, ...], answer: ModelAnswer) -> None:
        # the one that was used last is the last to be dropped
        self._answers.pop(question, None)
        self._answers[question] = answer
        while len(self._answers) > 1 and self._listed > _MOST_LISTED:
            del self._answers[next(iter(self._answers))]

    def abilities(self, configuration: Configuration) -> Abilities:
        """Return what the model of a configuration can do; nothing, as long as it has not been opened."""
        if self._opened is None or self._opened[0] != configuration:
            return Abilities()
        return self._opened[1].abilities

    async def goes_deeper(self, configuration: Configuration, answer: ModelAnswer) -> bool:
        """Whether more tokens than an answer lists may be had where it came from."""
        return (await self.open(configuration)).goes_deeper(answer)

    @property
    def _listed(self) -> int:
        return sum(len(answer.distribution) for answer in self._answers.values())

    async def names(self, configuration: Configuration) -> tuple[str, ...]:
        """Return the models of the server that is set up, even while the bundled one is in use."""
        server = replace(configuration, model=None, local=False, absent="")
        if server.source == "bundled":
            return ()
        model = await asyncio.to_thread(_open, server)
        try:
            return tuple(map(server.redact, await model.names()))
        finally:
            await model.close()

    async def check(self, configuration: Configuration) -> tuple[tuple[tuple[str, str], ...], str]:
        """Return what the server can do as headings and phrases, and whether it scales its numbers."""
        checking = await asyncio.to_thread(import_module, "softmax_visualizer.models.check")
        found = await checking.check_endpoint(await self.open(configuration))
        redact = configuration.redact
        return tuple((heading, redact(phrase)) for heading, phrase in found.rows()), found.scale

    def request(self, prompt: str) -> str:
        """Return exactly what would be sent for a prompt, as JSON; empty if nothing would."""
        if self._opened is None:
            return ""
        configuration, model = self._opened
        request = model.request(prompt)
        text = json.dumps(request, indent=2, ensure_ascii=False) if request else ""
        return configuration.redact(text)


def _question(configuration: Configuration, prompt: str, after: tuple[Token, ...]) -> tuple[object, ...]:
    return (
        configuration.source,
        configuration.endpoint,
        configuration.model,
        configuration.framing,
        configuration.vocabulary_size,
        configuration.replay,
        prompt,
        after,
    )


def _open(
    configuration: Configuration,
    recorder: Recorder | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> LanguageModel:
    from softmax_visualizer.models.opening import open_model

    return open_model(configuration, recorder, progress)


def _without_secrets(answer: ModelAnswer, asked_of: Configuration) -> ModelAnswer:
    from softmax_visualizer.models.redaction import redacted

    return redacted(answer, asked_of.redact)


def _prepare_drawing(answer: ModelAnswer) -> None:
    """Import, outside the event loop, what the first picture needs."""
    from softmax_visualizer.decoding import decode
    from softmax_visualizer.decoding.settings import DecodingSettings
    from softmax_visualizer.display import columns, pipeline, table  # noqa: F401
    from softmax_visualizer.display.figure import prepare

    prepare()
    decode(answer.distribution, DecodingSettings())
