"""The keys, by what they do: a person may have moved them, and every text names those that hold.

A program has one keymap, and it is there before the first text is: so it is the one thing here that is not
handed from function to function. :func:`rebind` sets it at the start.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping

DEFAULT_KEYS: Mapping[str, tuple[str, ...]] = {
    "temperature-down": ("left", "alt+left", "f2"),
    "temperature-up": ("right", "alt+right", "f3"),
    "temperature-down-faster": ("shift+left",),
    "temperature-up-faster": ("shift+right",),
    "top-p-down": ("down", "alt+down", "f4"),
    "top-p-up": ("up", "alt+up", "f5"),
    "top-p-down-faster": ("shift+down",),
    "top-p-up-faster": ("shift+up",),
    **{f"preset-{number}": (str(number), f"alt+{number}") for number in range(1, 5)},
    "reset": ("r",),
    "undo": ("u",),
    "redo": ("U",),
    "type-temperature": ("t",),
    "type-top-p": ("p",),
    "type-top-k": ("k",),
    "type-min-p": ("n",),
    "order": ("o",),
    "engine": ("E",),
    "axis": ("a",),
    "sample-token": ("space",),
    "take": ("enter",),
    "next-candidate": ("tab",),
    "candidate-before": ("shift+tab",),
    "take-back": ("backspace",),
    "write": ("G",),
    "tokens-to-write": ("L",),
    "token-before": ("comma",),
    "next-token": ("full_stop",),
    "first-place": ("home",),
    "last-place": ("end",),
    "unsure-before": ("less_than_sign",),
    "next-unsure": ("greater_than_sign",),
    "next-cut": ("exclamation_mark",),
    "branches": ("B",),
    "server-answer": ("W",),
    "score": ("P",),
    "prompt": ("slash",),
    "ask-again": ("ctrl+r",),
    "all-tokens": ("D",),
    "pin": ("x",),
    "unpin": ("X",),
    "flip": ("z",),
    # the views, by their names
    "compare": ("c",),
    "sweep": ("s",),
    "map": ("h",),
    "decide": ("d",),
    "orders": ("b",),
    "nucleus": ("N",),
    "table": ("v",),
    "timeline": ("T",),
    "sample": ("S",),
    "counts": ("M",),
    "answers": ("A",),
    "how-many": ("asterisk",),
    "server-samples": ("V",),
    "further-tokens": ("pagedown",),
    "earlier-tokens": ("pageup",),
    "acceptable": ("g",),
    "rival": ("R",),
    "length": ("number_sign",),
    "reliability": ("percent_sign",),
    "copy": ("y",),
    "save": ("w",),
    "judge": ("j",),
    "choose-model": ("m",),
    "framing": ("f",),
    "request": ("i",),
    "check": ("e",),
    "light": ("l",),
    "repaint": ("ctrl+l",),
    "lessons": ("f9",),
    "show-keys": ("f6",),
    "large-caption": ("f7",),
    "hide-keys": ("f8",),
    "help": ("question_mark", "f1"),
    "back": ("escape",),
    "quit": ("q", "ctrl+q"),
}
"""Every action of the screen, and its keys as Textual names them, where nobody has moved them."""

_RENAMED = {
    "solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at", "hyphen_minus": "minus",
    "plus_sign": "plus", "low_line": "underscore",
}  # fmt: skip
"""What Textual calls signs that Unicode calls something else."""


def _sign_name(sign: str) -> str:
    name = unicodedata.name(sign).lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name)


_SIGNS = {_sign_name(sign): sign for sign in string.punctuation}

_SPOKEN = {
    "left": "←", "right": "→", "up": "↑", "down": "↓", "escape": "Esc", "space": "space", "enter": "Enter",
    "pageup": "PgUp", "pagedown": "PgDn", "backspace": "Backspace", "tab": "Tab", "home": "Home",
    "end": "End", "insert": "Insert", "delete": "Delete", **_SIGNS, "grave_accent": "backtick",
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
}  # fmt: skip
"""The keys that have names, and what people call them."""

_SMALL = ".,;:'`\"-_|^~"
"""Signs that a sentence could have by itself."""

_MODIFIERS = ("ctrl", "alt", "shift")

FALLBACK = "ctrl+p"
"""The command palette's key, which leads to what has no key of its own."""

_RESERVED = ("ctrl+q", "ctrl+z", "ctrl+c", FALLBACK)

_moved: dict[str, tuple[str, ...]] = {}


def rebind(moved: Mapping[str, tuple[str, ...]]) -> None:
    """Give actions other keys from now on, as :func:`read_keymap` returns them; all others have their own."""
    _moved.clear()
    _moved.update(moved)


def keys_of(action: str) -> tuple[str, ...]:
    """Return the keys of an action as Textual names them; none if other actions took all of them."""
    if action in _moved:
        return _moved[action]
    taken = {key for keys in _moved.values() for key in keys}
    return tuple(key for key in DEFAULT_KEYS[action] if key not in taken)


