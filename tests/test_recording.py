"""Recorded answers: replayed to the last bit, safe from crashes and full disks, and without secrets."""

from __future__ import annotations

import asyncio
import json
import math
import os
import stat
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from properties import examples
from softmax_visualizer.decoding import (
    Decoding,
    DecodingSettings,
    DistributionError,
    Interval,
    Token,
    TokenDistribution,
    decode,
)
from softmax_visualizer.models import recording, recording_format
from softmax_visualizer.models import replay as replay_module
from softmax_visualizer.models.base import LanguageModel, ModelAnswer, ModelError, Source
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.recording import HIDDEN, Recorder, RecordingModel
from softmax_visualizer.models.replay import CUT_OFF, RecordedModel

KEY = "sk-proj-0123456789abcdef"
PASSWORD = "swordfish-77"

FOX = "The quick brown fox jumps over the"

ANSWER = ModelAnswer(
    FOX,
    TokenDistribution.from_top_logprobs(
        [Token(" lazy", b" lazy"), Token("\ud83d", b"\xf0\x9f"), "x"], [-0.5, -1.5, -3.0], 200_019
    ),
    "gpt-4o-mini",
    "openai",
    "https://api.openai.com/v1",
    {"url": "https://api.openai.com/v1/chat/completions", "body": {"model": "gpt-4o-mini", "top_p": 1}},
    ("A note.",),
)

CHOSEN = [
    DecodingSettings(),
    DecodingSettings(temperature=0.0),
    DecodingSettings(temperature=0.1, top_p=0.5),
    DecodingSettings(temperature=1.7, top_p=0.9, min_p=0.01, order="temperature-last"),
    DecodingSettings(temperature=5.0, top_k=3, top_p=0.99),
]


class ServerModel(BundledModel):
    """Gives one distribution to every prompt but "bad"."""

    name = "served"
    source: Source = "openai"
    endpoint: str | None = "http://127.0.0.1:1/v1"
    closed = False

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> ModelAnswer:
        if prompt == "bad":
            raise ModelError("The server has no answer. Try another.")
        return replace(ANSWER, prompt=prompt, notes=(), after=after)

    def request(self, prompt: str) -> Mapping[str, Any]:
        return {"prompt": prompt}

    async def close(self) -> None:
        self.closed = True


def unchanged(text: str) -> str:
    return text


def record(path: Path, *answers: ModelAnswer, redact: Callable[[str], str] = unchanged) -> Path:
    recorder = Recorder(path, redact)
    for answer in answers:
        recorder.keep(answer)
    recorder.close()
    return path


def replay(path: Path, prompt: str = FOX, model: str | None = None) -> ModelAnswer:
    return asyncio.run(RecordedModel.open(path, model).ask(prompt))


def bits(value: Any) -> Any:
    """Every number of a value, told apart to the last bit."""
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: bits(each) for name, each in value.items()}
    return [bits(each) for each in value] if isinstance(value, list | tuple) else value


def numbers(decoding: Decoding) -> Any:
    stages = [stage.first(len(decoding.distribution)) for stage in decoding.pipeline]
    arrays = [(each.low.tobytes(), each.estimate.tobytes(), each.high.tobytes()) for each in stages]
    return [
        arrays,
        bits(decoding.to_dict(50)),
        bits(decoding.distribution.to_dict(50)),
        decoding.sample(0.999),
    ]


def assert_same(replayed: TokenDistribution, recorded: TokenDistribution) -> None:
    assert replayed.logprobs.tobytes() == recorded.logprobs.tobytes()
    assert bits(replayed.unseen_mass.to_dict()) == bits(recorded.unseen_mass.to_dict())
    assert replayed.tokens == recorded.tokens
    for name in ("vocabulary_size", "vocabulary_assumed", "is_top", "odds_only", "notes", "complete"):
        assert getattr(replayed, name) == getattr(recorded, name)
    for chosen in CHOSEN:
        assert numbers(decode(replayed, chosen)) == numbers(decode(recorded, chosen))


# --- what comes back is what was kept ---

