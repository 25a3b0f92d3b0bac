"""Contract 3 for layers and networks: no read or write outside the arrays, as guard pages on each side show.

A kernel that strays ends the process, so the sweep of each instruction set runs in one of its own: this file,
run as a program. test_guard_kernels.py does the same with each kernel.
"""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from guarded import Guarded, run_apart
from support import (
    ROW_WISE,
    Array,
    every_dtype,
    every_isa,
    kernel_sizes,
    kernels,
    one_layer,
    random_layers,
    same_bits,
)

from fastnn._core.engine import Plan


def sweep_dense(isa: str, dtype: np.dtype[Any], inputs: Guarded, outputs: Guarded) -> None:
    parameters = Guarded(128)
    batches = sorted(
        {*kernel_sizes([isa], of=["tile_rows", "panel"]), 2, 3, 3 * kernels(dtype, isa).panel + 1}
    )
    for i, width in enumerate([*kernel_sizes([isa])[1:], 2, 3, 130]):
        depth = (1, 2, 3, 7, 15, 16, 17, 33, 257)[i % 9]
        rng = np.random.default_rng(i)
        bias = rng.standard_normal(width).astype(dtype)
        x = rng.standard_normal((max(batches), depth)).astype(dtype)
        for weight in parameters.places(rng.standard_normal((width, depth)).astype(dtype)):
            for name in ("identity", "relu", "tanh", *ROW_WISE):
                check_plan(one_layer(isa, weight, bias, name), x, batches, inputs, outputs)


def sweep_networks(isa: str, dtype: np.dtype[Any], inputs: Guarded, outputs: Guarded) -> None:
    for widths in ((2, 3, 2), (24, 64, 64, 4), (300, 1), (7, 7, 7), (65, 7, 3), (8, 16, 2), (47, 13, 4, 5)):
        net = Plan(random_layers(widths, ["tanh"] * (len(widths) - 1), dtype), dtype, isa)
        x = np.random.default_rng(0).standard_normal((70, widths[0])).astype(dtype)
        check_plan(net, x, [0, 1, 2, 3, 31, 70], inputs, outputs)
    # Large enough for threads to share each layer.
    net = Plan(random_layers((300, 517, 301), ["relu", "softmax"], dtype), dtype, isa)
    x = np.random.default_rng(0).standard_normal((20, 300)).astype(dtype)
    check_plan(net, x, [1, 2, 20], inputs, outputs, threads=2)
    net = Plan(random_layers((0, 3, 2), ["tanh", "softmax"], dtype), dtype, isa)
    for rows in (1, 2, 300):
        for strides in ((0, 0), (dtype.itemsize, dtype.itemsize)):
            edge = mmap.PAGESIZE + inputs.size
            nothing = np.ndarray((rows, 0), dtype, inputs.memory, edge, strides)
            assert same_bits(net(nothing), net(np.ones((rows, 0), dtype)))
            assert same_bits(net(nothing[0]), net(nothing)[0])


def check_plan(
    net: Plan, x: Array, batches: list[int], inputs: Guarded, outputs: Guarded, threads: int | None = None
) -> None:
    expected = net(x, threads=1)
    for rows in batches:
        fresh = np.full((rows, net.n_outputs), np.nan, x.dtype)
        for source, target in zip(inputs.places(x[:rows]), outputs.places(fresh), strict=True):
            assert same_bits(net(source, target, threads), expected[:rows])
    for source, target in zip(inputs.places(x[0]), outputs.places(fresh[0]), strict=True):
        assert same_bits(net(source, threads=threads), expected[0])
        assert same_bits(net(source, target, threads), expected[0])


def sweep(isa: str, dtype: np.dtype[Any]) -> None:
    inputs, outputs = Guarded(64), Guarded(64)
    sweep_dense(isa, dtype, inputs, outputs)
    sweep_networks(isa, dtype, inputs, outputs)


@pytest.mark.skipif(sys.platform == "win32", reason="mprotect is POSIX's")
class TestGuardPages:
    @every_dtype
    @every_isa
    def test_nothing_outside_is_touched(self, isa: str, dtype: np.dtype[Any]) -> None:
        done = run_apart(__file__, isa, str(dtype))
        assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"
        assert done.stdout == "swept\n"

    @pytest.mark.parametrize("where", ["before", "after"])
    def test_the_guards_bite(self, where: str) -> None:
        assert run_apart(__file__, where).returncode < 0


def stray(where: str) -> None:
    """Read one byte too far."""
    guarded = Guarded(1)
    offset = mmap.PAGESIZE - 1 if where == "before" else mmap.PAGESIZE + guarded.size
    ctypes.string_at(ctypes.addressof(ctypes.c_char.from_buffer(guarded.memory)) + offset, 1)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        stray(sys.argv[1])
    else:
        faulthandler.enable()
        sweep(sys.argv[1], np.dtype(sys.argv[2]))
        print("swept")
