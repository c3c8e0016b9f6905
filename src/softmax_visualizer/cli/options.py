"""Options that several commands have: the model, recordings, and the settings of the decoder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from softmax_visualizer.cli.command import number, whole
from softmax_visualizer.cli.output import complain
from softmax_visualizer.decoding.engines import ENGINES, engine
from softmax_visualizer.decoding.settings import DecodingSettings

if TYPE_CHECKING:
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder


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


def configuration_of(options: argparse.Namespace) -> Configuration:
    """Return which model is asked: by the options, and the environment where they leave it open.

    What was set and is not used is said on stderr.
    """
    from softmax_visualizer.models.configuration import Configuration

    if getattr(options, "replay", None) is not None:
        # neither the environment nor a server has a say in what was recorded
        return Configuration(model=options.model, replay=Path(options.replay))
    configuration = Configuration.load(
        model=options.model,
        base_url=options.base_url,
        timeout=options.timeout,
        framing=options.framing,
        vocabulary_size=options.vocabulary_size,
        top_logprobs=options.top_logprobs,
    )
    for note in configuration.notes:
        complain(note)
    return configuration


def recorder_of(options: argparse.Namespace, configuration: Configuration) -> Recorder | None:
    """Return what keeps the answers, if they are to be kept."""
    if options.record is None:
        return None
    from softmax_visualizer.models.recording import Recorder

    return Recorder(Path(options.record), configuration.redact)
