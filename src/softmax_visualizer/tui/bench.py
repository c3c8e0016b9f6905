"""The decoder bench: the prompt, the knobs, and what they make of the model's distribution."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, get_args
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import get_current_worker

from softmax_visualizer.decoding.settings import PRESETS, SettingsError
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.tui import crash
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
from softmax_visualizer.tui.cells import COMPONENT_CLASSES, CellView
from softmax_visualizer.tui.keys import BOARD_KEYS, KEYS, KEYS_OF_VIEWS, PROMPT_KEYS, VIEW_KEYS
from softmax_visualizer.tui.knobs import Knobs, spoken
from softmax_visualizer.tui.prompt import PromptEditor
from softmax_visualizer.tui.session import ModelSession
from softmax_visualizer.tui.spans import compositor

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Decoding
    from softmax_visualizer.models.base import ModelAnswer
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder


_QUESTIONS = {
    "temperature": "Temperature, 0 or more",
    "top_p": "Top-p, 0 to 1",
    "top_k": "Top-k, empty for off",
    "min_p": "Min-p, 0 to 1",
}


class BenchScreen(Screen[None]):
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
    ) -> None:
        super().__init__()
        self._compositor = compositor()
        self._session = ModelSession(configuration, recorder)
        self._prompt = prompt
        self._history = history
        self._knobs = Knobs()
        self._answer: ModelAnswer | None = None
        self._decoding: Decoding | None = None
        self._redraw_is_due = False
        self._seed = seed
        self._random = random.Random(seed)
        self._draws = 0
        self._drawn: int | None = None
        self._tables = ""

    @property
    def _configuration(self) -> Configuration:
        return self._session.configuration

    def compose(self) -> ComposeResult:
        """Lay out the regions from top to bottom."""
        yield Header(id="header")
        yield PromptEditor(self._prompt, self._history, id="prompt")
        yield KnobLine(id="knobs")
        yield SettingsLine(id="settings")
        yield BoardView(id="board")
        yield StatisticsLine(id="statistics")
        yield MessageLine(id="message")
        yield KeyLine(id="keys")
        yield TooSmall(id="sentence")

    # --- asking ---

    def on_mount(self) -> None:
        """Put the cursor on the board and ask about the first prompt, so that there is something to see."""
        self.set_focus(self.query_one(BoardView))
        header = self.query_one(Header)
        if self._configuration.source == "openai":
            header.model = self._configuration.model or "default model"
            header.detail = self._configuration.endpoint
        else:
            header.model = self._configuration.source
        self.query_one(PromptEditor).remember(self._prompt)
        # after the first frame: what it needs takes longer to import than all that went before
        self.call_after_refresh(self.ask, self._prompt)

    @on(PromptEditor.Asked)
    def _prompt_was_asked(self, event: PromptEditor.Asked) -> None:
        self.ask(event.prompt)

    @work(exclusive=True, group="ask", exit_on_error=False)
    async def ask(self, prompt: str, again: bool = False) -> None:
        """Ask the model about a prompt; a newer question cancels an older one."""
        board, started = self.query_one(BoardView), time.monotonic()
        board.waiting = "asking the model"
        self._say_state("asking", "wait")
        # an answer that comes at once needs no mark on the picture before it
        patience = self.set_timer(0.3, self._mark_old)
        clock = self.set_interval(
            1, lambda: self._say_state(f"asking {time.monotonic() - started:.0f} s", "wait")
        )
        try:
            await self._session.open()
            started = time.monotonic()
            answer = await self._session.ask(prompt, again=again)
        except ModelError as error:
            self._failed(str(error))
        except Exception as error:
            # a slip in reading an answer is no reason to take the screen away from a class
            where = await asyncio.to_thread(crash.report, error, self._configuration.redact)
            self._failed(f"This answer met an error of the program's own ({type(error).__name__}). {where}")
        else:
            if not get_current_worker().is_cancelled:
                self._arrived(answer, time.monotonic() - started)
        finally:
            clock.stop()
            patience.stop()

    def _arrived(self, answer: ModelAnswer, seconds: float) -> None:
        board = self.query_one(BoardView)
        self._answer, board.old, board.top = answer, "", 0
        self._forget_draw()
        header = self.query_one(Header)
        header.model = answer.model
        took = f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
        self._say_state(f"● {took}", "good")
        notes = " ".join([*answer.notes, *answer.distribution.notes])
        if notes:
            self._say(notes, "wait")
        elif answer.source == "bundled" and self._configuration.source == "bundled":
            self._say("Bundled 4-gram model. To see your own, set OPENAI_API_KEY or OPENAI_BASE_URL.")
        else:
            self._say("")
        self._redraw()

    def _failed(self, sentence: str) -> None:
        board = self.query_one(BoardView)
        self._say_state("● failed", "bad")
        self._say(sentence, "bad")
        board.waiting = "no answer yet"
        self._mark_old()

    def _mark_old(self) -> None:
        """Say that the picture is that of an earlier prompt."""
        if self._answer is not None:
            self.query_one(BoardView).old = "old"
            self.query_one(Header).detail = f"the picture is of: {safe_line(self._answer.prompt, 30)}"
        self._redraw()

    def _say(self, text: str, role: str = "faint") -> None:
        self.query_one(MessageLine).show(text, role)

    def _say_state(self, text: str, role: str) -> None:
        header = self.query_one(Header)
        header.state = (text, role)
        header.redraw()

    # --- drawing the screen ---

    def _turn_to(self, knobs: Knobs) -> None:
        if knobs == self._knobs:
            return
        self._knobs = knobs
        self._forget_draw()
        self._redraw_soon()

    def _redraw_soon(self) -> None:
        """Redraw once all keys that have come in are dealt with: a held key ends on its last value."""
        if not self._redraw_is_due:
            self._redraw_is_due = True
            self.call_later(self._redraw)

    def _redraw(self) -> None:
        self._redraw_is_due = False
        board, statistics_line = self.query_one(BoardView), self.query_one(StatisticsLine)
        if self._answer is not None:
            from softmax_visualizer.decoding import decode
            from softmax_visualizer.display.panels import certainty, coverage
            from softmax_visualizer.display.statistics import statistics

            self._decoding = decode(self._answer.distribution, self._knobs.settings)
            statistics_line.certainty = certainty(self._decoding)
            statistics_line.phrases = statistics(self._decoding, statistics_line.room())
            if not board.old:
                host = urlsplit(self._answer.endpoint or "").netloc
                self.query_one(Header).detail = " · ".join(filter(None, (coverage(self._decoding), host)))
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
            self.set_focus(self.query_one(BoardView))
        self.query_one(PromptEditor).styles.max_height = max(3, min(8, event.size.height // 4))
        self._redraw_soon()

    @on(events.DescendantFocus)
    def _show_keys(self) -> None:
        line, view = self.query_one(KeyLine), self.query_one(BoardView).view
        if isinstance(self.focused, PromptEditor):
            line.keys = PROMPT_KEYS
        elif view in KEYS_OF_VIEWS:
            line.keys = (*BOARD_KEYS[:2], *KEYS_OF_VIEWS[view], BOARD_KEYS[-1])
        else:
            line.keys = BOARD_KEYS
        line.redraw()

    @on(BoardView.Changed)
    def _board_changed(self, event: BoardView.Changed) -> None:
        if event.said is not None:
            self._say(event.said)
        self._show_keys()
        self._redraw_soon()

    @on(BoardView.Flipped)
    def _flipped(self, event: BoardView.Flipped) -> None:
        """Take the setting that was pinned, and its answer if it is another one."""
        pin = event.pin
        if pin.answer is not self._answer:
            self._answer = pin.answer
            self._set_prompt(pin.answer.prompt)
        self._turn_to(pin.knobs)
        self._say(f"Now {pin.name}; z flips back.")
        self._redraw_soon()

    # --- actions ---

    def action_turn(self, knob: str, direction: int, coarse: bool = False) -> None:
        """Turn a knob by a step."""
        self._turn_to(self._knobs.turned(knob, direction, coarse=coarse))

    def action_preset(self, number: int) -> None:
        """Take a preset's settings; the order stays, since it is the engine's."""
        self._turn_to(replace(Knobs.of(PRESETS[number].settings), order=self._knobs.order))

    def action_reset(self) -> None:
        """Go back to the model's own probabilities."""
        self._turn_to(Knobs(order=self._knobs.order))

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
            self._turn_to(self._knobs.with_typed(knob, typed))
        except SettingsError as error:
            self._say(f"{error} The setting stays as it was.", "bad")

    def action_order(self) -> None:
        """Switch between temperature first and temperature last."""
        self._turn_to(self._knobs.with_other_order())

    def action_draw(self) -> None:
        """Draw a token as the decoder would."""
        if self._decoding is None:
            return
        from softmax_visualizer.display.draw import draw_sentence

        self._draws += 1
        chance = self._random.random()
        self._drawn = self._decoding.draw(chance)
        self._say(draw_sentence(self._decoding, self._drawn, chance, self._seed, self._draws), "drawn")
        self._redraw_soon()

    def action_take(self) -> None:
        """Add the drawn token to the prompt and ask about what comes next."""
        if self._drawn is None or self._answer is None:
            self._say("Nothing is drawn yet: space draws a token, and Enter adds it to the prompt.")
            return
        added = self._answer.distribution.token(self._drawn).whole_text
        if added is None:
            self._say("This token is part of a character, which a prompt cannot hold: draw another one.")
            return
        prompt = self._answer.prompt + added
        self._set_prompt(prompt)
        self.ask(prompt)

    def _set_prompt(self, prompt: str) -> None:
        editor = self.query_one(PromptEditor)
        editor.text = prompt
        editor.move_cursor(editor.document.end)
        editor.remember(prompt)

    def _forget_draw(self) -> None:
        if self._drawn is not None:
            self._drawn = None
            self._say("")

    def action_prompt(self) -> None:
        """Put the cursor into the prompt."""
        self.set_focus(self.query_one(PromptEditor))

    def action_again(self) -> None:
        """Ask about the prompt once more."""
        self.ask(self.query_one(PromptEditor).text, again=True)

    def action_back(self) -> None:
        """Step back from a request that is under way, or from a view to the histograms."""
        if self.workers.cancel_group(self, "ask"):
            # said here, since a request that a newer one cancelled may end after that one has begun
            self._say_state("cancelled", "faint")
        else:
            self.query_one(BoardView).action_show("histograms")

    @work(exclusive=True, group="models", exit_on_error=False)
    async def action_models(self) -> None:
        """Let the person choose one of the models that the server names."""
        from softmax_visualizer.models.bundled import BUNDLED
        from softmax_visualizer.tui.dialogs import ChoiceScreen

        self._say("Asking the server for its models.")
        names: tuple[str, ...] = ()
        try:
            names = await self._session.names()
            self._say("")
        except ModelError as error:
            self._say(str(error), "bad")
        current = self._answer.model if self._answer else BUNDLED
        if self._configuration.replay is None:
            names = (*names, BUNDLED)
        chosen = await self.app.push_screen_wait(ChoiceScreen("Choose a model", names, current))
        if chosen is not None:
            self._reconfigure(model=chosen)

    def action_framing(self) -> None:
        """Go on to the next way of putting the prompt to the model."""
        from softmax_visualizer.models.configuration import Framing

        if self._configuration.source != "openai":
            self._say("Framing is for chat models: nothing is asked of one here.")
            return
        framings = get_args(Framing)
        framing = framings[(framings.index(self._configuration.framing) + 1) % len(framings)]
        self._reconfigure(framing=framing)

    def _reconfigure(self, **changes: Any) -> None:
        """Ask the same prompt of another model, or in another framing."""
        self.query_one(Header).badge = ("", "good")
        former = self._session.switch(replace(self._configuration, **changes))
        if former is not None:
            self.run_worker(former.close(), group="close", exit_on_error=False)
        self.ask(self.query_one(PromptEditor).text)

    def action_request(self) -> None:
        """Show exactly what is sent, without the key."""
        from softmax_visualizer.tui.dialogs import PageScreen

        request = self._session.request(self.query_one(PromptEditor).text)
        # indentation is ours, all else may be anybody's text
        lines = [(line, line.lstrip(" ")) for line in request.split("\n")]
        text = "\n".join(" " * (len(line) - len(rest)) + safe_line(rest) for line, rest in lines)
        text = text or "Nothing is sent: the answers come from this machine."
        self.app.push_screen(PageScreen("The request", Text(text)))

    @work(exclusive=True, group="check", exit_on_error=False)
    async def action_check(self) -> None:
        """Find out what the server can do, show it, and keep the result in the header."""
        if self._configuration.source != "openai":
            self._say("The answers come from this machine: there is no server to check.")
            return
        from softmax_visualizer.tui.dialogs import PageScreen

        self._say("Asking the server a few questions of one token each.")
        try:
            rows, scale = await self._session.check()
        except ModelError as error:
            self._say(str(error), "bad")
            return
        self._say("")
        header = self.query_one(Header)
        header.badge = (scale, "good" if scale == "raw" else "wait")
        header.redraw()
        found = Table.grid(padding=(0, 2))
        for heading, phrase in rows:
            found.add_row(Text(heading, "dim", no_wrap=True), Text(safe_line(phrase)))
        self.app.push_screen(PageScreen(f"What {safe_line(self._configuration.endpoint, 60)} can do", found))

    @work(exclusive=True, group="take")
    async def action_copy(self) -> None:
        """Copy the request for the current setting to the clipboard of the person's terminal."""
        if self._answer is not None:
            from softmax_visualizer.tui.taking import copy_request

            self._say(*await copy_request(self.app, self._answer, self._knobs))

    @work(exclusive=True, group="take")
    async def action_save(self) -> None:
        """Save a picture, the numbers or the request; a file that is there already only if so wished."""
        if self._answer is not None:
            from softmax_visualizer.tui.taking import save

            pins = [(pin.answer, pin.knobs) for pin in self.query_one(BoardView).pins]
            self._say(*await save(self.app, self._answer, self._knobs, pins))

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
