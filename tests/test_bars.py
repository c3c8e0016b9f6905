"""Bars: each has the length of its probability, and marks for what is not certain."""

import math
import subprocess
import sys
from dataclasses import replace

import plotext
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from softmax_visualizer.display.bars import Axis, Bar, bar_areas
from softmax_visualizer.display.pieces import Line

EIGHTHS = {block: eighths for eighths, block in enumerate("▏▎▍▌▋▊▉█", start=1)} | dict.fromkeys("▓▒▚░", 8)

FIXED, LOG = Axis.to(1.0), Axis.log()

probabilities = st.floats(0, 1) | st.floats(0, 0.1) | st.sampled_from([0.0, 1.0, 1e-12, 0.5])
widths = st.integers(1, 200)


def exact(probability: float, **details: object) -> Bar:
    return between(probability, probability, probability, **details)


def between(low: float, estimate: float, high: float, **details: object) -> Bar:
    return Bar("token", low, estimate, high, "", **details)  # type: ignore[arg-type]


def text(area: Line) -> str:
    return "".join(piece.text for piece in area)


def lines(bars: list[Bar], cells: int, axis: Axis = FIXED) -> list[str]:
    return [text(area) for area in bar_areas(bars, cells, axis)]


def blocks(line: str) -> str:
    return "".join(char for char in line if char in EIGHTHS)


def length(line: str) -> float:
    """Return the length of a row's bar in cells."""
    return sum(EIGHTHS[block] for block in blocks(line)) / 8


def position(probability: float, axis: Axis) -> float:
    """Return how far along the axis a probability is, from 0 to 1."""
    if axis.kind == "log":
        return max(0.0, 1 - math.log10(probability) / math.log10(axis.low)) if probability else 0.0
    return probability / axis.high


def finest(cells: float) -> float:
    """Return the part of a cell to which bars are drawn in an area of that many cells."""
    return 1 / 8 if cells <= 50 else 1 / 4 if cells <= 100 else 1 / 2


def whole_cell(cells: float) -> float:
    """Return how far from its number a mark may end that has no parts: half a cell, rounded on top."""
    return 0.51 + 0.5 * finest(cells)


def test_exact_bars_read_like_this() -> None:
    bars = [exact(0.557), exact(0.015), exact(0.0), exact(0.213, rest=True)]
    assert lines(bars, 17) == ["█████████▌", "▎", "", "███▋"]


def test_uncertain_bars_read_like_this() -> None:
    bars = [between(0.40, 0.48, 0.55), between(0.041, 0.09, 0.098), between(0.1, 0.3, 0.5, rest=True)]
    assert lines(bars, 24) == ["██████████▓▓▒", "█▓", "██▓▓▓▓▓▒▒▒▒▒"]


def test_bars_of_what_is_cut_read_like_this() -> None:
    bars = [
        exact(0.92),
        between(0.0, 0.05, 0.12, kept="maybe"),
        exact(0.012, kept="no"),
        exact(0.08, kept="no", rest=True),
    ]
    assert lines(bars, 27) == ["████████████████████████▉", "▚▒▒", "┊", "░░"]


def test_each_piece_of_a_bar_says_what_it_is() -> None:
    bars = [
        between(0.2, 0.4, 0.6),
        exact(0.3, rest=True),
        between(0.0, 0.3, 0.6, kept="maybe"),
        exact(0.3, kept="no"),
    ]
    pieces = [[(piece.text, piece.role) for piece in area] for area in bar_areas(bars, 10, FIXED)]
    assert pieces == [
        [("██", "bar"), ("▓▓", "uncertain"), ("▒▒", "uncertain")],
        [("███", "bar")],
        [("▚▚▚", "maybe"), ("▒▒▒", "uncertain")],
        [("░░░", "cut")],
    ]


