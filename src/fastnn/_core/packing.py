"""Weights as the kernels read them, in memory that costs few look-ups of addresses."""

from __future__ import annotations

import contextlib
import mmap
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LINE = 64
# A large page of x86-64, and of most other processors. With small ones a processor waits for the address of
# every 4 KiB that comes from far.
HUGE_PAGE = 2**21
# So much of a large page has to be used for it to be worth the rest.
LEAST_HUGE = 3 * HUGE_PAGE // 4


def own(weight: Array, bias: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return a layer's parameters as arrays whose shapes nobody else can set, and which fit each other."""
    weight = np.ascontiguousarray(np.asarray(weight).view(), dtype)
    bias = np.ascontiguousarray(np.asarray(bias).view(), dtype)
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError(f"a layer has weight {weight.shape} and bias {bias.shape}, which don't fit")
    return weight, bias


def aligned_zeros(n: int, dtype: np.dtype[Any]) -> Array:
    """Return n zeros that begin a cache line; many of them in large pages, if the system gives some."""
    n_bytes = n * dtype.itemsize
    large = n_bytes >= LEAST_HUGE and hasattr(mmap, "MADV_HUGEPAGE")
    alignment = HUGE_PAGE if large else LINE
    memory = large_pages(n_bytes + HUGE_PAGE) if large else np.zeros(n_bytes + LINE, np.uint8)
    skip = -memory.ctypes.data % alignment
    return memory[skip : skip + n_bytes].view(dtype)


def large_pages(n_bytes: int) -> Array:
    """Return zeroed bytes of a mapping of their own, for which large pages are asked for."""
    try:
        region = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"no memory for {n_bytes} bytes of weights") from error
    with contextlib.suppress(OSError):  # a kernel that has none
        region.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(region, np.uint8)


def pack(weight: Array, panel: int, lanes: int) -> Array:
    """Return weight (n_outputs, n_inputs) in panels of columns, as table.h says."""
    n_outputs, n_inputs = weight.shape
    whole, left = divmod(n_outputs, panel)
    last = 0 if left == 0 else lanes if left <= lanes else panel
    packed = aligned_zeros((whole * panel + last) * n_inputs, weight.dtype)
    full = packed[: whole * panel * n_inputs].reshape(whole, n_inputs, panel)
    full[...] = weight[: whole * panel].reshape(whole, panel, n_inputs).transpose(0, 2, 1)
    if left:
        packed[whole * panel * n_inputs :].reshape(n_inputs, last)[:, :left] = weight[whole * panel :].T
    return packed


def pad_rows(weight: Array) -> Array:
    """Return weight with zeros behind each row, up to a multiple of 16, as table.h says."""
    n_outputs, n_inputs = weight.shape
    width = -(-n_inputs // 16) * 16
    padded = aligned_zeros(n_outputs * width, weight.dtype).reshape(n_outputs, width)
    padded[:, :n_inputs] = weight
    return padded
