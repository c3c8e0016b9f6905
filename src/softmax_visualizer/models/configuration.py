"""Which model is asked, and how: from flags, the environment and a ``.env`` file, in this order."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from softmax_visualizer.models.base import Framing
from softmax_visualizer.models.dotenv_file import Dotenv, read_dotenv
from softmax_visualizer.models.proxy import is_this_machine
from softmax_visualizer.models.reading import UnreadableError

if TYPE_CHECKING:
    from softmax_visualizer.models.base import Source

Depth = int | Literal["auto", "all"]
"""How many tokens a server is asked to list."""

BUNDLED_MODEL = "bundled"
OPENAI_BASE_URL = "https://api.openai.com/v1"
DEFAULT_TIMEOUT = 30.0
LARGEST_VOCABULARY = 1_000_000_000

ALLOW_PLAIN_HTTP = "SOFTMAX_VISUALIZER_ALLOW_PLAIN_HTTP"

HIDDEN_VALUE = "HIDDEN"
"""What stands in the place of a secret in a URL that is shown."""

_PUBLIC = re.compile(
    r"(?:api|x-ms|ms)?[-_]?(?:version|region|deployment|model|project|location)", re.IGNORECASE
)
"""Names, in a URL's query, of what is no secret, such as the api-version that Azure demands."""

_NAMES_SECRET = re.compile("key|token|secret|pass|auth|sig|code|cred", re.IGNORECASE)

_UNMISTAKABLE = 8
"""A secret of this many characters is no part of an ordinary word."""


class ConfigurationError(ValueError):
    """A setting that cannot be used; its text names it, what is wrong and what to do, and holds no secret."""


