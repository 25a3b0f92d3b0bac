"""A large file through `fastnn predict`, against the same network in memory and against the disk.

For each network there is an .npy file of that size, and in every round each of these has its turn: the
network on rows in memory, the command on a file that the system has in its cache, a plain copy of as many
bytes from there and back to the disk, and both again on a file that has been dropped from the cache. The
command's rate is that of the whole command, start included, and without what it takes for a file of one row.
Rates depend on what else the machine does. "Work" hardly does: the processor time that the network takes in
memory, over that of the stream of a file in the cache. Memory is what the process had resident at most, as
the system counts it: its own pages, and those of the files that it has mapped for as long as they are.
`--check` fails where the command takes more memory than MEMORY, or streams at less than LEAST times the lower
one of the rates in memory and of the copy. It needs Linux.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

import fastnn
from fastnn.arguments import target
from fastnn.bench import files, timing

if TYPE_CHECKING:
    from benchmarks import reference
else:
    import reference

NETWORKS = ["784-128-10", "128-256-256-16", "24-64-64-4"]
STATES = ("cached", "dropped")
BLOCK_BYTES = 16 * 2**20
# Of rows in memory.
IN_MEMORY = 2**30

LEAST = 0.8
MEMORY = 300 * 10**6

# In a process of its own: what this one has in memory would count as that of the processes that it starts.
PROGRAM = """
import sys, time
import numpy as np, fastnn
model, path, rows, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
net = fastnn.load(model)
x = np.array(np.load(path, mmap_mode="r")[:rows])
out = np.empty((len(x), net.n_outputs), net.dtype)
net(x, out, threads=threads)
start, busy = time.perf_counter(), time.process_time()
net(x, out, threads=threads)
print(time.perf_counter() - start, time.process_time() - busy)
"""


class Work(NamedTuple):
    """A network, the file that it is to be applied to, and where the outputs go."""

    network: str
    model: Path
    rows: int
    source: Path
    target: Path
    threads: int

    @property
    def command(self) -> list[str]:
        """The command that is measured, but for its files."""
        return [sys.executable, "-m", "fastnn", "predict", str(self.model), "--threads", str(self.threads)]


class Round(NamedTuple):
    """What was measured in one turn of each: seconds for all rows, by the state of the file, and bytes.

    `work` is the processor time in memory over that of the stream of a file in the cache.
    """

    memory: float
    start: float
    command: dict[str, float]
    copy: dict[str, float]
    work: float
    peak: int


class Cell(NamedTuple):
    """A network with its rounds."""

    network: str
    rows: int
    bytes_read: int
    bytes_written: int
    rounds: list[Round]

    def rate(self, name: str, state: str = "") -> float:
        """Return the rows a second of the median round: of "memory", "command", "stream" or "copy"."""
        return self.rows / statistics.median(seconds_of(one, name, state) for one in self.rounds)

    def ratio(self, state: str) -> float:
        """Return how much of the lower one of memory's and the copy's rate the stream has, in the median."""
        return statistics.median(
            max(one.memory, one.copy[state]) / seconds_of(one, "stream", state) for one in self.rounds
        )

    @property
    def work(self) -> float:
        """Which part of the stream's processor time is the network's, in the median."""
        return statistics.median(one.work for one in self.rounds)

    @property
    def peak(self) -> int:
        """The most memory that the command took, in bytes."""
        return max(one.peak for one in self.rounds)

    def lines(self) -> Iterator[str]:
        """Yield the table's lines."""
        for state in STATES:
            rates = "".join(
                f"{timing.short(self.rate(name, state)):>10}"
                for name in ("memory", "copy", "command", "stream")
            )
            ratios = f"{self.ratio(state):>8.2f}{self.work:>8.2f}"
            yield f"{self.network:<16}{state:<9}{rates}{ratios}{self.peak / 1e6:>9.0f}"

    def faults(self) -> Iterator[str]:
        """Yield a line for each goal that is missed."""
        if self.peak > MEMORY:
            yield f"memory: {self.network} took {self.peak / 1e6:.0f} MB"
        for state in STATES:
            if (ratio := self.ratio(state)) < LEAST:
                yield f"slow: {self.network}, file {state}: {ratio:.2f} of the rate that is possible"

    def as_json(self) -> dict[str, object]:
        """Return everything."""
        return self._asdict() | {
            "rounds": [one._asdict() for one in self.rounds],
            "ratio": {state: self.ratio(state) for state in STATES},
            "work": self.work,
            "peak": self.peak,
        }


def seconds_of(one: Round, name: str, state: str) -> float:
    """Return a round's seconds; the stream is the command without its start."""
    if name == "memory":
        return one.memory
    if name == "copy":
        return one.copy[state]
    return one.command[state] - (one.start if name == "stream" else 0)


