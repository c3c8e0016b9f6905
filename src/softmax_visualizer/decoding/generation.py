"""An answer, token by token: where each token came from, and the branches that were tried besides.

All values here are immutable. A path that is extended, rewound or branched shares its steps with the former.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from softmax_visualizer.decoding.distribution import Token, TokenDistribution
    from softmax_visualizer.decoding.settings import DecodingSettings

ChosenBy = Literal["sampled", "greedy", "picked", "given", "server"]
"""How a token was chosen: by a random number, as the most likely one, by a person, as part of a text that is
scored, or by the server, which sampled it at T = 1."""

ContinuedBy = Literal["tokens", "text", "instruction"]
"""How the text so far was put to the model: token by token, exactly as it was chosen; as text, which the
model splits into tokens anew; or as a text that it is told to continue, which is another distribution."""


@dataclass(frozen=True, eq=False)
class Step:
    """A token of an answer, and the distribution that it was chosen from.

    ``distribution``: what the model said, at T = 1. ``token``: what was chosen.
    ``index``: where it stands in the list, from 0; None if it is not listed.
    ``chance``: the number in [0, 1) that sampled it; None where none did.
    ``origin``: what the distribution came with, for whoever made the step; nothing here looks into it.
    """

    distribution: TokenDistribution
    token: Token
    index: int | None
    chosen_by: ChosenBy
    continued_by: ContinuedBy = "tokens"
    chance: float | None = None
    origin: Any = None

    @property
    def is_greedy(self) -> bool:
        """Whether no token is known to be more likely, ties included."""
        logprobs, index = self.distribution.logprobs, self.index
        return index is not None and self.distribution.leading > 0 and bool(logprobs[index] == logprobs[0])

    @property
    def ends(self) -> bool:
        """Whether the token is the end of the text, which has no text of its own to append."""
        return self.token.ends

    def sharpened(self, whole: TokenDistribution, origin: Any = None) -> Step:
        """Return the step with a longer list of the same distribution."""
        index = whole.find(self.token, self.index)
        return replace(self, distribution=whole, index=index, origin=origin)


@dataclass(frozen=True)
class Generation:
    """A prompt and the steps after it.

    ``name``: what a person calls it, or empty. ``settings``, ``seed``: what it was written with from its
    first token on; None where it was put together otherwise.
    """

    prompt: str
    steps: tuple[Step, ...] = ()
    name: str = ""
    settings: DecodingSettings | None = None
    seed: int | None = None

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.steps)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens after the prompt."""
        return tuple(step.token for step in self.steps)

    @property
    def ended(self) -> bool:
        """Whether the last token is the end of the text."""
        return bool(self.steps) and self.steps[-1].ends

    @property
    def text(self) -> str:
        """The text after the prompt; bytes that are no whole character are U+FFFD."""
        return text_of(self.tokens)

    def extended(self, *steps: Step) -> Generation:
        """Return the generation with further steps."""
        return replace(self, steps=(*self.steps, *steps))

    def rewound(self, length: int) -> Generation:
        """Return the first ``length`` steps."""
        return replace(self, steps=self.steps[:length])

    def shared(self, other: Generation) -> int:
        """Return how many steps both begin with: the same tokens after the same prompt."""
        if self.prompt != other.prompt:
            return 0
        pairs = zip(self.steps, other.steps, strict=False)
        return next((at for at, (a, b) in enumerate(pairs) if a.token != b.token), min(len(self), len(other)))


@dataclass(frozen=True)
class Tree:
    """All that was tried after one prompt, as paths that share their beginnings; one of them is active."""

    branches: tuple[Generation, ...]
    active: int = 0

    @property
    def generation(self) -> Generation:
        """The active path."""
        return self.branches[self.active]

    def put(self, generation: Generation) -> Tree:
        """Return the tree with another path in the place of the active one."""
        branches = list(self.branches)
        branches[self.active] = generation
        return replace(self, branches=tuple(branches))

    def chosen(self, place: int, step: Step) -> Tree:
        """Return the tree in which ``step`` stands at a place of the active path.

        A path that has the token there already becomes the active one, whole. Otherwise the active path is
        extended at its end, and in its middle a new branch begins, so that nothing is lost.
        """
        here = self.generation
        for number in (self.active, *range(len(self.branches))):
            other = self.branches[number]
            if len(other) > place and other.steps[place].token == step.token and here.shared(other) >= place:
                return replace(self, active=number)
        if place == len(here):
            return self.put(replace(here.extended(step), settings=None, seed=None))
        return self.added(Generation(here.prompt, (*here.steps[:place], step)))

    def with_new(self, generation: Generation) -> Tree:
        """Return the tree with a further branch, or with this one in the place of an empty one."""
        return self.added(generation) if self.generation.steps else self.put(generation)

    def added(self, generation: Generation) -> Tree:
        """Return the tree with a further branch, which is the active one."""
        return Tree((*self.branches, generation), len(self.branches))

    def sharpened(self, few: TokenDistribution, whole: TokenDistribution, origin: Any = None) -> Tree:
        """Return the tree with a longer list in the place of a shorter one, in all branches."""
        # what branches share stays shared
        known: dict[Step, Step] = {}

        def longer(step: Step) -> Step:
            if step.distribution is not few:
                return step
            return known.setdefault(step, step.sharpened(whole, origin))

        return replace(
            self,
            branches=tuple(
                replace(each, steps=tuple(map(longer, each.steps)))
                if any(step.distribution is few for step in each.steps)
                else each
                for each in self.branches
            ),
        )

    def without(self, number: int) -> Tree:
        """Return the tree less a branch; the only one is emptied."""
        if len(self.branches) == 1:
            return Tree((Generation(self.generation.prompt),))
        branches = (*self.branches[:number], *self.branches[number + 1 :])
        active = self.active - (self.active > number or self.active == len(branches))
        return Tree(branches, active)


def texts_of(tokens: Iterable[Token]) -> Iterator[str]:
    """Return what each token adds to the text: a character split over several is added by its last one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for token in tokens:
        yield "" if token.ends else decoder.decode(token.raw or b"") or ("" if token.raw else token.text)


def text_of(tokens: Iterable[Token]) -> str:
    """Return the tokens as one text; bytes that are no whole character are U+FFFD."""
    return b"".join(token.raw or b"" for token in tokens if not token.ends).decode("utf-8", "replace")


def whole_text_of(tokens: Iterable[Token]) -> str | None:
    """Return the tokens as one text; None if it ends, or is broken, within a character."""
    try:
        return b"".join(token.raw or b"" for token in tokens if not token.ends).decode()
    except UnicodeDecodeError:
        return None


CHOSEN_BY: tuple[str, ...] = get_args(ChosenBy)
CONTINUED_BY: tuple[str, ...] = get_args(ContinuedBy)
