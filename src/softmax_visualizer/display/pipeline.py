"""A decoding as the columns of one table: the model, then the two steps of the decoder in its order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval, Stage, TokenDistribution, decode
from softmax_visualizer.decoding.comparison import alignment
from softmax_visualizer.display.bars import Axis, Bar
from softmax_visualizer.display.columns import Column
from softmax_visualizer.display.labels import label, place_of
from softmax_visualizer.display.numbers import bits, count_range, number, percent_in, percent_short
from softmax_visualizer.display.settings import cut_words, decimals

LABEL_WIDTH = 24
"""Cells of a token's name at the most; a table shortens it further where it must."""

AXES = ("fit", "full", "longest", "log")
"""Kinds of axes: see :func:`axis_of`."""

_FITTING = (0.1, 0.25, 0.5, 1.0)


def pipeline(
    decoding: Decoding, rows: int, number_width: int, pinned: Decoding | None = None
) -> tuple[Column, Column, Column]:
    """Return the three columns of a decoding, with the same tokens on the same rows.

    Args:
        decoding: what to show.
        rows: how many rows there are; the last one sums up all that has no row of its own.
        number_width: cells for a number.
        pinned: another decoding, whose probabilities are marked on the bars.
    """
    settings, shown = decoding.settings, shown_tokens(decoding, rows)
    has_rest = shown < len(decoding.distribution) or not decoding.distribution.complete
    cut_stage = 2 if settings.order == "temperature-first" else 1
    same = (False, *(_repeats(decoding, step) for step in (1, 2)))
    final = max((step for step in range(3) if not same[step]), default=0)
    found = []
    for step, stage in enumerate(decoding.pipeline):
        before = decoding.pipeline[cut_stage - 1] if step >= cut_stage else None
        bars = token_bars(decoding, range(shown), stage, number_width, before)
        if has_rest:
            bars.append(_rest_bar(decoding, shown, stage, number_width, before))
        column = Column(
            titles(settings, step),
            tuple(_with_pinned(bars, decoding, pinned, step, shown)),
            stage_words(stage),
            final=step == final,
            same=same[step],
        )
        found.append(_with_cut(column, decoding) if step == cut_stage else column)
    return found[0], found[1], found[2]


def shown_tokens(decoding: Decoding, rows: int) -> int:
    """Return how many tokens have a row of their own; all others share the last one."""
    listed = len(decoding.distribution)
    if decoding.distribution.complete and listed <= rows:
        return listed
    return min(max(rows - 1, 0), listed)


def token_bars(
    decoding: Decoding,
    indices: Sequence[int],
    stage: Stage,
    number_width: int,
    before: Stage | None = None,
) -> list[Bar]:
    """Return a bar for each of some listed tokens; what is cut has none, and says so.

    Args:
        decoding: whose tokens they are.
        indices: of listed tokens.
        stage: what the bars show.
        number_width: cells for a number.
        before: the stage before a cut; None where nothing can have been cut yet.
    """
    reach = max(indices, default=-1) + 1
    probabilities = stage.first(reach)
    earlier = None if before is None else before.first(reach)
    bars = []
    for index in indices:
        name, kept = token_label(decoding.distribution, index), stage.is_kept(index)
        if kept == "no" and earlier is not None and earlier[index].high > 0:
            bars.append(Bar(name, 0.0, 0.0, 0.0, "cut", "no"))
        else:
            value = probabilities[index]
            text = percent_in(value, number_width)
            bars.append(Bar(name, value.low, value.estimate, value.high, text, kept))
    return bars


def _rest_bar(decoding: Decoding, shown: int, stage: Stage, number_width: int, before: Stage | None) -> Bar:
    kept, value, name = stage.kept_beyond(shown), stage.beyond(shown), rest_label(decoding, shown)
    if kept == "none" and before is not None and before.beyond(shown).high > 0:
        return Bar(name, 0.0, 0.0, 0.0, "cut", "no", rest=True)
    text = percent_in(value, number_width)
    marked = "maybe" if kept == "maybe" else "yes"
    return Bar(name, value.low, value.estimate, value.high, text, marked, rest=True)  # type: ignore[arg-type]


