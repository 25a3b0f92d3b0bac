"""Memory runs out at every place in turn: MemoryError or a right result, and the next call is right."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest
from support import FREE_THREADED, on_linux, run_python

pytestmark = pytest.mark.skipif(
    FREE_THREADED,
    reason="a free-threaded CPython (3.13) crashes or hangs by itself where memory runs out",
)

# Each is tried under limits on the address space, from 64 KiB more than is used to 50 MiB more.
WORK = """
import os, pickle, sys, tempfile
import numpy as np, fastnn

rng = np.random.default_rng(0)
weights = [rng.standard_normal((1200, 700)), rng.standard_normal((40, 1200))]
layers = [fastnn.Dense(weights[0], None, "tanh"), fastnn.Dense(weights[1], None, "softmax")]
net = fastnn.Network(layers, "float32")
x = rng.standard_normal((2000, 700)).astype(np.float32)
out = np.empty((2000, 40), np.float32)
data = pickle.dumps(net)
z = rng.standard_normal(1_500_000)
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "net.safetensors")
net.save(path)
other = os.path.join(folder.name, "other.safetensors")

def saved(net, **golden):
    net.save(other, **golden)
    with open(other, "rb", buffering=0) as file:
        return np.frombuffer(file.read(), np.uint8)

def check_folder():
    assert fastnn.load(path) == net
    assert set(os.listdir(folder.name)) <= {os.path.basename(path), os.path.basename(other)}

WORK = {
    "call": lambda: net(x, threads=1),
    "call on two threads": lambda: net(x, threads=2),
    "call into out": lambda: net(x, out, threads=1).copy(),
    "call on columns": lambda: net(x[:, ::-1], threads=1),
    "build": lambda: fastnn.Network([fastnn.Dense(w) for w in weights])(x[:1]),
    "astype": lambda: net.astype("float64")(x[:1]),
    "trace": lambda: net.trace(x)[-1].a,
    "predict": lambda: net.predict(x),
    "predict blocks": lambda: net.predict([x[:900], x[900:]]),
    "iter_predict": lambda: np.concatenate(list(net.iter_predict([x[:900], x[900:]]))),
    "unpickle": lambda: pickle.loads(data)(x[:1]),
    "load": lambda: fastnn.load(path)(x[:1]),
    "save": lambda: saved(net, golden=x[:20]),
    "tanh": lambda: fastnn.tanh(z),
    "softmax": lambda: fastnn.softmax(z.reshape(3, -1), axis=0),
}
"""

LIMITED = """
import resource
name = sys.argv[1]
work = WORK[name]
expected = work()
import ctypes
trim = getattr(ctypes.CDLL(None), "malloc_trim", int)  # glibc's
failed = 0
for i in range(int(sys.argv[2])):
    trim(0)
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + int(2**16 * 1.12**i), -1))
    try:
        got = work()
    except MemoryError:
        failed += 1
        got = expected
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    assert got.tobytes() == expected.tobytes(), i
check_folder()
assert work().tobytes() == expected.tobytes()
print(failed)
"""
LIMITS = 60


def names_in(program: str) -> list[str]:
    """Return the names of the kinds of work in a program."""
    return re.findall(r'^    "([^"]+)": lambda: ', program, re.MULTILINE)


@on_linux
@pytest.mark.parametrize("name", names_in(WORK))
def test_a_limit_on_memory(name: str, record_property: Callable[[str, object], None]) -> None:
    # All that is freed goes back at once, so that it must be asked for again.
    settings = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0", "FASTNN_NUM_THREADS": "2"}
    done = run_python(WORK + LIMITED, name, str(LIMITS), timeout=280, **settings)
    assert done.returncode == 0, done.stderr
    failed = int(done.stdout)
    assert 0 < failed < LIMITS
    record_property("limits on memory", LIMITS)
    record_property("limits on memory that were too low", failed)


# CPython's own allocations fail, one after the other, until the work succeeds without the failing one.
NO_MEMORY = """
import _testcapi
SMALL = {
    "call": lambda: net(row),
    "call of a list": lambda: net(some),
    "call on columns": lambda: net(x[:4, ::-1]),
    "call into out": lambda: net(x[:4], out[:4]),
    "wrong width": lambda: net(row[1:]),
    "wrong dtype": lambda: net(row.astype(complex)),
    "build": lambda: fastnn.Network([fastnn.Dense([[1.0, 2.0]], [0.5], "leaky_relu(0.2)")])([1.0, 2.0]),
    "trace": lambda: net.trace(row)[-1].a,
    "predict": lambda: net.predict(x[:4], batch_size=3),
    "predict blocks": lambda: net.predict([x[:4], x[:2]]),
    "iter_predict": lambda: np.concatenate(list(net.iter_predict([x[:4], x[:2]]))),
    "tanh": lambda: fastnn.tanh(row),
    "softmax": lambda: fastnn.softmax(x[:4], axis=0),
    "cross_entropy": lambda: np.array(fastnn.cross_entropy([0.5, 0.5], 1)),
    "save": lambda: saved(fastnn.Network([fastnn.Dense([[1.0, 2.0]])]), golden=[1.0, 2.0]),
    "repr": lambda: np.array(len(repr(net) + net.summary())),
}
def is_lost(error):
    # CPython 3.11 itself says SystemError where it loses a MemoryError on the way up, or where open() does.
    return isinstance(error, (MemoryError, SystemError)) or "can't allocate" in str(error)

row, some = x[0].copy(), x[:2].tolist()
work = SMALL[sys.argv[1]]

def outcome():
    try:
        return work().tobytes()
    except (ValueError, TypeError) as error:
        return type(error)

expected = outcome()
failed = 0
for i in range(3000):
    _testcapi.set_nomemory(i, i + 1)
    try:
        got = outcome()
    except Exception as error:
        if not is_lost(error):
            raise
        got = MemoryError
    finally:
        _testcapi.remove_mem_hooks()
    if got is MemoryError:
        failed += 1
    else:
        assert got == expected, (i, got)
        if i > 2 * failed + 60:
            break
check_folder()
assert outcome() == expected
print(i, failed)
"""


@pytest.mark.skipif(
    (3, 12) <= sys.version_info[:2] < (3, 14),
    reason="CPython 3.12 and 3.13 crash by themselves: they lose errors, and free code that is in use",
)
@pytest.mark.parametrize("name", names_in(NO_MEMORY))
def test_every_allocation_of_python(name: str, record_property: Callable[[str, object], None]) -> None:
    pytest.importorskip("_testcapi")
    done = run_python(WORK + NO_MEMORY, name, timeout=120)
    assert done.returncode == 0, done.stderr
    _, failed = map(int, done.stdout.split())
    assert failed > 0
    record_property("allocations of Python's that failed", failed)
