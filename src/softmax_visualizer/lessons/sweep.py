"""Sweeps: a knob that is turned by equal steps while people watch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from softmax_visualizer.decoding.settings import DecodingSettings, SettingsError
from softmax_visualizer.display.labels import safe_line
from softmax_visualizer.lessons.error import LessonError

MOST_STEPS = 200
MOST_SECONDS = 60

_PLACES = 6

_NUMBER = rf"([0-9]{{1,6}}(?:\.[0-9]{{1,{_PLACES}}})?)"

_SWEEP = re.compile(
    rf"(temperature|top[-_]p)\s+from\s+{_NUMBER}\s+to\s+{_NUMBER}"
    rf"\s+in\s+([0-9]{{1,6}})\s+steps?\s+over\s+{_NUMBER}\s*s",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Sweep:
    """The values that a knob takes one after the other, both ends included, in ``seconds`` altogether.

    The knob is at the first value when the sweep begins, so there is one value more than there are steps.
    """

    knob: Literal["temperature", "top_p"]
    values: tuple[Decimal, ...]
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Sweep:
        """Read ``"temperature from 1.0 to 0.1 in 9 steps over 3 s"`` or the same of ``top-p``.

        Values are exact decimals; where six places are not enough for that, those between the ends are
        rounded to three, or to as many as the ends have.

        Raises:
            LessonError: it is no such sentence, or a number in it is out of range.
        """
        found = _SWEEP.fullmatch(text.strip())
        if found is None:
            raise LessonError(
                f'"{safe_line(text, 80)}" is not a sweep. Write it like temperature from 1.0 to 0.1 '
                "in 9 steps over 3 s, or top-p from 1 to 0.5 in 10 steps over 2.5 s."
            )
        knob: Literal["temperature", "top_p"] = (
            "temperature" if found[1].lower() == "temperature" else "top_p"
        )
        start, end, steps, seconds = Decimal(found[2]), Decimal(found[3]), int(found[4]), float(found[5])
        try:
            for value in (start, end):
                DecodingSettings(**{knob: float(value)})  # type: ignore[arg-type]
        except SettingsError as error:
            raise LessonError(str(error)) from error
        if not 1 <= steps <= MOST_STEPS:
            raise LessonError(f"A sweep has 1 to {MOST_STEPS} steps, not {steps}.")
        if not 0 < seconds <= MOST_SECONDS:
            raise LessonError(f"A sweep takes more than 0 and at most {MOST_SECONDS} s, not {found[5]} s.")
        values = [start + (end - start) * step / steps for step in range(steps + 1)]
        places = _PLACES
        if any(value != round(value, _PLACES) for value in values):
            places = max(3, *(len(number.partition(".")[2]) for number in (found[2], found[3])))
        return cls(knob, tuple(round(value, places).normalize() for value in values), seconds)
