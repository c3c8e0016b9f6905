"""Recorded answers as a language model like any other: what was recorded is what it can be asked."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from softmax_visualizer.decoding import Token
from softmax_visualizer.models.base import SAMPLES_NOTHING, Abilities, ModelAnswer, ModelError, Source
from softmax_visualizer.models.entries import EntryError, entry, parse, what_is_wrong
from softmax_visualizer.models.event_stream import no_cycles_sought
from softmax_visualizer.models.packing import vocabulary_of
from softmax_visualizer.models.recording_format import (
    SCHEMA,
    VERSION,
    VOCABULARY,
    answer_of,
    check_format,
    head_of,
    read_bytes,
)
from softmax_visualizer.models.refusal import one_line

if TYPE_CHECKING:
    from softmax_visualizer.decoding.sampling import Counts
    from softmax_visualizer.decoding.settings import DecodingSettings

_Place = tuple[str, tuple[Token, ...]]
"""A prompt, and the tokens after it."""

CUT_OFF = "The recording's last answer was cut off while it was written, and is left out."

_LONGEST_QUOTE = 40


class _Line(NamedTuple):
    """A line: its number, from 1, where in the file it begins and ends, and the vocabulary before it."""

    number: int
    start: int
    end: int
    vocabulary: tuple[Token, ...] | None


@dataclass(frozen=True)
class _Recording:
    """A recording's bytes, and where in them the answers stand.

    ``lines``: by model, and by prompt and the tokens after it, in the order in which they were first asked
    for.
    ``is_torn``: a last line that was cut off is left out.
    """

    path: Path
    raw: bytes
    lines: Mapping[str, Mapping[_Place, _Line]]
    is_torn: bool

    def answer(self, model: str, prompt: str, after: tuple[Token, ...] = ()) -> ModelAnswer | None:
        """Read the answer that stands in one line; None if there is no such line.

        Raises:
            ModelError: the line is no answer.
        """
        line = self.lines[model].get((prompt, after))
        if line is None:
            return None
        answer = _answer(self.raw, line, self.path)
        return replace(answer, notes=(*answer.notes, CUT_OFF)) if self.is_torn else answer


class RecordedModel:
    """The answers of one model in a recording; if a prompt was asked several times, the last one.

    The file is read once and its answers are found; each is read when it is asked for.
    """

    source: Source = "recording"
    endpoint: str | None = None
    abilities = Abilities()

    def __init__(self, recording: _Recording, name: str) -> None:
        self.name = name
        self._recording = recording
        # a few, since one of a whole vocabulary takes a tenth of a second to read and megabytes to keep
        self._answer = lru_cache(maxsize=8)(partial(recording.answer, name))

    @classmethod
    def open(cls, path: Path, model: str | None = None) -> RecordedModel:
        """Read a whole recording, unless it is the one that was opened last and has not changed since.

        Args:
            model: which of the recorded models to be; None is the first one.

        Raises:
            ModelError: it cannot be read or used, with the line and the reason; or it has no such model.
        """
        try:
            found = path.stat()
        except (OSError, ValueError):
            recording = _read(path)
        else:
            recording = _read_once(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        lines = recording.lines
        if model is not None and model not in lines:
            raise ModelError(
                f'The recording {one_line(path.name)} has no answers of "{_shortened(model)}". '
                f"It has those of {_some(lines)}."
            )
        return cls(recording, next(iter(lines)) if model is None else model)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts that there is an answer to, in the order in which they were first asked."""
        return tuple(dict.fromkeys(prompt for prompt, _ in self._recording.lines[self.name]))

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = True) -> ModelAnswer:
        """Return the recorded answer, with the model, endpoint and request that it had.

        Raises:
            ModelError: there is none, and the text names prompts that there is one to; or its line cannot be
                read.
        """
        answer = await asyncio.to_thread(self._answer, prompt, after)
        if answer is None and after and self._answer(prompt, ()) is not None:
            raise ModelError(
                f"The recording {one_line(self._recording.path.name)} ends here: what comes after "
                f"{len(after)} tokens of this answer was not recorded."
            )
        if answer is None:
            which = f" of {_shortened(self.name)}" if len(self._recording.lines) > 1 else ""
            raise ModelError(
                f"The recording {one_line(self._recording.path.name)} has no answer{which} to this prompt. "
                f"It has: {_some(self.prompts)}."
            )
        return answer

    async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> tuple[ModelAnswer, ...]:
        """Return the one recorded answer."""
        return (await self.ask(prompt, after=after),)

    async def split(self, text: str) -> tuple[Token, ...]:
        """Raise ModelError: a recording knows no tokens but those in it."""
        raise ModelError("A recording cannot split a text into tokens: score it with the model itself.")

    def samples(
        self, answer: ModelAnswer, settings: DecodingSettings, count: int, *, defaults: bool = False
    ) -> AsyncGenerator[Counts, None]:
        """Raise ModelError: it has no decoder."""
        raise ModelError(SAMPLES_NOTHING)

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        """Return False: what was recorded is all there is."""
        return False

    async def names(self) -> tuple[str, ...]:
        """Return the names of the recorded models, in the order in which they first answered."""
        return tuple(self._recording.lines)

    def request(self, prompt: str) -> Mapping[str, Any]:
        """Return what was sent for ``prompt`` when it was recorded; empty if that is unknown."""
        try:
            answer = self._answer(prompt, ())
        except ModelError:
            return {}
        return answer.request if answer else {}

    async def close(self) -> None:
        """Do nothing: there is no connection."""


