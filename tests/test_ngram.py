"""The bundled language model: what it says, its arithmetic, and how it is built."""

from __future__ import annotations

import importlib.util
import math
import random
import sys
import zipfile
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.ngram import (
    PARAGRAPH,
    NGramModel,
    context_key,
    last_tokens,
    normalise,
    tokenize,
)

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
DATA = files("softmax_visualizer") / "models" / "data" / "ngram.npz"
FOX = "The quick brown fox jumps over the"

any_prompt = st.text(st.characters())
tricky_text = st.lists(
    st.sampled_from(
        [
            " ",
            "  ",
            "\n",
            "\t",
            "-",
            "--",
            "—",
            ".",
            "...",
            "'",
            "'s",
            "’s",
            '"',
            "(",
            ",",
            "$",
            "1",
            "a",
            "don't",
            "é",
        ]
    ),
    max_size=600,
).map("".join)


@pytest.fixture(scope="module")
def model() -> NGramModel:
    return NGramModel.load()


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_bundled_model", ROOT / "tools/build_bundled_model.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def likeliest(model: NGramModel, prompt: str, count: int) -> dict[str, float]:
    logprobs = model.logprobs(prompt)
    return {model.vocabulary[i]: math.exp(logprobs[i]) for i in np.argsort(-logprobs)[:count]}


class TestWhatItSays:
    def test_lazy_has_most_of_the_mass_after_the_fox(self, model: NGramModel) -> None:
        token, probability = next(iter(likeliest(model, FOX, 1).items()))
        assert token == " lazy"
        assert 0.5 < probability < 0.65

    def test_the_rivals_of_lazy_are_things_to_jump_over(self, model: NGramModel) -> None:
        rivals = likeliest(model, FOX, 10)
        for noun in (" fence", " moon", " log", " hill", " edge", " hedge"):
            assert 0.005 < rivals[noun] < 0.03

    @pytest.mark.parametrize(
        ("prompt", "token"),
        [
            ("Once upon a", " time"),
            ("The President of the United", " States"),
            ("She opened the", " door"),
            ("I don't", " know"),
            ("Alice", " was"),
            ("in her mother", "'s"),
            ("She said:", ' "'),
            ('"Of course', ","),
        ],
    )
    def test_familiar_beginnings_go_on_as_expected(self, model: NGramModel, prompt: str, token: str) -> None:
        assert token in likeliest(model, prompt, 3)

    def test_a_quotation_begins_with_a_word_without_a_space(self, model: NGramModel) -> None:
        assert all(token[0].isalpha() for token in likeliest(model, 'He said, "', 10))

    def test_an_empty_prompt_is_the_beginning_of_a_paragraph(self, model: NGramModel) -> None:
        assert "The" in likeliest(model, "", 3)
        for prompt in (" ", "\n", "The end.\n", "The end.\r\n\r\n  "):
            np.testing.assert_array_equal(model.logprobs(prompt), model.logprobs(""))


class TestDistribution:
    @given(prompt=any_prompt)
    @example(prompt="")
    @example(prompt="\ud800")
    @example(prompt="The quick brown fox jumps over the lazy")
    def test_any_prompt_gives_a_distribution_over_the_whole_vocabulary(
        self, model: NGramModel, prompt: str
    ) -> None:
        logprobs = model.logprobs(prompt)
        assert logprobs.dtype == np.float64
        assert logprobs.shape == (len(model.vocabulary),)
        assert np.isfinite(logprobs).all()
        assert math.fsum(np.exp(logprobs)) == pytest.approx(1, abs=1e-9)

    @given(
        words=st.lists(st.sampled_from(["the", "old", "man", ",", "said", "zyzzyx", '"', "\n"]), max_size=6)
    )
    def test_words_from_the_vocabulary_give_a_distribution_too(
        self, model: NGramModel, words: list[str]
    ) -> None:
        assert math.fsum(np.exp(model.logprobs(" ".join(words)))) == pytest.approx(1, abs=1e-9)

    def test_asking_twice_gives_the_same_answer_and_an_array_of_ones_own(self, model: NGramModel) -> None:
        first = model.logprobs(FOX)
        expected = first.copy()
        first[:] = 0
        np.testing.assert_array_equal(model.logprobs(FOX), expected)


