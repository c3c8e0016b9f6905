"""``softmax-visualizer score``: how likely a given text is after a prompt, token by token."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from softmax_visualizer.cli.answering import LONGEST, Taking, add_answer_options, answer
from softmax_visualizer.cli.command import PROGRAM, Command, UsageError
from softmax_visualizer.cli.options import add_prompt, prompt_of

if TYPE_CHECKING:
    from softmax_visualizer.decoding.generation import Step
    from softmax_visualizer.models.base import LanguageModel


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_prompt(parser)
    parser.add_argument("text", help="what comes after the prompt, with the space in front that it may need")
    add_answer_options(parser)


def _run(options: argparse.Namespace) -> int:
    prompt = prompt_of(options, f'{PROGRAM} score "a prompt" " and its text"')
    if not options.text:
        raise UsageError("The text to score is empty.")

    async def walk(taking: Taking, model: LanguageModel) -> tuple[int, AsyncIterator[Step]]:
        from softmax_visualizer.decoding.generation import Generation
        from softmax_visualizer.models.walk import score

        tokens = await model.split(options.text)
        if not tokens:
            raise UsageError("The text to score holds no token of this model.")
        if len(tokens) > LONGEST:
            raise UsageError(f"The text to score has {len(tokens):,} tokens; at most {LONGEST:,} are scored.")
        await taking.start(1)
        return len(tokens), score(taking.ask, Generation(prompt), tokens, goes_deeper=taking.goes_deeper)

    return answer(options, prompt, walk, seed=None, finish=None)


COMMAND = Command(
    "score",
    "print how likely a text is after a prompt, and exit",
    "Ask for each token of a text how likely it was, and print that and what it comes to.\n"
    "The exit status is 0, 1 if not all of the text was scored, 2 if nothing was.",
    _add_arguments,
    _run,
)
