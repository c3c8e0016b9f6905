"""Putting one question to a server, in the form that it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from softmax_visualizer.decoding import Token
from softmax_visualizer.decoding.generation import ContinuedBy
from softmax_visualizer.models.answers import (
    CANNOT_SPLIT,
    NO_LOGPROBS,
    NoTokenError,
    TopLogprobs,
    parse_places,
    pieces_in,
    sampled_in,
)
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.connection import Connection
from softmax_visualizer.models.continuing import Place, begun_in, put, takes_ids
from softmax_visualizer.models.event_stream import no_cycles_sought, put_together
from softmax_visualizer.models.failures import explain, explain_refusal, not_an_answer
from softmax_visualizer.models.ladder import (
    CUT_SHORT,
    MOST_TRIES,
    climb,
    denies_logprobs,
    first_parameters,
    largest_count,
)
from softmax_visualizer.models.reasons import is_about_model, is_about_use
from softmax_visualizer.models.refusal import Refusal, error_in, pause_in

Learnt = dict[tuple[str, str, str], Mapping[str, Any] | None]
"""How a model likes to be asked: the parameters by endpoint, framing and name; None if it is of no use."""


MOST_LISTED_AHEAD = 100
"""Tokens at each place of an answer to a request for many places; a vocabulary at each would be gigabytes."""

FORCED = [["a", 100]]
"""Has llama.cpp sample an "a": after half a character or an end of text it reports no log-probabilities. What
is sampled decides nothing of those that it reports, which are without this bias."""


class RefusedError(ModelError):
    """A server refused a request; ``refusal`` holds its words, the text says what to do."""

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message)
        self.refusal = refusal

    @property
    def is_of_the_model(self) -> bool:
        """Whether another model of the same server may well answer."""
        refusal = self.refusal
        return refusal.status < 500 and (
            denies_logprobs(refusal) or is_about_use(refusal) or is_about_model(refusal)
        )


class Questions:
    """Questions about next tokens, in the framing and to the server of a configuration.

    What the server teaches about how to be asked is kept in ``learnt``.
    """

    def __init__(self, configuration: Configuration, connection: Connection, learnt: Learnt) -> None:
        self._configuration = configuration
        self._connection = connection
        self._learnt = learnt
        self._most: dict[str, int] = {}
        self.engine: str | None = None
        """The engine of the server, once it is known: it decides how an answer is continued."""
        self._framed: dict[str, str | None] = {}
        self._refused: frozenset[ContinuedBy] = frozenset()
        self._one_at_a_time: set[str] = set()

    async def ask(
        self, model: str, place: Place, changes: Mapping[str, Any]
    ) -> tuple[TopLogprobs, dict[str, Any]]:
        """Ask until the server is content with the request, or nothing is left to change in it.

        What it was content with is learnt, unless it was asked with changes.

        Args:
            model: its name.
            place: whose next token is asked for.
            changes: parameters that are not those of a question for the model's own distribution.

        Returns:
            The server's list, and the body of the request that brought it.

        Raises:
            RefusedError: the server refused the request whatever was changed in it.
            ModelError: it answered, but without a list that can be used.
        """
        parameters: dict[str, Any] | None = {**self.parameters(model), **changes}
        refused: list[tuple[dict[str, Any], frozenset[ContinuedBy]]] = []
        ways = self._refused
        failure: ModelError = ModelError(NO_LOGPROBS)
        for _ in range(MOST_TRIES):
            if parameters is None or (parameters, ways) in refused:
                break
            body = self.body(model, place, parameters, ways)
            try:
                (top, *_), _ = await self._attempt(body)
            except RefusedError as error:
                refused.append((parameters, ways))
                failure, changed = error, climb(parameters, error.refusal)
                if changed is None and error.refusal.status in (400, 422):
                    # nothing to change in how many tokens are asked for and at which settings
                    further = self._without(ways, place)
                    changed, ways = (None, ways) if further is None else (parameters, further)
                parameters = changed
            except NoTokenError as error:
                # the end of the text was drawn: the next draw may differ, so the same request is sent again
                failure = error
                parameters = climb(parameters, CUT_SHORT) if error.finish_reason == "length" else parameters
            except ModelError as error:
                if self.engine != "llama.cpp" or "logit_bias" in parameters:
                    raise
                failure, parameters = error, {**parameters, "logit_bias": FORCED}
            else:
                self._refused = ways
                if not changes and "logit_bias" not in parameters:
                    self.learn(model, parameters)
                return top, body
        raise failure

    def _without(self, refused: frozenset[ContinuedBy], place: Place) -> frozenset[ContinuedBy] | None:
        """Return what is refused once the way of a place is refused too; None if no other way is left."""
        _, way = self._put(place, refused)
        with suppress(ModelError):
            if place.after and self._put(place, refused | {way})[1] != way:
                return refused | {way}
        return None

    async def deepest(self, model: str, place: Place, size: int) -> tuple[TopLogprobs, dict[str, Any]] | None:
        """Ask for all that the server lists of a vocabulary; None where that is no more than usual.

        How many that is, is kept: beyond it, the server is asked once only.

        Raises:
            RefusedError: the server refused for another reason than the number.
            ModelError: it answered, but without a list that can be used.
        """
        parameters = self.parameters(model)
        usual, count = asked(parameters), self._most.get(model, size)
        for _ in range(MOST_TRIES):
            if count <= usual:
                break
            body = self.body(model, place, {**parameters, _count(parameters): count})
            try:
                (top, *_), _ = await self._attempt(body)
            except RefusedError as error:
                limit = largest_count(error.refusal)
                if limit is None and error.refusal.status not in (200, 400, 422):
                    raise
                # one that names no number, or the one that it refused, would refuse any
                count = self._most[model] = limit if limit is not None and limit < count else usual
            except NoTokenError:
                continue
            else:
                self._most[model] = min(count, len(top.tokens))
                return top, body
        return None

    async def ahead(
        self, model: str, place: Place, count: int
    ) -> tuple[tuple[TopLogprobs, ...], tuple[Token, ...], dict[str, Any]]:
        """Ask for several places in one request, in the way that the model likes to be asked.

        That a model refuses so many is kept, if it answers for one: see :meth:`goes_ahead`.

        Returns:
            The lists of up to ``count`` places, the tokens that the server sampled there, and the body.

        Raises:
            RefusedError: the server refused the request.
            ModelError: it answered, but there is not even one list.
        """
        parameters = dict(self.parameters(model))
        # what says which token is to be sampled would have it sampled everywhere
        parameters.pop("logit_bias", None)
        cap = "max_completion_tokens" if "max_completion_tokens" in parameters else "max_tokens"
        # a model that was found to refuse few tokens would refuse a count below that
        body = self.body(model, place, {**parameters, cap: max(count, parameters.get(cap, 1))})
        tops, sampled = await self._attempt(body, count)
        return tops, sampled, body

    def goes_ahead(self, model: str) -> bool:
        """Whether it is worth while to ask a model for several places at once.

        Not before it is known how it likes to be asked, nor where it was found to answer for one place only,
        nor where a person wants so many tokens listed that an answer would be many times as long.
        """
        if not self.has_learnt(model) or model in self._one_at_a_time:
            return False
        return asked(self.parameters(model)) <= MOST_LISTED_AHEAD

    def goes_one_at_a_time(self, model: str) -> None:
        """Keep that a model answers for one place, but refuses to answer for several."""
        self._one_at_a_time.add(model)

    async def sample(
        self, model: str, place: Place, parameters: Mapping[str, Any], count: int
    ) -> list[Token | None]:
        """Ask for samples of the next token; None is one of which the server does not say what it is.

        Args:
            model: its name.
            place: whose next token is sampled.
            parameters: what is sampled from; none is left out where the server refuses it.
            count: how many samples one request is to bring.

        Raises:
            RefusedError: the server refused the request.
            ModelError: its answer is none.
        """
        usual = dict(self.parameters(model))
        usual.pop("logit_bias", None)
        body = self.body(model, place, {**usual, _count(usual): 1, **parameters})
        answer = await self._completed({**body, "n": count} if count > 1 else body)
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices:
            raise ModelError("The server answered without any text. Ask again, or choose another model.")
        return [sampled_in(choice) for choice in choices]

    async def split(self, text: str) -> tuple[Token, ...]:
        """Return a text as tokens, from a server that has llama.cpp's way to say so.

        Raises:
            ModelError: it has not.
        """
        import openai

        try:
            answer = await self._connection.post("/tokenize", {"content": text, "with_pieces": True})
        except openai.APIStatusError as error:
            if error.status_code not in (400, 404, 405, 422, 501):
                raise
            # which takes the secrets out of the cause too
            explain(error, self._configuration)
            raise ModelError(CANNOT_SPLIT) from error
        return pieces_in(answer)

    async def _attempt(
        self, body: dict[str, Any], most: int = 1
    ) -> tuple[tuple[TopLogprobs, ...], tuple[Token, ...]]:
        """Return the lists in an answer, at least one, and the tokens that were sampled from them.

        Raises as :meth:`ask` does if there is none.
        """
        answer = await self._completed(body)

        def read() -> tuple[tuple[TopLogprobs, ...], tuple[Token, ...]]:
            with no_cycles_sought():
                return parse_places(answer, asked(body), most, begun_in(body))

        return await asyncio.to_thread(read)

    async def _completed(self, body: dict[str, Any]) -> Mapping[str, Any]:
        """Return the server's answer to a request, one with choices in it.

        Raises:
            RefusedError: the server refused the request.
            ModelError: it is no answer.
        """
        import openai

        try:
            answer = await self._connection.complete(body)
        except openai.APIStatusError as error:
            failure = explain(error, self._configuration, body["model"])
            refusal = Refusal.from_body(error.status_code, error.body)
            refusal = replace(refusal, pause=pause_in(error.response.headers))
            raise RefusedError(str(failure), refusal) from error
        return await asyncio.to_thread(self._checked, answer, body)

    def _checked(self, answer: object, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if isinstance(answer, list) and any(
            isinstance(piece, Mapping) and "choices" in piece for piece in answer
        ):
            answer = put_together(piece for piece in answer if isinstance(piece, Mapping))
        if refusal := error_in(answer):
            raise RefusedError(str(explain_refusal(refusal, self._configuration, body["model"])), refusal)
        if not isinstance(answer, Mapping) or "choices" not in answer:
            raise not_an_answer(answer, self._configuration)
        return answer

    def _key(self, model: str) -> tuple[str, str, str]:
        return self._configuration.endpoint, self._configuration.framing, model

    def parameters(self, model: str) -> Mapping[str, Any]:
        """Return what a request to a model holds beside it and the prompt, as far as is known by now."""
        return self._learnt.get(self._key(model)) or self.first_parameters(model)

    def first_parameters(self, model: str) -> Mapping[str, Any]:
        """Return what a request holds as long as nothing is known of how the model likes to be asked."""
        parameters = first_parameters(model, self._configuration.framing)
        wanted = self._configuration.top_logprobs
        return {**parameters, _count(parameters): wanted} if isinstance(wanted, int) else parameters

    def learn(self, model: str, parameters: Mapping[str, Any]) -> None:
        """Keep how a model likes to be asked."""
        self._learnt[self._key(model)] = parameters

    def has_learnt(self, model: str) -> bool:
        """Whether it is known how a model likes to be asked."""
        return bool(self._learnt.get(self._key(model)))

    def most(self, model: str) -> int | None:
        """Return how many tokens a model was found to list at most; None while it was not tried."""
        return self._most.get(model)

    def find_useless(self, model: str) -> None:
        """Learn that a model is not to be chosen again where none was named."""
        self._learnt[self._key(model)] = None

    def is_useless(self, model: str) -> bool:
        """Whether that was learnt."""
        return self._learnt.get(self._key(model), {}) is None

    def request(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a body with the address that it is sent to, as it may be shown."""
        path = "/chat/completions" if "messages" in body else "/completions"
        return {"url": self._configuration.endpoint + path + self._configuration.query, "body": body}

    def body(
        self,
        model: str,
        place: Place,
        parameters: Mapping[str, Any],
        refused: frozenset[ContinuedBy] | None = None,
    ) -> dict[str, Any]:
        """Return the body of a request, with the prompt framed as the configuration says.

        Args:
            model: its name.
            place: whose next token is asked for.
            parameters: what the body holds beside the two.
            refused: ways of going on that are not taken; those that the server was found to refuse unless
                given.
        """
        put, _ = self._put(place, refused)
        if "prompt" in put and "top_logprobs" in parameters:
            # a bare completion has the number of tokens under another name
            rest = {name: value for name, value in parameters.items() if name != "top_logprobs"}
            parameters = {**rest, "logprobs": parameters["top_logprobs"]}
        return {"model": model, **put, **parameters}

    def way(self, place: Place) -> ContinuedBy:
        """Return how the answer so far is put to the model."""
        return self._put(place)[1]

    def _put(
        self, place: Place, refused: frozenset[ContinuedBy] | None = None
    ) -> tuple[dict[str, Any], ContinuedBy]:
        framed = self._framed.get(place.prompt)
        refused = self._refused if refused is None else refused
        return put(self._configuration.framing, self.engine, place, framed, refused)

    async def frame(self, place: Place) -> None:
        """Learn how the model's chat template frames a prompt, where its answer can go on by ids then."""
        wanted = place.after and self._configuration.framing == "answer" and takes_ids(self.engine, place)
        if not wanted or place.prompt in self._framed:
            return
        import openai

        self._framed[place.prompt] = None
        message = {"role": "user", "content": place.prompt}
        with suppress(openai.APIError, ModelError):
            answer = await self._connection.post("/apply-template", {"messages": [message]})
            framed = answer.get("prompt") if isinstance(answer, Mapping) else None
            self._framed[place.prompt] = framed if isinstance(framed, str) else None


def asked(body: Mapping[str, Any]) -> int:
    """Return how many tokens a body asks for; in a bare completion ``logprobs`` is that number."""
    return int(body.get("top_logprobs", body["logprobs"]))


def _count(parameters: Mapping[str, Any]) -> str:
    """Return the name of the parameter that says how many tokens are to be listed."""
    return "top_logprobs" if "top_logprobs" in parameters else "logprobs"
