"""What a recording of answers says: lines of JSON, and the way from an answer to a line and back.

The file is JSON Lines in ASCII. The first line is ``{"schema", "created"}``, and each other line an answer:
``{"prompt", "model", "source", "endpoint", "framing", "request", "asked_at", "notes", "distribution"}``. Its
distribution is ``{"tokens", "bytes", "ids", "logprobs", "unseen_mass", "vocabulary_size",
"vocabulary_assumed", "is_top", "odds_only", "notes"}``, where "is_top" is true and "odds_only" false if it is
left out. Times are ISO 8601 in UTC. An answer about a later place begins with ``{"continued": the prompt,
"after": [[text, bytes or null, id or null], ...], "continued_by"}`` in the place of ``"prompt"``, so that no
program takes it for one about the prompt. A logprob of null is -infinity. ``bytes`` is null where every
token's bytes are the UTF-8 of its text, else a list with each token's bytes, null where unknown; ``ids`` are
the tokens' numbers in the vocabulary, and are left out where none is known. Python writes a float64 so that
the same float64 is read, so a replayed answer has the very numbers of the recorded one.

Version 2 has room for whole vocabularies, and is otherwise the same: a line ``{"vocabulary": {"tokens",
"bytes"}}`` before the first answer that needs it, and for all up to the next such line; in an answer's
distribution ``"packed", "log_mass", "ties"`` may stand in the place of ``"tokens", "bytes", "ids",
"logprobs"``, as :mod:`softmax_visualizer.models.packing` tells. The program records in version 1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from softmax_visualizer.decoding import DistributionError, Interval, Token, TokenDistribution
from softmax_visualizer.decoding.generation import CONTINUED_BY
from softmax_visualizer.models.base import ModelAnswer, ModelError, Source
from softmax_visualizer.models.entries import (
    EntryError,
    bytes_of,
    entry,
    json_line,
    now,
    number,
    texts_in,
    version,
)
from softmax_visualizer.models.packing import unpacked
from softmax_visualizer.models.reading import UnreadableError, read_file
from softmax_visualizer.models.redaction import Redact, redacted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from softmax_visualizer.models.base import Framing

VERSION = 2
"""The newest version of the format that is read; it changes when something in it changes its meaning."""

WRITTEN = 1
"""The version that the program itself writes."""

LARGEST = 256 * 2**20
"""Bytes of a recording that is still read, and so of one that is still added to."""

_DECODER = json.JSONDecoder()

SCHEMA = "softmax-visualizer/recording/"
"""What stands before the version in a recording's first line."""

VOCABULARY = b'{"vocabulary": '
"""What a line with a vocabulary begins with."""

_DEEPEST = 20
"""Levels of lists and objects in a request, of which a chat has four."""


def first_line(in_version: int = WRITTEN) -> bytes:
    """Return the first line of a recording that begins now, in a version of the format."""
    return json_line({"schema": f"{SCHEMA}{in_version}", "created": now()})


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
        "asked_at": now(),
        "notes": answer.notes,
        "distribution": distribution_record(answer.distribution),
    }
    return json_line(record)