def prepare(network: str, folder: Path, size: int, threads: int) -> Work:
    """Write a model and the file of rows."""
    net = fastnn.Network([fastnn.Dense(*layer) for layer in reference.build(network, "float32")])
    work = Work(
        network,
        folder / "net.safetensors",
        size // (4 * net.n_inputs),
        folder / "x.npy",
        folder / "y.npy",
        threads,
    )
    net.save(work.model)
    some = np.random.default_rng(1).standard_normal(
        (BLOCK_BYTES // (4 * net.n_inputs), net.n_inputs), np.float32
    )
    with open(work.source, "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (work.rows, net.n_inputs)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, work.rows, len(some)):
            file.write(some[: work.rows - start].data)
        os.fsync(file.fileno())
    np.save(folder / "one.npy", some[:1])
    return work


def measure_round(work: Work) -> Round:
    """Give each its turn."""
    memory, busy = memory_seconds(work)
    start, start_busy, _ = run(work, work.source.with_name("one.npy"))
    command, copy, busy_in_command, peaks = {}, {}, {}, []
    for state in STATES:
        bring_into(state, work.source)
        command[state], busy_in_command[state], peak = run(work, work.source)
        peaks.append(peak)
        bring_into(state, work.source)
        copy[state] = copy_seconds(work)
    share = busy / (busy_in_command["cached"] - start_busy)
    return Round(memory, start, command, copy, share, max(peaks))


def memory_seconds(work: Work) -> tuple[float, float]:
    """Return the seconds, and those of processors, that all rows take in memory, by what IN_MEMORY holds."""
    row_bytes = work.source.stat().st_size // work.rows
    rows = min(work.rows, IN_MEMORY // row_bytes)
    numbers = [str(rows), str(work.threads)]
    program = [sys.executable, "-c", PROGRAM, str(work.model), str(work.source), *numbers]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    seconds, busy = map(float, done.stdout.split())
    return seconds * work.rows / rows, busy * work.rows / rows


def run(work: Work, source: Path) -> tuple[float, float, int]:
    """Run the command, and return its seconds, those of processors, and the most memory it had, in bytes."""
    began = time.perf_counter()
    running = subprocess.Popen([*work.command, str(source), "-o", str(work.target)])
    _, status, usage = os.wait4(running.pid, 0)
    seconds = time.perf_counter() - began
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != 0:
        raise SystemExit(f"fastnn predict failed with {running.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss


def copy_seconds(work: Work) -> float:
    """Return how long it takes to read the input's bytes, and to write as many as the output has."""
    buffer = bytearray(BLOCK_BYTES)
    left = work.target.stat().st_size
    share = -(-left * BLOCK_BYTES // work.source.stat().st_size)  # for each block that is read
    began = time.perf_counter()
    with open(work.source, "rb", buffering=0) as source, open(work.target, "wb", buffering=0) as target:
        while source.readinto(buffer):
            written = min(share, left)
            target.write(memoryview(buffer)[:written])
            left -= written
        os.fsync(target.fileno())
    return time.perf_counter() - began


def bring_into(state: str, path: Path) -> None:
    """Read a file into the system's cache, or drop it from there."""
    with open(path, "rb", buffering=0) as file:
        if state == "dropped":
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        else:
            buffer = bytearray(BLOCK_BYTES)
            while file.readinto(buffer):
                pass


def measure(options: argparse.Namespace) -> Iterator[Cell]:
    """Yield each network's cell, and print its lines."""
    print(
        f"{'':<16}{'file':<9}{'memory':>10}{'copy':>10}{'command':>10}{'stream':>10}{'ratio':>8}{'work':>8}{'MB':>9}"
    )
    for network in options.net:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            work = prepare(network, Path(folder), int(options.gigabytes * 1e9), options.threads)
            rounds = [
                measure_round(work) for _ in tqdm(range(options.rounds), network, leave=False, disable=None)
            ]
            sizes = work.source.stat().st_size, work.target.stat().st_size
            cell = Cell(network, work.rows, *sizes, rounds)
        print(*cell.lines(), sep="\n", flush=True)
        yield cell


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure `fastnn predict` on a large file.")
    most = timing.available_processors()
    parser.add_argument("--gigabytes", type=float, default=4.0, metavar="N", help="of input (default: 4)")
    parser.add_argument("--net", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--threads", type=int, choices=range(1, most + 1), default=most, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--folder", type=Path, help="where the files lie meanwhile (default: the system's)")
    parser.add_argument("--json", type=target, metavar="PATH", help="write everything there too")
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args(argv)
    machine = timing.machine()
    print(f"fastnn {machine['fastnn']} ({machine['isa']}), {machine['cpu']}, float32, rows a second of")
    print(f"{options.gigabytes:g} GB, {options.threads} threads, median of {options.rounds} rounds\n")
    cells = list(measure(options))
    if options.json:
        files.write_json(options.json, {"machine": machine, "cells": [cell.as_json() for cell in cells]})
    faults = [fault for cell in cells for fault in cell.faults()] if options.check else []
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
