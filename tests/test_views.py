"""The views of the board, driven by keys: what each shows, what leads to it and back, and what it keeps."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from screens import ObedientModel, bench, failure, screen, text, top_of
from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.display.labels import cell_width
from softmax_visualizer.display.settings import settings_words
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.keys import KEYS
from softmax_visualizer.tui.regions.prompt import PromptEditor
from softmax_visualizer.tui.scene import MOST_PINS
from softmax_visualizer.tui.views import VIEWS as REGISTRY

FOX = top_of([" lazy", " old", " red", " wet"], [0.6, 0.2, 0.1, 0.04])
CAT = top_of([" sat", " old", " ran"], [0.5, 0.3, 0.1])
HOSTILE = top_of(
    ["[/b]", "\x1b[31mred", "a\nb", "日本", "\u202e", "👨\u200d👩\u200d👧", "x" * 60],
    [0.3, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05],
)
WHOLE = TokenDistribution.from_logits([f"t{number}" for number in range(30)], -np.arange(30) / 3)
PAIR = TokenDistribution.from_logits(["yes", "no"], np.array([1.0, 0.0]))
ALONE = TokenDistribution.from_top_logprobs([Token("\ufffd", b"\xf0\x9f")], [-1e-8], 2)

SIZES = [(80, 24), (100, 30), (160, 50)]

VIEWS = {
    "histograms": "",
    "table": "v",
    "nucleus": "N",
    "compare": "c",
    "orders": "b",
    "sweep": "s",
    "sweep of top-p": "ss",
    "map": "h",
    "map of greedy": "hh",
    "map of leaving": "hhh",
    "decide": "d",
}
"""The keys that lead to each picture from the histograms."""

every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
every_view = pytest.mark.parametrize("keys", VIEWS.values(), ids=VIEWS)


def the_prompt(app: SoftmaxVisualizer) -> str:
    return bench(app).query_one(PromptEditor).text


async def drawn(app: SoftmaxVisualizer, pilot: Pilot[None]) -> str:
    """What is on the screen once no answer and no survey is on its way any more."""

    def under_way() -> bool:
        return any(worker.group in ("ask", "survey") and not worker.is_finished for worker in app.workers)

    await pilot.pause()
    for _ in range(3000):
        if not under_way():
            break
        await asyncio.sleep(0.01)
    assert not under_way()
    await pilot.pause()
    return text(app)


async def pressed(app: SoftmaxVisualizer, pilot: Pilot[None], *keys: str) -> str:
    """What is on the screen once these keys have had all their effects."""
    await pilot.press(*keys)
    return await drawn(app, pilot)


async def typed(app: SoftmaxVisualizer, pilot: Pilot[None], key: str, value: str) -> str:
    """What is on the screen after a value was typed into the dialog that a key opens."""
    await pilot.press(key)
    await pilot.pause()
    app.screen.query_one(Input).value = value
    return await pressed(app, pilot, "enter")


async def asked(app: SoftmaxVisualizer, pilot: Pilot[None], prompt: str) -> str:
    """What is on the screen after another prompt was asked."""
    await pilot.press("slash")
    bench(app).query_one(PromptEditor).text = prompt
    return await pressed(app, pilot, "enter")


def by_prompt(**replies: Any) -> Callable[[str], Any]:
    return lambda prompt: replies.get(prompt.rpartition(" ")[2], FOX)


def frames(shown: str) -> list[str]:
    """The lines of the screen that belong to the board: those between the settings and the foot."""
    return shown.split("\n")[6:-3]


def row_of(shown: str, label: str) -> list[str]:
    """What stands on a row of the board beside its label, one text for each column."""
    line = next(line for line in frames(shown) if label in line).replace(label.strip(), "", 1)
    return [part.strip() for part in re.findall(r".*?(?: %|cut|unlisted)", line)]


def titles(shown: str) -> list[str]:
    """The titles of the board's columns, or of its frames."""
    first = frames(shown)[0].strip()
    return re.findall(r"╭ (.*?) ─*╮", first) if "╭" in first else re.split(r"\s{2,}", first)


