"""The bundled model as a language model like any other: it needs no key and no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.models.base import SAMPLES_NOTHING, Abilities, ModelAnswer, ModelError, Source
from softmax_visualizer.models.refusal import one_line

if TYPE_CHECKING:
    from softmax_visualizer.decoding.sampling import Counts
    from softmax_visualizer.decoding.settings import DecodingSettings
    from softmax_visualizer.models.ngram import NGramModel

BUNDLED = "bundled"
"""The name by which the bundled model can be chosen."""


_MOST_NAMED = 3
"""Unknown words that are named."""


class BundledModel:
    """The 4-gram model in the package; its distribution is over its whole vocabulary, so always exact."""

    name = BUNDLED
    source: Source = "bundled"
    endpoint: str | None = None
    abilities = Abilities()

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = True) -> ModelAnswer:
        """Return the whole distribution after ``prompt``; arrays are loaded once, in a thread."""
        return await asyncio.to_thread(self.answer, prompt, after)

    async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> tuple[ModelAnswer, ...]:
        """Return the one answer: this model samples nothing of its own."""
        return (await self.ask(prompt, after=after),)

    async def split(self, text: str) -> tuple[Token, ...]:
        """Return a text as words and marks, in the typography that the model was counted in."""
        return tuple(Token(token, token.encode()) for token in await asyncio.to_thread(_split, text))

    def answer(self, prompt: str, after: tuple[Token, ...] = ()) -> ModelAnswer:
        """Return what :meth:`ask` returns, without an event loop."""
        tokens, model = _loaded()
        logprobs = model.logprobs(prompt, [token.text for token in after])
        distribution = TokenDistribution.from_logits(tokens, logprobs)
        notes = _ground(model.unknown(prompt))
        return ModelAnswer(prompt, distribution, self.name, self.source, notes=notes, after=after)

    def samples(
        self, answer: ModelAnswer, settings: DecodingSettings, count: int, *, defaults: bool = False
    ) -> AsyncGenerator[Counts, None]:
        """Raise ModelError: it has no decoder."""
        raise ModelError(SAMPLES_NOTHING)

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        """Return False: an answer lists all tokens."""
        return False

    async def names(self) -> tuple[str, ...]:
        """Return the one name."""
        return (self.name,)

    def request(self, prompt: str) -> Mapping[str, Any]:
        """Return nothing: nothing is sent."""
        return {}

    async def close(self) -> None:
        """Do nothing: there is no connection."""


def _ground(unknown: tuple[str, ...]) -> tuple[str, ...]:
    """Say where a prompt leaves what the model knows, which is old prose."""
    if not unknown:
        return ()
    words = ", ".join(f"“{one_line(word)}”" for word in unknown[:_MOST_NAMED])
    more = " and more" if len(unknown) > _MOST_NAMED else ""
    return (f"This model of old prose has never seen {words}{more}: it is no guide here.",)


def _split(text: str) -> list[str]:
    from softmax_visualizer.models.ngram import tokenize

    return tokenize(text)


@cache
def _loaded() -> tuple[tuple[Token, ...], NGramModel]:
    from softmax_visualizer.models.ngram import NGramModel

    model = NGramModel.load()
    return tuple(Token(text, text.encode()) for text in model.vocabulary), model