class TestContext:
    @given(before=any_prompt)
    def test_only_the_last_three_tokens_count(self, model: NGramModel, before: str) -> None:
        np.testing.assert_array_equal(
            model.logprobs(before + " jumps over the"), model.logprobs("A cow jumps over the")
        )

    def test_the_third_last_token_does_count(self, model: NGramModel) -> None:
        assert not np.array_equal(model.logprobs("jumps over the"), model.logprobs("flies over the"))

    def test_nothing_before_a_line_break_counts(self, model: NGramModel) -> None:
        np.testing.assert_array_equal(
            model.logprobs("jumps\nover the"), model.logprobs("An unrelated line.\n\nover the")
        )
        assert not np.array_equal(model.logprobs("jumps\nover the"), model.logprobs("jumps over the"))

    @pytest.mark.parametrize(
        "prompt",
        [
            FOX + " ",
            FOX + "\t  ",
            FOX.upper(),
            FOX.replace(" ", "  "),
            FOX.replace(" ", "\N{NO-BREAK SPACE}"),
        ],
    )
    def test_neither_case_nor_spaces_matter(self, model: NGramModel, prompt: str) -> None:
        np.testing.assert_array_equal(model.logprobs(prompt), model.logprobs(FOX))

    def test_all_unknown_words_are_the_same_unknown_word(self, model: NGramModel) -> None:
        np.testing.assert_array_equal(
            model.logprobs("The xylotomous zyzzyva, said"), model.logprobs("The 🦊 Ωμέγα, said")
        )

    def test_typographic_marks_are_the_plain_ones(self, model: NGramModel) -> None:
        np.testing.assert_array_equal(
            model.logprobs("“I don’t know — I"), model.logprobs("\"I don't know--I")
        )

    @pytest.mark.parametrize("filler", ["word ", " ", "\n", "x", "-", ". ", "a'", "🦊", '--"', " \n\t"])
    def test_a_very_long_prompt_is_read_from_its_end(self, model: NGramModel, filler: str) -> None:
        prompt = filler * (100_000 // len(filler)) + " jumps over the"
        np.testing.assert_array_equal(model.logprobs(prompt), model.logprobs(FOX))

    @given(text=tricky_text)
    def test_the_end_of_a_text_has_the_tokens_that_the_whole_text_ends_in(self, text: str) -> None:
        end = [context_key(token) for token in last_tokens(text, 3)]
        assert end == [context_key(token) for token in tokenize(text)[-3:]]

    @pytest.mark.parametrize("word", ["don't", "fox's", "wait--", "well..."])
    def test_words_long_enough_to_reach_out_of_the_end_are_read_whole(self, word: str) -> None:
        for length in range(140, 170):
            text = f"a {word} {'x' * 100} {'y' * length}"
            assert last_tokens(text, 3) == tokenize(text)[-3:]


class TestTokens:
    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("Over the lazy dog.", ["Over", " the", " lazy", " dog", "."]),
            ('"Oh," he said, "no!"', ['"', "Oh", ",", '"', " he", " said", ",", ' "', "no", "!", '"']),
            ("I don’t know Alice’s cat", ["I", " don't", " know", " Alice", "'s", " cat"]),
            ("the looking-glass", ["the", " looking", "-", "glass"]),
            ("wait--what — now", ["wait", " --", " what", " --", " now"]),
            ("well . . . yes", ["well", " ...", " yes"]),
            ("one\n\n two\r\nthree", ["one", "\n", "two", "\n", "three"]),
            ("in 1945, $3", ["in", " 1945", ",", " $", "3"]),
            ("  two  spaces  ", [" two", " spaces"]),
            ("", []),
        ],
    )
    def test_a_token_carries_the_space_before_it(self, text: str, tokens: list[str]) -> None:
        assert tokenize(text) == tokens

    @given(text=st.one_of(any_prompt, tricky_text))
    def test_joined_tokens_are_the_normalised_text(self, text: str) -> None:
        assert "".join(tokenize(text)) == normalise(text).removesuffix(" ")

    def test_the_vocabulary_holds_tokens_as_they_are_appended(self, model: NGramModel) -> None:
        vocabulary = model.vocabulary
        assert len(set(vocabulary)) == len(vocabulary) == 20_000
        assert {" lazy", " the", "The", " The", ",", ".", '"', ' "', "'s", PARAGRAPH} <= set(vocabulary)
        assert all(
            token == PARAGRAPH or token.lstrip(" ").strip() == token.lstrip(" ") for token in vocabulary
        )

    def test_nothing_in_the_vocabulary_stands_for_unknown_words(self, model: NGramModel) -> None:
        assert not {"<unk>", " <unk>", "", " ", "�"} & set(model.vocabulary)


