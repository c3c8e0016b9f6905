"""The next-token list inside a server's answer, whatever shape it came in.

An answer is decoded JSON and nothing about it is taken for granted. Two shapes carry the list: that of chat
completions (``logprobs.content``), which llama.cpp also uses for bare completions, and that of the legacy
completions (``logprobs.tokens``), which some servers also use for chats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from softmax_visualizer.decoding import Token
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.evidence import Entry, judge

NO_LOGPROBS = (
    "This model answers without log-probabilities. Choose another model (press m, or --model), "
    "or a server that reports them, such as llama.cpp or vLLM."
)

_CONTENT_LISTS = {
    "content": None,
    "reasoning_content": "This is the first token of the model's reasoning, not of its answer.",
    "refusal": "The model refuses to answer: this is the first token of its refusal.",
}


class NoTokenError(ModelError):
    """An answer without a first token; ``finish_reason`` is the server's word for why it ended."""

    def __init__(self, message: str, finish_reason: str | None) -> None:
        super().__init__(message)
        self.finish_reason = finish_reason


@dataclass(frozen=True, slots=True)
class TopLogprobs:
    """Next tokens and their natural-log probabilities, in the server's order.

    ``model``: the name of the model that answered, as the server gives it; None if it gives none.
    ``is_top``, ``odds_only``: what the list is evidence of, as in the distribution that is made of it.
    ``notes``: sentences for the person about what is special about the list.
    ``summed_one_by_one``: the server is llama.cpp's, which sums its softmax in float32, token by token.
    """

    tokens: tuple[Token, ...]
    logprobs: tuple[float, ...]
    model: str | None
    is_top: bool
    odds_only: bool
    notes: tuple[str, ...]
    summed_one_by_one: bool = False


@dataclass(frozen=True, slots=True)
class _Position:
    """What an answer says about its first token: the list, and the token that was sampled."""

    listed: tuple[Entry | None, ...]
    sampled: Entry | None
    note: str | None = None


def parse(answer: object, asked: int) -> TopLogprobs:
    """Return the list of the first token in ``answer``, a decoded JSON body.

    What the list proves, and which tokens are put into it or taken out, is told in :mod:`.evidence`.
    Sentinels at its end (-9999, -inf, float32's lowest) pass through.

    Args:
        answer: the body of a chat completion or of a bare one.
        asked: how many tokens the request asked for.

    Raises:
        NoTokenError: the model ended, or was cut short, before its first token.
        ModelError: there is no usable list; the text says why and what to do.
    """
    if not isinstance(answer, Mapping):
        raise ModelError("The server's answer does not come from a language model. Check the base URL.")
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, Mapping):
        raise ModelError("The server answered without any text. Ask again, or choose another model.")
    position = _position(choice.get("logprobs"))
    if position is None:
        raise _nothing_there(choice)
    evidence = judge(position.listed, position.sampled, asked)
    if not evidence.tokens:
        raise ModelError(
            "The server reported only the token that it sampled, not the other likely ones. "
            "Choose another model (press m, or --model), or another server."
        )
    notes = [position.note] if position.note else []
    if position.note is None and _is_reasoning(choice.get("message")):
        notes.append(str(_CONTENT_LISTS["reasoning_content"]))
    model = answer.get("model")
    return TopLogprobs(
        evidence.tokens,
        evidence.logprobs,
        model if isinstance(model, str) and model.strip() else None,
        evidence.is_top,
        evidence.odds_only,
        (*notes, *evidence.notes),
        _is_llama_cpp(answer),
    )


def _is_llama_cpp(answer: Mapping[str, Any]) -> bool:
    """Whether llama.cpp's own server answered; Ollama has run that one since 0.30."""
    build = answer.get("system_fingerprint")
    return "timings" in answer or (isinstance(build, str) and bool(re.match(r"b\d+-|fp_ollama", build)))


def _position(logprobs: object) -> _Position | None:
    if isinstance(logprobs, list):
        return _chat_position(logprobs, None)
    if not isinstance(logprobs, Mapping):
        return None
    for name, note in _CONTENT_LISTS.items():
        if isinstance(content := logprobs.get(name), list) and content:
            return _chat_position(content, note)
    lists = logprobs.get("top_logprobs")
    if not isinstance(lists, list) or not lists:
        return None
    listed = lists[0] if isinstance(lists[0], Mapping) else {}
    sampled = {"token": _first(logprobs.get("tokens")), "logprob": _first(logprobs.get("token_logprobs"))}
    return _Position(
        tuple(_entry({"token": text, "logprob": value}) for text, value in listed.items()), _entry(sampled)
    )


def _first(column: object) -> object:
    return column[0] if isinstance(column, list) and column else None


def _chat_position(content: list[Any], note: str | None) -> _Position | None:
    first = content[0] if content else None
    if not isinstance(first, Mapping):
        return None
    listed = first.get("top_logprobs")
    entries: Iterable[object] = listed if isinstance(listed, list) else ()
    return _Position(tuple(_entry(entry) for entry in entries), _entry(first), note)


def _entry(entry: object) -> Entry | None:
    # some 50,000 times an answer, so for a dict, which is quicker to tell than a Mapping
    if not isinstance(entry, dict):
        return None
    text = entry.get("token")
    if not isinstance(text, str):
        return None
    # llama.cpp says id, Mistral token_id
    number = entry.get("id", entry.get("token_id"))
    number = number if type(number) is int else None
    token = _token(text, _bytes(text, entry.get("bytes")), number)
    return Entry(token, _logprob(entry.get("logprob")), number)


@lru_cache(maxsize=2**18)  # a vocabulary is the same in every answer
def _token(text: str, raw: bytes | None, number: int | None) -> Token:
    return Token(text, raw, number)


def _bytes(text: str, numbers: object) -> bytes | None:
    if not isinstance(numbers, list) or (text and not numbers):
        return None
    try:
        return bytes(numbers)
    except (TypeError, ValueError):
        return None


def _logprob(number: object) -> float | None:
    if type(number) is not float and type(number) is not int:
        return None
    try:
        logprob = float(number)
    except OverflowError:
        return None
    return None if math.isnan(logprob) else logprob


def _is_reasoning(message: object) -> bool:
    if not isinstance(message, Mapping) or message.get("content"):
        return False
    return any(message.get(name) for name in ("reasoning_content", "reasoning"))


def _nothing_there(choice: Mapping[str, Any]) -> ModelError:
    finish = choice.get("finish_reason")
    message, logprobs = choice.get("message"), choice.get("logprobs")
    text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
    if finish == "content_filter":
        return ModelError("The server's content filter blocked the answer. Change the prompt.")
    if not text and finish == "length":
        return NoTokenError(f"The answer was cut short before its first token. {NO_LOGPROBS}", finish)
    if not text and finish == "stop" and isinstance(logprobs, Mapping):
        return NoTokenError(
            "The model sampled its end-of-text token first, and then this server reports no probabilities. "
            "Ask again, or change the prompt.",
            finish,
        )
    return ModelError(NO_LOGPROBS)
