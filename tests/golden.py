"""Hashes of results that may never change: networks, functions and rows, the same on every instruction set.

`python tests/golden.py` compares with golden.json; `--write` writes it, which is right only where results are
meant to change. Inputs come from integer arithmetic alone, so that no library's next version changes them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fastnn._core.activation_names import parse
from fastnn._core.activation_table import ACTIVATIONS
from fastnn._core.dispatch import Kernels, available_isas, kernels
from fastnn._core.engine import Plan

Array = np.ndarray[Any, Any]

FILE = Path(__file__).with_name("golden.json")
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
# Every way through the engine: lanes along outputs, inputs and examples; ragged tiles, chains and blocks.
NETWORKS = {
    "2-3-2": "relu softmax",
    "4-1-4": "tanh relu",
    "7-7-7": "tanh log_softmax",
    "8-16-2": "sigmoid softmax",
    "24-64-64-4": "tanh tanh identity",
    "63-15": "identity",
    "65-7-3": "relu softmax",
    "128-256-256-16": "sigmoid sigmoid sigmoid",
    "129-17-31-33": "tanh sigmoid tanh",
    "300-1": "sigmoid",
    "513-8": "log_softmax",
    "784-128-10": "relu softmax",
    "1100-40-2-5": "relu log_softmax softmax",
    "13-512-256-64": "relu relu log_softmax",
    # Inputs of many digits: products of float64 inputs are exact, and so are their sums in any order.
    "5-1100-5-700-40": "tanh tanh tanh identity",
}
ROWS = 131
LENGTHS = (1, 2, 3, 5, 15, 16, 17, 31, 40, 100, 1000)


def uniform(shape: tuple[int, ...], seed: int, dtype: Any) -> Array:
    """Return multiples of 2^-23 from -1 to 1, by Steele, Lea and Flood's splitmix64 (2014)."""
    count = int(np.prod(shape))
    z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits = (z ^ (z >> np.uint64(31))) >> np.uint64(40)
    return (bits.astype(np.int64) - 2**23).astype(dtype).reshape(shape) * dtype.type(2.0**-23)


def network(name: str, dtype: np.dtype[Any], isa: str) -> tuple[Plan, Array]:
    """Return a network and its inputs, one of them with NaN, one with infinities, one of subnormals."""
    widths = [int(width) for width in name.split("-")]
    layers = []
    for i, ((n, m), activation) in enumerate(zip(pairwise(widths), NETWORKS[name].split(), strict=True)):
        scale = dtype.type(2.0 ** (2 - (n.bit_length() + 1) // 2))
        bias = uniform((m,), 2 * i + 2, dtype)
        layers.append((uniform((m, n), 2 * i + 1, dtype) * scale, bias, parse(activation)))
    x = uniform((ROWS, widths[0]), 99, dtype) * dtype.type(2)
    x[11, widths[0] // 2] = np.nan
    x[12, 0], x[12, -1] = np.inf, -np.inf
    x[13] *= np.finfo(dtype).tiny
    return Plan(layers, dtype, isa), x


def numbers(dtype: np.dtype[Any]) -> Array:
    """Return numbers of every exponent, dense around 0, and all that is special."""
    unsigned = np.dtype(f"u{dtype.itemsize}")
    spread = np.arange(2**16, dtype=unsigned) * unsigned.type(2 ** (8 * dtype.itemsize - 16) + 251)
    near = uniform((2**15,), 7, dtype)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    return np.concatenate([spread.view(dtype), near, near * dtype.type(16), near * dtype.type(128), special])


def results(isa: str, dtype: np.dtype[Any]) -> Iterator[tuple[str, Array]]:
    """Yield the name and the result of every case."""
    for name in NETWORKS:
        net, x = network(name, dtype, isa)
        yield f"network {name}", net(x, threads=1)
    table, z = kernels(dtype, isa), numbers(dtype)
    for row in ACTIVATIONS:
        yield from row_results(table, row.name) if row.row_wise else function_results(table, row.name, z)


def function_results(table: Kernels, name: str, z: Array) -> Iterator[tuple[str, Array]]:
    out = np.empty_like(z)
    table.activate(parse(name), z, out)
    yield name, out
    table.differentiate(parse(name), z, out)
    yield f"{name}'", out


def row_results(table: Kernels, name: str) -> Iterator[tuple[str, Array]]:
    for length in LENGTHS:
        scale = np.arange(ROWS, dtype=table.dtype)[:, np.newaxis]
        rows = uniform((ROWS, length), length, table.dtype) * scale
        rows[1, length // 2] = -np.inf
        table.normalize(parse(name), rows)
        yield f"{name} of {length}", rows


def digest(a: Array) -> str:
    """Return a hash of the bits; one NaN is like another."""
    a = np.where(np.isnan(a), a.dtype.type(np.nan), a)
    return sha256(a.astype(a.dtype.newbyteorder("<")).tobytes()).hexdigest()[:16]


def digests(isa: str) -> dict[str, str]:
    """Return the hash of every case, by dtype and name."""
    with np.errstate(all="ignore"):
        return {f"{dtype} {name}": digest(a) for dtype in DTYPES for name, a in results(isa, dtype)}


def family(isa: str) -> str:
    """Return which hashes an instruction set has: all with fused multiply-add have the same."""
    return "fused" if kernels(np.float32, isa).fused else isa


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write golden.json anew")
    write = parser.parse_args(arguments).write
    seen = {isa: digests(isa) for isa in available_isas()}
    if write:
        kept = {family(isa): hashes for isa, hashes in seen.items()}
        FILE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    expected = json.loads(FILE.read_text(encoding="utf-8"))
    wrong = 0
    for isa, hashes in seen.items():
        kept = expected[family(isa)]
        others = sorted(name for name in hashes.keys() | kept.keys() if hashes.get(name) != kept.get(name))
        print(f"{isa:<8} {len(hashes) - len(others)} of {len(kept)} hashes agree", *others, sep="\n    ")
        wrong += len(others)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
