"""Lessons as the real asciinema records them: what is in the recording, and what is not."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from softmax_visualizer.decoding import DecodingSettings, decode
from softmax_visualizer.lessons.listing import find_lesson
from softmax_visualizer.models.bundled import BundledModel
from terminal import APP, Screen, Terminal, fresh_environment

ASCIINEMA = (sys.executable, "-m", "asciinema")
EXAMPLE = Path(__file__).parent / "data" / "example_lesson.toml"
KEY = "sk-test-SECRET0123456789abcdef"

LEAVES = "\x1b[?1049l"
"""What the app writes when it goes back to the shell's screen."""

SEQUENCE = r"\x1b\[[<>?]?[\d;]*\$?[a-zA-Z]|\x1b\]22;[a-z]+\x07"


@dataclass(frozen=True)
class Cast:
    """A recording of version 2 of asciinema's format."""

    file: str

    @cached_property
    def header(self) -> dict[str, Any]:
        return json.loads(self.file.splitlines()[0])

    @cached_property
    def events(self) -> list[tuple[float, str, str]]:
        return [json.loads(line) for line in self.file.splitlines()[1:]]

    @property
    def output(self) -> str:
        return "".join(data for _, kind, data in self.events if kind == "o")

    def screens(self) -> Iterator[str]:
        """What is seen after each event, until the app leaves."""
        screen = Screen(self.header["width"], self.header["height"])
        for _, _, data in self.events:
            shown, left, _ = data.partition(LEAVES)
            screen.feed(shown.encode())
            yield screen.text
            if left:
                return

    @property
    def last_screen(self) -> str:
        *_, last = self.screens()
        return last


def command(lesson: str | Path) -> str:
    return shlex.join([*APP, "lesson", str(lesson), "--auto", "--speed", "100"])


def options(lesson: str | Path, cast: Path) -> list[str]:
    columns, rows = find_lesson(str(lesson)).size
    return ["rec", "-q", "--cols", str(columns), "--rows", str(rows), "-c", command(lesson), str(cast)]


def record(folder: Path, lesson: str | Path, **environment: str) -> Cast:
    """Record a lesson that plays by itself, in a terminal that is larger than the lesson wants."""
    cast = folder / "lesson.cast"
    cast.unlink(missing_ok=True)
    with Terminal(
        folder, *options(lesson, cast), command=ASCIINEMA, columns=120, rows=40, **environment
    ) as terminal:
        terminal.wait_until(lambda: terminal.process.poll() is not None, timeout=120)
        assert terminal.process.returncode == 0, terminal.text
    return Cast(cast.read_text("utf-8"))


@pytest.fixture(
    scope="module",
    params=[EXAMPLE, "asking", "walk"],
    ids=["example", "asking", "walk"],
)
def casts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Cast]:
    """Two recordings of a lesson: with a sweep and a question, with recordings and dialogs, with answers."""
    folder = tmp_path_factory.mktemp("casts")
    return [record(folder, request.param, COLORTERM="truecolor", OPENAI_API_KEY=KEY) for _ in range(2)]


def visible(output: str) -> str:
    return re.sub(SEQUENCE, "", output)


def test_two_recordings_hold_the_same_output(casts: Sequence[Cast]) -> None:
    assert casts[0].output == casts[1].output


def test_two_recordings_of_a_lesson_on_a_real_model_hold_the_same_output(tmp_path: Path) -> None:
    first, second = (record(tmp_path, "json") for _ in range(2))
    assert first.output == second.output
    assert visible(first.output.partition(LEAVES)[2]).strip() == ""


def test_the_recording_has_the_size_of_the_lesson(casts: Sequence[Cast]) -> None:
    assert {(cast.header["version"], cast.header["width"], cast.header["height"]) for cast in casts} == {
        (2, 100, 30)
    }


def test_only_output_is_recorded_and_no_secret(casts: Sequence[Cast]) -> None:
    for cast in casts:
        assert {kind for _, kind, _ in cast.events} == {"o"}
        assert set(cast.header["env"]) <= {"SHELL", "TERM"}
        assert "SECRET" not in cast.file


def test_all_colours_are_kept(casts: Sequence[Cast]) -> None:
    assert re.search(r"\x1b\[[\d;]*38;2;\d", casts[0].output)
    assert not re.search(r"\x1b\[[\d;]*38;5;", casts[0].output)


def test_it_begins_with_the_first_caption(casts: Sequence[Cast]) -> None:
    assert " · 1 of " in first_picture(casts[0].output)


