"""Which setting to choose for a whole answer: how often it comes out word for word, and where it may not."""

from __future__ import annotations

from dataclasses import dataclass

from softmax_visualizer.decoding import Interval
from softmax_visualizer.decoding.path import PathDecoding, decode_path, path_map
from softmax_visualizer.display.answer import chance_words
from softmax_visualizer.display.decision import bounded, headed, presets_beside
from softmax_visualizer.display.keys import key_for
from softmax_visualizer.display.labels import cell_width, label
from softmax_visualizer.display.numbers import percent_short
from softmax_visualizer.display.pieces import Line, Piece
from softmax_visualizer.display.settings import cut_words, decimals

_COARSE, _FINE = 0.05, 0.01
_HIGHEST = {"temperature": 2.0, "top_p": 1.0}
_NAMED = 3
"""Weakest tokens that are named."""


@dataclass(frozen=True)
class Limits:
    """The largest settings at which an answer comes out often enough, each with the other knob as it is.

    None where no setting of the knob does, with the highest share that one of them reaches in ``best``.
    """

    temperature: float | None
    top_p: float | None
    best: dict[str, Interval]


def limits(path: PathDecoding, share: float) -> Limits:
    """Find the largest temperature, up to 2, and the largest top-p, in steps of 0.01.

    Args:
        path: the answer, and where the other knob stands.
        share: of answers that are to be this one, word for word.
    """
    found, best = {}, {}
    for knob, highest in _HIGHEST.items():
        coarse = [round(number * _COARSE, 2) for number in range(round(highest / _COARSE) + 1)]
        chances = _chances(path, knob, coarse)
        best[knob] = max(chances, key=lambda each: each.low)
        good = [value for value, chance in zip(coarse, chances, strict=True) if chance.low >= share]
        found[knob] = good[-1] if good else None
        if good and good[-1] < highest:
            fine = [round(good[-1] + number * _FINE, 2) for number in range(1, round(_COARSE / _FINE))]
            chances = _chances(path, knob, fine)
            better = [value for value, chance in zip(fine, chances, strict=True) if chance.low >= share]
            found[knob] = better[-1] if better else good[-1]
    return Limits(found["temperature"], found["top_p"], best)


def _chances(path: PathDecoding, knob: str, values: list[float]) -> list[Interval]:
    settings = path.settings
    temperatures = values if knob == "temperature" else [settings.temperature]
    top_ps = values if knob == "top_p" else [settings.top_p]
    return [each for row in path_map(path.steps, settings, temperatures, top_ps) for each in row]


def answer_decision(
    path: PathDecoding, found: Limits | None, share: float, width: int, height: int
) -> list[Line]:
    """Return what the setting does to this very answer, then what the presets would do.

    Args:
        path: the answer at the setting.
        found: the largest settings, None as long as they are being worked out; ``share``: what they are for.
        width: cells of a line; ``height``: lines, of which as few as need be are more than there are.
    """
    asked, settings = f"{100 * share:.15g} %", path.settings
    places = (cut_words(settings) if settings.cuts else "nothing cut", f"T {decimals(settings.temperature)}")
    limits_in_words = ["working it out", "working it out"]
    if found is not None:
        best = found.best
        limits_in_words = [
            _limit(found.temperature, "T", places[0], best["temperature"]),
            _limit(found.top_p, "top-p", places[1], best["top_p"]),
        ]
    rows = [
        ("this answer", _chance(path)),
        ("weakest", _weakest(path, width - 12)),
        (f"T for {asked}", limits_in_words[0]),
        (f"p for {asked}", limits_in_words[1]),
    ]
    lines = headed(rows, width, "head", "text")
    table = _presets(path)
    lines += [*([[]] if len(lines) + len(table) < height else []), *table]
    note = (
        "This is about this answer word for word, not about all that would do as well. "
        f"{key_for('reliability')} changes the share."
    )
    if len(lines) + 3 <= height:
        lines += [[], *headed([("", note)], width, "faint", "faint")]
    return lines


def _chance(path: PathDecoding) -> str:
    """Say how often the answer comes out, or why it does not."""
    if path.forbidden is not None:
        return f"cannot come out: token {path.forbidden + 1}, {_token(path, path.forbidden)}, is cut away"
    count = len(path.steps)
    return f"{chance_words(path)} of samples are these {count} tokens; {bounded(path.departure)} depart"


def _limit(value: float | None, name: str, other: str, best: Interval) -> str:
    """Say how far a knob may be turned, with the other one as it is."""
    if value is None:
        return f"none with {other}: no {name} reaches more than {percent_short(best)}"
    if value == 0:
        return f"only {name} 0 with {other}: 0.01 is too much"
    return f"at most {name} {decimals(value)} with {other}"


def _weakest(path: PathDecoding, width: int) -> str:
    """Name the weakest tokens, as many as fit into a line."""
    named = [_named(path, at) for at in path.weakest(_NAMED)]
    while len(named) > 1 and cell_width(", ".join(named)) > width:
        del named[-1]
    return ", ".join(named)


def _named(path: PathDecoding, at: int) -> str:
    return f"{_token(path, at)} {percent_short(path.probability[at])} (token {at + 1})"


def _token(path: PathDecoding, at: int) -> str:
    token = path.steps[at].token
    return "<end>" if token.ends else label(token.text, token.raw, 20)


def _presets(path: PathDecoding) -> list[Line]:
    lines: list[Line] = [[Piece(f"{'':<31}{'this answer':>20}{'first cut at':>16}", "head")]]
    for heading, role, settings in presets_beside(path.settings):
        there = decode_path(path.steps, settings)
        chance = chance_words(there)
        cut = "" if there.forbidden is None else f"token {there.forbidden + 1}"
        numbers = " " * (20 - cell_width(chance)) + chance + f"{cut:>16}"
        lines.append([Piece(heading, role), Piece(numbers, "number")])
    return lines
