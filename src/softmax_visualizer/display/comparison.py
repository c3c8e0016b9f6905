"""Several decodings side by side: the same tokens on the same rows, and in words what changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from softmax_visualizer.decoding import Decoding, Interval
from softmax_visualizer.decoding.comparison import Change, Comparison, alignment
from softmax_visualizer.decoding.decision import leaving
from softmax_visualizer.display.histogram import Bar
from softmax_visualizer.display.labels import label
from softmax_visualizer.display.numbers import bits, count_range, percent, percent_short
from softmax_visualizer.display.panels import Panel, rest_label, token_bars, token_label

LEAST_CHANGE = 0.001
"""A change in probability below which it is not named."""


@dataclass(frozen=True)
class Column:
    """One of the things compared: what it is called, and what is drawn from."""

    title: str
    decoding: Decoding


def compared(columns: Sequence[Column], rows: int) -> list[Panel]:
    """Return a panel a column, with the same tokens on the same rows; the last row is everything else.

    The tokens are those that are most likely in any of the columns; their order is that of the first column.
    """
    first = columns[0].decoding.distribution
    if all(column.decoding.distribution is first for column in columns):
        shown = min(max(rows - 1, 0), len(first))
        if first.complete and len(first) <= rows:
            shown = len(first)
        return [_same_list(column, shown) for column in columns]
    return _several_lists(columns, max(rows - 1, 0))


def _same_list(column: Column, shown: int) -> Panel:
    decoding = column.decoding
    bars = _drawn(decoding, range(shown))
    if shown < len(decoding.distribution) or not decoding.distribution.complete:
        cut = decoding.settings.cuts and decoding.after_cut.kept_beyond(shown) == "none"
        bars.append(_rest(rest_label(decoding, shown), decoding.after_cut.beyond(shown), cut=cut))
    return Panel(column.title, tuple(bars))


def _drawn(decoding: Decoding, indices: Sequence[int]) -> list[Bar]:
    """Return bars of what listed tokens are drawn with; "cut" where a cut takes them."""
    settings = decoding.settings
    bars = token_bars(decoding, indices, decoding.after_cut)
    if not settings.cuts or settings.temperature == 0:
        return bars
    return [replace(bar, number="cut") if bar.kept == "no" else bar for bar in bars]


def _several_lists(columns: Sequence[Column], most: int) -> list[Panel]:
    lists = [column.decoding.distribution for column in columns]
    # a token is named by the first column that lists it, and its index there
    weights: dict[tuple[int, int], float] = {}
    for number, column in enumerate(columns):
        probabilities = column.decoding.after_cut.first(min(most, len(lists[number])))
        earlier = [alignment(lists[number], other) for other in lists[:number]]
        for index, probability in enumerate(probabilities.estimate.tolist()):
            places = [*((home, int(there[index])) for home, there in enumerate(earlier)), (number, index)]
            key = next(place for place in places if place[1] >= 0)
            weights[key] = max(weights.get(key, 0.0), probability)
    likeliest = sorted(weights, key=lambda key: -weights[key])[:most]
    shown = sorted(likeliest)
    labels = [token_label(lists[home], index) for home, index in shown]
    panels = []
    for number, column in enumerate(columns):
        places_here = [int(alignment(lists[home], lists[number])[index]) for home, index in shown]
        listed = [place for place in places_here if place >= 0]
        found = dict(zip(listed, _drawn(column.decoding, listed), strict=True))
        bars = [
            found.get(place) or Bar(name, 0.0, 0.0, 0.0, "not listed")
            for name, place in zip(labels, places_here, strict=True)
        ]
        bars.append(_rest("all others", leaving(column.decoding, frozenset(listed))))
        panels.append(Panel(column.title, tuple(bars)))
    return panels


def _rest(text: str, probability: Interval, *, cut: bool = False) -> Bar:
    number = "cut" if cut else percent_short(probability)
    return Bar(text, probability.low, probability.estimate, probability.high, number, rest=True)


def change_words(found: Comparison, tokens: int) -> list[str]:
    """Return what becomes of ``before`` in ``after``, as two sentences.

    The first names the ``tokens`` that change most, and how many come and go; the second says how far apart
    the two are: total variation, and where it is exact the KL divergence of ``after`` from ``before``.
    """
    named = [change for change in found.changes(tokens) if _moved(change) >= LEAST_CHANGE]
    words = [_change(change) for change in named]
    words += _traffic(found)
    if not words:
        words = (
            ["nothing changes"] if found.total_variation.high == 0 else ["no token changes by 0.1 % or more"]
        )
    return [
        "; ".join(words),
        f"total variation {percent(found.total_variation)}{_divergence(found.kl_bits)}",
    ]


def _moved(change: Change) -> float:
    return abs(change.after.estimate - change.before.estimate)


def _change(change: Change) -> str:
    name = label(change.token.text, change.token.bytes, 20)
    before, after = change.before, change.after
    verb = "falls" if after.high < before.low else "rises" if after.low > before.high else "goes"
    first, second = percent_short(before), percent_short(after)
    if before.is_point and after.is_point:
        first = first.removesuffix(" %")
    return f"{name} {verb} from {first} to {second}"


def _traffic(found: Comparison) -> list[str]:
    words = []
    for moving, verb in ((found.entering, "enter"), (found.leaving, "leave")):
        if moving.high > 0:
            count = count_range(moving.low, moving.high)
            one = count == "1"
            words.append(f"{count} {'token' if one else 'tokens'} {verb}{'s' if one else ''}")
    return words


def _divergence(kl_bits: float | None) -> str:
    if kl_bits is None:
        return ""
    words = "infinite (it can draw what the first cannot)" if math.isinf(kl_bits) else bits(kl_bits)
    return f", KL divergence {words}"
