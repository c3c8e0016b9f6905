"""What a refusal is about, judged by the server's words, since the same reason comes with many a status."""

from __future__ import annotations

import re

from softmax_visualizer.models.refusal import Refusal

_SECRET = r"(?:api[ _-]?key|access token|auth\w* token)"
_KEY = re.compile(
    rf"\b{_SECRET}\b.{{0,40}}\b(?:invalid|not (?:valid|found)|incorrect|expired|missing|required)"
    rf"|\b(?:invalid|incorrect|missing|expired|no) {_SECRET}"
    r"|\bunauthori[sz]ed\b|\bunauthenticated\b|\bauthentication (?:error|failed|required)\b"
)
_CREDIT = re.compile(
    r"\bquota\b|\bbilling\b|\b(?:insufficient|no|low|not enough) (?:\w+ )?(?:balance|credits?|funds)\b"
    r"|\b(?:balance|credits?|funds)\b.{0,30}\b(?:too low|insufficient|exhausted|exceeded|depleted)"
)
_NO_MODEL_CODE = re.compile(
    r"(?:model|deployment)_?(?:not_?found|not_?available|does_?not_?exist)|(?:unknown|invalid)_model",
    re.IGNORECASE,
)
_MODEL = re.compile(r"\b(?:model|deployment)\b")
_NO_MODEL = re.compile(
    r"\b(?:model|deployment)\b.{0,80}\b(?:not (?:be )?(?:exist|found|available|loaded)|doesn't exist|unknown"
    r"|is invalid)"
    r"|\b(?:no such|unknown|invalid|unable to access|no) (?:model|deployment)s?\b",
    re.DOTALL,
)
_OTHER_USE = re.compile(
    r"does(?: not|n't) support (?:chat|completions?|text|generat\w*)\b|not a (?:chat|completion|text)"
    r"|does not work with the specified model"
    r"|(?:not|only) supported in (?:the )?v\d"
)
_PLACE = r"(?:endpoint|path|route|url|uri|page|resource)"
_NO_PATH = re.compile(
    rf"\b(?:unexpected|unknown|invalid|no such|unsupported) (?:{_PLACE}|method)\b|\bcannot (?:post|get) /"
    rf"|\b{_PLACE}\b.{{0,60}}\bnot (?:be )?(?:found|exist)|\bmethod not allowed\b|^not found$"
)


def is_about_key(refusal: Refusal) -> bool:
    """Whether the key is missing or not accepted."""
    return refusal.status == 401 or (
        refusal.status in (200, 400, 403) and _KEY.search(refusal.message.lower()) is not None
    )


def is_about_credit(refusal: Refusal) -> bool:
    """Whether what the account may spend is used up."""
    return refusal.status in (200, 400, 403, 429) and (
        refusal.code == "insufficient_quota" or _CREDIT.search(refusal.message.lower()) is not None
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
