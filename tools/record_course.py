"""Make the recordings that the built-in lessons show.

    python tools/record_course.py [BASE_URL | smollm2]

Most are stated or computed, and named so: the tutorial's tables, examples, and the bundled model's answer cut
to its top 20. Those of the lesson ``asking`` need a llama.cpp server at BASE_URL, which ends in /v1; it is
asked three times, at three temperatures, and without it they stay as they are.

``smollm2`` makes the one of the lessons on a real model: SmolLM2-135M-Instruct is asked at the places that
they show, for all of its 49,152 tokens. It needs the extra ``local``, the model (``softmax-visualizer models
--fetch smollm2``), and the package ``gguf``, to write the same model in 32 bits for the lesson ``truths``.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from softmax_visualizer.decoding import Token, TokenDistribution
from softmax_visualizer.lessons.reading import COURSE
from softmax_visualizer.models import weights
from softmax_visualizer.models.answers import parse
from softmax_visualizer.models.base import ModelAnswer
from softmax_visualizer.models.bundled import BundledModel
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.entries import json_line
from softmax_visualizer.models.listing import Listing
from softmax_visualizer.models.local import LocalModel
from softmax_visualizer.models.packing import packed, vocabulary_of, vocabulary_record
from softmax_visualizer.models.recording import Recorder
from softmax_visualizer.models.recording_format import VERSION, first_line, line_of

TOP = 20
GPT_4O_VOCABULARY = 200_019

FOX = "The quick brown fox jumps over the"
HIDDEN_PROMPT = "I would like a cup of"
"""A prompt after which the bundled model is unsure, so that its top 20 leave a fifth out."""

SKY = "The sky is"
TEMPERATURES = {"asking-cold": 0.1, "asking-one": 1.0, "asking-hot": 1.5}

TUTORIAL_PROMPT = "(the beginning of a story)"
TUTORIAL_TABLE = {"The": 0.5, "A": 0.3, "My": 0.1, "Unicorn": 0.00001}
"""What the tutorial states; the 9.999 % that it leaves out are unseen."""

CODE_TABLE = {" b": 0.99, " a": 0.005}
"""One step of code: what is right, and what runs and is wrong; the rest is unseen."""

HOT_TABLE = {" lazy": 45.2, " fence": 15.5, " moon": 8.3, " corpse": 4.1, " puddle": 2.2}
HOT_TEMPERATURE = 1.5
"""The tutorial's second table for the fox, and its temperature."""

COLD_TABLE = {" lazy": 99.8, " dog": 0.1}
COLD_TEMPERATURE = 0.1
"""What is not 0 in the first one."""

SMOLLM2 = "SmolLM2-135M-Instruct"

PLACES: Mapping[str, tuple[str, ...]] = {
    'Tom is 42: {"name": "Tom", "age": 42}\nAnna is 31:': (),
    'Tom is 42: {"name": "Tom", "age": 42}\nAnna is 31: {"name": "': (
        "Anna", '",', ' "', "age", '":', " ", "3", "1",
    ),
    "def is_even(n):\n    return": (" n", " %", " ", "2", " ==", " ", "0"),
    "def square(x):\n    return x": (),
    "The best way to learn a language is to": (),
    "My favourite animal is the": (" unic",),
    FOX: (),
}  # fmt: skip
"""What SmolLM2 is asked, and the tokens of an answer after each of which it is asked as well."""


def keep(name: str, answer: ModelAnswer) -> None:
    """Write a recording of one answer."""
    path = COURSE / f"{name}.jsonl"
    path.unlink(missing_ok=True)
    recorder = Recorder(path, redact=str)
    recorder.keep(answer)
    recorder.close()
    # a recording is its owner's alone, and these are everybody's
    path.chmod(0o644)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


def state(name: str, model: str, prompt: str, distribution: TokenDistribution) -> None:
    """Write a recording of what no model said: numbers that somebody stated."""
    keep(name, ModelAnswer(prompt, distribution, model, "file"))


def at_one(shares: Mapping[str, float], temperature: float) -> list[float]:
    """Return the logits at T = 1 of what has these shares at another temperature."""
    return [temperature * math.log(share) for share in shares.values()]


def stated() -> None:
    """Write the tutorial's tables and the examples."""
    tokens, logprobs = list(TUTORIAL_TABLE), [math.log(share) for share in TUTORIAL_TABLE.values()]
    state(
        "top-p-four", "if there were only these four", TUTORIAL_PROMPT,
        TokenDistribution.from_logits(tokens, logprobs),
    )  # fmt: skip
    state(
        "top-p-table", "the tutorial's table", TUTORIAL_PROMPT,
        TokenDistribution.from_top_logprobs(tokens, logprobs, GPT_4O_VOCABULARY),
    )  # fmt: skip
    state(
        "settings-code", "an example: one step of code", "def add(a, b): return a +",
        TokenDistribution.from_top_logprobs(
            list(CODE_TABLE), list(map(math.log, CODE_TABLE.values())), GPT_4O_VOCABULARY
        ),
    )  # fmt: skip
    state(
        "tables-cold", "made to fit the cold table", FOX,
        TokenDistribution.from_logits(list(COLD_TABLE), at_one(COLD_TABLE, COLD_TEMPERATURE)),
    )  # fmt: skip
    state(
        "tables-hot", "made to fit the hot table", FOX,
        TokenDistribution.from_logits(list(HOT_TABLE), at_one(HOT_TABLE, HOT_TEMPERATURE)),
    )  # fmt: skip


