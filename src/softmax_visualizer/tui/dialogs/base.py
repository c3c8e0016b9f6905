"""The kinds of dialogs: a page to read, a value to type, names to choose one of or to mark."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from softmax_visualizer.display.labels import safe_line

if TYPE_CHECKING:
    from softmax_visualizer.tui.terminal.app import TerminalApp

_MOST = 500
"""Names that are offered at once; of more, those with what is typed in them."""

_BACK: list[BindingType] = [Binding("escape,q", "dismiss", "back")]


_Result = TypeVar("_Result")


class Dialog(ModalScreen[_Result]):
    """A small screen that goes away once, however often that is asked for in a burst of keys.

    While a lesson is played it leaves the caption free.
    """

    def on_mount(self) -> None:
        """Stay below the caption of a lesson."""
        for caption in self.app.screen_stack[0].query("#caption"):
            if caption.display:
                self.styles.align = ("center", "bottom")
                self.query_one(".dialog").styles.max_height = self.app.size.height - caption.region.bottom

    def dismiss(self, result: _Result | None = None) -> AwaitComplete:
        """Go away with a result, unless that has happened already."""
        if self.is_current:
            return super().dismiss(result)
        nothing: AwaitComplete = AwaitComplete.nothing()  # type: ignore[no-untyped-call]  # Textual leaves it so
        return nothing


class PageScreen(Dialog[None]):
    """A page to read: the help, or a request."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *_BACK,
        Binding("question_mark,i,enter", "dismiss", "back", show=False),
    ]

    def __init__(self, title: str, content: Text | Table | Group) -> None:
        super().__init__()
        self._title, self._content = title, content

    def compose(self) -> ComposeResult:
        """Lay out the lines in a box that scrolls."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = "Esc goes back"
            yield Static(self._content)


class ValueScreen(Dialog[str]):
    """Asks for a value; gives back the text, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "back")]

    def __init__(self, question: str, value: str) -> None:
        super().__init__()
        self._question, self._value = question, value

    def compose(self) -> ComposeResult:
        """Lay out one line to type in."""
        with Vertical(classes="dialog small") as box:
            box.border_title = self._question
            box.border_subtitle = "Enter sets it, Esc goes back"
            field = Input(self._value, select_on_focus=True)
            field.cursor_blink = False
            yield field

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the typed text back."""
        self.dismiss(event.value)


class ChoiceScreen(Dialog[str]):
    """Offers names; gives back the chosen one, or nothing.

    ``fetch``: brings the names, where they are not known yet. Keys wait for them; Escape goes back at once.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "back"),
        Binding("down", "app.focus_next", "to the names", show=False),
    ]

    def __init__(
        self,
        title: str,
        names: Sequence[str] = (),
        current: str = "",
        *,
        fetch: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        super().__init__()
        self._title, self._names, self._current, self._fetch = title, list(names), current, fetch
        self._offered: list[str] = []

    def compose(self) -> ComposeResult:
        """Lay out the names, the current one under the cursor."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = "Enter chooses, Esc goes back"
            yield OptionList()

    def on_mount(self) -> None:
        """Offer the names, or have them brought."""
        super().on_mount()
        if self._fetch is None:
            self._offer("")
        else:
            self.run_worker(self._wait(self._fetch), group="fetch", exit_on_error=False)

    async def _wait(self, fetch: Callable[[], Awaitable[Sequence[str]]]) -> None:
        names, box = self.query_one(OptionList), self.query_one(".dialog")
        said, box.border_subtitle = box.border_subtitle, "asking for the names, Esc cancels"
        with cast("TerminalApp", self.app).keys_wait():
            self._names = list(await fetch())
            box.border_subtitle = said
            if len(self._names) > _MOST:
                field = Input(placeholder=f"a part of one of {len(self._names):,} names")
                field.cursor_blink = False
                await box.mount(field, before=names)
                field.focus()
            self._offer("")

    def _offer(self, part: str) -> None:
        """Offer the names with this part; more than anybody reads would take seconds to lay out."""
        found = [name for name in self._names if part.casefold() in name.casefold()]
        self._offered = found[:_MOST]
        names = self.query_one(OptionList)
        names.clear_options().add_options(Option(Text(safe_line(name, 70))) for name in self._offered)
        names.highlighted = self._offered.index(self._current) if self._current in self._offered else 0

    def on_input_changed(self, event: Input.Changed) -> None:
        """Offer the names with what is typed in them."""
        self._offer(event.value)

    def on_input_submitted(self) -> None:
        """Choose the name under the cursor."""
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Give the chosen name back."""
        self.dismiss(self._offered[event.option_index])


class MarksScreen(Dialog[frozenset[int]]):
    """Offers names to mark; gives back the numbers of the marked ones, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "back"),
        Binding("space", "mark", "mark", priority=True),
    ]

    def __init__(self, title: str, names: Sequence[str], marked: frozenset[int]) -> None:
        super().__init__()
        self._title, self._names, self._marked = title, list(names), set(marked)

    def compose(self) -> ComposeResult:
        """Lay out the names, each with its mark."""
        with Vertical(classes="dialog small") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = "space marks, Enter takes them, Esc goes back"
            yield OptionList(*(Option(self._line(index)) for index in range(len(self._names))))

    def _line(self, index: int) -> Text:
        return Text(f"{'✓' if index in self._marked else ' '} {self._names[index]}")

    def action_mark(self) -> None:
        """Mark the name under the cursor, or take its mark away."""
        names = self.query_one(OptionList)
        if names.highlighted is not None:
            self._marked ^= {names.highlighted}
            names.replace_option_prompt_at_index(names.highlighted, self._line(names.highlighted))

    def on_option_list_option_selected(self) -> None:
        """Give the marked ones back."""
        self.dismiss(frozenset(self._marked))
