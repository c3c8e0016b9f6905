"""A program in a pseudo-terminal, everything it writes recorded with the time it came.

The terminal says that it knows synchronised updates, as most of today's do, so that a Textual application
marks where each of its frames begins. It has truecolor, and the program a home and a folder of its own.
"""

from __future__ import annotations

import bisect
import os
import pty
import re
import select
import signal
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from report import MeasurementError

LEFT, RIGHT, DOWN = b"\x1b[D", b"\x1b[C", b"\x1b[B"
"""Arrow keys, as a terminal sends them."""

FRAME = b"\x1b[?2026h"
"""What begins a frame."""

_CTRL_Q = b"\x11"
_KNOWS_FRAMES = b"\x1b[?2026$p", b"\x1b[?2026;2$y"

# questions and settings that draw nothing, which pyte would print in part
_UNDRAWN = re.compile(rb"\x1b\[[<=>?][0-9;]*\$?[a-zA-Z]|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)")

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Paint:
    """What came in answer to a key: seconds until the last byte of it, how many bytes, in how many frames."""

    seconds: float
    size: int
    frames: int


class Terminal:
    """Runs a command until the ``with`` block ends; times are those of ``time.monotonic``.

    Args:
        command: the program and its arguments.
        columns, rows: the size of the terminal.
        environment: variables to set besides the terminal's own. No others are passed on but the path.
    """

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = list(command)
        self._size = columns, rows
        self._home = tempfile.TemporaryDirectory(prefix="benchmark-")
        self._environment = {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "HOME": self._home.name,
            **(environment or {}),
        }
        self._times: list[float] = []
        self._ends: list[int] = []
        self._data = bytearray()
        self._answered = 0
        self._ended = False
        self.started = 0.0

    def __enter__(self) -> Self:
        columns, rows = self._size
        sys.stdout.flush()
        self.started = time.monotonic()
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            try:
                # before the program starts, so that it never sees another size
                termios.tcsetwinsize(0, (rows, columns))
                os.chdir(self._home.name)
                os.execvpe(self._command[0], self._command, self._environment)
            finally:
                os._exit(127)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.send(_CTRL_Q)
        self.read(2, until=lambda: self._ended)
        if os.waitpid(self._process, os.WNOHANG)[0] == 0:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self._terminal)
        self._home.cleanup()

    @property
    def size(self) -> int:
        """Bytes that came so far."""
        return len(self._data)

    @property
    def ended(self) -> bool:
        """Whether the program has closed its end."""
        return self._ended

    def wait(self, seconds: float) -> float | None:
        """Wait for the end of the program without reading what it writes; return when that was."""
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            if os.waitid(os.P_PID, self._process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return time.monotonic()
            time.sleep(0.01)
        return None

    def last(self) -> float:
        """Return when the last byte came."""
        return self._times[-1]

    def frames(self, start: int = 0) -> int:
        """Return how many frames began after the first ``start`` bytes."""
        return self.count(FRAME, start)

    def count(self, sequence: bytes, start: int = 0) -> int:
        """Return how often a sequence came after the first ``start`` bytes."""
        return self._data.count(sequence, start)

    def processor_seconds(self) -> float:
        """Return how long the program has kept processors busy, of all its threads.

        Raises:
            MeasurementError: this system does not say so in ``/proc``.
        """
        try:
            fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        except OSError as error:
            raise MeasurementError("Processor time is read from /proc, which is not there.") from error
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, keys: bytes) -> float:
        """Press keys; return when."""
        moment = time.monotonic()
        # a program that has ended does not read keys; whoever waits for what they do will say so
        with suppress(OSError):
            os.write(self._terminal, keys)
        return moment

    def read(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Record for so many seconds, or until something is so."""
        stop = time.monotonic() + seconds
        while not self._ended and not until() and (left := stop - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], left)[0]:
                self._record()

    def read_until_quiet(self, seconds: float, limit: float = 5) -> None:
        """Record until nothing has come for so long."""
        stop, size = time.monotonic() + limit, -1
        while size != len(self._data) and time.monotonic() < stop:
            size = len(self._data)
            self._read_beyond(size, seconds)

    def read_until_written(self, text: str, limit: float = 20) -> None:
        """Record until the program has written a text, in one style and on one line.

        Raises:
            MeasurementError: it never does.
        """
        wanted = text.encode()
        self.read(limit, until=lambda: wanted in self._data)
        if wanted not in self._data:
            shown = "\n".join(line for line in self.screen() if line.strip())
            raise MeasurementError(
                f"{self._command[-1]} never wrote {text!r}. Its screen after {limit:g} s:\n{shown}"
            )

    def press(self, key: bytes, quiet: float = 0.15) -> Paint:
        """Press a key, and record until its frame is painted and nothing more came for ``quiet`` seconds.

        Raises:
            MeasurementError: nothing comes at all.
        """
        size = len(self._data)
        pressed = self.send(key)
        self._read_beyond(size, 2)
        if len(self._data) == size:
            raise MeasurementError(f"{self._command[-1]} painted nothing for a key.")
        self.read_until_quiet(quiet)
        return Paint(self._times[-1] - pressed, len(self._data) - size, self.frames(size))

    def screen(self, until: int | None = None) -> list[str]:
        """Return the lines that the terminal shows after its first ``until`` bytes, or after all of them.

        Raises:
            MeasurementError: pyte is not installed.
        """
        try:
            import pyte
        except ImportError as error:
            raise MeasurementError(
                "This benchmark reads the screen with pyte: pip install 'softmax-visualizer[test]'."
            ) from error
        screen = pyte.Screen(*self._size)
        pyte.ByteStream(screen).feed(_UNDRAWN.sub(b"", bytes(self._data[:until])))
        return list(screen.display)

    def shown(self, texts: Sequence[str]) -> float:
        """Return when all of the texts were first seen on the screen, on which they still are.

        Raises:
            MeasurementError: one of them is not.
        """

        def all_shown(chunk: int) -> bool:
            screen = "\n".join(self.screen(self._ends[chunk]))
            return all(text in screen for text in texts)

        if not self._ends or not all_shown(len(self._ends) - 1):
            raise MeasurementError(f"{self._command[-1]} does not show all of {', '.join(map(repr, texts))}.")
        return self._times[bisect.bisect_left(range(len(self._ends)), True, key=all_shown)]

    def _read_beyond(self, size: int, seconds: float) -> None:
        """Record until more has come than so many bytes, at most for so long."""
        self.read(seconds, until=lambda: len(self._data) > size)

    def _record(self) -> None:
        if data := self.available(65536):
            self.take(data)

    def available(self, most: int) -> bytes:
        """Read what is there, at most so many bytes."""
        if not select.select([self._terminal], [], [], 0)[0]:
            return b""
        data = b""
        with suppress(OSError):  # Linux says so when the program has closed its end
            data = os.read(self._terminal, most)
        self._ended = not data
        return data

    def take(self, data: bytes) -> None:
        """Record what came, and answer what it asks."""
        self._times.append(time.monotonic())
        self._data += data
        self._ends.append(len(self._data))
        question, answer = _KNOWS_FRAMES
        if self._data.count(question) > self._answered:
            self._answered += 1
            os.write(self._terminal, answer)


def program() -> str:
    """Return the path of the installed ``softmax-visualizer`` of this Python.

    Raises:
        MeasurementError: there is none.
    """
    path = Path(sys.executable).with_name("softmax-visualizer")
    if not path.exists():
        raise MeasurementError("softmax-visualizer is not in this Python: pip install -e '.[test]'.")
    return str(path)
