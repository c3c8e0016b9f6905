"""What all benchmarks print: a table of ratios, their limits, and whether they are within them."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn


class MeasurementError(Exception):
    """Something could not be measured; the text says what, and what can be done."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what was measured, on what, and the ratio with its limit, where it has one."""

    name: str
    ours: str
    theirs: str = ""
    ratio: float | None = None
    limit: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the ratio is within its limit, and what else is to be said."""
        if self.ratio is None or self.limit is None:
            return self.note
        verdict = "within" if self.ratio <= self.limit else "over"
        return f"{verdict}, {self.note}" if self.note else verdict


def fact(name: str, value: str, holds: bool) -> Row:
    """Return a line for what is so or not, and has to be so."""
    return Row(name, value, note="within" if holds else "over")


def table(title: str, theirs: str, rows: Sequence[Row]) -> str:
    """Return a table; ``theirs`` names what the first column of numbers is compared with."""
    lines = [("", "softmax-visualizer", theirs, "ratio", "limit", "")]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
        limit = "" if row.limit is None else f"{row.limit:g}"
        lines.append((row.name, row.ours, row.theirs, ratio, limit, row.verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    text = [title, f"Python {platform.python_version()}, {os.cpu_count()} cores", ""]
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:5], widths[1:5], strict=True)]
        text.append("  ".join([*cells, line[5]]).rstrip())
    return "\n".join(text)


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def milliseconds(seconds: Sequence[float]) -> str:
    """Return the median of some durations."""
    milli = statistics.median(seconds) * 1000
    return f"{milli:.0f} ms" if milli >= 100 else f"{milli:.3g} ms"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the ratio of two medians."""
    return statistics.median(ours) / statistics.median(theirs)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each pair that was measured one after the other."""
    return [our / its for our, its in zip(ours, theirs, strict=True)]


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios of pairs, which a machine that is now busier, now less, moves least."""
    return statistics.median(ratios(ours, theirs))


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return a command line that says what the benchmark does, and how often."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--rounds", type=_rounds, default=rounds, help=f"how often to measure each (default {rounds})"
    )
    return options


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"must be a whole number from 2 on, not {text!r}")
    return int(text)


def run(benchmark: Callable[[], None]) -> NoReturn:
    """Run a benchmark: exit status 0 whatever the ratios are, 1 and a sentence if it could not measure."""
    try:
        benchmark()
    except MeasurementError as error:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {error}")
    sys.exit(0)
