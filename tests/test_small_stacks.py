"""Stacks of 64 KiB are enough, of the thread that calls and of those that OpenMP starts."""

from __future__ import annotations

import pytest
from support import run_python

from fastnn import _build_info

NETWORKS = """
from itertools import pairwise
import threading
import numpy as np
import fastnn

rng = np.random.default_rng(0)

def network(widths, activation, dtype):
    layers = [(rng.standard_normal((m, n)), rng.standard_normal(m)) for n, m in pairwise(widths)]
    return fastnn.Network([fastnn.Dense(w, b, activation) for w, b in layers], dtype)
"""

CALLER = """
def run():
    for widths, rows in (((2, 3, 2), 8), ((2, 3, 2), 300), ((16, 16, 16), 300), ((500, 2000), 5)):
        for dtype in ("float32", "float64"):
            net = network(widths, "softmax", dtype)
            net(np.ones((rows, net.n_inputs), dtype), threads=1)
            net(np.ones(net.n_inputs, dtype))
    print("done")

threading.stack_size(64 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""

# The narrow networks' columns, blocks of rows, few outputs, and layers whose outputs threads share.
WORKERS = """
from fastnn._core.activation_table import ACTIVATIONS

for widths, rows in (((2, 3, 2), 1000), ((16, 16, 16), 1000), ((70, 33, 4), 700), ((500, 700, 300), 9)):
    for dtype in ("float32", "float64"):
        for activation in ACTIVATIONS:
            net = network(widths, activation.name, dtype)
            x = rng.standard_normal((rows, 2 * net.n_inputs)).astype(dtype)
            for given in (x[:, : net.n_inputs], x[::-1, ::2], (10 * x[:, ::2]).astype(np.int16)):
                assert net(given, threads=2).tobytes() == net(given, threads=1).tobytes()
print("done")
"""


@pytest.mark.parametrize(
    "code",
    [
        CALLER,
        pytest.param(
            WORKERS,
            marks=pytest.mark.skipif(not _build_info.OPENMP, reason="needs threads"),
        ),
    ],
    ids=["caller", "workers"],
)
def test_small_stacks(code: str) -> None:
    done = run_python(NETWORKS + code, OMP_STACKSIZE="64k")
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
