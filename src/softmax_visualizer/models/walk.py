"""Writing an answer token by token, with as few requests as that takes.

A server is asked for many tokens at once, at T = 1 and without cuts. Each of its places is the model's own
distribution after the tokens that the server sampled before. As long as the token chosen here is the one that
the server sampled too, the next place is at hand; from the first departure on it is asked again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import pairwise
from random import Random

from softmax_visualizer.decoding import DecodingSettings, Token, decode
from softmax_visualizer.decoding.generation import ChosenBy, Generation, Step
from softmax_visualizer.models.base import LanguageModel, ModelAnswer, ModelError

Ask = Callable[[tuple[Token, ...], int, bool], Awaitable[ModelAnswer]]
"""Asks for the place after some tokens of an answer; how many places are wanted from there on, and whether
the whole vocabulary is."""

NOT_LISTED = (
    "The random number falls on a token that the server does not show, so the answer ends here. "
    "A lower top-p, or another seed, goes on."
)


class Ahead:
    """A model with the places that it has told already; ``requests`` counts how often it was asked."""

    def __init__(self, model: LanguageModel, prompt: str) -> None:
        self._model, self._prompt = model, prompt
        self._known: dict[tuple[Token, ...], ModelAnswer] = {}
        self.requests = 0

    async def ask(self, after: tuple[Token, ...], count: int, whole: bool) -> ModelAnswer:
        """Return the answer at a place; see :data:`Ask`."""
        if whole:
            self.requests += 1
            return await self._model.ask(self._prompt, after=after, whole=True)
        if after not in self._known:
            self.requests += 1
            for answer in await self._model.ask_ahead(self._prompt, after, count):
                self._known.setdefault(answer.after, answer)
        return self._known[after]


def chances(seed: int, start: int) -> Random:
    """Return the source of the random numbers of an answer, at a place: each place has its own number.

    So the same seed has the same numbers at any settings, and two answers part where the settings part them.
    """
    source = Random(seed)
    for _ in range(start):
        source.random()
    return source


async def write(
    ask: Ask,
    generation: Generation,
    settings: DecodingSettings,
    length: int,
    seed: int,
    *,
    greedy: bool = False,
    goes_deeper: Callable[[ModelAnswer], bool] = lambda answer: False,
) -> AsyncIterator[Step]:
    """Write an answer on, a step at a time, until it has ``length`` tokens or the model ends it.

    Args:
        ask: asks the model.
        generation: what is there already.
        settings: what each token is sampled with.
        length: tokens of the answer, those that are there included.
        seed: of the random numbers.
        greedy: take the most likely token instead; the first one of those that tie.
        goes_deeper: whether the model may list more tokens than an answer has.

    Raises:
        ModelError: it cannot go on, with the reason; the steps that came before hold.
    """
    source = chances(seed, len(generation))
    tokens = generation.tokens
    while len(tokens) < length and not (tokens and tokens[-1].ends):
        # one more place than steps are wanted: the next token's, which the screen shows then
        answer = await ask(tokens, length - len(tokens) + 1, False)
        chance = source.random()
        step = sampled(answer, settings, chance, greedy=greedy)
        if step is None and goes_deeper(answer):
            step = sampled(await ask(tokens, 1, True), settings, chance, greedy=greedy)
        if step is None:
            raise ModelError(NOT_LISTED)
        tokens = (*tokens, step.token)
        yield step


def sampled(
    answer: ModelAnswer, settings: DecodingSettings, chance: float, *, greedy: bool = False
) -> Step | None:
    """Return the step that a random number in [0, 1) samples; None if that is a token that is not listed."""
    index = 0 if greedy else decode(answer.distribution, settings).sample(chance)
    if index is None:
        return None
    by_chance = None if greedy else chance
    chosen_by: ChosenBy = "greedy" if greedy or settings.temperature == 0 else "sampled"
    token = answer.distribution.token(index)
    return Step(answer.distribution, token, index, chosen_by, answer.continued_by, by_chance, answer)


def sampled_by_server(answers: Sequence[ModelAnswer]) -> tuple[Step, ...]:
    """Return the steps that a server took itself, of places that it told in one request."""
    steps = []
    for answer, following in pairwise(answers):
        token = following.after[-1]
        index = answer.distribution.find(token, 0)
        steps.append(Step(answer.distribution, token, index, "server", answer.continued_by, None, answer))
    return tuple(steps)


async def score(
    ask: Ask,
    generation: Generation,
    tokens: tuple[Token, ...],
    *,
    goes_deeper: Callable[[ModelAnswer], bool] = lambda answer: False,
) -> AsyncIterator[Step]:
    """Put given tokens after what is there, a step at a time, with what the model says of each.

    Args:
        ask, generation, goes_deeper: as for :func:`write`.
        tokens: the model's own, of the text that is given.

    Raises:
        ModelError: it cannot go on, with the reason; the steps that came before hold.
    """
    before = generation.tokens
    for token in tokens:
        answer = await ask(before, 1, False)
        index = answer.distribution.find(token)
        if index is None and goes_deeper(answer):
            answer = await ask(before, 1, True)
            index = answer.distribution.find(token)
        listed = token if index is None else answer.distribution.token(index)
        yield Step(answer.distribution, listed, index, "given", answer.continued_by, None, answer)
        before = (*before, token)
