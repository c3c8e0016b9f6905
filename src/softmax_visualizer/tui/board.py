"""The board: where the decoding is looked at, in one view or another, and what a person marks on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message

from softmax_visualizer.decoding.settings import DecodingSettings
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.tui.keys import VIEW_KEYS
from softmax_visualizer.tui.knobs import Knobs
from softmax_visualizer.tui.terminal.cells import CellView, Piece
from softmax_visualizer.tui.terminal.frames import frame
from softmax_visualizer.tui.views import VIEWS

if TYPE_CHECKING:
    from softmax_visualizer.decoding import Decoding
    from softmax_visualizer.decoding.sweep import Landscape, Sweep
    from softmax_visualizer.display.comparison import Column
    from softmax_visualizer.display.decision import Question
    from softmax_visualizer.models.base import ModelAnswer

MOST_PINS = 3
"""Settings that can be pinned: with the current one they fill four columns."""

TUTORIAL_PAIR = (DecodingSettings(0.1), DecodingSettings(1.5))
"""What a comparison begins with where nothing is pinned."""


@dataclass(frozen=True, eq=False)
class Pin:
    """A setting, and the answer that it is about."""

    answer: ModelAnswer
    knobs: Knobs

    @cached_property
    def decoding(self) -> Decoding:
        """What the setting makes of the answer."""
        from softmax_visualizer.decoding import decode

        return decode(self.answer.distribution, self.knobs.settings)

    @property
    def name(self) -> str:
        """The setting in words."""
        return self.knobs.words


class BoardView(CellView, can_focus=True):
    """One picture of the current decoding at a time; each view has a letter."""

    DEFAULT_CSS = "BoardView { height: 1fr; min-height: 6; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        # with priority, so that the letters after it reach the prompt even if they all come at once
        Binding("slash", "screen.prompt", "prompt", priority=True),
        *VIEW_KEYS,
    ]

    class Changed(Message):
        """What the board shows is another thing now, and ``said`` is a sentence about it."""

        def __init__(self, said: str | None = None) -> None:
            super().__init__()
            self.said = said

    class Flipped(Message):
        """The person wants the pinned setting, and the current one in its place."""

        def __init__(self, pin: Pin) -> None:
            super().__init__()
            self.pin = pin

    decoding: Decoding | None = None
    answer: ModelAnswer | None = None
    knobs = Knobs()
    view = "histograms"
    axis_kind = "fixed"
    caption: tuple[str, ...] = ()
    """What is to be said about what is shown, once it is drawn: the axis, and what is pinned."""
    top = 0
    """Listed tokens that the table has scrolled past."""
    drawn: int | None = None
    """Row of the token that was drawn last."""
    old = ""
    """Why the picture is an old one; empty if it is not."""
    waiting = ""
    """What to say where there is no picture yet."""
    swept: str = "temperature"
    """The knob that a sweep turns."""
    measure = 0
    """Which of its numbers the map shows."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pins: list[Pin] = []
        self._surveys: dict[str, tuple[Any, Any]] = {}
        self._under_way: tuple[str, Any] | None = None

    @cached_property
    def question(self) -> Question:
        """What the person asks of a setting."""
        from softmax_visualizer.display.decision import Question

        return Question()

    @property
    def sweep(self) -> Sweep | None:
        """The sweep that is shown, once there is one; perhaps of a setting ago."""
        found: Sweep | None = self._survey_of("sweep")
        return found

    @property
    def landscape(self) -> Landscape | None:
        """The map that is shown, once there is one; perhaps of a setting ago."""
        found: Landscape | None = self._survey_of("map")
        return found

    def lines(self, width: int, height: int) -> Sequence[Iterable[Piece]]:
        """Return the view, or a frame around a word of why there is nothing."""
        if self.decoding is None:
            body: list[list[Piece]] = [[], [(f" {self.waiting}", "faint")]]
            return frame("Model, T = 1", body, width, height, focused=self.has_focus)
        self._survey()
        return VIEWS[self.view](self, self.decoding, width, height)

    @property
    def state(self) -> object:
        """All that a person can change about what is looked at."""
        looked_at = self.view, self.axis_kind, self.top, self.swept, self.measure, self.question
        return looked_at, [(pin.answer, pin.knobs) for pin in self.pins]

    def start_over(self) -> None:
        """Show the histograms, with nothing pinned and nothing asked."""
        self.view, self.axis_kind, self.top, self.swept, self.measure = (
            "histograms",
            "fixed",
            0,
            "temperature",
            0,
        )
        self.pins.clear()
        self.__dict__.pop("question", None)

    def titled(self, title: str, width: int) -> str:
        """Return a title for a frame of this width that says so if the picture is an old one."""
        mark = f" · {self.old}" if self.old else ""
        return safe_line(title, max(width - 5 - len(mark), 0)) + mark

    def columns(self) -> list[Column]:
        """Return what is compared: the pinned settings, or the tutorial's pair, and the current one."""
        from softmax_visualizer.decoding import decode
        from softmax_visualizer.display.comparison import Column

        if self.decoding is None or self.answer is None:
            return []
        now = Column(f"now: {self._named(self.answer, self.knobs)}", self.decoding)
        if self.pins:
            return [*(Column(self._named(pin.answer, pin.knobs), pin.decoding) for pin in self.pins), now]
        known = *TUTORIAL_PAIR, DecodingSettings()
        *pair, plain = (replace(each, order=self.knobs.order) for each in known)
        offered = [
            Column(self._named(self.answer, Knobs.of(each)), decode(self.decoding.distribution, each))
            for each in pair
        ]
        return offered if self.decoding.settings in (*pair, plain) else [*offered, now]

    def _named(self, answer: ModelAnswer, knobs: Knobs) -> str:
        """Name a column by what tells it from the others."""
        if all(pin.knobs.order == self.knobs.order for pin in self.pins):
            knobs = replace(knobs, order="temperature-first")
        parts = [knobs.words]
        others = [pin.answer for pin in self.pins] + ([self.answer] if self.answer else [])
        if len({other.model for other in others}) > 1:
            parts.insert(0, safe_line(answer.model, 20))
        if len({other.prompt for other in others}) > 1:
            end = safe_line(answer.prompt[-16:].strip(), 18)
            parts.insert(0, f"…{end}" if len(answer.prompt) > 16 else end)
        return " · ".join(parts)

    # --- what takes too long to be worked out between two keys ---

    def _survey_of(self, kind: str) -> Any:
        return self._surveys.get(kind, (None, None))[1]

    def _survey(self) -> None:
        """See to it that the sweep or the map that is shown is that of the current setting."""
        wanted = {"sweep": self._wanted_sweep, "map": self._wanted_map}.get(self.view)
        if wanted is None or self.decoding is None:
            return
        key, work_out = wanted(self.decoding)
        known = self._surveys.get(self.view)
        if known is not None and known[0] is not None and known[0][0] is not key[0]:
            # that of another answer would be a false picture, not an old one
            del self._surveys[self.view]
        if (known is None or known[0] != key) and self._under_way != (self.view, key):
            self._under_way = self.view, key
            self._work_out(self.view, key, work_out)

    @work(exclusive=True, group="survey", exit_on_error=False)
    async def _work_out(self, kind: str, key: Any, work_out: Callable[[], Any]) -> None:
        try:
            found = await asyncio.to_thread(work_out)
        finally:
            if self._under_way == (kind, key):
                self._under_way = None
        self._surveys[kind] = key, found
        self.post_message(self.Changed())

    def _wanted_sweep(self, decoding: Decoding) -> tuple[Any, Callable[[], Any]]:
        from softmax_visualizer.decoding.sweep import settings_apart_from, sweep
        from softmax_visualizer.display.sweep import LEADING, positions

        knob: Any = self.swept
        settings = settings_apart_from(decoding, knob)
        values = positions(knob, getattr(decoding.settings, knob))
        key = decoding.distribution, settings, knob, values
        return key, lambda: sweep(decoding.distribution, settings, knob, values, LEADING)

    def _wanted_map(self, decoding: Decoding) -> tuple[Any, Callable[[], Any]]:
        from softmax_visualizer.decoding.sweep import landscape, settings_apart_from
        from softmax_visualizer.display.decision import accepted_tokens
        from softmax_visualizer.display.landscape import TEMPERATURES, TOP_PS, with_current

        settings = settings_apart_from(decoding, "temperature", "top_p")
        temperatures = with_current(TEMPERATURES, decoding.settings.temperature)
        top_ps = with_current(TOP_PS, decoding.settings.top_p)
        accepted, _ = accepted_tokens(decoding.distribution, self.question)
        key = decoding.distribution, settings, temperatures, top_ps, accepted
        return key, lambda: landscape(decoding.distribution, settings, temperatures, top_ps, accepted)

    # --- actions ---

    def action_show(self, view: str) -> None:
        """Go to a view, or from it back to the histograms; the sweep and the map have several pictures."""
        said = "" if self.view == "compare" and not self.pins else None
        if self.view == view and not self._next_picture():
            view = "histograms"
        elif self.view != view:
            self.swept, self.measure = "temperature", 0
        if view == "compare" and not self.pins:
            said = "Nothing is pinned, so this is the tutorial's pair. x pins the current setting."
        self.view = view
        self.post_message(self.Changed(said))

    def _next_picture(self) -> bool:
        """Go on to the next picture of a view, if it has one."""
        if self.view == "sweep" and self.swept == "temperature":
            self.swept = "top_p"
            return True
        if self.view == "map" and self.measure < 2:
            self.measure += 1
            return True
        return False

    def action_axis(self) -> None:
        """Go on to the next kind of axis."""
        from softmax_visualizer.display.panels import AXES

        self.axis_kind = AXES[(AXES.index(self.axis_kind) + 1) % len(AXES)]
        self.post_message(self.Changed())

    def action_scroll(self, direction: int) -> None:
        """Scroll the table by a page."""
        if self.view == "table" and self.decoding is not None:
            page = max(1, self.size.height - 4)
            last = max(0, len(self.decoding.distribution) - page)
            self.top = min(max(0, self.top + direction * page), last)
            self.post_message(self.Changed())

    def action_pin(self) -> None:
        """Pin the current setting; one that is pinned already is let go."""
        if self.answer is None:
            return
        here = next((pin for pin in self.pins if self._is_current(pin)), None)
        if here is not None:
            self.pins.remove(here)
            said = f"{here.name} is no longer pinned."
        elif len(self.pins) == MOST_PINS:
            said = f"{MOST_PINS} settings are pinned already: X lets all go, z and x the last one."
        else:
            self.pins.append(Pin(self.answer, self.knobs))
            said = f"Pinned: {self.knobs.words}. Turn the knobs; z flips between the two, c compares."
        self.post_message(self.Changed(said))

    def action_unpin(self) -> None:
        """Let all pinned settings go."""
        self.pins.clear()
        self.post_message(self.Changed("Nothing is pinned."))

    def action_flip(self) -> None:
        """Exchange the current setting with the one that was pinned last."""
        if not self.pins or self.answer is None:
            self.post_message(self.Changed("Nothing is pinned yet: x pins the current setting."))
            return
        pin = self.pins.pop()
        self.pins.append(Pin(self.answer, self.knobs))
        self.post_message(self.Flipped(pin))

    def _is_current(self, pin: Pin) -> bool:
        return pin.answer is self.answer and pin.knobs == self.knobs

    @work
    async def action_ask(self, about: str) -> None:
        """Let the person say what they want to know; a wrong answer is explained and changes nothing."""
        from softmax_visualizer.decoding.decision import DecisionError
        from softmax_visualizer.tui.questions import ask

        if self.decoding is None:
            return
        said = ""
        try:
            self.question = await ask(self.app, self.decoding.distribution, self.question, about)
        except DecisionError as error:
            said = f"{error} What was asked stays as it was."
        self.post_message(self.Changed(said))

    def on_focus(self) -> None:
        """Show in the frame that the keys go here."""
        self.redraw()

    def on_blur(self) -> None:
        """Show in the frame that the keys go elsewhere."""
        self.redraw()
