"""A model file on this machine: llama.cpp serves it, truly, and is gone when the program is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest

import tiny_gguf
from softmax_visualizer.models.base import Framing, ModelAnswer, ModelError
from softmax_visualizer.models.configuration import Configuration
from softmax_visualizer.models.local import LocalModel
from softmax_visualizer.models.local_server import LocalServer
from softmax_visualizer.models.openai_compatible import OpenAICompatibleModel
from terminal import Terminal, fresh_environment

pytest.importorskip("xllamacpp")


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture
async def model(model_file: Path) -> AsyncIterator[LocalModel]:
    opened = local_model(model_file)
    yield opened
    await opened.close()


def local_model(path: Path, framing: Framing = "raw") -> LocalModel:
    return LocalModel(Configuration(model=str(path), local=True, framing=framing), lambda fraction: None)


def server_of(model: LocalModel) -> LocalServer:
    server: LocalServer = model._connection._server  # type: ignore[attr-defined]
    return server


def runs(pid: int) -> bool:
    """Whether a process does anything; one that nobody has asked about its end yet does not."""
    try:
        return not re.search(r"\nState:\tZ", Path(f"/proc/{pid}/status").read_text())
    except FileNotFoundError:
        return False


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 20
    while runs(pid):
        assert time.monotonic() < deadline, "the server outlives the program"
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- what it says ---


@pytest.mark.parametrize(("framing", "last"), [("raw", "o"), ("answer", "?")])
async def test_every_log_probability_is_the_true_one(model_file: Path, framing: Framing, last: str) -> None:
    """Bare, the last letter decides; in a message, the model's template puts a question mark behind it."""
    model = local_model(model_file, framing)
    distribution = (await model.ask("hello")).distribution
    await model.close()
    truth = tiny_gguf.logprobs()[ord(last)]
    assert distribution.vocabulary_size == tiny_gguf.SIZE
    assert not distribution.vocabulary_assumed
    for token, logprob in zip(distribution.tokens[:10], distribution.logprobs[:10], strict=True):
        assert token.raw is not None
        assert logprob == pytest.approx(
            truth[ord(token.raw) if token.raw else tiny_gguf.END_OF_TEXT], abs=1e-4
        )


async def test_the_first_answer_says_whose_numbers_these_are(model: LocalModel) -> None:
    answer = await model.ask("hello")
    assert (answer.model, answer.source) == ("tiny", "local")
    assert "exactly the numbers that llama.cpp computes from tiny.gguf" in answer.notes[0]
    assert (await model.ask("hello", whole=True)).notes == answer.notes  # the same prompt, but all tokens
    assert (await model.ask("hello!")).notes == ()


async def test_the_same_prompt_gives_the_same_numbers(model: LocalModel) -> None:
    first, second = [(await model.ask("hello " * 40)).distribution.logprobs.tolist() for _ in range(2)]
    assert first == second


async def test_no_proxy_is_between(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await model.ask("hello")).source == "local"


async def test_loading_says_how_far_it_is(model_file: Path) -> None:
    heard: list[float] = []
    model = LocalModel(Configuration(model=str(model_file), local=True, framing="raw"), heard.append)
    await model.ask("hello")
    await model.close()
    assert heard
    assert heard[-1] == 1.0


# --- what it keeps to itself ---


async def test_nobody_reads_the_key_off_a_command_line_or_an_environment(model: LocalModel) -> None:
    await model.ask("hello")
    server = server_of(model)
    for name in ("cmdline", "environ"):
        assert server.key.reveal().encode() not in Path(f"/proc/{server.pid}/{name}").read_bytes()
    assert "***" in repr(server.key)


async def test_without_the_key_it_says_nothing(model: LocalModel) -> None:
    await model.ask("hello")

    stranger = OpenAICompatibleModel(
        Configuration(base_url=server_of(model).url, model="tiny", framing="raw")
    )
    with pytest.raises(ModelError, match="needs an API key"):
        await stranger.ask("hello")
    await stranger.close()


