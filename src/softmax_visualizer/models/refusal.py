"""What a server said when it refused a request, wherever in its answer it said so."""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as made

from softmax_visualizer.models.event_stream import read_events

_LONGEST_QUOTE = 200

_LONGEST_READ = 8192
"""Characters of a server's text that are looked at; all that matters stands in front of that."""

_LONGEST_SECRET = 1024

_PRINTABLE_ASCII = "".join(map(chr, range(0x21, 0x7F)))

_DEEPEST = 8
_MOST_FIELDS = 100
_MOST_TEXTS = 4
"""What is read of an error that says a thousand things, each a thousand levels down."""

_SAYING = (
    "message", "msg", "detail", "details", "error", "errors", "errormessage", "errormsg", "errmsg",
    "errordescription", "statusmsg", "baseresp", "exception", "description", "metadata", "raw", "reason",
    "fault", "faultstring", "title", "body", "cause",
)  # fmt: skip
"""Names, in small letters alone, of what an error says, the most telling first."""

_BY_FIELD = {"detail", "details", "error", "errors"}
"""Of these, what may hold the names of refused fields, each with what is wrong with it."""

_CODES = ("code", "errorcode", "statuscode", "status")
_FINE = {"0", "200", "ok", "success"}
_ABOUT = {*_CODES, "type", "param", "object", "requestid", "id", "instance", "loc"}
"""Names of what stands beside a message and is none itself."""


USUAL_PAUSE = 2.0
"""Seconds that a server is left alone for where it names no number."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A server's refusal: the HTTP status, its words, and OpenAI's ``param`` and ``code`` where given.

    ``message`` is the beginning of the server's own text: pass it through :func:`one_line` before showing it.
    ``pause``: seconds that the server asks to be left alone for.
    """

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    pause: float = USUAL_PAUSE

    @classmethod
    def from_body(cls, status: int, body: object) -> Refusal:
        """Read an error body: decoded JSON of any shape, text, or nothing.

        The message may stand at any depth, in objects, in arrays, in a text that holds JSON or the ``repr``
        of a Python object, in a page of HTML, or in an event stream. Where several things are said, all are
        kept.
        """
        reading = _Reading()
        reading.read(body)
        code = next(iter(reading.codes), None)
        message = "; ".join(reading.texts)
        if not message and code and not code.isdigit() and status != 200:
            message = code
        return cls(status, message, next(iter(reading.params), None), code)


def pause_in(headers: Mapping[str, str]) -> float:
    """Return the seconds that a server asks to be left alone for (RFC 9110, Retry-After, as a number)."""
    text = headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text, re.ASCII) else USUAL_PAUSE


def error_in(answer: object) -> Refusal | None:
    """Return the refusal inside an answer of HTTP status 200, as gateways send it; None if there is none.

    It may stand beside the choices, inside the first of them or inside its message. What holds
    log-probabilities is an answer, whatever else is in it. Where a code in it is the HTTP status that was
    meant, the refusal has that status.
    """
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, Mapping):
        return None
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    if choice.get("logprobs"):
        return None
    for place in (answer, choice, choice.get("message")):
        if isinstance(place, Mapping) and (error := place.get("error") or place.get("errors")):
            return _with_its_status(Refusal.from_body(200, error))
    if choice.get("finish_reason") == "error":
        message = choice.get("message")
        return Refusal.from_body(200, message.get("content") if isinstance(message, Mapping) else None)
    names = {_plain_name(key) for key in answer}
    is_error = "error" in (answer.get("object"), answer.get("type"))
    if not choices and (is_error or names & {*_CODES, "success", "detail", "baseresp"}):
        refusal = _with_its_status(Refusal.from_body(200, answer))
        return refusal if refusal.message and refusal.code not in _FINE else None
    return None


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
    text = "".join(char if char.isprintable() else " " for char in text[: 10 * _LONGEST_QUOTE])
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1].rstrip() + "…"


