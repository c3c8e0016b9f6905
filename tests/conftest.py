"""What several tests share."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

import idle
import properties  # noqa: F401  # registers the profiles

SHARED = Path(__file__).parents[2] / "shared"

# nobody's own config.toml has a say in a test
os.environ["XDG_CONFIG_HOME"] = os.devnull

settings.load_profile("light")
idle.see_at_once()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The project's folder of facts, oracles and servers; tests that need it skip where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("the project's shared folder is not beside the repository")
    return SHARED


TOGETHER = re.compile(
    r"test_casts\.py(?=.*(\[(?:example|asking|walk)\])$)|test_real_server\.py|test_smollm2\.py"
)
"""The tests that share what takes long to get: the same two recordings, a server, a model that is fetched."""


class Together(LoadScopeScheduling):
    """Gives every test to the worker that is free next, and those that share something to a single one.

    xdist's own ``loadgroup`` would do the same by marks, but pytest 9.2 has node ids that it cannot change:
    it groups nothing then, says nothing, and each worker records, serves and fetches for itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        shared = TOGETHER.search(nodeid)
        return "".join(part or "" for part in shared.group(0, 1)) if shared else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Share out the tests in this way, whatever ``--dist`` says."""
    return Together(config, log)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder in which the app was started, in a terminal that can copy."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)
    return folder
