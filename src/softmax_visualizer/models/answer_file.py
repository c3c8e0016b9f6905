"""Whole answers in a file: everything that was tried after one prompt, to be opened again without asking.

The file is JSON Lines in ASCII. The first line is ``{"schema", "created", "prompt", "model": {"name",
"source", "endpoint"}, "framing", "nodes", "branches"}``, where the last two say how many lines of each kind
follow. A node is a token of an answer: ``{"id", "parent", "text", "bytes", "token_id", "index", "chosen_by",
"chance", "continued_by", "distribution"}``. Its ``id`` counts from 1, its ``parent`` is an earlier node, or
null for the first token after the prompt, so what answers begin with in common is there once. ``index`` is
where the token stands in its distribution, from 0, or null. The ``distribution`` is that of a recording (see
:mod:`softmax_visualizer.models.recording_format`), or the id of an earlier node that has the same one. A
branch is ``{"branch": its name, "leaf": its last node or null, "active", "settings", "seed"}``, and one is
active. The last two say what it was written with from its first token on, and are left out where it was put
together otherwise; ``settings`` are those of :meth:`.DecodingSettings.to_dict`.

A token is kept as it is, bytes and number, and is never split anew. What is read has the very numbers of what
was written.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from softmax_visualizer.decoding import DecodingSettings, SettingsError, Token, TokenDistribution
from softmax_visualizer.decoding.generation import CHOSEN_BY, CONTINUED_BY, Generation, Step, Tree
from softmax_visualizer.models.base import Framing, ModelError, Source
from softmax_visualizer.models.entries import (
    EntryError,
    bytes_of,
    entry,
    json_line,
    now,
    number,
    parse,
    what_is_wrong,
)
from softmax_visualizer.models.reading import reason
from softmax_visualizer.models.recording_format import (
    LARGEST,
    check_format,
    distribution_of,
    distribution_record,
    read_bytes,
)
from softmax_visualizer.models.redaction import redacted_distribution, redacted_token
from softmax_visualizer.models.whole_file import write_whole

if TYPE_CHECKING:
    from softmax_visualizer.models.redaction import Redact

VERSION = 1
"""The format's version; it changes when something in it changes its meaning."""

_SCHEMA = "softmax-visualizer/answers/"

_MOST_TOKENS = 1_000_000
"""Tokens of all branches together, those that they share counted in each."""


@dataclass(frozen=True, eq=False)
class SavedAnswers:
    """What a file of answers holds.

    ``model``: its ``name``, ``source`` and ``endpoint``, as in :attr:`.base.ModelAnswer.origin`.
    ``framing``: how the prompt was put to it; None if that does not apply to it.
    ``created``: when the file was written, ISO 8601 in UTC.
    """

    tree: Tree
    model: Mapping[str, str | None]
    framing: Framing | None
    created: str


def lines_of(
    tree: Tree, model: Mapping[str, str | None], framing: Framing | None, redact: Redact
) -> Iterator[bytes]:
    """Return the lines of a file that holds all branches of a tree.

    Args:
        tree: its branches are after one prompt.
        model: ``name``, ``source`` and ``endpoint`` of the model, as in :attr:`.base.ModelAnswer.origin`.
        framing: how the prompt was put to it; None if that does not apply to it.
        redact: takes secrets out of a text; every text from outside the program goes through it.
    """
    ids: dict[tuple[int | None, Step], int] = {}
    leaves = []
    for branch in tree.branches:
        parent = None
        for step in branch.steps:
            parent = ids.setdefault((parent, step), len(ids) + 1)
        leaves.append(parent)
    yield json_line(
        {
            "schema": f"{_SCHEMA}{VERSION}",
            "created": now(),
            "prompt": redact(tree.generation.prompt),
            "model": {name: None if text is None else redact(text) for name, text in model.items()},
            "framing": framing,
            "nodes": len(ids),
            "branches": len(leaves),
        }
    )
    written: dict[TokenDistribution, int] = {}
    for (parent, step), node in ids.items():
        token, first = redacted_token(step.token, redact), written.setdefault(step.distribution, node)
        yield json_line(
            {
                "id": node,
                "parent": parent,
                "text": token.text,
                "bytes": None if token.bytes is None else list(token.bytes),
                "token_id": token.id,
                "index": step.index,
                "chosen_by": step.chosen_by,
                "chance": step.chance,
                "continued_by": step.continued_by,
                "distribution": distribution_record(redacted_distribution(step.distribution, redact))
                if first == node
                else first,
            }
        )
    for at, (branch, leaf) in enumerate(zip(tree.branches, leaves, strict=True)):
        yield json_line(
            {
                "branch": redact(branch.name),
                "leaf": leaf,
                "active": at == tree.active,
                **_how(branch),
            }
        )


