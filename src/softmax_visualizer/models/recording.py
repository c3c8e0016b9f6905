"""Keeping answers in a file as they come, for :mod:`softmax_visualizer.models.replay` to give again."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from softmax_visualizer.models.base import Abilities, LanguageModel, ModelAnswer, ModelError, Source
from softmax_visualizer.models.entries import parse, version
from softmax_visualizer.models.reading import reason
from softmax_visualizer.models.recording_format import (
    LARGEST,
    SCHEMA,
    VERSION,
    first_line,
    line_of,
)
from softmax_visualizer.models.redaction import Redact

if TYPE_CHECKING:
    from softmax_visualizer.decoding import DecodingSettings, Token
    from softmax_visualizer.decoding.sampling import Counts
    from softmax_visualizer.models.base import Framing

_LONGEST_HEADER = 1024
"""Bytes of a recording's first line that are read."""

HIDDEN = (
    "The prompt holds what may be a secret, which is hidden in the recording: this very prompt cannot be "
    "replayed."
)


class Recorder:
    """Writes answers to a file as they come, each flushed to the disk, so that a crash loses none.

    It may be used from several threads. No two programs should write one file at once.
    """

    def __init__(self, path: Path, redact: Redact) -> None:
        """Create the file for its owner alone, or open an existing recording to add to it.

        What a crash left of an existing recording's last line is cut off.

        Args:
            path: any other existing file than a recording is refused.
            redact: takes secrets out of a text; every text goes through it.

        Raises:
            ModelError: the file cannot be written, or it is there and is no recording.
        """
        self.redact = redact
        self._path = path
        self._lock = threading.Lock()
        try:
            self._file = _opened(path)
        except OSError as error:
            raise ModelError(f"{path} cannot be written: {reason(error)}.") from error

    def keep(self, answer: ModelAnswer, framing: Framing | None = None) -> None:
        """Write an answer; this waits for the disk.

        Args:
            answer: as the model gave it.
            framing: how the prompt was put to the model; None if that does not apply to it.

        Raises:
            ModelError: it could not be written; the file is then as it was before.
        """
        line = line_of(answer, framing, self.redact)
        with self._lock:
            if self._file.closed:
                raise ModelError(f"{self._path} is closed.")
            try:
                if self._file.seek(0, os.SEEK_END) + len(line) > LARGEST:
                    raise ModelError(
                        f"{self._path} would grow larger than {LARGEST // 2**20} MB, which could not be "
                        "read. Record into another file."
                    )
                _write(self._file, line)
            except OSError as error:
                raise ModelError(f"{self._path} cannot be written: {reason(error)}.") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


class RecordingModel:
    """Another model, whose answers are kept by a recorder; closing the model leaves the recorder open."""

    def __init__(self, model: LanguageModel, recorder: Recorder, framing: Framing | None = None) -> None:
        self._model = model
        self._recorder = recorder
        self._framing: Framing | None = framing

    @property
    def name(self) -> str:
        """The other model's name."""
        return self._model.name

    @property
    def source(self) -> Source:
        """What kind of model the other one is."""
        return self._model.source

    @property
    def endpoint(self) -> str | None:
        """The other model's server."""
        return self._model.endpoint

    @property
    def abilities(self) -> Abilities:
        """What the other model can do."""
        return self._model.abilities

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> ModelAnswer:
        """Return the other model's answer, with a note if it could not be recorded.

        Raises:
            ModelError: there is no answer, with the reason and the remedy.
        """
        return await self._kept(await self._model.ask(prompt, after=after, whole=whole))

    async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> tuple[ModelAnswer, ...]:
        """Return the other model's answers, all of them recorded."""
        answers = await self._model.ask_ahead(prompt, after, count)
        return tuple([await self._kept(answer) for answer in answers])

    async def split(self, text: str) -> tuple[Token, ...]:
        """Return a text as the other model's tokens."""
        return await self._model.split(text)

    async def _kept(self, answer: ModelAnswer) -> ModelAnswer:
        note = HIDDEN if self._recorder.redact(answer.prompt) != answer.prompt else None
        try:
            await asyncio.to_thread(self._recorder.keep, answer, self._framing)
        except ModelError as error:
            note = f"This answer was not recorded. {error}"
        return replace(answer, notes=(*answer.notes, note)) if note else answer

    def samples(
        self, answer: ModelAnswer, settings: DecodingSettings, count: int, *, defaults: bool = False
    ) -> AsyncGenerator[Counts, None]:
        """Return the other model's samples, which are not recorded."""
        return self._model.samples(answer, settings, count, defaults=defaults)

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        """Whether the other model may list more tokens than an answer has."""
        return self._model.goes_deeper(answer)

    async def names(self) -> tuple[str, ...]:
        """Return the names of the models that can be chosen where the other one lives.

        Raises:
            ModelError: they cannot be listed.
        """
        return await self._model.names()

    def request(self, prompt: str) -> Mapping[str, Any]:
        """Return exactly what the other model would send."""
        return self._model.request(prompt)

    async def close(self) -> None:
        """Close the other model."""
        await self._model.close()


def _opened(path: Path) -> FileIO:
    try:
        file = open(path, "xb", buffering=0, opener=_private)  # noqa: SIM115 (it stays open)
    except FileExistsError:
        return _reopened(path)
    try:
        _write(file, first_line())
    except OSError:
        file.close()
        with suppress(OSError):
            path.unlink()
        raise
    return file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_APPEND, 0o600)


def _reopened(path: Path) -> FileIO:
    found, size, unfinished = None, 0, b""
    # opening a device does things
    if path.is_file():
        with path.open("rb") as existing:
            found = version(existing.readline(_LONGEST_HEADER), SCHEMA)
            size = existing.seek(0, os.SEEK_END)
            if size > LARGEST:
                raise ModelError(f"{path} is larger than {LARGEST // 2**20} MB; choose another name.")
            unfinished = _unfinished(existing, size)
    if found is None:
        raise ModelError(f"{path} exists and is not a recording; choose another name.")
    if found > VERSION:
        raise ModelError(f"{path} was made by a newer version of this program; choose another name.")
    file = open(path, "ab", buffering=0)  # noqa: SIM115 (it stays open)
    if unfinished:
        try:
            parse(unfinished)
        except (ValueError, RecursionError):
            file.truncate(size - len(unfinished))
        else:
            _write(file, b"\n")
    return file


def _unfinished(file: BinaryIO, size: int) -> bytes:
    """Return what stands behind the last end of a line in a file of ``size`` bytes."""
    length = 2**16
    while True:
        start = max(0, size - length)
        file.seek(start)
        end = file.read(size - start)
        if b"\n" in end or start == 0:
            return end.rpartition(b"\n")[2]
        length *= 2


def _write(file: FileIO, data: bytes) -> None:
    """Write all of ``data`` at the end and onto the disk, or nothing."""
    start = file.seek(0, os.SEEK_END)
    left = memoryview(data)
    try:
        while left:
            left = left[file.write(left) :]
        os.fsync(file.fileno())
    except OSError:
        # the part of a line that did fit would spoil the next one
        with suppress(OSError):
            file.truncate(start)
        raise
