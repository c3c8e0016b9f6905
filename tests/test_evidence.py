"""What a server's list is taken to prove. The answers are those of public bug reports, shortened."""

from __future__ import annotations

import math
from typing import Any

import pytest

from softmax_visualizer.decoding import Decoding, DecodingSettings, Order, TokenDistribution, decode
from softmax_visualizer.models.answers import TopLogprobs, parse

ORDERS: tuple[Order, ...] = ("temperature-first", "temperature-last")
SIZE = 200_019

LAZY = [(" lazy", 0.55), (" old", 0.12), (" red", 0.07), (" big", 0.05), (" dog", 0.04)]


def listed(*pairs: tuple[str, float], **more: Any) -> list[dict[str, Any]]:
    return [entry(text, math.log(p), **more) for text, p in pairs]


def entry(text: str, logprob: float | None, **more: Any) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode()), **more}


def chat(top: list[dict[str, Any]], sampled: dict[str, Any]) -> dict[str, Any]:
    content = [{**sampled, "top_logprobs": top}]
    return {"choices": [{"message": {"content": sampled["token"]}, "logprobs": {"content": content}}]}


def legacy(top: list[dict[str, Any]], sampled: dict[str, Any]) -> dict[str, Any]:
    logprobs = {
        "tokens": [sampled["token"]],
        "token_logprobs": [sampled["logprob"]],
        "top_logprobs": [{each["token"]: each["logprob"] for each in top}],
    }
    return {"choices": [{"text": sampled["token"], "logprobs": logprobs}]}


def distribution(top: TopLogprobs) -> TokenDistribution:
    return TokenDistribution.from_top_logprobs(
        top.tokens, top.logprobs, SIZE, is_top=top.is_top, odds_only=top.odds_only
    )


def read(
    top: list[dict[str, Any]], sampled: dict[str, Any], asked: int | None = None, shape: Any = chat
) -> TokenDistribution:
    return distribution(parse(shape(top, sampled), len(top) if asked is None else asked))


def texts(found: TokenDistribution) -> list[str]:
    return [token.text for token in found.tokens]


def greedy(found: TokenDistribution, order: Order) -> Decoding:
    return decode(found, DecodingSettings(0.0, order=order))


def assert_nothing_rests_on_the_top(found: TokenDistribution) -> None:
    for order in ORDERS:
        assert not greedy(found, order).after_cut.exact
        for temperature in (0.2, 0.7, 1.0, 1.5):
            for cut in ({"top_p": 0.01}, {"top_p": 0.9}, {"top_k": 1}, {"top_k": 3}, {"min_p": 0.5}):
                chosen = DecodingSettings(temperature, order=order, **cut)  # type: ignore[arg-type]
                assert not decode(found, chosen).after_cut.exact, chosen


class TestATokenThatStandsInTheListTwice:
    """vLLM puts the sampled token in front of the top k, which has it as well, and then cuts to k."""

    @pytest.mark.parametrize("sampled", [0, 1, 3])
    @pytest.mark.parametrize("also", [{}, {"id": 7}, {"bytes": None}])
    def test_it_is_one_row_of_a_list_that_is_shorter_by_one(self, sampled: int, also: dict[str, Any]) -> None:
        top = listed(*LAZY)
        twice = {**top[sampled], **also}
        top[sampled] = twice
        found = parse(chat([twice, *top[:-1]], twice), 5)
        assert [token.text for token in found.tokens] == [" lazy", " old", " red", " big"]
        assert found.is_top
        assert found.notes == (
            "The server sent 4 of the 5 tokens asked for.",
            "The server listed the same token twice; it counts once.",
        )

    def test_the_nucleus_is_that_of_the_list_without_it(self) -> None:
        top = listed(*LAZY)
        twice, once = read([top[1], *top[:-1]], top[1]), read(top[:-1], top[0])
        chosen = DecodingSettings(0.7, 0.6)
        assert decode(twice, chosen).to_dict() == decode(once, chosen).to_dict()

    def test_a_copy_at_the_end_counts_once_as_well(self) -> None:
        top = listed(*LAZY)
        assert texts(read([*top[:-1], top[1]], top[1])) == [" lazy", " old", " red", " big"]

    def test_the_same_bytes_with_another_number_are_another_token(self) -> None:
        top = [entry(" f", -0.5), entry(" f", -1.5), entry(" g", -3.0)]
        assert texts(read(top, top[0])) == [" f", " f", " g"]

    def test_another_id_is_another_token(self) -> None:
        top = [entry(" f", -1.5, id=1), entry(" f", -1.5, id=2), entry(" g", -3.0, id=3)]
        assert texts(read(top, top[0])) == [" f", " f", " g"]

    def test_halves_of_characters_are_taken_for_two_tokens_where_none_was_sampled(self) -> None:
        top = [entry(" a", -0.5), entry("\ufffd", -2.0), entry("\ufffd", -2.0)]
        assert len(read(top, top[0])) == 3

    def test_a_half_of_a_character_that_was_sampled_may_be_one_token_or_two(self) -> None:
        half = entry("\ufffd", -2.0)
        found = read([half, entry(" a", -0.5), half], half)
        assert texts(found) == [" a", "\ufffd"]
        assert not found.is_top


