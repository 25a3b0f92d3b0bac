"""Two threads against one: how much faster, and from how much work on.

Every cell of the table is one network and one batch. A call with one thread, one with two, and one that
leaves the number to fastnn take turns on two processors; the ratios compare what was measured in the same
turn. They do so twice: repeated at once, the other thread being awake still, and each call after a pause in
which the other thread has gone to sleep and has to be woken. Work is what the engine counts: a multiply-add
is 1, an activation 32. `--check` fails where fastnn's choice is slower than one thread, and where two
threads have a millisecond of work or more but don't reach LEAST times the speed of one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tqdm import tqdm

import fastnn
from fastnn.arguments import target
from fastnn.bench import files, timing

if TYPE_CHECKING:
    from benchmarks import reference
else:
    import reference

NETWORKS = ["24-64-64-4", "784-128-10", "13-512-256-64", "479-1024-1024-512-256-1", "2-3-2"]
BATCHES = [2**i for i in range(1, 21)]
# Batches outside are left out: too small for anyone to share them, or long clear.
WORK = (2e5, 3e8)
QUICK_WORK = (1e6, 2e7)
ACTIVATION_WORK = 32

LEAST = 1.8
LARGE = 1e-3  # seconds of one thread
SLACK = 0.95  # a ratio this near to 1 is a tie


class Cell(NamedTuple):
    """One network and batch: how long one thread, two, and as many as fastnn chose took."""

    network: str
    batch: int
    awake: dict[str, timing.Timing]
    asleep: dict[str, timing.Timing]

    @property
    def work(self) -> float:
        """Multiply-adds and activations, as the engine counts them."""
        return row_work(self.network) * self.batch

    @property
    def states(self) -> dict[str, dict[str, timing.Timing]]:
        """What was measured while the second thread was awake, and while it was asleep."""
        return {"awake": self.awake, "asleep": self.asleep}

    def speedup(self, state: str, name: str) -> float:
        """Return how many times as fast as one thread it was."""
        return self.states[state][name].speedup(self.states[state]["one"])

    def line(self) -> str:
        """Return the cell's line of the table."""
        columns = [f"{self.network:<24}{self.batch:>8}{self.work / 1e6:>8.2f}"]
        for state, timings in self.states.items():
            columns += [f"{microseconds(timings['one']):>28}{microseconds(timings['two']):>28}"]
            columns += [f"{self.speedup(state, name):>7.2f}" for name in ("two", "default")]
        return "".join(columns)

    def as_json(self) -> dict[str, object]:
        """Return everything."""
        figures = {
            state: {
                "microseconds": {name: figures.microseconds() for name, figures in timings.items()},
                "speedups": {name: self.speedup(state, name) for name in ("two", "default")},
            }
            for state, timings in self.states.items()
        }
        return {"network": self.network, "batch": self.batch, "work": self.work, **figures}

    def faults(self) -> Iterator[str]:
        """Yield a line for each thing that isn't as it should be."""
        where = f"{self.network}, batch {self.batch}"
        for state in self.states:
            if (ratio := self.speedup(state, "default")) < SLACK:
                yield f"slower than one thread: {where}, {state}: {ratio:.2f} times its speed"
        ratio = self.speedup("awake", "two")
        if self.awake["one"].median >= LARGE and ratio < LEAST:
            yield f"scales badly: {where}: {ratio:.2f} times the speed of one thread, expected {LEAST:g}"


def row_work(network: str) -> int:
    return sum(m * (n + ACTIVATION_WORK) for n, m in pairwise(map(int, network.split("-"))))


def microseconds(figures: timing.Timing) -> str:
    return "{median:,.1f} ({min:,.1f}..{max:,.1f})".format_map(figures.microseconds())


