"""The command line: the screen, or one of the commands, each in a module of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from softmax_visualizer.cli import (
    check,
    config,
    consistent,
    generate,
    lesson,
    models,
    sample,
    score,
    screen,
    show,
)
from softmax_visualizer.cli.command import PROGRAM, Command, UsageError, parser_of
from softmax_visualizer.cli.output import complain, discard_output
from softmax_visualizer.decoding.settings import SettingsError

COMMANDS = {
    command.name: command
    for command in (
        show.COMMAND,
        generate.COMMAND,
        score.COMMAND,
        sample.COMMAND,
        lesson.COMMAND,
        check.COMMAND,
        models.COMMAND,
        consistent.COMMAND,
        config.COMMAND,
    )
}
"""What the first argument can be; with anything else there, the screen opens."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: a command's own, or 2 after a sentence on stderr."""
    from softmax_visualizer.models.base import ModelError
    from softmax_visualizer.models.settings import ConfigurationError

    status = 0
    try:
        try:
            status = _run(sys.argv[1:] if arguments is None else arguments)
        except SystemExit as wanted:
            # --help and --version have printed, but perhaps only into a buffer
            status = int(wanted.code or 0)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (UsageError, SettingsError, ConfigurationError, ModelError) as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        discard_output()
    except OSError as error:
        complain(f"The output cannot be written: {(error.strerror or str(error)).lower()}.")
        discard_output()
        return 2
    return status


def _run(arguments: Sequence[str]) -> int:
    if arguments and (command := COMMANDS.get(arguments[0])):
        return command.run(parser_of(command).parse_args(arguments[1:]))
    options = parser_of(screen.COMMAND, COMMANDS.values()).parse_args(arguments)
    _check_is_no_command(options.words)
    return screen.COMMAND.run(options)


def _check_is_no_command(words: str | None) -> None:
    """Refuse a prompt that was probably meant as a command."""
    if words is None or not words.isalpha():
        return
    from difflib import get_close_matches

    as_prompt = f"To ask about this word: {PROGRAM} --prompt {words}"
    if words in COMMANDS:
        raise UsageError(f"A command comes first: {PROGRAM} {words}. {as_prompt}.")
    if near := get_close_matches(words, COMMANDS, 1, 0.7):
        raise UsageError(f"There is no command {words}. Did you mean {PROGRAM} {near[0]}? {as_prompt}.")


__all__ = ["COMMANDS", "Command", "main"]
