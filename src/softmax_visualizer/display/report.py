"""Decodings as text, piece by piece: with bars, plain, as Markdown, JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from softmax_visualizer.decoding import Decoding, DecodingSettings, TokenDistribution, decode
from softmax_visualizer.decoding.comparison import compare
from softmax_visualizer.display.comparison import change_words
from softmax_visualizer.display.labels import pad, safe_line, wrap
from softmax_visualizer.display.markdown import markdown
from softmax_visualizer.display.pipeline import LABEL_WIDTH, certainty, coverage
from softmax_visualizer.display.record import csv_pieces, json_pieces
from softmax_visualizer.display.rows import BAR_WIDTH, Row, bar, heading, rows
from softmax_visualizer.display.statistics import statistics

WIDTH = 80
"""Cells of a line of the text form."""

_NUMBER_WIDTH = WIDTH - LABEL_WIDTH - BAR_WIDTH - 3

Format = Literal["text", "plain", "json", "csv", "markdown"]


def report(
    prompt: str,
    model: Mapping[str, str | None],
    distribution: TokenDistribution,
    settings: Sequence[DecodingSettings],
    top: int,
    form: Format,
    after: Sequence[str] = (),
) -> Iterator[str]:
    """Return the decodings of one distribution, one for each of the settings, as pieces of a text.

    Args:
        prompt: what was asked.
        model: its ``name``, ``source`` and ``endpoint``.
        distribution: what it answered.
        settings: what to decode with.
        top: tokens to list; all the others are summed up.
        form: text for people; the same without bars, a line a token; JSON or CSV by the contract of
            :mod:`softmax_visualizer.display.record`; or Markdown with a table a setting.
        after: what each token of the answer so far, which the model went on from, adds to the prompt.
    """
    decodings = [decode(distribution, each) for each in settings]
    if form == "json":
        return json_pieces(prompt, after, model, decodings, top)
    if form == "csv":
        return csv_pieces(decodings, top)
    if form == "markdown":
        return markdown(prompt, after, model, decodings, top)
    return _text(prompt, after, model, decodings, top, plain=form == "plain")


def _text(
    prompt: str,
    after: Sequence[str],
    model: Mapping[str, str | None],
    decodings: Sequence[Decoding],
    top: int,
    *,
    plain: bool,
) -> Iterator[str]:
    where = f" at {safe_line(model['endpoint'])}" if model["endpoint"] else ""
    asked = wrap(safe_line(prompt), WIDTH) if prompt else []
    if after:
        asked += wrap(f"then {safe_line(''.join(after))}", WIDTH)
    source = wrap(f"{safe_line(str(model['name']))}{where}: {coverage(decodings[0])}", WIDTH)
    yield "".join(f"{line}\n" for line in [*asked, *source])
    for decoding in decodings:
        title = heading(decoding.settings)
        yield f"\n{title}\n" if plain else f"\n--- {title} ---\n"
        for row in rows(decoding, top):
            yield _plain(row) if plain else _barred(row)
        certain = certainty(decoding).lower()
        phrases = ", ".join([*statistics(decoding), certain])
        yield "".join(f"{line}\n" for line in wrap(phrases, WIDTH))
    for other in decodings[1:]:
        change = _difference(decodings[0], other)
        yield "\n" + "".join(f"{line}\n" for line in wrap(change, WIDTH))


def _barred(row: Row) -> str:
    return f" {pad(row.label, LABEL_WIDTH)} {bar(row):<{BAR_WIDTH}} {row.number:>{_NUMBER_WIDTH}}\n"


def _plain(row: Row) -> str:
    return f"{row.label}: {row.number}\n" if row.rest else f"'{row.label}': {row.number}\n"


def _difference(before: Decoding, after: Decoding) -> str:
    start, end = (f"temp {each.settings.temperature:.15g}" for each in (before, after))
    return f"From {start} to {end}: {'; '.join(change_words(compare(before, after), 3))}."