class TestASampledTokenThatTheListLacks:
    LMDEPLOY = (entry("Hi", -9.852066), entry("\u0120Hello", -12.198531), entry("Hey", -12.6))

    @pytest.mark.parametrize("shape", [chat, legacy])
    def test_the_most_likely_one_is_put_in_front(self, shape: Any) -> None:
        hello = entry("Hello", -0.00005777)
        found = read([*self.LMDEPLOY], hello, 20, shape)
        assert texts(found)[:2] == ["Hello", "Hi"]
        assert not found.is_top
        # no token can have as much of what is left as this one has, so greedy is sure all the same
        assert found.leading >= 1
        for order in ORDERS:
            assert greedy(found, order).after_cut.probabilities.low[0] == 1

    @pytest.mark.parametrize("shape", [chat, legacy])
    @pytest.mark.parametrize("p", [0.3, 0.06, 0.04])
    def test_one_that_belongs_into_the_list_shows_that_it_is_not_the_top(self, p: float, shape: Any) -> None:
        top = listed((" a", 0.2), (" b", 0.05), (" c", 0.03))
        found = parse(shape(top, entry(" x", math.log(p))), 3)
        assert " x" in [token.text for token in found.tokens]
        assert f"{100 * p:.4g} %" in found.notes[-1]
        assert_nothing_rests_on_the_top(distribution(found))

    @pytest.mark.parametrize("p", [0.03, 0.001])
    def test_one_that_is_no_more_likely_than_the_last_is_one_of_the_others(self, p: float) -> None:
        top = listed((" a", 0.2), (" b", 0.05), (" c", 0.03))
        found = parse(chat(top, entry(" x", math.log(p))), 3)
        assert [token.text for token in found.tokens] == [" a", " b", " c"]
        assert (found.is_top, found.notes) == (True, ())

    def test_openais_stand_in_says_that_it_is_one_of_the_others(self) -> None:
        found = parse(chat(listed(*LAZY), entry(" x", -9999.0)), 5)
        assert (len(found.tokens), found.is_top, found.notes) == (5, True, ())

    @pytest.mark.parametrize("shape", [chat, legacy])
    @pytest.mark.parametrize("number", [None, math.nan])
    def test_one_without_a_number_may_be_the_first(self, number: float | None, shape: Any) -> None:
        top = listed((" a", 0.2), (" b", 0.05), (" c", 0.03))
        found = parse(shape(top, entry(" x", number)), 3)
        assert "may be the most likely token" in found.notes[-1]
        assert_nothing_rests_on_the_top(distribution(found))

    def test_one_for_which_there_is_no_room_is_not_used(self) -> None:
        found = parse(chat(listed(*LAZY), entry(" x", math.log(0.9))), 5)
        assert [token.text for token in found.tokens] == [text for text, _ in LAZY]
        assert not found.is_top
        assert "90 %" in found.notes[-1]

    def test_two_numbers_for_one_token_are_a_contradiction(self) -> None:
        found = parse(chat(listed(*LAZY), entry(" old", math.log(0.3))), 5)
        assert [token.text for token in found.tokens] == [text for text, _ in LAZY]
        assert not found.is_top

    def test_fewer_digits_are_not(self) -> None:
        assert parse(chat(listed(*LAZY), entry(" old", round(math.log(0.12), 2))), 5).is_top

    def test_with_another_one_at_the_lowest_place_it_displaced_none_that_is_likelier(self) -> None:
        top = listed(("a", 0.5), ("b", 0.1), ("c", 0.1))
        found = read(top, top[2])
        assert texts(found) == ["a", "b", "c"]
        assert found.is_top

    @pytest.mark.parametrize("place", [0, 4])
    def test_at_the_lowest_place_it_may_have_displaced_a_likelier_one(self, place: int) -> None:
        top, intruder = listed(*LAZY[:4]), entry(" x", math.log(0.001))
        top.insert(place, intruder)
        found = read(top, intruder)
        assert texts(found) == [" lazy", " old", " red", " big"]
        assert found.is_top


