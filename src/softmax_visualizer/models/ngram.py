"""The bundled language model: an interpolated 4-gram model with modified Kneser-Ney smoothing.

The smoothing is that of S. F. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling" (TR-10-98, Harvard University, 1998), section 3: three discounts per order, continuation counts in
the lower orders, the uniform distribution below the unigrams. For a context h and a token w,

    p(w | h) = (c(hw) - D(c(hw))) / C(h) + gamma(h) p(w | h'),    gamma(h) = 1 - sum over w of the first term,

where c is the adjusted count, C(h) the sum of the adjusted counts after h, and h' is h without its first
word; after a context that was not seen, or was pruned from the data, p(w | h) = p(w | h').
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORDER = 4
"""The longest n-gram counted: a context of three tokens and the token after it."""

PARAGRAPH = "\n"
"""The token that ends a paragraph. It also stands for whatever precedes a paragraph's first token."""

UNKNOWN = 0
"""The number of the context key that all unknown words share."""

_TYPOGRAPHY = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "`": "'", "—": "--", "–": "--", "…": "...", "\r": "\n"}
)
_SPACES = re.compile(r"[^\S\n]+")
_ELLIPSIS = re.compile(r"\.(?: ?\.){2,}")
_DASH = re.compile(r" ?-{2,}| -(?=\s)")
_DASH_BEFORE_WORD = re.compile(r"--(?=[\"'(]*[\w$])")
_LINE_BREAKS = re.compile(r" ?\n[\n ]*")
_TOKEN = re.compile(
    r"""
      (?<=[^\W\d_]) '[sS] (?![^\W_])                               # the possessive, a token of its own
    | [ ]? [^\W\d_]+ (?: '(?![sS](?![^\W_])) [^\W\d_]+ )*          # a word, with its inner apostrophes
    | [ ]? \d+
    | [ ]? (?: -- | \.\.\. | [^\s] )                               # punctuation, and whatever else is visible
    | \n
    """,
    re.VERBOSE,
)


def normalise(text: str) -> str:
    """Return ``text`` in the typography the model was counted in.

    Quotation marks are straight, a dash is ``--`` with spaces around it, an ellipsis is three full stops, a
    run of spaces is one space and a run of line breaks one line break.
    """
    # spaces come first: the other patterns take time quadratic in a run of them
    text = _SPACES.sub(" ", text.translate(_TYPOGRAPHY))
    text = _DASH_BEFORE_WORD.sub("-- ", _DASH.sub(" --", _ELLIPSIS.sub("...", text)))
    return _LINE_BREAKS.sub("\n", text)


def tokenize(text: str) -> list[str]:
    """Split ``text`` into tokens, each written as it would be appended to the text before it.

    A word, number or mark that follows a space carries that space (``" lazy"``); one that follows no space
    carries none (``","``, or the first word of a paragraph or a quotation). A line break is the token
    ``PARAGRAPH``. Joined, the tokens are the normalised text, less a space at its end.
    """
    return _TOKEN.findall(normalise(text))


def context_key(token: str) -> str:
    """Return what the model remembers of ``token`` once it stands in the context: neither case nor spacing.

    ``"Once"``, ``" once"`` and ``" ONCE"`` are followed by the same tokens, so they share their counts.
    Quotation marks keep their spacing, which alone tells opening from closing.
    """
    return token if token in (' "', " '") else token.lstrip(" ").lower()


def last_tokens(text: str, count: int) -> list[str]:
    """Return the last ``count`` tokens of ``text`` (fewer if it has fewer), reading only its end."""
    size = 256
    while True:
        tokens = tokenize(text[-size:])
        # the cut may fall inside a word, a dash or an ellipsis, which spoils the first two tokens at most
        if size >= len(text) or len(tokens) >= count + 2:
            return tokens[-count:]
        size *= 4


def context_codes(contexts: NDArray[Any], keys: int) -> NDArray[np.int64]:
    """Return one integer for each context, in the contexts' lexicographic order.

    Args:
        contexts: shape ``(contexts, length)``; numbers of context keys, each below ``keys``.
        keys: how many different context keys there are.
    """
    codes = np.zeros(len(contexts), dtype=np.int64)
    for column in contexts.T:
        codes = codes * keys + column
    return codes


def context_numbers(vocabulary: Iterable[str]) -> dict[str, int]:
    """Number the vocabulary's context keys from 1, in order of appearance; 0 is left for unknown words."""
    numbers: dict[str, int] = {}
    for token in vocabulary:
        numbers.setdefault(context_key(token), len(numbers) + 1)
    return numbers


