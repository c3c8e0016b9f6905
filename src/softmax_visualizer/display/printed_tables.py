"""Two tables of next-token probabilities as people print them: read from text, and judged in sentences.

A table is a heading such as ``--- Temp 0.1 (Focused) ---`` and below it a row a token: ``'lazy': 99.8%``. The
quotation marks may be missing where all tokens are plain words. Ranks, bullets and table bars in front are
taken off where all rows have the same kind. What ``show`` prints is read as well, in its forms text, plain
and markdown. Where a row could mean another token, or the rows differ in kind, nothing is judged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise

from softmax_visualizer.decoding.consistency import PrintedTable, contradiction
from softmax_visualizer.display.contradictions import proof, shown
from softmax_visualizer.display.labels import cell_width, safe_line
from softmax_visualizer.display.pipeline import LABEL_WIDTH
from softmax_visualizer.display.report import WIDTH

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

_LONGEST_LINE = 300

_SPACES = "␣Ġ▁"

_HEADING = re.compile(
    r"(?:temperature|temp|t)[ :=]{0,3}([0-9]{0,9}\.?[0-9]{1,20}(?:e-[0-9]{1,3})?) ?(?:\((.*)\))?", re.I
)
_CUT = re.compile(r"\b(?:(?:top|min|typical)[-_ ]?[pk]|top[- ]?[0-9]+|nucleus)\b", re.I)
_VALUE = r"\s*(?:(?P<value>[<>0-9][<>0-9.–-]*) ?%|cut)[\s|│]*"
_RANGE = re.compile(r"([<>]?)([0-9]+(?:\.([0-9]+))?)(?:[–-]>?([0-9]+(?:\.[0-9]+)?))?")
_MARK = r"(?:[-*+•·‣◦▪●○■□–—>|│]|[#(\[]*[0-9]{1,5}[.):\]]*)"
_QUOTED = re.compile(
    rf"""(?P<marks>(?:\s*{_MARK}){{0,3}}\s*)['"`“‘](?P<quoted>.+)['"`”’]\s*[:=|│]?{_VALUE}"""
)
# a blank without a mark, or a second one after it, may be the token's own
_WORD = re.compile(
    rf"(?P<marks>(?:(?:\s*{_MARK}){{1,3}}[ \t])?)(?P<word>[␣▁]?[^\W\d_]+(?:['’-][^\W\d_]+)*):{_VALUE}"
)
_REST = re.compile(
    rf"[\W\d]*(?:all |the )?(?:more|unseen|others?|rest|remaining|total|sum)(?: tokens)?\W*?{_VALUE}", re.I
)
_COLUMNS = re.compile(r"[|│][^0-9%]*")

_OF_SHOW = re.compile(r"no cut|.*temperature (?:first|last)")
_BARRED = re.compile(rf" (\S+) +[█▓▒▚░┊▏▎▍▌▋▊▉]*{_VALUE}")
_CELLS = re.compile(rf"\| (`{{1,25}})( ?)(.+?)\2\1 \|(?:[^|]*\|){{2}}{_VALUE}")
_STATISTICS = re.compile(r"entropy .* bits,.*")


class TableError(ValueError):
    """A text from which nothing follows; its sentences name the line and say what is expected."""


@dataclass
class _Block:
    """A heading, on line ``number``, and the lines below it, each with its number."""

    number: int
    heading: str
    temperature: float
    cut: bool
    of_show: bool
    lines: list[tuple[int, str]] = field(default_factory=list)


