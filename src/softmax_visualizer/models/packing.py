"""A whole vocabulary's distribution in a tenth of the room: numbers without the tokens that they are of.

The tokens stand once in a file, as ``{"tokens", "bytes"}``: their texts by their numbers, from 0, and by the
number the bytes of each that are not the UTF-8 of its text, null where unknown. A packed distribution has
``{"packed", "log_mass", "ties"}``. ``packed`` is base64 of zlib of one little-endian float32 a token, by the
tokens' numbers, in planes: the lowest byte of each, then the second, and so on, since the highest bytes are
alike and become small. A logprob is the float32 less ``log_mass``, in float64. The most likely token comes
first; those that are as likely as another come in the order of ``ties``, their numbers.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.decoding.distribution import FLOAT32_ROUNDING
from softmax_visualizer.decoding.interval import FloatArray
from softmax_visualizer.models.entries import EntryError, bytes_of, entry, number, texts_in

_FEW = 64
"""As many numbers as mostly tell that they are not float32."""

_ZERO = 1e-12
"""Far below the least that a probability in float32 is away from 1, and far above float64's rounding."""

_LITTLE_ENDIAN = np.dtype("<f4")


def vocabulary_record(distribution: TokenDistribution) -> dict[str, Any]:
    """Return the vocabulary of a distribution that lists all of it, each token with its number.

    Raises:
        ValueError: it does not.
    """
    tokens = sorted(distribution.tokens, key=lambda token: -1 if token.id is None else token.id)
    if [token.id for token in tokens] != list(range(len(tokens))):
        raise ValueError("This is no whole vocabulary: the tokens' numbers are not all from 0 on.")
    return {
        "tokens": [token.text for token in tokens],
        "bytes": {
            str(token.id): None if token.bytes is None else list(token.bytes)
            for token in tokens
            if token.bytes is None or token.bytes != Token(token.text).raw
        },
    }


def vocabulary_of(record: Mapping[str, Any]) -> tuple[Token, ...]:
    """Return the tokens of a vocabulary's record, by their numbers.

    Raises:
        EntryError: an entry is missing, or of another type.
    """
    texts, data = texts_in(record, "tokens"), entry(record, "bytes", dict)
    tokens = [Token(text, Token(text).raw, at) for at, text in enumerate(texts)]
    for name, value in data.items():
        if not (name.isascii() and name.isdecimal() and len(name) < 10 and int(name) < len(tokens)):
            raise EntryError('"bytes" must be an object by the numbers of tokens.')
        tokens[int(name)] = tokens[int(name)]._replace(bytes=bytes_of(value))
    return tuple(tokens)


def packed(distribution: TokenDistribution, vocabulary: Sequence[Token]) -> dict[str, Any] | None:
    """Return what :func:`unpacked` makes the same tokens and logprobs of, to the last bit.

    None where that cannot be: it is not a list of this whole vocabulary, or its logprobs are not a server's
    float32 less one number.
    """
    ids = np.array([-1 if token.id is None else token.id for token in distribution.tokens])
    if (
        len(ids) != len(vocabulary)
        or set(distribution.tokens) != set(vocabulary)
        or not distribution.complete
    ):
        return None
    found = _as_float32(distribution.logprobs)
    if found is None:
        return None
    values, log_mass = found
    by_number = np.empty(len(ids), _LITTLE_ENDIAN)
    by_number[ids] = values
    planes = by_number.view(np.uint8).reshape(-1, _LITTLE_ENDIAN.itemsize).T.tobytes()
    return {
        "packed": b64encode(zlib.compress(planes, 9)).decode("ascii"),
        "log_mass": log_mass,
        "ties": ids[_tied(distribution.logprobs)].tolist(),
    }


