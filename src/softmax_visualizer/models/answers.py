"""The next-token list inside a server's answer, whatever shape it came in.

An answer is decoded JSON and nothing about it is taken for granted. Two shapes carry the list: that of chat
completions (``logprobs.content``), which llama.cpp also uses for bare completions, and that of the legacy
completions (``logprobs.tokens``), which some servers also use for chats.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from softmax_visualizer.decoding import Token
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.evidence import Entry, judge

NO_LOGPROBS = (
    "This model answers without log-probabilities. Choose another model (--model), "
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
    """What an answer says about one of its tokens: the list, and the token that was sampled."""

    listed: tuple[Entry | None, ...]
    sampled: Entry | None
    note: str | None = None


def parse(answer: object, asked: int) -> TopLogprobs:
    """Return the list of the first place in ``answer``; see :func:`parse_places`."""
    return parse_places(answer, asked, 1)[0][0]


def parse_places(
    answer: object, asked: int, most: int, begun: str = ""
) -> tuple[tuple[TopLogprobs, ...], tuple[Token, ...]]:
    """Return the lists of the places in ``answer``, a decoded JSON body, and the tokens sampled there.

    What a list proves, and which tokens are put into it or taken out, is told in :mod:`.evidence`.
    Sentinels at its end (-9999, -inf, float32's lowest) pass through. The first list is always there; a
    further one only if the answer's text shows that the tokens before it are all that it comes after: its own
    sampled token must stand right behind them.

    Args:
        answer: the body of a chat completion or of a bare one.
        asked: how many tokens the request asked for at each place.
        most: how many places are read.
        begun: what the request had of the answer already.

    Raises:
        NoTokenError: the model ended, or was cut short, before its first token.
        ModelError: there is no usable first list; the text says why and what to do.
    """
    if not isinstance(answer, Mapping):
        raise ModelError("The server's answer does not come from a language model. Check the base URL.")
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, Mapping):
        raise ModelError("The server answered without any text. Ask again, or choose another model.")
    positions = _positions(choice.get("logprobs"))
    if most > 1 and _is_llama_cpp(answer):
        # it leaves out half a character's entry, the first one's too, and puts its bytes into that behind it
        positions = iter(every := list(positions))
        if every and len(every) != _made(answer):
            raise ModelError("The server left out the entries of some tokens.")
    first = next(positions, None)
    if first is None:
        raise _nothing_there(choice)
    notes = [first.note] if first.note else []
    if first.note is None and _is_reasoning(choice.get("message")):
        notes.append(str(_CONTENT_LISTS["reasoning_content"]))
    name = answer.get("model")
    model = name if isinstance(name, str) and name.strip() else None
    found = [_judged(first, asked, model, notes, _is_llama_cpp(answer))]
    if found[0] is None:
        raise ModelError(
            "The server reported only the token that it sampled, not the other likely ones. "
            "Choose another model (--model), or another server."
        )
    sampled: list[Token] = []
    text = _text(choice).removeprefix(begun).encode(errors="replace")
    at_byte = 0
    for at in itertools.islice(itertools.chain((first,), positions), most):
        token = None if at.sampled is None else at.sampled.token
        if token is None or not _comes_next(token, text, at_byte):
            break
        if sampled:
            further = _judged(at, asked, model, notes, _is_llama_cpp(answer))
            if further is None:
                break
            found.append(further)
        sampled.append(token)
        if token.ends:
            break
        at_byte += len(token.raw or b"")
    return tuple(top for top in found if top is not None), tuple(sampled)


def _comes_next(token: Token, text: bytes, at: int) -> bool:
    """Whether a token is what stands at a byte of an answer's text; the end of the text at its end."""
    if token.ends:
        return at == len(text)
    raw = token.raw or b""
    # what stands for half a character, whose own entry may be missing, is no proof of the token behind it
    replaced = text.startswith(_REPLACED, at) and not raw.startswith(_REPLACED)
    return bool(raw) and not replaced and text.startswith(raw, at)


def _judged(
    position: _Position, asked: int, model: str | None, notes: list[str], is_llama_cpp: bool
) -> TopLogprobs | None:
    """Return the list of a place; None if it has none."""
    evidence = judge(position.listed, position.sampled, asked)
    if not evidence.tokens:
        return None
    return TopLogprobs(
        evidence.tokens,
        evidence.logprobs,
        model,
        evidence.is_top,
        evidence.odds_only,
        (*notes, *evidence.notes),
        is_llama_cpp,
    )


def sampled_in(choice: object) -> Token | None:
    """Return the first token that was sampled in a choice of an answer; None if it does not say which."""
    if not isinstance(choice, Mapping):
        return None
    first = next(_positions(choice.get("logprobs")), None)
    if first is not None and first.sampled is not None:
        return first.sampled.token
    # some say nothing of a token that ends the text at once
    return Token("", b"") if choice.get("finish_reason") == "stop" and not _text(choice) else None


def _text(choice: Mapping[str, Any]) -> str:
    message = choice.get("message")
    text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
    return text if isinstance(text, str) else ""


def pieces_in(answer: object) -> tuple[Token, ...]:
    """Return the tokens in llama.cpp's answer to a text that it was to split.

    Raises:
        ModelError: it is no such answer.
    """
    found = answer.get("tokens") if isinstance(answer, Mapping) else None
    tokens = []
    for each in found if isinstance(found, list) else [None]:
        number, piece = (each.get("id"), each.get("piece")) if isinstance(each, Mapping) else (None, None)
        raw = piece.encode(errors="replace") if isinstance(piece, str) else _bytes("", piece)
        if type(number) is not int or raw is None:
            raise ModelError(CANNOT_SPLIT)
        tokens.append(Token(raw.decode(errors="replace"), raw, number))
    return tuple(tokens)


_REPLACED = "\ufffd".encode()

CANNOT_SPLIT = (
    "This server does not say how its model splits a text into tokens, so no text can be scored. llama.cpp "
    "says it, and the bundled model and model files on this machine do."
)


def _made(answer: Mapping[str, Any]) -> object:
    """Return how many tokens llama.cpp says that it sampled."""
    for name, count in (("usage", "completion_tokens"), ("timings", "predicted_n")):
        if isinstance(part := answer.get(name), Mapping) and type(part.get(count)) is int:
            return part[count]
    return None


def _is_llama_cpp(answer: Mapping[str, Any]) -> bool:
    """Whether llama.cpp's own server answered; Ollama has run that one since 0.30."""
    build = answer.get("system_fingerprint")
    return "timings" in answer or (isinstance(build, str) and bool(re.match(r"b\d+-|fp_ollama", build)))


def _positions(logprobs: object) -> Iterator[_Position]:
    """Yield what an answer says about its tokens, one after the other, in whichever shape it came."""
    content, note = logprobs, None
    if isinstance(logprobs, Mapping):
        filled = ((logprobs.get(name), note) for name, note in _CONTENT_LISTS.items())
        content, note = next(
            ((found, note) for found, note in filled if isinstance(found, list) and found), (None, None)
        )
    if isinstance(content, list):
        yield from _chat_positions(content, note)
    elif isinstance(logprobs, Mapping):
        lists = logprobs.get("top_logprobs")
        for at, each in enumerate(lists if isinstance(lists, list) else ()):
            listed = each if isinstance(each, Mapping) else {}
            sampled = {
                "token": _nth(logprobs.get("tokens"), at),
                "logprob": _nth(logprobs.get("token_logprobs"), at),
            }
            entries = (_entry({"token": text, "logprob": value}) for text, value in listed.items())
            yield _Position(tuple(entries), _entry(sampled))


def _nth(column: object, at: int) -> object:
    return column[at] if isinstance(column, list) and at < len(column) else None


def _chat_positions(content: list[Any], note: str | None) -> Iterator[_Position]:
    for place in content:
        if not isinstance(place, Mapping):
            return
        listed = place.get("top_logprobs")
        entries: Iterable[object] = listed if isinstance(listed, list) else ()
        yield _Position(tuple(_entry(entry) for entry in entries), _entry(place), note)


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
    if isinstance(text, str) and text.startswith("\ufffd"):
        # llama.cpp has no entry for half a character, and another sample is likely to be a whole one
        return NoTokenError(
            "The model sampled half a character first, and then this server reports no probabilities. "
            "Ask again.",
            None,
        )
    if not text and finish == "length":
        return NoTokenError(f"The answer was cut short before its first token. {NO_LOGPROBS}", finish)
    if not text and finish == "stop" and isinstance(logprobs, Mapping):
        return NoTokenError(
            "The model sampled its end-of-text token first, and then this server reports no probabilities. "
            "Ask again, or change the prompt.",
            finish,
        )
    return ModelError(NO_LOGPROBS)
