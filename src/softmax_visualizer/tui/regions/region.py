"""A region: a widget that shows what a function makes of the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events

from softmax_visualizer.display.pieces import Line
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.terminal.cells import CellView

Draw = Callable[[Scene, int, int], Sequence[Line]]
Hit = Callable[[Scene, int, int, int], str | None]


class Region(CellView):
    """Shows the lines that ``draw`` makes of a scene in so many cells and lines.

    ``height``: returns how many lines it wants at a width; None leaves that to the style sheet.
    ``hit``: returns the action of a click at a column and a row, of a width; ``wheel`` that of the wheel,
    whose row is 1 upwards and -1 downwards.
    """

    def __init__(
        self,
        scene: Scene,
        draw: Draw,
        *,
        id: str,
        height: Callable[[Scene, int], int] | None = None,
        hit: Hit | None = None,
        wheel: Hit | None = None,
    ) -> None:
        super().__init__(id=id)
        self._scene, self._draw = scene, draw
        self._height, self._hit, self._wheel = height, hit, wheel
        if height is not None:
            self.set_class(height(scene, self.app.size.width) == 0, "empty")

    def show(self, scene: Scene) -> None:
        """Show another scene, sending what changed."""
        self._scene = scene
        if self._height is not None:
            wanted = self._height(scene, self.size.width or self.app.size.width)
            self.set_class(wanted == 0, "empty")
            if wanted != self.size.height:
                self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Return how many lines the region wants."""
        assert self._height is not None
        return self._height(self._scene, width)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return what is to be seen."""
        return self._draw(self._scene, width, height)

    async def on_click(self, event: events.Click) -> None:
        """Do what was clicked on."""
        await self._run(self._hit, event.x, event.y)

    async def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Do what the wheel does upwards."""
        await self._run(self._wheel, event.x, 1)

    async def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Do what the wheel does downwards."""
        await self._run(self._wheel, event.x, -1)

    async def _run(self, hit: Hit | None, x: int, y: int) -> None:
        action = hit(self._scene, self.size.width, x, y) if hit is not None else None
        if action is not None:
            await self.app.run_action(action, self.screen)
