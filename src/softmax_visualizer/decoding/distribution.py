"""What a model said about the next token, at temperature 1."""

from __future__ import annotations

import builtins
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from softmax_visualizer.decoding.estimate import extrapolated_mass
from softmax_visualizer.decoding.interval import ALL_BUT_CERTAIN, FloatArray, Interval
from softmax_visualizer.decoding.stage import Stage, tempered
from softmax_visualizer.decoding.tail import UnseenTail
from softmax_visualizer.decoding.weights import Weights

MASS_TOLERANCE = 1e-6
"""How far the mass of a server's list may be off: float32 log-softmax, printed and parsed."""

FLOAT32_ROUNDING = 2.0**-24
"""What one addition in float32 loses or gains at most, as a share of the sum; times as many as are added."""

LARGEST_VOCABULARY = 10**9
"""Thousands of times any real one."""

_SENTINEL = -9999.0
"""OpenAI's and vLLM's stand-in for the log-probability of a token outside the list."""

_VANISHING = -700.0
"""A log-probability that is this low is 0 in float64 for most purposes, and a stand-in for it."""

_NO_LIST_BEYOND = 1e-3
"""A mass that is further off than this is no rounding: the list is not what it is said to be."""

_MOST_MASS = 1.1
"""Where all listed probabilities are too large, what is unseen beside them may come to more than 1."""
_ABOVE_ZERO = 1e-2
"""How far rounding takes the log-probability of a certain token above 0: bfloat16 has three digits."""

_LAST_PLACES = 1e-9
"""Relative rounding of a product of two numbers, one of which another machine may have computed."""


class DistributionError(ValueError):
    """Numbers that are no distribution; its text says what is wrong with them."""


_ENDS = frozenset(
    ("</s>", "<eos>", "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<|return|>",
     "<end_of_turn>", "<turn|>", "<｜end▁of▁sentence｜>", "<|endofprompt|>")
)  # fmt: skip
"""How vLLM and others write the token that ends a text; a single token with such a text is nothing else."""


class Token(NamedTuple):
    """A token: its text, and its bytes where they are known (a token may be part of a character).

    ``id``: its number in the model's vocabulary, where the server says it.
    """

    text: str
    bytes: builtins.bytes | None = None
    id: int | None = None

    @property
    def ends(self) -> bool:
        """Whether it ends the text: llama.cpp writes such a token as an empty text."""
        return not (self.text or self.bytes) or self.text in _ENDS

    @property
    def raw(self) -> builtins.bytes | None:
        """The token's bytes, from its text where the model did not send them; None if the text has none."""
        if self.bytes is not None:
            return self.bytes
        try:
            return self.text.encode()
        except UnicodeEncodeError:
            return None

    def is_same(self, other: Token) -> bool:
        """Whether both are one token: by their numbers, or where one has none by what they spell.

        A server need not print half a character in the same way each time.
        """
        if self.id is None or other.id is None:
            return self.text == other.text and self.bytes == other.bytes
        return self.id == other.id

    @property
    def whole_text(self) -> str | None:
        """The text that the token's bytes spell; None if they are only part of a character."""
        try:
            return None if self.raw is None else self.raw.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True, eq=False)
