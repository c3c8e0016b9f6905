"""A language model behind an OpenAI-compatible server: OpenAI, llama.cpp, vLLM, Ollama and many more.

Every request is for temperature 1 and top-p 1, where all servers agree on what a log-probability is: some
report the model's own, some rescale and cut them by the request's settings. The decoding is done here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any, Literal, TypeVar

from softmax_visualizer.decoding import DistributionError, TokenDistribution
from softmax_visualizer.models.answers import NO_LOGPROBS, NoTokenError, TopLogprobs, parse
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.connection import Connection
from softmax_visualizer.models.failures import explain, explain_refusal
from softmax_visualizer.models.ladder import CUT_SHORT, MOST_TRIES, climb
from softmax_visualizer.models.listing import DEFAULT_MODEL, Listing, announced_end
from softmax_visualizer.models.refusal import Refusal, error_in, one_line
from softmax_visualizer.models.vocabulary import (
    ASSUMED_VOCABULARY_SIZE,
    is_one_size,
    known_vocabulary_size,
)

_Answer = TypeVar("_Answer")

TOP_LOGPROBS = 20
"""The most that OpenAI and vLLM list, unless told otherwise."""

TRIED_AGAIN = "The first try failed on the way or at the server; this is the answer to a second one."

LISTING_TIMEOUT = 2.0
"""Seconds that looking up the models may delay an answer."""

CONTINUE = (
    "Continue the user's text from exactly where it ends. Answer with the continuation only, word for word "
    "as it would stand there: no greeting, no quotation marks, no repetition of the text."
)


class OpenAICompatibleModel:
    """The model that a :class:`Configuration` names, on the server that it names.

    What the server taught about how to be asked, and its list of models, are kept for the next question.
    """

    source: Literal["openai"] = "openai"

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._connection = Connection(configuration)
        self._model = configuration.model or (DEFAULT_MODEL if configuration.is_openai else None)
        # OpenAI's own list says nothing that a question needs, so it is fetched for names() only
        self._listing = Listing() if configuration.is_openai else None
        counts = {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        if configuration.framing == "raw":
            counts = {"logprobs": TOP_LOGPROBS}
        self._parameters: dict[str, Any] = {
            "max_tokens": 1,
            **counts,
            "temperature": 1,
            "top_p": 1,
            "stream": False,
        }

    @property
    def name(self) -> str:
        """The model's name; "default model" until the server has said which one that is."""
        return self._model or "default model"

    @property
    def endpoint(self) -> str:
        """The server's base URL, without credentials."""
        return self._configuration.endpoint

    def request(self, prompt: str) -> Mapping[str, Any]:
        """Return ``{"url": ..., "body": ...}``: what :meth:`ask` would send, as far as is known by now."""
        return self._request(self._body(prompt, self._parameters))

    async def ask(self, prompt: str) -> ModelAnswer:
        """Return the distribution of the token after ``prompt``, at temperature 1.

        Cancelling closes the connection.

        Raises:
            ModelError: there is none, with the reason and the remedy.
        """
        if not prompt:
            raise ModelError("The prompt is empty. Write some text first.")
        try:
            prompt.encode()
        except UnicodeEncodeError as error:
            raise ModelError(
                f"The prompt holds half a character (U+{ord(prompt[error.start]):04X}), which no server can "
                "take. Remove it."
            ) from error
        return await self._bounded(self._ask, prompt)

    async def reported(self, prompt: str, **parameters: Any) -> TopLogprobs | None:
        """Return the list that the server gives when it is asked with other parameters than :meth:`ask` does.

        None if it does not take them. This is for finding out what a server does with them, not for decoding.

        Raises:
            ModelError: there is no list, with the reason and the remedy.
        """
        top, body = await self._bounded(self._climb, prompt, parameters)
        return top if parameters.items() <= body.items() else None

    @property
    def asked(self) -> int:
        """How many tokens the server is asked to list."""
        return _asked(self._parameters)

    @property
    def announced_end(self) -> date | None:
        """The day on which the model is announced to be shut down; None if no day is known."""
        listing = self._listing or Listing()
        return announced_end(self.name, listing, is_openai=self._configuration.is_openai)

    async def _bounded(self, question: Callable[..., Awaitable[_Answer]], *arguments: Any) -> _Answer:
        """Ask within the time that is set, and turn whatever goes wrong into a sentence."""
        try:
            await self._connection.open()
            async with asyncio.timeout(self._configuration.timeout):
                return await question(*arguments)
        except ModelError:
            raise
        # far more than the openai package's own errors: of json, ssl, imports, encodings, its HTTP client
        except Exception as error:
            raise explain(error, self._configuration, self._model or DEFAULT_MODEL) from error

    async def names(self) -> tuple[str, ...]:
        """Return the names of the models that the server lists, in alphabetical order.

        Raises:
            ModelError: they cannot be listed.
        """
        self._listing = await self._bounded(self._listed)
        return tuple(sorted(self._listing.names, key=str.lower))

    async def close(self) -> None:
        """Let go of connections; a closed model is not asked again."""
        await self._connection.close()

    async def _ask(self, prompt: str) -> ModelAnswer:
        tries = self._connection.second_tries
        looking_up = asyncio.create_task(self._known_listing())
        try:
            if self._model is None:
                self._model = (await looking_up).default
            top, body = await self._climb(prompt, {})
            listing = await looking_up
        finally:
            looking_up.cancel()
        self._model = body["model"]
        again = self._connection.second_tries > tries
        return ModelAnswer(
            prompt=prompt,
            distribution=await asyncio.to_thread(self._distribution, top, listing),
            model=self._shown(top.model) or self.name,
            source=self.source,
            endpoint=self.endpoint,
            request=self._request(body),
            notes=((TRIED_AGAIN,) if again else ()) + top.notes + self._notes(self._shown(top.model), body),
        )

    async def _climb(self, prompt: str, changes: Mapping[str, Any]) -> tuple[TopLogprobs, dict[str, Any]]:
        """Ask until the server is content with the request, or nothing is left to change in it."""
        parameters: dict[str, Any] | None = {**self._parameters, **changes}
        failure: ModelError = ModelError(NO_LOGPROBS)
        for _ in range(MOST_TRIES):
            if parameters is None:
                break
            body = self._body(prompt, parameters)
            try:
                top = await self._attempt(body)
            except _RefusedError as error:
                failure, parameters = error, climb(parameters, error.refusal)
            except NoTokenError as error:
                # the end of the text was drawn: the next draw may differ, so the same request is sent again
                failure = error
                parameters = climb(parameters, CUT_SHORT) if error.finish_reason == "length" else parameters
            else:
                if not changes:
                    self._parameters = parameters
                return top, body
        raise failure

    async def _attempt(self, body: dict[str, Any]) -> TopLogprobs:
        import openai

        try:
            answer = await self._connection.complete(body)
        except openai.APIStatusError as error:
            failure = explain(error, self._configuration, body["model"])
            raise _RefusedError(str(failure), Refusal.from_body(error.status_code, error.body)) from error
        if refusal := error_in(answer):
            raise _RefusedError(str(explain_refusal(refusal, self._configuration, body["model"])), refusal)
        return await asyncio.to_thread(parse, answer, _asked(body))

    async def _known_listing(self) -> Listing:
        """Return the server's list of models, fetched once; an empty one where it cannot be had at once."""
        import openai

        if self._listing is None:
            try:
                async with asyncio.timeout(LISTING_TIMEOUT):
                    self._listing = await self._listed()
            except openai.APIConnectionError:
                return Listing()  # the server may be starting: worth asking again next time
            except Exception:
                self._listing = Listing()
        return self._listing

    async def _listed(self) -> Listing:
        return await asyncio.to_thread(Listing.parse, await self._connection.models())

    def _request(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        path = "/chat/completions" if "messages" in body else "/completions"
        return {"url": self.endpoint + path, "body": body}

    def _body(self, prompt: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        message = {"role": "user", "content": prompt}
        put: dict[str, Any]
        match self._configuration.framing:
            case "raw":
                put = {"prompt": prompt}
            case "continue":
                put = {"messages": [{"role": "system", "content": CONTINUE}, message]}
            case "answer":
                put = {"messages": [message]}
        return {"model": self._model or DEFAULT_MODEL, **put, **parameters}

    def _distribution(self, top: TopLogprobs, listing: Listing) -> TokenDistribution:
        size, assumed = self._vocabulary_size(top, listing)
        try:
            return TokenDistribution.from_top_logprobs(
                top.tokens,
                top.logprobs,
                size,
                vocabulary_assumed=assumed,
                is_top=top.is_top,
                odds_only=top.odds_only,
            )
        except DistributionError as error:
            remedy = "Choose another model or server."
            if size < len(top.tokens):
                remedy = "Correct --vocabulary-size or SOFTMAX_VISUALIZER_VOCABULARY_SIZE, or leave it out."
            raise ModelError(f"The server's list cannot be used. {error} {remedy}") from error

    def _vocabulary_size(self, top: TopLogprobs, listing: Listing) -> tuple[int, bool]:
        """Return the number of tokens in the vocabulary, and whether that is an assumed upper bound."""
        if self._configuration.vocabulary_size is not None:
            return self._configuration.vocabulary_size, False
        name = top.model or self.name
        for size, assumed in (
            (listing.vocabulary_size(self.name), False),
            (known_vocabulary_size(name), not is_one_size(name)),
        ):
            if size is not None and size >= len(top.tokens):
                return size, assumed
        return max(ASSUMED_VOCABULARY_SIZE, len(top.tokens)), True

    def _shown(self, text: str | None) -> str:
        """Return a server's text as it may be shown."""
        return one_line(self._configuration.redact(text or ""))

    def _notes(self, answered: str, body: Mapping[str, Any]) -> tuple[str, ...]:
        notes = []
        if (count := _asked(body)) < TOP_LOGPROBS:
            notes.append(f"This model lists at most {count} tokens, not the {TOP_LOGPROBS} asked for first.")
        if answered and not _same_model(answered, self.name):
            notes.append(f"The answer came from {answered}, not from {self.name}.")
        if end := self.announced_end:
            notes.append(f"{self.name} is announced to be shut down on {end:%Y-%m-%d}.")
        return tuple(notes)


class _RefusedError(ModelError):
    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message)
        self.refusal = refusal


def _asked(body: Mapping[str, Any]) -> int:
    """Return how many tokens a body asks for; in a bare completion ``logprobs`` is that number."""
    return int(body.get("top_logprobs", body["logprobs"]))


def _same_model(answered: str, asked: str) -> bool:
    """Whether the names mean one model: equal, but for a vendor in front and a date behind."""
    left, right = answered.lower().rpartition("/")[2], asked.lower().rpartition("/")[2]
    return left.startswith(right) or right.startswith(left)
