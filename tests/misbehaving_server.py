"""A local HTTP server that plays scripted answers, well or badly, and records what it was asked."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Manner = Literal["whole", "half", "trickle", "silence"]


@dataclass(frozen=True)
class Answer:
    """One answer. ``body`` is sent as JSON unless it is bytes; a function makes it from the request's body.

    ``manner``: "whole" sends it, "half" closes the connection half-way, "trickle" sends an endless body in
    drops, and "silence" sends nothing at all; the last two go on until the client closes the connection.
    """

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = "whole"
    wait_for: threading.Event | None = None


@dataclass(frozen=True)
class Asked:
    """One recorded request; the names of its headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class MisbehavingServer:
    """Plays ``answers`` in turn to POST requests, and the last one for ever after.

    ``models`` is the answer to every GET. ``asked`` holds the POST requests in order, ``listed`` the GET
    requests; ``asking`` is set once a POST arrived, ``hung_up`` once a client closed a waiting connection.
    """

    def __init__(self, *answers: Answer, models: Answer | None = None) -> None:
        self.asked: list[Asked] = []
        self.listed: list[Asked] = []
        self.asking = threading.Event()
        self.hung_up = threading.Event()
        self._answers = list(answers)
        self._models = models or Answer({"error": {"message": "no such route"}}, status=404)
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.listed.append(Asked("GET", self.path, self._names(), None))
                server._play_to(self, server._models)

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with server._lock:
                    server.asked.append(Asked("POST", self.path, self._names(), json.loads(raw)))
                    answer = server._answers[min(len(server.asked), len(server._answers)) - 1]
                server.asking.set()
                if callable(answer.body):
                    answer = replace(answer, body=answer.body(json.loads(raw)))
                server._play_to(self, answer)

            def _names(self) -> dict[str, str]:
                return {name.lower(): value for name, value in self.headers.items()}

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/v1"

    def __enter__(self) -> MisbehavingServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _play_to(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        with contextlib.suppress(OSError):  # a client that hangs up early is nothing unusual here
            self._play(handler, answer)

    def _play(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.wait_for is not None:
            answer.wait_for.wait(30)
        if answer.manner == "silence":
            self._wait_for_hang_up(handler.connection)
            handler.close_connection = True
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        handler.send_response(answer.status)
        headers = {"Content-Type": "application/json", **answer.headers}
        if answer.manner == "trickle":
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        match answer.manner:
            case "half":
                handler.wfile.write(body[: len(body) // 2])
                handler.close_connection = True
            case "trickle":
                try:
                    while not self.hung_up.wait(0.02):
                        handler.wfile.write(b" ")
                except OSError:
                    self.hung_up.set()
            case _:
                handler.wfile.write(body)

    def _wait_for_hang_up(self, connection: socket.socket) -> None:
        try:
            closed = connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            closed = True
        if closed:
            self.hung_up.set()