@given(st.lists(probabilities, max_size=49), widths, st.sampled_from(["full", "longest", "log"]))
def test_a_bar_has_its_probabilitys_length(values: list[float], cells: int, kind: str) -> None:
    longest = max(values, default=0.0) or 1.0
    top = longest if kind == "longest" else 1.0
    bars = [exact(top), *map(exact, values)]
    axis = {"full": FIXED, "longest": Axis.to(longest), "log": LOG}[kind]

    full, *drawn = lines(bars, cells, axis)

    assert full == "█" * cells
    assert len(drawn) == len(values)
    for value, line in zip(values, drawn, strict=True):
        if value == 0:
            assert not blocks(line)
        elif blocks(line) != "▏":
            assert abs(length(line) - cells * position(value, axis)) <= 0.51 * finest(cells)
        else:
            assert cells * position(value, axis) <= 1.51 * finest(cells)


@given(
    st.lists(st.tuples(probabilities, probabilities, probabilities).map(sorted), min_size=1, max_size=50),
    widths,
    st.sampled_from([FIXED, LOG]),
)
def test_the_marks_of_an_interval_end_where_its_numbers_are(
    intervals: list[list[float]], cells: int, axis: Axis
) -> None:
    drawn = lines([between(*interval) for interval in intervals], cells, axis)
    half = whole_cell(cells)
    for interval, line in zip(intervals, drawn, strict=True):
        low, estimate, high = (cells * position(value, axis) for value in interval)
        bar = blocks(line)
        if "▓" in bar or "▒" in bar:
            assert abs(len(bar.rstrip("▓▒")) - low) <= half
            assert abs(len(bar.rstrip("▒")) - estimate) <= half
            assert abs(len(bar) - high) <= half
        else:
            assert high - low <= 1 + 0.01
            assert abs(length(line) - estimate) <= 0.51 * finest(cells) or bar == "▏"
        assert bool(bar) == (interval[2] > 0)


@given(st.lists(probabilities, min_size=1, max_size=50), widths, st.sampled_from(["no", "maybe"]))
def test_what_is_cut_has_its_length_and_another_mark(values: list[float], cells: int, kept: str) -> None:
    drawn = lines([exact(value, kept=kept) for value in values], cells)
    for value, line in zip(values, drawn, strict=True):
        sliver = "┊" if kept == "no" else "▚"
        assert set(blocks(line)) <= {"░" if kept == "no" else "▚"}
        assert bool(blocks(line)) or (sliver in line) == (value > 0)
        assert abs(length(line) - cells * value) <= whole_cell(cells) or (
            cells * value < 0.5 and line.count(sliver) == 1
        )


@given(st.lists(probabilities, max_size=50), st.integers(0, 200), st.sampled_from([FIXED, LOG]))
def test_no_bar_is_longer_than_its_room(values: list[float], cells: int, axis: Axis) -> None:
    drawn = lines([exact(value) for value in values], cells, axis)
    assert len(drawn) == len(values)
    assert all(cell_len(line) <= cells for line in drawn)


def test_bars_come_in_their_order() -> None:
    drawn = lines([exact(0.02 * place) for place in (7, 1, 50, 3, 0, 20)], 60)
    assert sorted(range(6), key=lambda row: length(drawn[row])) == [4, 1, 3, 0, 5, 2]


def test_no_bars_make_no_lines() -> None:
    assert bar_areas([], 31, FIXED) == []


@pytest.mark.parametrize("axis", [FIXED, LOG, Axis.to(0.1)])
def test_zero_draws_nothing(axis: Axis) -> None:
    assert lines([exact(0.0)], 31, axis) == [""]


@pytest.mark.parametrize("axis", [FIXED, LOG])
@pytest.mark.parametrize("cells", [1, 17, 67, 137])
def test_what_is_not_zero_draws_a_sliver(axis: Axis, cells: int) -> None:
    assert lines([exact(1e-12), between(0.0, 0.0, 1e-12)], cells, axis) == ["▏", "▏"]


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, -0.1, 1.1])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_no_probability_never_reaches_plotext(nonsense: float, place: int) -> None:
    ends = [0.5, 0.5, 0.5]
    ends[place] = nonsense
    with pytest.raises(ValueError, match="a bar needs 0 <= low <= estimate <= high <= 1"):
        between(*ends)