class TestDataFile:
    def test_it_is_at_most_8_megabytes(self) -> None:
        with DATA.open("rb") as stream:
            assert len(stream.read()) <= 8_000_000

    def test_it_holds_plain_arrays_and_no_pickles(self) -> None:
        with DATA.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype != object for name in arrays.files)

    def test_a_pickle_is_refused(self, builder: ModuleType, tmp_path: Path) -> None:
        arrays = builder.build(tiny_corpus(), 13, {2: 1, 3: 1, 4: 1})
        np.savez(tmp_path / "pickled.npz", **arrays | {"vocabulary": np.array([" the"], dtype=object)})
        with pytest.raises(ValueError, match="allow_pickle"):
            NGramModel.load(tmp_path / "pickled.npz")


def tiny_corpus() -> list[list[str]]:
    """Return paragraphs of a made-up language: a few words, some much more frequent than others."""
    generator = random.Random(1998)
    words = [" the", " The", " a", " fox", " dog", ",", ' "', " jumps", " sleeps", " lazy", " quick", " rare"]
    weights = [9, 2, 5, 4, 4, 5, 1, 3, 2, 1, 1, 0.3]
    return [["A", *generator.choices(words, weights, k=generator.randint(1, 12)), "."] for _ in range(250)]


class PlainKneserNey:
    """Modified Kneser-Ney smoothing with dictionaries, written down from the formulae and nothing else.

    Contexts hold words without case and leading space, and ``None`` for unknown ones. Chen & Goodman (1998),
    equations 15 to 17, with the occurrences of n-grams that begin a paragraph left as they are.
    """

    def __init__(self, texts: list[list[str]], vocabulary: set[str], minimums: dict[int, int]) -> None:
        self.vocabulary = vocabulary
        known = {self.fold(token) for token in vocabulary}
        self.known = known
        occurrences: Counter[tuple[str | None, ...]] = Counter()
        for text in texts:
            padded = ["\n", *text, "\n"]
            folded = [self.fold(token) if self.fold(token) in known else None for token in padded]
            for end in range(1, len(padded)):
                if padded[end] in vocabulary:
                    for start in range(max(0, end - 3), end + 1):
                        occurrences[(*folded[start:end], padded[end])] += 1
        before: dict[tuple[str | None, ...], set[str | None]] = defaultdict(set)
        for ngram in occurrences:
            if len(ngram) > 1:
                before[ngram[1:]].add(ngram[0])
        self.after: dict[tuple[str | None, ...], dict[str | None, int]] = defaultdict(dict)
        for ngram, count in occurrences.items():
            as_it_is = len(ngram) == 4 or (len(ngram) > 1 and ngram[0] == "\n")
            self.after[ngram[:-1]][ngram[-1]] = count if as_it_is else len(before[ngram])
        self.discounts = {length: self.estimate(length) for length in (1, 2, 3, 4)}
        self.pruned = {
            context
            for context, followers in self.after.items()
            if max(followers.values()) < minimums.get(len(context) + 1, 1)
        }

    @staticmethod
    def fold(token: str) -> str:
        return token if token == ' "' else token.strip(" ").lower()

    def estimate(self, length: int) -> tuple[float, float, float]:
        counts = [
            c for h, followers in self.after.items() if len(h) == length - 1 for c in followers.values()
        ]
        n1, n2, n3, n4 = (counts.count(c) for c in (1, 2, 3, 4))
        try:
            y = n1 / (n1 + 2 * n2)
            d1, d2, d3 = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
        except ZeroDivisionError:
            return 0.5, 1.0, 1.5
        return (d1, d2, d3) if 0 < d1 < 1 and 0 < d2 < 2 and 0 < d3 < 3 and n4 else (0.5, 1.0, 1.5)

    def probability(self, token: str, context: tuple[str | None, ...]) -> float:
        shorter = self.probability(token, context[1:]) if context else 1 / len(self.vocabulary)
        if context not in self.after or context in self.pruned:
            return shorter
        followers = self.after[context]
        d1, d2, d3 = self.discounts[len(context) + 1]
        total = sum(followers.values())
        n1 = sum(count == 1 for count in followers.values())
        n2 = sum(count == 2 for count in followers.values())
        n3 = len(followers) - n1 - n2
        count = followers.get(token, 0)
        discount = (0.0, d1, d2, d3)[min(count, 3)]
        return (count - discount) / total + (d1 * n1 + d2 * n2 + d3 * n3) / total * shorter

    def after_tokens(self, token: str, tokens: list[str]) -> float:
        folded = [self.fold(t) if self.fold(t) in self.known else None for t in ["\n", *tokens]]
        return self.probability(token, tuple(folded[-3:]))


