"""A decoding as the three panels of the pipeline, and as a line of statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval, Stage, TokenDistribution
from softmax_visualizer.decoding.comparison import alignment
from softmax_visualizer.decoding.stage import Kept
from softmax_visualizer.display.histogram import Axis, Bar
from softmax_visualizer.display.labels import label
from softmax_visualizer.display.numbers import percent_short

LABEL_WIDTH = 24
"""Cells of a token's label at the most; the histogram shortens it further where it must."""

AXES = ("fixed", "auto", "log")


@dataclass(frozen=True)
class Panel:
    """One stage of the pipeline: what it is called, and a bar a row."""

    title: str
    bars: tuple[Bar, ...]


def panels(decoding: Decoding, rows: int, pinned: Decoding | None = None) -> tuple[Panel, Panel, Panel]:
    """Return the pipeline's panels with the same tokens on the same rows.

    Args:
        decoding: what to show.
        rows: how many rows there are; the last one sums up all that has no row of its own.
        pinned: another decoding, whose probabilities are marked on the bars.
    """
    listed = len(decoding.distribution)
    everything_fits = decoding.distribution.complete and listed <= rows
    shown = listed if everything_fits else min(max(rows - 1, 0), listed)
    rest = None if everything_fits or rows < 1 else rest_label(decoding, shown)
    # a cut comes after the second stage, or makes the second one where temperature is last
    cut_stage = 2 if decoding.settings.order == "temperature-first" else 1
    result = []
    for number, (stage, title) in enumerate(zip(decoding.pipeline, titles(decoding.settings), strict=True)):
        before = decoding.pipeline[number - 1] if number >= cut_stage else None
        bars = token_bars(decoding, range(shown), stage, before)
        if rest is not None:
            bars.append(_rest_bar(rest, stage, before, shown))
        if pinned is not None:
            bars = _with_pinned(bars, decoding, pinned, number, shown)
        result.append(Panel(title, tuple(bars)))
    return result[0], result[1], result[2]


def token_bars(
    decoding: Decoding, indices: Sequence[int], stage: Stage, before: Stage | None = None
) -> list[Bar]:
    """Return a bar for each of some listed tokens.

    Args:
        decoding: whose tokens they are.
        indices: of listed tokens.
        stage: what the bars show.
        before: the stage before a cut, from which what is cut keeps its bar.
    """
    reach = max(indices, default=-1) + 1
    probabilities = stage.first(reach)
    earlier = None if before is None else before.first(reach)
    return [
        _bar(
            token_label(decoding.distribution, index),
            stage.is_kept(index),
            probabilities[index],
            None if earlier is None else earlier[index],
        )
        for index in indices
    ]


def _with_pinned(
    bars: Sequence[Bar], decoding: Decoding, pinned: Decoding, number: int, shown: int
) -> list[Bar]:
    """Mark on the bars of one stage what the pinned decoding has there, if it has such a stage."""
    same = pinned.distribution is decoding.distribution
    if number == 0 and same:
        return list(bars)
    if number == 1 and pinned.settings.order != decoding.settings.order:
        return list(bars)
    stage = pinned.pipeline[number]
    places = alignment(decoding.distribution, pinned.distribution)[:shown].tolist()
    probabilities = stage.first(max(places, default=-1) + 1)
    marked: list[Interval | None] = [probabilities[place] if place >= 0 else None for place in places]
    marked += [stage.beyond(shown) if same else None] * (len(bars) - shown)
    return [replace(bar, pinned=mark) for bar, mark in zip(bars, marked, strict=True)]


def titles(settings: DecodingSettings) -> tuple[str, str, str]:
    """Return the panels' titles, in the engine's order."""
    temperature = f"Temperature {_decimals(settings.temperature)}"
    cut = cut_words(settings).capitalize()
    if settings.order == "temperature-first":
        return "Model, T = 1", temperature, f"{cut}: drawn from"
    return "Model, T = 1", f"{cut}, at T = 1", f"{temperature}: drawn from"


