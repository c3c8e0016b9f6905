"""Whatever text arrives, from wherever, the screen stays whole and the terminal obeys nobody but the app."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import TextArea

from properties import examples
from screens import ObedientModel, bench, screen, settle, text
from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.models.base import ModelError

any_text = st.text(st.characters(exclude_categories=()), max_size=40)
hostile_text = st.one_of(
    any_text,
    st.sampled_from(
        [
            "[/INST]",
            "[@click=app.quit]x[/]",
            "\x1b[31m",
            "\x1b]52;c;aGk=\x07",
            "\x9b2J",
            "\u202e",
            "\ud83d",
            "👨‍👩‍👧",
            "日本",
        ]
    ),
)


def distribution_of(tokens: list[str], data: list[bytes], weights: list[float]) -> TokenDistribution:
    probabilities = np.array(weights) / (sum(weights) * 1.1)
    named = [Token(name, raw or None) for name, raw in zip(tokens, data, strict=True)]
    return TokenDistribution.from_top_logprobs(named, np.log(probabilities), 1000)


def is_whole(shown: str, size: tuple[int, int]) -> None:
    """Every row within the width, and nothing on it that a terminal would act upon."""
    lines = shown.split("\n")
    assert len(lines) == size[1]
    for line in lines:
        for char in line:
            assert unicodedata.category(char)[0] != "C", repr(line)
        wide = sum(unicodedata.east_asian_width(char) in "WF" for char in line)
        assert len(line) + wide <= size[0], repr(line)


@examples(12)
@given(
    st.lists(st.tuples(hostile_text, st.binary(max_size=6), st.floats(0.01, 1)), min_size=1, max_size=20),
    hostile_text,
    hostile_text,
    st.sampled_from([(60, 18), (80, 24), (100, 30)]),
)
def test_no_text_breaks_any_view(
    rows: list[tuple[str, bytes, float]], prompt: str, error: str, size: tuple[int, int]
) -> None:
    tokens, data, weights = zip(*rows, strict=True)
    distribution = distribution_of(list(tokens), list(data), list(weights))

    async def explore() -> None:
        replies: list[Any] = [distribution, ModelError(f"The server says: {error}")]
        model = ObedientModel(lambda _: replies.pop(0) if replies else distribution)
        with pytest.MonkeyPatch.context() as monkeypatch:
            async with screen(monkeypatch, model, size, prompt=prompt.replace("\ud83d", "")) as (app, pilot):
                model.name = error
                for key in ("4", "v", "v", "space", "a", "i", "escape", "slash", "x", "enter"):
                    await pilot.press(key)
                    await pilot.pause()
                    is_whole(text(app), size)
                await settle(app, pilot)
                is_whole(text(app), size)

    asyncio.run(explore())


def test_the_editor_shows_what_it_must_not_write() -> None:
    from softmax_visualizer.display.labels import character_for_character

    assert character_for_character("a\x1b[31m\x9b\u202eb é日") == "a␛[31m\ufffd\ufffdb é日"


SEED = 20261123

STEPS = int(os.environ.get("STORM_STEPS", "250"))
"""Keys of one storm; 6,000 take about two minutes."""


async def test_random_keys_resizes_and_answers_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Some hundred keys, resizes and odd answers at once: no crash, no task that goes on, no lost prompt."""
    chance = random.Random(SEED)

    async def late() -> Any:
        await asyncio.sleep(chance.random() / 5)
        return answer()

    def answer() -> Any:
        return chance.choice(
            [
                distribution_of([" lazy", "[/]", "\x1b[2J"], [b"", b"", b""], [0.6, 0.3, 0.1]),
                distribution_of(
                    ["日本", "\u202e", "", "\ud83d"], [b"", b"\xf0", b"", b""], [0.4, 0.3, 0.2, 0.1]
                ),
                TokenDistribution.from_logits([f"t{n}" for n in range(500)], np.arange(500) / 50),
                ModelError("Odd [/b] answer. Try again."),
                RuntimeError("a slip"),
            ]
        )

    keys = [
        "left", "right", "up", "down", "shift+left", "shift+right", "1", "2", "3", "4", "r", "o", "a", "v",
        "space", "enter", "slash", "x", "backspace", "escape", "pagedown", "pageup", "l", "alt+left", "f3",
        "question_mark", "t", "5", "m", "i", "f", "ctrl+j", "e", "home", "tab",
        "X", "z", "c", "s", "h", "d", "b", "g", "u", "number_sign", "percent_sign", "y", "j", "ctrl+r", "p",
        "k", "n", "f6", "f7", "f8",
    ]  # fmt: skip
    sizes = [(100, 30), (80, 24), (40, 10), (60, 18), (160, 50), (200, 60)]
    # the slips among the answers leave their reports where this test ends
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    model = ObedientModel(lambda _: late() if chance.random() < 0.5 else answer())
    async with screen(monkeypatch, model, wait=False) as (app, pilot):
        for _ in range(STEPS):
            if chance.random() < 0.05:
                await pilot.resize_terminal(*chance.choice(sizes))
            app.simulate_key(chance.choice(keys))
            if chance.random() < 0.5:
                await pilot.pause()
        await pilot.pause(0.5)
        assert app.is_running
        for _ in range(6):
            await pilot.press("escape")
        await pilot.resize_terminal(100, 30)
        await settle(app, pilot)
        assert bench(app) is app.screen
        assert not [worker for worker in app.workers if worker.is_running and worker.group == "ask"]
        is_whole(text(app), (100, 30))
        assert app.screen.query_one(TextArea).text
    gc.collect()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not [task for task in left if re.search("ask|softmax", repr(task))]