def save(path: Path, lines: Iterable[bytes], *, replace: bool = False) -> None:
    """Write the lines of a tree into a file of the owner's alone, whole or not at all.

    Args:
        path: where to.
        lines: from :func:`lines_of`.
        replace: whether a file that is there already may be replaced.

    Raises:
        ModelError: it cannot be written, is there already, or would be too large to be read.
    """
    try:
        write_whole(path, bounded(lines, path), replace=replace, private=True)
    except FileExistsError as error:
        raise ModelError(f"{path} exists; choose another name.") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {reason(error)}.") from error


def bounded(lines: Iterable[bytes], path: Path) -> Iterator[bytes]:
    """Return the lines of a file; raises ModelError instead of one with which it could not be read again."""
    size = 0
    for line in lines:
        size += len(line)
        if size > LARGEST:
            raise ModelError(
                f"{path} would be larger than {LARGEST // 2**20} MB, which could not be read: nothing was "
                "written. Shorter answers, or fewer listed tokens, fit."
            )
        yield line


def read(path: Path) -> SavedAnswers:
    """Read a file that :func:`save` wrote.

    Raises:
        ModelError: it cannot be read or used, with the line and the reason.
    """
    raw = read_bytes(path)
    check_format(raw, path, _SCHEMA, VERSION, "holds no saved answers of this program")
    content, at = _Content(), 0
    for at, line in enumerate(io.BytesIO(raw), 1):
        where = f"Line {at} of {path}"
        if not line.endswith(b"\n"):
            raise ModelError(f"{where} is cut off: the file is not whole.")
        try:
            content.add(parse(line))
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{where} {what_is_wrong(error, 'part of saved answers')}") from error
    if not content.is_whole:
        raise ModelError(f"{path} is not whole: something is missing after line {at}.")
    return content.saved()


