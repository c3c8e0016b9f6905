"""Playing a lesson on the bench: by itself, or under the hand of a teacher.

Where a lesson stands is a function of how far it has come: to go back, or to return from what the audience
tried out, it is played again from the beginning at once. All that follows from a key is painted in one go, so
that two recordings of a lesson hold the same frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App
from textual.keys import _character_to_key
from textual.widgets import Input, TextArea

from softmax_visualizer.lessons.lesson import BUNDLED, Lesson, Step
from softmax_visualizer.lessons.listing import built_in
from softmax_visualizer.lessons.reading import read_lesson
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.caption import CaptionPanel

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

    from softmax_visualizer.tui.bench import BenchScreen

_KEY_PAUSE = 0.35
"""Seconds between two keys that a lesson presses."""

_WAITED_FOR = ("ask", "survey", "judge", "check", "models")
"""Groups of workers whose end a moment waits for."""

_ROUNDS = 3
"""Times that all queues are emptied before things are taken to be settled: a key is a chain of messages."""


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


class LessonPlayer:
    """Plays one lesson on a bench.

    ``failures``: what the lesson expected and did not find, as sentences with the place in the file.
    """

    def __init__(self, bench: BenchScreen, lesson: Lesson, *, auto: bool = False, speed: float = 1.0) -> None:
        self.lesson = lesson
        self.failures: list[str] = []
        self._bench = bench
        self._auto = auto
        self._speed = speed
        self._moments = moments(lesson)
        self._at = -1
        self._busy = False
        self._hurry = False
        self._pressing = False
        self._left_as: object = None

    # --- what the person does ---

    @property
    def takes_keys(self) -> bool:
        """Whether space and backspace are the lesson's now, rather than the bench's or a dialog's."""
        if self._auto or self._busy:
            return not self._pressing
        return not (self._explored and isinstance(self._bench.app.focused, (Input, TextArea)))

    @property
    def _explored(self) -> bool:
        """Whether somebody has changed something since the lesson stopped to wait."""
        return self._bench.state != self._left_as

    def go_on(self) -> None:
        """Show the next moment, or return to this one if somebody has tried something out."""
        if self._busy:
            self._hurry = True
        elif self._explored:
            self._start(self._return_to(self._at))
        elif self._at + 1 < len(self._moments):
            self._start(self._show(self._at + 1))
        else:
            self._bench.leave_lesson()

    def go_back(self) -> None:
        """Show the moment before."""
        if not self._busy:
            self._start(self._return_to(max(self._at - 1, 0)))

    def _start(self, work: Awaitable[None]) -> None:
        self._bench.run_worker(work, group="lesson", exclusive=True)

    # --- playing ---

    def prepare(self) -> None:
        """Make room for the captions."""
        panel = self._bench.query_one(CaptionPanel)
        panel.longest = [(moment.before, moment.text) for moment in self._moments]
        panel.display = True

    async def play(self, curtain: AbstractContextManager[object]) -> None:
        """Begin; where the lesson plays by itself, go through it and leave the program.

        The ``curtain`` is a batch of updates: it ends, and people see something, with the first moment.
        """
        with curtain:
            await self._return_to(0)
            # what Textual laid out meanwhile it takes for painted
            self._bench.refresh()
        await self._painted()
        if not self._auto:
            return
        await self._pause(self._moments[0])
        for number, moment in enumerate(self._moments[1:], 1):
            await self._show(number)
            await self._pause(moment)
        self._bench.app.exit(return_code=1 if self.failures else 0)

    async def _pause(self, moment: Moment) -> None:
        await asyncio.sleep(moment.pause / self._speed)

    async def _return_to(self, number: int) -> None:
        """Play from the beginning to a moment, at once."""
        self._busy = self._hurry = True
        async with self._in_one_go():
            while len(self._bench.app.screen_stack) > 1 and self._bench.app.screen is not self._bench:
                self._bench.app.screen.dismiss(None)
                await self._settle()
            self._bench.start_over(self._source(self.lesson.source), self.lesson.prompt)
            await self._settle()
            for earlier in self._moments[:number]:
                await self._perform(earlier)
            await self._show(number)

    async def _show(self, number: int) -> None:
        """Show one moment, and check what it expects."""
        self._busy = True
        moment = self._moments[number]
        self._at = number
        async with self._in_one_go():
            self._caption(moment)
            await self._settle()
        await self._perform(moment)
        self._check(moment)
        self._left_as = self._bench.state
        self._busy = self._hurry = False

    async def _perform(self, moment: Moment) -> None:
        step = moment.step
        if not moment.acts:
            return
        if step.source is not None or step.prompt is not None:
            source = None if step.source is None else self._source(step.source)
            await self._act(partial(self._bench.put, source, step.prompt))
        if step.settings:
            changed: Any = dict(step.settings)
            await self._act(partial(self._bench.turn_to, replace(self._bench.knobs, **changed)))
        for key in step.keys:
            await self._wait(_KEY_PAUSE)
            self._pressing = True
            await self._act(partial(_press, self._bench, key))
            self._pressing = False
        if step.sweep is not None:
            each = step.sweep.seconds / max(len(step.sweep.values) - 1, 1)
            for count, value in enumerate(step.sweep.values):
                await self._wait(each if count else 0)
                turned: dict[str, Any] = {step.sweep.knob: value}
                await self._act(partial(self._bench.turn_to, replace(self._bench.knobs, **turned)))

    async def _wait(self, seconds: float) -> None:
        if not self._hurry and seconds:
            await asyncio.sleep(seconds / self._speed)

    async def _act(self, action: Callable[[], None]) -> None:
        """Do something, and paint it once all that follows from it has happened."""
        async with self._in_one_go():
            action()
            await self._settle()

    @asynccontextmanager
    async def _in_one_go(self) -> AsyncIterator[None]:
        """Paint nothing in between, and all at the end."""
        with self._bench.app.batch_update():
            yield
        await self._painted()

    async def _painted(self) -> None:
        """Wait until what has happened is on the screen: a slow machine would skip pictures otherwise."""
        await self._bench.app.screen.wait_for_refresh()
        # a change of the layout has widgets that got another size draw themselves again
        await self._settle()
        await self._bench.app.screen.wait_for_refresh()

    async def _settle(self) -> None:
        quiet = 0
        while quiet < _ROUNDS:
            app = self._bench.app
            for pump in (app, app.screen, self._bench, self._bench.board):
                await _drained(pump)
            busy = any(worker.group in _WAITED_FOR and not worker.is_finished for worker in app.workers)
            quiet = 0 if busy else quiet + 1
            if busy:
                await asyncio.sleep(0.002)

    # --- what is said ---

    def _caption(self, moment: Moment) -> None:
        panel = self._bench.query_one(CaptionPanel)
        panel.title = f"{self.lesson.title} · {self._at + 1} of {len(self._moments)}"
        panel.before, panel.text = moment.before, moment.text
        panel.redraw()
        columns, rows = self.lesson.size
        size = self._bench.size
        if size.width < columns or size.height < rows:
            here = f"this terminal has {size.width}x{size.height}"
            self._bench.say(f"This lesson is made for {columns}x{rows} cells; {here}, so less is shown.")

    def _check(self, moment: Moment) -> None:
        if not moment.acts or self._bench.decoding is None:
            return
        for expectation in moment.step.expectations:
            failure = expectation.failure(self._bench.decoding)
            if failure is not None:
                sentence = f"{self.lesson.path.name}, line {expectation.line}: {failure}."
                if sentence not in self.failures:
                    self.failures.append(sentence)
                self._bench.say(f"This lesson is out of date. {sentence}", "bad")

    def _source(self, name: str) -> Configuration:
        if name == BUNDLED:
            return Configuration(model=BUNDLED)
        return Configuration(replay=self.lesson.path.parent / name)


async def choose_lesson(app: App[None]) -> Lesson | None:
    """Let the person choose one of the built-in lessons."""
    from softmax_visualizer.tui.dialogs import ChoiceScreen

    lessons = await asyncio.to_thread(lambda: [read_lesson(path) for path in built_in()])
    titles = [f"{lesson.name}: {lesson.title}" for lesson in lessons]
    chosen = await app.push_screen_wait(ChoiceScreen("Lessons", titles, titles[0]))
    return None if chosen is None else lessons[titles.index(chosen)]


async def _drained(pump: MessagePump) -> None:
    """Wait until a widget has dealt with the messages that it has now."""
    done = asyncio.Event()
    if pump.is_running and pump.call_later(done.set):
        await asyncio.wait_for(done.wait(), 10)


def _press(bench: BenchScreen, key: str) -> None:
    """Press a key as if the person had."""
    char = key if len(key) == 1 else " " if key == "space" else None
    name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
    bench.app.post_message(events.Key(name, char))
