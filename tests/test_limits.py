"""Whatever a server sends, however much of it: a sentence, in bounded memory, and no key waits for it."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import json
import tracemalloc
import zlib
from typing import Any

import pytest

from endless_server import EndlessServer, Stream, bomb, endlessly, head
from misbehaving_server import Answer, MisbehavingServer
from softmax_visualizer.models import connection, transport
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.failures import explain_refusal, not_json
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from softmax_visualizer.models.refusal import Refusal

KEY = "key-0123456789abcdefghij"
CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "RETRY_DELAY", 0)


def model_at(url: str, timeout: float = 30.0) -> OpenAICompatibleModel:
    return OpenAICompatibleModel(Configuration(Secret(KEY), url, "m", timeout=timeout))


async def failure_of(model: OpenAICompatibleModel) -> str:
    with pytest.raises(ModelError) as caught:
        await model.ask("Hi")
    await model.close()
    return str(caught.value)


def packed(status: int, coding: str, body: bytes) -> Answer:
    return Answer(body, status, {"Content-Encoding": coding})


def brotli_bomb(megabytes: int) -> bytes:
    import brotli

    return bytes(brotli.compress(bytes(megabytes * 2**20)))


BOMBS = [
    pytest.param("gzip", lambda megabytes: bomb(megabytes, 31), id="gzip"),
    pytest.param("deflate", lambda megabytes: bomb(megabytes, 15), id="deflate"),
    pytest.param("deflate", lambda megabytes: bomb(megabytes, -15), id="deflate without a head"),
    pytest.param(
        "br",
        brotli_bomb,
        id="brotli",
        marks=pytest.mark.skipif(not importlib.util.find_spec("brotli"), reason="brotli is not installed"),
    ),
]


@pytest.mark.parametrize(("coding", "make"), BOMBS)
async def test_an_answer_that_grows_when_unpacked_is_left_at_the_limit(
    coding: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 2**20)
    with MisbehavingServer(packed(200, coding, make(20))) as server:
        model = model_at(server.url)
        await model._connection.open()
        tracemalloc.start()
        try:
            assert "more than 1 MB" in await failure_of(model)
            assert tracemalloc.get_traced_memory()[1] < 6 * 2**20
        finally:
            tracemalloc.stop()
        # what is no failure of the connection is not tried again
        assert len(server.asked) == 1


async def test_nor_is_one_that_is_packed_twice_unpacked_at_all() -> None:
    twice = gzip.compress(bomb(3, 31))
    with MisbehavingServer(packed(200, "gzip, gzip", twice)) as server:
        assert "cannot be unpacked" in await failure_of(model_at(server.url))


@pytest.mark.parametrize("window", [31, 15, -15])
async def test_an_error_that_grows_when_unpacked_keeps_its_status_and_its_beginning(window: int) -> None:
    packer = zlib.compressobj(9, wbits=window)
    body = packer.compress(b"Too hot today. " + b" " * 3 * 2**20) + packer.flush()
    coding = "gzip" if window == 31 else "deflate"
    with MisbehavingServer(packed(503, coding, body)) as server:
        said = await failure_of(model_at(server.url))
    assert "failed (HTTP 503)" in said
    assert "“Too hot today.”" in said


ENDLESS: dict[str, Stream] = {
    "in chunks": endlessly(head(Transfer_Encoding="chunked"), then=CHUNK),
    "until the connection closes": endlessly(head(Connection="close"), then=b"x" * 65536),
    "of a length beyond all limits": endlessly(head(Content_Length=str(10**15)), then=b"x" * 65536),
}


@pytest.mark.parametrize("stream", ENDLESS.values(), ids=ENDLESS)
async def test_an_answer_without_end_is_left_at_the_limit(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 2**20)
    with EndlessServer(stream) as server:
        assert "more than 1 MB" in await failure_of(model_at(server.url))
        assert server.hung_up.wait(10)
        # a little may wait in the sockets
        assert server.sent < 2**25


async def test_an_error_without_end_keeps_its_status() -> None:
    stream = endlessly(
        head(400, Transfer_Encoding="chunked"),
        b"b\r\nToo long. A\r\n",
        then=b"4000\r\n" + b"x" * 16384 + b"\r\n",
    )
    with EndlessServer(stream) as server:
        said = await failure_of(model_at(server.url))
        assert "HTTP 400" in said
        assert "Too long." in said
        assert server.sent < 2**25


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(
            endlessly(b"HTTP/1.1 200 OK\r\n", then=b"X-More: " + b"x" * 500 + b"\r\n"), id="headers"
        ),
        pytest.param(endlessly(b"HTTP/1.1 200 OK\r\nX: ", then=b"x" * 5000), id="one header"),
        pytest.param(endlessly(b"", then=b"HTTP/1.1 100 Continue\r\n\r\n"), id="informational answers"),
        pytest.param(
            endlessly(head(Transfer_Encoding="chunked"), b"1\r\n{\r\n0\r\n", then=b"X-More: x\r\n"),
            id="trailers",
        ),
        pytest.param(
            endlessly(head(Transfer_Encoding="chunked"), then=b"1\r\n \r\n" * 1000), id="tiny chunks"
        ),
        pytest.param(
            endlessly(head(Transfer_Encoding="chunked"), b"1;", then=b"x" * 5000), id="a chunk's extension"
        ),
        pytest.param(
            endlessly(
                head(Content_Encoding="gzip", Connection="close"),
                bomb(1, 31)[:-8],
                then=b"\0\0\0\xff\xff" * 999,
            ),
            id="packed nothings",
        ),
    ],
)
async def test_whatever_else_has_no_end_ends_in_time_and_lets_others_work_meanwhile(stream: Stream) -> None:
    turns = 0

    async def work() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    with EndlessServer(stream) as server:
        working = asyncio.create_task(work())
        assert await failure_of(model_at(server.url, timeout=0.5))
        working.cancel()
        assert server.hung_up.wait(10)
    assert turns > 20


# --- large, but an answer ---


def answer_of(count: int) -> dict[str, Any]:
    listed = [{"token": f"t{n}", "logprob": -12.3 - n * 1e-7, "bytes": None} for n in range(count)]
    return {"choices": [{"logprobs": {"content": [{**listed[0], "top_logprobs": listed}]}}]}


@pytest.mark.parametrize("coding", ["", "gzip"])
async def test_a_whole_vocabulary_is_an_answer(coding: str) -> None:
    body = json.dumps(answer_of(20_000)).encode()
    answer = Answer(gzip.compress(body, 1), 200, {"Content-Encoding": coding}) if coding else Answer(body)
    with MisbehavingServer(answer) as server:
        model = model_at(server.url)
        assert len((await model.ask("Hi")).distribution) == 20_000
        await model.close()


async def test_forty_thousand_models_are_a_list() -> None:
    models = Answer({"data": [{"id": f"model-{n}"} for n in range(40_000)] * 2})
    with MisbehavingServer(models=models) as server:
        model = model_at(server.url)
        assert len(await model.names()) == 40_000
        await model.close()


async def test_an_answer_of_millions_of_parts_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_PARTS", 1000)
    with MisbehavingServer(Answer(b"[" + b"[]," * 1000 + b"[]]")) as server:
        assert "has millions of parts" in await failure_of(model_at(server.url))


@pytest.mark.parametrize("space", [" ", "\0", "\u3000", "\n"])
@pytest.mark.parametrize("before", range(8192 - 120, 8192 + 10, 13))
@pytest.mark.parametrize("status", [400, 200])
def test_a_key_at_the_end_of_what_is_read_of_an_error_is_not_half_shown(
    space: str, before: int, status: int
) -> None:
    """Blanks shrink when a text is made one line, so that what stood far behind comes to the front."""
    configuration = Configuration(Secret(KEY), "http://127.0.0.1:1/v1")
    text = "No." + space * (before - 3) + f"key={KEY} " + "x" * 9000
    refusal = Refusal.from_body(status, {"error": {"message": text}})
    for said in (explain_refusal(refusal, configuration, "m"), not_json(text.encode(), configuration)):
        assert "No." in str(said)
        assert KEY[:4] not in str(said)
