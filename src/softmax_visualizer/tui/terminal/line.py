"""The line to the terminal: what is written to it, and whether that has left.

A pseudo-terminal takes 16 kB before it makes anybody wait, and Textual queues as much again: on a slow line
that is half a minute of frames. Whoever draws a frame only when the one before has left, is never late.

Whether it has left is asked of whoever knows. Over SSH that is the terminal alone, since its server takes
all that it is given: each frame ends with a question that a terminal answers when it comes to it. Elsewhere
it is the system. ``tcdrain`` waits until a serial line has sent all, and other systems' pseudo-terminals
until it was read. Those of Linux do not make it wait, but wake whoever waits to write when most was read.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from textual import events
from textual.message import Message

from softmax_visualizer.tui.terminal.driver import OwnTerminal

_PIECE = 512
"""Bytes that are written at once, about: with each, Linux may say that what was written has been read."""

_UNREAD = 1024
"""Bytes that may be written before it is waited until they are read."""

_AT_ONCE = 0.02
"""Seconds in which a terminal that keeps up reads a frame."""

_SLOWEST = 800
"""Bytes a second that are taken to be read where nothing is known: a little less than 9,600 bit/s."""

_LONGEST = 5.0
"""Seconds after which no answer is expected any more."""

_IN_FLIGHT = 512
"""Bytes that may be on their way to a terminal that says when they have come: distant ones wait for less."""

_SHORT = 0.5
"""Seconds for which the end of the program may wait."""

_QUICK = 100_000
"""Bytes a second that are presumed to be read by a terminal that has just been quick."""

_PROMPT, _TELLING = 0.03, 400
"""Seconds in which a quick terminal reads so many bytes: no line of 56 kbit/s does."""

_UNHEARD = 12
"""Pieces in a row of which it is not heard that they were read, after which a terminal may be a slow one."""

_QUESTION = b"\x1b[6n"
"""Asks where the cursor is, which every terminal answers after all that was written before."""


class LineDriver(OwnTerminal):
    """A driver that never waits for the terminal, and knows whether the terminal has got everything."""

    @property
    def busy(self) -> bool:
        """Whether something that was written is still on its way."""
        return self._line is not None and self._line.busy

    def start_application_mode(self) -> None:
        """Enter the terminal's other screen, of which nothing is known."""
        super().start_application_mode()
        cast(Any, self._app).forget_screen()
        if self._writer_thread is not None:
            self._writer_thread.stop()
            distant = "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ
            line = Line(cast(Any, self._file).fileno(), self._left, self._lose, asks=distant)
            self._writer_thread = cast(Any, line)
            self._writer_thread.start()

    def disable_input(self) -> None:
        """Read no more keys; what the terminal still has to answer is not left to the shell."""
        if self._line is not None:
            self._line.hear_out()
        super().disable_input()

    def process_message(self, message: Message) -> None:
        """Keep the terminal's answers to the line's questions from the app."""
        if isinstance(message, events.CursorPosition) and self._line is not None:
            self._line.answered()
        else:
            super().process_message(message)

    @property
    def _line(self) -> Line | None:
        line: Any = self._writer_thread
        return line if isinstance(line, Line) else None

    def _left(self) -> None:
        app: Any = self._app
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(app.line_is_free)


