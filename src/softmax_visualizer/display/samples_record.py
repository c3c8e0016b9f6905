"""Samples as a text for people, and as records for programs.

``sample --format json`` holds the record ``softmax-visualizer/samples/1``; ``I`` stands for an interval as in
:mod:`.record`:

* ``prompt``; ``model``: its ``name``, ``source``, ``endpoint``; ``settings``: those that were sampled from;
* ``by``: ``program`` or ``server``; ``samples``: how many are known; ``untold``: how many the server did not
  name; ``seed``: of the program's random numbers, null for a server's;
* ``tokens``: ``text``, ``bytes``, ``count``, ``expected`` (I, a count), of each token that came, and of the
  most likely ones; ``rest``: ``count`` and ``expected`` (I) of all others;
* ``tests``, one for each order: ``order``, ``statistic`` (null if infinite), ``degrees``, ``p_value`` (I),
  ``verdict`` (``agrees``, ``differs``, ``cannot tell``), ``needed`` (samples that would tell; null if that
  is not known); ``fits``, where both differ: other settings from which the samples may come, each with
  ``settings`` and ``p_value`` (I).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from softmax_visualizer.decoding import Interval
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.record import csv_line, csv_token, json_text
from softmax_visualizer.display.samples import Samples, greedy_sentence, table, verdict_sentences
from softmax_visualizer.display.settings import settings_words

SCHEMA = "softmax-visualizer/samples/1"

_WIDTH = 80


def samples_report(
    prompt: str,
    model: Mapping[str, str | None],
    samples: Samples,
    seed: int | None,
    top: int,
    form: Literal["text", "json", "csv"],
) -> Iterator[str]:
    """Return samples as pieces of a text.

    Args:
        prompt: what was asked.
        model: its ``name``, ``source`` and ``endpoint``.
        samples: how often each token came.
        seed: of the program's random numbers; None for a server's.
        top: of the tokens that did not come, those among so many most likely ones are listed too.
        form: text for people; JSON or CSV by the contract above.
    """
    if form == "text":
        return _text(prompt, model, samples, seed, top)
    record = _record(prompt, model, samples, seed, top)
    return json_text(record) if form == "json" else _csv(record)


def _record(
    prompt: str, model: Mapping[str, str | None], samples: Samples, seed: int | None, top: int
) -> dict[str, Any]:
    decoding, counts = samples.decoding, samples.counts
    distribution, stage, total = decoding.distribution, decoding.after_cut, counts.total
    came = dict(counts.tokens)
    listed = sorted({*range(min(top, len(distribution))), *came})
    reach = max(listed, default=-1) + 1
    probabilities = stage.first(reach)
    tokens = []
    for index in listed:
        token = distribution.token(index)
        tokens.append(
            {
                "text": token.text,
                "bytes": None if token.raw is None else list(token.raw),
                "count": came.get(index, 0),
                "expected": _scaled(probabilities[index], total),
            }
        )
    between = [index for index in range(reach) if index not in set(listed)]
    low, estimate, high = (float(end[between].sum()) for end in probabilities.ends)
    beyond = stage.beyond(reach)
    rest = Interval.around(low + beyond.low, estimate + beyond.estimate, min(high + beyond.high, 1.0))
    return {
        "schema": SCHEMA,
        "prompt": prompt,
        "model": dict(model),
        "settings": decoding.settings.to_dict(),
        "by": samples.by,
        "samples": total,
        "untold": counts.untold,
        "seed": seed,
        "tokens": iter(tokens),
        "rest": {"count": counts.rest, "expected": _scaled(rest, total)},
        "tests": [
            {
                "order": test.settings.order,
                "statistic": test.statistic if math.isfinite(test.statistic) else None,
                "degrees": test.degrees,
                "p_value": test.p_value.to_dict(),
                "verdict": test.verdict,
                "needed": test.needed,
            }
            for test in samples.tests
        ],
        "fits": [
            {"settings": settings.to_dict(), "p_value": p_value.to_dict()}
            for settings, p_value in samples.fits
        ],
    }


def _scaled(probability: Interval, total: int) -> dict[str, float | None]:
    return Interval(*(end * total for end in probability.ends)).to_dict()


def _csv(record: Mapping[str, Any]) -> Iterator[str]:
    yield csv_line(["text", "bytes", "count", "expected_low", "expected_estimate", "expected_high"])
    for token in record["tokens"]:
        raw = "" if token["bytes"] is None else bytes(token["bytes"]).hex(" ")
        yield csv_line([csv_token(token["text"]), raw, token["count"], *token["expected"].values()])
    rest = record["rest"]
    yield csv_line(["(others)", None, rest["count"], *rest["expected"].values()])


def _text(
    prompt: str, model: Mapping[str, str | None], samples: Samples, seed: int | None, top: int
) -> Iterator[str]:
    decoding, counts = samples.decoding, samples.counts
    who = "the server" if samples.by == "server" else f"the program, seed {seed}"
    yield f"Prompt  {safe_line(prompt, _WIDTH - 8)}\n"
    yield f"Model   {safe_line(str(model.get('name') or ''), _WIDTH - 8)}\n"
    yield f"Setting {settings_words(decoding.settings)}\n"
    yield f"Samples {counts.total:,} by {who}\n\n"
    lines, _ = table(samples, _WIDTH, min(top, len(decoding.distribution)) + 1)
    for line in lines:
        yield "".join(piece.text for piece in line).rstrip() + "\n"
    yield "\n"
    for sentence in (greedy_sentence(decoding, counts), *verdict_sentences(samples)):
        yield f"{sentence[:1].upper()}{sentence[1:]}.\n"
    if counts.untold:
        yield f"{counts.untold:,} more came of which the server did not say what they are.\n"
