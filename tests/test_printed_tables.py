"""Tables of probabilities as people and ``show`` print them: read as meant, and judged in sentences."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import examples
from softmax_visualizer.decoding import DecodingSettings, Token, TokenDistribution
from softmax_visualizer.decoding.consistency import PrintedTable
from softmax_visualizer.display.printed_tables import (
    LARGEST_TEXT,
    TUTORIAL,
    TableError,
    read_tables,
    verdict,
)
from softmax_visualizer.display.report import Format, report

OTHER = "\n--- Temp 2 ---\nother: 1%\n"
"""A second table, for texts whose first one is looked at."""


def only(rows: str, heading: str = "--- Temp 1 ---") -> PrintedTable:
    return read_tables(f"{heading}\n{rows}{OTHER}")[0][1]


def judge(text: str) -> tuple[bool, str]:
    return verdict(read_tables(text))


def refusal(text: str) -> str:
    with pytest.raises(TableError) as caught:
        read_tables(text)
    said = str(caught.value)
    assert said.endswith(".")
    assert said.isprintable()
    return said


# --- reading ---


def test_the_tutorials_tables_are_read_as_printed() -> None:
    (cold_heading, cold), (hot_heading, hot) = read_tables(TUTORIAL)
    assert (cold_heading, cold.temperature) == ("--- Temp 0.1 (Focused) ---", 0.1)
    assert (hot_heading, hot.temperature) == ("--- Temp 1.5 (Creative) ---", 1.5)
    assert list(cold.ranges) == ["lazy", "dog", "fence"]
    assert list(hot.ranges) == ["lazy", "fence", "moon", "corpse", "puddle"]
    assert cold.ranges["lazy"] == pytest.approx((0.9975, 0.9985))
    assert {cold.cut, hot.cut} == {False}


@pytest.mark.parametrize(
    ("heading", "temperature", "cut"),
    [
        ("--- Temp 0.1 (Focused) ---", 0.1, False),
        ("--- Temp 0.7 (top-p 0.90, temperature first) ---", 0.7, True),
        ("--- Temp 0.7 (top-k 40, min-p 0.05, temperature last) ---", 0.7, True),
        ("--- Temp 1e-05 (no cut) ---", 1e-5, False),
        ("T 0.1", 0.1, False),
        ("t=.5 (Min P 0.1)", 0.5, True),
        ("TEMPERATURE: 2:", 2, False),
        ("## Temperature 0", 0, False),
    ],
)
def test_a_heading_says_the_temperature_and_whether_there_is_a_cut(
    heading: str, temperature: float, cut: bool
) -> None:
    table = only("a: 5%", heading)
    assert (table.temperature, table.cut) == (temperature, cut)


@pytest.mark.parametrize(
    ("printed", "low", "high"),
    [
        ("99.8%", 99.75, 99.85),
        ("55.7 %", 55.65, 55.75),
        ("7 %", 6.5, 7.5),
        ("0.0%", 0, 0.05),
        ("0 %", 0, 0.5),
        ("100.0%", 99.95, 100),
        ("100 %", 99.5, 100),
        ("<0.01 %", 0, 0.01),
        (">99.99 %", 99.99, 100),
        ("4–45 %", 4, 45),
        ("0.1–0.3 %", 0.1, 0.3),
        ("<0.01–0.1 %", 0, 0.1),
        ("99.9–>99.99 %", 99.9, 100),
    ],
)
def test_a_number_stands_for_all_that_prints_like_it(printed: str, low: float, high: float) -> None:
    ((first, second),) = only(f"'a': {printed}").ranges.values()
    assert (100 * first, 100 * second) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("'lazy': 99.8%", "lazy"),
        ('"lazy" = 99.8 %', "lazy"),
        ("lazy: 99.8%", "lazy"),
        ("x-y: 99.8%", "x-y"),
        ("' lazy': 99.8%", "␣lazy"),
        ("␣lazy: 99.8%", "␣lazy"),
        ("'New York': 99.8%", "New␣York"),
        ("12) 'lazy': 99.8%", "lazy"),
        ("- 1. 'lazy': 99.8%", "lazy"),
        ("  - ' lazy': 99.8%", "␣lazy"),
        ("| 1 | 'lazy' | 99.8% |", "lazy"),
        ("1\t`lazy`\t99.8%", "lazy"),
        ("1. '1.': 99.8%", "1."),
        ("- '-': 99.8%", "-"),
        ("'1. lazy': 99.8%", "1.␣lazy"),
        ("'it's': 5%", "it's"),
        ("''': 5%", "'"),
        ("':': 5%", ":"),
        ("' ': 5%", "␣"),
        ("'\x1b[31m': 5%", "␛[31m"),
    ],
)
def test_a_token_is_known_by_its_text(row: str, name: str) -> None:
    assert list(only(row).ranges) == [name]


@pytest.mark.parametrize(
    "mark", ["{}. ", "{}) ", "#{} ", "({}) ", "{} ", "{}\t", "- ", "* ", "• ", "- {}. ", "  - "]
)
def test_marks_of_one_kind_before_all_words_are_no_part_of_them(mark: str) -> None:
    rows = "".join(f"{mark.format(rank)}{word}: 9%\n" for rank, word in enumerate(["lazy", "dog"], start=1))
    assert list(only(rows).ranges) == ["lazy", "dog"]


@pytest.mark.parametrize(
    "rows",
    [
        # one row does not tell a mark from a token that looks like one
        "- lazy: 80%",
        "1. lazy: 80%",
        "- lazy: 80%\ndog: 10%",
        "1. lazy: 80%\n- dog: 10%",
        "- 'lazy': 80%\n'dog': 10%",
        "'lazy': 80%\ndog: 10%",
        "2. lazy: 80%\n1. dog: 10%",
        "7 lazy: 80%\n9 dog: 10%",
    ],
)
def test_where_the_rows_differ_in_kind_it_says_what_was_read(rows: str) -> None:
    said = refusal(f"--- Temp 1 ---\n{rows}{OTHER}")
    assert "more than one way" in said
    assert "“lazy”" in said


def test_a_space_that_only_one_table_shows_may_be_part_of_the_name_or_not() -> None:
    spaced = "T 0.5\n' lazy': 80.0%\n' dog': 18.0%\n"
    assert judge(spaced + "T 1\nlazy: 61.3%\ndog: 29.1%\n")[0]
    assert judge(spaced + spaced.replace("' ", "'Ġ"))[0]
    doubtful = "T 0.5\n' lazy': 30.0%\n' dog': 28.0%\nT 1\nlazy: 20.0%\ndog: 10.0%"
    with pytest.raises(TableError, match="“␣lazy”, “␣dog”; and: “lazy”, “dog”"):
        judge(doubtful)
    # where both show spaces, they count
    assert judge("T 1\n' a': 60%\n'a': 20%\nT 1\n' a': 60%\n'a': 20%")[0]
    assert not judge("T 1\n' a': 60%\n'a': 20%\nT 1\n' a': 20%\n'a': 60%")[0]


def test_what_is_no_single_token_or_has_no_certain_name_is_left_out() -> None:
    person = "lazy: 50%\nall others: 30%\n(rest): 5%\n1,200 more: 4%\n7 + unseen: cut\ntotal: 100%"
    assert list(only(person).ranges) == ["lazy"]
    # a newline, or a backslash and an n
    assert list(only(r"'\n': 50%").ranges) == []
    long = "'␣aaaaaaaaaaaaaaaaaaaaaa…': 50%\n'…': 5%\n'b': cut"
    assert list(only(long).ranges) == ["…"]


def test_a_heading_of_columns_is_no_row() -> None:
    rows = "| rank | token | share |\n|--:|:--|--:|\n| 1 | 'lazy' | 80% |\n| 2 | 'dog' | 9% |"
    assert list(only(rows).ranges) == ["lazy", "dog"]


def test_a_cut_that_is_named_above_the_tables_counts_for_both() -> None:
    tables = read_tables("Sampled with top_p = 0.9\n" + TUTORIAL)
    assert [table.cut for _, table in tables] == [True, True]


def test_titles_byte_order_marks_and_line_ends_do_not_matter() -> None:
    text = ("\ufeffA title\n" + TUTORIAL).replace("\n", "\r\n")
    assert read_tables(text) == read_tables(TUTORIAL)
    assert read_tables(TUTORIAL.replace("\n", "\r")) == read_tables(TUTORIAL)
    assert read_tables("\ufeff" + TUTORIAL) == read_tables(TUTORIAL)


# --- refusing ---


@pytest.mark.parametrize(
    "row",
    # a token, but no probability
    ["lazy: 99.8", "lazy", "'lazy': 99,8%", "lazy: -5%", "lazy: −5%", "lazy: 100.1%", "lazy: 1e2%",
     "lazy: <0%", "lazy: 5–4%", "lazy: 5–101%", "lazy: 1–2–3%", "lazy: " + "9" * 99 + "%",
     "| 1 | 'lazy' | 0.998 |",
     # a probability, but which token?
     "99.8%", ": 5%", "'': 5%", "7: 5%", ".: 5%", "|: 5%", "1.: 5%", "1. 7: 5%", "lazy 80%", "lazy = 80%",
     "lazy : 80%", " lazy: 80%", "-  lazy: 80%", "-lazy: 80%", "1.lazy: 80%", "_lazy: 80%", 
     "| lazy | 80% |", "lazy: 80% 70%", "\x1b[31m", "a " * 501 + "5%"],
)  # fmt: skip
def test_a_line_that_is_no_row_is_named(row: str) -> None:
    assert refusal(f"--- Temp 1 ---\nother: 1%\n{row}{OTHER}").startswith("Line 3")


def test_a_token_that_is_there_twice_is_refused() -> None:
    assert "second time" in refusal(f"--- Temp 1 ---\n'a': 5%\n'a': 5%{OTHER}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "hello",
        OTHER,
        "T 1\n\nT 2\na: 5%",
        "T 1\na: 5%\nT 2",
        f"T -1\na: 5%{OTHER}",
        f"T 1e9\na: 5%{OTHER}",
    ],
)
def test_two_tables_are_needed_and_each_has_rows(text: str) -> None:
    assert "table" in refusal(text)


def test_there_is_an_end_to_what_is_read() -> None:
    assert "1,000,000" in refusal(" " * (LARGEST_TEXT + 1))
    assert "3 tables" in refusal("T 1\na: 5%\n" * 3)


characters = st.sampled_from("T()' \"\n\r:5.%–<>█┊␣…\x1b\u2028")
words = st.sampled_from(
    ["Temp ", "0.1", "---", "top-p", "cut", "more", "unseen", "kept ", " exact", "T 1\n", "T 2\n", "a: 5%\n"]
)


@given(st.lists(characters | words | st.characters(), max_size=40).map("".join))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        _, said = judge(text)
    except TableError as error:
        said = str(error)
    assert said.replace("\n", "").isprintable()


# --- judging ---


def test_the_tutorials_fox_is_told_by_its_dog() -> None:
    consistent, said = judge(TUTORIAL)
    assert not consistent
    assert said == (
        "No one distribution can have produced both tables.\n\n"
        "At T 0.1, dog is at least 0.0005007 times as likely as lazy. "
        "That makes at least 0.6025 times at T 1.5.\n"
        "lazy is at least 45.15 % there, so dog would be at least 27.2 %.\n"
        "With what else is listed there, that sums to at least 102.2 %: more than there is."
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "T 1\na: 80.0%\nb: 20.0%\nT 2\na: 70.0%\nb: 30.0%",
            ["most 4.013 times as likely as b", "2.004 times at T 2"],
        ),
        (
            "T 0\na: 100%\nb: 0%\nT 2\na: 40.0%\nb: 50.0%",
            ["a has a share at T 0", "b is at least 1.247 times"],
        ),
        (
            "T 0\na: 60%\nb: 40%\nT 2\na: 5%",
            ["b has a share at T 0", "At T 0, a is at least 1.469 times as likely as b"],
        ),
        (
            "T 0\na: 100%\nT 2\na: 30.0%\nb: 31.0%",
            ["b is at least 1.029 times", "So a can have no share at T 0"],
        ),
        (
            "T 1\na: 49.0%\nT 2\na: 80.0%",
            ["a is at most 49.05 %", "at most 49.53 % at T 2", "at least 79.95 % there"],
        ),
        (
            "T 1\na: 49.0%\nT 1\na: 48.0%",
            ["at most 48.05 % at T 1 (table 2)", "at least 48.95 % at T 1 (table 1)"],
        ),
        ("T 1\na: 52%\nT 1 (top-k 9)\na: 49%", ["A cut only raises", "at most 49.5 % at T 1 (table 2)"]),
        ("T 1\na: 60%\nT 1\nb: 60%", ["so at T 1 (table 2) a would be at least 59.5 %", "at least 119 %"]),
        ("T 1\na: 60.0%\nb: 40.101%\nT 2\na: 5%", ["listed at T 1 sums to at least 100.05 %"]),
        ("T 1\nx: 60.0%\nT 1.1\ny: 90.0%", ["at T 1 y would be at least 89 %", "at least 148.9 %"]),
        ("T 0.5\na: 50%\nb: 30%\nT 1\na: 45%\nb: 34.8%", ["what neither table lists would be at least"]),
        ("T 1\nx: 51.0%\nT 2\ny: 51.0%", ["fits into 100 % at T 1, at T 2 x would be at least"]),
        (
            "T .01\nx: 50.0%\nT 1.5\nx: 30%\nz: 38%",
            ["more than a million times at T 0.01", "more than 1,000 %"],
        ),
        ("T 1\n'],': 80%\n'b': 20%\nT 2\n'],': 70.0%\n'b': 15%", ["“],” is at most"]),
    ],
)
def test_a_contradiction_is_told_with_the_numbers_that_prove_it(text: str, words: list[str]) -> None:
    consistent, said = judge(text)
    assert not consistent
    for each in words:
        assert each in said


def test_what_agrees_is_said_to_with_how_much_there_was_to_compare() -> None:
    assert judge("T 1\na: 80.0%\nb: 20.0%\nT 2\na: 66.7%\nb: 33.3%") == (
        True,
        "These two tables do not contradict each other.\n\n"
        "The odds of the 2 tokens that are in both agree within rounding.",
    )
    assert "Only a is in both" in judge("T 1\na: 80%\nT 2\na: 60%")[1]
    assert "No token is in both" in judge("T 1\na: 10%\nT 2\nb: 10%")[1]


def test_ranks_are_no_part_of_the_names() -> None:
    fitting = (
        "T 0.5\n1. ' lazy': 80.0%\n2. ' dog': 18.0%\n3. ' fox': 2.0%\nT 1\n1. ' lazy': 61.3%\n2. ' fox': 9.7%"
    )
    assert judge(fitting)[0]
    wrong = "T 0.1\n1. lazy: 99.8%\n2. dog: 0.1%\nT 1.5\n1. lazy: 45.2%\n2. fence: 15.5%\n3. dog: 10.0%"
    assert not judge(wrong)[0]


# --- pairs of one distribution ---

MARKS = (
    "",
    "{rank}. ",
    "#{rank} ",
    "{rank}: ",
    "{rank} ",
    "{rank}.",
    "- ",
    "**",
    "• ",
    "| {rank} | ",
    "- {rank}. ",
)
NAMES = (
    *"1-•|:=' ",
    "lazy",
    " lazy",
    "2.",
    "#3",
    "x-y",
    "1. x",
    "- y",
    "3) a",
    "日本",
    "a b",
    "rest",
    "50%",
    "",
)


@examples(150)
@given(st.data())
def test_tables_of_one_distribution_are_never_called_contradictory_however_they_are_written(
    data: st.DataObject,
) -> None:
    names = data.draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=8, unique=True))
    logits = data.draw(st.lists(st.floats(-6, 6), min_size=len(names), max_size=len(names)))
    text = ""
    for _ in range(2):
        temperature = data.draw(st.sampled_from([0.1, 0.5, 1.0, 1.5]))
        weights = [math.exp((logit - max(logits)) / temperature) for logit in logits]
        shown = data.draw(st.lists(st.sampled_from(range(len(names))), min_size=1, unique=True))
        mark, quote = data.draw(st.sampled_from(MARKS)), data.draw(st.sampled_from(["'", ""]))
        separator = data.draw(st.sampled_from([": ", " | ", " "]))
        text += f"--- Temp {temperature} ---\n"
        for rank, index in enumerate(shown, start=1):
            share = 100 * weights[index] / sum(weights)
            text += f"{mark.format(rank=rank)}{quote}{names[index]}{quote}{separator}{share:.1f}%\n"
    try:
        consistent, said = judge(text)
    except TableError:
        return
    assert consistent, text + said


# --- what show prints ---

tokens = st.one_of(
    st.integers(0, 40).map("t{}".format),
    st.text(max_size=6),
    st.sampled_from(
        [
            "the",
            " the",
            "'a'",
            "a:",
            "a",
            ":",
            "unseen",
            "cut",
            "█",
            "…",
            "T 1",
            "---",
            "5 %",
            "\n",
            "\x1b[31m",
        ]
    ),
    st.text("ab", min_size=30, max_size=34),
)
settings_of_show = st.builds(
    DecodingSettings,
    temperature=st.sampled_from([0.0, 0.1, 0.7, 1.0, 1.5]) | st.floats(0, 3),
    top_p=st.sampled_from([1.0, 1.0, 0.9, 0.5]),
    top_k=st.sampled_from([None, None, 1, 3]),
    min_p=st.sampled_from([0.0, 0.0, 0.1]),
    order=st.sampled_from(["temperature-first", "temperature-last"]),
)


@examples(150)
@given(
    st.lists(tokens, min_size=2, max_size=25, unique=True),
    st.data(),
    st.lists(settings_of_show, min_size=2, max_size=2),
    st.integers(1, 25),
    st.sampled_from(["text", "plain", "markdown"]),
)
def test_what_show_prints_of_one_distribution_is_never_called_contradictory(
    names: list[str], data: st.DataObject, chosen: list[DecodingSettings], top: int, form: Format
) -> None:
    logit = st.floats(-12, 12) | st.sampled_from([0.0, -1.0, -math.inf])
    logits = [0.0, *data.draw(st.lists(logit, min_size=len(names) - 1, max_size=len(names) - 1))]
    distribution = TokenDistribution.from_logits([Token(name) for name in names], logits)
    listed = data.draw(st.integers(1, len(names)))
    if listed < len(names) and math.isfinite(distribution.logprobs[listed - 1]):
        distribution = TokenDistribution.from_top_logprobs(
            distribution.tokens[:listed],
            distribution.logprobs[:listed],
            data.draw(st.sampled_from([None, len(names), 50])),
        )
    model = {"name": "m", "source": "s", "endpoint": None}
    text = "".join(report("a prompt", model, distribution, chosen, top, form))
    tables = read_tables(text)
    assert all(table.cut == each.cuts for (_, table), each in zip(tables, chosen, strict=True))
    assert verdict(tables)[0], text


def test_what_show_prints_of_two_distributions_is_told_apart() -> None:
    model = {"name": "m", "source": "s", "endpoint": None}
    texts = [
        "".join(
            report("", model, TokenDistribution.from_logits(["a", "b", "c"], logits), [setting], 3, "text")
        )
        for logits, setting in (([2, 1, 0], DecodingSettings(0.5)), ([2, 1.5, 0], DecodingSettings(1.5)))
    ]
    assert re.search(r"[ab] is at most .* times as likely as [abc]", judge("\n".join(texts))[1])


@pytest.mark.parametrize("form", ["text", "plain", "markdown"])
def test_what_show_prints_is_the_whole_token_whatever_it_looks_like(form: Format) -> None:
    names = ["'a'", "a:", "a", " a", "█", "1. a", "|", "`", "\\n", "5 %", "cut", "a" * 30]
    distribution = TokenDistribution.from_logits([*map(Token, names), Token("z")], [*range(13, 0, -1)])
    model = {"name": "m", "source": "s", "endpoint": None}
    settings = [DecodingSettings(0.1), DecodingSettings(1.0)]
    for _, table in read_tables("".join(report("", model, distribution, settings, 12, form))):
        assert list(table.ranges) == ["'a'", "a:", "a", "␣a", "█", "1.␣a", "|", "`", "\\n", "5␣%", "cut"]
