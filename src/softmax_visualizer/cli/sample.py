"""``softmax-visualizer sample``: many samples of the next token, the program's or a server's own."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from softmax_visualizer.cli.asking import asked
from softmax_visualizer.cli.command import PROGRAM, Command, UsageError, whole
from softmax_visualizer.cli.fetching import progress_line
from softmax_visualizer.cli.options import (
    add_cut_options,
    add_model_options,
    add_prompt,
    add_recording_options,
    configuration_of,
    ordered_for,
    prompt_of,
    recorder_of,
    settings_at,
)
from softmax_visualizer.cli.output import complain, write

if TYPE_CHECKING:
    from softmax_visualizer.decoding import DecodingSettings
    from softmax_visualizer.models.base import LanguageModel, ModelAnswer

MOST_ASKED = 10_000
"""Samples that a server is asked for at the most: each may be a request."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_prompt(parser)
    parser.add_argument("-n", "--samples", default="100", help="how many (default 100)")
    parser.add_argument(
        "--from",
        dest="by",
        choices=("program", "server"),
        default="program",
        help="who samples: the program, as a decoder would (default), or the server, in up to a request each",
    )
    parser.add_argument(
        "--server-defaults",
        action="store_true",
        help="with --from server: leave cuts of the server's own on (llama.cpp: top-k 40, min-p 0.05)",
    )
    parser.add_argument("--seed", default="1", help="seed of the program's samples (default 1)")
    parser.add_argument("-t", "--temperature", help="temperature, 0 or more (default 1)")
    add_cut_options(parser)
    parser.add_argument("--top", default="15", help="how many of the most likely tokens to list (default 15)")
    parser.add_argument(
        "--format", choices=("text", "json", "csv"), default="text", help="text (default), json or csv"
    )
    add_model_options(parser)
    add_recording_options(parser)


class Sampling:
    """A server's samples as they come: what came holds, however it ends.

    ``failure``: why there are no more of them; empty where there are as many as wanted.
    """

    def __init__(self) -> None:
        from softmax_visualizer.decoding.sampling import Counts

        self.counts, self.failure = Counts(), ""

    async def take(
        self,
        model: LanguageModel,
        answer: ModelAnswer,
        settings: DecodingSettings,
        count: int,
        defaults: bool,
    ) -> None:
        """Have a server sample; raises ModelError if nothing comes at all."""
        from softmax_visualizer.models.base import ModelError

        progress = progress_line("Asking the server")
        try:
            async for came in model.samples(answer, settings, count, defaults=defaults):
                self.counts += came
                progress((self.counts.total + self.counts.untold) / count)
        except ModelError as error:
            if not self.counts.total:
                raise
            self.failure = str(error)
        finally:
            progress(1.0)


def _run(options: argparse.Namespace) -> int:
    count, seed = whole("-n", options.samples, 1), whole("--seed", options.seed)
    top, by_server = whole("--top", options.top, 0), options.by == "server"
    from softmax_visualizer.decoding.sampling import MOST_SAMPLES

    most = MOST_ASKED if by_server else MOST_SAMPLES
    if count > most:
        raise UsageError(f"-n must be {most:,} or less, not {count:,}.")
    if options.server_defaults and not by_server:
        raise UsageError("--server-defaults is for the server's own samples: add --from server.")
    settings = settings_at(options.temperature, options)
    configuration = configuration_of(options)
    prompt = prompt_of(options, f'{PROGRAM} sample "a prompt"')
    recorder = recorder_of(options, configuration)
    taking = Sampling()
    answers: list[ModelAnswer] = []

    async def question(model: LanguageModel) -> None:
        answers.append(await model.ask(prompt, whole=configuration.whole))
        if by_server:
            await taking.take(model, answers[0], settings, count, defaults=options.server_defaults)

    status = 0
    try:
        asked(configuration, question, recorder)
    except KeyboardInterrupt:
        if not taking.counts.total:
            raise
        status = 130
    from softmax_visualizer.decoding import decode
    from softmax_visualizer.decoding.sampling import chances, sample
    from softmax_visualizer.display.samples import Samples
    from softmax_visualizer.display.samples_record import samples_report
    from softmax_visualizer.models.base import ModelError
    from softmax_visualizer.models.redaction import redacted

    answer = redacted(answers[0], configuration.redact)
    if by_server and not taking.counts.total:
        raise ModelError("The server did not say which tokens it sampled, so there is nothing to count.")
    decoding = decode(answer.distribution, ordered_for(answer, settings, options))
    counts = taking.counts if by_server else sample(decoding, chances(seed, count))
    if options.format == "text":
        for note in (*answer.notes, *answer.distribution.notes):
            complain(note)
    samples = Samples.judged(decoding, counts, options.by)
    write(
        samples_report(
            answer.prompt, answer.origin, samples, None if by_server else seed, top, options.format
        )
    )
    if taking.failure:
        complain(f"{counts.total:,} of {count:,} samples came. {configuration.redact(taking.failure)}")
        status = 1
    return status


COMMAND = Command(
    "sample",
    "sample a token many times, and compare with what is expected",
    "Sample the next token many times, and compare the counts with the probabilities, in each order.\n"
    "The exit status is 0, 1 if a server stopped half-way (what came is printed), 2 if there is nothing.",
    _add_arguments,
    _run,
)
