"""Recorded answers as a language model like any other: what was recorded is what it can be asked."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from softmax_visualizer.models.base import Abilities, ModelAnswer, ModelError, Source
from softmax_visualizer.models.recording_format import (
    VERSION,
    EntryError,
    answer_of,
    parse,
    read_bytes,
    version,
)
from softmax_visualizer.models.refusal import one_line

CUT_OFF = "The recording's last answer was cut off while it was written, and is left out."

_LONGEST_QUOTE = 40

_Answers = Mapping[str, Mapping[str, ModelAnswer]]
"""The answers by model and prompt, in the order in which they were first asked for."""


class RecordedModel:
    """The answers of one model in a recording; if a prompt was asked several times, the last one."""

    source: Source = "recording"
    endpoint: str | None = None
    abilities = Abilities()

    def __init__(self, recording: str, answers: _Answers, name: str) -> None:
        self.name = name
        self._recording = recording
        self._answers = answers

    @classmethod
    def open(cls, path: Path, model: str | None = None) -> RecordedModel:
        """Read a whole recording.

        Args:
            model: which of the recorded models to be; None is the first one.

        Raises:
            ModelError: it cannot be read or used, with the line and the reason; or it has no such model.
        """
        answers = _read(path)
        if model is not None and model not in answers:
            raise ModelError(
                f'The recording {one_line(path.name)} has no answers of "{_shortened(model)}". '
                f"It has those of {_some(answers)}."
            )
        return cls(path.name, answers, next(iter(answers)) if model is None else model)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts that there is an answer to, in the order in which they were first asked."""
        return tuple(self._answers[self.name])

    async def ask(self, prompt: str, *, whole: bool = True) -> ModelAnswer:
        """Return the recorded answer, with the model, endpoint and request that it had.

        Raises:
            ModelError: there is none; the text names prompts that there is one to.
        """
        answer = self._answers[self.name].get(prompt)
        if answer is None:
            which = f" of {_shortened(self.name)}" if len(self._answers) > 1 else ""
            raise ModelError(
                f"The recording {one_line(self._recording)} has no answer{which} to this prompt. "
                f"It has: {_some(self.prompts)}."
            )
        return answer

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        """Return False: what was recorded is all there is."""
        return False

    async def names(self) -> tuple[str, ...]:
        """Return the names of the recorded models, in the order in which they first answered."""
        return tuple(self._answers)

    def request(self, prompt: str) -> Mapping[str, Any]:
        """Return what was sent for ``prompt`` when it was recorded; empty if nothing was."""
        answer = self._answers[self.name].get(prompt)
        return answer.request if answer else {}

    async def close(self) -> None:
        """Do nothing: there is no connection."""


def _read(path: Path) -> _Answers:
    raw = read_bytes(path)
    found = version(raw)
    if found is None:
        raise ModelError(f"{path} is no recording of this program.")
    if found > VERSION:
        raise ModelError(f"{path} was made by a newer version of this program. Update this one to read it.")
    answers: dict[str, dict[str, ModelAnswer]] = {}
    torn = False
    for number, line in enumerate(io.BytesIO(raw), 1):
        if number == 1:
            continue
        where = f"Line {number} of {path}"
        try:
            record = parse(line)
        except RecursionError as error:
            raise ModelError(f"{where} is nested too deeply to be an answer.") from error
        except ValueError as error:
            if not line.endswith(b"\n"):
                torn = True
                continue
            raise ModelError(f"{where} {_what_is_wrong(error)}") from error
        try:
            answer = answer_of(record)
        except EntryError as error:
            raise ModelError(f"{where} is no answer: {error}") from error
        answers.setdefault(answer.model, {})[answer.prompt] = answer
    if not answers:
        raise ModelError(f"{path} holds no{' whole' if torn else ''} answer.")
    if not torn:
        return answers
    return {
        model: {prompt: replace(each, notes=(*each.notes, CUT_OFF)) for prompt, each in prompts.items()}
        for model, prompts in answers.items()
    }


def _what_is_wrong(error: ValueError) -> str:
    match error:
        case EntryError():
            return f"is no answer: {error}"
        case UnicodeDecodeError():
            return "is not UTF-8 text."
        case json.JSONDecodeError():
            return f"is not JSON: {error.msg.lower()} in column {error.colno}."
        case _:
            return "holds a number of too many digits."


def _some(texts: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return the first two texts, quoted, and how many more there are."""
    quoted = [f'"{_shortened(text)}"' for text in texts]
    if len(quoted) > 2:
        return f"{', '.join(quoted[:2])} and {len(quoted) - 2:,} more"
    return " and ".join(quoted)


def _shortened(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1].rstrip() + "…"
