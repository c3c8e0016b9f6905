"""Take the README's pictures: the real screen with the bundled model, saved by the app itself as SVG."""

from __future__ import annotations

import asyncio
from pathlib import Path

from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.tui.app import SoftmaxVisualizer

DOCS = Path(__file__).parents[1] / "docs"


async def take(name: str, prompt: str, keys: str) -> None:
    """Save one picture: the screen after some keys, at 100x30."""
    app = SoftmaxVisualizer(Configuration.load(model="bundled"), prompt)
    async with app.run_test(size=(100, 30)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press(*keys.split())
        await pilot.pause()
        (DOCS / f"{name}.svg").write_text(app.export_screenshot())


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    asyncio.run(take("screen", "She opened the", "3"))