def _with_cut(column: Column, decoding: Decoding) -> Column:
    """Draw the cut: on the first row of which nothing is kept, or else say how far it reaches."""
    settings = decoding.settings
    if not settings.cuts or (settings.temperature == 0 and settings.order == "temperature-first"):
        return column
    row = next((row for row, bar in enumerate(column.bars) if bar.kept == "no"), None)
    if row is None:
        words = f"kept {kept_words(decoding)}"
        return replace(column, below=(words, words.partition(" of ")[0]))
    return replace(column, cut_row=row, cut_words=_cut_here(decoding))


def _cut_here(decoding: Decoding) -> tuple[str, ...]:
    """Say in more and in fewer cells why the cut is where it is."""
    settings, kept = decoding.settings, decoding.after_cut.kept_tokens
    if not kept.is_point:
        return "cut here at the latest", "cut at the latest", "cut"
    if settings.top_k is not None and kept.low >= settings.top_k:
        return f"cut here: top-k {settings.top_k:,}", f"top-k {settings.top_k:,}", "cut"
    reached = Interval(
        *(1 - cut for cut in (decoding.cut_mass.high, decoding.cut_mass.estimate, decoding.cut_mass.low))
    )
    if settings.top_p < 1 and reached.low >= settings.top_p * (1 - 1e-9):
        why = f"{percent_short(reached)} ≥ {100 * settings.top_p:.6g} %"
        return f"cut here: {why}", why, "cut"
    why = f"below {100 * settings.min_p:.6g} % of the first"
    return f"cut here: {why}", why, f"min-p {decimals(settings.min_p)}", "cut"


def _repeats(decoding: Decoding, step: int) -> bool:
    """Whether a step of the decoder changes nothing at all."""
    divides = step == (1 if decoding.settings.order == "temperature-first" else 2)
    return decoding.settings.temperature == 1 if divides else not decoding.settings.cuts


def _with_pinned(
    bars: Sequence[Bar], decoding: Decoding, pinned: Decoding | None, step: int, shown: int
) -> Sequence[Bar]:
    """Mark on the bars of one stage what the pinned decoding has there, if it has such a stage."""
    if pinned is None:
        return bars
    same = pinned.distribution is decoding.distribution
    if (step == 0 and same) or (step == 1 and pinned.settings.order != decoding.settings.order):
        return bars
    stage = pinned.pipeline[step]
    places = alignment(decoding.distribution, pinned.distribution)[:shown].tolist()
    probabilities = stage.first(max(places, default=-1) + 1)
    marked: list[Interval | None] = [probabilities[place] if place >= 0 else None for place in places]
    marked += [stage.beyond(shown) if same else None] * (len(bars) - shown)
    return [replace(bar, pinned=mark) for bar, mark in zip(bars, marked, strict=True)]


def running_sum_bars(
    stage: Stage, bars: Sequence[Bar], number_width: int, mark: float | None
) -> tuple[Bar, ...]:
    """Return, for each row of a column, what it and all rows above it have together.

    Args:
        stage: what the column shows.
        bars: its rows, the first tokens of the stage; perhaps a last row for all others.
        number_width: cells of a number.
        mark: a share that is marked on every row, if there is one.
    """
    tokens = [bar for bar in bars if not bar.rest]
    running, pinned = stage.running_sum(len(tokens)), None if mark is None else Interval.point(mark)
    sums = [
        Bar(bar.label, *running[index].ends, percent_in(running[index], number_width), pinned=pinned)
        for index, bar in enumerate(tokens)
    ]
    if len(bars) > len(tokens):
        sums.append(Bar(bars[-1].label, 1.0, 1.0, 1.0, "100 %", rest=True, pinned=pinned))
    return tuple(sums)


