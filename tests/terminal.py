"""A terminal for the tests: the app runs in a real pty, and what it writes is read off an emulated screen."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte

APP = (sys.executable, "-m", "softmax_visualizer")

KEYS = {
    "left": "\x1b[D",
    "right": "\x1b[C",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "end": "\x1b[F",
    "alt+left": "\x1b[1;3D",
    "alt+right": "\x1b[1;3C",
    "alt+up": "\x1b[1;3A",
    "alt+down": "\x1b[1;3B",
    "enter": "\r",
    "escape": "\x1b",
    "space": " ",
    "ctrl+q": "\x11",
    "ctrl+z": "\x1a",
    "ctrl+_": "\x1f",
}
"""What a terminal sends for the keys that have a name."""

_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\[[<=>][0-9;]*[A-Za-z]"  # the keyboard protocol
    rb"|\x1b\[\?[0-9;]*\$p"  # questions about modes
    rb"|\x1b\[\?u"
)

_OTHER_SCREEN = re.compile(rb"\x1b\[\?1049[hl]")
"""Changes to the other screen and back, of which pyte has one: each is shown as empty."""


def fresh_environment(home: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a new user: no key, no server, no proxy, no settings of anybody's."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
    return {**kept, "HOME": str(home), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **changes}


class Screen:
    """What a terminal of ``columns`` by ``rows`` cells shows of what was written to it."""

    def __init__(self, columns: int, rows: int) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._pending = b""
        self._text: str | None = None

    @property
    def text(self) -> str:
        """What is on the screen, a line each."""
        # whoever waits reads it many times between two changes, and pyte puts it together cell by cell
        if self._text is None:
            self._text = "\n".join(line.rstrip() for line in self._screen.display)
        return self._text

    @property
    def cells(self) -> list[list[str]]:
        """The character in each cell, row by row; the second cell of a wide character is empty."""
        rows, columns = self._screen.lines, self._screen.columns
        return [[self._screen.buffer[y][x].data for x in range(columns)] for y in range(rows)]

    @property
    def characters(self) -> list[list[pyte.screens.Char]]:
        """The character in each cell, row by row, with its colours."""
        rows, columns = self._screen.lines, self._screen.columns
        return [[self._screen.buffer[y][x] for x in range(columns)] for y in range(rows)]

    def resize(self, columns: int, rows: int) -> None:
        """Change the size."""
        self._screen.resize(rows, columns)
        self._text = None

    def feed(self, data: bytes) -> None:
        """Show what is written; a sequence that is cut in two is completed by the next piece."""
        data = self._pending + data
        start = data.rfind(b"\x1b")
        whole = start < 0 or re.match(
            rb"\x1b(?:\[[0-9;:<=>?$]*[A-Za-z]|\][^\x07]*\x07|[^\[\]])", data[start:]
        )
        split = len(data) if whole else start
        self._pending = data[split:]
        seen = _OTHER_SCREEN.sub(b"\x1b[2J\x1b[H", data[:split])
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", seen))
        self._text = None


class Terminal:
    """Runs the app, or another ``command``, in a pty of so many cells until the end of the ``with`` block.

    ``written`` holds every byte the app wrote. ``streams`` replaces some of its three standard streams, as
    the arguments of :class:`subprocess.Popen` of these names do; the pty is the others.
    """

    def __init__(
        self,
        home: Path,
        *arguments: str,
        command: Sequence[str] = APP,
        columns: int = 100,
        rows: int = 30,
        streams: Mapping[str, Any] | None = None,
        **environment: str,
    ) -> None:
        self.written = b""
        self._parent, self._child = pty.openpty()
        self._screen = Screen(columns, rows)
        self._set_size(columns, rows)
        self.settings_before = termios.tcgetattr(self._child)
        self.process = subprocess.Popen(
            [*command, *arguments],
            **{**dict.fromkeys(("stdin", "stdout", "stderr"), self._child), **(streams or {})},
            env=fresh_environment(home, **environment),
            cwd=home,
            # a session with the pty as its terminal, so that the app is told of resizes
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(self._child, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.hang_up()

    @property
    def settings(self) -> list[Any]:
        """The terminal's settings of the moment, as ``stty`` would show them."""
        return termios.tcgetattr(self._child)

    @property
    def text(self) -> str:
        """What is on the screen, a line each."""
        return self._screen.text

    @property
    def cells(self) -> list[list[str]]:
        """The character in each cell, row by row; the second cell of a wide character is empty."""
        return self._screen.cells

    def press(self, *keys: str, pause: float = 0.0) -> None:
        """Send keys by their names, and any other text as it is."""
        for key in keys:
            os.write(self._parent, KEYS.get(key, key).encode(errors="surrogateescape"))
            if pause:
                self._read(pause)

    def hang_up(self) -> None:
        """Be gone, as a window that is closed."""
        for end in (self._parent, self._child):
            with contextlib.suppress(OSError):
                os.close(end)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a window that is dragged."""
        self._screen.resize(columns, rows)
        self._set_size(columns, rows)

    def wait_until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Read what the app writes until the condition holds, and fail if it does not within ``timeout``."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"this was on the screen to the end:\n{self.text}"
            self._read(0.02)

    def wait_for(self, *words: str) -> None:
        """Read until all the words are on the screen."""
        self.wait_until(lambda: all(word in self.text for word in words))

    def wait_for_end(self) -> int:
        """Read until the app has ended; return its exit status."""
        self.wait_until(lambda: self.process.poll() is not None)
        while self._read(0):
            pass
        return self.process.returncode

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._parent], [], [], seconds)
        if not ready:
            return False
        data = b""
        with contextlib.suppress(OSError):  # Linux says so where the other end is closed
            data = os.read(self._parent, 65536)
        self.written += data
        self._screen.feed(data)
        return bool(data)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._parent, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
