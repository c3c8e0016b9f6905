"""How a question is put to a model first, and what to change where a server refuses it, one thing at a time.

The same question has to be put differently to different servers: OpenAI's reasoning models want another
name for the cap and a switch for the reasoning, some servers list fewer tokens, one refuses ``top_p = 1``.
The names of OpenAI's reasoning models tell what they need; all else is said by the server's own refusal. The
texts recognised here are those of OpenAI, vLLM, llama.cpp, Ollama, mlx_lm and text-generation-inference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from softmax_visualizer.models.refusal import Refusal

if TYPE_CHECKING:
    from softmax_visualizer.models.base import Framing

TOP_LOGPROBS = 20
"""The most that OpenAI's older models and vLLM list, unless told otherwise."""

MOST_TRIES = 6
"""How many requests one question may cost."""

ROOM_TO_ANSWER = 16
"""A cap that OpenAI's newer models accept where they refuse 1; the first token is the same."""

FEWER_LOGPROBS = 5
"""The smallest maximum that a server is known to have: OpenAI's newer models, text-generation-inference."""

CUT_SHORT = Refusal(200, "Could not finish the message: the output limit was reached.")
"""The refusal that an empty answer with finish reason "length" amounts to."""

_REASONS = re.compile(r"(?:^|/)(?:gpt-(?:[5-9]|\d\d)|o\d)(?![\da-z])")
"""OpenAI's models that reason unless told not to, also behind another server.

Measured on gpt-5.4 and gpt-5.6, and said of the later ones in
https://developers.openai.com/api/docs/guides/latest-model: log-probabilities only with
``reasoning_effort="none"``, at most 5 of them, and no limit of one token.
"""

_COUNTS = ("logprobs", "top_logprobs", "top_n_tokens")
_LIMIT = re.compile(
    r"(?:less than or equal to|max(?:imum)?(?: value)?(?: allowed)?(?: of| is)?:?|<=|at most|no more than"
    r"|between \d+ and|in (?:the range )?\[\d+,) *(\d+)"
)
_TOO_MANY = re.compile(r"too (?:large|many|high|big)|exceed|out of range|greater than")
_TOO_FEW = re.compile(r"at least|minimum|>=|greater than|too (?:small|low)")
_NOT_KNOWN = re.compile(r"unknown|unrecogni[sz]ed|unexpected|extra (?:inputs|fields)")
_NOT_SUPPORTED = re.compile(
    r"unsupported|only supported|not (?:supported|allowed|permitted|enabled|available)"
    r"|does(?: not|n't) support|unrecogni[sz]ed|unknown|extra (?:inputs|fields)"
)


def first_parameters(model: str, framing: Framing) -> dict[str, Any]:
    """Return what a request for one next-token distribution holds, beside the model and the prompt.

    Temperature and top-p are sent although 1 is what they should be anyway: some servers take other values
    from the model's own settings unless told.
    """
    sampling = {"temperature": 1, "top_p": 1, "stream": False}
    if framing == "raw":
        return {"max_tokens": 1, "logprobs": TOP_LOGPROBS, **sampling}
    if _REASONS.search(model.lower()):
        return {
            "max_completion_tokens": ROOM_TO_ANSWER,
            "reasoning_effort": "none",
            "logprobs": True,
            "top_logprobs": FEWER_LOGPROBS,
            **sampling,
        }
    return {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS, **sampling}


def climb(parameters: Mapping[str, Any], refusal: Refusal) -> dict[str, Any] | None:
    """Return the parameters to try next, with one thing changed; None if nothing can be done about it.

    Args:
        parameters: the refused request's body. ``top_logprobs`` in it tells a chat from a bare completion.
        refusal: what the server said. Only a refusal of the request itself is climbed: status 400 or 422,
            a server error (some report an invalid request as 500), or an error inside an answer of 200.
    """
    if refusal.status not in (200, 400, 422) and refusal.status < 500:
        return None
    text = refusal.message.lower()
    cap = "max_tokens" if "max_tokens" in parameters else "max_completion_tokens"

    def about(*names: str) -> bool:
        if refusal.param in parameters:
            return refusal.param in names
        return any(re.search(rf"\b{name}\b", text) for name in names)

    def change(**values: Any) -> dict[str, Any]:
        return {**parameters, **values}

    def drop(name: str) -> dict[str, Any]:
        return {key: value for key, value in parameters.items() if key != name}

    refuses_cap = _TOO_FEW.search(text) and about("max_tokens", "max_completion_tokens")
    if parameters.get(cap) == 1 and (
        "could not finish" in text or "output limit was reached" in text or refuses_cap
    ):
        return change(**{cap: ROOM_TO_ANSWER})
    if cap == "max_tokens" and about(cap) and "max_completion_tokens" in text and _NOT_SUPPORTED.search(text):
        return {**drop(cap), "max_completion_tokens": parameters[cap]}
    if cap == "max_completion_tokens" and about(cap) and _NOT_KNOWN.search(text):
        return {**drop(cap), "max_tokens": 1}
    if "reasoning_effort" in parameters and about("reasoning_effort") and _NOT_KNOWN.search(text):
        return drop("reasoning_effort")

    if about(*_COUNTS):
        count = "top_logprobs" if "top_logprobs" in parameters else "logprobs"
        limit = _LIMIT.search(text)
        if limit and 0 < int(limit[1]) < parameters[count]:
            return change(**{count: int(limit[1])})
        if not limit and _TOO_MANY.search(text) and parameters[count] > FEWER_LOGPROBS:
            return change(**{count: FEWER_LOGPROBS})

    reasoning_is_on = about(*_COUNTS) or (
        # refused by name, not for its value: OpenAI's models take these exactly when they do not reason
        about("temperature", "top_p") and _NOT_SUPPORTED.search(text) and "unsupported value" not in text
    )
    if reasoning_is_on and "top_logprobs" in parameters and "reasoning_effort" not in parameters:
        return change(reasoning_effort="none")
    for name in ("top_p", "temperature"):
        if name in parameters and about(name):
            return drop(name)
    return None


def largest_count(refusal: Refusal) -> int | None:
    """Return how many tokens the server says it lists at most; None if it says nothing of it."""
    text = refusal.message.lower()
    is_about_counts = refusal.param in _COUNTS or any(re.search(rf"\b{name}\b", text) for name in _COUNTS)
    limit = _LIMIT.search(text) if is_about_counts else None
    return int(limit[1]) if limit else None


def denies_logprobs(refusal: Refusal) -> bool:
    """Whether the refusal, which no further change can help, is of log-probabilities as such."""
    text = f"{refusal.message.lower()} {refusal.param or ''}"
    return bool(re.search(r"\b(?:top_)?log[ _-]?prob(?:s|abilit(?:y|ies))?\b|\breasoning_effort\b", text))
