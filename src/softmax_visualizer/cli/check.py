"""``softmax-visualizer check``: what a server can do."""

from __future__ import annotations

import argparse

from softmax_visualizer.cli.asking import asked
from softmax_visualizer.cli.command import Command, UsageError
from softmax_visualizer.cli.options import add_model_options, configuration_of
from softmax_visualizer.cli.output import complain, safe, write


def _run(options: argparse.Namespace) -> int:
    configuration = configuration_of(options)
    if configuration.source not in ("openai", "local"):
        raise UsageError(
            "There is no server to check: set OPENAI_API_KEY or OPENAI_BASE_URL, or use --base-url."
        )
    from softmax_visualizer.models.check import check_endpoint

    found = asked(configuration, check_endpoint)
    rows = (("server", found.endpoint), *found.rows())
    write(f"{heading:<18} {safe(configuration.redact(phrase))}\n" for heading, phrase in rows)
    for note in found.notes:
        complain(configuration.redact(note))
    return 0


COMMAND = Command(
    "check",
    "find out what a server can do and exit",
    "Ask a server a few one-token questions: which log-probabilities does it report?",
    add_model_options,
    _run,
)
