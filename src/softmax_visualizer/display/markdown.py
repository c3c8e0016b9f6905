"""Decodings as Markdown, with the tables of GitHub's dialect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from softmax_visualizer.decoding import Decoding, Interval
from softmax_visualizer.display.labels import label, safe_line
from softmax_visualizer.display.numbers import percent_short
from softmax_visualizer.display.pipeline import LABEL_WIDTH, certainty, coverage, rest_label
from softmax_visualizer.display.settings import steps_words
from softmax_visualizer.display.statistics import statistics

_PROMPT_WIDTH = 80


def markdown(prompt: str, model: Mapping[str, str | None], decodings: Sequence[Decoding], top: int) -> str:
    """Return a heading, and for each decoding a table of its first ``top`` tokens and its statistics.

    Tokens, prompts and names are inside code spans, where no markup counts.
    """
    where = f" at {_code(safe_line(model['endpoint']))}" if model["endpoint"] else ""
    asked = f"{_code(safe_line(prompt, _PROMPT_WIDTH))}: " if prompt else ""
    heading = f"# {asked}{_code(safe_line(str(model['name'])))}{where}, {coverage(decodings[0])}"
    return "\n\n".join([heading, *(_section(decoding, top) for decoding in decodings)]) + "\n"


def _section(decoding: Decoding, top: int) -> str:
    rows = [("token", "model", "after temperature", "sampled with"), (":--", "--:", "--:", "--:")]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [*rows, *_rows(decoding, top)])
    phrases = [*statistics(decoding), certainty(decoding).lower()]
    return f"## Sampled from: {steps_words(decoding.settings)}\n\n{table}\n\n{', '.join(phrases)}"


def _rows(decoding: Decoding, top: int) -> Iterator[tuple[str, str, str, str]]:
    listed = len(decoding.distribution)
    shown = min(top, listed)
    stages = (decoding.model, decoding.after_temperature, decoding.after_cut)
    model, tempered, final = (stage.first(shown) for stage in stages)
    for index in range(shown):
        token = decoding.distribution.token(index)
        yield (
            # a table's cells end at a bar even inside a code span, unless there is a backslash before it
            _code(label(token.text, token.bytes, LABEL_WIDTH)).replace("|", "\\|"),
            percent_short(model[index]),
            percent_short(tempered[index]),
            _sampled(decoding.kept(index) == "no", tempered[index], final[index]),
        )
    others = decoding.others(shown)
    if others.model.high > 0 or shown < listed:
        yield (
            rest_label(decoding, shown),
            percent_short(others.model),
            percent_short(others.after_temperature),
            _sampled(others.kept == "none", others.after_temperature, others.probability),
        )


def _sampled(is_cut: bool, tempered: Interval, final: Interval) -> str:
    # what temperature 0 leaves nothing of is no cut's doing
    return "cut" if is_cut and tempered.high > 0 else percent_short(final)


def _code(text: str) -> str:
    """Return a safe line as a code span: between more backticks than there are in a row within it."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    # Markdown takes away one space from each end of a span
    blank = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{blank}{text}{blank}{fence}"
