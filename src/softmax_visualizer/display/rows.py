"""A decoding as the rows of a text: what its table is called, and one row after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval
from softmax_visualizer.decoding.stage import Kept
from softmax_visualizer.display.labels import label
from softmax_visualizer.display.numbers import percent_short
from softmax_visualizer.display.pipeline import LABEL_WIDTH, rest_label
from softmax_visualizer.display.settings import cut_words

BAR_WIDTH = 40
"""Cells of 100 %, in every table."""

_EIGHTHS: tuple[str, ...] = ("", *"▏▎▍▌▋▊▉")


@dataclass(frozen=True, slots=True)
class Row:
    """A token, or all that has no row of its own (``rest``), in the three stages of a decoding.

    ``kept``: whether it can be sampled; what temperature 0 leaves nothing of is not called cut.
    """

    label: str
    model: Interval
    after_temperature: Interval
    after_cut: Interval
    kept: Kept
    rest: bool = False

    @property
    def number(self) -> str:
        """The probability with which it is sampled, in words: ``"12–29 %"``, ``"cut"``."""
        return "cut" if self.kept == "no" else percent_short(self.after_cut)


def heading(settings: DecodingSettings) -> str:
    """Return what a table of a setting is called: ``"Temp 0.7 (top-p 0.90, temperature first)"``."""
    order = ", " + settings.order.replace("-", " ") if settings.cuts else ""
    return f"Temp {settings.temperature:.15g} ({cut_words(settings)}{order})"


def rows(decoding: Decoding, top: int) -> Iterator[Row]:
    """Return a row for each of the first ``top`` tokens, and one for the rest if there is any."""
    listed = len(decoding.distribution)
    shown = min(top, listed)
    stages = (decoding.model, decoding.after_temperature, decoding.after_cut)
    model, tempered, final = (stage.first(shown) for stage in stages)
    for index in range(shown):
        token = decoding.distribution.token(index)
        name = label(token.text, token.bytes, LABEL_WIDTH)
        kept = decoding.kept(index) if tempered.high[index] > 0 else "yes"
        yield Row(name, model[index], tempered[index], final[index], kept)
    others = decoding.others(shown)
    if others.model.high > 0 or shown < listed:
        gone = others.kept == "none" and others.after_temperature.high > 0
        yield Row(
            rest_label(decoding, shown),
            others.model,
            others.after_temperature,
            others.probability,
            "no" if gone else "maybe" if others.kept == "maybe" else "yes",
            rest=True,
        )


def bar(row: Row) -> str:
    """Return the bar of a row: :data:`BAR_WIDTH` cells are 100 %.

    ``█`` is proven, ``▓`` leads on to the estimate and ``▒`` to the high end of the interval; where these
    fall into the same cell, the bar ends at the estimate, to an eighth of a cell. ``▚`` may be cut, and ``░``
    is cut: the probability that it had before. Zero has no bar; anything else has at least a sliver.
    """
    shown = row.after_temperature if row.kept == "no" else row.after_cut
    low, estimate, high = (int(BAR_WIDTH * end + 0.5) for end in (shown.low, shown.estimate, shown.high))
    if shown.high == 0:
        return ""
    if row.kept == "no":
        return "░" * estimate or "┊"
    if row.kept == "maybe":
        return "▚" * estimate + "▒" * (high - estimate) or "▚"
    if low < high:
        return "█" * low + "▓" * (estimate - low) + "▒" * (high - estimate)
    whole, part = divmod(int(8 * BAR_WIDTH * shown.estimate + 0.5), 8)
    return "█" * whole + _EIGHTHS[part] or _EIGHTHS[1]
