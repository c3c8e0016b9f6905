"""Settings in words."""

from __future__ import annotations

from decimal import Decimal

from softmax_visualizer.decoding.engines import ENGINES
from softmax_visualizer.decoding.settings import DecodingSettings, Order

_SHORT: dict[Order, str] = {"temperature-first": "T first", "temperature-last": "T last"}


def order_titles(order: Order) -> tuple[str, ...]:
    """Name an order and the engines whose code has it, in ever fewer cells: ``"T last: llama.cpp, mlx"``."""
    names = [engine.name for engine in ENGINES if engine.order == order and engine.published]
    return tuple(f"{_SHORT[order]}: {', '.join(names[:count])}" for count in range(len(names), 0, -1))


def order_phrase(order: Order) -> str:
    """Say what an order does."""
    return "temperature first" if order == "temperature-first" else "temperature last"


def settings_words(settings: DecodingSettings, *, order: bool = True) -> str:
    """Return settings in words: ``"T 0.70, top-p 0.90"``; the order where it is not the usual one.

    ``order``: whether to say it at all.
    """
    words = [f"T {decimals(settings.temperature)}"]
    if settings.cuts:
        words.append(cut_words(settings))
    if order and settings.order == "temperature-last":
        words.append("T last")
    return ", ".join(words)


def cut_words(settings: DecodingSettings) -> str:
    """Name the cuts that are on: ``"top-p 0.90, top-k 40"``."""
    words = [f"top-p {decimals(settings.top_p)}"] if settings.top_p < 1 else []
    if settings.top_k is not None:
        words.append(f"top-k {settings.top_k}")
    if settings.min_p > 0:
        words.append(f"min-p {decimals(settings.min_p)}")
    return ", ".join(words) or "no cut"


def decimals(value: float) -> str:
    """Return a setting with at least two decimals, and all that were set: ``"0.70"``, ``"0.725"``."""
    text = f"{Decimal(repr(value)):f}" if abs(value) >= 1e-9 or value == 0 else f"{value:g}"
    whole, dot, decimal = text.partition(".")
    return f"{whole}.{decimal.ljust(2, '0')}" if dot and "e" not in text else text
