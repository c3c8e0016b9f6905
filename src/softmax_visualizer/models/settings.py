"""Where settings come from: flags, the environment, a ``.env`` file and ``config.toml``, in this order."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from softmax_visualizer.models.config_file import ConfigFile, read_config
from softmax_visualizer.models.dotenv_file import Dotenv, read_dotenv
from softmax_visualizer.models.reading import UnreadableError

API_KEY = "api_key"
"""The one setting that has neither a flag nor a place in ``config.toml``: both are for others to read."""

VARIABLES = {
    API_KEY: "OPENAI_API_KEY",
    "base_url": "OPENAI_BASE_URL",
    "model": "OPENAI_MODEL",
    "timeout": "OPENAI_TIMEOUT",
    "framing": "SOFTMAX_VISUALIZER_FRAMING",
    "vocabulary_size": "SOFTMAX_VISUALIZER_VOCABULARY_SIZE",
    "top_logprobs": "SOFTMAX_VISUALIZER_TOP_LOGPROBS",
    "history": "SOFTMAX_VISUALIZER_HISTORY",
    # Textual's own
    "theme": "TEXTUAL_THEME",
}
"""The settings that the environment can hold."""

_IN_DOTENV = tuple(name for name in VARIABLES if name not in ("history", "theme"))
"""How the screen looks and what is kept of a person is no matter of a project's folder."""

_FLAG, _ENVIRONMENT, _DOTENV, _FILE = range(4)

_ON, _OFF = ("on", "yes", "1", "true"), ("off", "no", "0", "false")

T = TypeVar("T")


class ConfigurationError(ValueError):
    """A setting that cannot be used; its text names it, what is wrong and what to do, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Found:
    """A setting's text, and where it came from.

    ``origin``: for a sentence about it. ``place``: the lower, the nearer to the person.
    """

    value: str
    origin: str
    place: int

    @property
    def from_dotenv(self) -> bool:
        """Whether a ``.env`` file says it."""
        return self.place == _DOTENV

    @property
    def from_file(self) -> bool:
        """Whether ``config.toml`` says it."""
        return self.place == _FILE

    @property
    def from_flag(self) -> bool:
        """Whether the command line says it."""
        return self.place == _FLAG

    def wrong(self, what: str) -> ConfigurationError:
        """Return the error that says what is wrong with it."""
        return ConfigurationError(f"{self.origin} {what}")


@dataclass(frozen=True)
class Settings:
    """All that was set, wherever it was set.

    ``notes``: sentences for the person about what is not used. ``refused``: what of ``config.toml`` is not.
    """

    flags: Mapping[str, str | None]
    environment: Mapping[str, str]
    dotenv: Dotenv
    file: ConfigFile
    notes: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    @classmethod
    def load(
        cls,
        flags: Mapping[str, str | None],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        file: Path | None = None,
        uses_dotenv: bool = True,
    ) -> Settings:
        """Read the files, and return what they and all else say.

        Args:
            flags: what the command line says, by the settings' names.
            environment: ``os.environ`` unless given.
            directory: where the search for a ``.env`` begins; the working directory unless given.
            file: ``config.toml``; the person's own unless given.
            uses_dotenv: whether a ``.env`` is looked for.

        Raises:
            ConfigurationError: ``.env`` cannot be read.
        """
        try:
            dotenv = read_dotenv(directory) if uses_dotenv else Dotenv()
        except UnreadableError as error:
            raise ConfigurationError(str(error)) from error
        own = read_config(file)
        environment = os.environ if environment is None else environment
        return cls(flags, environment, dotenv, own, [*dotenv.notes, *own.notes])

    def find(self, name: str) -> Found | None:
        """Return what a setting is, and where that was said; None if nowhere. Empty counts as not set.

        Raises:
            ConfigurationError: it stands in quotation marks, or with a ``${…}``, where these are taken as
                they are.
        """
        variable = VARIABLES.get(name, "")
        in_dotenv = self.dotenv.values.get(variable) if name in _IN_DOTENV else None
        written = None if name in self.refused else self.file.values.get(name)
        places = (
            (self.flags.get(name), f"--{name.replace('_', '-')}"),
            (self.environment.get(variable), variable),
            (in_dotenv, f"{variable} in {self.dotenv.path}"),
            (written.text if written else None, f"{name} in {written.place}," if written else ""),
        )
        for place, (value, origin) in enumerate(places):
            if value is not None and value.strip():
                found = Found(value.strip(), origin, place)
                quoted = re.fullmatch("""(["'`]).*\\1|[“”‘’].*[“”‘’]""", found.value, re.DOTALL)
                if quoted and not found.from_file:
                    # only a shell takes them off: they are part of the value in a container's env file
                    raise found.wrong("is in quotation marks, which do not belong to it. Remove them.")
                if found.from_dotenv and "${" in value:
                    raise found.wrong("holds ${…}, which is not filled in. Write the value itself.")
                return found
        return None

    def read(self, name: str, parse: Callable[[Found], T], default: T) -> T:
        """Return a setting as ``parse`` reads it; the default where it is not set.

        What cannot be used is an error, and in ``config.toml`` no more than a note: the program starts.
        """
        found = self.find(name)
        if found is None:
            return default
        try:
            return parse(found)
        except ConfigurationError as error:
            if not found.from_file:
                raise
            self.refuse(name, f"{error} It is not used.")
            return default

    def refuse(self, name: str, sentence: str) -> None:
        """Have ``config.toml`` say nothing of a setting, since it cannot be used, and say so."""
        self.refused.add(name)
        self.note(sentence)

    def note(self, sentence: str) -> None:
        """Say something to the person once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def is_on(found: Found) -> bool:
    """Return whether something is switched on.

    Raises:
        ConfigurationError: it is neither on nor off.
    """
    value = found.value.lower()
    if value not in (*_ON, *_OFF):
        raise found.wrong(f'is "{found.value[:40]}": it must be on or off.')
    return value in _ON
