"""A language model behind an OpenAI-compatible server: OpenAI, llama.cpp, vLLM, Ollama and many more.

Every request is for temperature 1 and top-p 1, where all servers agree on what a log-probability is: some
report the model's own, some rescale and cut them by the request's settings. The decoding is done here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import date
from typing import Any, TypeVar, get_args

from softmax_visualizer.decoding import DistributionError, Token, TokenDistribution
from softmax_visualizer.decoding.distribution import FLOAT32_ROUNDING, MASS_TOLERANCE
from softmax_visualizer.decoding.generation import ContinuedBy
from softmax_visualizer.decoding.sampling import Counts
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.models.answers import CANNOT_SPLIT, TopLogprobs
from softmax_visualizer.models.base import Abilities, Framing, ModelAnswer, ModelError, Source
from softmax_visualizer.models.choice import AT_OPENAI, USUAL_MODEL, announced_end, choose
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.connection import Connection
from softmax_visualizer.models.continuing import Place
from softmax_visualizer.models.failures import explain, explain_refusal
from softmax_visualizer.models.ladder import TOP_LOGPROBS
from softmax_visualizer.models.listing import ListedModel, Listing
from softmax_visualizer.models.questions import Learnt, Questions, RefusedError, asked
from softmax_visualizer.models.refusal import error_in, one_line
from softmax_visualizer.models.sampling import Teller, samples, sampling_parameters
from softmax_visualizer.models.vocabulary import (
    ASSUMED_VOCABULARY_SIZE,
    is_one_size,
    known_vocabulary_size,
)

_Answer = TypeVar("_Answer")

TRIED_AGAIN = "The first request failed; this is the answer to a second one."

LISTING_TIMEOUT = 2.0
"""Seconds that looking up the models may delay an answer."""

_OWNERS = {"llamacpp": "llama.cpp", "vllm": "vLLM", "sglang": "SGLang", "library": "Ollama"}
"""Engines by what they say, in their list of models, that a model is owned by."""

_MOST_LISTINGS = 3
"""How often a list that does not come in time is asked for."""

_MOST_MODELS = 3
"""How many models are asked where none was named and the first are of no use."""


class OpenAICompatibleModel:
    """The model that a :class:`Configuration` names, on the server that it names.

    What the server taught about how to be asked, and its list of models, are kept for the next question.
    """

    source: Source = "openai"

    def __init__(
        self,
        configuration: Configuration,
        connection: Connection | None = None,
        *,
        today: date | None = None,
        learnt: Learnt | None = None,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            configuration: which model, and how.
            connection: how the server is reached; by the configuration alone unless given.
            today: decides which models are about to end; the real day unless given.
            learnt: what was learnt before; what is learnt now is added.
        """
        self._configuration = configuration
        self._connection = connection or Connection(configuration)
        self._today = today or date.today()
        self._questions = Questions(configuration, self._connection, {} if learnt is None else learnt)
        self._model = configuration.model
        # OpenAI's own list says nothing that a question to a named model needs
        self._listing = Listing() if configuration.is_openai and configuration.model else None
        self._late_listings = 0
        self._lists_none = False
        self._latest: tuple[Place, TopLogprobs, dict[str, Any]] | None = None
        self._most_ahead: int | None = None

    @property
    def name(self) -> str:
        """The model's name; "default model" until the server has said which one that is."""
        return self._model or (self._unlisted if self._configuration.is_openai else "default model")

    @property
    def endpoint(self) -> str:
        """The server's base URL, without credentials."""
        return self._configuration.endpoint

    def request(self, prompt: str) -> Mapping[str, Any]:
        """Return ``{"url": ..., "body": ...}``: what :meth:`ask` would send, as far as is known by now."""
        model = self._model or self._unlisted
        parameters = self._questions.parameters(model)
        return self._questions.request(self._questions.body(model, Place(prompt), parameters))

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> ModelAnswer:
        """Return the distribution of the token after ``prompt``, at temperature 1.

        Cancelling closes the connection.

        Args:
            prompt: what is asked.
            after: tokens of the answer that the model is to go on from.
            whole: have as many tokens listed as the server will. How many that is, is kept for the next
                question: beyond it, the server is asked once only.

        Raises:
            ModelError: there is none, with the reason and the remedy.
        """
        _check(prompt)
        return await self._bounded(self._ask, Place(prompt, after), whole)

    async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> tuple[ModelAnswer, ...]:
        """Return the distributions at up to ``count`` places, in one request; see :class:`LanguageModel`.

        A server that does not write so many tokens within the time that is set for a question is asked for
        one, for which it has all of that time again, and for a quarter as many from then on.
        """
        _check(prompt)
        place = Place(prompt, after)
        count = min(count, self._most_ahead or count)
        if count > 1:
            try:
                answers = await self._bounded(self._ask_ahead, place, count)
            except ModelError as error:
                if not isinstance(error.__cause__, TimeoutError):
                    raise
                self._most_ahead, answers = max(1, count // 4), ()
            if answers:
                return answers
        return (await self._bounded(self._ask, place, False),)

    async def split(self, text: str) -> tuple[Token, ...]:
        """Return a text as the model's own tokens; raises ModelError where the server does not say."""
        return await self._bounded(self._split, text)

    async def _split(self, text: str) -> tuple[Token, ...]:
        await self._find_engine()
        if self._questions.engine not in (None, "llama.cpp"):
            raise ModelError(CANNOT_SPLIT)
        return await self._questions.split(text)

    async def samples(
        self, answer: ModelAnswer, settings: DecodingSettings, count: int, *, defaults: bool = False
    ) -> AsyncGenerator[Counts, None]:
        """Have the server sample the next token ``count`` times, and yield the counts as they come.

        Raises:
            ModelError: the server failed or refused, with the reason; what came before was yielded.
        """
        place, model = Place(answer.prompt, answer.after), self._model or self._unlisted
        await self._bounded(self._approach, place)
        await self._bounded(self._find_engine)
        parameters = sampling_parameters(settings, self._questions.engine, defaults=defaults)

        def ask(number: int) -> Awaitable[list[Token | None]]:
            return self._bounded(self._questions.sample, model, place, parameters, number)

        tell = await asyncio.to_thread(Teller, answer.distribution)
        async for came in samples(ask, count):
            yield tell.counts(came)

    async def reported(self, prompt: str, **parameters: Any) -> TopLogprobs | None:
        """Return the list that the server gives when it is asked with other parameters than :meth:`ask` does.

        None if it does not take them. This is for finding out what a server does with them, not for decoding.

        Raises:
            ModelError: there is no list, with the reason and the remedy.
        """
        top, body = await self._bounded(
            self._questions.ask, self._model or self._unlisted, Place(prompt), parameters
        )
        return top if parameters.items() <= body.items() else None

    @property
    def asked(self) -> int:
        """How many tokens the server is asked to list."""
        return asked(self._questions.parameters(self._model or self._unlisted))

    @property
    def abilities(self) -> Abilities:
        """What it can do, as far as the server has taught by now."""
        return Abilities(framings=get_args(Framing), takes_settings=True)

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
            raise explain(error, self._configuration, self._model or self._unlisted) from error

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

    async def _ask_ahead(self, place: Place, count: int) -> tuple[ModelAnswer, ...]:
        """Return the answers about up to ``count`` places; none where one is to be asked about as ever.

        That is so until it is known how the server likes to be asked, and where it refuses so many.
        """
        if self._model is None or not self._questions.goes_ahead(self._model):
            return ()
        await self._approach(place)
        tries, way = self._connection.second_tries, self._questions.way(place)
        try:
            tops, sampled, body = await self._questions.ahead(self._model, place, count)
        except RefusedError as error:
            # some report an invalid request as their own failure
            if error.refusal.status not in (200, 400, 413, 422) and error.refusal.status < 500:
                raise
            answer = await self._ask(place, False)
            if error.refusal.status != 200 and self._questions.way(place) == way:
                self._questions.goes_one_at_a_time(self._model)
            return (answer,)
        except ModelError:
            # it may have sampled the end of the text at once, and then says nothing of it
            return ()
        # what the server went on with itself, it did token by token, however it was brought to where it began
        listing, answers = await self._known_listing(), []
        again = (TRIED_AGAIN,) if self._connection.second_tries > tries else ()
        for number, top in enumerate(tops):
            there = Place(place.prompt, (*place.after, *sampled[:number]))
            notes = again + top.notes + self._notes(self._shown(top.model), body)
            answers.append(await self._answer(there, way, top, body, listing, notes))
        return tuple(answers)

    async def _approach(self, place: Place) -> None:
        """Find out what decides how the answer so far is put to the server."""
        if place.after:
            await self._find_engine()
            await self._questions.frame(place)

    async def _find_engine(self) -> None:
        """Learn the server's engine from its list of models, where no answer has told it yet."""
        if self._questions.engine is None:
            self._questions.engine = self._engine(await self._known_listing())

    async def _ask(self, place: Place, whole: bool) -> ModelAnswer:
        await self._approach(place)
        tries = self._connection.second_tries
        looking_up = asyncio.create_task(self._known_listing())
        notes: tuple[str, ...] = ()
        top: TopLogprobs | None
        try:
            if self._model is None:
                top, body, notes = await self._ask_first_choice(place, await looking_up)
            elif not (whole and self._questions.has_learnt(self._model)):
                # in the usual way first, where it is not known yet how the server likes to be asked
                top, body = await self._questions.ask(self._model, place, {})
            else:
                top, body = None, {"model": self._model}
            listing = await looking_up
            model = body["model"]
            if whole:
                size, _ = self._vocabulary_size(model, 2, listing)
                top, body = await self._questions.deepest(model, place, size) or (top, body)
            if top is None and self._latest is not None and self._latest[0] == place:
                _, top, body = self._latest
            elif top is None:
                top, body = await self._questions.ask(model, place, {})
        except ModelError as error:
            if self._model is None and self._lists_none:
                raise ModelError(
                    f"{error} The server lists no models: load one there, or name one."
                ) from error
            raise
        finally:
            looking_up.cancel()
        way = self._questions.way(place)
        self._model, self._latest = body["model"], None if whole else (place, top, body)
        again = self._connection.second_tries > tries
        notes += ((TRIED_AGAIN,) if again else ()) + top.notes + self._notes(self._shown(top.model), body)
        return await self._answer(place, way, top, body, listing, notes)

    async def _answer(
        self,
        place: Place,
        way: ContinuedBy,
        top: TopLogprobs,
        body: Mapping[str, Any],
        listing: Listing,
        notes: tuple[str, ...],
    ) -> ModelAnswer:
        engine = self._engine(listing, is_llama_cpp=top.summed_one_by_one)
        self._questions.engine = self._questions.engine or engine
        return ModelAnswer(
            prompt=place.prompt,
            distribution=await asyncio.to_thread(self._distribution, top, listing),
            model=self._shown(top.model) or self.name,
            source=self.source,
            endpoint=self.endpoint,
            request=self._questions.request(body),
            engine=engine,
            notes=notes,
            after=place.after,
            continued_by=way,
        )

    async def _ask_first_choice(
        self, place: Place, listing: Listing
    ) -> tuple[TopLogprobs, dict[str, Any], tuple[str, ...]]:
        """Ask the model that promises most, and the next where that one is of no use; say so in a note."""
        if not listing.names and self._configuration.is_openai:
            listing = AT_OPENAI
        failure: RefusedError | None = None
        useless = [name for name in listing.names if self._questions.is_useless(name)]
        notes: tuple[str, ...] = ()
        model = choose(listing, self._today, useless) or choose(listing, self._today) or self._unlisted
        for _ in range(_MOST_MODELS):
            try:
                top, body = await self._questions.ask(model, place, {})
            except RefusedError as error:
                failure = failure or error
                if not error.is_of_the_model:
                    break
                useless.append(model)
                self._questions.find_useless(model)
                notes += (f"{self._shown(model)} cannot be asked for log-probabilities.",)
            else:
                return top, body, notes
            try:
                following = choose(listing, self._today, useless)
            except ModelError:
                break
            if following is None:
                break
            model = following
        assert failure is not None
        raise failure

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        """Whether the server may list more tokens than an answer has, if it is asked for all."""
        listed, size = len(answer.distribution), answer.distribution.vocabulary_size
        most = self._questions.most(self.name)
        return (size is None or listed < size) and (most is None or listed < most)

    async def _listed(self) -> Listing:
        answer = await self._connection.models()
        return await asyncio.to_thread(self._listing_in, answer)

    def _listing_in(self, answer: object) -> Listing:
        try:
            return Listing.parse(answer)
        except ModelError as error:
            if refusal := error_in(answer):
                raise explain_refusal(refusal, self._configuration, None) from error
            raise

    async def _known_listing(self) -> Listing:
        """Return the server's list of models, fetched once; an empty one where it cannot be had at once."""
        import openai

        if self._listing is None and self._late_listings < _MOST_LISTINGS:
            try:
                async with asyncio.timeout(LISTING_TIMEOUT):
                    listing = await self._listed()
                # an empty one is asked for again: the server may be loading a model
                self._listing = listing if listing.names else None
                self._lists_none = not listing.names
            except TimeoutError:
                self._late_listings += 1
            except openai.APIConnectionError:
                pass  # the server may be starting: worth asking again next time
            except Exception:
                self._listing = Listing()
        return self._listing or Listing()

    @property
    def _unlisted(self) -> str:
        """The model to ask where none was named and the server's list is not known, or empty."""
        likely = choose(AT_OPENAI, self._today) if self._configuration.is_openai else None
        return likely or USUAL_MODEL

    def _distribution(self, top: TopLogprobs, listing: Listing) -> TokenDistribution:
        size, assumed = self._vocabulary_size(top.model or self.name, len(top.tokens), listing)
        rounding = FLOAT32_ROUNDING * size if top.summed_one_by_one else MASS_TOLERANCE
        try:
            return TokenDistribution.from_top_logprobs(
                top.tokens,
                top.logprobs,
                size,
                vocabulary_assumed=assumed,
                is_top=top.is_top,
                odds_only=top.odds_only,
                mass_tolerance=rounding,
            )
        except DistributionError as error:
            remedy = "Choose another model or server."
            if size < len(top.tokens):
                remedy = "Correct --vocabulary-size or SOFTMAX_VISUALIZER_VOCABULARY_SIZE, or leave it out."
            raise ModelError(f"The server's list cannot be used. {error} {remedy}") from error

    def _engine(self, listing: Listing, *, is_llama_cpp: bool = False) -> str | None:
        """Return the name of the engine that answered, as far as its list of models or its answer tells."""
        if self._configuration.is_openai:
            return "OpenAI"
        owners = {each.owner for each in listing.models.values()}
        # a server of one model answers with it whatever name it is asked by
        only = ListedModel(owner=owners.pop()) if len(owners) == 1 else ListedModel()
        owner = listing.models.get(self.name, only).owner
        return _OWNERS.get(owner or "", "llama.cpp" if is_llama_cpp else None)

    def _vocabulary_size(self, model: str, least: int, listing: Listing) -> tuple[int, bool]:
        """Return the number of tokens in the vocabulary, and whether that is an assumed upper bound."""
        if self._configuration.vocabulary_size is not None:
            return self._configuration.vocabulary_size, False
        for size, assumed in (
            (listing.vocabulary_size(self.name), False),
            (known_vocabulary_size(model), not is_one_size(model)),
        ):
            if size is not None and size >= least:
                return size, assumed
        return max(ASSUMED_VOCABULARY_SIZE, least), True

    def _shown(self, text: str | None) -> str:
        """Return a server's text as it may be shown."""
        return one_line(self._configuration.redact(text or ""))

    def _notes(self, answered: str, body: Mapping[str, Any]) -> tuple[str, ...]:
        notes = []
        first = asked(self._questions.first_parameters(body["model"]))
        if (count := asked(body)) < first:
            notes.append(f"This model lists at most {count} tokens, not the {first} asked for first.")
        elif count < TOP_LOGPROBS and not isinstance(self._configuration.top_logprobs, int):
            notes.append(f"Models of this kind list at most {count} tokens.")
        if answered and not _same_model(answered, self.name):
            notes.append(f"The answer came from {answered}, not from {self.name}.")
        if end := self.announced_end:
            notes.append(f"{self.name} is announced to be shut down on {end:%Y-%m-%d}.")
        return tuple(notes)


def _check(prompt: str) -> None:
    """Raise ModelError for a prompt that no server accepts."""
    if not prompt:
        raise ModelError("The prompt is empty. Write some text first.")
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise ModelError(
            f"The prompt holds half a character (U+{ord(prompt[error.start]):04X}), which no server "
            "accepts. Remove it."
        ) from error


def _same_model(answered: str, asked: str) -> bool:
    """Whether the names mean one model: equal, but for a vendor in front and a date behind."""
    left, right = answered.lower().rpartition("/")[2], asked.lower().rpartition("/")[2]
    return left.startswith(right) or right.startswith(left)
