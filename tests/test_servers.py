"""Answers of real servers that were once misread: the true reason is said, and the right model is asked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, get_args

import pytest

from misbehaving_server import Answer, MisbehavingServer
from softmax_visualizer.models import connection
from softmax_visualizer.models.base import Framing, ModelAnswer, ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.event_stream import read_events
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from softmax_visualizer.models.opening import open_model
from softmax_visualizer.models.questions import Learnt
from softmax_visualizer.models.refusal import Refusal, error_in

TODAY = date(2026, 11, 26)
LATER = date(2027, 2, 1)

TOP = [{"token": " dog", "logprob": -0.3}, {"token": " cat", "logprob": -2.0}]
LOGPROBS = {"content": [{**TOP[0], "top_logprobs": TOP}]}
MESSAGE = {"role": "assistant", "content": " dog"}
CHOICE = {"index": 0, "finish_reason": "length", "message": MESSAGE, "logprobs": LOGPROBS}
GOOD = {"model": "m", "choices": [CHOICE]}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("OPENAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(connection, "RETRY_DELAY", 0)


async def ask(server: MisbehavingServer, **settings: Any) -> ModelAnswer:
    model = OpenAICompatibleModel(Configuration(base_url=server.url, **settings), today=TODAY)
    try:
        return await model.ask("Hi")
    finally:
        await model.close()


async def failure(answer: Answer) -> str:
    models = Answer({"data": [{"id": "m"}]})
    with MisbehavingServer(answer, models=models) as server, pytest.raises(ModelError) as caught:
        await ask(server)
    return str(caught.value)


EXTRA = "Extra inputs are not permitted"


class TestWhereTheReasonStands:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            # Google: the only element of an array, said once more among the details
            (
                [{"error": {"message": "no", "details": [{"fieldViolations": [{"message": "no"}]}]}}],
                "no",
            ),
            # Mistral: below "message"
            (
                {
                    "object": "error",
                    "message": {
                        "detail": [
                            {"loc": ["body", "logprobs"], "msg": EXTRA, "input": True},
                            {"loc": ["body", "top_logprobs"], "msg": EXTRA, "input": 20},
                        ]
                    },
                },
                f"logprobs: {EXTRA}; top_logprobs: {EXTRA}",
            ),
            # ASP.NET
            ({"title": "Invalid", "errors": {"top_p": ["too big"]}}, "top_p: too big; Invalid"),
            # Fastify, NestJS
            ({"statusCode": 400, "error": "Bad Request", "message": "too big"}, "too big; Bad Request"),
            # OpenRouter
            (
                {"error": {"message": "Provider error", "metadata": {"raw": '{"error": {"message": "no"}}'}}},
                "Provider error; no",
            ),
            # LiteLLM
            ("litellm.Error: Error code: 400 - {'error': {'message': \"it's no\", 'code': None}}", "it's no"),
            # Cloudflare, Apigee
            ({"success": False, "errors": [{"code": 10000, "message": "no"}]}, "no"),
            ({"fault": {"faultstring": "no", "detail": {"errorcode": "x.y"}}}, "no"),
            ({"error_code": 110, "error_msg": "no"}, "no"),
            ({"response": {"data": [{"exception": "no"}]}}, "no"),
            ("<?xml version='1.0'?><Error><Message>a &lt; b</Message></Error>", "a web page: a < b"),
            ("<html><body><h1>502 Bad Gateway</h1><hr>nginx", "a web page: 502 Bad Gateway"),
            ("<script>var x = 1</script><p>Try <b>later</b>", "a web page: Try later"),
            ('data: {"error": {"message": "no"}}\n\n', "no"),
            ({"error": {"code": "overloaded"}}, "overloaded"),
            ("Use {x} or [y]", "Use {x} or [y]"),
        ],
    )  # fmt: skip
    def test_it_is_found(self, body: object, message: str) -> None:
        found = " ".join(Refusal.from_body(400, body).message.split())
        assert found == message

    def test_the_field_and_the_code_are_found_as_deep(self) -> None:
        body = {"error": json.dumps({"detail": [{"loc": ["body", "top_p"], "msg": "no", "code": "x"}]})}
        assert Refusal.from_body(422, body) == Refusal(422, "top_p: no", "top_p", "x")

    @pytest.mark.parametrize(
        "answer",
        [
            {"choices": [{"message": {"content": ""}, "error": {"message": "no", "code": 502}}]},
            {"choices": [{"message": {"content": None, "error": {"message": "no", "code": 502}}}]},
            {"choices": [{"message": MESSAGE}], "error": {"message": "no", "code": 502}},
            {"choices": [], "error": {"message": "no", "code": "502"}},
            [{"error": {"message": "no", "code": 502}}],
            {"code": 502, "message": "no"},
            {"success": False, "code": 502, "data": None, "msg": "no"},
            {"choices": None, "base_resp": {"status_code": 502, "status_msg": "no"}},
        ],
    )
    def test_in_an_answer_of_200_it_is_found_beside_and_in_a_choice(self, answer: object) -> None:
        refusal = error_in(answer)
        assert refusal is not None
        assert (refusal.status, refusal.message) == (502, "no")

    @pytest.mark.parametrize(
        "answer",
        [
            GOOD,
            {**GOOD, "error": {"message": "a warning"}},
            {"object": "list", "data": [{"id": "m", "description": "fine"}]},
            {"message": MESSAGE, "done": True},
            {"status": "ok"},
            {"code": 0, "message": "success", "data": [{"id": "m"}]},
            {"choices": [{"message": MESSAGE, "logprobs": None}]},
        ],
    )
    def test_where_there_is_none_none_is_found(self, answer: object) -> None:
        assert error_in(answer) is None

    async def test_the_sentence_has_the_servers_words(self) -> None:
        choice = {"message": {"content": ""}, "logprobs": None, "finish_reason": "error"}
        error = {"code": 502, "message": "Upstream provider timed out", "metadata": {"provider_name": "X"}}
        text = await failure(Answer({"choices": [{**choice, "error": error}]}))
        assert "failed (error 502)" in text
        assert "“Upstream provider timed out”" in text

    @pytest.mark.parametrize(
        "answer",
        [
            Answer([{"error": {"message": 'Unknown name "logprobs": Cannot find field.'}}], 400),
            Answer({"message": {"detail": [{"loc": ["body", "logprobs"], "msg": EXTRA}]}}, 422),
            Answer({"error": "Log probabilities are not supported"}, 400),
        ],
    )
    async def test_one_that_knows_no_logprobs_says_so(self, answer: Answer) -> None:
        assert (await failure(answer)).startswith("m gives no log-probabilities.")

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            # Google, Anthropic, new-api, DeepSeek, Bedrock, Azure, vLLM
            (Answer({"error": {"message": "API key not valid. Pass a valid one."}}, 400), "wants an API key"),
            (Answer({"code": 1004, "msg": "invalid api key"}), "wants an API key"),
            (Answer({"error": {"message": "Your credit balance is too low"}}, 400), "has no quota left"),
            (Answer({"error": {"message": "user quota is not enough"}}, 403), "has no quota left"),
            (Answer({"error": {"message": "Model Not Exist"}}, 400), "has no model 'm'"),
            (Answer({"message": "The provided model identifier is invalid."}, 400), "has no model 'm'"),
            (
                Answer({"error": {"message": "The operation does not work with the specified model"}}, 400),
                "m cannot be asked this way",
            ),
            (
                Answer({"message": "The model does not support Chat Completions API"}, 400),
                "m cannot be asked",
            ),
            (
                Answer({"choices": [{"message": {"content": "It broke"}, "finish_reason": "error"}]}),
                "“It broke”",
            ),
            (Answer({"error": {"message": "The prompt holds an invalid key"}}, 400), "refused the request"),
        ],
    )
    async def test_the_same_reason_comes_with_many_a_status(self, answer: Answer, words: str) -> None:
        assert words in await failure(answer)

    async def test_a_200_that_refuses_the_path_is_a_wrong_address(self) -> None:
        refusal = Answer({"error": "Unexpected endpoint or method. (POST /chat/completions)"})
        with MisbehavingServer(refusal, models=refusal) as server:
            for framing in get_args(Framing):
                configuration = Configuration(base_url=f"http://{server.host}", framing=framing)
                model = OpenAICompatibleModel(configuration)
                with pytest.raises(ModelError) as caught:
                    await model.ask("Hi")
                await model.close()
                assert f"try http://{server.host}/v1. It says: “Unexpected endpoint" in str(caught.value)


CHUNK = {
    "model": "m",
    "choices": [{"index": 0, "finish_reason": None, "delta": MESSAGE, "logprobs": LOGPROBS}],
}
FIRST = {
    "model": "m",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None}],
}
EMPTY = {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [], "refusal": None}}]}
LAST = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}], "usage": {"total_tokens": 2}}


class TestStreams:
    """An answer that came as a stream, though none was asked for, is read all the same."""

    @pytest.mark.parametrize(
        "text",
        [
            f"{json.dumps(GOOD)}\n\ndata: [DONE]\n\n",
            f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n",
            f": waiting\n\nevent: x\r\ndata:{json.dumps(FIRST)}\r\n\r\ndata:{json.dumps(CHUNK)}\r\n\r\n",
            "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in (FIRST, EMPTY, CHUNK, LAST)),
            "".join(f"{json.dumps(chunk)}\n" for chunk in (FIRST, CHUNK, LAST)),
            "".join(f"data: {json.dumps(chunk)}\n" for chunk in (FIRST, CHUNK, LAST)),
            "data: " + json.dumps(CHUNK, indent=1).replace("\n", "\ndata: ") + "\n\n",
            json.dumps([FIRST, CHUNK, LAST]),
            f"data: {json.dumps({'choices': []})}\n\ndata: {json.dumps(CHUNK)}\n\ndata: {{\"choi",
        ],
    )  # fmt: skip
    async def test_it_is_put_together(self, text: str) -> None:
        stream = Answer(text.encode(), headers={"Content-Type": "text/event-stream"})
        with MisbehavingServer(stream) as server:
            answer = await ask(server, model="m")
            assert [token.text for token in answer.distribution.tokens] == [" dog", " cat"]
            assert len(server.asked) == 1

    def test_texts_and_lists_are_joined(self) -> None:
        chunks = (FIRST, CHUNK, CHUNK, LAST)
        whole = read_events("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode())
        (choice,) = whole["choices"]
        assert choice["message"] == {"role": "assistant", "content": " dog dog"}
        assert len(choice["logprobs"]["content"]) == 2
        assert choice["finish_reason"] == "length"

    async def test_an_error_in_it_is_one(self) -> None:
        assert "has no credit" in await failure(
            Answer(b'data: {"error": {"message": "pay", "code": 402}}\n\n')
        )

    async def test_what_broke_off_before_anything_came_is_said_to_be_no_json(self) -> None:
        assert "is not JSON: “data: {" in await failure(Answer(b'data: {"choices": [{"del'))

    async def test_an_answer_that_broke_off_is_no_stream_of_its_lines(self) -> None:
        half = json.dumps({"choices": [{"logprobs": {"top_logprobs": TOP}}]}, indent=1)[:-20]
        assert "broke off in the middle" in await failure(Answer(half.encode()))


Reply = Callable[[dict[str, Any]], Any]


def refusing(message: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "param": param, "type": "invalid_request_error", "code": 400}}


def openai_2027(body: dict[str, Any]) -> Any:
    """OpenAI as it will be: its models reason unless told not to, and the largest cannot be told."""
    name = body["model"]
    if name == "gpt-4o-mini":
        return {**GOOD, "model": name}
    if name.endswith("astra") and body.get("reasoning_effort") == "none":
        return refusing("Unsupported value: 'reasoning_effort' does not support 'none'.", "reasoning_effort")
    if "max_tokens" in body:
        return refusing(
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens"
        )
    if body.get("reasoning_effort") != "none":
        return refusing("Unsupported parameter: 'logprobs' is not supported with this model.", "logprobs")
    if body["top_logprobs"] > 5:
        return refusing("Invalid value for 'top_logprobs': must be less than or equal to 5.", "top_logprobs")
    if body["max_completion_tokens"] == 1:
        return refusing("Could not finish the message because max_tokens was reached.")
    return {**GOOD, "model": name}


class TestOpenAI:
    MODELS = Answer(
        {
            "data": [
                {"id": "text-embedding-3-small", "shutdown_date": None},
                {"id": "gpt-6-astra"},
                {"id": "gpt-4o-mini", "shutdown_date": "2027-01-14"},
                {"id": "gpt-5.6-luna"},
                {"id": "gpt-5.4-mini"},
            ]
        }
    )

    @pytest.fixture
    def server(self) -> Iterator[MisbehavingServer]:
        with MisbehavingServer(Answer(openai_2027), models=self.MODELS) as server:
            yield server

    async def ask(self, server: MisbehavingServer, today: date, name: str | None = None) -> ModelAnswer:
        model = OpenAICompatibleModel(Configuration(base_url=server.url, model=name), today=today)
        try:
            return await model.ask("Hi")
        finally:
            await model.close()

    async def test_today_the_usual_model_is_asked_as_ever(self, server: MisbehavingServer) -> None:
        answer = await self.ask(server, TODAY)
        (asked,) = server.asked
        assert answer.model == asked.body["model"] == "gpt-4o-mini"
        assert (asked.body["max_tokens"], asked.body["top_logprobs"]) == (1, 20)
        assert "gpt-4o-mini is announced to be shut down on 2027-01-14." in answer.notes

    async def test_after_its_end_the_next_one_is_asked_at_once_as_it_wants_to_be(
        self, server: MisbehavingServer
    ) -> None:
        answer = await self.ask(server, LATER)
        (asked,) = server.asked
        assert answer.model == asked.body["model"] == "gpt-5.6-luna"
        assert {
            name: asked.body[name] for name in ("reasoning_effort", "top_logprobs", "max_completion_tokens")
        } == {"reasoning_effort": "none", "top_logprobs": 5, "max_completion_tokens": 16}
        assert "max_tokens" not in asked.body
        assert (asked.body["temperature"], asked.body["top_p"]) == (1, 1)
        assert "Models of this kind list at most 5 tokens." in answer.notes

    async def test_a_model_that_always_reasons_is_refused_after_one_request(
        self, server: MisbehavingServer
    ) -> None:
        with pytest.raises(
            ModelError, match=r"^gpt-6-astra gives no log-probabilities\. Choose another model"
        ):
            await self.ask(server, LATER, "gpt-6-astra")
        assert len(server.asked) == 1

    async def test_one_that_refuses_though_none_was_named_is_passed_over_from_then_on(self) -> None:
        def reply(body: dict[str, Any]) -> Any:
            return (
                refusing("logprobs are not supported.", "logprobs")
                if body["model"] == "gpt-5.6-luna"
                else GOOD
            )

        learnt: Learnt = {}
        with MisbehavingServer(Answer(reply), models=self.MODELS) as server:
            for _ in range(2):
                model = OpenAICompatibleModel(Configuration(base_url=server.url), today=LATER, learnt=learnt)
                answer = await model.ask("Hi")
                await model.close()
                assert answer.request["body"]["model"] == "gpt-5.4-mini"
            names = [asked.body["model"] for asked in server.asked]
            assert names == ["gpt-5.6-luna", "gpt-5.4-mini", "gpt-5.4-mini"]

    async def test_where_its_list_cannot_be_had_its_models_are_tried_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = []

        async def complete(_: object, body: dict[str, Any]) -> Any:
            names.append(body["model"])
            return refusing("logprobs are not supported.", "logprobs") if len(names) == 1 else GOOD

        monkeypatch.setattr(connection.Connection, "complete", complete)
        monkeypatch.setattr(connection.Connection, "models", None)
        model = OpenAICompatibleModel(Configuration(), today=LATER)
        assert model.name == "gpt-5.6-luna"
        await model.ask("Hi")
        assert model.name == "gpt-5.4-mini"
        assert names == ["gpt-5.6-luna", "gpt-5.4-mini"]

    async def test_it_is_said_that_it_was(self) -> None:
        def reply(body: dict[str, Any]) -> Any:
            return refusing(f"{body['model']} does not support chat") if body["model"] == "a" else GOOD

        models = Answer({"data": [{"id": "a"}, {"id": "b"}]})
        with MisbehavingServer(Answer(reply), models=models) as server:
            answer = await ask(server)
            assert answer.notes[0] == "a cannot be asked for log-probabilities."
            assert answer.request["body"]["model"] == "b"

    async def test_three_models_are_asked_at_most_and_the_first_ones_reason_is_given(self) -> None:
        refusal = Answer(lambda body: refusing(f"{body['model']} does not support chat"))
        models = Answer({"data": [{"id": name} for name in "abcde"]})
        with MisbehavingServer(refusal, models=models) as server:
            with pytest.raises(ModelError, match=r"^a cannot be asked this way"):
                await ask(server)
            assert [asked.body["model"] for asked in server.asked] == ["a", "b", "c"]

    async def test_a_named_model_is_not_exchanged(self) -> None:
        refusal = Answer(lambda body: refusing(f"{body['model']} does not support chat"))
        with MisbehavingServer(refusal, models=Answer({"data": [{"id": "a"}, {"id": "b"}]})) as server:
            with pytest.raises(ModelError, match=r"^a cannot be asked this way"):
                await ask(server, model="a")
            assert len(server.asked) == 1

    async def test_a_gateway_that_knows_no_reasoning_gets_the_plain_request(self) -> None:
        def reply(body: dict[str, Any]) -> Any:
            for name in ("reasoning_effort", "max_completion_tokens"):
                if name in body:
                    return refusing(f"Unknown parameter: '{name}'.", name)
            return GOOD

        with MisbehavingServer(Answer(reply)) as server:
            await ask(server, model="openai/gpt-5.6-luna")
            assert server.asked[-1].body["max_tokens"] == 1
            assert "reasoning_effort" not in server.asked[-1].body

    async def test_what_is_refused_either_way_is_not_asked_in_a_circle(self) -> None:
        def reply(body: dict[str, Any]) -> Any:
            if "reasoning_effort" in body:
                return refusing("Unknown parameter: 'reasoning_effort'.", "reasoning_effort")
            return refusing("Unsupported parameter: 'logprobs' is not supported.", "logprobs")

        with MisbehavingServer(Answer(reply)) as server:
            with pytest.raises(ModelError, match=r"^gpt-5.6-luna gives no log-probabilities"):
                await ask(server, model="gpt-5.6-luna")
            assert len(server.asked) == 2

    async def test_what_was_learnt_of_a_model_serves_the_next_object_for_it(self) -> None:
        def reply(body: dict[str, Any]) -> Any:
            return (
                GOOD if body["top_logprobs"] <= 8 else refusing("top_logprobs must be <= 8", "top_logprobs")
            )

        learnt: Learnt = {}
        with MisbehavingServer(Answer(reply)) as server:
            for name in ("m", "m", "other"):
                configuration = Configuration(base_url=server.url, model=name)
                model = OpenAICompatibleModel(configuration, learnt=learnt)
                await model.ask("Hi")
                await model.close()
            assert [asked.body["top_logprobs"] for asked in server.asked] == [20, 8, 8, 20, 8]

    async def test_and_so_it_is_where_a_person_chooses_a_model_and_comes_back(self) -> None:
        def reply(body: dict[str, Any]) -> Any:
            return (
                GOOD if body["top_logprobs"] <= 8 else refusing("top_logprobs must be <= 8", "top_logprobs")
            )

        with MisbehavingServer(Answer(reply)) as server:
            for _ in range(2):
                model = open_model(Configuration(base_url=server.url, model="m"))
                await model.ask("Hi")
                await model.close()
            assert [asked.body["top_logprobs"] for asked in server.asked] == [20, 8, 8]


class TestTheModelToAsk:
    @pytest.mark.parametrize(
        "models",
        [
            [{"id": "meta/Model-8B", "type": "chat"}, {"id": "org/Other", "type": "chat"}],
            {"models": [{"name": "meta/Model-8B", "model": "meta/Model-8B"}]},
            {"code": 0, "message": "success", "data": [{"id": "meta/Model-8B"}]},
            {"data": [{"id": "nomic-embed-text:latest"}, {"id": "meta/Model-8B"}]},
            {"data": [{"id": "a", "status": {"value": "unloaded"}}, {"id": "meta/Model-8B"}]},
        ],
    )
    async def test_it_is_found_in_any_list(self, models: Any) -> None:
        with MisbehavingServer(Answer(GOOD), models=Answer(models)) as server:
            await ask(server)
            (asked,) = server.asked
            assert asked.body["model"] == "meta/Model-8B"

    async def test_where_the_only_loaded_one_is_of_no_use_its_reason_is_given(self) -> None:
        refusal = Answer(lambda body: refusing(f"{body['model']} does not support chat"))
        models = Answer({"data": [{"id": "a", "state": "not-loaded"}, {"id": "b", "state": "loaded"}]})
        with MisbehavingServer(refusal, models=models) as server:
            with pytest.raises(ModelError, match="b cannot be asked this way"):
                await ask(server)
            assert len(server.asked) == 1

    async def test_a_model_that_would_have_to_be_loaded_is_not_asked(self) -> None:
        models = Answer({"data": [{"id": "a", "status": {"value": "unloaded"}}]})
        with MisbehavingServer(Answer(GOOD), models=models) as server:
            with pytest.raises(ModelError, match="asking one would load it"):
                await ask(server)
            assert server.asked == []

    async def test_a_server_that_lists_none_and_refuses_is_to_load_one(self) -> None:
        refusal = Answer({"error": {"message": "Model not found"}}, 404)
        with MisbehavingServer(refusal, models=Answer({"data": []})) as server:
            with pytest.raises(ModelError, match=r"“Model not found” The server lists no models: load one"):
                await ask(server)
            with pytest.raises(ModelError, match=r"“Model not found”$"):
                await ask(server, model="m")

    async def test_a_list_that_is_an_error_says_which(self) -> None:
        models = Answer({"error": {"message": "the list is closed", "code": 403}})
        with MisbehavingServer(Answer(GOOD), models=models) as server:
            model = OpenAICompatibleModel(Configuration(base_url=server.url))
            with pytest.raises(ModelError, match=r"does not allow this.*the list is closed"):
                await model.names()
            await model.close()
