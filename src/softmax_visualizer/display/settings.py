"""Settings in words."""

from __future__ import annotations

from softmax_visualizer.decoding.settings import DecodingSettings, Order

ENGINES: dict[Order, tuple[str, ...]] = {
    "temperature-first": (
        "T first: Hugging Face, vLLM, SGLang",
        "T first: Hugging Face, vLLM",
        "T first: vLLM",
    ),
    "temperature-last": ("T last: llama.cpp, mlx-lm", "T last: llama.cpp"),
}
"""Who works in which order, of the engines whose code says so, in more and in fewer cells."""


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
    text = repr(value) if abs(value) >= 1e-4 or value == 0 else f"{value:g}"
    whole, dot, decimal = text.partition(".")
    return f"{whole}.{decimal.ljust(2, '0')}" if dot and "e" not in text else text
