"""The decoder bench: the prompt, the knobs, and what they make of the model's distribution."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, TextArea
from textual.worker import Worker, WorkerError

from softmax_visualizer.decoding.settings import PRESETS, SettingsError
from softmax_visualizer.tui.asking import AskingScreen
from softmax_visualizer.tui.bars import (
    SMALLEST,
    Header,
    KeyLine,
    KnobLine,
    MessageLine,
    SettingsLine,
    StatisticsLine,
    TooSmall,
)
from softmax_visualizer.tui.board import BoardView
from softmax_visualizer.tui.caption import CaptionPanel
from softmax_visualizer.tui.cells import COMPONENT_CLASSES, CellView
from softmax_visualizer.tui.keys import BOARD_KEYS, KEYS, KEYS_OF_VIEWS, LESSON_KEYS, PROMPT_KEYS, VIEW_KEYS
from softmax_visualizer.tui.knobs import Knobs, spoken
from softmax_visualizer.tui.prompt import PromptEditor
from softmax_visualizer.tui.spans import compositor

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Decoding
    from softmax_visualizer.decoding.settings import DecodingSettings
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder
    from softmax_visualizer.tui.moments import LessonStart


_QUESTIONS = {
    "temperature": "Temperature, 0 or more",
    "top_p": "Top-p, 0 to 1",
    "top_k": "Top-k, empty for off",
    "min_p": "Min-p, 0 to 1",
}


class BenchScreen(AskingScreen):
    """Prompt and board; it asks the model once a prompt, and decodes at every turn of a knob."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENT_CLASSES
    BINDINGS: ClassVar[list[BindingType]] = [*KEYS]

    def __init__(
        self,
        configuration: Configuration,
        prompt: str,
        seed: int,
        history: list[str],
        recorder: Recorder | None = None,
        lesson: LessonStart | None = None,
        settings: DecodingSettings | None = None,
    ) -> None:
        super().__init__(configuration, recorder)
        self._compositor = compositor()
        self._prompt = prompt
        self._history = history
        self._knobs = Knobs() if settings is None else Knobs.of(settings)
        self._decoding: Decoding | None = None
        self._redraw_is_due = False
        self._seed = seed
        self._random = random.Random(seed)
        self._draws = 0
        self._drawn: int | None = None
        self._tables = ""
        self._lesson = lesson
        self._before_lesson: tuple[Configuration, str] | None = None
        self.failures: list[str] = []
        """What lessons expected and did not find."""

    @property
    def decoding(self) -> Decoding | None:
        """What is shown, once there is something."""
        return self._decoding

    @property
    def knobs(self) -> Knobs:
        """Where the knobs stand."""
        return self._knobs

    @property
    def state(self) -> object:
        """All that a person can change, to find out whether somebody has."""
        field = self.app.focused
        return (
            self.query_one(PromptEditor).text,
            field.text if isinstance(field, TextArea) else field.value if isinstance(field, Input) else "",
            self._answer,
            self._knobs,
            self._draws,
            self.board.state,
            self.app.screen,
            isinstance(self.app.focused, PromptEditor),
        )

    def compose(self) -> ComposeResult:
        """Lay out the regions from top to bottom."""
        yield Header(id="header")
        yield CaptionPanel(id="caption")
        yield PromptEditor(self._prompt, self._history, self._configuration.mask, id="prompt")
        yield KnobLine(id="knobs")
        yield SettingsLine(id="settings")
        yield BoardView(id="board")
        yield StatisticsLine(id="statistics")
        yield MessageLine(id="message")
        yield KeyLine(id="keys")
        yield TooSmall(id="sentence")

    def on_mount(self) -> None:
        """Put the cursor on the board and ask about the first prompt, so that there is something to see."""
        self.set_focus(self.board)
        self._name_source()
        self.query_one(PromptEditor).remember(self._prompt)
        if self._lesson is not None:
            self.teach(self._lesson)
        else:
            # after the first frame: what it needs takes longer to import than all that went before
            self.call_after_refresh(self.ask, self._prompt)

    def _name_source(self) -> None:
        """Say in the header who is asked, until the first answer says more."""
        header = self.query_one(Header)
        if self._configuration.source == "openai":
            header.model = self._configuration.model or "default model"
            header.detail = self._configuration.endpoint
        else:
            header.model, header.detail = self._configuration.source, ""

    # --- lessons ---

    def teach(self, start: LessonStart) -> None:
        """Play a lesson from its beginning."""
        from softmax_visualizer.tui.lesson import LessonPlayer

        if self._before_lesson is None:
            self._before_lesson = self._configuration, self.query_one(PromptEditor).text
        self.player = LessonPlayer(self, start.lesson, auto=start.auto, speed=start.speed)
        for what in start.presenting:
            self.action_present(what)
        self.run_worker(self.player.play(self.player.lower_curtain()), group="lesson", exclusive=True)
        self._show_keys()

    def leave_lesson(self) -> None:
        """Go back to what was asked before the lesson; the settings stay for the person to try out."""
        self.workers.cancel_group(self, "lesson")
        self.player = None
        self.query_one(CaptionPanel).remove_class("playing")
        for _ in self.app.screen_stack[1:]:
            self.app.screen.dismiss(None)
        if self._before_lesson is not None:
            self._take_leave(self.put(*self._before_lesson))
            self._before_lesson = None
        self._show_keys()

    @work
    async def _take_leave(self, asked: Worker[None]) -> None:
        """Say that the lesson is over, after all that the answer to the former prompt has said."""
        with suppress(WorkerError):
            await asked.wait()
            if self.refusal is None:
                self.say("That was the lesson. F9 lists them all.")

    def start_over(self, configuration: Configuration, prompt: str) -> None:
        """Put everything where it is at a start, and ask about a prompt."""
        self._knobs, self._draws, self._drawn = Knobs(), 0, None
        self._random, self._tables = random.Random(self._seed), ""
        # where nothing is answered, nothing that was there before is to be seen
        self._answer = self._decoding = None
        line = self.query_one(StatisticsLine)
        line.phrases, line.certainty, self.board.caption = (), "", ()
        self.board.start_over()
        self.set_focus(self.board)
        self.put(configuration, prompt)
        self._name_source()

    # --- drawing the screen ---

    def turn_to(self, knobs: Knobs) -> None:
        """Take a position of all knobs."""
        if knobs == self._knobs:
            return
        self._knobs = knobs
        self.forget_draw()
        self._redraw_soon()

    def _redraw_soon(self) -> None:
        """Redraw once all keys that have come in are dealt with: a held key ends on its last value."""
        if not self._redraw_is_due:
            self._redraw_is_due = True
            self.call_later(self.show_answer)

    def show_answer(self) -> None:
        """Decode the answer at the current setting, and draw what changed."""
        self._redraw_is_due = False
        board, statistics_line = self.board, self.query_one(StatisticsLine)
        if self._answer is not None:
            from softmax_visualizer.decoding import decode
            from softmax_visualizer.display.panels import certainty, coverage
            from softmax_visualizer.display.statistics import statistics

            self._decoding = decode(self._answer.distribution, self._knobs.settings)
            statistics_line.certainty = certainty(self._decoding)
            statistics_line.phrases = statistics(self._decoding, statistics_line.room())
            if not board.old:
                recorded = "recorded" if self._answer.source == "recording" else ""
                host = urlsplit(self._answer.endpoint or "").netloc
                self.query_one(Header).detail = " · ".join(
                    filter(None, (coverage(self._decoding), recorded, host))
                )
        board.decoding, board.answer, board.knobs = self._decoding, self._answer, self._knobs
        board.drawn = self._drawn
        settings_line = self.query_one(SettingsLine)
        settings_line.knobs = self.query_one(KnobLine).knobs = self._knobs
        board.redraw()
        settings_line.caption = board.caption
        for view in self.query(CellView):
            if view is not board:
                view.redraw()

    def on_resize(self, event: events.Resize) -> None:
        """Make room for a sentence where there is too little for the bench."""
        small = event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1]
        self.set_class(small, "too-small")
        if not small and self.focused is None:
            # what is not shown loses the focus
            self.set_focus(self.board)
        self.query_one(PromptEditor).styles.max_height = max(3, min(8, event.size.height // 4))
        self._redraw_soon()

    @on(events.DescendantFocus)
    def _show_keys(self) -> None:
        line, view = self.query_one(KeyLine), self.board.view
        if isinstance(self.focused, PromptEditor):
            line.keys = PROMPT_KEYS
        elif self.player is not None:
            line.keys = LESSON_KEYS
        elif view in KEYS_OF_VIEWS:
            line.keys = (*BOARD_KEYS[:2], *KEYS_OF_VIEWS[view], BOARD_KEYS[-1])
        else:
            line.keys = BOARD_KEYS
        line.redraw()

    @on(BoardView.Changed)
    def _board_changed(self, event: BoardView.Changed) -> None:
        if event.said is not None:
            self.say(event.said)
        self._show_keys()
        self._redraw_soon()

    @on(BoardView.Flipped)
    def _flipped(self, event: BoardView.Flipped) -> None:
        """Take the setting that was pinned, and its answer if it is another one."""
        pin = event.pin
        if pin.answer is not self._answer:
            # a request that is under way would put its own answer in the place of this one
            self.workers.cancel_group(self, "ask")
            source = self._session.source_of(pin.answer)
            if source is not None and source != self._configuration:
                self._switch(source)
            self._say_state("●", "good")
            self._answer, self.board.old = pin.answer, ""
            self.refusal = None
            self.query_one(Header).model = pin.answer.model
            self.forget_draw()
            self.query_one(PromptEditor).show(pin.answer.prompt)
        self.turn_to(pin.knobs)
        self.say(f"Now {pin.name}; z flips back.")
        self._redraw_soon()

    # --- actions ---

    def action_turn(self, knob: str, direction: int, coarse: bool = False) -> None:
        """Turn a knob by a step."""
        self.turn_to(self._knobs.turned(knob, direction, coarse=coarse))

    def action_preset(self, number: int) -> None:
        """Take a preset's settings; the order stays, since it is the engine's."""
        self.turn_to(replace(Knobs.of(PRESETS[number].settings), order=self._knobs.order))

    def action_reset(self) -> None:
        """Go back to the model's own probabilities."""
        self.turn_to(Knobs(order=self._knobs.order))

    @work(exclusive=True, group="lessons")
    async def action_lessons(self) -> None:
        """Let the person choose a built-in lesson; one that is being played is left."""
        if self.player is not None:
            self.leave_lesson()
            return
        from softmax_visualizer.tui.moments import LessonStart, choose_lesson

        chosen = await choose_lesson(self.app)
        if chosen is not None:
            self.teach(LessonStart(chosen))

    def action_present(self, what: str) -> None:
        """Switch one of the presenter's comforts: the keys shown, the caption larger, no line of keys."""
        if what == "keys":
            header = self.query_one(Header)
            header.keystrokes = None if header.keystrokes is not None else []
            header.redraw()
        elif what == "large":
            caption = self.query_one(CaptionPanel)
            caption.large = not caption.large
            caption.refresh(layout=True)
            caption.redraw()
        else:
            self.query_one(KeyLine).toggle_class("hidden")

    @work
    async def action_type(self, knob: str) -> None:
        """Let the person type a value; a wrong one is explained and changes nothing."""
        value = getattr(self._knobs, knob)
        from softmax_visualizer.tui.dialogs import ValueScreen

        shown = "" if value is None else str(value) if isinstance(value, int) else spoken(value)
        typed = await self.app.push_screen_wait(ValueScreen(_QUESTIONS[knob], shown))
        if typed is None:
            return
        try:
            self.turn_to(self._knobs.with_typed(knob, typed))
        except SettingsError as error:
            self.say(f"{error} The setting stays as it was.", "bad")

    def action_order(self) -> None:
        """Switch between temperature first and temperature last."""
        self.turn_to(self._knobs.with_other_order())

    def action_draw(self) -> None:
        """Draw a token as the decoder would."""
        if self._decoding is None:
            return
        from softmax_visualizer.display.draw import draw_sentence

        self._draws += 1
        chance = self._random.random()
        self._drawn = self._decoding.draw(chance)
        self.say(draw_sentence(self._decoding, self._drawn, chance, self._seed, self._draws), "drawn")
        self._redraw_soon()

    def action_take(self) -> None:
        """Add the drawn token to the prompt and ask about what comes next."""
        if self._drawn is None or self._answer is None:
            self.say("Nothing is drawn yet: space draws a token, and Enter adds it to the prompt.")
            return
        added = self._answer.distribution.token(self._drawn).whole_text
        if added is None:
            self.say("This token is part of a character, which a prompt cannot hold: draw another one.")
            return
        prompt = self._answer.prompt + added
        self.set_prompt(prompt)
        self.ask(prompt)

    def forget_draw(self) -> None:
        """Drop the drawn token, since what it was drawn from is no longer there."""
        if self._drawn is not None:
            self._drawn = None
            self.say("")

    def action_prompt(self) -> None:
        """Put the cursor into the prompt."""
        self.set_focus(self.query_one(PromptEditor))

    @work(exclusive=True, group="take")
    async def action_copy(self) -> None:
        """Copy the request for the current setting to the clipboard of the person's terminal."""
        if self._answer is not None:
            from softmax_visualizer.tui.taking import copy_request

            self.say(*await copy_request(self.app, self._answer, self._knobs))

    @work(exclusive=True, group="take")
    async def action_save(self) -> None:
        """Save a picture, the numbers or the request; a file that is there already only if so wished."""
        if self._answer is not None:
            from softmax_visualizer.tui.taking import save

            pins = [(pin.answer, pin.knobs) for pin in self.board.pins]
            self.say(*await save(self.app, self._answer, self._knobs, pins))

    @work(exclusive=True, group="take")
    async def action_judge(self) -> None:
        """Let the person paste two printed tables, and say whether one model can have printed both."""
        from softmax_visualizer.display.printed_tables import TUTORIAL
        from softmax_visualizer.tui.dialogs import TablesScreen

        tables = TablesScreen(self._tables or TUTORIAL)
        await self.app.push_screen_wait(tables)
        self._tables = tables.text

    def action_light(self) -> None:
        """Switch between the light and the dark theme."""
        self.app.theme = "textual-light" if self.app.current_theme.dark else "textual-dark"

    def action_help(self) -> None:
        """Show every key and what it does."""
        from softmax_visualizer.tui.dialogs import PageScreen
        from softmax_visualizer.tui.help import help_page

        self.app.push_screen(PageScreen("Help", help_page([*KEYS, *VIEW_KEYS])))
