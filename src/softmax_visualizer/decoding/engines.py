"""Engines that run language models: how they decode unless they are told otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass

from softmax_visualizer.decoding.settings import DecodingSettings, Order, SettingsError


@dataclass(frozen=True, slots=True)
class Engine:
    """What an engine does where a request says nothing.

    ``defaults``: its own knobs, with its order. A model's own ``generation_config.json`` may say otherwise.
    ``source``: where both were read. ``published``: whether its order is in that source, or only assumed.
    """

    name: str
    defaults: DecodingSettings
    source: str
    published: bool = True

    @property
    def order(self) -> Order:
        """Whether it divides by the temperature before it cuts, or after."""
        return self.defaults.order


_LAST: Order = "temperature-last"

ENGINES = (
    Engine(
        "OpenAI",
        DecodingSettings(),
        "API reference, Create chat completion; the order is not published",
        published=False,
    ),
    Engine("vLLM", DecodingSettings(), "vLLM 0.33: v1/sample/sampler.py, sampling_params.py"),
    Engine(
        "Hugging Face",
        DecodingSettings(top_k=50),
        "transformers 5.24: generation/utils.py, _get_logits_processor; configuration_utils.py",
    ),
    Engine(
        "llama.cpp",
        DecodingSettings(0.8, 0.95, 40, 0.05, _LAST),
        "llama.cpp b11434: common/common.h, common/sampling.cpp",
    ),
    Engine(
        "Ollama",
        DecodingSettings(0.8, 0.9, 40, 0.0, _LAST),
        "Ollama 0.30: api/types.go, llm/llama_server.go",
    ),
    Engine("SGLang", DecodingSettings(), "SGLang: sampling/sampling_params.py, layers/sampler.py"),
    Engine("mlx", DecodingSettings(0.0, order=_LAST), "mlx-lm 0.32.2: sample_utils.py, server.py"),
)
"""The engines, by how often one meets them."""


def engine(name: str) -> Engine:
    """Return the engine of this name, however it is spelt: ``"llama-cpp"``, ``"huggingface"``.

    Raises:
        SettingsError: there is none; the text names those that there are.
    """
    for each in ENGINES:
        if _bare(each.name) == _bare(name):
            return each
    names = ", ".join(each.name for each in ENGINES)
    raise SettingsError(f"Engine must be one of {names}, not {name!r}.")


def _bare(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower())
