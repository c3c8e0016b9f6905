"""A tree of answers in a file: opened again to the last bit, and safe from damage, haste and secrets."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import examples
from softmax_visualizer.decoding import DecodingSettings, Token, TokenDistribution
from softmax_visualizer.decoding.generation import CHOSEN_BY, CONTINUED_BY, Generation, Step, Tree
from softmax_visualizer.decoding.path import decode_path
from softmax_visualizer.models import answer_file
from softmax_visualizer.models.answer_file import SavedAnswers, lines_of, read, save
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.configuration import Configuration, Secret
from test_recording import assert_same, complete, texts, truncated

MODEL = {"name": "m", "source": "openai", "endpoint": "https://h/v1"}


def unchanged(text: str) -> str:
    return text


def few(*texts: str) -> TokenDistribution:
    tokens = [Token(text, text.encode(), 10 + at) for at, text in enumerate(texts)]
    return TokenDistribution.from_top_logprobs(tokens, np.log(np.linspace(2, 1, len(texts)) / 9), 100)


def step(distribution: TokenDistribution, index: int, **changes: Any) -> Step:
    return replace(Step(distribution, distribution.token(index), index, "picked"), **changes)


FIRST, SECOND = few(" a", " b"), few(" c", " d", " e")

TREE = (
    Tree((Generation("Once", name="long"),))
    .chosen(0, step(FIRST, 0, chosen_by="sampled", chance=0.25))
    .chosen(1, step(SECOND, 2, continued_by="text"))
    .chosen(1, step(SECOND, 0))
    .added(Generation("Once"))
)
"""Two branches that share their first step and its distribution, and an empty one, which is active."""


def written(path: Path, tree: Tree = TREE, redact: Callable[[str], str] = unchanged) -> Path:
    save(path, lines_of(tree, MODEL, "raw", redact))
    return path


def assert_same_tree(found: Tree, tree: Tree) -> None:
    assert found.active == tree.active
    assert [(each.prompt, each.name) for each in found.branches] == [
        (each.prompt, each.name) for each in tree.branches
    ]
    for mine, theirs in zip(found.branches, tree.branches, strict=True):
        assert len(mine) == len(theirs)
        for ours, other in zip(mine.steps, theirs.steps, strict=True):
            assert ours.token == other.token
            for name in ("index", "chosen_by", "continued_by", "chance"):
                assert getattr(ours, name) == getattr(other, name)
            assert ours.token.id == other.token.id
            assert [token.id for token in ours.distribution.tokens] == [
                token.id for token in other.distribution.tokens
            ]


# --- what is read is what was written ---


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Answers that go on, branch off and begin anew, out of lists as servers send them."""
    lists = draw(st.lists(st.one_of(truncated(), complete), min_size=1, max_size=3))
    tree = Tree((Generation(draw(texts), name=draw(texts)),))
    for _ in range(draw(st.integers(0, 6))):
        distribution = draw(st.sampled_from(lists))
        index = draw(st.none() | st.integers(0, len(distribution) - 1))
        token = Token("unlisted", None, draw(st.none() | st.integers(0, 9)))
        if index is not None:
            token = distribution.token(index)
        further = Step(
            distribution,
            token,
            index,
            draw(st.sampled_from(CHOSEN_BY)),  # type: ignore[arg-type]
            draw(st.sampled_from(CONTINUED_BY)),  # type: ignore[arg-type]
            draw(st.none() | st.floats(0, 1, exclude_max=True)),
        )
        place = draw(st.integers(0, len(tree.generation)))
        branch = replace(tree.generation.rewound(place), name=draw(texts))
        new = branch.extended(further)
        tree = draw(st.sampled_from([tree.put(new), tree.added(new)]))
    return replace(tree, active=draw(st.integers(0, len(tree.branches) - 1)))


@examples(100)
@given(trees())
def test_whatever_tree_is_written_is_read_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, tree: Tree
) -> None:
    found = read(written(tmp_path_factory.mktemp("answers") / "a", tree)).tree
    assert_same_tree(found, tree)
    for mine, theirs in zip(found.branches, tree.branches, strict=True):
        for ours, other in zip(mine.steps, theirs.steps, strict=True):
            assert_same(ours.distribution, other.distribution)
        settings = DecodingSettings(1.3, 0.8)
        ours, others = decode_path(mine.steps, settings), decode_path(theirs.steps, settings)
        assert ours.log2_probability == others.log2_probability
        assert ours.kept == others.kept


