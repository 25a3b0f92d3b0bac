"""Contracts 4 and 5 over a process's life: forks, memory that doesn't grow, scratch that stays small."""

from __future__ import annotations

import os
import sys

import pytest
from support import LARGE_NETWORK, PEAK, on_linux, output_of


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
class TestFork:
    def test_after_use(self) -> None:
        code = """
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if same() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert same()
"""
        assert output_of(LARGE_NETWORK + code) == ""

    @pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
    def test_in_c(self) -> None:
        """A server around Python may fork without asking it."""
        code = """
import ctypes
assert same()
child = ctypes.PyDLL(None).fork()
if child == 0:
    os._exit(0 if same() else 1)
assert os.waitpid(child, 0)[1] == 0
assert same()
"""
        assert output_of(LARGE_NETWORK + code) == ""

    def test_nested(self) -> None:
        code = """
child = os.fork()
if child == 0:
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0 if same() else 1)
    os._exit(0 if same() and os.waitpid(grandchild, 0)[1] == 0 else 1)
assert os.waitpid(child, 0)[1] == 0
assert same()
"""
        assert output_of(LARGE_NETWORK + code) == ""

    def test_in_another_thread_than_the_one_that_computed(self) -> None:
        code = """
def work():
    child = os.fork()
    if child == 0:
        os._exit(0 if same() else 1)
    statuses.append(os.waitpid(child, 0)[1])

statuses = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
assert statuses == [0]
"""
        assert output_of(LARGE_NETWORK + code) == ""

    def test_while_another_thread_computes(self) -> None:
        code = """
def work():
    while not done.is_set():
        assert same()

done = threading.Event()
thread = threading.Thread(target=work)
thread.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        os._exit(0 if same() else 1)
    assert os.waitpid(child, 0)[1] == 0
done.set()
thread.join()
"""
        assert output_of(LARGE_NETWORK + code) == ""

    def test_pool(self) -> None:
        code = """
import multiprocessing

def first(i):
    return net(x[i:], threads=2)[0].tobytes()

with multiprocessing.get_context("fork").Pool(3) as pool:
    assert pool.map(first, range(12)) == [row.tobytes() for row in y[:12]]
"""
        assert output_of(LARGE_NETWORK + code) == ""


@on_linux
def test_memory_does_not_grow() -> None:
    code = """
small = fastnn.Network([fastnn.Dense([[0.4, -0.3], [-0.2, 0.5]], [0.1, -0.1], "softmax")], "float32")
row, rows, wrong = np.ones(2, np.float32), [[1, 2]] * 20, np.ones((3, 5))

def work(calls):
    for _ in range(calls):
        small(row), small(rows), fastnn.tanh(row), fastnn.softmax(rows, axis=0)
        try:
            small(wrong)
        except ValueError:
            pass
    for _ in range(calls // 200):
        net(x), net(x[:, ::-1], threads=2), fastnn.Network(net.layers, "float64")

work(2000)
begin()
before = peak()
work(20000)
print(peak() - before)
"""
    grown = int(output_of(LARGE_NETWORK + PEAK + code))
    assert grown < 4096, f"{grown} KiB more"


SCRATCH = """
import ctypes, sys
from itertools import pairwise
import numpy as np, fastnn
layout, threads, rows, *widths = sys.argv[1], *map(int, sys.argv[2:])
net = fastnn.Network([fastnn.Dense(np.ones((m, n), np.float32)) for n, m in pairwise(widths)])
x, out = np.ones((rows, widths[0]), np.float32, layout), np.ones((rows, widths[-1]), np.float32, layout)
net(x[:3], out[:3], threads=1)
getattr(ctypes.CDLL(None), "malloc_trim", int)(0)  # what was freed before would count as held
begin()
before = peak()
net(x, out, threads=threads)
print(peak() - before)
"""


def scratch(layout: str, threads: int, rows: int, widths: tuple[int, ...]) -> int:
    # NumPy asks for huge pages, and the kernel makes them in the middle of the call.
    arguments = map(str, (layout, threads, rows, *widths))
    return int(output_of(PEAK + SCRATCH, *arguments, NUMPY_MADVISE_HUGEPAGE="0"))


@on_linux
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize(
    "widths",
    [(2, 3, 2), (784, 128, 10), (512, 512, 512), (100_000, 4), (3, 9300, 3), (3, 9400, 3), (3, 260_000, 3)],
    ids=str,
)
def test_scratch_is_bounded(widths: tuple[int, ...], layout: str, threads: int) -> None:
    used = scratch(layout, threads, max(10_000_000 // sum(widths), 100), widths)
    assert used <= threads * (2048 + 128), f"{used} KiB of scratch"


@on_linux
@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("widths", [(1000, 1000, 1000), (40, 9400, 40), (4, 260_000, 40)], ids=str)
def test_scratch_of_shared_rows_is_bounded(widths: tuple[int, ...], layout: str) -> None:
    used = scratch(layout, 2, 47, widths)
    assert used <= 2 * (2048 + 128), f"{used} KiB of scratch"
