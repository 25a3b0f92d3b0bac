"""Every float32 there is, or every so many, through a function on every instruction set.

The expected value is computed in float64, whose own error is below 2^-25 ULP of float32. So where a sweep's
largest error is less than the limit by MARGIN, no input exceeds it; those nearer are settled in 200 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from functions import LEAST_NORMAL, Swept, settled
from support import FUSED_ISAS, Array, floors

from fastnn._core.dispatch import Kernels, kernels
from fastnn.threads import get_num_threads

PATTERNS = 2**32
BLOCK = 2**15
CHUNK = 2**20
MARGIN = 2.0**-20
MOST_NEAR = 1000
EXPONENT = np.int64(0x7FF << 52)
# What every so many may leave out: zeros, infinities, NaN, the ends of the subnormal and normal numbers.
SPECIAL = np.array([0, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000], np.uint32).view(np.float32)


class Worst(NamedTuple):
    """The largest error of a function on an instruction set, in ULP, where it is, and what came out."""

    error: float = 0.0
    z: float = 0.0
    got: float = 0.0


class Result(NamedTuple):
    """What a sweep saw."""

    worst: dict[str, Worst]
    # Inputs for which an instruction set with fused multiply-add gave other bits than the first one.
    differing: int
    # Inputs of a function that should be odd for which f(-z) has other bits than -f(z).
    asymmetric: int


class Found(NamedTuple):
    """What was seen in a part of a sweep."""

    worst: dict[str, Worst]
    near: list[tuple[str, float, float]]
    differing: int
    asymmetric: int


def sweep(
    function: Swept, isas: Sequence[str], every: int = 1, advance: Callable[[], object] = lambda: None
) -> Result:
    """Return the largest errors over all float32 inputs, or every so many."""
    tables = [kernels(np.float32, isa) for isa in isas]
    step = CHUNK * every
    with ThreadPoolExecutor(get_num_threads()) as pool:
        chunks = (blocks(first, every) for first in range(0, PATTERNS, step))
        parts = [pool.submit(part, function, tables, chunk) for chunk in chunks]
        try:
            found = [part(function, tables, [np.concatenate([SPECIAL, -SPECIAL])])]
            for future in parts:
                found.append(future.result())
                advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    worst = {isa: max(some.worst[isa] for some in found) for isa in isas}
    for isa, z, got in (near for some in found for near in some.near[:MOST_NEAR]):
        worst[isa] = max(worst[isa], Worst(settled(function, z, got), z, got))
    for isa, (error, z, got) in worst.items():
        if 0 < error < np.inf and np.isfinite(z):
            worst[isa] = Worst(settled(function, z, got), z, got)
    return Result(worst, sum(some.differing for some in found), sum(some.asymmetric for some in found))


def part(function: Swept, tables: Sequence[Kernels], numbers: Iterable[Array]) -> Found:
    """Return the largest errors over blocks of numbers."""
    worst = {table.isa: Worst() for table in tables}
    near: list[tuple[str, float, float]] = []
    differing = asymmetric = 0
    with np.errstate(all="ignore"):
        for z in numbers:
            expected = function.formula.numpy(z.astype(np.float64))
            rounded = expected.astype(np.float32)
            same_as: tuple[Array, Array, Array] | None = None
            for table in tables:
                out = np.empty_like(z)
                function.call(table, z, out)
                if function.odd:
                    mirrored = np.empty_like(z)
                    function.call(table, -z, mirrored)
                    asymmetric += n_different(-mirrored, out)
                if table.fused and same_as is not None and not n_different(out, same_as[0]):
                    off, errors = same_as[1:]
                else:
                    off = np.flatnonzero(out != rounded)
                    errors = ulp_errors(
                        out[off], expected[off], function.normal, floors(function.limits, z[off])
                    )
                    if table.fused and same_as is not None:
                        differing += n_different(out, same_as[0])
                    elif table.fused:
                        same_as = out, off, errors
                if not errors.size:
                    continue
                i = off[errors.argmax()]
                here = Worst(float(errors.max()), float(z[i]), float(out[i]))
                worst[table.isa] = max(worst[table.isa], here)
                doubtful = off[(errors > function.limit - MARGIN) & np.isfinite(z[off])][:MOST_NEAR]
                near.extend((table.isa, float(z[i]), float(out[i])) for i in doubtful)
    return Found(worst, near, differing, asymmetric)


def blocks(first: int, every: int) -> Iterator[Array]:
    """Yield a chunk's float32 numbers by their patterns, CHUNK of them or as many as are left."""
    for start in range(first, min(first + CHUNK * every, PATTERNS), BLOCK * every):
        yield np.arange(start, min(start + BLOCK * every, PATTERNS), every, np.uint32).view(np.float32)


def n_differing(results: Mapping[str, Array]) -> int:
    """Return how many results of instruction sets with fused multiply-add differ from the first one's."""
    fused = [result for isa, result in results.items() if isa in FUSED_ISAS]
    return sum(n_different(result, fused[0]) for result in fused[1:])


def n_different(a: Array, b: Array) -> int:
    """Return how many elements of two float32 arrays have other bits; one NaN is like another."""
    different = a.view(np.uint32) != b.view(np.uint32)
    return int(np.count_nonzero(different & ~(np.isnan(a) & np.isnan(b)))) if different.any() else 0


def ulp_errors(got: Array, expected: Array, normal: bool, floor: Any = 0.0) -> Array:
    """Return how far each result is off, in ULP of the expected value; infinite for NaN on one side only."""
    size = (expected.view(np.int64) & EXPONENT).view(np.float64)
    errors = np.abs(got - expected) / (np.maximum(np.maximum(size, floor), LEAST_NORMAL) * 2.0**-23)
    errors = np.where((got == expected) | (np.isnan(expected) & np.isnan(got)), 0, errors)
    errors = np.where(np.isnan(errors), np.inf, errors)
    if normal:
        errors = np.where((np.abs(expected) < LEAST_NORMAL) & (np.abs(got) <= LEAST_NORMAL), 0, errors)
    return errors
