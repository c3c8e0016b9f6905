"""The least that a Textual application with a prompt is: an input, a text and a footer."""

from textual.app import App, ComposeResult
from textual.widgets import Footer, Input, Static


class Minimal(App[None]):
    """A prompt, a text and a line of keys."""

    BINDINGS = [("ctrl+q", "quit", "Quit")]  # noqa: RUF012 (Textual's own form)

    def compose(self) -> ComposeResult:
        """Lay out the three."""
        yield Input(placeholder="A prompt")
        yield Static("An answer")
        yield Footer()


if __name__ == "__main__":
    Minimal().run()
