"""Files that a person names: read whole, but never more of one than is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO


class UnreadableError(Exception):
    """A file cannot be read, or is too large; the text is a sentence that begins with its name."""


def read_file(path: Path, limit: int) -> bytes:
    """Return what is in a file, if that is no more than ``limit`` bytes.

    Raises:
        UnreadableError: it is more, or the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return read_bounded(file, limit, str(path))
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {reason(error)}.") from error
    except ValueError as error:
        # a NUL, or half a character
        raise UnreadableError(f"{path} is no name that a file can have.") from error


def read_bounded(file: BinaryIO, limit: int, name: str) -> bytes:
    """Return all that an open file holds, if that is no more than ``limit`` bytes.

    Raises:
        UnreadableError: it is more; ``name`` is what its text calls the file.
        OSError: it cannot be read.
    """
    # a device has no size to ask for, so no more is read than is too much
    content = file.read(limit + 1)
    if len(content) > limit:
        raise UnreadableError(f"{name} is larger than {limit // 2**20} MB, so it was not read.")
    return content


def reason(error: OSError) -> str:
    """Return what the system says of a failure, for the middle of a sentence."""
    return (error.strerror or str(error)).lower()
