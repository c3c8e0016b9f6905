"""Playing a lesson on the bench: by itself, or under the hand of a teacher.

Where a lesson stands is a function of how far it has come: to go back, or to return from what the audience
tried out, it is played again from the beginning at once. All that follows from a key is painted in one go, so
that two recordings of a lesson hold the same frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input, TextArea

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.lessons.lesson import BUNDLED, Lesson, Step
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.bars import MessageLine
from softmax_visualizer.tui.caption import CaptionPanel
from softmax_visualizer.tui.dialogs import MarksScreen
from softmax_visualizer.tui.moments import Moment, moments
from softmax_visualizer.tui.terminal.pictures import PictureApp

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

    from softmax_visualizer.tui.bench import BenchScreen

_KEY_PAUSE = 0.35
"""Seconds between two keys that a lesson presses."""

_WAITED_FOR = ("ask", "survey", "judge", "check", "models")
"""Groups of workers whose end a moment waits for."""

_ROUNDS = 3
"""Times that all queues are emptied before things are taken to be settled: a key is a chain of messages."""

_MOST_PAINTS = 10
"""Times that it is waited for what follows from a paint; something that moves all the time has no end."""


class LessonPlayer:
    """Plays one lesson on a bench.

    ``failures``: what the lesson expected and did not find, as sentences with the place in the file.
    """

    def __init__(self, bench: BenchScreen, lesson: Lesson, *, auto: bool = False, speed: float = 1.0) -> None:
        self.lesson = lesson
        self.failures = bench.failures
        self._bench = bench
        self._auto = auto
        self._speed = speed
        self._moments = moments(lesson)
        self._at = 0
        # until the first moment is there
        self._busy = True
        self._hurry = asyncio.Event()
        self._own: events.Key | None = None
        self._held: list[events.Event] = []
        self._left_as: object = None
        self._about_size = ""

    @property
    def _app(self) -> PictureApp:
        return cast(PictureApp, self._bench.app)

    # --- what the person does ---

    def takes(self, event: events.Event) -> bool:
        """Return whether a key, a click or a paste is the lesson's, rather than the bench's or a dialog's.

        Space and backspace are, unless somebody types. What comes while a moment is being played hurries it
        and is kept for afterwards; the first space does no more than hurry.
        """
        key = event.key if isinstance(event, events.Key) else ""
        if event is self._own or key == "ctrl+q":
            return False
        returned = bool(self._held) and event is self._held[0]
        if self._busy or (self._held and not returned):
            # a click is meant for what was on the screen
            if not isinstance(event, events.MouseDown):
                self._hold(event)
            return True
        if returned:
            del self._held[0]
        moves = key in ("space", "backspace") and not self._somebody_types
        if moves:
            (self.go_on if key == "space" else self.go_back)()
        self._return_held()
        return moves

    def _hold(self, event: events.Event) -> None:
        first = not self._held or event is self._held[0]
        space = isinstance(event, events.Key) and event.key == "space"
        used = first and space and self._moments[self._at].takes_time and not self._hurry.is_set()
        if self._busy:
            self._hurry.set()
        if event in self._held:
            if used:
                self._held.remove(event)
        elif not used:
            self._held.append(event)

    def _return_held(self) -> None:
        """Have the first event that is held come again; it brings the next one."""
        if self._held and not self._busy and self._bench.player is self:
            self._bench.app.post_message(self._held[0])

    @property
    def _somebody_types(self) -> bool:
        """Whether space and backspace are for what somebody has opened."""
        app = self._bench.app
        field = isinstance(app.focused, (Input, TextArea)) or isinstance(app.screen, MarksScreen)
        return field and self._explored

    @property
    def _explored(self) -> bool:
        """Whether somebody has changed something since the lesson stopped to wait."""
        return self._bench.state != self._left_as

    def go_on(self) -> None:
        """Show the next moment, or return to this one if somebody has tried something out."""
        if self._auto:
            self._hurry.set()
        elif self._explored:
            self._hurry.set()
            self._start(self._return_to(self._at))
        elif self._at + 1 < len(self._moments):
            self._at += 1
            self._start(self._show(self._at))
        else:
            self._bench.leave_lesson()

    def go_back(self) -> None:
        """Show the moment before."""
        if not self._auto:
            self._hurry.set()
            self._start(self._return_to(max(self._at - 1, 0)))

    def _start(self, work: Awaitable[None]) -> None:
        self._busy = True
        self._bench.run_worker(self._played(work), group="lesson", exclusive=True)

    async def _played(self, work: Awaitable[None]) -> None:
        await work
        self._rest()

    def _rest(self) -> None:
        """Stop, and let the person do something."""
        self._left_as = self._bench.state
        self._busy = False
        self._hurry.clear()
        self._return_held()

    # --- playing ---

    def lower_curtain(self) -> ExitStack:
        """Make room for the captions, behind a curtain: it hides the screen until it is closed."""
        panel = self._bench.query_one(CaptionPanel)
        panel.longest = [(moment.before, moment.text) for moment in self._moments]
        panel.add_class("playing")
        curtain = ExitStack()
        curtain.enter_context(self._app.one_picture())
        return curtain

    async def play(self, curtain: ExitStack) -> None:
        """Begin; where the lesson plays by itself, go through it and leave the program.

        The first caption is the first thing that people see. Where nobody tries things out, nothing is sent
        but the pictures of the lesson.
        """
        with curtain:
            await self._painted()
            with self._app.one_picture():
                await self._start_over()
                self._caption(self._moments[0])
                await self._painted()
            if self._auto:
                for number, moment in enumerate(self._moments):
                    self._busy = True
                    if number and self._explored:
                        await self._return_to(number - 1)
                    self._hurry.clear()
                    await self._show(number)
                    self._rest()
                    await self._wait(moment.pause)
                self._app.exit(return_code=1 if self.failures else 0)
                return
        await self._show(0)
        self._rest()

    async def _return_to(self, number: int) -> None:
        """Play from the beginning to a moment, at once."""
        self._hurry.set()
        async with self._in_one_go():
            await self._start_over()
            for earlier in range(number + 1):
                await self._show(earlier)

    async def _start_over(self) -> None:
        while len(self._app.screen_stack) > 1 and self._app.screen is not self._bench:
            self._app.screen.dismiss(None)
            await self._settle()
        self._bench.start_over(self._source(self.lesson.source), self.lesson.prompt)
        await self._settle()

    async def _show(self, number: int) -> None:
        """Show one moment, and check what it expects."""
        moment = self._moments[number]
        self._at = number
        if self._held:
            # what came before this moment could begin is meant for it as well
            self._hold(self._held[0])
        async with self._in_one_go():
            self._caption(moment)
            if moment.acts:
                self._set_up(moment.step)
            await self._settle()
            if not moment.takes_time:
                self._conclude(moment)
        if moment.takes_time:
            await self._move(moment.step)
            await self._act(partial(self._conclude, moment))

    def _set_up(self, step: Step) -> None:
        if step.source is not None or step.prompt is not None:
            self._bench.put(None if step.source is None else self._source(step.source), step.prompt)
        if step.settings:
            changed: Any = dict(step.settings)
            self._bench.turn_to(replace(self._bench.knobs, **changed))

    async def _move(self, step: Step) -> None:
        for key in step.keys:
            await self._wait(_KEY_PAUSE)
            await self._act(partial(self._press, key))
        if step.sweep is not None:
            values = step.sweep.values
            each = step.sweep.seconds / max(len(values) - 1, 1)
            for count, value in enumerate(values):
                await self._wait(each if count else 0)
                # in a hurry both ends are enough, also for what forgets a draw
                if not self._hurry.is_set() or count in (0, len(values) - 1):
                    turned: dict[str, Any] = {step.sweep.knob: value}
                    await self._act(partial(self._bench.turn_to, replace(self._bench.knobs, **turned)))

    def _press(self, key: str) -> None:
        """Press a key as if the person had."""
        char = key if len(key) == 1 else " " if key == "space" else None
        name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
        self._own = events.Key(name, char)
        self._app.post_message(self._own)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds / self._speed)

    async def _act(self, action: Callable[[], None]) -> None:
        """Do something, and paint it once all that follows from it has happened."""
        async with self._in_one_go():
            action()
            await self._settle()

    @asynccontextmanager
    async def _in_one_go(self) -> AsyncIterator[None]:
        """Paint nothing in between, and all at the end as one picture."""
        if not self._app.holds_back:
            await self._app.sent()
            await self._painted()
        with self._app.one_picture():
            with self._app.batch_update():
                yield
            await self._painted()

    async def _painted(self) -> None:
        """Wait until nothing is left to be painted: a layout changes sizes, and these what is drawn."""
        for _ in range(_MOST_PAINTS):
            before = self._app.held_back
            await self._settle()
            await self._app.animator.wait_until_complete()
            await _done((self._app, self._app.call_after_refresh))
            if self._app.held_back == before:
                break

    async def _settle(self) -> None:
        quiet = 0
        while quiet < _ROUNDS:
            app = self._app
            pumps = app, *app.screen_stack, *app.screen.query("*"), self._bench.board
            await _done(*((pump, pump.call_later) for pump in pumps))
            # the models' worker ends only when somebody has chosen one
            asked = app.screen is not self._bench
            busy = any(
                worker.group in _WAITED_FOR and not worker.is_finished
                for worker in app.workers
                if not (asked and worker.group == "models")
            )
            quiet = 0 if busy else quiet + 1
            if busy:
                await asyncio.sleep(0.002)

    # --- what is said ---

    def _caption(self, moment: Moment) -> None:
        panel = self._bench.query_one(CaptionPanel)
        panel.title = f"{self.lesson.title} · {self._at + 1} of {len(self._moments)}"
        panel.before, panel.text = moment.before, moment.text
        panel.redraw()

    def _conclude(self, moment: Moment) -> None:
        """Say what is not as it should be."""
        for sentence in self._wrong(moment.step) if moment.acts else ():
            if sentence not in self.failures:
                self.failures.append(sentence)
            self._bench.say(f"This lesson is out of date. {sentence}", "bad")
        if self._bench.query_one(MessageLine).text in ("", self._about_size):
            (columns, rows), size = self.lesson.size, self._bench.size
            small = size.width < columns or size.height < rows
            here = f"this terminal has {size.width}x{size.height}"
            text = f"This lesson is made for {columns}x{rows} cells; {here}, so less is shown."
            self._about_size = text if small else ""
            self._bench.say(self._about_size)

    def _wrong(self, step: Step) -> Iterator[str]:
        """Yield what a step expects and does not find; without an answer that is all of it."""
        file, decoding, refusal = safe_line(self.lesson.path.name), self._bench.decoding, self._bench.refusal
        for expectation in step.expectations:
            if refusal is not None or decoding is None:
                failure = f"expected {safe_line(expectation.text)}, but there is no answer. {refusal or ''}"
            else:
                failure = expectation.failure(decoding) or ""
            if failure:
                yield f"{file}, line {expectation.line}: {failure.rstrip(' .')}."
        asks = step.source is not None or step.prompt is not None or step is self.lesson.steps[0]
        if refusal is not None and asks and not step.expectations:
            yield f"{file}, line {step.line}: {refusal}"

    def _source(self, name: str) -> Configuration:
        if name == BUNDLED:
            return Configuration(model=BUNDLED)
        return Configuration(replay=self.lesson.path.parent / name)


_Post = Callable[[Callable[[], object]], bool]


async def _done(*posts: tuple[MessagePump, _Post]) -> None:
    """Wait until each widget, if it is still there, has come to what is posted to it now."""
    posted = []
    for pump, post in posts:
        done = asyncio.Event()
        post(done.set)
        posted.append((pump, done))
    for pump, done in posted:
        while pump.is_running and not done.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), 0.1)
