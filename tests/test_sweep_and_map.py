"""A knob over its range and two over a grid: the numbers, and the pictures of them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import examples
from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval, TokenDistribution, decode
from softmax_visualizer.decoding.decision import departure, leaving
from softmax_visualizer.decoding.generation import Step
from softmax_visualizer.decoding.path import decode_path, path_map
from softmax_visualizer.decoding.sweep import Knob, Landscape, landscape, settings_apart_from, sweep
from softmax_visualizer.display.labels import cell_width
from softmax_visualizer.display.landscape import (
    MEASURES,
    TEMPERATURES,
    TOP_PS,
    Measure,
    map_rows,
    with_current,
)
from softmax_visualizer.display.sweep import LEADING, SweepPanel, positions, sweep_panels

Row = list[tuple[str, str]]

FULL, LISTED = (
    TokenDistribution.from_logits([f"t{index}" for index in range(300)], -0.9 * np.log(np.arange(1, 301))),
    TokenDistribution.from_top_logprobs(list("abcde"), np.log([0.5, 0.2, 0.1, 0.06, 0.04]), 200_019),
)
UNKNOWN_SIZE = TokenDistribution.from_top_logprobs(list("abc"), np.log([0.5, 0.2, 0.1]))
DISTRIBUTIONS = {"whole": FULL, "listed": LISTED, "unknown size": UNKNOWN_SIZE}

every_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
every_measure = pytest.mark.parametrize("measure", MEASURES, ids=[each.layer for each in MEASURES])
elsewhere = st.builds(
    DecodingSettings,
    temperature=st.floats(0, 3),
    top_p=st.floats(0, 1),
    top_k=st.one_of(st.none(), st.integers(1, 9)),
    min_p=st.sampled_from([0.0, 0.05]),
    order=st.sampled_from(["temperature-first", "temperature-last"]),
)


def ends(interval: Interval) -> tuple[float, float, float]:
    return interval.low, interval.estimate, interval.high


# What is computed


@examples(30)
@given(st.sampled_from(list(DISTRIBUTIONS.values())), elsewhere, st.sampled_from(["temperature", "top_p"]))
def test_a_sweep_is_what_decoding_gives_at_each_of_its_positions(
    distribution: TokenDistribution, chosen: DecodingSettings, knob: Knob
) -> None:
    values = (0.0, 0.3, 1.0) if knob == "top_p" else (0.0, 0.7, 1.0, 2.5)
    found = sweep(distribution, chosen, knob, values, 4)
    leading = min(4, len(distribution))
    assert (found.knob, found.values, len(found.tokens)) == (knob, values, leading)
    for place, value in enumerate(values):
        stage = decode(distribution, replace(chosen, **{knob: value})).after_cut  # type: ignore[arg-type]
        for index in range(leading):
            assert ends(found.tokens[index][place]) == ends(stage.probabilities[index])
        assert ends(found.others[place]) == ends(stage.beyond(leading))
        assert ends(found.effective_tokens[place]) == ends(stage.effective_tokens)
        assert ends(found.kept_tokens[place]) == ends(stage.kept_tokens)


def test_a_sweep_follows_no_more_tokens_than_there_are() -> None:
    found = sweep(UNKNOWN_SIZE, DecodingSettings(), "temperature", (1.0,), 6)
    assert len(found.tokens) == 3


@examples(30)
@given(
    st.sampled_from(list(DISTRIBUTIONS.values())),
    elsewhere,
    st.frozensets(st.integers(0, 2)),
    st.floats(0, 1),
)
def test_a_map_is_what_decoding_gives_at_each_of_its_points(
    distribution: TokenDistribution, chosen: DecodingSettings, accepted: frozenset[int], p: float
) -> None:
    temperatures, top_ps = (0.0, 0.7, 1.0, 1.9), (1.0, p)
    found = landscape(distribution, chosen, temperatures, top_ps, accepted)
    assert (found.temperatures, found.top_ps) == (temperatures, top_ps)
    for row, top_p in enumerate(top_ps):
        for column, temperature in enumerate(temperatures):
            decoding = decode(distribution, replace(chosen, temperature=temperature, top_p=top_p))
            departs = departure(decoding)
            assert found.effective_tokens[row][column] == decoding.after_cut.effective_tokens
            assert found.leaving[row][column] == leaving(decoding, accepted)
            greedy = found.greedy[row][column]
            assert ends(greedy) == pytest.approx((1 - departs.high, 1 - departs.estimate, 1 - departs.low))
            assert greedy.low <= greedy.estimate <= greedy.high


def test_the_greedy_choice_is_certain_on_a_map_only_where_nothing_else_can_be_drawn() -> None:
    distribution = TokenDistribution.from_logits(["a", "b"], [0.0, -6.0])
    found = landscape(distribution, DecodingSettings(), (0.0, 0.1), (1.0,), frozenset())
    assert [each.high for each in found.greedy[0]] == [1.0, math.nextafter(1.0, 0)]


@pytest.mark.parametrize(
    ("knobs", "same"), [(("temperature",), {"top_p": 0.4}), (("temperature", "top_p"), {"top_p": 1.0})]
)
def test_settings_apart_from_knobs_do_not_move_with_them(
    knobs: tuple[Knob, ...], same: dict[str, float]
) -> None:
    moved = [decode(FULL, DecodingSettings(temperature, 0.4, top_k=7)) for temperature in (0.2, 1.7)]
    kept = {settings_apart_from(decoding, *knobs) for decoding in moved}
    assert kept == {DecodingSettings(1.0, **same, top_k=7)}  # type: ignore[arg-type]


# The axes


@given(st.sampled_from([TEMPERATURES, TOP_PS]), st.floats(0, 1000))
def test_the_current_value_is_on_the_axis_in_the_place_of_the_nearest(
    standard: tuple[float, ...], current: float
) -> None:
    axis = with_current(standard, current)
    assert current in axis
    assert len(axis) == len(standard) == len(set(axis))
    assert list(axis) == sorted(axis, reverse=standard[0] > standard[-1])
    (changed,) = [place for place, value in enumerate(standard) if axis[place] != value] or [None]
    if changed is not None:
        assert abs(standard[changed] - current) == min(abs(value - current) for value in standard)


def test_steps_of_the_knobs_are_on_the_axes_as_they_are() -> None:
    assert all(with_current(TEMPERATURES, float(f"{step / 10:.1f}")) == TEMPERATURES for step in range(21))
    assert all(with_current(TOP_PS, float(f"{step / 20:.2f}")) == TOP_PS for step in range(1, 21))


@pytest.mark.parametrize(("current", "top"), [(0.7, 2.0), (2.0, 2.0), (3.2, 4.0), (7.0, 7.0)])
def test_a_sweep_reaches_as_far_as_the_temperature_is_set(current: float, top: float) -> None:
    values = positions("temperature", current)
    assert (values[0], values[-1]) == (0.0, top)
    assert all(low < high for low, high in pairwise(values))


def test_a_sweep_of_top_p_covers_all_of_it() -> None:
    assert (positions("top_p", 0.4)[0], positions("top_p", 0.4)[-1]) == (0.0, 1.0)


# The map as a picture


@cache
def found_at(distribution: TokenDistribution, temperature: float, top_p: float) -> Landscape:
    return landscape(
        distribution,
        DecodingSettings(),
        with_current(TEMPERATURES, temperature),
        with_current(TOP_PS, top_p),
        frozenset({0, 1}),
    )


def mapped(
    distribution: TokenDistribution,
    measure: Measure,
    width: int,
    height: int,
    temperature: float = 0.7,
    top_p: float = 0.9,
) -> tuple[list[Row], Landscape]:
    found = found_at(distribution, temperature, top_p)
    steps = tuple(
        Step(distribution, distribution.token(index), index, "given")
        for index in range(min(2, len(distribution)))
    )
    chances = path_map(steps, DecodingSettings(), found.temperatures, found.top_ps)
    found = replace(found, answer=chances)
    return map_rows(found, measure, temperature, top_p, width, height), found


def width_of(row: Row) -> int:
    return sum(cell_width(text) for text, _ in row)


def grid(rows: list[Row]) -> list[Row]:
    """The rows with a top-p at their start, without the legend, the blanks, and what stands below."""
    return [row for row in body(rows)[:-1] if row[0][0].strip()]


def body(rows: list[Row]) -> list[Row]:
    """The rows between the legend and the words below, the temperatures among them."""
    return rows[1 : next(place for place, row in enumerate(rows) if row[0][0].strip() == "T") + 1]


SIZES = [(76, 20), (116, 36), (156, 50), (236, 60)]


@every_distribution
@every_measure
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_all_rows_of_a_map_have_one_width_that_fits(
    distribution: TokenDistribution, measure: Measure, width: int, height: int
) -> None:
    rows, _ = mapped(distribution, measure, width, height)
    size = (width - 6) // len(TEMPERATURES)
    assert {width_of(row) for row in body(rows)} == {6 + size * len(TEMPERATURES)}
    assert {len(text) for row in grid(rows) for text, _ in row[1:]} == {size}
    assert all(width_of(row) <= width for row in rows)
    assert len(rows) <= height


@every_measure
def test_the_rows_of_a_low_map_are_evenly_spaced_and_stay_where_they_are(measure: Measure) -> None:
    for height in (1, 2, 4, 5, 14, 25):
        shown = set()
        for top_p in (1.0, 0.05):
            rows, found = mapped(LISTED, measure, 76, height, top_p=top_p)
            shown.add(tuple(float(row[0][0]) for row in grid(rows)))
        assert len(shown) == 1
        (places,) = shown
        assert places[0] == found.top_ps[0]
        assert len({round(high - low, 9) for high, low in pairwise(places)}) <= 1
        assert len(places) <= max(height - 3, 1)


@every_measure
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("temperature", "top_p"), [(0.7, 0.9), (0.0, 1.0), (2.0, 0.05), (0.725, 0.42)])
def test_the_current_setting_is_one_marked_point_of_the_map(
    measure: Measure, width: int, height: int, temperature: float, top_p: float
) -> None:
    rows, found = mapped(FULL, measure, width, height, temperature, top_p)
    marked = [
        (row[0][0].strip(), column)
        for row in grid(rows)
        for column, (_, role) in enumerate(row[1:])
        if role == "point"
    ]
    nearest = min((row[0][0].strip() for row in grid(rows)), key=lambda place: abs(float(place) - top_p))
    assert marked == [(nearest, found.temperatures.index(temperature))]
    knobs = [(column, text) for column, (text, role) in enumerate(body(rows)[-1][1:]) if role == "knob"]
    assert [column for column, _ in knobs] == [found.temperatures.index(temperature)]
    if width < 150:
        diamonds = [text for row in grid(rows) for text, _ in row if "◆" in text]
        assert len(diamonds) == 1
    here = decode(FULL, DecodingSettings(temperature, top_p))
    value = {
        "effective_tokens": here.after_cut.effective_tokens,
        "greedy": found.greedy[found.top_ps.index(top_p)][found.temperatures.index(temperature)],
        "leaving": leaving(here, frozenset({0, 1})),
        "answer": decode_path(
            tuple(Step(FULL, FULL.token(index), index, "given") for index in (0, 1)),
            DecodingSettings(temperature, top_p),
        ).path_probability,
    }[measure.layer]
    below = "".join(text for text, _ in rows[rows.index(body(rows)[-1]) + 1])
    assert below == f"  at T {temperature:g}, top-p {top_p:g}: {measure.title} {measure.write(value)}"


def test_a_temperature_without_room_is_rounded_below_the_map_and_not_cut_off() -> None:
    rows, _ = mapped(FULL, MEASURES[0], 76, 20, temperature=0.779)
    assert ("0.8", "knob") in body(rows)[-1]


def values_of(found: Landscape, measure: Measure, row: Row) -> list[Interval]:
    layer = getattr(found, measure.layer)
    return cast("list[Interval]", list(layer[[f"{p:.2f}" for p in found.top_ps].index(row[0][0].strip())]))


def level(value: float, measure: Measure) -> int:
    return sum(value >= edge for edge in measure.edges)


@every_distribution
@every_measure
@pytest.mark.parametrize("width", [76, 116])
def test_a_cell_has_the_shade_that_the_legend_gives_to_its_number(
    distribution: TokenDistribution, measure: Measure, width: int
) -> None:
    rows, found = mapped(distribution, measure, width, 24)
    shades = {role: text[0] for text, role in rows[0] if role.startswith("heat")}
    assert len(shades) == len(measure.edges) + 1 == len(set(shades.values()))
    for row in grid(rows):
        for (text, role), value in zip(row[1:], values_of(found, measure, row), strict=True):
            heat = f"heat{level(value.estimate, measure)}"
            assert role in (heat, "point")
            assert set(text) <= {shades[heat], "?", "◆"}
            doubtful = level(value.low, measure) != level(value.high, measure)
            assert ("?" in text) == (doubtful and role != "point")


@every_measure
def test_the_legend_says_where_one_shade_goes_over_into_the_next(measure: Measure) -> None:
    scale = 1 if measure.layer == "effective_tokens" else 100
    rows, _ = mapped(FULL, measure, 76, 20)
    words = [text.strip() for text, role in rows[0] if role == "axis"]
    edges = [f"{scale * edge:g}" for edge in measure.edges]
    assert words[0] == f"<{edges[0]}"
    assert words[1:-1] == [f"{low}–{high}" for low, high in pairwise(edges)]
    assert words[-1] == f"≥{edges[-1]}" + ("" if scale == 1 else " %")


def test_a_number_on_an_edge_has_the_upper_shade() -> None:
    measure, flat = MEASURES[0], Interval.point(2.0)
    found = Landscape(
        (1.0,), (1.0, 0.5), ((flat,), (Interval.point(1.9999),)), ((flat,),) * 2, ((flat,),) * 2
    )
    rows = map_rows(found, measure, 1.0, 0.5, 7, 9)
    assert [row[1][1] for row in grid(rows)] == ["heat2", "point"]


@every_distribution
@every_measure
def test_a_number_of_the_map_has_a_tilde_just_where_it_is_an_estimate(
    distribution: TokenDistribution, measure: Measure
) -> None:
    rows, found = mapped(distribution, measure, 236, 60)
    for row in grid(rows):
        for (text, _), value in zip(row[1:], values_of(found, measure, row), strict=True):
            estimate = measure.write(value.estimate)
            assert text.strip().lstrip("~") == estimate.removesuffix(" %")
            assert ("~" in text) == (measure.write(value) != estimate)
            if value.is_point:
                assert "~" not in text


def test_numbers_that_are_too_long_for_their_cells_give_way_to_shades() -> None:
    flat = TokenDistribution.from_top_logprobs(["a"], [math.log(1e-5)], 200_019)
    rows, _ = mapped(flat, MEASURES[0], 156, 40)
    assert any("◆" in text for row in grid(rows) for text, _ in row)
    wider, _ = mapped(flat, MEASURES[0], 236, 40)
    assert any("," in text for row in grid(wider) for text, _ in row)


# The sweep as a picture

HOSTILE = [
    "日本" * 20,
    "\x1b[31m",
    "\u202eabc",
    "[@click=app.quit]x[/]",
    "\n\t",
    "e\u0301" * 30,
    "",
    "👩\u200d👧",
]


def swept(
    decoding: Decoding, knob: Knob, widths: tuple[int, int], height: int, fixed: bool
) -> tuple[SweepPanel, SweepPanel]:
    values = positions(knob, getattr(decoding.settings, knob))
    found = sweep(decoding.distribution, decoding.settings, knob, values, LEADING)
    return sweep_panels(found, decoding, widths, height, fixed=fixed)


HOSTILE_LISTED = TokenDistribution.from_top_logprobs(
    HOSTILE, np.log([0.99987, *[1e-5] * (len(HOSTILE) - 1)]), 200_019
)
TOO_FEW_CELLS = TokenDistribution.from_logits(["only"], [0.0])


@pytest.mark.parametrize(
    "distribution", [*DISTRIBUTIONS.values(), HOSTILE_LISTED, TOO_FEW_CELLS],
    ids=[*DISTRIBUTIONS, "hostile", "one token"],
)  # fmt: skip
@pytest.mark.parametrize("knob", ["temperature", "top_p"])
@pytest.mark.parametrize(
    ("widths", "height"),
    [((42, 30), 18), ((30, 30), 18), ((66, 46), 34), ((42, 30), 3), ((9, 9), 9), ((1, 1), 1)],
)
def test_both_charts_of_a_sweep_have_the_promised_size(
    distribution: TokenDistribution, knob: Knob, widths: tuple[int, int], height: int
) -> None:
    for temperature, top_p in ((0.7, 0.9), (0.0, 1.0), (1.02, 1.0), (2.0, 0.0)):
        decoding = decode(distribution, DecodingSettings(temperature, top_p))
        for panel, width in zip(swept(decoding, knob, widths, height, False), widths, strict=True):
            assert len(panel.rows) == height
            if min(widths) < 30:
                continue
            for row in panel.rows:
                assert sum(cell_width(run.text) for run in row) <= width
                assert all(run.text.isprintable() and "\u0301" not in run.text for run in row)


@every_distribution
@pytest.mark.parametrize(("knob", "title"), [("temperature", "temperature"), ("top_p", "top-p")])
def test_a_sweep_names_its_knob_and_marks_where_it_stands(
    distribution: TokenDistribution, knob: Knob, title: str
) -> None:
    panels = swept(decode(distribution, DecodingSettings(0.7, 0.9)), knob, (66, 46), 30, True)
    for panel in panels:
        assert f"over {title}" in panel.title.lower()
        assert sum(run.text.count("▲") for row in panel.rows for run in row) == 1


def test_the_legend_of_a_sweep_has_the_numbers_of_the_current_setting() -> None:
    text = "\n".join(
        "".join(run.text for run in row)
        for panel in swept(decode(LISTED, DecodingSettings()), "temperature", (66, 46), 30, True)
        for row in panel.rows
    )
    assert "1 a 50.0 %" in text
    assert "+ unseen 10.0 %" in text
    assert "k kept all" in text


def test_the_probability_axis_reaches_up_to_everything_only_where_that_is_asked() -> None:
    found = sweep(FULL, DecodingSettings(), "temperature", (1.0, 1.5, 2.0), 2)
    decoding = decode(FULL, DecodingSettings())
    for fixed in (True, False):
        panel, _ = sweep_panels(found, decoding, (66, 46), 30, fixed=fixed)
        axis = "\n".join(run.text for row in panel.rows for run in row if run.role == "axis")
        assert ("100 %┤" in axis) == fixed
