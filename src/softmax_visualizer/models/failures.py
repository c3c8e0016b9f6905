"""Why no answer came, as sentences: what failed, truly, and what to do about it."""

from __future__ import annotations

import contextlib
import errno
import math
import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.ladder import denies_logprobs
from softmax_visualizer.models.proxy import proxy_for
from softmax_visualizer.models.reasons import (
    is_about_credit,
    is_about_key,
    is_about_model,
    is_about_path,
    is_about_use,
)
from softmax_visualizer.models.refusal import Refusal, beginning, one_line

CHOOSE_ANOTHER = "Choose another model (--model)."

_OUT_OF_REACH = {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT}

_MOST_BYTES = 2**16
"""Bytes of what is no JSON that are looked at."""

_SAYS_NOTHING = "Connection error."
"""The openai package's text for every failure of a connection; the truth is in the cause."""


def explain(error: Exception, configuration: Configuration, model: str | None = None) -> ModelError:
    """Return the error to raise from ``error``, whatever the openai package or the network raised.

    The whole chain of causes is looked at, and the key and the URL's credentials are taken out of the
    texts of all of it, since a server may well quote them.

    Args:
        error: what was raised.
        configuration: where was asked, and how.
        model: the model that was asked for; None where none was.
    """
    for cause in _chain(error):
        cause.args = tuple(
            configuration.redact(beginning(part)) if isinstance(part, str) else part for part in cause.args
        )
    if isinstance(status := getattr(error, "status_code", None), int):
        refusal = Refusal.from_body(status, getattr(error, "body", None))
        text = _status_sentence(refusal, getattr(error, "response", None), configuration, model)
    else:
        text = _connection_sentence(error, configuration)
    return ModelError(configuration.redact(text))


def explain_refusal(refusal: Refusal, configuration: Configuration, model: str | None) -> ModelError:
    """Return the error to raise for a refusal inside an answer of status 200."""
    return ModelError(configuration.redact(_status_sentence(refusal, None, configuration, model)))


def _status_sentence(refusal: Refusal, response: Any, configuration: Configuration, model: str | None) -> str:
    # before it is shortened, or the key's first half might stay
    host, quote = _host(configuration), _quote(configuration.redact(refusal.message))
    words = refusal.message.lower()
    redirected = "" if response is None or not response.history else _redirection(response)
    if is_about_key(refusal):
        if configuration.api_key is None:
            remedy = "set OPENAI_API_KEY, or write it into a .env file."
            return f"{host} needs an API key: {remedy}{redirected}{quote}"
        return f"{host} refused the API key. Check OPENAI_API_KEY.{redirected}{quote}"
    if is_about_credit(refusal):
        return f"The account behind the key has no quota left at {host}.{quote}"
    match refusal.status:
        case 402:
            return f"The account behind the key has no credit left at {host}.{quote}"
        case 407:
            return f"The proxy{_proxy(configuration)} needs a user and a password. Put them into its URL."
        case 429:
            return f"{host} accepts no more requests now: {_wait(response, words)}, then ask again.{quote}"
    if refusal.status != 404 and denies_logprobs(refusal):
        return f"{model} gives no log-probabilities. {CHOOSE_ANOTHER}{quote}"
    if model is not None and is_about_use(refusal):
        way = "Or choose another framing (f, or --framing)."
        return f"{model} cannot be asked this way. {CHOOSE_ANOTHER} {way}{quote}"
    if model is not None and is_about_model(refusal):
        return f"{_missing_model(configuration, model, words)}{quote}"
    if is_about_path(refusal):
        remedy = _better_url(configuration)
        return f"{host} does not know the address {configuration.endpoint}. {remedy}{redirected}{quote}"
    match refusal.status:
        case 403:
            return f"{host} does not allow this with this key.{redirected}{quote}"
        case status if 300 <= status < 400 or redirected:
            where = redirected or " Give the base URL it leads to."
            return f"{host} redirects the request (HTTP {status}).{where}{quote}"
        case status if status >= 500:
            kind = "error" if response is None else "HTTP"
            who = f"{host}{_through_proxy(configuration)}"
            return f"{who} failed ({kind} {status}). Ask again in a moment, or look at the server.{quote}"
        case 200:
            return f"{host} answered with an error.{quote}"
        case status:
            return f"{host} refused the request (HTTP {status}). Change the prompt or the model.{quote}"


