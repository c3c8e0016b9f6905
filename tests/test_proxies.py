"""The key travels the way it is meant to: this machine is asked straight, and a proxy is another machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from forward_proxy import ForwardProxy
from misbehaving_server import Answer, MisbehavingServer
from softmax_visualizer.models import connection
from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import Configuration, Secret
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from softmax_visualizer.models.proxy import is_this_machine, proxy_for
from softmax_visualizer.models.settings import ConfigurationError

KEY = "key-0123456789abcdefghij"
PROXY = "http://proxy.example:3128"
FAR = "http://llm.example:8000/v1"

ANSWER = {
    "model": "m",
    "choices": [{"logprobs": {"content": [{"token": "a", "logprob": -1, "top_logprobs": [
        {"token": "a", "logprob": -1.0, "bytes": None}, {"token": "b", "logprob": -2.0, "bytes": None},
    ]}]}}],
}  # fmt: skip

VARIABLES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(connection, "RETRY_DELAY", 0)


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with MisbehavingServer(Answer(ANSWER), models=Answer({"data": [{"id": "m"}]})) as running:
        yield running


@pytest.fixture
def nobody() -> str:
    """Return a host and port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def ask(url: str) -> str:
    """Ask a server with a key; return the sentence that comes of it, or nothing if an answer does."""
    model = OpenAICompatibleModel(Configuration(Secret(KEY), url, "m", timeout=20.0))
    try:
        await model.ask("Hi")
    except ModelError as error:
        return str(error)
    finally:
        await model.close()
    return ""


# --- where requests go ---


@pytest.mark.parametrize("variable", VARIABLES)
async def test_a_server_on_this_machine_is_never_asked_through_a_proxy(
    server: MisbehavingServer, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ForwardProxy(server.host) as proxy:
        monkeypatch.setenv(variable, f"http://{proxy.host}")
        assert await ask(server.url) == ""
        assert await ask(server.url.replace("127.0.0.1", "localhost")) == ""
        assert proxy.seen == []
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("variable", VARIABLES)
async def test_another_machine_is_asked_through_it(
    server: MisbehavingServer, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ForwardProxy(server.host) as proxy:
        monkeypatch.setenv(variable, proxy.host)
        assert await ask(FAR) == ""
        assert any(line.startswith(f"post {FAR}/chat/completions") for line in proxy.seen)


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
async def test_through_a_tunnel_the_proxy_sees_no_key(
    server: MisbehavingServer, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ForwardProxy(server.host) as proxy:
        monkeypatch.setenv(variable, f"http://{proxy.host}")
        # the server behind the tunnel speaks no https: what matters is what was said on the way
        assert "does not answer in correct https" in await ask("https://llm.example/v1")
        assert proxy.seen
        assert all(line.startswith("connect llm.example:443") for line in proxy.seen)
        assert KEY not in "".join(proxy.seen)


async def test_a_redirection_to_this_machine_does_not_go_through_the_proxy_either(
    server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Answer(b"", 307, {"Location": f"{server.url}/chat/completions"})
    with MisbehavingServer(elsewhere) as first, ForwardProxy(first.host) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")
        await ask(FAR)
        assert not [line for line in proxy.seen if server.host in line.partition("\n")[0]]
    assert len(server.asked) == 1
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST", "localhost.", "llm.localhost", "127.0.0.1", "127.8.8.8", "127.1", "0x7f.1",
        "2130706433", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1",
    ],
)  # fmt: skip
def test_this_machine_in_every_spelling(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", PROXY)
    assert is_this_machine(host)
    assert proxy_for(f"http://[{host}]:8080/v1" if ":" in host else f"http://{host}:8080/v1") is None


@pytest.mark.parametrize(
    "host", ["llm.example", "localhost.example", "mylocalhost", "10.0.0.1", "1.0.0.127", "128.0.0.1", "::2"]
)
def test_another_machine(host: str) -> None:
    assert not is_this_machine(host)


@pytest.mark.parametrize(
    ("exceptions", "url", "goes_straight"),
    [
        ("llm.example", "http://llm.example:8000/v1", True),
        ("other.example, llm.example", "http://llm.example:8000/v1", True),
        (".example", "http://llm.example:8000/v1", True),
        ("*.example", "http://llm.example:8000/v1", True),
        ("EXAMPLE", "http://llm.example:8000/v1", True),
        ("*", "http://llm.example:8000/v1", True),
        ("other.example,*", "http://llm.example:8000/v1", True),
        ("llm.example:8000", "http://llm.example:8000/v1", True),
        ("llm.example:443", "https://llm.example/v1", True),
        ("llm.example:9000", "http://llm.example:8000/v1", False),
        ("lm.example", "http://llm.example:8000/v1", False),
        ("llm.example.com", "http://llm.example:8000/v1", False),
        ("10.0.0.0/8", "http://10.1.2.3/v1", True),
        ("10.0.0.0/8", "http://11.1.2.3/v1", False),
        ("10.1.2.3", "http://10.1.2.3/v1", True),
        ("fe80::/10", "http://[fe80::1]/v1", True),
        ("[fe80::1]", "http://[fe80::1]:8080/v1", True),
        (",, /[,:x", "http://llm.example:8000/v1", False),
        ("", "http://llm.example:8000/v1", False),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_exceptions_are_kept_to(
    exceptions: str, url: str, goes_straight: bool, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv(variable, exceptions)
    assert (proxy_for(url) is None) == goes_straight


# --- what is refused, and what is said ---


@pytest.mark.parametrize("variable", [*VARIABLES, ""])
def test_plain_http_through_a_proxy_is_plain_http_to_another_machine(
    tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "http://127.0.0.1:3128")
    with pytest.raises(ConfigurationError, match="unencrypted"):
        Configuration.load(environment={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": FAR}, directory=tmp_path)


@pytest.mark.parametrize("url", [FAR, "https://llm.example/v1"])
async def test_a_dead_proxy_is_named_as_the_proxy_and_without_its_password(
    url: str, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://user:swordfish@{nobody}")
    said = await ask(url)
    assert said.startswith(f"The proxy {nobody} cannot be reached (")
    assert said.endswith(f"Start it, or change {url.partition(':')[0]}_proxy or all_proxy.")
    assert "swordfish" not in said


async def test_a_proxy_whose_name_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "proxy.invalid:3128")
    assert (await ask(FAR)).startswith("The proxy proxy.invalid:3128 cannot be reached (")


@pytest.mark.parametrize("url", [FAR, "https://llm.example/v1"])
async def test_a_proxy_that_wants_a_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ForwardProxy(answer=407) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://{proxy.host}")
        assert f"The proxy {proxy.host} " in await ask(url)


@pytest.mark.parametrize("url", [FAR, "https://llm.example/v1"])
async def test_a_failure_that_may_be_the_proxys_names_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ForwardProxy(answer=502) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://{proxy.host}")
        said = await ask(url)
        assert proxy.host in said
        assert "502" in said


async def test_a_proxy_of_an_unknown_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:70")
    assert "Check the base URL and the proxy variables" in await ask(FAR)
