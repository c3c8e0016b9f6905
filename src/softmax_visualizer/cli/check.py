"""``softmax-visualizer check``: what a server can do, and what its decoder does."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from softmax_visualizer.cli.asking import asked
from softmax_visualizer.cli.command import Command, UsageError, whole
from softmax_visualizer.cli.options import add_model_options, configuration_of
from softmax_visualizer.cli.output import complain, safe, write
from softmax_visualizer.cli.sample import MOST_ASKED, Sampling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser)
    parser.add_argument(
        "--samples",
        metavar="N",
        help="also have the server sample N tokens twice, to find out what its decoder does: its order, and "
        "cuts of its own (400 usually tell; up to a request each)",
    )


def _run(options: argparse.Namespace) -> int:
    count = 0 if options.samples is None else whole("--samples", options.samples, 1)
    if count > MOST_ASKED:
        raise UsageError(f"--samples must be {MOST_ASKED:,} or less, not {count:,}.")
    configuration = configuration_of(options)
    if configuration.source not in ("openai", "local"):
        raise UsageError(
            "There is no server to check: set OPENAI_API_KEY or OPENAI_BASE_URL, or use --base-url."
        )
    rows, notes = server_rows(configuration, count)
    write(f"{heading:<18} {safe(configuration.redact(phrase))}\n" for heading, phrase in rows)
    for note in notes:
        complain(configuration.redact(note))
    return 0


def server_rows(
    configuration: Configuration, samples: int = 0
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Ask a server what it can do; return headings with phrases, and sentences about what is odd.

    ``samples``: how many it is to take, twice, to show what its decoder does.

    Raises:
        ModelError: it cannot be asked.
    """
    from softmax_visualizer.models.check import EndpointCheck, check_endpoint

    found: list[EndpointCheck] = []
    sampled: list[tuple[str, str]] = []

    async def question(model: OpenAICompatibleModel) -> None:
        found.append(await check_endpoint(model))
        if samples:
            sampled.extend([row async for row in _decoder(model, samples, whole=configuration.whole)])

    asked(configuration, question)
    return [("server", found[0].endpoint), *found[0].rows(), *sampled], found[0].notes


async def _decoder(
    model: OpenAICompatibleModel, count: int, *, whole: bool
) -> AsyncIterator[tuple[str, str]]:
    """Yield what the server's own samples tell of its decoder, as headings and phrases."""
    from softmax_visualizer.decoding import DecodingSettings, decode
    from softmax_visualizer.display.samples import Samples, verdict_sentences
    from softmax_visualizer.models.base import ModelError
    from softmax_visualizer.models.check import PROMPTS

    settings = DecodingSettings(1.5, 0.8)
    answers = [await model.ask(prompt, whole=whole) for prompt in PROMPTS]
    # the less sure the model is, the more the orders differ
    answer = max(answers, key=lambda each: each.distribution.stage.entropy.low)
    for heading, defaults in (("its cuts off", False), ("its cuts on", True)):
        taking = Sampling()
        try:
            await taking.take(model, answer, settings, count, defaults=defaults)
        except ModelError as error:
            yield heading, f"no samples: {error}"
            continue
        samples = Samples.judged(decode(answer.distribution, settings), taking.counts, "server")
        untold = f" ({taking.counts.untold:,} more were not named)" if taking.counts.untold else ""
        yield heading, f"{taking.counts.total:,} samples{untold} after {answer.prompt!r}, T 1.5, top-p 0.8"
        for sentence in verdict_sentences(samples):
            yield "", sentence
        if taking.failure:
            yield "", f"then it stopped: {taking.failure}"


COMMAND = Command(
    "check",
    "find out what a server can do and exit",
    "Ask a server a few one-token questions: which log-probabilities does it report?",
    _add_arguments,
    _run,
)
