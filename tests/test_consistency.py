"""Can these tables be one model? Never a false alarm, and the tutorial's fox is found out by its dog."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import examples
from softmax_visualizer.decoding.consistency import (
    Need,
    Odds,
    Overfull,
    PrintedTable,
    Rise,
    contradiction,
)

COLD = {"lazy": "99.8", "dog": "0.1", "fence": "0.0"}
HOT = {"lazy": "45.2", "fence": "15.5", "moon": "8.3", "corpse": "4.1", "puddle": "2.2"}


def ends(percent: str) -> tuple[float, float]:
    """The probabilities that print like this."""
    half = Decimal("0.5").scaleb(Decimal(percent).as_tuple().exponent)  # type: ignore[arg-type]
    low, high = Decimal(percent) - half, Decimal(percent) + half
    return float(max(low, 0) / 100), float(min(high, 100) / 100)


def table(temperature: float, cut: bool = False, **percents: str) -> PrintedTable:
    return PrintedTable(temperature, {name: ends(text) for name, text in percents.items()}, cut)


# --- what comes from one distribution ---

logit_lists = st.one_of(
    st.lists(st.floats(-12, 12), min_size=2, max_size=30),
    # ties, and tokens that are impossible
    st.lists(st.sampled_from([0.0, 0.0, -0.1, -1.0, -3.0, -math.inf]), min_size=1, max_size=29).map(
        lambda logits: [*logits, 0.0]
    ),
)
temperatures = st.one_of(st.sampled_from([0.0, 0.05, 0.1, 0.7, 1.0, 1.5, 3.0]), st.floats(0, 3))


def at(logits: np.ndarray, temperature: float) -> np.ndarray:
    if temperature == 0:
        weights = (logits == logits.max()).astype(float)
    else:
        with np.errstate(over="ignore"):
            weights = np.exp((logits - logits.max()) / temperature)
    return np.asarray(weights / weights.sum())


def nucleus(probabilities: np.ndarray, top_p: float) -> np.ndarray:
    """Which tokens top-p keeps: those before which less than p has been."""
    order = np.argsort(-probabilities, kind="stable")
    kept = np.zeros(len(probabilities), dtype=bool)
    kept[order[np.concatenate(([0.0], np.cumsum(probabilities[order])[:-1])) < top_p]] = True
    kept[order[0]] = True
    return kept


@st.composite
def printed_tables(draw: st.DrawFn, logits: np.ndarray) -> PrintedTable:
    """A person's table of some tokens, at some temperature, perhaps after top-p, rounded somehow."""
    temperature = draw(temperatures)
    probabilities = at(logits, temperature)
    cut = draw(st.sampled_from([None, "temperature-first", "temperature-last"]))
    if cut is not None:
        base = probabilities if cut == "temperature-first" else at(logits, 1.0)
        kept = nucleus(base, draw(st.floats(0, 1)))
        probabilities = at(np.where(kept, logits, -math.inf), temperature)
    decimals = draw(st.integers(0, 3))
    chosen = draw(st.lists(st.integers(0, len(logits) - 1), unique=True))
    texts = {f"t{index}": f"{100 * probabilities[index]:.{decimals}f}" for index in chosen}
    return table(temperature, cut is not None, **texts)


pairs = logit_lists.flatmap(
    lambda logits: st.tuples(printed_tables(np.array(logits)), printed_tables(np.array(logits)))
)


@examples(400)
@given(pairs)
def test_tables_of_one_distribution_are_never_called_contradictory(
    pair: tuple[PrintedTable, PrintedTable],
) -> None:
    with np.errstate(all="raise", under="ignore"):
        assert contradiction(*pair) is None


@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=8),
    st.sampled_from([1e-300, 1e-12, 1e-3, 0.3]),
    st.sampled_from([1.0, 50.0, 1e300]),
    st.sets(st.integers(0, 7), min_size=1),
    st.sets(st.integers(0, 7), min_size=1),
)
def test_nor_are_they_at_any_temperature_or_with_every_digit_printed(
    logits: list[float], cold: float, hot: float, first: set[int], second: set[int]
) -> None:
    tables = []
    for temperature, chosen in ((cold, first), (hot, second)):
        probabilities = at(np.array(logits), temperature)
        ranges = {f"t{index}": (float(probabilities[index]), float(probabilities[index]) or 1e-300)
                  for index in chosen if index < len(logits)}  # fmt: skip
        tables.append(PrintedTable(temperature, ranges, False))
    assert contradiction(*tables) is None


@given(
    pairs,
    st.dictionaries(st.sampled_from(["t0", "t1", "t2", "t3"]), st.integers(0, 100).map(str), max_size=4),
)
def test_the_order_of_the_tables_does_not_matter(
    pair: tuple[PrintedTable, PrintedTable], texts: dict[str, str]
) -> None:
    other = table(pair[1].temperature, pair[1].cut, **texts)
    assert (contradiction(pair[0], other) is None) == (contradiction(other, pair[0]) is None)


