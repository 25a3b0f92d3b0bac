"""Serve a network over HTTP from forked workers that share its memory (POSIX).

curl -d '[[0.0, 16.0, ...]]' localhost:8000 answers with each row's outputs.
"""

import argparse
import contextlib
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

import fastnn
from fastnn.demo import load_digits

MOST_BYTES = 1 << 22

net, _, _ = load_digits()  # before the fork: loaded once


class Handler(BaseHTTPRequestHandler):
    """Answers a POST of rows, as JSON, with the network's outputs."""

    def do_POST(self) -> None:
        """Run the rows of the request through the network."""
        try:
            length = int(self.headers.get("Content-Length", 0))
            if not 0 < length <= MOST_BYTES:
                raise ValueError(f"a request has 1 to {MOST_BYTES} bytes")
            outputs = net(json.loads(self.rfile.read(length)))
        except (ValueError, TypeError) as error:
            self.answer(400, {"error": str(error)})
        else:
            self.answer(200, {"worker": os.getpid(), "outputs": outputs.tolist()})

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
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    # One socket for all workers: the system shares requests out.
    server = HTTPServer(("127.0.0.1", options.port), Handler)
    fastnn.set_num_threads(1)  # the workers are what makes use of the processors
    print(f"{options.workers} workers at port {server.server_port}", flush=True)
    for _ in range(options.workers - 1):
        if os.fork() == 0:
            break
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
