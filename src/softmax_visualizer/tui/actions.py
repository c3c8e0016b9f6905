"""What keys do: each action makes a scene of a scene, and waits for nothing.

:mod:`keys` names them, with what they take besides the scene.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from softmax_visualizer.decoding.engines import engine as engine_of
from softmax_visualizer.decoding.generation import Generation, Step
from softmax_visualizer.decoding.settings import PRESETS, DecodingSettings, Order
from softmax_visualizer.display.keys import key_for, with_keys
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.display.settings import order_phrase, settings_words
from softmax_visualizer.tui.knobs import turned, with_value
from softmax_visualizer.tui.scene import MOST_PINS, Sample, Scene
from softmax_visualizer.tui.views import VIEWS
from softmax_visualizer.tui.views.view import NO_ANSWER

PAGE = 10
"""Rows that a table is scrolled by: a page of the smallest screen."""

SECRET = "This would hold what may be a secret, so the answer ends before it."

_NO_SAMPLE = (
    "Nothing is sampled yet: {key:sample-token} samples a token, {key:take} adds it, and {key:write} "
    "writes an "
    "answer."
)
_ON_ITS_WAY = "The answer is on its way: sample and take once it is there."
_NOT_ASKED = "The prompt above has not been asked: {key:prompt} and Enter ask it."


def turn(scene: Scene, knob: str, direction: int, coarse: bool = False) -> Scene:
    """Turn a knob by a step."""
    return replace(scene, settings=turned(scene.settings, knob, direction, coarse=coarse))


def set_knob(scene: Scene, knob: str, value: float) -> Scene:
    """Set a knob to a value."""
    return replace(scene, settings=with_value(scene.settings, knob, value))


def preset(scene: Scene, number: int) -> Scene:
    """Take a preset's settings; the order stays, since it is the engine's."""
    return replace(scene, settings=replace(PRESETS[number].settings, order=scene.settings.order))


def reset(scene: Scene) -> Scene:
    """Go back to the model's own probabilities; the order stays."""
    return replace(scene, settings=DecodingSettings(order=scene.settings.order))


def order(scene: Scene) -> Scene:
    """Switch between temperature first and temperature last."""
    first = scene.settings.order == "temperature-first"
    other: Order = "temperature-last" if first else "temperature-first"
    return replace(scene, settings=replace(scene.settings, order=other), engine="")


def engine(scene: Scene, name: str) -> Scene:
    """Take an engine's order; for the engine that is chosen already, take its own knobs too."""
    chosen = engine_of(name)
    knobs = settings_words(chosen.defaults, order=False)
    if scene.engine == name:
        return replace(scene, settings=chosen.defaults).saying(f"{name}'s own knobs: {knobs}.")
    changed = replace(scene, settings=replace(scene.settings, order=chosen.order), engine=name)
    phrase = order_phrase(chosen.order) if chosen.published else "its order is not published"
    return changed.saying(
        f"{name}: {phrase}. Chosen once more ({key_for('engine')}, Enter), it sets its own knobs: {knobs}."
    )


def recognised(scene: Scene) -> Scene:
    """Take the order of the engine that answered, unless the person chose one, and say so."""
    name = scene.asked.answer.engine if scene.asked is not None else None
    # what a lesson shows is the lesson's to decide
    if scene.asked is None or name is None or scene.engine is not None or scene.caption is not None:
        return scene
    ordered = replace(scene.settings, order=engine_of(name).order)
    if ordered == scene.settings:
        return scene
    said = f"This server is {name}, so: {order_phrase(ordered.order)}. {key_for('order')} switches it."
    return replace(scene, settings=ordered).saying(" ".join((*scene.asked.answer.notes, said)), "wait")


def histograms(scene: Scene) -> Scene:
    """Go back to the histograms."""
    return replace(scene, view="histograms", picture=0)


def show(scene: Scene, name: str) -> Scene:
    """Go to a view, on to its next picture, or after the last one back to the histograms."""
    if scene.view != name:
        shown = replace(scene, view=name, picture=0)
    elif scene.picture + 1 < VIEWS[name].pictures:
        shown = replace(scene, picture=scene.picture + 1)
    else:
        shown = histograms(scene)
    if shown.view == "compare" and not shown.pins:
        return shown.saying(
            f"Nothing is pinned, so this compares T 0.1 and T 1.5. {key_for('pin')} pins this setting."
        )
    return shown


def axis(scene: Scene) -> Scene:
    """Go on to the next kind of axis."""
    from softmax_visualizer.display.pipeline import AXES

    return replace(scene, axis=AXES[(AXES.index(scene.axis) + 1) % len(AXES)])


