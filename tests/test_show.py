"""``softmax-visualizer show`` as a person or a script runs it: what is printed, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import resource
import subprocess
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from wcwidth import wcswidth

from misbehaving_server import Answer, MisbehavingServer
from softmax_visualizer.decoding import DecodingSettings, TokenDistribution, decode
from terminal import APP, fresh_environment

Run = subprocess.CompletedProcess[bytes]
Show = Callable[..., Run]
Save = Callable[[object], str]

FOX = "The quick brown fox jumps over the"

TRUNCATED = {
    "tokens": [" lazy", " old", " big", " log"],
    "logprobs": [-0.585, -1.9, -2.7, -3.4],
    "vocabulary_size": 200_019,
}

WHOLE = {"tokens": ["a", "b", "c", "d"], "logits": [1.0, 3.0, 2.0, -1.0]}

HOSTILE = [
    "\x1b[31m", "\ud83d", "a\nb", "[/]", "x" * 80, "日本", "👨‍👩‍👧", "\x9b2J", "\u202e", "", "\r\x00\x7f",
    'a,b"c', "same", "same", "\u2028", "e\u0301", "\x1b]52;c;aGk=\x07", "\ufeff",
]  # fmt: skip
"""Tokens that would move the cursor, break a line or a column, or change what was written before them."""


@pytest.fixture
def show(tmp_path: Path) -> Show:
    """Run ``show`` with these arguments, and this environment, as a new user in an empty folder."""

    def run(*arguments: str, **environment: str) -> Run:
        return subprocess.run(
            [*APP, "show", *arguments],
            capture_output=True,
            env=fresh_environment(tmp_path, **environment),
            cwd=tmp_path,
            timeout=60,
        )

    return run


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Save bytes, a text or a value (as JSON) in a file; return its path."""

    def write(content: object) -> str:
        path = tmp_path / "saved.json"
        match content:
            case bytes():
                path.write_bytes(content)
            case str():
                path.write_text(content, "utf-8")
            case _:
                path.write_text(json.dumps(content), "utf-8")
        return str(path)

    return write


def printed(run: Run) -> str:
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode()


def record_of(run: Run) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(printed(run), parse_constant=pytest.fail)
    return record


def rows_of(run: Run) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(printed(run), newline=""), strict=True))


def refusal(run: Run) -> str:
    """Check that nothing but one line was said, and return it without the program's name."""
    assert run.stdout == b""
    said = run.stderr.decode()
    assert "Traceback" not in said
    assert said.startswith("softmax-visualizer: ")
    assert said.endswith((".\n", "”\n"))
    assert said.count("\n") == 1
    assert run.returncode == 2
    return said.removeprefix("softmax-visualizer: ").rstrip("\n")


def intervals(record: object) -> Iterator[dict[str, float | None]]:
    """Every interval in a record, however deep."""
    if isinstance(record, dict):
        if record.keys() == {"low", "estimate", "high"}:
            yield record
        for value in record.values():
            yield from intervals(value)
    elif isinstance(record, list):
        for value in record:
            yield from intervals(value)


# --- text ---


def test_text_is_one_block_a_temperature_with_a_bar_a_token(show: Show) -> None:
    text = printed(show(FOX, "-t", "0.1", "-t", "1.5", "-p", "0.9"))
    heading, cold, hot, difference = text.rstrip("\n").split("\n\n")
    assert heading.startswith(FOX)
    assert "bundled" in heading
    assert cold.startswith("--- Temp 0.1 (top-p 0.90")
    assert hot.startswith("--- Temp 1.5 (top-p 0.90")
    assert difference.startswith("From temp 0.1 to temp 1.5: ␣lazy falls from")
    assert difference.endswith(" of the\nprobability moves.")
    bar = {block: block.splitlines()[1].count("█") for block in (cold, hot)}
    assert "␣lazy" in cold.splitlines()[1]
    assert bar[cold] > 5 * bar[hot] > 0
    assert "cut" in cold.splitlines()[2]
    assert "exact" in cold.splitlines()[-1]


