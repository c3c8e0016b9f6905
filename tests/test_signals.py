"""Signals, a shell's job control, and a terminal that is gone: nothing is left behind or runs on."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from terminal import APP, Terminal, fresh_environment

DEAF = ("sh", "-c", "trap '' HUP; exec " + shlex.join(APP))
"""The app where SIGHUP is ignored, as under ``nohup``."""


def assert_is_as_it_was(terminal: Terminal) -> None:
    assert terminal.settings == terminal.settings_before
    modes: dict[bytes, bytes] = {}
    for numbers, state in re.findall(rb"\x1b\[\?([\d;]+)([hl])", terminal.written):
        modes |= dict.fromkeys(numbers.split(b";"), state)
    assert {mode for mode, state in modes.items() if state == b"h"} == {b"25", b"7"}
    assert b"Traceback" not in terminal.written


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_ends_the_program_leaves_the_terminal_as_it_was(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    recording = tmp_path / "answers.jsonl"
    with Terminal(tmp_path, "--model", "bundled", "--record", str(recording)) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.process.send_signal(number)
        assert terminal.wait_for_end() == status
        assert_is_as_it_was(terminal)
    replayed = subprocess.run(
        [*APP, "show", "The quick brown fox jumps over the", "--replay", str(recording)],
        capture_output=True,
        env=fresh_environment(tmp_path),
    )
    assert "lazy" in replayed.stdout.decode()


def test_a_lesson_that_plays_by_itself_ends_as_well(tmp_path: Path) -> None:
    with Terminal(tmp_path, "lesson", "fox", "--auto") as terminal:
        terminal.wait_for("1 of", "␣lazy")
        terminal.process.terminate()
        assert terminal.wait_for_end() == 143
        assert_is_as_it_was(terminal)


def test_a_time_limit_ends_the_program(tmp_path: Path) -> None:
    command = ("timeout", "4", *APP)
    with Terminal(tmp_path, "lesson", "fox", "--auto", command=command) as terminal:
        assert terminal.wait_for_end() == 124  # how timeout says that it was over
        assert_is_as_it_was(terminal)


def test_a_time_limit_ends_what_never_got_the_terminal(tmp_path: Path) -> None:
    with Terminal(tmp_path, command=("bash", "--norc", "-i"), PS1="shell> ") as terminal:
        terminal.wait_for("shell>")
        # a shell's job, of which timeout puts the program into the background
        terminal.press(f"timeout 4 {shlex.join(APP)}; echo status $?", "enter")
        terminal.wait_for("status 124")


@pytest.mark.parametrize("command", [APP, DEAF], ids=["hangs up", "hangs up unheard"])
def test_a_terminal_that_is_gone_ends_the_program(tmp_path: Path, command: tuple[str, ...]) -> None:
    with Terminal(tmp_path, command=command) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.hang_up()
        assert terminal.process.wait(30) == 129


def test_ctrl_z_gives_the_terminal_back_to_the_shell_and_fg_paints_again(tmp_path: Path) -> None:
    with Terminal(tmp_path, command=("bash", "--norc", "-i"), PS1="shell> ") as terminal:
        terminal.wait_for("shell>")
        terminal.press(shlex.join(APP), "enter")
        terminal.wait_for("␣lazy", "EXACT")
        for _ in range(2):
            terminal.press("ctrl+z")
            terminal.wait_for("Stopped", "shell>")
            assert "lazy" not in terminal.text
            terminal.press("fg", "enter")
            terminal.wait_for("␣lazy", "EXACT")
        terminal.press("right")
        terminal.wait_for("temperature 0.90")
        terminal.press("/")
        terminal.wait_for("Enter ask")
        terminal.press("end", "!!")
        terminal.wait_for("over the!!")
        terminal.press("ctrl+z")
        terminal.wait_for("Stopped", "shell>")
        terminal.press("fg", "enter")
        terminal.wait_for("over the!!")
        terminal.press("ctrl+_")
        terminal.wait_until(lambda: "the!!" not in terminal.text)
        terminal.press("ctrl+q")
        terminal.wait_for("shell>")
        terminal.press("echo status $?", "enter")
        terminal.wait_for("status 0")


def test_a_program_that_waits_in_the_background_is_ended_there(tmp_path: Path) -> None:
    with Terminal(tmp_path, command=("bash", "--norc", "-i"), PS1="shell> ") as terminal:
        terminal.wait_for("shell>")
        terminal.press(shlex.join([*APP, "lesson", "fox"]), "enter")
        terminal.wait_for("1 of", "␣lazy")
        terminal.press("ctrl+z")
        terminal.wait_for("Stopped", "shell>")
        terminal.press("kill %1; kill -CONT %1; wait %1; echo status $?", "enter")
        terminal.wait_for("status 143")


def test_where_no_shell_can_continue_it_ctrl_z_does_not_stop_it(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("ctrl+z")
        terminal.press("right")
        terminal.wait_for("temperature 0.90", "EXACT")


def test_stopping_and_continuing_leaves_no_thread_behind(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        tasks = Path(f"/proc/{terminal.process.pid}/task")
        before = len(list(tasks.iterdir()))
        for _ in range(3):
            starts = terminal.written.count(b"\x1b[?1049h")
            os.kill(terminal.process.pid, signal.SIGSTOP)
            os.kill(terminal.process.pid, signal.SIGCONT)
            terminal.wait_until(lambda starts=starts: terminal.written.count(b"\x1b[?1049h") > starts)
            terminal.wait_for("␣lazy", "EXACT")
        assert len(list(tasks.iterdir())) <= before
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
        assert_is_as_it_was(terminal)
