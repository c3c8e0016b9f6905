"""The ``.env`` file: found, read if it can be trusted, and named if it is not used."""

from __future__ import annotations

import io
import os
import select
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from softmax_visualizer.models.reading import UnreadableError, read_bounded, reason

LARGEST = 2**20
"""Bytes of a file of settings."""

FIFO_PATIENCE = 10.0
"""Seconds that a password manager has for writing into a FIFO; it may ask the person first."""


@dataclass(frozen=True, slots=True)
class Dotenv:
    """What a ``.env`` says, where it is, and sentences about those that were passed over."""

    values: Mapping[str, str | None] = field(default_factory=dict)
    path: Path | None = None
    notes: tuple[str, ...] = ()


class PassedOverError(Exception):
    """A file of settings is there and is not used; the text says why."""


def read_dotenv(directory: Path | None) -> Dotenv:
    """Read the first ``.env`` in a directory and its parents that can be trusted.

    It must be a file or a FIFO of the user's or of root's, into which nobody else may write. Values are taken
    as they stand: none is filled in from the environment, whose secrets are not the file's to send anywhere.

    Args:
        directory: the working directory unless given.

    Raises:
        UnreadableError: the user's own file cannot be read, or is no UTF-8 text.
    """
    notes: list[str] = []
    try:
        start = Path.cwd() if directory is None else directory.resolve()
    except OSError:
        return Dotenv()  # a working directory that is gone or closed to us holds no settings of ours
    for path in (place / ".env" for place in (start, *start.parents)):
        try:
            content = trusted_content(path)
        except PassedOverError as error:
            notes.append(f"{path} was not used: {error}.")
            continue
        if content is not None:
            return Dotenv(_values(content, path), path, tuple(notes))
    return Dotenv(notes=tuple(notes))


def _values(content: bytes, path: Path) -> Mapping[str, str | None]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UnreadableError(f"{path} is not UTF-8 text. Save it as UTF-8, or move it away.")
    from dotenv import dotenv_values

    return dotenv_values(stream=io.StringIO(text), interpolate=False)


def trusted_content(path: Path) -> bytes | None:
    """Return what is in a file of settings; None if there is none.

    Raises:
        PassedOverError: it is no file of the user's own, or others may write to it.
        UnreadableError: it is theirs, and cannot be read.
    """
    try:
        link = path.lstat()
    except OSError:
        return None
    try:
        # a device is not even opened: that alone may do something
        _check(link, path.stat())
        # without a wait for somebody to write into a FIFO
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            # what was looked at before may have been replaced since
            _check(link, found)
            is_fifo = stat.S_ISFIFO(found.st_mode)
            return read_bounded(_written_into(descriptor) if is_fifo else file, LARGEST, str(path))
    except OSError as error:
        if stat.S_ISLNK(link.st_mode):
            raise PassedOverError(f"it is a link to what cannot be read ({reason(error)})") from error
        raise UnreadableError(
            f"{path} cannot be read ({error.strerror}). Make it readable, or move it away."
        ) from error


def _written_into(fifo: int) -> io.BytesIO:
    """Return what others write into a FIFO that was opened without waiting for them."""
    content = b""
    deadline = time.monotonic() + FIFO_PATIENCE
    while len(content) <= LARGEST:
        ready, _, _ = select.select([fifo], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise PassedOverError(
                f"it is a FIFO, and nobody finished writing into it within {FIFO_PATIENCE:g} s"
            )
        part = os.read(fifo, LARGEST)
        if not part:
            break
        content += part
    return io.BytesIO(content)


def _check(link: os.stat_result, found: os.stat_result) -> None:
    """Refuse what is no file of the user's own; ``link`` is the entry in the folder, perhaps a link to it."""
    if stat.S_ISDIR(found.st_mode):
        raise PassedOverError("it is a folder")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode)):
        raise PassedOverError("it is neither a file nor a FIFO")
    if not hasattr(os, "getuid"):
        return  # Windows keeps neither owners nor modes of this kind
    if not {link.st_uid, found.st_uid} <= {os.getuid(), 0}:
        raise PassedOverError("it belongs to another user, who could send your key anywhere")
    if found.st_mode & stat.S_IWOTH:
        raise PassedOverError("everybody may write to it. Take that away with chmod o-w")
    if found.st_mode & stat.S_IWGRP and not _is_of_one(found.st_gid):
        raise PassedOverError("its whole group may write to it. Take that away with chmod g-w")


def _is_of_one(group: int) -> bool:
    """Whether a group is the user's alone, as many systems make one for each user."""
    import grp
    import pwd

    try:
        user, members = pwd.getpwuid(os.getuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return group == user.pw_gid and members.gr_name == user.pw_name and set(members.gr_mem) <= {user.pw_name}
