"""Distributions that a person wrote down or saved in a file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from softmax_visualizer.decoding import DistributionError, TokenDistribution
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.models.reading import UnreadableError, read_file

LARGEST = 64 * 2**20
"""Bytes of a file that is still read: a vocabulary of 300,000 tokens with its logits takes about 10 MB."""

_EXAMPLE = 'such as {"tokens": ["a", "b"], "logprobs": [-0.2, -2.1], "vocabulary_size": 200019}'


def read_logprobs(path: Path) -> ModelAnswer:
    """Read ``{"tokens", "logprobs", "vocabulary_size"}`` or ``{"tokens", "logits"}`` from a JSON file.

    Raises:
        ModelError: the file cannot be read or holds no distribution; the text says where and why.
    """
    try:
        content = json.loads(read_file(path, LARGEST).decode("utf-8-sig"))
    except UnreadableError as error:
        raise ModelError(str(error)) from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not UTF-8 text, so it is no JSON file.") from error
    except RecursionError as error:
        raise ModelError(f"{path} is nested too deeply to be a list of tokens.") from error
    except json.JSONDecodeError as error:
        raise ModelError(
            f"{path} is not JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}."
        ) from error
    except ValueError as error:
        raise ModelError(f"{path} holds a number of too many digits.") from error
    try:
        return ModelAnswer("", _distribution(content), path.name, "file")
    except DistributionError as error:
        raise ModelError(f"{path} holds no distribution. {error}") from error


def _distribution(content: Any) -> TokenDistribution:
    if not isinstance(content, dict) or "tokens" not in content:
        raise DistributionError(f'It must be an object with "tokens", {_EXAMPLE}.')
    unknown = sorted(set(content) - {"tokens", "logprobs", "logits", "vocabulary_size"})
    if unknown:
        raise DistributionError(f'It has an unknown entry "{unknown[0]}"; it should be {_EXAMPLE}.')
    if ("logprobs" in content) == ("logits" in content):
        raise DistributionError(f'It must have either "logprobs" or "logits", {_EXAMPLE}.')
    tokens = content["tokens"]
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise DistributionError('"tokens" must be a list of texts.')
    name = "logprobs" if "logprobs" in content else "logits"
    values = content[name]
    if not isinstance(values, list) or not all(_is_number(value) for value in values):
        raise DistributionError(f'"{name}" must be a list of numbers.')
    if name == "logits":
        if "vocabulary_size" in content:
            raise DistributionError(
                '"logits" are those of the whole vocabulary, so leave out "vocabulary_size".'
            )
        return TokenDistribution.from_logits(tokens, [_float(value) for value in values])
    size = content.get("vocabulary_size")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise DistributionError('"vocabulary_size" must be a whole number of 1 or more, or null if unknown.')
    return TokenDistribution.from_top_logprobs(tokens, [_float(value) for value in values], size)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _float(value: float | None) -> float:
    # JSON cannot say -infinity, so null stands for it, as in what `show --format json` prints
    try:
        return -math.inf if value is None else float(value)
    except OverflowError:
        return math.inf if value and value > 0 else -math.inf
