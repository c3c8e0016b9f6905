"""``softmax-visualizer show``: what is on the screen as text, JSON, CSV or Markdown."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from softmax_visualizer.cli.asking import asked
from softmax_visualizer.cli.command import PROGRAM, Command, UsageError, whole
from softmax_visualizer.cli.options import (
    add_cut_options,
    add_model_options,
    add_recording_options,
    configuration_of,
    recorder_of,
    settings_at,
)
from softmax_visualizer.cli.output import complain, read_input, write

if TYPE_CHECKING:
    from softmax_visualizer.decoding.settings import DecodingSettings
    from softmax_visualizer.models.base import ModelAnswer

_LARGEST_PROMPT = 1_000_000
"""Bytes of a prompt from stdin."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "prompt",
        nargs="?",
        help="the prompt; with - or without one, it is read from a pipe",
    )
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
    if answer.engine is not None and options.order is None and options.engine is None:
        settings = [_ordered_for(answer.engine, each) for each in settings]

    from softmax_visualizer.display.report import report

    if options.format not in ("json", "csv"):
        for note in (*answer.notes, *answer.distribution.notes):
            complain(note)
    write(report(answer.prompt, answer.origin, answer.distribution, settings, top, options.format))
    return 0


def _ordered_for(name: str, settings: DecodingSettings) -> DecodingSettings:
    """Return settings in the order of the engine that answered, and say so where that makes a difference."""
    from softmax_visualizer.decoding.engines import engine
    from softmax_visualizer.display.settings import order_phrase

    ordered = replace(settings, order=engine(name).order)
    if ordered != settings and settings.cuts:
        complain(
            f"The server is {name}: {order_phrase(ordered.order)}. --order or --engine decides otherwise."
        )
    return ordered


def _answer(options: argparse.Namespace) -> ModelAnswer:
    if options.logprobs is not None:
        from softmax_visualizer.models.logprobs_file import read_logprobs

        prompt = _from_input() if options.prompt == "-" else options.prompt or ""
        return replace(read_logprobs(Path(options.logprobs)), prompt=prompt)
    configuration = configuration_of(options)
    piped = options.prompt is None and (sys.stdin is None or not sys.stdin.isatty())
    prompt = _from_input() if piped or options.prompt == "-" else options.prompt
    if prompt is None or (piped and not prompt):
        raise UsageError(f'A prompt is missing: {PROGRAM} show "a prompt", or a prompt on a pipe.')
    recorder = recorder_of(options, configuration)
    answer: ModelAnswer = asked(
        configuration, lambda model: model.ask(prompt, whole=configuration.whole), recorder
    )
    from softmax_visualizer.models.redaction import redacted

    return redacted(answer, configuration.redact)


def _from_input() -> str:
    """Return the prompt on stdin, without the end of its last line."""
    return read_input(_LARGEST_PROMPT).removesuffix("\n").removesuffix("\r")


COMMAND = Command(
    "show",
    "print the next token's probabilities and exit",
    "Ask once, and print the next token's probabilities at each temperature.",
    _add_arguments,
    _run,
)
