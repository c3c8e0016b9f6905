"""``softmax-visualizer lesson``: a lesson on the screen, by hand or by itself."""

from __future__ import annotations

import argparse
import os
from math import inf

from softmax_visualizer.cli.command import PROGRAM, Command, UsageError, number, whole
from softmax_visualizer.cli.options import settings_of
from softmax_visualizer.cli.output import complain, safe, write
from softmax_visualizer.cli.preferences import add_theme, preferences_of
from softmax_visualizer.cli.screen import check_terminal, run_app


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lessons", nargs="*", metavar="NAME|FILE", help="a built-in lesson, or a lesson file")
    parser.add_argument(
        "--list", action="store_true", help="list the built-in lessons and how long --auto takes, and exit"
    )
    parser.add_argument(
        "--auto",
        action="store_true",
        help="play by itself and exit: 0, or 1 if the lesson expected other numbers",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="play the lessons, or all built-in ones, without a terminal and at once, and say what does not "
        "hold: 0 if nothing, 1 if something, 2 for a file that is no lesson",
    )
    parser.add_argument(
        "--from", dest="step", default="1", metavar="STEP", help="begin with this step (default 1)"
    )
    parser.add_argument("--speed", default="1", help="with --auto, how many times as fast (default 1)")
    parser.add_argument("--seed", default="1", help="seed of the tokens that are sampled (default 1)")
    add_theme(parser)
    presenter = parser.add_argument_group("for an audience")
    for flag, what, meaning in (
        ("--show-keys", "keys", "show the keys that are pressed (F6)"),
        ("--large-caption", "large", "show the caption bold, with space around it (F7)"),
        ("--no-footer", "bare", "hide the line of keys (F8)"),
    ):
        presenter.add_argument(flag, dest="presenting", action="append_const", const=what, help=meaning)


def _run(options: argparse.Namespace) -> int:
    from softmax_visualizer.lessons.error import LessonError
    from softmax_visualizer.lessons.listing import built_in, find_lesson
    from softmax_visualizer.lessons.reading import read_lesson

    try:
        if options.list:
            lessons = [read_lesson(path) for path in built_in()]
            write(
                safe(f"{each.name:<10} {each.duration:3.0f} s  {each.about or each.title}") + "\n"
                for each in lessons
            )
            return 0
        if options.check:
            names = options.lessons or [str(path) for path in built_in()]
            return max(_check(name, whole("--seed", options.seed)) for name in names)
        if not options.lessons:
            raise UsageError(f"Name a lesson: {PROGRAM} lesson --list shows them.")
        name, *others = options.lessons
        if others:
            raise UsageError(f"One lesson at a time can be played, and {safe(others[0])} is a second one.")
        lesson = find_lesson(name)
    except LessonError as error:
        raise UsageError(str(error)) from error
    speed, seed, step = number("--speed", options.speed), whole("--seed", options.seed), options.step
    if not 0.1 <= speed <= 100:
        raise UsageError(f"--speed must be between 0.1 and 100, not {options.speed}.")
    if not 1 <= whole("--from", step) <= len(lesson.steps):
        raise UsageError(f"--from must be a step from 1 to {len(lesson.steps)}, not {step}.")
    check_terminal()
    if options.auto:
        # the terminal that plays a recording grants what it asks for, and would not know the player's keys
        os.environ["TEXTUAL_DISABLE_KITTY_KEY"] = "1"
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.tui.app import SoftmaxVisualizer
    from softmax_visualizer.tui.lesson.moments import LessonStart

    start = LessonStart(lesson, options.auto, speed, frozenset(options.presenting or ()), int(step))
    preferred = settings_of(options)
    preferences = preferences_of(preferred, keeps_history=False)
    for note in preferred.notes:
        complain(note)
    app = SoftmaxVisualizer(
        Configuration(model="bundled"), lesson.prompt, seed, lesson=start, preferences=preferences
    )
    status = run_app(app, mouse=not options.auto)
    for failure in app.failures:
        complain(failure)
    return status


def _check(name: str, seed: int) -> int:
    """Play a lesson at once where nobody sees it, and print what does not hold; return the exit status."""
    from softmax_visualizer.lessons.error import LessonError
    from softmax_visualizer.lessons.listing import find_lesson
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.tui.app import SoftmaxVisualizer
    from softmax_visualizer.tui.lesson.moments import LessonStart

    try:
        lesson = find_lesson(name)
    except LessonError as error:
        complain(str(error))
        return 2
    start = LessonStart(lesson, auto=True, speed=inf)
    app = SoftmaxVisualizer(Configuration(model="bundled"), lesson.prompt, seed, lesson=start)
    status = run_app(app, mouse=False, hidden_size=lesson.size)
    expected = sum(len(step.expectations) for step in lesson.steps)
    found = f"{len(lesson.steps)} steps, {expected} expectations: "
    found += f"{len(app.failures)} not as it should be" if status else "all is as it should be"
    write(f"{safe(line)}\n" for line in (*app.failures, f"{lesson.path.name}: {found}."))
    return status


COMMAND = Command(
    "lesson",
    "play a lesson, by hand or by itself",
    "Play a lesson: space goes on, Backspace goes back, any other key tries something out.",
    _add_arguments,
    _run,
)
