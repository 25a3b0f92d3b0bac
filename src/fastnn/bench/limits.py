"""What the processor can do at most, as calls that take turns with what is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from fastnn._core.dispatch import Kernels, kernels
from fastnn.bench import cases, timing

# Of a call, on one thread and on several: enough that starting it costs next to nothing.
STEPS, STEPS_TOGETHER = 40_000, 1_000_000
READ_BYTES, READ_BYTES_TOGETHER = 2**22, 2**28


class Probe(NamedTuple):
    """A call, and how much of its kind it does: floating-point operations, or bytes."""

    call: timing.Call
    amount: int


class Limits:
    """The limits of one instruction set and real type, on as many threads as networks have.

    Parameters
    ----------
    kernel : Kernels
        Whose probes to run.
    threads : int
        How many run them at once.
    run : callable
        `map`, or the same on those threads.
    """

    def __init__(self, kernel: Kernels, threads: int, run: Callable[..., Iterator[Any]]) -> None:
        self.kernel = kernel
        self.threads = threads
        self.run = run

    def multiply_adds(self) -> Probe:
        """Return a probe of multiply-adds in registers; each is two operations."""
        steps = [STEPS if self.threads == 1 else STEPS_TOGETHER] * self.threads
        done = sum(self.kernel.multiply_adds(count) for count in steps)
        return Probe(lambda: list(self.run(self.kernel.multiply_adds, steps)), 2 * done)

    def read(self, nbytes: int, threads: int = 1) -> Probe:
        """Return a probe of reading that much memory again and again, a part of it on each thread."""
        whole = cases.aligned(np.ones(max(1, nbytes // self.kernel.dtype.itemsize), self.kernel.dtype))
        parts = np.array_split(whole, threads)
        times = max(1, (READ_BYTES if threads == 1 else READ_BYTES_TOGETHER) // whole.nbytes)
        run = map if threads == 1 else self.run

        def read_part(part: np.ndarray[Any, Any]) -> float:
            return self.kernel.read(part, times)

        return Probe(lambda: list(run(read_part, parts)), times * whole.nbytes)


@contextmanager
def limits(isa: str, dtype: str, threads: int) -> Iterator[Limits]:
    """Give the limits of an instruction set, dtype and number of threads, and end those afterwards."""
    if threads == 1:
        yield Limits(kernels(dtype, isa), 1, map)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield Limits(kernels(dtype, isa), threads, pool.map)
