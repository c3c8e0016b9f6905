"""How many tokens a model knows, judged by its name.

A size that is too small makes a false proof, one that is too large only a wider range. So each size here is
the largest of any model whose name fits, and names of models that nobody has documented fit nothing.
"""

from __future__ import annotations

import re

ASSUMED_VOCABULARY_SIZE = 300_000
"""An upper bound for a model nothing is known about: larger than any vocabulary in :data:`_KNOWN`."""

_KNOWN = (
    # tiktoken_ext/openai_public.py, special tokens included: o200k_harmony
    (r"gpt-oss\b", 201_088, True),
    # o200k_base; which of the two gpt-5 and its successors have is not documented, so they get the larger one
    (r"gpt-(?:4o|4\.1)\b", 200_019, True),
    (r"gpt-5\b", 201_088, False),
    # cl100k_base
    (r"gpt-(?:4|3\.5|35)(?![\w.])", 100_277, True),
    # vocab_size of the models' config.json on Hugging Face: Qwen/Qwen3.5-9B and larger
    (r"qwen-?3\.5\b(?!.*(?:omni|audio|asr|tts))", 248_320, True),
    # Qwen/Qwen2.5-7B, -72B and Qwen3-Omni; 151,936 in Qwen2.5-0.5B to -3B and the other Qwen3
    (r"qwen-?(?:2|2\.5|3)(?![\w.])(?!.*(?:audio|asr|tts))", 152_064, False),
    # deepseek-ai/DeepSeek-V3, -V3.1, -V3.2-Exp
    (r"deepseek-v3\b", 129_280, True),
    # google/gemma-3-4b-it and larger; 262,144 in the text-only 270m and 1b
    (r"gemma-?3(?![\w.])", 262_208, False),
    # microsoft/Phi-3-mini, -medium, -vision; -small has another tokenizer
    (r"phi-?3(?![\w.])(?!.*small)", 32_064, True),
)
"""A pattern of a name, the largest size of any model of such a name, and whether all have that size."""


def known_vocabulary_size(model: str) -> int | None:
    """Return how many tokens the model of this name knows at most; None if that is not known."""
    size, _ = _row(model)
    return size


def is_one_size(model: str) -> bool:
    """Whether all models of such a name know as many tokens, so that the size is no mere upper bound."""
    _, one_size = _row(model)
    return one_size


def _row(model: str) -> tuple[int | None, bool]:
    for pattern, size, one_size in _KNOWN:
        if re.search(rf"(?:^|[/:]){pattern}", model.lower()):
            return size, one_size
    return None, False
