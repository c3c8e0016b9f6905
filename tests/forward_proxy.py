"""A real HTTP proxy on this machine: it forwards, it tunnels, and it keeps what it saw."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class ForwardProxy:
    """Forwards every request to one server, whatever host it is for, and keeps what passes unencrypted.

    ``seen`` holds the first line and the headers of each request, in lower case; a tunnel is one that says
    CONNECT. ``answer`` is a status that it gives instead of forwarding.
    """

    def __init__(self, target: str = "", answer: int | None = None) -> None:
        self.seen: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.seen.append(f"{self.requestline}\n{self.headers}".lower())
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if answer is not None:
                    self._give(answer, b"")
                    return
                parts = urlsplit(self.path)
                connection = http.client.HTTPConnection(target, timeout=20)
                headers = {k: v for k, v in self.headers.items() if not k.lower().startswith("proxy-")}
                connection.request(self.command, f"{parts.path}?{parts.query}".rstrip("?"), body, headers)
                response = connection.getresponse()
                self._give(response.status, response.read(), response.getheader("Location"))
                connection.close()

            def do_POST(self) -> None:
                self.do_GET()

            def do_CONNECT(self) -> None:
                proxy.seen.append(f"{self.requestline}\n{self.headers}".lower())
                if answer is not None:
                    self._give(answer, b"")
                    return
                host, _, port = target.partition(":")
                with socket.create_connection((host, int(port)), 20) as far:
                    self.send_response(200)
                    self.end_headers()
                    back = threading.Thread(target=_pump, args=(far, self.connection), daemon=True)
                    back.start()
                    _pump(self.connection, far)
                    back.join(5)
                self.close_connection = True

            def _give(self, status: int, body: bytes, location: str | None = None) -> None:
                self.send_response(status)
                if location is not None:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ForwardProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
