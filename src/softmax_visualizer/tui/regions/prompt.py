"""The editor of the prompt: Enter asks, and earlier prompts come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from softmax_visualizer.display.labels import character_for_character


class SafeTextArea(TextArea):
    """An editor that writes nothing to the terminal that is not safe; its text stays as it is.

    Its cursor does not blink: over a slow line and in a recording that is nothing but bytes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # Ctrl+Z, which Textual has for this, is the shell's
        Binding("ctrl+underscore", "undo", "undo", tooltip="Take the last edit back"),
    ]

    cursor_blink = False
    mask: Callable[[str], str] = str
    """Hides secrets in a line, with a character for each of theirs."""

    def get_line(self, line_index: int) -> Text:
        """Return a line as it may be written to the terminal."""
        line = super().get_line(line_index)
        line.plain = self.mask(character_for_character(line.plain))
        return line


class PromptEditor(SafeTextArea):
    """A multi-line editor that keeps all lines of a paste, with a history of what was asked.

    Enter asks and Escape does not; both leave the editor.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j", "newline", "new line", tooltip="Start a new line in the prompt"),
    ]

    class Asked(Message):
        """The person wants an answer to ``prompt``."""

        def __init__(self, prompt: str) -> None:
            super().__init__()
            self.prompt = prompt

    class Left(Message):
        """The person goes back to the board."""

    def __init__(
        self, text: str, history: list[str], mask: Callable[[str], str], *, id: str | None = None
    ) -> None:
        super().__init__(
            text,
            id=id,
            soft_wrap=True,
            show_line_numbers=False,
            tab_behavior="focus",
            highlight_cursor_line=False,
        )
        self.mask = mask
        self._history = history
        self._position = len(history)
        self._draft = ""
        self.move_cursor(self.document.end)

    def show(self, prompt: str) -> None:
        """Hold another text, with the cursor at its end; one that was not asked goes into the history."""
        if self.text not in self._history:
            self.remember(self.text)
        self.text = prompt
        self.move_cursor(self.document.end)

    def remember(self, prompt: str) -> None:
        """Add a prompt to the history."""
        if prompt and (not self._history or self._history[-1] != prompt):
            self._history.append(prompt)
        self._position = len(self._history)

    def action_newline(self) -> None:
        """Start a new line, as Enter does elsewhere."""
        self.insert("\n")

    def on_key(self, event: events.Key) -> None:
        """Ask, go back to the board, or bring an earlier prompt back; all else is the editor's."""
        handled = True
        if event.key == "enter":
            self.post_message(self.Asked(self.text))
        elif event.key == "escape":
            self.post_message(self.Left())
        elif event.key == "up" and self.cursor_at_first_line:
            handled = self._recall(-1)
        elif event.key == "down" and self.cursor_at_last_line:
            handled = self._recall(1)
        elif event.key.startswith("alt+") and event.is_printable:
            # a key of the board's, which types nothing
            event.prevent_default()
            return
        else:
            handled = False
        if handled:
            event.stop()
            event.prevent_default()

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Whether a key is the editor's to type: none with Alt is."""
        return not key.startswith("alt+") and super().check_consume_key(key, character)

    def _recall(self, step: int) -> bool:
        position = self._position + step
        if not 0 <= position <= len(self._history):
            return False
        if self._position == len(self._history):
            self._draft = self.text
        self._position = position
        self.text = self._draft if position == len(self._history) else self._history[position]
        # on the line from which the same key goes on to the next prompt
        line = 0 if step < 0 else self.document.line_count - 1
        self.move_cursor((line, len(self.document[line])))
        return True
