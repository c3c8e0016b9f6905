"""The connection to a server: the openai package's client, opened without holding up the event loop."""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import OPENAI_BASE_URL, Configuration
from softmax_visualizer.models.continuing import BEGUN
from softmax_visualizer.models.event_stream import read_events, read_json
from softmax_visualizer.models.failures import not_json

if TYPE_CHECKING:
    from openai import AsyncOpenAI

RETRY_DELAY = 0.5
"""Seconds between a lost connection or a server's failure and the one further try."""

MOST_PARTS = 2_000_000
"""Lists and objects in an answer. A vocabulary of 300,000 tokens has 600,000; ten times that takes Python a
minute, in which nothing else in the program runs."""

_UNKNOWN = (*BEGUN, "top_k", "min_p")
"""What bodies may hold that the openai package does not know."""

_NO_KEY = "none"
"""What is sent where no key is set: the openai package insists on one, and such servers ignore it."""


class Connection:
    """One server, asked for completions and for its models; answers are decoded JSON, not yet looked at.

    The methods raise whatever the openai package, its HTTP client, ssl and the network raise, and
    :class:`ModelError` for an answer that is not JSON.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self.second_tries = 0
        """How many requests had to be sent twice."""

    async def open(self) -> None:
        """Import the openai package and make its client, once, in a thread: this takes a second."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(_client, self._configuration)

    async def complete(self, body: dict[str, Any]) -> object:
        """Send a request's body to where its kind belongs and return the answer.

        A lost connection and a server's failure (status 500 and above) are tried once more.
        """
        import openai

        # not client.max_retries: it would repeat a 429 too, and no quota comes back within seconds
        try:
            return await self._complete(body)
        except (openai.APIConnectionError, openai.InternalServerError):
            self.second_tries += 1
            await asyncio.sleep(RETRY_DELAY)
            return await self._complete(body)

    async def models(self) -> object:
        """Return the answer to ``GET /models``."""
        response = await self._opened.models.with_raw_response.list()
        return await asyncio.to_thread(self._decoded, response.content)

    async def post(self, path: str, body: dict[str, Any]) -> object:
        """Send a body to an address that the openai package knows nothing of, and return the answer.

        Args:
            path: beside the base URL's ``/v1``.
            body: to be sent as JSON.
        """
        import httpx2

        url = str(self._opened.base_url).rstrip("/").removesuffix("/v1") + path
        answer: httpx2.Response = await self._opened.post(url, body=body, cast_to=httpx2.Response)
        return await asyncio.to_thread(self._decoded, answer.content)

    async def close(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.close()

    @property
    def _opened(self) -> AsyncOpenAI:
        if self._client is None:
            raise RuntimeError("The connection was not opened.")
        return self._client

    async def _complete(self, body: dict[str, Any]) -> object:
        # the openai package takes what it does not know under another name
        unknown = {name: body[name] for name in _UNKNOWN if name in body}
        if unknown:
            body = {name: body[name] for name in body if name not in unknown} | {"extra_body": unknown}
        if "messages" in body:
            response = await self._opened.chat.completions.with_raw_response.create(**body)
        else:
            response = await self._opened.completions.with_raw_response.create(**body)
        return await asyncio.to_thread(self._decoded, response.content)

    def _decoded(self, content: bytes) -> object:
        # not the package's own types: they check nothing, and a wrong answer breaks them in many ways
        if content.count(b"[") + content.count(b"{") > MOST_PARTS:
            raise ModelError(
                f"The answer of {urlsplit(self._configuration.endpoint).netloc} has millions of parts, which "
                "is not an answer to one question. Check the base URL, or choose another server."
            )
        try:
            return read_json(content)
        except (ValueError, RecursionError) as error:
            try:
                return read_events(content)
            except ValueError:
                raise not_json(content, self._configuration) from error


def _client(configuration: Configuration) -> AsyncOpenAI:
    # OPENAI_LOG makes the package log to stderr when imported, right across a full-screen application
    os.environ.pop("OPENAI_LOG", None)
    openai = importlib.import_module("openai")
    transport = importlib.import_module("softmax_visualizer.models.transport")
    base_url = configuration.base_url or OPENAI_BASE_URL
    parts = urlsplit(base_url)
    client: AsyncOpenAI = openai.AsyncOpenAI(
        api_key=configuration.api_key.reveal() if configuration.api_key else _NO_KEY,
        # the package would put the path behind the query
        base_url=f"{parts.scheme}://{parts.netloc}{parts.path}",
        default_query=dict(parse_qsl(parts.query)),
        max_retries=0,
        timeout=None,
        # the package's own choice closes itself when collected, by a task whose failure goes to stderr
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=None, transport=transport.BoundedTransport(base_url)
        ),
    )
    # these import hundreds of types on first use
    _ = client.chat.completions, client.completions, client.models
    return client
