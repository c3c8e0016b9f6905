"""Every key: what it does, in which words the help and the palette say so, and the line of keys."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from softmax_visualizer.decoding.settings import PRESETS
from softmax_visualizer.display.keys import keys_of, spoken_key, with_keys
from softmax_visualizer.tui.views import VIEWS


def do(name: str, *arguments: object) -> str:
    """Return one of :mod:`actions` as Textual writes an action."""
    return f"do({name!r}, {arguments!r})"


@dataclass(frozen=True)
class Key:
    """What can be done with a key, or with several.

    ``id``: its name in :data:`DEFAULT_KEYS`, by which a person gives it other keys. ``action``: as Textual
    writes it. ``about``: a few words, in which ``{key:…}`` names other keys.
    ``outside``: whether it reaches outside of the program, or changes how the screen is presented.
    """

    id: str
    action: str
    title: str
    about: str
    outside: bool = False

    @property
    def spoken(self) -> str:
        """The keys that it has now, as people call them."""
        return " ".join(map(spoken_key, keys_of(self.id)))

    @property
    def tooltip(self) -> str:
        """The words, with the keys that hold now."""
        return with_keys(self.about)


KEYS = (
    Key("temperature-down", do("turn", "temperature", -1), "Temperature down", "by 0.1"),
    Key("temperature-up", do("turn", "temperature", 1), "Temperature up", "by 0.1"),
    Key("temperature-down-faster", do("turn", "temperature", -1, True), "Temperature down faster", "by 0.5"),
    Key("temperature-up-faster", do("turn", "temperature", 1, True), "Temperature up faster", "by 0.5"),
    Key("top-p-down", do("turn", "top_p", -1), "Top-p down", "by 0.05"),
    Key("top-p-up", do("turn", "top_p", 1), "Top-p up", "by 0.05"),
    Key("top-p-down-faster", do("turn", "top_p", -1, True), "Top-p down faster", "by 0.2"),
    Key("top-p-up-faster", do("turn", "top_p", 1, True), "Top-p up faster", "by 0.2"),
    *(
        Key(f"preset-{number}", do("preset", number - 1), f"Preset {number}: {preset.name}", preset.reason)
        for number, preset in enumerate(PRESETS, 1)
    ),
    Key("reset", do("reset"), "Reset", "T = 1, nothing cut: the model's own probabilities; the order stays"),
    Key("undo", "undo", "Undo", "the last change of knobs, pins, views, samples, answers or prompts"),
    Key("redo", "redo", "Redo", "what was undone last"),
    Key("type-temperature", "type('temperature')", "Type a temperature", "0 or more"),
    Key(
        "type-top-p",
        "type('top_p')",
        "Type a top-p",
        "keep the first tokens until they sum to this; empty is off",
    ),
    Key("type-top-k", "type('top_k')", "Type a top-k", "keep this many tokens; empty is off"),
    Key(
        "type-min-p",
        "type('min_p')",
        "Type a min-p",
        "keep tokens with at least this share of the first; empty is off",
    ),
    Key("order", do("order"), "Order", "temperature first (vLLM, Hugging Face) or last (llama.cpp)"),
    Key("engine", "engine", "Engine", "whose order it is; chosen once more, it sets its own knobs"),
    Key("axis", do("axis"), "Axis", "as far as needed, 0 to 100 %, to the longest bar, or logarithmic"),
    Key("sample-token", do("sample"), "Sample a token", "as the decoder would, with a seed that is shown"),
    Key("take", "go('take')", "Take the token", "put the sampled or chosen token after the answer so far"),
    Key("next-candidate", "go('point', (1,))", "Next candidate", "point at a token, for Enter to take"),
    Key("candidate-before", "go('point', (-1,))", "Candidate before", "point at the one above"),
    Key("take-back", "go('take_back')", "Take back", "the last token before this place, and all after it"),
    Key("write", "write", "Write an answer", "sample on until the model ends it, or N tokens; again stops"),
    Key("tokens-to-write", "count('length')", "Tokens to write", "how many tokens {key:write} adds"),
    Key(
        "token-before",
        "go('walk', (-1,))",
        "Token before",
        "go back on the answer: the board shows what it was chosen from",
    ),
    Key("next-token", "go('walk', (1,))", "Next token", "go on"),
    Key(
        "first-place",
        "go('walk', (-100_000,))",
        "First place",
        "the prompt, before the first token of the answer",
    ),
    Key("last-place", "go('walk', (100_000,))", "Last place", "what comes after the answer"),
    Key(
        "unsure-before",
        "go('uncertain', (-1,))",
        "Unsure token before",
        "where no token has half of the probability",
    ),
    Key(
        "next-unsure",
        "go('uncertain', (1,))",
        "Next unsure token",
        "where no token has half of the probability",
    ),
    Key("next-cut", "go('forbidden', (1,))", "Next token that is cut", "that this setting cuts away"),
    Key("branches", "branches", "Branches", "the other answers to this prompt; name or remove this one"),
    Key(
        "server-answer", "server", "The server's answer", "as it samples one itself at T = 1, in one request"
    ),
    Key("score", "score", "Score a text", "as an answer: each token's rank and surprisal"),
    Key("prompt", "prompt", "Edit the prompt", "type a new one over it, or press an arrow to change it"),
    Key("ask-again", "again", "Ask again", "the same prompt, even if its answer is known"),
    Key(
        "all-tokens",
        "deepen",
        "Ask for all tokens",
        "as many as the server lists; elsewhere it says the cost first",
    ),
    Key("pin", do("pin"), "Pin or unpin", "keep this setting beside others, up to three"),
    Key("unpin", do("unpin"), "Unpin all", "remove all pins"),
    Key("flip", "flip", "Flip", "between the current setting and the one pinned last"),
    *(
        Key(view.name, view.action or do("show", view.name), view.title, view.tooltip)
        for view in list(VIEWS.values())[1:]
    ),
    Key("how-many", "count('many')", "How many to sample", "with {key:counts} and {key:server-samples}"),
    Key(
        "server-samples", "server_samples", "The server's samples", "have it sample, after a word of the cost"
    ),
    Key("further-tokens", do("scroll", 1), "Further tokens", "in the table"),
    Key("earlier-tokens", do("scroll", -1), "Earlier tokens", "in the table"),
    Key(
        "acceptable",
        "question('accept')",
        "Acceptable tokens",
        "mark what may be sampled, for {key:map} and {key:decide}",
    ),
    Key("rival", "question('rival')", "Rival", "a token and the share it should reach, for {key:decide}"),
    Key("length", "question('tokens')", "Length of an answer", "in tokens, for {key:decide}"),
    Key(
        "reliability",
        "question('reliability')",
        "Reliability",
        "share of answers that must stay in the set, for {key:decide}",
    ),
    Key("copy", "copy", "Copy the request", "for this setting, as Python, curl or JSON", outside=True),
    Key("save", "save", "Save", "a picture, numbers, answers or the request, into a file", outside=True),
    Key("judge", "judge", "Judge two tables", "can one model have printed both?"),
    Key("choose-model", "models", "Choose a model", "of the server, or one that runs on this machine"),
    Key("framing", "framing", "Framing", "answer, continue or raw: how a chat model is asked"),
    Key("request", "request", "Show the request", "exactly what is sent, without the key"),
    Key("check", "check", "Check the server", "what it reports, and whether temperature changes that"),
    Key("light", "light", "Light or dark", "switch the theme", outside=True),
    Key("repaint", "repaint", "Repaint", "where something else wrote to the terminal", outside=True),
    Key("lessons", "lessons", "Lessons", "play a built-in lesson, or leave it", outside=True),
    Key("show-keys", do("present", "keys"), "Show keys", "that are pressed, for an audience", outside=True),
    Key("large-caption", do("present", "large"), "Larger caption", "of a lesson", outside=True),
    Key("hide-keys", do("present", "bare"), "Hide the keys below", "and show them again", outside=True),
    Key("help", "help", "Help", "every key, and what the marks mean"),
    Key("back", "back", "Back", "to the board; cancels a request; never quits"),
    Key("quit", "leave", "Quit", "asks again where something would be lost", outside=True),
)
"""The screen's keys, from which its bindings, the help and the command palette are made."""


