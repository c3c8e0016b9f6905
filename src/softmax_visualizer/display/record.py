"""The JSON contract: what ``show --format json``, an export and :meth:`Decoding.to_dict` hold.

The record is named by its ``schema``, whose number changes when something in it changes its meaning; names
may be added without that. ``I`` stands for an interval, ``{"low", "estimate", "high"}``: proven bounds and
the best estimate between them, all equal where exact, null for infinity.

* ``schema``: :data:`SCHEMA`; ``prompt``: what was asked; ``model``: its ``name``, ``source``, ``endpoint``.
* ``after``, only where it is about a later token of an answer: what each token before that one adds to the
  prompt (a character that is split over several tokens is added by the last of them).
* ``distribution``: what the model said at T = 1: ``complete`` (everything that has probability is listed),
  ``vocabulary_size`` (null if unknown), ``assumed_vocabulary_size`` (an upper bound, where one was assumed),
  ``unseen_mass`` (best estimate), and ``tokens``: ``rank`` from 1, ``text``, ``bytes`` (null if the token has
  none of its own), ``logprob`` (natural logarithm; null for an impossible token).
* ``decodings``, one for each setting:

  * ``settings``: ``temperature``, ``top_p``, ``top_k`` (null is off), ``min_p``, ``order``;
  * ``exact``: every interval of this entry is a point;
  * ``tokens``: ``rank``, ``text``, ``after_temperature`` (I), ``kept`` (``yes``, ``no``, ``maybe``) and
    ``probability`` (I), with which the decoder samples the token;
  * ``others``, all that is not among these tokens: ``count`` (null if unknown), ``after_temperature`` (I),
    ``kept`` (``none``, ``some``, ``all``, ``maybe``), ``probability`` (I);
  * ``statistics``: ``entropy_bits`` and ``effective_tokens``, each with an I for ``model``,
    ``after_temperature`` and ``after_cut``; ``kept_tokens`` (I); ``cut_mass`` (I).

* ``comparisons``, where there are several settings: each further one beside the first, with
  ``total_variation``, ``kl_divergence_bits`` (null where it is not known exactly), ``tokens_entering`` and
  ``tokens_leaving`` (all I).

Everything is made row by row, in memory that does not grow with the tokens that are listed.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from softmax_visualizer.decoding import Decoding, Interval
from softmax_visualizer.decoding.comparison import compare
from softmax_visualizer.display.labels import safe_line

SCHEMA = "softmax-visualizer/decodings/1"

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula; tabs and line ends are visible signs anyway."""

_STAGES = ("after_temperature", "probability")
_ENDS = ("low", "estimate", "high")


def json_pieces(
    prompt: str,
    after: Sequence[str],
    model: Mapping[str, str | None],
    decodings: Sequence[Decoding],
    top: int,
) -> Iterator[str]:
    """Return the record of decodings of one distribution as JSON, ``top`` tokens each, in pieces."""
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "prompt": prompt,
        **({"after": list(after)} if after else {}),
        "model": dict(model),
        "distribution": decodings[0].distribution.record(top),
        "decodings": (decoding.record(top) for decoding in decodings),
    }
    if len(decodings) > 1:
        record["comparisons"] = (_comparison(decodings[0], other) for other in decodings[1:])
    return json_text(record)


def _comparison(before: Decoding, after: Decoding) -> dict[str, Any]:
    found = compare(before, after)
    return {
        "total_variation": found.total_variation.to_dict(),
        "kl_divergence_bits": None if found.kl_bits is None else Interval.point(found.kl_bits).to_dict(),
        "tokens_entering": found.entering.to_dict(),
        "tokens_leaving": found.leaving.to_dict(),
    }


def json_text(record: Mapping[str, Any]) -> Iterator[str]:
    """Return a record as JSON in ASCII, in pieces: an item a line where it holds an iterator."""
    yield from _json(record, "\n")
    yield "\n"


def _json(value: Any, margin: str) -> Iterator[str]:
    inner = margin + "  "
    if isinstance(value, Iterator):
        comma = ""
        yield "["
        for item in value:
            yield comma + inner
            yield from _json(item, inner)
            comma = ","
        yield margin + "]" if comma else "]"
    elif isinstance(value, dict) and any(map(_is_long, value.values())):
        comma = "{"
        for key, item in value.items():
            yield f"{comma}{inner}{json.dumps(key)}: "
            yield from _json(item, inner)
            comma = ","
        yield margin + "}"
    else:
        # escapes for all but ASCII: a token may hold a lone surrogate, which no encoding can say
        yield json.dumps(value, allow_nan=False)


def _is_long(value: Any) -> bool:
    return isinstance(value, Iterator) or (isinstance(value, dict) and any(map(_is_long, value.values())))


def csv_pieces(decodings: Sequence[Decoding], top: int) -> Iterator[str]:
    """Return some decodings as CSV, a line a token and setting, with the names and the numbers of the record.

    A text is as on screen, since the output may be one, with ``'`` in front where a spreadsheet would take it
    for a formula; the bytes are for whatever reads the file.
    """
    yield csv_line(
        ["temperature", "top_p", "top_k", "min_p", "order", "rank", "text", "bytes", "logprob", "kept"]
        + [f"{stage}_{end}" for stage in _STAGES for end in _ENDS]
    )
    for decoding in decodings:
        record = decoding.record(top)
        chosen = list(record["settings"].values())
        for index, token in enumerate(record["tokens"]):
            raw = decoding.distribution.token(index).raw
            logprob = float(decoding.distribution.logprobs[index])
            yield csv_line(
                [
                    *chosen,
                    token["rank"],
                    csv_token(token["text"]),
                    "" if raw is None else raw.hex(" "),
                    logprob if math.isfinite(logprob) else None,
                    token["kept"],
                    *_numbers(token),
                ]
            )
        others = record["others"]
        yield csv_line([*chosen, None, "(others)", None, None, others["kept"], *_numbers(others)])


def _numbers(record: Mapping[str, Any]) -> list[float | None]:
    return [record[stage][end] for stage in _STAGES for end in _ENDS]


def csv_token(text: str) -> str:
    """Return a token's text as it is in a CSV: safe to print, and no formula."""
    text = safe_line(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_line(values: Sequence[object]) -> str:
    """Return a line of a CSV; None is an empty cell."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(values)
    return file.getvalue()
