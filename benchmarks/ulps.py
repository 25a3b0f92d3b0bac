"""How far results are from the exact ones: in ULP, lost to 0, or no numbers where numbers were due.

For float32 the exact values are float64's, for float64 those of long double, where that is wider: x86-64 on
Linux and macOS. Both are good to a thousandth of an ULP, near 0 too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tests import formulas
else:
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
    import formulas

Array = np.ndarray[Any, Any]

WIDER: dict[str, type[np.floating[Any]]] = {"float32": np.float64, "float64": np.longdouble}
CHUNK = 2**20

ROW_LENGTHS = (1, 2, 3, 5, 8, 16, 17, 33, 100, 257, 1000, 4096)
SCALES = (0.1, 0.3, 1, 3, 10, 30, 100)
# Rows in which one number is so much larger than the rest.
DEPTHS = np.linspace(0.01, 120, 1000)
DOMINATED_LENGTHS = (2, 3, 17, 500)


class Errors(NamedTuple):
    """The largest error in ULP and where it was; and how many results were no good at all."""

    ulp: float = 0.0
    at: float = 0.0  # the exact value there
    tried: int = 0
    lost: int = 0  # 0 where the exact value is at least the smallest subnormal number
    wrong: int = 0  # NaN or infinite where a number is nearest, or the other way round

    def joined(self, other: Errors) -> Errors:
        """Return what both together have."""
        worst = max(self, other, key=lambda errors: errors.ulp)
        counts = (a + b for a, b in zip(self[2:], other[2:], strict=True))
        return Errors(worst.ulp, worst.at, *counts)


def errors(got: Array, exact: Array, normal: bool) -> Errors:
    """Compare results with exact values; `normal`: the ULP are of those results that are normal numbers."""
    info = np.finfo(got.dtype)
    nearest = exact.astype(got.dtype)
    wrong = np.isfinite(got) != np.isfinite(nearest)
    lost = (got == 0) & (np.abs(exact) >= info.smallest_subnormal) & ~wrong
    counted = np.isfinite(got) & ~wrong & ~lost
    if normal:
        counted &= np.abs(exact) >= info.tiny
    exponent = np.maximum(np.frexp(exact)[1] - 1, info.minexp) - info.nmant
    ulp = np.where(counted, np.abs(np.ldexp(got.astype(exact.dtype) - exact, -exponent)), 0)
    worst = int(ulp.argmax())
    return Errors(
        float(ulp.flat[worst]), float(exact.flat[worst]), got.size, int(lost.sum()), int(wrong.sum())
    )


def exp(z: Array) -> Array:
    value: Array = np.exp(-np.abs(z))
    return value


EXACT: dict[str, Callable[[Array], Array]] = {
    "exp": exp,
    "sigmoid": formulas.sigmoid,
    "tanh": np.tanh,
    "softmax": formulas.softmax,
    "log_softmax": formulas.log_softmax,
}


def has_wider(dtype: str) -> bool:
    """Whether there is a wider type for exact values."""
    return bool(np.finfo(WIDER[dtype]).nmant > np.finfo(dtype).nmant)


def numbers(dtype: str, every: int) -> Iterator[Array]:
    """Yield the float32 of every so many bit patterns, and as many float64, spread as evenly over theirs."""
    bits = 8 * np.dtype(dtype).itemsize
    step = every if bits == 32 else every << 32 | 0x9E3779B1  # odd, so that the last bits differ too
    total = -(-(2**32) // every)
    for first in range(0, total, CHUNK):
        index = np.arange(first, min(first + CHUNK, total), dtype=np.uint64)
        z = (index * np.uint64(step)).astype(f"u{bits // 8}").view(dtype)
        yield z[np.isfinite(z)]


def rows(dtype: str, elements: int) -> Iterator[Array]:
    """Yield rows: random ones, so many numbers of each length and scale, and such as one number dominates."""
    rng = np.random.default_rng(0)
    for n in ROW_LENGTHS:
        for scale in SCALES:
            yield (scale * rng.standard_normal((max(elements // n, 1), n))).astype(dtype)
    for n in DOMINATED_LENGTHS:
        batch = rng.uniform(-0.5, 0.5, (len(DEPTHS), n))
        batch[np.arange(len(DEPTHS)), rng.integers(0, n, len(DEPTHS))] += DEPTHS
        yield batch.astype(dtype)
