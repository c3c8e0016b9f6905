"""What a server said when it refused a request, out of the many shapes it may say it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

_LONGEST_QUOTE = 200

_LONGEST_READ = 8192
"""Characters of a server's text that are looked at; all that matters stands in front of that."""

_LONGEST_SECRET = 1024

_PRINTABLE_ASCII = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A server's refusal: the HTTP status, its words, and OpenAI's ``param`` and ``code`` where given.

    ``message`` is the beginning of the server's own text: pass it through :func:`one_line` before showing it.
    """

    status: int
    message: str
    param: str | None = None
    code: str | None = None

    @classmethod
    def from_body(cls, status: int, body: object) -> Refusal:
        """Read an error body: OpenAI's, FastAPI's ``detail``, a bare string, a page of HTML, or nothing."""
        if isinstance(body, Mapping) and body.get("error"):
            body = body["error"]
        if not isinstance(body, Mapping):
            return cls(status, beginning(_plain(body)) if isinstance(body, str) else "")
        detail = body.get("detail")
        if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
            # FastAPI: [{"loc": ["body", "top_p"], "msg": "Input should be ..."}]
            place, what = detail[0].get("loc"), detail[0].get("msg")
            name = place[-1] if isinstance(place, list) and place else None
            return cls(status, beginning(f"{name}: {what}"), name if isinstance(name, str) else None)
        texts = (body.get(name) for name in ("message", "detail", "error", "msg"))
        message = next((text for text in texts if isinstance(text, str)), "")
        param, code = body.get("param"), body.get("code")
        message = beginning(message)
        return cls(
            status, message, param if isinstance(param, str) else None, None if code is None else str(code)
        )


def error_in(answer: object) -> Refusal | None:
    """Return the refusal inside an answer of HTTP status 200, as gateways send it; None if there is none.

    Where its ``code`` is the HTTP status that was meant, the refusal has that status.
    """
    if not isinstance(answer, Mapping) or not answer.get("error") or answer.get("choices"):
        return None
    refusal = Refusal.from_body(200, answer)
    is_status = refusal.code is not None and re.fullmatch(r"[45]\d\d", refusal.code)
    return replace(refusal, status=int(str(refusal.code))) if is_status else refusal


def beginning(text: str) -> str:
    """Return as much of a text from outside as is worth cleaning, without a word that would be cut in two.

    Half of a secret would be found by nothing that looks for the whole one.
    """
    if len(text) <= _LONGEST_READ:
        return text
    start = _LONGEST_READ - _LONGEST_SECRET
    return text[:start] + text[start:_LONGEST_READ].rstrip(_PRINTABLE_ASCII)


def one_line(text: str) -> str:
    """Return a server's text for a message: one printable line of at most some 200 characters."""
    text = "".join(char if char.isprintable() else " " for char in text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1].rstrip() + "…"


def _plain(text: str) -> str:
    if not text.lstrip().startswith("<"):
        return text
    title = re.search(r"<title[^>]*>(.*?)</title>", text[:20_000], re.IGNORECASE | re.DOTALL)
    return f"a web page: {title[1].strip()}" if title and title[1].strip() else "a web page"
