"""``softmax-visualizer generate``: a whole answer, sampled token by token, as text, JSON, CSV or Markdown."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from softmax_visualizer.cli.answering import LONGEST, Taking, add_answer_options, answer
from softmax_visualizer.cli.command import PROGRAM, Command, UsageError, whole
from softmax_visualizer.cli.options import add_prompt, prompt_of

if TYPE_CHECKING:
    from softmax_visualizer.decoding.generation import Step
    from softmax_visualizer.models.base import LanguageModel


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_prompt(parser)
    parser.add_argument(
        "-n", "--tokens", default="20", help=f"tokens of the answer, at most {LONGEST:,} (default 20)"
    )
    parser.add_argument("--seed", default="1", help="seed of the tokens that are sampled (default 1)")
    parser.add_argument(
        "--greedy", action="store_true", help="take the most likely token each time, without a seed"
    )
    add_answer_options(parser)


def _run(options: argparse.Namespace) -> int:
    length, seed = whole("-n", options.tokens, 1), whole("--seed", options.seed)
    if length > LONGEST:
        raise UsageError(f"-n must be {LONGEST:,} or less, not {length:,}.")
    prompt = prompt_of(options, f'{PROGRAM} generate "a prompt"')

    async def walk(taking: Taking, model: LanguageModel) -> tuple[int, AsyncIterator[Step]]:
        from softmax_visualizer.decoding.generation import Generation
        from softmax_visualizer.models.walk import write

        settings, nothing = await taking.start(length), Generation(prompt)
        return length, write(
            taking.ask,
            nothing,
            settings,
            length,
            seed,
            greedy=options.greedy,
            goes_deeper=taking.goes_deeper,
        )

    return answer(options, prompt, walk, seed=None if options.greedy else seed, finish="length")


COMMAND = Command(
    "generate",
    "sample a whole answer, print it and exit",
    "Sample an answer token by token, and print each token's probability and that of the whole.\n"
    "The exit status is 0, 1 if the answer stopped before its end, 2 if there is none.",
    _add_arguments,
    _run,
)
