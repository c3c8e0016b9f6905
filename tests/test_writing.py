"""Whole answers on the screen: written, walked over, taken back, branched, scored, decided on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from screens import ObedientModel, bench, failure, screen, settle, text, top_of
from softmax_visualizer.decoding import DecodingSettings, Token
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.scene import Scene

FOX = "The quick brown fox jumps over the"
LINES = ["alpha", "beta", "gamma"]


async def done(app: SoftmaxVisualizer, pilot: Pilot[Any]) -> Scene:
    """Wait until nothing is written, asked or worked out any more."""
    while True:
        await pilot.pause()
        await settle(app, pilot)
        busy = any(not worker.is_finished for worker in app.workers if worker.group != "history")
        if not (bench(app).scene.writing or busy):
            return bench(app).scene
        await asyncio.sleep(0.01)


async def at(pilot: Pilot[Any], temperature: str) -> None:
    await pilot.press("t", *temperature, "enter")


def endless(prompt: str) -> Any:
    """A model that is never sure, and says another word after every text."""
    return top_of([f" {word}" for word in LINES], [0.5, 0.3, 0.2 - 1e-7], 4)


async def test_g_writes_the_answer_that_generate_writes_and_the_knobs_reshade_it() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await at(pilot, "0")
        await pilot.press("G")
        scene = await done(app, pilot)
        assert len(scene.generation) == scene.length == 40
        assert scene.generation.text.startswith(' lazy dog.\n"I am not a very good,"')
        assert scene.path.path_probability.estimate == 1.0
        assert "lazy dog" in text(app)
        assert "40 greedy" in text(app)
        assert "same tokens" in text(app)
        await at(pilot, "1")
        scene = await done(app, pilot)
        # nothing was asked again: each token's numbers are those of its own distribution
        model = BundledModel()
        for number, step in enumerate(scene.generation.steps[:5]):
            there = model.answer(FOX, scene.generation.tokens[:number])
            found = there.distribution.token(step.index or 0)
            assert found == step.token
            assert scene.path.probability[number].estimate == pytest.approx(
                there.distribution.stage.first((step.index or 0) + 1)[step.index or 0].estimate
            )


async def test_the_same_seed_brings_the_same_answer_and_again_another_one() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("L", *"5", "enter", "G")
        first = (await done(app, pilot)).generation
        await pilot.press("u")
        assert not (await done(app, pilot)).generation.steps
        await pilot.press("G")
        again = (await done(app, pilot)).generation
        assert again.tokens == first.tokens
        await pilot.press(*["comma"] * 5, "G")
        scene = await done(app, pilot)
        assert scene.seed == 2
        assert [len(each) for each in scene.tree.branches] == [5, 5]
        assert scene.generation.tokens != first.tokens


async def test_esc_stops_an_answer_and_what_has_come_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()

    def reply(prompt: str) -> Any:
        async def waits() -> Any:
            if prompt.count(" ") > 3:
                await gate.wait()
            return endless(prompt)

        return waits()

    async with screen(monkeypatch, ObedientModel(reply), prompt="Say") as (app, pilot):
        await pilot.press("G")
        while len(bench(app).scene.generation) < 3:
            await asyncio.sleep(0.01)
        # keys stay live while the model is waited for
        await pilot.press("left")
        assert bench(app).scene.settings == DecodingSettings(0.9)
        await pilot.press("escape")
        assert not bench(app).scene.writing
        gate.set()
        scene = await done(app, pilot)
        assert len(scene.generation) >= 3
        assert scene.is_there


async def test_a_failure_in_the_middle_leaves_what_came_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ObedientModel(lambda prompt: failure(prompt) if prompt.count(" ") > 3 else endless(prompt))
    async with screen(monkeypatch, model, prompt="Say") as (app, pilot):
        await pilot.press("G")
        scene = await done(app, pilot)
        assert len(scene.generation) == 4
        assert "The server has no answer" in text(app)


async def test_enter_adds_the_token_that_is_pointed_at() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("tab", "tab", "tab")
        assert bench(app).scene.cursor == 2
        third = bench(app).scene.asked.answer.distribution.token(2)  # type: ignore[union-attr]
        await pilot.press("enter")
        scene = await done(app, pilot)
        assert scene.generation.tokens == (third,)
        assert scene.generation.steps[0].chosen_by == "picked"
        assert scene.prompt == FOX
        assert scene.asked is not None
        assert scene.asked.answer.after == (third,)


async def test_another_token_in_the_middle_begins_a_branch_and_b_leads_back() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("L", *"6", "enter", "G")
        whole = (await done(app, pilot)).generation
        await pilot.press(*["comma"] * 4, "tab", "tab", "enter")
        scene = await done(app, pilot)
        assert len(scene.generation) == 3
        assert scene.generation.steps[:2] == whole.steps[:2]
        assert "branch 2 of 2" in text(app)
        await pilot.press("B")
        await pilot.pause()
        await pilot.press("up", "enter")
        scene = await done(app, pilot)
        assert scene.generation == whole
        assert scene.place == 2


async def test_backspace_takes_back_and_undo_brings_the_same_scene_again() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("L", *"4", "enter", "G")
        before = await done(app, pilot)
        await pilot.press("backspace")
        scene = await done(app, pilot)
        assert len(scene.generation) == 3
        assert scene.is_there
        await pilot.press("u")
        scene = await done(app, pilot)
        assert scene.chosen == before.chosen
        await pilot.press(*["backspace"] * 5)
        assert "no token to take back" in bench(app).scene.message[0]


async def test_the_walk_leads_from_token_to_token_and_to_the_unsure_ones() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await at(pilot, "0")
        await pilot.press("G")
        end = await done(app, pilot)
        assert end.place == 40
        await pilot.press("comma")
        scene = bench(app).scene
        assert scene.place == 39
        assert scene.asked is not None
        assert scene.asked.answer.after == scene.generation.tokens[:39]
        assert "token 40 of 40" in text(app)
        await at(pilot, "1")
        await pilot.press("less_than_sign")
        scene = bench(app).scene
        assert scene.path.uncertain(scene.place)
        assert not any(scene.path.uncertain(each) for each in range(scene.place + 1, 39))


async def test_the_next_forbidden_token_is_one_that_the_cut_takes_away() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await at(pilot, "1.5")
        await pilot.press("G")
        await done(app, pilot)
        await pilot.press("p", *"0.5", "enter", *["comma"] * 40, "exclamation_mark")
        scene = bench(app).scene
        assert scene.path.kept[scene.place] == "no"
        assert "×" in text(app)
        assert ", cut, rank" in text(app)


async def test_two_keys_from_a_pin_stand_two_answers_side_by_side() -> None:
    async with screen(size=(80, 24), prompt=FOX) as (app, pilot):
        await at(pilot, "0.2")
        await pilot.press("x", "4", "A")
        scene = await done(app, pilot)
        cold, hot = (scene.written(DecodingSettings(each)) for each in (0.2, 1.5))
        assert cold is not None
        assert hot is not None
        # the same random numbers, so that they part where the settings part them
        assert [step.chance for step in cold.steps] == [step.chance for step in hot.steps]
        shared = cold.shared(hot)
        assert f"leaves the first at token {shared + 1}" in text(app)
        assert "T 0.20" in text(app)
        await pilot.press("A")
        assert bench(app).scene.view == "histograms"
        await pilot.press("u", "u")
        assert not (await done(app, pilot)).generation.steps


async def test_a_typed_text_is_scored_as_an_answer() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("P")
        await pilot.pause()
        await pilot.press(*" lazy dog.", "enter")
        scene = await done(app, pilot)
        assert [step.chosen_by for step in scene.generation.steps] == ["given"] * 3
        assert [step.index for step in scene.generation.steps] == [0, 0, 0]
        await pilot.press("comma")
        assert "rank 1, given" in text(app)


async def test_a_word_that_the_model_does_not_know_cannot_be_sampled() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("P")
        await pilot.pause()
        await pilot.press(*" xyzzy", "enter")
        scene = await done(app, pilot)
        assert scene.generation.steps[0].index is None
        assert scene.path.probability[0].high == 0.0
        assert scene.path.kept == ("no",)


async def test_the_decision_is_about_the_answer_that_is_there() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await at(pilot, "0")
        await pilot.press("G", "d")
        await done(app, pilot)
        assert "100 % of samples are these 40 tokens" in text(app)
        await at(pilot, "0.3")
        scene = await done(app, pilot)
        assert "at most T 0.02" in text(app)
        from softmax_visualizer.decoding.path import decode_path

        for temperature, holds in ((0.02, True), (0.03, False)):
            chance = decode_path(scene.generation.steps, DecodingSettings(temperature)).path_probability
            assert (chance.low >= 0.99) is holds


async def test_a_new_prompt_begins_a_new_answer_and_undo_brings_the_old_one_back() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("L", *"3", "enter", "G")
        before = await done(app, pilot)
        await pilot.press("slash", *"She opened the", "enter")
        scene = await done(app, pilot)
        assert not scene.generation.steps
        assert scene.generation.prompt == "She opened the"
        await pilot.press("u")
        scene = await done(app, pilot)
        assert scene.generation == before.generation
        assert scene.prompt == FOX
        assert not scene.old


async def test_a_longer_list_sharpens_the_token_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    full = [0.4, 0.3, 0.2, 0.1 - 1e-9]
    words = [" a", " b", " c", " d"]
    asked: list[bool] = []

    class Deep(ObedientModel):
        async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> Any:
            asked.append(whole)
            count = 4 if whole else 2
            self.reply = lambda text: top_of(words[:count], full[:count], 4)
            return await super().ask(prompt, after=after, whole=whole)

    model = Deep(endless)
    model.most = 4
    async with screen(monkeypatch, model, prompt="Say") as (app, pilot):
        await at(pilot, "2")
        await pilot.press("tab", "enter")
        await done(app, pilot)
        await pilot.press("comma")
        await done(app, pilot)
        assert bench(app).scene.generation.steps[0].index == 0
        assert not bench(app).scene.path.probability.is_point
        await pilot.press("D", "D")
        scene = await done(app, pilot)
        assert asked[-1]
        assert len(scene.generation.steps[0].distribution) == 4
        assert scene.path.probability.is_point


async def test_a_key_in_the_middle_of_writing_is_not_lost_and_the_answer_goes_on() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("G", "left", "left", "T")
        scene = await done(app, pilot)
        assert scene.settings == DecodingSettings(0.8)
        assert scene.view == "timeline"
        assert len(scene.generation) == 40
        # it was begun at T = 1, and is that all through
        assert scene.generation.settings == DecodingSettings()
        assert "surprisal" in text(app)


async def test_the_servers_own_answer_is_walked_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sampling(ObedientModel):
        async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> Any:
            path = tuple(Token(f" {word}") for word in (LINES * 20)[: count - 1])
            return tuple([await self.ask(prompt, after=path[:place]) for place in range(count)])

    async with screen(monkeypatch, Sampling(endless), prompt="Say") as (app, pilot):
        await pilot.press("L", *"5", "enter", "W")
        scene = await done(app, pilot)
        assert [step.chosen_by for step in scene.generation.steps] == ["server"] * 5
        assert scene.generation.text == " alpha beta gamma alpha beta"
        assert [step.index for step in scene.generation.steps] == [0, 1, 2, 0, 1]
        await pilot.press("comma")
        assert "rank 2, by the server" in text(app)
        await pilot.press("u")
        assert not (await done(app, pilot)).generation.steps


async def test_a_model_that_samples_nothing_of_its_own_says_so() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("W")
        scene = await done(app, pilot)
        assert not scene.generation.steps
        assert "samples no answer of its own" in text(app)


async def test_a_token_that_completes_a_secret_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-alphabetagamma123456"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    parts = [" The", " sk-", "alphabeta", "gamma", "123456", " is", " it"]

    class Echo(ObedientModel):
        async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> Any:
            self.reply = lambda text: top_of([parts[len(after)], " x"], [0.9, 0.1 - 1e-9], 3)
            return await super().ask(prompt, after=after, whole=whole)

    async with screen(monkeypatch, Echo(endless), prompt="Say") as (app, pilot):
        await at(pilot, "0")
        await pilot.press("G")
        scene = await done(app, pilot)
        assert scene.generation.text == " The sk-"
        assert "secret" in text(app)
        assert key not in text(app)
        await pilot.press("space", "enter")
        scene = await done(app, pilot)
        assert scene.generation.text == " The sk-"


async def test_a_text_that_holds_a_secret_is_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abcdefghijklmnop12345678")
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("P")
        await pilot.pause()
        await pilot.press(*" sk-abcdefghijklmnop12345678", "enter")
        scene = await done(app, pilot)
        assert not scene.generation.steps
        assert "secret" in text(app)


async def test_asked_again_the_answer_follows_the_board(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ObedientModel(endless)
    async with screen(monkeypatch, model, prompt="Say") as (app, pilot):
        await pilot.press("L", *"3", "enter", "G")
        await done(app, pilot)
        await pilot.press("comma")
        before = bench(app).scene.step
        model.reply = lambda prompt: top_of(
            [" other", *[f" {word}" for word in LINES]], [0.4, 0.3, 0.2, 0.1 - 1e-9], 5
        )
        await pilot.press("ctrl+r")
        scene = await done(app, pilot)
        assert scene.step is not None
        assert scene.asked is not None
        assert before is not None
        assert scene.step.token == before.token
        assert scene.step.distribution is scene.asked.answer.distribution
        assert scene.step.index == (before.index or 0) + 1


async def test_why_an_answer_ended_is_said_although_the_next_question_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed: list[str] = []

    def reply(prompt: str) -> Any:
        if prompt.count(" ") == 2 and not failed:
            failed.append(prompt)
            return failure(prompt)
        return endless(prompt)

    async with screen(monkeypatch, ObedientModel(reply), prompt="Say") as (app, pilot):
        await pilot.press("G")
        scene = await done(app, pilot)
        assert len(scene.generation) == 2
        assert scene.is_there
        assert "The server has no answer" in scene.message[0]
        # and it can be gone on with
        await pilot.press("G")
        assert len((await done(app, pilot)).generation) == 42


async def test_the_answer_is_seen_again_after_a_prompt_is_undone() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await at(pilot, "0")
        await pilot.press("G")
        await done(app, pilot)
        await pilot.press("slash", *"I saw a", "enter")
        await done(app, pilot)
        assert "lazy dog" not in text(app)
        await pilot.press("u")
        await done(app, pilot)
        assert "lazy dog" in text(app)


async def test_quitting_asks_where_answers_to_an_earlier_prompt_would_be_lost() -> None:
    async with screen(prompt=FOX) as (app, pilot):
        await pilot.press("A")
        await done(app, pilot)
        await pilot.press("slash", *"I saw a", "enter")
        await done(app, pilot)
        await pilot.press("q")
        assert app.is_running
        assert "Quitting loses 2 answers" in bench(app).scene.message[0]