def test_rounding_errors_are_no_reason_to_refuse_a_bar() -> None:
    assert lines([between(1.0, 1 - 1e-16, 1 + 1e-12)], 60) == lines([exact(1)], 60)


def test_axes_name_their_ends() -> None:
    assert FIXED.caption == "0 to 100 %"
    assert LOG.caption == "0.0001 to 100 %, log"
    assert Axis.to(0.557).caption == "0 to 55.7 %"


@pytest.mark.parametrize(
    "ends",
    [
        ("linear", 0.5, 0.5),
        ("log", 0.0, 1.0),
        ("linear", 0.0, math.nan),
        ("linear", -1.0, 1.0),
        ("log", 0.1, 2.0),
    ],
)
def test_an_axis_without_extent_is_refused(ends: tuple[str, float, float]) -> None:
    with pytest.raises(ValueError, match="axis cannot reach"):
        Axis(*ends)  # type: ignore[arg-type]


def test_a_bar_beyond_the_axis_says_so() -> None:
    assert lines([exact(0.9), exact(0.3)], 10, Axis.to(0.3)) == ["█████████▶", "██████████"]


@pytest.mark.parametrize(
    ("share", "band", "drawn"),
    [
        (0.5, (0.25, 0.75), "██├█──┤"),
        (0.0, (0.25, 0.75), "  ├───┤"),
        (0.9, (0.25, 0.5), "██├█┤██▎"),
        # where the bar ends, that is what is shown
        (0.25, (0.2, 0.45), "██─┤"),
        (0.1, (0.0, 0.3), "▊─┤"),
        # a mark in the first cell would only hide the bar
        (0.05, (0.0, 0.1), "▍"),
        (0.0, (0.0, 0.0), ""),
    ],
)
def test_a_band_is_marked_and_never_hides_where_the_bar_ends(
    share: float, band: tuple[float, float], drawn: str
) -> None:
    (area,) = bar_areas([exact(share, band=band)], 8, Axis.to(1.0))
    assert "".join(piece.text for piece in area) == drawn


@pytest.mark.parametrize(
    ("pinned", "drawn"),
    [(0.4, "████────┃"), (0.1, "██┃█"), (0.24, "████"), (0.9, "████─────»"), (0.0, "┃███")],
)
def test_a_pinned_probability_is_marked_also_beyond_the_axis(pinned: float, drawn: str) -> None:
    bar = exact(0.4, pinned=exact(pinned))
    (area,) = bar_areas([replace(bar, low=0.2, estimate=0.2, high=0.2)], 10, Axis.to(0.5))
    assert text(area) == drawn


def test_a_drawing_knows_nothing_of_the_one_before() -> None:
    bars = [exact(0.8), exact(0.3), exact(0.05)]
    expected = lines(bars, 43)
    plotext.figure.title("left over")
    plotext.figure.ruler("x").lim(-3, 7).direction(-1)
    plotext.figure.ruler("y").scale("log")
    plotext.figure.draw(plotext.figure.bar([5, 5, 5], marker="x"))
    bar_areas([exact(0.1)] * 40, 90, LOG)
    assert lines([*bars, exact(0.7)], 43)[:3] == expected


def test_the_terminals_size_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "9")
    monkeypatch.setenv("LINES", "2")
    drawn = lines([exact(0.95)] * 50, 199)
    assert len(set(drawn)) == 1
    assert length(drawn[0]) == pytest.approx(0.95 * 199, abs=0.25)


def test_plotext_is_imported_by_the_first_drawing_only() -> None:
    program = (
        "import sys, softmax_visualizer.display.bars as bars\n"
        "print(sorted({'plotext', 'textual', 'openai', 'rich'} & set(sys.modules)))\n"
        "print(len(bars.bar_areas([bars.Bar('a', 1, 1, 1, '')], 40, bars.Axis.to(1.0))))\n"
        "print('plotext' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.split("\n") == ["[]", "1", "True", ""]
    assert finished.stderr == ""
