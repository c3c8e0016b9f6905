"""An answer as text, each token shaded by how likely it is at the setting, and its numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from softmax_visualizer.decoding.generation import Step, texts_of
from softmax_visualizer.decoding.path import PathDecoding
from softmax_visualizer.display.labels import cell_width, label, safe_line
from softmax_visualizer.display.numbers import number, percent_short
from softmax_visualizer.display.pieces import Line, Piece, Role, joined, width_of

SHADES: tuple[tuple[float, Role], ...] = (
    (0.9, "heat5"), (0.5, "heat4"), (0.25, "heat3"), (0.1, "heat2"), (0.01, "heat1"), (0.0, "heat0"),
)  # fmt: skip
"""From which probability on a token has which shade."""

_RARE = 0.1
"""Below this probability a token has a sign of its own."""

_WAYS = {"tokens": "same tokens", "text": "same text", "instruction": "asked to continue"}

SIGNS = "× is cut away here, ? may be, ! has less than 10 %"
"""What the signs before tokens mean."""


def answer_lines(
    path: PathDecoding, place: int | None, width: int, parts: int | None = None
) -> tuple[list[Line], int]:
    """Return an answer as lines of at most ``width`` cells, and on which of them the place is.

    Args:
        path: the answer at a setting.
        place: the token that is marked; as many as there are marks the end, None nothing.
        width: cells of a line.
        parts: the first token that another answer does not share, which is marked.
    """
    units = [
        _unit(step, text, path, at, at == place, at == parts)
        for at, (step, text) in enumerate(zip(path.steps, texts_of(s.token for s in path.steps), strict=True))
    ]
    if place == len(units):
        units.append([Piece(" ", "space"), Piece("▁", "point")])
    lines: list[Line] = [[]]
    found, used = 0, 0
    for at, unit in enumerate(units):
        for piece in _fitting(unit, width):
            cells = cell_width(piece.text)
            if used and used + cells > width:
                lines.append([])
                used = 0
            lines[-1].append(piece)
            used += cells
        if at == place:
            found = len(lines) - 1
    return [joined(each) for each in lines], found


def _unit(step: Step, text: str, path: PathDecoding, at: int, here: bool, parts: bool) -> Line:
    """Return a token with what stands before it."""
    kept, chance = path.kept[at], float(path.probability.estimate[at])
    sign = "×" if kept == "no" else "?" if kept == "maybe" else "!" if chance < _RARE else ""
    shade: Role = "cut" if kept == "no" else next(role for least, role in SHADES if chance >= least)
    if step.ends:
        text = " <end>"
    lead = " " if text.startswith(" ") else ""
    body = safe_line(text.removeprefix(" "))
    if here and not body:
        body = label(step.token.text, step.token.raw, 8)
    before = f"{'║' if parts else ''}{'▸' if here else ''}{sign}" or lead
    marks: Role = "point" if here else "bad" if sign == "×" else "wait" if before.strip() else "space"
    return [Piece(each, role) for each, role in ((before, marks), (body, "point" if here else shade)) if each]


def _fitting(unit: Line, width: int) -> Line:
    """Return a unit as one piece where it can be, so that a word stays with its sign; or cut to fit."""
    if width_of(unit) <= width:
        return unit
    return [Piece(safe_line(piece.text, width), piece.role) for piece in unit]


def place_words(path: PathDecoding, place: int) -> list[str]:
    """Return what is to be said of a place of an answer and of the whole of it, the most important first."""
    steps = path.steps
    words = []
    if place < len(steps):
        step = steps[place]
        rank = "not listed" if step.index is None else f"rank {step.index + 1:,}"
        kept = {"yes": "", "no": ", cut", "maybe": ", perhaps cut"}[path.kept[place]]
        words.append(
            f"token {place + 1} of {len(steps)}: {percent_short(path.probability[place])}{kept}, {rank}, "
            + _chosen(step)
        )
    else:
        words.append(f"after {len(steps)} token{'s' if len(steps) > 1 else ''}")
    words.append(f"all: {chance_words(path)}")
    words.append(f"{path.greedy_steps} greedy")
    ways = [step.continued_by for step in steps[1:]]
    if ways:
        # the weakest of the ways says what the whole answer is
        words.append(_WAYS[max(ways, key=tuple(_WAYS).index)])
    return words


def _chosen(step: Step) -> str:
    if step.chance is not None:
        return f"sampled by {step.chance:.4f}"
    return {"server": "by the server"}.get(step.chosen_by, step.chosen_by)


def chance_words(path: PathDecoding) -> str:
    """Return the probability of a whole answer in words, as a power of two where it is tiny."""
    log2 = path.log2_probability
    if log2.high == float("-inf"):
        return "cannot be sampled"
    if log2.estimate > -13:
        return percent_short(path.path_probability)
    if log2.is_point:
        return f"2^-{number(-log2.high)}"
    low = "∞" if log2.low == float("-inf") else number(-log2.low)
    return f"2^-{number(-log2.high)} to 2^-{low}"


def parting(answers: Sequence[Sequence[Step]]) -> int:
    """Return at which token the first two of several answers part; the shorter one's end if they do not."""
    ends = [
        next(
            (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a.token != b.token),
            min(len(one), len(other)),
        )
        for one, other in pairwise(answers)
    ]
    return min(ends, default=0)
