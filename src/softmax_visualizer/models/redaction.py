"""Secrets taken out of an answer where it enters, so that nothing behind that has to think of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.decoding.generation import Generation, texts_of
from softmax_visualizer.models.base import ModelAnswer

Redact = Callable[[str], str]
"""Takes the secrets out of a text."""

_HIDDEN = "[hidden]"


def redacted(answer: ModelAnswer, redact: Redact) -> ModelAnswer:
    """Return an answer without secrets, in whatever text of it they stand; the same one if there are none.

    A person may have typed a key into the prompt, and a server may send one back as a token's text.

    Args:
        answer: as the model gave it.
        redact: takes secrets out of a text.
    """
    changed = ModelAnswer(
        prompt=redact(answer.prompt),
        # the words of the package's own model are nobody's secret, and they are 20,000 at every step
        distribution=answer.distribution
        if answer.source == "bundled"
        else redacted_distribution(answer.distribution, redact),
        model=redact(answer.model),
        source=answer.source,
        endpoint=None if answer.endpoint is None else redact(answer.endpoint),
        request=_redacted_json(answer.request, redact),
        notes=tuple(map(redact, answer.notes)),
        engine=answer.engine,
        after=tuple(redacted_token(token, redact) for token in answer.after),
        continued_by=answer.continued_by,
    )
    return answer if changed == answer else changed


def redacted_distribution(distribution: TokenDistribution, redact: Redact) -> TokenDistribution:
    """Return a distribution without secrets in its tokens and notes; the same one if there are none."""
    tokens = distribution.tokens
    # a whole vocabulary is looked through at once; only where there is something to hide, token by token
    texts = [token.text for token in tokens]
    # the bytes of most spell the very text
    raws = [token.bytes for token in tokens if token.bytes and not _spells(token.bytes, token.text)]
    whole = "\n".join(texts) + "\n" + b"\n".join(raws).decode(errors="replace")
    if redact(whole) != whole:
        distribution = distribution.with_tokens(tuple(redacted_token(token, redact) for token in tokens))
    if (notes := tuple(map(redact, distribution.notes))) != distribution.notes:
        distribution = replace(distribution, notes=notes)
    return distribution


def redacted_token(token: Token, redact: Redact) -> Token:
    """Return the token, or one whose text and bytes hold no secret."""
    for text in (_text(token), _bytes(token)):
        if (safe := redact(text)) != text:
            return Token(safe)
    return token


def redacted_path(tokens: Sequence[Token], redact: Redact, mask: Redact) -> tuple[Token, ...]:
    """Return the tokens of an answer, without those in which a secret stands, or a part of it.

    Args:
        tokens: one after the other.
        redact: takes secrets out of a text.
        mask: puts another character in the place of each one of a secret.
    """
    texts = tuple(texts_of(tokens))
    masked, start, safe = mask("".join(texts)), 0, []
    for token, text in zip(tokens, texts, strict=True):
        is_plain = masked[start : start + len(text)] == text
        safe.append(redacted_token(token, redact) if is_plain else Token(_HIDDEN))
        start += len(text)
    return tuple(safe)


def redacted_generation(generation: Generation, redact: Redact, mask: Redact) -> Generation:
    """Return an answer without secrets in its prompt, and with tokens as of :func:`redacted_path`."""
    tokens = redacted_path(generation.tokens, redact, mask)
    steps = tuple(replace(step, token=token) for step, token in zip(generation.steps, tokens, strict=True))
    return replace(generation, prompt=redact(generation.prompt), steps=steps, name=redact(generation.name))


def _redacted_json(value: Any, redact: Redact) -> Any:
    """Return a JSON value with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(name): _redacted_json(each, redact) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted_json(each, redact) for each in value]
    return value


def _spells(raw: bytes, text: str) -> bool:
    return raw == text.encode(errors="replace")


def _text(token: Token) -> str:
    return token.text


def _bytes(token: Token) -> str:
    return (token.bytes or b"").decode(errors="replace")
