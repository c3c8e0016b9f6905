"""Which model goes on with answers out of a file: the one that they came from, if it can be had as usual."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from softmax_visualizer.models.configuration import BUNDLED_MODEL, Configuration
from softmax_visualizer.models.refusal import one_line
from softmax_visualizer.models.weights import known, short_name

if TYPE_CHECKING:
    from softmax_visualizer.models.answer_file import SavedAnswers

_LONGEST = 60
"""Characters of a name or an address that are shown."""

_REMEDIES = {
    "openai": "Open the file with its server in OPENAI_BASE_URL",
    "local": "Open the file with its model file in --model",
}


def configuration_for(saved: SavedAnswers, own: Configuration) -> Configuration:
    """Return how to ask the model that saved answers came from.

    What a file says reaches no server and opens no model file that the person has not set up: where the model
    is not at hand, the configuration says so, and asks nothing.

    Args:
        saved: what the file holds.
        own: what the person has set up.
    """
    name, source = str(saved.model["name"]), saved.model["source"]
    plain = replace(own, local=False, framing=saved.framing or own.framing)
    if source == "bundled":
        return replace(plain, model=BUNDLED_MODEL)
    if source == "openai":
        server = replace(plain, model=name)
        if server.source == "openai" and own.redact(server.endpoint) == saved.model["endpoint"]:
            return server
    if source == "local":
        weights = known(name)
        if own.local and short_name(str(own.model)) == name:
            return replace(plain, model=own.model, local=True)
        if weights is not None and weights.path.is_file():
            return replace(plain, model=name, local=True)
    told = [one_line(text)[:_LONGEST] for text in (name, saved.model["endpoint"]) if text]
    remedy = f"{_REMEDIES[source]}, or choose" if source in _REMEDIES else "Choose"
    absent = (
        f"The model of these answers, {' at '.join(told)}, is not at hand. {remedy} another model (--model)."
    )
    return replace(plain, model=name, absent=absent)
