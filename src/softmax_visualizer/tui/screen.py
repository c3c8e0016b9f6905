"""The screen: its regions, the scene that they show, and what its keys do to that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from textual import events, on, work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Input, TextArea

from softmax_visualizer.display.keys import key_for
from softmax_visualizer.models.base import SAMPLES_NOTHING
from softmax_visualizer.tui import actions
from softmax_visualizer.tui.asking import Asking
from softmax_visualizer.tui.history import write_history
from softmax_visualizer.tui.regions import answer, caption, foot, header, knobs, too_small
from softmax_visualizer.tui.regions.prompt import PromptEditor
from softmax_visualizer.tui.regions.region import Region
from softmax_visualizer.tui.sampling import Sampling
from softmax_visualizer.tui.scene import Asked, Request, Scene
from softmax_visualizer.tui.session import ModelSession
from softmax_visualizer.tui.sharpening import sharpened
from softmax_visualizer.tui.views import VIEWS
from softmax_visualizer.tui.views.view import Picture
from softmax_visualizer.tui.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.worker import Worker

    from softmax_visualizer.display.pieces import Line
    from softmax_visualizer.models.recording import Recorder
    from softmax_visualizer.tui.lesson.moments import LessonStart
    from softmax_visualizer.tui.lesson.player import LessonPlayer
    from softmax_visualizer.tui.terminal.app import TerminalApp

_MOST_UNDONE = 500
"""Changes that can be undone."""


_LEAST_BOARD = 6
"""Lines that the board has at the least, as in the style sheet."""


def _editor_lines(height: int) -> int:
    return max(3, min(8, height // 4))


class MainScreen(Screen[None]):
    """Prompt and board; it asks the model once a prompt, and decodes at every turn of a knob."""

    AUTO_FOCUS = "#board"
    player: LessonPlayer | None = None
    """Plays a lesson, while there is one."""

    def __init__(
        self,
        scene: Scene,
        history: list[str],
        recorder: Recorder | None = None,
        lesson: LessonStart | None = None,
        *,
        keeps_history: bool = False,
    ) -> None:
        super().__init__()
        self._scene = scene
        self._undone: list[Scene] = []
        self._before: list[Scene] = []
        self._picture: tuple[Scene, int, int, Picture] | None = None
        self._history = history
        self._keeps_history = keeps_history
        self._session = ModelSession(recorder, lambda part: self._asking.loaded(part))
        self._asking = Asking(self, self._session)
        self._writing = Writing(self, self._session, self._asking)
        self._sampling = Sampling(self, self._session)
        self._lesson = lesson
        self._before_lesson: Scene | None = None
        self._surveyed: Any = None
        self.failures: list[str] = []
        """What lessons expected and did not find."""

    # --- the scene ---

    @property
    def scene(self) -> Scene:
        """What is shown."""
        return self._scene

    @property
    def earlier(self) -> Sequence[Scene]:
        """The scenes that can be had back, oldest first."""
        return self._before

    def update(self, scene: Scene, *, undoable: bool = True) -> None:
        """Show another scene; what a person has chosen in it can be undone unless it is not ``undoable``."""
        before, self._scene = self._scene, scene
        if undoable and before.asked is not None and before.chosen != scene.chosen:
            self._before = [*self._before[1 - _MOST_UNDONE :], before]
            self._undone.clear()
        if scene.prompt != before.prompt and scene.prompt != self._editor.text:
            self._editor.show(scene.prompt)
        if scene.typing != before.typing:
            self.set_focus(self._editor if scene.typing else self.query_one("#board"))
        # once all keys that have come in are dealt with: a held key ends on its last value
        cast("TerminalApp", self.app).after_keys(self._redraw)

    def sharpen(self, few: Asked, whole: Asked) -> None:
        """Put a longer list in the place of a shorter one of one question, also in what can be undone."""
        self._before = [sharpened(scene, few, whole) for scene in self._before]
        self._undone = [sharpened(scene, few, whole) for scene in self._undone]
        self.update(sharpened(self._scene, few, whole), undoable=False)

    def _redraw(self) -> None:
        self._survey()
        for region in self.query(Region):
            region.show(self._scene)
        editor, scene = self._editor, self._scene
        framed = self._session.abilities(scene.configuration).framings
        title = f"Prompt · {scene.configuration.framing}" if framed else "Prompt"
        if editor.border_title != title:
            editor.border_title = title

    def _survey(self) -> None:
        """See to it that what the view needs is worked out, off the event loop."""
        scene, view = self._scene, VIEWS[self._scene.view]
        # while an answer grows, what is worked out would be old at once
        survey = None if scene.decoding is None or scene.writing else view.survey(scene)
        if survey is None:
            return
        known = scene.found[0] if scene.found is not None else None
        if survey.about not in (known, self._surveyed):
            self._surveyed = survey.about
            self._work_out(survey.about, survey.work_out)

    @work(exclusive=True, group="survey", exit_on_error=False)
    async def _work_out(self, about: Any, work_out: Callable[[], Any]) -> None:
        try:
            found = await asyncio.to_thread(work_out)
        finally:
            if self._surveyed == about:
                self._surveyed = None
        self.update(replace(self._scene, found=(about, found)))

    # --- the layout ---

    def compose(self) -> ComposeResult:
        """Lay out the regions from top to bottom."""
        scene = self._scene
        yield Region(scene, header.draw, id="header")
        yield Region(scene, caption.draw, id="caption", height=self._caption_height)
        editor = PromptEditor(scene.prompt, self._history, scene.configuration.mask, id="prompt")
        editor.styles.max_height = _editor_lines(self.app.size.height)
        yield editor
        yield Region(scene, answer.draw, id="answer", height=self._answer_height)
        yield Region(scene, knobs.draw, id="knobs", hit=knobs.hit, wheel=knobs.wheel)
        yield Region(scene, self._draw_settings, id="settings")
        board = Region(scene, self._draw_board, id="board")
        board.can_focus = True
        yield board
        yield Region(scene, foot.draw, id="foot", hit=foot.hit)
        yield Region(scene, too_small.draw, id="too-small")

    def _caption_height(self, scene: Scene, width: int) -> int:
        # header, knobs and settings have a line each, board and foot what the style sheet gives them
        editor = sum(each.outer_size.height for each in self.query(PromptEditor))
        others = 3 + _LEAST_BOARD + foot.HEIGHT + editor
        room = self.app.size.height - others - self._answer_height(scene, width)
        return caption.height(scene, width, room)

    def _answer_height(self, scene: Scene, width: int) -> int:
        return answer.height(scene, width, self.app.size.height)

    @property
    def _editor(self) -> PromptEditor:
        return self.query_one(PromptEditor)

    def _draw_board(self, scene: Scene, width: int, height: int) -> Sequence[Line]:
        return self._picture_of(scene, width, height).lines

    def _draw_settings(self, scene: Scene, width: int, height: int) -> list[Line]:
        board = self.query_one("#board")
        return knobs.draw_settings(scene, width, height, self._picture_of(scene, *board.size))

    def _picture_of(self, scene: Scene, width: int, height: int) -> Picture:
        """Return the picture, which two regions speak of and is drawn once."""
        if not (width and height):
            return Picture([])
        if (
            self._picture is None
            or self._picture[:3] != (scene, width, height)
            or self._picture[0] is not scene
        ):
            self._picture = scene, width, height, knobs.picture_of(scene, width, height)
        return self._picture[3]

    def on_mount(self) -> None:
        """Put the keys on the board and ask about the first prompt, so that there is something to see."""
        self._editor.remember(self._scene.prompt)
        if self._lesson is not None:
            self.teach(self._lesson)
        elif self._scene.asked is None:
            # after the first frame: what it needs takes longer to import than all that went before
            self.call_after_refresh(self.ask)

    def on_resize(self, event: events.Resize) -> None:
        """Make room for a sentence where there is too little for the screen."""
        smallest = too_small.SMALLEST
        small = event.size.width < smallest[0] or event.size.height < smallest[1]
        self.set_class(small, "too-small")
        if not small and self.focused is None:
            # what is not shown loses the focus
            self.set_focus(self._editor if self._scene.typing else self.query_one("#board"))
        self._editor.styles.max_height = _editor_lines(event.size.height)
        self.update(self._scene)

    @on(events.DescendantFocus)
    def _focus_moved(self) -> None:
        typing = isinstance(self.focused, PromptEditor)
        if typing != self._scene.typing:
            self.update(replace(self._scene, typing=typing))

    # --- the prompt ---

    @on(TextArea.Changed)
    def _prompt_edited(self, event: TextArea.Changed) -> None:
        if event.text_area is self._editor and self._editor.text != self._scene.prompt:
            self.update(replace(self._scene, prompt=self._editor.text))

    @on(PromptEditor.Asked)
    def _prompt_asked(self, event: PromptEditor.Asked) -> None:
        self.update(replace(self._scene, prompt=event.prompt, typing=False))
        self.ask()

    @on(PromptEditor.Left)
    def _prompt_left(self) -> None:
        self.update(replace(self._scene, typing=False))

    def ask(self, *, again: bool = False) -> Worker[None]:
        """Ask about the scene's prompt."""
        self._writing.stop()
        if self.player is None:
            self._editor.remember(self._scene.prompt)
        if self.player is None and self._keeps_history:
            redact = self._scene.configuration.redact
            prompts = [redact(prompt) for prompt in self._history]
            keep = asyncio.to_thread(write_history, prompts)
            self.run_worker(keep, group="history", exclusive=True, exit_on_error=False)
        return self._asking.ask(again=again)

    # --- lessons ---

    @property
    def touched(self) -> object:
        """All that somebody could have changed, to find out whether anybody has."""
        field, scene = self.app.focused, self._scene
        text = field.text if isinstance(field, TextArea) else field.value if isinstance(field, Input) else ""
        others = scene.configuration, scene.prompt, scene.length, scene.tables, scene.typing
        return scene.chosen, others, self.app.screen, text

    def teach(self, start: LessonStart) -> None:
        """Play a lesson from its beginning."""
        from softmax_visualizer.tui.lesson.player import LessonPlayer

        self.stop()
        if self._before_lesson is None:
            self._before_lesson = self._scene
        self.player = LessonPlayer(self, start)
        for what in start.presenting:
            self.update(actions.present(self._scene, what))
        self.run_worker(self.player.play(self.player.lower_curtain()), group="lesson", exclusive=True)
        if not start.auto:
            self.run_worker(self.player.follow_file(), group="lesson file", exclusive=True)

    def stop(self) -> None:
        """Stop what is being asked or written; what was written by then stays."""
        self._writing.stop()
        self._sampling.stop()
        self._asking.stop_deepening()
        self._cancel_request()

    def leave_lesson(self) -> None:
        """Go back to what was there before the lesson."""
        self.workers.cancel_group(self, "lesson")
        self.stop()
        self.player = None
        for _ in self.app.screen_stack[1:]:
            self.app.screen.dismiss(None)
        before, self._before_lesson = self._before_lesson, None
        if before is not None:
            self.update(replace(before, presenter=self._scene.presenter, typing=False))
            self.update(
                self._scene.saying(f"That was the lesson. {key_for('lessons')} lists them all."),
                undoable=False,
            )
            if before.asked is None:
                self.ask()
            elif not before.is_there:
                self._asking.go_on()

    # --- actions ---

    def cancel(self, group: str) -> bool:
        """Cancel the workers of a group; return whether there were any."""
        return bool(self.workers.cancel_group(self, group))

    def action_do(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Do one of :mod:`actions`."""
        self.update(getattr(actions, name)(self._scene, *arguments))

    def action_go(self, name: str, arguments: tuple[Any, ...] = ()) -> None:
        """Do one of :mod:`actions` that goes along the answer, and ask about where that leads."""
        self._writing.stop()
        before = self._scene
        scene = getattr(actions, name)(before, *arguments)
        # to walk is no change of anything
        self.update(scene, undoable=scene.tree != before.tree)
        scene = self._scene
        if (scene.place, scene.tree) != (before.place, before.tree):
            cancelled = self.cancel("ask")
            if not scene.is_there:
                self._asking.go_on()
            else:
                if cancelled:
                    self.update(replace(scene, request=Request("answered")))
                self._asking.deepen_here()

    def action_write(self) -> None:
        """Write an answer, or stop writing it."""
        if not self._writing.stop():
            self._writing.answer()

    def action_answers(self) -> None:
        """Show whole answers side by side, and write those that are not there; shown and written, go back."""
        from softmax_visualizer.tui.views.answers import wanted

        scene, settings = self._scene, wanted(self._scene)
        if scene.view == "answers" and all(map(scene.written, settings)):
            self.update(actions.histograms(scene))
            return
        self._writing.stop()
        self.update(replace(self._scene, view="answers", picture=0))
        self._writing.side_by_side(settings)

    def action_many(self) -> None:
        """Sample many tokens, or stop that; without samples to come, this is a view like any other."""
        if not self._sampling.stop():
            self._sampling.program()

    @work
    async def action_server_samples(self) -> None:
        """Have the server sample, after a word about what that costs."""
        if not self._session.abilities(self._scene.configuration).takes_settings:
            self.update(self._scene.saying(SAMPLES_NOTHING))
            return
        from softmax_visualizer.tui.dialogs import questions

        defaults = await questions.may_ask_samples(self)
        if defaults is not None:
            self._sampling.server(defaults=defaults)

    def action_server(self) -> None:
        """Take the answer that the server samples itself."""
        self._writing.stop()
        self._writing.server()

    @work
    async def action_count(self, name: str) -> None:
        """Let the person say how many tokens are written, or sampled, at once."""
        from softmax_visualizer.tui.dialogs import questions

        await questions.type_count(self, name)

    @work
    async def action_score(self) -> None:
        """Let the person type an answer, and score it."""
        from softmax_visualizer.tui.dialogs.base import ValueScreen

        text = await self.app.push_screen_wait(ValueScreen("An answer to score, as the model's own", ""))
        if text:
            self._writing.stop()
            self._writing.score(text)

    @work
    async def action_branches(self) -> None:
        """Let the person go to another branch of the answer, or name or remove this one."""
        from softmax_visualizer.tui.dialogs import branches

        chosen = await branches.choose(self)
        if chosen is not None:
            self.action_go(*chosen)

    def action_flip(self) -> None:
        """Exchange the current setting with the one that was pinned last."""
        flipped = actions.flip(self._scene)
        if flipped.asked is not self._scene.asked or flipped.prompt != self._scene.prompt:
            # a request that is under way would put its own answer in the place of this one
            self.workers.cancel_group(self, "ask")
        self.update(flipped)

    def action_undo(self) -> None:
        """Take back the last change."""
        self._go(self._before, self._undone, "There is nothing to undo.")

    def action_redo(self) -> None:
        """Do again what was undone last."""
        self._go(self._undone, self._before, "There is nothing to redo.")

    def _go(self, source: list[Scene], other: list[Scene], nothing: str) -> None:
        if not source:
            self.update(self._scene.saying(nothing))
            return
        self._writing.stop()
        self._cancel_request()
        other.append(self._scene)
        self.update(self._scene.as_chosen_in(source.pop()), undoable=False)
        if not self._scene.is_there:
            self._asking.go_on()

    def action_prompt(self) -> None:
        """Put the cursor into the prompt, with its text selected."""
        self.update(replace(self._scene, typing=True))
        self._editor.select_all()

    def action_again(self) -> None:
        """Ask once more about what the board is about."""
        if self._scene.place and self._scene.prompt == self._scene.asked_prompt:
            self._asking.go_on(again=True)
        else:
            self.ask(again=True)

    @work(exclusive=True, group="deeper", exit_on_error=False)
    async def action_deepen(self) -> None:
        """Ask for all tokens that the server lists, after a word about the cost."""
        await self._asking.deepen_on_request()

    def action_back(self) -> None:
        """Step back from a request that is under way, or from a view to the histograms."""
        if self.workers.cancel_group(self, "check"):
            self.update(self._scene.saying("The check was cancelled."))
        elif self.workers.cancel_group(self, "models"):
            self.update(self._scene.saying("No other model was chosen."))
        elif self._writing.stop():
            self.update(
                self._scene.saying(f"The answer was stopped here; {key_for('write')} writes on."),
                undoable=False,
            )
        elif self._sampling.stop():
            self.update(self._scene.saying("The samples were stopped here."), undoable=False)
        elif self._asking.stop_deepening():
            self.update(
                self._scene.saying(f"No more tokens are asked for; {key_for('all-tokens')} asks again.")
            )
        elif not self._cancel_request():
            self.update(actions.histograms(self._scene))

    def _cancel_request(self) -> bool:
        if not self.workers.cancel_group(self, "ask"):
            return False
        # said here, since a request that a newer one cancelled may end after that one has begun
        self.update(replace(self._scene, request=Request("cancelled")))
        return True

    def action_leave(self) -> None:
        """Quit, after a word where something would be lost."""
        # what a lesson pins is its own
        kept = self._scene if self._before_lesson is None else self._before_lesson
        earlier = self._before if self._before_lesson is None else ()
        warned = actions.quit_warning(self._scene, kept, earlier)
        if warned is self._scene or warned.said == self._scene.said:
            self.app.exit()
        else:
            self.update(warned)

    def saw(self, key: str) -> None:
        """Show a key that was pressed, if keys are shown."""
        presenter = self._scene.presenter
        if presenter.keystrokes is not None:
            keystrokes = (*presenter.keystrokes, key)[-4:]
            self.update(replace(self._scene, presenter=replace(presenter, keystrokes=keystrokes)))

    def action_light(self) -> None:
        """Switch between a light and a dark theme: of one name, where it has both."""
        theme = self.app.current_theme
        this, other = ("dark", "light") if theme.dark else ("light", "dark")
        name = theme.name.replace(f"-{this}", f"-{other}")
        has_both = name != theme.name and name in self.app.available_themes
        self.app.theme = name if has_both else f"textual-{other}"

    def action_repaint(self) -> None:
        """Send the whole screen again."""
        app = cast("TerminalApp", self.app)
        app.forget_screen()
        app.refresh()

    def action_help(self) -> None:
        """Show every key and what it does."""
        from softmax_visualizer.tui.dialogs.base import PageScreen
        from softmax_visualizer.tui.dialogs.help import help_page

        self.app.push_screen(PageScreen("Help", help_page()))

    def action_request(self) -> None:
        """Show the whole message, and exactly what is sent, without the key."""
        from softmax_visualizer.tui.dialogs.endpoint import request_page

        self.app.push_screen(request_page(self._session, self._scene))

    # --- actions that ask the person something ---

    @work
    async def action_type(self, knob: str) -> None:
        """Let the person type a value; a wrong one is explained and changes nothing."""
        from softmax_visualizer.tui.dialogs import questions

        await questions.type_value(self, knob)

    @work
    async def action_engine(self) -> None:
        """Let the person choose the engine whose order, and then whose knobs, are taken."""
        from softmax_visualizer.tui.dialogs import questions

        await questions.choose_engine(self)

    @work
    async def action_question(self, about: str) -> None:
        """Let the person say what they want to know; a wrong answer is explained and changes nothing."""
        from softmax_visualizer.tui.dialogs import questions

        await questions.ask(self, about)

    @work(exclusive=True, group="lessons")
    async def action_lessons(self) -> None:
        """Let the person choose a built-in lesson; one that is being played is left."""
        if self.player is not None:
            self.leave_lesson()
            return
        from softmax_visualizer.tui.dialogs.lessons import choose_lesson
        from softmax_visualizer.tui.lesson.moments import LessonStart

        chosen = await choose_lesson(self.app)
        if chosen is not None:
            self.teach(LessonStart(chosen))

    @work(exclusive=True, group="models", exit_on_error=False)
    async def action_models(self) -> None:
        """Let the person choose a model: of the server, on this machine, or the bundled one."""
        from softmax_visualizer.tui.dialogs import models

        chosen = await models.choose_model(self, self._session)
        if chosen is not None:
            self._reconfigure(**chosen)

    def action_framing(self) -> None:
        """Go on to the next way of putting the prompt to the model."""
        configuration = self._scene.configuration
        framings = self._session.abilities(configuration).framings
        if not framings:
            self.update(self._scene.saying("This model takes a prompt as it is: nothing to choose."))
            return
        at = framings.index(configuration.framing)
        self._reconfigure(framing=framings[(at + 1) % len(framings)])

    def _reconfigure(self, **changes: Any) -> None:
        """Ask the same prompt of another model, or in another framing."""
        self.update(replace(self._scene, configuration=replace(self._scene.configuration, **changes)))
        self.ask()

    @work(exclusive=True, group="check", exit_on_error=False)
    async def action_check(self) -> None:
        """Find out what the server can do, show it, and keep the result in the header."""
        from softmax_visualizer.tui.dialogs import endpoint

        await endpoint.check(self, self._session)

    @work(exclusive=True, group="take")
    async def action_copy(self) -> None:
        """Copy the request for the current setting to the clipboard of the person's terminal."""
        from softmax_visualizer.tui.dialogs import export

        await export.copy_request(self)

    @work(exclusive=True, group="take")
    async def action_save(self) -> None:
        """Save a picture, the numbers or the request; a file that is there already only if so wished."""
        from softmax_visualizer.tui.dialogs import export

        await export.save(self)

    @work(exclusive=True, group="take")
    async def action_judge(self) -> None:
        """Let the person paste two printed tables, and say whether one model can have printed both."""
        from softmax_visualizer.tui.dialogs.tables import judge

        await judge(self)
