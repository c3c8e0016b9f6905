"""``config.toml``: what a person sets once, what is said of what cannot be used, and who wins."""

from __future__ import annotations

import os
import platform
import stat
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens import settle, text
from softmax_visualizer import __version__
from softmax_visualizer.cli import main
from softmax_visualizer.models.config_file import NAMES, config_path, read_config, remember
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.settings import ConfigurationError, Settings
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.preferences import Preferences
from terminal import Terminal

EVERYTHING = """\
model = "m"
base_url = "http://127.0.0.1:8080/v1"
timeout = 2.5
framing = "raw"
vocabulary_size = 512
top_logprobs = "all"
engine = "llama.cpp"
order = "temperature-last"
temperature = 0.7
top_p = 0.95
top_k = 40
min_p = 0.05
seed = 7
view = "sweep"
theme = "nord"
history = false

[keys]
pin = "p"
sweep = ["ctrl+s", "f12"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's file, in a folder that is there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "config" / "softmax-visualizer" / "config.toml"
    path.parent.mkdir(parents=True)
    assert config_path() == path
    return path


def configuration(file: Path, environment: dict[str, str] | None = None, **flags: Any) -> Configuration:
    return Configuration.load(environment=environment or {}, directory=file.parent, file=file, **flags)


def test_every_setting_can_stand_in_it(file: Path) -> None:
    file.write_text(EVERYTHING)
    found = read_config(file)
    assert tuple(found.values) == NAMES
    assert (found.values["timeout"].text, found.values["timeout"].line) == ("2.5", 3)
    assert found.values["history"].text == "off"
    assert {action: keys.text for action, keys in found.keys.items()} == {"pin": "p", "sweep": "ctrl+s f12"}
    assert found.keys["sweep"].line == 20
    assert found.notes == ()
    assert configuration(file) == Configuration(
        None, "http://127.0.0.1:8080/v1", "m", 2.5, "raw", 512, "all", notes=()
    )


def test_a_flag_the_environment_and_a_dotenv_win_over_it(file: Path) -> None:
    file.write_text(EVERYTHING)
    (file.parent / ".env").write_text("OPENAI_MODEL=of-dotenv\nOPENAI_TIMEOUT=3\n")
    loaded = configuration(file, {"OPENAI_TIMEOUT": "4"}, vocabulary_size="700")
    assert (loaded.model, loaded.timeout, loaded.vocabulary_size, loaded.framing) == (
        "of-dotenv",
        4,
        700,
        "raw",
    )


def test_without_it_nothing_is_set_and_nothing_is_said(file: Path) -> None:
    assert not read_config(file).is_there
    assert configuration(file) == Configuration()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('modle = "x"', 'line 2: there is no setting "modle". Did you mean "model"?'),
        ('Top-P = "x"', 'line 2: there is no setting "Top-P". Did you mean "top_p"?'),
        ('colour = "x"', 'line 2: there is no setting "colour". There are model, base_url'),
        ("timeout = [1]", "line 2: timeout must be a text or a number."),
        ('timeout = "abc"', 'line 2, is "abc": it must be a positive number of seconds, such as 30.'),
        ("timeout = 0", 'line 2, is "0": it must be a positive number'),
        ('framing = "row"', 'line 2, is "row": it must be'),
        ("vocabulary_size = 1", "line 2, is"),
        ('keys = "p"', "line 2: the keys stand below a line [keys]"),
        ("seed = " + "9" * 50, "line 2: seed is too large a number."),
        ('"http://u:hunter2@h/v1" = 1', "line 2: there is no such setting."),
        ('api_key = "sk-0123456789abcdef"', "line 2: a key is not read from here. Set OPENAI_API_KEY"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_line_and_all_else_holds(
    file: Path, line: str, said: str
) -> None:
    file.write_text(f'model = "bundled"\n{line}\n')
    loaded = configuration(file)
    (note,) = loaded.notes
    assert said in note
    assert "config.toml" in note
    assert "sk-0123" not in note
    assert "hunter2" not in note
    assert (loaded.model, loaded.timeout) == ("bundled", 30)


@pytest.mark.parametrize(
    "content",
    [
        b"model = ",
        b"\xff\xfe\x00",
        b"a" * 2_000_000,
        b"[" * 100_000,
        b"model = 'x'\x00",
        b"[keys]\n[keys]\n",
        b"seed = " + b"9" * 5000,
        b"x" + b".a" * 200_000 + b" = 1",
    ],
    ids=["half", "utf-16", "huge", "deep", "nul", "twice", "digits", "dots"],
)
def test_a_broken_file_is_named_and_the_defaults_hold(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    loaded = configuration(file)
    (note,) = loaded.notes
    assert note.startswith(str(file))
    assert loaded == Configuration(notes=loaded.notes)


@given(st.binary(max_size=200))
def test_no_content_at_all_ends_the_program(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    found = read_config(path)
    assert all(".toml" in note for note in found.notes)


def test_a_file_that_others_may_write_to_is_not_used(file: Path) -> None:
    file.write_text('model = "x"')
    file.chmod(0o666)
    loaded = configuration(file)
    assert "everybody may write to it" in loaded.notes[0]
    assert loaded.model is None


def test_a_wrong_flag_is_still_an_error(file: Path) -> None:
    file.write_text("timeout = 5")
    with pytest.raises(ConfigurationError, match="--timeout"):
        configuration(file, timeout="abc")


# --- what is remembered ---


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'theme = "nord"\n'),
        ("# mine\ntheme = 'gruvbox' # dark\nmodel = \"m\"\n", '# mine\ntheme = "nord" # dark\nmodel = "m"\n'),
        ('[keys]\ntheme = "x"\npin = "p"', 'theme = "nord"\n[keys]\ntheme = "x"\npin = "p"'),
        ('model = """\ntheme = "x"\n"""\n', 'theme = "nord"\nmodel = """\ntheme = "x"\n"""\n'),
    ],
)
def test_a_theme_is_remembered_and_all_else_stays_as_it_was(file: Path, before: str, after: str) -> None:
    if before:
        file.write_text(before)
    remember("theme", "nord", file)
    assert file.read_text() == after


@pytest.mark.parametrize(
    "before",
    [
        b'theme = """\nnord"""\n',
        b"theme = {a = 1}",
        b"theme.a = 1\n",
        b'theme = "a"\ntheme = "b"',
        b"x = " + b"[" * 5000,
        b"\xff",
    ],
)
def test_what_only_a_person_can_change_is_left_to_its_person(file: Path, before: bytes) -> None:
    file.write_bytes(before)
    with pytest.raises(ValueError):  # noqa: PT011  # a sentence for each, which are not what this is about
        remember("theme", "gruvbox", file)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\xef\xbb\xbfmodel = 'm'\r\n", b"\xef\xbb\xbftheme = \"nord\"\r\nmodel = 'm'\r\n"),
        ("# one\x85two\ntheme = 'x'\n".encode(), '# one\x85two\ntheme = "nord"\n'.encode()),
        (b"temperature = nan\n", b'theme = "nord"\ntemperature = nan\n'),
    ],
    ids=["bom and crlf", "another line end", "nan"],
)
def test_bytes_that_are_not_the_themes_stay(file: Path, before: bytes, after: bytes) -> None:
    file.write_bytes(before)
    remember("theme", "nord", file)
    assert file.read_bytes() == after


def test_a_file_that_is_not_trusted_is_not_made_the_persons_own_by_a_theme(file: Path) -> None:
    file.write_text('base_url = "http://127.0.0.1:9/v1"\n')
    file.chmod(0o666)
    with pytest.raises(ValueError, match="everybody may write to it"):
        remember("theme", "nord", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666


def test_a_link_to_itself_is_no_reason_to_fail(file: Path) -> None:
    file.symlink_to(file.name)
    assert "link" in read_config(file).notes[0]
    with pytest.raises(ValueError, match="link"):
        remember("theme", "nord", file)


async def test_of_many_themes_at_once_the_last_one_is_remembered(file: Path) -> None:
    keep = partial(remember, "theme", path=file)
    app = SoftmaxVisualizer(Configuration(model="bundled"), "The", preferences=Preferences(remember=keep))
    async with app.run_test() as pilot:
        await settle(app, pilot)
        for theme in ("nord", "gruvbox", "dracula", "monokai", "flexoki"):
            app.theme = theme
        await pilot.pause()
        await app.workers.wait_for_complete()
        assert "not remembered" not in text(app)
    assert tomllib.loads(file.read_text()) == {"theme": "flexoki"}


def test_a_link_to_it_stays_a_link(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text('model = "m"\n')
    file.symlink_to(real)
    remember("theme", "nord", file)
    assert file.is_symlink()
    assert tomllib.loads(real.read_text()) == {"model": "m", "theme": "nord"}


async def test_a_theme_that_is_chosen_is_remembered_and_a_failure_is_said() -> None:
    chosen: list[str] = []

    def note(theme: str) -> None:
        if theme == "nord":
            raise OSError("the disk is full")
        chosen.append(theme)

    app = SoftmaxVisualizer(Configuration(model="bundled"), "The", preferences=Preferences(remember=note))
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(app, pilot)
        await pilot.press("l")
        await app.workers.wait_for_complete()
        assert chosen == ["textual-light"]
        app.theme = "nord"
        await app.workers.wait_for_complete()
        await settle(app, pilot)
        assert "The theme is not remembered: config.toml cannot be written: the disk is full." in text(app)


@pytest.mark.parametrize(
    ("theme", "other"),
    [("solarized-dark", "solarized-light"), ("nord", "textual-light"), ("ansi-light", "ansi-dark"),
     ("rose-pine-dawn", "textual-dark")],
)  # fmt: skip
async def test_light_or_dark_stays_in_a_theme_that_has_both(theme: str, other: str) -> None:
    app = SoftmaxVisualizer(Configuration(model="bundled"), "The", preferences=Preferences(theme=theme))
    async with app.run_test() as pilot:
        assert app.theme == theme
        await pilot.press("l")
        assert app.theme == other


# --- as a person meets it ---


def test_the_screen_opens_as_the_file_says_and_says_what_it_does_not_use(file: Path, tmp_path: Path) -> None:
    file.write_text(
        'temperature = 1.3\nview = "table"\ntheme = "nrod"\nseed = "x"\n[keys]\npin = "p"\npn = "x"\n'
    )
    with Terminal(tmp_path, "She opened the", XDG_CONFIG_HOME=str(tmp_path / "config")) as terminal:
        terminal.wait_for("as a table")
        terminal.wait_for("1.30")
        terminal.press("p")
        terminal.wait_for("Pinned: T 1.30")
        terminal.press("u")
        terminal.press("i")
        terminal.wait_for('Did you mean "nord"?')
        terminal.wait_for('Did you mean "pin"?')
        terminal.press("\x11")
        assert terminal.wait_for_end() == 0


def test_config_says_what_holds_and_where_it_comes_from(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file.write_text(EVERYTHING.replace("127.0.0.1:8080", "me:hunter2hunter2@127.0.0.1:8080") + 'pn = "x"\n')
    (tmp_path / ".env").write_text("OPENAI_TIMEOUT=9\n")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    assert main(["config", "--framing", "answer", "-t", "1.5"]) == 0
    shown = capfd.readouterr()
    rows = {line.split("  ")[0]: line for line in shown.out.splitlines()[2:]}
    assert shown.out.splitlines()[0] == str(file)
    assert rows["api_key"].split() == ["api_key", "set,", "and", "not", "shown", "OPENAI_API_KEY"]
    assert rows["framing"].endswith("--framing")
    assert rows["temperature"].split() == ["temperature", "1.5", "--temperature"]
    assert rows["timeout"].endswith(f"OPENAI_TIMEOUT in {tmp_path / '.env'}")
    assert rows["base_url"].split() == ["base_url", "http://127.0.0.1:8080/v1", "config.toml,", "line", "2"]
    assert rows["keys.sweep"].split() == ["keys.sweep", "Ctrl+S", "F12", "config.toml,", "line", "20"]
    assert 'line 21: pn: there is no such action. Did you mean "pin"?' in shown.err
    assert "hunter2" not in shown.out + shown.err
    assert "sk-0123" not in shown.out + shown.err


@pytest.mark.parametrize("line", ['theme = "nrod"', 'view = "answers"', 'history = "perhaps"'])
def test_config_says_what_cannot_be_used(file: Path, line: str, capfd: pytest.CaptureFixture[str]) -> None:
    file.write_text(line)
    assert main(["config"]) == 0
    shown = capfd.readouterr()
    assert f"{line.split()[0]} in config.toml, line 1, is" in shown.err
    assert "config.toml, line 1" not in shown.out


def test_config_of_nothing_says_that_everything_is_a_default(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["config"]) == 0
    first, _, *rows = capfd.readouterr().out.splitlines()
    assert first == f"{file} (not there, so nothing comes from it)"
    assert len(rows) == 1 + len(NAMES)
    assert all(row.endswith("  default") for row in rows)


def test_info_says_what_a_report_needs_and_no_secret(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text('theme = "nord"\nmodle = "x"\n[keys]\npin = "p"\n')
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:hunter2hunter2@127.0.0.1:1/v1")
    monkeypatch.setenv("COLORTERM", "truecolor\x1b[31m")
    assert main(["--info"]) == 0
    shown = capfd.readouterr()
    for wanted in (
        __version__,
        platform.python_version(),
        "textual",
        "nord   (config.toml, line 1)",
        "keys.pin",
    ):
        assert wanted in shown.out
    assert "Nothing listens at 127.0.0.1:1" in shown.out
    assert 'note             config.toml, line 2: there is no setting "modle".' in shown.out
    for secret in ("sk-0123", "hunter2", "\x1b"):
        assert secret not in shown.out + shown.err


def test_a_theme_that_is_not_there_is_refused_with_the_nearest_one(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Terminal(tmp_path, "--theme", "gruvbx") as terminal:
        assert terminal.wait_for_end() == 2
        assert 'Did you mean "gruvbox"?' in terminal.text


def test_the_files_knobs_are_the_screens_alone(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file.write_text("temperature = 0.1\ntop_p = 0.5\n")
    assert main(["show", "The quick brown fox jumps over the", "--plain", "--top", "1"]) == 0
    assert "55.9 %" in capfd.readouterr().out


def test_what_is_read_names_no_setting_twice() -> None:
    settings = Settings.load({}, environment={}, directory=Path(os.sep), file=Path(os.devnull) / "none")
    settings.note("once")
    settings.note("once")
    assert settings.notes == ["once"]
