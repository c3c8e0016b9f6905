"""``generate`` and ``score`` as a person or a script runs them: what is printed, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wcwidth import wcswidth

from softmax_visualizer.cli import main
from softmax_visualizer.decoding import DecodingSettings, Token, TokenDistribution
from softmax_visualizer.decoding.generation import Generation, Step
from softmax_visualizer.display.generation_record import Written
from softmax_visualizer.display.generation_report import Form, generation_report
from softmax_visualizer.models import opening
from softmax_visualizer.models.answer_file import read
from softmax_visualizer.models.base import ModelAnswer
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.redaction import redacted_path

FOX = "The quick brown fox jumps over the"
OPENED = ("She opened the", "-n", "12", "-t", "0.8", "-p", "0.9")

HOSTILE = ["\x1b[31m", "\ud83d", "a\nb", "|`[/]", "x" * 80, "日本", "\x9b2J", "\u202e", "", "=1+1", " "]


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.out, parse_constant=pytest.fail)
        return record


Command = Callable[..., Run]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line in this process, as a new user in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: str) -> Run:
        capsys.readouterr()
        status = main(arguments)
        return Run(status, *capsys.readouterr())

    return command


def json_of(run: Command, *arguments: str, status: int = 0) -> dict[str, Any]:
    found = run(*arguments, "--format", "json")
    assert found.status == status, found.err
    return found.record


# --- what is written ---


def test_the_same_seed_and_settings_give_the_same_text_on_every_machine(run: Command) -> None:
    record = json_of(run, "generate", *OPENED)
    assert record["text"] == ' door. It was the same next?"\nThe sun'
    assert json_of(run, "generate", *OPENED, "--seed", "1") == record
    assert json_of(run, "generate", *OPENED, "--seed", "2")["text"] != record["text"]


def test_a_place_has_the_same_random_number_at_any_settings(run: Command) -> None:
    cold, hot = (
        json_of(run, "generate", "She opened the", "-n", "5", "-t", t, "--seed", "3")["steps"]
        for t in ("0.2", "1.5")
    )
    assert [step["chance"] for step in cold] == [step["chance"] for step in hot]
    assert [step["text"] for step in cold] != [step["text"] for step in hot]


def test_greedy_writes_in_circles(run: Command) -> None:
    record = json_of(run, "generate", FOX, "--greedy", "-n", "60")
    texts = [step["text"] for step in record["steps"]]
    assert texts[:4] == [" lazy", " dog", ".", "\n"]
    # from the second sentence on, the same fourteen tokens again and again
    assert "".join(texts[18:32]) == ' "I am not a very good," said the little Jackal.'
    assert texts[18:46] == texts[18:32] * 2
    assert texts[46:] == texts[18:32]
    assert record["greedy_steps"] == 60
    assert {step["rank"] for step in record["steps"]} == {1}
    assert {(step["chosen_by"], step["chance"]) for step in record["steps"]} == {("greedy", None)}
    assert record["seed"] is None


def test_temperature_0_is_greedy_too(run: Command) -> None:
    cold, greedy = (json_of(run, "generate", FOX, "-n", "8", *flags) for flags in (["-t", "0"], ["--greedy"]))
    assert cold["text"] == greedy["text"]
    assert {step["chosen_by"] for step in cold["steps"]} == {"greedy"}


@pytest.mark.parametrize("flags", [(), ("-t", "1.3", "-p", "0.8"), ("-t", "0.7", "-k", "5", "--min-p", "0.05",
                                   "--order", "temperature-last")], ids=" ".join)  # fmt: skip
def test_every_number_is_the_one_that_show_gives_for_the_text_so_far(
    run: Command, flags: Sequence[str]
) -> None:
    record = json_of(run, "generate", "She opened the", "-n", "6", *flags, "--seed", "5")
    prompt = record["prompt"]
    for step in record["steps"]:
        shown = json_of(run, "show", prompt, *flags, "--top", str(step["rank"]))
        decoding, at = shown["decodings"][0], step["rank"] - 1
        assert record["settings"] == decoding["settings"]
        listed = shown["distribution"]["tokens"][at]
        assert (step["text"], step["bytes"]) == (listed["text"], listed["bytes"])
        assert step["logprob"] == listed["logprob"]
        assert step["kept"] == decoding["tokens"][at]["kept"] == "yes"
        for end in ("low", "estimate", "high"):
            assert step["probability"][end] == pytest.approx(decoding["tokens"][at]["probability"][end], 1e-9)
        entropies = decoding["statistics"]["entropy_bits"]
        assert step["entropy_bits"] == {name: entropies[name] for name in ("model", "after_cut")}
        assert step["surprisal_bits"]["estimate"] == pytest.approx(-step["logprob"] / math.log(2))
        prompt += step["text"]


def test_the_probability_of_the_path_is_the_product_of_its_steps(run: Command) -> None:
    record = json_of(run, "generate", *OPENED)
    product = math.prod(step["probability"]["estimate"] for step in record["steps"])
    assert 2 ** record["log2_probability"]["estimate"] == pytest.approx(product)
    assert 0 < product < 1e-9
    assert record["greedy_steps"] == sum(step["rank"] == 1 for step in record["steps"]) == 4


def test_json_keeps_its_contract(run: Command) -> None:
    record = json_of(run, "generate", *OPENED)
    assert list(record) == [
        "schema", "prompt", "model", "settings", "seed", "requests", "finish", "steps", "text",
        "log2_probability", "greedy_steps",
    ]  # fmt: skip
    assert record["schema"] == "softmax-visualizer/generation/1"
    assert record["prompt"] == "She opened the"
    assert record["model"] == {"name": "bundled", "source": "bundled", "endpoint": None}
    assert record["settings"] == DecodingSettings(0.8, 0.9).to_dict()
    assert (record["seed"], record["requests"], record["finish"]) == (1, 12, "length")
    assert len(record["steps"]) == 12
    assert "".join(step["text"] for step in record["steps"]) == record["text"]
    for step in record["steps"]:
        assert list(step) == [
            "text", "bytes", "token_id", "chosen_by", "chance", "continued_by", "rank", "logprob", "kept",
            "probability", "surprisal_bits", "entropy_bits",
        ]  # fmt: skip
        assert bytes(step["bytes"]).decode() == step["text"]
        assert (step["token_id"], step["chosen_by"], step["continued_by"]) == (None, "sampled", "tokens")
        assert 0 <= step["chance"] < 1


# --- what is scored ---


def test_a_scored_answer_has_the_numbers_that_it_had_when_it_was_written(run: Command) -> None:
    flags = OPENED[3:]
    written = json_of(run, "generate", *OPENED)
    scored = json_of(run, "score", "She opened the", written["text"], *flags)
    assert (scored["seed"], scored["finish"]) == (None, None)
    for name in ("prompt", "settings", "text", "log2_probability", "greedy_steps", "requests"):
        assert scored[name] == written[name]
    for mine, theirs in zip(scored["steps"], written["steps"], strict=True):
        assert mine == {**theirs, "chosen_by": "given", "chance": None}


def test_a_token_that_the_cut_forbids_makes_the_text_impossible(run: Command) -> None:
    found = run("score", FOX, " lazy man.", "-p", "0.5")
    record = json_of(run, "score", FOX, " lazy man.", "-p", "0.5")
    assert [step["kept"] for step in record["steps"]] == ["yes", "no", "yes"]
    assert record["log2_probability"] == {"low": None, "estimate": None, "high": None}
    assert record["steps"][1]["logprob"] < 0
    (line,) = [line for line in found.out.splitlines() if line.startswith("░    2")]
    assert line.split() == ["░", "2", "␣man", "22.0", "%", "cut", "2"]
    assert "never sampled    first 2 ␣man: cut" in found.out
    assert "░ these settings never sample it" in found.out


def test_a_word_that_the_model_does_not_have_is_said_to_be_none_of_its_tokens(run: Command) -> None:
    step = json_of(run, "score", FOX, " xyzzyx")["steps"][0]
    assert (step["rank"], step["logprob"], step["kept"]) == (None, None, "no")
    assert step["surprisal_bits"]["estimate"] is None
    assert "no such token" in run("score", FOX, " xyzzyx").out


def test_the_prompt_comes_from_a_pipe(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["generate", "-", "-n", "1"], ["generate", "-n", "1"], ["score", "-", " lazy"],
                      ["score", " lazy"]):  # fmt: skip
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{FOX}\n".encode())))
        assert json_of(run, *arguments)["prompt"] == FOX


# --- the forms ---


def test_text_has_a_line_a_token_and_what_is_known_of_all_together(run: Command) -> None:
    found = run("generate", *OPENED)
    assert (found.status, found.err) == (0, "")
    head, answer, table, together = found.out.split("\n\n")
    assert head.splitlines() == [
        "She opened the",
        "bundled: all 20,000 tokens",
        "Temp 0.8 (top-p 0.90, temperature first): sampled with seed 1",
    ]
    assert answer.splitlines() == ['  ␣door. It was the same next?"⏎', "  The sun"]
    rows = table.splitlines()[1:]
    assert len(rows) == 12
    assert rows[0].split() == ["1", "␣door", "55.0", "%", "90.1", "%", "1"]
    assert rows[9].split()[:2] == ["10", "⏎"]
    assert together.splitlines()[0] == "weakest places   12 ␣sun 0.7 %, 7 ␣next 0.8 %, 8 ? 1.1 %"
    assert "probability      <0.01 % for exactly these tokens; -log2 of it: 39.06 bits" in together
    assert "never sampled    none" in together
    assert "greedy steps     4 of 12" in together
    assert "continued        as the same tokens" in together
    assert "requests         12; as many tokens as were wanted" in together


def test_csv_has_a_line_a_step_with_the_numbers_of_the_record(run: Command) -> None:
    steps = json_of(run, "generate", *OPENED)["steps"]
    rows = list(csv.DictReader(io.StringIO(run("generate", *OPENED, "--format", "csv").out), strict=True))
    assert len(rows) == len(steps)
    for number, (row, step) in enumerate(zip(rows, steps, strict=True), 1):
        assert row["step"] == str(number)
        assert bytes.fromhex(row["bytes"]) == bytes(step["bytes"])
        assert (row["token_id"], row["chosen_by"], row["kept"]) == ("", "sampled", "yes")
        assert (int(row["rank"]), float(row["chance"])) == (step["rank"], step["chance"])
        assert float(row["logprob"]) == step["logprob"]
        for end in ("low", "estimate", "high"):
            assert float(row[f"probability_{end}"]) == step["probability"][end]
            assert float(row[f"surprisal_bits_{end}"]) == step["surprisal_bits"][end]
            for stage in ("model", "after_cut"):
                assert float(row[f"entropy_bits_{stage}_{end}"]) == step["entropy_bits"][stage][end]


def test_markdown_has_a_table(run: Command) -> None:
    lines = run("generate", *OPENED, "--format", "markdown").out.splitlines()
    assert lines[0] == "# `She opened the`: `bundled`, all 20,000 tokens"
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 14
    assert table[2] == "| 1 | `␣door` | 55.0 % | 90.1 % | 1 |"
    assert "- weakest places: 12 `␣sun` 0.7 %, 7 `␣next` 0.8 %, 8 `?` 1.1 %" in lines


def written_by_hand(settings: DecodingSettings, *, size: int | None = None) -> Written:
    """Hostile tokens out of a truncated list, each in its own way."""
    tokens = [*(Token(text) for text in HOSTILE), Token("\ufffd", b"\xf0\x9f")]
    logprobs = np.log(np.linspace(2, 1, len(tokens)) / 40)
    distribution = TokenDistribution.from_top_logprobs(tokens, logprobs, size)
    steps = tuple(
        Step(distribution, distribution.token(at), at, "sampled", "instruction", 0.5)
        for at in range(len(tokens))
    )
    unlisted = Step(distribution, Token(" unlisted"), None, "given", "text")
    model = {"name": "m\x1b", "source": "openai", "endpoint": "http://h/\u202e"}
    return Written(Generation("a\x1b[2J\u202eb", (*steps, unlisted)), model, settings, 7, 2, "stopped")


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown"])
def test_no_token_writes_a_control_character_or_a_line_of_its_own(form: Form) -> None:
    written = written_by_hand(DecodingSettings(1.2, 0.9), size=1000)
    text = "".join(generation_report(written, form))
    assert {char for char in text if unicodedata.category(char)[0] in "MCZ"} <= {" ", "\n"}
    if form == "text":
        assert max(map(wcswidth, text.splitlines())) <= 80
    if form == "csv":
        rows = list(csv.reader(io.StringIO(text), strict=True))
        assert len(rows) == 1 + len(HOSTILE) + 2
        assert "'=1+1" in [row[1] for row in rows]
        assert not {row[1][:1] for row in rows} & {"=", "+", "@"}
    if form == "json":
        texts = [step["text"] for step in json.loads(text)["steps"]]
        assert texts == [*HOSTILE, "\ufffd", " unlisted"]
    if form == "markdown":
        (row,) = [line for line in text.splitlines() if "[/]" in line and line.startswith("| ")]
        assert row.replace("\\|", "").count("|") == 6


def test_ranges_and_undecided_tokens_are_shown_as_such() -> None:
    written = written_by_hand(DecodingSettings(1.5, 0.6), size=1000)
    kept = list(written.path.kept)
    assert "maybe" in kept
    text = "".join(generation_report(written, "text"))
    rows = [line for line in text.splitlines() if line[1:6].strip().isdigit()]
    assert [row[0] for row in rows] == [{"yes": " ", "maybe": "▚", "no": "░"}[each] for each in kept]
    undecided = rows[kept.index("maybe")]
    assert "–" in undecided.split("%")[1]
    assert "▚ it may be cut: that depends on tokens that the server does not show" in text
    assert rows[-1].split()[-1] == "–"
    assert "asked to continue the text, which is another distribution" in text
    assert "stopped before its end" in text
    assert "m␛ at http://h/<U+202E>: top 12 of 1,000 tokens" in text


def test_an_answer_of_certain_tokens_has_no_weak_place(run: Command) -> None:
    text = run("generate", FOX, "-n", "3", "-t", "0").out
    assert "weakest" not in text
    assert "100 % for exactly these tokens; -log2 of it: 0 bits" in text


# --- recordings ---


def test_a_recorded_answer_is_replayed_to_the_last_digit(run: Command, tmp_path: Path) -> None:
    recorded = json_of(run, "generate", *OPENED, "--record", "r.jsonl")
    replayed = json_of(run, "generate", *OPENED, "--replay", "r.jsonl")
    assert replayed.pop("model") == {"name": "bundled", "source": "recording", "endpoint": None}
    del recorded["model"]
    assert replayed == recorded


def test_what_a_recording_does_not_hold_ends_the_answer_with_what_came(run: Command) -> None:
    run("generate", FOX, "-n", "3", "--record", "r.jsonl")
    found = run("generate", FOX, "-n", "5", "--replay", "r.jsonl", "--format", "json")
    assert found.status == 1
    assert len(found.record["steps"]) == 3
    assert found.record["finish"] == "stopped"
    assert "was not recorded" in found.err
    assert found.err.count("\n") == 1
    nothing = run("generate", "Another prompt", "--replay", "r.jsonl")
    assert (nothing.status, nothing.out) == (2, "")
    assert "has no answer to this prompt" in nothing.err
    unsplit = run("score", FOX, " lazy", "--replay", "r.jsonl")
    assert (unsplit.status, unsplit.out) == (2, "")


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl+C arrives, also where the tests run in the background, in which shells have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_prints_what_came_so_far(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = BundledModel.ask_ahead

    async def interrupted(
        self: BundledModel, prompt: str, after: tuple[Token, ...], count: int
    ) -> tuple[ModelAnswer, ...]:
        if len(after) == stop:
            signal.raise_signal(signal.SIGINT)
        return await genuine(self, prompt, after, count)

    monkeypatch.setattr(BundledModel, "ask_ahead", interrupted)
    stop = 3
    found = run("generate", *OPENED, "--format", "json")
    assert found.status == 130
    assert (len(found.record["steps"]), found.record["finish"]) == (3, "stopped")
    stop = 0
    assert run("generate", *OPENED) == Run(130, "", "")


# --- servers ---


class Server(BundledModel):
    """Lists three tokens of the bundled model's, and says how it would go on from each place."""

    name = "served"
    engine: str | None = "llama.cpp"
    deep = False

    async def ask(self, prompt: str, *, after: tuple[Token, ...] = (), whole: bool = False) -> ModelAnswer:
        answer = await super().ask(prompt, after=after)
        listed = 50 if whole else 3
        few = TokenDistribution.from_top_logprobs(
            [token._replace(id=at) for at, token in enumerate(answer.distribution.tokens[:listed])],
            answer.distribution.logprobs[:listed],
            20_000,
        )
        return replace(answer, distribution=few, engine=self.engine, notes=("A note.",))

    async def ask_ahead(self, prompt: str, after: tuple[Token, ...], count: int) -> tuple[ModelAnswer, ...]:
        answers = []
        for _ in range(count):
            answers.append(await self.ask(prompt, after=after))
            after = (*after, answers[-1].distribution.token(0))
        return tuple(answers)

    def goes_deeper(self, answer: ModelAnswer) -> bool:
        return self.deep


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    model = Server()
    monkeypatch.setattr(opening, "_opened", lambda configuration, progress: model)
    return model


