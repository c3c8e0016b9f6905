"""A lesson file's TOML as tables that know in which lines their entries stand."""

from __future__ import annotations

import os.path
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from softmax_visualizer.display.keys import shown_length
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.lessons.error import LessonError, did_you_mean
from softmax_visualizer.lessons.keys import check_named
from softmax_visualizer.models.reading import UnreadableError, read_file
from softmax_visualizer.models.toml_lines import MOST_DOTS, TableLines, dotted_line, locate

LARGEST = 2**20
"""Bytes of a file that is still read."""

LONGEST_TOKEN = 40
"""Characters of a token in a text, which is not broken over two lines."""


@dataclass(frozen=True)
class Table:
    """A lesson, one of its steps or a step's settings: what stands in it, and where.

    ``name`` is what an error calls it: ``"a step"``.
    """

    path: Path
    name: str
    entries: Mapping[str, Any]
    lines: TableLines

    def wrong(self, entry: str, what: str, item: int | None = None) -> LessonError:
        """Return the error that an entry, or one text in its list, is wrong, with its file and line."""
        return LessonError(f"{safe_line(self.path.name)}, line {self.lines.of(entry, item)}: {what}")

    def check_names(self, known: Sequence[str]) -> None:
        """Check that there are no entries but those.

        Raises:
            LessonError: there is another.
        """
        for entry in self.entries:
            if entry not in known:
                has = "have" if self.name == "settings" else "has"
                raise self.wrong(
                    entry,
                    f'"{safe_line(entry, 40)}" is not known in {self.name}.{did_you_mean(entry, known)} '
                    f"{self.name.capitalize()} {has} {', '.join(known[:-1])} and {known[-1]}.",
                )

    def text(self, entry: str, longest: int) -> str | None:
        """Return an entry's text without blanks around it; None if there is no such entry.

        Raises:
            LessonError: it is no text, or blank, or longer than ``longest`` characters.
        """
        value = self.entries.get(entry)
        if value is None:
            return None
        if not isinstance(value, str) or not 1 <= shown_length(value.strip()) <= longest:
            raise self.wrong(entry, f"{entry} must be a text of 1 to {longest:,} characters.")
        return value.strip()

    def said(self, entry: str, longest: int) -> str | None:
        """Return :meth:`text` of an entry that people read, in which tokens stand between backticks.

        Raises:
            LessonError: it is no such text, or a backtick has no other, or what stands between two of them
                is no token.
        """
        if self.entries.get(entry) == "":
            raise self.wrong(
                entry, f"{entry} is empty: write what people read here, up to {longest} characters."
            )
        text = self.text(entry, longest)
        if text is not None:
            self.check_tokens(entry, text)
        return text

    def check_tokens(self, entry: str, text: str, item: int | None = None) -> None:
        """Check the backticks of a text, and the actions whose keys it names.

        Raises:
            LessonError: one of them has no other, what stands between two of them is no token, or there is no
                such action.
        """
        try:
            check_named(text)
        except LessonError as error:
            raise self.wrong(entry, str(error), item) from error
        _, *parts = text.split("`")
        if len(parts) % 2:
            raise self.wrong(entry, f"{entry} has a backtick (`) without another one.", item)
        for token in parts[::2]:
            if "\n" in token or not 1 <= len(token) <= LONGEST_TOKEN:
                raise self.wrong(
                    entry,
                    f"between two backticks stands a token of 1 to {LONGEST_TOKEN} characters on one line.",
                    item,
                )

    def texts(self, entry: str) -> list[str]:
        """Return the texts in an entry's list; none if there is no such entry.

        Raises:
            LessonError: it is no list of texts.
        """
        value = self.entries.get(entry, [])
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise self.wrong(entry, f'{entry} must be a list of texts, such as {entry} = ["…", "…"].')
        return value


def read_tables(path: Path) -> tuple[Table, list[Table]]:
    """Return the top level of a lesson file and its steps; floats in them are Decimals.

    Raises:
        LessonError: the file cannot be read or is no TOML, or ``step`` in it is no list of tables.
    """
    text = _text(path)
    entries = _entries(text, path)
    lines, step_lines = locate(text, "step")
    top = Table(path, "a lesson", entries, lines)
    steps = entries.get("step", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise top.wrong("step", "a step begins with [[step]] on a line of its own.")
    if len(step_lines) != len(steps):
        # steps can be written as one list, without headers
        step_lines = [TableLines(lines.of("step"))] * len(steps)
    return top, [Table(path, "a step", step, where) for step, where in zip(steps, step_lines, strict=True)]


def _text(path: Path) -> str:
    file = safe_line(path.name)
    if os.path.exists(path) and not os.path.isfile(path):
        # a FIFO would be waited for, perhaps for ever
        raise LessonError(f"{safe_line(str(path))} cannot be read: it is no file.")
    try:
        raw = read_file(path, LARGEST)
    except UnreadableError as error:
        raise LessonError(safe_line(str(error))) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise LessonError(f"{file}, line {line}: this is not UTF-8 text. Save the file as UTF-8.") from error
    if crowded := dotted_line(text):
        raise LessonError(
            f"{file}, line {crowded}: a line has at most {MOST_DOTS} dots. Break the text into lines."
        )
    return text


def _entries(text: str, path: Path) -> dict[str, Any]:
    file = safe_line(path.name)
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        where = where.removesuffix(")")
        if not where.startswith("line "):
            last = text.rstrip().count("\n") + 1
            where = f"line {last}, the last"
        what = safe_line(what, 120)
        raise LessonError(f"{file}, {where}: this is not TOML: {what[:1].lower()}{what[1:]}.") from error
    except RecursionError as error:
        raise LessonError(f"{file} is nested too deeply to be a lesson.") from error
    except (ValueError, ArithmeticError) as error:
        raise LessonError(f"{file} holds a number with too many digits.") from error
