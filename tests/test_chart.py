"""Charts: where a line is drawn, there its values are."""

import math
from typing import Any

import numpy as np
import plotext
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from properties import examples
from softmax_visualizer.decoding.interval import FloatArray
from softmax_visualizer.display.chart import Line, chart
from softmax_visualizer.display.numbers import percent
from softmax_visualizer.display.pieces import Line as Row
from softmax_visualizer.display.pieces import Role

SWEEP: FloatArray = np.linspace(0.0, 2.0, 41)

drawings = examples(30)
values = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-12, 7.0, math.inf])
columns_and_rows = st.tuples(st.integers(20, 60), st.integers(4, 14))


def exact(estimate: Any, mark: str = "1", role: Role = "line1") -> Line:
    numbers = np.asarray(estimate, dtype=np.float64)
    return Line(mark, role, numbers, numbers, numbers)


def between(low: Any, estimate: Any, high: Any) -> Line:
    return Line("u", "crowd", *(np.asarray(end, dtype=np.float64) for end in (low, estimate, high)))


def flat(value: float, mark: str = "1", role: Role = "line1") -> Line:
    return exact(np.full(SWEEP.shape, value), mark, role)


def drawn(*lines: Line, width: int = 50, height: int = 12, **details: Any) -> list[Row]:
    defaults = {"x": SWEEP, "y_high": 1.0, "y_label": percent, "at": None}
    options = {**defaults, **details}
    return chart(options.pop("x"), lines, width, height, **options)


def text(rows: list[Row]) -> list[str]:
    return ["".join(run.text for run in row) for row in rows]


def plot(rows: list[Row]) -> list[list[tuple[str, str]]]:
    """Return the cells inside the axes as their characters and roles, row by row from the top."""
    margin = text(rows)[-2].index("└") + 1
    return [[(char, run.role) for run in row for char in run.text][margin:] for row in rows[:-2]]


def rows_in(rows: list[Row], column: int, *roles: str) -> list[int]:
    """Return the rows of the plot whose cell in that column has one of the roles."""
    return [y for y, cells in enumerate(plot(rows)) if cells[column][1] in roles]


def position(value: float, rows: int) -> float:
    """Return how many rows below the top of the plot a part of the y axis is drawn."""
    return (1 - value) * rows


def is_dots(char: str) -> bool:
    return "\u2800" < char <= "\u28ff"


def test_a_chart_reads_like_this() -> None:
    lines = exact(1 - SWEEP / 4, "1", "line1"), exact(SWEEP / 4, "2", "line2")
    assert text(drawn(*lines, width=44, height=9, at=0.55)) == [
        " 100 %┤⠉⠑⠒⠒1⠤⠤⣀⣀⡀┊                          ",
        "      │         ⠈⠉⠉⠑⠒⠒⠤⠤⠤⣀⣀⡀                ",
        "      │          ┊         1⠉⠉⠑⠒⠒⠤⠤⠤⣀⣀⡀     ",
        "50.0 %┤          ┊                    ⢈⣉⣉⡱⠶1",
        "      │          ┊         ⢀⣀⣀⡠⠤⠤⠒⠒2⠉⠉⠁     ",
        "      │         ⢀⣀⣀2⠤⠤⠒⠒⠒⠉⠉⠁                ",
        "   0 %┤⣀⡠⠤⠤⠒⠒⠒⠉⠉⠁┊                          ",
        "      └┬────────┬▲───────┬────────┬────────┬",
        "       0       0.5       1       1.5       2",
    ]


