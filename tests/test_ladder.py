"""What is changed in a request when a server refuses it. The refusals are the servers' own words."""

from __future__ import annotations

from typing import Any

import pytest

from softmax_visualizer.models.ladder import CUT_SHORT, climb, denies_logprobs
from softmax_visualizer.models.refusal import Refusal, error_in, one_line

CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "Hi"}],
    "max_tokens": 1,
    "logprobs": True,
    "top_logprobs": 20,
    "temperature": 1,
    "top_p": 1,
    "stream": False,
}
BARE: dict[str, Any] = {
    "model": "m",
    "prompt": "Hi",
    "max_tokens": 1,
    "logprobs": 20,
    "temperature": 1,
    "top_p": 1,
    "stream": False,
}
RENAMED = {
    **{name: value for name, value in CHAT.items() if name != "max_tokens"},
    "max_completion_tokens": 1,
}


def refusal(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Refusal:
    return Refusal(status, message, param, code)


def difference(before: dict[str, Any], after: dict[str, Any] | None) -> dict[str, Any]:
    """Return what was changed; None stands for what was dropped."""
    assert after is not None
    names = before.keys() | after.keys()
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


class TestTheCap:
    RENAME = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead."
    )

    def test_it_is_renamed_where_the_server_names_the_new_one(self) -> None:
        after = climb(CHAT, refusal(self.RENAME, "max_tokens", "unsupported_parameter"))
        assert difference(CHAT, after) == {"max_tokens": None, "max_completion_tokens": 1}

    def test_and_where_only_the_text_says_so(self) -> None:
        assert "max_tokens" in difference(CHAT, climb(CHAT, refusal(self.RENAME)))

    @pytest.mark.parametrize(
        "message",
        [
            "Could not finish the message because max_tokens or model output limit was reached. "
            "Please try again with higher max_tokens.",
            "Invalid 'max_completion_tokens': integer below minimum value. Expected a value >= 4, but got 1.",
        ],
    )
    def test_it_is_raised_where_one_token_is_too_little(self, message: str) -> None:
        assert difference(RENAMED, climb(RENAMED, refusal(message))) == {"max_completion_tokens": 16}
        assert difference(CHAT, climb(CHAT, refusal(message))) == {"max_tokens": 16}

    def test_an_empty_answer_of_finish_reason_length_raises_it_too_but_once(self) -> None:
        after = climb(CHAT, CUT_SHORT)
        assert difference(CHAT, after) == {"max_tokens": 16}
        assert after is not None
        assert climb(after, CUT_SHORT) is None

    def test_a_prompt_that_is_too_long_is_not_taken_for_it(self) -> None:
        message = (
            "'max_tokens' or 'max_completion_tokens' is too large: 1. This model's maximum context length is "
            "512 tokens and your request has 2701 input tokens."
        )
        assert climb(CHAT, refusal(message)) is None


class TestTheNumberOfTokens:
    @pytest.mark.parametrize(
        ("message", "param", "limit"),
        [
            ("Invalid value for 'top_logprobs': must be less than or equal to 5.", "top_logprobs", 5),
            ("Requested sample logprobs of 20, which is greater than max allowed: 10", None, 10),
            ("top_logprobs must be between 0 and 8", None, 8),
            ("Input should be less than or equal to 11", "top_logprobs", 11),
            ("`top_n_tokens` must be >= 0 and <= 5. Given: 20", None, 5),
            ("logprobs must be at most 3", None, 3),
            ("'top_logprobs' is too large.", "top_logprobs", 5),
        ],
    )
    def test_it_becomes_what_the_server_allows(self, message: str, param: str | None, limit: int) -> None:
        assert difference(CHAT, climb(CHAT, refusal(message, param))) == {"top_logprobs": limit}

    def test_in_a_bare_completion_logprobs_is_the_number(self) -> None:
        after = climb(BARE, refusal("logprobs must be less than or equal to 5", "logprobs"))
        assert difference(BARE, after) == {"logprobs": 5}

    def test_a_limit_that_is_kept_already_changes_nothing_about_it(self) -> None:
        fewer = {**CHAT, "top_logprobs": 5}
        assert "top_logprobs" not in difference(fewer, climb(fewer, refusal("top_logprobs must be <= 5")))


class TestReasoning:
    @pytest.mark.parametrize(
        ("message", "param"),
        [
            ("Unsupported parameter: 'logprobs' is not supported with this model.", "logprobs"),
            ("Unrecognized request argument supplied: logprobs", None),
            ('Unknown name "logprobs": Cannot find field.', None),
            ("temperature, top_p and logprobs are only supported when reasoning effort is none", None),
            ("Unsupported parameter: 'temperature' is not supported with this model.", "temperature"),
            ("Unsupported parameter: 'top_p' is not supported with this model.", "top_p"),
        ],
    )
    def test_it_is_switched_off_where_what_it_forbids_is_refused(
        self, message: str, param: str | None
    ) -> None:
        after = climb(CHAT, refusal(message, param, "unsupported_parameter"))
        assert difference(CHAT, after) == {"reasoning_effort": "none"}

    def test_it_is_switched_off_once(self) -> None:
        off = {**CHAT, "reasoning_effort": "none"}
        refused = refusal("Unsupported parameter: 'logprobs' is not supported with this model.", "logprobs")
        assert climb(off, refused) is None
        assert denies_logprobs(refused)

    def test_a_model_that_always_reasons_ends_it(self) -> None:
        off = {**CHAT, "reasoning_effort": "none"}
        refused = refusal(
            "Unsupported value: 'reasoning_effort' does not support 'none'.", "reasoning_effort"
        )
        assert climb(off, refused) is None
        assert denies_logprobs(refused)

    def test_a_bare_completion_knows_no_such_switch(self) -> None:
        assert climb(BARE, refusal("logprobs is not supported", "logprobs")) is None


