"""A draw in words."""

from __future__ import annotations

from softmax_visualizer.decoding import Decoding
from softmax_visualizer.display.labels import label
from softmax_visualizer.display.numbers import percent_short


def draw_sentence(decoding: Decoding, drawn: int | None, chance: float, seed: int, number: int) -> str:
    """Say which token was drawn, with which random number, and what to do with it.

    Args:
        decoding: what was drawn from.
        drawn: index of the listed token; None is a token that the server does not list.
        chance: the uniform random number of the draw.
        seed: the seed of all draws; ``number`` counts them from 1.
    """
    how = f"random number {chance:.4f}, seed {seed}, draw {number}"
    estimated = "" if decoding.after_cut.exact else " (by the estimate)"
    if drawn is None:
        return f"Drawn{estimated}: a token that the server does not show. {how}."
    token = decoding.distribution.token(drawn)
    probability = percent_short(decoding.after_cut.first(drawn + 1)[drawn])
    name = label(token.text, token.bytes, 24)
    return f"Drawn{estimated}: {name}, rank {drawn + 1:,}, {probability}. Enter adds it. {how}."
