"""What a decoder is told to do with a distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

Order = Literal["temperature-first", "temperature-last"]


class SettingsError(ValueError):
    """A setting that no decoder can follow; its text says which one, and what is allowed."""


@dataclass(frozen=True, slots=True)
class DecodingSettings:
    """Temperature, the cuts and their order, validated.

    ``temperature`` is 0 (greedy: the most likely token, ties sharing) or any larger finite number.
    ``top_p`` keeps the smallest set of most likely tokens whose mass reaches it, in [0, 1]; 0 keeps one
    token, 1 is off. ``top_k`` keeps that many tokens; None is off. ``min_p`` keeps tokens at least that
    many times as likely as the most likely one, in [0, 1]; 0 is off.

    ``order`` says what comes first. ``"temperature-first"`` is Hugging Face's and vLLM's order: temperature,
    top-k, top-p, min-p. ``"temperature-last"`` is llama.cpp's: top-k, top-p, min-p, temperature.

    Raises:
        SettingsError: a value is out of range or not a number.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    min_p: float = 0.0
    order: Order = "temperature-first"

    def __post_init__(self) -> None:
        temperature = _number("Temperature", self.temperature)
        if temperature < 0:
            raise SettingsError(f"Temperature must be 0 or more, not {temperature:g}.")
        object.__setattr__(self, "temperature", temperature)
        for field, name in (("top_p", "Top-p"), ("min_p", "Min-p")):
            value = _number(name, getattr(self, field))
            if not 0 <= value <= 1:
                raise SettingsError(f"{name} must be between 0 and 1, not {value:g}.")
            object.__setattr__(self, field, value)
        if self.top_k is not None:
            top_k = _number("Top-k", self.top_k)
            if top_k != int(top_k) or top_k < 1:
                raise SettingsError(f"Top-k must be a whole number of 1 or more, or off, not {top_k:g}.")
            object.__setattr__(self, "top_k", int(top_k))
        if self.order not in get_args(Order):
            raise SettingsError(f"Order must be {' or '.join(get_args(Order))}, not {self.order!r}.")

    @property
    def cuts(self) -> bool:
        """Whether any cut is switched on."""
        return self.top_p < 1 or self.top_k is not None or self.min_p > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as the plain values of the ``show --format json`` contract."""
        return {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "min_p": self.min_p,
            "order": self.order,
        }


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise SettingsError(f"{name} must be a number, not {value!r}.")
    try:
        number = float(value)
    except OverflowError as error:
        raise SettingsError(f"{name} is too large a number.") from error
    if not math.isfinite(number):
        raise SettingsError(f"{name} must be a finite number, not {number:g}.")
    return number


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that people use for a purpose, and why."""

    name: str
    settings: DecodingSettings
    reason: str


PRESETS = (
    Preset("greedy", DecodingSettings(0.0), "always the most likely token: the same answer every time"),
    Preset("code, JSON", DecodingSettings(0.1), "one wrong token breaks the result, so hardly any chance"),
    Preset("chat", DecodingSettings(0.7, 0.9), "some variety, and nothing from the unlikely tail"),
    Preset("brainstorm", DecodingSettings(1.5), "unlikely words come up too"),
)
"""The settings of the field's rules of thumb, coldest first."""
