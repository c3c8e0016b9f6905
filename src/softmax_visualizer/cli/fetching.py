"""What is fetched or loaded before a model answers: asked for, and shown as it goes on, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from softmax_visualizer.cli.output import complain

if TYPE_CHECKING:
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.weights import Weights


def provide(configuration: Configuration) -> None:
    """See that the model file that is asked for is on this machine; ask before anything is fetched.

    Raises:
        ModelError: it is not, and fetching it was not wanted or failed.
    """
    if configuration.source != "local":
        return
    from softmax_visualizer.models.local_server import check_llama_cpp
    from softmax_visualizer.models.weights import NotFetchedError, find, folder, megabytes

    try:
        find(str(configuration.model))
    except NotFetchedError as missing:
        weights = missing.weights
        if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        # before a hundred megabytes come for nothing
        check_llama_cpp()
        print(
            f"{weights.title}, {weights.about} ({weights.licence}), is not on this machine.\n"
            f"Fetch {megabytes(weights.download)} with pip, and keep it in {folder()}? [y/N] ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise
        fetch_now(weights)


def progress_line(words: str) -> Callable[[float], None]:
    """Return what shows, on a terminal's stderr, how much of something is done, from 0 to 1."""

    def show(fraction: float) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            end = "\r\x1b[K" if fraction >= 1 else ""
            print(f"\r{words}: {fraction:.0%}{end}", end="", file=sys.stderr, flush=True)

    return show


def fetch_now(weights: Weights) -> None:
    """Fetch weights and say where they are; raises ModelError if they cannot be had."""
    import asyncio

    from softmax_visualizer.models.weights import fetch

    progress = progress_line(f"Fetching {weights.name}")
    try:
        path = asyncio.run(fetch(weights, progress))
    finally:
        progress(1.0)
    complain(f"{weights.name} is in {path}.")
