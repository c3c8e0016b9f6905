"""What is read out of a server's answer. The saved answers are those of real servers to real questions."""

from __future__ import annotations

import gc
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.models.answers import NoTokenError, parse
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.event_stream import read_json
from softmax_visualizer.models.listing import Listing
from softmax_visualizer.models.refusal import Refusal

SAVED = Path(__file__).parent / "data" / "answers"


def saved(server: str, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((SAVED / server / f"{name}.json").read_text(encoding="utf-8"))
    return record


def entry(token: Any, logprob: Any, **others: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, **others}


def chat(listed: Any, drawn: Any = " a", finish: str = "length", **message: Any) -> dict[str, Any]:
    first = {"token": drawn, "logprob": -1.0, "top_logprobs": listed}
    return {
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": drawn, **message},
                "logprobs": {"content": [first]},
            }
        ],
    }


def texts(answer: object, asked: int) -> list[str]:
    return [token.text for token in parse(answer, asked).tokens]


class TestLlamaCpp:
    def test_a_chat_gives_twenty_tokens_with_their_bytes(self) -> None:
        top = parse(saved("llamacpp", "t1_p1")["answer"], 20)
        assert len(top.tokens) == len(top.logprobs) == 20
        assert top.tokens[0] == Token(" blue", b" blue", 292)
        assert top.logprobs[0] == pytest.approx(-1.48232, abs=1e-5)
        assert (top.model, top.notes) == ("tiny-bigram", ())

    def test_a_bare_completion_has_the_shape_of_a_chat(self) -> None:
        assert texts(saved("llamacpp", "completions")["answer"], 5) == [
            " blue",
            " hungry",
            " awake",
            " asleep",
            " warm",
        ]

    def test_the_drawn_token_is_not_added_to_the_list(self) -> None:
        answer = saved("llamacpp", "top_1")["answer"]
        assert answer["choices"][0]["logprobs"]["content"][0]["token"] == " bright"
        assert texts(answer, 1) == [" blue"]

    def test_the_end_of_text_is_a_token_without_text_and_bytes(self) -> None:
        top = parse(saved("llamacpp", "eos_first")["answer"], 20)
        assert top.tokens[0] == Token("", b"", 0)
        assert len(top.tokens) == 20

    @pytest.mark.parametrize("name", ["no_logprobs", "top_0", "empty_messages"])
    def test_an_answer_without_a_list_says_so(self, name: str) -> None:
        with pytest.raises(ModelError, match=r"without log-probabilities\. Choose another model"):
            parse(saved("llamacpp", name)["answer"], 20)

    def test_probabilities_after_sampling_are_no_log_probabilities(self) -> None:
        with pytest.raises(ModelError, match="only the token that it sampled"):
            parse(saved("llamacpp", "post_sampling_T0.5_p0.5")["answer"], 20)

    def test_the_model_that_answered_is_named(self) -> None:
        record = saved("llamacpp", "wrong_model")
        assert record["request"]["body"]["model"] == "no-such-model"
        assert parse(record["answer"], 20).model == "tiny-bigram"

    def test_its_list_of_models_tells_the_size_of_the_vocabulary(self) -> None:
        listing = Listing.parse(saved("llamacpp", "models")["answer"])
        assert listing.names == ("tiny-bigram",)
        assert listing.vocabulary_size("tiny-bigram") == listing.vocabulary_size("any name") == 512

    def test_a_prompt_that_is_too_long_is_refused_in_words(self) -> None:
        record = saved("llamacpp", "long")
        assert "context size (512 tokens)" in Refusal.from_body(record["status"], record["answer"]).message