class Secret:
    """A string that shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@dataclass(frozen=True)
class Configuration:
    """Everything needed to reach a model.

    ``timeout`` is in seconds and bounds one whole question. ``vocabulary_size`` counts tokens; None leaves
    it to the server or the model's name. ``base_url`` may hold credentials: show :attr:`endpoint` instead.
    ``top_logprobs`` is how many tokens a server is asked to list; "auto" means all of them on this machine,
    where that costs nothing, and elsewhere the usual number.
    ``local`` says that ``model`` is a model file on this machine, by its path or a known name, whatever
    server is set up. ``replay`` is a recording whose answers are given again, without any server.
    ``absent`` says in a sentence why the model cannot be asked, where only saved answers of it are at hand;
    empty for all others.
    ``notes`` are sentences for the person about settings that were not used.
    """

    api_key: Secret | None = None
    base_url: str | None = field(default=None, repr=False)
    model: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    framing: Framing = "answer"
    vocabulary_size: int | None = None
    top_logprobs: Depth = "auto"
    local: bool = False
    replay: Path | None = None
    absent: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        *,
        base_url: str | None = None,
        model: str | None = None,
        timeout: str | None = None,
        framing: str | None = None,
        vocabulary_size: str | None = None,
        top_logprobs: str | None = None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> Configuration:
        """Return the configuration that the given flags, the environment and ``.env`` add up to.

        A flag wins over the environment, and the environment over the first ``.env`` in ``directory`` or its
        parents that can be trusted: see :mod:`~softmax_visualizer.models.dotenv_file`. What is set but empty
        counts as not set. The key has no flag: a command line is for everybody on the machine to read.

        A model file's path or known name means the file, unless a base URL is set in the same place or one
        that wins over it: then it is the server's name for a model.

        Args:
            environment: ``os.environ`` unless given.
            directory: the working directory unless given.

        Raises:
            ConfigurationError: a value cannot be used, or ``.env`` cannot be read.
        """
        try:
            dotenv = read_dotenv(directory)
        except UnreadableError as error:
            raise ConfigurationError(str(error)) from error
        settings = _Settings(os.environ if environment is None else environment, dotenv)
        key = settings.find("OPENAI_API_KEY")
        url = settings.find("OPENAI_BASE_URL", "--base-url", base_url)
        name = settings.find("OPENAI_MODEL", "--model", model)
        seconds = settings.find("OPENAI_TIMEOUT", "--timeout", timeout)
        frame = settings.find("SOFTMAX_VISUALIZER_FRAMING", "--framing", framing)
        size = settings.find("SOFTMAX_VISUALIZER_VOCABULARY_SIZE", "--vocabulary-size", vocabulary_size)
        wanted = settings.find("SOFTMAX_VISUALIZER_TOP_LOGPROBS", "--top-logprobs", top_logprobs)
        local = name is not None and (url is None or name.place < url.place) and _is_model_file(name.value)
        # from the environment alone: a file must not lift what protects the environment's key
        plain_http = settings.environment.get(ALLOW_PLAIN_HTTP, "").strip() == "1"
        notes = list(dotenv.notes)
        if dotenv.values.get(ALLOW_PLAIN_HTTP):
            notes.append(f"{ALLOW_PLAIN_HTTP} in {dotenv.path} was not used: set it in the environment.")
        configuration = cls(
            api_key=_key(key) if key else None,
            base_url=_url(url) if url else None,
            model=_name(name) if name else None,
            timeout=_seconds(seconds) if seconds else DEFAULT_TIMEOUT,
            framing=_framing(frame) if frame else "raw" if local else "answer",
            vocabulary_size=_size(size) if size else None,
            top_logprobs=_wanted(wanted) if wanted else "auto",
            local=local,
            notes=tuple(notes),
        )
        if name and name.origin == "--model" and configuration.source == "bundled" != configuration.model:
            raise name.wrong(
                f'is "{configuration.model}", but there is no server to ask for it. Set OPENAI_API_KEY or '
                "OPENAI_BASE_URL, give a model file (.gguf) or smollm2, or leave the model out to use the "
                "bundled one."
            )
        if url and not plain_http:
            _refuse_plain_http(url, configuration)
        if key and url and url.from_dotenv and not key.from_dotenv:
            _refuse_foreign_file(url, configuration)
        return configuration

    @property
    def source(self) -> Source:
        """Which kind of model this asks: the bundled one by name, or where there is neither key nor URL."""
        if self.replay is not None:
            return "recording"
        if self.absent:
            return "file"
        if self.local and self.model is not None:
            return "local"
        if self.model == BUNDLED_MODEL or (self.api_key is None and self.base_url is None):
            return "bundled"
        return "openai"

    @property
    def endpoint(self) -> str:
        """The server's base URL, without credentials and query."""
        parts = urlsplit(self.base_url or OPENAI_BASE_URL)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    @property
    def query(self) -> str:
        """The base URL's query as it may be shown, such as "?api-version=2024-10-21"; empty if there is none.

        A value that may be a secret is replaced by :data:`HIDDEN_VALUE`.
        """
        pairs = parse_qsl(urlsplit(self.base_url or "").query)
        shown = [(name, HIDDEN_VALUE if _is_secret(name, value) else value) for name, value in pairs]
        return f"?{urlencode(shown)}" if shown else ""

    @property
    def is_openai(self) -> bool:
        """Whether the server is OpenAI's own."""
        host = urlsplit(self.endpoint).hostname or ""
        return host == "api.openai.com" or host.endswith(".api.openai.com")

    @property
    def whole(self) -> bool:
        """Whether the server is to list its whole vocabulary in the end, or as much of it as it will."""
        if self.absent:
            return False
        on_this_machine = self.local or is_this_machine(urlsplit(self.endpoint).hostname or "")
        return self.top_logprobs == "all" or (self.top_logprobs == "auto" and on_this_machine)

    def redact(self, text: str) -> str:
        """Return ``text`` without the key, the URL's credentials and anything that looks like a key."""
        return self._secrets.sub("[hidden]", text)

    def mask(self, text: str) -> str:
        """Return ``text`` with a dot in the place of each character that :meth:`redact` would take out."""
        return self._secrets.sub(lambda found: "•" * len(found[0]), text)

    @cached_property
    def _secrets(self) -> re.Pattern[str]:
        parts = urlsplit(self.base_url or "")
        # without a password, the name before the @ is the token itself
        secrets = {self.api_key.reveal() if self.api_key else "", parts.password or parts.username or ""}
        secrets |= {value for name, value in parse_qsl(parts.query) if _is_secret(name, value)}
        secrets |= {unquote(secret) for secret in secrets}
        # the longest first, since one may be a part of another
        known = [
            re.escape(secret)
            if len(secret) >= _UNMISTAKABLE
            # a short one may well be a part of ordinary words
            else rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])"
            for secret in sorted(secrets - {""}, key=len, reverse=True)
        ]
        return re.compile("|".join([*known, r"\bsk-[\w*.-]{4,}"]))


_DOTENV = 2


@dataclass(frozen=True, slots=True)
class _Found:
    """A setting's text and the place it came from, for error messages."""

    value: str
    origin: str
    place: int
    """The lower, the nearer to the person: a flag, the environment, a ``.env`` file."""

    @property
    def from_dotenv(self) -> bool:
        return self.place == _DOTENV

    def wrong(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self.origin} {what}")


