"""What a server can do is found out by asking it, and said in plain words."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from misbehaving_server import Answer, MisbehavingServer
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.check import EndpointCheck, check_endpoint
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel

LOGITS = {" lazy": 3.0, " old": 1.5, " red": 0.5, " big": 0.0, " tall": -0.5, " wet": -1.0}


def answering(
    *, scaled: bool = False, cut: bool = False, noise: float = 0.0, bytes_given: bool = True
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A server that reports the softmax of LOGITS, treated by the request's temperature and top-p or not."""
    count = 0

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        nonlocal count
        count += 1
        temperature = body.get("temperature", 1) if scaled else 1
        weights = {token: math.exp(logit / temperature) for token, logit in LOGITS.items()}
        if cut and body.get("top_p", 1) < 1:
            weights = {" lazy": weights[" lazy"]}
        total = sum(weights.values())
        listed = [
            {
                "token": token,
                "bytes": list(token.encode()) if bytes_given else None,
                "logprob": math.log(weight / total) + noise * ((count * len(token)) % 3 - 1),
            }
            for token, weight in weights.items()
        ]
        content = [{**listed[0], "top_logprobs": listed}]
        return {
            "model": "m",
            "choices": [{"message": {"content": " lazy"}, "logprobs": {"content": content}}],
        }

    return answer


MODELS = Answer({"data": [{"id": "m", "shutdown_date": "2031-05-01"}, {"id": "n"}]})


@pytest.fixture
def check() -> Iterator[Callable[..., Any]]:
    async def run(body: Any, models: Answer = MODELS) -> EndpointCheck:
        with MisbehavingServer(Answer(body), models=models) as server:
            model = OpenAICompatibleModel(Configuration(base_url=server.url, model="m"))
            try:
                return await check_endpoint(model)
            finally:
                await model.close()

    return run


async def test_a_server_that_ignores_the_temperature_is_raw(check: Callable[..., Any]) -> None:
    found = await check(answering())
    assert found.scale == "raw"
    assert found.slope == pytest.approx(1)
    assert found.cut_by_top_p is False
    assert found.has_bytes
    assert found.models == ("m", "n")
    assert found.end == date(2031, 5, 1)
    assert (found.listed, found.asked) == (6, 20)


async def test_a_server_that_divides_by_the_temperature_is_named_as_one(check: Callable[..., Any]) -> None:
    found = await check(answering(scaled=True))
    assert found.scale == "scaled"
    assert found.slope == pytest.approx(0.5)
    assert any("divides them by the temperature" in phrase for _, phrase in found.rows())


async def test_noise_from_call_to_call_does_not_hide_the_scale(check: Callable[..., Any]) -> None:
    assert (await check(answering(noise=0.1))).scale == "raw"
    assert (await check(answering(noise=0.1, scaled=True))).scale == "scaled"


async def test_a_list_that_top_p_shortens_is_found(check: Callable[..., Any]) -> None:
    assert (await check(answering(cut=True))).cut_by_top_p is True


async def test_missing_bytes_and_a_missing_list_of_models_are_said(check: Callable[..., Any]) -> None:
    found = await check(
        answering(bytes_given=False), Answer(b"<html>", headers={"Content-Type": "text/html"})
    )
    rows = dict(found.rows())
    assert rows["bytes of tokens"] == "not given"
    assert rows["models"] == "not listed by the server"
    assert rows["vocabulary"].startswith("unknown, at most 300,000")


async def test_a_temperature_that_is_refused_leaves_the_question_open(check: Callable[..., Any]) -> None:
    plain = answering()

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        if body.get("temperature") == 2:
            return {
                "error": {"message": "Unsupported value: 'temperature'", "param": "temperature", "code": 400}
            }
        return plain(body)

    found = await check(answer)
    assert found.scale == "unclear"
    assert found.slope is None


async def test_one_candidate_is_too_few_to_tell(check: Callable[..., Any]) -> None:
    found = await check(
        {
            "choices": [
                {"logprobs": {"content": [{"token": "A", "top_logprobs": [{"token": "A", "logprob": 0}]}]}}
            ]
        }
    )
    assert found.scale == "unclear"


async def test_a_server_without_log_probabilities_is_told_as_such(check: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match="log-probabilities"):
        await check({"choices": [{"message": {"content": "Hi"}, "logprobs": None}]})


async def test_cancelling_it_leaves_nothing_behind() -> None:
    first = Answer(answering())
    with MisbehavingServer(first, first, Answer(manner="silence"), models=MODELS) as server:
        model = OpenAICompatibleModel(Configuration(base_url=server.url, model="m"))
        checking = asyncio.create_task(check_endpoint(model))
        while len(server.asked) < 3:
            await asyncio.sleep(0.01)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
        assert await asyncio.to_thread(server.hung_up.wait, 20)
        await model.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


def test_the_command_prints_a_short_table(tmp_path: Path) -> None:
    with MisbehavingServer(Answer(answering(scaled=True)), models=MODELS) as server:
        run = subprocess.run(
            [sys.executable, "-m", "softmax_visualizer", "check", "--base-url", server.url, "--model", "m"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
    assert run.returncode == 0
    assert "their scale        scaled" in run.stdout
    assert "announced end      2031-05-01" in run.stdout


def test_without_a_server_there_is_nothing_to_check(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "softmax_visualizer", "check"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert run.returncode == 2
    assert "OPENAI_BASE_URL" in run.stderr
