"""Two tables of next-token probabilities as people print them: read from text, and judged in sentences.

A table begins with a heading such as ``--- Temp 0.1 (Focused) ---``. Below it stands a row a token, in one
form: ``'lazy': 99.8%``. Ranks, bullets and table bars in front of a token are taken off where they stand in
front of all of them; where that leaves more than one way to read a table, nothing is judged. What ``show``
prints is read as well, in its forms text, plain and markdown.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

from softmax_visualizer.decoding.consistency import PrintedTable, contradiction
from softmax_visualizer.display.contradictions import proof, shown
from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.pipeline import LABEL_WIDTH

LARGEST_TEXT = 1_000_000
"""Characters that are read at the most."""

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
_CUT = re.compile(r"\b(?:top|min)[-_ ]?[pk]\b", re.I)
_OF_SHOW = re.compile(r"no cut|.*temperature (?:first|last)")
_END_OF_SHOW = re.compile(r".*[ ,](?:exact|bounds)(?: [a-z]+)?")

_NUMBER = re.compile(r"([<>]?)([0-9]+(?:\.([0-9]+))?)")
_RANGE = re.compile(r"(<?)([0-9]+(?:\.[0-9]+)?)[–-](>?)([0-9]+(?:\.[0-9]+)?)")
_VALUE = re.compile(r"([<>0-9.–-]+) ?%|cut")
_BAR = re.compile(r"(?<=\s)[█▓▒▚░┊▏▎▍▌▋▊▉]+\s*")
_CODE = re.compile(r"\|\s*(`+)( ?)(.+?)\2\1\s*\|")
_RULE = set("|│:-+= \t")

_BULLETS = "-*+•·‣◦▪●○■□–—>"
_MARK = re.compile(rf"(?:[|│]\s*|[{_BULLETS}]\s+|([#(\[]*([0-9]{{1,5}})[.):\]]*)(?:\s*[|│]\s*|\s+))(?=\S)")
_QUOTED = re.compile(rf"[{_BULLETS}|│#()\[\].:0-9\s]*(['\"‘“`«])(.*)(['\"’”`»])")
_QUOTES = ("''", '""', "‘’", "“”", "``", "«»")
_DOUBTFUL = re.compile(
    r".*[|│\t]|.*[0-9] ?%|\W+\s|[•‣◦▪●○■□]\S|[0-9]+[.)][^\W0-9]|#[0-9]|.*\s\W+$"
    # nothing but signs, or a rank and nothing else: a blank token may have stood there
    r"|\W+$|[#(\[]*[0-9]+[.):\]]+"
)
_REST = re.compile(
    r"\W*(?:all |any |the )?(?:[0-9,]+ (?:\+ )?)?(?:all )?"
    r"(?:more|unseen|unlisted|others?|rest|else|everything else|remaining|remainder|total|sum)"
    r"(?: tokens)?\W*",
    re.I,
)


class TableError(ValueError):
    """A text from which nothing follows; its sentences name the line and say what is expected."""


@dataclass
class _Block:
    """A heading, on line ``number``, and the rows that were read below it; ``lines`` counts all rows.

    ``rows``: of what ``show`` printed, names as they are. ``written``: what a person wrote before the number.
    """

    number: int
    heading: str
    temperature: float
    words: str
    cut: bool
    rows: list[tuple[str, tuple[float, float]]] = field(default_factory=list)
    written: list[tuple[str, tuple[float, float]]] = field(default_factory=list)
    lines: int = 0


def read_tables(text: str) -> tuple[tuple[str, PrintedTable], tuple[str, PrintedTable]]:
    """Return both tables with their headings as printed; all names are safe to show, with ``␣`` for a space.

    A number stands for all that rounds to it, and a range is rounded outwards. What sums up several tokens,
    what is cut, and what has a name too long to print is left out: a table may be any selection.

    Raises:
        TableError: the text is too long or does not hold two tables, or a table has a line that is not
            understood, a token for the second time, or names that can be read in more than one way.
    """
    if len(text) > LARGEST_TEXT:
        raise TableError(f"The text is longer than {LARGEST_TEXT:,} characters, too long for two tables.")
    blocks = _blocks(text)
    if len(blocks) != 2:
        found = {0: "No table was found", 1: "Only one table was found"}.get(
            len(blocks), f"There are {len(blocks)} tables"
        )
        raise TableError(
            f"{found}, and two are compared. A table begins with a line such as “--- Temp 0.7 ---”."
        )
    first, second = ((safe_line(block.heading), _table(block)) for block in blocks)
    return first, second


def verdict(tables: tuple[tuple[str, PrintedTable], tuple[str, PrintedTable]]) -> tuple[bool, str]:
    """Return whether two tables are consistent, and sentences that say so or what proves they are not.

    Consistent is what nothing speaks against; see :mod:`softmax_visualizer.decoding.consistency`.

    Raises:
        TableError: that depends on whether a space in front of a token, which one table shows and the other
            does not, is part of its name.
    """
    first, second = (table for _, table in tables)
    readings = [(first, second)]
    if _shows_spaces(first) != _shows_spaces(second):
        readings.insert(0, _without_spaces(first, second))
    found = [contradiction(*reading) for reading in readings]
    if found[0] and all(found):
        names = {id(table): f"T {table.temperature:.15g}" for table in readings[0]}
        if first.temperature == second.temperature:
            names = {key: f"{name} (table {n})" for n, (key, name) in enumerate(names.items(), start=1)}
        return False, f"No one distribution can have produced both tables.\n\n{proof(found[0], names)}"
    if found[0]:
        raise TableError(
            "One table shows spaces in front of its tokens and the other does not. Whether they contradict "
            f"each other depends on that. Read as: {_listed(first)}; and: {_listed(second)}. "
            "Write both with their spaces."
        )
    common = [name for name in readings[0][0].ranges if name in readings[0][1].ranges]
    agreement = f"The odds of the {len(common):,} tokens that are in both agree within rounding."
    if len(common) < 2:
        listed = f"Only {shown(common[0])}" if common else "No token"
        agreement = f"{listed} is in both, so there are no odds to compare."
    return True, f"These two tables do not contradict each other.\n\n{agreement}"


def _shows_spaces(table: PrintedTable) -> bool:
    return any(name.startswith("␣") and len(name) > 1 for name in table.ranges)


def _without_spaces(*tables: PrintedTable) -> tuple[PrintedTable, PrintedTable]:
    """Return two tables without spaces in front; what is then no longer one token is left out."""
    bare = [
        [name[1:] if len(name) > 1 and name[0] == "␣" else name for name in each.ranges] for each in tables
    ]
    twice = {name for names in bare for name, times in Counter(names).items() if times > 1}
    first, second = (
        replace(
            table,
            ranges={
                name: ends
                for name, ends in zip(names, table.ranges.values(), strict=True)
                if name not in twice
            },
        )
        for names, table in zip(bare, tables, strict=True)
    )
    return first, second


def _listed(table: PrintedTable) -> str:
    names = [f"“{safe_line(name, LABEL_WIDTH)}”" for name in table.ranges]
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def _blocks(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    # before the first heading, and after show's statistics, there may be anything
    within = cut = False
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), start=1):
        if not (line := raw.strip()):
            continue
        if block := _heading(number, line, cut):
            blocks.append(block)
            within = True
        elif not within:
            # a cut may be named above the tables, for all of them
            cut = cut or (not blocks and bool(_CUT.search(line[:_LONGEST_LINE])))
        elif _END_OF_SHOW.fullmatch(line[:_LONGEST_LINE]):
            within = False
        else:
            _add_row(blocks[-1], number, raw)
    return blocks


def _heading(number: int, line: str, cut: bool) -> _Block | None:
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
    words = (match[2] or "").strip()
    cut = bool(_CUT.search(words)) or (cut and words != "no cut")
    return _Block(number, line, temperature, words, cut)


def _add_row(block: _Block, number: int, raw: str) -> None:
    line, of_show = raw.strip(), bool(_OF_SHOW.fullmatch(block.words))
    if len(line) > _LONGEST_LINE:
        raise TableError(f"Line {number} is longer than {_LONGEST_LINE:,} characters, too long for a row.")
    body = line.rstrip("|│ \t")
    code = _CODE.match(line) if of_show else None
    of_markdown = of_show and line.startswith("|")
    if _RULE.issuperset(line) or (of_markdown and not code):
        # rows for the headings of the columns, and for the rest
        return
    start = max(body[:-1].removesuffix(" ").rfind(each) for each in " \t:|│=") + 1
    value = _VALUE.fullmatch(body[start:])
    before = body[:start].strip()
    if value is None or not before:
        if not block.lines and re.search(r"[|│\t]", line) and "%" not in line:
            return
        raise TableError(
            f"Line {number} is no row of a table: “{safe_line(line, 40)}”. "
            "A token and its probability are expected, such as “'lazy': 99.8%”."
        )
    block.lines += 1
    bar = _BAR.search(before) if before[-1] in "█▓▒▚░┊▏▎▍▌▋▊▉" else None
    if value[1] is None:
        return
    ends = _ends(number, value[1])
    name = before[: bar.start()].strip() if bar else before
    if code:
        block.rows.append((code[3].replace("\\|", "|"), ends))
    elif of_show and (bar or (value[1] == "0" and raw.startswith(" "))):
        if not re.fullmatch(r"[0-9,]+ more|(?:[0-9,]+ \+ )?unseen", name):
            block.rows.append((name, ends))
    else:
        block.written.append((_without_separator(name), ends))


def _without_separator(name: str) -> str:
    """Return a name without the sign between it and its number; it may be nothing but such a sign."""
    for sign in ("->", "→", ":", "=", "|", "│"):
        if bare := name.removesuffix(sign).rstrip() if name.endswith(sign) else "":
            return bare
    return name


def _table(block: _Block) -> PrintedTable:
    if not block.lines:
        raise TableError(f"Line {block.number} begins a table, but no token and probability follows it.")
    ranges: dict[str, tuple[float, float]] = {}
    for text, ends in [*block.rows, *_unmarked(block)]:
        name = safe_line(text).replace(" ", "␣") or "<empty>"
        if name.endswith("…") and cell_width(name) >= LABEL_WIDTH - 1:
            # other tokens may begin like this one
            continue
        if name in ranges:
            raise TableError(
                f"In the table that begins on line {block.number}, {shown(name)} stands for the second time."
            )
        ranges[name] = ends
    return PrintedTable(block.temperature, ranges, block.cut)


def _unmarked(block: _Block) -> list[tuple[str, tuple[float, float]]]:
    """Return what a person wrote, with the names alone: no marks in front, no quotation marks around."""
    quoted: list[tuple[str, tuple[float, float]]] = []
    plain: list[tuple[str, tuple[float, float]]] = []
    for text, ends in block.written:
        match = _QUOTED.fullmatch(text)
        if match and match[1] + match[3] in _QUOTES:
            quoted.append((match[2], ends))
        else:
            plain.append((text, ends))
    names, doubtful = _without_marks([text for text, _ in plain])
    rows = [(name, ends) for name, (_, ends) in zip(names, plain, strict=True) if not _REST.fullmatch(name)]
    doubtful = doubtful or any(_DOUBTFUL.match(name) for name, _ in rows)
    if quoted and not doubtful:
        # without quotation marks nobody sees a space in front, or where a name that is no word ends
        spaced = any(name.startswith((" ", "␣")) for name, _ in quoted)
        doubtful = any(spaced or not text.isalnum() for text, _ in plain if not _REST.fullmatch(text))
    if doubtful:
        listed = ", ".join(f"“{safe_line(name, LABEL_WIDTH)}”" for name, _ in [*quoted, *rows][:5])
        raise TableError(
            f"The table that begins on line {block.number} can be read in more than one way, so nothing is "
            f"judged. Its tokens were read as: {listed}. "
            "Put each token in quotation marks, such as “'lazy': 99.8%”."
        )
    return quoted + rows


def _without_marks(names: list[str]) -> tuple[list[str], bool]:
    """Return names without the ranks and bullets in front, and whether only some of them have any."""
    while any(found := [_MARK.match(name) for name in names]):
        marks = [match for match in found if match]
        ranks = [int(match[2]) for match in marks if match[2]]
        kinds = {re.sub("[0-9]+", "0", match[0].strip()) for match in marks}
        steps = {after - before for before, after in pairwise(ranks)}
        # a number alone may well be a token's beginning, unless all of them count the rows
        count = ranks[:1] in ([0], [1]) and steps <= {1} if kinds == {"0"} else all(s > 0 for s in steps)
        if len(marks) < len(names) or len(kinds) > 1 or not (count or not ranks):
            return names, True
        names = [name[match.end() :] for name, match in zip(names, marks, strict=True)]
    first = {name[:1] for name in names}
    return names, len(names) > 1 and len(first) == 1 and first <= set("-*+>–—#")


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
