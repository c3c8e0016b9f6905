"""What a server's list of models tells: their names, vocabulary sizes and announced ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from softmax_visualizer.models.base import ModelError

DEFAULT_MODEL = "gpt-4o-mini"

_OPENAI_ENDS = re.compile(r"gpt-(?:4o|4\.1)(?:-mini)?(?:-\d{4}-\d\d-\d\d)?")
_OPENAI_END = date(2027, 1, 14)
"""The end of gpt-4o, gpt-4.1 and their minis: https://developers.openai.com/api/docs/deprecations"""


@dataclass(frozen=True, slots=True)
class Listing:
    """The models a server lists: ``names`` in its order, and for some of them more."""

    names: tuple[str, ...] = ()
    vocabulary_sizes: Mapping[str, int] = field(default_factory=dict)
    ends: Mapping[str, date] = field(default_factory=dict)

    @classmethod
    def parse(cls, answer: object) -> Listing:
        """Read a decoded answer to ``GET /models``.

        llama.cpp adds each model's vocabulary size as ``meta.n_vocab``, OpenAI an announced end as
        ``shutdown_date``.

        Raises:
            ModelError: it is no list of models.
        """
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, list):
            raise ModelError("The server does not list its models. Name one with --model or OPENAI_MODEL.")
        # a dictionary for its order and its quick look-up: some lists have tens of thousands
        names: dict[str, None] = {}
        sizes: dict[str, int] = {}
        ends: dict[str, date] = {}
        for entry in data:
            name = entry.get("id") if isinstance(entry, Mapping) else None
            if not isinstance(name, str) or not name.strip() or not name.isprintable() or name in names:
                continue
            names[name] = None
            meta, end = entry.get("meta"), entry.get("shutdown_date")
            size = meta.get("n_vocab") if isinstance(meta, Mapping) else None
            if isinstance(size, int) and size >= 2:
                sizes[name] = size
            if isinstance(end, str):
                try:
                    ends[name] = date.fromisoformat(end[:10])
                except ValueError:
                    continue
        return cls(tuple(names), sizes, ends)

    @property
    def default(self) -> str | None:
        """The model to ask when none was named; None if none is listed."""
        if DEFAULT_MODEL in self.names:
            return DEFAULT_MODEL
        return self.names[0] if self.names else None

    def vocabulary_size(self, model: str) -> int | None:
        """Return the size the server gives for ``model``, or for the only model it has."""
        if len(self.names) == 1:
            model = self.names[0]
        return self.vocabulary_sizes.get(model)


def announced_end(model: str, listing: Listing, *, is_openai: bool) -> date | None:
    """Return the day ``model`` is announced to be shut down; None if no day is known."""
    if is_openai and _OPENAI_ENDS.fullmatch(model):
        return listing.ends.get(model, _OPENAI_END)
    return listing.ends.get(model)