def scroll(scene: Scene, direction: int) -> Scene:
    """Scroll the table by a page."""
    if scene.view != "table" or scene.asked is None:
        return scene
    last = max(0, len(scene.asked.answer.distribution) - PAGE)
    return replace(scene, top=min(max(0, scene.top + direction * PAGE), last))


def pin(scene: Scene) -> Scene:
    """Pin the current setting; one that is pinned already is unpinned."""
    here = scene.here
    if here is None:
        return scene
    if here in scene.pins:
        pins = tuple(each for each in scene.pins if each != here)
        return replace(scene, pins=pins).saying(f"{here.name} is no longer pinned.")
    if len(scene.pins) == MOST_PINS:
        return scene.saying(
            f"{MOST_PINS} settings are pinned already: {key_for('unpin')} unpins all of them.", "wait"
        )
    said = f"Pinned: {here.name}. {key_for('flip')} flips between the two, {key_for('compare')} compares."
    return replace(scene, pins=(*scene.pins, here)).saying(said)


def unpin(scene: Scene) -> Scene:
    """Unpin all settings."""
    return replace(scene, pins=()).saying("Nothing is pinned.")


def flip(scene: Scene) -> Scene:
    """Exchange the current setting, and its answer, with the one that was pinned last."""
    here = scene.here
    if here is None or not scene.pins:
        return scene.saying(f"Nothing is pinned yet: {key_for('pin')} pins the current setting.")
    *others, other = scene.pins
    changed = replace(scene, pins=(*others, here), settings=other.settings)
    if other.asked != scene.asked or scene.old:
        changed = replace(changed, top=0).asked_of(other.asked).led_there()
    return changed.saying(f"Now {other.name}; {key_for('flip')} flips back.")


def unanswered(scene: Scene) -> Scene:
    """Say why the text in the prompt's box has no picture yet: it is being asked for, or was not asked."""
    return scene.saying(with_keys(_ON_ITS_WAY if scene.request.state == "asking" else _NOT_ASKED), "wait")


def sample(scene: Scene) -> Scene:
    """Sample a token as the decoder would, if the picture is of what stands in the prompt's box."""
    here = scene.here
    if here is None:
        return scene
    if scene.other:
        return unanswered(scene)
    from softmax_visualizer.display.sample import sample_sentence

    number = scene.samples + 1
    chance = chance_of(scene.seed, number)
    index = here.decoding.sample(chance)
    sampled = replace(scene, samples=number, sampled=Sample(here, index, chance, number))
    said = sample_sentence(here.decoding, index, chance, scene.seed, number)
    return sampled.saying(said, "sampled")


def take(scene: Scene) -> Scene:
    """Put a token after the answer so far: the one that is pointed at, or that was sampled, or that is there.

    What comes after it may still have to be asked.
    """
    if scene.asked is None:
        return scene.saying(with_keys(_NO_SAMPLE))
    if scene.other:
        return unanswered(scene)
    answer, sample = scene.asked.answer, scene.sample
    index = scene.cursor if scene.cursor is not None else sample.index if sample is not None else None
    if scene.cursor is None and sample is None:
        return scene.at(scene.place + 1) if scene.step is not None else scene.saying(with_keys(_NO_SAMPLE))
    if index is None:
        return scene.saying("The server does not show which token this is: sample another one.")
    picked = scene.cursor is not None
    step = Step(
        answer.distribution,
        answer.distribution.token(index),
        index,
        "picked" if picked else "sampled",
        answer.continued_by,
        None if picked or sample is None else sample.chance,
        answer,
    )
    taken = replace(scene, tree=scene.tree.chosen(scene.place, step))
    return (
        scene.saying(SECRET, "wait") if holds_secret(scene, taken.generation) else taken.at(scene.place + 1)
    )


def holds_secret(scene: Scene, generation: Generation) -> bool:
    """Whether a secret stands in an answer, over whichever of its tokens.

    A token that would complete one is not taken: nothing that shows or keeps answers has to think of that.
    """
    text = generation.text
    return scene.configuration.redact(text) != text


def take_back(scene: Scene) -> Scene:
    """Take back the last token before the place, and all after it."""
    if scene.place == 0:
        return scene.saying(f"There is no token to take back: {key_for('take')} adds one after the prompt.")
    place = scene.place - 1
    shortened = scene.generation.rewound(place)
    return replace(scene.at(place), tree=scene.tree.put(replace(shortened, settings=None, seed=None)))


