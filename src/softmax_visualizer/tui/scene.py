"""What is on the screen, as a value.

Everything that is drawn is a function of a :class:`Scene`, and every action makes a new one of it. What is
said of a state of things, and what was sampled from one, hold what they are about, and so cannot outlive it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from softmax_visualizer.decoding.generation import Generation, Tree
from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.display.keys import key_for
from softmax_visualizer.display.pieces import Role
from softmax_visualizer.display.settings import settings_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from softmax_visualizer.decoding import Decoding, Token, TokenDistribution
    from softmax_visualizer.decoding.decision import Question
    from softmax_visualizer.decoding.generation import Step
    from softmax_visualizer.decoding.path import PathDecoding
    from softmax_visualizer.decoding.sampling import Counts
    from softmax_visualizer.display.samples import By
    from softmax_visualizer.models.base import ModelAnswer
    from softmax_visualizer.models.configuration import Configuration

MOST_PINS = 3
"""Settings that can be pinned: with the current one they fill four columns."""

_PLAIN = DecodingSettings()

_CHOSEN = (
    "asked", "tree", "place", "cursor", "settings", "engine", "view", "picture", "axis", "top", "pins",
    "samples", "sampled", "counted", "question", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a model answered, and where it was asked."""

    configuration: Configuration
    answer: ModelAnswer


@dataclass(frozen=True)
class Pin:
    """A setting that is kept to compare others with, and the answer that it is about."""

    asked: Asked
    settings: DecodingSettings

    @property
    def decoding(self) -> Decoding:
        """What the setting makes of the answer."""
        return decoded(self.asked.answer.distribution, self.settings)

    @property
    def name(self) -> str:
        """The setting in words."""
        return settings_words(self.settings)


@dataclass(frozen=True)
class Sample:
    """A token that was sampled from a setting.

    ``index``: of a listed token, None for one that is not listed. ``chance``: the number in [0, 1) that
    sampled it. ``number``: how many were sampled until then, itself included.
    """

    pin: Pin
    index: int | None
    chance: float
    number: int


@dataclass(frozen=True)
class Counted:
    """Many samples of a setting.

    ``by``: who sampled. ``seed``, ``first``: of the program's random numbers, and the number of the first of
    them, from 1; 0 for a server's. ``verdict``: what the samples tell, as sentences, once they are all there.
    """

    pin: Pin
    counts: Counts
    by: By
    seed: int
    first: int
    verdict: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """A sentence for the person, and the state of things that it is about."""

    text: str
    role: Role
    about: object


@dataclass(frozen=True)
class Request:
    """How the question to the model stands.

    ``seconds``: since it was asked, or how long it took; None where that is not to be said.
    ``loaded``: how much of a model file is loaded, from 0 to 1, while one is.
    ``fresh``: asked so shortly before that the picture of the last answer needs no mark yet.
    ``sentence``: why it failed.
    """

    state: Literal["none", "asking", "answered", "failed", "cancelled"] = "none"
    seconds: float | None = None
    loaded: float | None = None
    fresh: bool = False
    known: bool = False
    sentence: str = ""


@dataclass(frozen=True)
class Caption:
    """What a lesson says: ``before`` stays for reference above ``text``; tokens in both stand in backticks.

    ``longest`` has all of its pairs but that of the end, so that the caption keeps one height until then.
    ``marks``: the names of the tokens that it speaks of.
    ``notice``: a sentence that stands in the line of messages as long as there is nothing else to say.
    """

    title: str
    before: str
    text: str
    longest: Sequence[tuple[str, str]]
    marks: tuple[str, ...] = ()
    notice: str = ""


@dataclass(frozen=True)
class Presenter:
    """Comforts of somebody with an audience: the last keys shown, a larger caption, no line of keys."""

    keystrokes: tuple[str, ...] | None = None
    large: bool = False
    bare: bool = False


