"""Textual's private parts are as the app expects, and where one is not, the app steps aside and still works.

If the first test fails, Textual has changed: see what is built on the part before its entry is changed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.drivers.linux_driver import LinuxDriver

from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.terminal import order, private
from terminal import Terminal

GROUPS = {
    "driver": private.DRIVER,
    "failure": private.FAILURE,
    "pictures": private.PICTURES,
    "keys": private.KEYS,
    "sequences": private.SEQUENCES,
}


@pytest.mark.parametrize(
    ("place", "parameters"), [part for group in GROUPS.values() for part in group.items()]
)
def test_textual_has_the_private_part_that_is_built_on(place: str, parameters: str) -> None:
    assert private.known({place: parameters})


async def test_the_event_loop_says_whether_it_is_idle() -> None:
    assert order._can_tell_whether_idle()


@pytest.mark.parametrize(
    "part",
    [
        {"textual._no_such_module:App": ""},
        {"textual.app:NoSuchClass._display": ""},
        {"textual.app:App._no_such_method": ""},
        {"textual.app:App._display": "self screen renderable more"},
        {"textual._ansi_sequences:NO_SUCH_NAME": ""},
    ],
)
def test_a_part_that_is_gone_or_has_changed_is_not_known(part: dict[str, str]) -> None:
    assert not private.known(part)
    assert not private.known({**private.DRIVER, **part})


def test_without_its_private_parts_the_driver_is_textuals_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "known", lambda parts: False)
    app = SoftmaxVisualizer(Configuration(model="bundled"), "")
    assert app.driver_class is LinuxDriver


def test_without_any_private_part_the_screen_still_works(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from softmax_visualizer.tui.terminal import order, private\n"
        "private.known = lambda parts: False\n"
        "order._ready = lambda: None\n"
    )
    with Terminal(tmp_path, PYTHONPATH=str(tmp_path)) as terminal:
        terminal.wait_for("␣lazy", "EXACT")
        terminal.press("right")
        terminal.wait_for("temperature 0.90")
        terminal.press("ctrl+q")
        assert terminal.wait_for_end() == 0
        assert terminal.settings == terminal.settings_before
