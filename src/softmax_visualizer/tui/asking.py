"""Asking the model: the part of the bench that knows where answers come from, and how a request stands."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from textual import on, work
from textual.screen import Screen
from textual.worker import Worker, get_current_worker

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.tui import crash
from softmax_visualizer.tui.bars import Header, MessageLine
from softmax_visualizer.tui.board import BoardView
from softmax_visualizer.tui.prompt import PromptEditor
from softmax_visualizer.tui.session import ModelSession

if TYPE_CHECKING:
    from softmax_visualizer.models.base import ModelAnswer
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder
    from softmax_visualizer.tui.lesson import LessonPlayer


class AskingScreen(Screen[None]):
    """A screen with a prompt and a board, whose requests never hold up its keys."""

    player: LessonPlayer | None = None
    """Plays a lesson, while there is one."""

    def __init__(self, configuration: Configuration, recorder: Recorder | None = None) -> None:
        super().__init__()
        self._session = ModelSession(configuration, recorder)
        self._answer: ModelAnswer | None = None
        self.refusal: str | None = None
        """Why there is no answer to what was asked last; None if there is one."""

    @property
    def board(self) -> BoardView:
        """Where the decoding is looked at."""
        return self.query_one(BoardView)

    @property
    def _configuration(self) -> Configuration:
        return self._session.configuration

    def show_answer(self) -> None:
        """Draw the answer of the moment."""
        raise NotImplementedError

    def forget_draw(self) -> None:
        """Drop what was drawn from the answer before."""
        raise NotImplementedError

    @work(exclusive=True, group="ask", exit_on_error=False)
    async def ask(self, prompt: str, again: bool = False) -> None:
        """Ask the model about a prompt; a newer question cancels an older one."""
        started, known = time.monotonic(), not again and self._session.knows(prompt)
        self.board.waiting = "asking the model"
        self._say_state("asking", "wait")
        # an answer that comes at once needs no mark on the picture before it
        patience = self.set_timer(0.3, self._mark_old, pause=self.player is not None)
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
                self._arrived(answer, None if known else time.monotonic() - started)
        finally:
            clock.stop()
            patience.stop()

    @on(PromptEditor.Asked)
    def _prompt_was_asked(self, event: PromptEditor.Asked) -> None:
        self.ask(event.prompt)

    def _arrived(self, answer: ModelAnswer, seconds: float | None) -> None:
        self._answer, self.board.old, self.board.top = answer, "", 0
        self.refusal = None
        self.forget_draw()
        header = self.query_one(Header)
        header.model = answer.model
        if self.player is not None:
            # a time that is never the same twice would make two recordings of a lesson differ
            took = ""
        elif seconds is None:
            took = "asked before"
        else:
            took = f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
        self._say_state(f"● {took}".rstrip(), "good")
        notes = " ".join([*self._configuration.notes, *answer.notes, *answer.distribution.notes])
        if notes:
            self.say(notes, "wait")
        elif answer.source == self._configuration.source == "bundled" and self.player is None:
            self.say("Bundled 4-gram model. To see your own, set OPENAI_API_KEY or OPENAI_BASE_URL.")
        else:
            self.say("")
        self.show_answer()

    def _failed(self, sentence: str) -> None:
        self.refusal = sentence
        self._say_state("● failed", "bad")
        self.say(sentence, "bad")
        self.board.waiting = "no answer yet"
        self._mark_old()

    def _mark_old(self) -> None:
        """Say that the picture is that of an earlier prompt."""
        if self._answer is not None:
            self.board.old = "old"
            self.query_one(Header).detail = f"the picture is of: {safe_line(self._answer.prompt, 30)}"
        self.show_answer()

    def say(self, text: str, role: str = "faint") -> None:
        """Show a sentence to the person."""
        self.query_one(MessageLine).show(text, role)

    def _say_state(self, text: str, role: str) -> None:
        header = self.query_one(Header)
        header.state = (text, role)
        header.redraw()

    def put(self, configuration: Configuration | None, prompt: str | None) -> Worker[None]:
        """Ask of another source, or about another prompt, or both; return what waits for the answer."""
        if prompt is not None:
            self.set_prompt(prompt)
        if configuration is not None and configuration != self._configuration:
            self._switch(configuration)
        return self.ask(self.query_one(PromptEditor).text)

    def set_prompt(self, prompt: str) -> None:
        """Put a text into the prompt's editor."""
        editor = self.query_one(PromptEditor)
        editor.show(prompt)
        editor.remember(prompt)

    # --- actions ---

    def action_again(self) -> None:
        """Ask about the prompt once more."""
        self.ask(self.query_one(PromptEditor).text, again=True)

    def action_back(self) -> None:
        """Step back from a request that is under way, or from a view to the histograms."""
        if self.workers.cancel_group(self, "ask"):
            # said here, since a request that a newer one cancelled may end after that one has begun
            self._say_state("cancelled", "faint")
        else:
            self.board.action_show("histograms")

    @work(exclusive=True, group="models", exit_on_error=False)
    async def action_models(self) -> None:
        """Let the person choose one of the models that the server names."""
        from softmax_visualizer.tui.endpoint import choose_model

        self.say("Asking the server for its models.")
        names: tuple[str, ...] = ()
        try:
            names = await self._session.names()
            self.say("")
        except ModelError as error:
            self.say(str(error), "bad")
        current = self._answer.model if self._answer else ""
        chosen = await choose_model(self.app, self._session, names, current)
        if chosen is not None:
            self._reconfigure(model=chosen)

    def action_framing(self) -> None:
        """Go on to the next way of putting the prompt to the model."""
        from softmax_visualizer.models.configuration import Framing

        if self._configuration.source != "openai":
            self.say("Framing is for chat models: nothing is asked of one here.")
            return
        framings = get_args(Framing)
        framing = framings[(framings.index(self._configuration.framing) + 1) % len(framings)]
        self._reconfigure(framing=framing)

    def _reconfigure(self, **changes: Any) -> None:
        """Ask the same prompt of another model, or in another framing."""
        self._switch(replace(self._configuration, **changes))
        self.ask(self.query_one(PromptEditor).text)

    def _switch(self, configuration: Configuration) -> None:
        self.query_one(Header).badge = ("", "good")
        former = self._session.switch(configuration)
        if former is not None:
            self.run_worker(former.close(), group="close", exit_on_error=False)

    def action_request(self) -> None:
        """Show exactly what is sent, without the key."""
        from softmax_visualizer.tui.endpoint import request_page

        self.app.push_screen(request_page(self._session, self.query_one(PromptEditor).text))

    @work(exclusive=True, group="check", exit_on_error=False)
    async def action_check(self) -> None:
        """Find out what the server can do, show it, and keep the result in the header."""
        if self._configuration.source != "openai":
            self.say("The answers come from this machine: there is no server to check.")
            return
        from softmax_visualizer.tui.endpoint import check_page

        self.say("Asking the server a few questions of one token each.")
        try:
            rows, scale = await self._session.check()
        except ModelError as error:
            self.say(str(error), "bad")
            return
        self.say("")
        header = self.query_one(Header)
        header.badge = (scale, "good" if scale == "raw" else "wait")
        header.redraw()
        self.app.push_screen(check_page(self._session, rows))
