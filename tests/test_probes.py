"""The probes of the processor's limits do what they say, on every instruction set."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import every_dtype, every_isa

from fastnn._core.dispatch import kernels


def seconds(call: Callable[[], Any]) -> float:
    def once() -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return min(once() for _ in range(5))


@every_dtype
@every_isa
class TestMultiplyAdds:
    def test_counts_those_of_each_lane(self, isa: str, dtype: np.dtype[Any]) -> None:
        probe = kernels(dtype, isa)
        assert probe.multiply_adds(0) == 0
        assert probe.multiply_adds(8) == 8 * probe.tile_rows * probe.panel

    def test_takes_as_long_as_they_need(self, isa: str, dtype: np.dtype[Any]) -> None:
        probe = kernels(dtype, isa)
        few = seconds(lambda: probe.multiply_adds(4_000))
        many = seconds(lambda: probe.multiply_adds(40_000))
        assert many > 4 * few
        assert probe.multiply_adds(40_000) / many < 1e12


@every_dtype
@every_isa
class TestRead:
    @pytest.mark.parametrize("n", [0, 1, 2, 7, 63, 64, 65, 1000, 5003])
    def test_reads_everything_once(self, isa: str, dtype: np.dtype[Any], n: int) -> None:
        a = (np.arange(n) % 8).astype(dtype)  # so that sums are exact in any order
        assert kernels(dtype, isa).read(a) == a.sum()
        assert kernels(dtype, isa).read(a, 3) == 3 * a.sum()

    def test_what_is_not_finite_is_read_too(self, isa: str, dtype: np.dtype[Any]) -> None:
        assert math.isnan(kernels(dtype, isa).read(np.full(100, np.nan, dtype)))
