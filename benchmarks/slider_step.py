"""What one step of a slider costs on a whole vocabulary: decoding, and reading what is shown.

    python benchmarks/slider_step.py [--rounds N] [--python PATH]

On 200,019 logits, float32, of a peaked, a medium and a flat distribution: a new temperature and top-p 0.9,
the probabilities of the 20 most likely tokens after each stage, and all statistics, as ``to_dict`` returns
them. Sorting is done once a distribution, and told on a line of its own. Also the same step on the top 20 of
the list alone, where all numbers are bounds.

Against ``TemperatureLogitsWarper`` and ``TopPLogitsWarper`` of transformers on the same float32 logits, on
the CPU, in the same process, in turn with ours; a ratio is the median of those of such pairs. They only mask
logits; no probability is read from theirs. They get one thread: nearly all of their time is sorting, which
two threads made slower where that was tried. Limit: 0.1 times their time.

Where torch and transformers are not installed, ours is held against the time that was measured once, 16.6 ms,
on another machine; ``--python PATH`` names a Python that has them, and numpy.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from report import MeasurementError, Row, milliseconds, paired_ratio, parser, run, seconds, table
from softmax_visualizer.decoding import DecodingSettings, TokenDistribution, decode

LIMIT = 0.1

VOCABULARY_SIZE = 200_019
SPREADS = {"peaked": 3.0, "medium": 1.5, "flat": 0.1}
"""Standard deviation of the logits; the more they differ, the more the most likely ones have."""

TOP = 20
TOP_P = 0.9
DOCUMENTED = 0.0166
"""Seconds the warpers took where they were measured."""

_LIBRARIES = ("torch", "transformers")


def main() -> None:
    options = parser(__doc__, 40)
    options.add_argument("--python", help="a Python with torch, transformers and numpy")
    chosen = options.parse_args()
    if chosen.python:
        _run_in(chosen.python, chosen.rounds)
    else:
        _measure(chosen.rounds)


def _run_in(python: str, rounds: int) -> None:
    """Run this benchmark in another Python, with this repository's package."""
    source = Path(__file__).parents[1] / "src"
    environment = {**os.environ, "PYTHONPATH": os.fspath(source)}
    names = (*_LIBRARIES, "numpy")
    missing = f"from importlib.util import find_spec; raise SystemExit(not all(map(find_spec, {names})))"
    try:
        if subprocess.run([python, "-c", missing], env=environment).returncode:
            raise MeasurementError(f"{python} lacks one of torch, transformers and numpy.")
    except OSError as error:
        raise MeasurementError(f"{python} cannot be run: {error.strerror}.") from error
    command = [python, __file__, "--rounds", str(rounds)]
    if status := subprocess.run(command, env=environment).returncode:
        raise MeasurementError(f"the benchmark ended with status {status} in {python}.")


def _measure(rounds: int) -> None:
    both = all(find_spec(name) for name in _LIBRARIES)
    tokens = [f"token {number}" for number in range(VOCABULARY_SIZE)]
    rows = []
    for shape, spread in SPREADS.items():
        logits = np.random.default_rng(1).normal(0, spread, VOCABULARY_SIZE).astype(np.float32)
        if shape == "peaked":
            logits[:3] = logits.max() + np.array([6, 5, 4], dtype=np.float32)
        distribution = TokenDistribution.from_logits(tokens, logits)
        warp = _warpers(logits) if both else None
        ours: list[float] = []
        theirs: list[float] = []
        # both see a temperature that they have not seen before, so that nothing is remembered
        for number in range(-3, rounds):
            temperature = 0.7 + 0.01 * number
            our_seconds = seconds(lambda: _step(distribution, temperature))  # noqa: B023
            their_seconds = seconds(lambda: warp(temperature)) if warp else DOCUMENTED  # noqa: B023
            if number >= 0:
                ours.append(our_seconds)
                theirs.append(their_seconds)
        kept = decode(distribution, DecodingSettings(0.7, TOP_P)).after_cut.kept_tokens.estimate
        note = f"{kept:,.0f} tokens kept at T 0.7"
        rows.append(
            Row(
                shape,
                milliseconds(ours),
                milliseconds(theirs),
                paired_ratio(ours, theirs),
                LIMIT,
                note if both else f"documented, {note}",
            )
        )
    sorting = [
        seconds(lambda: TokenDistribution.from_logits(tokens, logits).stage)
        for _ in range(max(rounds // 4, 1))
    ]
    rows.append(Row("once a distribution", milliseconds(sorting), note="sorting, of the flat one"))
    listed = TokenDistribution.from_top_logprobs(
        tokens[:TOP], distribution.logprobs[:TOP], vocabulary_size=VOCABULARY_SIZE
    )
    alone = [seconds(lambda: _step(listed, 0.7 + 0.01 * number)) for number in range(rounds)]  # noqa: B023
    rows.append(Row(f"top {TOP} alone", milliseconds(alone), note="of the flat one, all bounds"))
    title = f"A step on {VOCABULARY_SIZE:,} logits at top-p {TOP_P}, medians of {rounds}"
    print(table(title, "transformers", rows))


def _step(distribution: TokenDistribution, temperature: float) -> object:
    return decode(distribution, DecodingSettings(temperature, TOP_P)).to_dict(TOP)


def _warpers(logits: np.ndarray) -> Callable[[float], object]:
    """Return what applies the reference's temperature and top-p to the logits."""
    import torch
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    torch.set_num_threads(1)
    scores = torch.from_numpy(logits)[None, :]
    inputs = torch.zeros((1, 1), dtype=torch.long)
    top_p = TopPLogitsWarper(TOP_P)

    def warp(temperature: float) -> object:
        with torch.inference_mode():
            return top_p(inputs, TemperatureLogitsWarper(temperature)(inputs, scores))

    return warp


if __name__ == "__main__":
    run(main)