def read_tables(text: str) -> tuple[tuple[str, PrintedTable], tuple[str, PrintedTable]]:
    """Return both tables with their headings as printed; all names are safe to show, with ``␣`` for a space.

    A number stands for all that rounds to it, and a range is rounded outwards. What sums up several tokens,
    what is cut, and what has a name that several tokens can have is left out: a table may be any selection.

    Raises:
        TableError: the text is too long or does not hold two tables, or a table has a line that is not
            understood, a token for the second time, or names that can be read in more than one way.
    """
    if len(text) > LARGEST_TEXT:
        raise TableError(f"The text is longer than {LARGEST_TEXT:,} characters, too long for two tables.")
    tables = [(safe_line(block.heading), _table(block)) for block in _blocks(text)]
    if len(tables) != 2:
        found = {0: "No table was found", 1: "Only one table was found"}.get(
            len(tables), f"There are {len(tables)} tables"
        )
        raise TableError(
            f"{found}, and two are compared. A table begins with a line such as “--- Temp 0.7 ---”."
        )
    return tables[0], tables[1]


def verdict(tables: tuple[tuple[str, PrintedTable], tuple[str, PrintedTable]]) -> tuple[bool, str]:
    """Return whether two tables are consistent, and sentences that say so or what proves they are not.

    Consistent is what nothing speaks against; see :mod:`softmax_visualizer.decoding.consistency`.

    Raises:
        TableError: that depends on how to read the spaces in front of tokens, which the tables show in
            different ways.
    """
    first, second = (table for _, table in tables)
    readings = [(first, second)]
    if _spaces(first) != _spaces(second):
        readings.insert(0, (_without_spaces(first), _without_spaces(second)))
    found = [contradiction(*reading) for reading in readings]
    if found[0] and all(found):
        names = {id(table): f"T {table.temperature:.15g}" for table in readings[0]}
        if first.temperature == second.temperature:
            names = {key: f"{name} (table {n})" for n, (key, name) in enumerate(names.items(), start=1)}
        return False, f"No one distribution can have produced both tables.\n\n{proof(found[0], names)}"
    if found[0]:
        raise TableError(
            "The tables show spaces in front of tokens in different ways, and whether they contradict each "
            f"other depends on that. Read as: {_listed(first.ranges)}; and: {_listed(second.ranges)}. "
            "Write both with their spaces."
        )
    common = [name for name in readings[0][0].ranges if name in readings[0][1].ranges]
    agreement = f"The odds of the {len(common):,} tokens that are in both agree within rounding."
    if len(common) < 2:
        listed = f"Only {shown(common[0])}" if common else "No token"
        agreement = f"{listed} is in both, so there are no odds to compare."
    return True, f"These two tables do not contradict each other.\n\n{agreement}"


def _spaces(table: PrintedTable) -> set[str]:
    """Return how a table shows spaces in front of its tokens, if it shows any."""
    return {name[0] for name in table.ranges if len(name) > 1} & set(_SPACES)


def _without_spaces(table: PrintedTable) -> PrintedTable:
    """Return a table without spaces in front; what is then no longer one token is left out."""
    bare = [name.lstrip(_SPACES) or _SPACES[0] for name in table.ranges]
    times = Counter(bare)
    pairs = zip(bare, table.ranges.values(), strict=True)
    return replace(table, ranges={name: ends for name, ends in pairs if times[name] == 1})


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"“{safe_line(name, LABEL_WIDTH)}”" for name in islice(names, 5))


def _blocks(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    # before the first heading, and from show's statistics on, there may be anything
    within = cut = False
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), start=1):
        if block := _heading(number, line, cut):
            blocks.append(block)
            within = True
        elif not within:
            # a cut may be named above the tables, for all of them
            cut = cut or (not blocks and bool(_CUT.search(line)))
        elif blocks[-1].of_show and _STATISTICS.match(line):
            within = False
        elif line.strip():
            blocks[-1].lines.append((number, line))
    return blocks


def _heading(number: int, line: str, cut: bool) -> _Block | None:
    match = _HEADING.fullmatch(" ".join(line[:_LONGEST_LINE].strip("-=#*: \t").split()))
    if not match:
        return None
    words = (match[2] or "").strip()
    cut = bool(_CUT.search(words)) or (cut and words != "no cut")
    return _Block(number, line.strip(), float(match[1]), cut, bool(_OF_SHOW.fullmatch(words)))


