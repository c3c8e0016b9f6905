"""What the commands read and write: stdin, stdout and stderr as they are, closed ones too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from softmax_visualizer.cli.command import PROGRAM, UsageError

_ASCII = str.maketrans("█▓▒░▚▏▎▍▌▋▊▉┊→–␣…", "#=-.%|||||##:>-_~")
"""ASCII in the place of what a terminal without UTF-8 cannot show, a character for each."""


def safe(text: str) -> str:
    """Return any text as one line that is safe to print."""
    from softmax_visualizer.display.labels import safe_line

    return safe_line(text)


def complain(text: str) -> None:
    """Write a sentence to stderr."""
    if sys.stderr is not None:
        line = f"{PROGRAM}: {safe(text)}\n"
        sys.stderr.buffer.write(line.encode(sys.stderr.encoding or "ascii", "backslashreplace"))
        sys.stderr.flush()


def write(pieces: Iterable[str]) -> None:
    """Write a text to stdout, a piece at a time; where nobody reads it any more, no more of it is made.

    Raises:
        UsageError: stdout is closed.
        OSError: it cannot be written, for another reason than that its reader is gone.
    """
    if sys.stdout is None:
        raise UsageError("Nothing can be printed: the standard output is closed.")
    encoding = sys.stdout.encoding or "ascii"
    try:
        "█".encode(encoding)
        table = {}
    except UnicodeEncodeError:
        table = _ASCII
    try:
        for piece in pieces:
            # a token may still hold what the encoding cannot say, which is then spelt out
            sys.stdout.buffer.write(piece.translate(table).encode(encoding, "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Send to nowhere what is still to be written: Python would complain about it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_input(largest: int) -> str:
    """Return all of stdin, a UTF-8 text of at most ``largest`` bytes.

    Raises:
        UsageError: stdin is closed, cannot be read, is longer or is no such text.
    """
    if sys.stdin is None:
        raise UsageError("Nothing can be read: the standard input is closed.")
    try:
        data = sys.stdin.buffer.read(largest + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"The standard input cannot be read: {reason}.") from error
    if len(data) > largest:
        raise UsageError(f"The standard input holds more than {largest:,} bytes, which is too much.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("The standard input is not UTF-8 text.") from error
