"""Whether a request that hangs slows the keys down.

    python benchmarks/hanging_request.py [--rounds N]

Two screens at 120x40 have the same distribution from the same small server on this machine. One of them then
asks again, and the server accepts and stays silent. Knobs are turned on both by turns, and the time from the
key to the last byte of the frame is compared: keys have to stay live.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from report import Row, milliseconds, parser, ratio, run, table
from terminal import LEFT, RIGHT, Terminal, program

LIMIT = 1.2

TOKENS = [{"token": f" word{rank}", "logprob": -1.0 - rank / 4} for rank in range(20)]
ANSWER = {"choices": [{"logprobs": {"content": [{**TOKENS[0], "top_logprobs": TOKENS}]}}]}


class SilentAfterwards(BaseHTTPRequestHandler):
    """Answers a prompt once with a distribution, unless it ends in an exclamation mark: then never."""

    def do_POST(self) -> None:
        """Answer, or hold the connection open."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["messages"][-1]["content"].endswith("!"):
            threading.Event().wait(120)
            return
        answer = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the table is all there is to read."""


def main() -> None:
    rounds = parser(__doc__, 30).parse_args().rounds
    server = ThreadingHTTPServer(("127.0.0.1", 0), SilentAfterwards)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [program(), "--base-url", f"http://127.0.0.1:{server.server_port}/v1", "--model", "m"]
    command += ["--timeout", "600"]
    idle: list[float] = []
    hanging: list[float] = []
    with Terminal(command, 120, 40) as quiet, Terminal(command, 120, 40) as waiting:
        for terminal in (quiet, waiting):
            terminal.read_until_written("word19")
            terminal.read_until_quiet(0.5)
        waiting.send(b"/")
        waiting.read_until_quiet(0.5)
        waiting.send(b"!\r")
        waiting.read_until_written("asking 1 s")
        for number in range(rounds):
            key = LEFT if number % 10 < 5 else RIGHT
            idle.append(quiet.press(key).seconds)
            hanging.append(waiting.press(key).seconds)
    server.shutdown()
    title = f"Key to frame at 120x40 while a request hangs, medians of {rounds}"
    rows = [
        Row("key to frame", milliseconds(hanging), milliseconds(idle), ratio(hanging, idle), LIMIT),
    ]
    print(table(title, "no request under way", rows))


if __name__ == "__main__":
    run(main)