class TestLlamaCppPython:
    def test_a_chat_gives_twenty_tokens_without_bytes(self) -> None:
        top = parse(saved("llama-cpp-python", "t1_p1")["answer"], 20)
        assert len(top.tokens) == 20
        assert top.tokens[0] == Token(" blue")

    @pytest.mark.parametrize(
        ("name", "asked"), [("top_1", 1), ("top_5", 5), ("unicode_ctx", 20), ("completions", 5)]
    )
    def test_a_drawn_token_that_comes_as_one_more_is_taken_out(self, name: str, asked: int) -> None:
        assert len(parse(saved("llama-cpp-python", name)["answer"], asked).tokens) == asked

    def test_a_legacy_completion_is_read(self) -> None:
        top = parse(saved("llama-cpp-python", "completions")["answer"], 5)
        assert top.tokens[:2] == (Token(" blue"), Token(" hungry"))
        assert top.logprobs[0] == pytest.approx(-1.482295, abs=1e-6)

    def test_an_end_of_text_drawn_first_leaves_no_list(self) -> None:
        with pytest.raises(NoTokenError, match="end-of-text token first") as caught:
            parse(saved("llama-cpp-python", "eos_first")["answer"], 20)
        assert caught.value.finish_reason == "stop"

    def test_an_answer_without_a_list_says_so(self) -> None:
        with pytest.raises(ModelError, match="without log-probabilities"):
            parse(saved("llama-cpp-python", "no_logprobs")["answer"], 20)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("bad_json", "Internal Server Error"),
            ("temp_bad_abc", "valid number"),
            ("long", "maximum context length"),
            ("not_found", "Not Found"),
        ],
    )
    def test_its_refusals_are_read(self, name: str, words: str) -> None:
        record = saved("llama-cpp-python", name)
        assert words in Refusal.from_body(record["status"], record["answer"]).message

    def test_its_list_of_models_tells_no_vocabulary(self) -> None:
        listing = Listing.parse(saved("llama-cpp-python", "models")["answer"])
        assert listing.names == ("tiny-bigram",)
        assert listing.vocabulary_size("tiny-bigram") is None


class TestTheDrawnToken:
    """vLLM lists it first and cuts the list afterwards, so that it displaces the last of the top k."""

    def test_an_unlikely_draw_in_front_of_the_list_is_taken_out(self) -> None:
        listed = [entry(" a", -9.0), entry(" b", -0.5), entry(" c", -2.0)]
        assert texts(chat(listed, drawn=" a"), 3) == [" b", " c"]

    def test_a_likely_draw_in_front_stays(self) -> None:
        listed = [entry(" a", -2.0), entry(" b", -0.5), entry(" c", -3.0)]
        assert texts(chat(listed, drawn=" a"), 3) == [" a", " b", " c"]

    def test_the_most_likely_token_stays_in_a_sorted_list(self) -> None:
        listed = [entry(" a", -0.5), entry(" b", -2.0)]
        assert texts(chat(listed, drawn=" a"), 2) == [" a", " b"]

    def test_an_unsorted_list_stays_whole_where_its_first_token_was_not_drawn(self) -> None:
        listed = [entry(" a", -9.0), entry(" b", -0.5)]
        assert texts(chat(listed, drawn=" b"), 2) == [" a", " b"]

    def test_a_list_that_is_shorter_than_asked_keeps_the_draw_at_its_end(self) -> None:
        listed = [entry(" b", -0.5), entry(" a", -9.0)]
        assert texts(chat(listed, drawn=" a"), 20) == [" b", " a"]

    def test_a_whole_vocabulary_keeps_every_token(self) -> None:
        listed = [entry(f"{rank}", -rank) for rank in range(1, 500)]
        assert len(texts(chat(listed, drawn="499"), 20)) == 499

    def test_the_drawn_one_of_several_tokens_without_text_is_told_by_its_bytes(self) -> None:
        listed = [entry("", -1.0, bytes=[0xE2]), entry("", -2.0, bytes=[0x82])]
        answer = chat(listed)
        answer["choices"][0]["logprobs"]["content"][0].update(token="", bytes=[0x82])
        assert parse(answer, 1).tokens == (Token("", b"\xe2"),)


