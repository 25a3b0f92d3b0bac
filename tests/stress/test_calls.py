"""Sixteen threads call shared networks again and again: every result is right to the last bit.

FASTNN_STRESS_CALLS says how many calls each thread makes; `make stress` asks for 100 000.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from support import LARGE_NETWORK, Array, every_dtype, output_of, random_layers, run_python, same_bits

import fastnn

THREADS = 16
CALLS = int(os.environ.get("FASTNN_STRESS_CALLS", "2000"))

# Every way through the engine: columns, tiles, sums across lanes, on the stack and not.
WIDTHS = ((2, 3, 2), (7, 7, 7), (30, 64, 64, 4), (300, 1), (128, 300, 10), (65, 7, 3))
ROWS = (0, 1, 2, 7, 16, 33, 64)


def network(widths: tuple[int, ...], dtype: Any) -> fastnn.Network:
    names = ["tanh"] * (len(widths) - 2) + ["softmax"]
    layers = random_layers(widths, names, dtype)
    return fastnn.Network([fastnn.Dense(w, b, str(chosen)) for w, b, chosen in layers])


def test_one_of_two_threads_builds_a_network() -> None:
    """Under an interpreter lock this can't fail: the lock alone keeps the threads apart there."""
    layers = [network(widths, np.float32).layers for widths in ((4, 4), (4,) * 12)]
    x = np.ones(4, np.float32)
    expected = [fastnn.Network(some)(x) for some in layers]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(500):
            net = fastnn.Network.__new__(fastnn.Network)
            begun = threading.Barrier(2)

            def builds(which: int, net: fastnn.Network = net, begun: threading.Barrier = begun) -> bool:
                begun.wait()
                try:
                    net.__init__(layers[which])  # type: ignore[misc]
                except RuntimeError:
                    return False
                return True

            built = list(pool.map(builds, range(2)))
            assert sum(built) == 1
            assert net.layers == layers[built.index(True)]
            assert same_bits(net(x), expected[built.index(True)])


@pytest.mark.timeout(3600)
@every_dtype
def test_mixed_shapes(dtype: np.dtype[Any]) -> None:
    rng = np.random.default_rng(0)
    work: list[tuple[fastnn.Network, Array, Array]] = []
    for net in (network(widths, dtype) for widths in WIDTHS):
        for rows in ROWS:
            x = rng.standard_normal((rows, net.n_inputs)).astype(dtype)
            work.append((net, x, net(x, threads=1)))
            work.append((net, np.asfortranarray(x), work[-1][2]))
    begun = threading.Barrier(THREADS)

    def call_all(seed: int) -> int:
        order = np.random.default_rng(seed).integers(0, len(work), CALLS).tolist()
        outs = [np.empty_like(expected) for _, _, expected in work]
        begun.wait()
        wrong = 0
        for i in order:
            net, x, expected = work[i]
            got = net(x, outs[i]) if i & 1 else net(x)
            wrong += not same_bits(got, expected)
        return wrong

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(call_all, range(THREADS))) == 0


