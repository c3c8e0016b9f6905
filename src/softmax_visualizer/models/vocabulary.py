"""How many tokens a model knows, judged by its name."""

from __future__ import annotations

import re

ASSUMED_VOCABULARY_SIZE = 300_000
"""An upper bound for a model nothing is known about: larger than any vocabulary in :data:`_KNOWN`."""

_KNOWN = (
    # tiktoken_ext/openai_public.py: o200k_harmony, o200k_base and cl100k_base, special tokens included
    (r"gpt-oss\b", 201_088),
    (r"gpt-(?:4o|4\.1|5)\b", 200_019),
    (r"gpt-(?:4|3\.5|35)(?![\w.])", 100_277),
    # vocab_size of the models' configurations in transformers
    (r"qwen-?3\.5\b", 248_320),
    (r"qwen-?(?:2|2\.5|3)(?![\w.])", 151_936),
    (r"deepseek-v3\b", 129_280),
    (r"gemma-?3(?![\w.])", 262_208),
    (r"phi-?3(?![\w.])(?!-small)", 32_064),
)


def known_vocabulary_size(model: str) -> int | None:
    """Return the number of tokens in the vocabulary of the model of this name; None if it is not known."""
    for pattern, size in _KNOWN:
        if re.search(rf"(?:^|[/:]){pattern}", model.lower()):
            return size
    return None
