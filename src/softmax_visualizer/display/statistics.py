"""The numbers that sum a decoding up, as phrases."""

from __future__ import annotations

from softmax_visualizer.decoding import Decoding
from softmax_visualizer.display.numbers import bits, number, percent_short
from softmax_visualizer.display.pipeline import kept_words


def statistics(decoding: Decoding) -> list[str]:
    """Return entropy and perplexity, whose arrows lead through the pipeline, what is kept and what is cut."""
    stages = decoding.pipeline
    entropies = " → ".join(bits(stage.entropy, "–").removesuffix(" bits") for stage in stages)
    perplexities = " → ".join(number(stage.effective_tokens, "–") for stage in stages)
    return [
        f"entropy {entropies} bits",
        f"perplexity {perplexities}",
        f"kept {kept_words(decoding)}",
        f"cut {percent_short(decoding.cut_mass)}",
    ]