def test_an_uncertain_chart_reads_like_this() -> None:
    line = between(SWEEP / 8, SWEEP / 4, SWEEP / 2)
    assert text(drawn(line, width=44, height=9)) == [
        " 100 %┤                                ░░░░░",
        "      │                          ░░░░░░░░░░░",
        "      │                     ░░░░░░░░░░░░░░░░",
        "50.0 %┤                ░░░░░░░░░░░░░░░⢀⣀⣀⡠⠤⠤",
        "      │          ░░░░░░░░░░⢀⣀⣀⡠u⠤⠒⠒⠒⠉⠉⠁░░░░░",
        "      │     ░░░░⢀⣀⣀⡠⠤⠤⠒⠒⠒⠉⠉⠁░░░░░░░░░░░░░░░░",
        "   0 %┤⣀⡠⠤⠤⠒⠒⠒⠉u⠁░░░░░░░░░                  ",
        "      └┬────────┬────────┬────────┬────────┬",
        "       0       0.5       1       1.5       2",
    ]


# --- sizes ---


@drawings
@given(
    st.integers(0, 60),
    st.integers(0, 14),
    st.lists(st.lists(values, min_size=3, max_size=3).map(sorted), min_size=1, max_size=9),
    st.text(max_size=9),
    st.none() | st.floats(-1, 9),
)
def test_every_row_fills_its_width_exactly_and_holds_nothing_invisible(
    width: int, height: int, intervals: list[list[float]], label: str, at: float | None
) -> None:
    line = between(*zip(*intervals, strict=True))
    x = np.arange(float(len(intervals)))
    rows = text(drawn(line, exact(line.low), x=x, width=width, height=height, y_label=lambda _: label, at=at))
    assert [cell_len(row) for row in rows] == [width] * height
    assert all(char.isprintable() and char != "\u2800" for row in rows for char in row)


@pytest.mark.parametrize(("width", "height"), [(14, 12), (50, 3), (0, 12), (50, 0), (1, 1)])
def test_where_there_is_no_room_all_rows_are_blank(width: int, height: int) -> None:
    assert text(drawn(flat(0.5), width=width, height=height, at=1.0)) == [" " * width] * height
    # one cell more each, and there is a chart
    assert "1" in "".join(text(drawn(flat(0.5), width=15, height=4)))


def test_a_chart_may_have_no_lines() -> None:
    cells = plot(drawn(at=1.0))
    assert {char for row in cells for char, _ in row} == {" ", "┊"}


def test_a_chart_may_have_a_single_point() -> None:
    rows = drawn(exact([0.5]), x=np.array([1.0]), at=1.0, width=50, height=12)
    line = [(y, x) for y, row in enumerate(plot(rows)) for x, cell in enumerate(row) if cell[1] == "line1"]
    assert len(line) == 1
    assert abs(line[0][0] + 0.5 - position(0.5, 10)) <= 1
    assert text(rows)[-2].index("▲") - text(rows)[-2].index("└") - 1 == line[0][1]


# --- lines ---


@pytest.mark.parametrize(("width", "height"), [(30, 8), (76, 14), (120, 30)])
@pytest.mark.parametrize("y_high", [1.0, 17.3])
def test_a_straight_line_has_its_dots_where_they_belong(width: int, height: int, y_high: float) -> None:
    rows = drawn(exact(SWEEP / 2 * y_high), width=width, height=height, y_high=y_high, y_label="{:g}".format)
    cells = plot(rows)
    columns = len(cells[0])
    for column in range(columns):
        drawn_in = rows_in(rows, column, "line1")
        expected = position((column + 0.5) / columns, height - 2)
        assert drawn_in
        assert all(abs(y + 0.5 - expected) <= 1 for y in drawn_in)
    assert rows_in(rows, 0, "line1")[-1] == height - 3
    assert rows_in(rows, columns - 1, "line1")[0] == 0


@drawings
@given(st.lists(values, min_size=2, max_size=12), columns_and_rows)
def test_a_line_passes_through_its_points(numbers: list[float], size: tuple[int, int]) -> None:
    width, height = size
    rows = drawn(exact(numbers), x=np.arange(float(len(numbers))), width=width, height=height)
    columns = len(plot(rows)[0])
    for number, value in enumerate(numbers):
        column = round(number / (len(numbers) - 1) * (2 * columns - 1)) // 2
        expected = position(min(value, 1.0), height - 2)
        assert min(abs(y + 0.5 - expected) for y in rows_in(rows, column, "line1")) <= 1


