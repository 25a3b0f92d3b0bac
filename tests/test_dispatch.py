"""Contract 4: which instruction set runs, and what importing does to the process: nothing."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from support import DTYPES, FREE_THREADED, FUSED_ISAS, ISAS, every_dtype, every_isa, output_of, run_python

import fastnn
from fastnn import _build_info
from fastnn._core.dispatch import ON_THIS_CPU, Kernels, kernels

KNOWN = ("avx512", "avx2", "neon", "sse2", "scalar")


class TestForced:
    @every_isa
    def test_each_available_one_runs(self, isa: str) -> None:
        code = "import fastnn; print(fastnn.isa(), fastnn.relu([-1.0, 2.0]), fastnn.Perceptron([2.0])([3.0]))"
        assert output_of(code, FASTNN_ISA=isa) == f"{isa} [0. 2.] 6.0\n"

    @pytest.mark.parametrize("spelling", [" {} ", "{}\n"])
    def test_space_and_case_do_not_matter(self, spelling: str) -> None:
        code = "import fastnn; print(fastnn.isa())"
        assert output_of(code, FASTNN_ISA=spelling.format(ISAS[-1].upper())) == f"{ISAS[-1]}\n"

    def test_nothing_forced(self) -> None:
        code = "import fastnn; print(fastnn.isa())"
        assert output_of(code) == output_of(code, FASTNN_ISA="") == f"{ISAS[0]}\n"

    @pytest.mark.parametrize("isa", [*(isa for isa in KNOWN if isa not in ISAS), "avx9", "scalar,avx2"])
    def test_unavailable_one_is_an_error_that_lists_what_there_is(self, isa: str) -> None:
        done = run_python("import fastnn", FASTNN_ISA=isa)
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith(f"ImportError: FASTNN_ISA is {isa!r}, but ")
        assert last.endswith(f"available: {', '.join(ISAS)}")

    def test_only_the_chosen_module_is_loaded(self) -> None:
        code = """
import sys, fastnn
net = fastnn.Network([fastnn.Dense([[1.0]], activation="tanh")])
print(*sorted(name.rsplit(".")[-1] for name in sys.modules if name.startswith("fastnn._core.isa.")))
"""
        for isa in ISAS:
            assert output_of(code, FASTNN_ISA=isa) == f"{isa}_f32 {isa}_f64\n"


class TestTable:
    def test_available_isas(self) -> None:
        assert fastnn.available_isas() == tuple(isa for isa in _build_info.ISAS if ON_THIS_CPU[isa])
        assert "scalar" in ISAS
        assert set(ISAS) <= set(KNOWN)
        assert len(FUSED_ISAS) >= 1

    @every_dtype
    @every_isa
    def test_kernels(self, isa: str, dtype: np.dtype[np.floating]) -> None:
        table = kernels(dtype, isa)
        assert (table.isa, table.dtype) == (isa, dtype)
        assert table.panel % table.lanes == 0
        assert table.lanes >= 1
        assert table.tile_rows >= 1
        assert table.fused == (isa != "sse2")
        assert kernels(dtype, isa) is table

    def test_unknown_kernels(self) -> None:
        with pytest.raises(ValueError, match=f"'avx9', expected one of {', '.join(ISAS)}"):
            Kernels("avx9", DTYPES[0])


class TestImport:
    def test_prints_nothing(self) -> None:
        done = run_python("import fastnn")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_warns_of_nothing(self) -> None:
        assert output_of("import warnings; warnings.simplefilter('error'); import fastnn") == ""

    @pytest.mark.skipif(not FREE_THREADED, reason="other CPythons have the lock anyway")
    def test_asks_for_no_interpreter_lock(self) -> None:
        code = """
import sys, fastnn
from fastnn._core.dispatch import kernels
for isa in fastnn.available_isas():
    assert kernels("float32", isa).isa == kernels("float64", isa).isa == isa
print(sys._is_gil_enabled())
"""
        assert output_of(code) == "False\n"

    @pytest.mark.skipif(not FREE_THREADED, reason="other CPythons have the lock anyway")
    def test_nothing_has_turned_the_lock_on(self) -> None:
        # Another package may have: tests of threads would show less.
        assert not sys._is_gil_enabled() or os.environ.get("PYTHON_GIL") == "1"

    def test_starts_no_thread(self) -> None:
        code = """
import threading, numpy
from pathlib import Path

def threads():
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return threading.active_count(), [line for line in lines if "Threads" in line]

before = threads()
import fastnn
fastnn.Network([fastnn.Dense([[1.0]])])([2.0])
assert threads() == before, (before, threads())
"""
        assert output_of(code) == ""

    def test_leaves_floating_point_alone(self) -> None:
        code = """
import sys, numpy as np

def mode():
    least = np.finfo(np.float32).smallest_subnormal
    thirds = [1 / 3, 1e16 + 1.0, np.float32(1) / np.float32(3), np.float32(2**24) + np.float32(1)]
    return [float(x).hex() for x in (*thirds, -thirds[0], least * np.float32(1), sys.float_info.min / 2)]

before = mode()
import fastnn
assert mode() == before
net = fastnn.Network([fastnn.Dense(np.ones((40, 40), np.float32), activation="softmax")])
net(np.full((5000, 40), 1e-40), threads=2)
fastnn.tanh([1e308, np.nan])
assert mode() == before
assert sys.float_info.min / 2 != 0
"""
        assert output_of(code) == ""

    def test_leaves_signals_environment_and_numpy_errors_alone(self) -> None:
        code = """
import os, signal, numpy as np
numbers = sorted(signal.valid_signals())
before = [signal.getsignal(n) for n in numbers], dict(os.environ), np.geterr()
import fastnn
fastnn.sigmoid([1000.0, -1000.0])
assert ([signal.getsignal(n) for n in numbers], dict(os.environ), np.geterr()) == before
"""
        assert output_of(code) == ""

    def test_public_names(self) -> None:
        assert set(fastnn.__all__) <= set(dir(fastnn))
        assert len(set(fastnn.__all__)) == len(fastnn.__all__)