class Line(threading.Thread):
    """Writes to a terminal, and calls ``left`` when all has left.

    Args:
        descriptor: the terminal's.
        left: called in this thread; ``lose`` as well, when the terminal is gone.
        asks: whether the terminal is asked if what was written has come, rather than the system.
    """

    def __init__(
        self, descriptor: int, left: Callable[[], None], lose: Callable[[], None], *, asks: bool
    ) -> None:
        super().__init__(daemon=True, name="terminal-output")
        self._descriptor = descriptor
        self._left, self._lose = left, lose
        self._state = threading.Condition()
        self._waiting = bytearray()
        self._busy = False
        self._stopped = False
        self._asks = asks
        self._answers = 0
        self._in_flight: deque[int] = deque()
        self._readings = _readings(descriptor)
        self._unread, self._unread_at = 0.0, 0.0
        self._unheard = _UNHEARD

    @property
    def busy(self) -> bool:
        """Whether something that was written has not left yet."""
        return self._busy

    def write(self, text: str) -> None:
        """Have something written soon."""
        with self._state:
            self._waiting += text.encode(errors="replace")
            self._busy = True
            self._state.notify_all()

    def answered(self) -> None:
        """Take note that the terminal has come to a question."""
        with self._state:
            self._answers += 1
            if self._in_flight:
                self._in_flight.popleft()
            self._state.notify_all()

    def hear_out(self) -> None:
        """Wait for answers that are due."""
        with self._state:
            self._state.wait_for(lambda: not self._in_flight, _SHORT)

    def stop(self) -> None:
        """End soon: what is still to be written is written if the terminal takes it."""
        with self._state:
            self._stopped = True
            self._state.notify_all()
        self.join(_SHORT)

    def run(self) -> None:
        """Write, and wait until it has left."""
        while True:
            with self._state:
                self._state.wait_for(lambda: self._waiting or self._stopped)
                if not self._waiting:
                    return
                data = bytes(self._waiting)
                self._waiting.clear()
            try:
                self._write(data)
            except (OSError, termios.error):
                self._lose()
            with self._state:
                self._busy = bool(self._waiting)
            if not self._busy:
                self._left()

    def _write(self, data: bytes) -> None:
        if self._asks and not self._stopped:
            data += _QUESTION
            self._in_flight.append(len(data))
        while data:
            piece, data = _cut(data)
            self._put(piece)
            if not (self._asks or self._stopped):
                self._wait_until_read(last=not data)
        if self._asks:
            self._wait_until_answered()

    def _put(self, data: bytes) -> None:
        self._unread, self._unread_at = self._still_unread() + len(data), time.monotonic()
        while data:
            data = data[os.write(self._descriptor, data) :]
        if self._readings is not None:
            # a write wakes those who wait to write, as a reader does
            self._readings.poll(0)

    def _wait_until_answered(self) -> None:
        with self._state:
            if not self._state.wait_for(
                lambda: sum(self._in_flight) <= _IN_FLIGHT or self._stopped, _LONGEST
            ):
                self._asks = self._answers > 0
                self._in_flight.clear()

    def _wait_until_read(self, *, last: bool) -> None:
        """Wait a moment, or where much is unread, until it is read."""
        if self._readings is None:
            termios.tcdrain(self._descriptor)
            return
        while not self._readings.poll(_AT_ONCE if last or self._still_unread() > _UNREAD else _AT_ONCE / 10):
            # who reads at once may have done so before it was waited for that
            if self._still_unread() <= _UNREAD or self._stopped:
                self._unheard += 1
                return
        # a little is read at once on a slow line too
        if self._unread >= _TELLING:
            self._unheard = 0 if time.monotonic() - self._unread_at < _PROMPT else _UNHEARD
        self._unread = 0.0

    def _still_unread(self) -> float:
        # a terminal that was quick just now has read, even where that was not heard
        rate = _SLOWEST if self._unheard >= _UNHEARD else _QUICK
        return max(0.0, self._unread - (time.monotonic() - self._unread_at) * rate)


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Cut a piece off, before an escape sequence."""
    cut = data.rfind(b"\x1b", 1, _PIECE)
    if len(data) <= _PIECE or cut < 0:
        return data, b""
    return data[:cut], data[cut:]


def _readings(descriptor: int) -> select.epoll | None:
    """Return what is woken when a pseudo-terminal of Linux was read until at most 128 bytes were left."""
    if not (sys.platform == "linux" and os.isatty(descriptor)):
        return None
    if not os.ttyname(descriptor).startswith("/dev/pts/"):
        return None
    readings = select.epoll()
    readings.register(descriptor, select.EPOLLOUT | select.EPOLLET)
    return readings
