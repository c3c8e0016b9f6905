"""The request for chosen settings as code, to paste into a program of one's own."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from softmax_visualizer.decoding import DecodingSettings
from softmax_visualizer.decoding.engines import engine

_LLAMA_CPP = engine("llama.cpp").defaults

_OPENAI_URL = "https://api.openai.com/v1"

_HIDDEN = "HIDDEN"
"""What stands for a secret in the query of a request's address."""

_IS_OPENAI = re.compile(r"https?://(?:[\w-]+\.)*api\.openai\.com(?:[:/]|$)", re.IGNORECASE)

_FOR_READING = {
    "logprobs", "top_logprobs", "n_probs", "max_tokens", "max_completion_tokens", "stream", "logit_bias",
}  # fmt: skip
"""What a request holds only to get the log-probabilities of one token."""

_ARGUMENTS = {"model", "messages", "prompt", "temperature", "top_p", "reasoning_effort"}
"""The fields that the openai package takes by name; it sends any others that are in its ``extra_body``."""


def snippets(
    request: Mapping[str, Any], endpoint: str | None, prompt: str, settings: DecodingSettings
) -> dict[str, str]:
    """Return the request as ``"Python"`` for the openai package, as ``"curl"`` for bash, and as ``"JSON"``.

    It asks what was asked, for a whole answer, drawn with the settings. None of the texts holds the key, and
    none ends in a newline. A ``top_p`` of 1 is sent as well: not every server takes that unless told.

    Args:
        request: what was sent, ``{"url": ..., "body": ...}``; if empty, ``prompt`` is put as a user's message
            to a model that is still to be named.
        endpoint: the server's base URL; OpenAI's if None.
        prompt: the text whose next token was asked for.
        settings: what the numbers were decoded with.
    """
    base_url = endpoint or _OPENAI_URL
    # what a server was asked with is no business of another one
    query = urlsplit(request.get("url", "")).query if endpoint else ""
    asked = request.get("body") or {
        "model": "your-model",
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 1,
        "top_p": 1,
    }
    body = {name: value for name, value in asked.items() if name not in _FOR_READING}
    for name, value in (("temperature", settings.temperature), ("top_p", settings.top_p)):
        # what the server refused was left out of the request; 1 is what it then takes
        if name in asked or value != 1:
            body[name] = value
    if not _IS_OPENAI.match(base_url):
        body |= _extras(settings)
    comments = _comments(asked, base_url, settings)
    if _HIDDEN in dict(parse_qsl(query)).values():
        comments.append(f"Put your own value into the address, in the place of {_HIDDEN}.")
    if not request:
        comments.insert(0, "Put the name of your model in the place of your-model.")
    return {
        "Python": _python(body, base_url, query, comments),
        "curl": _curl(body, base_url, query, comments),
        "JSON": _json(body),
    }


def _extras(settings: DecodingSettings) -> dict[str, Any]:
    """Return the cuts that are set and that OpenAI's own API does not know."""
    extras: dict[str, Any] = {}
    if settings.top_k is not None:
        extras["top_k"] = settings.top_k
    if settings.min_p > 0:
        extras["min_p"] = settings.min_p
    return extras


def _comments(asked: Mapping[str, Any], base_url: str, settings: DecodingSettings) -> list[str]:
    """Say what the request itself cannot.

    The sentences are of letters, digits, commas, colons and full stops: zsh, unless told otherwise, reads a
    pasted comment as a command, in which a quotation mark would swallow what follows.
    """
    extras = _extras(settings)
    sentences = ["The key is read from the variable OPENAI_API_KEY."]
    if _IS_OPENAI.match(base_url):
        if extras:
            left_out = ", ".join(f"{name} {value}" for name, value in extras.items())
            sentences.append(f"The API of OpenAI does not know top_k and min_p. Left out here: {left_out}.")
    else:
        sentences.append("Where no key is needed, any text will do.")
        if extras:
            sentences.append(
                f"Beyond the API of OpenAI, but known to llama.cpp and vLLM: {', '.join(extras)}."
            )
        if len(extras) < 2:
            sentences.append(
                "Where top_k or min_p is not set, the server decides: llama.cpp takes "
                f"{_LLAMA_CPP.top_k} and {_LLAMA_CPP.min_p}."
            )
    if settings.cuts:
        sentences.append(
            f"The numbers shown were for the order {settings.order}: each server has an order of its own."
        )
    for name, value in (("temperature", settings.temperature), ("top_p", settings.top_p)):
        if name not in asked and value != 1:
            sentences.append(f"The server refused {name} when it was asked before, and may do so again.")
    if "prompt" in asked:
        sentences.append("How long the text becomes is up to the server unless max_tokens is added.")
    return sentences


def _python(body: Mapping[str, Any], base_url: str, query: str, comments: Sequence[str]) -> str:
    arguments = {name: value for name, value in body.items() if name in _ARGUMENTS}
    if extra := {name: value for name, value in body.items() if name not in _ARGUMENTS}:
        arguments["extra_body"] = extra
    method, text = "chat.completions", "message.content"
    if "prompt" in body:
        method, text = "completions", "text"
    client = [] if base_url == _OPENAI_URL else [f"base_url={base_url!r}"]
    if query:
        client.append(f"default_query={dict(parse_qsl(query))!r}")
    lines = [
        "from openai import OpenAI",
        "",
        *(f"# {sentence}" for sentence in comments),
        f"client = OpenAI({', '.join(client)})",
        f"answer = client.{method}.create(",
        *(f"    {name}={_literal(value)}," for name, value in arguments.items()),
        ")",
        f"print(answer.choices[0].{text})",
    ]
    return "\n".join(lines)


def _literal(value: object) -> str:
    """Return a value as Python; ``repr`` escapes all that is not printable, lone surrogates among it."""
    if isinstance(value, list):
        return "[\n" + "".join(f"        {item!r},\n" for item in value) + "    ]"
    return repr(value)


def _curl(body: Mapping[str, Any], base_url: str, query: str, comments: Sequence[str]) -> str:
    path = "/completions" if "prompt" in body else "/chat/completions"
    lines = [
        *(f"# {sentence}" for sentence in comments),
        f"curl {shlex.quote(base_url + path + (query and f'?{query}'))} \\",
        "  --header 'Content-Type: application/json' \\",
        '  --header "Authorization: Bearer $OPENAI_API_KEY" \\',
        f"  --data {shlex.quote(_json(body))}",
    ]
    return "\n".join(lines)


def _json(body: Mapping[str, Any]) -> str:
    """Return the body as JSON in which only what is not printable is escaped."""
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1]  # without its quotation marks
        for char in text
    )
