"""Contract 1: the bits of an output row depend on that row and the parameters alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import (
    ELEMENTWISE,
    FUSED_ISAS,
    ISAS,
    ROW_WISE,
    Array,
    activate,
    differentiate,
    every_dtype,
    every_isa,
    normalize,
    output_of,
    random_layers,
    same_bits,
)

from fastnn._core.engine import Plan

NETWORKS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "2-3-2": ((2, 3, 2), ("relu", "softmax")),
    "24-64-64-4": ((24, 64, 64, 4), ("tanh", "tanh", "identity")),
    "784-128-10": ((784, 128, 10), ("relu", "softmax")),
    "13-512-256-64": ((13, 512, 256, 64), ("relu", "relu", "log_softmax")),
    "128-256-256-16": ((128, 256, 256, 16), ("sigmoid", "sigmoid", "sigmoid")),
    "300-1": ((300, 1), ("sigmoid",)),
    "7-7-7": ((7, 7, 7), ("tanh", "log_softmax")),
    "8-16-2": ((8, 16, 2), ("sigmoid", "softmax")),
    "4-1-4": ((4, 1, 4), ("tanh", "relu")),
    "65-7-3": ((65, 7, 3), ("relu", "softmax")),
    "1100-40-2-5": ((1100, 40, 2, 5), ("relu", "log_softmax", "softmax")),
}
BATCHES = (1, 2, 3, 7, 64, 1000)
every_network = pytest.mark.parametrize("name", NETWORKS)


def plan(name: str, dtype: Any, isa: str) -> Plan:
    widths, activations = NETWORKS[name]
    return Plan(random_layers(widths, activations, dtype), dtype, isa)


def inputs(name: str, dtype: Any, isa: str) -> Array:
    """Return a batch: fewer examples where the kernels are slow and the network large."""
    widths = NETWORKS[name][0]
    slow = isa == "scalar" and sum(widths) > 500
    rng = np.random.default_rng(7)
    return rng.standard_normal((1011, widths[0])).astype(dtype)[: 75 if slow else None]


def unaligned(x: Array) -> Array:
    """Return x one byte past an address that suits its dtype."""
    memory = np.empty(x.nbytes + 1, np.uint8)[1:]
    memory[:] = np.frombuffer(x.tobytes(), np.uint8)
    return memory.view(x.dtype).reshape(x.shape)


def one_element_off(x: Array) -> Array:
    memory = np.empty(x.size + 1, x.dtype)[1:].reshape(x.shape)
    memory[...] = x
    return memory


def spread(x: Array, rows: int, columns: int) -> Array:
    """Return x as every so many rows and columns of a larger array."""
    memory = np.full((x.shape[0] * abs(rows), x.shape[1] * abs(columns) + 1), np.nan, x.dtype)
    view = memory[::rows, : memory.shape[1] - 1][:, ::columns]
    view[...] = x
    return view


LAYOUTS: dict[str, Callable[[Array], Any]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every second row": lambda x: spread(x, 2, 1),
    "every third column": lambda x: spread(x, 1, 3),
    "rows reversed": lambda x: spread(x, -1, 1),
    "columns reversed": lambda x: spread(x, 1, -1),
    "column slice": lambda x: spread(x, -2, 1),
    "unaligned": unaligned,
    "one element off": one_element_off,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "list": lambda x: x.tolist(),
}


@every_network
@every_dtype
@every_isa
class TestRow:
    def test_in_any_batch_at_any_place(self, name: str, dtype: np.dtype[Any], isa: str) -> None:
        net, x = plan(name, dtype, isa), inputs(name, dtype, isa)
        expected = net(x, threads=1)
        for batch in BATCHES:
            for first in (0, 1, 5, 11, len(x) - batch):
                rows = slice(first, first + batch)
                assert same_bits(net(x[rows]), expected[rows]), (batch, first)
        for i in (0, 1, 17, len(x) - 1):
            assert same_bits(net(x[i]), expected[i])
            assert same_bits(net(x[i : i + 1]), expected[i : i + 1])
        order = np.random.default_rng(0).permutation(len(x))
        assert same_bits(net(x[order]), expected[order])

    def test_on_any_number_of_threads(self, name: str, dtype: np.dtype[Any], isa: str) -> None:
        net, x = plan(name, dtype, isa), inputs(name, dtype, isa)
        expected = net(x, threads=1)
        for threads in (None, 2, 3):
            assert same_bits(net(x, threads=threads), expected)
            assert same_bits(net(x[:7], threads=threads), expected[:7])

    def test_in_any_layout(self, name: str, dtype: np.dtype[Any], isa: str) -> None:
        net, x = plan(name, dtype, isa), inputs(name, dtype, isa)[:67]
        expected = net(x, threads=1)
        for layout, convert in LAYOUTS.items():
            assert same_bits(net(convert(x)), expected), layout
            assert same_bits(net(convert(x)[5]), expected[5]), layout

    def test_into_any_layout(self, name: str, dtype: np.dtype[Any], isa: str) -> None:
        net, x = plan(name, dtype, isa), inputs(name, dtype, isa)[:67]
        expected = net(x, threads=1)
        for layout in (
            "C",
            "Fortran",
            "every second row",
            "every third column",
            "unaligned",
            "rows reversed",
        ):
            out = LAYOUTS[layout](np.full_like(expected, np.nan))
            assert net(x, out) is out
            assert same_bits(out, expected), layout
            row = LAYOUTS[layout](np.full_like(expected, np.nan))[3]
            net(x[3], row)
            assert same_bits(row, expected[3]), layout

    def test_of_other_dtypes(self, name: str, dtype: np.dtype[Any], isa: str) -> None:
        net, x = plan(name, dtype, isa), 8 * inputs(name, dtype, isa)[:67]
        for other in ("float16", "float32", "float64", "longdouble", "int8", "uint64", ">i4", "bool"):
            with np.errstate(invalid="ignore"):
                converted = x.astype(other)
            assert same_bits(net(converted), net(converted.astype(dtype))), other

    def test_written_over_its_input(self, name: str, dtype: np.dtype[Any], isa: str) -> None:
        # In reverse, so that the first results land on the last inputs.
        net, x = plan(name, dtype, isa), inputs(name, dtype, isa)
        expected = net(x, threads=1)
        both = np.zeros((len(x), max(net.n_inputs, net.n_outputs) + 1), dtype)
        for backwards in (1, -1):
            both[:, : net.n_inputs] = x
            out = both[::backwards, 1 : net.n_outputs + 1]
            net(both[:, : net.n_inputs], out, threads=1)
            assert same_bits(out, expected)


@every_network
@every_dtype
def test_every_isa_agrees(name: str, dtype: np.dtype[Any]) -> None:
    x = inputs(name, dtype, "scalar")
    expected = plan(name, dtype, FUSED_ISAS[0])(x)
    for isa in FUSED_ISAS[1:]:
        assert same_bits(plan(name, dtype, isa)(x), expected), isa


@every_dtype
class TestFunctions:
    def test_every_isa_agrees(self, dtype: np.dtype[Any]) -> None:
        rng = np.random.default_rng(3)
        patterns = rng.integers(0, 2 ** (8 * dtype.itemsize), 20000, f"u{dtype.itemsize}").view(dtype)
        z = np.concatenate([patterns[np.isfinite(patterns)], 20 * rng.standard_normal(5000)], dtype=dtype)
        for name in ELEMENTWISE:
            for function in (activate, differentiate):
                expected = function(FUSED_ISAS[0], name, z)
                assert all(same_bits(function(isa, name, z), expected) for isa in FUSED_ISAS[1:]), name
        for n in (1, 2, 5, 15, 16, 17, 40, 1000):
            rows = 5 * rng.standard_normal((37, n)).astype(dtype)
            for name in ROW_WISE:
                expected = normalize(FUSED_ISAS[0], name, rows)
                assert all(same_bits(normalize(isa, name, rows), expected) for isa in FUSED_ISAS[1:]), (
                    name,
                    n,
                )

    def test_place_does_not_matter(self, dtype: np.dtype[Any]) -> None:
        rng = np.random.default_rng(4)
        z = 5 * rng.standard_normal(67).astype(dtype)
        for isa in ISAS:
            for name in ELEMENTWISE:
                for function in (activate, differentiate):
                    expected = function(isa, name, z)
                    for i in range(len(z)):
                        assert same_bits(function(isa, name, z[i:]), expected[i:])
                        assert same_bits(function(isa, name, z[i : i + 1]), expected[i : i + 1])
            for n in (1, 2, 3, 15, 16, 17, 33):
                rows = 5 * rng.standard_normal((67, n)).astype(dtype)
                for name in ROW_WISE:
                    expected = normalize(isa, name, rows)
                    for i in range(len(rows)):
                        assert same_bits(normalize(isa, name, rows[i:]), expected[i:])
                        assert same_bits(normalize(isa, name, rows[i : i + 1]), expected[i : i + 1])


HASH = """
import numpy as np, fastnn
from hashlib import sha256
rng = np.random.default_rng(5)
layers = [
    fastnn.Dense(rng.standard_normal((128, 784)) / 28, rng.standard_normal(128), "relu"),
    fastnn.Dense(rng.standard_normal((10, 128)) / 11, rng.standard_normal(10), "softmax"),
]
x = rng.standard_normal((1000, 784))
for dtype in ("float32", "float64"):
    net = fastnn.Network(layers, dtype)
    for batch in (1, 2, 3, 7, 64, 1000):
        for threads in (1, 2):
            y = net(x[:batch], threads=threads)
            counts = [rows for rows in (1, 2, 3, 7, 64, 1000) if rows <= batch]
            print(dtype, *(sha256(y[:rows].tobytes()).hexdigest() for rows in counts))
"""


def test_forced_isas_agree() -> None:
    lines = [line.split() for isa in FUSED_ISAS for line in output_of(HASH, FASTNN_ISA=isa).splitlines()]
    for dtype in ("float32", "float64"):
        hashes = [line[1:] for line in lines if line[0] == dtype]
        complete = max(hashes, key=len)
        assert len(complete) == len(BATCHES)
        assert all(some == complete[: len(some)] for some in hashes)