def test_threads_that_ask_for_threads() -> None:
    net = network((128, 300, 10), np.float32)
    x = np.random.default_rng(1).standard_normal((700, 128)).astype(np.float32)
    expected = net(x, threads=1)

    def call_all(seed: int) -> bool:
        return all(
            same_bits(net(x, threads=1 + (seed + i) % 4), expected) for i in range(max(CALLS // 200, 10))
        )

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(call_all, range(THREADS)))


def test_networks_come_and_go() -> None:
    """Built, called, compared, pickled and dropped by many at once, the layers shared."""
    layers = network((30, 64, 64, 4), np.float32).layers
    x = np.random.default_rng(2).standard_normal((5, 30)).astype(np.float32)
    expected = fastnn.Network(layers)(x)

    def build_all(_: int) -> bool:
        return all(same_bits(fastnn.Network(layers)(x), expected) for _ in range(max(CALLS // 40, 20)))

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(build_all, range(THREADS)))


# A long call, to which signals come all the time. What counts is the longest time between two looks at them,
# since Ctrl-C can come at its beginning. On a machine with nothing else to do, a call that never sleeps takes
# no longer by the clock than its threads together take of the processors: where others have these, that says
# how long it would have been.
LONGEST_WAIT = """
import signal, time
import numpy as np, fastnn

looks = []

def look(*_):
    looks.append((time.monotonic(), time.process_time()))
    if looks[-1][0] - looks[0][0] > 0.5:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        raise KeyboardInterrupt

def longest_wait(work):
    signal.signal(signal.SIGALRM, look)
    looks.append((time.monotonic(), time.process_time()))
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        work()
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        end = "done"
    except KeyboardInterrupt:
        end = "stopped"
    looks.append((time.monotonic(), time.process_time()))
    waits = [min(b[0] - a[0], b[1] - a[1]) for a, b in zip(looks, looks[1:])]
    print(end, max(waits))

"""

# On memory of one row: as long as ten million rows.
LONG = """
net = fastnn.Network([fastnn.Dense(np.ones((width, width), dtype), None, "tanh")] * depth)
x = np.broadcast_to(np.ones(width, dtype), (10_000_000, width))[:, ::step]
out = np.lib.stride_tricks.as_strided(np.empty(width, dtype), (10_000_000, width), (0, dtype().itemsize))
net(x[:8], out[:8], threads=threads)
longest_wait(lambda: net(x, out, threads=threads))
"""

has_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX's alarms")


def waited(code: str, isa: str) -> tuple[str, float]:
    """Return whether a call was stopped or done, and the longest time without a look at signals."""
    end, seconds = output_of(LONGEST_WAIT + code, FASTNN_ISA=isa).split()
    return end, float(seconds)


@has_alarms
@pytest.mark.parametrize("isa", fastnn.available_isas())
@pytest.mark.parametrize(
    ("width", "depth", "threads", "step", "dtype"),
    [
        (1000, 3, 1, 1, "float32"),
        (1000, 3, 2, 1, "float64"),
        (1000, 3, 2, -1, "float32"),
        (4000, 3, 1, 1, "float32"),
        (8000, 1, 1, 1, "float64"),
    ],
)
def test_control_c_stops_a_long_call(
    isa: str, width: int, depth: int, threads: int, step: int, dtype: str
) -> None:
    setting = f"width, depth, threads, step, dtype = {width}, {depth}, {threads}, {step}, np.{dtype}\n"
    end, seconds = waited(setting + LONG, isa)
    assert end == "stopped"
    assert seconds < 1.0


@has_alarms
@pytest.mark.parametrize("name", ["gelu", "softmax"])
@pytest.mark.parametrize("isa", fastnn.available_isas())
def test_control_c_stops_an_activation(isa: str, name: str) -> None:
    """Of many numbers; a zero-stride array would be copied, so they are there."""
    z = "z = np.zeros((25_000_000, 4), np.float32)\n"
    end, seconds = waited(f"{z}longest_wait(lambda: fastnn.{name}(z, out=z))", isa)
    assert seconds < 1.0
    if isa == "scalar":
        assert end == "stopped", "it was too fast to be stopped"


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends the process there")
def test_a_signal_that_is_handled_changes_no_result() -> None:
    code = """
import os, signal
net = fastnn.Network([fastnn.Dense(rng.standard_normal((600, 600)), None, "tanh")] * 3, "float32")
x = rng.standard_normal((10_000, 600)).astype(np.float32)
expected = net(x, threads=1)
seen = []
signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
results = [net(x, threads=threads).tobytes() == expected.tobytes() for threads in (1, 2)]
signal.setitimer(signal.ITIMER_REAL, 0)
print(results, len(seen) > 0)
"""
    assert output_of(LARGE_NETWORK + code) == "[True, True] True\n"


def test_exit_while_busy() -> None:
    """The interpreter ends while daemon threads compute, on one thread and on several."""
    code = """
def work(threads):
    while True:
        net(x, threads=threads)

for threads in (1, 2, None):
    threading.Thread(target=work, args=(threads,), daemon=True).start()
time.sleep(0.3)
print("done")
"""
    for _ in range(3):
        done = run_python("import time\n" + LARGE_NETWORK + code, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or sys.platform == "win32", reason="POSIX's signals")
def test_termination_while_busy() -> None:
    code = """
import os, signal
threading.Thread(target=lambda: (time.sleep(0.2), os.kill(os.getpid(), signal.SIGTERM))).start()
while True:
    net(x, threads=2)
"""
    start = time.monotonic()
    assert run_python("import time\n" + LARGE_NETWORK + code).returncode == -signal.SIGTERM
    assert time.monotonic() - start < 30


SUBINTERPRETER = """
import sys
try:
    import _interpreters as interpreters
    run = lambda code: interpreters.exec(interpreters.create({config!r}), code)
except ImportError:
    import _xxsubinterpreters as interpreters
    run = lambda code: interpreters.run_string(interpreters.create(isolated={isolated}), code)
{before}
code = '''
try:
    import fastnn
    assert fastnn.relu(-1.0) == 0.0
    print("works")
except ImportError:
    print("refused")
'''
for _ in range(3):
    try:
        problem = run(code)
    except Exception as error:
        problem = error
    assert problem is None, problem
{after}
"""

# Threads that take blocks of rows, and threads that share a layer's outputs, on the stack and not.
ON_THREADS = """
import numpy as np
for width, rows in ((64, 5000), (1024, 1), (1024, 40)):
    net = fastnn.Network([fastnn.Dense(np.ones((width, width), np.float32))] * 2)
    assert (net(np.ones((rows, width), np.float32), threads=2) == width**2).all()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="tried on POSIX")
@pytest.mark.parametrize("before", ["", "import fastnn"])
@pytest.mark.parametrize(("config", "isolated"), [("isolated", True), ("legacy", False)])
def test_subinterpreters(config: str, isolated: bool, before: str) -> None:
    """Refused with an ImportError or working; never the end of the process, and the main one works on."""
    code = SUBINTERPRETER.format(config=config, isolated=isolated, before=before, after=before and ON_THREADS)
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"works", "refused"}
    assert done.stdout.split()
