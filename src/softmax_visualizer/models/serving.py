"""The process that serves a model file: llama.cpp's own server, on 127.0.0.1, while its parent lives.

:mod:`softmax_visualizer.models.local_server` starts it. Its standard input brings one line of JSON, with the
keys that :func:`_serve` reads, and stays open: the end of it is the parent's end, whatever ended it, and this
process's too. The key comes this way because a command line is for everybody on the machine to read.
On its standard output it says how far it is: ``{"read": 0.5}`` while it reads the file, ``{"ready": true}``
once it listens, or ``{"error": ..., "text": ...}``; llama.cpp's own complaints are on the standard error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_BLOCK = 1 << 24
_PR_SET_PDEATHSIG = 1
"""From Linux's ``sys/prctl.h``."""


def main() -> None:
    """Serve until the standard input ends."""
    # without a buffer, whose lock the waiting thread would hold at the end
    orders = open(sys.stdin.fileno(), "rb", buffering=0)  # noqa: SIM115
    order = json.loads(orders.readline())
    _end_with_parent(order["parent"])
    threading.Thread(target=_end_with, args=(orders,), daemon=True).start()
    try:
        for fraction in _read_through(Path(order["path"])):
            _say(read=fraction)
        server = _serve(order)
    except (ImportError, OSError, RuntimeError) as error:
        _say(error=type(error).__name__, text=str(error))
        sys.exit(1)
    _say(ready=True)
    threading.Event().wait()
    del server


def _end_with_parent(parent: int) -> None:
    """Have Linux end this process with its parent, even while llama.cpp lets no thread of Python run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _end_with(orders: IO[bytes]) -> None:
    while orders.read(1):
        pass
    os._exit(0)


def _read_through(path: Path) -> Iterator[float]:
    """Read a file once, so that what takes long about loading it can be seen and broken off."""
    size, done = max(path.stat().st_size, 1), 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            done += len(block)
            yield done / size


def _serve(order: dict[str, Any]) -> object:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = order["port"]
    params.api_keys = [order["key"]]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
    # threads that wait for work leave the cores to others
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.n_ctx = order["context"]
    # one question at a time, with all of the context
    params.n_parallel = 1
    # nothing is fetched, shown in a browser, kept beside the model or measured beforehand
    params.offline = True
    params.ui = params.endpoint_slots = params.warmup = params.fit_params = False
    params.cache_ram_mib = 0
    # in portions of 64 tokens and more, llama.cpp computes otherwise, and a token gets other numbers (by 0.3
    # nat in 4 bits) than one by one, as an answer is written: so neither is ever the case
    params.n_batch = params.n_ubatch = 32
    params.cache_prompt = False
    params.verbosity = 1
    return xllamacpp.Server(params)


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
