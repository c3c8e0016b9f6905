"""What a recording of answers says: lines of JSON, and the way from an answer to a line and back.

The file is JSON Lines in ASCII. The first line is ``{"schema", "created"}``, and each other line an answer:
``{"prompt", "model", "source", "endpoint", "framing", "request", "asked_at", "notes", "distribution"}``. Its
distribution is ``{"tokens", "bytes", "ids", "logprobs", "unseen_mass", "vocabulary_size",
"vocabulary_assumed", "is_top", "odds_only", "notes"}``, where "is_top" is true and "odds_only" false if it is
left out. Times are ISO 8601 in UTC. An answer about a later place begins with ``{"continued": the prompt,
"after": [[text, bytes or null, id or null], ...], "continued_by"}`` in the place of ``"prompt"``, so that no
program takes it for one about the prompt. A logprob of null is -infinity. ``bytes`` is null where every
token's bytes are the UTF-8 of its text, else a list with each token's bytes, null where unknown. Python
writes a float64 so that the same float64 is read, so a replayed answer has the very numbers of the recorded
one.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

import jiter

from softmax_visualizer.decoding import DistributionError, Interval, Token, TokenDistribution
from softmax_visualizer.decoding.generation import CONTINUED_BY
from softmax_visualizer.models.base import ModelAnswer, ModelError, Source
from softmax_visualizer.models.reading import UnreadableError, read_file
from softmax_visualizer.models.redaction import Redact, redacted

if TYPE_CHECKING:
    from softmax_visualizer.models.base import Framing

VERSION = 1
"""The format's version; it changes when something in it changes its meaning."""

LARGEST = 256 * 2**20
"""Bytes of a recording that is still read, and so of one that is still added to."""

_DECODER = json.JSONDecoder()

_SCHEMA = "softmax-visualizer/recording/"

_DEEPEST = 20
"""Levels of lists and objects in a request, of which a chat has four."""

_KINDS = {
    str: "a text",
    dict: "an object",
    list: "a list",
    int: "a whole number",
    bool: "true or false",
    NoneType: "null",
}


class EntryError(ValueError):
    """A line that says no answer; its text says why, after ``Line 3 is no answer:``."""


def first_line() -> bytes:
    """Return the first line of a recording that begins now."""
    return _line({"schema": f"{_SCHEMA}{VERSION}", "created": _now()})


def line_of(answer: ModelAnswer, framing: Framing | None, redact: Redact) -> bytes:
    """Return an answer's line; every text from outside the program goes through ``redact``."""
    answer = redacted(answer, redact)
    about: dict[str, Any] = {"prompt": answer.prompt}
    if answer.after:
        after = [
            [token.text, None if token.bytes is None else list(token.bytes), token.id]
            for token in answer.after
        ]
        about = {"continued": answer.prompt, "after": after, "continued_by": answer.continued_by}
    record = {
        **about,
        "model": answer.model,
        "source": answer.source,
        "endpoint": answer.endpoint,
        "framing": framing,
        "request": answer.request,
        "asked_at": _now(),
        "notes": answer.notes,
        "distribution": _record(answer.distribution),
    }
    return _line(record)


def answer_of(record: Any) -> ModelAnswer:
    """Return the answer that a line said, as one that comes from a recording.

    Raises:
        EntryError: an entry is missing, of another type, or no distribution.
    """
    if not isinstance(record, dict):
        raise EntryError("it must be an object.")
    if _entry(record, "source", str) not in get_args(Source):
        raise EntryError(f'"source" must be one of {", ".join(get_args(Source))}.')
    _entry(record, "framing", str, NoneType)
    _entry(record, "asked_at", str)
    request = _entry(record, "request", dict)
    if not _is_shallow(request, _DEEPEST):
        raise EntryError('"request" is nested too deeply.')
    continued = "continued" in record
    by: Any = _entry(record, "continued_by", str) if continued else "tokens"
    if by not in CONTINUED_BY:
        raise EntryError(f'"continued_by" must be one of {", ".join(CONTINUED_BY)}.')
    return ModelAnswer(
        prompt=_entry(record, "continued" if continued else "prompt", str),
        distribution=_distribution(_entry(record, "distribution", dict)),
        model=_entry(record, "model", str),
        source="recording",
        endpoint=_entry(record, "endpoint", str, NoneType),
        request=request,
        notes=tuple(_texts(record, "notes")),
        after=_after(_entry(record, "after", list)) if continued else (),
        continued_by=by,
    )


def _after(tokens: list[Any]) -> tuple[Token, ...]:
    if not all(
        isinstance(each, list)
        and len(each) == 3
        and isinstance(each[0], str)
        and type(each[2]) in (int, NoneType)
        for each in tokens
    ):
        raise EntryError('"after" must be a list of lists of a text, bytes or null, and an id or null.')
    return tuple(Token(text, _bytes(data), number) for text, data, number in tokens)


def read_bytes(path: Path) -> bytes:
    """Return what is in a file, whatever that is.

    Raises:
        ModelError: it cannot be read, or is too large.
    """
    try:
        return read_file(path, LARGEST)
    except UnreadableError as error:
        raise ModelError(str(error)) from error


def head_of(line: bytes) -> tuple[str, str, tuple[Token, ...]] | None:
    """Return the model, the prompt and what came after it, of an answer's line without reading the rest.

    None where it does not begin as :func:`line_of` writes it. What follows may still be no answer.
    """
    text = line.decode("ascii", "replace")
    openings: dict[str, type] = {'{"prompt": ': str, ', "model": ': str}
    if text.startswith('{"continued": '):
        openings = {'{"continued": ': str, ', "after": ': list, ', "continued_by": ': str, ', "model": ': str}
    found: list[Any] = []
    end = 0
    try:
        for opening, kind in openings.items():
            if not text.startswith(opening, end):
                return None
            value, end = _DECODER.raw_decode(text, end + len(opening))
            if not isinstance(value, kind):
                return None
            found.append(value)
        after = _after(found[1]) if len(found) > 2 else ()
    except ValueError:
        return None
    return (found[-1], found[0], after) if text.endswith("}\n") else None


