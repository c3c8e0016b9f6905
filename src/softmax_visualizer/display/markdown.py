"""Decodings as Markdown, with the tables of GitHub's dialect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from softmax_visualizer.decoding import Decoding
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.numbers import percent_short
from softmax_visualizer.display.pipeline import certainty, coverage
from softmax_visualizer.display.rows import Row, heading, rows
from softmax_visualizer.display.statistics import statistics

_PROMPT_WIDTH = 80


def markdown(
    prompt: str,
    after: Sequence[str],
    model: Mapping[str, str | None],
    decodings: Sequence[Decoding],
    top: int,
) -> Iterator[str]:
    """Return a heading, and for each decoding a table of its first ``top`` tokens and its statistics.

    Tokens, prompts and names are inside code spans, where no markup counts. It comes line by line.
    """
    where = f" at {code(safe_line(model['endpoint']))}" if model["endpoint"] else ""
    # of a long answer, what the next token follows
    parts = [safe_line(prompt, _PROMPT_WIDTH), _end_of(safe_line("".join(after)))]
    asked = " then ".join(code(part) for part in parts if part)
    asked = f"{asked}: " if asked else ""
    yield f"# {asked}{code(safe_line(str(model['name'])))}{where}, {coverage(decodings[0])}\n"
    for decoding in decodings:
        yield f"\n## {heading(decoding.settings)}\n\n"
        yield "| token | model | after temperature | sampled with |\n| :-- | --: | --: | --: |\n"
        yield from map(_line, rows(decoding, top))
        phrases = [*statistics(decoding), certainty(decoding).lower()]
        yield f"\n{', '.join(phrases)}\n"


def _end_of(text: str) -> str:
    return text if len(text) <= _PROMPT_WIDTH else f"…{text[1 - _PROMPT_WIDTH :]}"


def _line(row: Row) -> str:
    name = row.label if row.rest else cell(row.label)
    cells = name, percent_short(row.model), percent_short(row.after_temperature), row.number
    return f"| {' | '.join(cells)} |\n"


def cell(text: str) -> str:
    """Return a safe line as a code span in a cell of a table."""
    # a table's cells end at a bar even inside a code span, unless there is a backslash before it
    return code(text).replace("|", "\\|")


def code(text: str) -> str:
    """Return a safe line as a code span: between more backticks than there are in a row within it."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    # Markdown takes away one space from each end of a span
    blank = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{blank}{text}{blank}{fence}"
