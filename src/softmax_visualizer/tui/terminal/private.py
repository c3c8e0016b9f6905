"""One door to Textual's private parts: it stays shut where a part is not as it was when this was written.

A newer Textual may drop or change them without a word. What is built on a part that has changed then steps
aside, and the app does as Textual does: keys, colours and pictures are less exact, but nothing fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

_APP = "textual.app:App"
_COMPOSITOR = "textual._compositor"
_DRIVER = "textual.drivers.linux_driver:LinuxDriver"

DRIVER = {
    f"{_DRIVER}.__init__": "self app debug mouse size",
    f"{_DRIVER}._get_terminal_size": "self",
    f"{_DRIVER}._run_input_thread": "self",
    f"{_DRIVER}.run_input_thread": "self",
    f"{_DRIVER}.start_application_mode": "self",
    f"{_DRIVER}.stop_application_mode": "self",
    f"{_DRIVER}.suspend_application_mode": "self",
    f"{_DRIVER}.resume_application_mode": "self",
    f"{_DRIVER}.disable_input": "self",
    f"{_DRIVER}.write": "self data",
    f"{_DRIVER}.close": "self",
    f"{_DRIVER}.process_message": "self message",
    **dict.fromkeys(
        (
            f"{_DRIVER}.{name}"
            for name in ("_file", "fileno", "exit_event", "_writer_thread", "_must_signal_resume")
        ),
        "",
    ),
    **dict.fromkeys(
        (f"textual.driver:Driver.{name}" for name in ("_app", "_debug", "_loop", "_size", "_auto_restart")),
        "",
    ),
    "textual._xterm_parser:XTermParser.__init__": "self debug",
    "textual._xterm_parser:XTermParser.feed": "self data",
    "textual._xterm_parser:XTermParser.tick": "self",
}
"""What :mod:`softmax_visualizer.tui.terminal.driver` is built on, each with its parameters, if any."""

FAILURE = {
    f"{_APP}._fatal_error": "self",
    f"{_APP}._close_messages_no_wait": "self",
    f"{_APP}._exception": "",
}
"""What keeps the values of variables, and so keys, off the terminal where the program fails."""

PICTURES = {
    f"{_APP}._display": "self screen renderable",
    f"{_APP}._end_batch": "self",
    **dict.fromkeys(
        (
            f"{_APP}.{name}"
            for name in (
                "_background_screens", "_batch_count", "_closed",
                "_running", "_screen_stack", "_sync_available",
            )
        ),
        "",
    ),
    f"{_APP}._driver": "",
    "textual.screen:Screen._compositor": "",
    f"{_COMPOSITOR}:Compositor.render_update": "self full screen_stack simplify",
    f"{_COMPOSITOR}:LayoutUpdate.__init__": "self strips region",
    "textual._ansi_sequences:SYNC_START": "",
    "textual._ansi_sequences:SYNC_END": "",
    "rich.console:Console._color_system": "",
    "rich.style:Style._attributes": "",
    "rich.style:Style._set_attributes": "",
}  # fmt: skip
"""What sending no more than the difference between two pictures is built on."""


SEQUENCES = {"textual._ansi_sequences:ANSI_SEQUENCES_KEYS": ""}
"""What says which keys a terminal means by what it sends."""

KEYS = {"textual.keys:_character_to_key": "character"}
"""What names the key of a character that is neither a letter nor a digit, for a lesson to press it."""


def known(parts: Mapping[str, str]) -> bool:
    """Return whether all of these parts are there, and take the parameters that they took."""
    return all(_is_known(place, parameters) for place, parameters in parts.items())


def _is_known(place: str, parameters: str) -> bool:
    module, _, path = place.partition(":")
    owner, _, name = path.rpartition(".")
    try:
        holder: Any = import_module(module)
        holder = getattr(holder, owner) if owner else holder
    except (ImportError, AttributeError):
        return False
    part = getattr(holder, name, None)
    if part is None:
        # what each object of a class gets
        return bool(owner) and any(name in each.__init__.__code__.co_names for each in _own(holder))
    return not parameters or list(inspect.signature(part).parameters) == parameters.split()


def _own(holder: type) -> list[Any]:
    return [each for each in holder.__mro__ if "__init__" in vars(each) and each is not object]
