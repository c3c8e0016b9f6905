"""The picture of a few tokens comes first, and sharpens in place once the server has listed them all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from misbehaving_server import Answer, MisbehavingServer
from screens import bench, settle, text
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from test_depth import MODELS, SIZE, counts, listed


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


class Gate:
    """Holds the answers that list more than 20 tokens back until it is opened."""

    def __init__(self, most: int = SIZE) -> None:
        self.opened, self._most = threading.Event(), most

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["top_logprobs"] > 20:
            assert self.opened.wait(20)
        return listed(body, self._most)


@asynccontextmanager
async def screen_at(
    server: MisbehavingServer, prompt: str = "Hi", **settings: Any
) -> AsyncIterator[tuple[SoftmaxVisualizer, Pilot[None]]]:
    app = SoftmaxVisualizer(Configuration(base_url=server.url, model="m", **settings), prompt)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(app, pilot)
        yield app, pilot


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


def known(app: SoftmaxVisualizer) -> int:
    asked = bench(app).scene.asked
    assert asked is not None
    return len(asked.answer.distribution)


async def test_the_picture_sharpens_in_place_while_the_knobs_stay_live() -> None:
    gate = Gate()
    with MisbehavingServer(Answer(gate), models=MODELS) as server:
        async with screen_at(server) as (app, pilot):
            assert "top 20 of 500 tokens, asking for more" in text(app)
            await pilot.press("2", "right")
            assert bench(app).scene.settings.temperature == 0.2
            gate.opened.set()
            await until(lambda: known(app) == SIZE)
            await pilot.pause()
            assert "all 500 tokens" in text(app)
            assert "asking" not in text(app)
            assert bench(app).scene.settings.temperature == 0.2
    assert counts(server) == [20, SIZE]


async def test_sharpening_is_no_step_of_undo_and_reaches_what_can_be_undone_and_pins() -> None:
    gate = Gate()
    with MisbehavingServer(Answer(gate), models=MODELS) as server:
        async with screen_at(server) as (app, pilot):
            await pilot.press("x", "right", "right")
            gate.opened.set()
            await until(lambda: known(app) == SIZE)
            whole = bench(app).scene.asked
            assert bench(app).scene.pins[0].asked is whole
            await pilot.press("u")
            assert bench(app).scene.settings.temperature == 1.1
            await pilot.press("u", "u")
            assert bench(app).scene.settings.temperature == 1.0
            assert bench(app).scene.pins == ()
            assert bench(app).scene.asked is whole
            await pilot.press("u")
            assert "There is nothing to undo." in text(app)
    assert counts(server) == [20, SIZE]


async def test_undo_meanwhile_does_not_stop_it() -> None:
    gate = Gate()
    with MisbehavingServer(Answer(gate), models=MODELS) as server:
        async with screen_at(server) as (app, pilot):
            await pilot.press("right", "u")
            assert "asking for more" in text(app)
            gate.opened.set()
            await until(lambda: known(app) == SIZE)


async def test_a_sample_without_a_name_gets_one_and_one_that_was_wrong_is_forgotten() -> None:
    for seed in range(1, 8):
        gate = Gate()
        with MisbehavingServer(Answer(gate), models=MODELS) as server:
            app = SoftmaxVisualizer(Configuration(base_url=server.url, model="m"), "Hi", seed)
            async with app.run_test(size=(100, 30)) as pilot:
                await settle(app, pilot)
                await pilot.press("right", "right", "space")
                before = bench(app).scene.sample
                assert before is not None
                gate.opened.set()
                await until(lambda app=app: known(app) == SIZE)  # type: ignore[misc]
                await pilot.pause()
                scene = bench(app).scene
                here = scene.here
                assert here is not None
                true = here.decoding.sample(before.chance)
                shown = before.pin.asked.answer.distribution
                assert true is not None
                name = here.asked.answer.distribution.token(true)
                same = name not in shown.tokens if before.index is None else name == shown.token(before.index)
                assert (scene.sample is not None) is same
                if scene.sample is not None:
                    assert scene.sample.index == true
                    assert f"Sampled: {name.text}, rank" in text(app)
                else:
                    assert "this random number samples another token" in text(app)


async def test_a_newer_prompt_cancels_it() -> None:
    gate = Gate()
    with MisbehavingServer(Answer(gate), models=MODELS) as server:
        async with screen_at(server) as (app, pilot):
            await until(lambda: counts(server) == [20, SIZE])
            await pilot.press("slash", *"Ho", "enter")
            await settle(app, pilot)
            gate.opened.set()
            await until(lambda: known(app) == SIZE)
            asked = bench(app).scene.asked
            assert asked is not None
            assert asked.answer.prompt == "Ho"
    assert counts(server) == [20, SIZE, 20, SIZE]


async def test_nothing_is_asked_twice() -> None:
    with MisbehavingServer(Answer(listed), models=MODELS) as server:
        async with screen_at(server) as (app, pilot):
            await until(lambda: known(app) == SIZE)
            await pilot.press("slash", *"Ho", "enter")
            await settle(app, pilot)
            await until(lambda: known(app) == SIZE)
            await pilot.press("slash", *"Hi", "enter")
            await settle(app, pilot)
            assert known(app) == SIZE
            assert "asked before" in text(app)
    assert counts(server) == [20, SIZE, 20, SIZE]


async def test_a_server_that_clamps_or_refuses_is_asked_for_more_once() -> None:
    def refusing(body: dict[str, Any]) -> dict[str, Any]:
        if body["top_logprobs"] > 20:
            return {"error": {"message": "top_logprobs must be less than or equal to 20", "code": 400}}
        return listed(body)

    for answer in (lambda body: listed(body, 20), refusing):
        with MisbehavingServer(Answer(answer), models=MODELS) as server:
            async with screen_at(server) as (app, pilot):
                await until(lambda app=app: bench(app).scene.deepening is None)  # type: ignore[misc]
                await pilot.press("slash", *"Ho", "enter")
                await settle(app, pilot)
                assert bench(app).scene.deepening is None
                assert known(app) == 20
                await pilot.press("D")
                await pilot.pause()
                await until(lambda app=app: "no more tokens to ask for" in text(app))  # type: ignore[misc]
        assert counts(server) == [20, SIZE, 20]


async def test_esc_stops_it_and_a_key_asks_again() -> None:
    gate = Gate()
    with MisbehavingServer(Answer(gate), models=MODELS) as server:
        async with screen_at(server) as (app, pilot):
            await pilot.press("escape")
            await pilot.pause()
            assert bench(app).scene.deepening is None
            assert "D asks again" in text(app)
            gate.opened.set()
            await pilot.press("D")
            await until(lambda: known(app) == SIZE)


async def test_a_server_that_fails_meanwhile_leaves_the_first_answer() -> None:
    failing = [Answer(listed), *[Answer({"error": {"message": "overloaded"}}, 503)] * 2]
    with MisbehavingServer(*failing, models=MODELS) as server:
        async with screen_at(server) as (app, pilot):
            await until(lambda: bench(app).scene.deepening is None)
            await pilot.pause()
            assert known(app) == 20
            assert "503" in text(app)


async def test_elsewhere_a_key_asks_once_the_cost_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with MisbehavingServer(Answer(listed), models=MODELS) as server:
        monkeypatch.setattr(Configuration, "whole", False)
        async with screen_at(server) as (app, pilot):
            assert bench(app).scene.deepening is None
            await pilot.press("D")
            await until(lambda: "D again asks for them" in text(app))
            assert "All tokens (500) take about 0.048 MB" in text(app)
            assert counts(server) == [20]
            await pilot.press("D")
            await until(lambda: known(app) == SIZE)
    assert counts(server) == [20, SIZE]


async def test_a_lesson_has_all_at_once() -> None:
    from softmax_visualizer.tui.scene import Caption

    with MisbehavingServer(Answer(listed), models=MODELS) as server:
        app = SoftmaxVisualizer(Configuration(base_url=server.url, model="m"), "Hi")
        async with app.run_test(size=(100, 30)) as pilot:
            bench(app).update(replace(bench(app).scene, caption=Caption("", "", "", ())))
            await settle(app, pilot)
            assert known(app) == SIZE
            assert bench(app).scene.deepening is None
    assert counts(server) == [20, SIZE]
