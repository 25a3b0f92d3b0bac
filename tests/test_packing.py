"""Weights as the kernels read them: the layout of table.h, and where it stands in memory."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn._core import packing

F32 = np.dtype(np.float32)


@pytest.mark.parametrize("n_bytes", [0, 4, packing.LEAST_HUGE - 4, packing.LEAST_HUGE, 5 * packing.HUGE_PAGE])
def test_zeros_begin_a_line_or_a_large_page(n_bytes: int) -> None:
    zeros = packing.aligned_zeros(n_bytes // 4, F32)
    assert (zeros.nbytes, zeros.dtype) == (n_bytes, F32)
    if n_bytes:  # else NumPy has nothing to point to
        assert zeros.ctypes.data % packing.LINE == 0
    if n_bytes >= packing.LEAST_HUGE and hasattr(packing.mmap, "MADV_HUGEPAGE"):
        assert zeros.ctypes.data % packing.HUGE_PAGE == 0
    assert not zeros.any()
    zeros += 1
    assert zeros.all()


@pytest.mark.skipif(
    not hasattr(packing.mmap, "MADV_HUGEPAGE"), reason="this system has no large pages to ask for"
)
def test_no_memory() -> None:
    with pytest.raises(MemoryError, match="bytes of weights"):
        packing.aligned_zeros(2**60, F32)


@pytest.mark.parametrize("n_outputs", [1, 3, 4, 5, 8, 9, 19])
def test_panels(n_outputs: int) -> None:
    """Output j stands in panel j // 8, its lane j % 8; a last panel may be half as wide."""
    n_inputs, panel, lanes = 3, 8, 4
    weight = np.arange(1, n_outputs * n_inputs + 1, dtype=F32).reshape(n_outputs, n_inputs)
    packed = packing.pack(weight, panel, lanes)
    start = 0
    for first in range(0, n_outputs, panel):
        columns = weight[first : first + panel].T
        width = lanes if columns.shape[1] <= lanes else panel
        block = packed[start : start + n_inputs * width].reshape(n_inputs, width)
        assert np.array_equal(block[:, : columns.shape[1]], columns)
        assert not block[:, columns.shape[1] :].any()
        start += block.size
    assert start == packed.size


@pytest.mark.parametrize("n_inputs", [1, 15, 16, 17])
def test_padded_rows(n_inputs: int) -> None:
    weight = np.arange(1, 2 * n_inputs + 1, dtype=F32).reshape(2, n_inputs)
    padded = packing.pad_rows(weight)
    assert padded.shape == (2, -(-n_inputs // 16) * 16)
    assert np.array_equal(padded[:, :n_inputs], weight)
    assert not padded[:, n_inputs:].any()
