"""Whether a held key ends on the right value, at once.

    python benchmarks/held_key.py [--rounds N]

At 120x40 with the bundled model and three histograms, 30 keys a second come for 3 seconds. The temperature
goes from 1.30 to both ends of its range, back and forth, and the keys end on 1.70.

First the same value is reached with single keys, each waited for. The screen after the held key has to be
that same screen, cell by cell (read with pyte), and the last byte has to come no later after the last key
than three times what a single key takes in the same run: there is no backlog.
"""

from __future__ import annotations

import statistics
import time

from report import Row, fact, milliseconds, parser, ratio, run, table
from terminal import LEFT, RIGHT, Terminal, program

LIMIT = 3.0

COLUMNS, ROWS = 120, 40
RATE = 30
KEYS = [*[RIGHT] * 7, *[LEFT] * 20, *[RIGHT] * 20, *[LEFT] * 20, *[RIGHT] * 20, *[LEFT] * 3]
"""From 1.3 to 2.0, 0.0, 2.0, 0.0, 2.0 and 1.7 in steps of 0.1."""


def main() -> None:
    rounds = parser(__doc__, 3).parse_args().rounds
    single: list[float] = []
    lags: list[float] = []
    frames: list[int] = []
    rates: list[float] = []
    loads: list[float] = []
    right = 0
    with Terminal([program(), "-t", "1"], COLUMNS, ROWS) as terminal:
        terminal.read_until_written("lazy")
        terminal.read_until_quiet(0.5)
        single += [terminal.press(RIGHT).seconds for _ in range(7)]
        wanted = terminal.screen()
        for _ in range(rounds):
            single += [terminal.press(LEFT).seconds for _ in range(4)]
            size, started, busy = terminal.size, time.monotonic(), terminal.processor_seconds()
            for number, key in enumerate(KEYS):
                terminal.read(started + number / RATE - time.monotonic())
                pressed = terminal.send(key)
            terminal.read_until_quiet(0.5)
            lags.append(terminal.last() - pressed)
            loads.append((terminal.processor_seconds() - busy) / (terminal.last() - started))
            frames.append(terminal.frames(size))
            rates.append((terminal.size - size) / 1024 / (terminal.last() - started))
            right += terminal.screen() == wanted
    title = f"A key held {len(KEYS) / RATE:g} s at {RATE} a second, {COLUMNS}x{ROWS}, medians of {rounds}"
    rows = [
        fact(
            "ends on the right screen",
            f"{right} of {rounds}",
            right == rounds and any("temperature 1.70" in line for line in wanted),
        ),
        Row("last key to last byte", milliseconds(lags), milliseconds(single), ratio(lags, single), LIMIT),
        Row("frames painted", f"{statistics.median(frames):g} of {len(KEYS)}"),
        Row("KiB a second", f"{statistics.median(rates):.0f}"),
        Row("processor busy", f"{100 * statistics.median(loads):.0f} %"),
    ]
    print(table(title, "a single key", rows))


if __name__ == "__main__":
    run(main)