def test_an_empty_table_contradicts_nothing() -> None:
    assert contradiction(table(0.1), table(1.5, **HOT)) is None
    assert contradiction(table(0.1), table(1.5)) is None


# --- what does not ---


def test_the_tutorials_fox_cannot_be_one_model_because_of_its_dog() -> None:
    cold, hot = table(0.1, **COLD), table(1.5, **HOT)
    found = contradiction(cold, hot)
    assert isinstance(found, Overfull)
    assert (found.full, found.other, found.anchor) == (hot, cold, "lazy")
    (dog,) = found.needed
    assert (dog.name, dog.there) == ("dog", pytest.approx(0.0005))
    assert dog.here == pytest.approx(0.4515 * (0.0005 / 0.9985) ** (0.1 / 1.5))
    assert dog.here == pytest.approx(0.272, abs=5e-4)
    assert found.total == pytest.approx(1.0225, abs=5e-4)


def test_without_its_dog_the_fox_fails_by_whatever_has_the_dogs_share() -> None:
    del (cold := dict(COLD))["dog"]
    found = contradiction(table(0.1, **cold), table(1.5, **HOT))
    assert isinstance(found, Overfull)
    (unlisted,) = found.needed
    assert unlisted.name is None
    assert unlisted.there == pytest.approx(0.0015, abs=1e-6)


def test_a_fox_that_decays_as_it_should_can_be_one_model() -> None:
    cold = table(0.5, lazy="95.5", fence="3.9", moon="0.6", corpse="0.1")
    hot = table(1.5, lazy="59.3", fence="20.4", moon="10.9", corpse="5.4", puddle="2.9", dog="1.2")
    assert contradiction(cold, hot) is None


def test_a_cut_may_have_taken_the_dog() -> None:
    assert contradiction(table(0.1, **COLD), table(1.5, cut=True, **HOT)) is None


def test_odds_grow_by_the_power_of_the_temperatures_and_by_no_other() -> None:
    # 4 : 1 at T 1 is 2 : 1 at T 2
    cold = table(1, a="80.0", b="20.0")
    assert contradiction(cold, table(2, a="66.7", b="33.3")) is None
    hot = table(2, a="70.0", b="30.0")
    found = contradiction(cold, hot)
    assert found == Odds(cold, hot, "a", "b")
    assert contradiction(hot, cold) == found


def test_a_cut_leaves_the_odds_of_what_it_keeps() -> None:
    found = contradiction(table(1, True, a="80.0", b="20.0"), table(2, True, a="70.0", b="30.0"))
    assert isinstance(found, Odds)


def test_a_table_of_a_cut_says_nothing_of_what_it_prints_as_zero() -> None:
    cold, hot = {"a": "90.0", "b": "0.0"}, {"a": "50.0", "b": "45.0"}
    assert contradiction(table(1, True, **cold), table(1.1, **hot)) is None
    assert isinstance(contradiction(table(1, **cold), table(1.1, **hot)), Odds)


def test_no_temperature_changes_the_order() -> None:
    found = contradiction(table(0.5, a="50.0", b="40.0"), table(1.5, a="30.0", b="35.0"))
    assert isinstance(found, Odds)
    assert (found.more, found.less) == ("b", "a")


def test_what_has_a_share_can_only_lose_by_heat_as_far_as_its_power_allows() -> None:
    cold = table(1, a="49.0")
    assert contradiction(cold, hot := table(2, a="70.2")) == Rise(cold, hot, "a")
    assert contradiction(cold, table(2, True, a="70.2")) is None
    assert contradiction(table(1, a="99.0"), table(2, a="70.2")) is None


def test_a_token_never_gains_so_much_by_heat_that_nothing_is_left_for_what_was_beside_it() -> None:
    cold, hot = table(0.3, a="99", b="0", c="0"), table(0.5, a="100", c="0")
    assert contradiction(cold, hot) == Rise(cold, hot, "a")
    # log odds shrink by the temperatures: 99.5 % at T 0.3 is 96.0 % at T 0.5, and not more
    assert contradiction(cold, table(0.5, a="95.9")) is None
    assert contradiction(cold, table(0.5, a="96.1")) is not None
    assert contradiction(cold, table(0.5, True, a="100")) is None


def test_one_temperature_gives_one_share() -> None:
    first, second = table(0.7, a="49.0", b="10.0"), table(0.7, a="48.0", c="45.0")
    assert contradiction(first, second) == Rise(second, first, "a")
    assert contradiction(second, first) == Rise(second, first, "a")
    assert contradiction(first, table(0.7, a="49.04", c="40.5")) is None
    # 49, 10 and 42 are more than 100
    found = contradiction(first, table(0.7, a="49.0", c="42.0"))
    assert isinstance(found, Overfull)
    assert [need.name for need in found.needed] == ["b"]
    assert isinstance(contradiction(table(0.7, a="60"), table(0.7, b="60")), Overfull)


