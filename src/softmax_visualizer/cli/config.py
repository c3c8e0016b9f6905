"""``softmax-visualizer config``: which settings hold, and where each of them came from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from softmax_visualizer.cli.command import Command
from softmax_visualizer.cli.options import add_cut_options, add_model_options, settings_of
from softmax_visualizer.cli.output import complain, safe, write
from softmax_visualizer.cli.preferences import add_theme, keymap_of, opening_view, take_knobs, theme_of

if TYPE_CHECKING:
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.settings import Settings


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-t", "--temperature", help="temperature, as for the screen")
    add_cut_options(parser)
    parser.add_argument("--seed", help="seed, as for the screen")
    add_theme(parser)
    add_model_options(parser)


def _run(options: argparse.Namespace) -> int:
    from softmax_visualizer.models.config_file import config_path

    rows, configuration, notes = configuration_rows(options)
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    path = config_path()
    there = "" if path.exists() else " (not there, so nothing comes from it)"
    write(
        [
            f"{safe(str(path))}{there}\n\n",
            *(f"{name:<{names}}  {value:<{values}}  {safe(place)}\n" for name, value, place in rows),
        ]
    )
    for note in notes:
        complain(configuration.redact(note))
    return 0


def configuration_rows(
    options: argparse.Namespace,
) -> tuple[list[tuple[str, str, str]], Configuration, Sequence[str]]:
    """Return a row for each setting: its name, its value, which is no secret, and where that came from.

    With them come the configuration, and sentences about what is not used.
    """
    from softmax_visualizer.display.keys import spoken_key
    from softmax_visualizer.models.configuration import Configuration
    from softmax_visualizer.models.settings import ConfigurationError, is_on

    settings = settings_of(options)
    try:
        configuration = Configuration.of(settings)
    except ConfigurationError:
        for note in settings.notes:
            complain(note)
        raise
    take_knobs(options, settings)
    # what they can be is known to the screen, which is not loaded for nothing
    if settings.find("view"):
        opening_view(settings)
    if settings.find("theme"):
        theme_of(settings)
    settings.read("history", is_on, True)
    keymap = keymap_of(settings)
    rows = _rows(settings, configuration)
    for action, keys in keymap.items():
        place = settings.file.keys[action].place
        rows.append((f"keys.{action}", " ".join(map(spoken_key, keys)), place))
    return rows, configuration, settings.notes


def _rows(settings: Settings, configuration: Configuration) -> list[tuple[str, str, str]]:
    from softmax_visualizer.models.config_file import NAMES
    from softmax_visualizer.models.settings import API_KEY

    knobs = any(settings.find(name) for name in ("temperature", "top_p", "top_k", "min_p"))
    bundled = configuration.source == "bundled"
    usual = {
        API_KEY: "not set",
        "model": "bundled" if bundled else "the first that suits, of those that the server lists",
        "base_url": "none, so no server is asked" if bundled else configuration.endpoint,
        "timeout": "30",
        "framing": configuration.framing,
        "vocabulary_size": "what the server says, or what is known of the model",
        "top_logprobs": "auto",
        "engine": "what the server says",
        "order": "the engine's, or temperature-first",
        "temperature": "1" if knobs else "0.8",
        "top_p": "1" if knobs else "0.9",
        "top_k": "off",
        "min_p": "off",
        "seed": "1",
        "view": "histograms",
        "theme": "textual-dark",
        "history": "on",
    }
    # the address of a server may hold a password
    hidden = {API_KEY: "set, and not shown", "base_url": f"{configuration.endpoint}{configuration.query}"}
    rows = []
    for name in (API_KEY, *NAMES):
        found = settings.find(name)
        if found is None:
            rows.append((name, usual[name], "default"))
        else:
            line = settings.file.values[name].place if found.from_file else found.origin
            rows.append((name, hidden.get(name, _harmless(configuration.redact(found.value))), line))
    return rows


def _harmless(value: str) -> str:
    """Return a value as one line; an address with a password, which stands in the wrong place, is hidden."""
    return "[hidden]" if "://" in value and "@" in value else safe(value)


COMMAND = Command(
    "config",
    "say which settings hold, and where they come from",
    "Say which settings hold, and where each of them comes from: a flag, the environment, a file .env, "
    "config.toml, or nowhere.",
    _add_arguments,
    _run,
    "What can stand in config.toml is in docs/configuration.md.",
)
