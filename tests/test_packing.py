"""A whole vocabulary in little room: what is packed comes back to the last bit, or is not packed at all."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import examples
from softmax_visualizer.decoding import Interval, Token, TokenDistribution
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.models.entries import json_line
from softmax_visualizer.models.packing import packed, vocabulary_of, vocabulary_record
from softmax_visualizer.models.recording_format import VERSION, first_line, line_of
from softmax_visualizer.models.replay import RecordedModel
from test_recording import assert_same, record

PROMPT = "The quick brown fox"
SPELLINGS = [
    Token(" lazy", b" lazy"), Token("\ufffd", b"\xf0\x9f"), Token("x"), Token("", b""), Token("\ud83d"),
    Token("\ud83d", b"\xf0\x9f"),
]  # fmt: skip
"""Tokens that are plain text, half a character, of unknown bytes, the end of a text, and no text at all."""


def served(logits: list[float]) -> TokenDistribution:
    """What a server that computes its softmax in float32 says of all its tokens, in no order."""
    values = np.array(logits, np.float32)
    values -= values.max()
    values -= np.log(np.exp(values).sum(dtype=np.float32))
    names = [SPELLINGS[at] if at < len(SPELLINGS) else Token(f" {at}") for at in range(len(values))]
    tokens = [token._replace(id=at) for at, token in enumerate(names)]
    order = np.argsort(values % np.float32(1), kind="stable")
    return TokenDistribution.from_top_logprobs(
        [tokens[at] for at in order], np.minimum(values[order], 0), len(tokens), mass_tolerance=1e-3
    )


def answers(*distributions: TokenDistribution) -> list[ModelAnswer]:
    return [
        ModelAnswer(f"{PROMPT} {at}", each, "a server's", "openai") for at, each in enumerate(distributions)
    ]


def vocabulary_line(distribution: TokenDistribution) -> bytes:
    return json_line({"vocabulary": vocabulary_record(distribution)})


def packed_line(answer: ModelAnswer, **changes: Any) -> bytes:
    """An answer's line with a packed distribution, some entries of which are changed."""
    vocabulary = vocabulary_of(vocabulary_record(answer.distribution))
    numbers = packed(answer.distribution, vocabulary)
    assert numbers is not None
    entry = json.loads(line_of(answer, "raw", str))
    kept = {
        name: value
        for name, value in entry["distribution"].items()
        if name not in ("tokens", "bytes", "ids", "logprobs")
    }
    changed = {**kept, **numbers, **changes}
    distribution = {name: value for name, value in changed.items() if value is not None}
    return json_line({**entry, "distribution": distribution})


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(first_line(VERSION) + b"".join(lines))
    return path


def replay(path: Path, prompt: str = f"{PROMPT} 0") -> TokenDistribution:
    return asyncio.run(RecordedModel.open(path).ask(prompt)).distribution


LOGITS = [3.0, 1.0, 1.0, -2.0, 1.0, 0.5, -9.0, 0.5]
logits = st.lists(
    st.one_of(st.floats(-60, 0, width=32), st.sampled_from([0.0, -1.0, -1.0, -2.5])), min_size=3, max_size=40
)