def test_the_model_the_framing_and_the_time_come_back(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    saved = read(written(tmp_path / "a"))
    assert isinstance(saved, SavedAnswers)
    assert (saved.model, saved.framing) == (MODEL, "raw")
    assert before <= datetime.fromisoformat(saved.created) <= datetime.now(UTC)


def test_what_branches_share_is_in_the_file_once_and_shared_again(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path / "a").read_bytes().splitlines()]
    header, nodes, branches = lines[0], lines[1:4], lines[4:]
    assert header["schema"] == "softmax-visualizer/answers/1"
    assert (header["nodes"], header["branches"]) == (3, 3)
    assert [(node["id"], node["parent"], node["text"], node["token_id"]) for node in nodes] == [
        (1, None, " a", 10),
        (2, 1, " e", 12),
        (3, 1, " c", 10),
    ]
    # the third node has the distribution of the second
    assert [type(node["distribution"]) for node in nodes] == [dict, dict, int]
    assert nodes[2]["distribution"] == 2
    assert branches == [
        {"branch": "long", "leaf": 2, "active": False},
        {"branch": "", "leaf": 3, "active": False},
        {"branch": "", "leaf": None, "active": True},
    ]
    found = read(tmp_path / "a").tree
    assert_same_tree(found, TREE)
    one, other, empty = found.branches
    assert one.steps[0] is other.steps[0]
    assert one.steps[1].distribution is other.steps[1].distribution
    assert empty.steps == ()


def test_a_tree_of_the_bundled_model_is_opened_without_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree((Generation("She opened the"),))
    for place in range(3):
        answer = BundledModel().answer(tree.generation.prompt, tree.generation.tokens)
        tree = tree.chosen(place, step(answer.distribution, place))
    path = written(tmp_path / "a", tree)
    monkeypatch.delattr(BundledModel, "answer")
    found = read(path).tree
    assert_same_tree(found, tree)
    for mine, theirs in zip(found.generation.steps, tree.generation.steps, strict=True):
        assert_same(mine.distribution, theirs.distribution)


def test_tokens_are_never_split_anew(tmp_path: Path) -> None:
    odd = few("ab", "a", "b")
    halves = TokenDistribution.from_top_logprobs(
        [Token("\ufffd", b"\xf0\x9f"), Token("\ufffd", b"\x98\x80")], [-1.0, -2.0], 9
    )
    steps = (step(odd, 1), step(odd, 2), step(halves, 0), step(halves, 1))
    found = read(written(tmp_path / "a", Tree((Generation("x", steps),)))).tree.generation
    assert [token.raw for token in found.tokens] == [b"a", b"b", b"\xf0\x9f", b"\x98\x80"]
    assert found.text == "ab😀"


# --- the file ---