def cut() -> None:
    """Write what a server would show of the bundled model: its top 20, and how many tokens it knows."""
    whole = BundledModel().answer(HIDDEN_PROMPT).distribution
    top = TokenDistribution.from_top_logprobs(whole.tokens[:TOP], whole.logprobs[:TOP], len(whole))
    state("hidden-top-20", f"bundled, top {TOP}", HIDDEN_PROMPT, top)


def ask(base_url: str) -> None:
    """Ask a llama.cpp server for one token at three temperatures, and write what it says."""
    listing = Listing.parse(_call(f"{base_url}/models"))
    model = listing.names[0]
    for name, temperature in TEMPERATURES.items():
        body = {
            "model": model,
            "messages": [{"role": "user", "content": SKY}],
            "max_tokens": 1,
            "temperature": temperature,
            "top_p": 1,
            "logprobs": True,
            "top_logprobs": TOP,
        }
        url = f"{base_url}/chat/completions"
        top = parse(_call(url, body), TOP)
        distribution = TokenDistribution.from_top_logprobs(
            top.tokens, top.logprobs, listing.vocabulary_size(model)
        )
        request = {"url": url, "body": body}
        keep(name, ModelAnswer(SKY, distribution, model, "openai", base_url, request, top.notes))


def _call(url: str, body: Mapping[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def smollm2() -> None:
    """Ask SmolLM2 on this machine, in 4 bits and about the fox in 32, and write what it says."""
    with tempfile.TemporaryDirectory() as folder:
        in_32_bits = Path(folder) / "smollm2-f32.gguf"
        dequantise(weights.find("smollm2"), in_32_bits)
        answers = asyncio.run(
            _all_of(
                told("smollm2", SMOLLM2, PLACES),
                told(str(in_32_bits), f"{SMOLLM2} F32", {FOX: ()}),
            )
        )
    keep_packed("smollm2", answers)


async def _all_of(*sources: AsyncIterator[ModelAnswer]) -> list[ModelAnswer]:
    return [answer for source in sources for answer in [each async for each in source]]


async def told(model: str, name: str, places: Mapping[str, tuple[str, ...]]) -> AsyncIterator[ModelAnswer]:
    """Yield what a model file on this machine says at some places."""
    asked = LocalModel(Configuration(model=model, local=True, framing="raw", timeout=600), lambda part: None)
    try:
        for prompt, texts in places.items():
            after: tuple[Token, ...] = ()
            for text in (*texts, None):
                answer = await asked.ask(prompt, after=after, whole=True)
                # the port is of this run alone, and what llama.cpp computed from is told by the name
                yield replace(answer, model=name, endpoint=None, request={}, notes=())
                after = (*after, *[each for each in answer.distribution.tokens if each.text == text][:1])
    finally:
        await asked.close()


def keep_packed(name: str, answers: list[ModelAnswer]) -> None:
    """Write a recording of answers of one whole vocabulary, in the form that takes little room."""
    vocabulary = vocabulary_record(answers[0].distribution)
    lines = [first_line(VERSION), json_line({"vocabulary": vocabulary})]
    for answer in answers:
        numbers = packed(answer.distribution, vocabulary_of(vocabulary))
        if numbers is None:
            sys.exit(
                f"{answer.model} after {answer.prompt!r} and {len(answer.after)} tokens cannot be packed."
            )
        record = json.loads(line_of(answer, "raw", str))
        for listed in ("tokens", "bytes", "ids", "logprobs"):
            del record["distribution"][listed]
        lines.append(json_line({**record, "distribution": {**numbers, **record["distribution"]}}))
    path = COURSE / f"{name}.jsonl"
    path.write_bytes(b"".join(lines))
    print(f"{path.name}: {path.stat().st_size:,} bytes, {len(answers)} places")


def dequantise(source: Path, target: Path) -> None:
    """Write a model file with the same numbers, each of them in 32 bits."""
    import gguf

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    written = {"GGUF.version", "GGUF.tensor_count", "GGUF.kv_count", "general.architecture"}
    for name, field in reader.fields.items():
        if name == "general.file_type":
            writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        elif name not in written:
            of = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], of)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    COURSE.mkdir(exist_ok=True)
    if sys.argv[1:] == ["smollm2"]:
        smollm2()
    else:
        stated()
        cut()
        if sys.argv[1:]:
            ask(sys.argv[1].rstrip("/"))