def test_text_lists_the_top_tokens_and_sums_up_the_others(show: Show) -> None:
    lines = printed(show("The", "--top", "3")).splitlines()
    rows = [line for line in lines if line.startswith(" ") and "%" in line]
    assert len(rows) == 4
    assert rows[-1].split()[:2] == ["19,997", "more"]
    shares = [float(row.split()[-2]) for row in rows]
    assert math.isclose(sum(shares), 100, abs_tol=0.3)


@pytest.mark.parametrize("prompt", [FOX, "", "Two\nlines\tand a tab", "日本語 👨‍👩‍👧 e\u0301 \x1b[31m"])
def test_text_in_a_pipe_is_plain_and_80_cells_wide_at_the_most(show: Show, save: Save, prompt: str) -> None:
    path = save({"tokens": HOSTILE, "logprobs": [-2.9 - rank / 50 for rank in range(len(HOSTILE))]})
    for source in ([], ["--logprobs", path]):
        text = printed(
            show(prompt, *source, "-t", "0.6", "-t", "1.4", "-p", "0.9", "-k", "40", "--min-p", "0.02")
        )
        assert {wcswidth(line) <= 80 for line in text.splitlines()} == {True}
        assert -1 not in [wcswidth(line) for line in text.splitlines()]  # which says: a control character


def test_a_long_prompt_is_no_wider_than_80_cells_either(show: Show) -> None:
    assert max(map(wcswidth, printed(show("word " * 100, "--top", "2")).splitlines())) <= 80


def test_text_of_a_truncated_list_says_that_its_numbers_are_bounds(show: Show, save: Save) -> None:
    text = printed(show("--logprobs", save(TRUNCATED), "-t", "1.5"))
    assert "top 4 of 200,019 tokens" in text
    assert "unseen" in text
    assert "▒" in text
    assert text.rstrip().endswith("bounds")


def test_text_says_that_the_size_of_the_vocabulary_is_unknown(show: Show, save: Save) -> None:
    unknown = {"tokens": TRUNCATED["tokens"], "logprobs": TRUNCATED["logprobs"]}
    assert "top 4 of an unknown number of tokens" in printed(show("--logprobs", save(unknown)))


def test_two_temperatures_that_differ_have_titles_that_differ(show: Show, save: Save) -> None:
    text = printed(show("--logprobs", save(WHOLE), "-t", "0.12345671", "-t", "0.12345672"))
    first, second = [line for line in text.splitlines() if line.startswith("---")]
    assert first != second


def test_notes_about_mended_numbers_go_to_stderr_and_not_into_the_text(show: Show, save: Save) -> None:
    run = show("--logprobs", save({"tokens": ["a", "b"], "logprobs": [-0.1, -0.5], "vocabulary_size": 9}))
    assert "scaled to 100 %" not in printed(run)
    assert "scaled to 100 %" in run.stderr.decode()


# --- JSON ---

NUMBER = (int, float)
INTERVAL = {"low": NUMBER, "estimate": NUMBER, "high": NUMBER}
MAYBE_INFINITE = {
    "low": (*NUMBER, type(None)),
    "estimate": (*NUMBER, type(None)),
    "high": (*NUMBER, type(None)),
}
CONTRACT = {
    "schema": str,
    "prompt": str,
    "model": {"name": str, "source": str, "endpoint": (str, type(None))},
    "distribution": {
        "complete": bool,
        "vocabulary_size": (int, type(None)),
        "assumed_vocabulary_size": (int, type(None)),
        "unseen_mass": NUMBER,
        "tokens": [{"rank": int, "text": str, "bytes": (list, type(None)), "logprob": (float, type(None))}],
    },
    "decodings": [
        {
            "settings": {
                "temperature": float,
                "top_p": float,
                "top_k": (int, type(None)),
                "min_p": float,
                "order": str,
            },
            "exact": bool,
            "tokens": [
                {
                    "rank": int,
                    "text": str,
                    "after_temperature": INTERVAL,
                    "kept": str,
                    "probability": INTERVAL,
                }
            ],
            "others": {
                "count": (int, type(None)),
                "after_temperature": INTERVAL,
                "kept": str,
                "probability": INTERVAL,
            },
            "statistics": {
                "entropy_bits": dict.fromkeys(("model", "after_temperature", "after_cut"), MAYBE_INFINITE),
                "effective_tokens": dict.fromkeys(
                    ("model", "after_temperature", "after_cut"), MAYBE_INFINITE
                ),
                "kept_tokens": MAYBE_INFINITE,
                "cut_mass": INTERVAL,
            },
        }
    ],
}
"""The keys and types of the contract; ``assumed_vocabulary_size`` is an addition to it."""

