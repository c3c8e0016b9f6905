"""Measure how far the estimate of the unseen tokens is off, on distributions that are known as a whole.

    python tools/measure_estimate.py [--server http://127.0.0.1:8080]

Cuts each distribution to its first k tokens, decodes that, and compares with the whole. The distributions:
those of a llama.cpp server's model, if one is named (its own ``/completion`` lists whole vocabularies); the
bundled model's; and drawn ones, normal logits with some tokens raised. Prints the tables of docs/estimate.md:
mean and worst absolute error, the size of the vocabulary known, or taken for 300,000.
"""

from __future__ import annotations

import argparse
import json
import math
import urllib.request
from collections.abc import Callable, Sequence

import numpy as np

from softmax_visualizer.decoding import DecodingSettings, TokenDistribution, decode
from softmax_visualizer.decoding.tail import ESTIMATE_VOCABULARY
from softmax_visualizer.models.bundled import BundledModel

TEMPERATURES = (0.7, 1.2, 1.5, 2.0)
LENGTHS = (1, 2, 5, 20)
TOP_P = 0.9

PROMPTS = (
    "The quick brown fox jumps over the",
    "The capital of France is",
    "Once upon a time, there was a",
    "def fibonacci(n):\n    if n <= 1:\n        return",
    "I would like a cup of",
    "She opened the",
    "In 1969, humans first landed on the",
    "The meaning of life is",
    "import numpy as",
    '{"name": "Alice", "age":',
    "It was a dark and stormy",
    "To be or not to be, that is the",
    "Yes. " * 20 + "Yes",
    "We the People of the United States, in Order to form a more perfect",
    "1, 2, 3, 4, 5,",
    "How are you today? I am",
    "A short list of unusual ideas for a birthday party:\n1.",
    "Er ging in die",
    "Water boils at a temperature of",
    "The dog ran across the street and",
    "for (int i = 0; i <",
    "Thank you very much for your",
    "He looked at her and",
    "My name is",
    "SELECT * FROM users WHERE",
)
PROSE = (
    "The quick brown fox jumps over the",
    "She opened the",
    "I would like a cup of",
    "Once upon a time there was a",
    "It was a dark and stormy",
    "To be or not to be, that is the",
    "He looked at her and",
    "In the beginning God created the heaven and the",
    "My name is",
    "The dog ran across the street and",
    "Thank you very much for your",
    "When I was young, I",
    "There was nothing to be",
    "All the world is a",
    "It is a truth universally",
    "They went down to the",
    "The old woman gave him",
    "Then Alice began to",
    "The captain of the",
    "On the other side of the river",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", help="a llama.cpp server, without /v1")
    server = parser.parse_args().server
    if server:
        _print("The server's model", [_served(server.rstrip("/"), prompt) for prompt in PROMPTS])
    model = BundledModel()
    _print("The bundled model", [model.answer(prompt).distribution for prompt in PROSE])
    _print("Normal logits, some raised", _drawn(20))


def _served(server: str, prompt: str) -> TokenDistribution:
    with urllib.request.urlopen(f"{server}/v1/models", timeout=60) as answer:
        size = json.load(answer)["data"][0]["meta"]["n_vocab"]
    body = {
        "prompt": prompt,
        "n_predict": 1,
        "n_probs": size,
        "temperature": 1,
        "top_p": 1,
        "top_k": 0,
        "min_p": 0,
    }
    request = urllib.request.Request(
        f"{server}/completion", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        listed = json.load(answer)["completion_probabilities"][0]["top_logprobs"]
    # its own sum lacks what float32 lost
    return TokenDistribution.from_logits(
        [each["token"] for each in listed], [each["logprob"] for each in listed]
    )


def _drawn(count: int) -> list[TokenDistribution]:
    random, size = np.random.default_rng(3), 100_000
    found = []
    for _ in range(count):
        logits = random.normal(0, random.uniform(1.5, 3), size)
        logits[: int(10 ** random.uniform(0.5, 3.5))] += random.uniform(2, 8)
        found.append(TokenDistribution.from_logits([str(number) for number in range(size)], logits))
    return found


def _print(title: str, wholes: Sequence[TokenDistribution]) -> None:
    print(f"\n### {title}: {len(wholes)} distributions of {len(wholes[0]):,} tokens\n")
    print(
        "| k, T | renormalised | power law | normal law | **estimate** | the same, V taken for 300,000 |",
        end="",
    )
    print(" entropy, bits | nucleus, tokens |\n|---|---|---|---|---|---|---|---|")
    for length in LENGTHS:
        for temperature in TEMPERATURES:
            cells = [_row(whole, length, temperature) for whole in wholes]
            print(f"| {length}, {temperature} | {' | '.join(map(_errors, zip(*cells, strict=True)))} |")


def _row(whole: TokenDistribution, length: int, temperature: float) -> list[float]:
    """Return the errors on one distribution, in the order of the columns."""
    settings, nucleus = DecodingSettings(temperature), DecodingSettings(temperature, TOP_P)
    known, assumed = (
        TokenDistribution.from_top_logprobs(whole.tokens[:length], whole.logprobs[:length], size)
        for size in (whole.vocabulary_size, ESTIMATE_VOCABULARY)
    )
    weights, tail = known.at(temperature), known.tail
    truth, cut = decode(whole, settings).after_cut, decode(whole, nucleus).after_cut.kept_tokens.estimate
    first, found = truth.probabilities.estimate[0], decode(known, settings).after_cut

    def with_unseen(law: Callable[[float], float]) -> float:
        bounds = tail.weight(temperature)
        unseen = min(max(tail.cap(temperature) * law(temperature), bounds.low), bounds.high)
        return 1 / (weights.known + unseen)

    return [
        abs(1 / weights.known - first),
        abs(with_unseen(tail.estimate.power_law) - first),
        abs(with_unseen(tail.estimate.normal_law) - first),
        abs(found.probabilities.estimate[0] - first),
        abs(decode(assumed, settings).after_cut.probabilities.estimate[0] - first),
        abs(found.entropy.estimate - truth.entropy.estimate),
        abs(decode(known, nucleus).after_cut.kept_tokens.estimate - cut),
    ]


def _errors(values: Sequence[float]) -> str:
    mean, worst = math.fsum(values) / len(values), max(values)
    digits = 0 if worst > 100 else 2 if worst >= 1 else 4
    return f"{mean:,.{digits}f} / {worst:,.{max(digits - 1, 0)}f}"


if __name__ == "__main__":
    main()