class TestSamplingParameters:
    def test_top_p_is_dropped_where_one_is_refused(self) -> None:
        # text-generation-inference, status 422
        after = climb(CHAT, refusal("Input validation error: `top_p` must be > 0.0 and < 1.0", status=422))
        assert difference(CHAT, after) == {"top_p": None}

    def test_temperature_is_dropped_where_its_value_is_refused(self) -> None:
        message = "Unsupported value: 'temperature' does not support 1.0 with this model."
        assert difference(CHAT, climb(CHAT, refusal(message, "temperature"))) == {"temperature": None}

    def test_temperature_is_dropped_where_it_is_refused_without_reasoning_too(self) -> None:
        off = {**CHAT, "reasoning_effort": "none"}
        message = "Unsupported parameter: 'temperature' is not supported with this model."
        assert difference(off, climb(off, refusal(message, "temperature"))) == {"temperature": None}


class TestWhatIsNotClimbed:
    @pytest.mark.parametrize("status", [401, 402, 403, 404, 408, 409, 429])
    def test_other_refusals_than_of_the_request_itself(self, status: int) -> None:
        assert (
            climb(CHAT, refusal("You are not allowed to request logprobs from this model", status=status))
            is None
        )

    @pytest.mark.parametrize(
        "message",
        [
            "",
            "request (2701 tokens) exceeds the available context size (512 tokens)",
            "Invalid 'messages': empty array.",
        ],
    )
    def test_a_refusal_of_something_else(self, message: str) -> None:
        assert climb(CHAT, refusal(message)) is None

    def test_an_invalid_request_reported_as_a_server_error_is_climbed(self) -> None:
        assert climb(CHAT, refusal("top_p must be below 1", status=500)) is not None

    def test_the_request_itself_is_left_alone(self) -> None:
        before = dict(CHAT)
        climb(CHAT, refusal(TestTheCap.RENAME))
        assert before == CHAT


def test_the_way_to_a_model_that_may_reason_takes_five_requests() -> None:
    """The refusals of OpenAI's newer models, in the order in which they come up."""
    body: dict[str, Any] | None = CHAT
    for message, param in (
        (TestTheCap.RENAME, "max_tokens"),
        ("Unsupported parameter: 'temperature' is not supported with this model.", "temperature"),
        ("Invalid value for 'top_logprobs': must be less than or equal to 5.", "top_logprobs"),
        ("Could not finish the message because max_tokens or model output limit was reached.", None),
    ):
        assert body is not None
        body = climb(body, refusal(message, param))
    assert body == {
        **{name: value for name, value in CHAT.items() if name != "max_tokens"},
        "max_completion_tokens": 16,
        "top_logprobs": 5,
        "reasoning_effort": "none",
    }


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"message": "m", "param": "p", "code": "c"}, Refusal(400, "m", "p", "c")),
            ({"error": {"message": "m", "param": None, "code": 400}}, Refusal(400, "m", None, "400")),
            ({"error": "m"}, Refusal(400, "m")),
            ({"detail": "Not Found"}, Refusal(400, "Not Found")),
            ({"object": "error", "message": "m", "type": "t"}, Refusal(400, "m")),
            (
                {"detail": [{"loc": ["body", "top_p"], "msg": "too big"}]},
                Refusal(400, "top_p: too big", "top_p"),
            ),
            ("plain text", Refusal(400, "plain text")),
            ("<html><title> Bad\n gate </title>", Refusal(400, "a web page: Bad\n gate")),
            ("<html>", Refusal(400, "a web page")),
            ({"message": 3, "param": 4}, Refusal(400, "")),
            (None, Refusal(400, "")),
            ([1], Refusal(400, "")),
        ],
    )
    def test_every_shape_is_read(self, body: object, expected: Refusal) -> None:
        assert Refusal.from_body(400, body) == expected

    def test_an_error_inside_an_answer_of_200_is_found(self) -> None:
        assert error_in({"error": {"message": "m"}}) == Refusal(200, "m")
        assert error_in({"error": {"message": "m", "code": 429}, "choices": None}) == Refusal(
            429, "m", None, "429"
        )
        assert error_in({"error": None, "choices": []}) is None
        assert error_in("no") is None

    def test_a_servers_text_becomes_one_short_printable_line(self) -> None:
        assert one_line("a\n\tb \x1b[31mc\u202e") == "a b [31mc"
        assert len(one_line("x" * 5000)) == 200