def first_picture(output: str) -> str:
    """What is written until some cell is written for the second time."""
    written: dict[tuple[int, int], str] = {}
    y = x = 0
    for found in re.finditer(rf"\x1b\[(?:(\d+);)?(\d+)[HG]|{SEQUENCE}|(.)", output):
        row, column, char = found.groups()
        if char is None:
            y, x = int(row or y), int(column or x)
        elif (y, x) in written:
            break
        else:
            written[y, x] = char
            x += 1
    return "".join(char for _, char in sorted(written.items()))


def test_no_escape_sequence_is_seen_as_text_on_any_screen(casts: Sequence[Cast]) -> None:
    for screen in casts[0].screens():
        assert not re.search(r"\x1b|\[\??\d+[;\dhlmHu]|;2;\d", screen)
    assert {char for char in visible(casts[0].output) if unicodedata.category(char)[0] in "MCZ"} <= {
        " ", "\r", "\n"
    }  # fmt: skip


def test_it_ends_without_a_prompt_or_another_word(casts: Sequence[Cast]) -> None:
    assert visible(casts[0].output.partition(LEAVES)[2]).strip() == ""


def test_neither_the_mouse_nor_a_protocol_for_keys_is_asked_of_whoever_plays_it(
    casts: Sequence[Cast],
) -> None:
    asked = {mode for modes in re.findall(r"\x1b\[\?([\d;]+)h", casts[0].output) for mode in modes.split(";")}
    assert "1049" in asked
    assert not asked & {"1000", "1002", "1003", "1006", "1015", "1016"}
    assert not re.search(r"\x1b\[>\d+u", casts[0].output)


def test_the_last_screen_is_that_of_the_last_moment(tmp_path: Path) -> None:
    cast = record(tmp_path, EXAMPLE)
    answer = asyncio.run(BundledModel().ask("Once upon a"))
    cut = decode(answer.distribution, DecodingSettings(1.5, 0.9, 40, 0.02)).after_cut
    last = cast.last_screen
    assert "A lesson in four steps · 5 of 5" in last
    assert "No: here the model is more sure" in last
    assert f"{100 * cut.first(1).estimate[0]:.1f} %" in last
    assert f"kept {cut.kept_tokens.low:.0f} " in last
    assert "┤ 1.50" in last
    # this terminal did not say that it has more than 256 colours
    assert re.search(r"\x1b\[[\d;]*38;5;\d", cast.output)
    assert not re.search(r"\x1b\[[\d;]*38;2;", cast.output)


SIXTY = [
    *["left", "right"] * 12, *["down", "up"] * 6,
    *["1", "2", "3", "4", "r", "2", "3", "4", "1", "r", "a", "a"],
    *["v", "v", "c", "escape", "s", "escape", "h", "escape", "d", "escape", "b", "escape"],
]  # fmt: skip


def test_a_lesson_of_sixty_keys_stays_under_300_kb(tmp_path: Path) -> None:
    assert len(SIXTY) == 60
    steps = [
        f'[[step]]\ncaption = "Part {number}"\nkeys = {json.dumps(SIXTY[start : start + 12])}\n'
        for number, start in enumerate(range(0, 60, 12), 1)
    ]
    lesson = tmp_path / "sixty.toml"
    prompt = "The quick brown fox jumps over the"
    lesson.write_text(f'lesson = 1\ntitle = "Sixty keys"\nprompt = "{prompt}"\n' + "".join(steps))
    cast = record(tmp_path, lesson, COLORTERM="truecolor")
    assert "5 of 5" in cast.last_screen
    assert len(cast.file.encode()) < 300_000


def test_what_was_not_as_expected_is_the_last_thing_in_the_recording(tmp_path: Path) -> None:
    lesson = tmp_path / "wrong.toml"
    head = 'lesson = 1\ntitle = "Wrong"\nprompt = "Once upon a"\n'
    lesson.write_text(head + """[[step]]\ncaption = "c"\nexpect = ['"time" cut']\n""")
    cast = record(tmp_path, lesson)
    said = visible(cast.output.partition(LEAVES)[2]).strip()
    assert said == 'softmax-visualizer: wrong.toml, line 6: expected "time" cut, but it is kept.'


@pytest.mark.skipif(shutil.which("script") is None, reason="script of util-linux is not there")
def test_where_there_is_no_terminal_script_provides_one(tmp_path: Path) -> None:
    cast = tmp_path / "lesson.cast"
    subprocess.run(
        ["script", "-qec", shlex.join([*ASCIINEMA, *options(EXAMPLE, cast)]), "/dev/null"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=fresh_environment(tmp_path, COLORTERM="truecolor"),
        cwd=tmp_path,
        timeout=120,
        check=True,
    )
    assert Cast(cast.read_text("utf-8")).output == record(tmp_path, EXAMPLE, COLORTERM="truecolor").output
