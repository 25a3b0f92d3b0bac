"""Softmax and log-softmax of rows: random ones of every length and scale, and those made to be hard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from exact import ROW_FORMULAS, Exact, exact, ulp_errors
from functions import LEAST_NORMAL
from support import Array, normalize
from sweep import n_differing

from fastnn.threads import get_num_threads

LENGTHS = (
    *range(1, 21),
    *(31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129, 255, 257, 500, 1000, 1024, 2047, 4096),
)
SCALES = (0.1, 0.3, 1, 3, 10, 30, 100)


class RowErrors(NamedTuple):
    """The largest error of a result in ULP, and of a row's sum in units of n 2^-24."""

    ulp: float = 0.0
    length: int = 0
    sum: float = 0.0


def batches(elements: int) -> Iterator[Array]:
    """Yield batches of about so many numbers each."""
    for length in LENGTHS:
        count = max(1, elements // length)
        for scale in SCALES:
            rng = np.random.default_rng([length, int(10 * scale)])
            yield (scale * rng.standard_normal((count, length))).astype(np.float32)
        if length > 1:
            yield from hard(length, count)


def hard(length: int, count: int) -> Iterator[Array]:
    """Yield rows where one result is near 1, many tie, or exponentials are near the smallest."""
    rng = np.random.default_rng(length)
    one_big = np.zeros((count, length))
    one_big[np.arange(count), rng.integers(0, length, count)] = np.linspace(0.01, 120, count)
    yield one_big.astype(np.float32)
    yield (-one_big).astype(np.float32)
    yield (one_big + rng.uniform(-1, 1, (count, 1))).astype(np.float32)
    yield (one_big + rng.uniform(-0.5, 0.5, one_big.shape)).astype(np.float32)
    yield (1000 + rng.uniform(-0.3, 0.3, one_big.shape)).astype(np.float32)
    yield np.exp2(rng.uniform(-140, 6, one_big.shape)).astype(np.float32)
    yield rng.uniform(-105, 0, one_big.shape).astype(np.float32)
    yield rng.choice([0, -16.63553, -87.33654, -103.27892], one_big.shape).astype(np.float32)


def n_batches() -> int:
    """Return how many batches there are."""
    return sum(1 for _ in batches(1))


def sweep_rows(
    name: str, isas: Sequence[str], elements: int, advance: Callable[[], object] = lambda: None
) -> tuple[dict[str, RowErrors], int]:
    """Return the largest errors on every instruction set, and how many results differ between these."""

    def one(rows: Array) -> tuple[dict[str, RowErrors], int]:
        results = {isa: normalize(isa, name, rows) for isa in isas}
        expected = exact(ROW_FORMULAS[name](rows), np.float32)
        return {isa: errors_of(name, got, expected) for isa, got in results.items()}, n_differing(results)

    worst, differing = dict.fromkeys(isas, RowErrors()), 0
    with ThreadPoolExecutor(get_num_threads()) as pool:
        futures = [pool.submit(one, rows) for rows in batches(elements)]
        try:
            for future in futures:
                seen, different = future.result()
                differing += different
                for isa, errors in seen.items():
                    most = max(worst[isa], errors)
                    worst[isa] = most._replace(sum=max(worst[isa].sum, errors.sum))
                advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return worst, differing


def errors_of(name: str, got: Array, expected: Exact) -> RowErrors:
    """Return the largest errors in a batch; of normal results alone, if the others are near 0."""
    small = (expected.size < LEAST_NORMAL) & (np.abs(got) <= LEAST_NORMAL)
    errors = np.where(small, 0, ulp_errors(got, expected))
    off = np.abs(got.sum(axis=1, dtype=np.float64) - 1).max() if name == "softmax" else 0.0
    sums = np.inf if np.isnan(off) else off / (got.shape[1] * 2.0**-24)
    return RowErrors(float(errors.max()), got.shape[1], float(sums))