# --- its end ---


async def test_closing_the_model_ends_the_server(model: LocalModel) -> None:
    await model.ask("hello")
    server = server_of(model)
    pid = server.pid
    assert pid is not None
    assert listens(server.port)
    await model.close()
    assert not runs(pid)
    assert not listens(server.port)


async def test_a_server_that_ended_is_told_of_and_started_anew(model: LocalModel) -> None:
    await model.ask("hello")
    pid = server_of(model).pid
    assert pid is not None
    ending = asyncio.ensure_future(model.ask("hello"))
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ModelError):
        await ending
    assert (await model.ask("hello")).model == "tiny"


async def test_an_end_in_the_middle_of_a_question_has_a_sentence(model: LocalModel) -> None:
    await model.ask("hello")
    server = server_of(model)
    assert server.pid is not None
    connection = model._connection
    body = dict(model.request("hello")["body"])
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(ModelError, match=r"llama\.cpp ended while tiny was asked\. Ask again"):
        await connection.complete(body)


PROGRAM = """
import asyncio, os, signal, sys
from softmax_visualizer.models.local_server import LocalServer
from pathlib import Path

async def main():
    server = LocalServer("tiny")
    def progress(fraction):
        if how == "killed while loading" and fraction < 1:
            print(server.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    await server.start(Path(path), progress)
    print(server.pid, flush=True)
    if how == "crash":
        raise RuntimeError
    if how == "exit":
        os._exit(3)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(60)

path, how = sys.argv[1:]
asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["crash", "exit", "killed"])
def test_the_server_ends_with_the_program(model_file: Path, tmp_path: Path, how: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model_file), how],
        capture_output=True,
        text=True,
        env=fresh_environment(tmp_path),
    )
    assert run.returncode != 0
    wait_for_end(int(run.stdout))


def test_the_server_ends_with_a_program_that_is_killed_while_it_loads(
    model_file: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.gguf"
    large.write_bytes(model_file.read_bytes())
    with large.open("ab") as file:
        file.truncate(3_000_000_000)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(large), "killed while loading"],
        capture_output=True,
        text=True,
        env=fresh_environment(tmp_path),
    )
    assert run.returncode == -signal.SIGKILL
    wait_for_end(int(run.stdout))


def test_the_server_ends_with_the_terminal(model_file: Path, tmp_path: Path) -> None:
    command = (sys.executable, "-c", PROGRAM)
    with Terminal(tmp_path, str(model_file), "closed terminal", command=command) as terminal:
        terminal.wait_until(lambda: bool(re.search(r"^\d+$", terminal.text, re.MULTILINE)))
        pid = int(terminal.text.split()[0])
        assert runs(pid)
        # what a terminal sends that is closed
        os.killpg(terminal.process.pid, signal.SIGHUP)
        wait_for_end(pid)


def test_the_end_of_its_orders_is_enough(model_file: Path, tmp_path: Path) -> None:
    """So it is where the system has no way to end a process with its parent."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    order = (
        f'{{"path": "{model_file}", "name": "tiny", "port": {port}, "key": "k", "threads": 1,'
        f' "context": 64, "parent": {os.getpid()}}}\n'
    )
    with subprocess.Popen(
        [sys.executable, "-m", "softmax_visualizer.models.serving"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=fresh_environment(tmp_path),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order.encode())
        process.stdin.flush()
        assert any(b"ready" in line for line in process.stdout)
        process.stdin.close()
        assert process.wait(20) == 0


async def test_loading_can_be_cancelled(model_file: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.gguf"
    large.write_bytes(model_file.read_bytes())
    with large.open("ab") as file:
        file.truncate(3_000_000_000)
    begun = asyncio.Event()
    model = LocalModel(
        Configuration(model=str(large), local=True, framing="raw"), lambda fraction: begun.set()
    )
    asking = asyncio.ensure_future(model.ask("hello"))
    await begun.wait()
    pid = server_of(model).pid
    assert pid is not None
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not runs(pid)
    await model.close()


# --- what cannot be served ---


def cut(path: Path, model_file: Path) -> None:
    path.write_bytes(model_file.read_bytes()[:500_000])


def enormous(path: Path, model_file: Path) -> None:
    cut(path, model_file)
    with path.open("ab") as file:
        file.truncate(5_000_000_000_000)


def no_model(path: Path, model_file: Path) -> None:
    path.write_text("hello")


def nothing(path: Path, model_file: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path, model_file: Path) -> None:
    pass


def a_folder(path: Path, model_file: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, r"cannot be read: no such file or directory\. Check the path\."),
        (a_folder, r"cannot be read: is a directory\. Check the path\."),
        (nothing, r"is not a GGUF file\. Give a model in llama\.cpp's own format\."),
        (no_model, r"is not a GGUF file\. Give a model in llama\.cpp's own format\."),
        (cut, r"llama\.cpp cannot load it\.gguf: tensor .* is not within the file bounds.*fetch it again\."),
        (enormous, r"it\.gguf is larger \(5000\.0 GB\) than this machine's memory .* smaller model"),
    ],
)
async def test_a_file_that_cannot_be_served_has_a_sentence(
    make: Callable[[Path, Path], None], words: str, model_file: Path, tmp_path: Path
) -> None:
    make(tmp_path / "it.gguf", model_file)
    model = local_model(tmp_path / "it.gguf")
    with pytest.raises(ModelError, match=words) as caught:
        await model.ask("hello")
    assert "\n" not in str(caught.value)
    assert server_of(model).pid is None


