"""The choice of a lesson."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App

from softmax_visualizer.lessons.lesson import Lesson
from softmax_visualizer.lessons.listing import built_in
from softmax_visualizer.lessons.reading import read_lesson
from softmax_visualizer.tui.dialogs.base import ChoiceScreen


async def choose_lesson(app: App[Any]) -> Lesson | None:
    """Let the person choose one of the built-in lessons."""
    lessons: dict[str, Lesson] = {}

    def read() -> None:
        for lesson in map(read_lesson, built_in()):
            lessons[f"{lesson.name}: {lesson.title}"] = lesson

    async def titles() -> list[str]:
        await asyncio.to_thread(read)
        return list(lessons)

    chosen = await app.push_screen_wait(ChoiceScreen("Lessons", fetch=titles))
    return None if chosen is None else lessons[chosen]