def _table(block: _Block) -> PrintedTable:
    if not block.lines:
        raise TableError(f"Line {block.number} begins a table, but no token and probability follows it.")
    ranges: dict[str, tuple[float, float]] = {}
    written: list[re.Match[str]] = []
    for number, line in block.lines:
        name, row = _row(block, number, line)
        if row is None:
            continue
        if row.re in (_QUOTED, _WORD):
            written.append(row)
        ends, name = _ends(number, row["value"]), safe_line(name).replace(" ", "␣")
        # other tokens may begin like one that is cut short, and a backslash may be one or begin an escape
        if (name.endswith("…") and cell_width(name) >= LABEL_WIDTH - 1) or (
            "\\" in name and not block.of_show
        ):
            continue
        if name in ranges:
            raise TableError(
                f"In the table that begins on line {block.number}, {shown(name)} stands for the second time."
            )
        ranges[name] = ends
    if _doubtful(written):
        raise TableError(
            f"The table that begins on line {block.number} can be read in more than one way, so nothing is "
            f"judged. Read as: {_listed(ranges)}. "
            "Put each token in quotation marks, such as “'lazy': 99.8%”, with a rank before all or none."
        )
    return PrintedTable(block.temperature, ranges, block.cut)


def _row(block: _Block, number: int, line: str) -> tuple[str, re.Match[str] | None]:
    """Return a token's name and the match that has its ``value``, or None for a line that names no token."""
    if len(line) > _LONGEST_LINE:
        raise TableError(f"Line {number} is longer than {_LONGEST_LINE:,} characters, too long for a row.")
    if block.of_show and (row := _CELLS.fullmatch(line)):
        name = row[3].replace("\\|", "|")
    elif block.of_show and cell_width(line) >= WIDTH and (row := _BARRED.fullmatch(line)):
        name = row[1]
    elif row := _QUOTED.fullmatch(line):
        name = row["quoted"]
    elif _REST.fullmatch(line) or _COLUMNS.fullmatch(line) or (block.of_show and line.startswith("| ")):
        return "", None
    elif row := _WORD.fullmatch(line):
        name = row["word"]
    else:
        raise TableError(
            f"Line {number} is no row of a table that can be read in one way only: "
            f"“{safe_line(line.strip(), 40)}”. Expected is a token and its probability: “'lazy': 99.8%”."
        )
    return name, row if row["value"] and name != "unseen" else None


def _doubtful(rows: list[re.Match[str]]) -> bool:
    """Return whether what stands in front of the tokens may be part of them."""
    marks = ["".join(row["marks"].split()) for row in rows]
    kinds = {(row.re, re.sub("[0-9]+", "0", mark)) for row, mark in zip(rows, marks, strict=True)}
    if kinds <= {(_WORD, "")} or (len(kinds) == 1 and rows[0].re is _QUOTED):
        return False
    ranks = [int(digits[0]) for mark in marks if (digits := re.search("[0-9]+", mark))]
    return len(kinds) > 1 or len(rows) < 2 or any(after - before != 1 for before, after in pairwise(ranks))


def _ends(number: int, value: str) -> tuple[float, float]:
    """Return the lowest and the highest probability that print like this."""
    low, high = 100.0, 0.0
    if match := _RANGE.fullmatch(value):
        sign, first, decimals, last = match.groups()
        half = 0.0 if sign or last else 0.5 * 10.0 ** -len(decimals or "")
        low = 0.0 if sign == "<" else max(0.0, float(first) - half)
        high = 100.0 if ">" in value else float(last or min(100.0, float(first) + half))
    if not 0 <= low <= high <= 100 or high == 0:
        raise TableError(f"Line {number}: “{safe_line(value, 20)} %” is no probability from 0 to 100 %.")
    return low / 100, high / 100