def assert_fits(app: SoftmaxVisualizer) -> None:
    """Every line is exactly as wide as the screen, and no frame has lost its right side."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    assert [strip.cell_length for strip in strips] == [width] * height
    board, scene = bench(app).query_one("#board"), bench(app).scene
    if board.size.width and scene.asked is not None:
        lines = REGISTRY[scene.view].draw(scene, *board.size).lines
        assert len(lines) <= board.size.height
        for line in lines:
            assert sum(cell_width(piece) for piece, _ in line) <= board.size.width, line
    assert "\x1b" not in text(app)


# --- the ways in and out ---


@every_view
async def test_a_view_keeps_prompt_and_settings_and_esc_leads_back(
    keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ObedientModel(lambda _: FOX)
    async with screen(monkeypatch, model) as (app, pilot):
        before = await pressed(app, pilot, "3")
        knobs = bench(app).scene.settings
        await pressed(app, pilot, *keys)
        assert (the_prompt(app), bench(app).scene.settings) == ("The quick brown fox jumps over the", knobs)
        after = await pressed(app, pilot, "escape")
        assert bench(app).scene.view == "histograms"
        assert frames(after) == frames(before)
        assert len(model.asked) == 1


@pytest.mark.parametrize("keys", ["vv", "NN", "cc", "bb", "dd", "sss", "hhhhh", "TT", "SS"])
async def test_the_letter_of_a_view_leads_back_after_its_last_picture(keys: str) -> None:
    async with screen() as (app, pilot):
        for key in keys[:-1]:
            await pilot.press(key)
            assert bench(app).scene.view != "histograms"
        await pilot.press(keys[-1])
        assert bench(app).scene.view == "histograms"


async def test_from_one_view_a_letter_leads_straight_to_another() -> None:
    async with screen() as (app, pilot):
        for keys, view in (("c", "compare"), ("ss", "sweep"), ("hh", "map"), ("d", "decide"), ("s", "sweep")):
            await pilot.press(*keys)
            assert bench(app).scene.view == view
        assert bench(app).scene.picture == 0  # a view begins with its first picture


async def test_the_line_of_keys_is_that_of_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX), (160, 50)) as (app, pilot):
        for key, words in (
            ("c", "z flip"), ("s", "s next"), ("h", "g mark tokens"), ("d", "R rival"),
            ("b", "o switch order"),
        ):  # fmt: skip
            shown = await pressed(app, pilot, key)
            assert words in shown.split("\n")[-1]
            assert "? help" in shown.split("\n")[-1]
        shown = await pressed(app, pilot, "escape")
        assert "space sample" in shown.split("\n")[-1]


async def test_the_palette_reaches_every_view() -> None:
    async with screen() as (app, pilot):
        for title, view in (
            ("Compare", "compare"), ("Sweep", "sweep"), ("Map", "map"), ("Decide", "decide"),
            ("Both orders", "orders"), ("Table", "table"),
        ):  # fmt: skip
            command = next(
                item for item in app.get_system_commands(app.screen) if item.title.startswith(f"{title} (")
            )
            command.callback()
            await pilot.pause()
            assert bench(app).scene.view == view
        command = next(
            item for item in app.get_system_commands(app.screen) if item.title.startswith("Pin or unpin")
        )
        command.callback()
        await pilot.pause()
        assert len(bench(app).scene.pins) == 1


async def test_help_lists_every_key_of_the_views_as_it_is_typed() -> None:
    async with screen(size=(120, 120)) as (app, pilot):
        shown = await pressed(app, pilot, "question_mark")
        for key in KEYS:
            assert re.search(rf"│\s*{re.escape(key.spoken)}\s+{re.escape(key.title)}\s", shown), key
        assert "number_sign" not in shown
        assert re.search(r"┃ ╏ .*pinned", shown)


# --- every view, whatever there is to show ---


@pytest.mark.parametrize(
    ("distribution", "size"),
    [*((each, (80, 24)) for each in (FOX, WHOLE, PAIR, ALONE)), *((HOSTILE, size) for size in SIZES)],
    ids=["listed", "whole", "pair", "alone", "hostile, 80x24", "hostile, 100x30", "hostile, 160x50"],
)
async def test_every_view_is_drawn_in_full_lines(
    distribution: TokenDistribution, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: distribution), size) as (app, pilot):
        await pilot.press("3", "o", "x", "1", "x", "4", "a")
        for keys in VIEWS.values():
            shown = await pressed(app, pilot, *keys)
            assert "working it out" not in shown
            assert_fits(app)
            await pilot.press("escape")


@every_size
async def test_every_view_shows_a_complete_vocabulary(size: tuple[int, int]) -> None:
    async with screen(size=size) as (app, pilot):
        for keys in VIEWS.values():
            shown = await pressed(app, pilot, *keys)
            assert "working it out" not in shown
            assert "EXACT" in shown
            assert_fits(app)
            await pilot.press("escape")


async def test_hostile_tokens_are_legible_in_every_view(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: HOSTILE), (160, 50)) as (app, pilot):
        for name, keys in VIEWS.items():
            shown = await pressed(app, pilot, *keys)
            if not name.startswith(("map", "decide")):
                for label in ("[/b]", "␛[31mred", "a⏎b", "日本"):
                    assert label in shown, (name, label)
            await pilot.press("escape")


@every_view
async def test_nothing_is_raised_in_the_smallest_window_nor_while_it_is_resized(
    keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: HOSTILE), (60, 18)) as (app, pilot):
        await pilot.press("3", "x", "4", "x", "1", "x", "2")
        await pressed(app, pilot, *keys)
        assert_fits(app)
        for size in ((61, 19), (59, 17), (20, 5), (60, 18), (79, 23), (160, 50), (97, 60), (200, 18)):
            await pilot.resize_terminal(*size)
            shown = await drawn(app, pilot)
            assert ("needs60x18" in "".join(shown.split())) == (size[0] < 60 or size[1] < 18)
            assert_fits(app)


@every_view
async def test_before_the_first_answer_every_key_waits_with_the_person(
    keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asyncio.Event()

    async def late() -> Any:
        await answer.wait()
        return FOX

    async with screen(monkeypatch, ObedientModel(lambda _: late()), wait=False) as (app, pilot):
        await pilot.pause(0.1)
        await pilot.press(*keys, *"agR#%xzXyw", "pagedown")
        await pilot.pause()
        assert "asking the model" in text(app)
        assert app.screen is bench(app)
        assert_fits(app)
        answer.set()
        shown = await drawn(app, pilot)
        assert "asking the model" not in shown
        assert "working it out" not in shown
        assert_fits(app)


@every_view
async def test_an_old_picture_is_marked_in_every_view(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(by_prompt(moon=failure("it"))), (80, 24)) as (app, pilot):
        await pilot.press("3", "x", "4", "x", "1", "x", "2")
        await pressed(app, pilot, *keys)
        shown = await asked(app, pilot, "The moon")
        assert "Not of the prompt above, but of: The quick brown fox jumps over the" in shown
        assert "no answer to" in shown
        assert_fits(app)
        shown = await asked(app, pilot, "The fox")
        assert "Not of the prompt above" not in shown


# --- pins ---


@every_size
async def test_a_pinned_setting_stays_as_a_mark_on_every_bar(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE), size) as (app, pilot):
        shown = await pressed(app, pilot, "x", "2")
        last = [row_of(shown, label)[-1] for label in ("t0 ", "t1 ", "t2 ")]
        assert all("┃" in row for row in last), last
        first = row_of(shown, "t0 ")[0]
        assert "┃" not in first  # the model's own probabilities are the same in both
        # the mark stands where the bar of the pinned setting ends
        was = await pressed(app, pilot, "z")
        ends = [len(row_of(was, label)[-1].rstrip("▏▎▍▌▋▊▉ %.0123456789┃─")) for label in ("t0 ", "t1 ")]
        assert all(abs(row.index("┃") - end) <= 1 for row, end in zip(last, ends, strict=False))


@every_size
async def test_what_is_pinned_is_named_above_the_bars(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX), size) as (app, pilot):
        shown = await pressed(app, pilot, "4", "x", "2", "right")
        assert "┃ pinned: T 1.50" in shown
        shown = await pressed(app, pilot, "X")
        assert "┃" not in shown


async def test_a_pinned_estimate_has_a_broken_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        shown = await pressed(app, pilot, "4", "x", "2")
        assert "╏" in row_of(shown, "␣old")[-1]
        assert "┃" not in row_of(shown, "␣old")[-1]


async def test_the_same_key_lets_a_pinned_setting_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        assert "Pinned: T 1.00" in await pressed(app, pilot, "x")
        assert "T 1.00 is no longer pinned" in await pressed(app, pilot, "x")
        assert not bench(app).scene.pins


async def test_there_are_three_pins_at_the_most_and_one_key_lets_all_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        shown = await pressed(app, pilot, "1", "x", "2", "x", "3", "x", "4", "x")
        assert len(bench(app).scene.pins) == MOST_PINS == 3
        assert "3 settings are pinned already" in shown
        assert "Nothing is pinned" in await pressed(app, pilot, "X")
        assert not bench(app).scene.pins


async def test_with_nothing_pinned_there_is_nothing_to_flip_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        before = bench(app).scene.settings
        assert "Nothing is pinned yet: x pins" in await pressed(app, pilot, "z")
        assert bench(app).scene.settings == before


@every_view
async def test_flipping_twice_is_where_it_began(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("3", "x", "4")
        before = await pressed(app, pilot, *keys)
        flipped = await pressed(app, pilot, "z")
        assert settings_words(bench(app).scene.settings) == "T 0.70, top-p 0.90"
        assert frames(flipped) != frames(before)
        assert frames(await pressed(app, pilot, "z")) == frames(before)
        assert settings_words(bench(app).scene.settings) == "T 1.50"


async def test_flipping_to_a_pin_of_another_prompt_brings_its_prompt_and_its_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ObedientModel(by_prompt(cat=CAT))
    async with screen(monkeypatch, model, prompt="The fox") as (app, pilot):
        await pilot.press("2", "x")
        before = await asked(app, pilot, "The cat")
        shown = await pressed(app, pilot, "z")
        assert the_prompt(app) == "The fox"
        assert row_of(shown, "␣lazy")
        assert "␣sat" not in shown
        shown = await pressed(app, pilot, "z")
        assert the_prompt(app) == "The cat"
        assert frames(shown) == frames(before)
        assert model.asked == ["The fox", "The cat"]
        assert app.history == ["The fox", "The cat"]  # what is only looked at again was not asked again


async def test_a_drawn_token_is_forgotten_when_another_prompt_is_flipped_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ObedientModel(by_prompt(cat=PAIR))
    async with screen(monkeypatch, model, prompt="The cat") as (app, pilot):
        await pilot.press("x")
        await asked(app, pilot, "The fox")
        await pressed(app, pilot, "space")
        shown = await pressed(app, pilot, "z")
        assert "▸" not in shown
        assert "Nothing is sampled yet" in await pressed(app, pilot, "enter")
        assert the_prompt(app) == "The cat"


async def test_a_request_under_way_does_not_take_the_place_of_what_was_flipped_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def late() -> Any:
        await asyncio.sleep(0.5)
        return CAT

    model = ObedientModel(lambda prompt: late() if prompt == "The cat" else FOX)
    async with screen(monkeypatch, model, prompt="The fox") as (app, pilot):
        await pilot.press("x")
        await asked(app, pilot, "The dog")
        await pilot.press("slash")
        bench(app).query_one(PromptEditor).text = "The cat"
        await pilot.press("enter")
        await pilot.pause(0.4)
        await pilot.press("z")
        await pilot.pause(0.4)
        shown = await drawn(app, pilot)
        assert the_prompt(app) == "The fox"
        assert "␣sat" not in shown
        assert "Not of the prompt above" not in shown
        assert "asking" not in shown


async def test_flipping_away_from_a_failure_shows_no_old_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(by_prompt(moon=failure("it"), cat=CAT))
    async with screen(monkeypatch, model, prompt="The fox") as (app, pilot):
        await pilot.press("x")
        await asked(app, pilot, "The cat")
        assert "Not of the prompt above" in await asked(app, pilot, "The moon")
        shown = await pressed(app, pilot, "z")
        assert "Not of the prompt above" not in shown
        assert "failed" not in shown


# --- compare ---


@every_size
async def test_with_nothing_pinned_a_cold_and_a_hot_setting_are_compared(size: tuple[int, int]) -> None:
    async with screen(size=size) as (app, pilot):
        shown = await pressed(app, pilot, "c")
        assert titles(shown) == ["T 0.10", "T 1.50"]
        assert "Nothing is pinned, so this compares T 0.1 and T 1.5. x pins this setting." in shown
        assert "␣lazy falls from >99.99 to 7.5 %" in shown
        said = " ".join(shown.split())
        assert "92.5 % of the probability moves" in said


@pytest.mark.parametrize("order", ["", "o"])
async def test_the_current_setting_joins_the_pair_unless_it_is_the_models_own(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        assert titles(await pressed(app, pilot, *order, "c")) == ["T 0.10", "T 1.50"]
        assert titles(await pressed(app, pilot, "3")) == ["T 0.10", "T 1.50", "now: T 0.70, top-p 0.90"]
        assert titles(await pressed(app, pilot, "4")) == ["T 0.10", "T 1.50"]


@every_size
@pytest.mark.parametrize("pins", [1, 2, 3])
async def test_pinned_settings_are_compared_with_the_current_one(
    pins: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE), size) as (app, pilot):
        for preset in "234"[:pins]:
            await pilot.press(preset, "x")
        shown = await pressed(app, pilot, "1", "c")
        assert len(titles(shown)) == pins + 1
        assert titles(shown)[0] == "T 0.10"
        assert titles(shown)[-1].startswith("now: T 0.")
        # one axis: the first token has everything at T 0, and its row is the same in all columns
        columns = row_of(shown, "t0 ")
        assert len(columns) == pins + 1
        assert columns[-1].endswith("100 %")
        said = " ".join(shown.split())
        # every difference is said to its end
        assert said.count("of the probability moves") == pins
        assert_fits(app)


async def test_where_room_is_short_the_distance_is_the_last_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE), (60, 18)) as (app, pilot):
        shown = await pressed(app, pilot, "2", "x", "3", "x", "4", "x", "1", "c")
        for place in ("second", "third", "fourth"):
            assert re.search(rf"first → {place}: [\d.]+ % of the", shown)


async def test_a_setting_is_named_by_what_tells_it_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX), (160, 50)) as (app, pilot):
        assert titles(await pressed(app, pilot, "2", "o", "x", "4", "c")) == ["T 0.10", "now: T 1.50"]
        assert titles(await pressed(app, pilot, "o")) == ["T 0.10, T last", "now: T 1.50"]


@every_size
async def test_prompts_are_compared_token_by_token(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ObedientModel(by_prompt(cat=CAT))
    async with screen(monkeypatch, model, size, prompt="The fox") as (app, pilot):
        await pilot.press("x")
        await asked(app, pilot, "The cat")
        shown = await pressed(app, pilot, "c")
        assert [title.removeprefix("now: ") for title in titles(shown)] == [
            "The fox · T 1.00",
            "The cat · T 1.00",
        ]
        for token, ends in ((" old", ("20.0 %", "30.0 %")), (" lazy", ("60.0 %", "unlisted")),
                            (" sat", ("unlisted", "50.0 %"))):  # fmt: skip
            columns = row_of(shown, f"␣{token.strip()}")
            assert all(column.endswith(end) for column, end in zip(columns, ends, strict=True)), columns
        assert len(row_of(shown, "all others")) == 2
        assert_fits(app)


async def test_long_prompts_are_named_by_their_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    model, beginning = ObedientModel(by_prompt(cat=CAT)), "Once upon a time there was a "
    async with screen(monkeypatch, model, (160, 50), prompt=f"{beginning}fox") as (app, pilot):
        await pilot.press("x")
        await asked(app, pilot, f"{beginning}cat")
        shown = await pressed(app, pilot, "c")
        assert titles(shown) == ["…there was a fox · T 1.00", "now: …there was a cat · T 1.00"]


async def test_another_model_is_compared_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda _: FOX if model.name == "obedient" else CAT)
    async with screen(monkeypatch, model) as (app, pilot):
        await pilot.press("x")
        model.name = "[/b]other"
        bench(app)._reconfigure(model="other")
        await drawn(app, pilot)
        shown = await pressed(app, pilot, "c")
        assert titles(shown) == ["obedient · T 1.00", "now: [/b]other · T 1.00"]
        assert [column.split()[-2:] for column in row_of(shown, "␣old")] == [["20.0", "%"], ["30.0", "%"]]
        await pressed(app, pilot, "z")
        assert bench(app).scene.asked.answer.model == "obedient"


# --- sweep ---


@every_size
async def test_the_sweep_shows_the_whole_range_and_marks_the_current_setting(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX), size) as (app, pilot):
        shown = await pressed(app, pilot, "s")
        assert titles(shown)[0] == "Probability over temperature"
        assert "1 ␣lazy 60.0 %" in shown
        assert "unseen 6.0 %" in shown
        at = [line.index("▲") for line in frames(shown) if "▲" in line]
        further = await pressed(app, pilot, "shift+right")
        moved = [line.index("▲") for line in frames(further) if "▲" in line]
        assert len(at) == len(moved) == 1
        assert moved[0] > at[0]
        shown = await pressed(app, pilot, "s")
        assert titles(shown)[0] == "Probability over top-p"
        assert any("▲" in line for line in frames(shown))


async def test_turning_the_swept_knob_makes_no_other_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        await pressed(app, pilot, "s")
        first = bench(app).scene.found
        await pressed(app, pilot, "right", "shift+left", "1", "r")
        assert bench(app).scene.found is first
        await pressed(app, pilot, "down")  # another top-p is another sweep of temperature
        assert bench(app).scene.found is not first


@pytest.mark.parametrize("keys", ["s", "h"])
async def test_a_survey_of_an_old_answer_is_never_shown_with_a_new_one(
    keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ObedientModel(by_prompt(cat=CAT))
    async with screen(monkeypatch, model, prompt="The fox") as (app, pilot):
        await pressed(app, pilot, keys)
        go_on = threading.Event()
        name = "sweep" if keys == "s" else "landscape"
        import softmax_visualizer.decoding.sweep as surveys

        original = getattr(surveys, name)

        def slow(*arguments: Any) -> Any:
            go_on.wait(10)
            return original(*arguments)

        monkeypatch.setattr(surveys, name, slow)
        await pilot.press("slash")
        bench(app).query_one(PromptEditor).text = "The cat"
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert "working it out" in text(app)
        go_on.set()
        assert "working it out" not in await drawn(app, pilot)


async def test_keys_that_come_while_a_survey_is_worked_out_do_not_begin_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import softmax_visualizer.decoding.sweep as surveys

    go_on, begun, original = threading.Event(), [], surveys.landscape

    def slow(*arguments: Any) -> Any:
        begun.append(arguments)
        go_on.wait(10)
        return original(*arguments)

    monkeypatch.setattr(surveys, "landscape", slow)
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("h", "left", "left", "up", "a", "2", "3")
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert len(begun) == 1
        go_on.set()
        assert "at T 0.7, top-p 0.9" in await drawn(app, pilot)


async def test_the_axis_of_a_sweep_can_be_the_further_tokens_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE), (160, 50)) as (app, pilot):
        shown = await pressed(app, pilot, "s")
        assert "100 %┤" in shown
        assert "axis 0 to 100 %" in shown
        shown = await pressed(app, pilot, "a", "a")
        assert "100 %┤" not in shown
        assert "axis 0 to 100 %" not in shown


# --- map ---


def point(shown: str) -> tuple[int, int]:
    """Where the current setting is on the map, in cells."""
    rows = [(line.index("◆"), number) for number, line in enumerate(frames(shown)) if "◆" in line]
    assert len(rows) == 1
    return rows[0]


async def test_the_map_has_three_measures() -> None:
    async with screen() as (app, pilot):
        for words in ("perplexity", "probability of the greedy choice", "probability of leaving the set"):
            shown = await pressed(app, pilot, "h")
            assert words in titles(shown)[0]
            assert "at T 1, top-p 1: " in shown
        assert "at T 1, top-p 1" not in await pressed(app, pilot, "h")


async def test_the_arrows_move_the_point_on_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE)) as (app, pilot):
        start = point(await pressed(app, pilot, "h"))
        surveyed = bench(app).scene.found
        right = point(await pressed(app, pilot, "right"))
        assert right[0] > start[0]
        assert right[1] == start[1]
        lower = await pressed(app, pilot, *["down"] * 4)
        assert point(lower)[1] > right[1]
        assert "at T 1.1, top-p 0.8: " in lower
        assert bench(app).scene.found is surveyed


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [("t", "0.73", "T 0.73, top-p 1"), ("t", "5", "T 5, top-p 1"), ("p", "0.42", "T 1, top-p 0.42")],
)
async def test_a_typed_setting_gets_a_place_on_the_map(
    key: str, value: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE)) as (app, pilot):
        await pressed(app, pilot, "h")
        shown = await typed(app, pilot, key, value)
        point(shown)
        assert f"at {place}: " in shown
        assert_fits(app)


async def test_in_a_wide_window_the_map_has_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX), (160, 50)) as (app, pilot):
        shown = await pressed(app, pilot, "h", "h")
        assert re.search(r"0\.90 +100 +100 ", shown)
        assert "◆" not in shown


# --- decide ---


@every_size
async def test_decide_answers_in_sentences(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE), size) as (app, pilot):
        shown = await pressed(app, pilot, "d")
        for words in ("takes t0", "samples are another token", "500 tokens", "of answers leave it", "rival",
                      "1 greedy", "4 brainstorm", "now"):  # fmt: skip
            assert words in shown, words


def marks(app: SoftmaxVisualizer) -> int:
    """How many tokens are marked in the dialog."""
    return sum("✓" in str(option.prompt) for option in app.screen.query_one(OptionList).options)


async def test_acceptable_tokens_are_marked_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        await pressed(app, pilot, "d", "g")
        assert app.screen.query_one(OptionList).option_count == 4
        await pilot.press("space", "down", "space", "down", "space", "space")
        await pilot.pause()
        assert marks(app) == 2
        shown = await pressed(app, pilot, "enter")
        assert "the 2 tokens that you marked" in shown
        assert "leaving it  20.0 %" in shown
        await pressed(app, pilot, "g")
        assert marks(app) == 2
        await pilot.press("up", "space")
        await pressed(app, pilot, "escape")
        assert "the 2 tokens that you marked" in text(app)  # who goes back changes nothing


async def test_what_is_acceptable_counts_on_the_map_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE)) as (app, pilot):
        before = await pressed(app, pilot, "h", "h", "h")
        await pressed(app, pilot, "g")
        shown = await pressed(app, pilot, "space", "enter")
        assert frames(shown) != frames(before)
        leaves = "at T 1, top-p 1: probability of leaving the set 71.7 %"
        assert leaves not in before
        assert leaves in shown


async def test_a_rival_can_be_named_with_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("d")
        shown = await typed(app, pilot, "R", "red 25 %")
        # ln(6) / ln(3)
        assert "␣red has 25 % of the two at T 1.63: ␣red" in shown


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("R", "fence", "'fence' is not in this list of tokens."),
        ("R", "[/b] 20 %", "'[/b]' is not in this list of tokens."),
        ("R", "lazy", "cannot be its own rival"),
        ("R", "old 50 %", "below 50 %"),
        ("number_sign", "0", "from 1 to 1,000,000"),
        ("number_sign", "many", "from 1 to 1,000,000"),
        ("percent_sign", "100", "below 100 %"),
        ("percent_sign", "0", "above 0 %"),
        ("percent_sign", "sure", "a percentage"),
    ],
)
async def test_what_cannot_be_asked_gets_one_sentence_and_nothing_is_lost(
    key: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        await pilot.press("3", "d")
        await typed(app, pilot, "number_sign", "123")
        before = await typed(app, pilot, "R", "red 30 %")
        question = bench(app).scene.question
        shown = await typed(app, pilot, key, value)
        said = " ".join(shown.split())
        assert why in said
        assert "What was asked stays as it was." in said
        assert bench(app).scene.question is question
        assert [line.rstrip(" │╯─") for line in frames(shown)][:9] == [
            line.rstrip(" │╯─") for line in frames(before)
        ][:9]


async def test_a_rival_that_a_new_prompt_does_not_list_is_no_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with screen(monkeypatch, ObedientModel(by_prompt(cat=CAT)), prompt="The fox") as (app, pilot):
        await pilot.press("d")
        await typed(app, pilot, "R", "red")
        shown = await asked(app, pilot, "The cat")
        assert "is not in this list" in " ".join(shown.split())


# --- both orders ---


@every_size
async def test_both_orders_stand_side_by_side_with_who_is_which(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE), size) as (app, pilot):
        await pilot.press("4", *["down"] * 8)
        shown = await pressed(app, pilot, "b")
        first, last = titles(shown)
        assert first.startswith("T first: ")
        assert "vLLM" in first
        assert last.startswith("T last: llama.cpp")
        assert "of the probability moves" in " ".join(shown.split())
        assert "leave" in shown  # hot first, more tokens come into the nucleus
        assert_fits(app)


# --- the order of things ---


async def test_a_view_that_was_left_while_it_was_worked_out_does_not_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: WHOLE)) as (app, pilot):
        for key in "shsdhcsv":
            app.simulate_key(key)
        await drawn(app, pilot)
        assert bench(app).scene.view == "table"
        assert "rank" in text(app)
        assert "v histograms" in text(app)


async def test_dialogs_that_are_asked_for_in_a_burst_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX)) as (app, pilot):
        for key in "dgRyw":
            app.simulate_key(key)
        await pilot.pause(0.2)
        for _ in range(8):
            await pilot.press("escape")
        await pilot.pause()
        assert app.screen is bench(app)
        await pressed(app, pilot, "d", "d", "R")
        assert app.screen is not bench(app)


async def test_settings_from_afar_do_not_break_a_sweep_or_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX), (80, 24)) as (app, pilot):
        for temperature in ("1e-300", "1e300"):
            await pressed(app, pilot, "escape")
            await typed(app, pilot, "t", temperature)
            for keys in VIEWS.values():
                shown = await pressed(app, pilot, *keys)
                assert "working it out" not in shown, (temperature, keys)
                assert_fits(app)
                await pilot.press("escape")


async def test_asking_again_keeps_what_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ObedientModel(lambda _: FOX)
    async with screen(monkeypatch, model) as (app, pilot):
        await pilot.press("2", "x", "4", "c")
        bench(app).update(
            replace(bench(app).scene, configuration=Configuration(base_url="http://127.0.0.1:1/v1"))
        )
        shown = await pressed(app, pilot, "ctrl+r")
        assert len(model.asked) == 2
        assert titles(shown) == ["T 0.10", "now: T 1.50"]


# --- nucleus ---


@every_size
async def test_the_nucleus_shows_the_token_at_which_the_running_sum_crosses_top_p(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(monkeypatch, ObedientModel(lambda _: FOX), size) as (app, pilot):
        await typed(app, pilot, "p", "0.75")
        shown = await pressed(app, pilot, "N")
        sums = [row_of(shown, label)[1].split()[-2] for label in ("␣lazy", "␣old", "␣red")]
        assert sums == ["60.0", "80.0", "90.0"]
        crossed = next(line for line in frames(shown) if "␣red" in line)
        assert "80.0 % ≥ 75 %" in crossed  # the token that crosses p is the last that is kept
        assert_fits(app)
