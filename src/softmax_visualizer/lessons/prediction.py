"""Predictions: what people can say before they see it, and what it costs to be wrong.

A prediction gives the option that was chosen :data:`SURE` and shares the rest among the others. Its cost is
the logarithmic score, in bits: ``-log2`` of what it gave to the option that came true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import isclose, log2
from typing import TYPE_CHECKING

from softmax_visualizer.display.labels import label, place_of
from softmax_visualizer.lessons.expectation import Measure

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Decoding, Interval

SURE = 0.8
"""The share that a prediction gives to the option that was chosen."""

CHANGES = ("rises", "falls", "stays")
"""What a number can do."""

OTHER = "another one"
"""The option for all tokens that are no choice."""

_LONGEST_LABEL = 200


@dataclass(frozen=True)
class Prediction:
    """What a question lets people predict.

    ``about``: the number that a step changes; None for the token that it samples.
    ``options``: what can be predicted; tokens stand between backticks. ``guess``: which of them is predicted
    where a lesson plays by itself, None for nothing. ``line``: where it stands in the file.
    """

    about: Measure | None
    options: tuple[str, ...]
    guess: int | None
    line: int

    @property
    def keys(self) -> str:
        """The options with the keys that choose them."""
        return "   ".join(f"{key} {option}" for key, option in enumerate(self.options, 1))


@dataclass(frozen=True)
class Judged:
    """A prediction that was made, and what came true: both as places among the options."""

    prediction: Prediction
    said: int
    came: int

    @property
    def bits(self) -> float:
        """What it cost."""
        others = len(self.prediction.options) - 1
        return -log2(SURE) if self.said == self.came else log2(others / (1 - SURE))

    @property
    def bits_of_nothing(self) -> float:
        """What it would have cost to give every option the same."""
        return log2(len(self.prediction.options))


def changed(before: Interval, after: Interval) -> int | None:
    """Return which of the :data:`CHANGES` a number has made; None if its bounds leave that open.

    What differs by no more than a float's noise has stayed.
    """
    if before.is_point and after.is_point and isclose(before.low, after.low, rel_tol=1e-9, abs_tol=1e-12):
        return CHANGES.index("stays")
    if after.low > before.high:
        return CHANGES.index("rises")
    return CHANGES.index("falls") if after.high < before.low else None


def sampled(prediction: Prediction, decoding: Decoding, index: int | None) -> int:
    """Return which option a sampled token is; ``index`` is None for one that the model did not list."""
    *choices, _ = prediction.options
    if index is not None:
        token = decoding.distribution.token(index)
        name = [label(token.text, token.bytes, _LONGEST_LABEL)]
        for number, choice in enumerate(choices):
            if place_of(choice.strip("`"), name, _LONGEST_LABEL) is not None:
                return number
    return len(choices)


def longest_verdict(prediction: Prediction) -> str:
    """Return the longest text that :func:`verdict` can make of a prediction."""
    places = range(len(prediction.options))
    return max((verdict([Judged(prediction, *ends)] * 99) for ends in product(places, places)), key=len)


def verdict(judged: Sequence[Judged]) -> str:
    """Say what came of the last of some predictions, and what all of them cost."""
    last = judged[-1]
    said, came = (last.prediction.options[number] for number in (last.said, last.came))
    bits, nothing = sum(each.bits for each in judged), sum(each.bits_of_nothing for each in judged)
    count = f"{len(judged)} predictions" if len(judged) > 1 else "1 prediction"
    return (
        f"You said {said}: it {'' if last.prediction.about else 'is '}{came}. {last.bits:.1f} bits. "
        f"So far {bits:.1f} in {count}; less is better, guessing: {nothing:.1f}."
    )
