"""What a person takes with them: the request on the clipboard, a picture, numbers or answers in a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App

from softmax_visualizer.decoding.generation import texts_of
from softmax_visualizer.display.generation_record import Written
from softmax_visualizer.display.generation_report import Form, generation_report
from softmax_visualizer.display.keys import key_for
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.pieces import Role
from softmax_visualizer.display.report import Format, report
from softmax_visualizer.display.snippets import snippets
from softmax_visualizer.models.answer_file import bounded, lines_of
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.continuing import request_at
from softmax_visualizer.models.redaction import redacted_generation, redacted_path
from softmax_visualizer.models.whole_file import write_text, write_whole
from softmax_visualizer.tui.dialogs.base import ChoiceScreen, ValueScreen
from softmax_visualizer.tui.files import file_name
from softmax_visualizer.tui.lesson.draft import lesson_draft
from softmax_visualizer.tui.scene import Asked, Pin, Scene
from softmax_visualizer.tui.stage import Stage

_MOST_TOKENS = 1_000
"""Listed tokens in a file of numbers; all others are summed up, as a vocabulary would be megabytes."""

_NUMBERS: dict[str, tuple[str, Format]] = {
    "The numbers as CSV": (".csv", "csv"),
    "The numbers as JSON, as show prints them": (".json", "json"),
    "The numbers as Markdown": (".md", "markdown"),
}
_ANSWERS: dict[str, tuple[str, Form]] = {
    "The answer as JSON, as generate prints it": ("_answer.json", "json"),
    "The answer as CSV": ("_answer.csv", "csv"),
    "The answer as Markdown": ("_answer.md", "markdown"),
}
_TREE = "All answers, to open again"
_DRAFT = "A draft of a lesson, of what was done here"
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
    try:
        forms = requests(here)
    except ModelError as error:
        stage.update(stage.scene.saying(str(error), "bad"))
        return
    form = await stage.app.push_screen_wait(ChoiceScreen("Copy the request as", tuple(forms), "Python"))
    if form is None:
        return
    if reason := why_no_clipboard():
        stage.update(
            stage.scene.saying(f"{reason} {key_for('save')} saves the request into a file instead.", "bad")
        )
        return
    stage.app.copy_to_clipboard(forms[form])
    said = (
        f"The request as {form} was sent to your terminal's clipboard (OSC 52). Some terminals, and tmux "
        f"without set-clipboard on, ignore that: {key_for('save')} saves it into a file."
    )
    stage.update(stage.scene.saying(said))


async def save(stage: Stage) -> None:
    """Save what the person chooses, where they choose, and over another file only if they wish so."""
    app, scene, here = stage.app, stage.scene, stage.scene.here
    if here is None:
        return
    answers = (*_ANSWERS, _TREE) if any(branch.steps for branch in scene.tree.branches) else ()
    if not scene.generation.steps:
        answers = answers[-1:]
    offered = (_PICTURE, *_NUMBERS, *answers, *_REQUESTS, _DRAFT)
    choice = await app.push_screen_wait(ChoiceScreen("Save", offered, _PICTURE))
    if choice is None:
        return
    typed = await app.push_screen_wait(ValueScreen("Save as", _suggested(here, choice)))
    if not typed:
        return
    try:
        path = Path(typed).expanduser()
    except RuntimeError:
        said = f"{safe_line(typed, 60)}: there is no such user. {key_for('save')} saves it elsewhere."
        stage.update(stage.scene.saying(said, "bad"))
        return
    stage.update(stage.scene.saying("Saving."))
    try:
        if choice == _TREE:
            write = partial(_write_tree, path, scene, here.asked)
        elif choice == _PICTURE:
            write = partial(write_text, path, app.export_screenshot())
        elif choice == _DRAFT:
            draft = await asyncio.to_thread(lesson_draft, (*stage.earlier, scene))
            write = partial(write_text, path, scene.configuration.redact(draft))
        else:
            write = partial(write_text, path, await asyncio.to_thread(_content, choice, scene, here))
        said, role = await _write(app, path, write)
    except ModelError as error:
        said, role = str(error), "bad"
    saved = scene.tree.branches if choice == _TREE and role == "good" else stage.scene.saved
    stage.update(replace(stage.scene, saved=saved).saying(said, role))


def _suggested(here: Pin, choice: str) -> str:
    """Return a file name for what is saved of a setting, an answer or a place of it."""
    prompt, place = here.asked.answer.prompt, len(here.asked.answer.after)
    if choice == _TREE:
        return file_name(prompt, "answers", ".jsonl")
    if choice == _DRAFT:
        return file_name(prompt, "lesson", ".toml")
    ending = ".svg" if choice == _PICTURE else {**_NUMBERS, **_ANSWERS, **_REQUESTS}[choice][0]
    is_of_place = place and choice not in (_PICTURE, *_ANSWERS)
    return file_name(prompt, f"{here.name}, token {place + 1}" if is_of_place else here.name, ending)


async def _write(app: App[Any], path: Path, write: Callable[..., None]) -> tuple[str, Role]:
    """Write a file, over another one only if the person wishes so; return what became of it."""
    over = False
    while True:
        try:
            await asyncio.to_thread(write, replace=over)
        except FileExistsError:
            keep, overwrite = "Keep the file that is there", "Replace it"
            title = f"{safe_line(path.name, 60)} exists"
            if await app.push_screen_wait(ChoiceScreen(title, (keep, overwrite), keep)) != overwrite:
                return f"{path} was left as it is; nothing was saved.", "faint"
            over = True
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return f"{path} cannot be written: {reason}. {key_for('save')} saves it elsewhere.", "bad"
        else:
            return f"Saved: {path}", "good"


def _write_tree(path: Path, scene: Scene, asked: Asked, *, replace: bool) -> None:
    """Write all answers into a file of the owner's alone."""
    answer, configuration = asked.answer, asked.configuration
    # the others take a prompt only as it is
    framing = configuration.framing if answer.source in ("openai", "local") else None
    lines = lines_of(scene.tree, answer.origin, framing, configuration.redact)
    write_whole(path, bounded(lines, path), replace=replace, private=True)


