"""What the environment says of the terminal: heeded where it is a wish, not believed where it is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from terminal import Terminal


@pytest.mark.parametrize("environment", [{}, {"COLORTERM": "truecolor"}], ids=["256 colours", "all colours"])
def test_no_color_sends_no_colour(tmp_path: Path, environment: dict[str, str]) -> None:
    with Terminal(tmp_path, NO_COLOR="1", **environment) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("1")
        terminal.wait_for("┤ 0.00")
        assert "cut" in terminal.text  # said by a word, not by a colour
        terminal.press("h", pause=0.3)
        terminal.press("?")
        terminal.wait_for("Help")
        terminal.press("q", "/")
        terminal.wait_for("Enter ask")
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
    codes = {
        int(code)
        for sent in re.findall(rb"\x1b\[([\d;]*)m", terminal.written)
        for code in sent.split(b";")
        if code
    }
    assert codes <= set(range(30))
    assert 7 in codes  # the cursor is still to be seen


def test_sizes_in_the_environment_do_not_count_where_the_terminal_has_another(tmp_path: Path) -> None:
    with Terminal(tmp_path, columns=80, rows=24, COLUMNS="200", LINES="7") as terminal:
        terminal.wait_for("␣lazy", "EXACT", "? help")
        lines = terminal.text.split("\n")
        assert "? help" in lines[-1]
        assert lines[1].startswith("╭")
        assert lines[1].endswith("╮")
        assert len(lines[1]) == 80


def test_the_size_is_that_of_the_screen_where_the_output_goes_elsewhere(tmp_path: Path) -> None:
    with (
        (tmp_path / "output").open("w") as output,
        Terminal(tmp_path, columns=100, rows=40, streams={"stdout": output}) as terminal,
    ):
        terminal.wait_for("␣lazy", "EXACT")
        assert "? help" in terminal.text.split("\n")[-1]


def test_bytes_that_are_no_text_are_no_reason_to_fail(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("\udce9\udcff")
        terminal.press("right")
        terminal.wait_for("temperature 0.90")