def after_pauses(calls: Mapping[str, timing.Call], rounds: int) -> dict[str, timing.Timing]:
    """Time single calls in turns, each when the threads of the one before sleep."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    with timing.collector_off():
        for i in range(rounds):
            for name in list(calls)[:: 1 if i % 2 else -1]:
                timing.wait_for_threads()
                taken[name].append(timing.seconds_for(calls[name], 1))
    return {name: timing.Timing(figures) for name, figures in taken.items()}


def measure(network: str, batch: int, dtype: str, rounds: int, seconds: float) -> Cell:
    net = fastnn.Network([fastnn.Dense(*layer) for layer in reference.build(network, dtype)])
    x = reference.inputs(network, batch, dtype)
    calls = {"one": partial(net, x, threads=1), "two": partial(net, x, threads=2), "default": partial(net, x)}
    awake = timing.measure(calls, rounds, seconds, rest=True)
    return Cell(network, batch, awake, after_pauses(calls, 2 * rounds + 1))


def measure_all(options: argparse.Namespace) -> Iterator[Cell]:
    """Yield each cell of the table, and print its line."""
    lowest, highest = QUICK_WORK if options.quick else WORK
    cells = [
        (network, batch)
        for network in options.net
        for batch in options.batch or BATCHES
        if options.batch or lowest <= row_work(network) * batch <= highest
    ]
    for network, batch in tqdm(cells, "scaling", leave=False, disable=None):
        rounds, seconds = (5, 0.005) if options.quick else (9, 0.02)
        cell = measure(network, batch, options.dtype, rounds, seconds)
        tqdm.write(cell.line())
        yield cell


def crossover(cells: Sequence[Cell], state: str) -> float | None:
    """Return the work from which on two threads were faster than one; None where they never were."""
    least = None
    for cell in sorted(cells, key=lambda cell: -cell.batch):
        if cell.speedup(state, "two") < 1:
            break
        least = cell.work
    return least


def conclude(cells: Sequence[Cell], networks: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Print and return from how much work on two threads win, for each network."""
    print("\nTwo threads are faster from this much work on, in millions:")
    found = {}
    for network in networks:
        own = [cell for cell in cells if cell.network == network]
        found[network] = {state: crossover(own, state) for state in ("awake", "asleep")}
        words = (f"{state} {'-' if x is None else f'{x / 1e6:.2f}'}" for state, x in found[network].items())
        print(f"{network:<24}  {', '.join(words)}")
    return found


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare two threads with one.")
    parser.add_argument("--dtype", choices=sorted(reference.FLOOR), default="float32")
    parser.add_argument("--net", nargs="+", choices=reference.NETWORKS, default=NETWORKS)
    parser.add_argument("--batch", nargs="+", type=int, help="only these batches")
    parser.add_argument("--json", type=target, metavar="PATH", help="write everything there too")
    parser.add_argument("--quick", action="store_true", help="a small table, in less than a minute")
    parser.add_argument("--check", action="store_true", help="fail where threads don't gain as they should")
    options = parser.parse_args(argv)
    if (most := timing.available_processors()) < 2:
        parser.error(f"this needs 2 processors, and the process may run on {most}")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    with timing.processors(2) as where:
        machine = timing.machine() | {"threads": where}
        print(f"fastnn {machine['fastnn']} ({machine['isa']}), {machine['cpu']}, {where}\n")
        print(
            f"Microseconds a call, {options.dtype}: median (lowest..highest); times the speed of one thread"
        )
        states = "".join(
            f"{f'one thread, {s}':>28}{'two':>28}{'two':>7}{'own':>7}" for s in ("awake", "asleep")
        )
        print(f"{'':<24}{'batch':>8}{'work/M':>8}{states}")
        cells = list(measure_all(options))
    found = conclude(cells, options.net)
    if options.json:
        report = {"machine": machine, "dtype": options.dtype, "cells": [cell.as_json() for cell in cells]}
        files.write_json(options.json, {**report, "crossover": found})
    faults = [fault for cell in cells for fault in cell.faults()] if options.check else []
    print(*faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
