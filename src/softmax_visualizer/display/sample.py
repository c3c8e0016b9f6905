"""A sampled token in words."""

from __future__ import annotations

from softmax_visualizer.decoding import Decoding
from softmax_visualizer.display.keys import key_for
from softmax_visualizer.display.numbers import percent_short
from softmax_visualizer.display.pipeline import token_label


def candidate_sentence(decoding: Decoding, index: int) -> str:
    """Say which token is pointed at."""
    probability = percent_short(decoding.after_cut.first(index + 1)[index])
    name = token_label(decoding.distribution, index)
    return f"{name}, rank {index + 1:,}, {probability}: {key_for('take')} takes it."


def sample_sentence(decoding: Decoding, index: int | None, chance: float, seed: int, number: int) -> str:
    """Say which token was sampled, with which random number, and what to do with it.

    Args:
        decoding: what was sampled from.
        index: of the listed token; None is a token that the server does not list.
        chance: the uniform random number in [0, 1).
        seed: the seed of all samples; ``number`` counts them from 1.
    """
    how = f"Random number {chance:.4f}, seed {seed}, sample {number}"
    estimated = "" if decoding.after_cut.exact else " (by the estimate)"
    if index is None:
        return f"Sampled{estimated}: a token that the server does not show. {how}."
    probability = percent_short(decoding.after_cut.first(index + 1)[index])
    name = token_label(decoding.distribution, index)
    return f"Sampled{estimated}: {name}, rank {index + 1:,}, {probability}. {key_for('take')} adds it. {how}."
