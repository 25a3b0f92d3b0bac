"""fastnn against the pure-Python reference and NumPy: the same results first, then rows a second.

Every cell of the table is one network and one batch, for which the three take turns. The ratios compare what
was measured in the same turn. Batch 1 is a single example, (n,). A row costs the reference the same in any
batch, so of a large one it gets as many as it can do in REFERENCE_SECONDS.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import pairwise, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import fastnn
from fastnn import reference
from fastnn.arguments import target
from fastnn.bench import files, timing

Array = np.ndarray[Any, Any]
Layers = Sequence[tuple[Array, Array, str]]  # weight (m, n), bias (m,), activation
# Takes the layers and an input, (n,) or (B, n), of the same dtype; returns a call that gives the output.
Contender = Callable[[Layers, Array], timing.Call]

NETWORKS = {
    "2-3-2": ["relu", "softmax"],
    "24-64-64-4": ["tanh", "tanh", "identity"],
    "64-32-10": ["relu", "softmax"],  # the digits of `fastnn demo`
    "784-128-10": ["relu", "softmax"],
    "13-512-256-64": ["relu"] * 3,
    "128-256-256-16": ["sigmoid"] * 3,
    "479-1024-1024-512-256-1": [*["relu"] * 4, "sigmoid"],
}
BATCHES = [1, 8, 64, 1024, 16384]
QUICK_NETWORKS = ["2-3-2", "24-64-64-4", "64-32-10", "784-128-10"]
QUICK_BATCHES = [1, 64, 1024]

# A result's error is relative to the reference's, or to this much of the largest in its row where that is
# more: a sum near 0 has lost digits to cancellation, in float32 soon more than the tolerance allows.
FLOOR = {"float64": 1e-6, "float32": 1.0}
TOLERANCE = 1e-5
CHECKED = ("fastnn", "NumPy")
CHECKED_SECONDS = 0.1
CHECKED_ROWS = 64

REFERENCE_SECONDS = 0.2
LOWEST_RATIO = {"NumPy": 0.7, "reference": 1.0}
# Of the mean ratio in the results that are kept, where they are of the same processor.
LOWEST_SHARE = 0.7
KEPT = Path(__file__).parent / "results" / f"{fastnn.__version__}-reference.json"


class Plan(NamedTuple):
    """What the options ask for: the table's cells, and how long to look at each."""

    networks: list[str]
    batches: list[int]
    rounds: int
    seconds: float

    def cells(self, label: str) -> Iterator[tuple[str, int]]:
        """Yield each network with each batch, with a progress bar if someone looks."""
        yield from tqdm(list(product(self.networks, self.batches)), label, leave=False, disable=None)


class Deviation(NamedTuple):
    """How far a contender's outputs are from the reference's: the largest relative error."""

    contender: str
    network: str
    batch: int
    dtype: str
    error: float


class Cell(NamedTuple):
    """One network and batch: each contender's timing, and the rows that it was given."""

    network: str
    batch: int
    timings: dict[str, timing.Timing]
    rows: dict[str, int]

    def rates(self, name: str) -> dict[str, float]:
        """Return a contender's rows a second."""
        return self.timings[name].rates(self.rows[name])

    def ratio(self, name: str) -> float:
        """Return how many times as many rows a second as that contender fastnn does."""
        return self.rows["fastnn"] / self.rows[name] * self.timings["fastnn"].speedup(self.timings[name])

    def as_json(self) -> dict[str, object]:
        """Return everything, in rows a second."""
        return {
            "network": self.network,
            "activations": NETWORKS[self.network],
            "batch": self.batch,
            "rows_timed": self.rows,
            "rows_per_second": {name: self.rates(name) for name in self.timings},
            "ratios": {name: self.ratio(name) for name in LOWEST_RATIO},
        }


def fastnn_call(layers: Layers, x: Array) -> timing.Call:
    return partial(fastnn.Network([fastnn.Dense(*layer) for layer in layers]), x)


def reference_call(layers: Layers, x: Array) -> timing.Call:
    plain = [reference.Layer(weight.tolist(), bias.tolist(), name) for weight, bias, name in layers]
    run: Callable[..., object] = reference.network if x.ndim == 1 else reference.network_batch
    return partial(run, plain, x.tolist())


def numpy_call(layers: Layers, x: Array) -> timing.Call:
    # The weights are transposed once, into memory of their own: OpenBLAS multiplies by a contiguous (n, m) up
    # to twice as fast as by the view weight.T (8 to 64 rows); only layers of ten outputs prefer the view.
    steps = [(np.ascontiguousarray(weight.T), bias, NUMPY_ACTIVATIONS[name]) for weight, bias, name in layers]
    return partial(numpy_network, steps, x)


