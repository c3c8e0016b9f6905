"""Asking a model where there is no screen: opened, asked one thing, and closed again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.recording import Recorder

_Answer = TypeVar("_Answer")


def asked(
    configuration: Configuration,
    question: Callable[[Any], Awaitable[_Answer]],
    recorder: Recorder | None = None,
) -> _Answer:
    """Return what comes of a question to the model; raises ModelError if nothing does."""
    import asyncio

    from softmax_visualizer.models.opening import open_model

    async def ask() -> _Answer:
        model = open_model(configuration, recorder)
        try:
            return await question(model)
        finally:
            await model.close()

    return asyncio.run(ask())
