"""The Textual application around the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme
from textual.widgets import Input, TextArea

from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.display.keys import key_for, rebind, spoken_key
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.models.reading import reason
from softmax_visualizer.tui.keys import KEYS, bindings
from softmax_visualizer.tui.preferences import Preferences
from softmax_visualizer.tui.reopened import with_saved
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.screen import MainScreen
from softmax_visualizer.tui.terminal.app import TerminalApp

if TYPE_CHECKING:
    from softmax_visualizer.models.answer_file import SavedAnswers
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder
    from softmax_visualizer.tui.lesson.moments import LessonStart


class SoftmaxVisualizer(TerminalApp):
    """See what temperature and top-p do to a language model's next token, live."""

    TITLE = "Softmax Visualizer"
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        configuration: Configuration,
        prompt: str,
        seed: int = 1,
        history: Sequence[str] = (),
        recorder: Recorder | None = None,
        lesson: LessonStart | None = None,
        settings: DecodingSettings | None = None,
        engine: str | None = None,
        saved: SavedAnswers | None = None,
        view: str = "histograms",
        preferences: Preferences | None = None,
    ) -> None:
        self._preferences = Preferences() if preferences is None else preferences
        self._remembering = asyncio.Lock()
        # before anything names a key
        rebind(self._preferences.keymap)
        super().__init__()
        if self._preferences.theme:
            self.theme = self._preferences.theme
        self.history = list(history)
        """The prompts that were asked, oldest first, those of former runs among them."""
        self.redact = configuration.redact
        """Takes secrets out of a text."""
        scene = Scene(configuration, prompt, seed, settings or DecodingSettings(), view=view, engine=engine)
        if saved is not None:
            scene = with_saved(scene, saved)
        keeps_history = self._preferences.keeps_history

        class BoundScreen(MainScreen):
            # Textual's own keymap comes too late where the prompt's editor is asked first what it takes
            BINDINGS: ClassVar[list[BindingType]] = [*bindings()]

        self._main = BoundScreen(scene, self.history, recorder, lesson, keeps_history=keeps_history)
        if lesson is not None and lesson.auto:
            # how many frames an animation takes is up to the machine
            self.animation_level = "none"

    def on_mount(self) -> None:
        """Remember from now on which theme is chosen."""
        if self._preferences.remember is not None:
            self.theme_changed_signal.subscribe(self, self._remember_theme)

    def _remember_theme(self, theme: Theme) -> None:
        # a lesson's audience chooses nothing for later
        if self._main.player is None:
            self.run_worker(self._remembered(theme.name), group="theme")

    async def _remembered(self, theme: str) -> None:
        assert self._preferences.remember is not None
        # one after the other, and of those that wait only the newest
        async with self._remembering:
            if theme != self.theme:
                return
            try:
                await asyncio.to_thread(self._preferences.remember, theme)
            except OSError as error:
                why = f"{error.filename or 'config.toml'} cannot be written: {reason(error)}."
            except (ValueError, RuntimeError) as error:
                why = f"{error}."
            else:
                return
        said = safe_line(f"The theme is not remembered: {why}", 300)
        self._main.update(self._main.scene.saying(said, "wait"), undoable=False)

    def copy_to_clipboard(self, text: str) -> None:
        """Send a text to the terminal's clipboard, without secrets."""
        super().copy_to_clipboard(self.redact(text))

    @property
    def failures(self) -> list[str]:
        """What the lesson that was played expected and did not find."""
        return self._main.failures

    async def on_event(self, event: events.Event) -> None:
        """Give space and backspace to a lesson that listens, and show keys if the presenter wants that."""
        player = self._main.player
        pressed = isinstance(event, (events.Key, events.MouseDown, events.Paste)) and not event.is_forwarded
        # before any binding: an editor that has the focus would take them for itself
        if pressed and player is not None and player.takes(event):
            return
        if isinstance(event, events.Key) and not event.is_forwarded:
            typing = isinstance(self.focused, (Input, TextArea)) and event.is_printable
            if not typing:
                self._main.saw(spoken_key(event.key))
        await super().on_event(event)

    def action_help_quit(self) -> None:
        """Say what quits: Ctrl+C belongs to copying."""
        self._main.update(self._main.scene.saying(f"{key_for('quit')} quits, and so does Ctrl+Q."))

    def get_default_screen(self) -> Screen[None]:
        """Return the one screen."""
        return self._main

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every action of the screen in the command palette, besides Textual's own themes."""
        for key in KEYS:
            run = partial(self.call_later, self.run_action, key.action, self._main)
            yield SystemCommand(f"{key.title} ({key.spoken})" if key.spoken else key.title, key.tooltip, run)
        yield SystemCommand("Theme", "Choose the colours", self.action_change_theme)
        yield SystemCommand("Screenshot", "Save the screen as an SVG picture", self.deliver_screenshot)