# a high and a low surrogate in a row are one character in JSON, and in no token that came as JSON
texts = st.text(st.characters(exclude_categories=()), max_size=4).filter(
    lambda text: json.loads(json.dumps(text)) == text
)
tokens = st.one_of(
    texts,
    texts.map(Token),
    st.builds(Token, texts, st.binary(max_size=4)),
    st.text(max_size=3).map(lambda text: Token(text, text.encode())),
    st.sampled_from([Token("the", b"the"), "the", Token("\ufffd", b"\xf0\x9f")]),
)


weights = st.one_of(st.just(0.0), st.floats(1e-12, 1))


@st.composite
def truncated(draw: st.DrawFn) -> TokenDistribution:
    """A server's list, with all that servers send: entries of -inf, -9999, and masses that are off."""
    rows = draw(st.lists(st.tuples(tokens, weights, st.sampled_from("nnnnnni9")), min_size=1))
    scale = draw(st.sampled_from([1.0, 0.9, 0.999, 1.0005, 1.2, 1e-9]))
    total = sum(weight for _, weight, _ in rows) or 1.0
    odd = {"i": -math.inf, "9": -9999.0}
    logprobs = [
        odd.get(kind, math.log(weight * scale / total) if weight * scale / total else -math.inf)
        for _, weight, kind in rows
    ]
    size = draw(st.one_of(st.none(), st.integers(len(rows), len(rows) + 3), st.just(200_019)))
    try:
        return TokenDistribution.from_top_logprobs(
            [token for token, _, _ in rows],
            logprobs,
            size,
            vocabulary_assumed=draw(st.booleans()),
            is_top=draw(st.booleans()),
            odds_only=draw(st.booleans()),
        )
    except DistributionError:
        assume(False)
        raise


complete = st.lists(
    st.tuples(tokens, st.one_of(st.floats(-800, 50), st.just(-math.inf), st.just(-1e300))), min_size=1
).flatmap(
    lambda rows: (
        st.just(TokenDistribution.from_logits(*zip(*rows, strict=True)))
        if any(math.isfinite(value) for _, value in rows)
        else st.nothing()
    )
)


@examples(150)
@given(st.one_of(truncated(), complete), texts, st.lists(texts, max_size=2))
def test_a_replayed_answer_is_the_recorded_one_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory,
    distribution: TokenDistribution,
    text: str,
    notes: list[str],
) -> None:
    answer = replace(ANSWER, prompt=text, distribution=distribution, model=text, notes=tuple(notes))
    path = record(tmp_path_factory.mktemp("recording") / "r", answer)
    replayed = replay(path, text)
    assert_same(replayed.distribution, distribution)
    assert replace(replayed, distribution=distribution) == replace(answer, source="recording")


def test_the_bundled_model_is_replayed_bit_for_bit(tmp_path: Path) -> None:
    prompts = (FOX, "Once upon a time", "")
    answers = [BundledModel().answer(prompt) for prompt in prompts]
    path = record(tmp_path / "lesson.jsonl", *answers)
    model = RecordedModel.open(path)
    assert (model.name, model.source, model.endpoint, model.prompts) == (
        "bundled",
        "recording",
        None,
        prompts,
    )
    for answer in answers:
        assert_same(replay(path, answer.prompt).distribution, answer.distribution)


