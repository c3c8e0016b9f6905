"""Files of JSON lines: what a line says, and what is wrong with one that says something else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import NoneType
from typing import Any

import jiter

_KINDS = {
    str: "a text",
    dict: "an object",
    list: "a list",
    int: "a whole number",
    bool: "true or false",
    NoneType: "null",
}


class EntryError(ValueError):
    """A line that does not say what it should; its text says why, after ``Line 3 is not an answer:``."""


def version(raw: bytes, schema: str) -> int | None:
    """Return the version of a format from a file's first line; None if that names another ``schema``."""
    try:
        header = parse(raw.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return None
    named = header.get("schema") if isinstance(header, dict) else None
    found = re.fullmatch(schema + "([1-9][0-9]{0,8})", named) if isinstance(named, str) else None
    return int(found[1]) if found else None


def parse(raw: bytes) -> Any:
    """Return what a line of JSON says.

    Raises:
        ValueError: it is no UTF-8 (UnicodeDecodeError), no JSON (json.JSONDecodeError), or holds NaN or an
            infinity (EntryError) or a number of thousands of digits.
        RecursionError: it is nested too deeply.
    """
    # three times as quick, but what is wrong with a line, and where, is for Python to say
    with suppress(ValueError):
        return jiter.from_json(raw, allow_inf_nan=False, cache_mode="keys")
    return json.loads(raw.decode(), parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise EntryError(f"{constant} is not a number in JSON.")


def now() -> str:
    """Return the time: ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def json_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as a line of JSON in ASCII."""
    # escapes for all but ASCII: a token may hold a lone surrogate, which no encoding can say
    return json.dumps(record, allow_nan=False).encode("ascii") + b"\n"


def entry(record: Mapping[str, Any], name: str, *kinds: type) -> Any:
    """Return an entry of a record, of one of some types; raises EntryError if there is none."""
    if name not in record:
        raise EntryError(f'"{name}" is missing.')
    # Python's True is an int, JSON's is not a number
    if type(record[name]) not in kinds:
        raise EntryError(f'"{name}" must be {" or ".join(_KINDS[kind] for kind in kinds)}.')
    return record[name]


def texts_in(record: Mapping[str, Any], name: str) -> list[str]:
    """Return an entry that is a list of texts; raises EntryError if there is none."""
    texts: list[str] = entry(record, name, list)
    if not all(isinstance(text, str) for text in texts):
        raise EntryError(f'"{name}" must be a list of texts.')
    return texts


def bytes_of(value: Any) -> bytes | None:
    """Return a token's bytes from a list of numbers, or None from null; raises EntryError for all else."""
    if value is None:
        return None
    try:
        # Python takes true for 1
        if isinstance(value, list) and bool not in map(type, value):
            return bytes(value)
    except (TypeError, ValueError):
        pass
    raise EntryError('"bytes" must be a list of lists of numbers from 0 to 255, or null.')


def number(value: Any, name: str, what: str) -> float:
    """Return a number that stands in the entry ``name``; raises EntryError if it is not ``what``."""
    if type(value) not in (int, float):
        raise EntryError(f'"{name}" must be {what}.')
    try:
        return float(value)
    except OverflowError as error:
        raise EntryError(f'"{name}" must be {what} within the range of a float64.') from error


def what_is_wrong(error: ValueError | RecursionError, what: str) -> str:
    """Return the end of a sentence about a line that :func:`parse` or a check of its entries refused.

    ``what``: what the line is not, such as ``"an answer"``.
    """
    match error:
        case RecursionError():
            return f"is nested too deeply to be {what}."
        case EntryError():
            return f"is not {what}: {error}"
        case UnicodeDecodeError():
            return "is not UTF-8 text."
        case json.JSONDecodeError():
            return f"is not JSON: {error.msg.lower()} in column {error.colno}."
        case _:
            return "holds a number with too many digits."