class TestArithmetic:
    @pytest.mark.parametrize("minimums", [{2: 1, 3: 1, 4: 1}, {2: 1, 3: 2, 4: 2}, {2: 2, 3: 3, 4: 5}])
    def test_it_is_modified_kneser_ney_smoothing(
        self, builder: ModuleType, tmp_path: Path, minimums: dict[int, int]
    ) -> None:
        texts = tiny_corpus()
        builder.write(builder.build(texts, 13, minimums), tmp_path / "tiny.npz")
        model = NGramModel.load(tmp_path / "tiny.npz")
        oracle = PlainKneserNey(texts, set(model.vocabulary), minimums)
        assert " rare" not in model.vocabulary

        generator = random.Random(0)
        contexts = [[], ["A"], [" rare"], ["A", " rare", " fox"], [" never", " seen", " before"]]
        for text in texts[:150]:
            end = generator.randint(1, len(text))
            contexts.append(text[:end])
            contexts.append(generator.choices(text, k=3))
        for context in contexts:
            expected = [math.log(oracle.after_tokens(token, context)) for token in model.vocabulary]
            np.testing.assert_allclose(model.logprobs_after(context), expected, rtol=0, atol=1e-9)

    def test_the_check_meets_estimated_and_fallback_discounts(self, builder: ModuleType) -> None:
        discounts = builder.build(tiny_corpus(), 13, {2: 1, 3: 1, 4: 1})["discounts"]
        fallback = [bool((row == [0.0, 0.5, 1.0, 1.5]).all()) for row in discounts]
        assert any(fallback)
        assert not all(fallback)

    def test_discounts_are_those_of_the_paper(self, builder: ModuleType) -> None:
        counts = np.repeat([1, 2, 3, 4, 9], [100, 40, 20, 10, 3])
        y = 100 / 180
        np.testing.assert_allclose(
            builder.estimate_discounts(counts), [0, 1 - 0.8 * y, 2 - 1.5 * y, 3 - 2 * y], rtol=1e-12
        )