def test_a_server_is_asked_again_only_where_the_answer_departs_from_its_own(
    run: Command, server: Server
) -> None:
    greedy = json_of(run, "generate", FOX, "-n", "8", "--greedy")
    assert greedy["requests"] == 1
    assert [step["token_id"] for step in greedy["steps"]] == [0] * 8
    sampled = json_of(run, "generate", FOX, "-n", "8", "-k", "3", "--seed", "4")
    departures = sum(step["rank"] != 1 for step in sampled["steps"][:-1])
    assert sampled["requests"] == 1 + departures > 1


def test_the_order_is_that_of_the_engine_unless_it_is_said(run: Command, server: Server) -> None:
    found = run("generate", FOX, "-n", "2", "-p", "0.5", "-t", "0.7", "--format", "json")
    assert found.record["settings"]["order"] == "temperature-last"
    assert "The server is llama.cpp" in found.err
    said = run("generate", FOX, "-n", "2", "-p", "0.5", "-t", "0.7", "--engine", "vLLM", "--format", "json")
    assert said.record["settings"]["order"] == "temperature-first"
    assert said.err == ""


def test_a_number_that_falls_on_an_unseen_token_ends_the_answer(run: Command, server: Server) -> None:
    # it would list more, but elsewhere than on this machine that is a person's decision
    server.deep = True
    found = run("generate", FOX, "-n", "12", "-k", "50", "--format", "json")
    assert found.status == 1
    assert 1 <= len(found.record["steps"]) < 12
    assert found.record["finish"] == "stopped"
    assert "a token that the server does not show" in found.err


