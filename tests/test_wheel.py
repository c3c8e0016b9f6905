"""What is in the packages that people install: the sdist of the tracked files, and the wheel of the sdist."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

pytest.importorskip("hatchling", reason="hatchling, which builds the packages, is not installed")

REPOSITORY = Path(__file__).parents[1]
MOST_BYTES = 8_500_000


def build(folder: Path, target: str) -> Path:
    """Build ``target`` from the project in ``folder``; return the one file that comes of it."""
    out = folder / "dist"
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of a copy of the tracked files, so that nothing else that lies about gets into it."""
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("this is no git repository, so nobody knows which of its files are tracked")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True)
    copy = tmp_path_factory.mktemp("repository")
    for name in listed.stdout.decode().split("\0"):
        if (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, copy / name)
    return build(copy, "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the unpacked sdist, as pip does where there is no wheel."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (project,) = unpacked.iterdir()
    return build(project, "wheel")


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.mark.parametrize(
    "path",
    [
        "models/data/ngram.npz",
        "models/data/MODEL.md",
        "tui/screen.tcss",
        "__main__.py",
        "decoding/decoder.py",
    ],
)
def test_the_wheel_holds_all_that_the_program_needs(names: list[str], path: str) -> None:
    assert f"softmax_visualizer/{path}" in names


def test_the_wheel_holds_every_tracked_file_of_the_package(names: list[str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "src"], cwd=REPOSITORY, capture_output=True, check=True
    ).stdout.decode()
    tracked = {name.removeprefix("src/") for name in listed.split("\0") if (REPOSITORY / name).is_file()}
    assert tracked - set(names) == set()


def test_the_arrays_in_the_wheel_are_those_of_the_repository(wheel: Path) -> None:
    name = "softmax_visualizer/models/data/ngram.npz"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(name) == (REPOSITORY / "src" / name).read_bytes()


def test_the_wheel_holds_the_licence_and_the_command(wheel: Path, names: list[str]) -> None:
    assert any(PurePosixPath(name).name == "LICENSE" and ".dist-info/" in name for name in names)
    (entry_points,) = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
    with zipfile.ZipFile(wheel) as archive:
        assert "softmax-visualizer = softmax_visualizer.cli:main" in archive.read(entry_points).decode()


def test_the_wheel_holds_nothing_but_the_package(names: list[str]) -> None:
    roots = {name.partition("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"softmax_visualizer"}
    assert [name for name in names if "test" in name.lower() or "__pycache__" in name] == []


def test_the_wheel_is_small_enough(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES


def test_the_sdist_holds_no_tests_and_what_is_needed_to_build_and_configure(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers()}
    assert {"pyproject.toml", "LICENSE", "README.md", ".env.example", "PKG-INFO"} <= held
    assert [name for name in held if name.startswith(("tests/", ".git/"))] == []


def test_the_program_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    """A wheel is a zip file, which Python can import from once it is unpacked; nothing is installed."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import softmax_visualizer, sys\n"
        f"assert softmax_visualizer.__file__.startswith({str(tmp_path)!r})\n"
        "from softmax_visualizer.cli import main\n"
        "sys.exit(main(['show', 'The quick brown fox jumps over the', '--model', 'bundled', '--top', '1']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert "lazy" in run.stdout