def answer_of(record: Any, vocabulary: Sequence[Token] | None = None) -> ModelAnswer:
    """Return the answer that a line said, as one that comes from a recording.

    Args:
        record: what stands in the line.
        vocabulary: what a packed distribution is of.

    Raises:
        EntryError: an entry is missing, of another type, or no distribution.
    """
    if not isinstance(record, dict):
        raise EntryError("it must be an object.")
    if entry(record, "source", str) not in get_args(Source):
        raise EntryError(f'"source" must be one of {", ".join(get_args(Source))}.')
    entry(record, "framing", str, NoneType)
    entry(record, "asked_at", str)
    request = entry(record, "request", dict)
    if not _is_shallow(request, _DEEPEST):
        raise EntryError('"request" is nested too deeply.')
    continued = "continued" in record
    by: Any = entry(record, "continued_by", str) if continued else "tokens"
    if by not in CONTINUED_BY:
        raise EntryError(f'"continued_by" must be one of {", ".join(CONTINUED_BY)}.')
    return ModelAnswer(
        prompt=entry(record, "continued" if continued else "prompt", str),
        distribution=distribution_of(entry(record, "distribution", dict), vocabulary),
        model=entry(record, "model", str),
        source="recording",
        endpoint=entry(record, "endpoint", str, NoneType),
        request=request,
        notes=tuple(texts_in(record, "notes")),
        after=_after(entry(record, "after", list)) if continued else (),
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
    return tuple(Token(text, bytes_of(data), number) for text, data, number in tokens)


def read_bytes(path: Path) -> bytes:
    """Return what is in a file, whatever that is.

    Raises:
        ModelError: it cannot be read, or is too large.
    """
    try:
        return read_file(path, LARGEST)
    except UnreadableError as error:
        raise ModelError(str(error)) from error


def check_format(raw: bytes, path: Path, schema: str, newest: int, stranger: str) -> None:
    """Refuse what is in a file, unless its first line names a format that this program knows.

    ``stranger``: what any other file is told to be, such as ``"is not a recording of this program"``.

    Raises:
        ModelError: it is of another format, or of a version above ``newest``.
    """
    found = version(raw, schema)
    if found is None:
        raise ModelError(f"{path} {stranger}.")
    if found > newest:
        raise ModelError(f"{path} was made by a newer version of this program. Update this one to read it.")


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


def distribution_record(distribution: TokenDistribution) -> dict[str, Any]:
    """Return what is written of a distribution, for :func:`distribution_of` to give again bit for bit."""
    tokens = distribution.tokens
    plain = all(
        token.bytes is not None and token.bytes == _plain_token(token.text, token.id).bytes
        for token in tokens
    )
    ids = [token.id for token in tokens]
    return {
        "tokens": [token.text for token in tokens],
        "bytes": None if plain else [None if each.bytes is None else list(each.bytes) for each in tokens],
        **({} if all(each is None for each in ids) else {"ids": ids}),
        "logprobs": [value if math.isfinite(value) else None for value in distribution.logprobs.tolist()],
        "unseen_mass": distribution.unseen_mass.to_dict(),
        "vocabulary_size": distribution.vocabulary_size,
        "vocabulary_assumed": distribution.vocabulary_assumed,
        "is_top": distribution.is_top,
        "odds_only": distribution.odds_only,
        "notes": distribution.notes,
    }


def distribution_of(
    record: Mapping[str, Any], vocabulary: Sequence[Token] | None = None
) -> TokenDistribution:
    """Return the distribution of a record.

    Args:
        record: as :func:`distribution_record` gives it, or packed.
        vocabulary: what a packed one is of.

    Raises:
        EntryError: an entry is missing, of another type, or no distribution has such numbers.
    """
    tokens: Sequence[Token]
    logprobs: ArrayLike
    if "packed" in record:
        if vocabulary is None:
            raise EntryError("it is packed, but no vocabulary stands before it.")
        tokens, logprobs = unpacked(record, vocabulary)
    else:
        tokens, logprobs = _listed(record)
    mass = entry(record, "unseen_mass", dict)
    try:
        return TokenDistribution.restored(
            tokens,
            logprobs,
            Interval(*(number(mass.get(end), end, "a number") for end in ("low", "estimate", "high"))),
            entry(record, "vocabulary_size", int, NoneType),
            vocabulary_assumed=entry(record, "vocabulary_assumed", bool),
            is_top=entry({"is_top": True, **record}, "is_top", bool),
            odds_only=entry({"odds_only": False, **record}, "odds_only", bool),
            notes=tuple(texts_in(record, "notes")),
        )
    except DistributionError as error:
        raise EntryError(f"it holds no distribution. {error}") from error


def _listed(record: Mapping[str, Any]) -> tuple[tuple[Token, ...], list[float]]:
    """Return the tokens and the logprobs of a record that lists them."""
    texts, logprobs = texts_in(record, "tokens"), entry(record, "logprobs", list)
    tokens = _tokens(
        texts,
        entry(record, "bytes", list, NoneType),
        entry({"ids": None, **record}, "ids", list, NoneType),
    )
    return tokens, [
        -math.inf if value is None else number(value, "logprobs", "a list of numbers or null")
        for value in logprobs
    ]


def _tokens(texts: list[str], data: list[Any] | None, ids: list[Any] | None) -> tuple[Token, ...]:
    numbers: Sequence[int | None] = [None] * len(texts) if ids is None else ids
    for name, values in (("bytes", data), ("ids", ids)):
        if values is not None and len(values) != len(texts):
            raise EntryError(f'it has {len(texts):,} "tokens", but {len(values):,} "{name}".')
    if not all(type(each) in (int, NoneType) for each in numbers):
        raise EntryError('"ids" must be a list of whole numbers or null.')
    if data is None:
        return tuple(map(_plain_token, texts, numbers))
    return tuple(map(Token, texts, map(bytes_of, data), numbers))


@lru_cache(maxsize=2**16)  # a vocabulary is the same in every answer
def _plain_token(text: str, number: int | None) -> Token:
    return Token(text, Token(text).raw, number)


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)
