"""Playing a lesson on the screen: by itself, or under the hand of a teacher.

Each moment leaves a scene behind, which is what going back, and returning from what the audience tried out,
shows again. All that follows from a key is painted in one go, so that two recordings of a lesson hold the
same frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from math import isinf
from typing import TYPE_CHECKING, Protocol, cast

from textual import events
from textual.widgets import Input, TextArea

from softmax_visualizer.display.keys import keys_of, own_action
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.lessons.error import LessonError
from softmax_visualizer.lessons.lesson import BUNDLED, Lesson, Step
from softmax_visualizer.lessons.listing import find_lesson
from softmax_visualizer.lessons.prediction import (
    Judged,
    Prediction,
    changed,
    longest_verdict,
    sampled,
    verdict,
)
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui import actions
from softmax_visualizer.tui.dialogs.base import MarksScreen
from softmax_visualizer.tui.keys import action_of, passes_by
from softmax_visualizer.tui.knobs import with_value
from softmax_visualizer.tui.lesson.moments import LessonStart, Moment, moments
from softmax_visualizer.tui.lesson.watching import saved_lessons
from softmax_visualizer.tui.scene import Caption, Scene
from softmax_visualizer.tui.stage import Stage
from softmax_visualizer.tui.terminal import private
from softmax_visualizer.tui.terminal.app import TerminalApp

if TYPE_CHECKING:
    from textual.message_pump import MessagePump
    from textual.worker import Worker

_KEY_PAUSE = 0.35
"""Seconds between two keys that a lesson presses."""

_WAITED_FOR = ("ask", "write", "count", "survey", "judge", "check", "fetch")
"""Groups of workers whose end a moment waits for."""

_ROUNDS = 3
"""Times that all queues are emptied before things are taken to be settled: a key is a chain of messages."""

_MOST_PAINTS = 10
"""Times that it is waited for what follows from a paint; something that moves all the time has no end."""


class LessonStage(Stage, Protocol):
    """What a lesson needs of the screen that it is played on."""

    failures: list[str]
    player: LessonPlayer | None

    @property
    def touched(self) -> object:
        """All that somebody could have changed."""

    def ask(self) -> Worker[None]:
        """Ask about the scene's prompt."""

    def stop(self) -> None:
        """Stop what is being asked or written."""

    def teach(self, start: LessonStart) -> None:
        """Play a lesson from its beginning."""

    def leave_lesson(self) -> None:
        """Go back to what was there before the lesson."""


