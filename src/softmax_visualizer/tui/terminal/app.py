"""The outermost layer of the app: keys in order, a terminal that is left as it was, and no secret on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.color import ColorSystem
from rich.console import Console
from textual.binding import Binding, BindingType
from textual.filter import LineFilter

from softmax_visualizer.tui.terminal import pictures, private
from softmax_visualizer.tui.terminal.order import InOrder
from softmax_visualizer.tui.terminal.palette import Palette
from softmax_visualizer.tui.terminal.pictures import PictureApp

if TYPE_CHECKING:
    from textual.driver import Driver


def _let_alt_digits_be() -> None:
    """Take Esc and a digit for Alt with it: Textual takes it for the sign that Option types on macOS.

    There, a terminal either types the sign by itself, or means Alt as everywhere else.
    """
    if private.known(private.SEQUENCES):
        from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

        table = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
        for digit in "1234567890":
            table.pop(f"\x1b{digit}", None)


class TerminalApp(InOrder, PictureApp):
    """An app that does right by its terminal, whatever it shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        _let_alt_digits_be()
        # where something fails, Textual prints the values of variables, among which a key could be
        self.error_console = Console(quiet=True)

    @property
    def failure(self) -> BaseException | None:
        """The error that ended the app, if one did."""
        return getattr(self, "_exception", None)

    def _fatal_error(self) -> None:
        # no need to render what is not printed
        self._close_messages_no_wait()

    def get_driver_class(self) -> type[Driver]:
        """Return the driver for this system, with our ways in a terminal of Linux or macOS."""
        driver = super().get_driver_class()
        # there is no such terminal on Windows
        if driver.__module__ != "textual.drivers.linux_driver" or not private.known(private.DRIVER):
            return driver
        if pictures.KNOWN:
            from softmax_visualizer.tui.terminal.line import LineDriver

            return LineDriver
        from softmax_visualizer.tui.terminal.driver import OwnTerminal

        return OwnTerminal

    def get_css_variables(self) -> dict[str, str]:
        """Return the theme's colours, which the style sheet and the roles have in common."""
        names = {"standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT}
        system = names.get(self.console.color_system or "", ColorSystem.TRUECOLOR)
        self.palette = Palette(super().get_css_variables(), system)
        """The style of each role in the theme of the moment."""
        self.theme_variables = self.palette.variables
        return self.palette.variables

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what each line goes through before it is shown."""
        filters = super().get_line_filters()
        if not self.no_color:
            return filters
        from softmax_visualizer.tui.terminal.colorless import Colorless

        return [*filters, Colorless()]
