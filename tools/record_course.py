"""Make the recordings that the built-in lessons show.

    python tools/record_course.py [BASE_URL]

Most are stated or computed, and named so: the tutorial's tables, examples, and the bundled model's answer cut
to its top 20. Those of the lesson ``asking`` need a llama.cpp server at BASE_URL, which ends in /v1; it is
asked three times, at three temperatures, and without it they stay as they are.
"""

from __future__ import annotations

import json
import math
import sys
import urllib.request
from collections.abc import Mapping
from typing import Any

from softmax_visualizer.decoding import TokenDistribution
from softmax_visualizer.lessons.reading import COURSE
from softmax_visualizer.models.answers import parse
from softmax_visualizer.models.base import ModelAnswer
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.listing import Listing
from softmax_visualizer.models.recording import Recorder

TOP = 20
GPT_4O_VOCABULARY = 200_019

FOX = "The quick brown fox jumps over the"
HIDDEN_PROMPT = "I would like a cup of"
"""A prompt after which the bundled model is unsure, so that its top 20 leave a fifth out."""

SKY = "The sky is"
TEMPERATURES = {"asking-cold": 0.1, "asking-one": 1.0, "asking-hot": 1.5}

TUTORIAL_PROMPT = "(the beginning of a story)"
TUTORIAL_TABLE = {"The": 0.5, "A": 0.3, "My": 0.1, "Unicorn": 0.00001}
"""What the tutorial states; the 9.999 % that it leaves out are unseen."""

CODE_TABLE = {" b": 0.99, " a": 0.005}
"""One step of code: what is right, and what runs and is wrong; the rest is unseen."""

HOT_TABLE = {" lazy": 45.2, " fence": 15.5, " moon": 8.3, " corpse": 4.1, " puddle": 2.2}
HOT_TEMPERATURE = 1.5
"""The tutorial's second table for the fox, and its temperature."""

COLD_TABLE = {" lazy": 99.8, " dog": 0.1}
COLD_TEMPERATURE = 0.1
"""What is not 0 in the first one."""


def keep(name: str, answer: ModelAnswer) -> None:
    """Write a recording of one answer."""
    path = COURSE / f"{name}.jsonl"
    path.unlink(missing_ok=True)
    recorder = Recorder(path, redact=str)
    recorder.keep(answer)
    recorder.close()
    # a recording is its owner's alone, and these are everybody's
    path.chmod(0o644)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def state(name: str, model: str, prompt: str, distribution: TokenDistribution) -> None:
    """Write a recording of what no model said: numbers that somebody stated."""
    keep(name, ModelAnswer(prompt, distribution, model, "file"))


def at_one(shares: Mapping[str, float], temperature: float) -> list[float]:
    """Return the logits at T = 1 of what has these shares at another temperature."""
    return [temperature * math.log(share) for share in shares.values()]


def stated() -> None:
    """Write the tutorial's tables and the examples."""
    tokens, logprobs = list(TUTORIAL_TABLE), [math.log(share) for share in TUTORIAL_TABLE.values()]
    state(
        "top-p-four", "if there were only these four", TUTORIAL_PROMPT,
        TokenDistribution.from_logits(tokens, logprobs),
    )  # fmt: skip
    state(
        "top-p-table", "the tutorial's table", TUTORIAL_PROMPT,
        TokenDistribution.from_top_logprobs(tokens, logprobs, GPT_4O_VOCABULARY),
    )  # fmt: skip
    state(
        "settings-code", "an example: one step of code", "def add(a, b): return a +",
        TokenDistribution.from_top_logprobs(
            list(CODE_TABLE), list(map(math.log, CODE_TABLE.values())), GPT_4O_VOCABULARY
        ),
    )  # fmt: skip
    state(
        "tables-cold", "made to fit the cold table", FOX,
        TokenDistribution.from_logits(list(COLD_TABLE), at_one(COLD_TABLE, COLD_TEMPERATURE)),
    )  # fmt: skip
    state(
        "tables-hot", "made to fit the hot table", FOX,
        TokenDistribution.from_logits(list(HOT_TABLE), at_one(HOT_TABLE, HOT_TEMPERATURE)),
    )  # fmt: skip


def cut() -> None:
    """Write what a server would show of the bundled model: its top 20, and how many tokens it knows."""
    whole = BundledModel().answer(HIDDEN_PROMPT).distribution
    top = TokenDistribution.from_top_logprobs(whole.tokens[:TOP], whole.logprobs[:TOP], len(whole))
    state("hidden-top-20", f"bundled, top {TOP}", HIDDEN_PROMPT, top)


def ask(base_url: str) -> None:
    """Ask a llama.cpp server for one token at three temperatures, and write what it says."""
    listing = Listing.parse(_call(f"{base_url}/models"))
    model = listing.names[0]
    for name, temperature in TEMPERATURES.items():
        body = {
            "model": model,
            "messages": [{"role": "user", "content": SKY}],
            "max_tokens": 1,
            "temperature": temperature,
            "top_p": 1,
            "logprobs": True,
            "top_logprobs": TOP,
        }
        url = f"{base_url}/chat/completions"
        top = parse(_call(url, body), TOP)
        distribution = TokenDistribution.from_top_logprobs(
            top.tokens, top.logprobs, listing.vocabulary_size(model)
        )
        request = {"url": url, "body": body}
        keep(name, ModelAnswer(SKY, distribution, model, "openai", base_url, request, top.notes))


def _call(url: str, body: Mapping[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


if __name__ == "__main__":
    COURSE.mkdir(exist_ok=True)
    stated()
    cut()
    if sys.argv[1:]:
        ask(sys.argv[1].rstrip("/"))
