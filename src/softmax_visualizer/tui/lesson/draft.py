"""A lesson to be written on: what was done on the screen as steps, with captions that are still empty."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.display.keys import DEFAULT_KEYS
from softmax_visualizer.display.labels import label
from softmax_visualizer.lessons.expectation import LONGEST
from softmax_visualizer.lessons.lesson import BUNDLED
from softmax_visualizer.lessons.reading import LONGEST_TITLE, VERSION
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views import VIEWS

_MOST_WALKED = 10
"""Places that are walked one by one; further ones are reached from an end of the answer."""


@dataclass
class _Step:
    """What a step does; ``notes`` are about what it does not, and ``after`` is how it leaves the screen."""

    after: Scene
    settings: dict[str, object] = field(default_factory=dict)
    seed: int | None = None
    keys: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.settings or self.keys or self.notes) and self.seed is None

    def continues(self, before: _Step) -> bool:
        """Whether it is more of the same: a knob turned further, or further samples."""
        if self.notes or before.notes or self.seed is not None:
            return False
        both = {*self.keys, *before.keys}
        return not both if self.settings else both == {"space"} and not before.settings


def lesson_draft(scenes: Sequence[Scene]) -> str:
    """Return a lesson file about the last prompt of some scenes, one after the other, with empty captions.

    Changes of knobs, samples, views, pins, and tokens and answers that were written become steps. What was
    answered in a dialog does not, which a comment says. Each step expects what it leaves: the most likely
    token, and how many a cut keeps, as far as that is known.
    """
    scene = scenes[-1]
    assert scene.asked is not None
    about = scene.asked.answer.prompt, scene.asked.configuration
    first = len(scenes) - 1
    while first > 0 and _about(scenes[first - 1]) == about:
        first -= 1
    blank = Scene(scene.configuration, scene.prompt, asked=scenes[first].asked)
    steps = [_between(blank, scenes[first])]
    for before, after in zip(scenes[first:], scenes[first + 1 :], strict=False):
        step = _between(before, after)
        if step.continues(steps[-1]) and len(steps) > 1:
            steps[-1].settings |= step.settings
            steps[-1].keys += step.keys
            steps[-1].after = after
        elif not step.is_empty:
            steps.append(step)
    lines = [*_head(scene), *(line for step in steps for line in _written(step))]
    return "\n".join(lines) + "\n"


def _about(scene: Scene) -> object:
    return None if scene.asked is None else (scene.asked.answer.prompt, scene.asked.configuration)


def _between(before: Scene, after: Scene) -> _Step:
    """Return the step that leads from one scene to another."""
    step = _Step(after)
    flipped = _pinned(before, after, step)
    if not flipped:
        for each in fields(DecodingSettings):
            value = getattr(after.settings, each.name)
            if value != getattr(before.settings, each.name):
                step.settings[each.name] = value
    if after.seed != before.seed:
        step.seed = after.seed
    if after.counted == before.counted:
        step.keys += ["space"] * (after.samples - before.samples)
    _looked(before, after, step)
    if after.counted != before.counted and _way(after.view) not in step.keys:
        if VIEWS[after.view].action:
            step.keys.append(_way(after.view))
        else:
            step.notes.append("many samples were taken")
    _walked(before, after, step)
    if after.question != before.question:
        step.notes.append("something was said in a dialog about what is decided")
    return step


def _way(view: str) -> str:
    """Return the key that leads to a view: lessons are written for the keys that nobody has moved."""
    return DEFAULT_KEYS.get(view, DEFAULT_KEYS["back"])[0]


def _pinned(before: Scene, after: Scene, step: _Step) -> bool:
    """Add the keys of pins; return whether they bring the settings with them."""
    if after.pins == before.pins:
        return False
    others, more = before.pins, len(after.pins) - len(before.pins)
    if more == 0 and after.pins[:-1] == others[:-1] and after.settings == others[-1].settings:
        step.keys.append("z")
        return True
    one_more = more == 1 and after.pins[:-1] == others
    one_less = more == -1 and before.here in others and after.pins
    if one_more or one_less:
        step.keys.append("x")
    elif not after.pins:
        step.keys.append("X")
    else:
        step.notes.append("other settings were pinned")
    return False


def _looked(before: Scene, after: Scene, step: _Step) -> None:
    """Add the keys of the view and its axis."""
    from softmax_visualizer.display.pipeline import AXES

    if after.view != before.view:
        step.keys += [_way(after.view)] * (1 if after.view == "histograms" else after.picture + 1)
    elif after.picture != before.picture:
        pictures = VIEWS[after.view].pictures
        # beyond the last picture is the way back to the histograms
        round_trip = (after.picture - before.picture) % (pictures + 1)
        step.keys += [_way(after.view)] * round_trip
    step.keys += ["a"] * ((AXES.index(after.axis) - AXES.index(before.axis)) % len(AXES))


def _walked(before: Scene, after: Scene, step: _Step) -> None:
    """Add the keys of the answer: tokens taken, written or taken back, and the place of the board."""
    old, new, place = before.generation.tokens, after.generation.tokens, before.place
    if before.tree != after.tree:
        if len(after.tree.branches) != len(before.tree.branches) or after.tree.active != before.tree.active:
            step.notes.append("another answer was begun or shown")
            return
        if new == old:
            return
        more = len(new) - place
        if more == 1 and new[:place] == old[:place] and after.generation.steps[-1].chosen_by != "given":
            step.keys.append("enter")
            place += 1
        elif new == old[: place - 1]:
            step.keys.append("backspace")
            place -= 1
        elif more > 1 and new[:place] == old[:place] and after.generation.seed is not None:
            step.keys += [*(["L", *str(after.length), "enter"] if after.length != 40 else ()), "G"]
            place = len(new) - 1 if after.generation.ended else len(new)
        else:
            step.notes.append("the answer became another one")
            return
    ends = {0: "home", len(new): "end"}
    if abs(after.place - place) > _MOST_WALKED and after.place in ends:
        step.keys.append(ends[after.place])
    else:
        step.keys += ["." if after.place > place else ","] * abs(after.place - place)
    pointed = -1 if before.cursor is None or before.place != after.place else before.cursor
    to = -1 if after.cursor is None else after.cursor
    if after.cursor is not None or (before.place, before.tree) == (after.place, after.tree):
        step.keys += ["tab" if to > pointed else "shift+tab"] * abs(to - pointed)


def _head(scene: Scene) -> Iterator[str]:
    assert scene.asked is not None
    configuration, prompt = scene.asked.configuration, scene.asked.answer.prompt
    yield "# A draft of what was done on the screen. Write the captions, and what people should predict."
    yield "# Then check it: softmax-visualizer lesson --check THIS_FILE"
    yield f"lesson = {VERSION}"
    yield f"title = {_text(' '.join(prompt.split())[:LONGEST_TITLE] or 'A draft')}"
    if configuration.source == "bundled":
        yield f'model = "{BUNDLED}"'
    else:
        recording = Path(configuration.replay).name if configuration.replay is not None else "answers.jsonl"
        yield "# The recorded answers have to be in the folder of this file; --record FILE keeps them."
        yield f"recording = {_text(recording)}"
    yield f"prompt = {_text(prompt)}"


def _written(step: _Step) -> Iterator[str]:
    yield ""
    yield "[[step]]"
    yield from (f"# Not in this draft: {note}." for note in step.notes)
    yield 'caption = ""'
    if step.seed is not None:
        yield f"seed = {step.seed}"
    if step.settings:
        pairs = (f"{name} = {_value(value)}" for name, value in step.settings.items())
        yield f"settings = {{ {', '.join(pairs)} }}"
    if step.keys:
        yield f"keys = [{', '.join(map(_text, step.keys))}]"
    if expected := ", ".join(map(_text, _expected(step.after))):
        yield f"expect = [{expected}]"


def _expected(scene: Scene) -> Iterator[str]:
    """Yield what holds of a scene, where it is known exactly."""
    decoding = scene.decoding
    if decoding is None or not scene.is_there:
        return
    token, first = decoding.distribution.token(0), decoding.after_cut.first(1)[0]
    name = label(token.text, token.bytes, LONGEST // 2)
    if first.is_point and len(name) < LONGEST // 2:
        yield f'"{name.removeprefix("␣")}" about {100 * first.low:.1f} %'
    kept = decoding.after_cut.kept_tokens
    if kept.is_point and decoding.settings.cuts:
        yield f"kept {kept.low:.0f}"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").removesuffix(".")
    return _text("off" if value is None else value) if isinstance(value, str) or value is None else str(value)


def _text(value: str) -> str:
    """Return a text as TOML writes it, on one line."""
    # what is half a character is no text
    whole = value.encode("utf-8", "replace").decode()
    if '"' in whole and "'" not in whole and "\\" not in whole and whole.isprintable():
        return f"'{whole}'"
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
