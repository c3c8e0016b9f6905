"""In which line of a TOML text an entry stands, which the standard library's parser does not say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# Strings and comments are stepped over whole: what looks like an entry in them is none.
_PIECE = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"{3,5}'
    r"|'''(?:[^']++|'(?!''))*+'{3,5}"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[][{}\n]",
    re.DOTALL,
)

MOST_DOTS = 100
"""Dots in a line: the time that the parser takes for a key such as ``a.a.a`` grows with their square."""

_NAME = r"""("[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*{_NAME}(?:[ \t]*\.[ \t]*{_NAME})?")
_ENTRY = re.compile(rf"[ \t]*{_NAME}[ \t]*[.=]")


@dataclass(frozen=True)
class Entry:
    """The line in which an entry stands, and those in which the texts of its list begin."""

    line: int
    items: tuple[int, ...] = ()


@dataclass(frozen=True)
class TableLines:
    """The line in which a table begins, and its entries by name."""

    line: int
    entries: dict[str, Entry] = field(default_factory=dict)

    def of(self, name: str, item: int | None = None) -> int:
        """Return the line of an entry, or of a text in its list; the table's own where it is not known."""
        entry = self.entries.get(name, Entry(self.line))
        return entry.line if item is None or item >= len(entry.items) else entry.items[item]


def dotted_line(text: str) -> int | None:
    """Return the first line, from 1, that has more dots than :data:`MOST_DOTS`; None if none has."""
    lines = enumerate(text.split("\n"), 1)
    return next((number for number, line in lines if line.count(".") > MOST_DOTS), None)


def locate(text: str, name: str) -> tuple[TableLines, list[TableLines]]:
    """Return the lines of the top-level entries of a TOML text, and those below each ``[name]``."""
    top = TableLines(1)
    tables: list[TableLines] = []
    table = top
    for start, entry in _statements(text):
        if header := _HEADER.match(text, start):
            outer, inner = header[1].strip("\"'"), header[2]
            table = TableLines(entry.line)
            if outer == name and inner is None:
                tables.append(table)
            elif outer == name and inner is not None and tables:
                tables[-1].entries.setdefault(inner.strip("\"'"), entry)
            else:
                top.entries.setdefault(outer, entry)
        elif named := _ENTRY.match(text, start):
            table.entries.setdefault(named[1].strip("\"'"), entry)
    return top, tables


def _statements(text: str) -> Iterator[tuple[int, Entry]]:
    """Yield where each header and each entry starts, and its lines; blank lines and comments come too."""
    start, first_line, line, depth = 0, 1, 1, 0
    items: list[int] = []
    for piece in _PIECE.finditer(text):
        mark = piece[0]
        if mark == "\n" and depth == 0:
            yield start, Entry(first_line, tuple(items))
            start, first_line, items = piece.end(), line + 1, []
        elif mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        elif depth == 1 and mark[0] in "\"'":
            items.append(line)
        line += mark.count("\n")
    yield start, Entry(first_line, tuple(items))
