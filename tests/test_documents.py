"""The README and the pages in docs: their commands run, their links lead somewhere, their tables are true."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES

import softmax_visualizer
from softmax_visualizer import decoding
from softmax_visualizer.cli import COMMANDS, screen
from softmax_visualizer.cli.command import parser_of
from softmax_visualizer.display.keys import DEFAULT_KEYS, spoken_key
from softmax_visualizer.display.printed_tables import TUTORIAL
from softmax_visualizer.models.config_file import NAMES, read_config
from softmax_visualizer.tui.keys import KEYS
from softmax_visualizer.tui.views import VIEWS
from terminal import APP, fresh_environment

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCE = Path(softmax_visualizer.__file__).parent

PROGRAM = re.compile(
    r"""(?:\$ |\.venv/bin/|^|`)softmax-visualizer(?P<rest>(?: (?:"[^"]*"|[^\s"'`|&]+))*)""", re.MULTILINE
)
"""The program as a command: in a block or in a sentence, not its name in prose."""


def commands(page: Path) -> list[str]:
    """All commands of a page, each as the program's arguments."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    code = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    code += re.findall(r"`(softmax-visualizer [^`]*)`", text)
    return [match["rest"].strip() for line in code for match in PROGRAM.finditer(line)]


EVERY = sorted({(page.name, arguments) for page in PAGES for arguments in commands(page)})


def test_there_are_commands_to_try() -> None:
    assert len(EVERY) > 20
    assert ("README.md", "lesson greedy") in EVERY
    assert ("command-line.md", "check --samples 400 --base-url http://127.0.0.1:8080/v1") in EVERY


@pytest.mark.parametrize(("page", "arguments"), EVERY)
def test_every_command_is_one_that_the_program_takes(page: str, arguments: str) -> None:
    words = shlex.split(arguments, comments=True)
    if words and words[0] in COMMANDS:
        parser_of(COMMANDS[words[0]]).parse_args(words[1:])
    else:
        parser_of(screen.COMMAND, COMMANDS.values()).parse_args(words)


PRINTING = ("show", "config", "--info", "models", "score", "sample")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the pages speak of."""
    (tmp_path / "fox.txt").write_text(TUTORIAL)
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*APP, *words],
        capture_output=True,
        text=True,
        env=fresh_environment(folder),
        cwd=folder,
        timeout=100,
        input="",
    )


@pytest.mark.parametrize(
    "arguments",
    [arguments for _, arguments in EVERY if arguments.startswith(PRINTING) and "list.json" not in arguments],
)
def test_every_command_that_prints_prints(folder: Path, arguments: str) -> None:
    words = shlex.split(arguments.replace("PROMPT", '"She opened the"'))
    found = run(folder, *words, *(["x"] if words == ["show", "-"] else []))
    assert (found.returncode, found.stderr) == (0, "") or words == ["show", "-"]
    assert found.stdout or words == ["show", "-"]


SHOWN = [
    (page, match[1], match[2])
    for page in PAGES
    for match in re.finditer(
        r"^    \$ softmax-visualizer (.*)\n((?:    .*\n|\n(?=    ))+)", page.read_text("utf-8"), re.MULTILINE
    )
    if "    ...\n" not in match[2]
]


@pytest.mark.parametrize(("page", "arguments", "printed"), SHOWN, ids=[each[1][:20] for each in SHOWN])
def test_what_a_page_shows_is_what_is_printed(folder: Path, page: Path, arguments: str, printed: str) -> None:
    if contents := re.search(r"\$ cat list.json\n    (.*)\n", page.read_text("utf-8")):
        (folder / "list.json").write_text(contents[1])
    found = run(folder, *shlex.split(arguments))
    assert found.returncode in (0, 1)
    shown = [line.removeprefix("    ").rstrip() for line in printed.rstrip("\n").split("\n")]
    assert [line.rstrip() for line in found.stdout.rstrip("\n").split("\n")][: len(shown)] == shown


def test_three_pages_show_what_is_printed() -> None:
    assert len(SHOWN) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


# --- docs/configuration.md ---

CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text("utf-8")


def test_the_example_of_a_configuration_has_every_setting_and_is_right(tmp_path: Path) -> None:
    example = CONFIGURATION.split("can be left out:\n\n")[1].split("\nWithout any knob")[0]
    path = tmp_path / "config.toml"
    path.write_text("\n".join(line.removeprefix("    ") for line in example.splitlines()))
    found = read_config(path)
    assert found.notes == ()
    assert set(found.values) == set(NAMES)
    assert set(found.keys) <= set(DEFAULT_KEYS)
    for name in NAMES:
        flag = f"--{name.replace('_', '-')}"
        (line,) = [line for line in example.splitlines() if line.strip().startswith(f"{name} =")]
        assert flag in line or f"-{name[0]}" in line or f"-{name[-1]}" in line or name in ("view", "history")
    views = re.search(r'view = "(\w+)" +# or (.*)', example)
    assert views is not None
    assert [views[1], *views[2].split(", ")] == [name for name, view in VIEWS.items() if not view.action]


def test_the_page_names_every_theme_and_every_action_with_its_keys() -> None:
    assert set(re.findall(r"`([a-z]+-?[a-z-]*)`", CONFIGURATION.split("## Keys")[0])) >= set(BUILTIN_THEMES)
    for key in KEYS:
        keys = " ".join(f"`{spoken_key(each)}`" for each in DEFAULT_KEYS[key.id])
        assert f"| `{key.id}` | {keys} | {key.title} |" in CONFIGURATION


# --- docs/command-line.md ---


def test_the_page_names_all_that_others_may_import() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8").split("## From Python")[1]
    assert set(re.findall(r"`(\w+)`", page)) == set(decoding.__all__)


def test_what_the_page_does_from_python_works(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8").split("## From Python")[1]
    code = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    done = subprocess.run([sys.executable, "-c", code], env=fresh_environment(tmp_path), timeout=60)
    assert done.returncode == 0


# --- CONTRIBUTING.md ---

VIEW = '''
"""The most likely tokens, as a list."""

from softmax_visualizer.display.pieces import Piece
from softmax_visualizer.display.pipeline import token_label
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, View, framed


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw a line for each token."""
    distribution = scene.decoding.distribution
    lines = [[Piece(token_label(distribution, index), "text")] for index in range(min(height - 2, 3))]
    return Picture(framed("The first three", lines, width, height))