def numpy_network(steps: Sequence[tuple[Array, Array, Callable[[Array], object]]], x: Array) -> Array:
    # Buffers kept from call to call, for matmul's out=, were tried: no faster.
    for weight, bias, activate in steps:
        x = x @ weight
        x += bias
        activate(x)
    return x


def numpy_sigmoid(z: Array) -> None:
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    np.divide(1, z, out=z)


def numpy_softmax(z: Array) -> None:
    z -= z.max(axis=-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)


NUMPY_ACTIVATIONS: dict[str, Callable[[Array], object]] = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0, out=z),
    "tanh": lambda z: np.tanh(z, out=z),
    "sigmoid": numpy_sigmoid,
    "softmax": numpy_softmax,
}
CONTENDERS: dict[str, Contender] = {"fastnn": fastnn_call, "NumPy": numpy_call, "reference": reference_call}


def build(network: str, dtype: str) -> Layers:
    """Return layers with random parameters, equal in both dtypes, of a size that keeps outputs near 1."""
    rng = np.random.default_rng(0)
    layers = []
    for (n, m), activation in zip(pairwise(map(int, network.split("-"))), NETWORKS[network], strict=True):
        weight = rng.standard_normal((m, n), np.float32) * np.float32((2 / n) ** 0.5)
        bias = rng.standard_normal(m, np.float32) * np.float32(0.1)
        layers.append((weight.astype(dtype), bias.astype(dtype), activation))
    return layers


def inputs(network: str, batch: int, dtype: str) -> Array:
    """Return random examples, (B, n), or one, (n,)."""
    n = int(network.partition("-")[0])
    x = np.random.default_rng(1).standard_normal((batch, n), np.float32).astype(dtype)
    return x[0] if batch == 1 else x


@cache
def reference_seconds(network: str) -> float:
    """Return about how long the reference takes for a row."""
    return timing.seconds_for(reference_call(build(network, "float64"), inputs(network, 1, "float64")), 1)


def compare(network: str, batch: int) -> Iterator[Deviation]:
    """Run fastnn and NumPy on a batch, in both dtypes, and compare some of the rows with the reference's."""
    n_rows = min(batch, CHECKED_ROWS, max(1, int(CHECKED_SECONDS / reference_seconds(network))))
    some = np.linspace(0, batch - 1, n_rows).astype(int)
    x = np.atleast_2d(inputs(network, batch, "float64"))[some]
    expected = np.array(reference_call(build(network, "float64"), x)())
    for contender, dtype in product(CHECKED, FLOOR):
        result = CONTENDERS[contender](build(network, dtype), inputs(network, batch, dtype))()
        error = largest_error(np.atleast_2d(np.asarray(result))[some], expected, FLOOR[dtype])
        yield Deviation(contender, network, batch, dtype, error)


def largest_error(result: Array, expected: Array, floor: float) -> float:
    if result.shape != expected.shape:
        return np.inf
    size = np.abs(expected)
    scale = np.maximum(size, floor * size.max(axis=-1, keepdims=True)) + np.finfo(np.float64).tiny
    return float((np.abs(result - expected) / scale).max())


def compare_all(plan: Plan) -> list[Deviation]:
    """Print and return how far the results are from the reference's."""
    found = [deviation for cell in plan.cells("results") for deviation in compare(*cell)]
    print(f"Results: largest error relative to the reference's, at most {TOLERANCE:g}")
    for contender, dtype in product(CHECKED, FLOOR):
        errors = [d.error for d in found if (d.contender, d.dtype) == (contender, dtype)]
        print(f"{contender:>12} {dtype}: {max(errors):.1e}")
    return found


def measure(network: str, batch: int, dtype: str, plan: Plan) -> Cell:
    layers, x = build(network, dtype), inputs(network, batch, dtype)
    rows = dict.fromkeys(CONTENDERS, batch)
    rows["reference"] = min(batch, max(1, int(REFERENCE_SECONDS / reference_seconds(network))))
    calls = {name: make(layers, x[: rows[name]] if batch > 1 else x) for name, make in CONTENDERS.items()}
    return Cell(network, batch, timing.measure(calls, plan.rounds, plan.seconds), rows)


