"""What a person's ``config.toml`` says of the screen, checked; and the theme."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from softmax_visualizer.cli.command import UsageError, whole
from softmax_visualizer.cli.options import settings_at
from softmax_visualizer.decoding.settings import SettingsError

if TYPE_CHECKING:
    from softmax_visualizer.models.settings import Found, Settings
    from softmax_visualizer.tui.preferences import Preferences

KNOBS = ("temperature", "top_p", "top_k", "min_p", "order", "engine", "seed")


def add_theme(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a theme."""
    parser.add_argument(
        "--theme",
        metavar="NAME",
        help="the colours, such as textual-light, nord or ansi-dark (default: textual-dark)",
    )


def take_knobs(options: argparse.Namespace, settings: Settings) -> None:
    """Put what the person's file says into the options that were left out, as far as it can be used."""
    for name in KNOBS:
        found = settings.find(name) if getattr(options, name) is None else None
        if found is None:
            continue
        try:
            alone = argparse.Namespace(**{**dict.fromkeys(KNOBS), name: found.value})
            settings_at(alone.temperature, alone)
            if name == "seed":
                whole("--seed", found.value)
        except (UsageError, SettingsError) as error:
            # the sentence is about an option, which nobody typed
            why = str(error).removeprefix(f"--{name.replace('_', '-')} ")
            why = why if why != str(error) else f"cannot be used: {why}"
            settings.refuse(name, f"{found.origin} {why} It is not used.")
        else:
            setattr(options, name, found.value)


def opening_view(settings: Settings) -> str:
    """Return the view to begin with."""
    from softmax_visualizer.tui.views import VIEWS

    # a view that first has to do something is none to begin with
    names = [name for name, view in VIEWS.items() if not view.action]
    return settings.read("view", lambda found: _one_of(found, names), "histograms")


def theme_of(settings: Settings) -> str:
    """Return the theme that is set; empty if none is."""
    from softmax_visualizer.tui.preferences import themes

    return settings.read("theme", lambda found: _one_of(found, themes()), "")


def preferences_of(settings: Settings, *, keeps_history: bool) -> Preferences:
    """Return how the person likes the screen; what cannot be used is noted in the settings.

    ``keeps_history``: whether prompts may be kept, if the person has nothing against it.
    """
    from functools import partial

    from softmax_visualizer.models.config_file import remember
    from softmax_visualizer.models.settings import is_on
    from softmax_visualizer.tui.preferences import Preferences

    return Preferences(
        keymap_of(settings),
        theme_of(settings),
        keeps_history and settings.read("history", is_on, True),
        partial(remember, "theme"),
    )


def keymap_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the keys of the actions whose keys the person moved; what cannot be moved so is noted."""
    from softmax_visualizer.display.keys import read_keymap

    keymap, refused = read_keymap({action: keys.text for action, keys in settings.file.keys.items()})
    for action, why in refused.items():
        settings.note(f"{settings.file.keys[action].place}: {action}: {why}")
    return keymap


def _one_of(found: Found, known: Iterable[str]) -> str:
    known = list(known)
    name = found.value.lower()
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1, 0.6)
        hint = f'Did you mean "{near[0]}"?' if near else "docs/configuration.md lists them."
        raise found.wrong(f'is "{found.value[:40]}", which there is not. {hint}')
    return name
