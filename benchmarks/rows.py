"""Ten million rows: the time a row beside that in a batch of a hundred thousand, and the memory taken.

Times are of calls into an `out` that has been written to before, batches of each size in turn; the ratios
compare what was measured in the same turn. Memory is the most that a fresh process holds during one call
less what it held before, the input and the output being there already: directly, and from a Fortran-ordered
float64 input into a Fortran-ordered output, which both have to be converted. `--check` fails where a row
takes more than SLOWEST times as long as in the smallest batch, or a call takes more than MEMORY for each of
its threads.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

import fastnn
from fastnn.arguments import target
from fastnn.bench import files, timing

if TYPE_CHECKING:
    from benchmarks import reference
else:
    import reference

NETWORKS = ["2-3-2", "24-64-64-4"]
BATCHES = [100_000, 1_000_000, 10_000_000]
SLOWEST = 1.1

# For memory: more widths, and the most bytes of in and out together, and multiply-adds.
WIDE = ["1024-1024-1024-1024", "9400-128", "3-9400-3", "3-100000-3"]
IN_AND_OUT = 200e6
WORK = 2e10
MEMORY = 2 * 2**20
# A thread's stack, and what the system counts late.
SLACK = 2**17

PROGRAM = """
import ctypes, sys
from itertools import pairwise
from pathlib import Path
import numpy as np, fastnn

rows, threads, converted, *widths = map(int, sys.argv[1:])
order, dtype = ("F", "float64") if converted else ("C", "float32")

def peak():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(status["VmHWM"].split()[0])

def weight(m, n):
    return np.full((m, n), 1e-3, np.float32)

net = fastnn.Network([fastnn.Dense(weight(m, n), activation="relu") for n, m in pairwise(widths)])
x, out = np.ones((rows, widths[0]), dtype, order), np.ones((rows, widths[-1]), "float32", order)
net(x[:3], out[:3], threads=1)
getattr(ctypes.CDLL(None), "malloc_trim", int)(0)  # else what was freed before counts as held; glibc's
Path("/proc/self/clear_refs").write_text("5")
before = peak()
net(x, out, threads=threads)
print(peak() - before)
"""


class Times(NamedTuple):
    """A network with so many threads: how long a call on each batch took."""

    network: str
    threads: int
    timings: dict[int, timing.Timing]

    def ratio(self, batch: int) -> float:
        """Return how many times as long as in the smallest batch a row took."""
        least = min(self.timings)
        return self.timings[least].speedup(self.timings[batch]) * least / batch

    def line(self) -> str:
        """Return the table's line."""
        cells = (
            f"{figures.median / batch * 1e9:>10.2f} {self.ratio(batch):>6.3f}"
            for batch, figures in self.timings.items()
        )
        return f"{self.network:<24}{self.threads:>7}{''.join(cells)}"

    def faults(self) -> Iterator[str]:
        """Yield a line for each batch in which a row takes too long."""
        for batch in self.timings:
            if (ratio := self.ratio(batch)) > SLOWEST:
                yield f"slow: {self.network}, {self.threads} threads, {batch} rows: {ratio:.2f} times as long"

    def as_json(self) -> dict[str, object]:
        """Return everything."""
        cells = [
            {"batch": batch, "microseconds": figures.microseconds(), "ratio": self.ratio(batch)}
            for batch, figures in self.timings.items()
        ]
        return {"network": self.network, "threads": self.threads, "cells": cells}


class Memory(NamedTuple):
    """A network with so many threads: the bytes that a call took beyond in and out."""

    network: str
    threads: int
    rows: int
    direct: int
    converted: int

    def line(self) -> str:
        """Return the table's line."""
        kib = "".join(f"{figure / 2**10 / self.threads:>12,.0f}" for figure in (self.direct, self.converted))
        return f"{self.network:<24}{self.threads:>7}{self.rows:>12,}{kib}"

    def faults(self) -> Iterator[str]:
        """Yield a line for each call that takes too much."""
        for way in ("direct", "converted"):
            if (used := getattr(self, way) / self.threads) > MEMORY + SLACK:
                yield f"memory: {self.network}, {self.threads} threads, {way}: {used / 2**10:,.0f} KiB each"


