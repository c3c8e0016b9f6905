"""Decoders of the tests' own: they sample as servers are known to, each in its own way.

Written without the program's arithmetic, a token at a time, so that it can be judged by them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# as steep as a language model's, with a long tail
LOGITS = {f" t{rank}": -1.1 * math.log(rank + 1) + 0.3 * math.sin(rank) for rank in range(200)}


def softmax(logits: Mapping[str, float], temperature: float) -> dict[str, float]:
    highest = max(logits.values())
    weights = {token: math.exp((logit - highest) / temperature) for token, logit in logits.items()}
    total = sum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


def nucleus(probabilities: Mapping[str, float], top_p: float) -> set[str]:
    kept, total = set(), 0.0
    for token, probability in sorted(probabilities.items(), key=lambda each: -each[1]):
        kept.add(token)
        total += probability
        if total >= top_p:
            break
    return kept


@dataclass
class Sampler:
    """A decoder: what it does with a request's temperature and top-p, and what it does unasked."""

    order: str = "temperature-first"
    ignores_temperature: bool = False
    min_p: float = 0.0
    top_k: int | None = None
    logits: Mapping[str, float] = field(default_factory=lambda: LOGITS)

    def probabilities(self, temperature: float, top_p: float, **own: Any) -> dict[str, float]:
        temperature = 1.0 if self.ignores_temperature else temperature
        top_k = own.get("top_k", self.top_k) or len(self.logits)
        min_p = own.get("min_p", self.min_p)
        first = sorted(self.logits, key=lambda token: -self.logits[token])[:top_k]
        logits = {token: self.logits[token] for token in first}
        cut_on = softmax(logits, temperature if self.order == "temperature-first" else 1.0)
        kept = nucleus(cut_on, top_p)
        kept = {token for token in kept if cut_on[token] >= min_p * max(cut_on.values())}
        return softmax({token: logits[token] for token in logits if token in kept}, temperature)

    def sample(self, source: random.Random, count: int, temperature: float, top_p: float) -> list[str]:
        probabilities = self.probabilities(temperature, top_p)
        return source.choices(list(probabilities), list(probabilities.values()), k=count)


def serving(
    sampler: Sampler, *, seed: int = 1, listed: int = 200, takes_n: bool = True, names_ids: bool = False
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what a server with such a decoder answers: log-probabilities at T = 1, and what it samples."""
    source = random.Random(seed)
    raw = sorted(softmax(sampler.logits, 1.0).items(), key=lambda each: -each[1])[:listed]

    def entry(token: str, probability: float) -> dict[str, Any]:
        named = {"id": list(sampler.logits).index(token)} if names_ids else {}
        return {"token": token, "bytes": list(token.encode()), "logprob": math.log(probability), **named}

    entries = [entry(token, probability) for token, probability in raw]
    by_token = softmax(sampler.logits, 1.0)

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        count = body.get("n", 1) if takes_n else 1
        own = {name: body[name] for name in ("top_k", "min_p") if name in body}
        chances = sampler.probabilities(body["temperature"], body["top_p"], **own)
        choices = []
        for token in source.choices(list(chances), list(chances.values()), k=count):
            asked = body["top_logprobs"]
            content = [{**entry(token, by_token[token]), "top_logprobs": entries[:asked]}]
            choices.append({"message": {"content": token}, "logprobs": {"content": content}})
        return {"model": "m", "choices": choices}

    return answer
