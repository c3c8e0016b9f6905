"""What the numbers of a whole sweep and of a whole map cost, beside a single step of the slider.

    python benchmarks/sweep.py [--rounds N]

On the top 20 of a flat distribution over 200,019 tokens, where all numbers are bounds, and on the bundled
model's 20,000: 61 positions of a knob, and 21 temperatures by 20 top-p. The ratio is to one decoding of the
same list, in turn with it; positions cost what decodings cost, so it should be near their number. The screen
works both out in a thread; a sweep of a top-20 list is to take 30 ms at the most.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from report import Row, milliseconds, paired_ratio, parser, run, seconds, table
from softmax_visualizer.decoding import DecodingSettings, TokenDistribution, decode
from softmax_visualizer.decoding.sweep import landscape, sweep
from softmax_visualizer.display.landscape import TEMPERATURES, TOP_PS
from softmax_visualizer.display.sweep import LEADING, positions
from softmax_visualizer.models.bundled import BundledModel

SETTINGS = DecodingSettings(1.2, 0.9)


def main() -> None:
    options = parser(__doc__, 10).parse_args()
    logits = np.sort(np.random.default_rng(1).normal(0, 1, 200_019))[::-1]
    logprobs = logits - np.log(np.exp(logits).sum())
    listed = TokenDistribution.from_top_logprobs(
        [f"token {number}" for number in range(20)], logprobs[:20], vocabulary_size=200_019
    )
    whole = BundledModel().answer("The quick brown fox jumps over the").distribution
    rows = []
    for name, distribution in (("top 20", listed), ("20,000 tokens", whole)):
        pictures: dict[str, Callable[[], object]] = {
            "temperature": lambda it=distribution: _sweep(it, "temperature"),
            "top-p": lambda it=distribution: _sweep(it, "top_p"),
            "map": lambda it=distribution: landscape(it, SETTINGS, TEMPERATURES, TOP_PS, frozenset({0, 1})),
        }
        for picture, work in pictures.items():
            ours, single = [], []
            for _ in range(options.rounds):
                ours.append(seconds(work))
                single.append(seconds(lambda it=distribution: decode(it, SETTINGS)))
            ratio = paired_ratio(ours, single)
            rows.append(Row(f"{picture}, {name}", milliseconds(ours), milliseconds(single), ratio))
    print(table(f"Whole pictures, medians of {options.rounds}", "one decoding", rows))


def _sweep(distribution: TokenDistribution, knob: str) -> object:
    return sweep(distribution, SETTINGS, knob, positions(knob, 1.0), LEADING)


if __name__ == "__main__":
    run(main)
