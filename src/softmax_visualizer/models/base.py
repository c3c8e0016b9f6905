"""What a language model is to the rest of the program."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Token, TokenDistribution
    from softmax_visualizer.decoding.generation import ContinuedBy
    from softmax_visualizer.decoding.sampling import Counts
    from softmax_visualizer.decoding.settings import DecodingSettings

Source = Literal["bundled", "openai", "local", "file", "recording"]

Framing = Literal["answer", "continue", "raw"]
"""How a prompt is put to a server: as a user's message to answer, as text to continue, or bare."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model can do, so that nothing has to depend on which one it is.

    ``framings``: the ways in which a prompt can be put to it; empty where it is only put as it is.
    ``takes_settings``: whether it can be asked at other temperatures than 1, to find out what it does then.
    """

    framings: tuple[Framing, ...] = ()
    takes_settings: bool = False


SAMPLES_NOTHING = (
    "This is no server, so it has no decoder of its own to be asked for samples. "
    "M samples as a decoder would, and so does softmax-visualizer sample."
)


class ModelError(Exception):
    """No distribution could be had; the text says in a sentence or two what failed and what to do.

    The text is for a person's eyes and never holds a secret; the technical cause is in ``__cause__``.
    """


@dataclass(frozen=True)
class ModelAnswer:
    """What a model said about the token after a prompt, or after the prompt and tokens of its answer.

    ``after``: those tokens; ``continued_by``: how they were put to the model.
    ``request``: exactly what was sent, without the key; empty if nothing was.
    ``notes``: sentences that the person should read, such as a model's announced end.
    ``engine``: the name of the engine that ran the model, as in :mod:`.decoding.engines`; None if not known.
    """

    prompt: str
    distribution: TokenDistribution
    model: str
    source: Source
    endpoint: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    engine: str | None = None
    after: tuple[Token, ...] = ()
    continued_by: ContinuedBy = "tokens"

    @property
    def origin(self) -> dict[str, str | None]:
        """The ``model`` record of the ``show --format json`` contract."""
        return {"name": self.model, "source": self.source, "endpoint": self.endpoint}


class LanguageModel(Protocol):
    """Something that can be asked for the distribution of the next token."""

    @property
    def name(self) -> str:
        """The model's name, as a person would choose it."""

    @property
    def source(self) -> Source:
        """What kind of model it is."""

    @property
    def endpoint(self) -> str | None:
        """The server's base URL without credentials; None if there is no server."""

    @property
    def abilities(self) -> Abilities:
        """What it can do, as far as is known by now."""

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> ModelAnswer:
        """Return the distribution of the token after ``prompt`` and ``after``, at temperature 1.

        Args:
            after: tokens of the answer that the model is to go on from.
            whole: have as many tokens listed as there are, or as the server lists, and not only as many as
                come at once.

        Raises:
            ModelError: there is none, with the reason and the remedy.
        """

    async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> tuple[ModelAnswer, ...]:
        """Return the distributions at up to ``count`` places, in one request where the model can do that.

        The first place is that of :meth:`ask`. A server goes on from there with tokens that it samples itself
        at T = 1, which each answer names in its ``after``: it holds for nobody who chose another token.

        Raises:
            ModelError: there is not even one.
        """

    async def split(self, text: str) -> tuple[Token, ...]:
        """Return a text as the model's own tokens.

        Raises:
            ModelError: the model cannot say.
        """

    def samples(
        self, answer: ModelAnswer, settings: DecodingSettings, count: int, *, defaults: bool = False
    ) -> AsyncGenerator[Counts, None]:
        """Have the model's own decoder sample the next token again and again, where it has one.

        Args:
            answer: about the place whose next token is sampled; the counts are of its list.
            settings: what to sample from; the order is the decoder's own.
            count: how many samples.
            defaults: leave cuts of the decoder's own, which the settings do not have, as they are.

        Yields:
            How often each token came since the last time.

        Raises:
            ModelError: there are no more samples, or none at all.
        """

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        """Whether more tokens than an answer lists may be had, if all are asked for."""

    async def names(self) -> tuple[str, ...]:
        """Return the names of the models that can be chosen where this one lives.

        Raises:
            ModelError: they cannot be listed.
        """

    def request(self, prompt: str) -> Mapping[str, Any]:
        """Return exactly what :meth:`ask` would send for ``prompt``, without the key; empty if nothing."""

    async def close(self) -> None:
        """Let go of connections; a closed model is not asked again."""
