"""What a server's list of log-probabilities is evidence of.

A list that was asked for the k most likely tokens is taken to hold them, unless the answer itself speaks
against that. What each kind of list proves:

* **A token that stands in it twice** (vLLM puts the sampled one in front, then cuts to k) is one token. The
  others are still the most likely ones, fewer than k. Tokens are the same if their ids are, or else their
  bytes, or else their texts, and their numbers. The same bytes with another number are another token: a
  vocabulary may spell one text in several ways. Half a character says nothing of which token it is.
* **The sampled token at the lowest place**, in front or at the end of a list of full length, may be there for
  having been sampled only, in the place of a more likely one. It is taken out: the others are the top. With
  another token at that place, a more likely one is not missing.
* **A sampled token that is not in the list** and less likely than all of it is one of the unlisted ones. One
  that is more likely belongs into the list and is put there. Then the list was not the top, and others may
  be missing: an unlisted token may have any probability up to all that is missing. If the list leaves no room
  for it, or has another number for it, the two contradict each other; the list's numbers are used, and it is
  not taken for the top.
* **An entry without a number** (null, NaN), or with a stand-in for impossible (-9999, -inf) in front of a
  likely one, is a token of unknown probability, which may be the first: servers lose the number of a certain
  token that rounding put above 0. The same goes for a sampled token that is not listed and has no number. The
  stand-ins behind all others, and OpenAI's -9999 for a sampled token outside the list, only say "unlikely".
* **A list of one token**, if that was the sampled one or more were asked for, shows what was sampled, which
  need not be the most likely.
* **A list that is shorter than asked for and sums to 1**, though its last token is not rare, was scaled: by a
  cut of the server's own, or because a server that guesses ahead (speculative decoding) gives each token it
  accepts 100 %. The odds among its tokens are known, but not how likely they are all together.

Every doubt makes the bounds wider and none narrower, so a sound list that looks like one of these loses some
digits and nothing else.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from softmax_visualizer.decoding import Token
from softmax_visualizer.decoding.interval import FloatArray

_STAND_IN = -9999.0
"""OpenAI's and vLLM's stand-in for the log-probability of a token outside the list."""

_NOTHING = -50.0
"""No model's own log-probability is this low next to a likely token; it stands for a token that was cut."""

_SAME = 1e-5
"""Two prints of one log-probability differ by less."""

_ROUNDED = 1e-2
"""The number of the sampled token and that in the list, which may have fewer digits, differ by less."""

_NO_ROOM = 1e-3
"""A list and a sampled token that sum to more than 1 by this do not come from one distribution."""

_ROUNDING = 1e-6
"""A list that lacks no more than this sums to 1."""

_RARE = 1e-5
"""A natural list whose last token is less likely than this may well sum to 1."""


_SAMPLED_WITHOUT_NUMBER = (
    "The list lacks the token that the server sampled, which came without a usable number. "
    "It may be the most likely token."
)


