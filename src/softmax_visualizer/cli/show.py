"""``softmax-visualizer show``: what is on the screen as text, JSON, CSV or Markdown."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from softmax_visualizer.cli.asking import asked
from softmax_visualizer.cli.command import PROGRAM, Command, whole
from softmax_visualizer.cli.options import (
    add_cut_options,
    add_model_options,
    add_prompt,
    add_recording_options,
    configuration_of,
    from_input,
    ordered_for,
    prompt_of,
    recorder_of,
    settings_at,
)
from softmax_visualizer.cli.output import complain, write

if TYPE_CHECKING:
    from softmax_visualizer.models.base import ModelAnswer


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_prompt(parser)
    parser.add_argument(
        "-t",
        "--temperature",
        action="append",
        help="temperature, 0 or more; repeat it to compare (default 1)",
    )
    add_cut_options(parser)
    parser.add_argument("--top", default="20", help="tokens to list; the rest is summed up (default 20)")
    parser.add_argument(
        "--format",
        choices=("text", "plain", "json", "csv", "markdown"),
        default="text",
        help="text (default), plain, json, csv or markdown",
    )
    parser.add_argument(
        "--plain",
        action="store_const",
        dest="format",
        const="plain",
        help="one token a line, without bars, for screen readers and logs: the same as --format plain",
    )
    parser.add_argument(
        "--logprobs",
        metavar="FILE",
        help='a JSON file to decode instead: {"tokens": [...], "logprobs": [...]}',
    )
    add_model_options(parser)
    add_recording_options(parser)


def _run(options: argparse.Namespace) -> int:
    settings = [settings_at(temperature, options) for temperature in options.temperature or [None]]
    top = whole("--top", options.top, 0)
    answer = _answer(options)
    settings = [ordered_for(answer, each, options) for each in settings]

    from softmax_visualizer.display.report import report

    if options.format not in ("json", "csv"):
        for note in (*answer.notes, *answer.distribution.notes):
            complain(note)
    write(report(answer.prompt, answer.origin, answer.distribution, settings, top, options.format))
    return 0


def _answer(options: argparse.Namespace) -> ModelAnswer:
    if options.logprobs is not None:
        from softmax_visualizer.models.logprobs_file import read_logprobs

        prompt = from_input() if options.prompt == "-" else options.prompt or ""
        return replace(read_logprobs(Path(options.logprobs)), prompt=prompt)
    configuration = configuration_of(options)
    prompt = prompt_of(options, f'{PROGRAM} show "a prompt"')
    recorder = recorder_of(options, configuration)
    answer: ModelAnswer = asked(
        configuration, lambda model: model.ask(prompt, whole=configuration.whole), recorder
    )
    from softmax_visualizer.models.redaction import redacted

    return redacted(answer, configuration.redact)


COMMAND = Command(
    "show",
    "print the next token's probabilities and exit",
    "Ask once, and print the next token's probabilities at each temperature.",
    _add_arguments,
    _run,
)
