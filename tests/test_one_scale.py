"""A ruler on the bars: equal probabilities are equal lengths, in every column and at every setting."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from screens import bench, screen, text
from softmax_visualizer.decoding import DecodingSettings, decode
from softmax_visualizer.display.bars import Axis
from softmax_visualizer.display.columns import Layout, table_of_bars
from softmax_visualizer.display.pipeline import axis_of, pipeline
from softmax_visualizer.models.bundled import BundledModel

EIGHTHS = {block: eighths for eighths, block in enumerate("▏▎▍▌▋▊▉█", start=1)}

PROMPTS = ("The quick brown fox jumps over the", "She opened the", "Once upon a")

SETTINGS = [
    DecodingSettings(temperature, top_p, order=order)
    for temperature in (0.1, 0.7, 1.0, 1.5)
    for top_p, order in ((1.0, "temperature-first"), (0.9, "temperature-first"), (0.9, "temperature-last"))
]

LEAST = {80: 12, 100: 18, 160: 30}
"""Cells of 100 % at a width."""

SIZES = [(80, 24), (100, 30), (160, 50)]


def cells_of(bar: str) -> float:
    return sum(EIGHTHS.get(char, 0) for char in bar) / 8


def bars_on(rows: list[str], layout: Layout) -> list[tuple[float, str]]:
    """The length in cells and the number beside it of every bar, read off the rows of a screen."""
    found = []
    for row in rows:
        for column in range(3):
            start = 1 + layout.label + column * (layout.column + 1) + 1
            cell = row[start : start + layout.column]
            if "cut" not in cell and "▶" not in cell:
                found.append((cells_of(cell[: layout.bar]), cell[layout.bar :].strip()))
    return found


def percents(number: str) -> float | None:
    """The value of a number that says it in digits."""
    found = re.fullmatch(r"([\d.]+) %", number)
    return float(found[1]) if found else None


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_every_bar_on_the_screen_has_the_length_of_its_number(size: tuple[int, int]) -> None:
    for prompt in PROMPTS:
        async with screen(size=size, prompt=prompt) as (app, pilot):
            await pilot.press("a")  # 0 to 100 %
            layout = Layout.of(size[0])
            assert layout.bar >= LEAST[size[0]]
            for setting in SETTINGS:
                bench(app).update(replace(bench(app).scene, settings=setting))
                await pilot.pause()
                lines = text(app).split("\n")
                top = next(number for number, line in enumerate(lines) if "model, T = 1" in line)
                stop = next(number for number, line in enumerate(lines) if "100 %" in line and "50" in line)
                read = bars_on(lines[top + 1 : stop], layout)
                assert len(read) > 10
                for cells, number in read:
                    value = percents(number)
                    if value is not None:
                        # to an eighth of a cell, and to half of the number's last digit
                        assert abs(cells - layout.bar * value / 100) <= 1 / 8 + layout.bar * 0.0005


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
def test_100_percent_is_as_long_at_every_setting(width: int) -> None:
    distribution = BundledModel().answer(PROMPTS[1]).distribution
    layout, lengths = Layout.of(width), set()
    for setting in SETTINGS:
        columns = pipeline(decode(distribution, setting), 8, layout.number)
        lines = table_of_bars(columns, layout, Axis.to(1.0))
        assert all(sum(len(piece.text) for piece in line) <= width for line in lines)
        ruler = "".join(piece.text for piece in lines[9])
        lengths |= {ruler.index("100 %") - ruler.index("0")}
    assert len(lengths) == 1


def test_a_bar_never_shrinks_while_its_number_grows() -> None:
    distribution = BundledModel().answer("She opened the").distribution
    layout, longest = Layout.of(100), 0.0
    for tenths in range(20, 0, -1):
        decoding = decode(distribution, DecodingSettings(tenths / 10))
        columns = pipeline(decoding, 8, layout.number)
        row = "".join(piece.text for piece in table_of_bars(columns, layout, Axis.to(1.0))[1])
        cells = bars_on([row], layout)[1][0]
        assert cells >= longest
        longest = cells
    assert longest == layout.bar


@pytest.mark.parametrize("knob", ["temperature", "top_p"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_axis_moves_one_way_while_a_knob_is_held(prompt: str, knob: str) -> None:
    distribution = BundledModel().answer(prompt).distribution
    for values in (range(1, 21), range(20, 0, -1)):
        ends = []
        for value in values:
            held = (
                DecodingSettings(value / 10) if knob == "temperature" else DecodingSettings(1.3, value / 20)
            )
            decoding = decode(distribution, held)
            ends.append(axis_of("fit", pipeline(decoding, 15, 8), decoding).high)
        assert ends in (sorted(ends), sorted(ends, reverse=True))


def test_the_cut_is_drawn_where_the_running_sum_crosses_p() -> None:
    distribution = BundledModel().answer(PROMPTS[0]).distribution
    decoding = decode(distribution, DecodingSettings(0.8, 0.9))
    column = pipeline(decoding, 15, 8)[2]
    kept = int(decoding.after_cut.kept_tokens.low)
    assert column.cut_row == kept == 6
    assert column.cut_words[0] == "cut here: 90.3 % ≥ 90 %"
    running = decoding.after_temperature.first(kept).low.cumsum()
    assert running[-1] >= 0.9 > running[-2]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (DecodingSettings(top_k=5), "cut here: top-k 5"),
        (DecodingSettings(min_p=0.02), "cut here: below 2 % of the first"),
        (DecodingSettings(0.7, 0.9, top_k=40), "cut here: 94.4 % ≥ 90 %"),
    ],
)
def test_the_cut_says_which_one_it_is(settings: DecodingSettings, words: str) -> None:
    distribution = BundledModel().answer(PROMPTS[0]).distribution
    assert pipeline(decode(distribution, settings), 15, 8)[2].cut_words[0] == words


def test_a_cut_below_the_rows_says_how_far_it_reaches() -> None:
    distribution = BundledModel().answer(PROMPTS[0]).distribution
    column = pipeline(decode(distribution, DecodingSettings(1.0, 0.9)), 12, 8)[2]
    assert column.cut_row is None
    assert column.below == ("kept 1,081 of 20,000", "kept 1,081")


def test_a_step_that_changes_nothing_is_drawn_faintly_and_says_so() -> None:
    distribution = BundledModel().answer(PROMPTS[0]).distribution
    columns = pipeline(decode(distribution, DecodingSettings(0.7)), 12, 8)
    assert [column.same for column in columns] == [False, False, True]
    assert [column.final for column in columns] == [False, True, False]
    assert columns[2].titles[0].startswith("nothing is cut")