def bindings() -> list[Binding]:
    """Return what Textual binds: each action to the keys that it has now."""
    keys = {key: ",".join(keys_of(key.id)) for key in KEYS}
    return [Binding(keys[key], key.action, id=key.id, show=False) for key in KEYS if keys[key]]


Hints = tuple[tuple[str, str], ...]
"""For the line of keys: the ids of one or more actions, with spaces between, and a word for what they do."""

BOARD_KEYS: Hints = (
    ("temperature-down temperature-up", "temperature"), ("top-p-up top-p-down", "top-p"), ("write", "answer"),
    ("prompt", "prompt"), ("sample-token", "sample"), ("compare", "compare"),
    ("preset-1 preset-2 preset-3 preset-4", "presets"), ("decide", "decide"), ("undo", "undo"),
    ("sweep", "sweep"), ("map", "map"), ("pin", "pin"), ("table", "table"), ("lessons", "lessons"),
    ("help", "help"),
)  # fmt: skip
"""What the line of keys shows while the board has the keys, the last one always."""

ANSWER_KEYS: Hints = (
    ("token-before next-token", "token"),
    ("unsure-before next-unsure", "unsure"),
    ("next-candidate", "candidate"),
    ("take", "take"),
    ("take-back", "take back"),
    ("write", "write on"),
    ("answers", "side by side"),
)
"""What it shows further while there is an answer."""

