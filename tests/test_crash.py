"""If the program fails, the terminal is whole again, no secret is shown, and nothing is lost."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from misbehaving_server import Answer, MisbehavingServer
from screens import ObedientModel, screen, settle, text, top_of
from terminal import Terminal

KEY = "sk-test-0123456789abcdefghijklmnopqrstuv"

BROKEN = f"""
from softmax_visualizer.tui.screen import MainScreen

def broken(self, name, arguments):
    api_key = "{KEY}"
    raise KeyError("broken on purpose, with {KEY} in its text")

MainScreen.action_do = broken
"""


def broken_program(folder: Path) -> dict[str, str]:
    """The environment of a program whose space key fails, with a key among its variables."""
    (folder / "sitecustomize.py").write_text(BROKEN)
    return {"PYTHONPATH": str(folder), "OPENAI_API_KEY": KEY, "XDG_STATE_HOME": str(folder / "state")}


def test_a_crash_restores_the_terminal_and_says_one_sentence(tmp_path: Path) -> None:
    environment = broken_program(tmp_path)
    with Terminal(tmp_path, "--model", "bundled", **environment) as terminal:
        terminal.wait_for("␣lazy")
        before = terminal.settings_before
        terminal.press("space")
        assert terminal.wait_for_end() == 1
        assert terminal.settings == before
        assert b"\x1b[?1049l" in terminal.written
        assert b"\x1b[?25h" in terminal.written
        after = terminal.written.rpartition(b"\x1b[?1049l")[2].decode()
        assert "An error in the program ended it" in after
        assert "KeyError" in after
        assert "Traceback" not in after
        assert KEY.encode() not in terminal.written
    report = tmp_path / "state" / "softmax-visualizer" / "crash.txt"
    assert "in broken" in report.read_text()
    assert KEY not in report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_a_textual_that_fails_in_another_way_shows_no_more(tmp_path: Path) -> None:
    environment = broken_program(tmp_path)
    with (tmp_path / "sitecustomize.py").open("a") as file:
        # as if Textual asked something else what to do about an error
        file.write(
            "\nfrom softmax_visualizer.tui.terminal.app import TerminalApp\ndel TerminalApp._fatal_error\n"
        )
    with Terminal(tmp_path, "--model", "bundled", **environment) as terminal:
        terminal.wait_for("␣lazy")
        terminal.press("space")
        assert terminal.wait_for_end() == 1
        assert "An error in the program ended it" in terminal.written.decode()
        assert KEY.encode() not in terminal.written


def test_after_a_crash_the_prompts_are_there_again(tmp_path: Path) -> None:
    environment = broken_program(tmp_path)
    with Terminal(tmp_path, "--model", "bundled", **environment) as terminal:
        terminal.wait_for("␣lazy")
        terminal.press("/", "right", " cat", "enter")
        terminal.wait_for("over the cat", "model, T = 1")
        terminal.press("space")
        assert terminal.wait_for_end() == 1
    with Terminal(tmp_path, "--model", "bundled", "--prompt", "Once upon a", **environment) as terminal:
        terminal.wait_for("␣time")
        terminal.press("/", "up", "up")
        terminal.wait_for("over the cat")


def test_where_nothing_can_be_written_the_crash_still_says_its_sentence(tmp_path: Path) -> None:
    environment = broken_program(tmp_path)
    (tmp_path / "state").write_text("a file where the folder should be")
    with Terminal(tmp_path, "--model", "bundled", **environment) as terminal:
        terminal.wait_for("␣lazy")
        terminal.press("space")
        assert terminal.wait_for_end() == 1
        assert b"could not be written down" in terminal.written


async def test_an_error_in_reading_an_answer_leaves_the_screen_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    replies: list[Any] = [top_of([" lazy"], [0.9]), ZeroDivisionError("slip")]
    async with screen(monkeypatch, ObedientModel(lambda prompt: replies.pop(0))) as (app, pilot):
        await pilot.press("slash", "end", "!", "enter")
        await settle(app, pilot)
        shown = text(app)
        assert "ZeroDivisionError" in shown
        assert "Not of the prompt above" in shown
        assert "␣lazy" in shown
        assert app.is_running
    assert "slip" in (tmp_path / "softmax-visualizer" / "crash.txt").read_text()


def test_the_key_is_in_no_byte_that_the_program_writes(tmp_path: Path) -> None:
    """The server repeats the key in its error, the SDK is told to log, and every view is opened."""
    refusal = {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}
    with (
        MisbehavingServer(Answer(refusal, status=401)) as server,
        Terminal(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.url, OPENAI_LOG="debug") as terminal,
    ):
        terminal.wait_for("failed")
        terminal.press("i", "escape", "e", "?", "escape", "v", "v", pause=0.4)
        terminal.press("m")
        terminal.wait_for("Choose a model")
        terminal.press("escape")
        terminal.wait_until(lambda: "Choose a model" not in terminal.text)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
        assert KEY.encode() not in terminal.written
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
