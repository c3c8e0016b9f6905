"""The prompts of former runs: kept for their owner alone, and only where that is wanted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from softmax_visualizer.tui.history import read_history, write_history
from terminal import Terminal


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the prompts are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "softmax-visualizer" / "prompts.json"


def test_what_was_asked_comes_back_with_the_up_key_in_the_next_run(tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    with Terminal(tmp_path, "--model", "bundled", **state) as terminal:
        terminal.wait_for("␣lazy")
        terminal.press("/", "Once upon a", "enter")
        terminal.wait_for("␣time")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    kept = tmp_path / "state" / "softmax-visualizer" / "prompts.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with Terminal(tmp_path, "--model", "bundled", **state) as terminal:
        terminal.wait_for("␣lazy")
        terminal.press("/", "up", "up")
        terminal.wait_for("Once upon a")
        terminal.press("enter")
        terminal.wait_for("␣time")


def test_prompts_are_kept_whole_and_in_order(file: Path) -> None:
    prompts = ["one", "two\nlines", "日本 \udcff"]
    write_history(prompts)
    assert read_history() == prompts
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_only_so_many_are_kept(file: Path) -> None:
    write_history([str(number) for number in range(10_000)])
    assert read_history()[-1] == "9999"
    assert len(read_history()) == 500


@pytest.mark.parametrize(
    ("variables", "line", "kept"),
    [({"SOFTMAX_VISUALIZER_HISTORY": "off"}, "", False), ({}, "history = false\n", False), ({}, "", True)],
)
def test_a_variable_or_the_persons_file_turns_it_off(
    variables: dict[str, str], line: str, kept: bool, tmp_path: Path
) -> None:
    config = tmp_path / "config" / "softmax-visualizer" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(line)
    places = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    with Terminal(tmp_path, "--model", "bundled", **places, **variables) as terminal:
        terminal.wait_for("␣lazy")
        terminal.press("/", "Once upon a", "enter")
        terminal.wait_for("␣time")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert (tmp_path / "state" / "softmax-visualizer" / "prompts.json").exists() == kept


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[1, 2]", "\udcff"])
def test_damaged_prompts_are_no_reason_to_fail(content: str, file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(os.fsencode(content))
    assert read_history() == []


def test_where_nothing_can_be_written_nothing_is_kept(file: Path) -> None:
    file.parent.parent.joinpath("softmax-visualizer").write_text("a file where the folder should be")
    write_history(["one"])
    assert read_history() == []
