"""Choosing a model on the screen: a file on this machine, one that is fetched first, or the bundled one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import tiny_gguf
from screens import bench, screen, text
from softmax_visualizer.models import weights
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.weights import Progress, Weights
from softmax_visualizer.tui.dialogs.base import ChoiceScreen, ValueScreen

TITLE = "smollm2 · SmolLM2-135M-Instruct"


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    for _ in range(int(seconds * 50)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which no model is kept yet."""
    monkeypatch.setattr(weights, "folder", lambda: tmp_path / "models")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


async def test_a_model_file_is_chosen_by_its_path_and_continues_the_prompt(home: Path) -> None:
    pytest.importorskip("xllamacpp")
    path = tiny_gguf.write(home / "tiny.gguf")
    async with screen(prompt="the fox") as (app, pilot):
        await pilot.press("m")
        await until(lambda: isinstance(app.screen, ChoiceScreen))
        assert f"{TITLE}: fetch 93 MB" in text(app)
        await pilot.press("up", "enter")
        await until(lambda: isinstance(app.screen, ValueScreen))
        await pilot.press(*str(path), "enter")
        await until(lambda: bench(app).scene.request.state == "answered")
        scene = bench(app).scene
        assert (scene.configuration.local, scene.configuration.framing) == (True, "raw")
        assert "exactly the numbers that llama.cpp computes from tiny.gguf" in " ".join(text(app).split())
        await until(lambda: bench(app).scene.deepening is None)
        assert scene.decoding is not None
        assert bench(app).scene.asked.answer.distribution.complete  # type: ignore[union-attr]
        await pilot.press("m")
        await until(lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("down", "enter")
        await until(lambda: bench(app).scene.configuration.source == "bundled")
        assert bench(app).scene.configuration.framing == "answer"


async def test_a_path_of_no_model_is_explained_and_the_picture_stays(home: Path) -> None:
    async with screen() as (app, pilot):
        await pilot.press("m")
        await until(lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("up", "enter")
        await until(lambda: isinstance(app.screen, ValueScreen))
        await pilot.press(*str(home / "none.gguf"), "enter")
        await until(lambda: bench(app).scene.request.state == "failed")
        await pilot.pause()
        assert "cannot be read: no such file" in " ".join(text(app).split())
        assert "␣lazy" in text(app)


async def choose_smollm2(app: object, pilot: object, answer: str) -> None:
    await pilot.press("m")  # type: ignore[attr-defined]
    await until(lambda: isinstance(app.screen, ChoiceScreen))  # type: ignore[attr-defined]
    await pilot.press("up", "up", "enter")  # type: ignore[attr-defined]
    await until(lambda: app.screen._title != "Choose a model")  # type: ignore[attr-defined]
    await pilot.press(answer, "enter")  # type: ignore[attr-defined]


async def test_nothing_is_fetched_without_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp")
    fetched = []
    monkeypatch.setattr("softmax_visualizer.tui.dialogs.models.fetch", fetched.append)
    async with screen() as (app, pilot):
        await choose_smollm2(app, pilot, "down")
        await pilot.pause()
        assert bench(app).scene.configuration.source == "bundled"
    assert fetched == []


async def test_a_fetch_shows_its_progress_and_esc_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp")
    ended = []

    async def fetch(wanted: Weights, progress: Progress) -> Path:
        progress(0.4)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(wanted.name)
            raise
        return wanted.path

    monkeypatch.setattr("softmax_visualizer.tui.dialogs.models.fetch", fetch)
    async with screen() as (app, pilot):
        await choose_smollm2(app, pilot, "home")
        await until(lambda: "Fetching smollm2: 40" in text(app))
        await pilot.press("right")
        await pilot.press("escape")
        await until(lambda: ended == ["smollm2"])
        assert bench(app).scene.configuration.source == "bundled"
        assert bench(app).scene.settings.temperature == 1.1


async def test_what_cannot_run_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ModelError("A model file needs llama.cpp, which is a further package: pip install xllamacpp")

    monkeypatch.setattr("softmax_visualizer.models.local_server.check_llama_cpp", missing)
    async with screen() as (app, pilot):
        await pilot.press("m")
        await until(lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("up", "up", "enter")
        await until(lambda: "pip install xllamacpp" in " ".join(text(app).split()))


async def test_loading_is_shown_and_esc_ends_it() -> None:
    async with screen() as (app, pilot):
        asking = bench(app)._asking
        bench(app).update(
            replace(bench(app).scene, request=replace(bench(app).scene.request, state="asking"))
        )
        asking.loaded(0.45)
        await pilot.pause()
        assert "loading 45" in text(app)
