"""``config.toml``: how a person likes the program, from run to run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from platformdirs import user_config_path

from softmax_visualizer.models.dotenv_file import PassedOverError, trusted_content
from softmax_visualizer.models.reading import UnreadableError
from softmax_visualizer.models.toml_lines import TableLines, locate
from softmax_visualizer.models.whole_file import write_text

NAMES = (
    "model", "base_url", "timeout", "framing", "vocabulary_size", "top_logprobs", "engine", "order",
    "temperature", "top_p", "top_k", "min_p", "seed", "view", "theme", "history",
)  # fmt: skip
"""What can be set in the file, besides the keys under ``[keys]``."""

_KEYS = "keys"
_SECRET = re.compile("key|token|secret|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Written:
    """A value as a text, and the line in which it stands."""

    text: str
    line: int

    @property
    def place(self) -> str:
        """Where it stands, for a sentence: the file's folder is a long name, and ``config`` says it."""
        return _place(self.line)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a person wrote into their ``config.toml``.

    ``values``: the settings of :data:`NAMES` that are there. ``keys``: the keys that actions are to have.
    ``notes``: sentences about what cannot be used.
    """

    path: Path
    is_there: bool = False
    values: Mapping[str, Written] = field(default_factory=dict)
    keys: Mapping[str, Written] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _place(line: int) -> str:
    return f"config.toml, line {line}"


def config_path() -> Path:
    """Return where the file is, or would be."""
    return user_config_path("softmax-visualizer", appauthor=False) / "config.toml"


def read_config(path: Path | None = None) -> ConfigFile:
    """Read the file; what is wrong in it is said in notes, and everything else holds.

    As a ``.env``, it must be the person's own, and nobody else may write to it.
    """
    path = config_path() if path is None else path
    try:
        content = trusted_content(path)
        if content is None:
            return ConfigFile(path)
        text = content.decode("utf-8-sig")
        entries = tomllib.loads(text, parse_float=str)
    except PassedOverError as error:
        return ConfigFile(path, notes=(f"{path} was not used: {error}.",))
    except UnreadableError as error:
        return ConfigFile(path, notes=(str(error),))
    except UnicodeDecodeError:
        return ConfigFile(path, True, notes=(f"{path} is not UTF-8 text, so none of it is used.",))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = str(error)[:100] if isinstance(error, tomllib.TOMLDecodeError) else "it is nested too deeply"
        return ConfigFile(path, True, notes=(f"{path} is no TOML, so none of it is used: {why}.",))
    top, tables = locate(text, _KEYS)
    notes: list[str] = []
    keys = entries.pop(_KEYS, {})
    if not isinstance(keys, dict):
        notes.append(f"{_place(top.of(_KEYS))}: the keys stand below a line [keys], an action a line.")
        keys = {}
    below = tables[0] if tables else TableLines(top.of(_KEYS))
    return ConfigFile(
        path,
        True,
        dict(_values(entries, top, notes, NAMES)),
        dict(_values(keys, below, notes)),
        tuple(notes),
    )


def _values(
    entries: Mapping[str, object],
    lines: TableLines,
    notes: list[str],
    known: tuple[str, ...] = (),
) -> Iterator[tuple[str, Written]]:
    for name, value in entries.items():
        where = _place(lines.of(name))
        if known and name not in known:
            notes.append(f"{where}: {_unknown(name)}")
        elif isinstance(value, bool):
            yield name, Written("on" if value else "off", lines.of(name))
        elif isinstance(value, str | int):
            yield name, Written(str(value), lines.of(name))
        elif isinstance(value, list) and not known and all(isinstance(each, str) for each in value):
            yield name, Written(" ".join(value), lines.of(name))
        else:
            notes.append(f"{where}: {name} must be a text or a number.")


def _unknown(name: str) -> str:
    if _SECRET.search(name):
        return "a key is not read from here. Set OPENAI_API_KEY in the environment or in a file .env."
    near = get_close_matches(name.lower().replace("-", "_"), NAMES, 1, 0.6)
    hint = f'Did you mean "{near[0]}"?' if near else f"There are {', '.join(NAMES)}, and [keys]."
    return f'there is no setting "{name[:40]}". {hint}'


def remember(name: str, value: str, path: Path | None = None) -> None:
    """Write a setting into the file, and leave everything else in it as it is.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: it is no text or no TOML, or the setting cannot be put into it.
    """
    path = (config_path() if path is None else path).resolve()
    text = path.read_text("utf-8-sig") if path.exists() else ""
    lines = text.splitlines(keepends=True)
    top, _ = locate(text, _KEYS)
    line = f'{name} = "{value}"\n'
    if name in top.entries:
        lines[top.entries[name].line - 1] = line
    else:
        lines.insert(0, line)
    changed = "".join(lines)
    # the lines were counted, not parsed: nothing else may have become another thing by that
    if tomllib.loads(changed) != {**tomllib.loads(text), name: value}:
        raise ValueError("the setting stands in it in a way that only a person can change")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, changed, replace=True, private=True)