@lru_cache(maxsize=1)
def _read_once(path: Path, *_identity: int) -> _Recording:
    """Return a recording; a file that is another one, or has changed, has another identity."""
    return _read(path)


def _read(path: Path) -> _Recording:
    raw = read_bytes(path)
    check_format(raw, path, SCHEMA, VERSION, "is not a recording of this program")
    lines: dict[str, dict[_Place, _Line]] = {}
    vocabulary: tuple[Token, ...] | None = None
    is_torn = False
    end = raw.find(b"\n") + 1 or len(raw)
    for number in itertools.count(2):
        start, end = end, raw.find(b"\n", end) + 1 or len(raw)
        if start == len(raw):
            break
        line = _Line(number, start, end, vocabulary)
        if raw.startswith(VOCABULARY, start) and raw.endswith(b"}\n", start, end):
            with _explained(line, path, "a vocabulary"):
                vocabulary = vocabulary_of(entry(parse(raw[start:end]), "vocabulary", dict))
            continue
        # a line of this program's own is left for when it is asked for; there may be 100,000
        head = head_of(raw[start:end])
        if head is None:
            try:
                answer = _answer(raw, line, path)
            except ModelError as error:
                is_cut = not isinstance(error.__cause__, (EntryError, RecursionError))
                if raw.endswith(b"\n", start, end) or not is_cut:
                    raise
                is_torn = True
                continue
            head = answer.model, answer.prompt, answer.after
        model, prompt, after = head
        lines.setdefault(model, {})[prompt, after] = line
    if not lines:
        raise ModelError(f"{path} holds no{' whole' if is_torn else ''} answer.")
    return _Recording(path, raw, lines, is_torn)


def _answer(raw: bytes, line: _Line, path: Path) -> ModelAnswer:
    with _explained(line, path, "an answer"):
        return answer_of(parse(raw[line.start : line.end]), line.vocabulary)


@contextmanager
def _explained(line: _Line, path: Path, what: str) -> Iterator[None]:
    """Say which line is not ``what``, and why."""
    try:
        with no_cycles_sought():
            yield
    except (ValueError, RecursionError) as error:
        raise ModelError(f"Line {line.number} of {path} {what_is_wrong(error, what)}") from error


def _some(texts: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return the first two texts, quoted, and how many more there are."""
    quoted = [f'"{_shortened(text)}"' for text in texts]
    if len(quoted) > 2:
        return f"{', '.join(quoted[:2])} and {len(quoted) - 2:,} more"
    return " and ".join(quoted)


def _shortened(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1].rstrip() + "…"
