"""Which model is asked, and how."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from softmax_visualizer.models.base import Framing
from softmax_visualizer.models.proxy import is_this_machine
from softmax_visualizer.models.settings import API_KEY, Found, Settings

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
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        file: Path | None = None,
        **flags: str | None,
    ) -> Configuration:
        """Return the configuration of :meth:`Settings.load`, whose arguments these are."""
        return cls.of(Settings.load(flags, environment=environment, directory=directory, file=file))

    @classmethod
    def of(cls, settings: Settings) -> Configuration:
        """Return the configuration that settings add up to.

        A model file's path or known name means the file, unless a base URL is set in the same place or one
        that wins over it: then it is the server's name for a model.

        Raises:
            ConfigurationError: a value cannot be used.
        """
        key, url, name = (settings.find(each) for each in (API_KEY, "base_url", "model"))
        local = name is not None and (url is None or name.place < url.place) and _is_model_file(name.value)
        # from the environment alone: a file must not lift what protects the environment's key
        plain_http = settings.environment.get(ALLOW_PLAIN_HTTP, "").strip() == "1"
        dotenv = settings.dotenv
        if dotenv.values.get(ALLOW_PLAIN_HTTP):
            settings.note(f"{ALLOW_PLAIN_HTTP} in {dotenv.path} was not used: set it in the environment.")
        usual: Framing = "raw" if local else "answer"
        configuration = cls(
            api_key=_key(key) if key else None,
            base_url=settings.read("base_url", _url, None),
            model=settings.read("model", _name, None),
            timeout=settings.read("timeout", _seconds, DEFAULT_TIMEOUT),
            framing=settings.read("framing", _framing, usual),
            vocabulary_size=settings.read("vocabulary_size", _size, None),
            top_logprobs=settings.read("top_logprobs", _wanted, "auto"),
            local=local,
        )
        if name and name.from_flag and configuration.source == "bundled" != configuration.model:
            raise name.wrong(
                f'is "{configuration.model}", but there is no server to ask for it. Set OPENAI_API_KEY or '
                "OPENAI_BASE_URL, give a model file (.gguf) or smollm2, or leave the model out to use the "
                "bundled one."
            )
        if url and configuration.base_url and not plain_http:
            _refuse_plain_http(url, configuration)
        if key and url and configuration.base_url and url.from_dotenv and not key.from_dotenv:
            _refuse_foreign_file(url, configuration)
        return replace(configuration, notes=tuple(settings.notes))

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


def _is_secret(name: str, value: str) -> bool:
    """Whether a value in a URL's query may be a secret: all but those known to be none, and short ones."""
    if _PUBLIC.fullmatch(name):
        return False
    return len(value) >= _UNMISTAKABLE or _NAMES_SECRET.search(name) is not None


def _key(found: Found) -> Secret:
    if not found.value.isascii():
        raise found.wrong(
            "holds a character that is not plain ASCII, which no HTTP header can carry. Copy the key again."
        )
    if not found.value.isprintable() or set(" \"'`") & set(found.value):
        raise found.wrong("holds a space, a line break or a quotation mark. Copy the key again, alone.")
    return Secret(found.value)


def _url(found: Found) -> str:
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


def _name(found: Found) -> str:
    if not found.value.isprintable():
        raise found.wrong("holds a character that cannot be printed. Write the model's name again.")
    return found.value


def _is_model_file(name: str) -> bool:
    from softmax_visualizer.models.weights import known

    return known(name) is not None or name.lower().endswith((".gguf", ".whl"))


def _seconds(found: Found) -> float:
    try:
        seconds = float(found.value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise found.wrong(f'is "{found.value}": it must be a positive number of seconds, such as 30.')
    return seconds


def _framing(found: Found) -> Framing:
    value = found.value.lower()
    if value not in get_args(Framing):
        raise found.wrong(f'is "{found.value}": it must be {", ".join(get_args(Framing)[:-1])} or raw.')
    return cast(Framing, value)


def _size(found: Found) -> int:
    try:
        size = int(found.value)
    except ValueError:
        size = 0
    if not 2 <= size <= LARGEST_VOCABULARY:
        raise found.wrong(f'is "{found.value[:40]}": it must be a whole number of 2 or more, such as 128256.')
    return size


def _wanted(found: Found) -> Depth:
    value = found.value.lower()
    if value in ("auto", "all"):
        return cast(Depth, value)
    if not re.fullmatch(r"[1-9]\d{0,5}", value):
        raise found.wrong(
            f'is "{found.value[:40]}": it must be auto, all, or a whole number from 1 to 999999, such as 100.'
        )
    return int(value)


def _refuse_plain_http(found: Found, configuration: Configuration) -> None:
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


def _refuse_foreign_file(found: Found, configuration: Configuration) -> None:
    """A ``.env`` may be somebody else's: it must not send the person's own key to a server of its choice."""
    if configuration.is_openai or is_this_machine(urlsplit(found.value).hostname or ""):
        return
    raise found.wrong(
        f"would send the key of your environment to {configuration.endpoint}. If you want that, put "
        "OPENAI_API_KEY into the same file, or the address into the environment or --base-url."
    )