def test_the_file_is_json_lines_in_ascii(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    recorder = Recorder(tmp_path / "r.jsonl", unchanged)
    recorder.keep(ANSWER, "continue")
    first, second, end = (tmp_path / "r.jsonl").read_bytes().decode("ascii").split("\n")
    header, entry = json.loads(first), json.loads(second)
    assert end == ""
    assert header.pop("schema") == "softmax-visualizer/recording/1"
    for time in (header.pop("created"), entry.pop("asked_at")):
        assert before <= datetime.fromisoformat(time) <= datetime.now(UTC)
    assert header == {}
    assert entry == {
        "prompt": FOX,
        "model": "gpt-4o-mini",
        "source": "openai",
        "endpoint": "https://api.openai.com/v1",
        "framing": "continue",
        "request": ANSWER.request,
        "notes": ["A note."],
        "distribution": {
            "tokens": [" lazy", "\ud83d", "x"],
            "bytes": [list(b" lazy"), [0xF0, 0x9F], None],
            "logprobs": [-0.5, -1.5, -3.0],
            "unseen_mass": ANSWER.distribution.unseen_mass.to_dict(),
            "vocabulary_size": 200_019,
            "vocabulary_assumed": False,
            "is_top": True,
            "odds_only": False,
            "notes": [],
        },
    }


def test_the_numbers_of_tokens_come_back(tmp_path: Path) -> None:
    for token in (Token(" b", b" b", 7), Token("\ufffd", b"\xf0", 7)):
        listed = TokenDistribution.from_top_logprobs([Token(" a", b" a"), token], [-0.5, -1.5], 99)
        path = record(tmp_path / f"{token.raw!r}", replace(ANSWER, distribution=listed))
        assert [each.id for each in replay(path).distribution.tokens] == [None, 7]


def test_numbers_that_do_not_go_with_the_tokens_are_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER)
    first, second = path.read_bytes().splitlines()
    for ids in ([1], ["1", 2, 3], [1, 2, True], "123"):
        entry = json.loads(second)
        entry["distribution"]["ids"] = ids
        path.write_bytes(first + b"\n" + json.dumps(entry).encode() + b"\n")
        with pytest.raises(ModelError, match="ids"):
            replay(path)


def test_bytes_that_the_texts_spell_are_not_written_out(tmp_path: Path) -> None:
    path = record(tmp_path / "r", replace(ANSWER, distribution=BundledModel().answer(FOX).distribution))
    assert json.loads(path.read_bytes().split(b"\n")[1])["distribution"]["bytes"] is None


def test_a_recording_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = record(tmp_path / "r")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_answer_is_in_the_file_before_the_next_is_asked_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r", unchanged)
    for prompt in ("a", "b"):
        recorder.keep(replace(ANSWER, prompt=prompt))
        assert RecordedModel.open(tmp_path / "r").prompts[-1] == prompt


# --- going on with a recording, also after a crash ---


def test_an_existing_recording_is_added_to(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER)
    before = path.read_bytes()
    record(path, replace(ANSWER, prompt="more"))
    assert path.read_bytes().startswith(before)
    assert RecordedModel.open(path).prompts == (FOX, "more")


def test_an_answer_that_a_crash_cut_off_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER, replace(ANSWER, prompt="torn"))
    whole = path.read_bytes()
    start = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for end in (start + 1, (start + len(whole)) // 2, len(whole) - 2):
        path.write_bytes(whole[:end])
        assert RecordedModel.open(path).prompts == (FOX,)
        assert replay(path).notes == ("A note.", CUT_OFF)
    # what some file systems leave of data that was still on its way
    path.write_bytes(whole[:start] + b"\0\0\xff")
    assert replay(path).notes == ("A note.", CUT_OFF)


def test_nothing_is_said_to_be_cut_off_where_only_the_line_break_is_missing(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER)
    path.write_bytes(path.read_bytes()[:-1])
    assert replay(path).notes == ("A note.",)
    record(path, replace(ANSWER, prompt="more"))
    assert RecordedModel.open(path).prompts == (FOX, "more")


def test_a_recording_that_a_crash_cut_off_is_mended_when_it_goes_on(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER)
    whole = path.read_bytes()
    path.write_bytes(whole + whole.split(b"\n")[1][:50])
    record(path, replace(ANSWER, prompt="more"))
    assert RecordedModel.open(path).prompts == (FOX, "more")
    assert replay(path).notes == ("A note.",)
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a diary\n",
        b"[]\n",
        b"{}\n",
        b'{"schema": 1}\n',
        b"\xff\n",
        b"[" * 100_000,
        b'{"schema": "x/1"}\n',
        b'{"schema": "softmax-visualizer/recording/0"}\n',
        b'{"schema": "softmax-visualizer/recording/"}\n',
    ],
    ids=lambda content: repr(content[:50]),
)
def test_any_other_file_is_neither_written_over_nor_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="mine exists and is not a recording; choose another name"):
        Recorder(path, unchanged)
    assert path.read_bytes() == content
    with pytest.raises(ModelError, match="mine is not a recording of this program"):
        RecordedModel.open(path)


