"""How long it takes from a key to the painted frame, and how many bytes that is.

    python benchmarks/key_to_paint.py [--rounds N]

At 120x40, ``softmax-visualizer`` with the bundled model, top-p 0.95 and three columns of bars: the right
arrow turns the temperature from 1.0 to 2.0, a tenth a key, so that every number of two columns changes
and none of their pictures has been drawn before. The left arrow then goes back over the same values. Against
three textual-plotext plots of the same bars, as many and of the same values, labels and titles, all redrawn
on each key (``reference/three_plots.py``). Ours decodes on each key; theirs is given the values. Limits: 0.6
times its time, and 0.3 times its bytes (0.1 is aimed at).

Both programs run beside each other, idle but for their own keys, which are pressed in turn: one of ours, one
of theirs; a ratio is the median of those of such pairs. The time ends with the last byte of all that comes
for a key, and the bytes are all of those. Processor time is told as well, since waiting for a busy machine is
no part of it. In each round both are started anew.

textual-plotext needs another plotext than this program, so it gets an environment of its own, with the same
Textual, in ``benchmarks/.venvs``.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from environments import python_with
from report import MeasurementError, Row, milliseconds, paired_ratio, parser, run, table
from softmax_visualizer.decoding import DecodingSettings, decode
from softmax_visualizer.display.pipeline import pipeline
from softmax_visualizer.models.bundled import BundledModel
from terminal import LEFT, RIGHT, Paint, Terminal, program

TIME_LIMIT = 0.6
BYTES_LIMIT = 0.3

COLUMNS, ROWS = 120, 40
TEMPERATURES = [number / 10 for number in range(10, 21)]
TOP_P = 0.95
PROMPT = "The quick brown fox jumps over the"
PLOTS = Path(__file__).parent / "reference" / "three_plots.py"


class Keys:
    """What a program made of one kind of key: its paints, and the processor time of them all."""

    def __init__(self) -> None:
        self.paints: list[Paint] = []
        self.busy = 0.0

    @property
    def seconds(self) -> list[float]:
        """From each key to its last byte."""
        return [paint.seconds for paint in self.paints]

    @property
    def work(self) -> list[float]:
        """Processor time a key."""
        return [self.busy / len(self.paints)]

    @property
    def sizes(self) -> list[int]:
        """Bytes of each key."""
        return [paint.size for paint in self.paints]


def main() -> None:
    rounds = parser(__doc__, 4).parse_args().rounds
    python = python_with([f"textual=={version('textual')}", "textual-plotext"])
    # of both programs, ours first: keys to values that are new, and to values that have been there
    new, seen = (Keys(), Keys()), (Keys(), Keys())
    for _ in range(rounds):
        bars = _round(python, new, seen)
    rows = [
        _times("key to painted frame", new, TIME_LIMIT),
        Row("nine of ten keys within", _ninth(new[0].seconds), _ninth(new[1].seconds)),
        _work("processor time a key", new),
        _sizes("bytes a key", new),
        _times("the way back: painted frame", seen, TIME_LIMIT),
        _work("the way back: processor time", seen),
        _sizes("the way back: bytes", seen),
    ]
    count = len(new[0].paints)
    title = f"A key at {COLUMNS}x{ROWS}, three charts of {bars} bars, medians of {count} keys each"
    print(table(title, "textual-plotext", rows))


def _round(python: str, new: tuple[Keys, Keys], seen: tuple[Keys, Keys]) -> int:
    """Start both programs and walk up and down; return how many bars a chart has."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Terminal([program(), "--prompt", PROMPT, "-t", "1", "-p", str(TOP_P)], COLUMNS, ROWS) as ours,
    ):
        ours.read_until_written("lazy")
        ours.read_until_quiet(0.5)
        bars = _rows_of_bars(ours.screen())
        pictures = Path(folder) / "pictures.json"
        pictures.write_text(json.dumps([picture(temperature, bars) for temperature in TEMPERATURES]))
        with Terminal([python, str(PLOTS), str(pictures)], COLUMNS, ROWS) as theirs:
            theirs.read_until_written("lazy")
            theirs.read_until_quiet(0.5)
            for key, both, last in ((RIGHT, new, TEMPERATURES[-1]), (LEFT, seen, TEMPERATURES[0])):
                for keys, terminal in zip(both, (ours, theirs), strict=True):
                    keys.busy -= terminal.processor_seconds()
                for _ in TEMPERATURES[1:]:
                    for keys, terminal in zip(both, (ours, theirs), strict=True):
                        keys.paints.append(terminal.press(key))
                for keys, terminal in zip(both, (ours, theirs), strict=True):
                    keys.busy += terminal.processor_seconds()
                    _check(terminal, f"temperature {last:.2f}")
    return bars


def _rows_of_bars(screen: list[str]) -> int:
    """Return how many rows the board has between its titles and its ruler."""
    top = next((y for y, line in enumerate(screen) if "model, T = 1" in line), len(screen))
    ruler = (y for y, line in enumerate(screen) if y > top and "50      " in line and "100 %" in line)
    bottom = next(ruler, None)
    if bottom is None:
        raise MeasurementError("The board is not where this benchmark looks for it.")
    return bottom - top - 1


def picture(temperature: float, bars: int) -> list[dict[str, Any]]:
    """Return the columns at a temperature, as the reference reads them."""
    distribution = BundledModel().answer(PROMPT).distribution
    return [
        {
            "title": column.titles[0],
            "labels": [bar.label for bar in column.bars],
            "values": [bar.estimate for bar in column.bars],
        }
        for column in pipeline(decode(distribution, DecodingSettings(temperature, TOP_P)), bars, 8)
    ]


def _check(terminal: Terminal, title: str) -> None:
    if not any(title in line for line in terminal.screen()):
        raise MeasurementError(f"After the last key there is no column {title!r}, so keys went astray.")


def _times(name: str, both: tuple[Keys, Keys], limit: float) -> Row:
    ours, theirs = (keys.seconds for keys in both)
    return Row(name, milliseconds(ours), milliseconds(theirs), paired_ratio(ours, theirs), limit)


def _work(name: str, both: tuple[Keys, Keys]) -> Row:
    ours, theirs = (keys.work for keys in both)
    return Row(name, milliseconds(ours), milliseconds(theirs), paired_ratio(ours, theirs))


def _sizes(name: str, both: tuple[Keys, Keys]) -> Row:
    ours, theirs = (keys.sizes for keys in both)
    our_text, their_text = (f"{statistics.median(sizes):,.0f}" for sizes in (ours, theirs))
    return Row(name, our_text, their_text, paired_ratio(ours, theirs), BYTES_LIMIT, "0.1 is aimed at")


def _ninth(seconds: list[float]) -> str:
    return f"{statistics.quantiles(seconds, n=10)[-1] * 1000:.3g} ms"


if __name__ == "__main__":
    run(main)