def version(raw: bytes) -> int | None:
    """Return the format's version from a recording's first line; None if that is not one's first line."""
    try:
        header = parse(raw.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return None
    schema = header.get("schema") if isinstance(header, dict) else None
    found = re.fullmatch(_SCHEMA + "([1-9][0-9]{0,8})", schema) if isinstance(schema, str) else None
    return int(found[1]) if found else None


def parse(line: bytes) -> Any:
    """Return what a line of JSON says.

    Raises:
        ValueError: it is no UTF-8 (UnicodeDecodeError), no JSON (json.JSONDecodeError), or holds NaN or an
            infinity (EntryError) or a number of thousands of digits.
        RecursionError: it is nested too deeply.
    """
    # three times as quick, but what is wrong with a line, and where, is for Python to say
    with suppress(ValueError):
        return jiter.from_json(line, allow_inf_nan=False, cache_mode="keys")
    return json.loads(line.decode(), parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise EntryError(f"{constant} is not a number in JSON.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _line(record: Mapping[str, Any]) -> bytes:
    # escapes for all but ASCII: a token may hold a lone surrogate, which no encoding can say
    return json.dumps(record, allow_nan=False).encode("ascii") + b"\n"


def _record(distribution: TokenDistribution) -> dict[str, Any]:
    tokens = distribution.tokens
    plain = all(token.bytes is not None and token.bytes == Token(token.text).raw for token in tokens)
    data = [None if token.bytes is None else list(token.bytes) for token in tokens]
    return {
        "tokens": [token.text for token in tokens],
        "bytes": None if plain else data,
        "ids": [token.id for token in tokens] if any(token.id is not None for token in tokens) else None,
        "logprobs": [value if math.isfinite(value) else None for value in distribution.logprobs.tolist()],
        "unseen_mass": distribution.unseen_mass.to_dict(),
        "vocabulary_size": distribution.vocabulary_size,
        "vocabulary_assumed": distribution.vocabulary_assumed,
        "is_top": distribution.is_top,
        "odds_only": distribution.odds_only,
        "notes": distribution.notes,
    }


def _entry(record: Mapping[str, Any], name: str, *kinds: type) -> Any:
    if name not in record:
        raise EntryError(f'"{name}" is missing.')
    # Python's True is an int, JSON's is not a number
    if type(record[name]) not in kinds:
        raise EntryError(f'"{name}" must be {" or ".join(_KINDS[kind] for kind in kinds)}.')
    return record[name]


def _texts(record: Mapping[str, Any], name: str) -> list[str]:
    texts: list[str] = _entry(record, name, list)
    if not all(isinstance(text, str) for text in texts):
        raise EntryError(f'"{name}" must be a list of texts.')
    return texts


def _number(value: Any, name: str, what: str) -> float:
    if type(value) not in (int, float):
        raise EntryError(f'"{name}" must be {what}.')
    try:
        return float(value)
    except OverflowError as error:
        raise EntryError(f'"{name}" must be {what} within the range of a float64.') from error


def _distribution(record: Mapping[str, Any]) -> TokenDistribution:
    texts = _texts(record, "tokens")
    logprobs = _entry(record, "logprobs", list)
    mass = _entry(record, "unseen_mass", dict)
    try:
        return TokenDistribution.restored(
            _tokens(
                texts,
                _entry(record, "bytes", list, NoneType),
                _entry({"ids": None, **record}, "ids", list, NoneType),
            ),
            [
                -math.inf if value is None else _number(value, "logprobs", "a list of numbers or null")
                for value in logprobs
            ],
            Interval(*(_number(mass.get(end), end, "a number") for end in ("low", "estimate", "high"))),
            _entry(record, "vocabulary_size", int, NoneType),
            vocabulary_assumed=_entry(record, "vocabulary_assumed", bool),
            is_top=_entry({"is_top": True, **record}, "is_top", bool),
            odds_only=_entry({"odds_only": False, **record}, "odds_only", bool),
            notes=tuple(_texts(record, "notes")),
        )
    except DistributionError as error:
        raise EntryError(f"it holds no distribution. {error}") from error


def _tokens(texts: list[str], data: list[Any] | None, ids: list[Any] | None) -> tuple[Token, ...]:
    for name, column in (("bytes", data), ("ids", ids)):
        if column is not None and len(column) != len(texts):
            raise EntryError(f'it has {len(texts):,} "tokens", but {len(column):,} "{name}".')
    if ids is not None and not {*map(type, ids)} <= {int, NoneType}:
        raise EntryError('"ids" must be a list of whole numbers or null, or null.')
    if data is None:
        return tuple(map(_plain_token, texts, ids or itertools.repeat(None)))
    return tuple(map(Token, texts, map(_bytes, data), ids or itertools.repeat(None)))


@lru_cache(maxsize=2**16)  # a vocabulary is the same in every answer
def _plain_token(text: str, number: int | None) -> Token:
    return Token(text, Token(text).raw, number)


def _bytes(value: Any) -> bytes | None:
    if value is None:
        return None
    try:
        # Python takes true for 1
        if isinstance(value, list) and bool not in map(type, value):
            return bytes(value)
    except (TypeError, ValueError):
        pass
    raise EntryError('"bytes" must be a list of lists of numbers from 0 to 255, or null.')


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)
