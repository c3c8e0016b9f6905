"""Tables of next-token probabilities as people print them: read from text, and judged in sentences.

A table begins with a heading such as ``--- Temp 0.1 (Focused) ---`` and has a row a token: ``'lazy': 99.8%``,
or what ``show`` prints.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from softmax_visualizer.decoding.consistency import PrintedTable, contradiction
from softmax_visualizer.display.contradictions import proof, shown
from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.pipeline import LABEL_WIDTH

LARGEST_TEXT = 1_000_000
"""Characters that are read at the most."""

MOST_TABLES = 20
"""Tables that are compared at the most, every one with every other."""

TUTORIAL = """\
--- Temp 0.1 (Focused) ---
'lazy': 99.8%
'dog': 0.1%
'fence': 0.0%

--- Temp 1.5 (Creative) ---
'lazy': 45.2%
'fence': 15.5%
'moon': 8.3%
'corpse': 4.1%
'puddle': 2.2%
"""
"""Two tables as a tutorial prints them, which no one distribution can have produced."""

_LONGEST_LINE = 1000

# no two repetitions of these can take the same characters, so that a hostile line costs no more than another
_HEADING = re.compile(r"(?:temperature|temp|t)[ :=]{0,3}([-+]?\.?[0-9][0-9.e+-]*) ?(?:\((.*)\))?", re.I)
_NUMBER = re.compile(r"([<>]?)([0-9]+(?:\.([0-9]+))?)")
_RANGE = re.compile(r"(<?)([0-9]+(?:\.[0-9]+)?)–(>?)([0-9]+(?:\.[0-9]+)?)")

_CUT = re.compile(r"\b(?:top|min)[-_ ]?[pk]\b", re.I)
_OF_SHOW = re.compile(r"no cut|.*temperature (?:first|last)")
_REST = re.compile(r"[0-9,]+ more|(?:[0-9,]+ \+ )?unseen")
_BAR = set("█▓▒▚░┊▏▎▍▌▋▊▉")
_QUOTES = ("''", '""', "‘’", "“”", "``")


class TableError(ValueError):
    """A text that is no tables of probabilities; its sentence names the line and says what is expected."""


@dataclass(frozen=True)
class _Row:
    """``written``: a person wrote the name, in quotes or before a colon, and may have left out a space."""

    name: str
    ends: tuple[float, float]
    written: bool


@dataclass
class _Block:
    """A heading, on line ``number``, and the rows that were read below it; ``lines`` counts all rows."""

    number: int
    heading: str
    temperature: float
    words: str
    rows: dict[str, _Row] = field(default_factory=dict)
    lines: int = 0


def read_tables(text: str) -> tuple[tuple[str, PrintedTable], ...]:
    """Return each table with its heading as printed, made safe to show, as are the names of the tokens.

    A number stands for all that rounds to it, and a range is rounded outwards. What sums up several tokens,
    what is cut, and what has a name too long to print is left out: a table may be any selection. A space at
    the beginning of a name, or ``␣``, does not count if a person wrote any of the names, unless two names of
    one table differ in nothing else.

    Raises:
        TableError: the text is too long, has fewer than two tables or more than :data:`MOST_TABLES`, or has
            in a table a line that is not understood or a token for the second time.
    """
    if len(text) > LARGEST_TEXT:
        raise TableError(f"The text is longer than {LARGEST_TEXT:,} characters, too long for a few tables.")
    blocks = _blocks(text)
    for block in blocks:
        if not block.lines:
            raise TableError(f"Line {block.number} begins a table, but no token and probability follows it.")
    if len(blocks) < 2:
        raise TableError(
            f"{'Only one table was' if blocks else 'No table was'} found, and at least two are compared. "
            "A table begins with a line such as “--- Temp 0.7 ---”."
        )
    matched = _matched(blocks)
    return tuple(
        (
            safe_line(block.heading),
            PrintedTable(
                block.temperature,
                {matched(name): row.ends for name, row in block.rows.items()},
                bool(_CUT.search(block.words)),
            ),
        )
        for block in blocks
    )


def verdict(tables: Sequence[tuple[str, PrintedTable]]) -> tuple[bool, str]:
    """Return whether every two tables are consistent, and sentences that say so or what proves they are not.

    Consistent is what nothing speaks against; see :mod:`softmax_visualizer.decoding.consistency`.
    """
    names = _table_names([table for _, table in tables])
    for (_, first), (_, second) in combinations(tables, 2):
        if found := contradiction(first, second):
            which = "both tables" if len(tables) == 2 else f"all {len(tables)} tables"
            return False, f"No one distribution can have produced {which}.\n\n{proof(found, names)}"
    if len(tables) > 2:
        return True, f"No two of these {len(tables)} tables contradict each other."
    common = [name for name in tables[0][1].ranges if name in tables[1][1].ranges]
    agreement = f"The odds of the {len(common):,} tokens that are in both agree within rounding."
    if len(common) < 2:
        listed = f"Only {shown(common[0])}" if common else "No token"
        agreement = f"{listed} is in both, so there are no odds to compare."
    return True, f"These two tables do not contradict each other.\n\n{agreement}"


def _table_names(tables: Sequence[PrintedTable]) -> dict[int, str]:
    temperatures = [table.temperature for table in tables]
    return {
        id(table): f"T {table.temperature:.15g}"
        + (f" (table {number})" if temperatures.count(table.temperature) > 1 else "")
        for number, table in enumerate(tables, start=1)
    }


def _blocks(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    # before the first heading, and after show's statistics, there may be anything
    within = False
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), start=1):
        line = raw.strip()
        if not line:
            continue
        if block := _heading(number, line):
            if len(blocks) == MOST_TABLES:
                raise TableError(f"Line {number} begins one more table than the {MOST_TABLES} allowed.")
            blocks.append(block)
            within = True
        elif within:
            if "kept " in line and line.endswith((" exact", " exact draw", " bounds")):
                within = False
            else:
                _add_row(blocks[-1], number, line)
    return blocks


def _heading(number: int, line: str) -> _Block | None:
    if len(line) > _LONGEST_LINE:
        return None
    match = _HEADING.fullmatch(" ".join(line.strip("-=#*: \t").split()))
    if not match:
        return None
    try:
        temperature = float(match[1])
    except ValueError:
        temperature = math.nan
    if not 0 <= temperature < math.inf:
        raise TableError(f"Line {number}: a temperature is a number of 0 or more, not “{match[1][:20]}”.")
    return _Block(number, line, temperature, (match[2] or "").strip())


def _add_row(block: _Block, number: int, line: str) -> None:
    if len(line) > _LONGEST_LINE:
        raise TableError(f"Line {number} is longer than {_LONGEST_LINE:,} characters, too long for a row.")
    body = line.removesuffix("%").rstrip()
    # the number is the last word, or what is behind the last colon
    start = max(body.rfind(separator) for separator in " \t:") + 1
    words, value = body[:start].split(), body[start:]
    drawn = len(words) > 1 and _BAR.issuperset(words[-1])
    cut = value == "cut" and body == line
    if not words or (body == line and not cut):
        raise TableError(
            f"Line {number} is no row of a table: “{safe_line(line, 40)}”. "
            "A token and its probability are expected, such as “'lazy': 99.8%”."
        )
    block.lines += 1
    if cut:
        return
    ends = _ends(number, value)
    name = " ".join(words[:-1] if drawn else words)
    if _REST.fullmatch(name):
        return
    # a token of show's may well end in a colon; without a bar show prints nothing but zeros
    exact = _OF_SHOW.fullmatch(block.words) and (drawn or value == "0")
    row = _Row(safe_line(name), ends, False) if exact else _written(name if drawn else body[:start], ends)
    if row.name.endswith("…") and cell_width(row.name) >= LABEL_WIDTH - 1:
        # other tokens may begin like this one
        return
    if row.name in block.rows:
        raise TableError(f"Line {number}: {shown(row.name)} is in this table for the second time.")
    block.rows[row.name] = row


def _written(name: str, ends: tuple[float, float]) -> _Row:
    name = name.strip()
    bare = name.removesuffix(":").rstrip() or name
    quoted = len(bare) > 1 and bare[0] + bare[-1] in _QUOTES
    token = safe_line(bare[1:-1] if quoted else bare) or "<empty>"
    return _Row(token, ends, quoted or bare != name)


def _ends(number: int, value: str) -> tuple[float, float]:
    """Return the lowest and the highest probability that print like this."""
    low, high = 100.0, 0.0
    if match := _NUMBER.fullmatch(value):
        middle, half = float(match[2]), 0.5 * 10.0 ** -len(match[3] or "")
        low = 0.0 if match[1] == "<" else middle if match[1] == ">" else max(0.0, middle - half)
        high = middle if match[1] == "<" else 100.0 if match[1] == ">" else min(100.0, middle + half)
    elif match := _RANGE.fullmatch(value):
        low, high = 0.0 if match[1] else float(match[2]), 100.0 if match[3] else float(match[4])
    if not 0 <= low <= high <= 100 or high == 0:
        raise TableError(f"Line {number}: “{safe_line(value, 20)} %” is no probability from 0 to 100 %.")
    return low / 100, high / 100


def _matched(blocks: Sequence[_Block]) -> Callable[[str], str]:
    """Return what the names are to be matched by."""

    def bare(name: str) -> str:
        return name[1:] if name.startswith("␣") and len(name) > 1 else name

    written = any(row.written for block in blocks for row in block.rows.values())
    distinct = all(len({bare(name) for name in block.rows}) == len(block.rows) for block in blocks)
    return bare if written and distinct else str
