"""Several decodings side by side: the same tokens on the same rows, and in words what changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from softmax_visualizer.decoding import Decoding, Interval
from softmax_visualizer.decoding.comparison import Change, Comparison, alignment, compare
from softmax_visualizer.decoding.decision import leaving
from softmax_visualizer.display.bars import Bar
from softmax_visualizer.display.columns import Column
from softmax_visualizer.display.labels import label, safe_line, wrap
from softmax_visualizer.display.numbers import count_range, percent, percent_in, percent_short
from softmax_visualizer.display.pieces import Line, Piece
from softmax_visualizer.display.pipeline import rest_label, shown_tokens, stage_words, token_bars, token_label

LEAST_CHANGE = 0.001
"""A change in probability below which it is not named."""

_PLACES = ("second", "third", "fourth")


@dataclass(frozen=True)
class Side:
    """One of the things compared: what it is called, in more and in fewer cells, and its decoding."""

    titles: tuple[str, ...]
    decoding: Decoding


def compared(sides: Sequence[Side], rows: int, number_width: int) -> list[Column]:
    """Return a column a side, with the same tokens on the same rows; the last row is everything else.

    The tokens are those that are most likely on any of the sides; their order is that of the first one.
    """
    first = sides[0].decoding.distribution
    if all(side.decoding.distribution is first for side in sides):
        shown = shown_tokens(sides[0].decoding, rows)
        return [_same_list(side, shown, number_width) for side in sides]
    return _several_lists(sides, max(rows - 1, 0), number_width)


def _column(side: Side, bars: Sequence[Bar]) -> Column:
    return Column(side.titles, tuple(bars), stage_words(side.decoding.after_cut))


def _same_list(side: Side, shown: int, number_width: int) -> Column:
    decoding = side.decoding
    bars = _sampled(decoding, range(shown), number_width)
    if shown < len(decoding.distribution) or not decoding.distribution.complete:
        cut = decoding.settings.cuts and decoding.after_cut.kept_beyond(shown) == "none"
        name, value = rest_label(decoding, shown), decoding.after_cut.beyond(shown)
        bars.append(_rest(name, value, number_width, cut=cut))
    return _column(side, bars)


def _sampled(decoding: Decoding, indices: Sequence[int], number_width: int) -> list[Bar]:
    """Return bars of what listed tokens are sampled with; "cut" where a cut takes them."""
    settings = decoding.settings
    bars = token_bars(decoding, indices, decoding.after_cut, number_width)
    if not settings.cuts or settings.temperature == 0:
        return bars
    return [replace(bar, number="cut") if bar.kept == "no" else bar for bar in bars]


def _several_lists(sides: Sequence[Side], most: int, number_width: int) -> list[Column]:
    lists = [side.decoding.distribution for side in sides]
    # a token is named by the first side that lists it, and its index there
    weights: dict[tuple[int, int], float] = {}
    for place, side in enumerate(sides):
        probabilities = side.decoding.after_cut.first(min(most, len(lists[place])))
        earlier = [alignment(lists[place], other) for other in lists[:place]]
        for index, probability in enumerate(probabilities.estimate.tolist()):
            places = [*((home, int(there[index])) for home, there in enumerate(earlier)), (place, index)]
            key = next(each for each in places if each[1] >= 0)
            weights[key] = max(weights.get(key, 0.0), probability)
    likeliest = sorted(weights, key=lambda key: -weights[key])[:most]
    shown = sorted(likeliest)
    labels = [token_label(lists[home], index) for home, index in shown]
    columns = []
    for place, side in enumerate(sides):
        places_here = [int(alignment(lists[home], lists[place])[index]) for home, index in shown]
        listed = [index for index in places_here if index >= 0]
        found = dict(zip(listed, _sampled(side.decoding, listed, number_width), strict=True))
        bars = [
            found.get(index) or Bar(name, 0.0, 0.0, 0.0, "unlisted")
            for name, index in zip(labels, places_here, strict=True)
        ]
        bars.append(_rest("all others", leaving(side.decoding, frozenset(listed)), number_width))
        columns.append(_column(side, bars))
    return columns


def _rest(text: str, probability: Interval, number_width: int, *, cut: bool = False) -> Bar:
    if cut:
        return Bar(text, 0.0, 0.0, 0.0, "cut", "no", rest=True)
    words = percent_in(probability, number_width)
    return Bar(text, probability.low, probability.estimate, probability.high, words, rest=True)


def changes(sides: Sequence[Side], width: int, most: int) -> list[Line]:
    """Say in up to ``most`` lines how each further side differs from the first."""
    share = max(most // (len(sides) - 1), 1)
    lines: list[Line] = []
    for side, place in zip(sides[1:], _PLACES, strict=False):
        heading = "left → right: " if len(sides) == 2 else f"first → {place}: "
        found = compare(sides[0].decoding, side.decoding)
        for tokens in (4, 3, 2, 1):
            words = change_words(found, tokens)
            spoken = wrap(heading + "; ".join(words), width)
            if len(spoken) <= share:
                break
        else:
            # how far apart the two are is the last to go
            spoken = wrap(heading + words[-1], width)
        spoken = [*spoken[: share - 1], " ".join(spoken[share - 1 :])]
        lines += [[Piece(" ", "space"), Piece(safe_line(each, width), "text")] for each in spoken if each]
    return lines


def change_words(found: Comparison, tokens: int) -> list[str]:
    """Return what becomes of ``before`` in ``after``, as two sentences.

    The first names the ``tokens`` that change most, and how many come and go; the second says how far apart
    the two are: the probability that moves from some tokens to others, which is their total variation.
    """
    named = [change for change in found.changes(tokens) if _moved(change) >= LEAST_CHANGE]
    words = [_change(change) for change in named]
    words += _traffic(found)
    if not words:
        words = [
            "nothing changes" if found.total_variation.high == 0 else "no token changes by 0.1 % or more"
        ]
    return ["; ".join(words), f"{percent(found.total_variation)} of the probability moves"]


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
