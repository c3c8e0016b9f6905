"""The page about lesson files: what it says can be done is done here."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from softmax_visualizer.lessons.expectation import Expectation
from softmax_visualizer.lessons.keys import read_key
from softmax_visualizer.lessons.reading import _LESSON, _SETTINGS, _STEP
from softmax_visualizer.lessons.sweep import Sweep
from terminal import Terminal

PAGE = (Path(__file__).parents[1] / "docs" / "lessons.md").read_text("utf-8")


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_column(heading: str) -> list[str]:
    cells = re.findall(r"^\| (.*?) \|", section(heading), re.MULTILINE)
    return re.findall(r"`([^`]+)`", " ".join(cells))


def test_the_example_plays_and_what_it_expects_is_true(tmp_path: Path) -> None:
    example = textwrap.dedent(section("An example"))
    (tmp_path / "example.toml").write_text(example)
    with Terminal(tmp_path, "lesson", "example.toml", "--auto", "--speed", "100") as terminal:
        assert terminal.wait_for_end() == 0, terminal.text


def test_every_entry_is_explained() -> None:
    lesson = {entry.partition(" ")[0] for entry in first_column("The lesson")}
    assert lesson == set(_LESSON) - {"step"}
    assert set(first_column("Steps")) == set(_STEP)
    assert set(_SETTINGS) <= set(re.findall(r"`([^`]+)`", section("Steps")))


def test_every_key_can_be_pressed() -> None:
    keys = [key for key in first_column("Keys") if key.startswith('"')]
    assert len(keys) > 20
    for key in keys:
        read_key(key.strip('"'))


@pytest.mark.parametrize("text", first_column("Expectations"))
def test_every_expectation_can_be_expected(text: str) -> None:
    Expectation.parse(text, 1)


def test_the_sweep_can_be_swept() -> None:
    assert Sweep.parse(re.findall(r'`"(temperature from[^`]+)"`', section("Steps"))[0]).seconds == 3
