"""Samples beside what is expected of them, in words and as columns of bars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval, decode
from softmax_visualizer.decoding.agreement import (
    Agreement,
    agreements,
    explanations,
    in_each_order,
)
from softmax_visualizer.decoding.sampling import Counts, band
from softmax_visualizer.display.bars import Axis, Bar
from softmax_visualizer.display.columns import Column, Layout, table_of_bars
from softmax_visualizer.display.numbers import count_range
from softmax_visualizer.display.pieces import Line
from softmax_visualizer.display.pipeline import axis_of, pipeline, shown_tokens, titles
from softmax_visualizer.display.settings import order_phrase, settings_words

_SURE = 1e-6
"""A p-value below which it is said that something cannot be."""

_MOST_FITS = 3
"""Settings that fit and are named."""

By = Literal["program", "server"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one distribution, what was sampled from, and what they say of it.

    ``decoding``: of the settings. ``tests``: of the two orders. ``fits``: other settings that they may come
    from, where both orders differ.
    """

    decoding: Decoding
    counts: Counts
    by: By
    tests: tuple[Agreement, ...]
    fits: tuple[tuple[DecodingSettings, Interval], ...] = ()

    @classmethod
    def judged(cls, decoding: Decoding, counts: Counts, by: By) -> Samples:
        """Test samples against the settings in each order, and against others where both differ."""
        if not counts.total:
            return cls(decoding, counts, by, ())
        distribution, asked = decoding.distribution, decoding.settings
        tests = agreements(distribution, counts, in_each_order(asked))
        differs = all(test.verdict == "differs" for test in tests)
        return cls(decoding, counts, by, tests, explanations(distribution, counts, asked) if differs else ())

    @property
    def orders_are_one(self) -> bool:
        """Whether both orders come to the same at these settings."""
        settings = self.decoding.settings
        return settings.temperature in (0, 1) or not settings.cuts


def greedy_sentence(decoding: Decoding, counts: Counts) -> str:
    """Say how many samples are not the most likely token, and how many were expected."""
    total = counts.total
    expected = decoding.after_cut.beyond(1)
    low, high = band(expected, total)
    middle = f"{expected.estimate * total:,.0f}"
    spread = max(expected.estimate * total - low, high - expected.estimate * total)
    words = f"{middle} ± {spread:.0f}" if expected.is_point else count_range(low, high)
    return f"{counts.beyond(1):,} of {total:,} left the most likely token; {words} expected"


def verdict_sentences(samples: Samples) -> tuple[str, ...]:
    """Say what samples tell of each order, and what else they may come from."""
    if not samples.tests:
        return ()
    total = samples.counts.total
    if samples.orders_are_one:
        return (f"either order: {_verdict(samples.tests[0], total)}", *_fits(samples))
    return (
        *(f"{order_phrase(test.settings.order)}: {_verdict(test, total)}" for test in samples.tests),
        *_fits(samples),
    )


def badge(samples: Samples) -> str:
    """Say in a few cells what the samples of a server tell."""
    agreeing = [test.settings.order for test in samples.tests if test.verdict == "agrees"]
    if samples.orders_are_one and agreeing:
        return "samples agree"
    if len(agreeing) == 1:
        return "samples: T first" if agreeing[0] == "temperature-first" else "samples: T last"
    if len(samples.fits) == 1:
        return f"samples: {settings_words(samples.fits[0][0])}"
    return "samples differ" if all(test.verdict == "differs" for test in samples.tests) else ""


def _verdict(test: Agreement, total: int) -> str:
    if test.verdict == "differs":
        return "cannot be (p < 1e-6)" if test.p_value.high < _SURE else f"differs ({_p(test.p_value)})"
    if test.verdict == "agrees":
        return f"agrees ({_p(test.p_value)})"
    takes = "too few tokens are listed to tell"
    if test.needed is not None:
        takes = (
            f"some {test.needed:,} samples would tell" if test.needed > total else "more samples would tell"
        )
    return f"cannot tell ({_p(test.p_value)}); {takes}"


def _fits(samples: Samples) -> tuple[str, ...]:
    if any(test.verdict != "differs" for test in samples.tests):
        return ()
    if not samples.fits:
        return ("nothing else that engines are known to do fits either",)
    words = [
        f"{settings_words(settings, order=False)}"
        + (f", {order_phrase(settings.order)}" if settings.cuts and settings.temperature != 1 else "")
        + f" ({_p(p_value)})"
        for settings, p_value in samples.fits[:_MOST_FITS]
    ]
    more = len(samples.fits) - len(words)
    also = (f"or so: {each}" for each in words[1:])
    last = (f"or {more} more; further samples would tell",) if more else ()
    return f"what fits best: {words[0]}", *also, *last


def _p(value: Interval) -> str:
    low, high = _p_digits(value.low), _p_digits(value.high)
    return f"p = {low}" if low == high else f"p = {low} to {high}"


def _p_digits(value: float) -> str:
    if value < _SURE:
        return "<1e-6"
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def columns(samples: Samples, rows: int, layout: Layout) -> list[Column]:
    """Return two columns of theory and one of what came, with the same tokens on the same rows.

    The theory is the model and what is sampled from, or for a server both orders.
    """
    decoding, counts = samples.decoding, samples.counts
    model, _, final = pipeline(decoding, rows, layout.number)
    theory = [replace(model, final=False), final]
    if samples.by == "server" and not samples.orders_are_one:
        theory = []
        for settings in in_each_order(decoding.settings):
            column = pipeline(decode(decoding.distribution, settings), rows, layout.number)[2]
            names = order_phrase(settings.order), settings.order.replace("temperature-", "T ")
            theory.append(replace(column, titles=names, final=settings == decoding.settings, same=False))
    else:
        last = decoding.settings
        theory[1] = replace(final, final=True, same=False, titles=(*titles(last, 2), "sampled from"))
    shown = shown_tokens(decoding, rows)
    first = decoding.after_cut.first(shown)
    came = [*counts.first(shown).tolist(), counts.beyond(shown)]
    expected = [*(first[index] for index in range(shown)), decoding.after_cut.beyond(shown)]
    total = max(counts.total, 1)
    bars: list[Bar] = []
    for bar, times, probability in zip(final.bars, came, expected, strict=False):
        low, high = band(probability, counts.total)
        share = times / total
        nameless = counts.untold and not bar.rest and not decoding.distribution.is_named(len(bars))
        bars.append(
            Bar(bar.label, 0.0, 0.0, 0.0, "?")
            if nameless
            else Bar(
                bar.label, share, share, share, f"{times:,}", rest=bar.rest, band=(low / total, high / total)
            )
        )
    who = "came" if samples.by == "program" else "the server"
    titled = (f"{counts.total:,} samples, ├┤ 95 %", f"{counts.total:,} samples", who)
    return [*theory, Column(titled, tuple(bars), ("", ""))]


def table(samples: Samples, width: int, rows: int, kind: str = "fit") -> tuple[list[Line], Axis]:
    """Draw theory and samples in so many cells, a row a token; return the lines and the axis.

    ``kind``: of the axis, as in :func:`.pipeline.axis_of`.
    """
    layout = Layout.of(width)
    found = columns(samples, rows, layout)
    axis = axis_of(kind, found)
    return table_of_bars(found, layout, axis, statistics=0), axis
