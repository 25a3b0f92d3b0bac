"""The measurements of threads, and of time and memory up to many rows, run and fail when they should."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmarks need the dependency group bench")

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks aren't beside the tests", allow_module_level=True)


@pytest.fixture(params=["scaling", "rows"])
def benchmark(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A script, imported as if it were run."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module(request.param)
    for name in ("reference", request.param):
        del sys.modules[name]


only = {name: pytest.mark.parametrize("benchmark", [name], indirect=True) for name in ("scaling", "rows")}


def report(path: Path, script: str, *arguments: str) -> Any:
    command = [sys.executable, str(BENCHMARKS / script), "--quick", *arguments, "--json", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == "", "progress is for terminals"
    assert arguments[1] in run.stdout
    return json.loads(path.read_text(encoding="utf-8"))


@only["scaling"]
def test_scaling_runs_and_reports(benchmark: ModuleType, tmp_path: Path) -> None:
    if benchmark.timing.available_processors() < 2:
        pytest.skip("two threads need two processors")
    found = report(tmp_path / "scaling.json", "scaling.py", "--net", "2-3-2", "--batch", "2", "4096")
    assert set(found) == {"machine", "dtype", "cells", "crossover"}
    assert [(cell["batch"], cell["work"]) for cell in found["cells"]] == [(2, 344), (4096, 704512)]
    for cell in found["cells"]:
        for state in ("awake", "asleep"):
            assert set(cell[state]["microseconds"]) == {"one", "two", "default"}
            assert all(0 < t["min"] <= t["median"] <= t["max"] for t in cell[state]["microseconds"].values())
            assert set(cell[state]["speedups"]) == {"two", "default"}
    assert set(found["crossover"]["2-3-2"]) == {"awake", "asleep"}


@only["scaling"]
def test_scaling_finds_faults_and_the_crossover(benchmark: ModuleType) -> None:
    def cell(batch: int, one: float, two: float, default: float) -> Any:
        timings = {
            name: benchmark.timing.Timing([seconds])
            for name, seconds in (("one", one), ("two", two), ("default", default))
        }
        return benchmark.Cell("2-3-2", batch, timings, timings)

    cells = [cell(1, 1.0, 0.9, 1.0), cell(2, 1.0, 1.1, 1.0), cell(4, 1e-4, 1e-4, 1e-4)]
    assert benchmark.crossover(cells, "awake") == 4 * 172
    assert benchmark.crossover(cells[:2], "asleep") is None
    assert list(cells[2].faults()) == []
    assert list(cell(1, 1e-3, 5e-4, 2e-3).faults()) == [
        "slower than one thread: 2-3-2, batch 1, awake: 0.50 times its speed",
        "slower than one thread: 2-3-2, batch 1, asleep: 0.50 times its speed",
    ]
    (line,) = cell(1, 1e-3, 6e-4, 6e-4).faults()
    assert line.startswith("scales badly: 2-3-2, batch 1: 1.67 times")


def test_rows_runs_and_reports(tmp_path: Path) -> None:
    found = report(tmp_path / "rows.json", "rows.py", "--net", "2-3-2", "--threads", "1")
    assert set(found) == {"machine", "times", "memory"}
    (times,) = found["times"]
    assert [cell["batch"] for cell in times["cells"]] == [1000, 10_000, 100_000]
    assert times["cells"][0]["ratio"] == 1
    if sys.platform == "linux":
        (memory,) = found["memory"]
        assert memory["rows"] == 1_250_000
        assert memory["direct"] <= memory["converted"] <= 2**21 + 2**17


@only["rows"]
def test_rows_finds_faults(benchmark: ModuleType) -> None:
    def times(seconds: float) -> Any:
        figures = {1000: benchmark.timing.Timing([1.0]), 10_000: benchmark.timing.Timing([seconds])}
        return benchmark.Times("2-3-2", 2, figures)

    assert list(times(10.9).faults()) == []
    assert list(times(12.0).faults()) == ["slow: 2-3-2, 2 threads, 10000 rows: 1.20 times as long"]
    assert list(benchmark.Memory("2-3-2", 2, 9, 2**21, 2**22).faults()) == []
    (line,) = benchmark.Memory("2-3-2", 1, 9, 2**21, 2**22).faults()
    assert line == "memory: 2-3-2, 1 threads, converted: 4,096 KiB each"
