"""Who may import whom: the arrows between the rooms of the house, and what a start does not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Literal

import pytest

import softmax_visualizer
from terminal import fresh_environment

PACKAGE = "softmax_visualizer"
SOURCE = Path(softmax_visualizer.__file__).parent

ARROWS = {
    "decoding": set(),
    "display": {"decoding"},
    "models": {"decoding"},
    "lessons": {"decoding", "display", "models"},
    "tui": {"decoding", "display", "models", "lessons"},
    "cli": {"decoding", "display", "models", "lessons", "tui"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""The rooms that a room may import, besides its own modules and the package's version."""

OTHERS = {
    "decoding": {"numpy"},
    "display": {"numpy", "plotext"},
    "models": {"numpy", "openai", "httpx2", "jiter", "dotenv", "platformdirs", "xllamacpp"},
    "lessons": {"numpy"},
    "tui": {"textual", "rich", "platformdirs"},
    "cli": set(),
    "__main__": set(),
    "__init__": set(),
}
"""The packages of others that a room may import, besides the standard library."""


When = Literal["loaded", "called", "checked"]
"""When an import happens: with its module, in a call of a function, or never, except for type checkers."""


@dataclass(frozen=True)
class Import:
    """One import: which module does it, of what, and when."""

    importer: str
    room: str
    imported: str
    when: When

    @property
    def package(self) -> str:
        return self.imported.partition(".")[0]

    @property
    def imported_room(self) -> str:
        return self.imported.removeprefix(PACKAGE).lstrip(".").partition(".")[0]

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}"


def imports_of(path: Path, names: bool = False) -> Iterator[Import]:
    """Every import in a module, also those in functions, for type checkers, and by a name in a text.

    ``names``: imports of names from a module come one by one, each with the module in front.
    """
    module = path.relative_to(SOURCE).with_suffix("")

    def visit(node: ast.AST, when: When) -> Iterator[Import]:
        for name in _imported(node, names):
            yield Import(str(module), module.parts[0], name, when)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            when = "called"
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            when = "checked"
        for child in ast.iter_child_nodes(node):
            yield from visit(child, when)

    return visit(ast.parse(path.read_text("utf-8")), "loaded")


def _imported(node: ast.AST, each_name: bool) -> list[str]:
    """Return the modules that a node itself imports; none for most nodes."""
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(level=level) if level:
            raise AssertionError("a relative import, which this test does not follow")
        case ast.ImportFrom(module=str(source), names=names):
            # "from package import room" and "from package import name" look alike
            return [f"{source}.{name.name}" for name in names] if each_name or source == PACKAGE else [source]
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
    return []


IMPORTS = [found for path in sorted(SOURCE.rglob("*.py")) for found in imports_of(path)]


def test_every_module_belongs_to_a_known_room() -> None:
    assert {found.room for found in IMPORTS} <= set(ARROWS)
    assert {"decoding", "display", "models", "tui", "cli"} <= {found.room for found in IMPORTS}


@pytest.mark.parametrize("room", ARROWS)
def test_rooms_import_only_along_the_arrows(room: str) -> None:
    against = [
        str(found)
        for found in IMPORTS
        if found.room == room
        and found.package == PACKAGE
        and found.imported_room not in {room, "__version__", *ARROWS[room]}
    ]
    assert against == []


def test_modules_import_each_other_in_no_circle() -> None:
    modules = {_module(path) for path in SOURCE.rglob("*.py")}
    needed: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        imports = {found.imported for found in imports_of(path, names=True) if found.when != "checked"}
        # "from room import module" needs the module; "from module import name" the module before the name
        needed[_module(path)] = {
            name if name in modules else name.rpartition(".")[0] for name in imports
        } & modules
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(reversed(circle.args[1])))


def _module(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("room", OTHERS)
def test_rooms_import_only_the_packages_that_are_theirs(room: str) -> None:
    foreign = [
        str(found)
        for found in IMPORTS
        if found.room == room and found.package not in {PACKAGE, *OTHERS[room], *sys.stdlib_module_names}
    ]
    assert foreign == []


def test_only_the_figure_imports_plotext() -> None:
    assert {found.importer for found in IMPORTS if found.package == "plotext"} == {"display/figure"}


def test_only_models_import_openai_and_only_when_called() -> None:
    importers = [found for found in IMPORTS if found.package == "openai"]
    assert {found.room for found in importers} == {"models"}
    assert [str(found) for found in importers if found.when == "loaded"] == []


def test_only_the_screen_imports_textual_and_rich() -> None:
    assert {found.room for found in IMPORTS if found.package in ("textual", "rich")} == {"tui"}


def test_the_screen_is_imported_only_to_be_shown() -> None:
    importers = [found for found in IMPORTS if found.imported_room == "tui" and found.room != "tui"]
    assert {(found.importer, found.when) for found in importers if found.when != "checked"} == {
        ("cli/lesson", "called"),
        ("cli/preferences", "called"),
        ("cli/screen", "called"),
    }


# --- at run time ---

HEAVY = ("numpy", "textual", "rich", "plotext", "openai", "httpx2", "pydantic")


def loaded_by(code: str, home: Path) -> set[str]:
    """Return which heavy packages a Python of its own has loaded once it ran ``code``."""
    script = (
        "import sys\n"
        "try:\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
        + "except SystemExit:\n    pass\n"
        + f"print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=fresh_environment(home),
        cwd=home,
        timeout=60,
        check=True,
    )
    return set(run.stderr.split())


def command(*arguments: str) -> str:
    return f"from softmax_visualizer.cli import main\nassert main({list(arguments)!r}) == 0"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["show", "--help"], ["generate", "--help"], ["score", "--help"], ["config"]],
    ids=" ".join,
)
def test_help_and_version_load_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    assert loaded_by(command(*arguments), tmp_path) == set()


def test_show_with_the_bundled_model_loads_no_more_than_the_arithmetic(tmp_path: Path) -> None:
    assert loaded_by(command("show", "The", "-t", "0.7"), tmp_path) == {"numpy"}


@pytest.mark.parametrize("form", ["json", "csv"])
def test_show_for_a_script_does_not_load_the_drawing_either(tmp_path: Path, form: str) -> None:
    assert loaded_by(command("show", "The", "--format", form), tmp_path) == {"numpy"}


def test_the_screen_is_imported_before_all_that_only_its_answers_need(tmp_path: Path) -> None:
    assert loaded_by("import softmax_visualizer.tui.app", tmp_path) == {"textual", "rich"}


@pytest.mark.parametrize("room", ["decoding", "display.labels", "models.base", "models.configuration"])
def test_settings_labels_and_configuration_cost_nothing_to_import(tmp_path: Path, room: str) -> None:
    assert loaded_by(f"import softmax_visualizer.{room}", tmp_path) == set()
