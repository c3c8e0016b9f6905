"""``config.toml``: how a person likes the program, from run to run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_config_path

from softmax_visualizer.models.dotenv_file import PassedOverError, trusted_content
from softmax_visualizer.models.reading import UnreadableError
from softmax_visualizer.models.toml_lines import MOST_DOTS, TableLines, dotted_line, locate
from softmax_visualizer.models.whole_file import write_whole

NAMES = (
    "model", "base_url", "timeout", "framing", "vocabulary_size", "top_logprobs", "engine", "order",
    "temperature", "top_p", "top_k", "min_p", "seed", "view", "theme", "history",
)  # fmt: skip
"""What can be set in the file, besides the keys under ``[keys]``."""

_KEYS = "keys"
_LARGEST = 10**18
_BOM = b"\xef\xbb\xbf"
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


class _NotTomlError(ValueError):
    """A text is no TOML; the text of the error says why."""


def _parsed(text: str) -> dict[str, object]:
    """Return the entries of a TOML text, its fractions as they are written."""
    if crowded := dotted_line(text):
        raise _NotTomlError(f"line {crowded} has more than {MOST_DOTS} dots")
    try:
        entries: dict[str, object] = tomllib.loads(text, parse_float=str)
        return entries
    except RecursionError as error:
        raise _NotTomlError("it is nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        raise _NotTomlError(str(error)[:100]) from error
    except ValueError as error:
        raise _NotTomlError("it has a number with too many digits") from error


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
        entries = _parsed(text)
    except PassedOverError as error:
        return ConfigFile(path, notes=(f"{path} was not used: {error}.",))
    except UnreadableError as error:
        return ConfigFile(path, notes=(str(error),))
    except UnicodeDecodeError:
        return ConfigFile(path, True, notes=(f"{path} is not UTF-8 text, so none of it is used.",))
    except _NotTomlError as error:
        return ConfigFile(path, True, notes=(f"{path} is no TOML, so none of it is used: {error}.",))
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
        elif isinstance(value, int) and abs(value) > _LARGEST:
            notes.append(f"{where}: {name} is too large a number.")
        elif isinstance(value, str | int):
            yield name, Written(str(value), lines.of(name))
        elif isinstance(value, list) and not known and all(isinstance(each, str) for each in value):
            yield name, Written(" ".join(value), lines.of(name))
        else:
            notes.append(f"{where}: {name} must be a text or a number.")


def _unknown(name: str) -> str:
    if _SECRET.search(name):
        return "a key is not read from here. Set OPENAI_API_KEY in the environment or in a file .env."
    if not re.fullmatch(r"[\w-]{1,40}", name):
        # perhaps a value in the wrong place, and what is in it is nobody's business
        return f"there is no such setting. There are {', '.join(NAMES)}, and [keys]."
    from difflib import get_close_matches

    near = get_close_matches(name.lower().replace("-", "_"), NAMES, 1, 0.6)
    hint = f'Did you mean "{near[0]}"?' if near else f"There are {', '.join(NAMES)}, and [keys]."
    return f'there is no setting "{name}". {hint}'


def remember(name: str, value: str, path: Path | None = None) -> None:
    """Write a setting into the file, and leave everything else in it as it is.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: it is not trusted, no text or no TOML, or the setting cannot be put into it.
    """
    path = config_path() if path is None else path
    try:
        # what is not trusted must not become the person's own by being written
        content = trusted_content(path) or b""
    except (PassedOverError, UnreadableError) as error:
        raise ValueError(f"{path} was not used: {error}.") from error
    mark = _BOM if content.startswith(_BOM) else b""
    try:
        text = content.decode("utf-8-sig")
        before = _parsed(text)
    except ValueError as error:
        raise ValueError(f"{path} is no TOML, so nothing was written into it") from error
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    top, _ = locate(text, _KEYS)
    if name in top.entries:
        at = top.entries[name].line - 1
        lines[at] = re.sub(r"""(=\s*)("[^"\n]*"|'[^'\n]*')""", rf'\g<1>"{value}"', lines[at], count=1)
    else:
        lines.insert(0, f'{name} = "{value}"' + ("\r\n" if "\r\n" in text else "\n"))
    changed = "".join(lines)
    # the lines were counted, not parsed: nothing else may have become another thing by that
    try:
        is_right = _parsed(changed) == {**before, name: value}
    except _NotTomlError:
        is_right = False
    if not is_right:
        raise ValueError(f"{name} stands in config.toml in a way that only a person can change")
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no file")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, [mark, changed.encode()], replace=True, private=True)
