"""A lesson as the moments that it shows, one after the other, and how one is chosen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from textual.app import App

from softmax_visualizer.lessons.lesson import Lesson, Step
from softmax_visualizer.lessons.listing import built_in
from softmax_visualizer.lessons.reading import read_lesson


@dataclass(frozen=True)
class LessonStart:
    """A lesson and how it is to be played: ``auto``: by itself, ``speed`` times as fast as its file says."""

    lesson: Lesson
    auto: bool = False
    speed: float = 1.0
    presenting: frozenset[str] = frozenset()
    """Of ``"keys"``, ``"large"`` and ``"bare"``: see the bench's :meth:`action_present`."""


@dataclass(frozen=True)
class Moment:
    """One thing to look at: a caption, a question, or the answer to one.

    ``acts``: whether what the step does is done now; a question keeps it back, as it keeps the answer.
    """

    step: Step
    before: str
    text: str
    pause: float
    acts: bool

    @property
    def takes_time(self) -> bool:
        """Whether there is something to watch, and to hurry."""
        return self.acts and bool(self.step.keys or self.step.sweep)


def moments(lesson: Lesson) -> tuple[Moment, ...]:
    """Return what a lesson shows, one after the other."""
    found: list[Moment] = []
    for step in lesson.steps:
        if step.answer is None:
            found.append(Moment(step, "", step.caption, step.pause, acts=True))
        else:
            found.append(Moment(step, "", step.caption, step.pause, acts=False))
            found.append(Moment(step, step.caption, step.answer, step.answer_pause, acts=True))
    return tuple(found)


async def choose_lesson(app: App[None]) -> Lesson | None:
    """Let the person choose one of the built-in lessons."""
    from softmax_visualizer.tui.dialogs import ChoiceScreen

    lessons = await asyncio.to_thread(lambda: [read_lesson(path) for path in built_in()])
    titles = [f"{lesson.name}: {lesson.title}" for lesson in lessons]
    chosen = await app.push_screen_wait(ChoiceScreen("Lessons", titles, titles[0]))
    return None if chosen is None else lessons[titles.index(chosen)]
