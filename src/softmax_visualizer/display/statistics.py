"""The numbers below the panels: entropy, effective tokens, what is kept and what is cut."""

from __future__ import annotations

from softmax_visualizer.decoding import Decoding
from softmax_visualizer.display.numbers import bits, count_range, number, percent_short


def statistics(decoding: Decoding, width: int) -> list[str]:
    """Return the statistics as phrases, as many as fit into ``width`` cells with three between them.

    Arrows lead through the pipeline: the model, then its two next stages.
    """
    stages = decoding.pipeline
    entropies = f"Entropy {_arrows([_short(bits(stage.entropy)) for stage in stages])} bits"
    last_entropy = f"Entropy {_short(bits(stages[2].entropy))} bits"
    effective = f"like {_arrows([_short(number(stage.effective_tokens)) for stage in stages])} equal choices"
    last = _short(number(stages[2].effective_tokens))
    last_effective = "like 1 choice" if last == "1" else f"like {last} choices"
    kept, cut = f"kept {kept_words(decoding)}", f"cut {percent_short(decoding.cut_mass)}"
    for phrases in (
        [entropies, effective, kept, cut],
        [last_entropy, effective, kept, cut],
        [entropies, last_effective, kept, cut],
        [last_entropy, last_effective, kept, cut],
        [last_effective, kept, cut],
        [kept, cut],
    ):
        if sum(len(phrase) + 3 for phrase in phrases) - 3 <= width:
            return phrases
    return [kept]


def kept_words(decoding: Decoding) -> str:
    """Say how many tokens can be drawn: ``"all"``, ``"3"``, ``"21 to 412"``."""
    if not decoding.settings.cuts and decoding.settings.temperature > 0:
        return "all"
    tokens = decoding.after_cut.kept_tokens
    return count_range(tokens.low, tokens.high)


def _arrows(values: list[str]) -> str:
    return " → ".join(values)


def _short(words: str) -> str:
    return words.removesuffix(" bits").replace(" to ", "–")