@dataclass(frozen=True, eq=False)
class _Order:
    """The n-grams of one length above 1, grouped by context.

    ``codes``: the contexts as integers, ascending, shape ``(contexts,)``; ``totals``: C(h) of each;
    ``starts``: where each one's n-grams begin, shape ``(contexts + 1,)``; ``tokens`` and ``counts``: each
    n-gram's last token and adjusted count; ``discounts``: D(0), D(1), D(2) and D(3 and more).
    """

    codes: NDArray[np.int64]
    totals: NDArray[np.unsignedinteger]
    starts: NDArray[np.int64]
    tokens: NDArray[np.unsignedinteger]
    counts: NDArray[np.unsignedinteger]
    discounts: NDArray[np.float64]

    def refine(self, code: int, probabilities: NDArray[np.float64]) -> None:
        """Turn the next shorter context's distribution, in place, into that of the context ``code``."""
        row = int(np.searchsorted(self.codes, code))
        if row == len(self.codes) or self.codes[row] != code:
            return
        span = slice(self.starts[row], self.starts[row + 1])
        discounted = _discounted(self.counts[span], self.discounts) / float(self.totals[row])
        probabilities *= 1.0 - discounted.sum()
        probabilities[self.tokens[span]] += discounted


@dataclass(frozen=True, eq=False)
class NGramModel:
    """A language model over whole words; immutable, so any number of threads may ask it.

    ``vocabulary``: every token the model can predict, each written as it would be appended to a text.
    """

    vocabulary: tuple[str, ...]
    _numbers: Mapping[str, int]
    _unigrams: NDArray[np.float64]
    _orders: tuple[_Order, ...]

    @classmethod
    def load(cls, source: Traversable | None = None) -> NGramModel:
        """Read a model: the one in the package, or the file that ``tools/build_bundled_model.py`` wrote.

        Raises:
            OSError: the file is missing or cannot be read.
            ValueError: it holds pickled objects, which are never loaded.
        """
        source = source or files("softmax_visualizer") / "models" / "data" / "ngram.npz"
        with source.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            vocabulary = tuple(arrays["vocabulary"].tobytes().decode().split("\0"))
            numbers = context_numbers(vocabulary)
            discounts = arrays["discounts"]
            counts = arrays["counts_1"]
            unigrams = _discounted(counts, discounts[0]) / float(counts.sum())
            unigrams += (1.0 - unigrams.sum()) / len(vocabulary)
            orders = tuple(
                _Order(
                    codes=context_codes(arrays[f"contexts_{n}"], len(numbers) + 1),
                    totals=arrays[f"totals_{n}"],
                    starts=np.concatenate(([0], np.cumsum(arrays[f"followers_{n}"], dtype=np.int64))),
                    tokens=arrays[f"tokens_{n}"],
                    counts=arrays[f"counts_{n}"],
                    discounts=discounts[n - 1],
                )
                for n in range(2, ORDER + 1)
            )
        return cls(vocabulary, numbers, unigrams, orders)

    def logprobs(self, prompt: str, after: Sequence[str] = ()) -> NDArray[np.float64]:
        """Return the log-probability of every token to come after ``prompt``, which may be any text.

        ``after``: tokens that stand between. Only the last three tokens count, and only those after its
        last line break. A word the model does not know counts as *some* unknown word; spaces at the end
        count for nothing.

        Returns:
            shape ``(vocabulary,)``, in the vocabulary's order; natural logarithms, all finite, of
            probabilities that sum to 1.
        """
        return self.logprobs_after([*last_tokens(prompt, ORDER - 1), *after][1 - ORDER :])

    def unknown(self, prompt: str) -> tuple[str, ...]:
        """Return the words and marks of a prompt that the model has never seen, each once."""
        unknown = (token for token in tokenize(prompt) if context_key(token) not in self._numbers)
        return tuple(dict.fromkeys(token.strip() for token in unknown))

    def logprobs_after(self, tokens: Sequence[str]) -> NDArray[np.float64]:
        """Return what :meth:`logprobs` does, for a text that :func:`tokenize` has split.

        Fewer than three tokens are the beginning of a paragraph.
        """
        context = self._context(tokens)
        probabilities = self._unigrams.copy()
        for length, order in enumerate(self._orders[: len(context)], start=1):
            code = context_codes(context[-length:][np.newaxis], len(self._numbers) + 1)
            order.refine(int(code[0]), probabilities)
        return np.log(probabilities)

    def _context(self, tokens: Sequence[str]) -> NDArray[np.int64]:
        keys = [context_key(token) for token in (PARAGRAPH, *tokens)[1 - ORDER :]]
        for position in range(len(keys) - 1, 0, -1):
            if keys[position] == PARAGRAPH:
                keys = keys[position:]
                break
        return np.array([self._numbers.get(key, UNKNOWN) for key in keys], dtype=np.int64)


def _discounted(counts: NDArray[Any], discounts: NDArray[np.float64]) -> NDArray[np.float64]:
    difference: NDArray[np.float64] = counts - discounts[np.minimum(counts, 3)]
    return difference
