"""The regions of the screen that are a line each: header, knobs, settings, statistics, message, keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from softmax_visualizer.decoding.settings import PRESETS
from softmax_visualizer.display.labels import cell_width, safe_line, wrap
from softmax_visualizer.tui.knobs import TEMPERATURE_TOP, Knobs, spoken
from softmax_visualizer.tui.terminal.cells import CellView, Piece, spread

SMALLEST = (60, 18)
"""Cells below which the bench cannot be drawn, and asks for room instead."""


class Header(CellView):
    """Which model answers, how much of its vocabulary is seen, and how the request stands."""

    model = ""
    badge: Piece = ("", "good")
    detail = ""
    state: Piece = ("", "faint")
    keystrokes: list[str] | None = None
    """The last keys that were pressed, to be shown; None if they are not."""

    def saw(self, key: str) -> None:
        """Show a key that was pressed, if keys are shown."""
        if self.keystrokes is not None:
            self.keystrokes = [*self.keystrokes, key][-4:]
            self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the one line; the model's name is shortened before the state is."""
        state, role = self.state
        pressed = "".join(f" {key} " for key in self.keystrokes or [])
        title = " Softmax Visualizer"
        # three cells before the name, three at the least before the state and one after it
        room = width - cell_width(title) - cell_width(pressed + state) - 7
        model = safe_line(self.model, max(room, 1))
        left: list[Piece] = [(title, "title"), ("   ", "space"), (model, "name")]
        room -= cell_width(model) + 3
        badge, badge_role = self.badge
        if badge and room >= len(badge):
            left += [(" · ", "faint"), (badge, badge_role)]
            room -= len(badge) + 3
        if self.detail and room >= 8:
            left.append((" · " + safe_line(self.detail, room), "faint"))
        return [spread(left, [(pressed, "point"), (" " + state + " ", role)], width)]


class KnobLine(CellView):
    """The two knobs, each with its track and its value."""

    knobs = Knobs()

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return one line in which both tracks are as long as the room allows."""
        named = (
            ("Temperature", self.knobs.temperature, TEMPERATURE_TOP),
            ("Top-p", self.knobs.top_p, Decimal(1)),
        )
        words = sum(len(name) for name, _, _ in named) + sum(len(spoken(value)) for _, value, _ in named)
        track = max(6, (width - words - 14) // 2)
        line: list[Piece] = [(" ", "space")]
        for number, (name, value, top) in enumerate(named):
            place = min(round(float(value / top) * (track - 1)), track - 1)
            line += [
                ("    " if number else "", "space"),
                (name + " ", "text"),
                ("├" + "─" * place, "track"),
                ("●", "knob"),
                ("─" * (track - 1 - place) + "┤", "track"),
                (" " + spoken(value), "number"),
            ]
        return [line]


class SettingsLine(CellView):
    """What the settings are good for, and the settings that have no track of their own."""

    knobs = Knobs()
    caption: tuple[str, ...] = ()

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the preset's reason on the left, and on the right the last of what else there is to say."""
        preset = self.knobs.preset
        if preset is not None:
            number = PRESETS.index(preset) + 1
            left: list[Piece] = [
                (f" {number} {preset.name}: ", "name"),
                (_after_colon(preset.reason), "faint"),
            ]
        elif self.knobs == Knobs(order=self.knobs.order):
            left = [(" T = 1, no cut: ", "name"), ("the model's own probabilities", "faint")]
        else:
            left = [(" your own settings", "faint")]
        further = []
        if self.knobs.top_k is not None:
            further.append(f"top-k {self.knobs.top_k}")
        if self.knobs.min_p > 0:
            further.append(f"min-p {spoken(self.knobs.min_p)}")
        further.append("temperature first" if self.knobs.order == "temperature-first" else "temperature last")
        further += self.caption
        room = width - sum(cell_width(text) for text, _ in left) - 3
        while len(further) > 1 and cell_width(" · ".join(further)) > room:
            del further[0]
        return [spread(left, [(" · ".join(further) + " ", "faint")], width)]


def _after_colon(reason: str) -> str:
    return reason.partition(": ")[2] or reason


class StatisticsLine(CellView):
    """Entropy, effective tokens, what is kept and cut, and how certain it all is."""

    phrases: Sequence[str] = ()
    certainty = ""

    def room(self) -> int:
        """Return the cells there are for the phrases."""
        return max(0, self.size.width - len(self.certainty) - 5)

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the phrases with the certainty at the right."""
        left: list[Piece] = [(" " + "   ".join(self.phrases), "text")]
        role = "good" if self.certainty.startswith("EXACT") else "wait"
        return [spread(left, [(self.certainty + " ", role)] if self.certainty else [], width)]


class MessageLine(CellView):
    """A sentence for the person: what failed and what to do, or what was just drawn."""

    DEFAULT_CSS = "MessageLine { height: auto; max-height: 3; min-height: 1; }"

    text = ""
    role = "faint"

    def show(self, text: str, role: str = "faint") -> None:
        """Show a sentence in as many lines as it needs, up to three."""
        needed = len(self._wrapped(self.size.width))
        self.text, self.role = text, role
        if len(self._wrapped(self.size.width)) != needed:
            self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Return the number of lines of the sentence."""
        return len(self._wrapped(width))

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the sentence, wrapped at spaces."""
        return [[(" " + line, self.role)] for line in self._wrapped(width)]

    def _wrapped(self, width: int) -> list[str]:
        lines = wrap(safe_line(self.text), width - 2)
        if len(lines) > 3:
            lines = [*lines[:2], safe_line(" ".join(lines[2:]), max(width - 2, 1))]
        return lines


class KeyLine(CellView):
    """The keys that matter where the person is."""

    DEFAULT_CSS = "KeyLine.hidden { display: none; }"

    keys: Sequence[tuple[str, str]] = ()

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return as many keys with their meaning as fit; the last one always does."""
        pieces = [[(f" {key}", "key"), (f" {meaning} ", "faint")] for key, meaning in self.keys]
        sizes = [sum(cell_width(text) for text, _ in piece) + 1 for piece in pieces]
        while len(pieces) > 1 and sum(sizes) > width:
            del pieces[-2], sizes[-2]
        return [[piece for pair in pieces for piece in (*pair, (" ", "space"))]]


class TooSmall(CellView):
    """Asks for room where there is too little."""

    DEFAULT_CSS = "TooSmall { height: 1fr; display: none; }"

    def lines(self, width: int, height: int) -> list[list[tuple[str, str]]]:
        """Return the sentence."""
        wanted = f"{SMALLEST[0]}x{SMALLEST[1]}"
        text = f"Softmax Visualizer needs {wanted} cells; this terminal has {width}x{height}. Make it larger."
        return [[(text[start : start + width], "text")] for start in range(0, len(text), max(width, 1))]
