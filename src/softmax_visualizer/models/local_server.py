"""llama.cpp's own server for one model file: started, watched and ended, in a process of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from softmax_visualizer.models.base import ModelError
from softmax_visualizer.models.configuration import Secret
from softmax_visualizer.models.refusal import one_line
from softmax_visualizer.models.weights import Progress, megabytes

CONTEXT = 4096
"""Tokens of prompt and answer together; a model that was trained on fewer has fewer."""

_MAGIC = b"GGUF"


class LocalServer:
    """A server on 127.0.0.1 that has a free port and a random key, and lives no longer than this process.

    Nothing runs before :meth:`start`. The process gets its orders through a pipe whose other end only this
    process holds: when that closes, for whatever reason, it ends.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = Secret(secrets.token_hex(32))
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """The base URL of its OpenAI-compatible endpoints."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def pid(self) -> int | None:
        """The number of the server's process; None while none runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    async def start(self, path: Path, progress: Progress) -> None:
        """Load a model file and listen, unless that is so already; cancelling ends the process.

        Raises:
            ModelError: the file or the machine does not allow it, with the reason and the remedy.
        """
        if self.pid is not None:
            return
        await asyncio.to_thread(_check, path)
        loop = asyncio.get_running_loop()
        # here and not in a thread: to Linux, the end of the thread that started it is the parent's end
        process = self._started(path)
        try:
            said = await asyncio.to_thread(_last_word, process, loop, progress)
        except BaseException:
            self.stop()
            raise
        if "ready" not in said:
            status = await asyncio.to_thread(process.wait)
            raise ModelError(_loading_failed(path, said, status, self._complaint()))

    def stop(self) -> None:
        """End the process, at once: it has nothing to keep."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _started(self, path: Path) -> subprocess.Popen[bytes]:
        self.stop()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        order = {
            "path": str(path.resolve()),
            "name": self.name,
            "port": self.port,
            "key": self.key.reveal(),
            "threads": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
            "context": CONTEXT,
            "parent": os.getpid(),
        }
        self._process = process = subprocess.Popen(
            # -P: what lies in the working directory is nobody's module
            [sys.executable, "-P", "-m", "softmax_visualizer.models.serving"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            # Ctrl+C in a terminal is this process's to answer
            start_new_session=True,
        )
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended already, and says why in its complaints
        return process

    def _complaint(self) -> str:
        assert self._complaints is not None
        self._complaints.seek(0)
        return self._complaints.read(100_000).decode(errors="replace")


def _last_word(
    process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop, progress: Progress
) -> dict[str, Any]:
    """Return what the process says besides how far it is; empty if it ended without a word."""
    assert process.stdout is not None
    for line in process.stdout:
        said: dict[str, Any] = json.loads(line)
        if "read" not in said:
            return said
        loop.call_soon_threadsafe(progress, said["read"])
    return {}


def check_llama_cpp() -> None:
    """Raise ModelError if there is no llama.cpp here to run a model file with."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise ModelError("A model file needs llama.cpp, which is a further package: pip install xllamacpp")


def _check(path: Path) -> None:
    """Refuse what cannot be served, before anything is started."""
    try:
        with path.open("rb") as file:
            magic, size = file.read(len(_MAGIC)), os.fstat(file.fileno()).st_size
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelError(f"The model file {path} cannot be read: {reason}. Check the path.") from error
    if magic != _MAGIC:
        raise ModelError(f"{path} is not a GGUF file. Give a model in llama.cpp's own format.")
    check_llama_cpp()
    memory = _memory()
    if memory is not None and size > memory:
        raise ModelError(
            f"{path.name} is larger ({megabytes(size)}) than this machine's memory ({megabytes(memory)}). "
            "Choose a smaller model, or one with fewer bits a weight."
        )


def _memory() -> int | None:
    """Return the bytes of memory in this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _loading_failed(path: Path, said: dict[str, Any], status: int, complaint: str) -> str:
    if said.get("error") == "ImportError":
        return (
            f"llama.cpp cannot be loaded on this machine ({one_line(said['text'])}). "
            "Install it again: pip install --force-reinstall xllamacpp"
        )
    if "couldn't bind" in complaint:
        return "Another program took the port that the model was to use. Ask again."
    if status == -signal.SIGKILL:
        return (
            f"The system ended llama.cpp while it loaded {path.name}, which usually means that "
            "there is too little memory. Choose a smaller model."
        )
    causes = re.findall(r"error loading model: (.*)", complaint) or complaint.strip().splitlines()[-1:]
    cause = one_line(causes[-1]) if causes else f"it ended with status {status}"
    return f"llama.cpp cannot load {path.name}: {cause}. If the file is damaged, fetch it again."


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