COMPARISON = {
    "total_variation": INTERVAL,
    # None where it is not exact
    "kl_divergence_bits": (dict, type(None)),
    "tokens_entering": MAYBE_INFINITE,
    "tokens_leaving": MAYBE_INFINITE,
}
"""What is said of each further decoding beside the first, where there are several."""


def assert_matches(value: Any, contract: Any, where: str = "record") -> None:
    if isinstance(contract, dict):
        assert isinstance(value, dict), where
        assert list(value) == list(contract), where
        for key, part in contract.items():
            assert_matches(value[key], part, f"{where}.{key}")
    elif isinstance(contract, list):
        assert isinstance(value, list), where
        for index, item in enumerate(value):
            assert_matches(item, contract[0], f"{where}[{index}]")
    else:
        assert isinstance(value, contract), where
        assert isinstance(value, bool) == (contract is bool), where


SETTINGS = [
    ("-t", "0", "-t", "0.5", "-t", "1", "-t", "2"),
    ("-t", "1.3", "-p", "0.5", "--top", "2"),
    ("-t", "0.7", "-k", "2", "--min-p", "0.1", "--order", "temperature-last"),
    ("-t", "1.5", "-p", "0", "--top", "0"),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
@pytest.mark.parametrize("source", ["bundled", "whole file", "truncated file", "unknown size"])
def test_json_keeps_its_contract(show: Show, save: Save, source: str, settings: Sequence[str]) -> None:
    files = {
        "whole file": WHOLE,
        "truncated file": TRUNCATED,
        "unknown size": TRUNCATED | {"vocabulary_size": None},
    }
    chosen = ["--logprobs", save(files[source])] if source in files else []
    record = record_of(show(FOX, *chosen, *settings, "--format", "json"))
    comparisons = record.pop("comparisons", [])
    assert len(comparisons) == settings.count("-t") - 1
    assert_matches(comparisons, [COMPARISON])
    assert_matches(record, CONTRACT)
    assert record["schema"] == "softmax-visualizer/decodings/1"
    assert record["prompt"] == FOX
    name = "saved.json" if chosen else "bundled"
    assert record["model"] == {"name": name, "source": "file" if chosen else "bundled", "endpoint": None}

    distribution = record["distribution"]
    assert distribution["complete"] == (source in ("bundled", "whole file"))
    size = {"bundled": 20_000, "whole file": 4, "truncated file": 200_019, "unknown size": None}[source]
    assert distribution["vocabulary_size"] == size
    assert 0 <= distribution["unseen_mass"] < 1
    logprobs = [token["logprob"] for token in distribution["tokens"]]
    assert logprobs == sorted(logprobs, reverse=True)
    assert all(bytes(token["bytes"]).decode() == token["text"] for token in distribution["tokens"])

    for decoding in record["decodings"]:
        for key in ("rank", "text"):
            assert [token[key] for token in decoding["tokens"]] == [
                token[key] for token in distribution["tokens"]
            ]
        assert [token["rank"] for token in decoding["tokens"]] == list(range(1, len(decoding["tokens"]) + 1))
        assert {token["kept"] for token in decoding["tokens"]} <= {"yes", "no", "maybe"}
        assert decoding["others"]["kept"] in {"none", "some", "all", "maybe"}
        listed = len(decoding["tokens"])
        assert decoding["others"]["count"] == (None if size is None else size - listed)
        for interval in intervals(decoding):
            low, estimate, high = (
                math.inf if interval[end] is None else interval[end] for end in ("low", "estimate", "high")
            )
            assert 0 <= low <= estimate <= high
        points = [len(set(interval.values())) == 1 for interval in intervals(decoding)]
        if decoding["exact"]:
            assert all(points)
        elif listed == len(distribution["tokens"]) == 4:
            assert not all(points)
        for stage in ("after_temperature", "probability"):
            parts = [*(token[stage] for token in decoding["tokens"]), decoding["others"][stage]]
            assert sum(part["low"] for part in parts) <= 1 + 1e-9
            assert sum(part["estimate"] for part in parts) == pytest.approx(1, abs=1e-9)
            assert sum(part["high"] for part in parts) >= 1 - 1e-9


def test_json_says_how_much_of_the_others_is_kept(show: Show, save: Save) -> None:
    def kept(*arguments: str) -> tuple[list[str], str]:
        (decoding,) = record_of(show("The", *arguments, "--format", "json"))["decodings"]
        return [token["kept"] for token in decoding["tokens"]], decoding["others"]["kept"]

    assert kept("--top", "2") == (["yes", "yes"], "all")
    assert kept("--top", "2", "-p", "0.9") == (["yes", "yes"], "some")
    assert kept("--top", "2", "-k", "1") == (["yes", "no"], "none")
    # at T = 1.3 these four hold between 31 and 65 %, so the unseen tokens decide what half of the mass is
    file = ("--logprobs", save(TRUNCATED), "-t", "1.3")
    assert kept(*file, "-p", "0.5")[1] == "maybe"
    assert "maybe" in kept(*file, "-p", "0.5")[0]


def test_json_and_decode_agree_to_the_last_digit(show: Show, save: Save) -> None:
    run = show("--logprobs", save(TRUNCATED), "-t", "0.3", "-t", "1.4", "-p", "0.9", "--format", "json")
    distribution = TokenDistribution.from_top_logprobs(**TRUNCATED)  # type: ignore[arg-type]
    decodings = [decode(distribution, DecodingSettings(temperature, 0.9)) for temperature in (0.3, 1.4)]
    assert record_of(run)["decodings"] == [decoding.to_dict() for decoding in decodings]


def test_json_gives_the_decodings_in_the_order_of_the_temperatures(show: Show, save: Save) -> None:
    temperatures = ["1.5", "0.1", "0.7", "0.1"]
    flags = [flag for temperature in temperatures for flag in ("-t", temperature)]
    decodings = record_of(show("--logprobs", save(WHOLE), *flags, "--format", "json"))["decodings"]
    assert [decoding["settings"]["temperature"] for decoding in decodings] == [1.5, 0.1, 0.7, 0.1]


def test_every_option_reaches_the_settings(show: Show, save: Save) -> None:
    options = ["-t", "0.7", "-p", "0.9", "-k", "40", "--min-p", "0.05", "--order", "temperature-last"]
    long = ["--temperature", "0.7", "--top-p", "0.9", "--top-k", "40", *options[6:]]
    for flags in (options, long):
        (decoding,) = record_of(show("--logprobs", save(WHOLE), *flags, "--format", "json"))["decodings"]
        assert decoding["settings"] == {
            "temperature": 0.7,
            "top_p": 0.9,
            "top_k": 40,
            "min_p": 0.05,
            "order": "temperature-last",
        }


def test_without_options_the_model_is_shown_as_it_is(show: Show, save: Save) -> None:
    record = record_of(show("--logprobs", save(WHOLE), "--format", "json"))
    (decoding,) = record["decodings"]
    assert decoding["settings"] == DecodingSettings().to_dict()
    assert decoding["others"]["count"] == 0
    for token, listed in zip(decoding["tokens"], record["distribution"]["tokens"], strict=True):
        assert token["probability"]["estimate"] == pytest.approx(math.exp(listed["logprob"]))
    assert [token["text"] for token in decoding["tokens"]] == ["b", "c", "a", "d"]


def test_top_p_keeps_the_token_that_crosses_it(show: Show, save: Save) -> None:
    halves = {"tokens": ["a", "b", "c"], "logits": [math.log(0.5), math.log(0.3), math.log(0.2)]}
    for top_p, kept in (("0.5", 1), ("0.51", 2), ("0.8", 2), ("1", 3), ("0", 1)):
        record = record_of(show("--logprobs", save(halves), "-p", top_p, "--format", "json"))
        assert record["decodings"][0]["statistics"]["kept_tokens"]["estimate"] == kept


@pytest.mark.parametrize("top", [0, 1, 20, 99_999])
def test_top_says_how_many_tokens_are_listed(show: Show, top: int) -> None:
    record = record_of(show("The", "--top", str(top), "--format", "json"))
    listed = min(top, 20_000)
    assert len(record["distribution"]["tokens"]) == listed
    assert len(record["decodings"][0]["tokens"]) == listed
    assert record["decodings"][0]["others"]["count"] == 20_000 - listed


def test_bundled_is_asked_by_name_whatever_the_environment_says(show: Show) -> None:
    run = show(
        FOX, "--model", "bundled", "--format", "json", OPENAI_API_KEY="k", OPENAI_BASE_URL="http://[::1]:9"
    )
    record = record_of(run)
    assert record["model"]["source"] == "bundled"
    assert record["distribution"]["tokens"][0]["text"] == " lazy"


def test_a_server_is_asked_once_for_all_temperatures_and_named_in_the_record(show: Show) -> None:
    listed = [{"token": token, "logprob": -1.0 - rank, "bytes": None} for rank, token in enumerate("ab")]
    content = [{**listed[0], "top_logprobs": listed}]
    choice = {"index": 0, "message": {"role": "assistant", "content": "a"}, "logprobs": {"content": content}}
    with MisbehavingServer(Answer({"model": "m", "choices": [choice]})) as server:
        arguments = ["--base-url", server.url, "--model", "m", "-t", "0.1", "-t", "1.5", "--format", "json"]
        record = record_of(show("Hi", *arguments))
    assert record["model"] == {"name": "m", "source": "openai", "endpoint": server.url}
    # once for the usual tokens, and once for all that a server on this machine has
    assert [each.body["top_logprobs"] for each in server.asked] == [20, 300_000]
    assert {each.body["temperature"] for each in server.asked} == {1}
    assert record["distribution"]["vocabulary_size"] is None
    assert record["decodings"][1]["others"]["count"] is None


# --- CSV ---


def test_csv_is_a_line_a_token_and_setting(show: Show, save: Save) -> None:
    rows = rows_of(
        show("--logprobs", save(TRUNCATED), "-t", "0.5", "-t", "1.5", "-p", "0.9", "--format", "csv")
    )
    assert list(rows[0]) == [
        "temperature", "top_p", "top_k", "min_p", "order", "rank", "text", "bytes", "logprob", "kept",
        "after_temperature_low", "after_temperature_estimate", "after_temperature_high",
        "probability_low", "probability_estimate", "probability_high",
    ]  # fmt: skip
    assert [row["temperature"] for row in rows] == ["0.5"] * 5 + ["1.5"] * 5
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", ""] * 2
    assert {row["top_p"] for row in rows} == {"0.9"}
    for part in (rows[:5], rows[5:]):
        assert sum(float(row["probability_estimate"]) for row in part) == pytest.approx(1)
    assert [float(row["logprob"]) for row in rows[:4]] == TRUNCATED["logprobs"]


def test_csv_and_json_hold_the_same_numbers(show: Show, save: Save) -> None:
    arguments = ["--logprobs", save(TRUNCATED), "-t", "1.5", "-p", "0.9", "--format"]
    (decoding,) = record_of(show(*arguments, "json"))["decodings"]
    for row, token in zip(
        rows_of(show(*arguments, "csv")), [*decoding["tokens"], decoding["others"]], strict=True
    ):
        assert row["kept"] == token["kept"]
        for stage in ("after_temperature", "probability"):
            for end in ("low", "estimate", "high"):
                assert float(row[f"{stage}_{end}"]) == token[stage][end]


def test_csv_keeps_the_bytes_of_every_token(show: Show, save: Save) -> None:
    path = save({"tokens": HOSTILE, "logits": [-rank for rank in range(len(HOSTILE))]})
    rows = rows_of(show("--logprobs", path, "--format", "csv"))[:-1]
    for row, token in zip(rows, HOSTILE, strict=True):
        if token != "\ud83d":  # half a character, which has no bytes
            assert bytes.fromhex(row["bytes"]) == token.encode()


# --- tokens that would be the terminal's master ---


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_no_token_prompt_or_file_name_writes_a_control_character(
    show: Show, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "\x1b[2J\u202e.json"
    path.write_text(json.dumps({"tokens": HOSTILE, "logprobs": [-2.9 - r / 50 for r in range(len(HOSTILE))]}))
    run = show("\x1b[31mred\x9b\u202e\r\n", "--logprobs", str(path), "--format", form)
    text = printed(run)
    unsafe = {char for char in text + run.stderr.decode() if unicodedata.category(char)[0] in "MCZ"}
    assert unsafe <= {" ", "\n"}
    for token in ("[/]", "same", "日本") if form != "json" else ("[/]", "same"):
        assert token in text


def test_json_gives_back_every_token_as_it_was(show: Show, save: Save) -> None:
    path = save({"tokens": HOSTILE, "logits": [-rank for rank in range(len(HOSTILE))]})
    run = show("\x1b[31m", "--logprobs", path, "--format", "json")
    record = record_of(run)
    assert run.stdout.isascii()
    assert record["prompt"] == "\x1b[31m"
    assert [token["text"] for token in record["distribution"]["tokens"]] == HOSTILE
    assert record["distribution"]["tokens"][1]["bytes"] is None
    assert record["distribution"]["tokens"][0]["bytes"] == list(b"\x1b[31m")


def test_tokens_of_the_same_text_stay_two_tokens(show: Show, save: Save) -> None:
    path = save({"tokens": ["same", "same"], "logits": [1.0, 0.0]})
    assert printed(show("--logprobs", path)).count(" same ") == 2
    assert len(rows_of(show("--logprobs", path, "--format", "csv"))) == 3


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["-t", "hot"], "hot"),
        (["-t", ""], "temperature"),
        (["-t", "-1"], "Temperature"),
        (["-t", "nan"], "Temperature"),
        (["-t", "inf"], "Temperature"),
        (["-t", "1e999"], "Temperature"),
        (["-t", "0.5", "-t", "hot"], "hot"),
        (["-t"], "temperature"),
        (["-p", "1.1"], "1.1"),
        (["-p", "much"], "much"),
        (["-k", "0"], "--top-k"),
        (["-k", "2.5"], "2.5"),
        (["--min-p", "-1"], "Min-p"),
        (["--order", "sideways"], "sideways"),
        (["--top", "-1"], "--top"),
        (["--top", "x"], "--top"),
        (["--format", "xml"], "xml"),
        (["--unheard-of"], "--unheard-of"),
        (["another", "prompt"], "another"),
        (["--base-url", "localhost"], "localhost"),
        (["--base-url", "ftp://host/v1"], "ftp"),
        (["--base-url", "http://"], "--base-url"),
        (["--timeout", "soon"], "soon"),
        (["--timeout", "0"], "--timeout"),
        (["--timeout", "-3"], "--timeout"),
        (["--framing", "shout"], "shout"),
        (["--vocabulary-size", "1"], "--vocabulary-size"),
        (["--model", "a\x1b[31m"], "--model"),
        (["--logprobs", "missing.json"], "no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_bad_option_is_refused_by_name(show: Show, arguments: list[str], named: str) -> None:
    assert named in refusal(show("Hi", *arguments))


def test_a_missing_prompt_is_asked_for(show: Show) -> None:
    assert "prompt" in refusal(show())


BAD_FILES = {
    "an empty file": (b"", "JSON"),
    "no JSON": (b"hello", "JSON"),
    "a truncated file": (b'{"tokens": ["a", "b"], "logpr', "JSON"),
    "a binary file": (bytes(range(256)) * 40, "UTF-8"),
    "UTF-16": ('{"tokens": []}'.encode("utf-16"), "UTF-8"),
    "deeply nested lists": (b"[" * 100_000, "deeply"),
    "a list": ([1, 2], "tokens"),
    "a text": ('"tokens"', "tokens"),
    "null": ("null", "tokens"),
    "nothing but tokens": ({"tokens": ["a"]}, "logprobs"),
    "both kinds of numbers": ({"tokens": ["a"], "logprobs": [-1], "logits": [1]}, "either"),
    "tokens that are numbers": ({"tokens": [1, 2], "logprobs": [-1, -2]}, "texts"),
    "tokens in one text": ({"tokens": "ab", "logprobs": [-1, -2]}, "list"),
    "more numbers than tokens": ({"tokens": ["a"], "logprobs": [-1, -2]}, "1 tokens"),
    "numbers that are texts": ({"tokens": ["a"], "logprobs": ["-1"]}, "numbers"),
    "numbers that are truths": ({"tokens": ["a"], "logprobs": [True]}, "numbers"),
    "a NaN": ('{"tokens": ["a", "b"], "logprobs": [-1, NaN]}', "NaN"),
    "a NaN logit": ('{"tokens": ["a", "b"], "logits": [-1, NaN]}', "NaN"),
    "an infinite logit": ('{"tokens": ["a", "b"], "logits": [-1, Infinity]}', "infinity"),
    "only impossible tokens": ({"tokens": ["a"], "logits": [None]}, "possible"),
    "a positive logprob": ({"tokens": ["a", "b"], "logprobs": [0.7, -2]}, "above 0"),
    "logits with a vocabulary size": ({**WHOLE, "vocabulary_size": 4}, "vocabulary_size"),
    "too small a vocabulary": ({**TRUNCATED, "vocabulary_size": 3}, "vocabulary"),
    "half a vocabulary": ({**TRUNCATED, "vocabulary_size": 4.5}, "vocabulary_size"),
    "a vocabulary of nothing": ({**TRUNCATED, "vocabulary_size": 0}, "vocabulary_size"),
    "no tokens": ({"tokens": [], "logprobs": []}, "empty"),
    "no tokens with logits": ({"tokens": [], "logits": []}, "empty"),
    "an entry nobody knows": ({**WHOLE, "temperature\x1b": 1}, "unknown"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_holds_no_distribution_is_refused_with_the_reason(
    show: Show, save: Save, name: str
) -> None:
    content, reason = BAD_FILES[name]
    said = refusal(show("--logprobs", save(content)))
    assert "saved.json" in said
    assert reason in said
    assert said.isprintable()


def test_a_file_that_cannot_be_read_is_refused(show: Show, save: Save, tmp_path: Path) -> None:
    assert "directory" in refusal(show("--logprobs", str(tmp_path)))
    assert "no such file" in refusal(show("--logprobs", str(tmp_path / "missing.json")))
    closed = Path(save(WHOLE))
    closed.chmod(0)
    if not os.access(closed, os.R_OK):  # the superuser reads everything
        assert "permission" in refusal(show("--logprobs", str(closed)))


@pytest.mark.parametrize(
    "content",
    [
        '{"tokens": ["a"], "logprobs": [-' + "9" * 5000 + "]}",
        '{"tokens": ["a"], "logprobs": [-1], "vocabulary_size": 1' + "0" * 400 + "}",
    ],
    ids=["a logprob of 5,000 digits", "a vocabulary size of 401 digits"],
)
def test_a_number_beyond_all_bounds_in_a_file_is_refused(show: Show, save: Save, content: str) -> None:
    refusal(show("--logprobs", save(content)))


def test_a_top_k_beyond_all_bounds_is_refused_or_keeps_everything(show: Show) -> None:
    run = show("Hi", "-k", "9" * 400)
    assert run.returncode == 0 or refusal(run)


def test_logits_at_both_ends_of_the_floats_are_no_cause_for_warnings(show: Show, save: Save) -> None:
    run = show("--logprobs", save({"tokens": ["a", "b"], "logits": [1e308, -1e308]}))
    assert run.returncode == 0
    assert run.stderr == b""


def test_an_endless_file_is_refused(tmp_path: Path) -> None:
    limit = 1 << 30
    run = subprocess.run(
        [*APP, "show", "--logprobs", "/dev/zero"],
        capture_output=True,
        env=fresh_environment(tmp_path, OPENBLAS_NUM_THREADS="1"),
        cwd=tmp_path,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    refusal(run)


def test_a_file_keeps_its_name_in_the_sentence(show: Show) -> None:
    assert refusal(show("--logprobs", "missing.json")).startswith("missing.json")


def test_an_unknown_command_is_refused_as_such(tmp_path: Path) -> None:
    run = subprocess.run([*APP, "shwo"], capture_output=True, env=fresh_environment(tmp_path), timeout=60)
    said = refusal(run)
    assert "shwo" in said
    assert "Argument :" not in said


# --- servers ---


def test_a_server_that_is_not_there_is_named(show: Show) -> None:
    with MisbehavingServer() as server:
        gone = server.url
    assert gone.split("/")[2] in refusal(show("Hi", "--base-url", gone, "--model", "m"))


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (Answer({"choices": [{"message": {"content": "x"}, "logprobs": None}]}), "without log-probabilities"),
        (Answer(b"<html>hello</html>", headers={"Content-Type": "text/html"}), "web page"),
        (Answer(b'{"choices": [', manner="half"), "closed the connection too early"),
        (Answer({"error": {"message": "no \x1b[31mkey sk-test-SECRET-0123\n"}}, 401), "OPENAI_API_KEY"),
        (Answer({"error": {"message": "boom"}}, 500), "boom"),
        (Answer(manner="silence"), "within 1 s"),
    ],
    ids=["no logprobs", "a web page", "half an answer", "a wrong key", "an error", "silence"],
)
def test_a_server_that_gives_no_distribution_is_reported_in_a_line(
    show: Show, answer: Answer, named: str
) -> None:
    with MisbehavingServer(answer) as server:
        run = show(
            "Hi", "--base-url", server.url, "--model", "m", "--timeout", "1" if "1 s" in named else "20",
            OPENAI_API_KEY="sk-test-SECRET-0123",
        )  # fmt: skip
    said = refusal(run)
    assert named in said
    assert said.isprintable()
    assert "SECRET" not in said


# --- the streams ---


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_a_pipe_that_is_closed_early_is_no_error(tmp_path: Path, form: str) -> None:
    """As in ``softmax-visualizer show ... | head -1``, with far more to write than a pipe holds."""
    with subprocess.Popen(
        [*APP, "show", "The", "--top", "3000", "--format", form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=fresh_environment(tmp_path),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() != b""
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "The"],
        ["show", "--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_a_pipe_that_nobody_reads_is_no_error(tmp_path: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(
        [*APP, *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=fresh_environment(tmp_path),
        timeout=60,
    )
    os.close(writer)
    assert run.stderr == b""
    assert run.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_told_in_a_line(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        run = subprocess.run(
            [*APP, "show", "The"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=fresh_environment(tmp_path),
            timeout=60,
        )
    assert b"Traceback" not in run.stderr
    assert run.stderr.count(b"\n") == 1
    assert run.returncode == 2


@pytest.mark.parametrize(
    "command", ['"$@" show The >&-', '"$@" show The -t hot 2>&-'], ids=["stdout", "stderr"]
)
def test_a_closed_stream_is_no_crash(tmp_path: Path, command: str) -> None:
    run = subprocess.run(
        ["sh", "-c", command, "sh", *APP],
        capture_output=True,
        env=fresh_environment(tmp_path),
        timeout=60,
    )
    assert b"Traceback" not in run.stderr
    assert run.returncode in ((0, 2) if "stdout" in command else (2,))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_an_output_that_is_not_utf_8_has_its_characters_spelled_out(
    show: Show, save: Save, encoding: str, form: str
) -> None:
    path = save({"tokens": HOSTILE, "logits": [-rank for rank in range(len(HOSTILE))]})
    run = show("日本", "--logprobs", path, "--format", form, PYTHONIOENCODING=encoding)
    assert run.returncode == 0
    assert run.stderr == b""
    assert run.stdout.isascii()
    assert b"\\u65e5\\u672c" in run.stdout  # 日本
    assert b"same" in run.stdout


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_refusal_is_printed_in_any_encoding(show: Show, encoding: str) -> None:
    said = refusal(show("Hi", "--order", "日本", PYTHONIOENCODING=encoding))
    assert ("日本" if encoding == "utf-8" else r"\u65e5\u672c") in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "show"),
        (["show", "--help"], "--logprobs FILE"),
        (["--version"], "softmax-visualizer "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_help_and_version_are_answers(tmp_path: Path, arguments: list[str], said: str) -> None:
    run = subprocess.run([*APP, *arguments], capture_output=True, env=fresh_environment(tmp_path), timeout=60)
    assert run.returncode == 0
    assert said in run.stdout.decode()
    assert run.stderr == b""


def test_the_help_of_show_names_every_option_of_the_contract(show: Show) -> None:
    text = printed(show("--help"))
    for option in ("-t", "-p", "-k", "--min-p", "--order", "--model", "--base-url", "--timeout", "--top",
                   "--format", "--logprobs"):  # fmt: skip
        assert option in text
