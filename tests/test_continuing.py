"""How an answer goes on from its tokens: what a server is sent, and what its answer is taken for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from misbehaving_server import Answer, MisbehavingServer
from softmax_visualizer.decoding import DecodingSettings, Token
from softmax_visualizer.decoding.generation import Generation
from softmax_visualizer.models import connection
from softmax_visualizer.models.answers import CANNOT_SPLIT, NoTokenError, parse_places
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.continuing import CONTINUE
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from softmax_visualizer.models.walk import Ahead, score, write

KEY = "key-0123456789abcdefghij"

A, B, C = Token("a", b"a", 1), Token("b", b"b", 2), Token("c", b"c", 3)
END = Token("", b"", 0)
HALF, OTHER_HALF = Token("", b"\xc3", 4), Token("", b"\xa9", 5)
NOTHING = Generation("Hi")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connection, "RETRY_DELAY", 0)


# --- servers ---


def entry(token: Token, logprob: float) -> dict[str, Any]:
    return {"id": token.id, "token": token.text, "bytes": list(token.bytes or b""), "logprob": logprob}


def place(sampled: Token, *others: Token) -> dict[str, Any]:
    """One place of an answer: the token that the server sampled is the most likely one."""
    others = others or tuple(token for token in (A, B, C) if token != sampled)
    listed = [entry(sampled, -0.5), *(entry(token, -2.0 - rank) for rank, token in enumerate(others))]
    return {**listed[0], "top_logprobs": listed}


def answer(places: Sequence[Any], text: str, chat: bool, **others: Any) -> dict[str, Any]:
    said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    choice = {"index": 0, "finish_reason": "length", "logprobs": {"content": list(places)}, **said}
    return {"model": "m", "choices": [choice], **others}


class Model:
    """A server's model that says "abcabc...", whatever it is asked, and no more than it is asked for.

    ``echoes``: it repeats the beginning of the assistant's message. ``most``: it writes fewer than asked for.
    """

    def __init__(self, *, echoes: bool = False, most: int = 1000) -> None:
        self.echoes, self.most = echoes, most

    def begun(self, body: dict[str, Any]) -> str:
        if "prompt" in body:
            prompt = body["prompt"]
            if isinstance(prompt, str):
                return prompt.removeprefix("<Hi>").removeprefix("Hi")
            return "".join("?abc"[number] if number < 4 else "" for number in prompt[1:])
        return "".join(each["content"] for each in body["messages"] if each["role"] == "assistant")

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        if "content" in body and "with_pieces" in body:
            tokens = [{"id": "?abc".index(letter), "piece": letter} for letter in body["content"]]
            return {"tokens": tokens}
        if "messages" in body and "model" not in body:
            return {"prompt": f"<{body['messages'][-1]['content']}>"}
        begun = self.begun(body)
        count = min(self.most, body.get("max_tokens", body.get("max_completion_tokens")))
        tokens = [(A, B, C)[(len(begun) + number) % 3] for number in range(count)]
        text = (begun if self.echoes and "messages" in body else "") + "".join(token.text for token in tokens)
        return answer([place(token) for token in tokens], text, "messages" in body)


def owned_by(owner: str | None) -> Answer:
    return Answer({"data": [{"id": "m", "owned_by": owner, "meta": {"n_vocab": 6}}]})


def refused(status: int = 400, message: str = "No.") -> dict[str, Any]:
    return {"error": {"message": message, "code": status}}


def server_of(
    owner: str | None, said: Callable[[dict[str, Any]], Any] | None = None, *more: Answer
) -> MisbehavingServer:
    return MisbehavingServer(Answer(said or Model()), *more, models=owned_by(owner))


def model_at(server: MisbehavingServer, **settings: Any) -> OpenAICompatibleModel:
    settings = {"model": "m", "timeout": 20.0, **settings}
    return OpenAICompatibleModel(Configuration(Secret(KEY), server.url, **settings))


def completions(server: MisbehavingServer) -> list[dict[str, Any]]:
    """The requests for tokens: not those about the template or the tokenizer."""
    return [asked.body for asked in server.asked if asked.path.endswith("completions")]


def put(body: dict[str, Any]) -> Any:
    """What a request has of the prompt and the answer so far."""
    return body.get("prompt") or [(message["role"], message["content"]) for message in body["messages"]]


async def after(server: MisbehavingServer, *tokens: Token, **settings: Any) -> ModelAnswer:
    """Return the answer about the place after these tokens."""
    model = model_at(server, **settings)
    try:
        return await model.ask("Hi", after=tokens)
    finally:
        await model.close()


async def written(
    server: MisbehavingServer, length: int, *, greedy: bool = True, seed: int = 1, **settings: Any
) -> tuple[Generation, Ahead, ModelError | None]:
    """Write an answer; return all that came, what was asked for it, and what ended it early."""
    model = model_at(server, **settings)
    generation, ahead, failure = NOTHING, Ahead(model, "Hi"), None
    try:
        async for step in write(
            ahead.ask, generation, DecodingSettings(1.0, top_k=3), length, seed, greedy=greedy
        ):
            generation = generation.extended(step)
    except ModelError as error:
        failure = error
    await model.close()
    return generation, ahead, failure


# --- what is sent ---


@pytest.mark.parametrize("framing", ["raw", "answer"])
async def test_llama_cpp_goes_on_from_the_numbers_of_the_tokens(framing: Any) -> None:
    with server_of("llamacpp") as server:
        found = await after(server, A, B, framing=framing)
    # behind a bare prompt, or one that its chat template has framed
    assert put(completions(server)[-1]) == ["Hi" if framing == "raw" else "<Hi>", 1, 2]
    assert found.continued_by == "tokens"
    assert found.distribution.token(0) == C
    assert found.after == (A, B)


async def test_a_token_without_a_number_is_sent_as_text() -> None:
    with server_of("llamacpp") as server:
        found = await after(server, A, Token("b", b"b"), framing="raw")
    assert put(completions(server)[-1]) == "Hiab"
    assert found.continued_by == "text"


@pytest.mark.parametrize("owner", ["vllm", "sglang", None, "somebody"])
async def test_elsewhere_a_bare_prompt_goes_on_as_text(owner: str | None) -> None:
    with server_of(owner) as server:
        found = await after(server, A, B, framing="raw")
    assert put(completions(server)[-1]) == "Hiab"
    assert found.continued_by == "text"


@pytest.mark.parametrize("owner", ["vllm", "sglang"])
async def test_these_engines_go_on_from_the_beginning_of_a_message(owner: str) -> None:
    with server_of(owner) as server:
        found = await after(server, A, B)
    (body,) = completions(server)
    assert put(body) == [("user", "Hi"), ("assistant", "ab")]
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert found.continued_by == "text"
    assert [asked.path for asked in server.asked] == ["/v1/chat/completions"]


def without_template(said: Any, status: int = 404) -> Callable[[dict[str, Any]], Any]:
    """A llama.cpp whose address for the template answers something else."""

    def answer(body: dict[str, Any]) -> Any:
        return said if "messages" in body and "model" not in body else Model()(body)

    return answer


@pytest.mark.parametrize(
    "said", [refused(404), {}, {"prompt": None}, {"prompt": 3}, [], None, "x", b"<html>no</html>", b"\xff"]
)
async def test_llama_cpp_that_does_not_tell_its_template_goes_on_from_a_message(said: Any) -> None:
    with server_of("llamacpp", without_template(said)) as server:
        found = await after(server, A, B)
        again = await after(server, A, B)
    body = completions(server)[-1]
    assert put(body) == [("user", "Hi"), ("assistant", "ab")]
    assert body["continue_final_message"] is True
    assert found.continued_by == again.continued_by == "text"


async def test_the_template_is_asked_for_once_a_prompt_and_not_before_it_is_needed() -> None:
    with server_of("llamacpp") as server:
        model = model_at(server)
        await model.ask("Hi")
        assert [asked.path for asked in server.asked] == ["/v1/chat/completions"]
        for tokens in ((A,), (A, B)):
            await model.ask("Hi", after=tokens)
        await model.close()
    assert [asked.path for asked in server.asked].count("/apply-template") == 1


async def test_any_other_server_is_told_to_continue() -> None:
    with server_of("somebody") as server:
        found = await after(server, A, B)
    (body,) = completions(server)
    (first, second, told) = put(body)
    assert (first, second) == (("user", "Hi"), ("assistant", "ab"))
    assert told[0] == "user"
    assert "Continue your last message" in told[1]
    assert "continue_final_message" not in body
    assert found.continued_by == "instruction"


@pytest.mark.parametrize("owner", ["llamacpp", "vllm", None])
async def test_a_prompt_to_continue_has_the_answer_behind_it_and_is_told_again(owner: str | None) -> None:
    with server_of(owner) as server:
        found = await after(server, A, B, framing="continue")
    assert put(completions(server)[-1]) == [("system", CONTINUE), ("user", "Hiab")]
    assert found.continued_by == "instruction"


@pytest.mark.parametrize("framing", ["raw", "answer", "continue"])
async def test_the_first_place_is_the_prompt_and_nothing_else(framing: Any) -> None:
    with server_of("somebody") as server:
        found = await after(server, framing=framing)
    assert found.continued_by == "tokens"
    assert "ab" not in json.dumps(put(completions(server)[-1]))


# --- what a server refuses ---


def refusing(when: Callable[[dict[str, Any]], bool], status: int = 400) -> Callable[[dict[str, Any]], Any]:
    return lambda body: refused(status) if when(body) else Model()(body)


async def test_a_server_that_refuses_to_continue_a_message_is_told_to_and_never_asked_again() -> None:
    with server_of("vllm", refusing(lambda body: "continue_final_message" in body)) as server:
        model = model_at(server)
        marks = [
            (await model.ask("Hi", after=tokens)).continued_by for tokens in ((), (A,), (A, B), (A, B, C))
        ]
        await model.close()
    assert marks == ["tokens", "instruction", "instruction", "instruction"]
    assert ["continue_final_message" in body for body in completions(server)] == [False, True] + 3 * [False]


async def test_a_server_that_refuses_numbers_is_sent_text_and_never_numbers_again() -> None:
    with server_of("llamacpp", refusing(lambda body: isinstance(body.get("prompt"), list))) as server:
        model = model_at(server, framing="raw")
        marks = [(await model.ask("Hi", after=tokens)).continued_by for tokens in ((A,), (A, B))]
        await model.close()
    assert marks == ["text", "text"]
    assert [put(body) for body in completions(server)] == [["Hi", 1], "Hia", "Hiab"]


async def test_what_is_refused_in_every_way_is_no_reason_to_go_on_in_a_worse_way_later() -> None:
    is_too_long = lambda body: len(json.dumps(put(body))) > 300  # noqa: E731
    with server_of("vllm", refusing(is_too_long)) as server:
        model = model_at(server)
        with pytest.raises(ModelError):
            await model.ask("Hi", after=(Token("a" * 400, b"a" * 400),))
        assert (await model.ask("Hi", after=(A,))).continued_by == "text"
        await model.close()


async def test_a_refused_number_of_tokens_is_no_refused_message() -> None:
    def few(body: dict[str, Any]) -> Any:
        if body["top_logprobs"] > 5:
            return refused(400, "top_logprobs must be less than or equal to 5")
        return Model()(body)

    with server_of("vllm", few) as server:
        found = await after(server, A)
    assert found.continued_by == "text"
    assert [body["top_logprobs"] for body in completions(server)] == [20, 5]


async def test_a_server_that_refuses_many_tokens_is_asked_for_one_at_a_time_and_for_many_only_once() -> None:
    with server_of("vllm", refusing(lambda body: body["max_tokens"] > 1)) as server:
        generation, ahead, failure = await written(server, 6, framing="raw")
    assert failure is None
    assert generation.text == "abcabc"
    assert ahead.requests == 6
    # the first one teaches how the server likes to be asked, the second one that it wants one at a time
    assert [body["max_tokens"] for body in completions(server)] == [1, 6, 1, 1, 1, 1, 1]


async def test_a_model_that_refuses_a_small_number_is_never_asked_for_fewer() -> None:
    def newer(body: dict[str, Any]) -> Any:
        if body["max_completion_tokens"] < 16:
            return refused(400, "max_completion_tokens must be at least 16")
        return Model()(body)

    with server_of(None, newer) as server:
        generation, ahead, _ = await written(server, 5, model="gpt-5.4-mini")
    assert generation.text == "abcab"
    assert ahead.requests == 2
    assert [body["max_completion_tokens"] for body in completions(server)] == [16, 16]


# --- half a character ---


@pytest.mark.parametrize(("owner", "framing"), [("vllm", "raw"), ("vllm", "answer"), ("somebody", "answer")])
async def test_half_a_character_is_never_sent_as_text(owner: str, framing: Any) -> None:
    with server_of(owner) as server:
        with pytest.raises(ModelError, match="ends within a character, which this server cannot be sent"):
            await after(server, A, HALF, framing=framing)
        assert completions(server) == []
        whole = await after(server, A, HALF, OTHER_HALF, framing=framing)
    assert whole.after == (A, HALF, OTHER_HALF)
    assert "aé" in json.dumps(put(completions(server)[-1]), ensure_ascii=False)


@pytest.mark.parametrize("framing", ["raw", "answer"])
async def test_half_a_character_goes_on_by_its_number(framing: Any) -> None:
    with server_of("llamacpp") as server:
        found = await after(server, A, HALF, framing=framing)
    assert put(completions(server)[-1])[1:] == [1, 4]
    assert found.continued_by == "tokens"


# --- one request for many steps ---


@pytest.mark.parametrize("framing", ["raw", "answer"])
@pytest.mark.parametrize("owner", ["llamacpp", "vllm", "somebody"])
async def test_one_request_feeds_all_steps_up_to_a_departure(owner: str, framing: Any) -> None:
    with server_of(owner) as server:
        generation, ahead, failure = await written(server, 12, framing=framing)
    assert failure is None
    assert generation.text == "abcabcabcabc"
    # one to find out how the server likes to be asked, and one for the rest and the place after it
    assert ahead.requests == len(completions(server)) == 2
    assert [body["max_tokens"] for body in completions(server)] == [1, 12]
    way = {"llamacpp": "tokens", "vllm": "text"}.get(owner, "text" if framing == "raw" else "instruction")
    assert [step.continued_by for step in generation.steps] == ["tokens", *[way] * 11]


async def test_a_place_after_a_departure_is_never_used() -> None:
    """The server goes on with its own likeliest token; each other one that is chosen is asked about."""
    with server_of("llamacpp") as server:
        generation, ahead, failure = await written(server, 30, greedy=False, seed=5, framing="raw")
    assert failure is None
    assert 3 < ahead.requests < 30
    asked_after = {tuple(put(body)[1:]) for body in completions(server) if isinstance(put(body), list)}
    so_far: tuple[int, ...] = ()
    departures = 0
    for number, step in enumerate(generation.steps):
        # each step's list is the one after exactly the tokens before it: the letter that follows their number
        assert step.distribution.token(0) == (A, B, C)[number % 3]
        assert step.origin.after == generation.tokens[:number]
        so_far = (*so_far, step.token.id or 0)
        if step.index and number < len(generation) - 1:
            departures += 1
            assert so_far in asked_after
    assert departures > 3
    assert ahead.requests <= 2 + departures


async def test_a_server_that_answers_fewer_places_than_asked_is_asked_again_from_there() -> None:
    with server_of("llamacpp", Model(most=4)) as server:
        generation, ahead, failure = await written(server, 9, framing="raw")
    assert failure is None
    assert generation.text == "abcabcabc"
    assert ahead.requests == 3
    assert [body["max_tokens"] for body in completions(server)] == [1, 9, 5]


@pytest.mark.parametrize("wanted", ["auto", "all", 5, 100])
async def test_many_places_have_no_more_tokens_each_than_a_single_one_has_at_first(wanted: Any) -> None:
    with server_of("vllm") as server:
        await written(server, 5, top_logprobs=wanted)
    count = wanted if isinstance(wanted, int) else 20
    assert [(body["max_tokens"], body["top_logprobs"]) for body in completions(server)] == [
        (1, count),
        (5, count),
    ]


async def test_a_person_who_wants_very_many_tokens_listed_gets_them_a_place_at_a_time() -> None:
    with server_of("vllm") as server:
        await written(server, 3, top_logprobs=50_000)
    assert [(body["max_tokens"], body["top_logprobs"]) for body in completions(server)] == 3 * [(1, 50_000)]


async def test_nothing_of_llama_cpps_forced_token_goes_into_a_request_for_many() -> None:
    """A bias that has an "a" sampled would have it sampled everywhere, and the path would be of no use."""
    silent = answer([], "", False, timings={})

    def says_nothing_unless_forced(body: dict[str, Any]) -> Any:
        return Model()(body) if "logit_bias" in body or body["max_tokens"] > 1 else silent

    with server_of("llamacpp", says_nothing_unless_forced) as server:
        model = model_at(server, framing="raw")
        model._questions.learn("m", {**model._questions.first_parameters("m"), "logit_bias": [["a", 100]]})
        (*places,) = await model.ask_ahead("Hi", (), 3)
        await model.close()
    assert len(places) == 3
    assert "logit_bias" not in completions(server)[0]


async def test_the_notes_are_those_of_a_question_for_one_place() -> None:
    with server_of("vllm", lambda body: {**Model()(body), "model": "other"}) as server:
        model = model_at(server)
        one = await model.ask("Hi")
        many = await model.ask_ahead("Hi", (), 4)
        await model.close()
    assert len(many) == 4
    assert "The answer came from other, not from m." in one.notes
    assert {each.notes for each in many} == {one.notes}


# --- answers that are not what they should be ---


def places_of(body: object, begun: str = "") -> tuple[list[Token], list[Token]]:
    """Return the likeliest token of each list, and the tokens that were sampled."""
    tops, sampled = parse_places(body, 3, 99, begun)
    return [top.tokens[0] for top in tops], list(sampled)


ABC = (place(A), place(B), place(C))


def test_every_place_counts_where_text_and_tokens_agree() -> None:
    assert places_of(answer(ABC, "abc", True)) == ([A, B, C], [A, B, C])
    assert places_of(answer(ABC, "abc", False)) == ([A, B, C], [A, B, C])


@pytest.mark.parametrize("chat", [True, False])
def test_a_missing_entry_ends_what_is_known(chat: bool) -> None:
    """The list of the c is one after "ab", and must not pass for the one after "a"."""
    assert places_of(answer((place(A), place(C)), "abc", chat)) == ([A], [A])


def test_a_missing_entry_in_front_of_the_end_ends_what_is_known() -> None:
    assert places_of(answer((place(A), place(END)), "ab", True)) == ([A], [A])


def test_half_a_character_whose_entry_is_missing_is_not_taken_for_the_next_half() -> None:
    # the stand-in for the missing one begins with the very byte of the other
    half = Token("\ufffd", b"\xef", 239)
    assert places_of(answer((place(A), place(half)), "a\ufffd\ufffd", True)) == ([A], [A])


@pytest.mark.parametrize("text", ["", "x", "Abc", " abc", None, 3])
def test_a_text_that_does_not_begin_with_the_tokens_leaves_the_first_place_only(text: Any) -> None:
    assert places_of(answer(ABC, text, True)) == ([A], [])


def test_a_text_that_parts_from_the_tokens_later_leaves_what_agrees() -> None:
    assert places_of(answer(ABC, "abx", True)) == ([A, B], [A, B])


@pytest.mark.parametrize("broken", [{"top_logprobs": []}, {"top_logprobs": None}, {"token": None}])
def test_a_later_place_without_a_list_or_a_token_ends_what_is_known(broken: dict[str, Any]) -> None:
    found, sampled = places_of(answer((place(A), {**place(B), **broken}, place(C)), "abc", True))
    assert found == [A]
    assert sampled == [A]


@pytest.mark.parametrize("broken", [None, 3, [], "b", {}])
def test_a_later_place_that_is_none_ends_what_is_known(broken: Any) -> None:
    assert places_of(answer((place(A), broken, place(C)), "abc", True)) == ([A], [A])


def test_the_end_of_the_text_is_a_place_and_the_last_one() -> None:
    found = places_of(answer((place(A), place(END), place(B)), "a", True))
    assert found == ([A, END], [A, END])


async def test_an_end_of_text_ends_the_answer_and_nothing_more_is_asked() -> None:
    def says(body: dict[str, Any]) -> Any:
        tokens = (A, B, END)[: body["max_tokens"]]
        return answer([place(token) for token in tokens], "ab"[: len(tokens)], False)

    with server_of("llamacpp", says) as server:
        generation, ahead, failure = await written(server, 10, framing="raw")
    assert failure is None
    assert [step.token for step in generation.steps[:1]] == [A]
    assert generation.ended
    assert generation.text in ("ab", "aab")
    assert ahead.requests == 2


def test_an_end_of_text_at_once_that_tells_nothing_has_its_own_error() -> None:
    body = answer((), "", True)
    body["choices"][0]["finish_reason"] = "stop"
    with pytest.raises(NoTokenError):
        parse_places(body, 3, 99)


def test_the_shape_of_the_legacy_completions_has_many_places_too() -> None:
    logprobs = {
        "tokens": ["a", "b", "c"],
        "token_logprobs": [-0.5, -0.6, -0.7],
        "top_logprobs": [{"a": -0.5, "x": -2.0}, {"b": -0.6, "x": -2.0}, {"c": -0.7, "x": -2.0}],
    }
    body = {"choices": [{"text": "abc", "logprobs": logprobs}]}
    found, sampled = places_of(body)
    assert [token.text for token in found] == [token.text for token in sampled] == ["a", "b", "c"]
    body["choices"][0]["text"] = "ac"
    assert [token.text for token in places_of(body)[0]] == ["a"]
    logprobs["tokens"] = ["a"]
    body["choices"][0]["text"] = "abc"
    assert [token.text for token in places_of(body)[0]] == ["a"]


def test_a_beginning_that_is_said_again_is_no_part_of_what_comes_after_it() -> None:
    assert places_of(answer(ABC, "xyabc", True), "xy") == ([A, B, C], [A, B, C])
    assert places_of(answer(ABC, "abc", True), "xy") == ([A, B, C], [A, B, C])
    # what is not known to be a repetition is not taken for one
    assert places_of(answer(ABC, "xyabc", True)) == ([A], [])


@pytest.mark.parametrize("echoes", [True, False])
async def test_an_echo_of_the_beginning_changes_nothing(echoes: bool) -> None:
    with server_of("vllm", Model(echoes=echoes)) as server:
        generation, ahead, _ = await written(server, 9)
    assert generation.text == "abcabcabc"
    assert ahead.requests == 2


def test_a_character_in_halves_is_two_places() -> None:
    found = places_of(answer((place(A), place(HALF), place(OTHER_HALF), place(B)), "aéb", True))
    assert found == ([A, HALF, OTHER_HALF, B], [A, HALF, OTHER_HALF, B])


def test_a_half_that_the_text_does_not_show_ends_what_is_known() -> None:
    assert places_of(answer((place(A), place(HALF)), "a\ufffd", True)) == ([A], [A])


# --- a server that fails in the middle ---


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (Answer(refused(500), 500), "failed"),
        (Answer(refused(429), 429), "no more requests"),
        (Answer(refused(401), 401), "refused the API key"),
        (Answer(b"", manner="half"), ""),
        (Answer(b"<html>", 200), ""),
        (Answer({"choices": []}), "without any text"),
    ],
)
async def test_what_came_before_a_failure_stays(then: Answer, words: str) -> None:
    server = MisbehavingServer(Answer(Model()), Answer(Model(most=4)), then, models=owned_by("llamacpp"))
    with server:
        generation, _, failure = await written(server, 20, framing="raw")
    assert generation.text == "abcab"
    assert failure is not None
    assert words in str(failure)
    assert KEY not in str(failure)


async def test_a_slow_server_is_asked_for_one_in_the_same_time_again_and_then_for_fewer() -> None:
    slow = Answer(manner="silence")
    server = MisbehavingServer(Answer(Model()), slow, Answer(Model()), models=owned_by("llamacpp"))
    with server:
        generation, _, failure = await written(server, 40, framing="raw", timeout=1.0)
    assert failure is None
    assert generation.text == ("abc" * 14)[:40]
    counts = [body["max_tokens"] for body in completions(server)]
    assert counts[:4] == [1, 40, 1, 10]
    assert max(counts[3:]) == 10


async def test_a_server_that_says_nothing_at_all_has_a_sentence() -> None:
    server = MisbehavingServer(Answer(Model()), Answer(manner="silence"), models=owned_by("llamacpp"))
    with server:
        generation, _, failure = await written(server, 5, framing="raw", timeout=0.5)
    assert generation.text == "a"
    assert "within 0.5 s" in str(failure)


# --- a text as the model's tokens ---


async def split(server: MisbehavingServer, text: str) -> tuple[Token, ...]:
    model = model_at(server)
    try:
        return await model.split(text)
    finally:
        await model.close()


async def test_llama_cpp_splits_a_text_before_anything_else_was_asked() -> None:
    with server_of("llamacpp") as server:
        assert await split(server, "cab") == (C, A, B)
    (asked,) = server.asked
    assert (asked.path, asked.body) == ("/tokenize", {"content": "cab", "with_pieces": True})


async def test_a_piece_that_is_no_text_comes_as_bytes() -> None:
    pieces = {"tokens": [{"id": 1, "piece": "a"}, {"id": 4, "piece": [195]}, {"id": 5, "piece": [169]}]}
    with server_of("llamacpp", lambda _: pieces) as server:
        first, half, rest = await split(server, "aé")
    assert (first, half.bytes, half.id, rest.bytes, rest.id) == (A, b"\xc3", 4, b"\xa9", 5)


NONSENSE = (
    {},
    [],
    None,
    "a",
    3,
    {"tokens": None},
    {"tokens": [1, 2]},
    {"tokens": [None]},
    {"tokens": [{"id": "1", "piece": "a"}]},
    {"tokens": [{"id": True, "piece": "a"}]},
    {"tokens": [{"id": 1}]},
    {"tokens": [{"piece": "a"}]},
    {"tokens": [{"id": 1, "piece": None}]},
    {"tokens": [{"id": 1, "piece": [300]}]},
    {"tokens": [{"id": 1, "piece": ["a"]}]},
    {"tokens": [{"id": 1, "piece": {}}]},
)


@pytest.mark.parametrize("said", NONSENSE, ids=repr)
async def test_a_split_that_is_none_has_the_sentence(said: Any) -> None:
    with server_of("llamacpp", lambda _: said) as server, pytest.raises(ModelError) as caught:
        await split(server, "ab")
    assert str(caught.value) == CANNOT_SPLIT


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_a_server_without_such_an_address_has_the_sentence(status: int) -> None:
    answer = Answer(refused(status), status)
    for owner in ("llamacpp", None):
        server = MisbehavingServer(answer, models=owned_by(owner))
        with server, pytest.raises(ModelError) as caught:
            await split(server, "ab")
        assert str(caught.value) == CANNOT_SPLIT


@pytest.mark.parametrize("owner", ["vllm", "sglang", "library"])
async def test_an_engine_that_has_no_such_address_is_not_asked(owner: str) -> None:
    with server_of(owner) as server, pytest.raises(ModelError) as caught:
        await split(server, "ab")
    assert str(caught.value) == CANNOT_SPLIT
    assert server.asked == []


async def test_a_text_is_scored_by_the_tokens_that_the_server_made_of_it() -> None:
    with server_of("llamacpp") as server:
        model = model_at(server, framing="raw")
        tokens = await model.split("acb")
        steps = [step async for step in score(Ahead(model, "Hi").ask, NOTHING, tokens)]
        await model.close()
    assert [(step.token, step.index) for step in steps] == [(A, 0), (C, 2), (B, 2)]
    assert [put(body) for body in completions(server)] == ["Hi", ["Hi", 1], ["Hi", 1, 3]]
    assert {step.chosen_by for step in steps} == {"given"}


async def test_half_a_character_that_is_spelled_in_two_ways_is_found_by_its_number() -> None:
    """llama.cpp leaves out of a token's text what it shows as U+FFFD elsewhere."""

    def says(body: dict[str, Any]) -> Any:
        if "content" in body:
            return {"tokens": [{"id": 4, "piece": [195]}, {"id": 5, "piece": [169]}]}
        return answer((place(A, HALF, OTHER_HALF),), "a", False)

    with server_of("llamacpp", says) as server:
        model = model_at(server, framing="raw")
        tokens = await model.split("é")
        steps = [step async for step in score(Ahead(model, "Hi").ask, NOTHING, tokens)]
        await model.close()
    assert [step.index for step in steps] == [1, 2]


