"""The JSON that the program prints is as its schemas in docs/schemas say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from misbehaving_server import Answer, MisbehavingServer
from sampling_server import Sampler, serving
from softmax_visualizer.cli import main

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"

pytestmark = pytest.mark.usefixtures("here")

LIST = {"tokens": [" lazy", " old"], "logprobs": [-0.5, -1.7], "vocabulary_size": 50_000}

PRINTED = {
    "one setting": ["show", "She opened the"],
    "several, with cuts": ["show", "She opened the", "-t", "0", "-t", "1.5", "-p", "0.9", "-k", "40"],
    "the other order": [
        "show",
        "She opened the",
        "-t",
        "1.5",
        "--min-p",
        "0.1",
        "--order",
        "temperature-last",
    ],
    "a short list": ["show", "--logprobs", "list.json", "-t", "1.5"],
    "an answer": ["generate", "She opened the", "-n", "5", "-p", "0.9"],
    "a greedy answer": ["generate", "She opened the", "-n", "3", "--greedy"],
    "a text": ["score", "She opened the", " door.", "-p", "0.5"],
    "samples": ["sample", "She opened the", "-n", "50", "-t", "1.5", "-p", "0.9"],
}


def checked(out: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(out)
    name = record["schema"].split("/")[1]
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(record, _closed(schema))
    return record


def _closed(schema: Any) -> Any:
    """The schema without room for names that it does not have: what is printed is documented."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    return {"additionalProperties": False, **closed} if "properties" in closed else closed


@pytest.mark.parametrize("arguments", PRINTED.values(), ids=PRINTED.keys())
def test_what_is_printed_is_as_its_schema_says(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("list.json").write_text(json.dumps(LIST))
    model = [] if "--logprobs" in arguments else ["--model", "bundled"]
    assert main([*arguments, "--format", "json", *model]) == 0
    checked(capsys.readouterr().out)


def test_a_servers_samples_that_nothing_fits_are_as_the_schema_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with MisbehavingServer(Answer(serving(Sampler("temperature-last", top_k=40)))) as server:
        own = ["--base-url", server.url, "--model", "m", "--top-logprobs", "200"]
        arguments = ["-n", "400", "-t", "1.5", "-p", "0.8", "--from", "server", "--format", "json"]
        assert main(["sample", "a prompt", *arguments, *own]) == 0
    assert checked(capsys.readouterr().out)["fits"]
