"""What a turn of a knob costs over a whole answer, and a key on the screen while there is one.

    python benchmarks/answer.py [--rounds N]

Decoding a path of 1,000 steps with 20 listed tokens each, and of 100 steps with whole vocabularies of 49,152,
at another temperature (limits: 10 ms and 100 ms on two idle cores), each beside numpy's bare ``exp`` and
``cumsum`` of the same numbers. Then, without a terminal, the processor time of a key that turns a knob: with
an answer of 1,000 tokens on the screen beside one of 20 (limit: 1.2 times), and while an answer is written
beside when none is. Ratios are medians of pairs taken in turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np

from report import Row, milliseconds, paired_ratio, parser, run, seconds, table
from softmax_visualizer.decoding import DecodingSettings, TokenDistribution
from softmax_visualizer.decoding.generation import Generation, Step, Tree
from softmax_visualizer.decoding.path import decode_path
from softmax_visualizer.models.base import ModelAnswer
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer
from softmax_visualizer.tui.screen import MainScreen

SHORT, LONG = (1000, 20), (100, 49_152)
BARE = 15.0
"""How much longer a decoding may take than numpy's bare pass."""

KEY = 1.2


def steps(count: int, listed: int) -> tuple[Step, ...]:
    """Return steps with as many listed tokens of a vocabulary of 49,152, whole or not."""
    generator = np.random.default_rng(1)
    some = []
    for _ in range(min(count, 20)):
        full = TokenDistribution.from_logits(list(map(str, range(49_152))), generator.normal(0, 4, 49_152))
        if listed < len(full):
            top = [full.token(index) for index in range(listed)]
            full = TokenDistribution.from_top_logprobs(top, full.logprobs[:listed], len(full))
        some.append(full)
    # a copy each, so that nothing is found to be known already
    distributions = [replace(some[at % len(some)]) for at in range(count)]
    return tuple(Step(each, each.token(0), 0, "sampled", origin=_answer(each)) for each in distributions)


def _answer(distribution: TokenDistribution) -> ModelAnswer:
    return ModelAnswer("The", distribution, "none", "bundled")


def decoding_row(name: str, path: tuple[Step, ...], limit: float, rounds: int) -> Row:
    """Measure a turn of the temperature over a path, beside numpy's bare pass over the same numbers."""
    logs = [step.distribution.log_weights for step in path]
    stacked = np.array(logs) if len(logs[0]) <= SHORT[1] else None
    ours, bare = [], []
    for number in range(rounds + 1):
        temperature = 0.7 + number / 1000
        turn: Callable[[], object] = lambda at=temperature: decode_path(path, DecodingSettings(at, 0.9))  # type: ignore[misc]  # noqa: E731
        took = seconds(turn)
        plain = seconds(lambda at=temperature: _bare(logs, stacked, at))  # type: ignore[misc]
        if number:
            ours.append(took)
            bare.append(plain)
    best = f"{milliseconds(ours)}, limit {limit * 1000:.0f} ms"
    return Row(name, best, milliseconds(bare), paired_ratio(ours, bare), BARE)


def _bare(logs: list[np.ndarray], stacked: np.ndarray | None, temperature: float) -> None:  # type: ignore[type-arg]
    for each in logs if stacked is None else [stacked]:
        np.cumsum(np.exp(each / temperature), axis=-1)


@asynccontextmanager
async def screen() -> AsyncIterator[MainScreen]:
    """Open the screen with the bundled model."""
    app = SoftmaxVisualizer(Configuration(model="bundled"), "The")
    async with app.run_test(size=(100, 30)) as pilot:
        main = app.screen
        assert isinstance(main, MainScreen)
        while main.scene.request.state != "answered":
            await asyncio.sleep(0.01)
        await pilot.pause()
        yield main


async def key(main: MainScreen, number: int) -> float:
    """Turn the temperature, and return the processor time until that is painted."""
    started = time.process_time()
    main.action_do("set_knob", ("temperature", 0.5 + number / 100))
    drawn = asyncio.Event()
    main.app.after_keys(lambda: main.call_after_refresh(drawn.set))  # type: ignore[attr-defined]
    await drawn.wait()
    return time.process_time() - started


async def length_row(rounds: int) -> Row:
    """Measure a key with a long answer beside one with a short answer."""
    async with screen() as main:
        path = steps(*SHORT)
        times: dict[int, list[float]] = {SHORT[0]: [], 20: []}
        for number in range(rounds + 1):
            for count, taken in times.items():
                tree = Tree((Generation("The", path[:count]),))
                main.update(replace(main.scene, tree=tree).at(0), undoable=False)
                await key(main, 2 * number)
                took = await key(main, 2 * number + 1)
                if number:
                    taken.append(took)
        long, short = times.values()
        name = f"a key with {SHORT[0]:,} tokens on the screen, with 20"
        return Row(name, milliseconds(long), milliseconds(short), paired_ratio(long, short), KEY)


def main() -> None:
    """Print the table."""
    rounds = parser(__doc__, rounds=15).parse_args().rounds
    rows = [
        decoding_row(f"a knob over {SHORT[0]:,} steps of {SHORT[1]}", steps(*SHORT), 0.010, rounds),
        decoding_row(f"a knob over {LONG[0]:,} steps of {LONG[1]:,}", steps(*LONG), 0.100, rounds),
        asyncio.run(length_row(rounds)),
    ]
    print(table("Whole answers", "beside", rows))


if __name__ == "__main__":
    run(main)
