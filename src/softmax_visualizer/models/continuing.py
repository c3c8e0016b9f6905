"""How the beginning of an answer is put to a server, so that the model goes on from there.

Exactly as it was chosen, by the numbers of its tokens, where a server takes those in a bare prompt: llama.cpp
does, also behind a text (tools/server/README.md, "/completion"), which can be a prompt as its chat template
frames it ("/apply-template"). As text: behind a bare prompt, or as the
beginning of the assistant's message, which the engines named here continue (``continue_final_message`` in
vLLM, SGLang and llama.cpp). Everywhere else only as a text that the model is told to continue, which is a
question of its own with an answer of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from softmax_visualizer.decoding import Token
from softmax_visualizer.decoding.generation import ContinuedBy, whole_text_of
from softmax_visualizer.models.base import Framing, ModelAnswer, ModelError

CONTINUE = (
    "Continue the user's text from exactly where it ends. Answer with the continuation only, word for word "
    "as it would stand there: no greeting, no quotation marks, no repetition of the text."
)

_GO_ON = (
    "Continue your last message from exactly where it ends. Answer with the continuation only, word for word "
    "as it would stand there: no repetition, no comment."
)


_CONTINUING = {"role": "system", "content": CONTINUE}


class Place(NamedTuple):
    """A prompt, and the tokens of the answer after it."""

    prompt: str
    after: tuple[Token, ...] = ()


_BY_IDS = "llama.cpp"
"""An engine that takes the numbers of tokens, and continues messages."""

_TAKES_IDS = frozenset({_BY_IDS})

_CONTINUES_MESSAGES = frozenset({_BY_IDS, "vLLM", "SGLang"})

BEGUN = {"continue_final_message": True, "add_generation_prompt": False}
"""What says that the last message is to be continued; the openai package does not know these names."""

_HALF = (
    "The answer so far ends within a character, which this server cannot be sent: take the token back "
    "(Backspace), or choose another one."
)


def begun_in(body: Mapping[str, Any]) -> str:
    """Return what a request has of the answer already: some servers say it again in theirs."""
    messages = body.get("messages")
    return str(messages[-1]["content"]) if messages and BEGUN.keys() <= body.keys() else ""


def takes_ids(engine: str | None, place: Place) -> bool:
    """Whether a server goes on from the numbers of these very tokens."""
    return engine in _TAKES_IDS and all(token.id is not None for token in place.after)


def put(
    framing: Framing,
    engine: str | None,
    place: Place,
    framed: str | None = None,
    refused: Collection[ContinuedBy] = (),
) -> tuple[dict[str, Any], ContinuedBy]:
    """Return the part of a request's body that holds the prompt and the answer so far, and how it does.

    Args:
        framing: how the prompt is put.
        engine: of the server, as far as it is known.
        place: what was asked, and the answer so far.
        framed: the prompt as the model's chat template has it, where that is known.
        refused: ways in which the server does not go on, though its engine does: the next best one is taken.

    Raises:
        ModelError: the answer so far ends within a character, and can only be put as text.
    """
    prompt, after = place
    message = {"role": "user", "content": prompt}
    if not after:
        match framing:
            case "raw":
                return {"prompt": prompt}, "tokens"
            case "continue":
                return {"messages": [_CONTINUING, message]}, "tokens"
            case "answer":
                return {"messages": [message]}, "tokens"
    bare = prompt if framing == "raw" else framed
    if bare is not None and takes_ids(engine, place) and "tokens" not in refused:
        return {"prompt": [bare, *(token.id for token in after)]}, "tokens"
    text = whole_text_of(after)
    if text is None:
        raise ModelError(_HALF)
    if framing == "raw":
        return {"prompt": prompt + text}, "text"
    if framing == "continue":
        asked = {"role": "user", "content": prompt + text}
        return {"messages": [_CONTINUING, asked]}, "instruction"
    begun = {"role": "assistant", "content": text}
    if engine in _CONTINUES_MESSAGES and "text" not in refused:
        return {"messages": [message, begun], **BEGUN}, "text"
    return {"messages": [message, begun, {"role": "user", "content": _GO_ON}]}, "instruction"


def request_at(answer: ModelAnswer) -> Mapping[str, Any]:
    """Return the request for the very place that an answer is about, in the form of the one that was sent.

    One request may have brought the answers at many places: what was sent is for the first of them. Empty if
    it is not known what was sent.

    Raises:
        ModelError: the answer so far ends within a character, and can only be put as text.
    """
    sent = answer.request.get("body")
    if not answer.after or not isinstance(sent, Mapping):
        return answer.request
    prompt, messages = sent.get("prompt"), sent.get("messages")
    framing: Framing = "answer"
    place, engine = Place(answer.prompt, answer.after), answer.engine
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], str):
        # the numbers of tokens, behind the prompt as the model's chat template has it
        place, engine, framing = Place(prompt[0], answer.after), _BY_IDS, "raw"
    elif "prompt" in sent:
        engine, framing = engine if prompt == answer.prompt else None, "raw"
    elif isinstance(messages, list) and messages[:1] == [_CONTINUING]:
        framing = "continue"
    elif BEGUN.keys() <= sent.keys():
        engine = _BY_IDS
    elif isinstance(messages, list) and len(messages) > 1:
        engine = None
    own, _ = put(framing, engine, place)
    rest = {name: value for name, value in sent.items() if name not in ("prompt", "messages", *BEGUN)}
    return {**answer.request, "body": {**rest, **own}}
