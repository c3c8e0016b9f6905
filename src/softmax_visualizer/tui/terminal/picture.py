"""What a terminal shows, cell by cell, and the shortest way from one picture to the next.

Over SSH and in a recording the bytes of a redraw are what is felt, and four of five are colours. So only
cells that differ are written, and of a style only what differs from the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip


class Pen(NamedTuple):
    """A style as a terminal knows it: the codes of two colours, and bits for bold, italic and so on."""

    color: str
    background: str
    attributes: int


_PLAIN = Pen("39", "49", 0)
"""What a terminal writes with after a reset."""

_RESET = "\x1b[m"

_ON_AND_OFF = (
    ("1", "22"), ("2", "22"), ("3", "23"), ("4", "24"), ("5", "25"), ("6", "25"), ("7", "27"), ("8", "28"),
    ("9", "29"), ("21", "24"), ("51", "54"), ("52", "54"), ("53", "55"),
)  # fmt: skip
"""For each bit of ``Style.attributes`` of Rich, the codes that switch it on and off."""

_REVERSE = 1 << 6
_SEEN_ON_BLANKS = sum(1 << bit for bit in (3, 6, 8, 9, 10, 11, 12))
"""Attributes that are seen where there is no character."""

_JUMP = 6
"""Bytes of unchanged cells that cost no more to write again than the jump over them."""

Cell = tuple[str, Pen]
"""A character, with what combines with it, and its pen; the second cell of a wide one is empty.

