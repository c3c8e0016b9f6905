"""Every key: what it does, in which words the help and the palette say so, and the line of keys."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from softmax_visualizer.decoding.settings import PRESETS
from softmax_visualizer.tui.views import VIEWS


def do(name: str, *arguments: object) -> str:
    """Return one of :mod:`actions` as Textual writes an action."""
    return f"do({name!r}, {arguments!r})"


@dataclass(frozen=True)
class Key:
    """A key, or several for the same thing.

    ``keys``: as Textual names them, with commas between. ``action``: as Textual writes it.
    ``outside``: whether it reaches outside of the program, or changes how the screen is presented.
    """

    keys: str
    action: str
    title: str
    tooltip: str
    outside: bool = False

    @property
    def spoken(self) -> str:
        """The keys as people call them."""
        return " ".join(spoken_key(key) for key in self.keys.split(","))


KEYS = (
    Key("left,alt+left,f2", do("turn", "temperature", -1), "Temperature down", "by 0.1"),
    Key("right,alt+right,f3", do("turn", "temperature", 1), "Temperature up", "by 0.1"),
    Key("shift+left", do("turn", "temperature", -1, True), "Temperature down faster", "by 0.5"),
    Key("shift+right", do("turn", "temperature", 1, True), "Temperature up faster", "by 0.5"),
    Key("down,alt+down,f4", do("turn", "top_p", -1), "Top-p down", "by 0.05"),
    Key("up,alt+up,f5", do("turn", "top_p", 1), "Top-p up", "by 0.05"),
    Key("shift+down", do("turn", "top_p", -1, True), "Top-p down faster", "by 0.2"),
    Key("shift+up", do("turn", "top_p", 1, True), "Top-p up faster", "by 0.2"),
    *(
        Key(f"{number},alt+{number}", do("preset", number - 1), f"Preset: {preset.name}", preset.reason)
        for number, preset in enumerate(PRESETS, 1)
    ),
    Key("r", do("reset"), "Reset", "T = 1, nothing cut: the model's own probabilities; the order stays"),
    Key("u", "undo", "Undo", "the last change of knobs, pins, views, samples, answers or prompts"),
    Key("U", "redo", "Redo", "what was undone last"),
    Key("t", "type('temperature')", "Type a temperature", "0 or more"),
    Key("p", "type('top_p')", "Type a top-p", "keep the first tokens until they sum to this; empty is off"),
    Key("k", "type('top_k')", "Type a top-k", "keep this many tokens; empty is off"),
    Key(
        "n",
        "type('min_p')",
        "Type a min-p",
        "keep tokens with at least this share of the first; empty is off",
    ),
    Key("o", do("order"), "Order", "temperature first (vLLM, Hugging Face) or last (llama.cpp)"),
    Key("E", "engine", "Engine", "whose order it is; chosen once more, it sets its own knobs"),
    Key("a", do("axis"), "Axis", "as far as needed, 0 to 100 %, to the longest bar, or logarithmic"),
    Key("space", do("sample"), "Sample a token", "as the decoder would, with a seed that is shown"),
    Key("enter", "go('take')", "Take the token", "put the sampled or chosen token after the answer so far"),
    Key("tab", "go('point', (1,))", "Next candidate", "point at a token, for Enter to take"),
    Key("shift+tab", "go('point', (-1,))", "Candidate before", "point at the one above"),
    Key("backspace", "go('take_back')", "Take back", "the last token before this place, and all after it"),
    Key("G", "write", "Write an answer", "sample on until the model ends it, or N tokens; again stops"),
    Key("L", "count('length')", "Tokens to write", "how many tokens G adds"),
    Key(
        "comma",
        "go('walk', (-1,))",
        "Token before",
        "go back on the answer: the board shows what it was chosen from",
    ),
    Key("full_stop", "go('walk', (1,))", "Next token", "go on"),
    Key("home", "go('walk', (-100_000,))", "First place", "the prompt, before the first token of the answer"),
    Key("end", "go('walk', (100_000,))", "Last place", "what comes after the answer"),
    Key(
        "less_than_sign",
        "go('uncertain', (-1,))",
        "Unsure token before",
        "where no token has half of the probability",
    ),
    Key(
        "greater_than_sign",
        "go('uncertain', (1,))",
        "Next unsure token",
        "where no token has half of the probability",
    ),
    Key("exclamation_mark", "go('forbidden', (1,))", "Next token that is cut", "that this setting cuts away"),
    Key("B", "branches", "Branches", "the other answers to this prompt; name or remove this one"),
    Key("W", "server", "The server's answer", "as it samples one itself at T = 1, in one request"),
    Key("P", "score", "Score a text", "as an answer: each token's rank and surprisal"),
    Key("slash", "prompt", "Edit the prompt", "type a new one over it, or press an arrow to change it"),
    Key("ctrl+r", "again", "Ask again", "the same prompt, even if its answer is known"),
    Key("D", "deepen", "Ask for all tokens", "as many as the server lists; elsewhere it says the cost first"),
    Key("x", do("pin"), "Pin or unpin", "keep this setting beside others, up to three"),
    Key("X", do("unpin"), "Unpin all", "remove all pins"),
    Key("z", "flip", "Flip", "between the current setting and the one pinned last"),
    *(
        Key(view.key, view.action or do("show", view.name), view.title, view.tooltip)
        for view in list(VIEWS.values())[1:]
    ),
    Key("asterisk", "count('many')", "How many to sample", "with M and V"),
    Key("V", "server_samples", "The server's samples", "have it sample, after a word of the cost"),
    Key("pagedown", do("scroll", 1), "Further tokens", "in the table"),
    Key("pageup", do("scroll", -1), "Earlier tokens", "in the table"),
    Key("g", "question('accept')", "Acceptable tokens", "mark what may be sampled, for h and d"),
    Key("R", "question('rival')", "Rival", "a token and the share it should reach, for d"),
    Key("number_sign", "question('tokens')", "Length of an answer", "in tokens, for d"),
    Key(
        "percent_sign",
        "question('reliability')",
        "Reliability",
        "share of answers that must stay in the set, for d",
    ),
    Key("y", "copy", "Copy the request", "for this setting, as Python, curl or JSON", outside=True),
    Key("w", "save", "Save", "a picture, numbers, answers or the request, into a file", outside=True),
    Key("j", "judge", "Judge two tables", "can one model have printed both?"),
    Key("m", "models", "Choose a model", "of the server, or one that runs on this machine"),
    Key("f", "framing", "Framing", "answer, continue or raw: how a chat model is asked"),
    Key("i", "request", "Show the request", "exactly what is sent, without the key"),
    Key("e", "check", "Check the server", "what it reports, and whether temperature changes that"),
    Key("l", "light", "Light or dark", "switch the theme", outside=True),
    Key("ctrl+l", "repaint", "Repaint", "where something else wrote to the terminal", outside=True),
    Key("f9", "lessons", "Lessons", "play a built-in lesson, or leave it", outside=True),
    Key("f6", do("present", "keys"), "Show keys", "that are pressed, for an audience", outside=True),
    Key("f7", do("present", "large"), "Larger caption", "of a lesson", outside=True),
    Key("f8", do("present", "bare"), "Hide the keys below", "and show them again", outside=True),
    Key("question_mark,f1", "help", "Help", "every key, and what the marks mean"),
    Key("escape", "back", "Back", "to the board; cancels a request; never quits"),
    Key("q,ctrl+q", "leave", "Quit", "asks again where something would be lost", outside=True),
)
"""The screen's keys, from which its bindings, the help and the command palette are made."""


