"""A lesson file that its teacher is working on: read again whenever it was saved."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

from softmax_visualizer.lessons.error import LessonError
from softmax_visualizer.lessons.lesson import Lesson
from softmax_visualizer.lessons.reading import read_lesson

_LOOK_EVERY = 0.3
"""Seconds between two looks at the file."""


async def saved_lessons(path: Path) -> AsyncIterator[Lesson | LessonError]:
    """Yield the lesson, or what is wrong with it, each time that the file has changed; never ends.

    The file is looked at and read in a thread. One that is not there is waited for.
    """
    known = seen = await asyncio.to_thread(_stamp, path)
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        before, seen = seen, await asyncio.to_thread(_stamp, path)
        # what is still being written looks different each time
        if seen is not None and seen == before and seen != known:
            known = seen
            try:
                lesson = await asyncio.to_thread(read_lesson, path)
            except LessonError as error:
                yield error
            else:
                yield lesson


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is saved; None if it is not there, or is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
