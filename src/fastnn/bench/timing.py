"""Time calls against each other: in turns, warm, on the same few processors, medians with their spread."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import fastnn

Call = Callable[[], object]

# OpenMP's, those of three BLAS, and XLA's, which JAX computes with.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "PJRT_NPROC",
)


class Timing:
    """How long a call took.

    Parameters
    ----------
    seconds : list of float
        For one call, a figure from each round.
    """

    def __init__(self, seconds: list[float]) -> None:
        self.seconds = seconds

    @property
    def median(self) -> float:
        """Seconds a call, in the median of the rounds."""
        return statistics.median(self.seconds)

    def times(self, unit: float) -> dict[str, float]:
        """Return the time a call, in units of which a second has `unit`: the median, and the spread."""
        return {
            "median": self.median * unit,
            "min": min(self.seconds) * unit,
            "max": max(self.seconds) * unit,
        }

    def microseconds(self) -> dict[str, float]:
        """Return the microseconds a call: the median, and the spread."""
        return self.times(1e6)

    def nanoseconds(self) -> dict[str, float]:
        """Return the nanoseconds a call: the median, and the spread."""
        return self.times(1e9)

    def rates(self, amount: float) -> dict[str, float]:
        """Return how much is done in a second if a call does `amount`: the median, and the spread."""
        return {
            "median": amount / self.median,
            "min": amount / max(self.seconds),
            "max": amount / min(self.seconds),
        }

    def ratios(self, other: Timing, factor: float = 1.0) -> dict[str, float]:
        """Return `factor` times how many times as fast as `other` it was: the median, and the spread.

        A round's two figures were taken within the same moment, so they are compared with each other, and
        the median is taken of that: a machine that slows down for a while slows both.
        """
        found = [factor * b / a for a, b in zip(self.seconds, other.seconds, strict=True)]
        return {"median": statistics.median(found), "min": min(found), "max": max(found)}

    def speedup(self, other: Timing) -> float:
        """Return how many times as fast as `other` it was, in the median."""
        return self.ratios(other)["median"]

    def without(self, overhead: Timing) -> Timing:
        """Return what is left of each round's figure when another's is taken off; a hundredth at least."""
        pairs = zip(self.seconds, overhead.seconds, strict=True)
        return Timing([max(whole - part, whole / 100) for whole, part in pairs])

    def lost_in(self, overhead: Timing) -> bool:
        """Return whether another's figure left less than a tenth in some round: what is left is noise."""
        pairs = zip(self.seconds, overhead.seconds, strict=True)
        return any(whole - part < whole / 10 for whole, part in pairs)


