"""The app behind textual-serve, which gives it pipes for a terminal and passes the screen on to a browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import IO

from terminal import APP, Screen, fresh_environment

WEB = {"TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver", "TEXTUAL_COLOR_SYSTEM": "truecolor"}


def packet(pipe: IO[bytes]) -> tuple[bytes, bytes]:
    """Read what kind of packet comes next, and what is in it."""
    kind, size = pipe.read(1), int.from_bytes(pipe.read(4), "big")
    return kind, pipe.read(size)


def send(pipe: IO[bytes], kind: bytes, data: bytes) -> None:
    pipe.write(kind + len(data).to_bytes(4, "big") + data)
    pipe.flush()


def test_the_screen_is_drawn_for_a_browser_and_its_keys_come_from_there(tmp_path: Path) -> None:
    with subprocess.Popen(
        APP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=fresh_environment(tmp_path, **WEB, TERM="dumb", COLUMNS="100", ROWS="30"),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"__GANGLION__\n"
        send(process.stdin, b"M", json.dumps({"type": "resize", "width": 100, "height": 30}).encode())
        screen = Screen(100, 30)
        pressed = False
        while "temperature 0.70" not in screen.text:
            kind, data = packet(process.stdout)
            assert kind, "the app has ended"
            if kind == b"D":
                screen.feed(data)
            if not pressed and "EXACT" in screen.text:
                pressed = True
                send(process.stdin, b"D", b"3")
        assert "␣lazy" in screen.text
        process.kill()


def test_any_other_driver_still_needs_a_terminal(tmp_path: Path) -> None:
    run = subprocess.run(
        APP,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=fresh_environment(tmp_path, TEXTUAL_DRIVER="textual.drivers.linux_driver:LinuxDriver"),
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert b"needs a terminal" in run.stderr