def test_a_cut_only_raises_what_it_keeps() -> None:
    whole, cut = table(0.7, a="49.0"), table(0.7, True, a="52.0")
    assert contradiction(whole, cut) is None
    found = contradiction(table(0.7, a="52.0"), table(0.7, True, a="49.0"))
    assert isinstance(found, Rise)
    assert found.cold.cut


def test_a_table_that_sums_to_more_than_1_is_wrong_alone() -> None:
    wrong = table(1, a="60.0", b="40.2")
    assert contradiction(table(2), wrong) == Overfull(wrong, None, (), None, pytest.approx(1.001))
    # each could be 0.05 less
    assert contradiction(table(2), table(1, a="60.0", b="40.1")) is None


def test_what_the_hotter_table_shows_must_fit_into_the_colder_one() -> None:
    cold, hot = table(1, x="60.0"), table(1.1, y="90.0")
    found = contradiction(cold, hot)
    assert isinstance(found, Overfull)
    assert (found.full, found.anchor) == (cold, None)
    assert found.needed == (Need("y", 0.8995, pytest.approx(0.8995**1.1)),)


def test_what_neither_table_lists_grows_by_heat_as_well() -> None:
    cold = table(0.5, a="50.0", b="30.0")
    # the other 20 % are one token at the least: 1 / (1 + sqrt(3 / 5) + sqrt(2 / 5))
    assert contradiction(cold, table(1, a="41.5", b="32.2")) is None
    found = contradiction(cold, hot := table(1, a="43.0", b="33.3"))
    assert isinstance(found, Overfull)
    assert found.full == hot
    assert [need.name for need in found.needed] == [None]


def test_where_no_token_is_in_both_the_two_sums_can_exclude_each_other() -> None:
    # one of them is the likelier one, at both temperatures
    assert contradiction(table(1, x="50.0"), table(2, y="50.0")) is None
    found = contradiction(table(1, x="50.5"), table(2, y="50.5"))
    assert isinstance(found, Overfull)
    assert found.anchor is None
    assert found.total > 1


def test_only_the_tokens_that_it_takes_are_named() -> None:
    cold = table(0.1, a="60.0", b="39.0", c="0.6", d="0.4")
    found = contradiction(cold, table(1.5, a="40.0"))
    assert isinstance(found, Overfull)
    assert [need.name for need in found.needed] == ["b", "c"]
    assert found.total > 1


def test_at_temperature_0_the_winners_have_equal_shares() -> None:
    greedy = table(0, a="60.0", b="40.0")
    assert contradiction(greedy, table(1)) == Odds(greedy, greedy, "a", "b")
    assert contradiction(table(0, a="50.0", b="50.0", c="0.0"), table(1, a="30.0", b="30.0")) is None


def test_the_winner_at_temperature_0_is_the_likeliest_at_every_other() -> None:
    greedy = table(0, a="100.0", b="0.0")
    assert contradiction(greedy, table(1.5, a="30.0", b="29.0")) is None
    found = contradiction(greedy, hot := table(1.5, a="30.0", b="31.0"))
    assert found == Odds(greedy, hot, "b", "a")
    found = contradiction(table(0, a="100.0"), table(1.5, a="30.0", b="31.0"))
    assert isinstance(found, Overfull)
    assert (found.needed, found.anchor) == ((Need("b", 0.3095, math.inf),), "a")
    assert contradiction(table(0, True, a="100.0"), table(1.5, a="30.0", b="31.0")) is None


@given(
    # near enough for each to be some 7 % or more: of less, one decimal does not say enough
    st.lists(st.floats(0, 0.3), min_size=2, max_size=6),
    st.tuples(st.floats(0.3, 1), st.floats(1.1, 3)),
    st.integers(0, 5),
    st.booleans(),
    st.sampled_from([0.7, 1.4]),
)
def test_one_number_that_is_far_off_is_found(
    logits: list[float], both: tuple[float, float], which: int, hot_one: bool, wrong: float
) -> None:
    tables = []
    for index, temperature in enumerate(both):
        percents = 100 * at(np.array(logits), temperature)
        if index == hot_one:
            percents[which % len(logits)] *= wrong
        texts = {f"t{token}": f"{min(percent, 100):.1f}" for token, percent in enumerate(percents)}
        tables.append(table(temperature, **texts))
    assert contradiction(*tables) is not None


@pytest.mark.parametrize(
    ("temperature", "ends"),
    [(-0.1, (0.1, 0.2)), (math.nan, (0.1, 0.2)), (math.inf, (0.1, 0.2)), (1, (0.2, 0.1)), (1, (-0.1, 0.2)),
     (1, (0.5, 1.1)), (1, (0.0, 0.0)), (1, (math.nan, 0.5))],
)  # fmt: skip
def test_what_is_no_table_is_refused(temperature: float, ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"temperature|probability"):
        PrintedTable(temperature, {"a": ends}, False)