def titles(settings: DecodingSettings, step: int) -> tuple[str, ...]:
    """Return what to call a column of the pipeline, in more and in fewer cells."""
    if step == 0:
        return ("model, T = 1",)
    temperature_step = 1 if settings.order == "temperature-first" else 2
    last = ": sampled from" if step == 2 else ""
    if step == temperature_step:
        name = f"temperature {decimals(settings.temperature)}"
        short = f"T {decimals(settings.temperature)}"
        return f"{name}{last}", f"{short}{last}", short
    if not settings.cuts:
        return f"nothing is cut{last}", "nothing is cut"
    cut = cut_words(settings)
    return f"{cut}{last}", f"{cut}{': sampled' if last else ''}", f"cuts{last}", "cuts"


def stage_words(stage: Stage) -> tuple[str, str]:
    """Return entropy and perplexity in words."""
    return bits(stage.entropy, "–"), number(stage.effective_tokens, "–")


def rest_label(decoding: Decoding, shown: int) -> str:
    """Name what has no row: ``"19,412 more"``, ``"unseen"``, ``"7 + unseen"``."""
    more = len(decoding.distribution) - shown
    if decoding.distribution.complete:
        return f"{more:,} more"
    return f"{more:,} + unseen" if more else "unseen"


def token_label(distribution: TokenDistribution, index: int, width: int = LABEL_WIDTH) -> str:
    """Return a listed token as the label of a row, or as a name in a sentence."""
    token = distribution.token(index)
    return label(token.text, token.bytes, width)


def rows_of(names: Iterable[str], column: Column) -> frozenset[int]:
    """Return the rows of the tokens of these names, as far as they have one."""
    labels = [bar.label for bar in column.bars if not bar.rest]
    places = (place_of(name, labels, LABEL_WIDTH) for name in names)
    return frozenset(place for place in places if place is not None)


def axis_of(kind: str, columns: Sequence[Column], decoding: Decoding | None = None) -> Axis:
    """Return the axis of all columns.

    ``"full"`` reaches to 100 %; ``"longest"`` to the end of the longest bar; ``"log"`` is logarithmic.
    ``"fit"`` reaches to the smallest of 10, 25, 50 and 100 % that holds every token between T = 1 and the
    present setting, so that a knob that is held moves it in one direction only, and every token that is
    pinned, so that flipping does not move it. The rest has no part in it: of a flat distribution it is nearly
    everything.

    Args:
        kind: one of :data:`AXES`.
        columns: what is drawn on it.
        decoding: the present setting, whose T = 1 belongs to what ``"fit"`` holds.
    """
    bars = [bar for column in columns for bar in column.bars]
    if kind == "log":
        return Axis.log()
    if kind == "longest":
        longest = max((bar.high for bar in bars), default=0.0)
        return Axis.to(min(longest, 1.0) if longest > 0 else 1.0)
    if kind == "full":
        return Axis.to(1.0)
    tokens = [bar for bar in bars if not bar.rest]
    highest = [max(bar.high, bar.pinned.high if bar.pinned else 0.0) for bar in tokens]
    if decoding is not None:
        plain = decode(decoding.distribution, replace(decoding.settings, temperature=1.0))
        highest.append(float(plain.after_cut.first(1).high[0]))
    return Axis.to(next(end for end in _FITTING if end >= min(max(highest, default=1.0), 1.0) - 1e-9))


def kept_words(decoding: Decoding) -> str:
    """Say how many tokens can be sampled: ``"all 20,000"``, ``"3 of 20,000"``, ``"21–412 of 50,000"``."""
    size = decoding.others(0).count
    of = "" if size is None else f" of {size:,}"
    if not decoding.settings.cuts and decoding.settings.temperature > 0:
        return f"all {size:,}" if size is not None else "all"
    tokens = decoding.after_cut.kept_tokens
    return count_range(tokens.low, tokens.high, "–") + of


def certainty(decoding: Decoding) -> str:
    """Say in a word or two how much of a decoding is known: all of it, what is sampled from, or bounds."""
    if decoding.exact:
        return "EXACT"
    return "EXACT SAMPLE" if decoding.after_cut.exact else "BOUNDS"


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
