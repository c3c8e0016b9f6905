"""From a configuration to the model that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softmax_visualizer.models.bundled import BundledModel

if TYPE_CHECKING:
    from softmax_visualizer.models.base import LanguageModel
    from softmax_visualizer.models.configuration import Configuration


def open_model(configuration: Configuration) -> LanguageModel:
    """Return the model to ask; nothing is sent and no connection opened yet."""
    if configuration.source == "bundled":
        return BundledModel()
    from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel

    return OpenAICompatibleModel(configuration)
