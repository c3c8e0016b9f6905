"""What a truncated list allows, against intervals and truths that were computed independently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softmax_visualizer.decoding import Decoding, DecodingSettings, Interval, TokenDistribution, decode

PART = Path(__file__).parent / "data" / "oracle" / "bounds.json"
INFINITY = {"inf": np.inf}


def cases(path: Path) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads(path.read_text())["cases"]
    return content


def decoded(case: dict[str, Any], **changes: Any) -> Decoding:
    distribution = TokenDistribution.from_top_logprobs(
        [str(index) for index in range(len(case["logprobs"]))],
        case["logprobs"],
        case["V"],
        mass_tolerance=case["delta_m"],
    )
    return decode(distribution, DecodingSettings(**{"temperature": case["T"], "top_p": case["p"]} | changes))


def same(ours: Interval, theirs: list[Any], what: str) -> None:
    expected = [INFINITY.get(value, value) for value in theirs]
    np.testing.assert_allclose([ours.low, ours.high], expected, rtol=1e-6, atol=1e-12, err_msg=what)


def contains(ours: Interval, truth: float, what: str) -> None:
    assert ours.low <= truth * (1 + 1e-6) + 1e-9, what
    assert ours.high >= truth * (1 - 1e-6) - 1e-9, what


def check(case: dict[str, Any]) -> None:
    name, bounds, truth = case["id"], case["bounds"], case["truth"]
    decoding = decoded(case)
    tempered, final = decoding.after_temperature, decoding.after_cut

    for index, (low, high) in enumerate(zip(bounds["P_lo"], bounds["P_hi"], strict=True)):
        same(tempered.probabilities[index], [low, high], name)
        contains(tempered.probabilities[index], truth["P"][index], name)
    # the tail's mass is one less the sum of ten-digit numbers, so its own digits are fewer
    tail = decoding.others().after_temperature
    np.testing.assert_allclose([tail.low, tail.high], bounds["tail_mass"], atol=1e-6, err_msg=f"{name} tail")
    contains(decoding.others().after_temperature, truth["tail_mass"], f"{name} tail")

    entropy, expected = tempered.entropy, bounds["entropy_bits"]
    contains(entropy, truth["entropy_bits"], f"{name} entropy")
    if case["T"] >= 1:
        same(entropy, expected, f"{name} entropy")
    else:
        assert entropy.low >= expected[0] - 1e-6, f"{name} entropy"
        assert entropy.high <= INFINITY.get(expected[1], expected[1]) + 1e-6, f"{name} entropy"

    nucleus = bounds["nucleus"]
    assert [final.kept.low, final.kept.high] == nucleus["n"], name
    if case["p"] < 1:
        said = {"no": ("none",), "certain": ("some", "all"), "possible": ("maybe",)}[nucleus["tail"]]
        assert decoding.others().kept in said, name
    size = final.kept_tokens
    contains(size, truth["nucleus_total"], f"{name} size")
    widest = [INFINITY.get(value, value) for value in nucleus["size"]]
    assert widest[0] <= size.low, f"{name} size"
    assert size.high <= widest[1], f"{name} size"
    for index, (low, high) in enumerate(zip(nucleus["renorm_lo"], nucleus["renorm_hi"], strict=True)):
        ours = final.probabilities[index]
        np.testing.assert_allclose([ours.low, ours.high], [low, high], rtol=3e-6, atol=3e-6, err_msg=name)
        contains(ours, truth["renorm"][index], f"{name} renormalised")

    last = decoded(case, order="temperature-last").after_cut
    expected_last = bounds["top_p_then_temperature"]
    assert last.kept.low == last.kept.high == expected_last["n"], name
    if expected_last["tail"] == "no":
        assert last.exact, name
        for index, value in enumerate(expected_last["renorm_lo"]):
            assert last.probabilities[index].low == pytest.approx(value, abs=1e-6), name

    likely = decoded(case, top_p=1.0, min_p=0.05)
    assert likely.after_cut.kept.high == bounds["min_p_0_05"]["kept"], name
    assert {"no": "none", "certain": "some", "possible": "maybe"}[bounds["min_p_0_05"]["tail"]] == (
        likely.others().kept
    ), name


@pytest.mark.parametrize("case", cases(PART), ids=lambda case: case["id"])
def test_the_bounds_are_the_independently_computed_ones_and_hold_the_truth(case: dict[str, Any]) -> None:
    check(case)


@pytest.mark.shared
def test_every_bound_of_the_oracle_holds(shared: Path) -> None:
    for case in cases(shared / "oracle" / "bounds.json"):
        check(case)