@examples(100)
@given(logits=logits)
def test_what_is_packed_is_the_same_as_what_is_listed_to_the_last_bit(
    logits: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("packed")
    (answer,) = answers(served(logits))
    listed = replay(record(folder / "listed", answer))
    path = write(folder / "packed", vocabulary_line(answer.distribution), packed_line(answer))
    assert_same(replay(path), listed)
    assert_same(listed, answer.distribution)


def test_tokens_that_are_as_likely_as_another_keep_their_order(tmp_path: Path) -> None:
    (answer,) = answers(served(LOGITS))
    swapped = list(answer.distribution.tokens)
    swapped[1:4] = swapped[3:0:-1]
    other = answer.distribution.with_tokens(swapped)
    assert other.logprobs[1] == other.logprobs[3]
    path = write(
        tmp_path / "r", vocabulary_line(other), *map(packed_line, answers(answer.distribution, other))
    )
    assert replay(path).tokens == answer.distribution.tokens
    assert replay(path, f"{PROMPT} 1").tokens == tuple(swapped)


def test_impossible_tokens_come_back_as_impossible(tmp_path: Path) -> None:
    tokens = [Token(f"{at}", id=at) for at in range(6)]
    values = np.log(np.array([0.5, 0.25, 0.25], np.float32)).tolist() + [-np.inf] * 3
    (answer,) = answers(TokenDistribution.from_top_logprobs(tokens[::-1], values, 6))
    assert answer.distribution.support == 3
    path = write(tmp_path / "r", vocabulary_line(answer.distribution), packed_line(answer))
    assert_same(replay(path), answer.distribution)


def test_what_would_not_come_back_to_the_last_bit_is_not_packed() -> None:
    whole = served(LOGITS)
    vocabulary = vocabulary_of(vocabulary_record(whole))
    assert packed(whole, vocabulary)
    doubles = TokenDistribution.from_logits(whole.tokens, [0.1 * at for at in range(len(whole))])
    tokens, logprobs, size = whole.tokens[:-1], whole.logprobs[:-1], len(whole)
    for other in (
        doubles,
        TokenDistribution.from_top_logprobs(tokens, logprobs, size),
        replace(whole, unseen_mass=Interval(0.0, 0.0, 1e-9)),
        whole.with_tokens([token._replace(text="y") for token in whole.tokens]),
        whole.with_tokens([token._replace(id=None) for token in whole.tokens]),
    ):
        assert packed(other, vocabulary) is None


def test_only_tokens_with_all_numbers_are_a_vocabulary() -> None:
    whole = served(LOGITS)
    for tokens in (
        [token._replace(id=None) for token in whole.tokens],
        [token._replace(id=token.id + 1) for token in whole.tokens if token.id is not None],
        [whole.tokens[0]] * len(whole),
    ):
        with pytest.raises(ValueError, match="no whole vocabulary"):
            vocabulary_record(whole.with_tokens(tokens))


def test_a_vocabulary_holds_for_all_answers_up_to_the_next_one(tmp_path: Path) -> None:
    first, second, third = answers(served(LOGITS), served([*LOGITS, 2.0]), served(LOGITS[::-1]))
    plain = line_of(replace(third, prompt="plain"), None, str)
    path = write(
        tmp_path / "r",
        vocabulary_line(first.distribution), packed_line(first), plain,
        vocabulary_line(second.distribution), packed_line(second),
        vocabulary_line(third.distribution), packed_line(third),
    )  # fmt: skip
    for answer in (first, second, third, replace(third, prompt="plain")):
        assert_same(replay(path, answer.prompt), answer.distribution)
    assert RecordedModel.open(path).prompts == (first.prompt, "plain", second.prompt, third.prompt)


def test_packed_answers_are_found_whatever_the_order_of_their_entries(tmp_path: Path) -> None:
    (answer,) = answers(served(LOGITS))
    entry = json.loads(packed_line(answer))
    line = json_line({name: entry[name] for name in reversed(entry)})
    assert_same(
        replay(write(tmp_path / "r", vocabulary_line(answer.distribution), line)), answer.distribution
    )


def test_a_program_that_knows_version_1_refuses_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (answer,) = answers(served(LOGITS))
    path = write(tmp_path / "r", vocabulary_line(answer.distribution), packed_line(answer))
    monkeypatch.setattr("softmax_visualizer.models.replay.VERSION", 1)
    with pytest.raises(ModelError, match="r was made by a newer version of this program"):
        RecordedModel.open(path)


def test_what_the_program_records_is_still_of_version_1_and_can_be_added(tmp_path: Path) -> None:
    first, second = answers(served(LOGITS), served(LOGITS[::-1]))
    path = record(tmp_path / "r", first)
    assert json.loads(path.read_bytes().splitlines()[0])["schema"] == "softmax-visualizer/recording/1"
    path = write(tmp_path / "packed", vocabulary_line(first.distribution), packed_line(first))
    record(path, second)
    assert_same(replay(path), first.distribution)
    assert_same(replay(path, second.prompt), second.distribution)


@pytest.mark.parametrize("ending", [b"", b'{"vocabulary": {"tok', b'{"vocabulary": {"tok\n'])
def test_a_vocabulary_that_a_crash_cut_off_spoils_nothing_before_it(tmp_path: Path, ending: bytes) -> None:
    (answer,) = answers(served(LOGITS))
    path = write(tmp_path / "r", vocabulary_line(answer.distribution), packed_line(answer), ending)
    if ending.endswith(b"\n"):
        with pytest.raises(ModelError, match=r"Line 4 of .*r is not JSON"):
            replay(path)
    else:
        assert_same(replay(path), answer.distribution)


def zipped(data: bytes) -> str:
    return b64encode(zlib.compress(data)).decode()


PLANES = zlib.decompress(
    b64decode(json.loads(packed_line(*answers(served(LOGITS))))["distribution"]["packed"])
)
HOLDS = '"packed" does not hold 8 numbers, one a token of the vocabulary.'
TIES = '"ties" must be the numbers of all tokens that are as likely as another.'


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"packed": 3}, '"packed" must be a text.'),
        ({"packed": "ü"}, '"packed" must be base64.'),
        ({"packed": "a=b"}, '"packed" must be base64.'),
        ({"packed": "\ud83d"}, '"packed" must be base64.'),
        ({"packed": b64encode(b"no zlib").decode()}, '"packed" must be compressed by zlib.'),
        ({"packed": zipped(b"")}, HOLDS),
        ({"packed": ""}, HOLDS),
        ({"packed": zipped(PLANES[:-1])}, HOLDS),
        ({"packed": zipped(PLANES + b"\0")}, HOLDS),
        ({"packed": b64encode(zlib.compress(PLANES)[:-9]).decode()}, HOLDS),
        ({"packed": b64encode(zlib.compress(PLANES)[:-2]).decode()}, '"packed" is cut off.'),
        ({"packed": zipped(b"\xff" * len(PLANES))}, '"ties" must'),
        ({"packed": zipped(b"\0" * len(PLANES)), "ties": [*range(8)]}, "it holds no distribution."),
        ({"log_mass": None}, '"log_mass" must be a number.'),
        ({"log_mass": "0"}, '"log_mass" must be a number.'),
        ({"log_mass": 10**400}, '"log_mass" must be a number within the range of a float64.'),
        ({"log_mass": 0.5}, "it holds no distribution. The listed probabilities sum to 60.65 %"),
        ({"log_mass": -1e308, "ties": [*range(8)]}, "it holds no distribution."),
        ({"ties": None}, '"ties" is missing.'),
        ({"ties": []}, TIES),
        ({"ties": [1, 2, 4, 5, True]}, TIES),
        ({"ties": [1, 2, 4, 5, 6]}, TIES),
        ({"ties": [5, 7, 1, 2, 4]}, '"ties" must begin with the most likely tokens.'),
        ({"unseen_mass": {"low": 0, "estimate": 0, "high": 0.1}}, "it holds no distribution."),
    ],
)
def test_a_packed_distribution_that_is_broken_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    (answer,) = answers(served(LOGITS))
    path = write(tmp_path / "r", vocabulary_line(answer.distribution), packed_line(answer, **changes))
    with pytest.raises(ModelError) as caught:
        replay(path)
    assert str(caught.value).startswith(f"Line 3 of {path} is not an answer: {why}")


