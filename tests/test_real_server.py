"""Against llama.cpp's own server, serving a model whose every probability is known."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from screens import settle, text
from softmax_visualizer.decoding import Decoding, DecodingSettings, Order, Token, TokenDistribution, decode
from softmax_visualizer.decoding.agreement import agreements, explanations, in_each_order
from softmax_visualizer.decoding.generation import Generation, Step
from softmax_visualizer.decoding.sampling import Counts
from softmax_visualizer.models.base import Framing, ModelError
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from softmax_visualizer.models.walk import Ahead, score, write
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.regions.prompt import PromptEditor

pytestmark = pytest.mark.shared

KEY = "key-of-this-test-0123456789"
END_OF_TEXT = Token("", b"", 0)


@dataclass(frozen=True)
class RealServer:
    url: str
    truth: dict[str, Any]

    def model(
        self, key: str | None = None, framing: Framing = "answer", **settings: Any
    ) -> OpenAICompatibleModel:
        return OpenAICompatibleModel(
            Configuration(Secret(key) if key else None, self.url, framing=framing, **settings)
        )

    def logprobs(self, prompt: str) -> dict[bytes, float]:
        """Return the true natural-log probability of each of the 512 tokens, by its bytes."""
        spelling = {number: bytes(spelt) for number, _, spelt in self.truth["vocab"]}
        spelling[0] = b""  # the end of text, which the server gives without bytes
        return {spelling[number]: logprob for number, _, logprob in self.truth["prompts"][prompt]["top"]}


@pytest.fixture(scope="module")
def start(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RealServer]]:
    scripts = shared / "real-server"
    home = Path(os.environ.get("REAL_SERVER_DIR") or tmp_path_factory.mktemp("real-server"))
    started: list[Path] = []

    def up(name: str, *key: str) -> RealServer:
        directory = home / name
        if name != "open":
            # the packages and the model are made once, and shared by all
            directory.mkdir(parents=True, exist_ok=True)
            for part in ("venv", "model"):
                if not (directory / part).exists():
                    (directory / part).symlink_to(home / "open" / part)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        subprocess.run(["bash", scripts / "down.sh", directory], check=True, capture_output=True)
        started.append(directory)
        subprocess.run(["bash", scripts / "up.sh", directory, str(port), *key], check=True, timeout=600)
        truth = json.loads((directory / "model" / "truth.json").read_text(encoding="utf-8"))
        return RealServer(f"http://127.0.0.1:{port}/v1", truth)

    yield up
    for directory in started:
        subprocess.run(["bash", scripts / "down.sh", directory], check=True, capture_output=True)


@pytest.fixture(scope="module")
def server(start: Callable[..., RealServer]) -> RealServer:
    return start("open")


@pytest.mark.parametrize("framing", ["answer", "raw"])
async def test_every_log_probability_is_the_true_one(server: RealServer, framing: Framing) -> None:
    model = server.model(framing=framing)
    for prompt in server.truth["prompts"]:
        distribution = (await model.ask(prompt)).distribution
        truth = server.logprobs(prompt)
        assert len(distribution) == 20
        assert (distribution.vocabulary_size, distribution.vocabulary_assumed) == (512, False)
        for token, logprob in zip(distribution.tokens, distribution.logprobs, strict=True):
            assert token.raw is not None
            assert logprob == pytest.approx(truth[token.raw], abs=1e-4), (prompt, token)
        unseen = 1 - sum(
            sorted((2.718281828459045**logprob for logprob in truth.values()), reverse=True)[:20]
        )
        assert distribution.unseen_mass.estimate == pytest.approx(unseen, abs=1e-4)
    await model.close()


@pytest.mark.parametrize("framing", ["answer", "raw"])
async def test_the_whole_vocabulary_is_had_and_every_number_of_it_is_exact(
    server: RealServer, framing: Framing
) -> None:
    model = server.model(framing=framing)
    for prompt in server.truth["prompts"]:
        distribution = (await model.ask(prompt, whole=True)).distribution
        truth = server.logprobs(prompt)
        assert len(distribution) == distribution.vocabulary_size == 512
        for token, logprob in zip(distribution.tokens, distribution.logprobs, strict=True):
            assert token.raw is not None
            assert logprob == pytest.approx(truth[token.raw], abs=1e-5), (prompt, token)
        for settings in (DecodingSettings(1.5, 0.9), DecodingSettings(0.7, 0.9, order="temperature-last")):
            shown = decode(distribution, settings).after_cut.probabilities
            assert np.array_equal(shown.low, shown.high)
    await model.close()


async def test_the_end_of_text_is_among_the_tokens(server: RealServer) -> None:
    model = server.model()
    assert END_OF_TEXT in (await model.ask(".")).distribution.tokens
    await model.close()


async def test_the_model_is_found_and_listed(server: RealServer) -> None:
    model = server.model()
    answer = await model.ask("The sky is")
    assert model.name == answer.model == "tiny-bigram"
    assert answer.notes == ()
    assert await model.names() == ("tiny-bigram",)
    await model.close()


async def test_a_wrong_name_is_noted(server: RealServer) -> None:
    model = server.model(model="no-such-model")
    answer = await model.ask("The sky is")
    assert answer.notes == ("The answer came from tiny-bigram, not from no-such-model.",)
    assert answer.distribution.vocabulary_size == 512
    await model.close()


async def test_a_prompt_that_is_too_long_is_refused_in_words(server: RealServer) -> None:
    model = server.model()
    with pytest.raises(ModelError, match="exceeds the available context size"):
        await model.ask("The sky is " * 900)
    await model.close()


async def test_a_wrong_base_url_says_what_to_try(server: RealServer) -> None:
    url = server.url.removesuffix("/v1") + "/nowhere"
    model = OpenAICompatibleModel(Configuration(None, url, "tiny-bigram"))
    with pytest.raises(ModelError, match=f"try {url}/v1"):
        await model.ask("The sky is")
    await model.close()


async def test_a_key_opens_and_a_wrong_one_is_refused(
    start: Callable[..., RealServer], server: RealServer
) -> None:
    locked = start("locked", KEY)
    model = locked.model(KEY)
    assert (await model.ask("The sky is")).distribution.vocabulary_size == 512
    await model.close()
    for key, words in (("wrong-key-0123456789", "refused the API key"), (None, "needs an API key")):
        model = locked.model(key, model="tiny-bigram")
        with pytest.raises(ModelError, match=words) as caught:
            await model.ask("The sky is")
        assert "wrong-key" not in str(caught.value)
        await model.close()


TEMPERATURES = (0.7, 1.0, 1.5)


def true_decoding(server: RealServer, prompt: str, settings: DecodingSettings) -> Decoding:
    rows = server.truth["prompts"][prompt]["top"]
    spelling = {number: bytes(spelt) for number, _, spelt in server.truth["vocab"]}
    tokens = [Token(text, b"" if number == 0 else spelling[number]) for number, text, _ in rows]
    return decode(TokenDistribution.from_logits(tokens, [logprob for _, _, logprob in rows]), settings)


def holds(interval: dict[str, float], truth: float) -> bool:
    """The server's own float noise is some 1e-5, so its truth may stand that much outside of a bound."""
    return interval["low"] - 1e-4 <= truth <= interval["high"] + 1e-4


