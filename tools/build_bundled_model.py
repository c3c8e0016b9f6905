"""Count the bundled language model from a folder of plain-text files.

    python tools/build_bundled_model.py FOLDER [--output FILE]

First every twentieth paragraph of each file is held out, a model is built from the rest, and its perplexity
on the held-out paragraphs is printed. Then the model that ships is built, with the same settings, from
everything. The same texts give the same file, byte for byte (with the same release of zlib).
"""

from __future__ import annotations

import argparse
import io
import math
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmax_visualizer.models.ngram import (
    ORDER,
    PARAGRAPH,
    UNKNOWN,
    NGramModel,
    context_codes,
    context_key,
    context_numbers,
    tokenize,
)

DEFAULT_OUTPUT = Path(__file__).parents[1] / "src" / "softmax_visualizer" / "models" / "data" / "ngram.npz"

PANGRAM_SENTENCES: Mapping[str, int] = {
    "The quick brown fox jumps over the lazy dog.": 7,
    "The quick brown fox jumps over the fence.": 1,
    "The quick brown fox jumps over the log.": 1,
    "The quick brown fox jumps over the moon.": 1,
}
"""Sentences added to the texts, each a paragraph of its own, and how often: the program's first prompt is the
beginning of the pangram, and no novel contains it."""

VOCABULARY_SIZE = 20_000

CONTEXT_MINIMUMS: Mapping[int, int] = {2: 1, 3: 2, 4: 2}
"""For n-grams of each length, the adjusted count that one of a context's n-grams must reach for the context
to be kept. A context is kept or pruned as a whole: most are seen once, say next to nothing, and would fill
most of the file."""

LEFT_OUT = frozenset({"nigger", "niggers", "injun", "injuns", "coon", "coons", "chinks", "faggot", "faggots"})
"""Slurs, by context key. The old texts have them; the vocabulary does not, so that no screen shows them."""

HELD_OUT_EVERY = 20

Texts = Sequence[Sequence[str]]
"""Paragraphs, each a sequence of tokens."""

# some transcripts hold punctuation in Big5, a Chinese encoding, that was read as Latin-1
_MOJIBAKE = {"¡¦": "'", "¡§": '"', "¡¨": '"', "¡X": "--", "¡K": "...", "¡@": ""}
_STAGE_DIRECTION = re.compile(r"\((?:Applause|Laughter|Laughter and applause)\.?\)")
_TYPESETTING = re.compile(r"[_*|]")
# headings and tables of contents are capitals, or end in no punctuation
_PROSE = re.compile(r"\b[a-z].*[.!?:;,\"”'’)—-]$", re.DOTALL)
_LONGEST_WRAPPED_LINE = 120


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of prose in ``text``, each on one line, without headings and typesetting marks.

    Lines are joined up to the next blank line, unless they are so long that each is a paragraph.
    """
    for wrong, right in _MOJIBAKE.items():
        text = text.replace(wrong, right)
    text = _TYPESETTING.sub("", _STAGE_DIRECTION.sub("", text))
    found: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        lines = [" ".join(line.split()) for line in block.splitlines()]
        wrapped = all(len(line) <= _LONGEST_WRAPPED_LINE for line in lines)
        found.extend([" ".join(lines).strip()] if wrapped else lines)
    return [paragraph for paragraph in found if _PROSE.search(paragraph)]


def read_folder(folder: Path) -> dict[str, Texts]:
    """Return each text file's paragraphs as tokens, by file name, in the order of the names."""
    return {
        path.name: [tokenize(paragraph) for paragraph in paragraphs(path.read_text(encoding="utf-8"))]
        for path in sorted(folder.glob("*.txt"))
    }


def split(files: Mapping[str, Texts]) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    """Return the paragraphs to count and the paragraphs held out, every twentieth of each file."""
    seen: list[Sequence[str]] = []
    held_out: list[Sequence[str]] = []
    for texts in files.values():
        for number, paragraph in enumerate(texts, start=1):
            (seen if number % HELD_OUT_EVERY else held_out).append(paragraph)
    return seen, held_out


def training_texts(files: Mapping[str, Texts]) -> list[Sequence[str]]:
    """Return everything the shipped model is counted from: all paragraphs, and the added sentences."""
    return [paragraph for texts in files.values() for paragraph in texts] + pangram_paragraphs()


def pangram_paragraphs() -> list[Sequence[str]]:
    """Return the added sentences as tokens, as often as each is added."""
    return [tokenize(text) for text, times in PANGRAM_SENTENCES.items() for _ in range(times)]


