"""Temperature by top-p as a map on which the current setting is a point."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from softmax_visualizer.display.pieces import Line
from softmax_visualizer.tui.scene import Scene
from softmax_visualizer.tui.views.view import Picture, Survey, View, framed, no_answer, surveyed, waiting

_LEAST = 14
"""Lines from which on there is room for a further map below."""


def survey(scene: Scene) -> Survey:
    """Return what has to be worked out: a decoding at every point of the map."""
    from softmax_visualizer.decoding.decision import Question, acceptable_tokens
    from softmax_visualizer.decoding.path import path_map
    from softmax_visualizer.decoding.sweep import landscape, settings_apart_from
    from softmax_visualizer.display.landscape import MEASURES, TEMPERATURES, TOP_PS, with_current

    decoding = scene.decoding
    assert decoding is not None
    settings = settings_apart_from(decoding, "temperature", "top_p")
    temperatures = with_current(TEMPERATURES, decoding.settings.temperature)
    top_ps = with_current(TOP_PS, decoding.settings.top_p)
    accepted = acceptable_tokens(decoding.distribution, scene.question or Question()).indices
    # many steps take a second, and only one of the maps needs them
    steps = scene.generation.steps if scene.picture == len(MEASURES) - 1 else ()

    def work_out() -> Any:
        found = landscape(decoding.distribution, settings, temperatures, top_ps, accepted)
        return replace(found, answer=path_map(steps, settings, temperatures, top_ps)) if steps else found

    about = decoding.distribution, ("map", steps), settings, temperatures, top_ps, accepted
    return Survey(about, work_out)


def draw(scene: Scene, width: int, height: int) -> Picture:
    """Draw one number for every point, as a shade or in digits."""
    from softmax_visualizer.display.landscape import MEASURES, map_rows

    if scene.picture == len(MEASURES) - 1 and not scene.generation.steps:
        return no_answer("Map", width, height)
    settings, found = scene.settings, surveyed(scene, survey(scene))
    if found is None or settings.temperature not in found.temperatures or settings.top_p not in found.top_ps:
        return waiting("Map", width, height)
    parts: list[Line] = []
    for number in range(len(MEASURES)):
        measure, room = MEASURES[(scene.picture + number) % len(MEASURES)], height - len(parts)
        if number and (room < _LEAST or not getattr(found, measure.layer)):
            break
        rows = map_rows(found, measure, settings.temperature, settings.top_p, width - 4, room - 2)
        further = height - len(parts) - len(rows) - 2 >= _LEAST
        title = f"Map: {measure.title}, temperature across, top-p up"
        parts += framed(title, rows, width, len(rows) + 2 if further else room)
    return Picture(parts)


VIEW = View(
    "map",
    "Map",
    "temperature by top-p; again for its other three measures",
    (("map", "next"), ("acceptable", "mark tokens"), ("back", "histograms")),
    "Map ({key:map}) shades temperature by top-p: perplexity, the greedy token, leaving the set, this "
    "answer.",
    draw,
    pictures=4,
    survey=survey,
)