def test_a_newer_recording_is_neither_added_to_nor_read(tmp_path: Path) -> None:
    path = tmp_path / "r"
    path.write_text('{"schema": "softmax-visualizer/recording/3", "of": "tomorrow"}\n')
    for use in (lambda: Recorder(path, unchanged), lambda: RecordedModel.open(path)):
        with pytest.raises(ModelError, match="r was made by a newer version of this program"):
            use()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_device_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/full")
    for path in (Path("/dev/full"), tmp_path / "link", tmp_path):
        with pytest.raises(ModelError, match="exists and is not a recording"):
            Recorder(path, unchanged)


def test_a_folder_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="r cannot be written: no such file or directory"):
        Recorder(tmp_path / "missing" / "r", unchanged)


# --- failing disks ---


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes, as a full disk would not."""
    resource = pytest.importorskip("resource", reason="the system cannot limit the size of files")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_a_full_disk_leaves_the_recording_as_it_was(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r", unchanged)
    recorder.keep(ANSWER)
    before = (tmp_path / "r").read_bytes()
    with room_for(len(before) + 50), pytest.raises(ModelError, match="r cannot be written: file too large"):
        recorder.keep(replace(ANSWER, prompt="lost"))
    assert (tmp_path / "r").read_bytes() == before
    recorder.keep(replace(ANSWER, prompt="more"))
    assert RecordedModel.open(tmp_path / "r").prompts == (FOX, "more")


def test_a_disk_without_room_for_the_first_line_is_left_without_a_file(tmp_path: Path) -> None:
    with room_for(10), pytest.raises(ModelError, match="r cannot be written: file too large"):
        Recorder(tmp_path / "r", unchanged)
    assert list(tmp_path.iterdir()) == []


async def test_an_answer_that_cannot_be_recorded_is_given_with_a_note(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r", unchanged)
    model = RecordingModel(ServerModel(), recorder)
    with room_for(200):
        answer = await model.ask(FOX)
    assert answer.distribution is ANSWER.distribution
    (note,) = answer.notes
    assert note == f"This answer was not recorded. {tmp_path / 'r'} cannot be written: file too large."
    recorder.close()
    assert (await model.ask(FOX)).notes == (f"This answer was not recorded. {tmp_path / 'r'} is closed.",)


def test_a_recording_does_not_grow_beyond_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record(tmp_path / "r", ANSWER)
    for module in (recording, recording_format):
        monkeypatch.setattr(module, "LARGEST", path.stat().st_size)
    with pytest.raises(ModelError, match="r would grow larger than 0 MB"):
        record(path, ANSWER)
    assert RecordedModel.open(path).prompts == (FOX,)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ModelError, match="r is larger than 0 MB, so it was not read"):
        RecordedModel.open(path)


# --- a model that is recorded ---


async def test_a_recorded_model_is_asked_as_if_it_were_not(tmp_path: Path) -> None:
    inner = ServerModel()
    model: LanguageModel = RecordingModel(inner, Recorder(tmp_path / "r", unchanged), "raw")
    assert (model.name, model.source, model.endpoint) == (inner.name, inner.source, inner.endpoint)
    assert await model.names() == await inner.names()
    assert model.request("x") == inner.request("x")
    answer = await model.ask("x")
    assert answer == await inner.ask("x")
    with pytest.raises(ModelError, match="has no answer"):
        await model.ask("bad")
    await model.close()
    assert inner.closed
    assert RecordedModel.open(tmp_path / "r").prompts == ("x",)
    assert b'"framing": "raw"' in (tmp_path / "r").read_bytes()


async def test_an_answer_waits_until_the_one_before_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "r", unchanged)
    model = RecordingModel(ServerModel(), recorder)
    reached, go_on = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        assert not reached.is_set() or go_on.is_set(), "two lines are written at once"
        reached.set()
        go_on.wait(10)

    monkeypatch.setattr(os, "fsync", slow)
    dropped = asyncio.create_task(model.ask("dropped"))
    await asyncio.to_thread(reached.wait, 10)
    dropped.cancel()
    asked = asyncio.create_task(model.ask("asked"))
    await asyncio.sleep(0.05)
    go_on.set()
    assert (await asked).notes == ()
    assert RecordedModel.open(tmp_path / "r").prompts == ("dropped", "asked")


# --- secrets ---


def test_no_secret_gets_into_the_file(tmp_path: Path) -> None:
    configuration = Configuration.load(
        environment={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"https://me:{PASSWORD}@h.example/v1"},
        directory=tmp_path,
    )
    odd = [Token(KEY), Token("a", KEY.encode() + b"\xff"), Token(PASSWORD, PASSWORD.encode()), Token("b")]
    distribution = replace(
        TokenDistribution.from_top_logprobs(odd, [-1.0, -2.0, -3.0, -4.0]), notes=(f"of {KEY}",)
    )
    answer = ModelAnswer(
        f"my key is {KEY}",
        distribution,
        f"model-{PASSWORD}",
        "openai",
        f"https://h.example/{PASSWORD}",
        {"body": {"messages": [{"content": f"is {KEY}"}], PASSWORD: 1, "n": 1.5, "none": None}},
        (f"a note of {KEY}",),
    )
    written = record(tmp_path / "r", answer, redact=configuration.redact).read_bytes()
    for secret in (KEY, PASSWORD):
        assert secret.encode() not in written
        assert str(list(secret.encode())).strip("[]").encode() not in written
    replayed = replay(tmp_path / "r", "my key is [hidden]")
    hidden = Token("[hidden]")
    assert [token.raw for token in replayed.distribution.tokens] == [
        hidden.raw,
        b"[hidden]\xef\xbf\xbd",
        hidden.raw,
        b"b",
    ]
    assert replayed.distribution.logprobs.tolist() == [-1.0, -2.0, -3.0, -4.0]
    assert replayed.request["body"]["messages"] == [{"content": "is [hidden]"}]
    assert replayed.request["body"]["n"] == 1.5


async def test_a_prompt_with_a_secret_is_noted_to_be_lost_for_replay(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r", Configuration().redact)
    model = RecordingModel(ServerModel(), recorder)
    assert (await model.ask(f"a {KEY}")).notes == (HIDDEN,)
    assert (await model.ask("a prompt")).notes == ()


# --- asking a recording ---


def test_the_last_answer_to_a_prompt_counts(tmp_path: Path) -> None:
    path = record(
        tmp_path / "r", ANSWER, replace(ANSWER, prompt="b"), replace(ANSWER, notes=("the second time",))
    )
    assert RecordedModel.open(path).prompts == (FOX, "b")
    assert replay(path).notes == ("the second time",)


@pytest.mark.parametrize(
    ("prompts", "known"),
    [
        (["a"], '"a"'),
        (["a", "b"], '"a" and "b"'),
        (["a", "b", "c", "d", "e"], '"a", "b" and 3 more'),
        (["\x1b[31m\n" + "x" * 100], f'"[31m {"x" * 34}…"'),
    ],
)
async def test_a_prompt_that_was_not_recorded_is_told_from_those_that_were(
    tmp_path: Path, prompts: list[str], known: str
) -> None:
    path = record(tmp_path / "r.jsonl", *(replace(ANSWER, prompt=prompt) for prompt in prompts))
    model = RecordedModel.open(path)
    assert model.request("other") == {}
    with pytest.raises(ModelError) as caught:
        await model.ask("other")
    assert str(caught.value) == f"The recording r.jsonl has no answer to this prompt. It has: {known}."
    await model.close()


async def test_one_of_several_recorded_models_can_be_chosen(tmp_path: Path) -> None:
    other = replace(ANSWER, prompt="b", model="other", request={"body": {"model": "other"}})
    path = record(tmp_path / "r", ANSWER, other)
    first, second = RecordedModel.open(path), RecordedModel.open(path, "other")
    assert (first.name, first.prompts) == ("gpt-4o-mini", (FOX,))
    assert (second.name, second.prompts) == ("other", ("b",))
    assert await first.names() == await second.names() == ("gpt-4o-mini", "other")
    assert second.request("b") == {"body": {"model": "other"}}
    assert (await second.ask("b")).model == "other"
    with pytest.raises(ModelError, match=r'r has no answer of other to this prompt\. It has: "b"\.'):
        await second.ask(FOX)
    with pytest.raises(
        ModelError, match=r'no answers of "third"\. It has those of "gpt-4o-mini" and "other"'
    ):
        RecordedModel.open(path, "third")


def test_a_replay_can_be_recorded(tmp_path: Path) -> None:
    replayed = replay(record(tmp_path / "r", ANSWER))
    assert_same(replay(record(tmp_path / "s", replayed)).distribution, ANSWER.distribution)


# --- what is no recording, or a broken one ---


def changed(**entries: Any) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.update(entries)


def distribution_with(**entries: Any) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry["distribution"].update(entries)


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.pop(name) and None


def nested(levels: int) -> Any:
    return {"x": nested(levels - 1)} if levels else 1


NOTHING = {"low": 0, "estimate": 0, "high": 0}


def mass(low: Any, estimate: Any, high: Any) -> Callable[[dict[str, Any]], None]:
    return distribution_with(unseen_mass={"low": low, "estimate": estimate, "high": high})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        *(
            (without(name), f'"{name}" is missing.')
            for name in ("prompt", "model", "source", "framing", "request")
        ),
        *(
            (without(name), f'"{name}" is missing.')
            for name in ("asked_at", "notes", "endpoint", "distribution")
        ),
        (changed(prompt=1), '"prompt" must be a text.'),
        (changed(endpoint=1), '"endpoint" must be a text or null.'),
        (changed(notes="x"), '"notes" must be a list.'),
        (changed(notes=[1]), '"notes" must be a list of texts.'),
        (changed(source="x"), '"source" must be one of bundled, openai, local, file, recording.'),
        (changed(request=[]), '"request" must be an object.'),
        (changed(request=nested(30)), '"request" is nested too deeply.'),
        (distribution_with(tokens=["a", None, "b"]), '"tokens" must be a list of texts.'),
        (distribution_with(tokens=["a"], bytes=None), "There are 1 tokens, but 3 log-probabilities."),
        (distribution_with(tokens=[], bytes=None, logprobs=[]), "The list of log-probabilities is empty."),
        (distribution_with(bytes=[None]), 'it has 3 "tokens", but 1 "bytes".'),
        *(
            (distribution_with(bytes=[None, None, wrong]), '"bytes" must be a list of lists of numbers')
            for wrong in (3, "a", [256], [-1], [1.5], [True])
        ),
        (distribution_with(logprobs=[-0.5, "x", -3]), '"logprobs" must be a list of numbers or null.'),
        (distribution_with(logprobs=[-0.5, True, -3]), '"logprobs" must be a list of numbers or null.'),
        (
            distribution_with(logprobs=[-0.5, -1.5, -(10**400)]),
            '"logprobs" must be a list of numbers or null within the range',
        ),
        (distribution_with(logprobs=[-1.5, -0.5, -3.0]), "The log-probabilities do not descend."),
        (distribution_with(logprobs=[0.5, -1.5, -3.0]), "None can be above 0"),
        (distribution_with(logprobs=[None, None, None]), "The list holds no usable log-probability."),
        (distribution_with(logprobs=[-0.5, -1.5, None]), "A listed token is impossible"),
        (distribution_with(logprobs=[-0.6, -1.5, -3.0]), "The listed probabilities sum to 82.17 %"),
        (distribution_with(logprobs=[-0.4, -1.5, -3.0]), "The listed probabilities sum to 94.32 %"),
        (mass(0, 0, 0), "which does not go with an unseen mass of 0 to 0 %."),
        (
            distribution_with(vocabulary_size=3, unseen_mass=NOTHING),
            "The listed probabilities sum to 87.94 %, which does not go with an unseen mass of 0 to 0 %.",
        ),
        (
            distribution_with(logprobs=[-0.5, -1.5, None], vocabulary_size=4, unseen_mass=NOTHING),
            "The listed probabilities sum to 82.97 %",
        ),
        (mass(0.2, 0.1, 0.3), "The unseen mass is no interval of probabilities."),
        (mass(-0.1, 0.1, 0.3), "The unseen mass is no interval of probabilities."),
        (mass(0.1, 0.1, 1.3), "The unseen mass is no interval of probabilities."),
        (mass(0.1, None, 0.3), '"estimate" must be a number.'),
        (distribution_with(unseen_mass={"low": 0.1}), '"estimate" must be a number.'),
        (distribution_with(vocabulary_size=2), "The vocabulary is said to have 2 tokens, the list has 3."),
        (distribution_with(vocabulary_size=3), "More mass is unseen than 0 unseen tokens can hold."),
        (distribution_with(vocabulary_size=10**10), "No vocabulary has more than 1,000,000,000 tokens."),
        (
            distribution_with(vocabulary_size=3.5),
            '"vocabulary_size" must be a whole number or null.',
        ),
        (
            distribution_with(vocabulary_size=True),
            '"vocabulary_size" must be a whole number or null.',
        ),
        (distribution_with(vocabulary_assumed=0), '"vocabulary_assumed" must be true or false.'),
    ],
)
def test_a_wrong_entry_is_named_with_its_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    path = record(tmp_path / "r", ANSWER, ANSWER)
    first, second, third = path.read_text().splitlines()
    entry = json.loads(third)
    change(entry)
    path.write_text("\n".join([first, second, json.dumps(entry)]) + "\n")
    with pytest.raises(ModelError) as caught:
        # at once where the line does not begin as an answer does, otherwise when it is asked for
        asyncio.run(RecordedModel.open(path).ask(FOX))
    assert str(caught.value).startswith(f"Line 3 of {path} is not an answer: ")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{,}", "is not JSON: expecting property name enclosed in double quotes in column 2."),
        (b"", "is not JSON: expecting value in column 1."),
        (b'"\xff"', "is not UTF-8 text."),
        (b"[NaN]", "is not an answer: NaN is not a number in JSON."),
        (b"[-Infinity]", "is not an answer: -Infinity is not a number in JSON."),
        (b"[" + b"1" * 5000 + b"]", "holds a number with too many digits."),
        (b"[" * 100_000, "is nested too deeply to be an answer."),
        (b"[]", "is not an answer: it must be an object."),
    ],
    ids=lambda value: repr(value[:50]),
)
def test_a_line_that_is_no_answer_is_refused_wherever_it_stands(
    tmp_path: Path, line: bytes, why: str
) -> None:
    path = record(tmp_path / "r", ANSWER)
    first, second, _ = path.read_bytes().split(b"\n")
    for lines, number in (([first, line, second], 2), ([first, second, line], 3)):
        path.write_bytes(b"\n".join(lines) + b"\n")
        with pytest.raises(ModelError) as caught:
            RecordedModel.open(path)
        assert str(caught.value) == f"Line {number} of {path} {why}"


async def test_a_line_that_is_damaged_behind_its_beginning_spoils_no_other(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER, replace(ANSWER, prompt="b"))
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second.replace(b'"notes"', b'notes"', 1) + third)
    model = RecordedModel.open(path)
    assert model.prompts == (FOX, "b")
    with pytest.raises(ModelError, match=r"Line 2 of .*r is not JSON: expecting .* in column \d+\."):
        await model.ask(FOX)
    assert model.request(FOX) == {}
    assert_same((await model.ask("b")).distribution, ANSWER.distribution)


async def test_a_recording_is_read_once_and_its_answers_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record(tmp_path / "r", *(replace(ANSWER, prompt=f"prompt {n}") for n in range(50)))
    read: list[object] = []
    for name in ("read_bytes", "parse"):
        genuine = getattr(replay_module, name)

        def counted(argument: Any, name: str = name, genuine: Any = genuine) -> Any:
            read.append(name)
            return genuine(argument)

        monkeypatch.setattr(replay_module, name, counted)
    for _ in range(3):
        RecordedModel.open(path)
    model = RecordedModel.open(path)
    assert len(model.prompts) == 50
    assert read == ["read_bytes"]
    for _ in range(3):
        assert (await model.ask("prompt 7")).prompt == "prompt 7"
        assert model.request("prompt 7")
    assert read == ["read_bytes", "parse"]


def test_of_a_recording_that_is_added_to_only_the_ends_are_read(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER)
    with path.open("ab") as file:
        file.write((b"x" * 999 + b"\n") * 20_000)
    tracemalloc.start()
    try:
        Recorder(path, unchanged).close()
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [1, 2**16 - 1, 2**16, 300_000])
def test_however_much_was_written_of_a_last_line_it_is_cut_off(tmp_path: Path, length: int) -> None:
    path = record(tmp_path / "r", ANSWER)
    whole = path.read_bytes()
    path.write_bytes(whole + b"[" * length)
    Recorder(path, unchanged).close()
    assert path.read_bytes() == whole


def test_a_recording_that_grows_meanwhile_is_read_anew(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER)
    assert len(RecordedModel.open(path).prompts) == 1
    Recorder(path, unchanged).keep(replace(ANSWER, prompt="b"))
    assert len(RecordedModel.open(path).prompts) == 2


@pytest.mark.parametrize("prompt", ["", '"', "\\", "é日\ud83d", '", "model": "x', "a\nb", "{}"])
def test_a_prompt_of_any_kind_is_found(tmp_path: Path, prompt: str) -> None:
    path = record(tmp_path / "r", replace(ANSWER, prompt=prompt, model=prompt))
    assert RecordedModel.open(path).prompts == (prompt,)
    assert replay(path, prompt).prompt == prompt


def test_entries_in_another_order_are_an_answer_too(tmp_path: Path) -> None:
    path = record(tmp_path / "r", ANSWER)
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{json.dumps(json.loads(second), sort_keys=True)}\n")
    assert_same(replay(path).distribution, ANSWER.distribution)


def test_a_recording_of_nothing_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "r")
    with pytest.raises(ModelError, match="r holds no answer"):
        RecordedModel.open(path)
    path.write_bytes(path.read_bytes() + b'{"prom')
    with pytest.raises(ModelError, match="r holds no whole answer"):
        RecordedModel.open(path)


def test_a_file_that_cannot_be_read_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="r cannot be read: no such file or directory"):
        RecordedModel.open(tmp_path / "r")
    with pytest.raises(ModelError, match="cannot be read: is a directory"):
        RecordedModel.open(tmp_path)


@examples(200)
@given(
    st.lists(st.one_of(st.floats(-300, 0), st.floats(-5, 0), st.just(-math.inf)), min_size=1, max_size=4).map(
        lambda values: sorted(values, reverse=True)
    ),
    st.tuples(*[st.one_of(st.just(0.0), st.floats(0, 1))] * 3).map(sorted),
    st.sampled_from(["listed", "complement"]),
    st.one_of(st.none(), st.integers(0, 10), st.just(10**9)),
)
def test_whatever_is_restored_can_be_decoded(
    logprobs: list[float], ends: list[float], unseen: str, size: int | None
) -> None:
    interval = Interval(*ends)
    if unseen == "complement":
        missing = max(0.0, 1.0 - math.fsum(np.exp(logprobs)))
        interval = Interval(missing * ends[0], missing, missing)
    try:
        distribution = TokenDistribution.restored(["a"] * len(logprobs), logprobs, interval, size)
    except DistributionError:
        return
    for chosen in CHOSEN:
        decoding = decode(distribution, chosen)
        assert not np.isnan(decoding.after_cut.first(len(logprobs)).estimate).any()
        assert not math.isnan(decoding.after_cut.entropy.estimate)


def test_a_list_that_contradicts_itself_comes_back_as_it_was(tmp_path: Path) -> None:
    contradictory = TokenDistribution.from_top_logprobs(["a", "b"], np.log([0.5, 0.001]), 4)
    assert contradictory.notes
    path = record(tmp_path / "r", replace(ANSWER, distribution=contradictory))
    assert_same(replay(path).distribution, contradictory)


def test_what_is_recorded_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    recorder = Recorder(tmp_path / "r", unchanged)
    recorder.keep(ANSWER)
    assert synced[-1] == (tmp_path / "r").stat().st_size
