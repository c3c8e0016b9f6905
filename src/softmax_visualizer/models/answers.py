"""The next-token list inside a server's answer, whatever shape it came in.

An answer is decoded JSON and nothing about it is taken for granted. Two shapes carry the list: that of chat
completions (``logprobs.content``), which llama.cpp also uses for bare completions, and that of the legacy
completions (``logprobs.tokens``), which some servers also use for chats.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from softmax_visualizer.decoding import Token
from softmax_visualizer.models.base import ModelError

NO_LOGPROBS = (
    "This model answers without log-probabilities. Choose another model (press m, or --model), "
    "or a server that reports them, such as llama.cpp or vLLM."
)

_NOT_LISTED = -9999.0
"""OpenAI's and vLLM's stand-in for the log-probability of a token outside the list."""

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
    """The most likely next tokens and their natural-log probabilities, in the server's order.

    ``model``: the name of the model that answered, as the server gives it; None if it gives none.
    ``notes``: sentences for the person about what is special about the list.
    """

    tokens: tuple[Token, ...]
    logprobs: tuple[float, ...]
    model: str | None
    notes: tuple[str, ...]


class _Entry(NamedTuple):
    token: Token
    logprob: float


@dataclass(frozen=True, slots=True)
class _Position:
    """What an answer says about its first token: the list, and the token that was drawn."""

    listed: tuple[_Entry | None, ...]
    drawn: Token | None
    note: str | None = None


def parse(answer: object, asked: int) -> TopLogprobs:
    """Return the list of the first token in ``answer``, a decoded JSON body.

    The drawn token is not added where the list lacks it, and is taken out where it displaced a more likely
    one: it is one of the unseen tokens. Sentinels (-9999, -inf, float32's lowest) pass through.

    Args:
        answer: the body of a chat completion or of a bare one.
        asked: how many tokens the request asked for.

    Raises:
        NoTokenError: the model ended, or was cut short, before its first token.
        ModelError: there is no usable list; the text says why and what to do.
    """
    if not isinstance(answer, Mapping):
        raise ModelError("The server's answer is not that of a language model. Check the base URL.")
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, Mapping):
        raise ModelError("The server answered without any text. Ask again, or choose another model.")
    position = _position(choice.get("logprobs"))
    if position is None:
        raise _nothing_there(choice)
    entries = tuple(entry for entry in position.listed if entry is not None)
    if not entries:
        raise ModelError(
            "The server reported the drawn token only, not the likely ones beside it. "
            "Choose another model (press m, or --model), or another server."
        )
    notes = [position.note] if position.note else []
    if position.note is None and _is_reasoning(choice.get("message")):
        notes.append(str(_CONTENT_LISTS["reasoning_content"]))
    usable = sum(entry.logprob > _NOT_LISTED for entry in entries)
    if usable < asked:
        notes.append(f"The server sent {usable} of the {asked} tokens asked for.")
    if unreadable := len(position.listed) - len(entries):
        notes.append(f"{unreadable} of the server's tokens came without a usable number and count as unseen.")
    entries = _without_intruder(entries, position.drawn, asked)
    model = answer.get("model")
    return TopLogprobs(
        tuple(entry.token for entry in entries),
        tuple(entry.logprob for entry in entries),
        model if isinstance(model, str) and model.strip() else None,
        tuple(notes),
    )


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
    drawn = logprobs.get("tokens")
    text = drawn[0] if isinstance(drawn, list) and drawn else None
    first = lists[0] if isinstance(lists[0], Mapping) else {}
    return _Position(
        tuple(_entry({"token": name, "logprob": number}) for name, number in first.items()),
        Token(text) if isinstance(text, str) else None,
    )


def _chat_position(content: list[Any], note: str | None) -> _Position | None:
    first = content[0] if content else None
    if not isinstance(first, Mapping):
        return None
    listed = first.get("top_logprobs")
    entries: Iterable[object] = listed if isinstance(listed, list) else ()
    return _Position(tuple(_entry(entry) for entry in entries), _token(first), note)


def _entry(entry: object) -> _Entry | None:
    # some 50,000 times an answer, so for a dict, which is quicker to tell than a Mapping
    if not isinstance(entry, dict):
        return None
    token, number = _token(entry), entry.get("logprob")
    if token is None or isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    try:
        logprob = float(number)
    except OverflowError:
        return None
    return None if math.isnan(logprob) else _Entry(token, logprob)


def _token(entry: Mapping[str, Any]) -> Token | None:
    text, numbers = entry.get("token"), entry.get("bytes")
    if not isinstance(text, str):
        return None
    if not isinstance(numbers, list) or (text and not numbers):
        return Token(text)
    try:
        return Token(text, bytes(numbers))
    except (TypeError, ValueError):
        return Token(text)


def _without_intruder(entries: tuple[_Entry, ...], drawn: Token | None, asked: int) -> tuple[_Entry, ...]:
    """Take out the drawn token where it is in the list only for having been drawn.

    vLLM lists the drawn token first and then cuts the list to the length asked for, so an unlikely draw
    displaces the last of the top k. llama-cpp-python and legacy completions send it as one more. Left in, it
    would pass for the least likely token of the list, which bounds every unseen one.
    """
    lowest = min(entry.logprob for entry in entries)
    is_unsorted = any(left.logprob < right.logprob for left, right in itertools.pairwise(entries))
    if is_unsorted and entries[0] == _Entry(entries[0].token, lowest) and entries[0].token == drawn:
        return entries[1:]
    if drawn is not None and len(entries) == asked + 1 and (intruder := _Entry(drawn, lowest)) in entries:
        at = entries.index(intruder)
        return entries[:at] + entries[at + 1 :]
    return entries


def _is_reasoning(message: object) -> bool:
    if not isinstance(message, Mapping) or message.get("content"):
        return False
    return any(message.get(name) for name in ("reasoning_content", "reasoning"))


def _nothing_there(choice: Mapping[str, Any]) -> ModelError:
    finish = choice.get("finish_reason")
    message, logprobs = choice.get("message"), choice.get("logprobs")
    text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
    if finish == "content_filter":
        return ModelError("The server withheld the answer (content filter). Change the prompt.")
    if not text and finish == "length":
        return NoTokenError(f"The answer was cut short before its first token. {NO_LOGPROBS}", finish)
    if not text and finish == "stop" and isinstance(logprobs, Mapping):
        return NoTokenError(
            "The model drew its end-of-text token first, and this server then reports no probabilities. "
            "Ask again, or change the prompt.",
            finish,
        )
    return ModelError(NO_LOGPROBS)