@drawings
@given(values, values, columns_and_rows)
def test_a_larger_value_is_never_drawn_lower(one: float, other: float, size: tuple[int, int]) -> None:
    width, height = size
    lower, higher = (
        rows_in(drawn(flat(value), width=width, height=height), 3, "line1") for value in sorted((one, other))
    )
    assert len(lower) == len(higher) == 1
    assert higher <= lower


def test_a_jump_is_drawn_from_end_to_end() -> None:
    rows = drawn(exact([0.0, 0.0, 1.0, 1.0]), x=np.array([0.0, 1.0, 1.001, 2.0]))
    cells = plot(rows)
    assert any(len(rows_in(rows, column, "line1")) == 10 for column in range(len(cells[0])))


@pytest.mark.parametrize("beyond", [1.5, 1e300, math.inf])
def test_what_is_beyond_the_axis_is_drawn_at_its_end(beyond: float) -> None:
    values = np.where(SWEEP < 1, 0.2, beyond)
    assert drawn(exact(values)) == drawn(exact(np.minimum(values, 1.0)))


def test_lines_cross_where_their_values_do() -> None:
    rows = drawn(exact(SWEEP / 2), exact(1 - SWEEP / 2, "2", "line2"), width=76, height=22)
    cells = plot(rows)
    for column in range(len(cells[0])):
        rising, falling = (rows_in(rows, column, role) for role in ("line1", "line2"))
        part = (column + 0.5) / len(cells[0])
        if part < 0.45:
            assert max(falling) < min(rising)
        elif part > 0.55:
            assert max(rising) < min(falling)


def test_of_lines_that_cover_each_other_the_first_is_in_front() -> None:
    both = drawn(flat(0.3, "1", "line1"), flat(0.3, "2", "line2"))
    roles = {role for row in plot(both) for _, role in row}
    assert roles == {"line1", "space"}


def test_a_cell_is_of_the_line_with_most_dots_in_it_and_shows_the_dots_of_all() -> None:
    # a jump has four dots in a cell, of which the line before it takes one of its own two
    jump = exact(np.where(SWEEP < 1.2, 0.0, 1.0), "1", "line1")
    rows = drawn(flat(0.5, "2", "line2"), jump)
    (crossing,) = (
        row[column]
        for row in plot(rows)
        for column in range(len(row))
        if row[column][1] == "line1" and "line2" in {role for _, role in row[column - 1 : column + 2]}
    )
    assert is_dots(crossing[0])
    assert (ord(crossing[0]) - 0x2800).bit_count() == 5


def test_lines_differ_without_colour() -> None:
    marks = "123456u"
    lines = [flat(0.1 + 0.12 * place, mark) for place, mark in enumerate(marks)]
    shown = ["".join(char for char, _ in row) for row in plot(drawn(*lines, width=100, height=30))]
    places = {}
    for mark in marks:
        (row,) = (row for row in shown if mark in row)
        places[mark] = [column for column, char in enumerate(row) if char == mark]
        assert len(places[mark]) >= 5
        assert {right - left for left, right in zip(places[mark], places[mark][1:], strict=False)} == {16}
        assert all(is_dots(char) for char in row if char != mark)
    assert len({columns[0] for columns in places.values()}) == len(marks)


def test_a_mark_stands_only_where_its_line_is_in_front() -> None:
    # the second line comes out from behind the first one only at the end
    behind = np.where(SWEEP < 1.8, 0.5, 0.9)
    rows = drawn(flat(0.5), exact(behind, "2", "line2"), width=76)
    cells = [cell for row in plot(rows) for cell in row]
    assert {role for char, role in cells if char == "1"} == {"line1"}
    assert [role for char, role in cells if char == "2"] == ["line2"]