class LessonPlayer:
    """Plays one lesson on a screen.

    ``failures``: what the lesson expected and did not find, as sentences with the place in the file.
    """

    def __init__(self, stage: LessonStage, start: LessonStart) -> None:
        self._take(start.lesson)
        self.failures = stage.failures
        self._stage = stage
        self._auto, self._speed = start.auto, start.speed
        first = self.lesson.steps[start.step - 1]
        # the moment that is shown, the first one, and the one at which it stopped last to wait for somebody
        self._at = self._first = self._stood = next(
            number for number, moment in enumerate(self._moments) if moment.step is first
        )
        # until the first moment is there
        self._busy = True
        self._hurry = asyncio.Event()
        self._own: events.Key | None = None
        self._held: list[events.Event] = []
        self._left_as: object = None

    def _take(self, lesson: Lesson) -> None:
        """Have a lesson to play, of which nothing was played yet."""
        self.lesson = lesson
        self._moments = moments(lesson)
        self._longest = tuple(map(_at_its_longest, (each for each in self._moments if not each.ends)))
        self._predicted: dict[int, int] = {}
        """What was predicted, and below what came true: options by the number of the answer's moment."""
        self._came: dict[int, int] = {}
        self._left: dict[int, Scene] = {}
        """The scenes in which moments ended, but for those with a dialog, of which a scene knows nothing."""

    @property
    def _app(self) -> TerminalApp:
        return cast(TerminalApp, self._stage.app)

    # --- what the person does ---

    def takes(self, event: events.Event) -> bool:
        """Return whether a key, a click or a paste is the lesson's, rather than the bench's or a dialog's.

        Space and backspace are, unless somebody types. What comes while a moment is being played hurries it
        and is kept for afterwards; the first space does no more than hurry.
        """
        key = event.key if isinstance(event, events.Key) else ""
        if event is self._own or key in ("ctrl+q", "ctrl+z"):
            return False
        returned = bool(self._held) and event is self._held[0]
        if self._busy or (self._held and not returned):
            # a click is meant for what was on the screen
            if not isinstance(event, events.MouseDown):
                self._hold(event)
            return True
        if returned:
            del self._held[0]
        move = None if self._somebody_types else self._moves.get(key)
        if move is not None:
            move()
        self._return_held()
        return move is not None

    @property
    def _moves(self) -> dict[str, Callable[[], None]]:
        """What the keys do that are the lesson's at this moment."""
        moves: dict[str, Callable[[], None]] = {"space": self.go_on, "backspace": self.go_back}
        moment = self._moments[self._at]
        if moment.ends and self.lesson.next is not None and not (self._explored or self._auto):
            moves["enter"] = self._follow
        if moment.asks is not None and not self._auto:
            for option in range(len(moment.asks.options)):
                moves[str(option + 1)] = partial(self._predict, option)
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
        if self._held and not self._busy and self._stage.player is self:
            self._stage.app.post_message(self._held[0])

    @property
    def _somebody_types(self) -> bool:
        """Whether space and backspace are for what somebody has opened."""
        app = self._stage.app
        field = isinstance(app.focused, (Input, TextArea)) or isinstance(app.screen, MarksScreen)
        return field and self._explored

    @property
    def _explored(self) -> bool:
        """Whether somebody has changed something since the lesson stopped to wait."""
        return self._stage.touched != self._left_as

    def go_on(self) -> None:
        """Show the next moment, or return to this one if somebody has tried something out."""
        if self._auto:
            self._hurry.set()
        elif self._explored:
            self._hurry.set()
            self._start(self._return_to(self._at))
        elif self._at + 1 < len(self._moments):
            self._predicted.pop(self._at + 1, None)
            self._at += 1
            self._start(self._show(self._at))
        else:
            self._stage.leave_lesson()

    def go_back(self) -> None:
        """Show the moment before."""
        if not self._auto:
            self._hurry.set()
            self._start(self._return_to(max(self._at - 1, 0)))

    def _predict(self, option: int) -> None:
        """Keep what is predicted, and show the answer, after a return from what somebody has tried out."""
        self._predicted[self._at + 1] = option
        self._start(self._reveal(self._at, self._explored))

    async def _reveal(self, question: int, explored: bool) -> None:
        if explored:
            await self._return_to(question)
            self._hurry.clear()
        await self._show(question + 1)

    def _follow(self) -> None:
        """Play the lesson that follows, as fast as this one."""
        assert self.lesson.next is not None
        self._stage.teach(LessonStart(find_lesson(self.lesson.next[0]), speed=self._speed))

    def _start(self, work: Awaitable[None]) -> None:
        self._busy = True
        self._stage.run_worker(self._played(work), group="lesson", exclusive=True)

    async def _played(self, work: Awaitable[None]) -> None:
        await work
        self._rest()

    def _rest(self) -> None:
        """Stop, and let the person do something."""
        self._left_as, self._stood = self._stage.touched, self._at
        if len(self._app.screen_stack) == 1:
            self._left[self._at] = self._stage.scene
        self._busy = False
        self._hurry.clear()
        self._return_held()

    # --- playing ---

    def lower_curtain(self) -> ExitStack:
        """Make room for the captions, behind a curtain: it hides the screen until it is closed."""
        self._show_scene(replace(self._stage.scene, caption=self._caption(None)))
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
                # what comes before is played without a picture
                with self._app.batch_update():
                    await self._return_to(self._first - 1)
                    self._hurry.clear()
                    self._at = self._first
                    self._say(self._moments[self._at])
                await self._painted()
            if self._auto:
                for number, moment in enumerate(self._moments[self._first :], self._first):
                    self._busy = True
                    if number > self._first and self._explored:
                        await self._return_to(number - 1)
                    self._hurry.clear()
                    if isinf(self._speed):
                        self._hurry.set()
                    await self._show(number)
                    self._rest()
                    await self._wait(moment.pause)
                    if moment.asks is not None and moment.asks.guess is not None:
                        self._predicted[number + 1] = moment.asks.guess
                self._app.exit(return_code=1 if self.failures else 0)
                return
        await self._show(self._first)
        self._rest()

    async def follow_file(self) -> None:
        """Go on with what is saved into the lesson's file, from where the lesson stands; never ends."""
        async for found in saved_lessons(self.lesson.path):
            if self._stage.player is not self:
                return
            if isinstance(found, LessonError):
                said = f"The lesson goes on as it was: {found}"
                self._stage.update(self._stage.scene.saying(said, "bad"), undoable=False)
            else:
                self._start(self._replay(found))

    async def _replay(self, lesson: Lesson) -> None:
        """Play another version of the lesson up to the moment at which it stands, at once."""
        self._take(lesson)
        self.failures.clear()
        # another save may have come while the one before was still being played
        await self._return_to(min(self._stood, len(self._moments) - 1))
        if not self.failures:
            said = f"{safe_line(lesson.path.name)} was read again."
            self._stage.update(self._stage.scene.saying(said), undoable=False)

    async def _return_to(self, number: int) -> None:
        """Show again how a moment ended; what its scene does not hold is played once more, at once.

        Before the first moment is the question that the lesson begins with.
        """
        self._hurry.set()
        # first of all: a picture waits for what is under way
        self._stage.stop()
        async with self._in_one_go():
            await self._close_dialogs()
            left = [earlier for earlier in self._left if earlier <= number]
            if left:
                self._at = max(left)
                self._show_scene(self._left[self._at])
                self._say(self._moments[self._at])
            else:
                await self._start_over()
                self._at = -1
            for later in range(self._at + 1, number + 1):
                await self._show(later)

    async def _close_dialogs(self) -> None:
        while len(self._app.screen_stack) > 1:
            self._app.screen.dismiss(None)
            await self._settle()

    async def _start_over(self) -> None:
        await self._close_dialogs()
        seed = self._stage.scene.seed
        caption = self._stage.scene.caption
        self._show_scene(
            Scene(self._source(self.lesson.source), self.lesson.prompt, seed=seed, caption=caption)
        )
        self._stage.ask()
        await self._settle()

    def _show_scene(self, scene: Scene) -> None:
        """Show a scene, whatever the presenter has chosen since."""
        presenter = self._stage.scene.presenter
        self._stage.update(replace(scene, presenter=presenter), undoable=False)

    async def _show(self, number: int) -> None:
        """Show one moment, and check what it expects."""
        moment, before = self._moments[number], self._stage.scene
        self._at = number
        self._came.pop(number, None)
        if self._held:
            # what came before this moment could begin is meant for it as well
            self._hold(self._held[0])
        async with self._in_one_go():
            self._say(moment)
            if moment.acts:
                self._set_up(moment.step)
            await self._settle()
            if not moment.takes_time:
                self._conclude(moment, before)
        if moment.takes_time:
            await self._move(moment.step)
            await self._act(partial(self._conclude, moment, before))

    def _set_up(self, step: Step) -> None:
        scene = self._stage.scene
        if step.source is not None:
            scene = replace(scene, configuration=self._source(step.source))
        if step.prompt is not None:
            scene = replace(scene, prompt=step.prompt)
        if step.seed is not None:
            scene = replace(scene, seed=step.seed)
        for knob, value in step.settings.items():
            scene = replace(scene, settings=with_value(scene.settings, knob, value))
        self._stage.update(scene)
        if step.source is not None or step.prompt is not None:
            self._stage.ask()

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
                    await self._act(partial(self._turn, step.sweep.knob, float(value)))

    def _turn(self, knob: str, value: float) -> None:
        scene = self._stage.scene
        self._stage.update(replace(scene, settings=with_value(scene.settings, knob, value)))

    def _press(self, key: str) -> None:
        """Press a key as if the person had, or where another one does this now, that one."""
        action = own_action(_name_of_key(key))
        if action is not None and self._board_takes(key):
            now = keys_of(action)
            if not now:
                self._app.call_later(self._app.run_action, action_of(action), self._stage)
                return
            # the one that it is written with, if that is still the action's
            key = key if _name_of_key(key) in now else now[0]
        char = key if len(key) == 1 else " " if key == "space" else None
        self._own = events.Key(_name_of_key(key), char)
        self._app.post_message(self._own)

    def _board_takes(self, key: str) -> bool:
        """Whether a key does what the board has for it, rather than being typed or a dialog's."""
        app = self._app
        if len(app.screen_stack) > 1:
            return False
        return not isinstance(app.focused, (Input, TextArea)) or key == "escape" or passes_by(key)

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
            await app.all_keys_dealt_with()
            pumps = app, *app.screen_stack, *app.screen.query("*")
            await _done(*((pump, pump.call_later) for pump in pumps))
            busy = any(worker.group in _WAITED_FOR and not worker.is_finished for worker in app.workers)
            quiet = 0 if busy else quiet + 1
            if busy:
                await asyncio.sleep(0.002)

    # --- what is said ---

    def _caption(self, moment: Moment | None) -> Caption:
        """Return the caption of a moment, or an empty one of the same height."""
        if moment is None:
            return Caption("", "", "", self._longest)
        (columns, rows), size = self.lesson.size, self._app.size
        notice = f"This lesson is made for {columns}x{rows} cells: {size.width}x{size.height} shows less."
        small = size.width < columns or size.height < rows
        title = f"{self.lesson.title} · {self._at + 1} of {len(self._moments)}"
        if moment.ends:
            title += " · to remember" if self.lesson.remember else ""
            ends = "space ends this one." if self.lesson.next is not None else "Space ends this lesson."
            follows = "" if self.lesson.next is None else f"Enter: the next lesson, {self.lesson.next[1]}; "
            # not in the caption, where a line more would push the keys off a small screen
            small, notice = True, safe_line(follows + ends)
        text = moment.text
        if self._at in self._predicted and self._at in self._came:
            text += f"\n{verdict(self._judged)}"
        marks = moment.step.marks
        return Caption(title, moment.before, text, self._longest, marks, notice if small else "")

    @property
    def _judged(self) -> list[Judged]:
        """What was predicted so far, as far as it came true or did not."""
        judged = []
        for number, moment in enumerate(self._moments[: self._at + 1]):
            if moment.judges is not None and number in self._predicted and number in self._came:
                judged.append(Judged(moment.judges, self._predicted[number], self._came[number]))
        return judged

    def _say(self, moment: Moment) -> None:
        scene = replace(self._stage.scene, caption=self._caption(moment))
        # the last one says what the keys do now
        self._stage.update(replace(scene, said=None) if moment.ends else scene)

    def _conclude(self, moment: Moment, before: Scene) -> None:
        """Say what came of what was predicted, and what is not as it should be."""
        if moment.judges is not None:
            if moment.judges.about is None and "space" not in moment.step.keys:
                self._stage.update(actions.sample(self._stage.scene))
            came = _came_true(moment.judges, before, self._stage.scene)
            if came is not None:
                self._came[self._at] = came
            self._say(moment)
        for sentence in self._wrong(moment.step) if moment.acts else ():
            if sentence not in self.failures:
                self.failures.append(sentence)
            said = self._stage.scene.saying(f"This lesson is out of date. {sentence}", "bad")
            self._stage.update(said)

    def _wrong(self, step: Step) -> Iterator[str]:
        """Yield what a step expects and does not find; without an answer that is all of it."""
        file, scene = safe_line(self.lesson.path.name), self._stage.scene
        decoding = scene.decoding
        refusal = scene.request.sentence if scene.request.state == "failed" else None
        for expectation in step.expectations:
            if refusal is not None or decoding is None:
                failure = f"expected {safe_line(expectation.text)}, but there is no answer. {refusal or ''}"
            else:
                counts = None if scene.counts is None else scene.counts.counts
                failure = expectation.failure(decoding, scene.path, scene.place, counts) or ""
            if failure:
                yield f"{file}, line {expectation.line}: {failure.rstrip(' .')}."
        if step.prediction is not None and self._at not in self._came and refusal is None:
            about = step.prediction.about
            why = "no token was sampled" if about is None else f"what {safe_line(about.text)} does is unknown"
            yield f"{file}, line {step.prediction.line}: nothing can be predicted here: {why}."
        asks = step.source is not None or step.prompt is not None or step is self.lesson.steps[0]
        if refusal is not None and asks and not step.expectations:
            yield f"{file}, line {step.line}: {refusal}"

    def _source(self, name: str) -> Configuration:
        if name == BUNDLED:
            return Configuration(model=BUNDLED)
        return Configuration(replay=self.lesson.path.parent / name)


def _at_its_longest(moment: Moment) -> tuple[str, str]:
    """Return what a moment keeps for reference and what it says, with the longest verdict if there is one."""
    verdicts = "" if moment.judges is None else f"\n{longest_verdict(moment.judges)}"
    return moment.before, moment.text + verdicts


def _came_true(prediction: Prediction, before: Scene, after: Scene) -> int | None:
    """Return which option came true between two scenes; None if that is not certain."""
    if prediction.about is None:
        if after.sampled is None or after.samples == before.samples:
            return None
        return sampled(prediction, after.sampled.pin.decoding, after.sampled.index)
    if before.decoding is None or after.decoding is None:
        return None
    ends = prediction.about.of(before.decoding), prediction.about.of(after.decoding)
    return None if ends[0] is None or ends[1] is None else changed(ends[0], ends[1])


def _name_of_key(key: str) -> str:
    """Return what Textual calls a key; without its own names, signs do what they are typed for."""
    if len(key) > 1 or key.isalnum() or not private.known(private.KEYS):
        return key
    from textual.keys import _character_to_key

    return _character_to_key(key)


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