def test_a_small_text_that_holds_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    (answer,) = answers(served(LOGITS))
    squeeze = zlib.compressobj(9)
    megabyte = b"\0" * 2**20
    data = b"".join(squeeze.compress(megabyte) for _ in range(200)) + squeeze.flush()
    bomb = b64encode(data).decode()
    path = write(tmp_path / "r", vocabulary_line(answer.distribution), packed_line(answer, packed=bomb))
    model = RecordedModel.open(path)
    tracemalloc.start()
    with pytest.raises(ModelError, match="does not hold 8 numbers"):
        asyncio.run(model.ask(f"{PROMPT} 0"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(bomb) + 2**20


def test_an_answer_without_its_vocabulary_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (answer,) = answers(served(LOGITS))
    with pytest.raises(ModelError, match=r"Line 2 .* it is packed, but no vocabulary stands before it."):
        replay(write(tmp_path / "r", packed_line(answer), vocabulary_line(answer.distribution)))
    other = vocabulary_line(served(LOGITS[1:]))
    with pytest.raises(ModelError, match='"packed" does not hold 7 numbers'):
        replay(write(tmp_path / "r", other, packed_line(answer)))


def changed(**entries: Any) -> Callable[[dict[str, Any]], None]:
    return lambda vocabulary: vocabulary.update(entries)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda vocabulary: vocabulary.pop("tokens"), '"tokens" is missing.'),
        (lambda vocabulary: vocabulary.pop("bytes"), '"bytes" is missing.'),
        (changed(tokens="abc"), '"tokens" must be a list.'),
        (changed(tokens=["a", 1]), '"tokens" must be a list of texts.'),
        (changed(bytes=[]), '"bytes" must be an object.'),
        *(
            (changed(bytes={name: [1]}), '"bytes" must be an object by the numbers of tokens.')
            for name in ("8", "-1", "x", "", "²", "1" * 5000)
        ),
        (changed(bytes={"1": "a"}), '"bytes" must be a list of lists of numbers'),
        (changed(bytes={"1": [256]}), '"bytes" must be a list of lists of numbers'),
    ],
)
def test_a_vocabulary_that_is_broken_is_refused_with_a_sentence(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    (answer,) = answers(served(LOGITS))
    vocabulary = vocabulary_record(answer.distribution)
    change(vocabulary)
    path = write(tmp_path / "r", json_line({"vocabulary": vocabulary}), packed_line(answer))
    with pytest.raises(ModelError) as caught:
        replay(path)
    assert str(caught.value).startswith(f"Line 2 of {path} is not a vocabulary: {why}")
