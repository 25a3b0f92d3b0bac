"""Few rows of a large network, whose threads share each layer: the same bits, in any memory."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from support import LARGE_NETWORK, every_dtype, every_isa, output_of, random_layers, same_bits

from fastnn import _build_info
from fastnn._core.engine import Plan

# 128 KiB of weights a layer for each of three threads, in float32; widths on either side of whole vectors and
# panels, and layers of fewer panels than threads, which share the rows.
NETWORKS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "odd widths": ((61, 1033, 517, 10), ("relu", "tanh", "softmax")),
    "wide softmax": ((300, 385, 1500), ("sigmoid", "softmax")),
    "wide log-softmax": ((1000, 401), ("log_softmax",)),
    "hidden softmax": ((257, 801, 305, 5), ("softmax", "log_softmax", "identity")),
    "one output": ((640, 640, 1), ("tanh", "sigmoid")),
    "33 outputs": ((900, 512, 33), ("relu", "tanh")),
}
BATCHES = (1, 2, 3, 4, 5, 7, 8, 13, 14, 15, 20, 47)
every_network = pytest.mark.parametrize("name", NETWORKS)


def plan(name: str, dtype: Any, isa: str | None = None) -> Plan:
    widths, activations = NETWORKS[name]
    return Plan(random_layers(widths, activations, dtype), dtype, isa)


def inputs(net: Plan, rows: int = 47) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).standard_normal((rows, net.n_inputs)).astype(net.dtype)


@every_network
@every_dtype
class TestBits:
    @every_isa
    def test_on_any_number_of_threads(self, name: str, dtype: np.dtype[Any], isa: str) -> None:
        net = plan(name, dtype, isa)
        x = inputs(net, 8 if isa == "scalar" else 47)
        expected = net(x, threads=1)
        for threads in (None, 2, 3):
            assert same_bits(net(x[0], threads=threads), expected[0])
            for rows in BATCHES:
                assert same_bits(net(x[-rows:], threads=threads), expected[-rows:]), (threads, rows)

    def test_into_any_memory(self, name: str, dtype: np.dtype[Any]) -> None:
        net = plan(name, dtype)
        x = inputs(net, 9)
        expected = net(x, threads=1)
        memory = np.empty((20, net.n_outputs + 3), dtype)
        for rows in (slice(0, 9), slice(0, 18, 2), slice(18, 0, -2)):
            memory.fill(7)
            out = memory[rows, 1:-2]
            assert net(x, out, threads=2) is out
            assert same_bits(out, expected)
            out.fill(7)
            assert (memory == 7).all(), "nothing is written beside the rows"
            net(x[3], out[3], threads=2)
            assert same_bits(out[3], expected[3])

    def test_from_any_memory(self, name: str, dtype: np.dtype[Any]) -> None:
        net = plan(name, dtype)
        x = inputs(net, 9)
        expected = net(x, threads=1)
        memory = np.full((18, net.n_inputs + 3), np.nan, dtype)
        memory[::2, 1:-2] = x
        assert same_bits(net(memory[::2, 1:-2], threads=2), expected)
        assert same_bits(net(np.asfortranarray(x), threads=2), expected)
        assert same_bits(net(x[::-1], threads=2)[::-1], expected)


@every_dtype
def test_layers_without_inputs_or_outputs(dtype: np.dtype[Any]) -> None:
    for widths in ((0, 1000, 500), (300, 1000, 0, 700), (300, 1000, 0)):
        net = Plan(random_layers(widths, ["softmax"] * (len(widths) - 1), dtype), dtype)
        for x in (inputs(net, 3), inputs(net, 1)[0]):
            assert same_bits(net(x, threads=2), net(x, threads=1))


def test_layers_wider_than_a_block() -> None:
    # A row or a few at a time, each shared.
    for width in (9400, 140_000):
        net = Plan(random_layers((4, width, 40), ("relu", "softmax"), np.float32), np.float32)
        x = inputs(net, 20)
        expected = net(x, threads=1)
        assert same_bits(net(x, threads=2), expected)
        assert same_bits(net(x[7], threads=2), expected[7])


def test_nan_stays_in_its_row() -> None:
    net = plan("wide softmax", np.float32)
    x = inputs(net, 6)
    expected = net(x, threads=1)
    x[2, 5] = np.nan
    y = net(x, threads=2)
    assert np.isnan(y[2]).all()
    assert same_bits(np.delete(y, 2, 0), np.delete(expected, 2, 0))


def test_from_eight_threads_at_once() -> None:
    nets = [plan(name, np.float32) for name in ("odd widths", "wide softmax")]
    batches = [(net, inputs(net)[:rows]) for net in nets for rows in (1, 8)]
    expected = [net(x, threads=1) for net, x in batches]

    def work(seed: int) -> bool:
        return all(
            same_bits(batches[i][0](batches[i][1], threads=threads), expected[i])
            for i, threads in zip(
                np.random.default_rng(seed).integers(0, 4, 24), [None, 1, 2] * 8, strict=True
            )
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_in_a_forked_child() -> None:
    code = """
net = fastnn.Network([fastnn.Dense(rng.standard_normal((2000, 300)), None, "softmax")], "float32")
x = x[:3]
y = net(x, threads=2)
child = os.fork()
if child == 0:
    os._exit(0 if same() else 1)
assert os.waitpid(child, 0)[1] == 0
assert same()
"""
    assert output_of(LARGE_NETWORK + code) == ""


@pytest.mark.skipif(
    not (_build_info.OPENMP and sys.platform.startswith("linux") and len(os.sched_getaffinity(0)) > 1),
    reason="counts OpenMP's threads on two processors",
)
@pytest.mark.parametrize(
    ("widths", "rows", "threads", "expected"),
    [
        *[((1000, 5000), rows, None, 1) for rows in (1, 27)],
        *[((500, 1000), 1, None, 0), ((500, 1000), 1, 2, 1), ((500, 1000), 1, 3, 2), ((500, 1000), 1, 1, 0)],
        *[((100, 200), 1, 2, 0), ((1_000_000, 1), 1, 2, 0), ((100,) * 100, 1, 2, 0)],
        *[((100,) * 100, 27, None, 0), ((100,) * 100, 100, None, 1)],
    ],
)
def test_threads_that_a_call_starts(
    widths: tuple[int, ...], rows: int, threads: int | None, expected: int
) -> None:
    code = """
import sys
from itertools import pairwise
from pathlib import Path
import numpy as np, fastnn

def count():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["Threads"])

rows, threads, *widths = map(int, sys.argv[1:])
fastnn.set_num_threads(2)
net = fastnn.Network([fastnn.Dense(np.ones((m, n))) for n, m in pairwise(widths)])
before = count()
net(np.ones((rows, widths[0])), threads=threads or None)
print(count() - before)
"""
    assert output_of(code, str(rows), str(threads or 0), *map(str, widths)) == f"{expected}\n"
