"""What a server's list of models tells: their names, what they are for, their vocabulary sizes and ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from softmax_visualizer.models.base import ModelError

_NO_LIST = "The server does not list its models. Name one with --model or OPENAI_MODEL."

_TASKS = (
    "type",
    "model_type",
    "task",
    "pipeline_tag",
    "mode",
    "capabilities",
    "modality",
    "output_modalities",
    "endpoints",
    "supported_endpoints",
    "supported_endpoint_types",
    "supportedGenerationMethods",
)
"""Names of what says what a model is for; the same inside ``architecture`` and ``model_info``."""

_OTHER_TASK = re.compile(
    r"embed|rank|transcri|speech|audio|tts|voice|image|video|moderat|classif|decision|similar|feature|diffus|ocr"
)
_TEXT_TASK = re.compile(r"chat|complet|text|llm|vlm|language|generat|instruct|code|message|response")
_INPUT = re.compile(r"image|audio|video|speech|voice|ocr")
"""What a model that generates text may take in as well, and list among its capabilities."""

_READY = {"loaded", "running", "ready", "active", "online", "available", "succeeded"}
_NOT_READY = {
    "unloaded", "not-loaded", "not_loaded", "loading", "downloading", "sleeping", "stopped", "failed",
    "error", "inactive", "offline", "unavailable", "deprecated", "retired", "disabled",
}  # fmt: skip

_ENDS = (
    "shutdown_date",
    "expiration_date",
    "retirement_date",
    "deprecation_date",
    "deprecation",
    "end_of_life",
)
"""Names of the day of a model's end, at OpenAI, OpenRouter and others, Mistral and Azure among them."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """What a list says of one model; None is what it does not say.

    ``vocabulary_size``: in tokens. ``end``: the day on which it is announced to be shut down.
    ``generates_text``, ``reports_logprobs``: what it is for.
    ``owner``: who it belongs to; a server on one's own machine names itself.
    ``ready``: whether it answers at once, rather than after gigabytes were loaded, or not at all.
    """

    vocabulary_size: int | None = None
    end: date | None = None
    generates_text: bool | None = None
    reports_logprobs: bool | None = None
    ready: bool | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The models that a server lists, by name and in its order."""

    models: Mapping[str, ListedModel] = field(default_factory=dict)

    @classmethod
    def parse(cls, answer: object) -> Listing:
        """Read a decoded answer to ``GET /models``.

        The list may be in ``data`` as OpenAI has it, under another name or under none; a model is an object
        with its name as ``id``, ``name`` or ``model``, or the bare name. llama.cpp adds each model's
        vocabulary size as ``meta.n_vocab`` and whether it is loaded as ``status``, OpenAI an announced end as
        ``shutdown_date``, others what a model is for.

        Raises:
            ModelError: it is no list of models.
        """
        entries = _entries(answer)
        if entries is None:
            raise ModelError(_NO_LIST)
        models: dict[str, ListedModel] = {}
        for entry in entries:
            name = _name(entry)
            if name is not None and name.strip() and name.isprintable() and name not in models:
                models[name] = _model(entry) if isinstance(entry, Mapping) else ListedModel()
        return cls(models)

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, in the server's order."""
        return tuple(self.models)

    def vocabulary_size(self, model: str) -> int | None:
        """Return the size the server gives for ``model``, or for the only model it has."""
        if len(self.models) == 1:
            (model,) = self.models
        return self.models.get(model, ListedModel()).vocabulary_size


def _entries(answer: object) -> list[object] | None:
    """Return the first list in an answer that could be one of models, with or without an envelope."""
    if isinstance(answer, list):
        return answer if answer and any(_name(entry) for entry in answer) else None
    if not isinstance(answer, Mapping):
        return None
    for name in ("data", "models"):
        if isinstance(value := answer.get(name), list) and value:
            return value
    for value in answer.values():
        if isinstance(value, list) and any(_name(each) for each in value if isinstance(each, Mapping)):
            return value
    for value in answer.values():
        if isinstance(value, Mapping) and (inner := _entries(value)) is not None:
            return inner
    return [] if [] in (answer.get("data"), answer.get("models")) else None


def _name(entry: object) -> str | None:
    if isinstance(entry, Mapping):
        return next(
            (name for key in ("id", "name", "model") if isinstance(name := entry.get(key), str)), None
        )
    return entry if isinstance(entry, str) else None


def _model(entry: Mapping[str, Any]) -> ListedModel:
    meta, parameters = entry.get("meta"), entry.get("supported_parameters")
    size = meta.get("n_vocab") if isinstance(meta, Mapping) else None
    return ListedModel(
        vocabulary_size=size if isinstance(size, int) and size >= 2 else None,
        end=next((day for name in _ENDS if (day := _day(entry.get(name)))), None),
        generates_text=_generates_text(entry),
        reports_logprobs="logprobs" in parameters if isinstance(parameters, list) and parameters else None,
        ready=_ready(entry),
        owner=owner if isinstance(owner := entry.get("owned_by"), str) else None,
    )


def _generates_text(entry: Mapping[str, Any]) -> bool | None:
    places = [entry, *(entry[name] for name in ("architecture", "model_info") if name in entry)]
    words = {
        word: does
        for place in places
        if isinstance(place, Mapping)
        for name in _TASKS
        for word, does in _words(place.get(name))
        if name != "capabilities" or not _INPUT.search(word)
    }
    if any(does and _is_text(word) for word, does in words.items()):
        return True
    # Mistral: {"completion_chat": false, ...}
    if any(does and _OTHER_TASK.search(word) for word, does in words.items()) or any(map(_is_text, words)):
        return False
    return None


def _words(value: object) -> Iterable[tuple[str, bool]]:
    """Return the words for what a model does, each with whether it does that."""
    if isinstance(value, str):
        return ((_output(value), True),)
    if isinstance(value, list):
        return ((_output(word), True) for word in value if isinstance(word, str))
    if isinstance(value, Mapping):
        return ((_output(word), bool(does)) for word, does in value.items() if isinstance(word, str))
    return ()


def _output(task: str) -> str:
    """Return what comes out: "text" of "image-text-to-text" and of "text+image->text"."""
    return re.split(r"-to-|->", task.lower())[-1]


def _is_text(word: str) -> bool:
    return _TEXT_TASK.search(word) is not None and _OTHER_TASK.search(word) is None


def _ready(entry: Mapping[str, Any]) -> bool | None:
    for name in ("status", "state", "loaded", "active", "archived", "lifecycle_status"):
        value = entry.get(name)
        if isinstance(value, Mapping):
            value = value.get("value")
        if isinstance(value, bool):
            return value != (name == "archived")
        if isinstance(value, str) and value.lower() in _READY | _NOT_READY:
            return value.lower() in _READY
    return None


def _day(value: object) -> date | None:
    """Return the day of a date or time in ISO 8601, or of seconds since 1970."""
    if isinstance(value, Mapping):
        # Azure: {"inference": 1798761600}
        value = value.get("inference")
    try:
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None
    return None
