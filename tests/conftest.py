"""What several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

import properties  # noqa: F401  # registers the profiles

SHARED = Path(__file__).parents[2] / "shared"

settings.load_profile("light")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The project's folder of facts, oracles and servers; tests that need it skip where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("the project's shared folder is not beside the repository")
    return SHARED
