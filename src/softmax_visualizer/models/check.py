"""What a server can do: whether it reports log-probabilities, how many, and what they are.

Some servers report the model's own log-probabilities whatever the request's temperature, some rescale them by
it, some cut them by top-p. Two requests at T = 1 and T = 2 tell: what is scaled has half the differences at
T = 2. (Not T = 0, where scaling servers report the unscaled numbers, nor below 1, where fewer are usable.)
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from softmax_visualizer.decoding import Token
from softmax_visualizer.models.answers import TopLogprobs
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel

PROMPTS = ("The quick brown fox jumps over the", "My favourite colour is", "Once upon a time there was a")
"""Questions with many answers, of which one usually has enough of them to tell."""

_SENTINEL_BELOW = -50.0
"""Log-probabilities below this are stand-ins for "removed", not measurements."""

Scale = Literal["raw", "scaled", "unclear"]


@dataclass(frozen=True)
class EndpointCheck:
    """What was found out about a model on a server.

    ``seconds``: how long the first answer took.
    ``models``: names of the models that the server lists; None if it does not list them.
    ``listed``: number of log-probabilities in an answer; ``asked`` is how many were asked for.
    ``scale``, ``slope``: whether they follow the temperature; the slope of the differences at T = 2 against
    those at T = 1 is 1 where they do not, 1/2 where they do, None where it could not be measured.
    ``cut_by_top_p``: whether a lower top-p shortens the list or raises its mass; None if that is unclear.
    ``has_bytes``: whether tokens come with their bytes.
    ``vocabulary_size``, ``vocabulary_assumed``: as in the distribution.
    ``end``: the day on which the model is announced to be shut down.
    """

    endpoint: str
    model: str
    seconds: float
    models: tuple[str, ...] | None
    listed: int
    asked: int
    scale: Scale
    slope: float | None
    cut_by_top_p: bool | None
    has_bytes: bool
    vocabulary_size: int | None
    vocabulary_assumed: bool
    end: date | None
    notes: tuple[str, ...]

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Return what was found as a table: a heading and a phrase a line."""
        scales = {
            "raw": "raw: they do not follow the temperature",
            "scaled": "scaled: the server divides them by the temperature",
            "unclear": "unclear: whether they follow the temperature could not be measured",
        }
        slope = "" if self.slope is None else f" (slope {self.slope:.2f} from T = 1 to T = 2)"
        cuts = {None: "unclear", True: "cuts the list", False: "does not touch the list"}
        if self.models is None:
            models = "not listed by the server"
        else:
            more = f" and {len(self.models) - 3:,} more" if len(self.models) > 3 else ""
            models = f"{len(self.models):,}: {', '.join(self.models[:3])}{more}"
        size = "unknown" if self.vocabulary_size is None else f"{self.vocabulary_size:,} tokens"
        return (
            ("reachable", f"yes, first answer after {self.seconds * 1000:.0f} ms"),
            ("models", models),
            ("asked", self.model),
            ("log-probabilities", f"{self.listed} of the {self.asked} asked for"),
            ("their scale", scales[self.scale] + slope),
            ("top-p", cuts[self.cut_by_top_p]),
            ("bytes of tokens", "given" if self.has_bytes else "not given"),
            ("vocabulary", f"unknown, at most {size} are assumed" if self.vocabulary_assumed else size),
            ("announced end", f"{self.end:%Y-%m-%d}" if self.end else "none known"),
        )


async def check_endpoint(model: OpenAICompatibleModel) -> EndpointCheck:
    """Ask a server a few one-token questions and say what it can do.

    Raises:
        ModelError: it cannot be reached or reports no log-probabilities; the text says which, and what to do.
    """
    started = time.monotonic()
    answer = await model.ask(PROMPTS[0])
    seconds = time.monotonic() - started
    try:
        names: tuple[str, ...] | None = await model.names()
    except ModelError:
        names = None
    reported = await model.reported(PROMPTS[0])
    slope, cut = None, None
    for prompt in PROMPTS:
        try:
            cold = reported if prompt == PROMPTS[0] else await model.reported(prompt)
            hot = await model.reported(prompt, temperature=2)
            slope = _slope(cold, hot) if cold and hot else None
            if cold and slope is not None:
                shortened = await model.reported(prompt, top_p=0.5)
                cut = None if shortened is None else _is_cut(cold, shortened)
                break
        except ModelError:
            # a server may have no answer to being asked so, which leaves the question open
            continue
    return EndpointCheck(
        endpoint=model.endpoint,
        model=answer.model,
        seconds=seconds,
        models=names,
        listed=len(reported.tokens) if reported else 0,
        asked=model.asked,
        scale=_scale(slope),
        slope=slope,
        cut_by_top_p=cut,
        has_bytes=reported is not None and any(token.bytes for token in reported.tokens),
        vocabulary_size=answer.distribution.vocabulary_size,
        vocabulary_assumed=answer.distribution.vocabulary_assumed,
        end=model.announced_end,
        notes=answer.notes,
    )


def _scale(slope: float | None) -> Scale:
    if slope is not None and 0.75 <= slope <= 1.25:
        return "raw"
    return "scaled" if slope is not None and 0.4 <= slope <= 0.6 else "unclear"


def _slope(cold: TopLogprobs, hot: TopLogprobs) -> float | None:
    """Regress the differences at T = 2 on those at T = 1, through the origin: levels and noise cancel out."""
    pairs = _shared(cold, hot)
    if len(pairs) < 4:
        return None
    values = np.array(pairs)
    differences = values - values[values[:, 0].argmax()]
    spread = differences[:, 0]
    if spread.min() > -1:
        return None
    return float(spread @ differences[:, 1] / (spread @ spread))


def _is_cut(whole: TopLogprobs, cut: TopLogprobs) -> bool:
    """Whether a list made at top-p 0.5 lacks tokens, or gives its first ones more than they had."""
    usable = [logprob for logprob in cut.logprobs if logprob > _SENTINEL_BELOW]
    pairs = _shared(whole, cut)
    raised = max((later - before for before, later in pairs), default=math.inf)
    return len(usable) < len(whole.logprobs) // 2 or raised > math.log(1.5)


def _shared(left: TopLogprobs, right: TopLogprobs) -> list[tuple[float, float]]:
    """Pair the log-probabilities of tokens that are in both lists, and only once in each."""
    first, second = _once(left), _once(right)
    return [(first[token], second[token]) for token in first if token in second]


def _once(top: TopLogprobs) -> dict[Token, float]:
    times = Counter(top.tokens)
    return {
        token: logprob
        for token, logprob in zip(top.tokens, top.logprobs, strict=True)
        if logprob > _SENTINEL_BELOW and times[token] == 1
    }
