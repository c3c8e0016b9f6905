"""How settings are turned and typed: on a grid of exact decimals, so that ten steps of 0.1 make 1."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from softmax_visualizer.decoding.settings import PRESETS, DecodingSettings, Preset, SettingsError

TOPS = {"temperature": 2.0, "top_p": 1.0}
"""Where the arrow keys stop, as OpenAI's API does; more can be typed."""

_STEPS = {"temperature": (Decimal("0.1"), Decimal("0.5")), "top_p": (Decimal("0.05"), Decimal("0.2"))}

_OFF = {"top_p": 1.0, "top_k": None, "min_p": 0.0}


def preset_of(settings: DecodingSettings) -> Preset | None:
    """Return the preset that these settings are, if they are one, whatever the engine's order."""
    plain = replace(settings, order="temperature-first")
    return next((preset for preset in PRESETS if preset.settings == plain), None)


def turned(
    settings: DecodingSettings, knob: str, direction: int, *, coarse: bool = False
) -> DecodingSettings:
    """Return the settings one step up or down, which lands on the steps' own grid and stays in range."""
    step = _STEPS[knob][coarse]
    value = Decimal(repr(getattr(settings, knob)))
    # a typed 0.73 goes on to 0.8, not 0.83: the grid is what a lesson's captions speak of
    whole = (value / step).to_integral_value(rounding="ROUND_FLOOR" if direction > 0 else "ROUND_CEILING")
    reached = (whole + direction) * step
    if direction > 0:
        reached = max(value, min(reached, Decimal(TOPS[knob])))
    return with_value(settings, knob, float(max(reached, Decimal(0))))


def typed(settings: DecodingSettings, knob: str, text: str) -> DecodingSettings:
    """Return the settings with a value that was typed; nothing at all, or "off", turns a cut off.

    Raises:
        SettingsError: it is no number or not allowed; the text says what is.
    """
    plain = text.strip().replace(",", ".")
    if knob in _OFF and plain.lower() in ("", "off", "none"):
        return with_value(settings, knob, _OFF[knob])
    try:
        value = float(Decimal(plain))
    except ArithmeticError as error:
        name = knob.replace("_", "-").capitalize()
        raise SettingsError(f"{name} must be a number, not {text.strip()!r}.") from error
    return with_value(settings, knob, value)


def with_value(settings: DecodingSettings, knob: str, value: Any) -> DecodingSettings:
    """Return the settings with one of them changed; a Decimal is taken as the float that prints alike.

    Raises:
        SettingsError: the value is not allowed.
    """
    changes: dict[str, Any] = {knob: float(value) if isinstance(value, Decimal) else value}
    return replace(settings, **changes)