def test_the_file_is_for_its_owner_alone_and_in_ascii(tmp_path: Path) -> None:
    path = written(tmp_path / "a", Tree((Generation("日本"),)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().isascii()


def test_no_file_is_replaced_unless_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("mine")
    with pytest.raises(ModelError, match=r"a exists; choose another name\."):
        save(path, lines_of(TREE, MODEL, None, unchanged))
    assert path.read_text() == "mine"
    save(path, lines_of(TREE, MODEL, None, unchanged), replace=True)
    assert_same_tree(read(path).tree, TREE)
    assert os.listdir(tmp_path) == ["a"]


def test_what_breaks_off_while_it_is_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "a", broken())
    assert os.listdir(tmp_path) == []
    with pytest.raises(ModelError, match=r"missing/a cannot be written: no such file or directory\."):
        save(tmp_path / "missing" / "a", lines_of(TREE, MODEL, None, unchanged))
    with pytest.raises(ModelError, match="cannot be written: is a directory"):
        save(tmp_path, lines_of(TREE, MODEL, None, unchanged))
    monkeypatch.setattr(answer_file, "LARGEST", 500)
    with pytest.raises(ModelError, match="would be larger than"):
        written(tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_a_secret_is_in_no_line(tmp_path: Path) -> None:
    key = "key-0123456789abcdefghij"
    redact = Configuration(Secret(key)).redact
    listed = TokenDistribution.from_top_logprobs([Token(f" {key}", f" {key}".encode()), Token("b")], [-1, -2])
    tree = Tree((Generation(f"my {key}", (step(listed, 0),), name=key),))
    model = {"name": key, "source": "openai", "endpoint": f"https://h/{key}"}
    save(tmp_path / "a", lines_of(tree, model, None, redact))
    assert key.encode() not in (tmp_path / "a").read_bytes()
    assert str(list(key.encode()))[1:-1].encode() not in (tmp_path / "a").read_bytes()
    found = read(tmp_path / "a")
    assert found.tree.generation.prompt == "my [hidden]"
    assert found.tree.generation.text == " [hidden]"


# --- damage ---


def damaged(path: Path, number: int, **changes: Any) -> Path:
    """Change entries of a line, from 1; an entry that becomes ... is taken out."""
    lines = path.read_bytes().splitlines()
    record = {**json.loads(lines[number - 1]), **changes}
    lines[number - 1] = json.dumps(
        {name: value for name, value in record.items() if value is not ...}
    ).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


DAMAGE = [
    (1, {"prompt": 3}, '"prompt" must be a text'),
    (1, {"framing": "shout"}, '"framing" must be null or one of answer, continue, raw'),
    (1, {"model": {"name": "m", "source": "oracle", "endpoint": None}}, '"source" must be one of'),
    (1, {"model": {"name": "m", "source": "openai"}}, '"endpoint" is missing'),
    (1, {"branches": 0}, '"branches" 1 or more'),
    (1, {"nodes": 10**30}, None),
    (2, {"id": 2}, '"id" must be 1'),
    (2, {"parent": 1}, '"parent" must be the id of a node before it'),
    (2, {"text": ...}, '"text" is missing'),
    (2, {"text": " z"}, '"index" must be where the token stands'),
    (2, {"index": 7}, '"index" must be where the token stands'),
    (2, {"bytes": [300]}, '"bytes" must be'),
    (2, {"token_id": "10"}, '"token_id" must be a whole number or null'),
    (2, {"chosen_by": "magic"}, '"chosen_by" must be one of sampled, greedy'),
    (2, {"continued_by": "magic"}, '"continued_by" must be one of tokens'),
    (2, {"chance": 1.0}, '"chance" must be a number from 0 to below 1'),
    (2, {"chance": "0.5"}, '"chance" must be a number or null'),
    (2, {"distribution": 1}, '"distribution" must be the id of a node before it'),
    (2, {"distribution": {"tokens": []}}, '"logprobs" is missing'),
    (5, {"leaf": 4}, '"leaf" must be the id of a node before it'),
    (5, {"active": True}, None),
    (7, {"active": "yes"}, '"active" must be true or false'),
]


@pytest.mark.parametrize(("number", "changes", "said"), DAMAGE, ids=lambda value: str(value)[:40])
def test_a_damaged_line_is_named_with_what_is_wrong(
    tmp_path: Path, number: int, changes: dict[str, Any], said: str | None
) -> None:
    path = damaged(written(tmp_path / "a"), number, **changes)
    with pytest.raises(ModelError) as found:
        read(path)
    if said is not None:
        assert str(found.value).startswith(f"Line {number} of {path} is not part of saved answers: ")
        assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_a_file_of_which_anything_is_missing_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "a").read_bytes()
    short = tmp_path / "b"
    for end in range(len(whole)):
        short.write_bytes(whole[:end])
        with pytest.raises(ModelError):
            read(short)
    lines = whole.splitlines(keepends=True)
    short.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(ModelError, match="is not whole: something is missing after line 6"):
        read(short)
    short.write_bytes(whole[:-3])
    with pytest.raises(ModelError, match=r"Line 7 of .* is cut off: the file is not whole"):
        read(short)
    short.write_bytes(whole + lines[-1])
    with pytest.raises(ModelError, match=r"Line 8 of .* the file should end before it\."):
        read(short)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no saved answers of this program."),
        (b"hello\n", "holds no saved answers of this program."),
        (b'{"schema": "softmax-visualizer/recording/1"}\n', "holds no saved answers of this program."),
        (b'{"schema": "softmax-visualizer/answers/2"}\n', "newer version of this program"),
        (b'{"schema": "softmax-visualizer/answers/1"}\n', '"created" is missing'),
        (b"[" * 100_000, "holds no saved answers of this program."),
        (b"\xff\xfe\x00", "holds no saved answers of this program."),
    ],
    ids=range(7),
)
def test_a_foreign_or_newer_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ModelError) as found:
        read(tmp_path / "a")
    assert said in str(found.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not UTF-8 text"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"[]", "it must be an object"),
        (b'{"id": NaN}', "NaN is not a number in JSON"),
        (b'{"id": ' + b"9" * 5000 + b"}", "too many digits"),
    ],
    ids=["half", "binary", "deep", "list", "NaN", "digits"],
)
def test_a_line_that_is_no_json_object_is_refused(tmp_path: Path, line: bytes, said: str) -> None:
    lines = written(tmp_path / "a").read_bytes().splitlines()
    lines[2] = line
    (tmp_path / "a").write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ModelError) as found:
        read(tmp_path / "a")
    assert str(found.value).startswith(f"Line 3 of {tmp_path / 'a'} ")
    assert said in str(found.value)


def test_a_huge_or_endless_file_is_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ModelError, match="is larger than 256 MB"):
        read(huge)
    with pytest.raises(ModelError, match="no such file"):
        read(tmp_path / "missing")
