"""What several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The project's folder of facts, oracles and servers; tests that need it skip where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("the project's shared folder is not beside the repository")
    return SHARED