# --- the key ---


QUOTING = f"Incorrect key {KEY}, Bearer {KEY}"


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
async def test_no_server_gets_the_key_into_a_sentence(status: int) -> None:
    quoting = Answer(refused(status, QUOTING), status)
    server = MisbehavingServer(Answer(Model()), Answer(Model(most=4)), quoting, models=owned_by("llamacpp"))
    with server:
        generation, _, failure = await written(server, 20, framing="raw")
        assert KEY not in repr([step.origin.request for step in generation.steps])
        for asked in ((A,), (A, HALF)):
            with pytest.raises(ModelError) as caught:
                await after(server, *asked)
            assert KEY not in f"{caught.value} {caught.value.__cause__}"
        with pytest.raises(ModelError) as caught:
            await split(server, "ab")
        assert KEY not in f"{caught.value} {caught.value.__cause__}"
    assert failure is not None
    assert KEY not in f"{failure} {failure.__cause__}"
    # it went to this server alone, wherever beside the base URL
    assert {asked.headers.get("authorization") for asked in server.asked} == {f"Bearer {KEY}"}


def test_an_answer_of_llama_cpp_that_left_out_an_entry_is_not_read_ahead() -> None:
    whole = {**answer(ABC, "abc", True), "timings": {"predicted_n": 3}}
    assert places_of(whole) == ([A, B, C], [A, B, C])
    with pytest.raises(ModelError, match="left out"):
        places_of({**whole, "timings": {"predicted_n": 4}})
