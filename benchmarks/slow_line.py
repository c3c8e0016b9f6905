"""Whether a held key ends on the right picture soon after it is released, on a slow line.

    python benchmarks/slow_line.py [--rounds N]

At 80x24 with the bundled model and three histograms, 30 keys a second come for 5 seconds. The temperature
goes from 1.0 to 2.0 and back, again and again, and the keys end on 2.0. Counted is the time from the last key
until the last byte has arrived: what comes later than the finger is a backlog. Against three textual-plotext
plots as in ``key_to_paint.py``, with the same keys on the same line in the same round.

The lines: 9,600 and 56,000 bit/s (ten bits a byte) behind a pseudo-terminal that is read no faster; and the
same through a machine in between that takes at once all that it is given, as an SSH server does, so that only
the terminal itself knows what has arrived. Limits: 2 s at 9,600 bit/s, and 0.5 s at 56,000.

Then the bytes that dialogs cost at 100x30. Last, whether the program ends although nobody reads the terminal.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from environments import python_with
from key_to_paint import PLOTS, PROMPT, TEMPERATURES, picture
from report import Row, fact, milliseconds, paired_ratio, parser, run, table
from terminal import LEFT, RIGHT, Terminal, program

SECONDS, RATE, BARS = 5, 30, 12
KEYS = ([RIGHT] * 10 + [LEFT] * 10) * 7 + [RIGHT] * 10
"""From 1.0 to 2.0 and back, and at last to 2.0: both programs have these values."""

LINES = (
    ("9,600 bit/s", 960, False, 2.0),
    ("56,000 bit/s", 5_600, False, 0.5),
    ("9,600 bit/s by SSH", 960, True, 2.0),
    ("56,000 bit/s by SSH", 5_600, True, 0.5),
)
"""Each with bytes a second, whether the terminal is behind a relay, and the limit in seconds."""

DIALOGS = (("help", b"?"), ("a value", b"t"), ("the prompt", b"/"))


class SlowTerminal(Terminal):
    """A terminal at the end of a line that carries so many bytes a second.

    With a ``relay``, everything is taken at once and kept until the line has carried it; the terminal then
    says where its cursor is when it comes to that question.
    """

    def __init__(self, command: Sequence[str], speed: int, relay: bool) -> None:
        super().__init__(command, 80, 24, {"SSH_CONNECTION": "::1 1 ::1 22"} if relay else {})
        self._speed, self._relay = speed, relay
        self._kept = bytearray()
        self._since = 0.0
        self._asked = 0

    def read(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Record what the line carries in so many seconds, or until something is so."""
        stop = time.monotonic() + seconds
        while not self.ended and not until() and time.monotonic() < stop:
            time.sleep(0.005)
            self._carry()

    def _carry(self) -> None:
        self._since = max(self._since, time.monotonic() - 0.1)
        count = int((time.monotonic() - self._since) * self._speed)
        if not count:
            return
        self._since += count / self._speed
        if self._relay:
            while data := self.available(65536):
                self._kept += data
            arrived = bytes(self._kept[:count])
            del self._kept[:count]
        else:
            arrived = self.available(count)
        if arrived:
            self.take(arrived)
        asked = self.count(_QUESTION) if self._relay else 0
        while self._asked < asked:
            self._asked += 1
            self.send(b"\x1b[1;1R")


_QUESTION = b"\x1b[6n"


class Held:
    """What became of held keys: seconds from the release to the last byte, and how many ended right."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.right = 0


def main() -> None:
    rounds = parser(__doc__, 2).parse_args().rounds
    python = python_with([f"textual=={version('textual')}", "textual-plotext"])
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        plots = Path(folder) / "plots.json"
        plots.write_text(json.dumps([picture(temperature, BARS) for temperature in TEMPERATURES]))
        for name, speed, relay, limit in LINES:
            ours, theirs = Held(), Held()
            for _ in range(rounds):
                _hold([program(), "--prompt", PROMPT], speed, relay, ours)
                if not relay:
                    _hold([python, str(PLOTS), str(plots)], speed, relay, theirs)
            rows.append(
                Row(
                    name,
                    milliseconds(ours.lags),
                    milliseconds(theirs.lags) if theirs.lags else "",
                    paired_ratio(ours.lags, theirs.lags) if theirs.lags else None,
                    note=f"{'within' if max(ours.lags) <= limit else 'over'} {limit:g} s",
                )
            )
            rows.append(fact("  ends on the right screen", f"{ours.right} of {rounds}", ours.right == rounds))
    rows += _dialogs()
    rows.append(_end())
    title = f"A key held {SECONDS} s at {RATE} a second, 80x24, release to last byte, medians of {rounds}"
    print(table(title, "textual-plotext", rows))


def _hold(command: Sequence[str], speed: int, relay: bool, held: Held) -> None:
    with SlowTerminal(command, speed, relay) as terminal:
        terminal.read_until_written("lazy", 90)
        terminal.read_until_quiet(2, 90)
        started = time.monotonic()
        for number, key in enumerate(KEYS):
            terminal.read(started + number / RATE - time.monotonic())
            released = terminal.send(key)
        terminal.read_until_quiet(2, 90)
        held.lags.append(max(terminal.last() - released, 0.0))
        held.right += any("Temperature" in line and " 2.00 " in line for line in terminal.screen())


def _dialogs() -> list[Row]:
    rows = []
    with Terminal([program(), "--prompt", PROMPT], 100, 30) as terminal:
        terminal.read_until_written("lazy")
        terminal.read_until_quiet(0.5)
        for name, key in DIALOGS:
            sizes = [terminal.press(pressed, 0.5).size for pressed in (key, b"\x1b")]
            rows.append(Row(f"bytes of {name}, 100x30", f"{sizes[0]:,} and {sizes[1]:,}"))
    return rows


def _end() -> Row:
    """Have a program quit whose terminal nobody reads, with a key held before."""
    with Terminal([program(), "--prompt", PROMPT], 80, 24) as terminal:
        terminal.read_until_written("lazy")
        terminal.read_until_quiet(0.5)
        for key in KEYS * 2:
            terminal.send(key)
            time.sleep(0.02)
        pressed = terminal.send(b"\x11")
        ended = terminal.wait(10)
        text = f"{ended - pressed:.1f} s" if ended else "never"
        return fact("ends although nobody reads, after", text, ended is not None and ended - pressed < 2)


if __name__ == "__main__":
    run(main)
