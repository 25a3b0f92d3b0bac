"""fastnn against every peer that is installed: the same results first, then microseconds a call.

Every cell of the table is one network and one batch, for which all take turns, on the same processors with
the same number of threads; `contenders.py` says what counts as a call. Before it is timed, all that a
contender returns is compared with the same network in float64: one that is wrong isn't timed, and the exit
status is 1. The ratio is the time of the best peer, the one with the lowest median, to fastnn's: the median
of what it was within each turn.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from fastnn.arguments import target
from fastnn.bench import files, timing

if TYPE_CHECKING:
    from benchmarks import contenders, reference
else:
    import contenders  # a script finds what lies beside it
    import reference

NETWORKS = [
    "2-3-2",
    "24-64-64-4",
    "784-128-10",
    "13-512-256-64",
    "479-1024-1024-512-256-1",
    "128-256-256-16",
]
QUICK_NETWORKS = NETWORKS[:3]

NOT_INSTALLED = "not installed"

# Relative to the float64 result or, in float32, to the largest of its row (`reference.FLOOR`).
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}


class Setup(NamedTuple):
    """What the options ask for."""

    peers: dict[str, contenders.Peer]
    left_out: dict[str, str]  # the peers that can't take part, and why
    threads: int
    dtype: str
    plan: reference.Plan
    json: Path | None


class Cell(NamedTuple):
    """One network and batch: how long fastnn and its peers took."""

    network: str
    batch: int
    timings: dict[str, timing.Timing]

    @property
    def peers(self) -> list[str]:
        """Everyone but fastnn, the fastest first."""
        return sorted(self.timings.keys() - {"fastnn"}, key=lambda name: self.timings[name].median)

    def ratio(self, name: str) -> float:
        """Return how many times as long as fastnn that peer takes."""
        return self.timings["fastnn"].speedup(self.timings[name])

    @property
    def best_ratio(self) -> float:
        """How many times as long as fastnn the best peer takes."""
        return self.ratio(self.peers[0])

    def line(self) -> str:
        """Return the cell's line of the table."""
        best = self.peers[0]
        times = "".join(f"{spread(self.timings[name].microseconds()):>31}" for name in ("fastnn", best))
        return f"{self.network:<24}{self.batch:>6}{times}  {best:<12}{self.best_ratio:>7.2f}"

    def as_json(self) -> dict[str, object]:
        """Return everything."""
        return {
            "network": self.network,
            "activations": reference.NETWORKS[self.network],
            "batch": self.batch,
            "microseconds": {name: figures.microseconds() for name, figures in self.timings.items()},
            "best_peer": self.peers[0],
            "ratios": {name: self.ratio(name) for name in self.peers},
        }


def spread(microseconds: Mapping[str, float]) -> str:
    return "{} ({}..{})".format(*(digits(microseconds[key]) for key in ("median", "min", "max")))


def digits(number: float) -> str:
    """Return at least three digits: 0.215, 14.7, 45,785."""
    return f"{number:,.{min(3, max(0, 2 - math.floor(math.log10(number))))}f}"


def prepare(network: str, batch: int, setup: Setup) -> dict[str, contenders.Prepared]:
    """Build the network for everyone."""
    layers = reference.build(network, setup.dtype)
    x = reference.inputs(network, batch, setup.dtype)
    everyone = {"fastnn": contenders.FASTNN} | setup.peers
    return {name: peer.prepare(layers, x, setup.threads) for name, peer in everyone.items()}


def compare(
    prepared: Mapping[str, contenders.Prepared], network: str, batch: int, dtype: str
) -> Iterator[reference.Deviation]:
    """Yield how far each one's result is from float64's, infinitely if it has another dtype or shape."""
    layers, x = reference.build(network, "float64"), reference.inputs(network, batch, "float64")
    expected = np.atleast_2d(np.asarray(reference.numpy_call(layers, x)()))
    for name, contender in prepared.items():
        result = np.asarray(contender.array(contender.call()))
        error = reference.largest_error(np.atleast_2d(result), expected, reference.FLOOR[dtype])
        yield reference.Deviation(name, network, batch, dtype, error if result.dtype == dtype else np.inf)


def is_wrong(deviation: reference.Deviation) -> bool:
    return not deviation.error <= TOLERANCE[deviation.dtype]  # so that NaN is caught


def measure_all(setup: Setup, found: list[reference.Deviation]) -> Iterator[Cell]:
    """Yield each cell of the table, print its line, and add to `found` how exact everyone was."""
    plan = setup.plan
    for network, batch in plan.cells("peers"):
        prepared = prepare(network, batch, setup)
        deviations = list(compare(prepared, network, batch, setup.dtype))
        found += deviations
        for deviation in filter(is_wrong, deviations):
            tqdm.write(f"wrong: {deviation.contender}, {network}, batch {batch}: error {deviation.error:.1e}")
            del prepared[deviation.contender]
        if "fastnn" not in prepared or len(prepared) == 1:
            continue
        calls = {name: contender.call for name, contender in prepared.items()}
        timings = timing.measure(calls, plan.rounds, plan.seconds, rest=setup.threads > 1)
        cell = Cell(network, batch, timings)
        tqdm.write(cell.line())
        yield cell


