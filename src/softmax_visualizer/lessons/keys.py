"""The keys that a lesson may press."""

from softmax_visualizer.display.keys import DEFAULT_KEYS, actions_in, typed_key
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.lessons.error import LessonError, did_you_mean

_ARROWS = ("left", "right", "up", "down")

_NAMES = dict.fromkeys(
    (
        *_ARROWS,
        *(f"{modifier}+{arrow}" for modifier in ("shift", "alt") for arrow in _ARROWS),
        *(f"alt+{digit}" for digit in range(1, 10)),
        *(f"f{number}" for number in range(1, 6)),
        "enter", "escape", "space", "tab", "shift+tab", "backspace", "delete", "home", "end",
        "pageup", "pagedown",
    )
)  # fmt: skip

_REFUSED = {
    "q": "quit the program",
    "ctrl+q": "quit the program",
    "ctrl+c": "quit the program",
    "f9": "leave itself",
    # how the screen looks is the presenter's choice, and going back would not undo it
    **dict.fromkeys(("f6", "f7", "f8", "l", "ctrl+l"), "change how the screen is presented"),
    # a stranger's lesson must not write its own text where it likes
    "w": "save files",
    "y": "write to the clipboard",
}

ALLOWED = (
    "single characters but l, q, w and y, left, right, up and down (also as shift+left or alt+left), "
    "alt+1 to alt+9, f1 to f5, enter, escape, space, tab, shift+tab, backspace, delete, home, end, "
    "pageup and pagedown, or an action such as pin, which docs/configuration.md lists"
)
"""The keys, for a person who wrote another."""


def read_key(text: str) -> str:
    """Return the key that a lesson presses: named as Textual names it, or by the action whose key it is.

    A key stands for what it does where nobody has moved it, so that a lesson plays under any keymap.

    Raises:
        LessonError: it is none of those, or would do what a lesson cannot.
    """
    shown = safe_line(text, 40)
    key = typed_key(DEFAULT_KEYS[text][0]) if text in DEFAULT_KEYS else text
    if key in _REFUSED:
        raise LessonError(f'"{shown}" cannot be pressed: a lesson cannot {_REFUSED[key]}.')
    # a space is as printable as a letter, but nobody can count the spaces in a list of keys
    if (
        text not in DEFAULT_KEYS
        and key not in _NAMES
        and (len(key) != 1 or key == " " or not key.isprintable())
    ):
        near = did_you_mean(key, (*_NAMES, *DEFAULT_KEYS))
        raise LessonError(f'"{shown}" is not a key that a lesson can press.{near} It can press {ALLOWED}.')
    return key


def check_named(text: str) -> None:
    """Check that every ``{key:action}`` in a text names an action.

    Raises:
        LessonError: there is no such action.
    """
    for action in actions_in(text):
        if action not in DEFAULT_KEYS:
            near = did_you_mean(action, DEFAULT_KEYS)
            raise LessonError(f'"{{key:{safe_line(action, 40)}}}" names no action.{near}')
