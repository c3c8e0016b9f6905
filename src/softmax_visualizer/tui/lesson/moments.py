"""A lesson as the moments that it shows, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from softmax_visualizer.display.keys import with_keys
from softmax_visualizer.lessons.lesson import Lesson, Step, reading_time
from softmax_visualizer.lessons.prediction import Prediction


@dataclass(frozen=True)
class LessonStart:
    """A lesson and how it is to be played.

    ``auto``: by itself, ``speed`` times as fast as its file says; infinitely fast is all at once, in which a
    sweep is no more than its ends. ``step``: the one to begin with, from 1. ``presenting``: of ``"keys"``,
    ``"large"`` and ``"bare"``: see :func:`actions.present`.
    """

    lesson: Lesson
    auto: bool = False
    speed: float = 1.0
    presenting: frozenset[str] = frozenset()
    step: int = 1


@dataclass(frozen=True)
class Moment:
    """One thing to look at: a caption, a question, the answer to one, or the end, which is of the last step.

    ``acts``: whether what the step does is done now; a question keeps it back, as it keeps the answer.
    """

    step: Step
    before: str
    text: str
    pause: float
    acts: bool
    ends: bool = False

    @property
    def asks(self) -> Prediction | None:
        """What can be predicted now."""
        return None if self.acts or self.ends else self.step.prediction

    @property
    def judges(self) -> Prediction | None:
        """What comes true or does not now."""
        return self.step.prediction if self.acts else None

    @property
    def takes_time(self) -> bool:
        """Whether there is something to watch, and to hurry."""
        return self.acts and bool(self.step.keys or self.step.sweep)


def moments(lesson: Lesson) -> tuple[Moment, ...]:
    """Return what a lesson shows, one after the other."""
    found: list[Moment] = []
    for step in lesson.steps:
        if step.answer is None:
            found.append(Moment(step, "", with_keys(step.caption), step.pause, acts=True))
        else:
            keys = f"\nPress {step.prediction.keys}" if step.prediction is not None else ""
            question = with_keys(step.caption)
            found.append(Moment(step, "", question + keys, step.pause, acts=False))
            found.append(Moment(step, question, with_keys(step.answer), step.answer_pause, acts=True))
    if lesson.ending:
        pause = reading_time(lesson.ending)
        found.append(Moment(lesson.steps[-1], "", with_keys(lesson.ending), pause, acts=False, ends=True))
    return tuple(found)