def point(scene: Scene, direction: int) -> Scene:
    """Point at the next candidate, or at the one before; before the first one, at none."""
    if scene.asked is None:
        return scene
    at = -1 if scene.cursor is None else scene.cursor
    last = len(scene.asked.answer.distribution) - 1
    to = min(at + direction, last)
    if to < 0:
        return replace(scene, cursor=None)
    from softmax_visualizer.display.sample import candidate_sentence

    assert scene.decoding is not None
    return replace(scene, cursor=to).saying(candidate_sentence(scene.decoding, to), "sampled")


def walk(scene: Scene, direction: int) -> Scene:
    """Go to the place before or after on the answer."""
    if not scene.generation.steps:
        return scene.saying(with_keys(NO_ANSWER))
    return scene.at(scene.place + direction)


def uncertain(scene: Scene, direction: int) -> Scene:
    """Go to the next place, or the one before, at which no token has half of the probability."""
    return _seek(scene, direction, scene.path.uncertain, "where no token has half of the probability")


def forbidden(scene: Scene, direction: int) -> Scene:
    """Go to the next place, or the one before, whose token the cut takes away at this setting."""
    cut = scene.path.kept
    return _seek(scene, direction, lambda at: cut[at] == "no", "whose token this setting cuts away")


def _seek(scene: Scene, direction: int, wanted: Callable[[int], bool], words: str) -> Scene:
    if not scene.generation.steps:
        return scene.saying(with_keys(NO_ANSWER))
    places = range(len(scene.generation))
    # on from here, and then from the other end
    around = [*places[scene.place + 1 :], *places[: scene.place + 1]]
    if direction < 0:
        around = [*places[: scene.place][::-1], *places[scene.place :][::-1]]
    found = next((at for at in around if wanted(at)), None)
    if found is None:
        return scene.saying(f"There is no place {words}.")
    if found == scene.place:
        return scene.saying(f"There is no other place {words}.")
    return scene.at(found)


def branch(scene: Scene, number: int) -> Scene:
    """Go to another branch of the answer: to where it leaves the present one."""
    other = scene.tree.branches[number]
    parts = min(scene.generation.shared(other), scene.place)
    return replace(scene, tree=replace(scene.tree, active=number)).at(parts)


def name_branch(scene: Scene, name: str) -> Scene:
    """Give the active branch a name, or with an empty one take it away."""
    name = " ".join(name.split())
    named = replace(scene, tree=scene.tree.put(replace(scene.generation, name=name)))
    return named.saying(
        f"This answer is called {safe_line(name, 40)}." if name else "This answer has no name."
    )


def remove_branch(scene: Scene) -> Scene:
    """Remove the active branch, and go to where the next one leaves it."""
    tree = scene.tree.without(scene.tree.active)
    parts = min(scene.generation.shared(tree.generation), scene.place)
    return (
        replace(scene, tree=tree)
        .at(parts)
        .saying(f"This answer was removed: {key_for('undo')} brings it back.")
    )


def quit_warning(scene: Scene, kept: Scene, earlier: Sequence[Scene] = ()) -> Scene:
    """Return the scene with a word about what of ``kept`` quitting would lose, or as it is if nothing.

    ``earlier``: the scenes that can be had back, whose answers to other prompts are lost as well.
    """
    # of each prompt as it was last
    unsaved = {each.generation.prompt: each.unsaved for each in (*earlier, kept)}
    pins, answers = len(kept.pins), sum(map(len, unsaved.values()))
    lost = []
    if pins:
        lost.append("1 pinned setting" if pins == 1 else f"{pins} pinned settings")
    if answers:
        lost.append("1 answer" if answers == 1 else f"{answers} answers")
    if not lost:
        return scene
    said = f"Quitting loses {' and '.join(lost)}: {key_for('quit')} again quits"
    return scene.saying(f"{said}, {key_for('save')} saves answers." if answers else f"{said}.", "wait")


def present(scene: Scene, what: str) -> Scene:
    """Switch one of the presenter's comforts: the keys shown, the caption larger, no line of keys."""
    presenter = scene.presenter
    if what == "keys":
        presenter = replace(presenter, keystrokes=() if presenter.keystrokes is None else None)
    elif what == "large":
        presenter = replace(presenter, large=not presenter.large)
    else:
        presenter = replace(presenter, bare=not presenter.bare)
    return replace(scene, presenter=presenter)


@lru_cache(maxsize=256)
def chance_of(seed: int, number: int) -> float:
    """Return the random number in [0, 1) of the sample with this number, counted from 1."""
    from softmax_visualizer.decoding.sampling import chances

    return float(chances(seed, 1, number)[0])
