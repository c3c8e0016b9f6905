"""How long the commands without a screen take, and what they import.

    python benchmarks/show_startup.py [--rounds N]

``--version``, ``--help`` and ``show`` with the bundled model, each a process of its own with its output in a
pipe, from its start to its end, in turn with ``python -c "import openai"``, and with ``python -c pass``, the
least that any of them can take. ``openai`` and ``textual`` must be imported by none of the three; which of
the large packages are is found in a further run, which is not timed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import imports
from report import MeasurementError, Row, fact, milliseconds, paired_ratio, parser, run, table
from terminal import program

FORBIDDEN = ("openai", "textual")


def main() -> None:
    rounds = parser(__doc__, 15).parse_args().rounds
    ours = {
        "--version": [program(), "--version"],
        "--help": [program(), "--help"],
        "show, bundled": [program(), "show", "The quick brown fox jumps over the", "-t", "0.1", "-t", "1.5"],
    }
    others = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import openai": [sys.executable, "-c", "import openai"],
    }
    commands = {**others, **ours}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as home:
        for number in range(-1, rounds):
            for name, command in commands.items():
                taken = _run(command, home)
                if number >= 0:
                    seconds[name].append(taken)
        theirs = seconds["import openai"]
        rows = [
            Row(name, milliseconds(seconds[name]), milliseconds(theirs), paired_ratio(seconds[name], theirs))
            for name in ours
        ]
        rows.append(
            Row("python -c pass", "", milliseconds(seconds["python -c pass"]), note="the least there is")
        )
        rows += [_imports(name, command, home) for name, command in ours.items()]
    title = f"Commands without a screen, medians of {rounds} runs each"
    print(table(title, "import openai", rows))


def _run(command: Sequence[str], home: str, extra: dict[str, str] | None = None) -> float:
    """Return how many seconds a command took."""
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": home, "LANG": "C.UTF-8", **(extra or {})}
    started = time.perf_counter()
    finished = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
    taken = time.perf_counter() - started
    if finished.returncode:
        raise MeasurementError(f"{' '.join(command)} failed: {finished.stderr.strip()}")
    return taken


def _imports(name: str, command: Sequence[str], home: str) -> Row:
    log = Path(home) / f"imports of {name}"
    _run(command, home, imports.log_to(log))
    found = imports.read(log)
    return fact(f"{name} imports", ", ".join(found) or "none", not any(each in found for each in FORBIDDEN))


if __name__ == "__main__":
    run(main)
