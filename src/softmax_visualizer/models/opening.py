"""From a configuration to the model that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.bundled import BundledModel

if TYPE_CHECKING:
    from softmax_visualizer.models.base import LanguageModel
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.questions import Learnt
    from softmax_visualizer.models.recording import Recorder

_LEARNT: Learnt = {}
"""What servers taught in this run: another model is opened whenever the person chooses one."""


def open_model(
    configuration: Configuration,
    recorder: Recorder | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> LanguageModel:
    """Return the model to ask; nothing is sent, loaded or opened yet.

    Args:
        configuration: which model.
        recorder: keeps its answers, if there is one.
        progress: is told, from 0 to 1, how much of a model file is loaded.

    Raises:
        ModelError: a recording cannot be replayed, or the model is not at hand.
    """
    model = _opened(configuration, progress)
    if recorder is None:
        return model
    from softmax_visualizer.models.recording import RecordingModel

    return RecordingModel(model, recorder, configuration.framing if model.abilities.framings else None)


def _opened(configuration: Configuration, progress: Callable[[float], None]) -> LanguageModel:
    if configuration.absent:
        raise ModelError(configuration.absent)
    if configuration.replay is not None:
        from softmax_visualizer.models.replay import RecordedModel

        return RecordedModel.open(configuration.replay, configuration.model)
    if configuration.source == "bundled":
        return BundledModel()
    if configuration.source == "local":
        from softmax_visualizer.models.local import LocalModel

        return LocalModel(configuration, progress)
    from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel

    return OpenAICompatibleModel(configuration, learnt=_LEARNT)
