"""The benchmark of the kernels runs with and without libxsmm, and fails when a kernel is broken."""

from __future__ import annotations

import ctypes
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fastnn.bench import cases, kernels

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks aren't beside the tests", allow_module_level=True)
TYPES = {0: ctypes.c_double, 1: ctypes.c_float}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """benchmarks/kernels.py, imported as if it were run, with a case or two of each kind."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setattr(cases, "LAYERS", (cases.Layer(112, 24, 64), cases.Layer(14, 16, 33)))
    monkeypatch.setattr(cases, "SINGLE_QUICK", (cases.Layer(1, 24, 64),))
    monkeypatch.setattr(cases, "VALUES_QUICK", (128,))
    monkeypatch.setattr(cases, "NETWORKS", cases.NETWORKS[1:])
    monkeypatch.setattr(cases, "CURVES", (cases.SMALLEST,))
    monkeypatch.setattr(cases, "BATCHES", (1, 4))
    monkeypatch.setattr(kernels, "READ_SIZES_QUICK", (4096,))
    module = importlib.import_module("kernels")
    # What these small cases reach on a busy machine is no matter.
    monkeypatch.setattr(module, "LOWEST", dict.fromkeys(module.LOWEST, 0.0))
    monkeypatch.setattr(module, "HIGHEST_OF_NP_ADD", np.inf)
    monkeypatch.setattr(module, "LOWEST_OF_LIBXSMM", 0.0)
    yield module
    for name in ("kernels", "libxsmm"):
        del sys.modules[name]


class FakeLibxsmm:
    """Hands out products that NumPy computes, times `factor`."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.kept: list[Any] = []
        self.libxsmm_dispatch_gemm = self.dispatcher()

    def dispatcher(self) -> Callable[..., int | None]:
        def dispatch(shape: Any, flags: int, prefetch: int) -> int | None:
            assert (shape.lda, shape.ldb, shape.ldc, flags, prefetch) == (shape.m, shape.k, shape.m, 4, 0)
            real = ctypes.POINTER(TYPES[shape.a_type])

            def matrix(arguments: int, place: int, rows: int, columns: int) -> Any:
                address = ctypes.cast(arguments + 8 * place, ctypes.POINTER(ctypes.c_void_p))[0]
                assert address
                return np.ctypeslib.as_array(ctypes.cast(address, real), (columns, rows)).T

            def multiply(arguments: int) -> None:
                a = matrix(arguments, 4, shape.m, shape.k)
                b = matrix(arguments, 10, shape.k, shape.n)
                matrix(arguments, 16, shape.m, shape.n)[...] = a @ b * self.factor

            function = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(multiply)
            self.kept.append(function)
            return ctypes.cast(function, ctypes.c_void_p).value

        return dispatch


def test_beside_libxsmm(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark.libxsmm, "load", lambda path: FakeLibxsmm())
    path = tmp_path / "report.json"
    options = ["--quick", "--check", "--dtype", "float32", "float64", "--json", str(path)]
    assert benchmark.main(options) == 0, capsys.readouterr().out
    report = json.loads(path.read_text(encoding="utf-8"))
    assert [compared["dtype"] for compared in report["libxsmm"]] == ["float32", "float64"]
    for compared in report["libxsmm"]:
        assert [figures["n_outputs"] for figures in compared["layers"]] == [64, 33]
        ratios = [figures["ratio"]["median"] for figures in compared["layers"]]
        assert compared["geometric_means"]["ratio"] == pytest.approx(np.exp(np.log(ratios).mean()))
        for figures in compared["layers"]:
            assert 0 < figures["libxsmm_gflops"]["min"] <= figures["libxsmm_gflops"]["max"]
    assert "Geometric means: " in capsys.readouterr().out


def test_another_libxsmm_is_noticed(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark.libxsmm, "load", lambda path: FakeLibxsmm(1.01))
    with pytest.raises(SystemExit, match="wrong: libxsmm, 24-64, 112 rows"):
        benchmark.main(["--quick"])


def test_a_broken_kernel_fails_only_if_asked(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark.libxsmm, "load", lambda path: None)
    monkeypatch.setattr(benchmark, "LOWEST", {("layers", "of_peak"): 1e9})
    assert benchmark.main(["--quick"]) == 0
    assert benchmark.main(["--quick", "--check"]) == 1
    out = capsys.readouterr().out
    assert "Left out: libxsmm, not found" in out
    assert "'rows': 112, 'n_inputs': 24, 'n_outputs': 64}: of_peak " in out


def test_a_library_that_is_not_there(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmark.main(["--quick", "--libxsmm", "missing.so"])
    assert re.search(r"argument --libxsmm: .*missing\.so", capsys.readouterr().err)
