"""A ``.env`` is read if it is the person's own, named if it is not, and lifts no protection."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest

from softmax_visualizer.models import dotenv_file
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.settings import ConfigurationError

KEY = "key-0123456789abcdefghij"
SOMEBODY = 54_321

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


@pytest.fixture
def env(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text("OPENAI_MODEL=of-file\n")
    return path


def load(directory: Path, **environment: str) -> Configuration:
    return Configuration.load(environment=environment, directory=directory)


def passed_over(env: Path, why: str) -> None:
    """The file says nothing, and a note says why."""
    configuration = load(env.parent)
    assert configuration.model is None
    (note,) = configuration.notes
    assert note.startswith(f"{env} was not used: ")
    assert why in note


# --- whose it is ---


def test_ones_own_file_is_used_without_a_word(env: Path) -> None:
    configuration = load(env.parent)
    assert (configuration.model, configuration.notes) == ("of-file", ())


@as_root
def test_another_users_file_is_passed_over(env: Path) -> None:
    os.chown(env, SOMEBODY, SOMEBODY)
    passed_over(env, "belongs to another user")


@as_root
def test_a_link_to_another_users_file_is_passed_over(env: Path) -> None:
    theirs = env.rename(env.with_name("theirs"))
    os.chown(theirs, SOMEBODY, SOMEBODY)
    env.symlink_to(theirs)
    passed_over(env, "belongs to another user")


@as_root
def test_another_users_link_to_ones_own_file_is_passed_over(env: Path) -> None:
    mine = env.rename(env.with_name("mine"))
    env.symlink_to(mine)
    os.chown(env, SOMEBODY, SOMEBODY, follow_symlinks=False)
    passed_over(env, "belongs to another user")


def test_roots_file_is_used(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if env.stat().st_uid != 0:
        pytest.skip("needs a file of root's")
    monkeypatch.setattr(os, "getuid", lambda: SOMEBODY)
    assert load(env.parent).model == "of-file"


def test_a_link_to_ones_own_file_is_used(env: Path) -> None:
    mine = env.rename(env.with_name("mine"))
    env.symlink_to(mine)
    assert load(env.parent).model == "of-file"


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o646, 0o777])
def test_a_file_that_everybody_may_write_to_is_passed_over(env: Path, mode: int) -> None:
    env.chmod(mode)
    passed_over(env, "everybody may write to it")


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400, 0o755])
def test_a_file_that_others_may_only_read_is_used(env: Path, mode: int) -> None:
    env.chmod(mode)
    assert load(env.parent).model == "of-file"


@as_root
def test_a_group_of_ones_own_may_write_and_no_other(env: Path) -> None:
    env.chmod(0o664)
    os.chown(env, 0, 0)
    assert load(env.parent).model == "of-file"
    os.chown(env, 0, SOMEBODY)
    passed_over(env, "its whole group may write to it")


def test_the_next_file_further_up_is_used_instead(env: Path) -> None:
    inner = env.with_name("inner")
    inner.mkdir()
    (inner / ".env").write_text("OPENAI_MODEL=planted\n")
    (inner / ".env").chmod(0o666)
    configuration = load(inner)
    assert configuration.model == "of-file"
    assert configuration.notes[0].startswith(f"{inner / '.env'} was not used")


# --- what it is ---


def test_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    passed_over(tmp_path / ".env", "it is a folder")


def test_a_socket_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(".env")
        passed_over(tmp_path / ".env", "neither a file nor a FIFO")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_named(tmp_path: Path, device: str) -> None:
    (tmp_path / ".env").symlink_to(device)
    passed_over(tmp_path / ".env", "neither a file nor a FIFO")


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "gone")
    passed_over(tmp_path / ".env", "a link to what cannot be read (no such file or directory)")


def test_a_link_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / ".env")
    passed_over(tmp_path / ".env", "a link to what cannot be read")


def test_a_fifo_is_read(tmp_path: Path) -> None:
    """This is how password managers hand keys over: in pieces, and only to one who reads."""
    os.mkfifo(tmp_path / ".env", 0o600)

    def write() -> None:
        with (tmp_path / ".env").open("wb", buffering=0) as file:
            for part in (b"OPENAI_API_KEY=", KEY.encode(), b"\nOPENAI_", b"MODEL=m\n"):
                file.write(part)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    configuration = load(tmp_path)
    writer.join(10)
    assert (configuration.api_key, configuration.model, configuration.notes) == (Secret(KEY), "m", ())


def test_a_fifo_into_which_nobody_writes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dotenv_file, "FIFO_PATIENCE", 0.05)
    os.mkfifo(tmp_path / ".env", 0o600)
    passed_over(tmp_path / ".env", "a FIFO, and nobody finished writing into it within 0.05 s")


@pytest.mark.parametrize("part", [b"#" * 65536, b"#"])
def test_a_fifo_without_end_ends(tmp_path: Path, part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dotenv_file, "FIFO_PATIENCE", 1.0)
    os.mkfifo(tmp_path / ".env", 0o600)

    def write() -> None:
        with contextlib.suppress(OSError), (tmp_path / ".env").open("wb", buffering=0) as file:
            while True:
                file.write(part)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        said = load(tmp_path).notes[0]
    except ConfigurationError as error:
        said = str(error)
    # a slow one is given up in time, a quick one at the limit
    assert "within 1 s" in said or "larger than 1 MB" in said
    writer.join(10)
    assert not writer.is_alive()


def test_a_file_that_is_too_large_is_refused(env: Path) -> None:
    env.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ConfigurationError, match=r"\.env is larger than 1 MB"):
        load(env.parent)


# --- what it says ---


def test_a_byte_order_mark_is_no_part_of_the_first_name(env: Path) -> None:
    env.write_bytes(b"\xef\xbb\xbfOPENAI_MODEL=m\r\nOPENAI_TIMEOUT=3\r\n")
    assert (load(env.parent).model, load(env.parent).timeout) == ("m", 3.0)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_another_encoding_is_said_to_be_wrong(env: Path, encoding: str) -> None:
    env.write_bytes("OPENAI_MODEL=größe\n".encode(encoding))
    with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8"):
        load(env.parent)


def test_plain_http_is_not_for_the_file_to_allow(env: Path) -> None:
    env.write_text("SOFTMAX_VISUALIZER_ALLOW_PLAIN_HTTP=1\nOPENAI_BASE_URL=http://llm.example/v1\n")
    with pytest.raises(ConfigurationError, match="ALLOW_PLAIN_HTTP=1 in the environment"):
        load(env.parent, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="http://llm.example/v1")
    assert "ALLOW_PLAIN_HTTP in" in load(env.parent).notes[0]
    assert load(
        env.parent,
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL="http://llm.example/v1",
        SOFTMAX_VISUALIZER_ALLOW_PLAIN_HTTP="1",
    ).api_key


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OPENAI_BASE_URL"])
def test_the_file_takes_nothing_out_of_the_environment(
    env: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_SECRET", "swordfish")
    env.write_text(f"OPENAI_BASE_URL=https://llm.example/v1\n{name}=https://x.example/${{CLOUD_SECRET}}\n")
    with pytest.raises(ConfigurationError, match=name) as raised:
        load(env.parent)
    assert "swordfish" not in str(raised.value)
