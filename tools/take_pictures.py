"""Take the README's pictures: the real screen with the bundled model, saved by the app itself as SVG."""

from __future__ import annotations

import asyncio
from pathlib import Path

from softmax_visualizer.lessons.listing import find_lesson
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.lesson.moments import LessonStart

DOCS = Path(__file__).parents[1] / "docs"

DOOR = "She opened the"

PICTURES = {
    "screen": (DOOR, "3"),
    "compare": (DOOR, "2 x 4 x 3 c"),
    "sweep": (DOOR, "up down down s"),
    "map": (DOOR, "3 h"),
    "decide": (DOOR, "4 d"),
    "orders": (DOOR, "3 right right right right b"),
}
"""The name of each picture, the prompt, and the keys that lead to it."""


async def take(name: str, prompt: str, keys: str, lesson: LessonStart | None = None) -> None:
    """Save one picture: the screen after some keys, at 100x30."""
    app = SoftmaxVisualizer(Configuration.load(model="bundled"), prompt, lesson=lesson)
    async with app.run_test(size=(100, 30)) as pilot:
        for key in ["", *keys.split()]:
            if key:
                await pilot.press(key)
            await pilot.pause(0.5)
        (DOCS / f"{name}.svg").write_text(app.export_screenshot())


async def take_all() -> None:
    """Save all pictures of the README."""
    for name, (prompt, keys) in PICTURES.items():
        await take(name, prompt, keys)
    fox = find_lesson("fox")
    await take("lesson", fox.prompt, "space space", LessonStart(fox))


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    asyncio.run(take_all())
