"""How many tokens a server is asked to list: few at first, then as many as it will, and no more again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from misbehaving_server import Answer, MisbehavingServer
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from softmax_visualizer.models.settings import ConfigurationError

SIZE = 500
"""Tokens in the vocabulary of the servers here."""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def listed(body: dict[str, Any], most: int = SIZE) -> dict[str, Any]:
    """Answer with as many tokens as were asked for, and ``most`` at most."""
    entries = [
        {"token": f"t{rank}", "logprob": -1 - rank / 100, "bytes": None}
        for rank in range(min(body["top_logprobs"], most))
    ]
    content = [{"token": "t0", "logprob": -1.0, "bytes": None, "top_logprobs": entries}]
    return {
        "model": "m",
        "choices": [
            {"message": {"content": "t0"}, "finish_reason": "length", "logprobs": {"content": content}}
        ],
    }


def refusing_above(limit: int, words: str) -> Answer:
    """Be a server that refuses more than ``limit`` tokens in these words."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        if body["top_logprobs"] > limit:
            return {"error": {"message": words, "code": 400}}
        return listed(body)

    return Answer(answer)


MODELS = Answer({"data": [{"id": "m", "meta": {"n_vocab": SIZE}}]})


def model_at(server: MisbehavingServer, **settings: Any) -> OpenAICompatibleModel:
    return OpenAICompatibleModel(Configuration(base_url=server.url, model="m", **settings))


def counts(server: MisbehavingServer) -> list[int]:
    return [asked.body["top_logprobs"] for asked in server.asked]


async def test_few_come_first_and_then_all() -> None:
    with MisbehavingServer(Answer(listed), models=MODELS) as server:
        model = model_at(server)
        first = await model.ask("Hi")
        assert len(first.distribution) == 20
        assert model.goes_deeper(first)
        whole = await model.ask("Hi", whole=True)
        await model.close()
    assert len(whole.distribution) == SIZE
    assert not model.goes_deeper(whole)
    assert counts(server) == [20, SIZE]


async def test_the_first_question_for_all_finds_out_how_the_server_likes_to_be_asked() -> None:
    with MisbehavingServer(Answer(listed), models=MODELS) as server:
        model = model_at(server)
        await model.ask("Hi", whole=True)
        await model.ask("Ho", whole=True)
        await model.close()
    assert counts(server) == [20, SIZE, SIZE]


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        # vLLM, with --max-logprobs 100
        (100, "Requested sample logprobs of 500, which is greater than max allowed: 100"),
        (50, "top_logprobs must be less than or equal to 50"),
    ],
)
async def test_a_limit_that_the_refusal_names_is_taken_and_remembered(limit: int, words: str) -> None:
    with MisbehavingServer(refusing_above(limit, words), models=MODELS) as server:
        model = model_at(server)
        first = await model.ask("Hi", whole=True)
        second = await model.ask("Ho", whole=True)
        await model.close()
    assert len(first.distribution) == len(second.distribution) == limit
    assert counts(server) == [20, SIZE, limit, limit]


@pytest.mark.parametrize(
    "words",
    [
        "Invalid value for 'top_logprobs': must be less than or equal to 20.",
        "top_logprobs is too large",
        "Sorry, something about this request cannot be done.",
    ],
)
async def test_a_server_that_refuses_more_is_asked_for_more_once(words: str) -> None:
    with MisbehavingServer(refusing_above(20, words), models=MODELS) as server:
        model = model_at(server)
        first = await model.ask("Hi", whole=True)
        second = await model.ask("Ho", whole=True)
        await model.close()
    assert len(first.distribution) == len(second.distribution) == 20
    assert not model.goes_deeper(second)
    assert counts(server) == [20, SIZE, 20]


async def test_a_server_that_sends_fewer_without_a_word_is_asked_for_more_once() -> None:
    with MisbehavingServer(Answer(lambda body: listed(body, 20)), models=MODELS) as server:
        model = model_at(server)
        first = await model.ask("Hi")
        assert model.goes_deeper(first)
        clamped = await model.ask("Hi", whole=True)
        assert "The server sent 20 of the 500 tokens asked for." in clamped.notes
        assert not model.goes_deeper(clamped)
        again = await model.ask("Ho", whole=True)
        await model.close()
    assert again.notes == ()
    assert counts(server) == [20, SIZE, 20]


async def test_a_server_that_fails_meanwhile_is_no_server_that_lists_less() -> None:
    failing = [Answer(listed), *[Answer({"error": {"message": "overloaded"}}, 503)] * 2, Answer(listed)]
    with MisbehavingServer(*failing, models=MODELS) as server:
        model = model_at(server)
        first = await model.ask("Hi")
        with pytest.raises(ModelError, match="503"):
            await model.ask("Hi", whole=True)
        assert model.goes_deeper(first)
        assert len((await model.ask("Hi", whole=True)).distribution) == SIZE
        await model.close()


async def test_a_number_is_asked_for_at_once() -> None:
    with MisbehavingServer(Answer(listed), models=MODELS) as server:
        model = model_at(server, top_logprobs=7)
        assert len((await model.ask("Hi")).distribution) == 7
        await model.close()
    assert counts(server) == [7]


@pytest.mark.parametrize(
    ("wanted", "url", "whole"),
    [
        (None, "http://127.0.0.1:8080/v1", True),
        (None, "https://example.org/v1", False),
        ("auto", "http://localhost:8080/v1", True),
        ("all", "https://example.org/v1", True),
        ("ALL", "https://example.org/v1", True),
        ("100", "http://127.0.0.1:8080/v1", False),
    ],
)
def test_all_is_asked_for_where_it_costs_nothing_or_is_wanted(
    wanted: str | None, url: str, whole: bool, tmp_path: Path
) -> None:
    configuration = Configuration.load(top_logprobs=wanted, base_url=url, environment={}, directory=tmp_path)
    assert configuration.whole is whole


@pytest.mark.parametrize("wanted", ["0", "-1", "1000000", "many", "2.5", "²"])
def test_other_numbers_are_refused(wanted: str, tmp_path: Path) -> None:
    environment = {"SOFTMAX_VISUALIZER_TOP_LOGPROBS": wanted}
    with pytest.raises(
        ConfigurationError, match=r"SOFTMAX_VISUALIZER_TOP_LOGPROBS is .*auto, all, or a whole"
    ):
        Configuration.load(environment=environment, directory=tmp_path)
