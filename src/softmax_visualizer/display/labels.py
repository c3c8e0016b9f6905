"""Foreign text made safe and legible: tokens, prompts, model names, server messages.

A token may be a newline, an escape sequence, half a character or an override of the writing direction. What
this module returns holds none of that: every character is visible, is alone in its cells, and takes as many
of them as :func:`cell_width` says. All else in a text is spelled out: ``⏎``, ``<U+202E>``, ``<0xF0>``.

Characters of ambiguous East Asian width count as one cell, as they do in every terminal that is not told
otherwise; the blocks of which bars are made are among them.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

_ELLIPSIS = "…"

_SPACE = "␣"

_CONTROL_MARKS = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {
    "\n": "⏎",
    "\t": "⇥",
    "\x7f": "␡",
}

_OWN_MARKS = {_SPACE, *_CONTROL_MARKS.values()}

# Printable by category, and yet of no certain width, or invisible.
_SPELLED_OUT = re.compile(
    "["
    "\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff"  # Hangul letters that join into syllables, and their fillers
    "\u3164\uffa0\u2800"  # blanks that are no spaces
    "\u2630-\u2637\u268a-\u268f\u4dc0-\u4dff"  # widened by Unicode 16
    "\U0001d300-\U0001d376"  # likewise
    "\U0001d159"  # a note without a head
    "\U0001f1e6-\U0001f1ff"  # two of these make one flag
    "\U0001f3fb-\U0001f3ff"  # skin tones, which melt into what is before them
    "\ufffc\ufffd"
    "]"
)

_LONGEST_ESCAPE = len("<U+10FFFF>")

# The escapes of this module, which are cut off whole, and single characters.
_UNIT = re.compile(r"<(?:0x[0-9A-F]{2}|U\+[0-9A-F]{4,6}|empty)>|.", re.DOTALL)


def label(text: str, data: bytes | None, width: int) -> str:
    """Return a token as one row of at most ``width`` cells, with every space visible.

    ``data``: the token's bytes if they are known. They are what is shown, since a token can be part of a
    character, of which ``text`` then holds only a substitute. Bytes that are no UTF-8 appear as ``<0xF0>``.

    A longer label ends in ``…``; the empty token is ``<empty>``.
    """
    # a character has at most four bytes and at least one cell
    if data:
        units = map(_spell_byte, data[: 4 * (width + _LONGEST_ESCAPE)].decode("utf-8", "surrogateescape"))
    else:
        units = map(_spell, text or ["<empty>"])
    return _fit(units, width)


def safe_line(text: str, width: int | None = None) -> str:
    """Return any text as one row of at most ``width`` cells (None: as many as it takes).

    The escapes are those of :func:`label`, except that spaces between words stay spaces. What
    :func:`label` made comes back unchanged if it fits.
    """
    # a megabyte is not looked through, nor kept, for its first line; no character takes less than a cell
    return _safe_line(text if width is None else text[: max(0, width) + _LONGEST_ESCAPE], width)


@lru_cache(maxsize=4096)
def _safe_line(text: str, width: int | None) -> str:
    body = text.strip(" ")
    leading = len(text) - len(text.lstrip(" "))
    trailing = len(text) - len(body) - leading if body else 0
    units = (_spell_inner(unit[0]) for unit in _UNIT.finditer(body))
    line = chain(_SPACE * leading, units, _SPACE * trailing)
    return _fit(line, sys.maxsize if width is None else width)


@lru_cache(maxsize=4096)
def cell_width(text: str) -> int:
    """Return how many terminal cells a text takes that :func:`label` or :func:`safe_line` made."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def place_of(name: str, labels: Iterable[str], width: int) -> int | None:
    """Return the place of the first label that a person means by a name; None if there is none.

    A token is named as it is or as the screen shows it, with or without its first space.

    Args:
        name: what the person wrote.
        labels: tokens as :func:`label` returns them.
        width: cells of each label.
    """
    spelled = name, f"{_SPACE}{name}", label(name, None, width), label(f" {name}", None, width)
    return next((place for place, each in enumerate(labels) if each in spelled), None)


def character_for_character(text: str) -> str:
    """Return a text in which what is not safe to write has a visible stand-in, one for each character.

    For an editor, whose cursor counts characters; marks that combine with a letter stay, as they were typed.
    """
    return "".join(
        char if char.isprintable() or char == " " else _CONTROL_MARKS.get(char, "\ufffd") for char in text
    )


def pad(text: str, width: int) -> str:
    """Return a safe text with spaces after it, ``width`` cells in all; a longer one comes back unchanged."""
    return text + " " * (width - cell_width(text))


def wrap(text: str, width: int) -> list[str]:
    """Return a safe text as lines of at most ``width`` cells; only spaces where a line breaks are dropped.

    Lines break at spaces. A word that is longer than a line, such as a long address or a sentence without
    spaces, is broken where the line ends; a wide character that does not fit has a line of its own.
    """
    lines, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        fills_the_line = cell_width(word) > width and cell_width(line) <= width - 2
        if line and cell_width(joined) > width and not fills_the_line:
            lines.append(line)
            joined = word
        *full, line = _broken(joined, width)
        lines += full
    return [*lines, line]


def _broken(text: str, width: int) -> list[str]:
    lines, start, used = [], 0, 0
    for at, char in enumerate(text):
        cells = cell_width(char)
        if used + cells > width and at > start:
            lines.append(text[start:at])
            start, used = at, 0
        used += cells
    return [*lines, text[start:]]


def _spell(char: str) -> str:
    """Return a character of a token, or what is shown for it."""
    if char == " ":
        return _SPACE
    if char in _OWN_MARKS:
        return _code_point(char)
    return _spell_inner(char)


def _spell_byte(char: str) -> str:
    """Return a character of decoded bytes, where a lone surrogate stands for a byte that is no UTF-8."""
    if "\udc80" <= char <= "\udcff":
        return f"<0x{ord(char) - 0xDC00:02X}>"
    if char == "\ufffd":
        return "<0xEF><0xBF><0xBD>"
    return _spell(char)


def _spell_inner(unit: str) -> str:
    """Return a character inside a line, or what is shown for it; escapes are returned as they are."""
    if unit.isascii() and unit.isprintable():
        return unit
    if mark := _CONTROL_MARKS.get(unit):
        return mark
    if "\x80" <= unit <= "\x9f":
        return f"<0x{ord(unit):02X}>"
    # combining marks (M), controls, surrogates and unassigned code points (C), blanks (Z) are not shown
    if unicodedata.category(unit)[0] in "MCZ" or _SPELLED_OUT.match(unit):
        return _code_point(unit)
    return unit


def _code_point(char: str) -> str:
    return f"<U+{ord(char):04X}>"


def _fit(units: Iterable[str], width: int) -> str:
    """Return the units joined, or as many of them as leave room for an ellipsis in ``width`` cells."""
    kept: list[str] = []
    used = 0
    for unit in units:
        kept.append(unit)
        used += cell_width(unit)
        if used > width:
            break
    else:
        return "".join(kept)
    if width < 1:
        return ""
    while used > width - 1:
        unit = kept.pop()
        used -= cell_width(unit)
    # part of an escape says more than nothing at all; a wide character cannot be split
    return ("".join(kept) or (unit[: width - 1] if unit.isascii() else "")) + _ELLIPSIS
