"""An answer as text, each token shaded by how likely it is at the setting, and its numbers in words."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from softmax_visualizer.decoding.generation import Step, texts_of
from softmax_visualizer.decoding.path import PathDecoding
from softmax_visualizer.display.labels import cell_width, label, safe_line
from softmax_visualizer.display.numbers import number, percent_short
from softmax_visualizer.display.pieces import Line, Piece, Role, joined

SHADES: tuple[tuple[float, Role], ...] = (
    (0.9, "heat5"), (0.5, "heat4"), (0.25, "heat3"), (0.1, "heat2"), (0.01, "heat1"), (0.0, "heat0"),
)  # fmt: skip
"""From which probability on a token has which shade."""

_LEVELS = "▁▂▃▄▅▆▇ "
"""A bar in the cell before each token, of its probability in eighths; one that has nearly all has none."""

_JOINED = "·"
"""What stands there instead where the text has no space: a blank would pass for one."""

_WAYS = {"tokens": "same tokens", "text": "same text", "instruction": "asked to continue"}

_LONGEST = 40
"""Cells of one token."""


@dataclass(frozen=True)
class AnswerLayout:
    """Where the tokens of an answer stand: the same at every setting, so that no text moves under a knob.

    ``bodies``: the text of each token, less the space that it may begin with: the cell before it has the bar.
    ``joined``: whether it begins with none.
    ``lines``: the first token of each line, and behind the last one their number.
    """

    bodies: tuple[str, ...]
    joined: tuple[bool, ...]
    lines: tuple[int, ...]

    def line_of(self, place: int) -> int:
        """Return the line of a token; of one beyond the end, the last line."""
        return min(bisect_right(self.lines, place), len(self.lines) - 1) - 1

    def __len__(self) -> int:
        return len(self.lines) - 1


@lru_cache(maxsize=16)
def layout_of(steps: tuple[Step, ...], width: int) -> AnswerLayout:
    """Lay an answer out in lines of ``width`` cells, with one cell for the end of it."""
    bodies, apart, lines, used = [], [], [0], 0
    for at, (step, text) in enumerate(zip(steps, texts_of(step.token for step in steps), strict=True)):
        body = "<end>" if step.ends else safe_line(text.removeprefix(" "), min(_LONGEST, width - 1))
        bodies.append(body)
        apart.append(not (text.startswith(" ") or step.ends))
        cells = 1 + cell_width(body)
        if used and used + cells > width:
            lines.append(at)
            used = 0
        used += cells
    return AnswerLayout(tuple(bodies), tuple(apart), (*lines, len(steps)))


def answer_lines(
    path: PathDecoding, layout: AnswerLayout, lines: range, place: int | None = None, parts: int | None = None
) -> list[Line]:
    """Return some lines of an answer, each token shaded by its probability, with a bar of it before.

    Args:
        path: the answer at a setting; ``layout``: where its tokens stand.
        lines: which of them.
        place: the token that is marked; as many as there are marks the end, None nothing.
        parts: the first token that another answer does not share, which is marked.
    """
    found = []
    for line in lines:
        tokens = range(*layout.lines[line : line + 2])
        found.append(joined(piece for at in tokens for piece in _token(path, layout, at, place, parts)))
    if found and place == len(path.steps) and lines.stop == len(layout):
        found[-1].append(Piece("▸", "point"))
    return found


def _token(path: PathDecoding, layout: AnswerLayout, at: int, place: int | None, parts: int | None) -> Line:
    """Return a token with what stands before it."""
    body = layout.bodies[at]
    kept, chance, here = path.kept[at], float(path.probability.estimate[at]), at == place
    sign = "×" if kept == "no" else "?" if kept == "maybe" else _LEVELS[min(int(chance * 8), 7)]
    if sign == " " and layout.joined[at]:
        sign = _JOINED
    role: Role = "bad" if sign == "×" else "wait" if sign == "?" else "faint"
    shade: Role = "cut" if kept == "no" else next(shade for least, shade in SHADES if chance >= least)
    if here:
        return [Piece("▸", "point"), Piece(body or label("", path.steps[at].token.raw, 8), "point")]
    mark = Piece("║", "sampled") if at == parts else Piece(sign, shade if sign in (" ", _JOINED) else role)
    return [mark, Piece(body, shade)]


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
    if step.chance is not None and step.chosen_by == "sampled":
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
    high, low = number(-log2.high), "∞" if log2.low == float("-inf") else number(-log2.low)
    return f"about 2^-{high}" if high == low else f"2^-{high} to 2^-{low}"
