"""The comparison with the reference and NumPy runs, writes what it measured, and fails when it should."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fastnn

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks aren't beside the tests", allow_module_level=True)
QUICK = ["--quick", "--net", "2-3-2", "--batch", "1"]
CONTENDERS = {"fastnn", "NumPy", "reference"}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """benchmarks/reference.py, imported as if it were run."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module("reference")
    del sys.modules["reference"]


def test_it_runs_and_reports(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    command = [sys.executable, str(BENCHMARKS / "reference.py"), *QUICK, "--json", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == "", "progress is for terminals"
    assert "2-3-2" in run.stdout

    report = json.loads(path.read_text(encoding="utf-8"))
    assert set(report) == {"machine", "dtype", "rounds", "results", "cells", "geometric_means"}
    assert {"date", "cpu", "isa", "fastnn", "python", "numpy", "threads"} <= set(report["machine"])
    compared = {(r["contender"], r["dtype"]) for r in report["results"]}
    assert compared == {(c, d) for c in ("fastnn", "NumPy") for d in ("float32", "float64")}
    assert all(r["error"] <= 1e-5 for r in report["results"])

    (cell,) = report["cells"]
    assert (cell["network"], cell["activations"], cell["batch"]) == ("2-3-2", ["relu", "softmax"], 1)
    assert cell["rows_timed"] == dict.fromkeys(CONTENDERS, 1)
    assert set(cell["rows_per_second"]) == CONTENDERS
    for rates in cell["rows_per_second"].values():
        assert 0 < rates["min"] <= rates["median"] <= rates["max"]
    assert cell["ratios"] == pytest.approx(report["geometric_means"])
    assert set(cell["ratios"]) == CONTENDERS - {"fastnn"}


@pytest.mark.parametrize("fault", [1.0001, float("nan")])
def test_a_wrong_result_fails(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: float
) -> None:
    def broken(layers: Any, x: Any) -> Any:
        call = benchmark.fastnn_call(layers, x)
        return lambda: call() * fault

    monkeypatch.setitem(benchmark.CONTENDERS, "fastnn", broken)
    assert benchmark.main(QUICK) == 1
    out = capsys.readouterr().out
    assert "wrong: fastnn, 2-3-2, batch 1, float64" in out
    assert "Speed" not in out


def test_a_slow_cell_fails_only_if_asked(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(layers: Any, x: Any) -> Any:
        return partial(many_times, benchmark.reference_call(layers, x))

    monkeypatch.setitem(benchmark.CONTENDERS, "fastnn", slow)
    assert benchmark.main(QUICK) == 0
    assert benchmark.main([*QUICK, "--check"]) == 1
    out = capsys.readouterr().out
    assert "too slow: 2-3-2, batch 1: 0." in out
    assert "expected at least 1" in out


def test_a_lost_lead_fails_on_the_same_processor(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.json"
    assert benchmark.main([*QUICK, "--json", str(kept)]) == 0
    report = json.loads(kept.read_text(encoding="utf-8"))
    monkeypatch.setattr(benchmark, "KEPT", kept)
    monkeypatch.setattr(benchmark, "LOWEST_SHARE", 0.1)
    assert benchmark.main([*QUICK, "--check"]) == 0
    report["cells"][0]["ratios"]["NumPy"] *= 100
    kept.write_text(json.dumps(report), encoding="utf-8")
    assert benchmark.main([*QUICK, "--check"]) == 1
    report["machine"]["cpu"] = "another"
    kept.write_text(json.dumps(report), encoding="utf-8")
    assert benchmark.main([*QUICK, "--check"]) == 0


def many_times(call: Any) -> Any:
    for _ in range(19):
        call()
    return call()


def test_it_leaves_the_process_as_it_was(benchmark: ModuleType) -> None:
    def state() -> tuple[object, ...]:
        where = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        return fastnn.get_num_threads(), where

    before = state()
    with benchmark.timing.processors(1) as words:
        assert words.startswith("1 thread, ")
        assert state()[0] == 1
        assert state()[1] is None or len(state()[1]) == 1
    assert state() == before


def test_turns_are_compared_with_each_other(benchmark: ModuleType) -> None:
    """A machine half as fast from the third turn on changes no ratio."""
    a = benchmark.timing.Timing([1.0, 1.0, 2.0, 2.0])
    b = benchmark.timing.Timing([3.0, 3.0, 6.0, 6.0])
    assert a.speedup(b) == 3.0
    assert a.ratios(b, 0.5) == {"median": 1.5, "min": 1.5, "max": 1.5}
    assert a.rates(12) == {"median": 8.0, "min": 6.0, "max": 12.0}


def test_overhead_is_taken_off_within_each_turn(benchmark: ModuleType) -> None:
    whole = benchmark.timing.Timing([3.0, 6.0, 2.0])
    overhead = benchmark.timing.Timing([1.0, 2.0, 2.5])
    assert whole.without(overhead).seconds == [2.0, 4.0, 0.02]
    assert whole.lost_in(overhead)
    assert not whole.lost_in(benchmark.timing.Timing([1.0, 2.0, 1.7]))
