"""What a whole vocabulary costs: from Enter to the exact picture, in memory, and in a recording.

    python benchmarks/deep.py [--rounds N] [--model PATH.gguf]

llama.cpp serves SmolLM2 (``softmax-visualizer models --fetch smollm2``), or another file, here. The screen,
without a terminal, is asked about prompts of its own; the picture of the first 20 tokens comes first,
then that of all. Against a bare client that sends the second request alone and reads the answer's bytes, in
turn with ours; the ratio is the median of those of such pairs. Limit: 2, with a recording loaded in half a
second and 200 MB more than a run of 20 tokens takes.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from report import MeasurementError, Row, fact, milliseconds, paired_ratio, parser, run, seconds, table
from softmax_visualizer.models import weights
from softmax_visualizer.models.base import ModelAnswer, ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.local_server import LocalServer
from softmax_visualizer.models.recording import Recorder
from softmax_visualizer.models.replay import RecordedModel
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.screen import MainScreen

LIMIT, MEGABYTES, LOADING = 2.0, 200, 0.5


def resident() -> float:
    """Return the memory that this process holds, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def send(server: LocalServer, body: dict[str, Any]) -> float:
    """Return the seconds from a request to its answer's last byte."""
    headers = {"Authorization": f"Bearer {server.key.reveal()}", "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + "/completions", json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return seconds(lambda: opener.open(request, timeout=300).read())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something on the screen."""
    while not condition():
        await asyncio.sleep(0.002)


async def ask_on_screen(screen: MainScreen, prompt: str, *, whole: bool) -> tuple[float, ModelAnswer]:
    """Return the seconds from Enter to the last picture, and its answer."""
    started = time.perf_counter()
    screen.post_message(screen._editor.Asked(prompt))

    def there() -> bool:
        asked = screen.scene.asked
        return (
            asked is not None
            and asked.answer.prompt == prompt
            and asked.answer.distribution.complete is whole
        )

    await until(there)
    took = time.perf_counter() - started
    asked = screen.scene.asked
    assert asked is not None
    return took, asked.answer


async def measure(path: Path, rounds: int) -> list[Row]:
    """Ask in turn, on the screen and with a bare client."""
    server = LocalServer("deep")
    await server.start(path, lambda fraction: None)
    ours, bare, answers, held = [], [], [], []
    try:
        base = {"base_url": server.url, "api_key": server.key, "model": server.name, "framing": "raw"}
        for depth in (20, "auto"):
            app = SoftmaxVisualizer(Configuration(**base, timeout=300, top_logprobs=depth), "The first")
            async with app.run_test(size=(100, 30)) as pilot:
                await until(lambda app=app: app.screen.scene.request.state == "answered")
                await pilot.pause()
                whole = depth == "auto"
                for number in range(rounds):
                    took, answer = await ask_on_screen(app.screen, f"Number {number} is the", whole=whole)
                    if whole:
                        ours.append(took)
                        answers.append(answer)
                        body = dict(answer.request["body"], prompt=f"Number {number + rounds} is the")
                        bare.append(await asyncio.to_thread(send, server, body))
            held.append(resident())
    finally:
        server.stop()
    more = held[1] - held[0]
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "whole.jsonl"
        Recorder(recording, lambda text: text).keep(answers[-1], "raw")
        started = time.perf_counter()
        await RecordedModel.open(recording).ask(answers[-1].prompt)
        loading = time.perf_counter() - started
    size = len(answers[-1].distribution)
    return [
        Row(
            f"Enter to the picture of {size:,} tokens",
            milliseconds(ours),
            milliseconds(bare),
            paired_ratio(ours, bare),
            LIMIT,
        ),
        fact(f"memory above a run of 20, {rounds} answers", f"{more:.0f} MB", more <= MEGABYTES),
        fact("loading a recording of one, and its answer", milliseconds([loading]), loading <= LOADING),
    ]


def main() -> None:
    """Print the table."""
    options = parser(__doc__, rounds=5)
    options.add_argument("--model", default="smollm2", help="the model file (default smollm2)")
    chosen = options.parse_args()
    try:
        rows = asyncio.run(measure(weights.find(chosen.model), chosen.rounds))
    except ModelError as error:
        raise MeasurementError(str(error)) from error
    print(table("A whole vocabulary on the screen", "bare client", rows))


if __name__ == "__main__":
    run(main)
