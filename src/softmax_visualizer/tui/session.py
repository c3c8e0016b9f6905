"""The model that the bench asks: opened, asked and changed without ever holding up the screen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softmax_visualizer.models.base import LanguageModel, ModelAnswer
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder

_MOST_ANSWERS = 100
"""Answers that are kept; one of the bundled model takes half a megabyte."""


class ModelSession:
    """A configuration, and the model that was opened from it once it was needed.

    Whatever imports much or touches a disk runs in a thread. All methods raise ModelError with a sentence.
    """

    def __init__(self, configuration: Configuration, recorder: Recorder | None = None) -> None:
        self.configuration = configuration
        self._recorder = recorder
        self._model: LanguageModel | None = None
        self._answers: dict[tuple[object, ...], tuple[ModelAnswer, Configuration]] = {}

    async def open(self) -> LanguageModel:
        """Return the model; the first call imports what it needs."""
        if self._model is None:
            self._model = await asyncio.to_thread(_open, self.configuration, self._recorder)
        return self._model

    async def ask(self, prompt: str, *, again: bool = False) -> ModelAnswer:
        """Return the model's answer, with all imported that drawing it takes.

        What was asked before of the same model in the same way is not asked again, except on request.
        """
        question = self._question(prompt)
        known, asked_of = self._answers.get(question, (None, self.configuration))
        if known is None or again:
            asking = self.configuration
            answer = await (await self.open()).ask(prompt)
            answer = await asyncio.to_thread(_without_secrets, answer, asking)
        else:
            answer = known
        # the one that was used last is the last to be dropped
        self._answers.pop(question, None)
        self._answers[question] = answer, asked_of
        if len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        await asyncio.to_thread(_prepare_drawing, answer)
        return answer

    def knows(self, prompt: str) -> bool:
        """Whether the answer about a prompt is known already."""
        return self._question(prompt) in self._answers

    def source_of(self, answer: ModelAnswer) -> Configuration | None:
        """Return what a kept answer was asked of; None if it is kept no longer."""
        return next((asked_of for kept, asked_of in self._answers.values() if kept is answer), None)

    def _question(self, prompt: str) -> tuple[object, ...]:
        now = self.configuration
        return now.source, now.endpoint, now.model, now.framing, now.vocabulary_size, now.replay, prompt

    async def names(self) -> tuple[str, ...]:
        """Return the models of the server that is set up, even while the bundled one is in use."""
        server = replace(self.configuration, model=None)
        if server.source == "bundled":
            return ()
        model = await asyncio.to_thread(_open, server)
        try:
            return tuple(map(server.redact, await model.names()))
        finally:
            await model.close()

    async def check(self) -> tuple[tuple[tuple[str, str], ...], str]:
        """Return what the server can do as headings and phrases, and whether it scales its numbers."""
        checking = await asyncio.to_thread(import_module, "softmax_visualizer.models.check")
        model = await asyncio.to_thread(_open, self.configuration)
        try:
            found = await checking.check_endpoint(model)
            redact = self.configuration.redact
            return tuple((heading, redact(phrase)) for heading, phrase in found.rows()), found.scale
        finally:
            await model.close()

    def request(self, prompt: str) -> str:
        """Return exactly what would be sent for a prompt, as JSON; empty if nothing would."""
        request: Mapping[str, Any] = self._model.request(prompt) if self._model else {}
        text = json.dumps(request, indent=2, ensure_ascii=False) if request else ""
        return self.configuration.redact(text)

    def switch(self, configuration: Configuration) -> LanguageModel | None:
        """Use another model from now on; return the former one, for its connections to be closed."""
        former, self._model = self._model, None
        self.configuration = configuration
        return former


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
    from softmax_visualizer.display import panels, statistics, table  # noqa: F401
    from softmax_visualizer.display.figure import prepare

    prepare()
    decode(answer.distribution, DecodingSettings())
