"""Many samples on the screen: growing, beside what is expected; a server's own after a word of the cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from screens import ObedientModel, bench, said, screen, settle, text, titles, top_of, until
from softmax_visualizer.decoding import DecodingSettings
from softmax_visualizer.decoding.sampling import Counts, chances, sample
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.scene import Asked

pytestmark = pytest.mark.usefixtures("here")


async def many(app: SoftmaxVisualizer, pilot: Pilot[None]) -> Counts:
    """Press M, and return the counts once they are judged."""
    await pilot.press("M")
    await until(pilot, lambda: bench(app).scene.counted is not None and bench(app).scene.counted.verdict)
    await pilot.pause()
    counted = bench(app).scene.counts
    assert counted is not None
    return counted.counts


async def ask_the_server(app: SoftmaxVisualizer, pilot: Pilot[None]) -> None:
    """Press V, and Enter once the cost is said."""
    await pilot.press("V")
    await until(pilot, lambda: bool(app.screen.query(OptionList)))
    await pilot.press("enter")


class SamplingModel(ObedientModel):
    """One whose samples are its first token, as long as a test lets it."""

    def __init__(self, batches: int, failure: str = "") -> None:
        super().__init__(lambda prompt: top_of([" a", " b"], [0.7, 0.2], 100))
        self.batches, self.failure = batches, failure
        self.wanted: list[tuple[DecodingSettings, int, bool]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def samples(
        self, answer: ModelAnswer, settings: DecodingSettings, count: int, *, defaults: bool = False
    ) -> AsyncGenerator[Counts, None]:
        self.wanted.append((settings, count, defaults))
        for _ in range(self.batches):
            yield Counts(((0, 7), (1, 2)), 1)
            await self.go_on.wait()
        if self.failure:
            raise ModelError(self.failure)


async def test_the_samples_are_those_of_the_seed_and_stand_beside_what_is_expected() -> None:
    async with screen() as (app, pilot):
        await pilot.press("3")
        counts = await many(app, pilot)
        decoding = bench(app).scene.decoding
        assert decoding is not None
        assert counts == sample(decoding, chances(1, 100))
        lines = text(app).splitlines()
        row = next(line for line in lines if "␣lazy" in line)
        assert row.split()[-1] == str(dict(counts.tokens)[0])
        assert any("left the most likely token;" in line for line in lines)
        assert any("Temperature first: agrees" in line for line in lines)
        assert titles(app)[-1].startswith("100 samples")


async def test_they_grow_so_that_people_see_a_bar_fill() -> None:
    seen = []
    async with screen() as (app, pilot):
        await pilot.press("M")
        for _ in range(200):
            await pilot.pause(0.02)
            counted = bench(app).scene.counts
            if counted is not None:
                seen.append(counted.counts.total)
            if counted is not None and counted.verdict:
                break
    assert len(set(seen)) >= 5
    assert seen == sorted(seen)
    assert seen[-1] == 100


async def test_once_more_adds_as_many_and_space_goes_on_behind_them() -> None:
    async with screen() as (app, pilot):
        await many(app, pilot)
        bench(app).update(bench(app).scene)
        first = bench(app).scene.samples
        counts = await many(app, pilot)
        await until(pilot, lambda: bench(app).scene.counts.counts.total == 200)  # type: ignore[union-attr]
        counts = bench(app).scene.counts.counts  # type: ignore[union-attr]
        decoding = bench(app).scene.decoding
        assert decoding is not None
        assert (first, bench(app).scene.samples) == (100, 200)
        assert counts == sample(decoding, chances(1, 200))
        await pilot.press("space")
        assert bench(app).scene.sampled.number == 201  # type: ignore[union-attr]


async def test_they_leave_with_their_setting_and_come_back_with_it() -> None:
    async with screen() as (app, pilot):
        await many(app, pilot)
        await pilot.press("right")
        await pilot.pause()
        assert bench(app).scene.counts is None
        assert "M samples 100 tokens" in text(app)
        await pilot.press("left")
        await pilot.pause()
        assert "left the most likely token" in text(app)


async def test_one_undo_takes_all_of_them_back() -> None:
    async with screen() as (app, pilot):
        await many(app, pilot)
        await pilot.press("u")
        assert bench(app).scene.counted is None
        assert bench(app).scene.samples == 0


async def test_how_many_can_be_typed_and_a_wrong_number_changes_nothing() -> None:
    async with screen() as (app, pilot):
        await pilot.press("asterisk", "backspace", "backspace", "backspace", *"30", "enter")
        assert said(app) == "M samples 30 tokens."
        assert (await many(app, pilot)).total == 30
        await pilot.press("asterisk", "backspace", "backspace", *"0", "enter")
        assert "a whole number from 1 to 100,000, not 0" in said(app)
        assert bench(app).scene.many == 30


async def test_escape_stops_and_what_came_stays() -> None:
    async with screen() as (app, pilot):
        await pilot.press("M")
        await until(pilot, lambda: bench(app).scene.counts is not None)
        await pilot.press("escape")
        total = bench(app).scene.counts.counts.total  # type: ignore[union-attr]
        assert said(app) == "The samples were stopped here."
        await pilot.pause(0.3)
        assert bench(app).scene.counts.counts.total == total < 100  # type: ignore[union-attr]
        await pilot.press("escape")
        assert bench(app).scene.view == "histograms"


async def test_the_servers_samples_are_asked_for_after_a_word_of_the_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = SamplingModel(10)
    async with screen(monkeypatch, model) as (app, pilot):
        await pilot.press("4")
        await pilot.press("V")
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        assert "up to 100 requests of a token each" in text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert model.wanted == []
        await pilot.press("V")
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        await pilot.press("down", "enter")
        await until(pilot, lambda: bench(app).scene.counted is not None and bench(app).scene.counted.verdict)
        assert model.wanted == [(bench(app).scene.settings, 100, True)]
        counted = bench(app).scene.counts
        assert counted is not None
        assert (counted.by, counted.counts) == ("server", Counts(((0, 70), (1, 20)), 10))
        assert "30 of 100 left the most likely token" in text(app)


async def test_what_a_server_sent_stays_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model = SamplingModel(3, "The server has no more of [/b] them.")
    async with screen(monkeypatch, model) as (app, pilot):
        await ask_the_server(app, pilot)
        await until(pilot, lambda: bench(app).scene.counted is not None and bench(app).scene.counted.verdict)
        assert bench(app).scene.counts.counts.total == 30  # type: ignore[union-attr]
        assert "no more of [/b] them" in text(app)


async def test_a_server_that_samples_holds_up_no_key_and_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = SamplingModel(3)
    model.go_on.clear()
    async with screen(monkeypatch, model) as (app, pilot):
        await ask_the_server(app, pilot)
        await until(pilot, lambda: bench(app).scene.counts is not None)
        await pilot.press("escape")
        await settle(app, pilot)
        assert bench(app).scene.counts.counts.total == 10  # type: ignore[union-attr]
        assert said(app) == "The samples were stopped here."


async def test_undo_and_a_knob_end_what_the_program_samples() -> None:
    for key, left in (("u", None), ("left", None)):
        async with screen() as (app, pilot):
            await pilot.press("M")
            await until(pilot, lambda app=app: bench(app).scene.counts is not None)
            await pilot.press(key)
            await pilot.pause(0.4)
            assert bench(app).scene.counts is left
            assert bench(app).scene.samples < 100


async def test_a_sample_in_between_ends_them_so_that_no_random_number_is_used_twice() -> None:
    async with screen() as (app, pilot):
        await pilot.press("M")
        await until(pilot, lambda: bench(app).scene.counts is not None)
        await pilot.press("space")
        await pilot.pause(0.4)
        counted, sampled = bench(app).scene.counts, bench(app).scene.sampled
        assert counted is not None
        assert sampled is not None
        assert sampled.number == counted.counts.total + 1 == bench(app).scene.samples < 100


async def test_a_longer_list_that_comes_meanwhile_is_sampled_on(monkeypatch: pytest.MonkeyPatch) -> None:
    names, shares = [f" t{index}" for index in range(40)], [0.5, *[0.5 / 39] * 39]
    model = ObedientModel(lambda prompt: top_of(names[:5], shares[:5], 40))
    async with screen(monkeypatch, model) as (app, pilot):
        few = bench(app).scene.asked
        assert few is not None
        await pilot.press("M")
        await until(pilot, lambda: bench(app).scene.counts is not None)
        model.reply = lambda prompt: top_of(names, shares, 40)
        whole = Asked(few.configuration, await model.ask(few.answer.prompt))
        bench(app).sharpen(few, whole)
        await until(pilot, lambda: bench(app).scene.counted is not None and bench(app).scene.counted.verdict)
        counted, decoding = bench(app).scene.counts, bench(app).scene.decoding
        assert counted is not None
        assert decoding is not None
        assert counted.counts == sample(decoding, chances(1, 100))


@pytest.mark.parametrize("key", ["left", "u"])
async def test_a_server_is_asked_no_further_once_nobody_would_see_its_samples(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    model = SamplingModel(8)
    model.go_on.clear()
    async with screen(monkeypatch, model) as (app, pilot):
        await ask_the_server(app, pilot)
        await until(pilot, lambda: bench(app).scene.counts is not None)
        await pilot.press(key)
        model.go_on.set()
        await until(pilot, lambda: said(app) == "The server is asked for no more samples.")
        await until(pilot, lambda: not any(each.group == "count" for each in app.workers if each.is_running))
        assert bench(app).scene.counts is None


async def test_the_bundled_model_has_no_decoder_to_be_asked() -> None:
    async with screen() as (app, pilot):
        await pilot.press("V")
        assert "This is no server" in said(app)