def _content(choice: str, scene: Scene, here: Pin) -> str:
    """Return what a file of numbers, of an answer or of a request holds."""
    if choice in _REQUESTS:
        return requests(here)[_REQUESTS[choice][1]] + "\n"
    if choice in _ANSWERS:
        return "".join(generation_report(_written(scene, here.asked), _ANSWERS[choice][1]))
    # settings of other prompts, places and models have numbers of their own, which one table cannot hold
    pinned = [pin for pin in scene.pins if pin.asked == here.asked and pin != here]
    answer, settings = here.asked.answer, [pin.settings for pin in (*pinned, here)]
    redact, mask = here.asked.configuration.redact, here.asked.configuration.mask
    pieces = report(
        answer.prompt,
        answer.origin,
        answer.distribution,
        settings,
        min(len(answer.distribution), _MOST_TOKENS),
        _NUMBERS[choice][1],
        tuple(texts_of(redacted_path(answer.after, redact, mask))),
    )
    return "".join(pieces)


def _written(scene: Scene, asked: Asked) -> Written:
    """Return the active answer at the present setting; its seed if it was written with that setting."""
    here, configuration = scene.generation, asked.configuration
    return Written(
        redacted_generation(here, configuration.redact, configuration.mask),
        asked.answer.origin,
        scene.settings,
        here.seed if here.settings == scene.settings else None,
        None,
        "end-of-text" if here.ended else None,
    )


def requests(pin: Pin) -> dict[str, str]:
    """Return the request for a setting in each of its forms, without the key.

    Raises:
        ModelError: the answer so far cannot be put into one.
    """
    answer = pin.asked.answer
    # an address out of somebody's file is no place to send a key to
    own = answer.source == "openai" and not pin.asked.configuration.absent
    endpoint = answer.endpoint if own else None
    return snippets(request_at(answer), endpoint, answer.prompt, pin.settings)


def why_no_clipboard(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return why the terminal cannot be told what to copy (by OSC 52), if that is known."""
    if environment.get("TERM", "") in ("linux", "dumb", ""):
        return "This terminal has no clipboard."
    if environment.get("TERM_PROGRAM") == "Apple_Terminal":
        return "macOS Terminal does not let programs copy."
    if environment.get("TERM", "").startswith("screen") and "TMUX" not in environment:
        return "GNU screen does not pass on what is copied."
    return None
