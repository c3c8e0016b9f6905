"""Files that are written whole or not at all, and what they are called."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softmax_visualizer.models import whole_file
from softmax_visualizer.models.whole_file import write_text
from softmax_visualizer.tui.files import file_name

any_text = st.text(st.characters(exclude_categories=()))
ENDINGS = (".csv", "_request.py")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("replace", [True, False])
def test_a_new_file_has_its_text_and_nothing_stands_beside_it(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / "numbers.csv"
    write_text(path, "p,é,日本\n\r\n", replace=replace)
    assert path.read_bytes() == "p,é,日本\n\r\n".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("private", "expected"), [(True, 0o600), (False, 0o644)])
@pytest.mark.parametrize("replace", [True, False])
def test_a_private_file_is_its_owners_alone(
    tmp_path: Path, private: bool, replace: bool, expected: int
) -> None:
    path = tmp_path / "prompts.json"
    write_text(path, "[]", replace=replace, private=private)
    assert mode(path) == expected


def test_a_file_that_was_open_to_all_is_private_when_it_is_replaced_so(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text("old")
    write_text(path, "new", replace=True, private=True)
    assert (path.read_text(), mode(path)) == ("new", 0o600)


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("old")
    with pytest.raises(FileExistsError):
        write_text(path, "new", replace=False)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_text(path, "new", replace=True)
    assert path.read_text() == "new"


def test_a_link_to_nowhere_is_no_free_name(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        write_text(path, "new", replace=False)
    assert path.is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_appears_at_the_last_moment_is_kept_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, link = tmp_path / "numbers.csv", os.link

    def appears(source: Path, target: Path) -> None:
        path.write_text("theirs")
        link(source, target)

    monkeypatch.setattr(whole_file.os, "link", appears)
    with pytest.raises(FileExistsError):
        write_text(path, "ours", replace=False)
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["replace", "link", "fdopen"])
def test_a_failure_half_way_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "numbers.csv"
    if step != "link":
        path.write_text("old")

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path if step == "replace" else whole_file.os, step, fails)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new", replace=step != "link")
    monkeypatch.undo()
    assert [each.read_text() for each in tmp_path.iterdir()] == ([] if step == "link" else ["old"])


def test_nobody_sees_half_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "numbers.csv", []
    path.write_text("old")
    replace = Path.replace

    def looks(draft: Path, target: Path) -> Path:
        seen.append((path.read_text(), draft.read_text(), draft.parent))
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", looks)
    write_text(path, "new" * 100_000, replace=True)
    # a draft in another folder might be on another disk, where a move is no single step
    assert seen == [("old", "new" * 100_000, tmp_path)]


def test_a_draft_that_a_crash_left_does_not_stand_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    target = tmp_path / "target"
    target.write_text("theirs")
    (tmp_path / f".numbers.csv.{os.getpid()}.new").symlink_to(target)
    write_text(path, "ours", replace=False)
    assert (path.read_text(), target.read_text()) == ("ours", "theirs")
    assert not path.is_symlink()


def test_half_a_character_is_spelt_out(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    write_text(path, "a\ud83db", replace=False)
    assert path.read_text() == "a\\ud83db"


@pytest.mark.parametrize(
    "name", ["", "/", ".", "..", "a\0b", "a\ud83d", "nowhere/a.csv", "x" * 300, "é" * 200]
)
@pytest.mark.parametrize("replace", [True, False])
def test_a_name_that_no_file_can_have_is_an_os_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, replace: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011
        write_text(Path(name), "text", replace=replace)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "🦊" * 63])
def test_the_longest_names_are_written(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "text", replace=False)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("prompt", "settings", "ending", "name"),
    [
        (
            "The quick brown fox",
            "T 0.70, top-p 0.90",
            ".csv",
            "the-quick-brown-fox_T-0.70-top-p-0.90.csv",
        ),
        ("../../etc/passwd", "T 1.00", ".csv", "etc-passwd_T-1.00.csv"),
        ("C:\\x", "T 1.00", ".csv", "c-x_T-1.00.csv"),
        ("", "T 1.00", ".csv", "prompt_T-1.00.csv"),
        ("🦊🦊", "T 1.00, T last", ".svg", "prompt_T-1.00-T-last.svg"),
        ("日本", "T 1.00", ".md", "prompt_T-1.00.md"),
        ("Crème brûlée 🍮!", "T 0.00", "_request.py", "creme-brulee_T-0.00_request.py"),
        ("-rf ~", "T 1.00", ".csv", "rf_T-1.00.csv"),
        (".hidden", "T 1.00", ".csv", "hidden_T-1.00.csv"),
        ("a" * 500, "T 1.00", ".csv", "a" * 40 + "_T-1.00.csv"),
        ("a" * 39 + " b", "T 1.00", ".csv", "a" * 39 + "_T-1.00.csv"),
    ],
)
def test_a_name_says_what_is_in_the_file(prompt: str, settings: str, ending: str, name: str) -> None:
    assert file_name(prompt, settings, ending) == name


@given(any_text, any_text, st.sampled_from(ENDINGS))
def test_a_name_is_one_that_every_system_takes(prompt: str, settings: str, ending: str) -> None:
    name = file_name(prompt, settings[:60], ending)
    assert Path(name).name == name
    assert name.isascii()
    assert name.isprintable()
    assert name[0].isalnum()
    assert name.endswith(ending)
    assert not set(name) & set('/\\:*?"<>| ')
    assert len(name) < 120
