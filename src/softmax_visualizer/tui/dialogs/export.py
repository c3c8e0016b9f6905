"""What a person takes with them: the request on the clipboard, a picture or the numbers in a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textual.app import App

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.pieces import Role
from softmax_visualizer.display.report import Format, report
from softmax_visualizer.display.snippets import snippets
from softmax_visualizer.models.whole_file import write_text
from softmax_visualizer.tui.dialogs.base import ChoiceScreen, ValueScreen
from softmax_visualizer.tui.files import file_name
from softmax_visualizer.tui.scene import Pin
from softmax_visualizer.tui.stage import Stage

_MOST_TOKENS = 1_000
"""Listed tokens in a file of numbers; all others are summed up, as a vocabulary would be megabytes."""

_NUMBERS: dict[str, tuple[str, Format]] = {
    "The numbers as CSV": (".csv", "csv"),
    "The numbers as JSON, as show prints them": (".json", "json"),
    "The numbers as Markdown": (".md", "markdown"),
}
_PICTURE = "The screen as an SVG picture"
_REQUESTS = {
    "The request as Python": ("_request.py", "Python"),
    "The request as curl": ("_request.sh", "curl"),
    "The request as JSON": ("_request.json", "JSON"),
}


async def copy_request(stage: Stage) -> None:
    """Send the request for a setting to the terminal's clipboard, in the form that the person chooses."""
    here = stage.scene.here
    if here is None:
        return
    forms = requests(here)
    form = await stage.app.push_screen_wait(ChoiceScreen("Copy the request as", tuple(forms), "Python"))
    if form is None:
        return
    if reason := why_no_clipboard():
        stage.update(stage.scene.saying(f"{reason} w saves the request into a file instead.", "bad"))
        return
    stage.app.copy_to_clipboard(forms[form])
    said = (
        f"The request as {form} was sent to your terminal's clipboard (OSC 52). Some terminals, and tmux "
        "without set-clipboard on, ignore that: w saves it into a file."
    )
    stage.update(stage.scene.saying(said))


async def save(stage: Stage) -> None:
    """Save what the person chooses, where they choose, and over another file only if they wish so."""
    app, scene, here = stage.app, stage.scene, stage.scene.here
    if here is None:
        return
    choice = await app.push_screen_wait(ChoiceScreen("Save", (_PICTURE, *_NUMBERS, *_REQUESTS), _PICTURE))
    if choice is None:
        return
    ending = ".svg" if choice == _PICTURE else {**_NUMBERS, **_REQUESTS}[choice][0]
    name = file_name(here.asked.answer.prompt, here.name, ending)
    typed = await app.push_screen_wait(ValueScreen("Save as", name))
    if not typed:
        return
    try:
        path = Path(typed).expanduser()
    except RuntimeError:
        said = f"{safe_line(typed, 60)}: there is no such user. w saves it elsewhere."
        stage.update(stage.scene.saying(said, "bad"))
        return
    if choice == _PICTURE:
        text = app.export_screenshot()
    else:
        # settings of other prompts and models have numbers of their own, which one table cannot hold
        pinned = [pin for pin in scene.pins if pin.asked == here.asked and pin != here]
        text = await asyncio.to_thread(_content, choice, [*pinned, here])
    stage.update(stage.scene.saying(*await _write(app, path, text)))


async def _write(app: App[Any], path: Path, text: str) -> tuple[str, Role]:
    """Write a file, over another one only if the person wishes so; return what became of it."""
    replace = False
    while True:
        try:
            await asyncio.to_thread(write_text, path, text, replace=replace)
        except FileExistsError:
            keep, overwrite = "Keep the file that is there", "Replace it"
            title = f"{safe_line(path.name, 60)} exists"
            if await app.push_screen_wait(ChoiceScreen(title, (keep, overwrite), keep)) != overwrite:
                return f"{path} was left as it is; nothing was saved.", "faint"
            replace = True
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return f"{path} cannot be written: {reason}. w saves it elsewhere.", "bad"
        else:
            return f"Saved: {path}", "good"


def _content(choice: str, pins: Sequence[Pin]) -> str:
    """Return what a file of numbers or of a request holds; the last of the settings is the current one."""
    if choice in _REQUESTS:
        return requests(pins[-1])[_REQUESTS[choice][1]] + "\n"
    answer, settings = pins[-1].asked.answer, [pin.settings for pin in pins]
    top = min(len(answer.distribution), _MOST_TOKENS)
    pieces = report(answer.prompt, answer.origin, answer.distribution, settings, top, _NUMBERS[choice][1])
    return "".join(pieces)


def requests(pin: Pin) -> dict[str, str]:
    """Return the request for a setting in each of its forms, without the key."""
    answer = pin.asked.answer
    # an address out of somebody's recording is no place to send a key to
    endpoint = answer.endpoint if answer.source == "openai" else None
    return snippets(answer.request, endpoint, answer.prompt, pin.settings)


def why_no_clipboard(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return why the terminal cannot be told what to copy (by OSC 52), if that is known."""
    if environment.get("TERM", "") in ("linux", "dumb", ""):
        return "This terminal has no clipboard."
    if environment.get("TERM_PROGRAM") == "Apple_Terminal":
        return "macOS Terminal does not let programs copy."
    if environment.get("TERM", "").startswith("screen") and "TMUX" not in environment:
        return "GNU screen does not pass on what is copied."
    return None
