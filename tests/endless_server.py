"""A local server whose answers have no end, or a small beginning and an end far away."""

from __future__ import annotations

import contextlib
import socket
import threading
import zlib
from collections.abc import Callable, Iterator

Stream = Callable[[], Iterator[bytes]]
"""Everything that is sent to one request, from the status line on."""


class EndlessServer:
    """Sends a stream to every POST, as fast as it is taken, and 404 to every GET.

    ``sent`` counts the bytes that a client took; ``hung_up`` is set once one had enough.
    """

    def __init__(self, stream: Stream) -> None:
        self.sent = 0
        self.hung_up = threading.Event()
        self._stream = stream
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> EndlessServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # closing alone does not wake a thread that waits in accept
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            head = client.recv(65536)
            if head.startswith(b"GET"):
                client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            try:
                for part in self._stream():
                    client.sendall(part)
                    self.sent += len(part)
            except OSError:
                self.hung_up.set()


def endlessly(*first: bytes, then: bytes) -> Stream:
    def stream() -> Iterator[bytes]:
        yield from first
        while True:
            yield then

    return stream


def head(status: int = 200, **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n{''.join(lines)}\r\n".encode()


def bomb(megabytes: int, window: int) -> bytes:
    """Return zeros, packed: ``window`` is 31 for gzip, 15 for deflate, -15 for deflate without a head."""
    packer = zlib.compressobj(9, wbits=window)
    parts = [packer.compress(bytes(2**20)) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])
