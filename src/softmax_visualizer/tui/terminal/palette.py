"""The colours of the roles: a theme's own, made legible where the theme did not see to that.

What is to be read has a contrast of 4.5 to what it stands on, and a bar or a border one of 3, by the
definition of WCAG 2.2 (1.4.3 and 1.4.11), in the colours that the terminal has. Where a theme leaves the
colours to the terminal, nobody knows the contrast, and they stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.color import ColorSystem
from rich.style import Style
from textual.color import BLACK, WHITE, Color

from softmax_visualizer.display.pieces import Role

_READ, _SEEN = 4.5, 3.0

_THEME = {
    **dict.fromkeys(("foreground", "text-muted", "text-accent", "text-success", "text-warning"), _READ),
    **dict.fromkeys(("text-error", "warning"), _READ),
    **dict.fromkeys(("primary", "success", "accent", "border"), _SEEN),
}
"""The variables of a theme that are used on its background, with the contrast that they need."""

_MUTED = 0.6
"""Share of the foreground in what is less important."""


class _Look(NamedTuple):
    """A variable of a theme, and Rich's words for the style of its letters."""

    color: str
    letters: str = ""


_FAINT, _PLAIN = _Look("text-muted"), _Look("foreground")

_LOOKS: dict[Role, _Look] = {
    "title": _Look("text-accent", "bold"),
    "name": _Look("foreground", "bold"),
    "text": _PLAIN,
    "label": _PLAIN,
    "number": _PLAIN,
    "space": _PLAIN,
    "faint": _FAINT,
    "track": _FAINT,
    "frame": _FAINT,
    "cut": _FAINT,
    "same": _FAINT,
    "axis": _FAINT,
    "crowd": _FAINT,
    "rest": _Look("text-muted", "italic"),
    "head": _Look("text-muted", "bold"),
    "good": _Look("text-success"),
    "wait": _Look("text-warning"),
    "bad": _Look("text-error"),
    "key": _Look("text-accent", "bold"),
    "knob": _Look("text-accent", "bold"),
    "bar": _Look("primary"),
    "final": _Look("success"),
    "uncertain": _Look("warning"),
    "maybe": _Look("warning"),
    "pinned": _Look("warning", "bold"),
    "sampled": _Look("text-success", "bold"),
    "token": _Look("text-accent", "bold underline"),
    "focus": _Look("accent"),
}

_LINES: dict[Role, tuple[str, str, str]] = {
    "line1": ("#ff7a70", "#b00020", "ansi_red"),
    "line2": ("#6fe06f", "#006b00", "ansi_green"),
    "line3": ("#f2e25a", "#0000b0", "ansi_blue"),
    "line4": ("#f07af0", "#9c0091", "ansi_magenta"),
    "line5": ("#5fe0e8", "#007f82", "ansi_cyan"),
    "line6": ("#ffffff", "#5a50ff", "ansi_bright_blue"),
}
"""Colours of lines on a dark ground, on a light one, and where the terminal has its own.

A theme's own colours would not do: several of Textual's have the same one twice.
"""

_HEAT: dict[Role, float] = {
    "heat0": 0, "heat1": 0.15, "heat2": 0.3, "heat3": 0.5, "heat4": 0.75, "heat5": 1,
}  # fmt: skip
"""How much of the theme's first colour there is in the ground of a cell of the map."""


class Palette(dict[Role, Style]):
    """The style of each role, worked out when it is first needed.

    Args:
        variables: the theme's, as Textual makes them.
        system: the colours that the terminal has.
    """

    def __init__(self, variables: Mapping[str, str], system: ColorSystem) -> None:
        super().__init__()
        self._system = system
        self.variables = dict(variables)
        """The theme's variables, legible on its background."""
        self._ground = Color.parse(variables["background"])
        if self._ground.ansi is None:
            self._mend()

    def _mend(self) -> None:
        if self._system is ColorSystem.STANDARD:
            # sixteen colours have greys on which nothing can be read
            self._ground = BLACK if self._shown(self._ground) < _MIDDLE else WHITE
            self.variables |= dict.fromkeys(("background", "surface", "panel"), self._ground.hex)
        ground = self._ground
        muted = ground.blend(Color.parse(self.variables["foreground"]), _MUTED)
        self.variables["text-muted"] = muted.hex
        for name, contrast in _THEME.items():
            color = Color.parse(self.variables[name])
            self.variables[name] = self._legible(color, ground, contrast).hex
        under = ground + Color.parse(self.variables["block-cursor-background"])
        self.variables["block-cursor-foreground"] = self._legible(
            under + Color.parse(self.variables["foreground"]), under
        ).hex

    def __missing__(self, role: Role) -> Style:
        """Return the style of a role that was not needed before."""
        self[role] = style = self._style(role)
        return style

    def _style(self, role: Role) -> Style:
        ground, owned, letters = self._ground, self._ground.ansi is not None, ""
        if role == "point":
            color, letters = self._color("accent"), "bold reverse"
            if not owned:
                color = self._legible(color, ground)
        elif role in _HEAT:
            share, first = _HEAT[role], self._color("primary")
            if owned:
                # there are no shades of a colour that nobody knows
                color, letters = first, "reverse" if share >= 0.5 else ""
            else:
                ground = ground.blend(first, share)
                color = self._legible(self._color("foreground"), ground)
        elif role in _LINES:
            dark, light, own = _LINES[role]
            color = Color.parse(own if owned else dark if _luminance(ground) < _MIDDLE else light)
            color = color if owned else self._legible(color, ground)
        else:
            name, letters = _LOOKS[role]
            if owned and name == "text-muted":
                name, letters = "foreground", f"{letters} dim"
            color = self._color(name)
        return Style.parse(letters) + Style(color=color.rich_color, bgcolor=ground.rich_color)

    def _color(self, name: str) -> Color:
        return Color.parse(self.variables[name])

    def _legible(self, color: Color, ground: Color, contrast: float = _READ) -> Color:
        """Return a colour, with as much white or black in it as it takes on a ground."""
        shown = self._shown(ground)
        goal = WHITE if shown < _MIDDLE else BLACK
        steps = (color.blend(goal, step / 20, 1) for step in range(20))
        return next((each for each in steps if _contrast(self._shown(each), shown) >= contrast), goal)

    def _shown(self, color: Color) -> float:
        """Return the luminance of what the terminal makes of a colour."""
        return _luminance(Color(*color.rich_color.downgrade(self._system).get_truecolor()))


_MIDDLE = 0.179
"""The luminance to which black and white have the same contrast."""


def _luminance(color: Color) -> float:
    """Return the relative luminance of WCAG 2.2, from 0 to 1."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: float, other: float) -> float:
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)
