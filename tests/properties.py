"""How many examples a property is tried with: few by hand, more with ``--hypothesis-profile=ci``.

``--hypothesis-profile=full`` tries all, which takes longer than CI may.
"""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st

FULL = 100
"""Examples of a property that asks for no number, in the full profile."""

settings.register_profile("light", max_examples=FULL // 5, deadline=None)
settings.register_profile("ci", max_examples=FULL // 4, deadline=None)
settings.register_profile("full", max_examples=FULL, deadline=None)


def examples(number: int) -> settings:
    """Return settings for a property that is tried with so many examples in the full profile."""
    return settings(max_examples=max(5, number * settings().max_examples // FULL))


def nearly_even(most: int) -> st.SearchStrategy[list[float]]:
    """Return twenty to ``most`` logits that lie close together, some tied, as a model's tail has them.

    All come of one seed: number by number, Hypothesis needs far longer to draw them than a test to check.
    """

    def logits(size: int, different: int, seed: int) -> list[float]:
        chance = random.Random(seed)
        return [chance.randrange(different + 1) / different / 2 for _ in range(size)]

    return st.builds(
        logits, st.integers(20, most), st.sampled_from([1, 10, 10**9]), st.integers(0, 2**32 - 1)
    )
