"""Which setting to choose, in sentences and a table: each number with its unit and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, Context

from softmax_visualizer.decoding import (
    PRESETS,
    Decoding,
    DecodingSettings,
    Interval,
    decode,
)
from softmax_visualizer.decoding.decision import (
    NUCLEUS,
    Acceptable,
    DecisionError,
    Question,
    acceptable_tokens,
    allowed_chance,
    at_least_once,
    departure,
    find_token,
    leaving,
    rival_temperature,
)
from softmax_visualizer.display.bars import Axis, bar_areas
from softmax_visualizer.display.columns import Layout
from softmax_visualizer.display.keys import with_keys
from softmax_visualizer.display.labels import cell_width, label, pad, safe_line, wrap
from softmax_visualizer.display.numbers import number, percent, percent_range, percent_short
from softmax_visualizer.display.pieces import Line, Piece, Role, fill
from softmax_visualizer.display.pipeline import token_bars, token_label
from softmax_visualizer.display.settings import cut_words

_EXPLANATION = (
    ("greedy", "what temperature 0 takes. A sample is another one with 1 - P(greedy)."),
    ("the set", "what a sample should be: {key:acceptable} marks tokens of your own."),
    ("leaving it", "1 - P(the set), at the current setting. The set itself stays the same at any setting."),
    ("tokens", "1 - (1 - leaving) ^ N, along this path. {key:length} changes N."),
    (
        "allowed",
        "1 - R ^ (1 / N), for a share R of answers that stay in the set. {key:reliability} changes R.",
    ),
    ("rival", "T = ln(p1 / p2) / ln((1 - share) / share): exact whatever is unseen. {key:rival} changes it."),
)
"""Where each number comes from, if there is room to say so."""

_NAME = 20
"""Cells of a token in a sentence at the most."""

_PRINTED = (1e-4, 0.9999)
"""Between these a probability is printed in digits, rather than as ``<0.01`` or ``>99.99``."""

_LONGEST_WAIT = 1e12
"""Draws: what is rarer than this is waited for by nobody, and drowns in the rounding of float64."""


def _set_words(acceptable: Acceptable, question: Question) -> str:
    """Say which tokens are acceptable."""
    if acceptable.basis == "marked":
        elsewhere = f", less {acceptable.missing:,} that this list lacks" if acceptable.missing else ""
        return f"the {_tokens(len(question.accepted))} that you marked{elsewhere}"
    if acceptable.basis == "listed":
        return f"the {_tokens(len(acceptable.indices))} that the server lists"
    return f"the model's own nucleus: {_tokens(len(acceptable.indices))} with {100 * NUCLEUS:g} % at T = 1"


def decision(decoding: Decoding, question: Question, width: int, height: int) -> list[Line]:
    """Return the answers for the current setting, then what the presets would do.

    Args:
        decoding: the current setting.
        question: what is asked of it.
        width: cells of a line; ``height``: lines, of which as few as need be are more than there are.
    """
    distribution = decoding.distribution
    acceptable = acceptable_tokens(distribution, question)
    accepted = acceptable.indices
    first = token_label(distribution, 0, _NAME)
    leaves = leaving(decoding, accepted)
    over = at_least_once(leaves, question.tokens)
    allowed = allowed_chance(question.reliability, question.tokens)
    rows = [
        ("greedy", f"takes {first}; {bounded(departure(decoding))} of samples are another token"),
        ("the set", _set_words(acceptable, question)),
        ("leaving it", f"{bounded(leaves)} of samples{_waiting(leaves)}"),
        (
            f"{question.tokens:,} tokens",
            f"{bounded(over)} of answers leave it, if each step is like this one",
        ),
        (
            "allowed",
            f"at most {_small_percent(allowed)} a token, for {_asked(question.reliability)} of answers",
        ),
        ("rival", _rival(decoding, question)),
    ]
    lines = headed(rows, width, "head", "text")
    table = _presets(decoding, accepted, question, width)
    space: list[Line] = [[]] if len(lines) + len(table) < height else []
    page = [*lines, *space, *table]
    explanation = [(name, with_keys(words)) for name, words in _EXPLANATION]
    explained: list[Line] = [[], [], *headed(explanation, width, "faint", "faint")]
    page += explained if len(page) + len(explained) <= height else []
    room = height - len(page) - 3
    return [*page, [], *_leading(decoding, accepted, width, room)] if room > 1 else page


def _leading(decoding: Decoding, accepted: frozenset[int], width: int, rows: int) -> list[Line]:
    """Draw what the leading tokens are sampled with, and which of them are in the set."""
    layout = Layout.of(width)
    shown = min(rows, len(decoding.distribution))
    before = decoding.after_temperature if decoding.settings.cuts else None
    bars = token_bars(decoding, range(shown), decoding.after_cut, layout.number, before)
    areas = bar_areas(bars, layout.bar, Axis.to(1.0))
    heading = pad("✓ in the set", layout.label + 2) + "sampled with, 0 to 100 %"
    lines = [[Piece(safe_line(heading, width), "head")]]
    for index, (bar, area) in enumerate(zip(bars, areas, strict=True)):
        mark = "✓ " if index in accepted else "  "
        name = Piece(pad(safe_line(bar.label, layout.label), layout.label), "label")
        bar_line = fill(area, layout.bar + 1)
        lines.append(
            [Piece(mark, "good"), name, *bar_line, Piece(f"{bar.number:>{layout.number}}", "number")]
        )
    return lines


def headed(rows: Sequence[tuple[str, str]], width: int, heading_role: Role, role: Role) -> list[Line]:
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
        return f"{label(question.rival, None, 20)} is not in this list: R names another one"
    try:
        temperature = rival_temperature(distribution, rival, question.share)
    except DecisionError as error:
        return str(error)
    there = decode(distribution, DecodingSettings(temperature)).after_temperature.first(rival + 1)
    rival_name, first_name = token_label(distribution, rival, _NAME), token_label(distribution, 0, _NAME)
    pair = f"{rival_name} has {_asked(question.share)} of the two at T {temperature:.3g}"
    return f"{pair}: {rival_name} {percent(there[rival])}, {first_name} {percent(there[0])}"


def _presets(decoding: Decoding, accepted: frozenset[int], question: Question, width: int) -> list[Line]:
    room = min(max((width - 32) // 4, 11), 17)
    over = f"in {question.tokens:,}"
    headings = ("not greedy", "leaves set", over if len(over) < room else "in N", "perplexity")
    headings_line = pad("", 31) + "".join(f"{name[: room - 1]:>{room}}" for name in headings)
    lines = [[Piece(headings_line, "head")]]
    for heading, role, settings in presets_beside(decoding.settings):
        each = decode(decoding.distribution, settings)
        leaves = leaving(each, accepted)
        values = [
            _share(chance, room)
            for chance in (departure(each), leaves, at_least_once(leaves, question.tokens))
        ]
        values.append(_choices(each.after_cut.effective_tokens, room))
        numbers = "".join(" " * (room - cell_width(value)) + value for value in values)
        lines.append([Piece(heading, role), Piece(numbers, "number")])
    return lines


def presets_beside(settings: DecodingSettings) -> Iterator[tuple[str, Role, DecodingSettings]]:
    """Yield the presets, in the order of the settings, and then these: what to call each, in 31 cells."""
    presets = [
        (f"{index} {preset.name}", replace(preset.settings, order=settings.order))
        for index, preset in enumerate(PRESETS, 1)
    ]
    for name, each in [*presets, ("now", settings)]:
        where = f"T {each.temperature:g}, {cut_words(each)}"
        heading = pad(safe_line(f"{pad(name, 12)} {where}", 30), 31)
        yield heading, "name" if name == "now" else "text", each


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
