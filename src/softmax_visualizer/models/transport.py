"""How requests travel, and how much of an answer is taken in, whatever a server sends.

This module imports the HTTP client's package, so it is itself imported only where a server is asked.
"""

from __future__ import annotations

import asyncio

import httpx2

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.proxy import proxy_for

LARGEST_ANSWER = 64 * 2**20
"""Bytes of an answer, unpacked; a vocabulary of 300,000 tokens takes half of that."""

LARGEST_ERROR = 2**20
"""Bytes of an error's text, unpacked; what follows is left out."""

_ABOUT_THE_BODY = ("content-encoding", "content-length", "transfer-encoding")


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Sends requests straight or through a proxy, as each one's URL wants, and bounds their answers.

    Making one reads certificates from the disk. An answer arrives whole and unpacked. Raises what the HTTP
    client raises, and :class:`ModelError` for an answer that is too large.
    """

    def __init__(self, base_url: str) -> None:
        proxy = proxy_for(base_url)
        self._ways = {proxy: httpx2.AsyncHTTPTransport(proxy=proxy)}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer to a request; it is no longer than the limit for its kind."""
        way = await self._way(proxy_for(str(request.url)))
        response = await way.handle_async_request(request)
        limit = LARGEST_ANSWER if response.is_success else LARGEST_ERROR
        body = bytearray()
        try:
            async for part in response.aiter_raw():
                body += part
                if len(body) > limit:
                    break
                # a megabyte in chunks of one byte must not hold up the event loop
                await asyncio.sleep(0)
        finally:
            await response.aclose()
        content = await asyncio.to_thread(_unpacked, response, bytes(body), limit)
        if max(len(body), len(content)) > limit:
            if response.is_success:
                raise ModelError(
                    f"{request.url.netloc.decode()} sent more than {limit // 2**20} MB, which is no answer "
                    "to one question. Check the base URL, or choose another server."
                )
            content = content[:limit]
        headers = [(name, value) for name, value in response.headers.raw if not _is_about_body(name)]
        return httpx2.Response(
            response.status_code, headers=headers, content=content, extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for way in self._ways.values():
            await way.aclose()

    async def _way(self, proxy: str | None) -> httpx2.AsyncHTTPTransport:
        if proxy not in self._ways:
            # where a redirection leads
            self._ways[proxy] = await asyncio.to_thread(httpx2.AsyncHTTPTransport, proxy=proxy)
        return self._ways[proxy]


def _is_about_body(name: bytes) -> bool:
    return name.decode("ascii", "replace").lower() in _ABOUT_THE_BODY


def _unpacked(response: httpx2.Response, body: bytes, limit: int) -> bytes:
    """Return a body without its compression, and no more than a little over ``limit`` bytes of it.

    Raises:
        httpx2.DecodingError: it is damaged, or packed more than once: a few bytes that were packed five times
            take years to unpack.
    """
    codings = [
        coding.strip().lower() for coding in response.headers.get_list("content-encoding", split_commas=True)
    ]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return body
    if len(codings) > 1:
        raise httpx2.DecodingError("The answer is packed more than once.")
    packed = httpx2.Response(
        200, headers={"content-encoding": codings[0]}, stream=httpx2.ByteStream(body[:limit])
    )
    content = bytearray()
    try:
        for part in packed.iter_bytes():
            content += part
            if len(content) > limit:
                break
    except httpx2.DecodingError:
        # the cut end of a long error is no reason to lose its beginning
        if len(body) <= limit:
            raise
    return bytes(content)