@dataclass
class _Content:
    """What the lines say that were read so far."""

    header: dict[str, Any] = field(default_factory=dict)
    nodes: list[tuple[int | None, Step]] = field(default_factory=list)
    branches: list[Generation] = field(default_factory=list)
    active: int | None = None
    tokens: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return (
            len(self.nodes) == self.header["nodes"]
            and len(self.branches) == self.header["branches"]
            and self.active is not None
        )

    def saved(self) -> SavedAnswers:
        """Return all of it."""
        assert self.active is not None
        header = self.header
        return SavedAnswers(
            Tree(tuple(self.branches), self.active), header["model"], header["framing"], header["created"]
        )

    def add(self, record: Any) -> None:
        """Add a line; raises EntryError if it cannot stand here."""
        if not isinstance(record, dict):
            raise EntryError("it must be an object.")
        if not self.header:
            self._add_header(record)
        elif len(self.nodes) < self.header["nodes"]:
            self._add_node(record)
        elif len(self.branches) < self.header["branches"]:
            self._add_branch(record)
        else:
            raise EntryError("the file should end before it.")

    def _add_header(self, record: dict[str, Any]) -> None:
        entry(record, "created", str)
        entry(record, "prompt", str)
        if entry(record, "framing", str, NoneType) not in (None, *get_args(Framing)):
            raise EntryError(f'"framing" must be null or one of {", ".join(get_args(Framing))}.')
        model = entry(record, "model", dict)
        names = {"name": (str,), "source": (str,), "endpoint": (str, NoneType)}
        record["model"] = {name: entry(model, name, *kinds) for name, kinds in names.items()}
        if model["source"] not in get_args(Source):
            raise EntryError(f'"source" must be one of {", ".join(get_args(Source))}.')
        if entry(record, "nodes", int) < 0 or entry(record, "branches", int) < 1:
            raise EntryError('"nodes" must be 0 or more, and "branches" 1 or more.')
        self.header = record

    def _add_node(self, record: dict[str, Any]) -> None:
        if entry(record, "id", int) != len(self.nodes) + 1:
            raise EntryError(f'"id" must be {len(self.nodes) + 1}, as the nodes are counted.')
        chosen_by, continued_by = entry(record, "chosen_by", str), entry(record, "continued_by", str)
        for name, value, known in (
            ("chosen_by", chosen_by, CHOSEN_BY),
            ("continued_by", continued_by, CONTINUED_BY),
        ):
            if value not in known:
                raise EntryError(f'"{name}" must be one of {", ".join(known)}.')
        chance = record.get("chance")
        if chance is not None and not 0 <= (chance := number(chance, "chance", "a number or null")) < 1:
            raise EntryError('"chance" must be a number from 0 to below 1, or null.')
        token = Token(
            entry(record, "text", str),
            bytes_of(entry(record, "bytes", list, NoneType)),
            entry(record, "token_id", int, NoneType),
        )
        stored = entry(record, "distribution", dict, int)
        if isinstance(stored, int):
            distribution = self._node("distribution", stored)[1].distribution
        else:
            distribution = distribution_of(stored)
        index = entry(record, "index", int, NoneType)
        if index is not None and not (0 <= index < len(distribution) and distribution.token(index) == token):
            raise EntryError('"index" must be where the token stands in its distribution, or null.')
        parent = entry(record, "parent", int, NoneType)
        if parent is not None:
            self._node("parent", parent)
        self.nodes.append((parent, Step(distribution, token, index, chosen_by, continued_by, chance)))

    def _add_branch(self, record: dict[str, Any]) -> None:
        name, node = entry(record, "branch", str), entry(record, "leaf", int, NoneType)
        if entry(record, "active", bool):
            if self.active is not None:
                raise EntryError("another branch is active already.")
            self.active = len(self.branches)
        settings = entry({"settings": None, **record}, "settings", dict, NoneType)
        seed = entry({"seed": None, **record}, "seed", int, NoneType)
        steps = []
        while node is not None:
            node, step = self._node("leaf", node)
            steps.append(step)
            self.tokens += 1
            if self.tokens > _MOST_TOKENS:
                raise EntryError(f"the answers have more than {_MOST_TOKENS:,} tokens together.")
        told = None if settings is None else _settings_of(settings)
        self.branches.append(Generation(self.header["prompt"], tuple(reversed(steps)), name, told, seed))

    def _node(self, name: str, node: int) -> tuple[int | None, Step]:
        if not 1 <= node <= len(self.nodes):
            raise EntryError(f'"{name}" must be the id of a node before it.')
        return self.nodes[node - 1]


def _how(branch: Generation) -> dict[str, Any]:
    if branch.settings is None:
        return {}
    return {"settings": branch.settings.to_dict(), "seed": branch.seed}


def _settings_of(record: dict[str, Any]) -> DecodingSettings:
    known = {name: record[name] for name in DecodingSettings().to_dict() if name in record}
    try:
        return DecodingSettings(**known)
    except (SettingsError, TypeError) as error:
        raise EntryError(f'"settings" cannot be followed. {error}') from error