def _connection_sentence(error: Exception, configuration: Configuration) -> str:
    host, address = _host(configuration), _address(configuration)
    through = _through_proxy(configuration)
    chain = tuple(_chain(error))
    kinds = {kind.__name__ for cause in chain for kind in type(cause).__mro__}
    codes = {cause.errno for cause in chain if isinstance(cause, OSError)}
    texts = one_line("; ".join(dict.fromkeys(str(cause) for cause in chain if str(cause) != _SAYS_NOTHING)))
    if isinstance(error, TimeoutError):
        return (
            f"No answer from {host}{through} within {configuration.timeout:g} s. Ask again, or allow more "
            "with --timeout or OPENAI_TIMEOUT."
        )
    if isinstance(error, ImportError):
        if "socksio" in texts:
            return (
                f"The proxy{_proxy(configuration)} is a SOCKS proxy, which needs another package: "
                "pip install socksio. Or unset ALL_PROXY."
            )
        return f"The openai package cannot be loaded ({texts}). Install it again: pip install 'openai>=3'."
    if isinstance(error, FileNotFoundError):
        return "A certificate file is missing. Check SSL_CERT_FILE and SSL_CERT_DIR."
    if isinstance(error, UnicodeError):
        return f"The request holds a character that cannot be sent ({texts})."
    if isinstance(error, ValueError):
        return f"The request to {host} cannot be made ({texts}). Check the base URL and the proxy variables."
    if "TooManyRedirects" in kinds:
        return f"{host} redirects in a loop. {_better_url(configuration)}"
    if "ProxyError" in kinds:
        return f"The proxy{_proxy(configuration)} refused the connection: {texts}."
    if through and (kinds & {"gaierror"} or codes & _OUT_OF_REACH):
        # whoever cannot be reached is the one that the connection is made to
        return (
            f"The proxy{_proxy(configuration)} cannot be reached ({texts}). Start it, or change "
            f"{urlsplit(configuration.endpoint).scheme}_proxy or all_proxy."
        )
    if "gaierror" in kinds:
        return f"The name {host} cannot be found. Check the base URL and the network."
    if "SSLCertVerificationError" in kinds:
        reason = next(one_line(cause.verify_message) for cause in chain if hasattr(cause, "verify_message"))
        return (
            f"The certificate of {host} is not trusted ({reason}). For a certificate of your own, name its "
            "file in SSL_CERT_FILE."
        )
    if "SSLError" in kinds:
        return f"{host} does not answer in correct https. If it is a local server, try http:// instead."
    if errno.ECONNREFUSED in codes:
        return f"Nothing listens at {address}. Start the server, or check the base URL."
    if codes & _OUT_OF_REACH:
        return f"{address} cannot be reached. Check the network and the base URL."
    if "RemoteProtocolError" in kinds and not re.search("disconnected|closed", texts):
        return (
            f"{host}{through} does not answer in correct HTTP ({texts}). Check the base URL, or look at the "
            "server."
        )
    if "RemoteProtocolError" in kinds or "ReadError" in kinds or "WriteError" in kinds:
        return f"{host}{through} closed the connection too early. Ask again, or look at the server."
    if "DecodingError" in kinds:
        return f"The answer of {host}{through} is damaged and cannot be unpacked."
    return f"Asking {host}{through} failed: {texts or type(error).__name__}."


def not_json(body: bytes, configuration: Configuration) -> ModelError:
    """Return the error to raise for an answer of status 200 whose body is not JSON."""
    # a cut that goes through a character is mended by what replaces its bytes
    start = configuration.redact(beginning(body.lstrip()[:_MOST_BYTES].decode("utf-8", "replace"))).strip()
    host = _host(configuration)
    if not start:
        text = f"{host} sent an empty answer. Ask again, or look at the server."
    elif start.startswith("<"):
        text = f"{host} answered with a web page instead of JSON. {_better_url(configuration)}"
    elif start.startswith(("{", "[")):
        text = f"The answer of {host} ended in the middle, or is damaged. Ask again."
    else:
        text = f"{host} answered with something that is not JSON: “{one_line(start)}”"
    return ModelError(text)


def not_an_answer(answer: object, configuration: Configuration) -> ModelError:
    """Return the error to raise for JSON that is nothing like the answer of a language model."""
    message = configuration.redact(Refusal.from_body(200, answer).message)
    return ModelError(
        f"The answer of {_host(configuration)} does not come from a language model. "
        f"{_better_url(configuration)}{_quote(message)}"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _host(configuration: Configuration) -> str:
    return urlsplit(configuration.endpoint).netloc


def _address(configuration: Configuration) -> str:
    parts = urlsplit(configuration.endpoint)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _quote(message: str) -> str:
    text = one_line(message)
    return f" It says: “{text}”" if text else ""


def _better_url(configuration: Configuration) -> str:
    if not re.search(r"/v\d", urlsplit(configuration.endpoint).path):
        return f"Most servers need /v1 at the end of the base URL: try {configuration.endpoint}/v1."
    if configuration.framing == "raw":
        return "Check the base URL. If the server has no /completions, choose another framing (f, --framing)."
    return "Check the base URL."


def _redirection(response: Any) -> str:
    target = urlsplit(str(response.url))
    place = f"{target.scheme}://{target.netloc.rpartition('@')[2]}"
    return f" It redirected the request to {place}: use that in the base URL."


def _missing_model(configuration: Configuration, model: str, words: str) -> str:
    host = _host(configuration)
    if "deployment" not in words:
        return f"{host} has no model {model!r}. {CHOOSE_ANOTHER}"
    if named := re.search(r"/deployments/([^/]+)", urlsplit(configuration.endpoint).path):
        return f"{host} has no deployment {named[1]!r}. Check the base URL, which names it."
    return (
        f"{host} has no deployment {model!r}: it expects the name of a deployment as the model. Give that "
        "with --model or OPENAI_MODEL."
    )


def _proxy(configuration: Configuration) -> str:
    """Return " HOST:PORT" of the proxy in use, without its credentials; empty if it is not known."""
    url = proxy_for(configuration.endpoint)
    return f" {urlsplit(url).netloc.rpartition('@')[2]}" if url else ""


def _through_proxy(configuration: Configuration) -> str:
    proxy = _proxy(configuration)
    return f" (through the proxy{proxy})" if proxy else ""


def _wait(response: Any, words: str) -> str:
    """Return how long to wait, from the headers that OpenAI documents or from the server's words."""
    headers = {} if response is None else response.headers
    seconds = math.nan
    with contextlib.suppress(TypeError, ValueError):
        seconds = float(headers.get("retry-after-ms", "")) / 1000
    if math.isnan(seconds) and (value := headers.get("retry-after")):
        try:
            seconds = float(value)
        except ValueError:
            with contextlib.suppress(ValueError):
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
    if math.isnan(seconds) and (found := re.search(r"(?:try again|retry) in ([\d.]+) ?s", words)):
        with contextlib.suppress(ValueError):
            seconds = float(found[1])
    return f"wait {math.ceil(seconds)} s" if 0 < seconds < math.inf else "wait a little"
