"""Serve a network over HTTP from forked workers that share its memory (POSIX).

curl -d '[[0.0, 16.0, ...]]' localhost:8000 answers with each row's outputs.
"""

import argparse
import contextlib
import json
import os
import signal
from http.server import BaseHTTPRequestHandler, HTTPServer

import fastnn.demo

net, _, _ = fastnn.demo.load_digits()  # before the fork: loaded once


class Handler(BaseHTTPRequestHandler):
    """Answers a POST of rows, as JSON, with the network's outputs."""

    def do_POST(self) -> None:
        """Run the rows of the request through the network."""
        try:
            length = int(self.headers.get("Content-Length", 0))
            if not 0 < length <= 1 << 22:
                raise ValueError("a request has 1 byte to 4 MiB")
            outputs = net(json.loads(self.rfile.read(length)), threads=1).tolist()  # there are workers enough
        except (ValueError, TypeError, RecursionError) as error:
            self.answer(400, {"error": str(error)})
        else:
            self.answer(200, {"worker": os.getpid(), "outputs": outputs})

    def answer(self, status: int, content: object) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=fastnn.get_num_threads())
    options = parser.parse_args()
    server = HTTPServer(("127.0.0.1", options.port), Handler)  # one for all: the system shares requests out
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    print(f"{options.workers} workers at port {server.server_port}", flush=True)
    children: list[int] = []
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # none while it forks
    while len(children) < options.workers - 1 and all(children):
        children.append(os.fork())
    with contextlib.suppress(KeyboardInterrupt):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
        server.serve_forever()
    for child in children if all(children) else []:  # a child has 0 for itself
        os.kill(child, signal.SIGTERM)
