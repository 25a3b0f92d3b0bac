"""Worker processes of every kind: right results, and an end in time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support import LARGE_NETWORK, run_python

LIMIT = 120.0

# A program in a file: spawn and forkserver import it again.
POOL = """
import multiprocessing, sys
{network}

def first(i):
    return net(x[i:], threads=2)[0].tobytes() + net(x[i]).tobytes()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(3) as pool:
        got = pool.map(first, range(24))
    assert got == [2 * row.tobytes() for row in y[:24]]
    # Pickled to a child, which answers with its own results.
    with context.Pool(2, maxtasksperchild=2) as pool:
        got = pool.map(net, [x[i : i + 50] for i in range(0, 500, 50)])
    assert b"".join(part.tobytes() for part in got) == y[:500].tobytes()
    assert same()
    print("right")
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_pool(method: str, tmp_path: Path) -> None:
    if method != "spawn" and sys.platform == "win32":
        pytest.skip("there is no fork")
    program = tmp_path / "program.py"
    program.write_text(POOL.format(network=LARGE_NETWORK))
    start = (
        f"import subprocess, sys; command = [sys.executable, '-W', 'ignore', {str(program)!r}, {method!r}]\n"
        "sys.exit(subprocess.run(command).returncode)"
    )
    done = run_python(start, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr


# As a pre-forking server does: load and warm up, fork workers, each with threads of its own, replace those
# that end or are killed in the middle of a call, stop all with a signal.
PREFORK = """
import signal, time
from concurrent.futures import ThreadPoolExecutor

def serve(write):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with ThreadPoolExecutor(4) as pool:
        right = all(pool.map(lambda i: net(x[i:], threads=1 + i % 2).tobytes() == y[i:].tobytes(), range(20)))
    os.write(write, b"+" if right else b"-")
    while True:
        net(x, threads=2)

def start():
    child = os.fork()
    if child == 0:
        try:
            serve(write)
        finally:
            os._exit(1)
    return child

read, write = os.pipe()
workers = [start() for _ in range(4)]
answers = os.read(read, 1)
for killed in range(4):
    os.kill(workers[killed], signal.SIGKILL)
    assert os.waitpid(workers[killed], 0)[1] == signal.SIGKILL
    workers[killed] = start()
    assert same()
while len(answers) < 5:
    answers += os.read(read, 1)
for worker in workers:
    os.kill(worker, signal.SIGTERM)
codes = [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers]
print(set(answers.decode()), [code for code in codes if code not in (0, -signal.SIGTERM)], same())
"""

# Children of children while all their parents' other threads compute.
TREE = """
def work():
    while not done.is_set():
        net(x, threads=2)

def grow(depth):
    global done
    done = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    right = same()
    if depth:
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                os._exit(0 if grow(depth - 1) else 1)
            children.append(child)
        right &= all([os.waitpid(child, 0)[1] == 0 for child in children])
    done.set()
    thread.join()
    return right

print(grow(3))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize(
    ("code", "expected"), [(PREFORK, "{'+'} [] True\n"), (TREE, "True\n")], ids=["prefork", "tree"]
)
def test_forks(code: str, expected: str) -> None:
    done = run_python(LARGE_NETWORK + code, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
