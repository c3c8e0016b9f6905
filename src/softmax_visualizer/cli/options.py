"""What several commands are told: the prompt, the model, recordings, and the settings of the decoder."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from softmax_visualizer.cli.command import UsageError, number, whole
from softmax_visualizer.cli.output import complain, read_input
from softmax_visualizer.decoding.engines import ENGINES, engine
from softmax_visualizer.decoding.settings import DecodingSettings

if TYPE_CHECKING:
    from softmax_visualizer.models.base import ModelAnswer
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder
    from softmax_visualizer.models.settings import Settings


_LARGEST_PROMPT = 1_000_000
"""Bytes of a prompt from stdin."""


def add_prompt(parser: argparse.ArgumentParser) -> None:
    """Add the prompt."""
    parser.add_argument("prompt", nargs="?", help="the prompt; with - or without one, it is read from a pipe")


def prompt_of(options: argparse.Namespace, example: str) -> str:
    """Return the prompt, from the command line or a pipe; UsageError with an example if there is none."""
    piped = options.prompt is None and (sys.stdin is None or not sys.stdin.isatty())
    prompt: str | None = from_input() if piped or options.prompt == "-" else options.prompt
    if prompt is None or (piped and not prompt):
        raise UsageError(f"A prompt is missing: {example}, or a prompt on a pipe.")
    return prompt


def from_input() -> str:
    """Return the prompt on stdin, without the end of its last line."""
    return read_input(_LARGEST_PROMPT).removesuffix("\n").removesuffix("\r")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which model is asked, and how."""
    group = parser.add_argument_group("the model")
    group.add_argument(
        "--model", help="its name, or a model file (PATH.gguf); bundled and smollm2 need no server"
    )
    group.add_argument("--base-url", help="the OpenAI-compatible server, such as http://127.0.0.1:8080/v1")
    group.add_argument("--timeout", metavar="SECONDS", help="how long to wait for an answer (default 30)")
    group.add_argument("--framing", help="answer (default), continue or raw: how a chat model is asked")
    group.add_argument(
        "--vocabulary-size",
        metavar="N",
        help="tokens in the model's vocabulary, where the server does not say",
    )
    group.add_argument(
        "--top-logprobs",
        metavar="N",
        help="how many tokens to ask a server for: a number, all, or auto (default)",
    )


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """Add what keeps answers in a file, and gives them again."""
    group = parser.add_argument_group("recordings")
    group.add_argument("--record", metavar="FILE", help="write every answer into this file as it comes")
    group.add_argument(
        "--replay", metavar="FILE", help="use the answers of a recording; no network is needed"
    )


def add_cut_options(parser: argparse.ArgumentParser) -> None:
    """Add all settings of the decoder but the temperature."""
    parser.add_argument(
        "-p",
        "--top-p",
        help="keep the most likely tokens until their probabilities sum to this, 0 to 1 (default 1: off)",
    )
    parser.add_argument("-k", "--top-k", help="keep this many tokens (default: off)")
    parser.add_argument(
        "--min-p",
        help="keep tokens at least this many times as likely as the first, 0 to 1 (default 0: off)",
    )
    parser.add_argument(
        "--order",
        help="temperature-first or temperature-last (default: the engine's, else temperature-first)",
    )
    parser.add_argument(
        "--engine",
        metavar="NAME",
        help="whose order it is (default: what the server says): "
        + ", ".join(engine.name for engine in ENGINES),
    )


def settings_at(temperature: str | None, options: argparse.Namespace) -> DecodingSettings:
    """Return the settings as they were typed; UsageError or SettingsError if they are wrong."""
    none = DecodingSettings()
    usual = none.order if options.engine is None else engine(options.engine).order
    return DecodingSettings(
        none.temperature if temperature is None else number("--temperature", temperature),
        none.top_p if options.top_p is None else number("--top-p", options.top_p),
        none.top_k if options.top_k is None else whole("--top-k", options.top_k, 1),
        none.min_p if options.min_p is None else number("--min-p", options.min_p),
        usual if options.order is None else options.order,
    )


def ordered_for(
    answer: ModelAnswer, settings: DecodingSettings, options: argparse.Namespace
) -> DecodingSettings:
    """Return settings in the order of the engine that answered, where the options leave the order open.

    Where that makes a difference, it is said.
    """
    if answer.engine is None or options.order is not None or options.engine is not None:
        return settings
    from softmax_visualizer.display.settings import order_phrase

    ordered = replace(settings, order=engine(answer.engine).order)
    if ordered != settings and settings.cuts:
        complain(
            f"The server is {answer.engine}: {order_phrase(ordered.order)}. "
            "--order or --engine decides otherwise."
        )
    return ordered


def settings_of(options: argparse.Namespace) -> Settings:
    """Return what the options say, and the environment and the person's files where they leave it open."""
    from softmax_visualizer.models.settings import Settings

    # without a model to choose, and with a recording, there is nothing that a project's folder has a say in
    uses_dotenv = "base_url" in options and getattr(options, "replay", None) is None
    return Settings.load(dict(vars(options)), uses_dotenv=uses_dotenv)


def configuration_of(options: argparse.Namespace, settings: Settings | None = None) -> Configuration:
    """Return which model is asked: by the options, or else by all other settings.

    What was set and is not used is said on stderr.
    """
    from softmax_visualizer.models.configuration import Configuration

    if getattr(options, "replay", None) is not None:
        # neither the environment nor a server has a say in what was recorded
        return Configuration(model=options.model, replay=Path(options.replay))
    configuration = Configuration.of(settings_of(options) if settings is None else settings)
    for note in configuration.notes:
        complain(configuration.redact(note))
    return configuration


def recorder_of(options: argparse.Namespace, configuration: Configuration) -> Recorder | None:
    """Return what keeps the answers, if they are to be kept."""
    if options.record is None:
        return None
    from softmax_visualizer.models.recording import Recorder

    return Recorder(Path(options.record), configuration.redact)
