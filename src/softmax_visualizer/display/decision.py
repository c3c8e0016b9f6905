"""Which setting to choose, in sentences and a table: each number with its unit and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Context
from functools import lru_cache

from softmax_visualizer.decoding import (
    PRESETS,
    Decoding,
    DecodingSettings,
    Interval,
    Token,
    TokenDistribution,
    decode,
)
from softmax_visualizer.decoding.decision import (
    DecisionError,
    allowed_chance,
    at_least_once,
    departure,
    leaving,
    nucleus,
    rival_temperature,
)
from softmax_visualizer.display.labels import cell_width, label, pad, safe_line, wrap
from softmax_visualizer.display.numbers import number, percent, percent_range, percent_short
from softmax_visualizer.display.pieces import Line, Piece, Role
from softmax_visualizer.display.pipeline import token_label
from softmax_visualizer.display.settings import cut_words

NUCLEUS = 0.95
"""Mass of the model's own nucleus, which is the set of acceptable tokens until a person marks their own."""

_EXPLANATION = (
    ("greedy", "what temperature 0 takes. A sample is another one with 1 - P(greedy)."),
    ("the set", "what a sample should be: g marks tokens of your own."),
    ("leaving it", "1 - P(the set), at the current setting. The set itself stays the same at any setting."),
    ("tokens", "1 - (1 - leaving) ^ N, along this path. # changes N."),
    ("allowed", "1 - R ^ (1 / N), for a share R of answers that stay in the set. % changes R."),
    ("rival", "T = ln(p1 / p2) / ln((1 - share) / share): exact whatever is unseen. u changes it."),
)
"""Where each number comes from, if there is room to say so."""

_NAME = 20
"""Cells of a token in a sentence at the most."""

_PRINTED = (1e-4, 0.9999)
"""Between these a probability is printed in digits, rather than as ``<0.01`` or ``>99.99``."""

_LONGEST_WAIT = 1e12
"""Draws: what is rarer than this is waited for by nobody, and drowns in the rounding of float64."""


@dataclass(frozen=True)
class Question:
    """What a person wants to know of a setting.

    ``accepted``: the tokens that they marked as acceptable; empty: the model's own nucleus at T = 1.
    ``tokens``: length of an answer. ``reliability``: share of answers that shall stay in the set.
    ``rival``: a token's text; empty: the second one. ``share``: what the rival shall have of the two.
    """

    accepted: frozenset[Token] = frozenset()
    tokens: int = 500
    reliability: float = 0.99
    rival: str = ""
    share: float = 0.25


# both look through a whole vocabulary, and are asked at every turn of a knob
@lru_cache(maxsize=8)
def accepted_tokens(distribution: TokenDistribution, question: Question) -> tuple[frozenset[int], str]:
    """Return the indices of the acceptable tokens, and what they are in words."""
    if question.accepted:
        marked = frozenset(
            index for index in range(len(distribution)) if distribution.token(index) in question.accepted
        )
        missing = question.accepted - {distribution.token(index) for index in marked}
        elsewhere = f", less {len(missing):,} that this list lacks" if missing else ""
        return marked, f"the {_tokens(len(question.accepted))} that you marked{elsewhere}"
    size = nucleus(distribution, NUCLEUS)
    if size is None:
        listed = f"the {_tokens(len(distribution))} that the server lists"
        return frozenset(range(len(distribution))), listed
    return frozenset(range(size)), f"the model's own nucleus: {_tokens(size)} with 95 % at T = 1"


@lru_cache(maxsize=8)
def find_token(distribution: TokenDistribution, text: str) -> int | None:
    """Return the index of the listed token with this text, whose leading space may be missing."""
    text = text.replace("␣", " ")
    for wanted in (text, f" {text}"):
        for index in range(len(distribution)):
            if distribution.token(index).text == wanted:
                return index
    return None


def decision(decoding: Decoding, question: Question, width: int, height: int) -> list[Line]:
    """Return the answers for the current setting, then what the presets would do.

    Args:
        decoding: the current setting.
        question: what is asked of it.
        width: cells of a line; ``height``: lines, of which as few as need be are more than there are.
    """
    distribution = decoding.distribution
    accepted, named = accepted_tokens(distribution, question)
    first = token_label(distribution, 0, _NAME)
    leaves = leaving(decoding, accepted)
    over = at_least_once(leaves, question.tokens)
    allowed = allowed_chance(question.reliability, question.tokens)
    rows = [
        ("greedy", f"takes {first}; {bounded(departure(decoding))} of samples are another token"),
        ("the set", named),
        ("leaving it", f"{bounded(leaves)} of samples{_waiting(leaves)}"),
        (
            f"{question.tokens:,} tokens",
            f"{bounded(over)} of answers leave it, if each step is like this one",
        ),
        (
            "allowed",
            f"at most {_small_percent(allowed)} a token, for {_asked(question.reliability)} to stay in it",
        ),
        ("rival", _rival(decoding, question)),
    ]
    lines = _headed(rows, width, "head", "text")
    table = _presets(decoding, accepted, question, width)
    space: list[Line] = [[]] if len(lines) + len(table) < height else []
    page = [*lines, *space, *table]
    explained: list[Line] = [[], [], *_headed(_EXPLANATION, width, "faint", "faint")]
    return page + explained if len(page) + len(explained) <= height else page