def measure_all(plan: Plan, dtype: str) -> Iterator[Cell]:
    """Yield each cell of the table, and print its line."""
    print(f"\nSpeed, {dtype}: rows a second (lowest..highest of {plan.rounds} turns), fastnn's ratios")
    print(f"{'':<24}{'batch':>5}{'fastnn':>22}{'NumPy':>22}{'reference':>22}{'/NumPy':>8}{'/reference':>11}")
    for network, batch in plan.cells("speed"):
        cell = measure(network, batch, dtype, plan)
        tqdm.write(line(cell))
        yield cell


def line(cell: Cell) -> str:
    speeds = "".join(f"{timing.spread(cell.rates(name)):>22}" for name in CONTENDERS)
    ratios = f"{cell.ratio('NumPy'):>8.2f}{cell.ratio('reference'):>11,.0f}"
    return f"{cell.network:<24}{cell.batch:>5}{speeds}{ratios}"


def wrong(found: list[Deviation]) -> list[str]:
    """Return a line for each result that is too far from the reference's."""
    return [
        f"wrong: {d.contender}, {d.network}, batch {d.batch}, {d.dtype}: relative error {d.error:.1e}"
        for d in found
        if not d.error <= TOLERANCE  # so that NaN is caught
    ]


def too_slow(cells: list[Cell]) -> list[str]:
    """Return a line for each cell in which fastnn falls behind."""
    return [
        f"too slow: {cell.network}, batch {cell.batch}: "
        f"{cell.ratio(name):.2f} times the speed of {name}, expected at least {lowest:g}"
        for cell, (name, lowest) in product(cells, LOWEST_RATIO.items())
        if cell.ratio(name) < lowest
    ]


def fallen_behind(cells: list[Cell], machine: dict[str, object], dtype: str) -> list[str]:
    """Return a line for each contender over which fastnn has lost much of its lead."""
    if not KEPT.exists():
        return []
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    if kept["dtype"] != dtype or any(kept["machine"][key] != machine[key] for key in ("cpu", "isa")):
        return []
    before = {(cell["network"], cell["batch"]): cell["ratios"] for cell in kept["cells"]}
    same = [cell for cell in cells if (cell.network, cell.batch) in before]
    shares = {
        name: statistics.geometric_mean(
            cell.ratio(name) / before[cell.network, cell.batch][name] for cell in same
        )
        for name in (LOWEST_RATIO if same else ())
    }
    return [
        f"fallen behind: on average {share:.2f} times the lead over {name} of {KEPT.name}, "
        f"expected at least {LOWEST_SHARE:g}"
        for name, share in shares.items()
        if share < LOWEST_SHARE
    ]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare fastnn with pure Python and NumPy.")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of fastnn and BLAS (default: 1)")
    parser.add_argument("--dtype", choices=sorted(FLOOR), default="float32", help="of the table of speed")
    parser.add_argument("--net", nargs="+", choices=NETWORKS, help="only these networks")
    parser.add_argument("--batch", nargs="+", type=int, help="only these batches")
    parser.add_argument("--json", type=target, metavar="PATH", help="write everything there too")
    parser.add_argument("--quick", action="store_true", help="a small table, in less than a minute")
    parser.add_argument(
        "--check",
        action="store_true",
        help="fail where fastnn is too slow or has lost its lead",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    if options.quick:
        plan = Plan(options.net or QUICK_NETWORKS, options.batch or QUICK_BATCHES, rounds=5, seconds=0.01)
    else:
        plan = Plan(options.net or list(NETWORKS), options.batch or BATCHES, rounds=9, seconds=0.03)
    with timing.processors(options.threads) as threads:
        machine = timing.machine()
        print(f"fastnn {machine['fastnn']} ({machine['isa']}), NumPy {machine['numpy']} ({machine['blas']}),")
        print(f"Python {machine['python']}, {machine['cpu']}, {threads}\n")
        found = compare_all(plan)
        if failures := wrong(found):
            print(*failures, sep="\n")
            return 1
        cells = list(measure_all(plan, options.dtype))
    means = {name: statistics.geometric_mean(cell.ratio(name) for cell in cells) for name in LOWEST_RATIO}
    print(f"\nGeometric means: /NumPy {means['NumPy']:.2f}, /reference {means['reference']:,.0f}")
    if options.json:
        report = {"machine": {**machine, "threads": threads}, "dtype": options.dtype, "rounds": plan.rounds}
        report["results"] = [deviation._asdict() for deviation in found]
        report |= {"cells": [cell.as_json() for cell in cells], "geometric_means": means}
        files.write_json(options.json, report)
    if options.check and (failures := too_slow(cells) + fallen_behind(cells, machine, options.dtype)):
        print(*failures, sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
