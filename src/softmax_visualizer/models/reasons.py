"""What a refusal is about, judged by the server's words: the model, the way it is asked, or the path."""

from __future__ import annotations

import re

from softmax_visualizer.models.refusal import Refusal

_NO_MODEL_CODE = re.compile(
    r"(?:model|deployment)_?(?:not_?found|not_?available|does_?not_?exist)|(?:unknown|invalid)_model",
    re.IGNORECASE,
)
_MODEL = re.compile(r"\b(?:model|deployment)\b")
_NO_MODEL = re.compile(
    r"\b(?:model|deployment)\b.{0,80}\b(?:not (?:be )?(?:exist|found|available|loaded)|doesn't exist|unknown)"
    r"|\b(?:no such|unknown|invalid|unable to access|no) (?:model|deployment)s?\b",
    re.DOTALL,
)
_OTHER_USE = re.compile(
    r"does(?: not|n't) support (?:chat|completions?|text|generat\w*)\b|not a (?:chat|completion|text)"
    r"|(?:not|only) supported in (?:the )?v\d"
)
_PLACE = r"(?:endpoint|path|route|url|uri|page|resource)"
_NO_PATH = re.compile(
    rf"\b(?:unexpected|unknown|invalid|no such|unsupported) (?:{_PLACE}|method)\b|\bcannot (?:post|get) /"
    rf"|\b{_PLACE}\b.{{0,60}}\bnot (?:be )?(?:found|exist)|\bmethod not allowed\b|^not found$"
)


def is_about_model(refusal: Refusal) -> bool:
    """Whether there is no such model, or deployment; a 404 that speaks of a model always says that."""
    if _NO_MODEL_CODE.fullmatch(refusal.code or ""):
        return True
    words = refusal.message.lower()
    if refusal.status == 404:
        return refusal.param == "model" or _MODEL.search(words) is not None
    return refusal.status < 500 and _NO_MODEL.search(words) is not None


def is_about_use(refusal: Refusal) -> bool:
    """Whether there is such a model, but it cannot be asked for text, or not in this way."""
    return _OTHER_USE.search(refusal.message.lower()) is not None


def is_about_path(refusal: Refusal) -> bool:
    """Whether nothing is there at all; some servers say so with status 200."""
    return refusal.status in (404, 405, 501) or (
        refusal.status in (200, 400) and _NO_PATH.search(refusal.message.lower()) is not None
    )
