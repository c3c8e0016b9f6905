"""Decodings as text for a pipe: plain, JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval, TokenDistribution, decode
from softmax_visualizer.decoding.comparison import compare
from softmax_visualizer.display.comparison import change_words
from softmax_visualizer.display.labels import safe_line, wrap
from softmax_visualizer.display.markdown import markdown
from softmax_visualizer.display.panels import axis_for, certainty, coverage, cut_words, panels
from softmax_visualizer.display.statistics import statistics

SCHEMA = "softmax-visualizer/decodings/1"
"""The name of the JSON contract; the number changes when something in it changes its meaning."""

WIDTH = 80
"""Cells of a line of the text form."""

Format = Literal["text", "json", "csv", "markdown"]


def report(
    prompt: str,
    model: Mapping[str, str | None],
    distribution: TokenDistribution,
    settings: Sequence[DecodingSettings],
    top: int,
    form: Format,
) -> str:
    """Return the decodings of one distribution, one for each of the settings.

    Args:
        prompt: what was asked.
        model: its ``name``, ``source`` and ``endpoint``.
        distribution: what it answered.
        settings: what to decode with.
        top: tokens to list; all the others are summed up.
        form: text for people, JSON by the contract :data:`SCHEMA`, CSV with a line a token and setting, or
            Markdown with a table a setting.
    """
    decodings = [decode(distribution, each) for each in settings]
    if form == "json":
        return _json(prompt, model, distribution, decodings, top)
    if form == "csv":
        return _csv(decodings, top)
    if form == "markdown":
        return markdown(prompt, model, decodings, top)
    blocks = [_heading(prompt, model, decodings[0]), *(_block(decoding, top) for decoding in decodings)]
    blocks += [_difference(decodings[0], other) for other in decodings[1:]]
    return "\n\n".join(blocks) + "\n"


def _json(
    prompt: str,
    model: Mapping[str, str | None],
    distribution: TokenDistribution,
    decodings: Sequence[Decoding],
    top: int,
) -> str:
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "prompt": prompt,
        "model": dict(model),
        "distribution": distribution.to_dict(top),
        "decodings": [decoding.to_dict(top) for decoding in decodings],
    }
    if len(decodings) > 1:
        record["comparisons"] = [_comparison(decodings[0], other) for other in decodings[1:]]
    # escapes for all but ASCII: a token may hold a lone surrogate, which no encoding can say
    return json.dumps(record, indent=2, allow_nan=False) + "\n"


def _comparison(before: Decoding, after: Decoding) -> dict[str, Any]:
    """Return what sets a decoding apart from the first one."""
    found = compare(before, after)
    return {
        "total_variation": found.total_variation.to_dict(),
        "kl_divergence_bits": None if found.kl_bits is None else Interval.point(found.kl_bits).to_dict(),
        "tokens_entering": found.entering.to_dict(),
        "tokens_leaving": found.leaving.to_dict(),
    }


def _csv(decodings: Sequence[Decoding], top: int) -> str:
    ends = ("low", "estimate", "high")
    stages = ("after_temperature", "probability")
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["temperature", "top_p", "top_k", "min_p", "order", "rank", "text", "bytes", "logprob", "kept"]
        + [f"{stage}_{end}" for stage in stages for end in ends]
    )
    for decoding in decodings:
        record = decoding.to_dict(top)
        chosen = ["" if value is None else value for value in record["settings"].values()]
        for token, logprob in zip(record["tokens"], decoding.distribution.logprobs, strict=False):
            values = [token[stage][end] for stage in stages for end in ends]
            # the text as on screen, since the output may be one, and the bytes for whatever reads it
            raw = decoding.distribution.token(token["rank"] - 1).raw
            text, data = safe_line(token["text"]), "" if raw is None else raw.hex(" ")
            writer.writerow([*chosen, token["rank"], text, data, float(logprob), token["kept"], *values])
        others = record["others"]
        values = [others[stage][end] for stage in stages for end in ends]
        writer.writerow([*chosen, "", "(others)", "", "", others["kept"], *values])
    return file.getvalue()


def _difference(before: Decoding, after: Decoding) -> str:
    ends = (f"{each.settings.temperature:.15g}" for each in (before, after))
    heading = "From temp {} to temp {}: ".format(*ends)
    return "\n".join(wrap(heading + "; ".join(change_words(compare(before, after), 3)) + ".", WIDTH))


def _heading(prompt: str, model: Mapping[str, str | None], decoding: Decoding) -> str:
    where = f" at {safe_line(model['endpoint'])}" if model["endpoint"] else ""
    seen = f": {coverage(decoding)}"
    name = safe_line(str(model["name"]), max(WIDTH - len(where) - len(seen), 20))
    heading = safe_line(f"{name}{where}{seen}", WIDTH)
    return f"{safe_line(prompt, WIDTH)}\n{heading}" if prompt else heading


def _block(decoding: Decoding, top: int) -> str:
    """One setting: its name, a bar a token for what is drawn from, and the statistics."""
    from softmax_visualizer.display.histogram import histogram

    settings = decoding.settings
    listed = len(decoding.distribution)
    shown = min(top, listed)
    rows = shown if decoding.distribution.complete and shown == listed else shown + 1
    last = panels(decoding, rows)[2]
    order = "temperature last" if settings.order == "temperature-last" else "temperature first"
    words = [cut_words(settings), *([order] if settings.cuts else [])]
    lines = [f"--- Temp {settings.temperature:.15g} ({', '.join(words)}) ---"]
    for row in histogram(last.bars, WIDTH - 1, axis_for("fixed", [last])):
        lines.append((" " + "".join(run.text for run in row)).rstrip())
    phrases = [*statistics(decoding, WIDTH - len(certainty(decoding)) - 5), certainty(decoding).lower()]
    lines.append(" " + "   ".join(phrases))
    return "\n".join(lines)
