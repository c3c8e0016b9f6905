"""Every key of the bench: what it does, and in which words the help and the palette say so."""

from textual.binding import Binding

from softmax_visualizer.decoding.settings import PRESETS

KEYS = [
    Binding("left,alt+left,f2", "turn('temperature',-1)", "Temperature down", tooltip="by 0.1"),
    Binding("right,alt+right,f3", "turn('temperature',1)", "Temperature up", tooltip="by 0.1"),
    Binding("shift+left", "turn('temperature',-1,True)", "Temperature down, coarse", tooltip="by 0.5"),
    Binding("shift+right", "turn('temperature',1,True)", "Temperature up, coarse", tooltip="by 0.5"),
    Binding("down,alt+down,f4", "turn('top_p',-1)", "Top-p down", tooltip="by 0.05"),
    Binding("up,alt+up,f5", "turn('top_p',1)", "Top-p up", tooltip="by 0.05"),
    Binding("shift+down", "turn('top_p',-1,True)", "Top-p down, coarse", tooltip="by 0.2"),
    Binding("shift+up", "turn('top_p',1,True)", "Top-p up, coarse", tooltip="by 0.2"),
    *(
        Binding(
            f"{number},alt+{number}",
            f"preset({number - 1})",
            f"Preset: {preset.name}",
            tooltip=preset.reason,
        )
        for number, preset in enumerate(PRESETS, 1)
    ),
    Binding("r", "reset", "Reset", tooltip="T = 1, no cut: the model's own probabilities"),
    Binding("t", "type('temperature')", "Type a temperature", tooltip="0 or more"),
    Binding("p", "type('top_p')", "Type a top-p", tooltip="keep the most likely tokens up to this mass"),
    Binding("k", "type('top_k')", "Type a top-k", tooltip="keep this many tokens; empty is off"),
    Binding(
        "n",
        "type('min_p')",
        "Type a min-p",
        tooltip="keep tokens at least this times as likely as the first",
    ),
    Binding("o", "order", "Order", tooltip="temperature first (vLLM, Hugging Face) or last (llama.cpp)"),
    Binding("space", "draw", "Draw a token", tooltip="as the decoder would, with a seed that is shown"),
    Binding("enter", "take", "Take the token", tooltip="add the drawn token to the prompt, and ask again"),
    Binding("slash", "prompt", "Edit the prompt", tooltip="put the cursor into the prompt"),
    Binding("ctrl+r", "again", "Ask again", tooltip="the same prompt, though its answer is known already"),
    Binding("y", "copy", "Copy the request", tooltip="for this setting, as Python, curl or JSON"),
    Binding("w", "save", "Save", tooltip="a picture, the numbers or the request, into a file"),
    Binding("j", "judge", "Judge two tables", tooltip="can one model have printed both?"),
    Binding("m", "models", "Choose a model", tooltip="of those that the server names"),
    Binding("f", "framing", "Framing", tooltip="answer, continue or raw: how a chat model is asked"),
    Binding("i", "request", "Inspect the request", tooltip="exactly what is sent, without the key"),
    Binding("e", "check", "Check the endpoint", tooltip="what the server reports, and whether it scales it"),
    Binding("l", "light", "Light or dark", tooltip="switch the theme"),
    Binding("f9", "lessons", "Lessons", tooltip="play a built-in lesson, or leave the one that is played"),
    Binding("f6", "present('keys')", "Show keys", tooltip="for an audience: what is pressed"),
    Binding("f7", "present('large')", "Larger caption", tooltip="of a lesson"),
    Binding("f8", "present('bare')", "Hide the keys below", tooltip="and show them again"),
    Binding("question_mark,f1", "help", "Help", tooltip="every key, and what the marks mean"),
    Binding("escape", "back", "Back", tooltip="to the board; cancels a request; never quits"),
    Binding("q,ctrl+q", "app.quit", "Quit", tooltip="leave"),
]
"""The bench's bindings, from which the help and the command palette are made as well."""

