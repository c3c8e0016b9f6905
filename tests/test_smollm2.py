"""A real language model on this machine: fetched, asked offline, and what its first tokens tell of all."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from softmax_visualizer.decoding import DecodingSettings, Order, TokenDistribution, decode
from softmax_visualizer.decoding.generation import Generation, Step
from softmax_visualizer.models.base import Framing
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.local import LocalModel
from softmax_visualizer.models.walk import Ahead, score, write
from terminal import Terminal, fresh_environment

pytestmark = pytest.mark.shared

SIZE = 49_152
ORDERS: tuple[Order, ...] = ("temperature-first", "temperature-last")
PROMPTS = (
    "The quick brown fox jumps over the",
    "I would like a cup of",
    "She opened the",
    "It was a dark and stormy",
    "The meaning of life is",
    "In the year 1969, two men",
    "The capital of France is",
    "Water boils at",
    '{"name": "Ada", "age":',
    '{"items": [1, 2, 3',
    "[[",
    "def fibonacci(n):\n    if n < 2:\n        return",
    "for i in range(10):\n    print(",
    "SELECT name FROM users WHERE",
    "#include <",
    "User: Hello, who are you?\nAssistant:",
    "Q: What is 2 + 2?\nA:",
    "Le petit prince a demandé au",
    "Der schnelle braune Fuchs springt über den",
    "¿Dónde está la",
)


@pytest.fixture(scope="module")
def home(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a user who has said yes to the one fetch."""
    place = tmp_path_factory.mktemp("home")
    pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    fetched = subprocess.run(
        [sys.executable, "-m", "softmax_visualizer", "models", "--fetch", "smollm2"],
        env=fresh_environment(place, **pip),
        capture_output=True,
        text=True,
    )
    assert fetched.returncode == 0, fetched.stderr
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def truths(home: Path) -> list[TokenDistribution]:
    """The whole distribution after each prompt."""

    async def ask() -> list[TokenDistribution]:
        path = home / ".local" / "share" / "softmax-visualizer" / "models" / "smollm2.gguf"
        model = LocalModel(
            Configuration(model=str(path), local=True, framing="raw", timeout=300), lambda fraction: None
        )
        try:
            return [(await model.ask(prompt, whole=True)).distribution for prompt in PROMPTS]
        finally:
            await model.close()

    return asyncio.run(ask())


def servers(home: Path) -> list[int]:
    """The processes that serve a model to this user."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"softmax_visualizer.models.serving" in command and f"HOME={home}".encode() in environment:
            found.append(int(process.name))
    return found


def test_once_fetched_it_answers_without_a_network_and_is_gone_afterwards(home: Path) -> None:
    shown = subprocess.run(
        [
            *(sys.executable, "-m", "softmax_visualizer", "show", "I would like a cup of"),
            *("--model", "smollm2", "-t", "1.5", "-p", "0.9", "--format", "json", "--timeout", "300"),
        ],
        env=fresh_environment(home, PIP_NO_INDEX="1", HTTPS_PROXY="http://127.0.0.1:9"),
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stderr
    record = json.loads(shown.stdout)
    assert record["distribution"]["vocabulary_size"] == SIZE
    assert [token["text"] for token in record["distribution"]["tokens"][:2]] == [" coffee", " tea"]
    for token in record["decodings"][0]["tokens"]:
        assert token["probability"]["low"] == token["probability"]["high"]
    assert servers(home) == []


def test_on_the_screen_it_is_loaded_sharpened_explored_and_gone_afterwards(home: Path) -> None:
    arguments = ('{"name": "Ada", "age":', "--model", "smollm2", "-t", "0.7", "-p", "0.9", "--timeout", "300")
    with Terminal(home, *arguments) as terminal:
        terminal.wait_until(lambda: "all 49,152 tokens" in terminal.text, timeout=120)
        assert len(servers(home)) == 1
        assert "this server is llama.cpp, so: temperature last" in " ".join(terminal.text.lower().split())
        terminal.press("4")
        terminal.wait_for("1.50", "EXACT")
        assert "kept all 49,152" in terminal.text
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert servers(home) == []


@pytest.mark.parametrize("listed", [5, 20])
def test_what_a_few_tokens_tell_holds_the_truth(truths: list[TokenDistribution], listed: int) -> None:
    checked = 0
    settings = [
        DecodingSettings(temperature, top_p, order=order)
        for temperature in (0.3, 0.7, 1.0, 1.3, 1.5, 2.0)
        for top_p in (0.5, 0.9, 0.95, 1.0)
        for order in ORDERS
    ]
    for truth in truths:
        assert len(truth) == SIZE
        few = TokenDistribution.from_top_logprobs(truth.tokens[:listed], truth.logprobs[:listed], SIZE)
        for each in settings:
            told, true = decode(few, each), decode(truth, each)
            for said, known in (
                (told.after_temperature.probabilities, true.after_temperature.probabilities),
                (told.after_cut.probabilities, true.after_cut.probabilities),
            ):
                value = known.estimate[:listed]
                assert np.all(said.low <= value + 1e-9), (each, truth.tokens[0])
                assert np.all(value <= said.high + 1e-9), (each, truth.tokens[0])
                checked += listed
    assert checked == len(PROMPTS) * len(settings) * 2 * listed


def test_the_estimate_is_far_nearer_than_scaling_the_few_to_one(truths: list[TokenDistribution]) -> None:
    """How far the first token's probability is off at T = 1.5, on average, from the first 20 tokens."""
    hot = DecodingSettings(1.5)
    estimated, scaled = [], []
    for truth in truths:
        true = decode(truth, hot).after_temperature.probabilities.estimate[0]
        few = TokenDistribution.from_top_logprobs(truth.tokens[:20], truth.logprobs[:20], SIZE)
        estimated.append(abs(decode(few, hot).after_temperature.probabilities.estimate[0] - true))
        weights = np.exp(truth.logprobs[:20] / 1.5)
        scaled.append(abs(weights[0] / weights.sum() - true))
    print(f"estimate {np.mean(estimated):.3f}, scaled {np.mean(scaled):.3f}")
    assert np.mean(estimated) < np.mean(scaled) / 3


