"""The lessons that come with the program, and how a lesson is found by what a person typed."""

from __future__ import annotations

import os.path
from pathlib import Path

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.lessons.error import LessonError, did_you_mean
from softmax_visualizer.lessons.lesson import Lesson
from softmax_visualizer.lessons.reading import COURSE, read_lesson


def built_in() -> tuple[Path, ...]:
    """Return the files of the built-in lessons in the order that they give, then by name."""

    def place(path: Path) -> tuple[bool, int, str]:
        order = read_lesson(path).order
        return order is None, order or 0, path.name

    return tuple(sorted(COURSE.glob("*.toml"), key=place))


def find_lesson(name_or_path: str) -> Lesson:
    """Return the built-in lesson of that name, or the one in the file at that path.

    What holds a slash or ends in ``.toml`` is always a path.

    Raises:
        LessonError: there is neither, or the lesson cannot be used.
    """
    path = Path(name_or_path)
    if path.name != name_or_path or path.suffix.lower() == ".toml":
        return read_lesson(path)
    lessons = built_in()
    for lesson in lessons:
        if lesson.stem == name_or_path:
            return read_lesson(lesson)
    if os.path.isfile(path):
        return read_lesson(path)
    names = [lesson.stem for lesson in lessons]
    raise LessonError(
        f'There is no lesson "{safe_line(name_or_path, 60)}".{did_you_mean(name_or_path, names)} '
        f"The built-in lessons are {', '.join(names)}; the name of a lesson file ends in .toml."
    )
