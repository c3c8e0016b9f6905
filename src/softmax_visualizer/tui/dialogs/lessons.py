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
    lessons = await asyncio.to_thread(lambda: [read_lesson(path) for path in built_in()])
    titles = [f"{lesson.name}: {lesson.title}" for lesson in lessons]
    chosen = await app.push_screen_wait(ChoiceScreen("Lessons", titles, titles[0]))
    return None if chosen is None else lessons[titles.index(chosen)]