def bindings() -> list[Binding]:
    """Return the keys as Textual takes them."""
    return [Binding(key.keys, key.action, key.title, tooltip=key.tooltip, show=False) for key in KEYS]


BOARD_KEYS = (
    ("←→", "temperature"), ("↑↓", "top-p"), ("G", "answer"), ("/", "prompt"), ("space", "sample"),
    ("c", "compare"), ("1-4", "presets"), ("d", "decide"), ("u", "undo"), ("s", "sweep"), ("h", "map"),
    ("x", "pin"), ("v", "table"), ("F9", "lessons"), ("?", "help"),
)  # fmt: skip
"""What the line of keys shows while the board has the keys, the last one always."""

ANSWER_KEYS = (
    (", .", "token"),
    ("< >", "unsure"),
    ("Tab", "candidate"),
    ("Enter", "take"),
    ("Backspace", "take back"),
    ("G", "write on"),
    ("A", "side by side"),
)
"""What it shows further while there is an answer."""

LESSON_KEYS = (
    ("space", "go on"), ("Backspace", "go back"), ("F9", "leave"),
    ("any other key", "try out; space returns"),
    ("q", "quit"),
    ("?", "help"),
)  # fmt: skip
"""What it shows while a lesson is played."""

PROMPT_KEYS = (
    ("Enter", "ask"), ("Alt+←→", "temperature"), ("Alt+↑↓", "top-p"), ("↑↓", "history"),
    ("Ctrl+J", "new line"), ("Esc", "board"),
)  # fmt: skip
"""What it shows while the cursor is in the prompt."""

_KEY_NAMES = {
    "left": "←", "right": "→", "up": "↑", "down": "↓", "question_mark": "?", "slash": "/", "escape": "Esc",
    "space": "space", "enter": "Enter", "pageup": "PgUp", "pagedown": "PgDn", "number_sign": "#",
    "percent_sign": "%", "backspace": "Backspace", "tab": "Tab", "comma": ",", "full_stop": ".",
    "less_than_sign": "<", "greater_than_sign": ">", "exclamation_mark": "!", "asterisk": "*",
}  # fmt: skip


def spoken_key(key: str) -> str:
    """Return a key as people call it: ``"Shift+←"`` for ``"shift+left"``."""
    *modifiers, last = key.split("+")
    name = _KEY_NAMES.get(last, last.upper() if last.startswith("f") and last[1:].isdigit() else last)
    return "+".join([modifier.capitalize() for modifier in modifiers] + [name])


def action_of(spoken: str) -> str | None:
    """Return what a key that the line of keys shows would do; None for keys that are several."""
    return next((key.action for key in KEYS if spoken in key.spoken.split(" ")), None)
