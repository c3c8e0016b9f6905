"""How many examples a property is tried with: fewer by hand, all of them with ``--hypothesis-profile=ci``."""

from __future__ import annotations

from hypothesis import settings

FULL = 100
"""Examples of a property that asks for no number, in the full profile."""

settings.register_profile("light", max_examples=FULL // 5, deadline=None)
settings.register_profile("ci", max_examples=FULL, deadline=None)


def examples(number: int) -> settings:
    """Return settings for a property that is tried with so many examples in the full profile."""
    return settings(max_examples=max(5, number * settings().max_examples // FULL))
