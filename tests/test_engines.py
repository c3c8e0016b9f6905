"""Engines: whose order it is, who is recognised, and that a person's own choice wins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from misbehaving_server import Answer, MisbehavingServer
from screens import bench, settle, text
from softmax_visualizer.decoding.engines import ENGINES, engine
from softmax_visualizer.decoding.settings import DecodingSettings, SettingsError
from softmax_visualizer.display.settings import order_phrase, settings_words
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui import actions
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.scene import Scene
from test_depth import listed


def models_of(owner: str) -> Answer:
    return Answer({"data": [{"id": "m", "owned_by": owner, "meta": {"n_vocab": 20}}]})


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("spelt", "name"),
    [("llama-cpp", "llama.cpp"), ("HUGGINGFACE", "Hugging Face"), ("vllm", "vLLM"), ("mlx", "mlx")],
)
def test_an_engine_is_found_however_it_is_spelt(spelt: str, name: str) -> None:
    assert engine(spelt).name == name


def test_an_unknown_engine_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match=r"one of OpenAI, vLLM, .*, not 'gpt'"):
        engine("gpt")


def test_llama_cpp_cuts_by_three_rules_and_divides_last() -> None:
    assert engine("llama.cpp").defaults == DecodingSettings(0.8, 0.95, 40, 0.05, "temperature-last")
    assert all(each.source for each in ENGINES)


def test_the_page_about_models_has_the_same_table() -> None:
    page = (Path(__file__).parents[1] / "docs" / "models.md").read_text()
    for each in ENGINES:
        order = order_phrase(each.order) if each.published else "not published"
        assert f"| {each.name} | {order} | {settings_words(each.defaults, order=False)} |" in page


def test_an_engine_sets_its_order_and_chosen_again_its_knobs() -> None:
    scene = Scene(Configuration(), "Hi", settings=DecodingSettings(1.5, 0.9))
    once = actions.engine(scene, "llama.cpp")
    assert once.settings == DecodingSettings(1.5, 0.9, order="temperature-last")
    assert actions.engine(once, "llama.cpp").settings == engine("llama.cpp").defaults
    assert actions.engine(once, "vLLM").settings == DecodingSettings(1.5, 0.9)


async def shown(owner: str, **options: Any) -> tuple[Scene, str]:
    with MisbehavingServer(Answer(listed), models=models_of(owner)) as server:
        configuration = Configuration(base_url=server.url, model="m", top_logprobs=20)
        app = SoftmaxVisualizer(configuration, "Hi", settings=DecodingSettings(0.8, 0.9), **options)
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(app, pilot)
            return bench(app).scene, " ".join(text(app).split())


async def test_a_server_that_says_what_it_is_has_its_order_taken() -> None:
    scene, screen = await shown("llamacpp")
    assert scene.settings.order == "temperature-last"
    assert "This server is llama.cpp, so: temperature last. o switches it." in screen


@pytest.mark.parametrize("owner", ["vllm", "me"])
async def test_nothing_is_said_where_nothing_changes(owner: str) -> None:
    scene, screen = await shown(owner)
    assert scene.settings.order == "temperature-first"
    assert "This server is" not in screen


@pytest.mark.parametrize("chosen", ["", "vLLM"])
async def test_what_the_person_chose_wins(chosen: str) -> None:
    scene, screen = await shown("llamacpp", engine=chosen)
    assert scene.settings.order == "temperature-first"
    assert "This server is" not in screen


async def test_the_order_that_a_person_switches_to_stays_for_the_next_prompt() -> None:
    with MisbehavingServer(Answer(listed), models=models_of("llamacpp")) as server:
        app = SoftmaxVisualizer(Configuration(base_url=server.url, model="m", top_logprobs=20), "Hi")
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(app, pilot)
            await pilot.press("o", "slash", *"Ho", "enter")
            await settle(app, pilot)
            assert bench(app).scene.settings.order == "temperature-first"


async def test_a_lesson_keeps_its_own_order() -> None:
    from softmax_visualizer.tui.scene import Asked, Caption

    with MisbehavingServer(Answer(listed), models=models_of("llamacpp")) as server:
        from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel

        configuration = Configuration(base_url=server.url, model="m")
        model = OpenAICompatibleModel(configuration)
        answer = await model.ask("Hi")
        await model.close()
    scene = Scene(configuration, "Hi", asked=Asked(configuration, answer), caption=Caption("", "", "", ()))
    assert actions.recognised(scene) is scene
    assert actions.recognised(replace(scene, caption=None)).settings.order == "temperature-last"


async def test_the_chooser_lists_every_engine_with_its_own_knobs() -> None:
    app = SoftmaxVisualizer(Configuration(model="bundled"), "She opened the")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(app, pilot)
        await pilot.press("E")
        await pilot.pause()
        for each in ENGINES:
            assert each.name in text(app)
        assert "T 0.80, top-p 0.95, top-k 40, min-p 0.05" in text(app)