def choose_vocabulary(texts: Texts, size: int) -> tuple[str, ...]:
    """Return the ``size`` most frequent tokens, the end of a paragraph included; ties by code point."""
    counts = Counter(token for paragraph in texts for token in paragraph)
    counts[PARAGRAPH] = len(texts)
    offered = (token for token in counts if context_key(token) not in LEFT_OUT)
    return tuple(sorted(offered, key=lambda token: (-counts[token], token))[:size])


def estimate_discounts(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return D(0), D(1), D(2) and D(3 and more) for n-grams with the given adjusted counts.

    The estimate is that of Chen and Goodman (1998), equation 17. Where too few n-grams give a discount
    outside (0, count), all three fall back to 0.5, 1 and 1.5, as in KenLM (Heafield et al. 2013).
    """
    n = [int((counts == count).sum()) for count in range(1, 5)]
    if all(n):
        y = n[0] / (n[0] + 2 * n[1])
        estimates = [count - (count + 1) * y * n[count] / n[count - 1] for count in (1, 2, 3)]
        if all(0 < estimate < count for count, estimate in enumerate(estimates, start=1)):
            return np.array([0.0, *estimates])
    return np.array([0.0, 0.5, 1.0, 1.5])


@dataclass(frozen=True, eq=False)
class NGrams:
    """The n-grams of one length: ``words``, shape ``(n-grams, length)``, and their adjusted ``counts``.

    The last column holds tokens of the vocabulary, the others context keys; rows are in ascending order.
    """

    words: NDArray[np.int64]
    counts: NDArray[np.int64]


def count_ngrams(texts: Texts, vocabulary: Sequence[str]) -> list[NGrams]:
    """Return the n-grams of lengths 1 to 4 with the counts of Kneser-Ney smoothing.

    The longest n-grams, and those that begin a paragraph, have their number of occurrences; all others the
    number of different words before them. N-grams that end in a word outside the vocabulary are not counted:
    the model is that of the next token given that it is in the vocabulary.
    """
    tokens = {token: number for number, token in enumerate(vocabulary)}
    numbers = context_numbers(vocabulary)
    stream = [token for paragraph in texts for token in (PARAGRAPH, *paragraph, PARAGRAPH)]
    targets = np.array([tokens.get(token, -1) for token in stream])
    keys = np.array([numbers.get(context_key(token), UNKNOWN) for token in stream])
    positions = np.concatenate([np.arange(len(paragraph) + 2) for paragraph in texts])

    longest_first: list[NGrams] = []
    for length in range(ORDER, 0, -1):
        starts = np.flatnonzero((positions >= length - 1) & (positions > 0) & (targets >= 0)) - (length - 1)
        columns = [keys[starts + offset] for offset in range(length - 1)]
        words = np.stack([*columns, targets[starts + length - 1]], axis=1)
        if longest_first:
            # one occurrence for each different n-gram that is one word longer
            opens_paragraph = words[positions[starts] == 0]
            words = np.concatenate([opens_paragraph, longest_first[-1].words[:, 1:]])
        longest_first.append(_tally(words, max(len(numbers) + 1, len(vocabulary))))
    return longest_first[::-1]


def _tally(words: NDArray[np.int64], base: int) -> NGrams:
    if base**ORDER > 2**63:
        raise ValueError(f"{base:,} words are too many: four of them do not fit into 64 bits.")
    codes, counts = np.unique(context_codes(words, base), return_counts=True)
    unpacked = [codes // base**power % base for power in range(words.shape[1] - 1, -1, -1)]
    return NGrams(np.stack(unpacked, axis=1), counts)


def build(texts: Texts, vocabulary_size: int, context_minimums: Mapping[int, int]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a model, as ``NGramModel.load`` reads them.

    Discounts and continuation counts are those of all n-grams; pruning comes last. It leaves every
    distribution normalised: after a pruned context the model has that of the next shorter one.

    Args:
        texts: paragraphs, at least one of them with two tokens or more.
        vocabulary_size: the most tokens to predict, at most 55,000.
        context_minimums: see ``CONTEXT_MINIMUMS``.

    Raises:
        ValueError: the vocabulary is so large that four words do not fit into 64 bits.
    """
    vocabulary = choose_vocabulary(texts, vocabulary_size)
    orders = count_ngrams(texts, vocabulary)
    base = len(context_numbers(vocabulary)) + 1
    unigrams = np.zeros(len(vocabulary), dtype=np.int64)
    unigrams[orders[0].words[:, 0]] = orders[0].counts
    arrays: dict[str, NDArray[Any]] = {
        "vocabulary": np.frombuffer("\0".join(vocabulary).encode(), dtype=np.uint8),
        "discounts": np.stack([estimate_discounts(order.counts) for order in orders]),
        "counts_1": _compact(unigrams),
    }
    for length, order in enumerate(orders[1:], start=2):
        codes = context_codes(order.words[:, :-1], base)
        _, firsts, followers = np.unique(codes, return_index=True, return_counts=True)
        kept = np.maximum.reduceat(order.counts, firsts) >= context_minimums[length]
        kept_ngrams = np.repeat(kept, followers)
        arrays |= {
            f"contexts_{length}": _compact(order.words[firsts[kept], :-1]),
            f"totals_{length}": _compact(np.add.reduceat(order.counts, firsts)[kept]),
            f"followers_{length}": _compact(followers[kept]),
            f"tokens_{length}": _compact(order.words[kept_ngrams, -1]),
            f"counts_{length}": _compact(order.counts[kept_ngrams]),
        }
    return arrays


def _compact(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.min_scalar_type(values.max(initial=0)))


def write(arrays: dict[str, NDArray[Any]], output: Path) -> None:
    """Write the arrays as a compressed ``.npz`` whose bytes depend on nothing but the arrays."""
    with zipfile.ZipFile(output, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            # numpy.savez would do, but does not promise a fixed date
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(member, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


@dataclass(frozen=True)
class HeldOut:
    """How a model did on text it had not seen.

    ``tokens``: how many were scored; ``unknown``: how many were not, being outside the vocabulary;
    ``perplexity``: of the scored ones.
    """

    tokens: int
    unknown: int
    perplexity: float


def measure(model: NGramModel, texts: Texts) -> HeldOut:
    """Return the model's perplexity on paragraphs, the end of each included."""
    numbers = {token: number for number, token in enumerate(model.vocabulary)}
    logprobs: list[float] = []
    unknown = 0
    for paragraph in texts:
        tokens = [*paragraph, PARAGRAPH]
        for position, token in enumerate(tokens):
            if token in numbers:
                distribution = model.logprobs_after(tokens[:position])
                logprobs.append(float(distribution[numbers[token]]))
            else:
                unknown += 1
    return HeldOut(len(logprobs), unknown, math.exp(-math.fsum(logprobs) / len(logprobs)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure a model on held-out text, then write the one that ships."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="holds the texts: *.txt, UTF-8")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="the file to write")
    options = parser.parse_args(arguments)

    files = read_folder(options.folder)
    if not files:
        parser.error(f"There is no text (*.txt) in {options.folder}.")
    seen, held_out = split(files)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.npz"
        write(build([*seen, *pangram_paragraphs()], VOCABULARY_SIZE, CONTEXT_MINIMUMS), trial)
        result = measure(NGramModel.load(trial), held_out)
    print(
        f"held out: {len(held_out):,} of {len(seen) + len(held_out):,} paragraphs; "
        f"perplexity {result.perplexity:.1f} on {result.tokens:,} tokens, "
        f"{result.unknown:,} more ({result.unknown / (result.tokens + result.unknown):.1%}) "
        f"are not in the vocabulary"
    )

    texts = training_texts(files)
    arrays = build(texts, VOCABULARY_SIZE, CONTEXT_MINIMUMS)
    write(arrays, options.output)
    model = NGramModel.load(options.output)
    known = frozenset(model.vocabulary)
    tokens = [token for paragraph in texts for token in (*paragraph, PARAGRAPH)]
    print(
        f"counted: {len(files)} texts, {len(texts):,} paragraphs, {len(tokens):,} tokens, "
        f"{sum(token in known for token in tokens) / len(tokens):.1%} of them in the vocabulary"
    )
    rarest = Counter(tokens)[model.vocabulary[-1]]
    print(f"vocabulary: {len(model.vocabulary):,} tokens, the rarest seen {rarest} times")
    for order in count_ngrams(texts, model.vocabulary)[1:]:
        length = order.words.shape[1]
        contexts = len(np.unique(order.words[:, :-1], axis=0))
        print(
            f"{length}-grams: {len(order.counts):,} after {contexts:,} contexts; "
            f"kept {len(arrays[f'tokens_{length}']):,} after {len(arrays[f'contexts_{length}']):,}"
        )
    for length, discounts in enumerate(arrays["discounts"], start=1):
        print(f"discounts of {length}-grams:", ", ".join(f"{discount:.3f}" for discount in discounts[1:]))
    print(f"file: {options.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
