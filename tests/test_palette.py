"""The colours of the roles: legible in each of Textual's themes, with all colours, with 256 and with 16."""

from __future__ import annotations

from typing import get_args

import pytest
from rich.color import Color, ColorSystem
from textual.app import App
from textual.theme import BUILTIN_THEMES

from softmax_visualizer.display.pieces import Role
from softmax_visualizer.tui.terminal.palette import Palette

SYSTEMS = (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD)
OWN = [name for name, theme in BUILTIN_THEMES.items() if not theme.ansi]
TERMINALS = [name for name, theme in BUILTIN_THEMES.items() if theme.ansi]

MARKS = {"bar", "final", "focus"}
"""Roles of bars and borders, in which nothing is written."""

LINES: tuple[Role, ...] = ("line1", "line2", "line3", "line4", "line5", "line6", "crowd")


def palette(theme: str, system: ColorSystem) -> Palette:
    app: App[None] = App()
    app.theme = theme
    return Palette(app.get_css_variables(), system)


def luminance(color: Color, system: ColorSystem) -> float:
    parts = [part / 255 for part in color.downgrade(system).get_truecolor()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: Color | None, other: Color | None, system: ColorSystem) -> float:
    assert one is not None
    assert other is not None
    low, high = sorted((luminance(one, system), luminance(other, system)))
    return (high + 0.05) / (low + 0.05)


def test_a_contrast_is_that_of_the_definition() -> None:
    assert contrast(Color.parse("#000000"), Color.parse("#ffffff"), SYSTEMS[0]) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), Color.parse("#ffffff"), SYSTEMS[0]) == pytest.approx(
        4.48, abs=0.01
    )


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
@pytest.mark.parametrize("theme", OWN)
def test_all_that_is_read_has_the_contrast_for_it(theme: str, system: ColorSystem) -> None:
    styles = palette(theme, system)
    for role in get_args(Role):
        found = contrast(styles[role].color, styles[role].bgcolor, system)
        assert found >= (3 if role in MARKS else 4.5), role


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
@pytest.mark.parametrize("theme", OWN)
def test_what_the_style_sheet_uses_has_it_too(theme: str, system: ColorSystem) -> None:
    variables = palette(theme, system).variables
    for name, under, needed in (
        ("foreground", "background", 4.5),
        ("text-muted", "background", 4.5),
        ("accent", "background", 3.0),
        ("block-cursor-foreground", "block-cursor-background", 4.5),
    ):
        found = contrast(Color.parse(variables[name]), Color.parse(variables[under]), system)
        assert found >= needed, name


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
@pytest.mark.parametrize("theme", [*OWN, *TERMINALS])
def test_no_two_lines_of_a_sweep_look_alike(theme: str, system: ColorSystem) -> None:
    styles = palette(theme, system)
    looks = set()
    for role in LINES:
        color = styles[role].color
        assert color is not None
        looks.add((color.downgrade(system), styles[role].dim))
    assert len(looks) == len(LINES)


@pytest.mark.parametrize("theme", TERMINALS)
def test_a_theme_of_the_terminals_own_colours_gets_no_others(theme: str) -> None:
    styles = palette(theme, ColorSystem.TRUECOLOR)
    for role in get_args(Role):
        for color in (styles[role].color, styles[role].bgcolor):
            assert color is None or color.is_system_defined or color.is_default, role