def test_a_line_that_is_hidden_but_for_its_beginning_has_its_mark_there() -> None:
    rows = drawn(flat(0.5), exact(np.where(SWEEP < 0.2, 0.9, 0.5), "2", "line2"), width=76)
    assert sum(cell == ("2", "line2") for row in plot(rows) for cell in row) == 1


# --- intervals ---


@drawings
@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted), min_size=2, max_size=6),
    columns_and_rows,
)
def test_a_band_covers_its_interval_and_no_more(intervals: list[list[float]], size: tuple[int, int]) -> None:
    width, height = size
    low, estimate, high = (list(ends) for ends in zip(*intervals, strict=True))
    x = np.arange(float(len(intervals)))
    rows = drawn(between(low, estimate, high), x=x, width=width, height=height)
    columns = len(plot(rows)[0])
    for column in range(columns):
        # the cell with a half more to each side, and what the interval is there
        across = np.linspace(max(column - 0.5, 0), min(column + 1.5, columns), 21) / columns * (len(x) - 1)
        top = position(float(np.interp(across, x, high).max()), height - 2)
        bottom = position(float(np.interp(across, x, low).min()), height - 2)
        assert all(top - 1 <= y + 0.5 <= bottom + 1 for y in rows_in(rows, column, "uncertain"))
        middle = (column + 0.5) / columns * (len(x) - 1)
        top, bottom = (position(float(np.interp(middle, x, end)), height - 2) for end in (high, low))
        inside = {y for y in range(height - 2) if top <= y and y + 1 <= bottom}
        assert inside <= set(rows_in(rows, column, "uncertain", "crowd"))


def test_what_is_exact_has_no_band() -> None:
    rows = drawn(flat(0.5), exact(SWEEP / 2))
    assert "░" not in "".join(text(rows))


def test_an_interval_without_end_is_shaded_to_the_top() -> None:
    endless = drawn(between([0.5, 0.5], [0.5, 0.5], [math.inf, math.inf]), x=np.array([0.0, 1.0]))
    for column in range(len(plot(endless)[0])):
        assert rows_in(endless, column, "uncertain", "crowd")[:5] == [0, 1, 2, 3, 4]


def test_an_interval_at_one_point_of_many_is_not_lost() -> None:
    x = np.linspace(0.0, 2.0, 2001)
    high = np.where(np.arange(2001) == 1003, 1.0, 0.0)
    rows = drawn(between(0 * x, 0 * x, high), x=x)
    assert sorted({y for column in range(43) for y in rows_in(rows, column, "uncertain")}) == list(range(9))


def test_no_band_hides_the_line_of_another() -> None:
    band = between(*(np.full(SWEEP.shape, end) for end in (0.2, 0.5, 0.9)))
    through = drawn(band, exact(SWEEP / 2))
    alone = drawn(exact(SWEEP / 2))
    for row, expected in zip(plot(through), plot(alone), strict=True):
        for (_, role), (_, lone) in zip(row, expected, strict=True):
            assert lone == "space" or role != "uncertain"


# --- the knob ---


@pytest.mark.parametrize("at", [0.0, 0.1, 0.7, 1.0, 1.33, 2.0])
def test_the_knob_is_marked_in_its_column(at: float) -> None:
    rows = drawn(exact(1 - SWEEP / 2), at=at)
    cells = plot(rows)
    start = text(rows)[-2].index("└") + 1
    column = text(rows)[-2].index("▲") - start
    assert abs(column + 0.5 - at / 2 * len(cells[0])) <= 1
    for row in cells:
        assert row[column] == ("┊", "knob") or row[column][1] == "line1"
        assert all(char != "┊" for place, (char, _) in enumerate(row) if place != column)
    assert any(row[column][0] == "┊" for row in cells)


