"""How long it takes from starting the program to its first frame.

    python benchmarks/first_frame.py [--rounds N]

Against a minimal Textual application (an Input, a Static and a Footer, ``reference/minimal.py``) in the same
kind of pseudo-terminal of 80x24, one after the other, the order changing from round to round; the ratio is
the median of the rounds' ratios. Limit: 1.25 times its time.

The time is taken from just before the process is made. It ends when the terminal has received all that the
first screen is to show before there is an answer: for ours the prompt's frame and text, both knobs and the
line of keys at the bottom; for the minimal application its prompt, its text and its footer. Both are found by
replaying what came in a terminal emulator (pyte) after the run. When the histograms are drawn is told too:
the bundled model has been loaded and asked by then.

In further runs, which are not timed, imports are logged: ``openai`` must not be imported by the first frame,
neither with the bundled model nor when a server is to be asked.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import imports
from report import Row, fact, milliseconds, paired_ratio, parser, ratios, run, table
from terminal import Terminal, program

LIMIT = 1.25

MINIMAL = [sys.executable, str(Path(__file__).parent / "reference" / "minimal.py")]
MINIMAL_FRAME = ("A prompt", "An answer", "Quit")

OUR_FRAME = ("Prompt", "The quick brown fox jumps over the", "Temperature", "Top-p", "? help")
OUR_HISTOGRAMS = ("lazy", "█", "%")

SERVER = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "nobody"}
"""A server that refuses at once: nothing listens on that port."""


def main() -> None:
    rounds = parser(__doc__, 15).parse_args().rounds
    minimal: list[float] = []
    ours: list[float] = []
    histograms: list[float] = []
    # the first round is not counted: it reads the files that the others find in memory
    for number in range(-1, rounds):
        for which in ("minimal", "ours") if number % 2 else ("ours", "minimal"):
            if which == "minimal":
                with Terminal(MINIMAL) as terminal:
                    terminal.read_until_written("Quit")
                    terminal.read_until_quiet(0.2)
                if number >= 0:
                    minimal.append(terminal.shown(MINIMAL_FRAME) - terminal.started)
            else:
                with Terminal([program()]) as terminal:
                    terminal.read_until_written("lazy")
                    terminal.read_until_quiet(0.2)
                if number >= 0:
                    ours.append(terminal.shown(OUR_FRAME) - terminal.started)
                    histograms.append(terminal.shown(OUR_HISTOGRAMS) - terminal.started)
    low, _, high = statistics.quantiles(ratios(ours, minimal), n=4)
    title = f"First frame at 80x24, medians of {rounds} runs each, ratios of each round"
    rows = [
        Row(
            "first frame",
            milliseconds(ours),
            milliseconds(minimal),
            paired_ratio(ours, minimal),
            LIMIT,
            f"half of the rounds {low:.2f} to {high:.2f}",
        ),
        Row(
            "histograms drawn",
            milliseconds(histograms),
            milliseconds(minimal),
            paired_ratio(histograms, minimal),
        ),
        *(_imports(name, environment) for name, environment in (("bundled", {}), ("server", SERVER))),
    ]
    print(table(title, "minimal app", rows))


def _imports(name: str, environment: dict[str, str]) -> Row:
    """Return whether ``openai`` is imported by the first frame, and how long after it."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "imports"
        with Terminal([program()], environment={**environment, **imports.log_to(log)}) as terminal:
            terminal.read_until_written("help")
            terminal.read_until_quiet(2)
        moment = imports.read(log).get("openai")
    frame = terminal.shown(OUR_FRAME)
    if moment is None:
        text = "not imported"
    elif moment > frame:
        text = f"{(moment - frame) * 1000:.0f} ms later"
    else:
        text = f"{(frame - moment) * 1000:.0f} ms before it"
    return fact(f"openai, {name}", text, moment is None or moment > frame)


if __name__ == "__main__":
    run(main)