def test_a_server_on_this_machine_is_asked_for_all_where_more_is_needed(
    run: Command, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deep = True
    monkeypatch.setattr(Configuration, "whole", True)
    written = json_of(run, "generate", FOX, "-n", "12", "-k", "50")
    beyond = [step for step in written["steps"] if step["rank"] > 3]
    assert beyond
    tenth = BundledModel().answer(f"{FOX} lazy").distribution.token(9)
    assert json_of(run, "score", FOX, f" lazy{tenth.text}")["steps"][1]["rank"] == 10


def test_a_scored_token_that_is_not_listed_has_a_range(run: Command, server: Server) -> None:
    step = json_of(run, "score", FOX, " lazy bird")["steps"][1]
    assert (step["rank"], step["logprob"], step["kept"]) == (None, None, "maybe")
    assert step["probability"]["low"] == 0 < step["probability"]["high"] < 0.3


def test_notes_are_said_once_and_not_beside_what_a_program_reads(run: Command, server: Server) -> None:
    assert run("generate", FOX, "-n", "3", "--greedy").err == "softmax-visualizer: A note.\n"
    assert run("generate", FOX, "-n", "3", "--greedy", "--format", "csv").err == ""


def test_a_recorded_answer_keeps_the_numbers_of_its_tokens(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = opening._opened
    monkeypatch.setattr(opening, "_opened", lambda configuration, progress: Server())
    arguments = ["generate", FOX, "-n", "6", "-k", "3", "--seed", "4", "--order", "temperature-first"]
    recorded = json_of(run, *arguments, "--record", "r.jsonl")
    monkeypatch.setattr(opening, "_opened", genuine)
    replayed = json_of(run, *arguments, "--replay", "r.jsonl")
    assert replayed["steps"] == recorded["steps"]
    assert recorded["steps"][0]["token_id"] is not None


# --- saving, and secrets ---


def test_save_keeps_the_answer_and_replaces_no_file(run: Command, tmp_path: Path) -> None:
    record = json_of(run, "generate", *OPENED[:1], "-n", "3", "--save", "answers.jsonl")
    saved = read(tmp_path / "answers.jsonl")
    steps = saved.tree.generation.steps
    assert [step.token.text for step in steps] == [step["text"] for step in record["steps"]]
    assert [step.chance for step in steps] == [step["chance"] for step in record["steps"]]
    assert saved.model == record["model"]
    before = (tmp_path / "answers.jsonl").read_bytes()
    refused = run("generate", *OPENED[:1], "--save", "answers.jsonl")
    assert (refused.status, refused.out) == (2, "")
    assert "answers.jsonl exists; choose another name." in refused.err
    assert (tmp_path / "answers.jsonl").read_bytes() == before


def test_a_file_that_cannot_be_written_costs_no_answer(run: Command) -> None:
    found = run("generate", FOX, "-n", "2", "--save", "missing/answers.jsonl")
    assert found.status == 2
    assert "␣lazy" in found.out
    assert "missing/answers.jsonl cannot be written: no such file or directory." in found.err


KEY = "key-0123456789abcdefghij"


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown"])
def test_a_key_in_the_prompt_or_the_text_is_hidden(
    run: Command, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    found = run("score", f"My key is {KEY}", f" {KEY} .", "--model", "bundled", "--format", form)
    assert found.status == 0
    assert "[hidden]" in found.out
    # the bundled model splits the key into several tokens
    for part in ("0123456789", "abcdefghij"):
        assert part not in found.out


def test_a_secret_that_is_spread_over_tokens_is_hidden_token_by_token() -> None:
    configuration = Configuration(Secret(KEY))
    tokens = [Token(" my"), Token(" key-0123"), Token("456789abc"), Token("defghij"), Token(" ok")]
    safe = redacted_path(tokens, configuration.redact, configuration.mask)
    assert [token.text for token in safe] == [" my", *["[hidden]"] * 3, " ok"]
    assert redacted_path(tokens[:2], configuration.redact, configuration.mask) == tuple(tokens[:2])


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "Hi", "-n", "0"], "-n must be 1 or more, not 0."),
        (["generate", "Hi", "-n", "-3"], "-n must be 1 or more, not -3."),
        (["generate", "Hi", "-n", "1000000"], "-n must be 1,024 or less, not 1,000,000."),
        (["generate", "Hi", "-n", "many"], "-n must be a whole number, not 'many'."),
        (["generate", "Hi", "--seed", "1.5"], "--seed must be a whole number, not '1.5'."),
        (["generate", "Hi", "-t", "-1"], "Temperature must be 0 or more, not -1."),
        (["generate", "Hi", "-p", "2"], "Top-p must be between 0 and 1, not 2."),
        (["generate", "Hi", "-k", "0"], "--top-k must be 1 or more, not 0."),
        (["generate", "Hi", "--engine", "steam"], "Engine must be one of"),
        (["generate", "Hi", "--format", "xml"], "xml"),
        (["generate", "Hi", "--unheard-of"], "--unheard-of"),
        (["generate", "two", "prompts"], "quotation marks"),
        (["generate", "Hi", "--replay", "missing.jsonl"], "missing.jsonl cannot be read"),
        (["score", FOX, ""], "The text to score is empty."),
        (["score", FOX, "   "], "The text to score holds no token of this model."),
        (["score", FOX, " word" * 1025], "The text to score has 1,025 tokens; at most 1,024 are scored."),
        (["score", FOX, " lazy", "--seed", "1"], "--seed"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_is_refused_in_a_sentence(run: Command, arguments: list[str], said: str) -> None:
    found = run(*arguments)
    assert found.status == 2
    assert found.out == ""
    assert said in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["generate"], ["score", " lazy"]], ids=" ".join)
def test_a_missing_prompt_is_asked_for(
    run: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    found = run(*arguments)
    assert found.status == 2
    assert "A prompt is missing" in found.err