class TestEntries:
    def test_sentinels_pass_through_for_the_distribution_to_judge(self) -> None:
        values = [-0.1, -3.0, -9999.0, -3.4028235e38, float("-inf")]
        top = parse(chat([entry(f"{value}", value) for value in values]), 5)
        assert list(top.logprobs) == values

    @pytest.mark.parametrize(
        "bad",
        [
            None, "text", 3, [], {}, entry(" b", None), entry(" b", "-0.5"), entry(" b", True),
            entry(None, -1.0), entry(3, -1.0), entry(" b", math.nan), entry(" b", 10**400), {"token": " b"},
            {"logprob": -1.0},
        ],
    )  # fmt: skip
    def test_an_unreadable_one_is_left_out_and_told(self, bad: object) -> None:
        top = parse(chat([entry(" a", -0.5), bad]), 1)
        assert top.tokens == (Token(" a"),)
        assert not top.is_top
        assert top.notes == (
            "1 of the server's tokens came without a usable number. "
            "One of them may be the most likely token.",
        )

    @pytest.mark.parametrize("numbers", [None, "ab", [256], [-1], ["a"], [1.5], [None], {}, []])
    def test_wrong_bytes_are_unknown_bytes(self, numbers: object) -> None:
        assert parse(chat([entry(" b", -1.0, bytes=numbers)]), 1).tokens == (Token(" b"),)

    def test_bytes_of_a_part_of_a_character_are_kept(self) -> None:
        assert parse(chat([entry("\ufffd", -1.0, bytes=[0xF0, 0x9F])]), 1).tokens == (
            Token("\ufffd", b"\xf0\x9f"),
        )

    def test_tokens_of_the_same_text_stay_apart(self) -> None:
        top = parse(chat([entry("\ufffd", -1.0), entry("\ufffd", -1.0), entry("", -2.0), entry("", -2.0)]), 4)
        assert len(top.tokens) == 4

    @pytest.mark.parametrize("text", ["\ud83d", "\x1b[2J", "\u202e", " \t\r\n", "[bold]", "token_id:7"])
    def test_a_text_is_kept_as_it_is(self, text: str) -> None:
        assert texts(json.loads(json.dumps(chat([entry(text, -1.0)]))), 1) == [text]

    def test_fewer_than_asked_for_is_told(self) -> None:
        top = parse(chat([entry(" a", -0.5), entry(" b", -9999.0)]), 20)
        assert top.notes == ("The server sent 1 of the 20 tokens asked for.",)


class TestReasoning:
    NOTE = "This is the first token of the model's reasoning, not of its answer."

    def test_a_list_of_reasoning_tokens_is_read_and_told(self) -> None:
        answer = chat([entry("Okay", -0.5)], drawn=None)
        logprobs = answer["choices"][0]["logprobs"]
        logprobs.update(content=None, reasoning_content=logprobs["content"])
        top = parse(answer, 1)
        assert top.tokens == (Token("Okay"),)
        assert top.notes == (self.NOTE,)

    def test_reasoning_tokens_in_front_of_an_answer_that_is_not_there_are_told(self) -> None:
        answer = chat([entry("<think>", -0.1)], drawn="<think>", content=None, reasoning_content="<think>")
        assert parse(answer, 1).notes == (self.NOTE,)

    def test_a_refusals_tokens_are_read_and_told(self) -> None:
        answer = chat([entry("I", -0.5)])
        logprobs = answer["choices"][0]["logprobs"]
        logprobs.update(content=[], refusal=logprobs["content"])
        assert "refuses" in parse(answer, 1).notes[0]


