"""What a person takes with them: the request on the clipboard, a picture or the numbers in a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App

from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.report import Format, report
from softmax_visualizer.display.snippets import snippets
from softmax_visualizer.tui.dialogs import ChoiceScreen, ValueScreen
from softmax_visualizer.tui.files import file_name, write_whole

if TYPE_CHECKING:
    from softmax_visualizer.models.base import ModelAnswer
    from softmax_visualizer.tui.knobs import Knobs

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

Said = tuple[str, str]
"""A sentence for the person, and its role."""


async def copy_request(app: App[None], answer: ModelAnswer, knobs: Knobs) -> Said:
    """Send the request for a setting to the terminal's clipboard, in the form that the person chooses."""
    forms = requests(answer, knobs)
    form = await app.push_screen_wait(ChoiceScreen("Copy the request as", tuple(forms), "Python"))
    if form is None:
        return "", "faint"
    if reason := why_no_clipboard():
        return f"{reason} w saves the request into a file instead.", "bad"
    app.copy_to_clipboard(forms[form])
    return (
        f"The request as {form} was sent to your terminal's clipboard (OSC 52). Some terminals, and tmux "
        "without set-clipboard on, ignore that: w saves it into a file.",
        "faint",
    )


async def save(
    app: App[None], answer: ModelAnswer, knobs: Knobs, pins: Sequence[tuple[ModelAnswer, Knobs]]
) -> Said:
    """Save what the person chooses, where they choose, and over another file only if they wish so."""
    choice = await app.push_screen_wait(ChoiceScreen("Save", (_PICTURE, *_NUMBERS, *_REQUESTS), _PICTURE))
    if choice is None:
        return "", "faint"
    ending = ".svg" if choice == _PICTURE else {**_NUMBERS, **_REQUESTS}[choice][0]
    typed = await app.push_screen_wait(ValueScreen("Save as", file_name(answer.prompt, knobs.words, ending)))
    if not typed:
        return "", "faint"
    try:
        path = Path(typed).expanduser()
    except RuntimeError:
        return f"{safe_line(typed, 60)}: there is no such user. w saves it elsewhere.", "bad"
    if choice == _PICTURE:
        text = app.export_screenshot()
    else:
        # settings of other prompts and models have numbers of their own, which one table cannot hold
        pinned = [each for other, each in pins if other is answer and each != knobs]
        text = await asyncio.to_thread(_content, choice, answer, [*pinned, knobs])
    replace = False
    while True:
        try:
            await asyncio.to_thread(write_whole, path, text, replace=replace)
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


def _content(choice: str, answer: ModelAnswer, settings: Sequence[Knobs]) -> str:
    """Return what a file of numbers or of a request holds; the last of the settings is the current one."""
    if choice in _REQUESTS:
        return requests(answer, settings[-1])[_REQUESTS[choice][1]] + "\n"
    chosen = [knobs.settings for knobs in settings]
    top = min(len(answer.distribution), _MOST_TOKENS)
    pieces = report(answer.prompt, answer.origin, answer.distribution, chosen, top, _NUMBERS[choice][1])
    return "".join(pieces)


def requests(answer: ModelAnswer, knobs: Knobs) -> dict[str, str]:
    """Return the request for a setting in each of its forms, without the key."""
    # an address out of somebody's recording is no place to send a key to
    endpoint = answer.endpoint if answer.source == "openai" else None
    return snippets(answer.request, endpoint, answer.prompt, knobs.settings)


def why_no_clipboard(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return why the terminal cannot be told what to copy (by OSC 52), if that is known."""
    if environment.get("TERM", "") in ("linux", "dumb", ""):
        return "This terminal has no clipboard."
    if environment.get("TERM_PROGRAM") == "Apple_Terminal":
        return "macOS Terminal does not let programs copy."
    if environment.get("TERM", "").startswith("screen") and "TMUX" not in environment:
        return "GNU screen does not pass on what is copied."
    return None
