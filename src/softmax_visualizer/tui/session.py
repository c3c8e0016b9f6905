"""The model that the bench asks: opened, asked and changed without ever holding up the screen."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softmax_visualizer.models.base import LanguageModel, ModelAnswer
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder

_MOST_ANSWERS = 100
"""Answers that are kept; one of the bundled model takes half a megabyte."""


class ModelSession:
    """The model that was opened for a configuration, once it was needed, and the answers so far.

    Whatever imports much or touches a disk runs in a thread. All methods raise ModelError with a sentence.
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._opened: tuple[Configuration, LanguageModel] | None = None
        self._answers: dict[tuple[object, ...], ModelAnswer] = {}

    async def open(self, configuration: Configuration) -> LanguageModel:
        """Return the model of a configuration, and close that of another one; imports what it needs."""
        if self._opened is not None and self._opened[0] == configuration:
            return self._opened[1]
        former, self._opened = self._opened, None
        if former is not None:
            await former[1].close()
        model = await asyncio.to_thread(_open, configuration, self._recorder)
        self._opened = configuration, model
        return model

    async def ask(self, configuration: Configuration, prompt: str, *, again: bool = False) -> ModelAnswer:
        """Return the model's answer, with all imported that drawing it takes.

        What was asked before of the same model in the same way is not asked again, except on request.
        """
        question = _question(configuration, prompt)
        answer = self._answers.get(question)
        if answer is None or again:
            answer = await (await self.open(configuration)).ask(prompt)
            answer = await asyncio.to_thread(_without_secrets, answer, configuration)
        # the one that was used last is the last to be dropped
        self._answers.pop(question, None)
        self._answers[question] = answer
        if len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        await asyncio.to_thread(_prepare_drawing, answer)
        return answer

    def knows(self, configuration: Configuration, prompt: str) -> bool:
        """Whether the answer about a prompt is known already."""
        return _question(configuration, prompt) in self._answers

    async def names(self, configuration: Configuration) -> tuple[str, ...]:
        """Return the models of the server that is set up, even while the bundled one is in use."""
        server = replace(configuration, model=None)
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
        model = await asyncio.to_thread(_open, configuration)
        try:
            found = await checking.check_endpoint(model)
            redact = configuration.redact
            return tuple((heading, redact(phrase)) for heading, phrase in found.rows()), found.scale
        finally:
            await model.close()

    def request(self, prompt: str) -> str:
        """Return exactly what would be sent for a prompt, as JSON; empty if nothing would."""
        if self._opened is None:
            return ""
        configuration, model = self._opened
        request = model.request(prompt)
        text = json.dumps(request, indent=2, ensure_ascii=False) if request else ""
        return configuration.redact(text)


def _question(configuration: Configuration, prompt: str) -> tuple[object, ...]:
    return (
        configuration.source,
        configuration.endpoint,
        configuration.model,
        configuration.framing,
        configuration.vocabulary_size,
        configuration.replay,
        prompt,
    )


def _open(configuration: Configuration, recorder: Recorder | None = None) -> LanguageModel:
    from softmax_visualizer.models.opening import open_model

    return open_model(configuration, recorder)


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