async def test_without_llama_cpp_the_remedy_is_named(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelError, match="pip install xllamacpp"):
        await model.ask("hello")


async def test_a_port_that_another_program_took_has_a_sentence(model: LocalModel) -> None:
    with taken(server_of(model).port), pytest.raises(ModelError, match="took the port"):
        await model.ask("hello")


@contextlib.contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


# --- whole answers ---


async def test_the_note_is_on_the_answers_to_the_first_prompt_however_many_places_were_asked(
    model: LocalModel,
) -> None:
    # one alone comes where the server samples half a character, which its text does not show
    several: Sequence[ModelAnswer] = ()
    async with asyncio.timeout(60):
        while len(several) < 2:
            several = await model.ask_ahead("hello", (), 4)
    one = await model.ask("hello", after=several[0].distribution.tokens[:1])
    others = [*await model.ask_ahead("hello!", (), 4), *await model.ask_ahead("hello!", (), 1)]
    for answer in (*several, one, *await model.ask_ahead("hello", (), 1)):
        assert [note for note in answer.notes if "exactly the numbers" in note] == [one.notes[0]]
    assert [note for answer in others for note in answer.notes] == []


async def test_several_places_have_the_true_numbers(model: LocalModel) -> None:
    truth, last = tiny_gguf.logprobs(), ord("o")
    for answer in await model.ask_ahead("hello", (), 10):
        if answer.after:
            assert answer.after[-1].id is not None
            last = answer.after[-1].id
        for token, logprob in zip(answer.distribution.tokens, answer.distribution.logprobs, strict=True):
            assert token.id is not None
            assert logprob == pytest.approx(truth[last][token.id], abs=1e-4)


@pytest.mark.parametrize("framing", ["raw", "answer"])
async def test_it_goes_on_by_the_numbers_of_tokens_before_anything_else_was_asked(
    model_file: Path, framing: Framing
) -> None:
    model = local_model(model_file, framing)
    half = (await model.split("é"))[0]
    assert half.whole_text is None
    answer = await model.ask("hello", after=(half,))
    await model.close()
    assert answer.continued_by == "tokens"
    assert answer.distribution.logprobs[0] == pytest.approx(tiny_gguf.logprobs()[0xC3].max(), abs=1e-4)