def last_title(settings: DecodingSettings) -> str:
    """Return a title of the last panel that says all that happened before it, for when it stands alone."""
    temperature, cut = f"T {_decimals(settings.temperature)}", cut_words(settings)
    if not settings.cuts:
        return f"Drawn from: {temperature}"
    steps = (temperature, cut) if settings.order == "temperature-first" else (cut, temperature)
    return f"Drawn from: {', then '.join(steps)}"


def cut_words(settings: DecodingSettings) -> str:
    """Name the cuts that are on: ``"top-p 0.90, top-k 40"``."""
    words = [f"top-p {_decimals(settings.top_p)}"] if settings.top_p < 1 else []
    if settings.top_k is not None:
        words.append(f"top-k {settings.top_k}")
    if settings.min_p > 0:
        words.append(f"min-p {_decimals(settings.min_p)}")
    return ", ".join(words) or "no cut"


def rest_label(decoding: Decoding, shown: int) -> str:
    """Name what has no row: ``"19,412 more"``, ``"unseen"``, ``"7 more + unseen"``."""
    more = len(decoding.distribution) - shown
    if decoding.distribution.complete:
        return f"{more:,} more"
    return f"{more:,} + unseen" if more else "unseen"


def token_label(distribution: TokenDistribution, index: int, width: int = LABEL_WIDTH) -> str:
    """Return a listed token as the label of a row, or as a name in a sentence."""
    token = distribution.token(index)
    return label(token.text, token.bytes, width)


def axis_for(kind: str, shown: Sequence[Panel]) -> Axis:
    """Return the axis of all panels, the same for each so that their bars can be compared.

    Args:
        kind: one of :data:`AXES`.
        shown: the panels that are drawn on it.
    """
    if kind == "log":
        return Axis.log()
    return Axis.auto(bar for panel in shown for bar in panel.bars) if kind == "auto" else Axis.fixed()


def certainty(decoding: Decoding) -> str:
    """Say in a word or two how much of a decoding is known: all of it, what is drawn from, or bounds."""
    if decoding.exact:
        return "EXACT"
    return "EXACT DRAW" if decoding.after_cut.exact else "BOUNDS"


def coverage(decoding: Decoding) -> str:
    """Say how much of the vocabulary was seen: ``"top 20 of 200,019 tokens"``."""
    distribution = decoding.distribution
    if distribution.complete:
        return f"all {len(distribution):,} tokens"
    size = "an unknown number of"
    if distribution.vocabulary_size is not None:
        size = f"{distribution.vocabulary_size:,}"
    assumed = "at most " if distribution.vocabulary_assumed else ""
    top = "top " if distribution.is_top else ""
    return f"{top}{len(distribution):,} of {assumed}{size} tokens"


def _bar(text: str, kept: Kept, probability: Interval, before: Interval | None) -> Bar:
    if kept == "no" and before is not None and before.high > 0:
        return _ghost(text, before)
    return Bar(
        text, probability.low, probability.estimate, probability.high, percent_short(probability), kept
    )


def _rest_bar(text: str, stage: Stage, before: Stage | None, shown: int) -> Bar:
    kept = stage.kept_beyond(shown)
    probability = stage.beyond(shown)
    if kept == "none" and before is not None and (was := before.beyond(shown)).high > 0:
        return _ghost(text, was, rest=True)
    return Bar(
        text,
        probability.low,
        probability.estimate,
        probability.high,
        percent_short(probability),
        "maybe" if kept == "maybe" else "yes",
        rest=True,
    )


def _ghost(text: str, probability: Interval, *, rest: bool = False) -> Bar:
    """What is cut stays on its row, with the probability that it had before."""
    return Bar(text, probability.low, probability.estimate, probability.high, "cut", "no", rest=rest)


def _decimals(value: float) -> str:
    """At least two decimals, and all that were set."""
    text = repr(value) if abs(value) >= 1e-4 or value == 0 else f"{value:g}"
    whole, dot, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}" if dot and "e" not in text else text
