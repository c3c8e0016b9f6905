"""``softmax-visualizer models``: the model files that are kept on this machine, and how they come and go."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from softmax_visualizer.cli.command import Command, UsageError
from softmax_visualizer.cli.fetching import fetch_now
from softmax_visualizer.cli.output import complain, write

if TYPE_CHECKING:
    from softmax_visualizer.models.weights import Weights


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--fetch", metavar="NAME", help="fetch a model with pip, and keep it on this machine")
    change.add_argument("--remove", metavar="NAME", help="remove a model that is kept on this machine")


def _run(options: argparse.Namespace) -> int:
    from softmax_visualizer.models.weights import KNOWN, folder, known, megabytes, remove

    if options.remove is not None:
        complain(f"{remove(options.remove)} is removed.")
    elif options.fetch is not None:
        weights = known(options.fetch)
        if weights is None:
            names = ", ".join(each.name for each in KNOWN)
            raise UsageError(f"{options.fetch!r} is not a model that can be fetched; {names} is.")
        if weights.path.is_file():
            complain(f"{weights.name} is in {weights.path} already.")
        else:
            fetch_now(weights)
    else:
        rows = [
            f"{each.name:<10} {megabytes(each.size):>7}  {each.title}, {each.about} ({each.licence})\n"
            f"{'':<20}{_place(each)}\n"
            for each in KNOWN
        ]
        write([*rows, f"Models are kept in {folder()}\n"])
    return 0


def _place(weights: Weights) -> str:
    from softmax_visualizer.models.weights import megabytes

    if weights.path.is_file():
        return str(weights.path)
    return f"not on this machine; --fetch {weights.name} fetches {megabytes(weights.download)}"


COMMAND = Command(
    "models",
    "list, fetch or remove model files on this machine",
    "Say which models are kept on this machine, how large they are and where.",
    _add_arguments,
    _run,
    "To use a model file of your own: --model PATH.gguf.",
)