@pytest.mark.parametrize(
    ("top_p", "order", "prompts"),
    [(0.9, "temperature-first", None), (0.9, "temperature-last", 3), (1.0, "temperature-first", 2)],
)
def test_show_agrees_with_the_truth(
    server: RealServer, top_p: float, order: Order, prompts: int | None
) -> None:
    for prompt in list(server.truth["prompts"])[:prompts]:
        shown = subprocess.run(
            [sys.executable, "-m", "softmax_visualizer", "show", prompt, "--base-url", server.url]
            + [argument for temperature in TEMPERATURES for argument in ("-t", str(temperature))]
            + ["-p", str(top_p), "--order", order, "--format", "json"],
            env={"PATH": os.environ["PATH"], "HOME": os.devnull, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            check=True,
        )
        record = json.loads(shown.stdout)
        assert record["model"] == {"name": "tiny-bigram", "source": "openai", "endpoint": server.url}
        assert record["distribution"]["vocabulary_size"] == 512
        reported = [bytes(token["bytes"]) for token in record["distribution"]["tokens"]]
        logprobs = server.logprobs(prompt)
        for spelt, token in zip(reported, record["distribution"]["tokens"], strict=True):
            assert token["logprob"] == pytest.approx(logprobs[spelt], abs=1e-4), (prompt, token)
        for temperature, decoding in zip(TEMPERATURES, record["decodings"], strict=True):
            truth = true_decoding(server, prompt, DecodingSettings(temperature, top_p, order=order))
            check_decoding(decoding, reported, truth)


def check_decoding(decoding: dict[str, Any], reported: list[bytes], truth: Decoding) -> None:
    ranks = {token.raw: rank for rank, token in enumerate(truth.distribution.tokens)}
    for spelt, token in zip(reported, decoding["tokens"], strict=True):
        rank = ranks[spelt]
        assert holds(token["after_temperature"], truth.after_temperature.probabilities.low[rank])
        # which of several equal tokens stand inside the nucleus is for each engine to choose
        equal = np.isclose(truth.distribution.logprobs, truth.distribution.logprobs[rank], atol=1e-4)
        assert any(holds(token["probability"], value) for value in truth.after_cut.probabilities.low[equal])
    assert holds(decoding["others"]["after_temperature"], truth.others(20).after_temperature.low)


async def test_the_screen_agrees_with_the_truth(server: RealServer) -> None:
    app = SoftmaxVisualizer(Configuration(base_url=server.url), "The sky is")
    async with app.run_test(size=(100, 30)) as pilot:
        for prompt in server.truth["prompts"]:
            editor = app.screen.query_one(PromptEditor)
            editor.text = prompt
            await pilot.press("slash", "enter", "r")
            await settle(app, pilot)
            assert "tiny-bigram" in text(app)
            assert "all 512 tokens" in text(app)
            truth = true_decoding(server, prompt, DecodingSettings())
            drawn = [line for line in text(app).splitlines() if " %" in line]
            for rank in range(3):
                printed = float(re.findall(r"([\d.]+) %", drawn[rank + 1])[0])
                assert printed == pytest.approx(100 * truth.model.probabilities.low[rank], abs=0.051), prompt
        await pilot.press("4")
        await pilot.pause()
        assert "EXACT" in text(app)


# --- its own samples ---


async def own_samples(
    model: OpenAICompatibleModel, settings: DecodingSettings, count: int, *, defaults: bool = False
) -> tuple[TokenDistribution, Counts]:
    answer, counts = await model.ask("The sky is", whole=True), Counts()
    async for came in model.samples(answer, settings, count, defaults=defaults):
        counts += came
    await model.close()
    return answer.distribution, counts


@pytest.mark.parametrize("framing", ["answer", "raw"])
async def test_its_samples_say_that_it_divides_by_the_temperature_last(
    server: RealServer, framing: Framing
) -> None:
    settings = DecodingSettings(1.5, 0.8)
    distribution, counts = await own_samples(server.model(framing=framing), settings, 600)
    assert counts.total == 600
    first, last = agreements(distribution, counts, in_each_order(settings))
    assert first.p_value.high < 1e-6
    # one in ten thousand such runs
    assert last.p_value.high > 1e-4


async def test_its_samples_show_a_cut_that_nobody_asked_for(server: RealServer) -> None:
    settings = DecodingSettings(5.0)
    distribution, counts = await own_samples(server.model(), settings, 600, defaults=True)
    fits = explanations(distribution, counts, settings)
    # its default top-k of 40 would keep more
    assert 0.05 in {each.min_p for each, _ in fits}
    assert agreements(distribution, counts, (settings,))[0].p_value.high < 1e-6


# --- whole answers ---


async def written(
    model: OpenAICompatibleModel, prompt: str, seed: int, settings: DecodingSettings
) -> tuple[Generation, int]:
    """Write 40 tokens, or fewer where the model ends the text; return them and the number of requests."""
    generation, ahead = Generation(prompt), Ahead(model, prompt)
    async for step in write(ahead.ask, generation, settings, 40, seed, goes_deeper=model.goes_deeper):
        generation = generation.extended(step)
    await model.close()
    return generation, ahead.requests


def check_steps(rows: dict[int, dict[int, float]], last: int, steps: tuple[Step, ...]) -> None:
    """Check every listed log-probability of every step: only the token before it decides it."""
    for number, step in enumerate(steps):
        distribution = step.distribution
        assert len(distribution) >= 20
        for token, logprob in zip(distribution.tokens, distribution.logprobs, strict=True):
            assert token.id is not None
            assert logprob == pytest.approx(rows[last][token.id], abs=1e-4), (number, token)
        assert step.token.id is not None
        last = step.token.id


@pytest.fixture(scope="module")
def rows(server: RealServer) -> dict[int, dict[int, float]]:
    """The true log-probability of each token after each token, by their numbers."""
    import httpx2

    found = {}
    for number in range(512):
        body = {
            "prompt": [number],
            "n_predict": 1,
            "n_probs": 512,
            "temperature": 1,
            "logit_bias": [["a", 100]],
        }
        answer = httpx2.post(server.url.removesuffix("/v1") + "/completion", json=body).json()
        listed = answer["completion_probabilities"][0]["top_logprobs"]
        found[number] = {entry["id"]: entry["logprob"] for entry in listed}
    for prompt in server.truth["prompts"].values():
        for number, _, logprob in prompt["top"]:
            assert found[prompt["last_id"]][number] == pytest.approx(logprob, abs=1e-4)
    return found


@pytest.mark.parametrize("framing", ["answer", "raw"])
async def test_every_step_of_an_answer_has_the_true_numbers(
    server: RealServer, rows: dict[int, dict[int, float]], framing: Framing
) -> None:
    prompt = "I would like a"
    generation, requests = await written(server.model(framing=framing), prompt, 11, DecodingSettings(0.7))
    print(f"{framing}: {requests} requests for {len(generation)} tokens")
    assert len(generation) == 40
    # how many it takes depends on what the server samples itself
    assert requests < 40
    assert {step.continued_by for step in generation.steps} == {"tokens"}
    last = (await split(server, prompt))[-1].id
    assert last is not None
    check_steps(rows, last, generation.steps)


async def split(server: RealServer, text: str) -> tuple[Token, ...]:
    model = server.model(framing="raw")
    try:
        return await model.split(text)
    finally:
        await model.close()


async def test_the_same_seed_writes_the_same_answer_whatever_the_server_samples(server: RealServer) -> None:
    texts = [
        (await written(server.model(framing=framing), "I would like a", 11, DecodingSettings(0.7)))[0].text
        for framing in ("raw", "raw", "answer")
    ]
    assert len(set(texts)) == 1


async def test_the_end_of_the_text_ends_an_answer(
    server: RealServer, rows: dict[int, dict[int, float]]
) -> None:
    generation, _ = await written(server.model(framing="raw"), "The sky is", 1, DecodingSettings(0.7))
    assert generation.ended
    assert len(generation) < 40
    assert generation.steps[-1].token.raw == b""
    assert generation.steps[-1].token.id == 0
    check_steps(rows, server.truth["prompts"]["The sky is"]["last_id"], generation.steps)


@pytest.mark.parametrize("framing", ["answer", "raw"])
async def test_half_a_character_is_gone_on_from_by_its_number(
    server: RealServer, rows: dict[int, dict[int, float]], framing: Framing
) -> None:
    generation, _ = await written(server.model(framing=framing), "Caf", 24, DecodingSettings(0.7))
    halves = [number for number, token in enumerate(generation.tokens[:-1]) if token.whole_text is None]
    assert halves
    assert {step.continued_by for step in generation.steps} == {"tokens"}
    # no text could have put the beginning of the answer
    last = (await split(server, "Caf"))[-1].id
    assert last is not None
    check_steps(rows, last, generation.steps)


async def test_a_text_is_scored_with_the_true_numbers(
    server: RealServer, rows: dict[int, dict[int, float]]
) -> None:
    prompt, text = "The sky is", " blue. Caf\u00e9 \u65e5\u6708\U0001f680 xyzzy"
    model = server.model(framing="raw")
    # before anything else was asked
    tokens = await model.split(text)
    assert b"".join(token.raw or b"" for token in tokens).decode() == text
    assert any(token.whole_text is None for token in tokens)
    ahead = Ahead(model, prompt)
    steps = [
        step async for step in score(ahead.ask, Generation(prompt), tokens, goes_deeper=model.goes_deeper)
    ]
    await model.close()
    assert [step.token.id for step in steps] == [token.id for token in tokens]
    assert None not in [step.index for step in steps]
    check_steps(rows, server.truth["prompts"][prompt]["last_id"], tuple(steps))