class TestNothingUsable:
    @pytest.mark.parametrize("answer", [None, [], "<html>", 3, True])
    def test_what_is_no_object_is_no_answer(self, answer: object) -> None:
        with pytest.raises(ModelError, match="does not come from a language model"):
            parse(answer, 20)

    @pytest.mark.parametrize("choices", [None, [], {}, "no", [None], [[]]])
    def test_an_answer_without_choices(self, choices: object) -> None:
        with pytest.raises(ModelError, match="without any text"):
            parse({"choices": choices}, 20)

    @pytest.mark.parametrize(
        "logprobs", [None, {}, [], "no", {"content": None}, {"content": [None]}, {"top_logprobs": []}]
    )
    def test_a_choice_without_log_probabilities(self, logprobs: object) -> None:
        answer = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop", "logprobs": logprobs}]}
        with pytest.raises(ModelError, match="without log-probabilities") as caught:
            parse(answer, 20)
        assert not isinstance(caught.value, NoTokenError)

    @pytest.mark.parametrize("listed", [None, [], {}, [None], "abc", 7])
    def test_a_drawn_token_alone(self, listed: object) -> None:
        with pytest.raises(ModelError, match="only the token that it sampled"):
            parse(chat(listed), 20)

    @pytest.mark.parametrize("logprobs", [None, {"content": []}])
    def test_a_cap_that_left_no_token_is_told_apart(self, logprobs: object) -> None:
        answer = {"choices": [{"message": {"content": ""}, "finish_reason": "length", "logprobs": logprobs}]}
        with pytest.raises(NoTokenError) as caught:
            parse(answer, 20)
        assert caught.value.finish_reason == "length"

    def test_a_content_filter_is_named(self) -> None:
        with pytest.raises(ModelError, match="content filter"):
            parse({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}, 20)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "choices",
                            "logprobs",
                            "content",
                            "top_logprobs",
                            "token",
                            "logprob",
                            "bytes",
                            "tokens",
                            "message",
                        ]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=20,
        )
    )
    @example({"choices": [{"logprobs": {"top_logprobs": [{"a": 710.0}]}}]})
    def test_no_json_at_all_breaks_it(self, answer: object) -> None:
        for wrapped in (
            answer,
            {"choices": [{"logprobs": answer}]},
            {"choices": [{"logprobs": {"content": [answer]}}]},
        ):
            try:
                top = parse(wrapped, 20)
            except ModelError:
                continue
            assert len(top.tokens) == len(top.logprobs) > 0


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


class TestReading:
    @given(JSON, st.booleans())
    def test_an_answer_says_what_python_reads_in_it(self, value: object, ascii_only: bool) -> None:
        content = json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass")
        assert repr(read_json(content)) == repr(json.loads(content))

    @pytest.mark.parametrize(
        "content",
        [
            b'{"a": 1, "a": 2}', b'"\\ud83d"', b"1e400", b"-0", b"9" * 4000, b"0.1" + b"0" * 900 + b"1",
            b"5e-324", b"NaN", b"-Infinity", b"[" * 500 + b"]" * 500, b"\xef\xbb\xbf1",
            '"é"'.encode("utf-16"),
        ],
    )  # fmt: skip
    def test_odd_but_right(self, content: bytes) -> None:
        assert repr(read_json(content)) == repr(json.loads(content))

    @pytest.mark.parametrize("content", [b"", b"{", b"[1,]", b"nan", b"01", b'"\xff"', b"1 2", b"9" * 5000])
    def test_what_is_no_json_is_refused_and_cycles_are_sought_again(self, content: bytes) -> None:
        with pytest.raises(ValueError, match=r"."):
            read_json(content)
        assert gc.isenabled()


@pytest.mark.shared
def test_every_saved_answer_gives_a_distribution_or_says_why_not(shared: Path) -> None:
    outcomes: dict[str, int] = {"distribution": 0, "refusal": 0, "none": 0}
    for path in sorted((shared / "real-server" / "answers").glob("*/*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        answer, body = record["answer"], record["request"]["body"]
        if record["status"] != 200:
            assert Refusal.from_body(record["status"], answer).message or not answer.get("error", {}).get(
                "message"
            ), path
            outcomes["refusal"] += 1
            continue
        asked = body.get("top_logprobs", body.get("logprobs")) if isinstance(body, dict) else None
        asked = asked if isinstance(asked, int) and asked > 1 else 20
        try:
            top = parse(answer, asked)
        except ModelError:
            outcomes["none"] += 1
            continue
        distribution = TokenDistribution.from_top_logprobs(top.tokens, top.logprobs, 512)
        if "echo" not in path.name:
            assert len(distribution) <= min(max(asked, 1), 512), path
        assert distribution.unseen_mass.high <= 1, path
        outcomes["distribution"] += 1
    assert outcomes["distribution"] >= 70
    assert outcomes["refusal"] >= 15
    assert outcomes["none"] >= 5