The colour of a blank is empty, since nobody sees it, unless it is reversed.
"""


class Row(NamedTuple):
    """A line of the screen: what it was made of, and its cells."""

    strips: tuple[Strip, ...]
    cells: list[Cell]


Picture = Sequence[Row]


def picture(
    lines: Sequence[Iterable[Strip]], colors: ColorSystem, before: Picture | None = None
) -> list[Row]:
    """Spell out the lines of a screen; those that are made of the same strips are taken from ``before``."""
    rows = []
    for y, line in enumerate(lines):
        strips = tuple(line)
        known = before[y] if before is not None and y < len(before) else None
        if known is not None and len(known.strips) == len(strips):
            same = all(new is old for new, old in zip(strips, known.strips, strict=True))
        else:
            same = False
        rows.append(known if known is not None and same else Row(strips, _cells(strips, colors)))
    return rows


def difference(before: Picture | None, after: Picture) -> str:
    """Return what a terminal that shows a picture, or nobody knows what, is sent to show the next one."""
    if before is not None and [len(row.cells) for row in before] != [len(row.cells) for row in after]:
        before = None
    runs = [
        run
        for y, row in enumerate(after)
        if before is None or before[y] is not row
        for run in _runs(y, row.cells, None if before is None else before[y].cells)
    ]
    # a jump is shorter than a change of colours, but where there are few colours, there is no need for any
    by_pen = sorted(runs, key=lambda run: (run.pen.background, run.pen.attributes, run.pen.color))
    return min(_written(runs), _written(by_pen), key=len)


class _Run(NamedTuple):
    """Cells side by side that one pen writes; ``end`` is the column after them, where that is certain."""

    pen: Pen
    y: int
    x: int
    text: str
    end: int | None


def _runs(y: int, cells: Sequence[Cell], old: Sequence[Cell] | None) -> list[_Run]:
    """Return what has changed in a row, and what little lies in between."""
    runs: list[_Run] = []
    texts: list[str] = []
    pen, start, end = _PLAIN, 0, None
    for x, cell in enumerate(cells):
        text, wanted = cell
        # the second cell of a wide character is written with the first
        if not text or (old is not None and old[x] == cell):
            continue
        one = None
        if end == x:
            one = pen if pen is wanted else _both(pen, wanted)
        elif end is not None and x - end <= _JUMP:
            between = "".join(text for text, _ in cells[end:x])
            one = pen if len(between.encode()) <= _JUMP else None
            for _, other in cells[end : x + 1]:
                one = one and _both(one, other)
            if one is not None:
                texts.append(between)
        if one is None:
            if texts:
                runs.append(_Run(pen, y, start, "".join(texts), end))
            start, texts = x, []
        texts.append(text)
        pen, end = one or wanted, x + 1
        while end < len(cells) and not cells[end][0]:
            end += 1
        if len(text) > 1 or end == len(cells):
            # nobody knows how wide a terminal draws characters that are joined, or where it is after the last
            end = None
    if texts:
        runs.append(_Run(pen, y, start, "".join(texts), end))
    return runs


def _written(runs: Iterable[_Run]) -> str:
    """Return what writes runs in this order."""
    written: list[str] = []
    pen = _PLAIN
    at: tuple[int, int | None] = (-1, None)
    for run in runs:
        if at != (run.y, run.x):
            # to a column, and not so far to the right: terminals disagree on the width of some characters
            place = f"{run.x + 1}G" if at[0] == run.y else f"{run.y + 1};{run.x + 1}H"
            written.append("\x1b[" + place)
        codes, pen = _change(pen, run.pen)
        written += codes, run.text
        at = run.y, run.end
    if pen != _PLAIN:
        written.append(_RESET)
    return "".join(written)


def _cells(strips: Iterable[Strip], colors: ColorSystem) -> list[Cell]:
    return [
        cell
        for strip in strips
        for text, style, control in strip
        if not control
        for cell in _spelled(text, _pen(style, colors) if style else _PLAIN)
    ]


@lru_cache(maxsize=4096)
def _spelled(text: str, pen: Pen) -> Sequence[Cell]:
    blank = " ", _blank(pen)
    if text.isascii():
        return [blank if char == " " else (char, pen) for char in text]
    cells: list[Cell] = []
    for char in text:
        width = cell_len(char)
        if width:
            cells.append(blank if char == " " else (char, pen))
            cells.extend([("", pen)] * (width - 1))
        elif cells:
            last = max(place for place, (before, _) in enumerate(cells) if before)
            cells[last] = cells[last][0] + char, pen
    if len(cells) != cell_len(text):
        # characters that are joined to one
        return [(text, pen), *[("", pen)] * (cell_len(text) - 1)]
    return cells


@lru_cache(maxsize=4096)
def _pen(style: Style, colors: ColorSystem) -> Pen:
    color, background = style.color, style.bgcolor
    return Pen(
        ";".join(color.downgrade(colors).get_ansi_codes()) if color else _PLAIN.color,
        ";".join(background.downgrade(colors).get_ansi_codes(False)) if background else _PLAIN.background,
        style._attributes & style._set_attributes,
    )


@lru_cache(maxsize=4096)
def _blank(pen: Pen) -> Pen:
    return pen if pen.attributes & _REVERSE else Pen("", pen.background, pen.attributes & _SEEN_ON_BLANKS)


@lru_cache(maxsize=4096)
def _both(one: Pen, other: Pen) -> Pen | None:
    """Return a pen that writes what either would, if there is one: for a blank, most will do."""
    if not one.color:
        one, other = other, one
    if one.color == other.color:
        return one if one == other else None
    blank = not other.color and _blank(one) == other
    return one if blank else None


@lru_cache(maxsize=4096)
def _change(pen: Pen, wanted: Pen) -> tuple[str, Pen]:
    """Return what turns a pen into one that writes as is wanted, and that pen."""
    color, background, attributes = wanted
    if not color:
        color, attributes = pen.color, attributes | pen.attributes & ~_SEEN_ON_BLANKS
    bits = [(1 << bit, *codes) for bit, codes in enumerate(_ON_AND_OFF)]
    # one code switches off several, of which some may be wanted
    codes = list(dict.fromkeys(off for bit, _, off in bits if pen.attributes & ~attributes & bit))
    kept = sum(bit for bit, _, off in bits if pen.attributes & bit and off not in codes)
    codes += [on for bit, on, _ in bits if attributes & ~kept & bit]
    if color != pen.color:
        codes.append(color)
    if background != pen.background:
        codes.append(background)
    return f"\x1b[{';'.join(codes)}m" if codes else "", Pen(color, background, attributes)
