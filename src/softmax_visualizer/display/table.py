"""A decoding as a table of numbers, for those who want the mathematics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from softmax_visualizer.decoding import Decoding
from softmax_visualizer.decoding.stage import Kept
from softmax_visualizer.display.columns import SPOKEN_OF
from softmax_visualizer.display.labels import cell_width, label, pad, place_of, safe_line
from softmax_visualizer.display.numbers import percent_short
from softmax_visualizer.display.pieces import Line, Piece, Role
from softmax_visualizer.display.pipeline import rest_label

_ROLES: dict[Kept, Role] = {"yes": "number", "no": "cut", "maybe": "maybe"}


def table(decoding: Decoding, rows: int, width: int, top: int, spoken_of: Iterable[str] = ()) -> list[Line]:
    """Return a heading, a row a token from rank ``top + 1`` on, and a row for all the others.

    Columns: rank, token, logprob, logprob divided by T (nats), probability after temperature, its running
    sum, whether the token is kept, and the probability it is sampled with. Some go where room is short.

    Args:
        decoding: what to show.
        rows: how many lines there are for all of it.
        width: cells of each line.
        top: listed tokens to leave out at the top.
        spoken_of: the names of tokens that somebody speaks of, which are marked.
    """
    listed = len(decoding.distribution)
    room = max(rows - 2, 1)
    first = min(top, max(listed - room, 0))
    stop = min(first + room, listed)
    tempered, final = decoding.after_temperature.first(stop), decoding.after_cut.first(stop)
    temperature = decoding.settings.temperature
    running = decoding.after_temperature.running_sum(stop)

    def over_t(index: int) -> str:
        logprob = float(decoding.distribution.logprobs[index])
        return f"{logprob / temperature:.3f}" if temperature > 0 else "–"

    # the columns that never go leave this much
    token = max(min(20, width - 40), 1)
    labels = [label(*_text(decoding, index), token) for index in range(stop)]
    marked = {place_of(name, labels, token) for name in spoken_of}
    kept_words = {"yes": "kept", "no": "cut", "maybe": "maybe"}
    columns: list[tuple[str, int, Callable[[int], str]]] = [
        ("rank", 6, lambda index: f"{SPOKEN_OF} {index + 1:,}" if index in marked else f"{index + 1:,}"),
        ("token", -token, lambda index: labels[index]),
        ("logprob", 9, lambda index: f"{float(decoding.distribution.logprobs[index]):.3f}"),
        ("÷ T", 9, over_t),
        ("after T", 12, lambda index: percent_short(tempered[index])),
        ("running sum", 12, lambda index: percent_short(running[index])),
        ("", 6, lambda index: kept_words[decoding.kept(index)]),
        (
            "sampled with",
            12,
            lambda index: percent_short(final[index]) if decoding.kept(index) != "no" else "–",
        ),
    ]
    for droppable in ("÷ T", "logprob", "running sum"):
        if sum(abs(size) + 1 for _, size, _ in columns) <= width:
            break
        columns = [column for column in columns if column[0] != droppable]

    lines = [_line((name for name, _, _ in columns), columns, "head")]
    for index in range(first, stop):
        role: Role = "token" if index in marked else _ROLES[decoding.kept(index)]
        lines.append(_line((write(index) for _, _, write in columns), columns, role))
    others = decoding.others(stop)
    if others.model.high > 0 or stop < listed:
        words = {"none": "cut", "some": "some", "all": "kept", "maybe": "maybe"}
        values = {
            "token": safe_line(rest_label(decoding, stop), token),
            "after T": percent_short(others.after_temperature),
            "": words[others.kept],
            "sampled with": percent_short(others.probability) if others.kept != "none" else "–",
        }
        lines.append(_line((values.get(name, "") for name, _, _ in columns), columns, "rest"))
    return lines


def _text(decoding: Decoding, index: int) -> tuple[str, bytes | None]:
    token = decoding.distribution.token(index)
    return token.text, token.bytes


def _line(values: Iterable[str], columns: list[tuple[str, int, Any]], role: Role) -> Line:
    cells = []
    for value, (_, size, _) in zip(values, columns, strict=True):
        blank = " " * max(0, abs(size) - cell_width(value))
        cells.append(pad(value, -size) if size < 0 else blank + value)
    return [Piece(" ".join(cells), role)]
