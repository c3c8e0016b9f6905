"""Take the README's pictures: the real screen, saved by the app itself as SVG.

Those of SmolLM2 are left as they are where the model is not on this machine (``models --fetch smollm2``).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from softmax_visualizer.decoding import DecodingSettings
from softmax_visualizer.lessons.listing import find_lesson
from softmax_visualizer.models import weights
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.lesson.moments import LessonStart
from softmax_visualizer.tui.scene import Request
from softmax_visualizer.tui.screen import MainScreen

DOCS = Path(__file__).parents[1] / "docs"

FOX, DOOR = "The quick brown fox jumps over the", "She opened the"
ANIMAL = "My favourite animal is the"
ADA = '{"name": "Ada", "age":'

BUNDLED = Configuration(model="bundled")
SMOLLM2 = Configuration(model="smollm2", local=True, framing="raw")

PICTURES = {
    "screen": (FOX, ""),
    "compare": (DOOR, "2 x 4 x 3 c"),
    "sweep": (DOOR, "s"),
    "map": (DOOR, "3 h"),
    "decide": (DOOR, "4 d"),
    "orders": (DOOR, "4 down down b"),
    "answer": (DOOR, "3 G less_than_sign T"),
    "answers": (FOX, "A"),
}
"""The name of each picture, the prompt, and the keys that lead to it from what the program opens with."""


def counting(screen: MainScreen) -> bool:
    """Whether samples are still coming, or are still to be judged."""
    return any(worker.group == "count" and not worker.is_finished for worker in screen.workers)


async def take(
    name: str,
    configuration: Configuration,
    prompt: str,
    keys: str = "",
    *,
    settings: DecodingSettings | None = None,
    lesson: LessonStart | None = None,
) -> None:
    """Save one picture: the screen with all tokens and after some keys, at 100x30."""
    app = SoftmaxVisualizer(configuration, prompt, lesson=lesson, settings=settings)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = app.screen
        assert isinstance(screen, MainScreen)
        while screen.scene.asked is None or not screen.scene.asked.answer.distribution.complete:
            await pilot.pause(0.1)
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause(0.5)
            while screen.scene.writing or screen.scene.request.state == "asking" or counting(screen):
                await pilot.pause(0.1)
        await pilot.pause(1.0)
        # how long the answer took is another number each time
        screen.update(replace(screen.scene, request=Request("answered")))
        await pilot.pause(0.5)
        (DOCS / f"{name}.svg").write_text(app.export_screenshot())


async def take_all() -> None:
    """Save all pictures of the README."""
    for name, (prompt, keys) in PICTURES.items():
        await take(name, BUNDLED, prompt, keys, settings=DecodingSettings(0.8, 0.9))
    fox = find_lesson("fox")
    await take("lesson", BUNDLED, fox.prompt, "space space", lesson=LessonStart(fox, speed=20))
    try:
        weights.find("smollm2")
    except ModelError as error:
        print(f"smollm2.svg and samples.svg were not taken. {error}")
    else:
        await take("smollm2", SMOLLM2, ADA, settings=DecodingSettings(0.7, 0.9))
        hot = DecodingSettings(1.5, 0.8)
        await take("samples", SMOLLM2, ANIMAL, "asterisk home 4 delete enter V enter", settings=hot)


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    asyncio.run(take_all())
