"""Take the README's pictures: the real screen with the bundled model, saved by the app itself as SVG."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from softmax_visualizer.decoding import DecodingSettings
from softmax_visualizer.lessons.listing import find_lesson
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.lesson.moments import LessonStart
from softmax_visualizer.tui.scene import Request
from softmax_visualizer.tui.screen import MainScreen

DOCS = Path(__file__).parents[1] / "docs"

FOX, DOOR = "The quick brown fox jumps over the", "She opened the"

PICTURES = {
    "screen": (FOX, ""),
    "compare": (DOOR, "2 x 4 x 3 c"),
    "sweep": (DOOR, "s"),
    "map": (DOOR, "3 h"),
    "decide": (DOOR, "4 d"),
    "orders": (DOOR, "4 down down b"),
}
"""The name of each picture, the prompt, and the keys that lead to it from what the program opens with."""


async def take(name: str, prompt: str, keys: str, lesson: LessonStart | None = None) -> None:
    """Save one picture: the screen after some keys, at 100x30."""
    settings = DecodingSettings(0.8, 0.9) if lesson is None else None
    app = SoftmaxVisualizer(Configuration(model="bundled"), prompt, lesson=lesson, settings=settings)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = app.screen
        assert isinstance(screen, MainScreen)
        while screen.scene.decoding is None:
            await pilot.pause(0.1)
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause(0.5)
        # how long the answer took is another number each time
        screen.update(replace(screen.scene, request=Request("answered")))
        await pilot.pause(0.5)
        (DOCS / f"{name}.svg").write_text(app.export_screenshot())


async def take_all() -> None:
    """Save all pictures of the README."""
    for name, (prompt, keys) in PICTURES.items():
        await take(name, prompt, keys)
    fox = find_lesson("fox")
    await take("lesson", fox.prompt, "space space", LessonStart(fox, speed=20))


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    asyncio.run(take_all())