KEYS = (("first", "histograms"),)
VIEW = View("first", "First", "the most likely tokens", KEYS, "First ({key:first}).", draw)
'''

LESSON = """
lesson = 1
title = "Mine"
prompt = "She opened the"

[[step]]
caption = "`door` has 55.0 %."
keys = ["first"]
expect = ['"door" in the model about 55.0 %']
"""

TRY = """
import asyncio
from softmax_visualizer.decoding.engines import engine
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer

async def main():
    app = SoftmaxVisualizer(Configuration(model="bundled"), "She opened the")
    async with app.run_test(size=(80, 24)) as pilot:
        while app.screen.scene.asked is None:
            await pilot.pause(0.05)
        await pilot.press("ctrl+f")
        await pilot.pause(0.2)
        print(app.screen.scene.view, engine("Mine").defaults.top_k)
        print(app.export_screenshot())

asyncio.run(main())
"""


def test_a_view_a_lesson_and_an_engine_are_added_as_the_paragraphs_say(tmp_path: Path) -> None:
    """In a copy of the package, by no more than the lines that CONTRIBUTING.md names."""
    package = tmp_path / "softmax_visualizer"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))

    def add(file: str, before: str, line: str) -> None:
        path = package / file
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, f"{line}\n{before}", 1), "utf-8")

    (package / "tui/views/first.py").write_text(VIEW)
    add("tui/views/__init__.py", "    histograms,\n", "    first,")
    add("tui/views/__init__.py", "        timeline.VIEW,\n", "        first.VIEW,")
    add("display/keys.py", '    "table": (', '    "first": ("ctrl+f",),')
    add(
        "decoding/engines.py",
        '    Engine("SGLang"',
        '    Engine("Mine", DecodingSettings(top_k=7), "its documentation"),',
    )
    (package / "lessons/course/mine.toml").write_text(LESSON)
    environment = {**fresh_environment(tmp_path), "PYTHONPATH": str(tmp_path)}

    def python(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    shown = python("-c", TRY)
    assert shown.startswith("first 7\n")
    assert "The&#160;first&#160;three" in shown
    assert "all is as it should be" in python("-m", "softmax_visualizer", "lesson", "--check", "mine")