def _headed(rows: Sequence[tuple[str, str]], width: int, heading_role: Role, role: Role) -> list[Line]:
    """Return texts with headings before them, as lines of ``width`` cells."""
    margin = max(12, *(cell_width(heading) + 1 for heading, _ in rows))
    return [
        [Piece(pad("" if line else heading, margin), heading_role), Piece(part, role)]
        for heading, text in rows
        for line, part in enumerate(wrap(text, max(width - margin, 10)))
    ]


def bounded(chance: Interval) -> str:
    """Return a probability that may only be a bound: ``"12.3 %"``, ``"at most 51 %"``, ``"4.1 to 9.8 %"``."""
    least, most = _PRINTED
    if least <= chance.low < 1 <= chance.high:
        return f"at least {_floor_percent(chance.low)}"
    if chance.low <= 0 < chance.high <= most:
        return f"at most {_ceiling_percent(chance.high)}"
    return percent(chance)


def _rival(decoding: Decoding, question: Question) -> str:
    distribution = decoding.distribution
    rival = find_token(distribution, question.rival) if question.rival else min(1, len(distribution) - 1)
    if rival is None:
        return f"{label(question.rival, None, 20)} is not in this list: u names another one"
    try:
        temperature = rival_temperature(distribution, rival, question.share)
    except DecisionError as error:
        return str(error)
    there = decode(distribution, DecodingSettings(temperature)).after_temperature.first(rival + 1)
    rival_name, first_name = token_label(distribution, rival, _NAME), token_label(distribution, 0, _NAME)
    pair = f"{rival_name} has {_asked(question.share)} of what it and {first_name} have"
    return f"{pair} at T {temperature:.3g}: {percent(there[rival])} and {percent(there[0])}"


def _presets(decoding: Decoding, accepted: frozenset[int], question: Question, width: int) -> list[Line]:
    settings = decoding.settings
    room = min(max((width - 32) // 4, 11), 17)
    over = f"in {question.tokens:,}"
    headings = ("not greedy", "leaves set", over if len(over) < room else "in N", "perplexity")
    headings_line = pad("", 31) + "".join(f"{name[: room - 1]:>{room}}" for name in headings)
    lines = [[Piece(headings_line, "head")]]
    presets = [
        (
            f"{index} {preset.name}",
            decode(decoding.distribution, replace(preset.settings, order=settings.order)),
        )
        for index, preset in enumerate(PRESETS, 1)
    ]
    for name, each in [*presets, ("now", decoding)]:
        where = f"T {each.settings.temperature:g}, {cut_words(each.settings)}"
        heading = pad(safe_line(f"{pad(name, 12)} {where}", 30), 31)
        leaves = leaving(each, accepted)
        values = [
            _share(chance, room)
            for chance in (departure(each), leaves, at_least_once(leaves, question.tokens))
        ]
        values.append(_choices(each.after_cut.effective_tokens, room))
        numbers = "".join(" " * (room - cell_width(value)) + value for value in values)
        lines.append([Piece(heading, "name" if name == "now" else "text"), Piece(numbers, "number")])
    return lines


def _share(chance: Interval, room: int) -> str:
    """Return a probability in less than ``room`` cells: only its telling bound, if need be."""
    text = percent_short(chance)
    if cell_width(text) < room:
        return text
    return f"≤{_ceiling_percent(chance.high)}" if chance.high < 0.5 else f"≥{_floor_percent(chance.low)}"


def _choices(count: Interval, room: int) -> str:
    """Return a number in less than ``room`` cells: the least that it is, if need be."""
    text = number(count, "–")
    if cell_width(text) >= room:
        text = number(replace(count, high=math.inf))
    return text.replace("at least ", "≥")


def _tokens(count: int) -> str:
    return "1 token" if count == 1 else f"{count:,} tokens"


def _waiting(chance: Interval) -> str:
    """Mean waiting time, where there is one to speak of."""
    if not 1 / _LONGEST_WAIT <= chance.low <= 0.2:
        return ""
    between = Interval.around(*(1 / value for value in (chance.high, chance.estimate, chance.low)))
    return f", once in {number(between, '–')}"


def _floor_percent(value: float) -> str:
    return percent_range(value, 1.0).split(" to ")[0].removesuffix(" %") + " %"


def _ceiling_percent(value: float) -> str:
    return percent_range(0.0, value).split(" to ")[-1]


def _asked(share: float) -> str:
    """Return a percentage as it was asked for."""
    return f"{100 * share:.15g} %"


def _small_percent(value: float) -> str:
    """Three digits of a percentage, however small, and not rounded up: it is what is allowed at most."""
    digits = Context(prec=3, rounding=ROUND_FLOOR).create_decimal(f"{100 * value:.12g}")
    return f"{digits.normalize():f} %"
