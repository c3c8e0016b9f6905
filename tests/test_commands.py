"""The commands as a shell runs them: closed streams, pipes, exit statuses, and what they take of memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from softmax_visualizer.display.printed_tables import TUTORIAL
from terminal import APP, fresh_environment


def shell(tmp_path: Path, command: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    """Run a shell command in which ``"$@"`` is the program."""
    return subprocess.run(
        ["sh", "-c", command, "sh", *APP],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=fresh_environment(tmp_path),
        cwd=tmp_path,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["consistent", "show"])
def test_a_closed_standard_input_is_a_sentence(tmp_path: Path, command: str) -> None:
    run = shell(tmp_path, f'"$@" {command} - <&-')
    assert run.returncode == 2
    assert run.stderr == b"softmax-visualizer: Nothing can be read: the standard input is closed.\n"


def test_a_verdict_survives_a_pipe_that_nobody_reads(tmp_path: Path) -> None:
    (tmp_path / "fox.txt").write_text(TUTORIAL)
    reader, writer = os.pipe()
    os.close(reader)
    run = shell(tmp_path, '"$@" consistent fox.txt', writer)
    os.close(writer)
    assert (run.returncode, run.stderr) == (1, b"")


def test_a_doubtful_reading_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "doubt.txt").write_text(TUTORIAL.replace("'lazy': 99.8%", "- lazy: 99.8%"))
    run = shell(tmp_path, '"$@" consistent doubt.txt')
    assert (run.returncode, run.stdout) == (2, b"")
    assert b"more than one way" in run.stderr


@pytest.mark.parametrize("form", ["text", "plain", "markdown"])
def test_consistent_reads_what_show_prints(tmp_path: Path, form: str) -> None:
    run = shell(tmp_path, f'"$@" show The -t 0.3 -t 1.2 --format {form} | "$@" consistent -')
    assert run.returncode == 0
    assert b"the 20 tokens that are in both" in run.stdout


@pytest.mark.parametrize("arguments", ["", "-"])
def test_show_reads_its_prompt_from_a_pipe(tmp_path: Path, arguments: str) -> None:
    run = shell(tmp_path, f'echo "She opened the" | "$@" show {arguments} --top 1 --plain')
    lines = run.stdout.decode().splitlines()
    assert lines[:3] == ["She opened the", "bundled: all 20,000 tokens", ""]
    assert lines[3:6] == ["Temp 1 (no cut)", "'␣door': 55.0 %", "19,999 more: 45.0 %"]


def test_a_word_that_is_nearly_a_command_is_no_prompt(tmp_path: Path) -> None:
    run = shell(tmp_path, '"$@" shwo')
    assert run.returncode == 2
    assert b"Did you mean softmax-visualizer show?" in run.stderr


def test_the_help_of_consistent_shows_a_row_as_it_is_written(tmp_path: Path) -> None:
    assert b"'lazy': 99.8%\n" in shell(tmp_path, '"$@" consistent --help').stdout


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, form: str) -> None:
    code = (
        "import resource, sys; from softmax_visualizer.cli import main; "
        "main(['show', 'The', '--format', sys.argv[2], '--top', sys.argv[1]]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    few, many = (
        int(
            subprocess.run(
                [APP[0], "-c", code, top, form],
                env=fresh_environment(tmp_path, OPENBLAS_NUM_THREADS="1"),
                capture_output=True,
                timeout=60,
                check=True,
            ).stderr
        )
        for top in ("20", "20000")
    )
    assert many - few < 12_000  # kilobytes, for 20,000 rows


def test_a_cell_that_a_spreadsheet_would_run_is_text(tmp_path: Path) -> None:
    tokens = '["=1+1", "@SUM(1)", "+1", "-1", "\\t=1", "\\r=2", " =x"]'
    numbers = "[-2, -2.1, -2.2, -2.3, -2.4, -2.5, -2.6]"
    (tmp_path / "list.json").write_text(f'{{"tokens": {tokens}, "logprobs": {numbers}}}')
    lines = shell(tmp_path, '"$@" show --logprobs list.json --format csv').stdout.decode().splitlines()
    cells = [line.split(",")[6] for line in lines[1:-1]]
    assert cells == ["'=1+1", "'@SUM(1)", "'+1", "'-1", "⇥=1", "␍=2", "␣=x"]
