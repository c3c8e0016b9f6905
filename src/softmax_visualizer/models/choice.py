"""Which model to ask where none was named, and when OpenAI's models end."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, timedelta

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.listing import ListedModel, Listing

USUAL_MODEL = "gpt-4o-mini"
"""What is asked of a server that lists nothing: many take any name."""

_FIRST_CHOICES = (USUAL_MODEL, "gpt-5.6-luna", "gpt-5.4-mini", "gpt-6-luna")
"""OpenAI's small models, the one that lists 20 tokens first, then those that were seen to list any."""

AT_OPENAI = Listing({name: ListedModel() for name in _FIRST_CHOICES})
"""What OpenAI is taken to list where its list cannot be had."""

_ENDING = timedelta(days=30)

_OPENAI_ENDS = (
    (r"gpt-(?:4o|4\.1)(?:-mini)?", date(2027, 1, 14)),
    (r"gpt-5(?:-mini|-nano)?|o3", date(2026, 12, 11)),
    (r"gpt-5\.1|gpt-5\.4-nano", date(2027, 4, 1)),
)
"""Announced ends, where OpenAI's list gives none: https://developers.openai.com/api/docs/deprecations"""

_NEVER = re.compile(
    r"o\d.*|gpt-5(?:-(?:mini|nano|pro|codex).*|-\d{4}.*)?|gpt-5\.\d-(?:chat-latest|pro|codex).*"
    r"|gpt-6-astra.*|gpt-6\.1-sol.*|gpt-6\.2.*"
)
"""OpenAI's models that always reason, which give no log-probabilities."""

_NO_TEXT = re.compile(
    r"embed|rerank|whisper|transcri|moderation|guard|dall-?e|diffusion|colbert|bert(?:a)?\b|minilm|mpnet|paraphrase"
    r"|realtime|parakeet|kokoro"
    r"|(?:^|[-_/.:])(?:tts|stt|asr|bge|e5|gte|imagen?|audio|speech|video|music|veo|sora|flux|sdxl|clip|ocr)"
    r"(?:[-_/.:\d]|$)"
)
"""Names of models that embed, rank, listen, speak, draw or judge instead of writing."""


def choose(listing: Listing, today: date, refused: Collection[str] = ()) -> str | None:
    """Return the model to ask, the first that will most likely answer; None if nothing is listed.

    Args:
        listing: what the server lists.
        today: models that are announced to end within 30 days come last.
        refused: models that gave no answer when they were asked.

    Raises:
        ModelError: no listed model generates text, or all would have to be loaded first.
    """
    names = [name for name in listing.names if name not in refused]
    if not names:
        return None

    def demerits(name: str) -> tuple[bool, bool, bool, bool, int]:
        told, bare = listing.models[name], _bare(name)
        return (
            not _writes(name, told),
            told.ready is False,
            told.reports_logprobs is False or _NEVER.fullmatch(bare) is not None,
            _ends_soon(name, listing, today),
            _FIRST_CHOICES.index(bare) if bare in _FIRST_CHOICES else len(_FIRST_CHOICES),
        )

    best = min(names, key=demerits)
    told = listing.models[best]
    if told.generates_text is False:
        raise ModelError(
            "None of the models that the server lists generates text. Load one that does, or name one with "
            "--model or OPENAI_MODEL."
        )
    if told.ready is False:
        raise ModelError(
            "None of the models that the server lists is loaded, and asking one would load it. Choose one "
            "(--model)."
        )
    return best


def announced_end(model: str, listing: Listing, *, is_openai: bool) -> date | None:
    """Return the day ``model`` is announced to be shut down; None if no day is known."""
    told = listing.models.get(model, ListedModel()).end
    return told or (_known_end(model) if is_openai else None)


def _known_end(model: str) -> date | None:
    for pattern, end in _OPENAI_ENDS:
        if re.fullmatch(rf"(?:{pattern})(?:-\d{{4}}-\d\d-\d\d)?", model):
            return end
    return None


def _ends_soon(name: str, listing: Listing, today: date) -> bool:
    end = announced_end(name, listing, is_openai=False) or _known_end(_bare(name))
    return end is not None and end <= today + _ENDING


def _writes(name: str, told: ListedModel) -> bool:
    if told.generates_text is not None:
        return told.generates_text
    return _NO_TEXT.search(name.lower()) is None


def _bare(name: str) -> str:
    """Return a name without the vendor in front."""
    return name.lower().rpartition("/")[2]
