"""The arithmetic of decoding: what temperature, top-k, top-p and min-p make of a next-token distribution."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softmax_visualizer.decoding.decoder import Decoding, Others, decode
    from softmax_visualizer.decoding.distribution import DistributionError, Token, TokenDistribution
    from softmax_visualizer.decoding.interval import Interval, IntervalArray
    from softmax_visualizer.decoding.settings import PRESETS, DecodingSettings, Order, Preset, SettingsError
    from softmax_visualizer.decoding.stage import Stage

_HOMES = {
    "decoder": ("Decoding", "Others", "decode"),
    "distribution": ("DistributionError", "Token", "TokenDistribution"),
    "interval": ("Interval", "IntervalArray"),
    "settings": ("PRESETS", "DecodingSettings", "Order", "Preset", "SettingsError"),
    "stage": ("Stage",),
}

__all__ = [
    "PRESETS",
    "Decoding",
    "DecodingSettings",
    "DistributionError",
    "Interval",
    "IntervalArray",
    "Order",
    "Others",
    "Preset",
    "SettingsError",
    "Stage",
    "Token",
    "TokenDistribution",
    "decode",
]


def __getattr__(name: str) -> Any:
    # numpy costs more than the rest of the program's start, so settings can be had without it
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