class Entry(NamedTuple):
    """A token as a server listed or sampled it.

    ``logprob``: a natural logarithm; None where the server gave no usable number.
    ``id``: the token's number in the vocabulary, None if not given.
    """

    token: Token
    logprob: float | None
    id: int | None = None

    @property
    def name(self) -> bytes | str:
        """Its bytes, or else its text."""
        return self.token.text if self.token.raw is None else self.token.raw

    @property
    def is_named(self) -> bool:
        """Whether its name tells it from all other tokens: no half of a character, and not nothing."""
        if self.id is not None:
            return True
        # where a server sends the bytes of what it printed, a part of a character is U+FFFD
        return bool(self.token.raw) and "\ufffd".encode() not in (self.token.raw or b"")

    def may_be(self, other: Entry) -> bool:
        """Whether both may be one token, whatever their numbers."""
        if self.id is not None and other.id is not None:
            return self.id == other.id
        return self.name == other.name

    def is_again(self, other: Entry) -> bool:
        """Whether it is the other token, or one of the same name, with the same number."""
        if self.logprob is None or other.logprob is None or not self.may_be(other):
            return False
        return self.logprob == other.logprob or abs(self.logprob - other.logprob) <= _SAME * max(
            1.0, abs(self.logprob)
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known from a list: tokens with their log-probabilities, in the server's order.

    ``is_top``, ``odds_only``: as in the distribution that is made of it.
    ``notes``: sentences for the person about what is special about the list.
    """

    tokens: tuple[Token, ...]
    logprobs: tuple[float, ...]
    is_top: bool
    odds_only: bool
    notes: tuple[str, ...]


def judge(listed: Sequence[Entry | None], sampled: Entry | None, asked: int) -> Evidence:
    """Return what a list proves; no token where it holds no number at all.

    Args:
        listed: the list in the server's order; None is an entry that names no token.
        sampled: the token that the server went on with, as the answer gives it beside the list; None if it
            gives none.
        asked: how many tokens the request asked for.
    """
    notes: list[str] = []
    is_top = True

    filled = [
        entry if entry.logprob is not None else _with_number(entry, sampled)
        for entry in listed
        if entry is not None
    ]
    numbers = _numbers(filled)
    last = np.flatnonzero(numbers > _NOTHING).max(initial=-1)
    # a stand-in for impossible is no number in front of a likely token
    behind = np.arange(len(filled)) > last
    is_usable = (numbers > _STAND_IN) | (behind & ~np.isnan(numbers))
    usable = list(itertools.compress(filled, is_usable.tolist()))
    if numberless := len(listed) - len(usable):
        is_top = False
        notes.append(
            f"{numberless} of the server's tokens came without a usable number. "
            "One of them may be the most likely token."
        )
    entries, doubled, doubtful = _once_each(usable, sampled)
    is_top &= not doubtful
    if doubled:
        notes.append("The server listed the same token twice; it counts once.")
    # each pass over a whole vocabulary is some milliseconds
    numbers = numbers[is_usable] if len(entries) == len(usable) else _numbers(entries)
    likely = numbers[numbers > _NOTHING]
    present = np.count_nonzero(numbers > _STAND_IN)
    if present < asked:
        notes.insert(0, f"The server sent {present} of the {asked} tokens asked for.")

    mass = math.fsum(np.exp(np.minimum(likely, 0.0)))
    if len(likely) == 1 and (asked > 1 or (sampled is not None and entries[0].may_be(sampled))):
        is_top = False
    odds_only = bool(
        len(likely)
        and (len(likely) == 1 or len(likely) < asked)
        and mass >= 1 - _ROUNDING
        # in logs: a server may send 710, whose exponential is beyond float64
        and likely.min() > math.log(_RARE)
    )
    if odds_only:
        notes.append(_scaled_note(len(likely), asked))

    if sampled is not None:
        entries, doubt = _with_sampled(entries, numbers, sampled, mass)
        is_top &= not doubt
        notes += [doubt] if doubt and not (numberless and sampled.logprob is None) else []
    entries = _without_intruder(entries, sampled, asked)
    return Evidence(
        tuple(entry.token for entry in entries),
        tuple(math.nan if entry.logprob is None else entry.logprob for entry in entries),
        is_top,
        odds_only,
        tuple(notes),
    )


def _numbers(entries: Sequence[Entry]) -> FloatArray:
    """Return the log-probabilities, shape ``(entries,)``: NaN where there is none."""
    return np.array([entry.logprob for entry in entries], dtype=np.float64)


def _with_number(entry: Entry, sampled: Entry | None) -> Entry:
    """Return an entry that has no number with the one that the answer gives it as the sampled token."""
    if sampled is not None and sampled.may_be(entry):
        return entry._replace(logprob=sampled.logprob)
    return entry


def _with_sampled(
    entries: list[Entry], numbers: FloatArray, sampled: Entry, mass: float
) -> tuple[list[Entry], str]:
    """Return the list with the sampled token, if it belongs there, and why the list may then not be the top.

    Args:
        entries: the list.
        numbers: its log-probabilities.
        sampled: what the answer says of the sampled token.
        mass: what the list sums to.
    """
    number = sampled.logprob
    if number is None:
        return entries, "" if any(map(sampled.may_be, entries)) else _SAMPLED_WITHOUT_NUMBER
    likely = numbers[numbers > _NOTHING]
    if not entries or number <= _NOTHING or (len(likely) and number <= likely.min() + _SAME):
        return entries, ""
    percent = f"{100 * math.exp(min(number, 0.0)):.4g} %"
    near = np.flatnonzero(np.abs(numbers - number) <= _ROUNDED * max(1.0, abs(number)))
    if any(sampled.may_be(entries[at]) for at in near):
        return entries, ""
    if any(map(sampled.may_be, entries)):
        return entries, (
            f"The server says {percent} of the token that it sampled, and another number of it in its list. "
            "The list's was used. It may lack likely tokens."
        )
    if mass + math.exp(min(number, 0.0)) > 1 + _NO_ROOM:
        return entries, (
            f"The server says {percent} of the token that it sampled, for which its list leaves no room. "
            "That number was not used, and the list may lack likely tokens."
        )
    return [*entries, sampled], (
        f"The server's list lacked the token that it sampled, with {percent}. So the list is not the top of "
        "the vocabulary, and may lack other likely tokens."
    )


def _once_each(entries: Sequence[Entry], sampled: Entry | None) -> tuple[list[Entry], bool, bool]:
    """Return each token once, in its later place, whether one stood there twice, and whether that is sure."""
    ids = {entry.id for entry in entries}
    if None not in ids and len(ids) == len(entries):
        return list(entries), False, False
    kept: list[Entry] = []
    doubled = doubtful = False
    # by what may be one token, for a list may be a whole vocabulary
    by_name: dict[bytes | str, list[int]] = {}
    by_id: dict[int, list[int]] = {}
    for index, entry in enumerate(entries):
        if entry.id is None:
            by_name.setdefault(entry.name, []).append(index)
        else:
            by_id.setdefault(entry.id, []).append(index)
    for index, entry in enumerate(entries):
        if entry.id is not None and entry.name in by_name:
            by_name[entry.name].append(index)
    for index, entry in enumerate(entries):
        in_front = index == 0 and sampled is not None and sampled.is_again(entry)
        near = by_name.get(entry.name, []) + ([] if entry.id is None else by_id[entry.id])
        comparable = entry.is_named or in_front
        if comparable and any(other > index and entry.is_again(entries[other]) for other in near):
            doubled = True
            doubtful |= not entry.is_named
        else:
            kept.append(entry)
    return kept, doubled, doubtful


def _without_intruder(entries: list[Entry], sampled: Entry | None, asked: int) -> list[Entry]:
    """Take out the sampled token where it may be in the list only for having been sampled.

    Left in, it would pass for the least likely token of the list, which bounds every unlisted one.
    """
    if sampled is None or len(entries) < 2:
        return entries
    numbers = _numbers(entries)
    lowest, above = np.partition(numbers, 1)[:2]
    if lowest == above and len(entries) <= asked:
        return entries  # another one that is as unlikely bounds the rest just as well
    at = next((index for index in np.flatnonzero(numbers == lowest) if sampled.may_be(entries[index])), None)
    is_unsorted = (numbers[:-1] < numbers[1:]).any()
    if at is not None and ((is_unsorted and at == 0) or len(entries) in (asked, asked + 1)):
        return entries[:at] + entries[at + 1 :]
    return entries


def _scaled_note(count: int, asked: int) -> str:
    if count == 1:
        return (
            "The one token with 100 % does not tell how likely it is: the server may be guessing ahead "
            "(speculative decoding), or list only what its own settings left."
        )
    return (
        f"The {count} tokens sum to 100 % although {asked} were asked for: the server may list only what its "
        "own settings left. So only the odds among them are known."
    )
