"""Whole answers where there is no screen: taken from a model token by token, printed, and saved."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softmax_visualizer.cli.asking import asked
from softmax_visualizer.cli.command import UsageError
from softmax_visualizer.cli.fetching import progress_line
from softmax_visualizer.cli.options import (
    add_cut_options,
    add_model_options,
    add_recording_options,
    configuration_of,
    ordered_for,
    recorder_of,
    settings_at,
)
from softmax_visualizer.cli.output import complain, write

if TYPE_CHECKING:
    from softmax_visualizer.decoding import DecodingSettings, Token
    from softmax_visualizer.decoding.generation import Step
    from softmax_visualizer.display.generation_record import Finish, Written
    from softmax_visualizer.models.base import LanguageModel, ModelAnswer
    from softmax_visualizer.models.configuration import Configuration

LONGEST = 1_024
"""Tokens of an answer at the most: of a vocabulary of 20,000, each takes 0.6 MB of memory."""


def add_answer_options(parser: argparse.ArgumentParser) -> None:
    """Add what all commands have that print a whole answer: settings, formats, the model, recordings."""
    parser.add_argument("-t", "--temperature", help="temperature, 0 or more (default 1)")
    add_cut_options(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json", "csv", "markdown"),
        default="text",
        help="text (default), json, csv or markdown",
    )
    parser.add_argument(
        "--save", metavar="FILE", help="keep the answer, with its distributions, in a new file"
    )
    add_model_options(parser)
    add_recording_options(parser)


class Taking:
    """Takes an answer from a model; what came so far holds, however it ends.

    ``steps``: what came. ``settings``: in the order of the engine, once :meth:`start` has found it out.
    ``notes``: what answers say to the person, each once. ``requests``: how often the model was asked.
    ``origin``: the model's name, source and endpoint. ``takes_framings``: whether it can be asked in several.
    """

    def __init__(self, options: argparse.Namespace, configuration: Configuration, prompt: str) -> None:
        self.prompt = prompt
        self.settings = settings_at(options.temperature, options)
        self.steps: list[Step] = []
        self.notes: dict[str, None] = {}
        self.requests = 0
        self.origin: dict[str, str | None] = {}
        self.takes_framings = False
        self._options, self._configuration = options, configuration

    async def take(self, walk: Walk, model: LanguageModel) -> None:
        """Take all steps of a walk; raises ModelError where it cannot go on."""
        from softmax_visualizer.models.walk import Ahead

        self._model, self._ahead = model, Ahead(model, self.prompt)
        length, steps = await walk(self, model)
        progress = progress_line("Asking")
        try:
            async for step in steps:
                self.steps.append(step)
                progress(len(self.steps) / length)
        finally:
            progress(1.0)

    async def start(self, count: int) -> DecodingSettings:
        """Ask for the first place, of ``count`` that are wanted; return the settings for all of them."""
        first = await self.ask((), count, False)
        self.origin, self.takes_framings = first.origin, bool(self._model.abilities.framings)
        self.settings = ordered_for(first, self.settings, self._options)
        return self.settings

    async def ask(self, after: tuple[Token, ...], count: int, whole: bool) -> ModelAnswer:
        """Ask for a place; see :data:`softmax_visualizer.models.walk.Ask`."""
        answer = await self._ahead.ask(after, count, whole)
        self.requests = self._ahead.requests
        self.notes |= dict.fromkeys((*answer.notes, *answer.distribution.notes))
        return answer

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        """Whether more tokens than an answer lists are to be asked for where they are needed."""
        return self._configuration.whole and self._model.goes_deeper(answer)


Walk = Callable[[Taking, Any], Awaitable[tuple[int, AsyncIterator[Any]]]]
"""Begins an answer of a model, and returns how many steps it will have, and the steps."""


def answer(
    options: argparse.Namespace, prompt: str, walk: Walk, *, seed: int | None, finish: Finish | None
) -> int:
    """Take an answer from the model, print it, and save it where that is wanted; return the exit status.

    That is 0, 1 where the model could not go on, or 130 where it was interrupted; what came is printed.

    Args:
        options: those of :func:`add_answer_options`.
        prompt: what the answer comes after.
        walk: takes the answer.
        seed: of the random numbers; None if there are none.
        finish: how it ends unless the model ends the text or stops.

    Raises:
        ModelError: nothing came at all, or it cannot be saved.
    """
    from softmax_visualizer.models.base import ModelError

    if options.save is not None and Path(options.save).exists():
        raise UsageError(f"{options.save} exists; choose another name.")
    configuration = configuration_of(options)
    taking = Taking(options, configuration, prompt)
    recorder = recorder_of(options, configuration)
    failure, status = None, 0
    try:
        asked(configuration, partial(taking.take, walk), recorder)
    except ModelError as error:
        if not taking.steps:
            raise
        failure, status = str(error), 1
    except KeyboardInterrupt:
        if not taking.steps:
            raise
        status = 130
    from softmax_visualizer.decoding.generation import Generation
    from softmax_visualizer.display.generation_record import Written
    from softmax_visualizer.display.generation_report import generation_report

    generation = Generation(prompt, tuple(taking.steps))
    if status:
        finish = "stopped"
    elif generation.ended:
        finish = "end-of-text"
    written = Written(generation, taking.origin, taking.settings, seed, taking.requests, finish)
    if options.format not in ("json", "csv"):
        for note in taking.notes:
            complain(configuration.redact(note))
    write(generation_report(_redacted(written, configuration), options.format))
    if failure is not None:
        complain(configuration.redact(failure))
    if options.save is not None:
        from softmax_visualizer.decoding.generation import Tree
        from softmax_visualizer.models.answer_file import lines_of, save

        framing = configuration.framing if taking.takes_framings else None
        told = replace(generation, settings=None if seed is None else taking.settings, seed=seed)
        save(Path(options.save), lines_of(Tree((told,)), taking.origin, framing, configuration.redact))
    return status


def _redacted(written: Written, configuration: Configuration) -> Written:
    """Return an answer without secrets in what is printed of it."""
    from softmax_visualizer.models.redaction import redacted_generation

    redact = configuration.redact
    model = {name: None if text is None else redact(text) for name, text in written.model.items()}
    generation = redacted_generation(written.generation, redact, configuration.mask)
    return replace(written, generation=generation, model=model)
