"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, pieces: Iterable[bytes], *, replace: bool, private: bool = False) -> None:
    """Write a file so that nobody ever sees half of it; where the pieces break off, nothing is written.

    Args:
        path: where to.
        pieces: its content.
        replace: whether a file that is there already may be replaced.
        private: only the owner may read it.

    Raises:
        FileExistsError: there is such a file, and it may not be replaced.
        OSError: it cannot be written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        draft = path.with_name(f".{path.name[:60]}.{os.getpid()}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    except ValueError as error:
        # no name at all, or one with a NUL or half a character in it
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path)) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, replace: bool, private: bool = False) -> None:
    """Write a text as :func:`write_whole` does, in UTF-8; lone surrogates are spelt out."""
    write_whole(path, [text.encode(errors="backslashreplace")], replace=replace, private=private)


def _link(draft: Path, path: Path) -> None:
    """Give the draft its name where nothing has it yet, however quickly that changes."""
    try:
        os.link(draft, path)
    except OSError as error:
        # some file systems have no links: there, nobody can be kept from being quicker
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        draft.replace(path)
