"""A lesson and its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from softmax_visualizer.display.keys import shown_length
from softmax_visualizer.lessons.expectation import Expectation
from softmax_visualizer.lessons.prediction import Prediction
from softmax_visualizer.lessons.sweep import Sweep

BUNDLED = "bundled"
"""The source that is the bundled model; any other is the name of a recording beside the lesson."""


def reading_time(text: str) -> float:
    """Return the seconds that people are given to look at the screen and to read a text."""
    return 2.5 + 0.08 * shown_length(text)


QUESTION_TIME = 6.0
"""Seconds that people are given besides to think about a question."""

VERDICT_TIME = 7.0
"""Seconds that people are given besides to read what came of a prediction."""


@dataclass(frozen=True)
class Step:
    """One step: a text to read, and what happens meanwhile.

    What happens comes in this order: ``source``, ``prompt``, ``seed``, ``settings``, ``keys``, ``sweep``.
    Then the ``expectations`` are checked. None and empty ones change nothing.

    ``caption``: the text, or the question if there is an ``answer``, which is kept back until the next key.
    In both, tokens stand between backticks.
    ``prediction``: what the question lets people predict, if it does.
    ``marks``: the names of the tokens whose rows are marked on the board.
    ``source``: ``"bundled"``, or the file name of a recording beside the lesson.
    ``seed``: of the random numbers from here on.
    ``settings``: values by the names of :class:`~softmax_visualizer.decoding.DecodingSettings`, valid ones:
    ``temperature``, ``top_p`` and ``min_p`` are Decimals, ``top_k`` is an int or None (off).
    ``keys``: as Textual names them.
    ``pause``: seconds to wait after all that, and before the answer, when the lesson plays by itself.
    ``line``: where the step begins in the file.
    """

    caption: str
    answer: str | None
    prediction: Prediction | None
    marks: tuple[str, ...]
    prompt: str | None
    source: str | None
    seed: int | None
    settings: Mapping[str, object]
    keys: tuple[str, ...]
    sweep: Sweep | None
    pause: float
    expectations: tuple[Expectation, ...]
    line: int

    @property
    def answer_pause(self) -> float:
        """Seconds to wait after the answer when the lesson plays by itself; 0 if there is none."""
        if self.answer is None:
            return 0.0
        guessed = self.prediction is not None and self.prediction.guess is not None
        return reading_time(self.answer) + (VERDICT_TIME if guessed else 0.0)


@dataclass(frozen=True)
class Lesson:
    """What a lesson file says.

    ``name``: the file's name without its ending, which people type.
    ``about``: one line for the list of lessons; may be empty.
    ``order``: its place in that list; None is after all others.
    ``size``: columns and rows of the terminal.
    ``source`` and ``prompt``: what is asked, and what about, before the first step; see :class:`Step`.
    ``remember``: what is to be remembered of it, in short texts; none if it does not say.
    ``next``: the name and the title of the built-in lesson that follows, if it names one.
    """

    name: str
    path: Path
    title: str
    about: str
    order: int | None
    size: tuple[int, int]
    source: str
    prompt: str
    steps: tuple[Step, ...]
    remember: tuple[str, ...] = ()
    next: tuple[str, str] | None = None

    @property
    def ending(self) -> str:
        """The text of the last moment, after all steps; empty if there is nothing to say in it."""
        if not self.remember and self.next is not None:
            return f"The next lesson is: {self.next[1]}"
        return "\n".join(f"{number}. {text}" for number, text in enumerate(self.remember, 1))

    @property
    def duration(self) -> float:
        """Seconds that the lesson takes when it plays by itself: its pauses and sweeps."""
        ending = reading_time(self.ending) if self.ending else 0.0
        return ending + sum(
            step.pause + step.answer_pause + (step.sweep.seconds if step.sweep else 0.0)
            for step in self.steps
        )