class TestAnEntryWithoutANumber:
    """OpenVINO's server sent null where rounding had made a log-probability positive."""

    REST = (entry("Hi", -9.25), entry("Hey", -11.5), entry("Good", -12.0))

    @pytest.mark.parametrize("number", [None, math.nan, -9999.0, -math.inf, -3.4028235e38])
    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_one_in_front_of_others_may_be_the_first(self, number: float | None, place: int) -> None:
        top = [*self.REST[:place], entry("Hello", number), *self.REST[place:]]
        found = parse(chat(top, entry("Hello", number)), 4)
        assert [token.text for token in found.tokens] == ["Hi", "Hey", "Good"]
        assert "One of them may be the most likely token." in found.notes[-1]
        assert_nothing_rests_on_the_top(distribution(found))

    def test_greedy_is_not_said_to_take_the_first_that_has_one(self) -> None:
        found = read([entry("Hello", None), *self.REST], entry("Hello", None))
        for order in ORDERS:
            first = greedy(found, order).after_cut.probabilities[0]
            assert (first.low, first.estimate, first.high) == (0, 0, 1)

    def test_one_that_has_a_number_as_the_sampled_token_is_taken_at_that(self) -> None:
        found = read([entry("Hello", None), *self.REST], entry("Hello", -0.0002))
        assert texts(found) == ["Hello", "Hi", "Hey", "Good"]
        assert found.is_top

    @pytest.mark.parametrize("number", [-9999.0, -math.inf])
    def test_a_stand_in_for_impossible_at_the_end_says_no_more_than_that(self, number: float) -> None:
        top = [*listed(*LAZY), entry(" x", number)]
        found = parse(chat(top, top[0]), 6)
        assert found.is_top

    def test_a_number_a_little_above_zero_is_a_certain_token(self) -> None:
        found = read([entry("Hello", 0.0009), *self.REST], entry("Hello", 0.0009))
        assert found.logprobs[0] == pytest.approx(0, abs=2e-4)
        assert found.is_top


class TestAListThatWasScaled:
    @pytest.mark.parametrize(
        "others", [[], [entry(" x", -9999.0)], [entry(" x", -math.inf)], [entry(" x", -100.0)]]
    )
    @pytest.mark.parametrize("number", [0.0, -0.0, -1e-7, 0.0005])
    def test_one_token_with_all_of_it_is_no_knowledge(
        self, number: float, others: list[dict[str, Any]]
    ) -> None:
        sampled = entry("Hello", number, id=9259)
        found = parse(chat([sampled, *others], sampled), 20)
        assert "guessing ahead" in found.notes[-1]
        assert_nothing_rests_on_the_top(distribution(found))
        for temperature in (0.0, 0.5, 1.0, 2.0):
            decoding = decode(distribution(found), DecodingSettings(temperature))
            first = decoding.after_cut.probabilities[0]
            assert not decoding.after_cut.exact
            assert first.low < 1e-6 < 1 - 1e-6 < first.high

    def test_two_tokens_with_all_of_it_have_odds_only(self) -> None:
        top = listed((" a", 0.8), (" b", 0.2))
        found = read(top, top[0], 20)
        assert found.odds_only
        decoding = decode(found, DecodingSettings())
        assert not decoding.after_cut.exact
        assert decoding.after_cut.probabilities.low[0] < 0.01

    def test_a_natural_list_that_is_short_and_nearly_certain_is_taken_at_its_word(self) -> None:
        top = [entry(" a", -1e-7), entry(" b", -17.0), entry(" c", -19.5)]
        found = parse(chat(top, top[0]), 20)
        assert (found.is_top, found.odds_only) == (True, False)

    def test_a_list_as_long_as_asked_for_is_taken_at_its_word(self) -> None:
        top = listed((" a", 0.8), (" b", 0.2))
        assert not parse(chat(top, top[0]), 2).odds_only

    @pytest.mark.parametrize(("p", "leading"), [(0.7, 1), (0.3, 0)])
    def test_the_sampled_token_alone_need_not_be_the_most_likely(self, p: float, leading: int) -> None:
        sampled = entry(" a", math.log(p))
        for asked in (1, 20):
            found = read([sampled], sampled, asked)
            assert not found.is_top
            assert found.leading == leading

    def test_another_token_alone_is_the_most_likely_where_one_was_asked_for(self) -> None:
        found = parse(chat([entry(" a", -2.0)], entry(" b", -4.0)), 1)
        assert found.is_top


def test_a_list_without_an_order_is_read_like_one_with_it() -> None:
    top = listed(*LAZY)
    assert read([top[2], top[0], top[4], top[1], top[3]], top[0]).to_dict() == read(top, top[0]).to_dict()
