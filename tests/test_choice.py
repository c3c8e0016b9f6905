"""Which model is asked where none was named: what servers' lists say, and what OpenAI's names do."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.choice import AT_OPENAI, announced_end, choose
from softmax_visualizer.models.listing import Listing

TODAY = date(2026, 11, 26)
LATER = date(2027, 2, 1)

OPENAI = [
    "text-embedding-3-small", "gpt-6-astra", "tts-1", "gpt-4o-mini", "gpt-4o-mini-tts", "gpt-image-1",
    "gpt-5.4-mini", "gpt-5.6-luna", "gpt-5.6-sol", "gpt-6-luna", "omni-moderation-latest", "whisper-1",
]  # fmt: skip


def listing(*entries: dict[str, Any] | str) -> Listing:
    return Listing.parse({"data": [{"id": entry} if isinstance(entry, str) else entry for entry in entries]})


class TestLists:
    @pytest.mark.parametrize(
        "answer", [None, [], {}, {"data": None}, {"data": {}}, "<html>", {"detail": ["no"]}]
    )
    def test_what_is_no_list_of_models_says_so(self, answer: object) -> None:
        with pytest.raises(ModelError, match=r"does not list its models\. Name one with --model"):
            Listing.parse(answer)

    @pytest.mark.parametrize(
        "answer",
        [
            {"object": "list", "data": [{"id": "a"}, {"id": "b"}]},
            [{"id": "a", "type": "chat"}, {"id": "b", "type": "chat"}],  # Together
            {"models": [{"name": "a", "model": "a"}, {"name": "b", "model": "b"}]},  # Ollama
            {"models": [{"model": "a"}, {"model": "b"}], "data": []},
            {"object": "list", "data": {"models": [{"id": "a"}, {"id": "b"}]}},
            {"total": 2, "results": [{"id": "a"}, {"id": "b"}]},
            {"data": ["a", "b"]},
            ["a", "b"],
        ],
    )
    def test_it_is_read_in_any_envelope_and_in_none(self, answer: object) -> None:
        assert Listing.parse(answer).names == ("a", "b")

    def test_an_empty_one_is_a_list(self) -> None:
        assert Listing.parse({"data": []}).names == Listing.parse({"models": []}).names == ()

    def test_odd_entries_are_passed_over(self) -> None:
        odd: list[Any] = [
            None,
            {},
            {"id": 3},
            {"id": ""},
            {"id": "a\x1b[m"},
            {"id": "a", "meta": [], "shutdown_date": "soon", "status": 7, "type": [], "architecture": "x"},
        ]
        odd += [{"id": "a"}, {"id": "b", "meta": {"n_vocab": "512"}, "shutdown_date": "2027-02-03"}]
        models = Listing.parse({"data": odd}).models
        assert list(models) == ["a", "b"]
        assert [told.vocabulary_size for told in models.values()] == [None, None]
        assert models["b"].end == date(2027, 2, 3)

    @pytest.mark.parametrize(
        "entry",
        [
            {"shutdown_date": "2027-02-03"},
            {"deprecation": "2027-02-03T12:00:00Z"},
            {"expiration_date": "2027-02-03"},
            {"deprecation": {"fine_tune": 1, "inference": 1801612800}},
        ],
    )
    def test_announced_ends_have_several_names(self, entry: dict[str, Any]) -> None:
        assert listing({"id": "a", **entry}).models["a"].end == date(2027, 2, 3)

    @pytest.mark.parametrize(
        ("entry", "writes"),
        [
            ({"type": "chat"}, True),
            ({"type": "embedding"}, False),
            ({"type": "transcribe"}, False),
            ({"type": "llm", "state": "loaded"}, True),
            ({"model_type": "rerank"}, False),
            ({"capabilities": {"completion_chat": False, "vision": False}}, False),
            ({"capabilities": {"completion_chat": True, "vision": True}}, True),
            ({"capabilities": {"chat_completion": False, "embeddings": True, "inference": True}}, False),
            ({"capabilities": ["embedding"]}, False),
            ({"capabilities": ["completion", "tools"]}, True),
            ({"capabilities": ["image_input"]}, None),
            ({"architecture": {"modality": "text+image->text"}}, True),
            ({"architecture": {"modality": "text->image"}}, False),
            ({"architecture": {"output_modalities": ["decisions"]}}, False),
            ({"pipeline_tag": "image-text-to-text"}, True),
            ({"supportedGenerationMethods": ["embedContent"]}, False),
            ({"model_info": {"mode": "audio_transcription"}}, False),
            ({"endpoints": ["/v1/chat/completions"]}, True),
            ({"object": "model", "owned_by": "library"}, None),
        ],
    )
    def test_what_a_model_is_for_is_said_in_many_ways(
        self, entry: dict[str, Any], writes: bool | None
    ) -> None:
        assert listing({"id": "a", **entry}).models["a"].generates_text is writes

    def test_a_long_list_is_read_at_once(self) -> None:
        assert len(listing(*(f"m{number}" for number in range(40_000))).names) == 40_000


class TestTheChoice:
    @pytest.mark.parametrize(
        "other",
        [
            "nomic-embed-text:latest", "text-embedding-3-small", "BAAI/bge-m3", "multilingual-e5-large",
            "Alibaba/gte-large", "jina-reranker-v2", "whisper-large-v3", "gpt-4o-transcribe", "tts-1-hd",
            "playai-tts", "dall-e-3", "gpt-image-1", "stable-diffusion-xl", "sora-2", "flux.1",
            "omni-moderation-latest", "llama-guard-4-12b", "all-minilm:l6", "gpt-realtime",
        ],
    )  # fmt: skip
    def test_what_does_not_write_is_told_by_its_name(self, other: str) -> None:
        assert choose(listing(other, "llama3.1:8b"), TODAY) == "llama3.1:8b"

    @pytest.mark.parametrize(
        "name",
        [
            "gemma3:4b",
            "Qwen/Qwen2.5-VL-7B-Instruct",
            "mistral-large-latest",
            "gpt-oss:20b",
            "imaginary",
            "ottsy",
        ],
    )
    def test_what_writes_is_left_in_its_place(self, name: str) -> None:
        assert choose(listing(name, "other"), TODAY) == name

    def test_what_the_server_says_counts_for_more_than_the_name(self) -> None:
        models = listing({"id": "a", "type": "embedding"}, {"id": "bert-embed-chat", "type": "chat"})
        assert choose(models, TODAY) == "bert-embed-chat"

    @pytest.mark.parametrize("state", ["unloaded", "loading", "downloading", "sleeping"])
    def test_a_model_that_is_not_loaded_is_passed_over(self, state: str) -> None:
        models = listing(
            {"id": "a", "status": {"value": state}},
            {"id": "b", "state": "not-loaded"},
            {"id": "c", "status": {"value": "loaded"}},
        )
        assert choose(models, TODAY) == "c"

    def test_where_none_is_loaded_none_is_asked(self) -> None:
        with pytest.raises(ModelError, match="is loaded, and asking one would load it"):
            choose(listing({"id": "a", "status": {"value": "unloaded"}}), TODAY)

    def test_where_none_writes_none_is_asked(self) -> None:
        with pytest.raises(ModelError, match="generates text"):
            choose(listing({"id": "a", "type": "embedding"}), TODAY)

    def test_a_name_alone_is_no_proof(self) -> None:
        assert choose(listing("my-embed"), TODAY) == "my-embed"

    def test_one_that_takes_no_logprobs_comes_after_one_that_does(self) -> None:
        models = listing(
            {"id": "a", "supported_parameters": ["temperature"]},
            {"id": "b", "supported_parameters": ["logprobs", "temperature"]},
        )
        assert choose(models, TODAY) == "b"

    def test_one_that_refused_comes_no_more(self) -> None:
        assert choose(listing("a", "b"), TODAY, ["a"]) == "b"
        assert choose(listing("a"), TODAY, ["a"]) is None
        assert choose(Listing(), TODAY) is None


class TestOpenAI:
    def test_the_one_that_lists_twenty_is_first_while_it_lives(self) -> None:
        assert choose(listing(*OPENAI), TODAY) == choose(AT_OPENAI, TODAY) == "gpt-4o-mini"

    def test_thirty_days_before_its_end_it_is_no_longer(self) -> None:
        end = date(2027, 1, 14)
        assert choose(listing(*OPENAI), end - timedelta(days=31)) == "gpt-4o-mini"
        assert choose(listing(*OPENAI), end - timedelta(days=30)) == "gpt-5.6-luna"

    def test_after_its_end_one_that_was_seen_to_list_any_is(self) -> None:
        assert choose(listing(*OPENAI), LATER) == choose(AT_OPENAI, LATER) == "gpt-5.6-luna"
        assert choose(listing("gpt-6-astra", "gpt-6-luna"), LATER) == "gpt-6-luna"
        assert choose(listing("o3", "gpt-5-mini", "gpt-6.2-sol", "gpt-7-new"), LATER) == "gpt-7-new"

    def test_the_servers_date_counts_for_more_than_the_known_one(self) -> None:
        longer = listing({"id": "gpt-4o-mini", "shutdown_date": "2028-01-01"}, "gpt-5.6-luna")
        assert choose(longer, LATER) == "gpt-4o-mini"
        shorter = listing({"id": "gpt-4o-mini", "shutdown_date": "2026-12-01"}, "gpt-5.6-luna")
        assert choose(shorter, TODAY) == "gpt-5.6-luna"

    def test_where_all_end_soon_the_first_is_asked_all_the_same(self) -> None:
        assert choose(listing("gpt-4o-mini"), LATER) == "gpt-4o-mini"

    def test_a_vendor_in_front_makes_no_difference(self) -> None:
        assert choose(listing("a/b", "openai/gpt-4o-mini"), TODAY) == "openai/gpt-4o-mini"

    def test_known_ends_count_at_openai_only(self) -> None:
        for model in ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini-2024-07-18"):
            assert f"{announced_end(model, Listing(), is_openai=True)}" == "2027-01-14"
            assert announced_end(model, Listing(), is_openai=False) is None
        assert f"{announced_end('gpt-5.4-nano', Listing(), is_openai=True)}" == "2027-04-01"
        assert announced_end("gpt-5.4", Listing(), is_openai=True) is None