class TokenDistribution:
    """A next-token distribution at temperature 1: the whole vocabulary, or some of its tokens.

    ``logprobs``: float64, shape ``(tokens,)``, natural logarithms, descending; -inf last.
    ``unseen_mass``: the probability of everything not listed, a point 0 if nothing is missing.
    ``vocabulary_size``: tokens in the vocabulary, listed or not; None if unknown.
    ``vocabulary_assumed``: the size is an upper bound that somebody assumed, not one that is known.
    ``is_top``: no unlisted token is more likely than the last listed one. Where it is not known to be so, an
    unlisted token may have all of the unseen mass, and outrank every listed one that has less.
    ``odds_only``: the list was scaled, so that it sums to 1 whatever it lacks: how likely its tokens are
    beside one another is known, how likely they are all together is not. ``unseen_mass`` then runs from 0.
    ``notes``: sentences about what had to be mended in the numbers, for the person to read.

    Build one with :meth:`from_logits` or :meth:`from_top_logprobs`, or with :meth:`restored` from one of
    these that was written down.
    """

    logprobs: FloatArray
    unseen_mass: Interval
    vocabulary_size: int | None
    _tokens: Sequence[str | Token]
    _order: np.ndarray[Any, np.dtype[np.intp]]
    vocabulary_assumed: bool = False
    is_top: bool = True
    odds_only: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.logprobs.flags.writeable = False

    def find(self, token: Token, likely: int | None = None) -> int | None:
        """Return the index of a listed token, looked for at ``likely`` first; None if it is not there."""
        if likely is not None and likely < len(self) and self.token(likely).is_same(token):
            return likely
        return next((index for index in range(len(self)) if self.token(index).is_same(token)), None)

    @classmethod
    def from_logits(cls, tokens: Iterable[str | Token], logits: ArrayLike) -> TokenDistribution:
        """Return the softmax of a whole vocabulary's logits, given in any order and on any scale.

        Args:
            tokens: one text or :class:`Token` a logit.
            logits: shape ``(vocabulary,)``; unnormalised natural-log scores. -inf is an impossible token.

        Raises:
            DistributionError: lengths differ, nothing is finite, or a logit is NaN or +inf.
        """
        names, values = _aligned(tokens, logits, "logits")
        if np.isnan(values).any() or np.isposinf(values).any():
            raise DistributionError("The logits hold NaN or +infinity, so they have no softmax.")
        peak = values.max()
        if not np.isfinite(peak):
            raise DistributionError("Every logit is -infinity, so no token is possible.")
        with np.errstate(over="ignore"):
            logprobs = values - peak
        logprobs -= math.log(float(np.exp(logprobs).sum()))
        order = np.argsort(-logprobs, kind="stable")
        return cls(logprobs[order], Interval.point(0.0), len(names), names, order)

    @classmethod
    def from_top_logprobs(
        cls,
        tokens: Iterable[str | Token],
        logprobs: ArrayLike,
        vocabulary_size: int | None = None,
        *,
        vocabulary_assumed: bool = False,
        is_top: bool = True,
        odds_only: bool = False,
        mass_tolerance: float = MASS_TOLERANCE,
    ) -> TokenDistribution:
        """Return the distribution of which a server printed some tokens.

        A -9999 entry is dropped: that token is one of the unseen ones. -inf, or anything that comes to it,
        says that all below it is impossible, so nothing is unseen; beside a missing mass of more than 1e-3,
        or in a list that is doubtful anyway, it says that the list was cut, and is dropped and noted. A mass
        a little above 1 is rounding; one above 1.001 is rescaled and noted, and then only the odds are known.
        A list that lacks more than the unseen tokens can hold below its last one is not the top of anything.

        Args:
            tokens: one text or :class:`Token` a log-probability, in any order.
            logprobs: shape ``(tokens,)``; natural logarithms of probabilities at temperature 1.
            vocabulary_size: tokens in the vocabulary; None if unknown. An upper bound serves as well.
            vocabulary_assumed: the size is such a bound, and is not to be shown as known.
            is_top: the list is known to hold the most likely tokens.
            odds_only: the list sums to 1 for having been scaled, and so says nothing of the unseen mass.
            mass_tolerance: how far the list's mass may be off, either way. What is no more than rounding
                matters above temperature 1 only, where a tail of 1e-6 can grow to a third of everything;
                a larger one counts at T = 1 too. A server that sums its softmax one by one in float32 is off
                by up to :data:`FLOAT32_ROUNDING` a token of the vocabulary: by far the most of a tail is too
                small to change the sum. The listed numbers are right beside one another: float32's rounding
                of them shows below a temperature of 0.01.

        Raises:
            DistributionError: lengths differ, the list is empty or longer than the vocabulary, or an entry
                is NaN or more than rounding above 0.
        """
        names, values = _aligned(tokens, logprobs, "log-probabilities")
        _check_logprobs(values)
        notes: list[str] = []
        values = np.minimum(values, 0.0)
        listed = values != _SENTINEL
        highest = values[listed].max(initial=-np.inf)
        if highest < _VANISHING:
            raise DistributionError("The list holds no usable log-probability.")
        values[values < _VANISHING] = -np.inf
        kept = np.flatnonzero(listed)
        order = kept[np.argsort(-values[kept], kind="stable")]
        values = values[order]
        _check_size(vocabulary_size, len(values))

        missing = 1.0 - math.fsum(np.exp(values))
        if missing < -max(_NO_LIST_BEYOND, mass_tolerance):
            notes.append(
                f"The listed probabilities sum to {100 * (1 - missing):.1f} %: they were scaled to 100 %."
            )
            odds_only = True
        if odds_only:
            values, missing = values - _log_mass(values), 0.0
        impossible = np.isneginf(values)
        if impossible.any():
            if missing <= _NO_LIST_BEYOND and is_top and not odds_only:
                return cls(values - _log_mass(values), Interval.point(0.0), vocabulary_size, names, order,
                           vocabulary_assumed, notes=tuple(notes))  # fmt: skip
            # an "impossible" entry beside missing mass was cut by the server, so it says nothing of the rest
            values, order = values[~impossible], order[~impossible]
            notes.append(
                "The server reported some tokens as impossible: its list was cut before it was sent."
            )
        unseen = math.inf if vocabulary_size is None else vocabulary_size - len(values)
        if unseen == 0:
            if missing > max(_NO_LIST_BEYOND, mass_tolerance):
                notes.append(
                    f"The whole vocabulary is listed, but it sums to {100 * (1 - missing):.1f} %: "
                    "it was scaled to 100 %."
                )
            return cls(values - _log_mass(values), Interval.point(0.0), vocabulary_size, names, order,
                       vocabulary_assumed, notes=tuple(notes))  # fmt: skip
        room = unseen * math.exp(values[-1])
        if is_top and missing > room + _NO_LIST_BEYOND:
            is_top = False
            notes.append(
                f"{100 * missing:.2f} % is missing from the list, more than {unseen:,} unseen tokens can "
                "hold: the vocabulary is larger than was said, or the list is not the top of it."
            )
        if odds_only:
            high = room / (1 + room) if is_top and math.isfinite(room) else 1.0
            mass = Interval(0.0, 0.0, min(high, ALL_BUT_CERTAIN))
            return cls(values, mass, vocabulary_size, names, order, vocabulary_assumed, is_top, True,
                       tuple(notes))  # fmt: skip
        # a mass above 1 shows by how much at least the numbers are off
        doubt = max(mass_tolerance, -missing)
        likely = max(0.0, missing)
        if is_top and missing < doubt and doubt > MASS_TOLERANCE:
            # the server's rounding may be all that is missing, or it may hide what is
            likely = min(max(likely, extrapolated_mass(values, len(values) + unseen)), likely + doubt)
        mass = Interval(max(0.0, missing - doubt), likely, min(max(0.0, missing) + doubt, _MOST_MASS))
        if is_top and mass.high > room:
            # as far as the list contradicts itself, so far its numbers may be off the other way
            doubt = max(0.0, missing - room)
            mass = Interval(max(0.0, min(mass.low, room) - doubt), min(mass.estimate, room), room)
        return cls(values, mass, vocabulary_size, names, order, vocabulary_assumed, is_top,
                   notes=tuple(notes))  # fmt: skip

    @classmethod
    def restored(
        cls,
        tokens: Iterable[str | Token],
        logprobs: ArrayLike,
        unseen_mass: Interval,
        vocabulary_size: int | None = None,
        *,
        vocabulary_assumed: bool = False,
        is_top: bool = True,
        odds_only: bool = False,
        notes: tuple[str, ...] = (),
    ) -> TokenDistribution:
        """Return the distribution that had these very numbers; nothing in them is mended or normalised.

        Args:
            tokens: one text or :class:`Token` a log-probability, most likely first.
            logprobs: shape ``(tokens,)``; :attr:`logprobs` of the distribution that was.
            unseen_mass: its :attr:`unseen_mass`; the other arguments likewise.

        Raises:
            DistributionError: no distribution has such numbers; the text says why.
        """
        names, values = _aligned(tokens, logprobs, "log-probabilities")
        _check_logprobs(values)
        _check_size(vocabulary_size, len(values))
        if (values[1:] > values[:-1]).any():
            raise DistributionError("The log-probabilities do not descend.")
        if values[0] < _VANISHING:
            raise DistributionError("The list holds no usable log-probability.")
        low, high = unseen_mass.low, unseen_mass.high
        if not 0 <= low <= unseen_mass.estimate <= high <= _MOST_MASS:
            raise DistributionError("The unseen mass is no interval of probabilities.")
        # less the rounding of a list that was scaled
        if high > 0 and values[-1] < values[0] + _VANISHING - 1:
            raise DistributionError("A listed token is impossible, so no mass can be unseen.")
        unseen = math.inf if vocabulary_size is None else vocabulary_size - len(values)
        room = unseen * math.exp(values[-1]) if math.isfinite(unseen) else math.inf
        if odds_only:
            if low > 0 or high == 1:
                raise DistributionError("Where only odds are known, the unseen mass runs from 0 to below 1.")
            room = room / (1 + room) if math.isfinite(room) else 1.0
        if not is_top:
            room = math.inf if unseen else 0.0
        if high > room * (1 + _LAST_PLACES):
            raise DistributionError(f"More mass is unseen than {unseen:,} unseen tokens can hold.")
        missing = 1.0 - math.fsum(np.exp(values))
        # a list that contradicts itself may lack more than its unseen tokens can hold
        full = unseen > 0 and math.isfinite(values[-1]) and high >= room * (1 - _LAST_PLACES)
        excess = _NO_LIST_BEYOND + MASS_TOLERANCE if high > 0 else MASS_TOLERANCE
        if low - missing > excess or (missing - high > MASS_TOLERANCE and not full):
            raise DistributionError(
                f"The listed probabilities sum to {100 * (1 - missing):.4g} %, which does not go with an "
                f"unseen mass of {100 * low:.4g} to {100 * high:.4g} %."
            )
        order = np.arange(len(values), dtype=np.intp)
        return cls(values, unseen_mass, vocabulary_size, names, order, vocabulary_assumed, is_top, odds_only,
                   notes)  # fmt: skip

    def __len__(self) -> int:
        """Return the number of listed tokens."""
        return len(self.logprobs)

    @cached_property
    def _spellings(self) -> Counter[bytes | str]:
        return Counter(token.raw or token.text for token in self.tokens)

    def is_named(self, index: int) -> bool:
        """Whether a server that samples a listed token can tell which one it is.

        It cannot of a part of a character; nor, where it gives no numbers, of one of several that spell the
        same.
        """
        token = self.token(index)
        whole = token.whole_text
        if whole is None or (token.id is None and "\ufffd" in whole):
            return False
        return token.id is not None or self._spellings[token.raw or token.text] == 1

    def token(self, index: int) -> Token:
        """Return the listed token of rank ``index + 1``."""
        token = self._tokens[self._order[index]]
        return token if isinstance(token, Token) else Token(token)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """All listed tokens, most likely first."""
        names = [self._tokens[place] for place in self._order.tolist()]
        return tuple(name if isinstance(name, Token) else Token(name) for name in names)

    def with_tokens(self, tokens: Sequence[Token]) -> TokenDistribution:
        """Return the same distribution with other names for its listed tokens, most likely first."""
        return replace(self, _tokens=tokens, _order=np.arange(len(self), dtype=np.intp))

    @property
    def complete(self) -> bool:
        """Whether everything that has probability is listed."""
        return self.unseen_mass.high == 0

    @property
    def unseen_count(self) -> int | None:
        """How many tokens are not listed (at most, if the size is assumed); None if unknown."""
        return None if self.vocabulary_size is None else self.vocabulary_size - len(self)

    @cached_property
    def support(self) -> int:
        """How many listed tokens are possible at all: the finite ones, which come first."""
        return int(np.isfinite(self.logprobs).sum())

    @cached_property
    def log_weights(self) -> FloatArray:
        """Logprobs of the possible listed tokens less the first one's, shape ``(support,)``."""
        logs: FloatArray = self.logprobs[: self.support] - self.logprobs[0]
        return logs

    @cached_property
    def tail(self) -> UnseenTail:
        """What is known of the tokens that are not listed."""
        scale = math.exp(-float(self.logprobs[0]))
        low, estimate, high = self.unseen_mass.low, self.unseen_mass.estimate, self.unseen_mass.high
        # a server's rounding is no reason to doubt what it says at T = 1
        rounded = not self.odds_only and high - low <= 2 * MASS_TOLERANCE * (1 + _LAST_PLACES)
        if self.odds_only:
            # the list holds what the unseen tokens leave of 1, not what it was scaled to
            low, estimate, high = (value / (1 - value) for value in (low, estimate, high))
        mass = Interval(low * scale, estimate * scale, high * scale)
        last = float(self.log_weights[-1])
        largest = math.log(mass.high) if mass.high > 0 else last
        return UnseenTail(
            last if self.is_top else largest,
            Interval.point(mass.estimate) if rounded else mass,
            mass,
            math.inf if self.unseen_count is None else float(self.unseen_count),
            self.support,
            # one token may have all the mass, which outranks what is listed with less
            self.support if self.is_top else int(np.count_nonzero(self.log_weights >= largest)),
        )

    @property
    def leading(self) -> int:
        """How many of the listed tokens are known to be the most likely ones of the whole vocabulary."""
        return len(self) if self.complete else self.tail.leading

    def at(self, temperature: float) -> Weights:
        """Return what ``temperature``, 0 or more, makes of all possible tokens."""
        return Weights.at(temperature, self.log_weights, self.tail)

    @cached_property
    def stage(self) -> Stage:
        """The distribution itself, as the first stage of every decoding."""
        return tempered(self.at(1.0), len(self))

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Return the ``distribution`` record of the ``show --format json`` contract, ``top`` tokens of it."""
        record = self.record(top)
        return {**record, "tokens": list(record["tokens"])}

    def record(self, top: int | None = None) -> dict[str, Any]:
        """Return :meth:`to_dict`, with the tokens as an iterator, as there may be very many."""
        known_size = None if self.vocabulary_assumed else self.vocabulary_size
        return {
            "complete": self.complete,
            "vocabulary_size": known_size,
            "assumed_vocabulary_size": self.vocabulary_size if self.vocabulary_assumed else None,
            "unseen_mass": self.unseen_mass.estimate,
            "tokens": (
                {
                    "rank": index + 1,
                    "text": self.token(index).text,
                    "bytes": None if (raw := self.token(index).raw) is None else list(raw),
                    "logprob": value if math.isfinite(value := float(self.logprobs[index])) else None,
                }
                for index in range(len(self) if top is None else min(top, len(self)))
            ),
        }


def _aligned(
    tokens: Iterable[str | Token], values: ArrayLike, name: str
) -> tuple[Sequence[str | Token], FloatArray]:
    names = tokens if isinstance(tokens, (list, tuple)) else tuple(tokens)
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DistributionError(f"The {name} are not all numbers.") from error
    if numbers.ndim != 1 or len(names) != len(numbers):
        raise DistributionError(f"There are {len(names):,} tokens, but {numbers.size:,} {name}.")
    if not len(names):
        raise DistributionError(f"The list of {name} is empty.")
    return names, numbers


def _check_logprobs(values: FloatArray) -> None:
    if np.isnan(values).any():
        raise DistributionError("A log-probability is NaN (not a number).")
    if values.max(initial=-np.inf) > _ABOVE_ZERO:
        raise DistributionError(
            f"A log-probability is {values.max():g}. None can be above 0: these may be logits, "
            "or probabilities."
        )


def _check_size(vocabulary_size: int | None, listed: int) -> None:
    if vocabulary_size is not None and vocabulary_size > LARGEST_VOCABULARY:
        raise DistributionError(f"No vocabulary has more than {LARGEST_VOCABULARY:,} tokens.")
    if vocabulary_size is not None and vocabulary_size < listed:
        raise DistributionError(
            f"The vocabulary is said to have {vocabulary_size:,} tokens, the list has {listed:,}."
        )


def _log_mass(logprobs: FloatArray) -> float:
    return math.log(math.fsum(np.exp(logprobs)))
