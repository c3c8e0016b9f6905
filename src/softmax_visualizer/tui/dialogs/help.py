"""The help: what the screen shows, and every key."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from softmax_visualizer.display.keys import FALLBACK, spoken_key, with_keys
from softmax_visualizer.tui.keys import KEYS
from softmax_visualizer.tui.views import VIEWS

_MARKS = """
The model is asked once. The columns show, from left to right, what a decoder makes of its answer: the \
model's own probabilities, then the next two steps. The next token is sampled from the last one. All bars \
have one scale, whose ends stand below them; a step that changes nothing is drawn faintly.

 █   a token's probability
 ▓▒  known as a range: up to the best estimate, then up to the most that it can be
 ▚   cut or kept, depending on tokens that the server does not show
 ── cut here: 90.3 % ≥ 90 % ──   the running sum of what is kept, which reaches top-p here
 cut   the token cannot be sampled
 ▶   beyond the end of the axis, which {key:axis} changes
 ┃ ╏ »  the pinned setting's probability, where it differs; ╏ is an estimate, » is beyond the axis
 ▸   the token that was sampled or chosen; in an answer, the one that the board is about
 ▁ ▂ … ▇   before a token of an answer: its probability in eighths at this setting; a sure one has none,
     or · where the text has no space before it
 × ?  before a token of an answer: this setting cuts it away, or may do so
 ║   where an answer leaves the one beside it
 ~ ?  in the map: an estimate, whose shade may be another one
 ␣ ⏎ ⇥   a space, a new line, a tab in a token

Entropy     in bits; 2 to the power of it is the perplexity.
Perplexity  as uncertain as a choice among so many equally likely tokens.
EXACT         every number is known, as this server computed it.
EXACT SAMPLE  what is sampled from is known, though not every number before it.
BOUNDS        the server shows only its most likely tokens: ranges that provably hold the truth.
"""

_PROMPT = """
On the board, {key:sample-token} samples a token and {key:take} adds it to the answer; {key:write} writes a \
whole one at this setting. \
Every token and every number of an answer follows the knobs. Another token in its middle begins a branch, so \
nothing is lost: {key:branches} lists them, {key:undo} undoes.

In the prompt, Enter asks, ↑ and ↓ bring earlier prompts back, also from earlier runs, Ctrl+J starts a \
new line, and Alt with the arrows or digits turns the knobs. {key:prompt} selects the whole prompt: typing \
replaces it.
The wheel and clicks work on the knobs and on the line of keys; nothing needs them.
"""


def help_page() -> Group:
    """Return the help: a row for every key, then what the marks mean, and a sentence a view."""
    keys = Table.grid(padding=(0, 2))
    for key in KEYS:
        keys.add_row(
            Text(key.spoken or spoken_key(FALLBACK), "bold", no_wrap=True),
            Text(key.title),
            Text(key.tooltip, "dim"),
        )
    views = "\n".join(view.help for view in list(VIEWS.values())[1:])
    return Group(keys, *(Text(with_keys(text)) for text in (_MARKS, views, _PROMPT)))
