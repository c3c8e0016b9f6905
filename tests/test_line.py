"""The line to the terminal: a frame waits until the one before has left, and nothing else waits for it."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from softmax_visualizer.tui.terminal.line import Line
from terminal import Terminal

FRAME = "\x1b[H" + "x" * 700

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")


class Pty:
    """A pseudo-terminal, which is read when the test says so."""

    def __init__(self) -> None:
        self.terminal, self.descriptor = os.openpty()
        self.read = 0

    def read_all(self) -> None:
        while select.select([self.terminal], [], [], 0.1)[0]:
            self.read += len(os.read(self.terminal, 100))


@pytest.fixture
def pty() -> Iterator[Pty]:
    pty = Pty()
    yield pty
    os.close(pty.terminal)
    os.close(pty.descriptor)


def until(condition: Callable[[], bool]) -> None:
    stop = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < stop
        time.sleep(0.01)


def line(pty: Pty, *, asks: bool) -> Line:
    started = Line(pty.descriptor, lambda: None, lambda: None, asks=asks)
    started.start()
    return started


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a write waits, or tcdrain does")
def test_on_this_machine_little_is_written_that_is_not_read(pty: Pty) -> None:
    to_terminal = line(pty, asks=False)
    sent, started = 0, time.monotonic()
    for _ in range(200):
        if not to_terminal.busy:
            to_terminal.write(FRAME)
            sent += len(FRAME)
        time.sleep(0.005)
    # it may be a line of 9,600 bit/s, on which this much is read meanwhile
    assert sent <= 3 * len(FRAME) + 960 * (time.monotonic() - started)
    pty.read_all()
    until(lambda: not to_terminal.busy)
    to_terminal.stop()


def test_a_distant_terminal_is_asked_whether_it_has_come_to_the_end(pty: Pty) -> None:
    to_terminal = line(pty, asks=True)
    to_terminal.write(FRAME)
    # whoever is in between takes all at once
    pty.read_all()
    assert pty.read == len(FRAME) + len("\x1b[6n")
    assert to_terminal.busy
    to_terminal.answered()
    until(lambda: not to_terminal.busy)
    to_terminal.stop()


def test_small_frames_do_not_wait_for_the_way_there_and_back(pty: Pty) -> None:
    to_terminal = line(pty, asks=True)
    for _ in range(3):
        to_terminal.write("a key")
        until(lambda: not to_terminal.busy)
    pty.read_all()
    to_terminal.stop()


def test_what_was_written_is_written_before_the_end(pty: Pty) -> None:
    to_terminal = line(pty, asks=False)
    reading = threading.Thread(target=pty.read_all)
    to_terminal.write(FRAME * 5)
    reading.start()
    to_terminal.stop()
    reading.join()
    assert pty.read >= 5 * len(FRAME)


def test_a_terminal_that_is_not_read_does_not_hold_up_the_end(pty: Pty) -> None:
    to_terminal = line(pty, asks=False)
    to_terminal.write(FRAME * 100)
    to_terminal.stop()
    assert not pty.read


def test_the_program_ends_although_nobody_reads_its_terminal(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("lazy", "EXACT")
        for number in range(300):
            terminal.press("right" if number // 10 % 2 else "left")
        terminal.press("ctrl+q")
        terminal.process.wait(30)


def test_a_distant_terminal_ends_on_the_last_key(tmp_path: Path) -> None:
    with Terminal(tmp_path, SSH_CONNECTION="::1 1 ::1 22") as terminal:
        terminal.wait_for("lazy", "EXACT")
        for _ in range(5):
            terminal.press("right")
        terminal.wait_for("temperature 1.30")
        terminal.press("ctrl+q")
        terminal.wait_for_end()


def test_a_terminal_that_is_gone_is_told_of() -> None:
    terminal, descriptor = os.openpty()
    lost = threading.Event()
    to_terminal = Line(descriptor, lambda: None, lost.set, asks=False)
    to_terminal.start()
    os.close(terminal)
    to_terminal.write(FRAME)
    assert lost.wait(30)
    to_terminal.stop()
    os.close(descriptor)