@dataclass(frozen=True)
class Scene:
    """All that is on the screen.

    ``prompt``: what stands in the prompt's box, which need not be what was ``asked``.
    ``tree``: the answers after a prompt, token by token; ``place``: which token of the active one the board
    is about, from 0; as many as it has is the one to come. ``cursor``: the candidate that is pointed at.
    ``length``: tokens up to which an answer is written. ``writing``: one is being written.
    ``deepening``: the answer that more tokens are being asked for; it may have left the screen meanwhile.
    ``typing``: whether the keys go to the prompt.
    ``engine``: whose order the person chose; empty for an order of their own, None while they chose none.
    ``picture``: which of a view's pictures is shown. ``top``: rows that a table has scrolled past.
    ``samples``: how many tokens have been sampled; ``sampled`` is the last one that was sampled alone, and
    ``counted`` many of them, or of a server's. ``many``: how many are sampled at once.
    ``question``: what is asked of a setting; None for what a view asks by itself.
    ``saved``: the answers as they were last saved into a file, or opened out of one.
    ``tables``: the printed tables that were judged last; empty for the tutorial's.
    ``badges``: what was found out about servers, and of which: by the check of its numbers, and by samples.
    ``found``: what takes too long to be worked out between two keys, by what it is about. It follows from all
    else, so that it has no part in comparisons.
    """

    configuration: Configuration
    prompt: str
    seed: int = 1
    settings: DecodingSettings = _PLAIN
    engine: str | None = None
    asked: Asked | None = None
    tree: Tree = field(default_factory=lambda: Tree((Generation(""),)))
    place: int = 0
    cursor: int | None = None
    length: int = 40
    writing: bool = False
    view: str = "histograms"
    picture: int = 0
    axis: str = "fit"
    top: int = 0
    pins: tuple[Pin, ...] = ()
    samples: int = 0
    sampled: Sample | None = None
    counted: Counted | None = None
    many: int = 100
    question: Question | None = None
    saved: tuple[Generation, ...] = ()
    tables: str = ""
    typing: bool = False
    request: Request = Request()
    deepening: Asked | None = None
    said: Said | None = None
    badges: Mapping[str, tuple[Configuration, str]] = field(default_factory=dict)
    caption: Caption | None = None
    presenter: Presenter = Presenter()
    found: tuple[Any, Any] | None = field(default=None, compare=False)

    # --- what follows ---

    @property
    def decoding(self) -> Decoding | None:
        """What the settings make of the answer; None as long as there is no answer."""
        return None if self.asked is None else decoded(self.asked.answer.distribution, self.settings)

    @property
    def here(self) -> Pin | None:
        """The present setting of the present answer."""
        return None if self.asked is None else Pin(self.asked, self.settings)

    @property
    def generation(self) -> Generation:
        """The active answer."""
        return self.tree.generation

    @property
    def unsaved(self) -> tuple[Generation, ...]:
        """The answers, where more than a key press went into them and no file has them as they are."""
        answers = tuple(branch for branch in self.tree.branches if branch.steps)
        made = len(answers) > 1 or any(
            branch.name or any(step.chosen_by == "picked" for step in branch.steps) for branch in answers
        )
        return answers if made and self.tree.branches != self.saved else ()

    @property
    def after(self) -> tuple[Token, ...]:
        """The tokens of the answer before the place that the board is about."""
        return tuple(step.token for step in self.generation.steps[: self.place])

    @property
    def asked_prompt(self) -> str:
        """The prompt that the answer is to, as it was typed: no secret of it is in the answer."""
        prompt = self.asked.answer.prompt if self.asked is not None else self.prompt
        return self.prompt if self.configuration.redact(self.prompt) == prompt else prompt

    @property
    def step(self) -> Step | None:
        """The step at the place that the board is about; None where it is still to be taken."""
        return self.generation.steps[self.place] if self.place < len(self.generation) else None

    @property
    def is_there(self) -> bool:
        """Whether the board shows the place of the answer that it is to be about."""
        return self.asked is not None and self.asked.answer.after == self.after

    def written(self, settings: DecodingSettings) -> Generation | None:
        """Return the answer that was written with settings and the present seed, if there is one."""
        found = (each for each in self.tree.branches if each.steps)
        return next((each for each in found if (each.settings, each.seed) == (settings, self.seed)), None)

    @property
    def path(self) -> PathDecoding:
        """What the settings make of the active answer."""
        return path_decoded(self.generation.steps, self.settings)

    @property
    def sample(self) -> Sample | None:
        """The token that was sampled last, if it is from the present setting."""
        return self.sampled if self.sampled is not None and self.sampled.pin == self.here else None

    @property
    def counts(self) -> Counted | None:
        """The samples that were counted last, if they are from the present setting."""
        return self.counted if self.counted is not None and self.counted.pin == self.here else None

    @property
    def marked(self) -> int | None:
        """The listed token that is marked on the board: pointed at, sampled, or chosen at this place."""
        if self.cursor is not None:
            return self.cursor
        if self.sample is not None:
            return self.sample.index
        return self.step.index if self.step is not None and self.is_there else None

    @property
    def spoken_of(self) -> tuple[str, ...]:
        """The names of the tokens that a lesson speaks of, to be marked on the board."""
        return self.caption.marks if self.caption is not None else ()

    @property
    def chance(self) -> float | None:
        """The random number that sampled the marked token; None if none did."""
        if self.cursor is not None:
            return None
        if self.sample is not None:
            return self.sample.chance
        return self.step.chance if self.step is not None and self.is_there else None

    @property
    def old(self) -> bool:
        """Whether the picture is not about what stands in the prompt's box and is asked there."""
        return self.other and not self.request.fresh

    @property
    def other(self) -> bool:
        """Whether the answer is another one than that to the prompt, however shortly ago it was asked."""
        return self.asked is not None and (self.unasked or not self.is_there)

    @property
    def unasked(self) -> bool:
        """Whether what stands in the prompt's box was not asked of the model that is chosen."""
        if self.asked is None:
            return True
        # no secret of the prompt's is in the answer
        prompt = self.configuration.redact(self.prompt)
        return (self.asked.answer.prompt, self.asked.configuration) != (prompt, self.configuration)

    @property
    def chosen(self) -> tuple[Any, ...]:
        """All that a person has chosen, which is what can be undone; the model goes with its answer."""
        return tuple(getattr(self, name) for name in _CHOSEN)

    @property
    def message(self) -> tuple[str, Role]:
        """What is to be said, and how: the last sentence, if it is still about what is there, or a notice."""
        if self.said is not None and self.said.about == self.chosen:
            return self.said.text, self.said.role
        if self.request.state == "failed":
            return self.request.sentence.replace(
                "(--model)", f"({key_for('choose-model')}, or --model)"
            ), "bad"
        if self.asked is not None and not self.old:
            answer = self.asked.answer
            other = (
                [f"{key_for('choose-model')} chooses another."]
                if answer.source == "bundled" and answer.notes
                else []
            )
            if notes := " ".join(
                [*self.configuration.notes, *answer.notes, *other, *answer.distribution.notes]
            ):
                return notes, "wait"
        if self.caption is not None:
            return self.caption.notice, "faint"
        if self.configuration.source == "bundled" and self.request.state == "answered":
            return (
                f"A small model of old prose answers: {key_for('choose-model')} chooses a real one.",
                "faint",
            )
        return "", "faint"

    # --- changes that more than one module makes ---

    def saying(self, text: str, role: Role = "faint") -> Scene:
        """Return the scene with a sentence about it."""
        return replace(self, said=Said(text, role, self.chosen))

    def answered(self, asked: Asked, request: Request) -> Scene:
        """Return the scene with another answer, which begins a tree of its own unless it is of this one."""
        answer, tree, place = asked.answer, self.tree, self.place
        same = self.asked is not None and self.asked.configuration == asked.configuration
        if not answer.after:
            place = 0
            if not (same and self.generation.prompt == answer.prompt):
                tree = Tree((Generation(answer.prompt),))
        step = tree.generation.steps[place] if place < len(tree.generation) else None
        if step is not None and answer.after == tree.generation.tokens[:place]:
            # a model that is asked once more may say something else, and the board and the answer agree
            tree = tree.sharpened(step.distribution, answer.distribution, answer)
        return replace(self, asked=asked, request=request, tree=tree, place=place, top=0, cursor=None)

    def at(self, place: int) -> Scene:
        """Return the scene with the board at a place of the answer, as far as that is known already."""
        place = min(max(place, 0), len(self.generation))
        scene = replace(self, place=place, cursor=None, top=0)
        if scene.step is None or self.asked is None:
            return scene
        step = scene.step
        # a step out of a file has no answer of its own, but the model is the same
        origin = step.origin or replace(
            self.asked.answer,
            distribution=step.distribution,
            request={},
            notes=(),
            after=scene.after,
            continued_by=step.continued_by,
        )
        asked = Asked(self.asked.configuration, origin)
        return replace(scene, asked=asked, request=Request("answered"))

    def led_there(self) -> Scene:
        """Return the scene at the place that its picture is about: on the branch that leads there."""
        if self.asked is None or (self.is_there and self.asked.answer.prompt == self.generation.prompt):
            return self
        answer, tree = self.asked.answer, self.tree
        for number in (tree.active, *range(len(tree.branches))):
            branch = tree.branches[number]
            if branch.prompt == answer.prompt and branch.tokens[: len(answer.after)] == answer.after:
                return replace(self, tree=replace(tree, active=number), place=len(answer.after))
        # a place of an answer that is gone stays marked as another one
        return self if answer.after else replace(self, tree=Tree((Generation(answer.prompt),)), place=0)

    def as_chosen_in(self, earlier: Scene) -> Scene:
        """Return the scene with everything that can be undone as it was in another one."""
        changes: dict[str, Any] = {name: getattr(earlier, name) for name in _CHOSEN}
        restored = replace(self, **changes)
        if earlier.asked is None or earlier.asked == self.asked:
            return restored
        return restored.asked_of(earlier.asked)

    def asked_of(self, asked: Asked) -> Scene:
        """Return the scene with an answer that is known already, its prompt and its model."""
        request = Request("answered")
        return replace(
            self, asked=asked, request=request, configuration=asked.configuration, prompt=asked.answer.prompt
        )


def path_decoded(steps: tuple[Step, ...], settings: DecodingSettings) -> PathDecoding:
    """Return what settings make of a path; the arithmetic is not imported before there is one."""
    from softmax_visualizer.decoding.path import decode_path

    return decode_path(steps, settings)


@lru_cache(maxsize=16)
def decoded(distribution: TokenDistribution, settings: DecodingSettings) -> Decoding:
    """Return a decoding, which several parts of the screen ask for."""
    from softmax_visualizer.decoding import decode

    return decode(distribution, settings)
