"""The app's terminal: how it is taken, left, lent to a shell for a while, and lost."""

from __future__ import annotations

import os
import select
import signal
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Any, NoReturn, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

_GONE = signal.SIGHUP
"""What a terminal that is gone is taken for, also where nobody sends it or it is ignored."""

_MOMENT = 0.02
"""Seconds in which signals that came together have been heard."""

_PATIENCE = 1.0
"""Seconds until a terminal that could not be taken is given up. A job in the background is stopped then."""


class OwnTerminal(LinuxDriver):
    """Textual's driver, but for signals, a terminal that is gone, and the terminal's size.

    SIGTERM and SIGHUP end the app as a key would, with the exit status that a shell gives to them.
    SIGTSTP gives the terminal back until SIGCONT, and a SIGSTOP that came without it does no harm.
    They are dealt with between two messages, as the app's other events are: in the middle of one, a
    handler would find a lock held by what it interrupted.
    """

    _ending = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = cast(Any, _Output(cast(Any, self._file), self._lose))
        # before the first size is reported, the app would ask Rich, which believes COLUMNS and LINES
        self._size = self._size or self._get_terminal_size()
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._loop.add_signal_handler(number, self._end, number)
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.add_signal_handler(signal.SIGCONT, self._continue)

    def _get_terminal_size(self) -> tuple[int, int]:
        # COLUMNS and LINES may be those of another terminal, and the standard output a file
        with suppress(OSError):
            columns, rows = os.get_terminal_size(cast(Any, self._file).fileno())
            if columns and rows:
                return columns, rows
        return super()._get_terminal_size()

    # --- the end ---

    def _end(self, number: signal.Signals) -> None:
        if number == signal.SIGTERM:
            # whoever sends it twice does not want to wait for what holds up the end
            self._loop.remove_signal_handler(number)
        if not self._ending:
            self._ending = True
            self._app.exit(return_code=128 + number)

    def _lose(self) -> None:
        """End the app, since nobody sees it any more; may be called from any thread."""
        with suppress(RuntimeError):  # the event loop is closed, so that the app has ended
            self._loop.call_soon_threadsafe(self._end, _GONE)

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as error:
            self._app.call_later(_fail, error)

    def run_input_thread(self) -> None:
        """Wait for what the terminal sends, until it is gone or the app wants no more."""
        # a key in another encoding is no reason to fail
        parser, decode = XTermParser(self._debug), getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            ready, _, _ = select.select([self.fileno], [], [], 0.1)
            if ready:
                data = b""
                with suppress(OSError):  # some systems say so where others say nothing
                    data = os.read(self.fileno, 4096)
                if not data:
                    self._lose()
                    return
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)

    # --- a shell in between ---

    def _stop(self) -> None:
        if self._auto_restart:
            self.suspend_application_mode()
        with self._default(signal.SIGTSTP), self._default(signal.SIGCONT):
            # as the terminal would: all that run with the app in one job of the shell's. Where there is no
            # shell to continue it, the system does not stop it either.
            os.killpg(os.getpgrp(), signal.SIGTSTP)
        # what came with SIGCONT is dealt with first: to end, the terminal need not be taken from a shell
        self._loop.call_later(_MOMENT, self._resume)

    def _continue(self) -> None:
        """Come back from a SIGSTOP, after which the terminal may be as a shell wants it."""
        if self._auto_restart:
            self.suspend_application_mode()
        self._resume()

    def _resume(self) -> None:
        if self._auto_restart and not self._ending and self._app.is_running:
            self._must_signal_resume = True
            self.resume_application_mode()
            self._app.refresh(layout=True)

    @contextmanager
    def _default(self, number: signal.Signals) -> Iterator[None]:
        handler = self._stop if number == signal.SIGTSTP else self._continue
        self._loop.remove_signal_handler(number)
        try:
            yield
        finally:
            self._loop.add_signal_handler(number, handler)

    # --- the terminal's modes ---

    def start_application_mode(self) -> None:
        """Take the terminal; in the background that waits for a shell to bring the app to the front."""
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual leaves it so
        if self._writer_thread is None:
            self._loop.call_later(_PATIENCE, self._give_up)

    def _give_up(self) -> None:
        if self._writer_thread is None:
            self._end(_GONE)

    def write(self, data: str) -> None:
        """Write to the terminal, unless it is a shell's at the moment: all is painted again afterwards."""
        if self._writer_thread is not None:
            super().write(data)

    def stop_application_mode(self) -> None:
        """Leave the terminal as it was, if it is ours."""
        if self._writer_thread is not None:
            with self._also_in_the_background():
                super().stop_application_mode()

    def disable_input(self) -> None:
        """Read no more keys from the terminal, if it is ours."""
        if self._writer_thread is not None:
            with self._also_in_the_background():
                super().disable_input()

    @contextmanager
    def _also_in_the_background(self) -> Iterator[None]:
        """Do not be stopped in the middle of it."""
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            yield
        finally:
            signal.signal(signal.SIGTTOU, before)

    def close(self) -> None:
        """Write what is left to be written."""
        super().close()
        self._writer_thread = None


def _fail(error: Exception) -> NoReturn:
    raise error


class _Output:
    """A terminal to write to, which may be gone: what is written then goes nowhere."""

    def __init__(self, file: IO[str], lose: Callable[[], None]) -> None:
        self._file, self._lose = file, lose
        self.fileno = file.fileno

    def write(self, text: str) -> None:
        self._try(partial(self._file.write, text))

    def flush(self) -> None:
        self._try(self._file.flush)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError:
            # what is left in the file's buffer would fail once more at the end of the program
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            self._lose()