def tiled(batch: int, width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return random rows that repeat, quickly."""
    some = np.random.default_rng(1).standard_normal((1000, width), np.float32)
    return np.resize(some, (batch, width))


def time_rows(network: str, batches: Sequence[int], threads: int, rounds: int, seconds: float) -> Times:
    net = fastnn.Network([fastnn.Dense(*layer) for layer in reference.build(network, "float32")])
    x, out = tiled(max(batches), net.n_inputs), np.ones((max(batches), net.n_outputs), np.float32)
    calls = {str(n): partial(net, x[:n], out=out[:n], threads=threads) for n in batches}
    timings = timing.measure(calls, rounds, seconds)
    return Times(network, threads, {int(n): figures for n, figures in timings.items()})


def memory(network: str, threads: int, most: float) -> Memory:
    widths = list(map(int, network.split("-")))
    rows = int(min(most / 4 / (widths[0] + widths[-1]), WORK / sum(m * n for n, m in pairwise(widths))))
    # NumPy asks for huge pages, and the kernel makes them in the middle of the call.
    environment = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"}
    used = []
    for converted in ("0", "1"):
        arguments = [str(rows), str(threads), converted, *map(str, widths)]
        command = [sys.executable, "-c", PROGRAM, *arguments]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        used.append(int(run.stdout))
    return Memory(network, threads, rows, *used)


def measure_times(options: argparse.Namespace) -> Iterator[Times]:
    """Yield each line of the table of times, and print it."""
    scale, rounds, seconds = (100, 3, 0.005) if options.quick else (1, 7, 0.3)
    batches = [batch // scale for batch in BATCHES]
    print("Nanoseconds a row, and how many times as long as in the smallest batch")
    print(f"{'':<24}{'threads':>7}{''.join(f'{batch:>10,} rows  ' for batch in batches)}")
    networks = [network for network in NETWORKS if network in options.net]
    for network in tqdm(networks, "times", leave=False, disable=None):
        for threads in options.threads:
            with timing.processors(threads):
                times = time_rows(network, batches, threads, rounds, seconds)
            tqdm.write(times.line())
            yield times


def measure_memory(options: argparse.Namespace) -> Iterator[Memory]:
    """Yield each line of the table of memory, and print it."""
    print("\nKiB beyond in and out for each thread")
    print(f"{'':<24}{'threads':>7}{'rows':>12}{'direct':>12}{'converted':>12}")
    for network in tqdm(options.net, "memory", leave=False, disable=None):
        for threads in options.threads:
            used = memory(network, threads, IN_AND_OUT / 10 if options.quick else IN_AND_OUT)
            tqdm.write(used.line())
            yield used


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure time and memory up to ten million rows.")
    most = timing.available_processors()
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2][:most], metavar="N")
    parser.add_argument("--net", nargs="+", choices=NETWORKS + WIDE, default=NETWORKS + WIDE)
    parser.add_argument("--json", type=target, metavar="PATH", help="write everything there too")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows, a tenth of the memory")
    parser.add_argument("--check", action="store_true", help="fail where a row or the memory is too much")
    options = parser.parse_args(argv)
    if not 1 <= min(options.threads) <= max(options.threads) <= most:
        parser.error(f"--threads: expected 1 to {most}, the processors there are")
    machine = timing.machine()
    print(f"fastnn {machine['fastnn']} ({machine['isa']}), {machine['cpu']}, float32\n")
    times = list(measure_times(options))
    used = list(measure_memory(options)) if sys.platform == "linux" else []
    if options.json:
        report = {"machine": machine, "times": [line.as_json() for line in times]}
        files.write_json(options.json, report | {"memory": [line._asdict() for line in used]})
    faults = [fault for line in times for fault in line.faults()]
    faults += [fault for line in used for fault in line.faults()]
    if not options.check:
        return 0
    print(*faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
