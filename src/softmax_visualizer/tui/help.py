"""The help: what the screen shows, and every key."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.binding import Binding

from softmax_visualizer.tui.keys import spoken_key

_EXPLANATION = """
The model is asked once. The panels show, from left to right, what a decoder makes of its answer: the \
model's own probabilities, then the next two steps. From the last panel the next token is drawn.

 █   a token's probability, on the axis that is named above the panels
 ░   cut: the token cannot be drawn; the bar is what it had before
 ▓▒  known within bounds: on to the best estimate, and on to the most that it can be
 ▚   cut or kept, depending on tokens that the server does not show
 ┃ ╏  the pinned setting's probability, where it differs; ╏ is an estimate
 ~ ?  in the map: an estimate, whose shade may be another one
 ␣ ⏎ ⇥   a space, a new line, a tab in a token

EXACT       every number is known.
EXACT DRAW  what is drawn from is known, though not every number before it.
BOUNDS      the server shows only its most likely tokens: ranges that provably hold the truth.

Compare (c) shows pinned settings, prompts or models in columns. Total variation is half of all differences \
together; KL divergence, where it is exact, is what a code made for the first column wastes on the other, in \
bits a token.
Sweep (s) draws each token's probability over a whole knob; the second chart has 2^entropy and kept tokens.
Map (h) shades temperature by top-p: equal choices, then the greedy choice, then leaving the acceptable set.
Decide (d) says what the setting does to an answer of N tokens; the set is the same at any setting.
Both orders (b) shows engines that cut before temperature beside those that cut after it.

In the prompt, Enter asks, Ctrl+J starts a line, and Alt with the arrows or digits turns the knobs.
"""


def help_page(bindings: Sequence[Binding]) -> Group:
    """Return the help: a row for every key, then what the marks mean."""
    keys = Table.grid(padding=(0, 2))
    for binding in bindings:
        keys.add_row(
            Text(_keys(binding), "bold", no_wrap=True),
            Text(binding.description),
            Text(binding.tooltip, "dim"),
        )
    return Group(keys, Text(_EXPLANATION))


def _keys(binding: Binding) -> str:
    return " ".join(spoken_key(key) for key in binding.key.split(","))