@dataclass(slots=True)
class _Reading:
    """What was found in an error body so far, each in the order in which it was found."""

    texts: list[str] = made(default_factory=list)
    params: list[str] = made(default_factory=list)
    codes: list[str] = made(default_factory=list)

    def read(self, node: object, depth: int = 0, *, field: str = "", by_field: bool = False) -> None:
        """Take in a part of a body.

        Args:
            node: the part.
            depth: how deep in the body it is.
            field: the field of the request that it is about.
            by_field: whether its names may be those of the request's fields.
        """
        if depth > _DEEPEST or len(self.texts) >= _MOST_TEXTS:
            return
        if isinstance(node, str):
            known = len(self.texts)
            text = beginning(node)
            if (inner := _object_in(text)) is not None:
                self.read(inner, depth + 1)
            if len(self.texts) == known:
                self._say(beginning(f"{field}: {text}") if field else _plain(text))
        elif isinstance(node, list):
            for item in node[:_MOST_TEXTS]:
                self.read(item, depth + 1, field=field, by_field=by_field)
        elif isinstance(node, Mapping):
            self._read_mapping(node, depth, by_field)

    def _read_mapping(self, node: Mapping[object, object], depth: int, by_field: bool) -> None:
        named = {_plain_name(key): value for key, value in node.items()}
        if isinstance(param := named.get("param"), str) and param:
            self.params.append(param)
        place = named.get("loc")
        # FastAPI: {"loc": ["body", "top_p"], "msg": "Input should be ..."}
        field = place[-1] if isinstance(place, list) and place and isinstance(place[-1], str) else ""
        if field:
            self.params.append(field)
        for name in _CODES:
            code = named.get(name)
            if isinstance(code, (str, int)) and not isinstance(code, bool) and code != "":
                self.codes.append(beginning(str(code)))
        saying = [name for name in _SAYING if name in named]
        for name in saying:
            self.read(named[name], depth + 1, field=field, by_field=name in _BY_FIELD)
        if saying:
            return
        for label, value in list(node.items())[:_MOST_FIELDS]:
            if by_field and _plain_name(label) not in _ABOUT:
                # {"errors": {"top_p": ["must be below 1"]}}
                self.read(value, depth + 1, field=beginning(str(label)))
            elif isinstance(value, (Mapping, list)):
                self.read([part for part in _listed(value) if isinstance(part, Mapping)], depth + 1)

    def _say(self, text: str) -> None:
        text = text.strip()
        if text and not any(_holds(said, text) for said in self.texts):
            self.texts = [said for said in self.texts if not _holds(text, said)] + [text]


def _holds(whole: str, part: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part.lower())}(?!\w)", whole.lower()) is not None


def _listed(value: Mapping[object, object] | list[object]) -> list[object]:
    return [value] if isinstance(value, Mapping) else value[:_MOST_TEXTS]


def _plain_name(key: object) -> str:
    return re.sub(r"[^a-z]", "", str(key)[:40].lower())


def _with_its_status(refusal: Refusal) -> Refusal:
    is_status = refusal.code is not None and re.fullmatch(r"[45]\d\d", refusal.code)
    return replace(refusal, status=int(str(refusal.code))) if is_status else refusal


def _object_in(text: str) -> object | None:
    """Return the object or array that a text is, or ends with; None if it holds none."""
    start = re.search(r"[{\[]\s*[{\"']", text)
    if text.lstrip().startswith("<") or start is None:
        return None
    rest = text[start.start() :]
    end = max(rest.rfind("}"), rest.rfind("]")) + 1
    readers: tuple[Callable[[str], object], ...] = (
        lambda raw: json.JSONDecoder().raw_decode(raw)[0],
        lambda raw: ast.literal_eval(raw[:end]),
        lambda _: read_events(text.encode("utf-8", "replace")),
    )
    for read in readers:
        try:
            found = read(rest)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        if isinstance(found, (Mapping, list)):
            return found
    return None


def _plain(text: str) -> str:
    """Return a text as it is, and of a web page or XML what it says first."""
    if not text.lstrip().startswith("<"):
        return text
    said = next(filter(None, (html.unescape(part).strip() for part in _parts_of_page(text))), "")
    return f"a web page: {said}" if said else "a web page"


def _parts_of_page(page: str) -> Iterator[str]:
    for tag in ("message", "title", "h1"):
        if found := re.search(rf"<{tag}\b[^>]*>(.*?)</{tag}", page, re.IGNORECASE | re.DOTALL):
            yield re.sub(r"<[^>]*>", " ", found[1])
    without_code = re.sub(r"<(script|style)\b.*?</\1\s*>", " ", page, flags=re.IGNORECASE | re.DOTALL)
    yield re.sub(r"<[^>]*>?", " ", without_code)
