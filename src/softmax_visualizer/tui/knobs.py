"""The settings as a person turns them: exact decimals, so that ten steps of 0.1 make 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from softmax_visualizer.decoding.settings import PRESETS, DecodingSettings, Order, Preset, SettingsError

TEMPERATURE_TOP = Decimal(2)
"""Where the arrow keys stop, as OpenAI's API does; more can be typed."""

_STEPS = {"temperature": (Decimal("0.1"), Decimal("0.5")), "top_p": (Decimal("0.05"), Decimal("0.2"))}


@dataclass(frozen=True, slots=True)
class Knobs:
    """One position of all knobs, never an invalid one."""

    temperature: Decimal = Decimal(1)
    top_p: Decimal = Decimal(1)
    top_k: int | None = None
    min_p: Decimal = Decimal(0)
    order: Order = "temperature-first"

    @classmethod
    def of(cls, settings: DecodingSettings) -> Knobs:
        """Return the position that these settings stand for."""
        return cls(
            Decimal(str(settings.temperature)),
            Decimal(str(settings.top_p)),
            settings.top_k,
            Decimal(str(settings.min_p)),
            settings.order,
        )

    @property
    def settings(self) -> DecodingSettings:
        """The settings to decode with."""
        return DecodingSettings(
            float(self.temperature), float(self.top_p), self.top_k, float(self.min_p), self.order
        )

    @property
    def words(self) -> str:
        """The position in words: ``"T 0.70, top-p 0.90"``; the order where it is not the usual one."""
        parts = [f"T {spoken(self.temperature)}"]
        if self.top_p < 1:
            parts.append(f"top-p {spoken(self.top_p)}")
        if self.top_k is not None:
            parts.append(f"top-k {self.top_k}")
        if self.min_p > 0:
            parts.append(f"min-p {spoken(self.min_p)}")
        if self.order == "temperature-last":
            parts.append("T last")
        return ", ".join(parts)

    @property
    def preset(self) -> Preset | None:
        """The preset that these settings are, if they are one, whatever the engine's order."""
        settings = replace(self, order="temperature-first").settings
        return next((preset for preset in PRESETS if preset.settings == settings), None)

    def turned(self, knob: str, direction: int, *, coarse: bool = False) -> Knobs:
        """Return the position one step up or down, which lands on the steps' own grid and stays in range."""
        step = _STEPS[knob][coarse]
        top = TEMPERATURE_TOP if knob == "temperature" else Decimal(1)
        value: Decimal = getattr(self, knob)
        # a typed 0.73 goes on to 0.8, not 0.83: the grid is what a lesson's captions speak of
        steps = value / step
        whole = steps.to_integral_value(rounding="ROUND_FLOOR" if direction > 0 else "ROUND_CEILING")
        turned = (whole + direction) * step
        if direction > 0:
            turned = max(value, min(turned, top))
        turned = max(turned, Decimal(0))
        return replace(self, temperature=turned) if knob == "temperature" else replace(self, top_p=turned)

    def with_typed(self, knob: str, text: str) -> Knobs:
        """Return the position with a value that was typed.

        Raises:
            SettingsError: it is no number or not allowed; the text says what is.
        """
        typed = text.strip().replace(",", ".")
        name = knob.replace("_", "-").capitalize()
        if knob == "top_k" and typed.lower() in ("", "off", "none"):
            return replace(self, top_k=None)
        try:
            value = Decimal(typed)
        except ArithmeticError as error:
            raise SettingsError(f"{name} must be a number, not {text.strip()!r}.") from error
        DecodingSettings(**{knob: float(value)})  # type: ignore[arg-type]
        changed: dict[str, Any] = {knob: int(value) if knob == "top_k" else value}
        return replace(self, **changed)

    def with_other_order(self) -> Knobs:
        """Return the position with the other order of temperature and cuts."""
        first = self.order == "temperature-first"
        return replace(self, order="temperature-last" if first else "temperature-first")


def spoken(value: Decimal) -> str:
    """Return a knob's value with at least two decimals: ``"0.70"``, ``"0.725"``."""
    text = f"{value.normalize():f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"