def measure(calls: Mapping[str, Call], rounds: int, seconds: float, rest: bool = False) -> dict[str, Timing]:
    """Time the calls in turns, round after round, so that what disturbs the machine disturbs them all.

    Parameters
    ----------
    calls : mapping of name to call
        Each takes nothing and always does the same.
    rounds : int
        How often each is timed.
    seconds : float
        About how long it is repeated in a round; a slower call runs once.
    rest : bool, default False
        Whether to wait before each turn until the threads of the one before sleep, and then to run the call
        untimed first.

    Returns
    -------
    dict of name to Timing
    """
    repeats = {}
    for name, call in calls.items():
        if rest:
            wait_for_threads()
        repeats[name] = warm(call, seconds)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    with collector_off():
        for i in range(rounds):
            for name in list(calls)[:: 1 if i % 2 else -1]:  # who follows whom alternates too
                if rest:
                    wait_for_threads()
                    seconds_for(calls[name], max(1, repeats[name] // 4))
                taken[name].append(seconds_for(calls[name], repeats[name]) / repeats[name])
    return {name: Timing(figures) for name, figures in taken.items()}


def wait_for_threads() -> None:
    """Wait until no thread of the process runs, but no more than a second.

    Where a pool's threads have nothing to do they spin for a while before they sleep, on a processor that the
    next call needs: OpenBLAS's for 105 ms, ONNX Runtime's for 50, those of GCC's OpenMP for 10.
    """
    for _ in range(100):
        before = time.process_time()
        time.sleep(0.01)
        if time.process_time() - before < 0.001:
            return


def warm(call: Call, seconds: float) -> int:
    """Run a call until caches, memory and clock have settled; return how often it fits into `seconds`."""
    count = 1
    while (taken := seconds_for(call, count)) < seconds / 4:
        count *= 2
    return max(1, round(count * seconds / taken))


def seconds_for(call: Call, count: int) -> float:
    """Return how long `count` calls take."""
    rounds = itertools.repeat(None, count)  # the cheapest loop that Python has
    start = time.perf_counter()
    for _ in rounds:
        call()
    return time.perf_counter() - start


@contextlib.contextmanager
def collector_off() -> Iterator[None]:
    """Keep Python's garbage collector from starting in the middle of a measurement."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def processors(threads: int) -> Iterator[str]:
    """Give fastnn, BLAS and what is loaded later this many threads, and the process as many processors.

    A BLAS that is loaded already is only told where threadpoolctl is installed. Yields what was done, in
    words; afterwards everything is as it was.
    """
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(threads)
    try:
        with environment(threads), blas_threads(threads), pinned(threads) as where:
            yield f"{threads} thread{'s' if threads > 1 else ''}, {where}"
    finally:
        fastnn.set_num_threads(before)


def blas_threads(threads: int) -> AbstractContextManager[object]:
    """Give the thread pools that are loaded this many threads."""
    if not find_spec("threadpoolctl"):
        return nullcontext()
    limits: AbstractContextManager[object] = import_module("threadpoolctl").threadpool_limits(threads)
    return limits


@contextlib.contextmanager
def environment(threads: int) -> Iterator[None]:
    """Tell libraries that are loaded later how many threads to take."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def available_processors() -> int:
    """Return how many processors the process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextlib.contextmanager
def pinned(count: int) -> Iterator[str]:
    """Keep every thread of the process on `count` processors, where the system lets it."""
    if sys.platform != "linux":
        yield "not pinned: this system can't"
        return
    allowed = os.sched_getaffinity(0)
    chosen = sorted(allowed)[-count:]  # the first ones serve most interrupts
    move_threads(chosen)
    try:
        yield f"pinned to processor{'s' if len(chosen) > 1 else ''} {', '.join(map(str, chosen))}"
    finally:
        move_threads(allowed)


if sys.platform == "linux":

    def move_threads(to: Iterable[int]) -> None:
        """Move every thread of the process: each moves alone, and BLAS's have long been started."""
        for task in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(task), to)


def spread(figures: Mapping[str, float]) -> str:
    """Return a figure as a table shows it: 1.23M (1.1M..1.25M)."""
    return f"{short(figures['median'])} ({short(figures['min'])}..{short(figures['max'])})"


def short(figure: float) -> str:
    """Return three digits and a unit: 1.23M."""
    factor, unit = (1e6, "M") if figure >= 999_500 else (1e3, "k") if figure >= 999.5 else (1, "")
    return f"{figure / factor:.3g}{unit}"


def machine() -> dict[str, object]:
    """Return what the figures depend on, as JSON takes it."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "isa": fastnn.isa(),
        "available_isas": list(fastnn.available_isas()),
        "fastnn": fastnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas(),
    }


def blas() -> str:
    """Return the name and the version of NumPy's BLAS, where threadpoolctl is there to tell."""
    if not find_spec("threadpoolctl"):
        return "unknown"
    pools: list[dict[str, Any]] = import_module("threadpoolctl").threadpool_info()
    found = [f"{pool['internal_api']} {pool['version']}" for pool in pools if pool["user_api"] == "blas"]
    return ", ".join(found) or "unknown"


def cpu() -> str:
    """Return the processor's name."""
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
