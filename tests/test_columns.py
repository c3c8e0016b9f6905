"""The table of bars: what stands on a row, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from softmax_visualizer.display.bars import Axis, Bar
from softmax_visualizer.display.columns import Column, Layout, table_of_bars
from softmax_visualizer.display.pieces import Line
from softmax_visualizer.display.pipeline import rows_of

FULL, LOG = Axis.to(1.0), Axis.log()


def exact(label: str, probability: float, number: str, **details: object) -> Bar:
    return Bar(label, probability, probability, probability, number, **details)  # type: ignore[arg-type]


def column(*bars: Bar, **details: object) -> Column:
    return Column(("model",), bars, ("1.2 bits", "2.3"), **details)  # type: ignore[arg-type]


def text(line: Line) -> str:
    return "".join(piece.text for piece in line)


def rows(columns: list[Column], width: int, axis: Axis = FULL, sampled: int | None = None) -> list[str]:
    """The rows of the tokens, without the titles above and the ruler and the statistics below them."""
    table = table_of_bars(columns, Layout.of(width), axis, sampled)
    return [text(line) for line in table[1:-3]]


def test_a_table_reads_like_this() -> None:
    bars = [
        exact("␣lazy", 0.557, "55.7 %"),
        exact("日本", 0.0, "0 %"),
        Bar("␣fence", 0.04, 0.09, 0.2, "4–20 %"),
        exact("cut", 0.12, "12.0 %", kept="no", rest=True),
    ]
    lines = table_of_bars([column(*bars)] * 2, Layout.of(80), FULL, sampled=0)
    assert [text(line).rstrip() for line in lines] == [
        "              model                 model",
        "▸␣lazy        ██████▋        55.7 % ██████▋        55.7 %",
        " 日本                           0 %                   0 %",
        " ␣fence       █▒             4–20 % █▒             4–20 %",
        " cut          ░░             12.0 % ░░             12.0 %",
        "              0    50    100 %      0    50    100 %",
        " Entropy                   1.2 bits              1.2 bits",
        " Perplexity                     2.3                   2.3",
    ]


def test_each_piece_of_a_row_says_what_it_is() -> None:
    bars = [
        exact("␣lazy", 0.3, "30.0 %"),
        exact("gone", 0.3, "cut", kept="no"),
        exact("unseen", 0.3, "30 %", rest=True),
    ]
    lines = table_of_bars(
        [column(*bars), column(*bars, final=True), column(*bars, same=True)], Layout.of(80), FULL
    )
    roles = [[piece.role for piece in line if piece.text.strip()] for line in lines[1:4]]
    assert roles == [
        ["label", "bar", "number", "final", "number", "same", "cut"],
        ["label", "cut", "cut", "cut", "cut", "same", "cut"],
        ["rest", "bar", "number", "final", "number", "same", "cut"],
    ]


def test_tokens_that_are_spoken_of_are_marked_by_a_sign_and_a_style_and_a_sampled_one_stays_so() -> None:
    bars = [exact(f"␣{name}", 0.25, "25.0 %") for name in "abcd"]
    names = column(*bars, exact("d", 0.0, "0 %", rest=True))
    marked = rows_of(("d", "␣b", " a"), names)
    lines = table_of_bars([names], Layout.of(80), FULL, 1, spoken_of=marked)[1:5]
    assert [text(line)[:3] for line in lines] == ["◆␣a", "▸␣b", " ␣c", "◆␣d"]
    roles = [[piece.role for piece in line if piece.text.strip()][:2] for line in lines]
    assert roles == [["token", "bar"], ["sampled", "token"], ["label", "bar"], ["token", "bar"]]


def test_rows_come_in_the_order_of_the_bars() -> None:
    bars = [exact(f"t{place}", 0.02 * place, "") for place in (7, 1, 50, 3, 0, 20)]
    assert [row.split()[0] for row in rows([column(*bars)], 80)] == ["t7", "t1", "t50", "t3", "t0", "t20"]


def test_labels_leave_room_for_the_bars() -> None:
    (row,) = rows([column(exact("x" * 80, 1.0, "100 %"))], 80)
    assert row.startswith(" xxxxxxxxxxx… ████████████    100 %")


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=())), st.floats(0, 1), st.text()),
        min_size=1,
        max_size=30,
    ),
    st.integers(60, 200),
    st.integers(1, 4),
    st.sampled_from([FULL, LOG]),
)
def test_every_row_fills_its_width_whatever_its_labels_and_numbers(
    values: list[tuple[str, float, str]], width: int, columns: int, axis: Axis
) -> None:
    bars = [exact(*each) for each in values]
    layout = Layout.of(width, columns)
    expected = 1 + layout.label + columns * (1 + layout.column)
    drawn = [text(line) for line in table_of_bars([column(*bars)] * columns, layout, axis)[1:-3]]
    assert expected <= width
    assert [cell_len(row) for row in drawn] == [expected] * len(bars)
    assert all(row.isprintable() for row in drawn)


@pytest.mark.parametrize("sampled", [None, 0, 1])
def test_the_sampled_token_is_marked(sampled: int | None) -> None:
    marks = [
        row[0]
        for row in rows([column(exact("a", 0.5, "50 %"), exact("b", 0.5, "50 %"))], 80, sampled=sampled)
    ]
    assert marks == ["▸" if number == sampled else " " for number in range(2)]
