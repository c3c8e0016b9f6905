"""A server's own samples: the same question again and again, at a person's settings, one token each.

What this asks is not for decoding: it is to find out what the server's decoder does with the settings.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from softmax_visualizer.decoding.sampling import Counts
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.questions import RefusedError

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Token
    from softmax_visualizer.decoding.distribution import TokenDistribution

Ask = Callable[[int], Awaitable["list[Token | None]"]]
"""Asks a server for so many samples in one request; None is one that it does not tell."""

TOGETHER = 4
"""Requests that are under way at once: as many as llama.cpp has slots, and few enough for any server."""

COMPLETIONS = (16, 4, 1)
"""Samples that one request asks for (``n``): as many as the server takes, tried in this order."""

MOST_WAITS = 5
"""How often in a row a server that limits the rate is waited for."""

LONGEST_WAIT = 60.0
"""Seconds that one such wait takes at the most."""

_OFF: Mapping[str, Mapping[str, Any]] = {
    "llama.cpp": {"top_k": 0, "min_p": 0.0},
    "Ollama": {"top_k": 0, "min_p": 0.0},
    "vLLM": {"top_k": 0, "min_p": 0.0},
    "SGLang": {"top_k": -1, "min_p": 0.0},
    "mlx": {"top_k": 0, "min_p": 0.0},
}
"""What engines are told where a cut is to be off; to others these names would be unknown."""


def sampling_parameters(settings: DecodingSettings, engine: str | None, *, defaults: bool) -> dict[str, Any]:
    """Return what tells a server to sample at settings.

    Args:
        settings: its order is not sent: it is what the samples tell.
        engine: of the server, as far as it is known.
        defaults: leave the engine's own cuts where the settings have none, rather than switching them off.
    """
    parameters: dict[str, Any] = {"temperature": settings.temperature, "top_p": settings.top_p}
    if not defaults:
        parameters |= _OFF.get(engine or "", {})
    if settings.top_k is not None:
        parameters["top_k"] = settings.top_k
    if settings.min_p > 0:
        parameters["min_p"] = settings.min_p
    return parameters


_UNTOLD = -1

_LOOKS_SPECIAL = re.compile(r"<[|/]?\w+[|]?>|\[[A-Z_]+\]")


class Teller:
    """Knows which listed token a sampled one is."""

    def __init__(self, distribution: TokenDistribution) -> None:
        tokens = list(enumerate(distribution.tokens))[::-1]
        # of several tokens that spell the same the most likely one is meant, where nothing else tells
        self._by_id = {token.id: index for index, token in tokens if token.id is not None}
        self._by_spelling = {token.raw or token.text: index for index, token in tokens}
        ends = [index for index, token in reversed(tokens) if token.ends]
        # a name that nobody knows as an end, but that looks like nothing else
        ends += [index for index, token in reversed(tokens) if _LOOKS_SPECIAL.fullmatch(token.text)]
        self._end = ends[0] if ends else _UNTOLD
        self._named = distribution.is_named

    def index(self, token: Token | None) -> int | None:
        """Return the index of a token; None if it is not listed, and -1 if it cannot be told which it is."""
        if token is None:
            return _UNTOLD
        if token.id is not None and self._by_id:
            return self._by_id.get(token.id)
        if token.ends:
            return self._end
        index = self._by_spelling.get(token.raw or token.text)
        return _UNTOLD if index is not None and not self._named(index) else index

    def counts(self, tokens: Sequence[Token | None]) -> Counts:
        """Count samples; None is one that the server did not tell."""
        found = Counter(map(self.index, tokens))
        rest, untold = found.pop(None, 0), found.pop(_UNTOLD, 0)
        pairs = ((index, count) for index, count in found.items() if index is not None)
        return Counts(tuple(sorted(pairs)), rest, untold)


async def samples(ask: Ask, wanted: int) -> AsyncIterator[list[Token | None]]:
    """Yield samples as they come, until there are as many as wanted.

    Args:
        ask: asks for so many samples in one request, and brings as many, or fewer, or raises ModelError.
        wanted: how many in all.

    Raises:
        ModelError: the server failed or refused; what came before was yielded.
    """
    sizes = [size for size in COMPLETIONS if size <= wanted]
    left, waits, together = wanted, 0, 1
    while left > 0:
        starts = range(0, min(left, sizes[0] * together), sizes[0])
        answers = await _all(ask(min(sizes[0], left - start)) for start in starts)
        failures = [answer for answer in answers if not isinstance(answer, list)]
        for came in answers:
            if isinstance(came, list) and left > 0:
                yield came[:left]
                left, waits = left - len(came), 0
                # one that brings fewer than it is asked for takes no number
                sizes = [min(sizes[0], max(len(came), 1))] if len(came) < sizes[0] else sizes
        if not failures:
            together = TOGETHER
            continue
        limited = [each for each in failures if isinstance(each, RefusedError) and each.refusal.status == 429]
        refused = [each for each in failures if isinstance(each, RefusedError) and each not in limited]
        if limited and waits < MOST_WAITS:
            waits, together = waits + 1, 1
            await asyncio.sleep(min(max(each.refusal.pause for each in limited), LONGEST_WAIT))
        elif refused and len(sizes) > 1:
            sizes = sizes[1:]
        else:
            raise failures[0]


async def _all(asking: Iterable[Awaitable[list[Token | None]]]) -> list[list[Token | None] | BaseException]:
    """Return what comes of all requests, each samples or a ModelError; cancelled, they all are."""
    tasks = [asyncio.ensure_future(each) for each in asking]
    try:
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in tasks:
            task.cancel()
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, ModelError):
            raise answer
    return answers
