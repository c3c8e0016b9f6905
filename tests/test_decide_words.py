"""The answers to "which setting?", in words that stay true, and what a person types to ask."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from softmax_visualizer.decoding import DecodingSettings, Interval, Token, TokenDistribution, decode
from softmax_visualizer.decoding.decision import DecisionError, Question, acceptable_tokens, find_token
from softmax_visualizer.display.decision import bounded, decision
from softmax_visualizer.display.labels import cell_width, label
from softmax_visualizer.display.settings import settings_words
from softmax_visualizer.tui.dialogs.questions import _rival_text, _with_reliability, _with_rival, _with_tokens

FOX = TokenDistribution.from_logits(
    [" lazy", " fence", " moon", " corpse", "%", "nan", "7", " New York"],
    np.log([0.4, 0.2, 0.15, 0.1, 0.05, 0.04, 0.03, 0.03]),
)
ONE_IN_A_HUNDRED = TokenDistribution.from_top_logprobs([" yes"], [math.log(0.99)], 200_019)
ONLY_ONE = TokenDistribution.from_logits(["only"], [0.0])
HOSTILE = [
    "\x1b[31m" * 9,
    "\u202eabc",
    "日本" * 20,
    "[@click=app.quit]x[/]",
    "\n\t",
    "e\u0301" * 30,
    "",
    " " * 40,
]
HOSTILE_LISTED = TokenDistribution.from_top_logprobs(HOSTILE, np.log([0.3, 0.2, *[0.05] * 6]), 200_019)
NEARLY_CERTAIN = TokenDistribution.from_top_logprobs(list("abc"), np.log([0.99987, 1e-5, 1e-5]))
FLAT = TokenDistribution.from_top_logprobs(list("ab"), np.log([1e-5, 1e-5]), 200_019)
STEEP = TokenDistribution.from_logits(list("abc"), [0.0, -25.0, -60.0])
EVERY = {
    "whole": FOX,
    "one in a hundred": ONE_IN_A_HUNDRED,
    "one token": ONLY_ONE,
    "hostile": HOSTILE_LISTED,
    "nearly certain": NEARLY_CERTAIN,
    "flat": FLAT,
    "steep": STEEP,
}
every_distribution = pytest.mark.parametrize("distribution", EVERY.values(), ids=EVERY)

chances = st.one_of(
    st.floats(0, 1), st.sampled_from([0.0, 1.0, 1e-300, 1e-6, 1e-4, 0.9999, 1 - 1e-9, math.nextafter(1.0, 0)])
)


def lines(
    distribution: TokenDistribution,
    question: Question | None = None,
    chosen: DecodingSettings | None = None,
    width: int = 116,
    height: int = 40,
) -> list[str]:
    decoding = decode(distribution, chosen or DecodingSettings())
    rows = decision(decoding, question or Question(), width, height)
    return ["".join(text for text, _ in row) for row in rows]


def answer(heading: str, *asked: object, **named: object) -> str:
    """What stands beside a heading, in one line."""
    found = lines(*asked, **named)  # type: ignore[arg-type]
    start = next(place for place, line in enumerate(found) if line.startswith(f"{heading} "))
    words = [found[start].removeprefix(heading).strip()]
    for line in found[start + 1 :]:
        if not line.startswith("   ") or "not greedy" in line:
            break
        words.append(line.strip())
    return " ".join(words)


def shares(text: str) -> tuple[float, float]:
    """The least and the most that a printed probability can be."""
    body = text.removesuffix(" %")
    if body.startswith("at least "):
        return float(body.removeprefix("at least ")) / 100, 1.0
    if body.startswith("at most "):
        return 0.0, float(body.removeprefix("at most ")) / 100
    low, _, high = body.partition(" to ")
    ends = []
    for end, word in enumerate((low, high or low)):
        if word == "<0.01":
            ends.append((0.0, 1e-4)[end])
        elif word == ">99.99":
            ends.append((0.9999, 1.0)[end])
        else:
            # one number alone is rounded to the nearest
            half = 0.0 if high else 0.5 * 10.0 ** -len(word.partition(".")[2]) * ("." in word)
            ends.append((float(word) + (half if end else -half)) / 100)
    return ends[0], ends[1]


# A probability in words


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (Interval.point(0.0), "0 %"),
        (Interval.point(1.0), "100 %"),
        (Interval.point(0.123), "12.3 %"),
        (Interval(0.0, 0.2, 0.5059), "at most 50.6 %"),
        (Interval(0.0, 0.0, 1e-16), "at most 0.01 %"),
        (Interval(0.0411, 0.05, 0.0976), "4.1 to 9.8 %"),
        (Interval(0.9934, 0.9999, 1.0), "at least 99.3 %"),
        (Interval(0.99995, 0.99999, 1.0), "at least 99.99 %"),
        (Interval(0.0, 0.5, 1.0), "0 to 100 %"),
        (Interval(0.0, 0.5, math.nextafter(1.0, 0)), "0 to >99.99 %"),
        (Interval(1e-6, 0.5, 1.0), "<0.01 to 100 %"),
        (Interval.point(1e-20), "<0.01 %"),
        (Interval.point(math.nextafter(1.0, 0)), ">99.99 %"),
    ],
)
def test_a_bound_is_called_a_bound(chance: Interval, words: str) -> None:
    assert bounded(chance) == words


@given(chances, chances)
@example(0.0, 0.99995)
def test_a_printed_chance_contains_the_true_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    text = bounded(Interval(low, low, high))
    least, most = shares(text)
    assert least <= low + 1e-11
    assert most >= high - 1e-11
    if text == "0 %":
        assert high == 0
    if text == "100 %":
        assert low == 1


# The sentences


def test_the_tutorials_slip_is_put_right() -> None:
    """A tail of 1 % over 500 tokens is 99.3 % at T = 1, far less where it is colder."""
    question = Question(accepted=frozenset({Token(" yes")}))
    over = {
        temperature: answer("500 tokens", ONE_IN_A_HUNDRED, question, DecodingSettings(temperature))
        for temperature in (1.0, 0.7, 1.5, 0.0)
    }
    assert over[1.0].startswith("99.3 % of answers leave it, if each step is like this one")
    assert over[0.7].startswith("0.3 to 50.6 % of answers leave it")
    assert over[1.5].startswith(">99.99 % of answers leave it")
    assert over[0.0].startswith("0 % of answers leave it")


def test_a_vocabulary_of_unknown_size_gives_at_most_and_at_least() -> None:
    distribution = TokenDistribution.from_top_logprobs([" yes"], [math.log(0.99)])
    question = Question(accepted=frozenset({Token(" yes")}))
    assert answer("500 tokens", distribution, question, DecodingSettings(0.7)).startswith("at most 50.6 %")
    assert answer("leaving it", distribution, question, DecodingSettings(1.5)).startswith("at least 4.4 %")


def test_at_temperature_one_the_numbers_are_those_of_the_list() -> None:
    assert answer("greedy", FOX) == "takes ␣lazy; 60.0 % of samples are another token"
    assert answer("the set", FOX) == "the model's own nucleus: 7 tokens with 95 % at T = 1"
    assert answer("leaving it", FOX) == "3.0 % of samples, once in 33.3"


def test_what_is_allowed_is_never_rounded_up() -> None:
    allowed = 1 - 0.99 ** (1 / 500)
    assert answer("allowed", FOX) == "at most 0.00201 % a token, for 99 % of answers"
    assert allowed > 0.00201 / 100
    for reliability, tokens in ((0.9, 3), (0.99, 570), (0.5, 1_000_000), (0.999999, 1_000_000), (0.01, 1)):
        question = Question(reliability=reliability, tokens=tokens)
        said = answer("allowed", FOX, question).removeprefix("at most ").split(" %")[0]
        exact = 100 * -math.expm1(math.log(reliability) / tokens)
        assert 0.9 * exact <= float(said) <= exact * (1 + 1e-9)


def test_the_rival_has_its_share_at_the_temperature_that_is_named() -> None:
    fence = replace(Question(), rival="fence", share=1 / 4)
    said = answer("rival", FOX, fence)
    assert said.startswith("␣fence has 25 % of the two at T 0.631: ")
    second = answer("rival", FOX)
    assert second == said


def test_a_rival_that_is_not_in_the_list_is_named_so() -> None:
    said = answer("rival", FOX, Question(rival="\x1b[2J" + "zebra" * 30))
    assert said.startswith("␛[2Jzebra")
    assert said.endswith("… is not in this list: R names another one")
    assert len(said) < 76


def test_a_list_of_one_token_has_no_rival() -> None:
    assert "cannot be its own rival" in answer("rival", ONLY_ONE)


def test_an_asked_share_is_not_rounded_to_another() -> None:
    assert "for 99.9999999 % of answers" in answer("allowed", FOX, Question(reliability=0.999999999))
    assert "has 49.9999999 % of the two" in answer("rival", FOX, Question(share=0.499999999))


def test_marks_that_the_list_lacks_are_counted() -> None:
    marked = Question(accepted=frozenset({Token(" lazy"), Token(" moon")}))
    assert acceptable_tokens(FOX, marked).indices == frozenset({0, 2})
    assert answer("the set", FOX, marked) == "the 2 tokens that you marked"
    elsewhere = Question(accepted=frozenset({Token(" lazy"), Token("zebra"), Token("yak")}))
    assert acceptable_tokens(FOX, elsewhere).indices == frozenset({0})
    assert answer("the set", FOX, elsewhere) == "the 3 tokens that you marked, less 2 that this list lacks"


def test_a_list_that_ends_before_the_nucleus_is_the_set_itself() -> None:
    assert acceptable_tokens(HOSTILE_LISTED, Question()).indices == frozenset(range(len(HOSTILE)))
    assert answer("the set", HOSTILE_LISTED, Question()) == "the 8 tokens that the server lists"


def test_a_token_is_found_with_or_without_the_space_before_it() -> None:
    distribution = TokenDistribution.from_logits([" a", "a", " b"], [3.0, 2.0, 1.0])
    found = [find_token(distribution, text) for text in ("a", " a", "␣a", "b", "␣b", "c", "")]
    assert found == [1, 0, 0, 2, 2, None, None]


@every_distribution
@pytest.mark.parametrize("temperature", [0.0, 0.005, 0.1, 0.7, 1.0, 2.0, 50.0])
@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_nothing_is_printed_as_impossible_or_certain_unless_it_is(
    distribution: TokenDistribution, temperature: float, top_p: float
) -> None:
    decoding = decode(distribution, DecodingSettings(temperature, top_p))
    possible = decoding.after_cut.kept_tokens
    departs = answer("greedy", distribution, Question(), decoding.settings)
    share = departs.split("; ")[1].split(" of samples")[0]
    assert (share == "0 %") == (possible.high == 1)
    assert share != "100 %"


def test_a_wait_that_nobody_waits_for_is_not_spelled_out() -> None:
    assert answer("leaving it", STEEP, Question(), DecodingSettings(0.1)) == "<0.01 % of samples"


@pytest.mark.parametrize("width", [76, 116, 120])
@pytest.mark.parametrize("height", [12, 60])
@pytest.mark.parametrize(
    "question",
    [
        Question(),
        Question(tokens=1_000_000, reliability=0.999999999, share=1e-6),
        Question(accepted=frozenset({Token(""), Token("a"), Token("zebra")}), rival="x" * 200, tokens=1),
        Question(rival=HOSTILE[2], tokens=99_999),
    ],
)
@every_distribution
def test_no_line_is_wider_than_the_screen(
    distribution: TokenDistribution, question: Question, width: int, height: int
) -> None:
    for chosen in (
        DecodingSettings(),
        DecodingSettings(0.005),
        DecodingSettings(0.1, 0.95, 40, 0.05, "temperature-last"),
        DecodingSettings(1.02),
        DecodingSettings(1.98765, 0.98765, order="temperature-last"),
    ):
        found = lines(distribution, question, chosen, width, height)
        assert [line for line in found if cell_width(line) > width] == []
        assert all(line.isprintable() and "\u0301" not in line for line in found)


@every_distribution
def test_headings_and_columns_never_touch_what_is_beside_them(distribution: TokenDistribution) -> None:
    for tokens in (500, 99_999, 1_000_000):
        for chosen in (DecodingSettings(), DecodingSettings(1.02), DecodingSettings(0.6)):
            found = lines(distribution, Question(tokens=tokens), chosen, width=76)
            assert any(line.startswith(f"{tokens:,} tokens ") for line in found)
            header = next(line for line in found if "leaves set" in line)
            assert header.rstrip().endswith("perplexity")
            assert f"in {tokens:,} " in header or " in N " in header
            table = found[found.index(header) :][:6]
            assert len({len(line) for line in table}) == 1
            ends = [header.index(name) + len(name) for name in ("not greedy", "leaves set", "perplexity")]
            for line in table[1:]:
                assert all(line[end - 1] != " " and line[end : end + 1] in ("", " ") for end in ends), line


def test_a_chance_without_room_for_both_bounds_keeps_the_one_that_tells_more() -> None:
    chosen = DecodingSettings(0.7)
    narrow, wide = (lines(ONE_IN_A_HUNDRED, chosen=chosen, width=width) for width in (76, 116))
    now = [next(line for line in table if line.startswith("now")) for table in (narrow, wide)]
    assert "≤0.2 %" in now[0]
    assert "<0.01–0.2 %" in now[1]
    marked = Question(accepted=frozenset({Token("b")}))
    mostly = lines(NEARLY_CERTAIN, marked, DecodingSettings(1.02), width=76)
    assert any("≥99.9" in line for line in mostly if line.startswith("now"))


def test_where_numbers_come_from_is_said_only_if_there_is_room() -> None:
    explanation = "The set itself stays the same at any setting."
    assert explanation in "\n".join(lines(FOX, height=40))
    short = lines(FOX, height=14)
    assert explanation not in "\n".join(short)
    assert len(short) <= 14


def test_the_presets_are_compared_in_the_order_of_the_current_engine() -> None:
    rows = {
        order: next(line for line in lines(FOX, chosen=DecodingSettings(order=order)) if "chat" in line)  # type: ignore[arg-type]
        for order in ("temperature-first", "temperature-last")
    }
    for order, row in rows.items():
        chat = decode(FOX, DecodingSettings(0.7, 0.9, order=order))  # type: ignore[arg-type]
        assert f"{100 * (1 - chat.after_cut.probabilities.low[0]):.1f} %" in row
    assert rows["temperature-first"] != rows["temperature-last"]


# What a person types


@pytest.mark.parametrize(
    ("typed", "tokens"), [("500", 500), (" 1,000 ", 1000), ("1,000,000", 1_000_000), ("0012", 12), ("1", 1)]
)
def test_an_answers_length_is_a_whole_number(typed: str, tokens: int) -> None:
    assert _with_tokens(Question(), typed, FOX) == Question(tokens=tokens)


@pytest.mark.parametrize(
    "typed",
    ["", "0", "-1", "1.5", "0,5", "1,5", "abc", "1000001", "٣", "²", "9" * 5000, "0" * 19 + "5" + "0" * 9,
     "0" * 5000 + "1", "nan", "inf", "\x1b[2J"],
)  # fmt: skip
def test_any_other_length_gets_one_sentence(typed: str) -> None:
    with pytest.raises(DecisionError, match=r"^An answer's length is a whole number .* 1 to 1,000,000\.$"):
        _with_tokens(Question(), typed, FOX)


@pytest.mark.parametrize(
    ("typed", "reliability"),
    [("99", 0.99), ("99 %", 0.99), ("99,9%", 0.999), (" 99.99 ", 0.9999), ("0.5", 0.005)],
)
def test_a_reliability_is_a_percentage(typed: str, reliability: float) -> None:
    assert _with_reliability(Question(), typed, FOX).reliability == pytest.approx(reliability, rel=1e-15)


@pytest.mark.parametrize(
    "typed", ["", "%", "abc", "0", "100", "100 %", "-5", "101", "nan", "inf", "1e400", "9 9"]
)
def test_any_other_reliability_gets_one_sentence(typed: str) -> None:
    with pytest.raises(DecisionError) as refused:
        _with_reliability(Question(), typed, FOX)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "rival", "share"),
    [
        ("fence 25 %", "fence", 0.25),
        ("fence 25%", "fence", 0.25),
        ("fence 12,5", "fence", 0.125),
        ("fence", "fence", 0.1),
        ("New York 20 %", "New York", 0.2),
        ("New York", "New York", 0.1),
        ("␣moon 5", "␣moon", 0.05),
        ("30 %", "", 0.3),
        ("", "", 0.1),
        ("%", "%", 0.1),
        ("% 25 %", "%", 0.25),
        ("nan", "nan", 0.1),
        ("nan 25 %", "nan", 0.25),
        ("7 25 %", "7", 0.25),
    ],
)
def test_a_rival_is_a_token_and_perhaps_its_share(typed: str, rival: str, share: float) -> None:
    question = _with_rival(Question(share=0.1, rival="corpse"), typed, FOX)
    assert question.rival == rival
    assert question.share == pytest.approx(share, rel=1e-15)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("zebra 25 %", "'zebra' is not in this list"),
        ("lazy 25 %", "its own rival"),
        ("fence 50 %", "below 50 %"),
        ("fence 0", "above 0 %"),
        ("fence -5 %", "above 0 %"),
        ("fence inf", "not in this list"),
        ("\x1b[2J 5 %", "'␛\\[2J' is not in this list"),
    ],
)
def test_a_rival_without_an_answer_gets_one_sentence(typed: str, why: str) -> None:
    with pytest.raises(DecisionError, match=why) as refused:
        _with_rival(Question(), typed, FOX)
    assert str(refused.value).isprintable()


def test_no_rival_can_be_had_from_a_list_of_one_token() -> None:
    with pytest.raises(DecisionError, match="its own rival"):
        _with_rival(Question(), "10 %", ONLY_ONE)


@pytest.mark.parametrize("typed", ["fence 49.9999999 %", "fence 7 %", "30 %", "New York 0.001 %"])
def test_what_the_dialog_shows_asks_the_same_again(typed: str) -> None:
    question = _with_rival(Question(), typed, FOX)
    assert _with_rival(question, _rival_text(question), FOX) == question


# Words of settings, and lines of words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (DecodingSettings(), "T 1.00"),
        (DecodingSettings(0.7, 0.90), "T 0.70, top-p 0.90"),
        (DecodingSettings(0.0, top_k=40), "T 0.00, top-k 40"),
        (DecodingSettings(0.725, min_p=0.05), "T 0.725, min-p 0.05"),
        (DecodingSettings(100.0, 0.0), "T 100.00, top-p 0.00"),
        (DecodingSettings(order="temperature-last"), "T 1.00, T last"),
        (
            DecodingSettings(1.5, 0.5, 3, 1e-7, "temperature-last"),
            "T 1.50, top-p 0.50, top-k 3, min-p 0.0000001, T last",
        ),
    ],
)
def test_the_words_of_a_setting_name_what_is_not_off(settings: DecodingSettings, words: str) -> None:
    assert settings_words(settings) == words


def test_names_in_sentences_are_labels() -> None:
    token = Token("\ufffd", b"\xf0\x9f")
    distribution = TokenDistribution.from_logits([token, "b"], [1.0, 0.0])
    assert answer("greedy", distribution).startswith(f"takes {label(token.text, token.bytes, 20)};")