def unpacked(record: Mapping[str, Any], vocabulary: Sequence[Token]) -> tuple[tuple[Token, ...], FloatArray]:
    """Return the tokens, most likely first, and the logprobs of a packed distribution.

    Raises:
        EntryError: it is not packed as :func:`packed` does it, or is of another vocabulary.
    """
    log_mass = number(record.get("log_mass"), "log_mass", "a number")
    # one more byte than is right tells what is too much, without all of it
    size = len(vocabulary) * _LITTLE_ENDIAN.itemsize
    planes, is_whole = _unzipped(entry(record, "packed", str), size + 1)
    if len(planes) != size or not size:
        raise EntryError(
            f'"packed" does not hold {len(vocabulary):,} numbers, one a token of the vocabulary.'
        )
    if not is_whole:
        raise EntryError('"packed" is cut off.')
    rows = np.frombuffer(planes, np.uint8).reshape(_LITTLE_ENDIAN.itemsize, -1).T.copy()
    by_number: FloatArray = rows.view(_LITTLE_ENDIAN)[:, 0].astype(np.float64) - log_mass
    ids = np.argsort(-by_number, kind="stable")
    logprobs = by_number[ids]
    tied = _tied(logprobs)
    ties = entry(record, "ties", list)
    if not all(type(each) is int for each in ties) or sorted(ties) != sorted(ids[tied].tolist()):
        raise EntryError('"ties" must be the numbers of all tokens that are as likely as another.')
    ids[tied] = ties
    if (by_number[ids] != logprobs).any():
        raise EntryError('"ties" must begin with the most likely tokens.')
    return tuple(vocabulary[at] for at in ids.tolist()), logprobs


def _unzipped(text: str, most: int) -> tuple[bytes, bool]:
    """Return the first bytes, up to ``most``, of what is compressed, and whether that came to its own end.

    A small text can hold gigabytes.
    """
    try:
        stream = zlib.decompressobj()
        return stream.decompress(b64decode(text, validate=True), most), stream.eof
    except (binascii.Error, ValueError) as error:
        raise EntryError('"packed" must be base64.') from error
    except zlib.error as error:
        raise EntryError('"packed" must be compressed by zlib.') from error


def _tied(logprobs: FloatArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which of some descending numbers are equal to one beside them."""
    alike = np.concatenate(([False], logprobs[1:] == logprobs[:-1], [False]))
    return alike[1:] | alike[:-1]


def _as_float32(logprobs: FloatArray) -> tuple[FloatArray, float] | None:
    """Return numbers that float32 holds, and the one number that, taken from them, gives the logprobs.

    A server's softmax, summed in float32, is off by that number: some 10^-4, which is many steps of float32.
    So each step that the lowest logprob may be off is tried.
    """
    finite = logprobs[np.isfinite(logprobs)]
    lowest = float(np.float32(finite[-1]))
    step = float(np.spacing(np.float32(max(-lowest, 1.0))))
    most = int((len(finite) + _FEW) * FLOAT32_ROUNDING / step) + 1
    for steps in sorted(range(-most, most + 1), key=abs):
        about = lowest + steps * step - float(finite[-1])
        if _less_one(finite[:_FEW], about) is not None and (one := _less_one(finite, about)) is not None:
            return _nearest(logprobs + one), one
    return None


def _less_one(logprobs: FloatArray, about: float) -> float | None:
    """Return the number that all float32 beside logprobs plus ``about`` are above these; None if none is."""
    # the nearer to 0, the finer are the steps of float32, and the better the number must be known
    for some in (logprobs[logprobs < -1], logprobs):
        if len(some):
            above, rounding = _nearest(some + about) - some, np.spacing(np.abs(some)) / 2
            about = float((above - rounding).max() + (above + rounding).min()) / 2
    return about if (_nearest(logprobs + about) - about == logprobs).all() else None


def _nearest(values: FloatArray) -> FloatArray:
    """Return the float32 that are nearest; what is 0 but for float64's rounding is 0."""
    nearest = values.astype(np.float32).astype(np.float64)
    nearest[np.abs(nearest) < _ZERO] = 0
    return nearest
