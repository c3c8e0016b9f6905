"""Writes down when a program first looks for one of some packages: a line each, name and monotonic time."""

import os
import sys
import time


class _Log:
    """A finder that finds nothing, but sees all that is looked for."""

    def __init__(self, file: str, names: set[str]) -> None:
        self._file = file
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self._names:
            self._names.discard(name)
            with open(self._file, "a") as log:
                log.write(f"{name} {time.monotonic()}\n")


if "IMPORT_LOG" in os.environ:
    sys.meta_path.insert(0, _Log(os.environ["IMPORT_LOG"], set(os.environ["IMPORT_LOG_PACKAGES"].split())))
