"""The screen, which opens where no command is named."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from softmax_visualizer.cli.command import PROGRAM, Command, UsageError, whole
from softmax_visualizer.cli.fetching import provide
from softmax_visualizer.cli.options import (
    add_cut_options,
    add_model_options,
    add_recording_options,
    configuration_of,
    recorder_of,
    settings_at,
    settings_of,
)
from softmax_visualizer.cli.output import complain
from softmax_visualizer.cli.preferences import add_theme, opening_view, preferences_of, take_knobs
from softmax_visualizer.decoding.engines import engine
from softmax_visualizer.decoding.settings import DecodingSettings

if TYPE_CHECKING:
    from softmax_visualizer.models.answer_file import SavedAnswers
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.tui.app import SoftmaxVisualizer

_EXAMPLE = "The quick brown fox jumps over the"

_FIRST = DecodingSettings(0.8, 0.9)
"""What the first picture begins with: all three columns differ, and the cut falls among its rows."""

_BROWSER = "textual.drivers.web_driver:WebDriver"
"""The driver that textual-serve has Textual load: the screen goes through a pipe to a browser."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="?", metavar="PROMPT", help="the prompt to begin with")
    parser.add_argument("--prompt", help="the same, for a prompt that is also the name of a command")
    parser.add_argument(
        "-t",
        "--temperature",
        help="temperature, 0 or more (default 1; without any setting, the screen opens at 0.8 and top-p 0.9)",
    )
    add_cut_options(parser)
    parser.add_argument("--seed", help="seed of the tokens that the space key samples (default 1)")
    add_theme(parser)
    add_model_options(parser)
    add_recording_options(parser)
    parser.add_argument(
        "--info",
        action="store_true",
        help="print what a report of a fault should say, without secrets, and exit",
    )
    parser.add_argument(
        "--open", metavar="FILE", help="show answers that were saved (w), with their prompt and their model"
    )


def _run(options: argparse.Namespace) -> int:
    if options.info:
        from softmax_visualizer.cli.info import print_info

        return print_info(options)
    if options.words is not None and options.prompt is not None:
        raise UsageError("There are two prompts: give one of them, with --prompt or without.")
    prompt = options.prompt if options.words is None else options.words
    preferred = settings_of(options)
    if options.open is None:
        # saved answers bring the setting that they were written at
        take_knobs(options, preferred)
    typed = (options.temperature, options.top_p, options.top_k, options.min_p)
    settings = settings_at(options.temperature, options)
    if typed == (None,) * 4:
        settings = replace(_FIRST, order=settings.order)
    whose = None if options.engine is None else engine(options.engine).name
    whose = whose if options.order is None else ""
    seed = 1 if options.seed is None else whole("--seed", options.seed)
    if options.open is not None and (prompt is not None or options.replay is not None):
        raise UsageError("--open brings a prompt and answers of its own: leave out the prompt and --replay.")
    configuration = configuration_of(options, preferred)
    check_terminal()
    saved = None
    if options.open is not None:
        saved, configuration = _opened(options, configuration)
        written = saved.tree.generation
        prompt = written.prompt
        seed = written.seed if options.seed is None and written.seed is not None else seed
        if typed == (None,) * 4 and options.order is None and options.engine is None:
            settings = written.settings or settings
    provide(configuration)
    if configuration.replay is not None:
        from softmax_visualizer.models.replay import RecordedModel

        # read here as well, so that a file that cannot be replayed is refused before there is a screen
        recorded = RecordedModel.open(configuration.replay, configuration.model)
        prompt = recorded.prompts[0] if prompt is None else prompt
    recorder = recorder_of(options, configuration)
    from softmax_visualizer.tui.app import SoftmaxVisualizer
    from softmax_visualizer.tui.history import read_history

    prompt = _EXAMPLE if prompt is None else prompt
    view, preferences = opening_view(preferred), preferences_of(preferred, keeps_history=True)
    # all that is wrong with the person's file is known by now
    configuration = replace(configuration, notes=tuple(preferred.notes))
    return run_app(
        SoftmaxVisualizer(
            configuration,
            prompt,
            seed,
            read_history() if preferences.keeps_history else (),
            recorder,
            settings=settings,
            engine=whose,
            saved=saved,
            view=view,
            preferences=preferences,
        )
    )


def _opened(options: argparse.Namespace, own: Configuration) -> tuple[SavedAnswers, Configuration]:
    """Return the answers of the file that is to be opened, and how to ask the model that they came from."""
    from softmax_visualizer.models.answer_file import read
    from softmax_visualizer.models.reopening import configuration_for

    saved = read(Path(options.open))
    configuration = configuration_for(saved, own)
    if options.model is not None and options.model != configuration.model:
        raise UsageError("--open goes on with the model that its answers came from: leave out --model.")
    return saved, configuration


def run_app(app: SoftmaxVisualizer, *, mouse: bool = True, hidden_size: tuple[int, int] | None = None) -> int:
    """Show the app until it ends; return the exit status, 1 after an error of the program's own.

    ``hidden_size``: columns and rows of a screen that nobody sees, in the place of the terminal.
    """
    from softmax_visualizer.tui import crash

    app.run(mouse=mouse, headless=hidden_size is not None, size=hidden_size)
    if app.failure is not None:
        complain(
            f"An error in the program ended it ({type(app.failure).__name__}). "
            f"{crash.report(app.failure, app.redact)}"
        )
        return 1
    return app.return_code or 0


def check_terminal() -> None:
    """Raise UsageError for a terminal that cannot show the screen, or where nobody would see it."""
    if os.environ.get("TEXTUAL_DRIVER") == _BROWSER:
        return
    instead = f'For plain text, use: {PROGRAM} show "a prompt"'
    # Textual reads the keyboard from stdin and draws on stderr
    if (
        sys.__stdin__ is None
        or sys.__stderr__ is None
        or not (sys.__stdin__.isatty() and sys.__stderr__.isatty())
    ):
        raise UsageError(f"The screen needs a terminal for both input and output. {instead}")
    if os.environ.get("TERM", "") in ("dumb", "unknown"):
        raise UsageError(
            f"This terminal (TERM={os.environ['TERM']}) cannot place text on the screen. {instead}"
        )
    encoding = (sys.__stderr__.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        raise UsageError(
            f"This terminal's encoding is {encoding or 'unknown'}, and the screen needs UTF-8: "
            f"try LC_ALL=C.UTF-8. {instead}"
        )


COMMAND = Command(
    "",
    "",
    "See what temperature and top-p do to a language model's next token.",
    _add_arguments,
    _run,
    "With no key and no server set, a small bundled model answers.",
)
