"""What a command is, and how its arguments are read: with one sentence for whatever is wrong with them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from softmax_visualizer import __version__

PROGRAM = "softmax-visualizer"


class UsageError(Exception):
    """Something was asked for that cannot be done; the text says what, and what can."""


@dataclass(frozen=True)
class Command:
    """A command of the program.

    ``name``: its first argument; empty for the screen, which opens where no command is named.
    ``summary``: what the program's own help says of it.
    ``description``, ``epilog``: what stands in its own help before and after the arguments.
    ``add_arguments``: adds its arguments to a parser.
    ``run``: does it and returns the exit status. Only here is anything heavy imported.
    """

    name: str
    summary: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    epilog: str = ""


class _Parser(argparse.ArgumentParser):
    """argparse, but with one sentence for an error, as everywhere in this program."""

    def error(self, message: str) -> NoReturn:
        if unknown := re.search(r"argument (\S+): invalid choice: ('.*') \(choose from (.*)\)", message):
            message = f"{unknown[1]} cannot be {unknown[2]}; it can be {unknown[3].replace(chr(39), '')}"
        elif extra := re.fullmatch(r"unrecognized arguments: ([^-].*)", message):
            message = f"unexpected words: {extra[1]}; put a prompt of several words in quotation marks"
        raise UsageError(f"{message[:1].upper()}{message[1:]}. Try {self.prog} --help.")


def parser_of(command: Command, commands: Iterable[Command] = ()) -> argparse.ArgumentParser:
    """Return the parser of a command; ``commands`` are the others that its help lists."""
    listed = [f"  {each.name:<12} {each.summary}" for each in commands]
    parser = _Parser(
        prog=f"{PROGRAM} {command.name}".rstrip(),
        description=command.description,
        epilog="\n".join([*(["commands, each with a --help of its own:", *listed, ""] if listed else []),
                          command.epilog]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    if not command.name:
        parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    command.add_arguments(parser)
    return parser


def number(flag: str, text: str) -> float:
    """Return the number that was given with a flag; UsageError if it is none."""
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{flag} must be a number, not {text!r}.") from error


def whole(flag: str, text: str, least: int | None = None) -> int:
    """Return the whole number that was given with a flag; UsageError if it is none, or below ``least``."""
    try:
        value = int(text)
    except ValueError as error:
        raise UsageError(f"{flag} must be a whole number, not {text!r}.") from error
    if least is not None and value < least:
        raise UsageError(f"{flag} must be {least} or more, not {value}.")
    return value