@dataclass(frozen=True, slots=True)
class _Settings:
    environment: Mapping[str, str]
    dotenv: Dotenv

    def find(self, variable: str, flag: str = "", argument: str | None = None) -> _Found | None:
        places = (
            (argument, flag),
            (self.environment.get(variable), variable),
            (self.dotenv.values.get(variable), f"{variable} in {self.dotenv.path}"),
        )
        for place, (value, origin) in enumerate(places):
            if value is not None and value.strip():
                found = _Found(value.strip(), origin, place)
                if re.fullmatch("""(["'`]).*\\1|[“”‘’].*[“”‘’]""", found.value, re.DOTALL):
                    # only a shell takes them off: they are part of the value in a container's env file
                    raise found.wrong("is in quotation marks, which do not belong to it. Remove them.")
                if found.from_dotenv and "${" in value:
                    raise found.wrong("holds ${…}, which is not filled in. Write the value itself.")
                return found
        return None


def _is_secret(name: str, value: str) -> bool:
    """Whether a value in a URL's query may be a secret: all but those known to be none, and short ones."""
    if _PUBLIC.fullmatch(name):
        return False
    return len(value) >= _UNMISTAKABLE or _NAMES_SECRET.search(name) is not None


def _key(found: _Found) -> Secret:
    if not found.value.isascii():
        raise found.wrong(
            "holds a character that is not plain ASCII, which no HTTP header can carry. Copy the key again."
        )
    if not found.value.isprintable() or set(" \"'`") & set(found.value):
        raise found.wrong("holds a space, a line break or a quotation mark. Copy the key again, alone.")
    return Secret(found.value)


def _url(found: _Found) -> str:
    scheme, separator, rest = found.value.rpartition("@")[2].rpartition("://")
    # whatever stands before an @ may be a password
    shown = f'is "{scheme}{separator}{rest.partition("?")[0]}"' if "@" not in found.value else "is unusable"
    if not found.value.isprintable() or " " in found.value:
        raise found.wrong("holds a space or a line break. Give one URL, such as http://127.0.0.1:8080/v1.")
    if not re.match(r"https?://", found.value, re.IGNORECASE):
        raise found.wrong(f"{shown}: it must begin with http:// or https://.")
    try:
        parts = urlsplit(found.value)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise found.wrong(f"{shown}: it has no usable host and port. Write it like http://127.0.0.1:8080/v1.")
    path = parts.path.rstrip("/")
    if path.endswith("/completions"):
        raise found.wrong(f"{shown}: give only what comes before /chat/completions or /completions.")
    return found.value


def _name(found: _Found) -> str:
    if not found.value.isprintable():
        raise found.wrong("holds a character that cannot be printed. Write the model's name again.")
    return found.value


def _is_model_file(name: str) -> bool:
    from softmax_visualizer.models.weights import known

    return known(name) is not None or name.lower().endswith((".gguf", ".whl"))


def _seconds(found: _Found) -> float:
    try:
        seconds = float(found.value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise found.wrong(f'is "{found.value}": it must be a positive number of seconds, such as 30.')
    return seconds


def _framing(found: _Found) -> Framing:
    value = found.value.lower()
    if value not in get_args(Framing):
        raise found.wrong(f'is "{found.value}": it must be {", ".join(get_args(Framing)[:-1])} or raw.')
    return cast(Framing, value)


def _size(found: _Found) -> int:
    try:
        size = int(found.value)
    except ValueError:
        size = 0
    if not 2 <= size <= LARGEST_VOCABULARY:
        raise found.wrong(f'is "{found.value[:40]}": it must be a whole number of 2 or more, such as 128256.')
    return size


def _wanted(found: _Found) -> Depth:
    value = found.value.lower()
    if value in ("auto", "all"):
        return cast(Depth, value)
    if not re.fullmatch(r"[1-9]\d{0,5}", value):
        raise found.wrong(
            f'is "{found.value[:40]}": it must be auto, all, or a whole number from 1 to 999999, such as 100.'
        )
    return int(value)


def _refuse_plain_http(found: _Found, configuration: Configuration) -> None:
    parts = urlsplit(found.value)
    if parts.scheme != "http" or is_this_machine(parts.hostname or ""):
        return
    if configuration.api_key is None and parts.password is None:
        return
    raise found.wrong(
        f"is {configuration.endpoint}: over plain http the key would travel there unencrypted. Use https, "
        f"unset the key if the server needs none, or set {ALLOW_PLAIN_HTTP}=1 in the environment if you "
        "trust the network."
    )


def _refuse_foreign_file(found: _Found, configuration: Configuration) -> None:
    """A ``.env`` may be somebody else's: it must not send the person's own key to a server of its choice."""
    if configuration.is_openai or is_this_machine(urlsplit(found.value).hostname or ""):
        return
    raise found.wrong(
        f"would send the key of your environment to {configuration.endpoint}. If you want that, put "
        "OPENAI_API_KEY into the same file, or the address into the environment or --base-url."
    )