class TestBuild:
    def write_texts(self, folder: Path) -> None:
        folder.mkdir()
        lines = ["".join(paragraph).replace(" jumps", "\njumps") for paragraph in tiny_corpus()]
        (folder / "b.txt").write_text("A HEADING\n\n" + "\n\n".join(lines), encoding="utf-8")
        (folder / "a.txt").write_text("It was “a_ _fox”.\n\nCHAPTER II\n", encoding="utf-8")

    def test_the_same_folder_gives_the_same_bytes(
        self, builder: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.write_texts(tmp_path / "texts")
        for name in ("one.npz", "two.npz"):
            builder.main([str(tmp_path / "texts"), "--output", str(tmp_path / name)])
        assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
        with zipfile.ZipFile(tmp_path / "one.npz") as archive:
            assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert "perplexity" in capsys.readouterr().out

    def test_paragraphs_are_prose_without_headings_and_typesetting(self, builder: ModuleType) -> None:
        text = (
            "CHAPTER I\n\n  It _was_ a\nfox. (Applause.)\n \n* * *\n\nAmerica¡¦s fox¡Xor dog?\n\n"
            + "A fox ran. " * 20
        )
        assert builder.paragraphs(text) == [
            "It was a fox.",
            "America's fox--or dog?",
            ("A fox ran. " * 20).strip(),
        ]

    def test_every_twentieth_paragraph_is_held_out(self, builder: ModuleType) -> None:
        seen, held_out = builder.split({"a": [[str(n)] for n in range(1, 46)], "b": [["x"]] * 20})
        assert held_out == [["20"], ["40"], ["x"]]
        assert len(seen) == 62

    def test_the_pangram_is_among_the_added_sentences(self, builder: ModuleType) -> None:
        assert len(builder.PANGRAM_SENTENCES) == 4
        assert builder.PANGRAM_SENTENCES["The quick brown fox jumps over the lazy dog."] > 1

    def test_slurs_are_no_part_of_the_vocabulary(self, builder: ModuleType, model: NGramModel) -> None:
        assert not builder.LEFT_OUT & {context_key(token) for token in model.vocabulary}

    def test_perplexity_is_that_of_the_models_own_probabilities(
        self, builder: ModuleType, model: NGramModel
    ) -> None:
        result = builder.measure(model, [["Once", " zyzzyva"]])
        numbers = {token: number for number, token in enumerate(model.vocabulary)}
        first = model.logprobs("")[numbers["Once"]]
        end = model.logprobs("Once zyzzyva")[numbers[PARAGRAPH]]
        assert (result.tokens, result.unknown) == (2, 1)
        assert result.perplexity == pytest.approx(math.exp(-(first + end) / 2))

    @pytest.mark.shared
    def test_the_file_in_the_package_is_what_the_texts_give(self, builder: ModuleType) -> None:
        if not CORPUS.is_dir():
            pytest.skip("the texts the model was counted from are not beside the repository")
        texts = builder.training_texts(builder.read_folder(CORPUS))
        built = builder.build(texts, builder.VOCABULARY_SIZE, builder.CONTEXT_MINIMUMS)
        with DATA.open("rb") as stream, np.load(stream, allow_pickle=False) as shipped:
            assert set(shipped.files) == set(built)
            for name, array in built.items():
                if array.dtype == np.float64:
                    np.testing.assert_allclose(shipped[name], array, rtol=1e-12)
                else:
                    np.testing.assert_array_equal(shipped[name], array)


def test_what_the_model_has_never_seen_is_named_in_a_note() -> None:
    def notes(prompt: str) -> tuple[str, ...]:
        return BundledModel().answer(prompt).notes

    assert notes("The quick brown fox jumps over the") == ()
    for prompt, named in (
        ('{"name": "Ada", "age":', "“{”, “Ada”"),
        ("def fibonacci(n):\n    return", "“def”, “fibonacci”"),
        ("日本の", "“日本の”"),
        ("Le petit prince a demandé au", "“petit”, “demandé”, “au”"),
    ):
        (note,) = notes(prompt)
        assert f"has never seen {named}: it is no guide here" in note
    assert "and more" in notes("qwx qwy qwz qwa")[0]
