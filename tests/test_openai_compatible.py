"""A model behind a server: what is sent, what comes of the answer, and what is said when none comes."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from misbehaving_server import Answer, MisbehavingServer
from softmax_visualizer.models import connection, openai_compatible
from softmax_visualizer.models.base import Abilities, LanguageModel, ModelError
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.continuing import CONTINUE
from softmax_visualizer.models.failures import explain
from softmax_visualizer.models.openai_compatible import TRIED_AGAIN, OpenAICompatibleModel
from softmax_visualizer.models.replay import RecordedModel

SAVED = Path(__file__).parent / "data" / "answers"
KEY = "key-0123456789abcdefghij"
"""Not of OpenAI's form, which is recognised whosever key it is."""
SAMPLING = {"temperature": 1, "top_p": 1, "stream": False}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, key or URL of the machine's reaches the tests, and nothing waits for its own sake."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("OPENAI_", "SSL_CERT")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(connection, "RETRY_DELAY", 0)


def saved(server: str, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((SAVED / server / f"{name}.json").read_text("utf-8"))["answer"]
    return answer


def listing(*entries: dict[str, Any]) -> Answer:
    return Answer({"object": "list", "data": list(entries)})


def chat(*logprobs: float, model: str = "m") -> Answer:
    """Return an answer whose list has a token for each of ``logprobs``: t0, t1, ..."""
    listed = [
        {"token": f"t{rank}", "logprob": logprob, "bytes": None} for rank, logprob in enumerate(logprobs)
    ]
    content = [{"token": "t0", "logprob": logprobs[0], "bytes": None, "top_logprobs": listed}]
    message = {"role": "assistant", "content": "t0"}
    choice = {"index": 0, "finish_reason": "length", "message": message, "logprobs": {"content": content}}
    return Answer({"object": "chat.completion", "model": model, "choices": [choice]})


def error(status: int, message: str = "", **others: Any) -> Answer:
    return Answer({"error": {"message": message, "type": "t", "param": None, "code": None, **others}}, status)


GOOD = chat(*[-2.0 - rank / 10 for rank in range(20)])


def model_at(url: str, key: str | None = KEY, **settings: Any) -> OpenAICompatibleModel:
    settings = {"model": "m", "timeout": 20.0, **settings}
    configuration = Configuration(Secret(key) if key else None, url, **settings)
    return OpenAICompatibleModel(configuration, today=date(2026, 11, 26))


async def failure_of(model: OpenAICompatibleModel, prompt: str = "Hi") -> str:
    with pytest.raises(ModelError) as caught:
        await model.ask(prompt)
    await model.close()
    return str(caught.value)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def good() -> Iterator[MisbehavingServer]:
    with MisbehavingServer(GOOD, models=listing({"id": "m"})) as server:
        yield server


class TestTheRequest:
    CASES = (
        (
            "answer",
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "Hi"}], "logprobs": True, "top_logprobs": 20},
        ),
        (
            "continue",
            "/v1/chat/completions",
            {
                "messages": [{"role": "system", "content": CONTINUE}, {"role": "user", "content": "Hi"}],
                "logprobs": True,
                "top_logprobs": 20,
            },
        ),
        ("raw", "/v1/completions", {"prompt": "Hi", "logprobs": 20}),
    )

    @pytest.mark.parametrize(("framing", "path", "particulars"), CASES)
    async def test_it_asks_for_one_token_at_temperature_one_and_nothing_more(
        self, good: MisbehavingServer, framing: str, path: str, particulars: dict[str, Any]
    ) -> None:
        model = model_at(good.url, framing=framing)
        announced = model.request("Hi")
        answer = await model.ask("Hi")
        (asked,) = good.asked
        assert asked.path == path
        assert asked.body == {"model": "m", "max_tokens": 1, **particulars, **SAMPLING}
        assert answer.request == announced == {"url": f"http://{good.host}{path}", "body": asked.body}
        await model.close()

    async def test_the_key_travels_in_the_header_alone(self, good: MisbehavingServer) -> None:
        model = model_at(good.url)
        answer = await model.ask("Hi")
        assert good.asked[0].headers["authorization"] == f"Bearer {KEY}"
        assert KEY not in repr((answer, answer.request, model.request("Hi"), model, model._configuration))
        await model.close()

    async def test_without_a_key_a_word_that_is_none_is_sent(self, good: MisbehavingServer) -> None:
        model = model_at(good.url, key=None)
        await model.ask("Hi")
        assert good.asked[0].headers["authorization"] == "Bearer none"
        await model.close()

    async def test_other_keys_in_the_environment_stay_there(
        self, good: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_WEBHOOK_SECRET"):
            monkeypatch.setenv(name, "sk-of-the-environment")
        model = model_at(good.url, key=None)
        await model.ask("Hi")
        assert "sk-of-the-environment" not in str([good.asked, good.listed])
        await model.close()

    async def test_credentials_and_query_of_the_url_are_sent_but_not_shown(
        self, good: MisbehavingServer
    ) -> None:
        url = good.url.replace("//", "//user:swordfish@") + "/?api-version=1"
        model = model_at(url, key=None)
        answer = await model.ask("Hi")
        (asked,) = good.asked
        assert asked.path == "/v1/chat/completions?api-version=1"
        assert asked.headers["authorization"].startswith("Basic ")
        assert answer.endpoint == model.endpoint == good.url
        assert answer.request["url"] == f"{good.url}/chat/completions?api-version=1"
        assert "swordfish" not in repr((answer, model.request("Hi")))
        await model.close()

    async def test_text_of_every_script_arrives_as_it_is(self, good: MisbehavingServer) -> None:
        model = model_at(good.url)
        await model.ask(prompt := "Grüße 日本 🙂\n\t\x1b «»")
        assert good.asked[0].body["messages"][0]["content"] == prompt
        await model.close()


class TestTheAnswer:
    async def test_it_is_a_distribution_with_its_circumstances(self, good: MisbehavingServer) -> None:
        model: LanguageModel = model_at(good.url)
        answer = await model.ask("Hi")
        assert (answer.prompt, answer.model, answer.source, answer.endpoint) == (
            "Hi",
            "m",
            "openai",
            good.url,
        )
        assert len(answer.distribution) == 20
        assert answer.distribution.token(0).text == "t0"
        assert answer.notes == ()
        await model.close()

    async def test_real_answers_become_distributions(self) -> None:
        answers = Answer(saved("llamacpp", "t1_p1"))
        with MisbehavingServer(answers, models=Answer(saved("llamacpp", "models"))) as server:
            model = model_at(server.url, model="tiny-bigram")
            answer = await model.ask("The sky is")
            assert answer.distribution.vocabulary_size == 512
            assert not answer.distribution.vocabulary_assumed
            assert answer.distribution.unseen_mass.estimate == pytest.approx(0.045, abs=0.001)
            assert answer.notes == ()
            await model.close()

    async def test_an_end_of_text_drawn_first_is_asked_again(self) -> None:
        end = Answer(saved("llama-cpp-python", "eos_first"))
        with MisbehavingServer(end, end, Answer(saved("llama-cpp-python", "t1_p1"))) as server:
            model = model_at(server.url)
            assert len((await model.ask("The sky is")).distribution) == 20
            assert server.asked[0].body == server.asked[1].body == server.asked[2].body
            await model.close()
        with MisbehavingServer(end) as server:
            assert "end-of-text" in await failure_of(model_at(server.url))
            assert len(server.asked) == 6

    async def test_another_model_than_asked_for_is_named(self) -> None:
        with MisbehavingServer(chat(-1.0, -1.0, model="tiny\x1b[2J")) as server:
            model = model_at(server.url, model="no-such-model")
            answer = await model.ask("Hi")
            assert answer.model == "tiny [2J"
            assert "The answer came from tiny [2J, not from no-such-model." in answer.notes
            await model.close()

    async def test_a_dated_or_prefixed_name_is_the_same_model(self) -> None:
        with MisbehavingServer(chat(*[-3.5] * 20, model="gpt-4o-mini-2024-07-18")) as server:
            model = model_at(server.url, model="openai/gpt-4o-mini")
            answer = await model.ask("Hi")
            assert answer.model == "gpt-4o-mini-2024-07-18"
            assert answer.notes == ()
            await model.close()

    @pytest.mark.parametrize("value", [3.5, 1.0])
    async def test_logits_in_the_place_of_log_probabilities_are_refused(self, value: float) -> None:
        with MisbehavingServer(chat(value, -1.0)) as server:
            text = await failure_of(model_at(server.url))
        assert "cannot be used" in text
        assert "logits" in text

    async def test_an_announced_end_in_the_servers_list_is_noted(self) -> None:
        with MisbehavingServer(GOOD, models=listing({"id": "m", "shutdown_date": "2027-03-04"})) as server:
            model = model_at(server.url)
            assert "m is announced to be shut down on 2027-03-04." in (await model.ask("Hi")).notes
            await model.close()

    async def test_the_known_end_of_openais_models_is_noted_without_asking_for_its_list(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def complete(_: object, body: dict[str, Any]) -> object:
            return chat(-0.1, -3.0, model=f"{body['model']}-2024-07-18").body

        monkeypatch.setattr(connection.Connection, "complete", complete)
        monkeypatch.setattr(connection.Connection, "models", None)
        model = OpenAICompatibleModel(Configuration(Secret(KEY), model="gpt-4o-mini"))
        answer = await model.ask("Hi")
        assert "gpt-4o-mini is announced to be shut down on 2027-01-14." in answer.notes
        assert answer.distribution.vocabulary_size == 200_019
        assert answer.endpoint == "https://api.openai.com/v1"


async def test_an_answer_that_lacks_the_most_likely_token_is_no_proof_of_the_others() -> None:
    listed = [{"token": "Hello", "logprob": None}, {"token": "Hi", "logprob": -9.25}]
    content = [{**listed[0], "top_logprobs": listed}]
    body = {"model": "m", "choices": [{"message": {"content": "Hello"}, "logprobs": {"content": content}}]}
    with MisbehavingServer(Answer(body)) as server:
        model = model_at(server.url)
        answer = await model.ask("Hi")
        await model.close()
    assert (len(answer.distribution), answer.distribution.leading) == (1, 0)
    assert "1 of the server's tokens came without a usable number" in " ".join(answer.notes)


class TestAbilities:
    async def test_they_say_in_which_ways_a_prompt_can_be_put(self) -> None:
        with MisbehavingServer(chat(-2.5)) as server:
            model = model_at(server.url)
            assert model.abilities == Abilities(("answer", "continue", "raw"), takes_settings=True)
            await model.close()

    def test_the_bundled_model_and_a_recording_take_a_prompt_as_it_is(self) -> None:
        assert BundledModel().abilities == Abilities()
        assert RecordedModel.abilities == Abilities()


class TestTheVocabulary:
    async def ask(self, models: Answer, name: str = "m", **settings: Any) -> Any:
        with MisbehavingServer(chat(-1.0, -1.5, -2.0, model=name), models=models) as server:
            model = model_at(server.url, model=name, **settings)
            answer = await model.ask("Hi")
            await model.close()
            return answer.distribution

    async def test_the_configured_size_comes_first(self) -> None:
        distribution = await self.ask(listing({"id": "m", "meta": {"n_vocab": 512}}), vocabulary_size=77)
        assert (distribution.vocabulary_size, distribution.vocabulary_assumed) == (77, False)

    async def test_then_the_servers(self) -> None:
        models = listing({"id": "other", "meta": {"n_vocab": 9}}, {"id": "m", "meta": {"n_vocab": 512}})
        distribution = await self.ask(models)
        assert (distribution.vocabulary_size, distribution.vocabulary_assumed) == (512, False)

    async def test_then_the_models_name(self) -> None:
        distribution = await self.ask(listing({"id": "gpt-oss:20b"}), "gpt-oss:20b")
        assert (distribution.vocabulary_size, distribution.vocabulary_assumed) == (201_088, False)

    async def test_then_an_assumption_that_is_marked(self) -> None:
        distribution = await self.ask(listing({"id": "m"}))
        assert (distribution.vocabulary_size, distribution.vocabulary_assumed) == (300_000, True)

    async def test_a_list_of_the_whole_vocabulary_is_complete(self) -> None:
        assert (await self.ask(listing({"id": "m", "meta": {"n_vocab": 3}}))).complete

    async def test_a_size_that_the_list_disproves_is_passed_over(self) -> None:
        assert (await self.ask(listing({"id": "m", "meta": {"n_vocab": 2}}))).vocabulary_assumed

    async def test_a_configured_size_that_the_list_disproves_is_to_be_corrected(self) -> None:
        with MisbehavingServer(chat(-1.0, -1.5, -2.0)) as server:
            text = await failure_of(model_at(server.url, vocabulary_size=2))
        assert "--vocabulary-size" in text


class TestTheModelToAsk:
    async def test_where_none_is_named_it_is_the_first_that_the_server_lists(self) -> None:
        with MisbehavingServer(GOOD, models=listing({"id": "zeta"}, {"id": "alpha"})) as server:
            model = model_at(server.url, model=None)
            assert model.name == "default model"
            await model.ask("Hi")
            assert model.name == server.asked[0].body["model"] == "zeta"
            assert await model.names() == ("alpha", "zeta")
            await model.close()

    @pytest.mark.parametrize(
        "models",
        [
            None,
            listing({"id": "zeta"}, {"id": "gpt-4o-mini"}),
            listing(),
            Answer(b"<html>"),
            Answer(b"{"),
            error(401),
        ],
    )
    async def test_it_is_the_usual_one_where_that_is_listed_or_nothing_is(
        self, models: Answer | None
    ) -> None:
        with MisbehavingServer(GOOD, models=models) as server:
            model = model_at(server.url, model=None)
            await model.ask("Hi")
            assert model.name == server.asked[0].body["model"] == "gpt-4o-mini"
            await model.close()

    async def test_the_list_is_fetched_once(self, good: MisbehavingServer) -> None:
        model = model_at(good.url)
        for _ in range(3):
            await model.ask("Hi")
        assert [asked.path for asked in good.listed] == ["/v1/models"]
        await model.close()

    async def test_a_list_that_does_not_come_holds_up_three_answers_and_no_more(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(openai_compatible, "LISTING_TIMEOUT", 0.05)
        with MisbehavingServer(GOOD, models=Answer(manner="silence")) as server:
            model = model_at(server.url)
            assert (await model.ask("Hi")).distribution.vocabulary_assumed
            for _ in range(4):
                await model.ask("Hi")
            # under load one may be given up before it was sent
            assert 1 <= len(server.listed) <= 3
            await model.close()

    async def test_one_that_came_too_late_once_is_asked_for_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(openai_compatible, "LISTING_TIMEOUT", 0.05)
        late = threading.Event()
        models = Answer(listing({"id": "m", "meta": {"n_vocab": 512}}).body, wait_for=late)
        with MisbehavingServer(GOOD, models=models) as server:
            model = model_at(server.url)
            assert (await model.ask("Hi")).distribution.vocabulary_assumed
            late.set()
            monkeypatch.setattr(openai_compatible, "LISTING_TIMEOUT", 20)
            assert (await model.ask("Hi")).distribution.vocabulary_size == 512
            await model.close()

    async def test_an_empty_one_is_asked_for_again(self) -> None:
        with MisbehavingServer(GOOD, models=listing()) as server:
            model = model_at(server.url)
            await model.ask("Hi")
            await model.ask("Hi")
            assert len(server.listed) == 2
            await model.close()

    async def test_nor_does_it_outlive_a_question_that_failed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(openai_compatible, "LISTING_TIMEOUT", 600)
        with MisbehavingServer(error(400, "no"), models=Answer(manner="silence")) as server:
            model = model_at(server.url)
            with pytest.raises(ModelError):
                await model.ask("Hi")
            if server.listed:
                assert await asyncio.to_thread(server.hung_up.wait, 20)
            await model.close()

    async def test_a_server_that_was_not_there_yet_is_asked_for_its_list_later(self, free_port: int) -> None:
        model = model_at(f"http://127.0.0.1:{free_port}/v1", model=None)
        with pytest.raises(ModelError):
            await model.ask("Hi")
        assert model.name == "default model"
        await model.close()

    async def test_names_that_cannot_be_listed_say_why(self) -> None:
        with MisbehavingServer(GOOD) as server:
            model = model_at(server.url)
            with pytest.raises(ModelError, match="does not know the address"):
                await model.names()
            await model.close()


class TestTheLadder:
    RENAME = error(
        400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", param="max_tokens"
    )
    FEWER = error(
        400, "Invalid value for 'top_logprobs': must be less than or equal to 5.", param="top_logprobs"
    )
    NO_LOGPROBS = error(
        400, "Unsupported parameter: 'logprobs' is not supported with this model.", param="logprobs"
    )

    async def test_what_a_server_taught_is_kept_for_the_next_prompt(self) -> None:
        with MisbehavingServer(self.RENAME, self.FEWER, chat(*[-2.0] * 5)) as server:
            model = model_at(server.url)
            answer = await model.ask("Hi")
            learnt = {"max_completion_tokens": 1, "logprobs": True, "top_logprobs": 5, **SAMPLING}
            message = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
            assert answer.request["body"] == server.asked[2].body == {**message, **learnt}
            assert "This model lists at most 5 tokens, not the 20 asked for first." in answer.notes
            await model.ask("Ho")
            assert len(server.asked) == 4
            assert server.asked[3].body == {
                **message,
                "messages": [{"role": "user", "content": "Ho"}],
                **learnt,
            }
            assert model.request("Ho")["body"] == server.asked[3].body
            await model.close()

    async def test_a_bare_completion_has_its_own(self) -> None:
        fewer = error(400, "logprobs must be less than or equal to 5", param="logprobs")
        with MisbehavingServer(fewer, Answer(saved("llama-cpp-python", "completions"))) as server:
            model = model_at(server.url, framing="raw", model="tiny-bigram")
            assert len((await model.ask("The sky is")).distribution) == 5
            assert [asked.body["logprobs"] for asked in server.asked] == [20, 5]
            await model.close()

    async def test_an_empty_answer_that_was_cut_short_is_given_room(self) -> None:
        choice = {"finish_reason": "length", "message": {"content": ""}, "logprobs": None}
        with MisbehavingServer(Answer({"choices": [choice]}), GOOD) as server:
            model = model_at(server.url)
            await model.ask("Hi")
            assert [asked.body["max_tokens"] for asked in server.asked] == [1, 16]
            await model.close()

    async def test_an_error_inside_an_answer_of_200_is_climbed_too(self) -> None:
        with MisbehavingServer(Answer(self.FEWER.body), GOOD) as server:
            model = model_at(server.url)
            await model.ask("Hi")
            assert server.asked[1].body["top_logprobs"] == 5
            await model.close()

    async def test_a_model_without_log_probabilities_says_so_and_nothing_is_learnt(self) -> None:
        with MisbehavingServer(self.NO_LOGPROBS) as server:
            model = model_at(server.url)
            before = model.request("Hi")
            text = await failure_of(model)
            assert text.startswith("m gives no log-probabilities. Choose another model (--model).")
            assert len(server.asked) == 2
            assert server.asked[1].body["reasoning_effort"] == "none"
            assert model.request("Hi") == before

    async def test_six_requests_are_the_most(self) -> None:
        limits = [error(400, f"top_logprobs must be <= {limit}") for limit in range(19, 1, -1)]
        with MisbehavingServer(*limits) as server:
            await failure_of(model_at(server.url))
            assert [asked.body["top_logprobs"] for asked in server.asked] == [20, 19, 18, 17, 16, 15]


class TestRefusals:
    @pytest.mark.parametrize(
        ("answer", "words", "requests"),
        [
            (
                error(401, "Incorrect API key"),
                ["refused the API key", "OPENAI_API_KEY", "“Incorrect API key”"],
                1,
            ),
            (error(402, "Insufficient balance"), ["no credit"], 1),
            (error(403, "Country not supported"), ["does not allow", "Country not supported"], 1),
            (
                error(403, "You are not allowed to request logprobs from this model"),
                ["m gives no log-probab"],
                1,
            ),
            (
                error(404, "The model `m` does not exist", code="model_not_found"),
                ["has no model 'm'", "--model"],
                1,
            ),
            (error(404, "File Not Found"), ["does not know the address", "Check the base URL"], 1),
            (Answer({"detail": "Not Found"}, 404), ["does not know the address"], 1),
            (error(429, "You exceeded your current quota", code="insufficient_quota"), ["no quota left"], 1),
            (
                error(429, "Rate limit reached. Please try again in 1.2s."),
                ["no more requests now: wait 2 s, then ask again."],
                1,
            ),
            (
                Answer({"error": "slow down"}, 429, {"Retry-After": "7"}),
                [": wait 7 s, then ask again.", "slow down"],
                1,
            ),
            (
                Answer({}, 429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
                [": wait a little, then ask again."],
                1,
            ),
            (Answer(b"<html>", 405), ["does not know the address"], 1),
            (error(400, "Model Not Exist"), ["has no model 'm'"], 1),
            (error(400, "No models loaded. Load one first."), ["has no model 'm'", "Load one first"], 1),
            (
                error(503, "No available channel", code="model_not_found"),
                ["has no model 'm'", "No available channel"],
                2,
            ),
            (error(400, '"m" does not support chat'), ["m cannot be asked this way", "--framing"], 1),
            (
                error(
                    404,
                    "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
                ),
                ["m cannot be asked this way"],
                1,
            ),
            (
                error(400, "request exceeds the context size"),
                ["refused the request (HTTP 400)", "context size"],
                1,
            ),
            (error(500, "boom"), ["failed (HTTP 500)", "boom"], 2),
            (error(503, "Loading model"), ["failed (HTTP 503)", "Loading model"], 2),
            (
                Answer(b"<html><title>502 Bad Gateway</title>", 502),
                ["HTTP 502", "a web page: 502 Bad Gateway"],
                2,
            ),
            (Answer(b"", 500), ["failed (HTTP 500)"], 2),
            (Answer(b"", 418), ["refused the request (HTTP 418)"], 1),
            (Answer(b"", 304), ["redirects the request (HTTP 304)"], 1),
            (Answer({"error": {"message": "upstream died"}}), ["answered with an error", "upstream died"], 1),
            (Answer({"error": {"message": "pay", "code": 402}}), ["no credit", "pay"], 1),
        ],
    )
    async def test_each_is_a_sentence_with_its_cause_and_remedy(
        self, answer: Answer, words: list[str], requests: int
    ) -> None:
        with MisbehavingServer(answer) as server:
            text = await failure_of(model_at(server.url))
            assert len(server.asked) == requests
        for word in words:
            assert word in text
        assert "\n" not in text
        assert "Error code" not in text

    async def test_a_server_that_wants_a_key_where_none_is_set(self) -> None:
        with MisbehavingServer(error(401, "Unauthorized")) as server:
            assert "needs an API key: set OPENAI_API_KEY" in await failure_of(model_at(server.url, key=None))

    async def test_a_base_url_without_its_version_is_completed_in_the_message(self) -> None:
        with MisbehavingServer(error(404, "Not Found")) as server:
            text = await failure_of(model_at(f"http://{server.host}"))
            assert f"try http://{server.host}/v1" in text

    async def test_and_so_it_is_where_a_server_has_the_path_for_something_else(self) -> None:
        # llama.cpp has a /completions of its own
        own = Answer({"index": 0, "content": " dog", "stop": True, "generation_settings": {"n_predict": 1}})
        with MisbehavingServer(own) as server:
            text = await failure_of(model_at(f"http://{server.host}", framing="raw"))
            assert "does not come from a language model" in text
            assert f"try http://{server.host}/v1" in text

    async def test_a_missing_deployment_is_no_missing_path(self) -> None:
        missing = error(
            404, "The API deployment for this resource does not exist.", code="DeploymentNotFound"
        )
        with MisbehavingServer(missing) as server:
            text = await failure_of(model_at(server.url))
            assert "has no deployment 'm'" in text
            assert "--model or OPENAI_MODEL" in text
            text = await failure_of(model_at(f"http://{server.host}/openai/deployments/mine"))
            assert "has no deployment 'mine'. Check the base URL" in text

    async def test_the_technical_cause_is_kept(self, free_port: int) -> None:
        with MisbehavingServer(error(400, "no")) as server:
            for url, cause in (
                (server.url, "BadRequestError"),
                (f"http://127.0.0.1:{free_port}", "APIConnectionError"),
            ):
                model = model_at(url)
                with pytest.raises(ModelError) as caught:
                    await model.ask("Hi")
                assert type(caught.value.__cause__).__name__ == cause
                await model.close()

    async def test_a_failure_that_passes_is_tried_again_once_and_said(self) -> None:
        with MisbehavingServer(error(500, "boom"), GOOD) as server:
            model = model_at(server.url)
            assert TRIED_AGAIN in (await model.ask("Hi")).notes
            assert TRIED_AGAIN not in (await model.ask("Hi")).notes
            await model.close()
            assert len(server.asked) == 3

    async def test_a_long_text_of_the_server_is_shortened(self) -> None:
        with MisbehavingServer(error(400, "word\n" * 5000)) as server:
            assert len(await failure_of(model_at(server.url))) < 400

    async def test_a_redirection_is_followed_without_the_key(self) -> None:
        with MisbehavingServer(error(401, "no key")) as end:
            there = Answer(b"", 307, {"Location": f"{end.url}/chat/completions"})
            with MisbehavingServer(there) as start:
                text = await failure_of(model_at(start.url))
            assert f"It redirected the request to http://{end.host}: use that in the base URL." in text
            assert KEY not in str(end.asked)

    async def test_a_redirection_in_a_circle(self) -> None:
        with MisbehavingServer(Answer(b"", 307, {"Location": "/v1/chat/completions"})) as server:
            assert "redirects in a loop" in await failure_of(model_at(server.url))


class TestDamagedAnswers:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (
                Answer(b"<!doctype html><p>Welcome", headers={"Content-Type": "text/html"}),
                "a web page instead of JSON",
            ),
            (Answer(b'{"choices": [{"logprobs": '), "ended in the middle"),
            (Answer(b""), "sent an empty answer"),
            (Answer(b"data: soon\n\n"), "not JSON: “data: soon”"),
            (Answer(b"data: {}\n\n"), "does not come from a language model"),
            (Answer({"object": "list", "data": []}), "does not come from a language model"),
            (Answer(b"[" * 100_000), "ended in the middle"),
            (Answer(b"\xff\xfe\xfd"), "not JSON"),
            (Answer(b"null"), "does not come from a language model"),
            (Answer(b"[]"), "does not come from a language model"),
            (Answer({"choices": []}), "without any text"),
            (Answer({"choices": [{"message": {"content": "Hi"}}]}), "without log-probabilities"),
            (Answer(b"not gzip", headers={"Content-Encoding": "gzip"}), "cannot be unpacked"),
            (Answer(GOOD.body, manner="half"), "closed the connection too early"),
        ],
    )
    async def test_each_is_told_apart(self, answer: Answer, words: str) -> None:
        with MisbehavingServer(answer) as server:
            assert words in await failure_of(model_at(server.url))

    @pytest.mark.parametrize(
        "raw",
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n{}",
            b"220 mail.example ESMTP\r\n\r\n",
        ],
    )
    async def test_what_is_no_proper_http_is_not_said_to_have_ended_early(self, raw: bytes) -> None:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await reader.read()
            writer.close()

        async with await asyncio.start_server(play, "127.0.0.1") as server:
            port = server.sockets[0].getsockname()[1]
            text = await failure_of(model_at(f"http://127.0.0.1:{port}/v1"))
        assert "does not answer in correct HTTP" in text
        assert "closed the connection" not in text


class TestConnections:
    async def test_nobody_listens(self, free_port: int) -> None:
        text = await failure_of(model_at(f"http://localhost:{free_port}/v1"))
        assert text == f"Nothing listens at localhost:{free_port}. Start the server, or check the base URL."

    async def test_a_name_that_does_not_exist(self) -> None:
        assert "The name nowhere.invalid cannot be found" in await failure_of(
            model_at("https://nowhere.invalid/v1")
        )

    async def test_https_to_a_server_that_speaks_http(self, good: MisbehavingServer) -> None:
        text = await failure_of(model_at(good.url.replace("http:", "https:")))
        assert "does not answer in correct https" in text
        assert "http://" in text

    async def test_silence_ends_with_the_number_of_seconds(self) -> None:
        with MisbehavingServer(Answer(manner="silence")) as server:
            text = await failure_of(model_at(server.url, timeout=0.3))
            assert f"No answer from {server.host} within 0.3 s" in text
            assert "--timeout or OPENAI_TIMEOUT" in text
            assert server.hung_up.wait(10)

    async def test_drops_that_never_end_are_no_answer_either(self) -> None:
        with MisbehavingServer(Answer(manner="trickle")) as server:
            assert "within 0.3 s" in await failure_of(model_at(server.url, timeout=0.3))
            assert server.hung_up.wait(10)

    @pytest.mark.skipif(importlib.util.find_spec("socksio") is not None, reason="socksio is installed")
    async def test_a_socks_proxy_needs_a_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
        assert "pip install socksio" in await failure_of(model_at("https://llm.example/v1"))

    async def test_a_certificate_file_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/to/be/found.pem")
        assert "SSL_CERT_FILE" in await failure_of(model_at("https://llm.example/v1"))

    @pytest.mark.parametrize(
        ("cause", "words"),
        [
            (
                ssl.SSLCertVerificationError(1, "certificate verify failed"),
                "certificate of llm.example is not trusted",
            ),
            (OSError(101, "Network is unreachable"), "llm.example:443 cannot be reached"),
            (OSError(110, "Connection timed out"), "llm.example:443 cannot be reached"),
            (ValueError("Unknown scheme for proxy URL"), "Check the base URL and the proxy variables"),
            (ImportError("No module named 'openai'"), "pip install 'openai>=3'"),
            (RuntimeError("strange"), "Asking llm.example failed: strange"),
        ],
    )
    def test_causes_that_no_local_server_can_bring_about(self, cause: Exception, words: str) -> None:
        raised: Exception = cause
        if isinstance(cause, OSError):
            if isinstance(cause, ssl.SSLCertVerificationError):
                cause.verify_message = "self-signed certificate"
            raised = ConnectionError("Connection error.")
            raised.__cause__ = cause
        assert words in str(explain(raised, Configuration(None, "https://llm.example/v1")))


class TestPrompts:
    async def test_an_empty_one_is_not_sent(self, good: MisbehavingServer) -> None:
        assert "The prompt is empty" in await failure_of(model_at(good.url), "")
        assert good.asked == []

    async def test_half_a_character_is_named_and_not_sent(self, good: MisbehavingServer) -> None:
        assert "U+D83D" in await failure_of(model_at(good.url), "Hi \ud83d")
        assert good.asked == []


class TestSecrecy:
    @pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
    @pytest.mark.parametrize("before", [0, 150, 185])
    async def test_a_key_that_a_server_quotes_is_in_no_text(self, status: int, before: int) -> None:
        text = f"{'x ' * (before // 2)}{KEY} was sent with logprobs"
        for body in (
            {"error": {"message": text, "code": KEY}},
            {"error": text},
            text.encode(),
            f"<{text}".encode(),
        ):
            with MisbehavingServer(Answer(body, status)) as server:
                model = model_at(server.url)
                with pytest.raises(ModelError) as caught:
                    await model.ask("Hi")
                await model.close()
            told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
            assert KEY not in told
            assert KEY[:12] not in told

    async def test_nor_in_a_note_or_the_models_name(self) -> None:
        with MisbehavingServer(chat(-1.0, -1.0, model=KEY)) as server:
            model = model_at(server.url)
            answer = await model.ask("Hi")
            assert KEY not in repr((answer.notes, answer.model, answer.request))
            await model.close()

    async def test_nor_is_the_urls_password_in_a_text_about_it(self, free_port: int) -> None:
        model = model_at(f"http://user:swordfish@127.0.0.1:{free_port}/v1")
        with pytest.raises(ModelError) as caught:
            await model.ask("Hi")
        await model.close()
        assert "swordfish" not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize("variables", [{"OPENAI_LOG": "debug"}, {"ALL_PROXY": "socks5://127.0.0.1:9"}])
    def test_nothing_is_written_across_the_screen(
        self, good: MisbehavingServer, variables: dict[str, str]
    ) -> None:
        code = f"""
import asyncio, gc
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel

async def main():
    model = OpenAICompatibleModel(Configuration(Secret({KEY!r}), {good.url!r}, "m"))
    try:
        await model.ask("Hi")
        await model.names()
    except Exception as error:
        del error
    await model.close()
    gc.collect()
    await asyncio.sleep(0)

asyncio.run(main())
"""
        environment = {**os.environ, **variables}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout == done.stderr == ""


class TestCancelling:
    @pytest.mark.parametrize("manner", ["silence", "trickle"])
    async def test_it_closes_the_connection(self, manner: Any) -> None:
        with MisbehavingServer(Answer(manner=manner)) as server:
            model = model_at(server.url)
            asking = asyncio.create_task(model.ask("Hi"))
            assert await asyncio.to_thread(server.asking.wait, 20)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert await asyncio.to_thread(server.hung_up.wait, 20)
            await model.close()

    async def test_the_next_question_is_answered(self) -> None:
        with MisbehavingServer(Answer(manner="silence"), GOOD) as server:
            model = model_at(server.url)
            asking = asyncio.create_task(model.ask("old"))
            assert await asyncio.to_thread(server.asking.wait, 20)
            asking.cancel()
            assert (await model.ask("new")).prompt == "new"
            await model.close()

    async def test_a_late_answer_belongs_to_its_own_question(self) -> None:
        release = threading.Event()
        late = Answer(chat(-0.5, -1.5).body, wait_for=release)
        with MisbehavingServer(late, GOOD) as server:
            model = model_at(server.url)
            first = asyncio.create_task(model.ask("first"))
            assert await asyncio.to_thread(server.asking.wait, 20)
            second = await model.ask("second")
            assert not first.done()
            release.set()
            answer = await first
            assert (answer.prompt, len(answer.distribution)) == ("first", 2)
            assert (second.prompt, len(second.distribution)) == ("second", 20)
            await model.close()

    async def test_closing_what_was_never_opened_is_nothing(self) -> None:
        await model_at("http://127.0.0.1:9/v1").close()


def test_importing_it_does_not_import_openai() -> None:
    code = "import sys, softmax_visualizer.models.openai_compatible; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"openai", "httpx2", "pydantic", "textual"} & set(loaded)