def describe(setup: Setup, where: str) -> dict[str, Any]:
    """Print and return what the figures depend on."""
    machine = timing.machine()
    versions = {name: peer.version() for name, peer in setup.peers.items()}
    print(f"fastnn {machine['fastnn']} ({machine['isa']}), Python {machine['python']}, {machine['cpu']},")
    print(f"{where}; {', '.join(f'{name} {version}' for name, version in versions.items())}")
    for name, why in setup.left_out.items():
        print(f"Left out: {name}, {why}")
    if NOT_INSTALLED in setup.left_out.values():
        print("All are there after `pip install --group bench`, in the folder of pyproject.toml")
    print(f"\nMicroseconds a call, {setup.dtype}: median (lowest..highest) of {setup.plan.rounds} turns")
    print(f"{'':<24}{'batch':>6}{'fastnn':>31}{'best peer':>31}{'':14}{'ratio':>7}")
    return {**machine, "threads": where, "peers": versions, "left_out": setup.left_out}


def conclude(cells: Sequence[Cell]) -> dict[str, float]:
    """Print the cells that fastnn loses; print and return the geometric means."""
    for cell in cells:
        if round(cell.best_ratio, 2) < 1:
            print(f"slower: {cell.network}, batch {cell.batch}: {cell.best_ratio:.2f} times {cell.peers[0]}")
    ratios = {
        "grid": [cell.best_ratio for cell in cells],
        "batch 1": [cell.best_ratio for cell in cells if cell.batch == 1],
    }
    means = {name: statistics.geometric_mean(some) for name, some in ratios.items() if some}
    among = ", ".join(sorted({name for cell in cells for name in cell.peers}))
    found = ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    print(f"\nGeometric means, to the best of {among or 'none'}: {found or 'none'}")
    return means


def obstacle(peer: contenders.Peer, dtype: str) -> str:
    """Return why a peer can't take part, if it can't."""
    if not peer.installed():
        return NOT_INSTALLED
    return "" if dtype in peer.dtypes else f"has no {dtype}"


def parse(argv: Sequence[str] | None) -> Setup:
    parser = argparse.ArgumentParser(description="Compare fastnn with its peers.")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of everyone (default: 1)")
    parser.add_argument("--dtype", choices=sorted(TOLERANCE), default="float32")
    parser.add_argument("--net", nargs="+", choices=reference.NETWORKS, help="only these networks")
    parser.add_argument("--batch", nargs="+", type=int, help="only these batches")
    parser.add_argument("--peers", nargs="+", choices=contenders.PEERS, help="only these peers")
    parser.add_argument("--json", type=target, metavar="PATH", help="write everything there too")
    parser.add_argument("--quick", action="store_true", help="a small table, in less than a minute")
    options = parser.parse_args(argv)
    if not 1 <= options.threads <= (most := timing.available_processors()):
        parser.error(f"--threads is {options.threads}, expected 1 to {most}, the processors there are")
    names = options.peers or list(contenders.PEERS)
    obstacles = {name: obstacle(contenders.PEERS[name], options.dtype) for name in names}
    peers = {name: contenders.PEERS[name] for name, why in obstacles.items() if not why}
    left_out = {name: why for name, why in obstacles.items() if why}
    if not peers:
        parser.error(f"--peers: {', '.join(f'{name} {why}' for name, why in left_out.items())}")
    if options.quick:
        plan = reference.Plan(QUICK_NETWORKS, reference.QUICK_BATCHES, rounds=5, seconds=0.01)
    else:
        plan = reference.Plan(NETWORKS, reference.BATCHES, rounds=9, seconds=0.03)
    plan = plan._replace(networks=options.net or plan.networks, batches=options.batch or plan.batches)
    return Setup(peers, left_out, options.threads, options.dtype, plan, options.json)


def main(argv: Sequence[str] | None = None) -> int:
    setup = parse(argv)
    found: list[reference.Deviation] = []
    with timing.processors(setup.threads) as where, contextlib.ExitStack() as stack:
        for peer in setup.peers.values():
            stack.enter_context(peer.settings(setup.threads))
        machine = describe(setup, where)
        cells = list(measure_all(setup, found))
    means = conclude(cells)
    if setup.json:
        report = {"machine": machine, "dtype": setup.dtype, "rounds": setup.plan.rounds}
        report["results"] = [deviation._asdict() for deviation in found]
        report |= {"cells": [cell.as_json() for cell in cells], "geometric_means": means}
        files.write_json(setup.json, report)
    return 1 if any(map(is_wrong, found)) else 0


if __name__ == "__main__":
    sys.exit(main())