LESSON_KEYS: Hints = (
    ("=space", "go on"), ("=Backspace", "go back"), ("lessons", "leave"),
    ("=any other key", "try out; space returns"),
    ("quit", "quit"),
    ("help", "help"),
)  # fmt: skip
"""What it shows while a lesson is played; after "=" are the lesson's own keys, which nobody moves."""

PROMPT_KEYS: Hints = (
    ("=Enter", "ask"), ("temperature-down temperature-up", "temperature"), ("top-p-up top-p-down", "top-p"),
    ("=↑↓", "history"), ("=Ctrl+J", "new line"), ("=Esc", "board"),
)  # fmt: skip
"""What it shows while the cursor is in the prompt; after "=" are the editor's own keys."""


def hint(actions: str, typing: bool = False) -> str:
    """Return the keys of a hint as people call them: ``"←→"``, ``"1-4"``, ``", ."``; empty if there are none.

    ``typing``: while the cursor is in the prompt, where most keys write or move the cursor.
    """
    if actions.startswith("="):
        return actions[1:]
    found = [
        next((key for key in keys_of(action) if not typing or passes_by(key)), "")
        for action in actions.split(" ")
    ]
    spoken = [spoken_key(key) for key in found if key]
    modifiers = {each.rpartition("+")[0] for each in spoken}
    last = [each.rpartition("+")[2] or "+" for each in spoken]
    if len(modifiers) == 1 and len(spoken) > 1:
        common = f"{modifiers.pop()}+".removeprefix("+")
        if set(last) <= set("←→↑↓"):
            return common + "".join(last)
        if "".join(last) in "123456789" and len(last) > 2:
            return f"{common}{last[0]}-{last[-1]}"
    return " ".join(spoken)


def passes_by(key: str) -> bool:
    """Whether the prompt's editor leaves a key to the board."""
    return key.startswith(("alt+", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9"))


def action_of(actions: str) -> str | None:
    """Return what a hint's key does, as Textual writes it; None for a hint that is about several."""
    return next((key.action for key in KEYS if key.id == actions), None)
