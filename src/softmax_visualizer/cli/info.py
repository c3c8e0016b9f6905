"""``softmax-visualizer --info``: what a report of a fault should say, and no secret."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from softmax_visualizer import __version__
from softmax_visualizer.cli.check import server_rows
from softmax_visualizer.cli.command import PROGRAM
from softmax_visualizer.cli.config import configuration_rows
from softmax_visualizer.cli.output import safe, write
from softmax_visualizer.models.base import ModelError

_PACKAGES = (
    "textual", "rich", "plotext", "numpy", "openai", "httpx2", "jiter", "platformdirs", "python-dotenv",
    "xllamacpp",
)  # fmt: skip

_TERMINAL = (
    "TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "LANG", "LC_ALL", "NO_COLOR",
    "TEXTUAL_DRIVER", "TEXTUAL_COLOR_SYSTEM",
)  # fmt: skip
"""Variables that say what the terminal is and can do."""

_AROUND = (
    "TMUX",
    "STY",
    "SSH_CONNECTION",
    "WT_SESSION",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "https_proxy",
    "http_proxy",
)
"""Variables of which only matters whether they are there: some hold addresses."""


def print_info(options: argparse.Namespace) -> int:
    """Print the versions, the terminal, the settings and, if one is set up, what the server reports."""
    rows, configuration, notes = configuration_rows(options)
    width = max(16, *(len(name) for name, _, _ in rows))
    lines = [*_machine(), *_terminal(), *((name, f"{value}   ({place})") for name, value, place in rows)]
    write(f"{name:<{width}} {safe(configuration.redact(value))}\n" for name, value in lines)
    if configuration.source == "openai":
        try:
            found, said = server_rows(configuration)
        except ModelError as error:
            found, said = [("server", f"{configuration.endpoint}: {error}")], ()
        write(f"{heading:<{width}} {safe(configuration.redact(phrase))}\n" for heading, phrase in found)
        notes = (*notes, *said)
    write(f"{'note':<{width}} {safe(configuration.redact(note))}\n" for note in notes)
    return 0


def _machine() -> Iterator[tuple[str, str]]:
    yield PROGRAM, __version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}"
    for package in _PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed"


def _terminal() -> Iterator[tuple[str, str]]:
    size = shutil.get_terminal_size((0, 0))
    streams = {"stdin": sys.__stdin__, "stdout": sys.__stdout__, "stderr": sys.__stderr__}
    terminals = [name for name, stream in streams.items() if stream is not None and stream.isatty()]
    encoding = sys.__stderr__.encoding if sys.__stderr__ is not None else "none"
    yield (
        "terminal",
        f"{size.columns}x{size.lines}, {encoding}, {', '.join(terminals) or 'none of the streams'}",
    )
    for name in _TERMINAL:
        if os.environ.get(name):
            yield name, os.environ[name]
    if around := [name for name in _AROUND if os.environ.get(name)]:
        yield "is set", ", ".join(around)