VIEW_KEYS = [
    Binding("x", "pin", "Pin or let go", tooltip="keep this setting beside the ones that come, up to three"),
    Binding("X", "unpin", "Let all pins go", tooltip="nothing is pinned any more"),
    Binding("z", "flip", "Flip", tooltip="between the current setting and the one pinned last"),
    Binding("c", "show('compare')", "Compare", tooltip="pinned settings, prompts or models side by side"),
    Binding("s", "show('sweep')", "Sweep", tooltip="the whole range of temperature; again, of top-p"),
    Binding("h", "show('map')", "Map", tooltip="temperature by top-p; again for its other two measures"),
    Binding("d", "show('decide')", "Decide", tooltip="what this setting means for an answer, in sentences"),
    Binding("b", "show('orders')", "Both orders", tooltip="temperature first and last, side by side"),
    Binding("v", "show('table')", "Table or histograms", tooltip="the same numbers as a table, and back"),
    Binding("pagedown", "scroll(1)", "Further tokens", tooltip="in the table"),
    Binding("pageup", "scroll(-1)", "Earlier tokens", tooltip="in the table"),
    Binding("a", "axis", "Axis", tooltip="0 to 100 %, 0 to the longest bar, or logarithmic"),
    Binding("g", "ask('accept')", "Acceptable tokens", tooltip="mark what a draw may be, for h and d"),
    Binding("u", "ask('rival')", "Rival", tooltip="a token and the share that it is to reach, for d"),
    Binding("number_sign", "ask('tokens')", "Length of an answer", tooltip="in tokens, for d"),
    Binding(
        "percent_sign",
        "ask('reliability')",
        "Reliability",
        tooltip="answers that shall stay in the set, for d",
    ),
]
"""The board's bindings: views, and what is marked in them. A view's letter again, or Esc, leads back."""

BOARD_KEYS = (
    ("←→", "temperature"), ("↑↓", "top-p"), ("1-4", "presets"), ("/", "prompt"), ("space", "draw"),
    ("c", "compare"), ("d", "decide"), ("?", "help"),
)  # fmt: skip
"""What the line of keys shows while the board has the focus, the last always."""

LESSON_KEYS = (
    ("space", "go on"), ("Backspace", "go back"), ("any other key", "try out; space returns"), ("q", "quit"),
    ("?", "help"),
)  # fmt: skip
"""What it shows while a lesson is played."""

KEYS_OF_VIEWS = {
    "table": (("v", "histograms"), ("PgUp PgDn", "scroll")),
    "compare": (("c", "histograms"), ("x", "pin"), ("z", "flip"), ("X", "unpin")),
    "orders": (("b", "histograms"), ("o", "switch order")),
    "sweep": (("s", "next"), ("a", "axis"), ("Esc", "histograms")),
    "map": (("h", "next"), ("g", "mark tokens"), ("Esc", "histograms")),
    "decide": (("d", "histograms"), ("g", "tokens"), ("u", "rival"), ("#", "length"), ("%", "reliability")),
}
"""What it shows instead of what is after the knobs, while another view than the histograms is open."""

PROMPT_KEYS = (
    ("Enter", "ask"), ("Alt+←→", "temperature"), ("Alt+↑↓", "top-p"), ("↑↓", "history"),
    ("Ctrl+J", "new line"), ("Esc", "board"),
)  # fmt: skip
"""What the line of keys shows while the cursor is in the prompt."""

_KEY_NAMES = {
    "left": "←", "right": "→", "up": "↑", "down": "↓", "question_mark": "?", "slash": "/", "escape": "Esc",
    "space": "space", "enter": "Enter", "pageup": "PgUp", "pagedown": "PgDn", "number_sign": "#",
    "percent_sign": "%", "backspace": "Backspace", "tab": "Tab",
}  # fmt: skip


def spoken_key(key: str) -> str:
    """Return a key as people call it: ``"Shift+←"`` for ``"shift+left"``."""
    *modifiers, last = key.split("+")
    name = _KEY_NAMES.get(last, last.upper() if last.startswith("f") and last[1:].isdigit() else last)
    return "+".join([modifier.capitalize() for modifier in modifiers] + [name])