def key_for(action: str) -> str:
    """Return the first key of an action for a sentence: as people call it, a small sign in quotation marks.

    For an action without a key it is the palette's, with the words that find it there.
    """
    keys = keys_of(action)
    if not keys:
        return f"{spoken_key(FALLBACK)} “{palette_words(action)}”"
    spoken = spoken_key(keys[0])
    return f"“{spoken}”" if spoken in _SMALL else spoken


def palette_words(action: str) -> str:
    """Return what finds an action in the command palette."""
    return re.sub(r"(top|min) ([pk])\b", r"\1-\2", action.replace("-", " "))


def with_keys(text: str) -> str:
    """Return a text of the program's own, with an action's key in the place of each ``{key:action}``."""
    return _PLACE.sub(lambda place: key_for(place[1]) if place[1] in DEFAULT_KEYS else place[0], text)


_PLACE = re.compile(r"\{key:([a-z0-9-]+)\}")


def actions_in(text: str) -> list[str]:
    """Return the actions whose keys a text wants to name, whether there are such actions or not."""
    return re.findall(r"\{key:([^}]*)", text)


def shown_length(text: str) -> int:
    """Return how many characters are shown of a text with ``{key:action}`` in it, whatever the keys are."""
    return len(_PLACE.sub("?", text))


def spoken_key(key: str) -> str:
    """Return a key as people call it: ``"Shift+←"`` for ``"shift+left"``."""
    *modifiers, last = key.split("+")
    # with Ctrl, a terminal knows no capital letters
    name = last.upper() if "ctrl" in modifiers and len(last) == 1 else _SPOKEN.get(last, last)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


def own_action(key: str) -> str | None:
    """Return what a key does where nobody has moved it; None if nothing."""
    return next((action for action, keys in DEFAULT_KEYS.items() if key in keys), None)


def typed_key(key: str) -> str:
    """Return a key as it is typed where it is a sign: ``"?"`` for ``"question_mark"``; others as they are."""
    return _SIGNS.get(key, key)


_ALIASES = {spoken.lower(): key for key, spoken in _SPOKEN.items()} | {"del": "delete", "return": "enter"}

_OTHERS = {"i": "tab", "m": "enter", "j": "enter", "h": "backspace"}
"""What a terminal sends with Ctrl and these letters."""


def key_named(text: str) -> str | None:
    """Return the key that a person wrote, as Textual names it: ``"question_mark"`` for ``"?"``; None if none.

    A letter with Shift is the capital letter, which is what a terminal sends.
    """
    text = text.strip()
    *modifiers, last = [text] if len(text) == 1 else text.split("+")
    modifiers = [each.lower() for each in modifiers]
    if len(last) == 1 and not last.isalnum():
        last = _sign_name(last) if last in string.punctuation else _ALIASES.get(last, "")
    elif len(last) > 1:
        last = _ALIASES.get(last.lower(), last.lower())
    single = len(last) == 1 and last.isalnum()
    if not set(modifiers) <= set(_MODIFIERS) or not (single or last in _SPOKEN):
        return None
    if modifiers == ["shift"] and single:
        return last.upper() if last.isascii() and last.isalpha() else None
    if "ctrl" in modifiers:
        # with it, a terminal sends no capital letters, hardly a sign, and some letters as other keys
        last = last.lower()
        if last in _OTHERS or last in _SIGNS or (single and not (last.isascii() and last.isalpha())):
            return None
    elif modifiers and last != last.lower():
        return None
    return "+".join([each for each in _MODIFIERS if each in modifiers] + [last])


def read_keymap(wanted: Mapping[str, str]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Read which keys actions are to have: several for one action have commas or spaces between them.

    Returns:
        the keys of each action that can have what is wanted; and for each other one a sentence that says
        why not.
    """
    from difflib import get_close_matches

    moved: dict[str, tuple[str, ...]] = {}
    refused: dict[str, str] = {}
    owners: dict[str, str] = {}
    for action, text in wanted.items():
        if action not in DEFAULT_KEYS:
            near = get_close_matches(action, DEFAULT_KEYS, 1, 0.6)
            refused[action] = "there is no such action." + (f' Did you mean "{near[0]}"?' if near else "")
            continue
        written = list(_written(text))
        keys = {each: key_named(each) for each in written}
        unknown = [each for each, key in keys.items() if key is None]
        found = tuple(key for key in dict.fromkeys(keys.values()) if key is not None)
        if unknown or not found:
            what = f'"{unknown[0]}" is no key.' if unknown else "no key is named."
            refused[action] = f"{what} Write it like p, ctrl+b, alt+left, f5 or question_mark."
        elif reserved := [key for key in found if key in _RESERVED and key not in DEFAULT_KEYS[action]]:
            refused[action] = f"{spoken_key(reserved[0])} belongs to the program itself."
        elif other := [key for key in found if key in owners]:
            refused[action] = f'"{spoken_key(other[0])}" is given to {owners[other[0]]} already.'
        else:
            moved[action] = found
            owners.update(dict.fromkeys(found, action))
    return moved, refused


def _written(text: str) -> Iterator[str]:
    # a comma at an end is a key, between others it is none
    parts = text.split()
    for at, part in enumerate(parts):
        if part == ",":
            if at in (0, len(parts) - 1):
                yield part
        else:
            yield from filter(None, part.split(","))