# --- whole answers ---

WRITTEN: tuple[tuple[Framing, str], ...] = (("raw", PROMPTS[2]), ("answer", "Tell me about the sea."))


def local_model(home: Path, framing: Framing) -> LocalModel:
    path = home / ".local" / "share" / "softmax-visualizer" / "models" / "smollm2.gguf"
    configuration = Configuration(model=str(path), local=True, framing=framing, timeout=300)
    return LocalModel(configuration, lambda fraction: None)


async def check_alone(model: LocalModel, prompt: str, framing: Framing, steps: tuple[Step, ...]) -> None:
    """Compare each step's list with what the server says when it is asked for that sequence alone."""
    post = model._connection.post
    if framing == "answer":
        framed = await post("/apply-template", {"messages": [{"role": "user", "content": prompt}]})
        prompt = framed["prompt"]  # type: ignore[index]
    split = await post("/tokenize", {"content": prompt, "with_pieces": True})
    sequence = [piece["id"] for piece in split["tokens"]]  # type: ignore[index]
    for number, step in enumerate(steps):
        # the forced token decides nothing: see models/questions.py
        body = {
            "prompt": sequence,
            "n_predict": 1,
            "n_probs": 40,
            "temperature": 1,
            "logit_bias": [["a", 100]],
        }
        answer = await post("/completion", body)
        place = answer["completion_probabilities"][0]  # type: ignore[index]
        alone = {entry["id"]: entry["logprob"] for entry in place["top_logprobs"]}
        listed = step.distribution
        # a whole vocabulary is scaled to 1, which llama.cpp's own sum in float32 misses by some 2e-4
        exact = 3e-4 if len(listed) == SIZE else 1e-4
        compared = [token for token in listed.tokens[:20] if token.id in alone]
        assert len(compared) >= 19
        for token in compared:
            index = listed.find(token)
            assert index is not None
            assert listed.logprobs[index] == pytest.approx(alone[token.id], abs=exact), (number, token)
        sequence.append(step.token.id)


@pytest.mark.parametrize(("framing", "prompt"), WRITTEN, ids=lambda value: value)
def test_every_step_of_an_answer_has_the_numbers_of_its_tokens_asked_alone(
    home: Path, framing: Framing, prompt: str
) -> None:
    """Though most came in one request with others; with a prompt, the path is longer than 64 tokens."""

    async def check() -> None:
        model = local_model(home, framing)
        generation, ahead = Generation(prompt), Ahead(model, prompt)
        settings = DecodingSettings(0.7)
        try:
            async for step in write(ahead.ask, generation, settings, 40, 1, goes_deeper=model.goes_deeper):
                generation = generation.extended(step)
            print(f"{framing}: {ahead.requests} requests for {len(generation)} tokens")
            assert len(generation) == 40
            assert ahead.requests < 40
            assert {step.continued_by for step in generation.steps} == {"tokens"}
            await check_alone(model, prompt, framing, generation.steps)
        finally:
            await model.close()

    asyncio.run(check())


@pytest.mark.parametrize(("framing", "prompt"), WRITTEN, ids=lambda value: value)
def test_a_scored_text_has_the_numbers_of_its_tokens_asked_alone(
    home: Path, framing: Framing, prompt: str
) -> None:
    async def check() -> None:
        model = local_model(home, framing)
        try:
            tokens = await model.split(" The sea is calm, na\u00efve \U0001f40b and deep.")
            assert any(token.whole_text is None for token in tokens)
            ahead = Ahead(model, prompt)
            steps = [
                step
                async for step in score(ahead.ask, Generation(prompt), tokens, goes_deeper=model.goes_deeper)
            ]
            assert [step.token.id for step in steps] == [token.id for token in tokens]
            assert None not in [step.index for step in steps]
            await check_alone(model, prompt, framing, tuple(steps))
        finally:
            await model.close()

    asyncio.run(check())
