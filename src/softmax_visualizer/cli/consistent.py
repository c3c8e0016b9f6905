"""``softmax-visualizer consistent``: can one model have printed these two tables?"""

from __future__ import annotations

import argparse
from pathlib import Path

from softmax_visualizer.cli.command import Command, UsageError
from softmax_visualizer.cli.output import read_input, write


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="the tables, one below the other; - for the standard input")


def _run(options: argparse.Namespace) -> int:
    from softmax_visualizer.display.printed_tables import LARGEST_TEXT, TableError, read_tables, verdict

    name = "the standard input" if options.file == "-" else options.file
    try:
        if options.file == "-":
            text = read_input(4 * LARGEST_TEXT)
        else:
            with Path(options.file).open("rb") as file:
                text = file.read(4 * LARGEST_TEXT).decode("utf-8-sig")
        consistent, words = verdict(read_tables(text))
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text, so it holds no tables.") from error
    except TableError as error:
        raise UsageError(f"{name}: {error}") from error
    write([words + "\n"])
    return 0 if consistent else 1


COMMAND = Command(
    "consistent",
    "find out whether one model can have printed two tables, and exit",
    "Can these two tables of probabilities come from one distribution?\n"
    "The exit status is 0 if nothing speaks against it, 1 if the numbers prove that they cannot.",
    _add_arguments,
    _run,
    "A table is what show prints, or a line such as --- Temp 0.1 (Focused) --- and below it lines\n"
    "such as 'lazy': 99.8%",
)