def test_the_knob_is_seen_where_lines_and_bands_cover_its_column() -> None:
    everywhere = between(*(np.full(SWEEP.shape, end) for end in (0.0, 0.5, 1.0)))
    rows = text(drawn(everywhere, at=1.0))
    assert "┊" not in "".join(rows)
    assert rows[-2].count("▲") == 1


@pytest.mark.parametrize("at", [None, -0.1, 2.1])
def test_a_knob_that_is_not_on_the_axis_has_no_mark(at: float | None) -> None:
    assert drawn(flat(0.5), at=at) == drawn(flat(0.5))
    assert not {"▲", "┊"} & set("".join(text(drawn(flat(0.5), at=at))))


def test_turning_the_knob_costs_no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    build, draws = plotext.figure.build, []
    monkeypatch.setattr(plotext.figure, "build", lambda: draws.append(1) or build())
    lines = flat(0.123456), exact(SWEEP / 3, "2", "line2")
    for at in (None, 0.0, 0.7, 1.4):
        drawn(*lines, at=at)
    assert len(draws) == 1
    drawn(*lines, at=0.7, width=51)
    assert len(draws) == 2


# --- ticks ---


def test_ticks_are_round_numbers_in_their_places() -> None:
    *above, axis, below = text(drawn(width=76, height=14))
    start = axis.index("└") + 1
    assert below.split() == ["0", "0.5", "1", "1.5", "2"]
    ticks = [column for column, char in enumerate(axis) if char == "┬"]
    columns = 76 - start
    assert [round((column - start + 0.5) / columns * 8) / 4 for column in ticks] == [0, 0.5, 1, 1.5, 2]
    for column, label in zip(ticks, ("0", "0.5", "1", "1.5", "2"), strict=True):
        assert abs(below.index(f" {label}") + 1 + len(label) // 2 - column) <= 1
    labels = {y: row.split("┤")[0].strip() for y, row in enumerate(above) if "┤" in row}
    assert labels == {0: "100 %", 3: "75.0 %", 6: "50.0 %", 8: "25.0 %", 11: "0 %"}
    for y, label in labels.items():
        assert rows_in(drawn(flat(float(label.split()[0]) / 100), width=76, height=14), 3, "line1") == [y]


@pytest.mark.parametrize(
    ("first", "last", "width", "expected"),
    [
        (0.0, 2.0, 24, "0 1 2"),
        (0.0, 2.0, 16, "0 2"),
        (0.0, 1.0, 76, "0 0.2 0.4 0.6 0.8 1"),
        (0.07, 0.12, 76, "0.07 0.08 0.09 0.1 0.11 0.12"),
        (0.2, 0.6, 76, "0.2 0.3 0.4 0.5 0.6"),
        (1.0, 100.0, 76, "20 40 60 80 100"),
        (0.0, 0.003, 76, "0 0.001 0.002 0.003"),
    ],
)
def test_there_are_as_many_ticks_as_there_is_room_for(
    first: float, last: float, width: int, expected: str
) -> None:
    below = text(drawn(x=np.linspace(first, last, 11), width=width))[-1]
    assert " ".join(below.split()) == expected
    assert len(below) == width


def test_labels_that_would_touch_are_dropped() -> None:
    *_, axis, below = text(drawn(x=np.linspace(0.00011, 0.0002, 11), width=17))
    assert axis.count("┬") == 2
    assert below == "        0.00015  "


def test_the_labels_of_the_y_axis_are_the_callers_and_made_safe() -> None:
    rows = text(drawn(y_high=16.6, y_label=lambda value: f"{value:g}\n", height=20))
    assert [row.split("┤")[0].strip() for row in rows if "┤" in row] == ["15⏎", "10⏎", "5⏎", "0⏎"]


@pytest.mark.parametrize("y_high", [0.0, -1.0, math.inf, math.nan])
def test_an_axis_without_extent_is_refused(y_high: float) -> None:
    with pytest.raises(ValueError, match="a chart cannot reach from 0 to"):
        drawn(flat(0.5), y_high=y_high)
